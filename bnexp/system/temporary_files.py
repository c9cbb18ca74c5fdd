"""Temporary files beside the ones that they are to replace: locked while they are written, and cleared away if left."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def temporary_beside(path: Path) -> Iterator[IO[bytes]]:
    """Make a hidden file beside another, and remove it in the end if it is still there.

    As long as it is open its lock is held, so that `clear_leftovers` of another process leaves it alone.
    """
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with open(temporary, "xb") as file:
                lock(file.fileno(), wait=True)
                if not temporary.exists():  # cleared away before it was locked
                    continue
                yield file
                return
        finally:
            temporary.unlink(missing_ok=True)


def put_in_place(file: IO[bytes], path: Path) -> None:
    """Bring a temporary file to the disk, then into its place."""
    file.flush()
    os.fsync(file.fileno())
    if os.name == "nt":  # which renames no file that is open
        file.close()
    os.replace(file.name, path)
    _sync_directory(path.parent)


def clear_leftovers(directory: Path) -> None:
    """Remove the temporary files of writers that were killed; one that is being written stays.

    What cannot be removed, or may be in use, is in nobody's way.
    """
    flags = os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    for leftover in directory.rglob(".*.tmp"):
        with suppress(OSError):
            descriptor = os.open(leftover, flags)
            try:
                is_left = lock(descriptor, wait=False)
                if os.name == "posix" and is_left:
                    leftover.unlink()
            finally:
                os.close(descriptor)
            if os.name == "nt":  # which removes no file that is open
                leftover.unlink()


def lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock an open file until it is closed; return False if another holds it, None where there are no such locks."""
    if os.name != "posix":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # of a file system without locks
        return None
    return True


def _sync_directory(directory: Path) -> None:
    """Bring a renaming to the disk, where the system lets a directory be opened."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
