"""The file beside a trial's that holds what each of its held-out rows measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bnexp import store
from bnexp.errors import RunError
from bnexp.held_out import HeldOut, from_npz
from bnexp.study.result import Result


def rows_path(path: Path) -> Path:
    """Return the file with what each held-out row measured in the trial kept in another."""
    return path.with_suffix(".npz")


def keep_rows(path: Path, result: Result) -> Result:
    """Write the rows of a trial whose file is still to be written; return the result that names them."""
    if result.held_out is None:
        return result
    content = result.held_out.to_npz()
    store.write(rows_path(path), content)
    return result.model_copy(update={"held_out": None, "rows_sha256": hashlib.sha256(content).hexdigest()})


def kept_rows(path: Path, result: Result) -> HeldOut | None:
    """Read what each held-out row measured in the trial of this file; None if it is not kept.

    Raises:
        RunError: if it is missing or damaged, though it was kept.
    """
    return None if result.rows_sha256 is None else from_npz(_content(path, result), str(rows_path(path)))


def holds_rows(path: Path, result: Result) -> bool:
    """Return True if what each held-out row measured is there and whole, or was never kept."""
    try:
        return result.rows_sha256 is None or bool(_content(path, result))
    except RunError:
        return False


def _content(path: Path, result: Result) -> bytes:
    content = store.content(rows_path(path))
    if hashlib.sha256(content).hexdigest() != result.rows_sha256:
        raise RunError(f"{rows_path(path)}: is not the file that was kept with {path.name}. Run the study again.")
    return content
