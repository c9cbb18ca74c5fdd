"""Temporary files next to the files that they will replace. They are locked while written; leftovers are removed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def temporary_beside(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new hidden file in the folder of `path`, and remove it at the end if it still exists.

    The file is locked while it is open, so that `clear_leftovers` of another process does not remove it.
    """
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with open(temporary, "xb") as file:
                lock(file.fileno(), wait=True)
                if not temporary.exists():  # another process removed it before it was locked
                    continue
                yield file
                return
        finally:
            temporary.unlink(missing_ok=True)


def put_in_place(file: IO[bytes], path: Path) -> None:
    """Write a temporary file to the disk, then move it to its final path."""
    file.flush()
    os.fsync(file.fileno())
    if os.name == "nt":  # Windows cannot rename an open file
        file.close()
    os.replace(file.name, path)
    _sync_directory(path.parent)


def clear_leftovers(directory: Path) -> None:
    """Remove the temporary files of writers that were killed. A file that is still being written stays.

    A file that cannot be removed, or that may be in use, is left without an error, because it does no harm.
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
            if os.name == "nt":  # Windows cannot remove an open file
                leftover.unlink()


def lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock an open file until it is closed; return False if another process holds the lock, None without locks."""
    if os.name != "posix":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return None
    return True


def _sync_directory(directory: Path) -> None:
    """Write a rename to the disk, if the system can open directories."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
