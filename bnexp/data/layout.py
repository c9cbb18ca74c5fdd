"""Whether the folders of a folder are classes: those of a split, or with the classes inside, are none."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.alike import warnings_of
from bnexp.data.parts import is_part, is_training, parts_first
from bnexp.errors import SettingError

MOST_NAMED = 10


def refuse_parts(folder: Path, paths: Sequence[Path], what: str) -> None:
    """Raise SettingError if folders that hold these files are parts of a split instead of classes.

    They are if two or more are called so, or one is, and holds folders as classes do.
    """
    inner = _inner_folders(folder, paths)
    parts = parts_first(name for name in inner if is_part(name))
    nested = [name for name in parts if len(inner[name]) > 1]
    if len(parts) < 2 and not nested:
        return
    classes = sorted({name for part in nested for name in inner[part]})
    if classes:
        whole = next((part for part in nested if is_training(part)), nested[0])
        seen = f"{_listed(nested)} {'hold' if len(nested) > 1 else 'holds'} the folders {_listed(classes)}"
        cure = (
            f"Use dataset.path: {folder / whole}, which bnexp splits itself; or copy the {what} of all parts into one "
            "folder for each class"
        )
    else:
        seen, cure = f"the {what} lie in them without folders of classes", "Sort them into a folder for each class"
    raise SettingError(
        "dataset.path",
        f"is {str(folder)!r}; its folders {_listed(parts)} are named like parts of a split, and {seen}. "
        f"Expected a folder for each class. {cure}. If {_listed(parts)} are classes, rename their folders.",
    )


def only_folder_cure(folder: Path, paths: Sequence[Path]) -> str:
    """Return what helps where one folder alone holds files: its own folders may be the classes."""
    ((name, classes),) = _inner_folders(folder, paths).items()
    return f" Its folders {_listed(sorted(classes))} look like classes: use dataset.path: {folder / name}." * (
        len(classes) > 1
    )


def warnings_of_layout(folder: Path, paths: Sequence[Path], *, grouped: bool = False) -> Iterator[str]:
    """Yield what may be meant otherwise: classes alike in name, or with the same folders in each.

    Where files are `grouped` by the names of such folders, they are what they should be.
    """
    yield from warnings_of(
        f"dataset.path {str(folder)!r}", Counter(path.relative_to(folder).parts[0] for path in paths)
    )
    inner = _inner_folders(folder, paths)
    every = set.intersection(*inner.values())
    if any(map(is_part, every)):
        yield (
            f"Each class of {str(folder)!r} holds the folders {_listed(parts_first(filter(is_part, every)))}, as for "
            "a split. Their files are put together, and bnexp splits them anew. Move out of the folder what is not to "
            "take part."
        )
    elif len(every) > 1 and not grouped:
        yield (
            f"Each class of {str(folder)!r} holds the folders {_listed(sorted(every))}; the classes are the outer "
            f"folders {_listed(sorted(inner))}. If the inner ones are the classes, make them the outer ones."
        )


def warnings_of_several_classes(x_N: NDArray[Any], paths: Sequence[Path], folder: Path) -> Iterator[str]:
    """Yield a warning if rows of one content lie in several classes: no net can tell them apart."""
    first: dict[bytes, Path] = {}
    found = []
    for x, path in zip(x_N, paths, strict=True):
        other = first.setdefault(
            hashlib.blake2b(np.ascontiguousarray(x).view("uint8").data, digest_size=16).digest(), path
        )
        if other.relative_to(folder).parts[0] != path.relative_to(folder).parts[0]:
            found.append((path, other))
    if found:
        path, other = found[0]
        yield (
            f"{len(found)} of {len(paths)} files hold the same as one of another class, such as {path} and {other}. "
            "No network can tell them apart. Take one of each pair out of the folder."
        )


def _inner_folders(folder: Path, paths: Sequence[Path]) -> dict[str, set[str]]:
    """Return for each folder that holds one of these files the names of its own folders that do."""
    inner: dict[str, set[str]] = {}
    for path in paths:
        name, *rest = path.relative_to(folder).parts
        inner.setdefault(name, set()).update(rest[:1] if len(rest) > 1 else ())
    return inner


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(map(repr, names[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
