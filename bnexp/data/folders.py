"""Your own folders, one for each class: which files in them are taken, and which are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bnexp.data.layout import only_folder_cure, refuse_no_classes
from bnexp.data.problems import Problems
from bnexp.errors import SettingError


def labelled_files(folder: Path, suffixes: tuple[str, ...], what: str, *, grouped: bool = False) -> list[Path]:
    """List the files with these endings in all folders of a folder, sorted; hidden ones are left out.

    Where they are `grouped` by their names, the names of folders inside the classes are part of them.

    Raises:
        SettingError: if fewer than two folders hold such a file, one of several holds none, or they are no classes.
    """
    found = sorted(
        path
        for path in folder.glob("*/**/*")
        if path.suffix.lower() in suffixes
        and not path.is_dir()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    problems = Problems()
    for path in found:
        if not path.is_file() or not str(path).isprintable():
            problems.add(
                "dataset.path",
                f"holds {str(path)!r}, which is a broken link, no file, or has a name that is no text. Take it away.",
            )
    for link in _linked_folders(folder, suffixes):
        problems.add(
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
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith(".") and inner.name not in classes:
            problems.add(
                "dataset.path",
                f"holds {inner}, a folder without {what} ({', '.join(suffixes)}); each folder is a class, and needs "
                "some. Put them in, or take the folder away.",
            )
    problems.refuse()
    return found


def _linked_folders(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the links inside the folders of a folder that lead to folders with files of these endings."""
    links = (path for path in folder.glob("*/**/*") if path.is_symlink() and path.is_dir())
    return sorted(
        link for link in links if any(file.suffix.lower() in suffixes and file.is_file() for file in link.iterdir())
    )


def files_left_out(folder: Path, taken: Sequence[Path]) -> dict[str, int]:
    """Count the files in a folder that are not taken, hidden ones aside: endings, or names without one, to numbers."""
    files = {path for path in folder.glob("**/*") if path.is_file()} - set(taken)
    seen = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return dict(sorted(Counter(path.suffix.lower() or path.name for path in seen).items()))
