"""Your own folders, one for each class: which files in them are taken, and which are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bnexp.errors import SettingError


def labelled_files(folder: Path, suffixes: tuple[str, ...], what: str) -> list[Path]:
    """List the files with these endings in all folders of a folder, sorted; hidden ones are left out.

    Raises:
        SettingError: if fewer than two folders hold such a file, or one of several holds none.
    """
    found = sorted(
        path
        for path in folder.glob("*/**/*")
        if path.suffix.lower() in suffixes
        and not path.is_dir()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    for path in found:
        if not path.is_file() or not str(path).isprintable():
            raise SettingError(
                "dataset.path",
                f"holds {str(path)!r}, which is a broken link, no file, or has a name that is no text. Take it away.",
            )
    classes = {path.relative_to(folder).parts[0] for path in found}
    if len(classes) < 2:
        seen = f"only {classes.pop()} holds {what}" if classes else f"none of its folders holds {what}"
        raise SettingError(
            "dataset.path",
            f"is {str(folder)!r}; {seen}. Expected a folder for each class, two or more, with {what} in it "
            f"({', '.join(suffixes)}).",
        )
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith(".") and inner.name not in classes:
            raise SettingError(
                "dataset.path",
                f"holds {inner}, a folder without {what} ({', '.join(suffixes)}); each folder is a class, and needs "
                "some. Put them in, or take the folder away.",
            )
    return found


def files_left_out(folder: Path, taken: Sequence[Path]) -> dict[str, int]:
    """Count the files in a folder that are not taken, hidden ones aside: endings, or names without one, to numbers."""
    files = {path for path in folder.glob("**/*") if path.is_file()} - set(taken)
    seen = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return dict(sorted(Counter(path.suffix.lower() or path.name for path in seen).items()))
