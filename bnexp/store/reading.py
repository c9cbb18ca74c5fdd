"""Reading of stored files: only regular files, only of a size that bnexp could have written, and without blocking.

Anything may be in the place of a file. For example, reading a pipe without a writer would block for ever.
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
"""File name or extension -> the largest size in MiB. A history of 1,000 seeds x 8,000 epochs x 6 metrics has 1,300 MiB.
"""
LARGEST_OTHER = 64
CURES = {
    "comparison.json": "compare again",
    "histories.json": "compare again",
    "study.json": "run the study again: no trial is trained twice",
}
"""File -> what the user can do to write it again. All other files are written again by training."""
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
    """Return all bytes of a file.

    Raises:
        RunError: if it is missing, unreadable, too large, or no regular file.
    """
    try:
        _refuse_irregular(path, os.stat(path))  # before the file is opened: opening a device can have effects
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            _refuse_irregular(path, found)
            return file.read(found.st_size + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def refuse_irregular(path: Path) -> Path:
    """Return the path of a file, after a check, for a caller that reads the file itself. The file may be missing.

    Raises:
        RunError: if the file is no regular file or too large, or if the system does not allow its name.
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
    """Raise RunError if a file is missing, irregular, too large, or a broken symbolic link. The file is not opened."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    _refuse_irregular(path, found)


def regular(path: Path) -> Path:
    """Return the path of a file of any size, such as a saved model, after a check, for a caller that reads it itself.

    Raises:
        RunError: if the file is missing, or is no regular file.
    """
    try:
        _refuse_other_kind(path, os.stat(path))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return path


def _unreadable(path: Path, error: OSError | ValueError) -> RunError:
    """Return the error for a file that the system does not open."""
    if isinstance(error, FileNotFoundError):
        seen = "is a broken symbolic link" if path.is_symlink() else "is missing"
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
    """Return the text of a file in UTF-8.

    Raises:
        RunError: as `content` does, and if the file is not UTF-8.
    """
    try:
        return content(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: cannot be read ({error}). {cure(path)}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file. NaN and infinity are not allowed.

    Raises:
        RunError: if the file is missing or cannot be read, or if it has no JSON object.
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
