"""Errors for data that would need too much memory, raised before anything is read or generated. Sizes are in bytes."""

from __future__ import annotations

from pathlib import Path

from bnexp.errors import SettingError


def refuse_above_limit(key: str, seen: str, needed: int, limit: int | None, cure: str) -> None:
    """Raise SettingError if the `needed` bytes are more than the `limit`.

    In the message, `seen` names what needs the memory, and `cure` how to need less.
    """
    if limit is not None and needed > limit:
        raise SettingError(
            key,
            f"{seen} takes about {mebibytes(needed)} of memory, and training.memory_limit is {mebibytes(limit)}. "
            f"{cure}, or give a higher limit.",
        )


def refuse_too_large(path: Path, size: int, needed: int, limit: int | None, cure: str = "Use a smaller file") -> None:
    """Raise SettingError if reading a file or folder of this size would need more memory than the limit."""
    seen = f"is {str(path)!r}, {mebibytes(size)} in size; reading it"
    refuse_above_limit("dataset.path", seen, needed, limit, cure)


def mebibytes(size: int) -> str:
    """Return a size in bytes as text, in MiB.

    >>> mebibytes(3 * 2**29)
    '1,536.0 MiB'
    """
    return f"{size / 2**20:,.1f} MiB"
