"""How a directory that bnexp wrote is recognized by its name and its files, so that it is never read as data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

STAMP = re.compile(r"-([0-9]{8}-[0-9]{6})(?:-([0-9]{1,4}))?$")
"""The end of a run's or comparison's name: its time, and its number within that second."""
STUDY = re.compile(r"-study-[0-9a-f]{10}$")
LOCK = ".lock"
MARKS = frozenset(("run.json", "history.json", "comparison.json", "histories.json", "study.json", "study.yaml"))
"""A directory whose name has no time is a run, comparison or study if it has one of these files."""
_PAIRS = (("run.json", "config.yaml"), ("comparison.json", "histories.json"), ("study.json", "study.yaml"))
"""Files that stand together in a directory that was renamed."""


def is_run(folder: str | Path) -> bool:
    """Return True if bnexp wrote a folder as a run, comparison or study.

    Neither its name nor one of its files is enough: the user's own folders and files may be called the same.
    """
    try:
        names = os.listdir(folder)
    except OSError:  # a file, or an unreadable folder
        return False
    name = os.path.basename(os.path.realpath(folder))  # `latest` is a link
    if STAMP.search(name) or STUDY.search(name):
        return not {*MARKS, "config.yaml", LOCK}.isdisjoint(names)
    return any(set(pair) <= set(names) for pair in _PAIRS)


def is_of_runs(folder: Path) -> bool:
    """Return True if a folder is a run, or holds one directly."""
    with suppress(OSError):
        return is_run(folder) or any(is_run(inner) for inner in folder.iterdir())
    return False


def files_outside_runs(place: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and each folder inside it, with the names of its files. Runs, and what holds them, are left out.

    The place itself is never left out.
    """
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if not is_of_runs(Path(folder, name))]
        yield folder, files
