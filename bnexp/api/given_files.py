"""The files of arrays and models that are given in Python. A call that is refused leaves none behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from bnexp import store

_NEW: ContextVar[list[Path]] = ContextVar("_NEW")
"""The folders and files that this call has made and that no run of it uses yet."""


@contextmanager
def unused_files_removed() -> Iterator[None]:
    """Remove the files and folders that are made inside, if an error is raised inside.

    They stay if a training that uses them has begun. A training that another process has begun meanwhile with a file of
    the same content is not seen.
    """
    new: list[Path] = []
    token = _NEW.set(new)
    try:
        yield
    except BaseException:
        for path in reversed(new):
            with suppress(OSError):  # a folder that another call has written into stays
                path.unlink() if path.is_file() else path.rmdir()
        raise
    finally:
        _NEW.reset(token)


def path_of(folder: Path, digest: str, ending: str) -> Path:
    """Return the path of a file whose name is a digest of its content."""
    return folder / f"{digest[:32]}{ending}"


def kept(folder: Path, digest: str, ending: str, write: Callable[[IO[bytes]], object]) -> str:
    """Write a file, unless it exists; return its path.

    Raises:
        StorageError: if its folder cannot be written to.
    """
    path = path_of(folder, digest, ending)
    if not path.exists():
        store.refuse_unwritable(folder)
        folders = [one for one in (folder.parent, folder) if not one.exists()]
        store.make_place(folder)
        store.write_with(path, write)
        _NEW.get([]).extend([*folders, path])
    return str(path)


def are_used() -> None:
    """Note that a training begins, which uses the files."""
    _NEW.get([]).clear()
