"""Your own folders, one for each class: which files in them are taken, and which are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from bnexp.data.layout import only_folder_cure, refuse_no_classes
from bnexp.errors import Problems, SettingError


def labelled_files(folder: Path, suffixes: tuple[str, ...], what: str, *, grouped: bool = False) -> list[Path]:
    """List the files with these endings in all folders of a folder, sorted; hidden ones are left out.

    Where they are `grouped` by their names, the names of folders inside the classes are part of them.

    Raises:
        SettingError: if fewer than two folders hold such a file, one of several holds none, or they are no classes.
    """
    entries = [path for path in sorted(folder.glob("*/**/*")) if not _is_hidden(path, folder)]
    folders = {path for path in (*folder.glob("[!.]*"), *entries) if path.is_dir()}
    found = [path for path in entries if path.suffix.lower() in suffixes and path not in folders]
    problems = Problems()
    _refuse_unreadable(found, folders)
    for link in sorted(path for path in folders.intersection(entries) if path.is_symlink()):
        if any(file.suffix.lower() in suffixes and file.is_file() for file in link.iterdir()):
            problems.note(
                "dataset.path",
                f"holds {link}, a link to a folder with {what}, which is not followed. Copy them, or take it away.",
            )
    problems.refuse()
    refuse_no_classes(folder, found, what, grouped=grouped)
    classes = {path.relative_to(folder).parts[0] for path in found}
    if len(classes) < 2:
        seen = f"only {classes.pop()} holds {what}" if classes else f"none of its folders holds {what}"
        if not classes and not found:
            others = ", ".join(f"{count} {kind}" for kind, count in list(files_left_out(folder, ()).items())[:5])
            seen += f" (seen in it: {others})" if others else " (it holds no files)"
        raise SettingError(
            "dataset.path",
            f"is {str(folder)!r}; {seen}. Expected a folder for each class, two or more, with {what} in it "
            f"({', '.join(suffixes)}).{only_folder_cure(folder, found) if found else ''}",
        )
    for inner in sorted(path for path in folders if path.parent == folder and path.name not in classes):
        problems.note(
            "dataset.path",
            f"holds {inner}, a folder without {what} ({', '.join(suffixes)}); each folder is a class, and needs "
            "some. Put them in, or take the folder away.",
        )
    problems.refuse()
    return found


def _refuse_unreadable(files: Sequence[Path], folders: Iterable[Path]) -> None:
    """Refuse files that are none, names that are no text, and folders in which no file can be seen."""
    problems = Problems()
    for path in files:
        if not str(path).isprintable():
            problems.note("dataset.path", f"holds {str(_unprintable(path))!r}, whose name is no text. Rename it.")
        elif not path.is_file():
            seen = "a link that leads nowhere" if path.is_symlink() else "no regular file"
            problems.note("dataset.path", f"holds {path}, which is {seen}. Take it away.")
    for inner in sorted(folders):
        if not os.access(inner, os.R_OK | os.X_OK):
            problems.note("dataset.path", f"holds {inner}, a folder that may not be read. Change its permissions.")
    problems.refuse()


def _unprintable(path: Path) -> Path:
    """Return the outermost part of a path whose name is no text."""
    return next(one for one in (*reversed(path.parents), path) if not str(one).isprintable())


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def files_left_out(folder: Path, taken: Sequence[Path]) -> dict[str, int]:
    """Count the files in a folder that are not taken, hidden ones aside: endings, or names without one, to numbers."""
    files = {path for path in folder.glob("**/*") if path.is_file()} - set(taken)
    seen = [path for path in files if not _is_hidden(path, folder)]
    return dict(sorted(Counter(path.suffix.lower() or path.name for path in seen).items()))
