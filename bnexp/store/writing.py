"""Files written whole or not at all, and places to write them refused before any work."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bnexp.errors import StorageError
from bnexp.store.reading import regular
from bnexp.system.spelling import spelt
from bnexp.system.temporary_files import put_in_place, temporary_beside

SPARE_BYTES = 16 * 2**20
"""Free space that a run directory is not begun without."""


def refuse_unwritable(runs: Path) -> None:
    """Raise StorageError, before any work, if a run could not be kept here."""
    place = _nearest_place(runs)
    if not place.is_dir():
        raise StorageError(f"{place} is a file; expected a directory for runs. Move it, or use {spelt('runs', 'DIR')}.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise StorageError(f"{place} is not writable; expected a place to keep runs. Use {spelt('runs', 'DIR')}.")
    free = shutil.disk_usage(place).free
    if free < SPARE_BYTES:
        raise StorageError(
            f"{place} has {free / 2**20:.1f} MiB free; a run needs about {SPARE_BYTES / 2**20:.0f} MiB. "
            f"Free some space, or use {spelt('runs', 'DIR')}."
        )


def _nearest_place(runs: Path) -> Path:
    """Return the path, or the nearest one above it that is there.

    Raises:
        StorageError: if one on the way is a link to nothing, or the system refuses it.
    """
    for place in (runs, *runs.absolute().parents):
        try:
            os.stat(place)
        except (FileNotFoundError, NotADirectoryError):
            if place.is_symlink():
                seen = f"{place} is a link to nothing; expected a directory for runs"
                raise StorageError(f"{seen}. Make what it leads to, or use {spelt('runs', 'DIR')}.") from None
        except OSError as error:
            seen = f"{place} cannot be used ({error.strerror}); expected a place to keep runs"
            raise StorageError(f"{seen}. Use {spelt('runs', 'DIR')}.") from error
        else:
            return place
    raise AssertionError("the root is always there")


def make_place(directory: Path, *, option: str = "runs") -> None:
    """Make a directory, with its parents, if it is not there; `option` is the one that names another place.

    Raises:
        StorageError: if it cannot be made.
    """
    if directory.exists() and not directory.is_dir():
        raise StorageError(f"{directory} is a file; expected a directory. Move it, or use {spelt(option, 'DIR')}.")
    with storage_errors(directory, option=option):
        directory.mkdir(parents=True, exist_ok=True)


def write(path: Path, content: str | bytes, *, option: str = "runs") -> None:
    """Write a file whole: to a temporary one beside it, to the disk, then in its place.

    `option` is the one that names another place for it.

    Raises:
        StorageError: if it cannot be written; what stood there before stands still.
    """
    data = content.encode() if isinstance(content, str) else content
    with storage_errors(path, option=option), temporary_beside(path) as file:
        file.write(data)
        put_in_place(file, path)


def copy(source: Path, path: Path) -> None:
    """Copy a file whole, as `write` writes one.

    Raises:
        RunError: if there is no regular file to copy.
        StorageError: if the copy cannot be written.
    """
    with open(regular(source), "rb") as content, storage_errors(path), temporary_beside(path) as file:
        shutil.copyfileobj(content, file)
        put_in_place(file, path)


def write_with(path: Path, writer: Callable[[IO[bytes]], None]) -> None:
    """Write a file whole, as `write` does, by a function that writes it part by part.

    Raises:
        StorageError: if it cannot be written; what stood there before stands still.
    """
    with storage_errors(path), temporary_beside(path) as file:
        writer(file)
        put_in_place(file, path)


def write_json(path: Path, document: Any) -> None:
    """Write strict JSON: NaN and infinity are refused."""
    write(path, json_text(document))


def json_text(document: Any) -> str:
    """Return strict JSON, as `write_json` writes it."""
    return json.dumps(document, allow_nan=False, indent=1) + "\n"


@contextmanager
def storage_errors(path: Path, *, option: str = "runs") -> Iterator[None]:
    """Turn the system's refusal to write into one line for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            cure = f"The disk is full: free some space, or use {spelt(option, 'DIR')}."
        else:
            cure = f"Expected a writable directory: use {spelt(option, 'DIR')}."
        raise StorageError(f"{path}: cannot be written ({error.strerror or error}). {cure}") from error
