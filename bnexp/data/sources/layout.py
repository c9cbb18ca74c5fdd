"""Checks that the subfolders of a folder are classes, and not parts of a split or folders that hold the classes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from bnexp.config.yaml_text import in_a_sentence
from bnexp.data.sources.alike import warnings_of
from bnexp.data.sources.parts import KEYS, is_part, parts_first, which_part
from bnexp.data.stored_rows import Inputs
from bnexp.errors import SettingError, listed
from bnexp.system.run_folders import is_of_runs

MOST_NAMED = 10
"""Most folders that a message names, so that the message fits in a few lines of a terminal."""


def refuse_no_classes(folder: Path, paths: Sequence[Path], what: str, *, grouped: bool = False) -> None:
    """Raise SettingError if the subfolders that hold these files are probably not the classes.

    They are not the classes if two or more are named like parts of a split, or if one is and holds several folders. It
    is unclear if several subfolders hold folders of the same names, unless files are `grouped` by these names.
    """
    inner = _inner_folders(folder, paths)
    if parts := _parts(folder, paths, inner):
        _refuse_parts(folder, paths, what, parts)
    counts = Counter(name for names in inner.values() for name in names if not is_part(name))
    again = sorted(name for name, count in counts.items() if count > 1)
    if len(again) > 1 and not grouped:
        outer = [name for name, names in sorted(inner.items()) if names & set(again)]
        raise SettingError(
            "dataset.path",
            f"is {str(folder)!r}; its folders {quoted(outer)} hold the folders {quoted(again)}, and either may be "
            f"the classes. Expected a folder for each class, with its {what} in it. If {quoted(again)} are the "
            f"classes, use {_advised('path', folder / outer[0])} (for its {what} alone), or copy the {what} of all, "
            f"under names of their own, into one folder for each. If {quoted(outer)} are, move the {what} up into "
            "them.",
        )


def split_folders(folder: Path) -> dict[str, Path] | None:
    """Return the folder of each part if all subfolders are parts of a split, with a training part; else None.

    Each part must hold folders, which are its classes. Folders with bnexp's runs do not count.
    """
    inner = _folders(folder)
    found = {which_part(one.name): one for one in sorted(inner)}
    is_split = len(found) == len(inner) > 1 and None not in found and "training" in found
    if not is_split or not all(any(one.is_dir() for one in place.iterdir()) for place in inner):
        return None
    return {part: place for part, place in found.items() if part is not None}


def _folders(folder: Path) -> list[Path]:
    inner = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".") and not is_of_runs(one)]
    return sorted(inner)


def _parts(folder: Path, paths: Sequence[Path], inner: Mapping[str, set[str]]) -> list[str]:
    """List the folders that are parts of a split, the training part first; [] if they may be classes."""
    parts = parts_first(name for name in inner if is_part(name))
    nested = any(len(_classes_in(folder / name, paths)[1]) > 1 for name in parts)
    return parts if len(parts) > 1 or nested else []


def _refuse_parts(folder: Path, paths: Sequence[Path], what: str, parts: Sequence[str]) -> NoReturn:
    found = [_classes_in(folder / name, paths) for name in parts]
    classes = sorted({name for _, names in found for name in names})
    split = split_folders(folder)
    if classes and split is not None:
        each = ", ".join(_advised(key, split[part]) for part, key in KEYS.items() if part in split)
        seen, cure = f"; the classes may be the folders {quoted(classes)} in them", f"Use {each}"
    elif classes:
        whole = next(place for place, names in found if names)
        seen = f"; the classes may be the folders {quoted(classes)} in {'them' if len(parts) > 1 else 'it'}"
        others = [one.name for one in _folders(folder) if which_part(one.name) is None and len(parts) > 1]
        move = f"Move {quoted(others)} (no part) out of the folder, to have the parts used; or use" if others else "Use"
        cure = (
            f"{move} {_advised('path', whole)}, which bnexp splits itself; or name the folder of each part "
            "(dataset.path, dataset.validation_path, dataset.test_path)"
        )
    else:
        seen, cure = "", f"Sort their {what} into a folder for each class"
    are = "are named like parts" if len(parts) > 1 else "is named like a part"
    raise SettingError(
        "dataset.path",
        f"is {str(folder)!r}; its folder{'s' * (len(parts) > 1)} {quoted(parts)} {are} of a split{seen}. "
        f"Expected a folder for each class. {cure}. If {quoted(parts)} {'are classes' if len(parts) > 1 else 'is one'}"
        ", rename the folder" + ("s." if len(parts) > 1 else "."),
    )


def _classes_in(place: Path, paths: Sequence[Path]) -> tuple[Path, set[str]]:
    """Return the innermost folder that holds all files of `place`, and the names of its folders with these files."""
    depth = len(place.parts)
    below = [path.parts[depth:] for path in paths if path.parts[:depth] == place.parts]
    while below and len({parts[0] for parts in below}) == 1 and all(len(parts) > 1 for parts in below):
        place, below = place / below[0][0], [parts[1:] for parts in below]
    return place, {parts[0] for parts in below if len(parts) > 1}


def _advised(key: str, folder: Path) -> str:
    return f"dataset.{key}: {in_a_sentence(str(folder))}"


def only_folder_cure(folder: Path, paths: Sequence[Path]) -> str:
    """Return a cure if only one subfolder holds files: the folders inside it may be the classes."""
    place, classes = _classes_in(folder, paths)
    if len(classes) < 2:
        return ""
    kind = "parts of a split" if all(map(is_part, classes)) else "classes"
    return f" Its folders {quoted(sorted(classes))} look like {kind}: use {_advised('path', place)}."


def warnings_of_layout(folder: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Yield warnings about classes with similar names, named like a part of a split, or with parts in each."""
    depth = len(folder.parts)
    yield from warnings_of(f"dataset.path {str(folder)!r}", Counter(path.parts[depth] for path in paths))
    inner = _inner_folders(folder, paths)
    for name in filter(is_part, inner):
        yield (
            f"The folder {name!r} of {str(folder)!r} is read as a class, though it is named like a part of a split. "
            "Move it out of the folder if it is not a class."
        )
    parts = parts_first({name for names in inner.values() for name in names if is_part(name)})
    if len(parts) > 1:
        yield (
            f"The classes of {str(folder)!r} hold the folders {quoted(parts)}, as for a split. Their files are "
            "joined, and bnexp splits them anew. Move files that you do not want to use out of the folder."
        )


def warnings_of_several_classes(x_N: Inputs, paths: Sequence[Path], labels: Sequence[str]) -> Iterator[str]:
    """Yield a warning if rows with the same content are in several classes, because no network can distinguish them."""
    first: dict[bytes, tuple[Path, str]] = {}
    found = []
    for x, path, label in zip(x_N, paths, labels, strict=True):
        content = np.ascontiguousarray(x).view("uint8").data
        other, its_label = first.setdefault(hashlib.blake2b(content, digest_size=16).digest(), (path, label))
        if its_label != label:
            found.append((path, other))
    if found:
        path, other = found[0]
        yield (
            f"{len(found)} of {len(paths)} files hold the same as one of another class, such as {path} and {other}. "
            "No network can tell them apart. Take one of each pair out of the folder."
        )


def _inner_folders(folder: Path, paths: Sequence[Path]) -> dict[str, set[str]]:
    """Return the names of the inner folders with files, for each subfolder that holds some of these files."""
    inner: dict[str, set[str]] = {}
    depth = len(folder.parts)
    for path in paths:
        inner.setdefault(path.parts[depth], set()).update(path.parts[depth + 1 : -1][:1])
    return inner


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes; only the first MOST_NAMED if there are more."""
    return listed(map(repr, names), MOST_NAMED)
