"""Your own folders, one for each class: which of their files are read, and which are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnexp.config.real import ImageFolderDataset, WavFolderDataset
from bnexp.data.sources.layout import only_folder_cure, quoted, refuse_no_classes, warnings_of_layout
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.errors import Problems, SettingError
from bnexp.system.run_folders import is_run


@dataclass
class Listing:
    """The content of a folder and of its subfolders, sorted by name, without hidden entries."""

    files: list[Path] = field(default_factory=list)
    """Files with the wanted endings, inside any subfolder."""
    irregular: list[Path] = field(default_factory=list)
    """Paths of `files` that are not regular files, such as broken links."""
    folders: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    """Ending (or the name of a file without one) -> the number of other files."""
    runs: list[Path] = field(default_factory=list)
    """Folders that hold bnexp's runs. Nothing in them is in `files`, `folders` or `others`."""
    problems: Problems = field(default_factory=Problems)
    """Mistakes that do not keep the files from being read: classes without files."""


def labelled_files(folder: Path, suffixes: tuple[str, ...], what: str, *, grouped: bool = False) -> Listing:
    """List the files with these endings in all subfolders of a folder, and its other files. Runs are left out.

    If files are `grouped` by their names, these names include the folders inside the folders of the classes. A
    subfolder without files with these endings is noted in the listing's `problems`.

    Raises:
        SettingError: if fewer than two subfolders hold files with these endings, or the subfolders are no classes.
    """
    listing = _listing(folder, suffixes)
    found, folders, depth = listing.files, listing.folders, len(folder.parts)
    problems = Problems()
    _refuse_unreadable(listing)
    for link in (path for path in folders if len(path.parts) > depth + 1 and path.is_symlink()):
        if any(file.suffix.lower() in suffixes and file.is_file() for file in link.iterdir()):
            problems.note(
                "dataset.path",
                f"holds {link}, a symbolic link to a folder with {what}. The link is not followed. Copy the {what}, "
                "or remove the link.",
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
        listing.problems.note(
            "dataset.path",
            f"holds {inner}, a folder without {what} ({', '.join(suffixes)}); each folder is a class, and needs "
            "some. Add them, or remove the folder.",
        )
    return listing


@dataclass
class LabelledFiles:
    """The files of all parts, the training part's first, each with the name of its class."""

    paths: list[Path] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    """Path of each file, relative to the folder of its class."""
    counts: dict[str, int] = field(default_factory=dict)
    """The key that names a part in the config -> the number of its files."""
    left_out: Counter[str] = field(default_factory=Counter)
    runs_left_out: list[str] = field(default_factory=list)
    """Path of each folder with bnexp's runs, relative to the folder of its part."""
    warnings: list[str] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    """Mistakes that do not keep the files from being read. So mistakes in the files are found, too."""

    @property
    def left_out_facts(self) -> dict[str, Any]:
        """Return the fields of `RowFacts` that say what is not read."""
        runs = [*dict.fromkeys(self.runs_left_out)]
        return {"files_left_out": dict(sorted(self.left_out.items())), "runs_left_out": runs or None}


def labelled_parts(
    dataset: ImageFolderDataset | WavFolderDataset, suffixes: tuple[str, ...], what: str, *, grouped: bool = False
) -> LabelledFiles:
    """Return the files of all parts with their classes.

    A part with other classes than the training part is noted in `problems` of what is returned.

    Raises:
        SettingError: if `labelled_files` refuses the folder of a part.
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
            found.runs_left_out += ["/".join(path.parts[depth:]) for path in listing.runs]
            found.warnings += warnings_of_layout(folder, listing.files)
            classes[key] = {*labels}
            with found.problems.noted(), named_by(key):
                listing.problems.refuse()
    if problems.found:
        problems.add(found.problems)
        problems.refuse()
    for key, names in () if found.problems.found else classes.items():
        for text in _other_classes(names, classes["path"], dataset.path):
            found.problems.note(f"dataset.{key}", f"is {dataset.paths[key]!r}; {text}")
    return found


def _other_classes(names: set[str], expected: set[str], path: str) -> Iterator[str]:
    """Yield a sentence for classes that a part lacks, and one for classes that only this part has."""
    if lost := sorted(expected - names):
        yield f"it has no folder {quoted(lost)}, and {path} has. Expected the same classes. Put files of each in both."
    if besides := sorted(names - expected):
        yield f"{path} has no folder {quoted(besides)}. Expected the same classes. Put files of each in both."


def labels_of(folder: Path, paths: Iterable[Path]) -> list[str]:
    """Return the class of each file: the name of the subfolder that holds it."""
    depth = len(folder.parts)
    return [path.parts[depth] for path in paths]


def _listing(folder: Path, suffixes: tuple[str, ...], *, is_inside: bool = False) -> Listing:
    """List a folder and its subfolders; `is_inside` is False for the outer folder.

    A link to a folder is followed only directly in the outer folder, where it is a class. Deeper links could form a
    circle.
    """
    listing = Listing()
    for entry in _entries(folder):
        path, ending = Path(entry.path), os.path.splitext(entry.name)[1].lower()
        if os.path.isdir(path) if entry.is_symlink() else entry.is_dir():
            _add_folder(listing, path, suffixes, is_followed=not (is_inside and entry.is_symlink()))
        elif is_inside and ending in suffixes:
            listing.files.append(path)
            if not entry.is_file():
                listing.irregular.append(path)
        elif entry.is_file():
            listing.others[ending if len(ending) > 1 else entry.name] += 1
    return listing


def _add_folder(listing: Listing, path: Path, suffixes: tuple[str, ...], *, is_followed: bool) -> None:
    """Add a folder and what it holds to a listing, unless it is a run, or holds runs and no file of the user's own."""
    if is_run(path):
        listing.runs.append(path)
        return
    inner = _listing(path, suffixes, is_inside=True) if is_followed else Listing()
    if inner.runs and not inner.files:
        listing.runs.append(path)
        return
    listing.folders += [path, *inner.folders]
    listing.files += inner.files
    listing.irregular += inner.irregular
    listing.others += inner.others
    listing.runs += inner.runs


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder that are not hidden, by name."""
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError:  # an unreadable folder is reported later
        return []


def _refuse_unreadable(listing: Listing) -> None:
    """Raise SettingError for irregular files, names that are not printable, and folders without permission to read."""
    problems, irregular = Problems(), set(listing.irregular)
    for path in listing.files:
        if not str(path).isprintable():
            problems.note(
                "dataset.path",
                f"holds {str(_unprintable(path))!r}, whose name has characters that cannot be printed. Rename it.",
            )
        elif irregular and path in irregular:
            seen = "a broken symbolic link" if path.is_symlink() else "no regular file"
            problems.note("dataset.path", f"holds {path}, which is {seen}. Remove it.")
    for inner in listing.folders:
        if not os.access(inner, os.R_OK | os.X_OK):
            problems.note("dataset.path", f"holds {inner}, a folder that may not be read. Change its permissions.")
    problems.refuse()


def _unprintable(path: Path) -> Path:
    """Return the shortest leading part of a path that is not printable."""
    return next(one for one in (*reversed(path.parents), path) if not str(one).isprintable())
