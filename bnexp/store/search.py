"""Search for runs under `runs/`: all runs in order, one run by its name, and the runs nearest to a wrong name."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bnexp.errors import RunError, nearest
from bnexp.store.directories import LATEST
from bnexp.store.names import is_plain
from bnexp.store.reading import text
from bnexp.store.records import head
from bnexp.store.run_record import Started
from bnexp.store.runs import EARLIER, FINAL, Run, files_in
from bnexp.system.run_folders import MARKS, STAMP, STUDY
from bnexp.system.spelling import CONFIG, DIR, command, spelt

STAMPED = "%Y%m%d-%H%M%S"


def runs_in(runs: Path) -> list[Run]:
    """List all runs, the newest first: by start time, then by the number after the time in the name.

    Raises:
        RunError: if `runs` is no directory, or cannot be read.
    """
    if not _is_there(runs):
        return []
    try:
        with os.scandir(runs) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise RunError(f"{runs}: cannot be read ({error.strerror}). Use {spelt('runs', DIR)}.") from error
    dated = [(begun, name) for name in names if (begun := _begun(runs, name)) is not None]
    return [Run(runs / name) for _, name in sorted(dated, reverse=True)]


def _is_there(runs: Path) -> bool:
    """Return True if there is a directory of runs, False if there is nothing.

    Raises:
        RunError: if `runs` is anything else, or cannot be read.
    """
    try:
        is_directory = stat.S_ISDIR(os.stat(runs).st_mode)
    except FileNotFoundError:
        if os.path.islink(runs):
            raise RunError(
                f"{runs}: is a broken symbolic link; expected a directory of runs. Use {spelt('runs', DIR)}."
            ) from None
        return False
    except OSError as error:
        reason = error.strerror
        raise RunError(
            f"{runs}: cannot be read ({reason}); expected a directory of runs. Use {spelt('runs', DIR)}."
        ) from error
    if not is_directory:
        raise RunError(f"{runs}: is a file, not a directory; expected a directory of runs. Use {spelt('runs', DIR)}.")
    return True


def _begun(runs: Path, name: str) -> tuple[str, int] | None:
    """Return when a run was begun, and its number at that time; None if it is no run.

    The time is from its name, or else from its record, or else from its files.
    """
    if match := STAMP.search(name):
        return match[1], int(match[2] or 1)
    directory = runs / name
    if not STUDY.search(name) and not _holds_marks(directory):
        return None
    with suppress(RunError, ValueError, OverflowError):
        started = head(directory / FINAL["run"], Started).started
        return f"{datetime.fromisoformat(started).astimezone(UTC):{STAMPED}}", 1
    for path in (*(directory / EARLIER[kind] for kind in ("study", "comparison")), directory):
        with suppress(OSError, ValueError, OverflowError):
            return f"{datetime.fromtimestamp(os.stat(path).st_mtime, UTC):{STAMPED}}", 1
    return "", 1


def _holds_marks(directory: Path) -> bool:
    try:
        return not MARKS.isdisjoint(os.listdir(directory))
    except OSError:  # no time in its name, and unreadable
        return False


def find(runs: Path, name: str) -> Run | None:
    """Return the run that a name means: a directory, `latest`, an id or a unique prefix of one; None if there is none.

    Raises:
        RunError: if the name is empty, is the prefix of several ids, or is a directory that is no run.
    """
    if not name.strip():
        raise RunError("The name of a run is empty; expected a directory or an id. Is a variable of the shell not set?")
    path = Path(name)
    if os.path.isdir(name) and (os.sep in name or "/" in name):
        return _run_at(_without_links(path))
    if name == LATEST or (path.name == LATEST and os.path.isfile(name)):
        return _latest(runs if name == LATEST else path.parent)
    if path.name == LATEST and not os.path.lexists(path):
        return _latest(path.parent)
    candidates = [run for run in runs_in(runs) if run.id.startswith(name)]
    candidates = [run for run in candidates if run.id == name] or candidates
    if len(candidates) > 1:
        listed = ", ".join(run.id for run in candidates[:8])
        raise RunError(
            f"{name!r} is the beginning of {len(candidates)} runs; expected one of: {listed}. Write more of its id."
        )
    if not candidates and os.path.isdir(name):
        return _run_at(_without_links(path))
    return candidates[0] if candidates else None


def _without_links(path: Path) -> Path:
    """Return a path without symbolic links. It is relative to the current directory if `path` is.

    It is absolute if it would otherwise end in `..` or be empty, so that its last part is a name.
    """
    real = path.resolve()
    seen_from_here = Path(os.path.relpath(real))
    return real if path.is_absolute() or seen_from_here.name in ("", "..") else seen_from_here


def _run_at(directory: Path) -> Run:
    files = files_in(directory)
    if not {*FINAL.values(), *EARLIER.values(), "config.yaml"} & set(files):
        raise RunError(
            f"{directory}: is no run; expected a directory with run.json or comparison.json in it. "
            f"Name a directory under runs/, or train one with `{command('train', CONFIG)}`."
        )
    return Run(directory)


def _latest(runs: Path) -> Run:
    link = runs / LATEST
    target = text(link).strip() if os.path.isfile(link) else os.path.basename(os.path.realpath(link))
    if not os.path.exists(link) or not is_plain(target) or not os.path.isdir(runs / target):
        raise RunError(f"{link}: there is no latest run. Train one with `{command('train', CONFIG)}`.")
    return _run_at(_without_links(runs / target))


def nearest_runs(runs: Path, name: str) -> str:
    """Return a sentence that lists the newest eight runs, and suggests the one that is nearest to a wrong name.

    If the name is a path of another folder with runs, these are the runs of that folder.
    """
    place = Path(name).parent
    if place not in (runs, Path()) and os.path.isdir(place) and (there := runs_in(place)):
        return nearest(name, [str(place / one) for one in (*(run.id for run in there[:8]), LATEST)])
    known = [run.id for run in runs_in(runs)][:8]
    return nearest(name, known) if known else f"There are no runs in {runs}."
