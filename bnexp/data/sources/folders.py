"""Your own folders, one for each class: which files in them are taken, and which are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bnexp.config.real import ImageFolderDataset, WavFolderDataset
from bnexp.data.sources.layout import only_folder_cure, quoted, refuse_no_classes, warnings_of_layout
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.errors import Problems, SettingError


@dataclass
class Listing:
    """What lies in a folder, in order, hidden ones left out."""

    files: list[Path] = field(default_factory=list)
    """Those with the endings that are wanted, in the folders of the folder."""
    irregular: list[Path] = field(default_factory=list)
    """The `files` that are no regular files."""
    folders: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    """Endings, or names without one, to the number of other files."""


def labelled_files(folder: Path, suffixes: tuple[str, ...], what: str, *, grouped: bool = False) -> Listing:
    """List the files with these endings in all folders of a folder, and what else lies there.

    Where they are `grouped` by their names, the names of folders inside the classes are part of them.

    Raises:
        SettingError: if fewer than two folders hold files with these endings, one holds none, or they are no classes.
    """
    listing = _listing(folder, suffixes)
    found, folders, depth = listing.files, listing.folders, len(folder.parts)
    problems = Problems()
    _refuse_unreadable(listing)
    for link in (path for path in folders if len(path.parts) > depth + 1 and path.is_symlink()):
        if any(file.suffix.lower() in suffixes and file.is_file() for file in link.iterdir()):
            problems.note(
                "dataset.path",
                f"holds {link}, a link to a folder with {what}, which is not followed. Copy them, or take it away.",
            )
    problems.refuse()
    refuse_no_classes(folder, found, what, grouped=grouped)
    classes = set(labels_of(folder, found))
    if len(classes) < 2:
        seen = f"only {classes.pop()} holds {what}" if classes else f"none of its folders holds {what}"
        if not classes and not found:
            others = ", ".join(f"{count} {kind}" for kind, count in sorted(listing.others.items())[:5])
            seen += f" (seen in it: {others})" if others else " (it holds no files)"
        raise SettingError(
            "dataset.path",
            f"is {str(folder)!r}; {seen}. Expected a folder for each class, two or more, with {what} in it "
            f"({', '.join(suffixes)}).{only_folder_cure(folder, found) if found else ''}",
        )
    for inner in (path for path in folders if len(path.parts) == depth + 1 and path.name not in classes):
        problems.note(
            "dataset.path",
            f"holds {inner}, a folder without {what} ({', '.join(suffixes)}); each folder is a class, and needs "
            "some. Put them in, or take the folder away.",
        )
    problems.refuse()
    return listing


@dataclass
class LabelledFiles:
    """The files of all parts, the training part's first, each with the name of its class."""

    paths: list[Path] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    """Where each file lies in the folder of its class."""
    counts: dict[str, int] = field(default_factory=dict)
    """The key that names a part in the config -> the number of its files."""
    left_out: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def labelled_parts(
    dataset: ImageFolderDataset | WavFolderDataset, suffixes: tuple[str, ...], what: str, *, grouped: bool = False
) -> LabelledFiles:
    """List the files of each part's folder, as `labelled_files` does.

    Raises:
        SettingError: if a part has other classes than the training part.
    """
    problems, found, classes = Problems(), LabelledFiles(), dict[str, set[str]]()
    for key, part in dataset.each_part():
        with problems.noted(), named_by(key):
            folder = existing_path(part.path, folder=True)
            listing = labelled_files(folder, suffixes, what, grouped=grouped)
            labels, depth = labels_of(folder, listing.files), len(folder.parts)
            found.paths += listing.files
            found.labels += labels
            found.inner += ["/".join(path.parts[depth + 1 :]) for path in listing.files]
            found.counts[key] = len(labels)
            found.left_out += listing.others
            found.warnings += warnings_of_layout(folder, listing.files)
            classes[key] = {*labels}
    problems.refuse()
    for key, names in classes.items():
        for text in _other_classes(names, classes["path"], dataset.path):
            problems.note(f"dataset.{key}", f"is {dataset.paths[key]!r}; {text}")
    problems.refuse()
    return found


def _other_classes(names: set[str], expected: set[str], path: str) -> Iterator[str]:
    """Yield which classes a part lacks of the training part's, or has besides."""
    if lost := sorted(expected - names):
        yield f"it has no folder {quoted(lost)}, and {path} has. Expected the same classes. Put files of each in both."
    if besides := sorted(names - expected):
        yield f"{path} has no folder {quoted(besides)}. Expected the same classes. Put files of each in both."


def labels_of(folder: Path, paths: Iterable[Path]) -> list[str]:
    """Return the names of the classes that files of a folder are in."""
    depth = len(folder.parts)
    return [path.parts[depth] for path in paths]


def _listing(folder: Path, suffixes: tuple[str, ...]) -> Listing:
    listing = Listing()
    for entry, is_folder, is_inside in _entries(folder):
        ending = os.path.splitext(entry.name)[1].lower()
        if is_folder:
            listing.folders.append(Path(entry.path))
        elif is_inside and ending in suffixes:
            listing.files.append(Path(entry.path))
            if not entry.is_file():
                listing.irregular.append(listing.files[-1])
        elif entry.is_file():
            listing.others[ending if len(ending) > 1 else entry.name] += 1
    return listing


def _entries(folder: str | Path, *, is_inside: bool = False) -> Iterator[tuple[os.DirEntry[str], bool, bool]]:
    """Yield all that lies in a folder and in its folders, whether it is a folder, and whether it lies in an inner one.

    Links to folders are followed only where they stand for a class: those inside could lead round in a circle.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:  # it cannot be read, which is reported later
        return
    for entry in entries:
        if not entry.name.startswith("."):
            is_folder = os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()
            yield entry, is_folder, is_inside
            if is_folder and not (is_inside and entry.is_symlink()):
                yield from _entries(entry.path, is_inside=True)


def _refuse_unreadable(listing: Listing) -> None:
    """Refuse files that are none, names that are no text, and folders in which no file can be seen."""
    problems, irregular = Problems(), set(listing.irregular)
    for path in listing.files:
        if not str(path).isprintable():
            problems.note("dataset.path", f"holds {str(_unprintable(path))!r}, whose name is no text. Rename it.")
        elif irregular and path in irregular:
            seen = "a link that leads nowhere" if path.is_symlink() else "no regular file"
            problems.note("dataset.path", f"holds {path}, which is {seen}. Take it away.")
    for inner in listing.folders:
        if not os.access(inner, os.R_OK | os.X_OK):
            problems.note("dataset.path", f"holds {inner}, a folder that may not be read. Change its permissions.")
    problems.refuse()


def _unprintable(path: Path) -> Path:
    """Return the outermost part of a path whose name is no text."""
    return next(one for one in (*reversed(path.parents), path) if not str(one).isprintable())
