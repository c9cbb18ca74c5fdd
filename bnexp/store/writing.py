"""Writing of files, completely or not at all, and a check before any work that files can be written."""

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
from bnexp.system.spelling import DIR, spelt
from bnexp.system.temporary_files import put_in_place, temporary_beside

SPARE_BYTES = 16 * 2**20
"""The fewest free bytes with which a run directory is created."""


def refuse_unwritable(runs: Path) -> None:
    """Raise StorageError, before any work, if a run could not be stored in `runs`."""
    place = _nearest_place(runs)
    if not place.is_dir():
        raise StorageError(f"{place} is a file; expected a directory for runs. Move it, or use {spelt('runs', DIR)}.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise refusal(f"{place} is not writable; expected a place to keep runs.", f"Use {spelt('runs', DIR)}.")
    free = shutil.disk_usage(place).free
    if free < SPARE_BYTES:
        raise refusal(
            f"{place} has {free / 2**20:.1f} MiB free; a run needs about {SPARE_BYTES / 2**20:.0f} MiB.",
            f"Free some space, or use {spelt('runs', DIR)}.",
        )


def refusal(seen: str, cure: str) -> StorageError:
    """Return the error of a place that cannot be written. A caller may know a better cure for what was seen."""
    error = StorageError(f"{seen} {cure}")
    error.seen = seen
    return error


def _nearest_place(runs: Path) -> Path:
    """Return the path, or the nearest parent that exists.

    Raises:
        StorageError: if a path on the way is a broken symbolic link, or if the system refuses it.
    """
    for place in (runs, *runs.absolute().parents):
        try:
            os.stat(place)
        except (FileNotFoundError, NotADirectoryError):
            if place.is_symlink():
                seen = f"{place} is a broken symbolic link; expected a directory for runs"
                raise StorageError(f"{seen}. Create its target, or use {spelt('runs', DIR)}.") from None
        except OSError as error:
            seen = f"{place} cannot be used ({error.strerror}); expected a place to keep runs"
            raise StorageError(f"{seen}. Use {spelt('runs', DIR)}.") from error
        else:
            return place
    raise AssertionError("the root is always there")


def make_place(directory: Path, *, option: str = "runs") -> None:
    """Create a directory with its parents, if it does not exist; `option` is the option that names another place.

    Raises:
        StorageError: if it cannot be created.
    """
    if directory.exists() and not directory.is_dir():
        raise StorageError(f"{directory} is a file; expected a directory. Move it, or use {spelt(option, DIR)}.")
    with storage_errors(directory, option=option):
        directory.mkdir(parents=True, exist_ok=True)


def write(path: Path, content: str | bytes, *, option: str = "runs") -> None:
    """Write a file completely or not at all: a temporary file is written to the disk, then moved into its place.

    `option` is the option that names another place for the file.

    Raises:
        StorageError: if the file cannot be written. An existing file then stays unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    with storage_errors(path, option=option), temporary_beside(path) as file:
        file.write(data)
        put_in_place(file, path)


def copy(source: Path, path: Path) -> None:
    """Copy a file completely or not at all, as `write` does.

    Raises:
        RunError: if there is no regular file to copy.
        StorageError: if the copy cannot be written.
    """
    with open(regular(source), "rb") as content, storage_errors(path), temporary_beside(path) as file:
        shutil.copyfileobj(content, file)
        put_in_place(file, path)


def write_with(path: Path, writer: Callable[[IO[bytes]], object]) -> None:
    """Write a file completely or not at all, as `write` does, with a function that writes it part by part.

    Raises:
        StorageError: if the file cannot be written. An existing file then stays unchanged.
    """
    with storage_errors(path), temporary_beside(path) as file:
        writer(file)
        put_in_place(file, path)


def write_json(path: Path, document: Any) -> None:
    """Write a document as strict JSON. NaN and infinity raise ValueError."""
    write(path, json_text(document))


def json_text(document: Any) -> str:
    """Return a document as strict JSON, as `write_json` writes it."""
    return json.dumps(document, allow_nan=False, indent=1) + "\n"


@contextmanager
def storage_errors(path: Path, *, option: str = "runs") -> Iterator[None]:
    """Raise StorageError, with a message of one line, if the system refuses to write."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            cure = f"The disk is full: free some space, or use {spelt(option, DIR)}."
        else:
            cure = f"Expected a writable directory: use {spelt(option, DIR)}."
        raise refusal(f"{path}: cannot be written ({error.strerror or error}).", cure) from error
