"""Paths of your own files and folders: checks that they exist, and errors that name the key of each part."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bnexp.errors import SettingError, nearest

MOST_OFFERED = 10
"""Most names of existing files that an error suggests for a missing one."""


def existing_path(path: str, *, folder: bool = False, endings: Sequence[str] = ()) -> Path:
    """Return the path of an existing file, or of an existing folder if `folder` is True.

    The endings are not checked. They only select the files that the error suggests.

    Raises:
        SettingError: if it does not exist. The error suggests existing files or folders, the nearest name first.
    """
    expected = "a folder" if folder else "a file"
    if "://" in path:
        raise SettingError("dataset.path", f"is {_cut(path)!r}, a web address. Expected {expected}: download it first.")
    try:
        found = Path(path).expanduser()
        if found.is_dir() if folder else found.is_file():
            return found
        if found.exists():
            seen = "is a folder" if found.is_dir() else f"is no {'folder' if folder else 'regular file'}"
        else:
            seen = f"is not there (in {Path.cwd()})"
        place = found if found.is_dir() else found.parent
        if not place.exists():
            seen += f"; there is no folder {str(place)!r}"
        written = Path(path) if found.is_dir() else Path(path).parent
        beside = [str(written / name) for name in _of_kind(place, folder=folder, endings=endings)]
    except (OSError, RuntimeError, ValueError) as error:  # no such user, no permission, a name too long, a NUL
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise SettingError("dataset.path", f"is {_cut(path)!r}; {reason}. Expected {expected}.") from error
    beside.sort(key=lambda name: -difflib.SequenceMatcher(None, path.lower(), name.lower()).ratio())
    near = f" {nearest(path, beside[:MOST_OFFERED])}" if beside else ""
    raise SettingError(
        "dataset.path", f"is {_cut(path)!r}; it {seen}. Expected {expected}, from the current directory.{near}"
    )


def _of_kind(place: Path, *, folder: bool, endings: Sequence[str]) -> list[str]:
    """List the names of the folders, or of the files with these endings, in a folder, without hidden ones."""
    if not place.is_dir():
        return []
    inner = [entry for entry in sorted(place.iterdir()) if not entry.name.startswith(".")]
    if folder:
        return [entry.name for entry in inner if entry.is_dir()]
    return [entry.name for entry in inner if entry.name.lower().endswith(tuple(endings)) and entry.is_file()]


def _cut(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:200]}..."


@contextmanager
def named_by(key: str) -> Iterator[None]:
    """Make a SettingError name the key of this part's file, or of its arrays (`x_test`, `y_test`)."""
    renamed = {"dataset.path": f"dataset.{key}"}
    if key.startswith("x_"):
        renamed = {f"dataset.{side}": f"dataset.{side}{key.removeprefix('x')}" for side in "xy"}
    try:
        yield
    except SettingError as error:
        first, *more = [(renamed.get(seen, seen), text) for seen, text in error.problems]
        raise SettingError(*first, *more) from error
