"""Stored files read: regular ones only, of a size that bnexp could have written, and without waiting.

Anything may stand in the place of a file. Reading a pipe that nobody writes to would wait for ever.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from bnexp.errors import RunError

MEBIBYTE = 2**20
LARGEST = {
    ".npz": 1024,
    "checkpoint.npz": 2**20,
    "history.json": 4096,
    "histories.json": 8192,
    "study.json": 256,
    "config.yaml": 4,
    "latest": 1,
}
"""File, or ending -> the most MiB that it may have. A history of 1,000 seeds x 8,000 epochs x 6 metrics has 1,300."""
LARGEST_OTHER = 64
CURES = {
    "comparison.json": "compare again",
    "histories.json": "compare again",
    "study.json": "run the study again: no trial is trained twice",
}
"""File -> what makes it anew; any other is made by training."""
KINDS: dict[str, Callable[[int], bool]] = {
    "a directory": stat.S_ISDIR,
    "a pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
}


def cure(path: Path) -> str:
    """Return what to do about a file that cannot be used."""
    return f"Restore the file, or {CURES.get(path.name, 'train again')}."


def content(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        RunError: if it is missing, unreadable, too large, or no regular file.
    """
    try:
        _refuse_irregular(path, os.stat(path))  # before it is opened, which a device could notice
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            _refuse_irregular(path, found)
            return file.read(found.st_size + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def refuse_irregular(path: Path) -> Path:
    """Return the path of a file that others will read.

    Raises:
        RunError: if it is there, and is no regular file or too large, or if the system has no such names.
    """
    try:
        found = os.stat(path)
    except OSError:  # reading it will report why
        return path
    except ValueError as error:
        raise _unreadable(path, error) from error
    _refuse_irregular(path, found)
    return path


def refuse_lost(path: Path) -> None:
    """Raise RunError if a file is missing, irregular, too large, or a link to nothing; it is not opened."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    _refuse_irregular(path, found)


def regular(path: Path) -> Path:
    """Return the path of a file of any size that others will read, as a saved model.

    Raises:
        RunError: if it is missing, or no regular file.
    """
    try:
        _refuse_other_kind(path, os.stat(path))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return path


def _unreadable(path: Path, error: OSError | ValueError) -> RunError:
    """Return the refusal of a file that the system does not open."""
    if isinstance(error, FileNotFoundError):
        seen = "is a link to nothing" if path.is_symlink() else "is missing"
    else:
        seen = f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"
    return RunError(f"{path}: {seen}. {cure(path)}")


def _refuse_other_kind(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((kind for kind, has in KINDS.items() if has(found.st_mode)), "no regular file")
        raise RunError(f"{path}: is {kind}; expected a regular file. Move it away. {cure(path)}")


def _refuse_irregular(path: Path, found: os.stat_result) -> None:
    _refuse_other_kind(path, found)
    most = LARGEST.get(path.name, LARGEST.get(path.suffix, LARGEST_OTHER)) * MEBIBYTE
    if found.st_size > most:
        raise RunError(
            f"{path}: has {found.st_size / MEBIBYTE:,.0f} MiB; expected {most / MEBIBYTE:,.0f} or less. {cure(path)}"
        )


def text(path: Path) -> str:
    """Read a file as text.

    Raises:
        RunError: as `content` does, and if it is no text.
    """
    try:
        return content(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: cannot be read ({error}). {cure(path)}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; NaN and infinity are no JSON.

    Raises:
        RunError: if the file is missing, or is anything else.
    """
    try:
        document = json.loads(text(path), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON ({error}). {cure(path)}") from error
    if not isinstance(document, dict):
        raise RunError(f"{path}: holds {type(document).__name__}; expected an object. {cure(path)}")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
