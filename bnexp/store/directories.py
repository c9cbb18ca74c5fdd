"""Run directories made and held: by one exclusive `mkdir`, under a lock; `latest` points at the newest complete one."""

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
from bnexp.system.temporary_files import clear_leftovers

LOCK = ".lock"
LATEST = "latest"


@contextmanager
def new_directory(runs: Path, name: str) -> Iterator[Path]:
    """Create and lock `runs/<slug>-<UTC time>`; point `latest` at it, if it is complete at the end.

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
    """Lock a directory, which is made if it is not there; point `latest` at it, if it is complete at the end.

    Half-written files of killed writers are removed.

    Raises:
        RunError: if another process holds it.
        StorageError: if it cannot be written.
    """
    make_place(directory)
    with _held(directory):
        clear_leftovers(directory)
        yield directory
        if not _is_interrupted(directory):
            point_latest(directory.parent, directory)


def _is_interrupted(directory: Path) -> bool:
    """Return True for a run that the user stopped: its writer ends well, and its record says so."""
    with suppress(RunError):  # of a study, or a damaged one
        return read_json(directory / "run.json").get("status") == "interrupted"
    return False


@contextmanager
def resumed_directory(directory: Path) -> Iterator[Path]:
    """Lock a directory that an interrupted writer left; point `latest` at it, if it is complete at the end.

    Half-written files of killed writers are removed.

    Raises:
        RunError: if another process holds it.
        StorageError: if it cannot be written.
    """
    with own_directory(directory):
        try:
            yield directory
        finally:
            _remove_lock(directory)


def _remove_lock(directory: Path) -> None:
    """Remove the file of a lock that is held; where an open file cannot be removed, it stays.

    A process that waited for it notices that the file is gone, and locks a new one (`filelock`). If the lock were
    released first, another process could hold the removed file, and a third one would not see that.
    """
    with suppress(OSError):
        (directory / LOCK).unlink()


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Hold a directory's lock."""
    lock = FileLock(directory / LOCK)
    with storage_errors(directory / LOCK):
        try:
            lock.acquire(timeout=1)  # a list of runs shares it for a moment
        except Timeout:
            raise RunError(f"{directory}: another process is at work in it. Wait for it, or stop it.") from None
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return True if another process holds the lock of this file; only a regular file is one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and not _can_share(path, descriptor)
    finally:
        os.close(descriptor)


def _can_share(path: Path, descriptor: int) -> bool:
    """Return True if no other process holds the lock. Asking shares it, and writes nothing."""
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
    except OSError:  # of a file system without locks
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
    """Point `latest` at this directory: a relative link, or a text file where links are not to be had.

    What stands there is replaced, but for a directory. If it cannot be written, it stays as it is, and nothing fails.
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
