"""Run directories: created by one exclusive `mkdir` and held by a lock. `latest` points at the newest complete one."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bnexp.errors import RunError, StorageError
from bnexp.store.names import slug
from bnexp.store.reading import read_json
from bnexp.store.writing import make_place, storage_errors, write
from bnexp.system.run_folders import LOCK
from bnexp.system.temporary_files import clear_leftovers

LATEST = "latest"
PATIENCE = 1.0
"""Seconds to wait for the lock of a directory: listing the runs takes a shared lock for a moment."""


@contextmanager
def new_directory(runs: Path, name: str) -> Iterator[Path]:
    """Create and lock `runs/<slug>-<UTC time>`, and yield its path. At the end, point `latest` at it if it is complete.

    Raises:
        StorageError: if the runs directory cannot be written, or is full.
    """
    directory = _make_directory(runs, name)
    with _held(directory):
        yield directory
        if not _is_interrupted(directory):
            point_latest(runs, directory)
        _remove_lock(directory)


@contextmanager
def own_directory(directory: Path) -> Iterator[Path]:
    """Lock a directory, created if it is missing, and yield its path.

    Incomplete files of killed writers are removed. At the end, `latest` points at the directory if it is complete.

    Raises:
        RunError: if another process holds its lock.
        StorageError: if it cannot be written.
    """
    make_place(directory)
    with _held(directory):
        clear_leftovers(directory)
        yield directory
        if not _is_interrupted(directory):
            point_latest(directory.parent, directory)


def _is_interrupted(directory: Path) -> bool:
    """Return True for a run that the user stopped. Its writer ends without an error, but its record says so."""
    with suppress(RunError):  # run.json is missing, as in a study, or damaged
        return read_json(directory / "run.json").get("status") == "interrupted"
    return False


@contextmanager
def resumed_directory(directory: Path) -> Iterator[Path]:
    """Lock the directory of an interrupted writer, and yield its path.

    Incomplete files of killed writers are removed. At the end, `latest` points at the directory if it is complete, and
    the lock file is removed.

    Raises:
        RunError: if another process holds its lock.
        StorageError: if it cannot be written.
    """
    with own_directory(directory):
        try:
            yield directory
        finally:
            _remove_lock(directory)


def _remove_lock(directory: Path) -> None:
    """Remove the lock file while this process holds the lock. If the system cannot remove open files, it stays.

    A process that waits for the lock notices that the file is gone, and locks a new file (`filelock` does this). If the
    lock were released first, a second process could lock the removed file, and a third process would not notice it.
    """
    with suppress(OSError):
        (directory / LOCK).unlink()


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Hold a directory's lock."""
    lock = FileLock(directory / LOCK)
    with storage_errors(directory / LOCK):
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise RunError(f"{directory}: another process is at work in it. Wait for it, or stop it.") from None
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return True if another process holds the lock of this file. Anything but a regular file is no lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and not _can_share(path, descriptor)
    finally:
        os.close(descriptor)


def _can_share(path: Path, descriptor: int) -> bool:
    """Return True if no other process holds the lock. The check takes a shared lock for a moment and writes nothing."""
    if sys.platform == "win32":
        try:
            with FileLock(path).acquire(timeout=0):
                return True
        except Timeout:
            return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True


def _make_directory(runs: Path, name: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    with storage_errors(runs):
        runs.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{number}" for number in range(2, 10_000))):
            directory = runs / f"{slug(name)}-{stamp}{suffix}"
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            return directory
    raise StorageError(f"{runs}: ten thousand runs of {name!r} were begun in this second. Try again.")


def point_latest(runs: Path, directory: Path) -> None:
    """Point `latest` at this directory, by a relative symbolic link, or by a text file if links are not possible.

    An existing `latest` is replaced, unless it is a directory. If it cannot be written, it stays as it is, and no error
    is raised.
    """
    temporary = runs / f".{LATEST}.{secrets.token_hex(4)}.tmp"
    latest = runs / LATEST
    try:
        temporary.symlink_to(directory.name, target_is_directory=True)
        os.replace(temporary, latest)
    except OSError:
        with suppress(OSError, StorageError):
            temporary.unlink(missing_ok=True)
            if not latest.is_dir() or latest.is_symlink():
                write(latest, directory.name + "\n")
