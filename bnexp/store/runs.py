"""Runs, comparisons and studies found again: by name, in order, with a status that follows from what is there.

A lock that is held = running; the final record is there = finished; it, or a file that must stand beside it, cannot
be read = damaged; else interrupted. One damaged directory never hides another.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bnexp.errors import RunError, nearest
from bnexp.history import History, from_json
from bnexp.store.comparison_document import ComparisonHead, ComparisonRecord
from bnexp.store.directories import LATEST, LOCK, is_held
from bnexp.store.reading import content, cure, read_json, refuse_irregular, refuse_lost, text
from bnexp.store.records import Record, head, read_record
from bnexp.store.run_record import RunHead, RunRecord, Started
from bnexp.store.study_document import StudyDocument, StudyHead

Kind = Literal["run", "comparison", "study"]
Status = Literal["running", "finished", "interrupted", "damaged"]

CELLS = "cells"
"""The directory of a study's finished trials."""
FINAL: dict[Kind, str] = {"run": "run.json", "comparison": "comparison.json", "study": "study.json"}
"""Kind -> the file that says how it ended."""
EARLIER: dict[Kind, str] = {"run": "run.json", "comparison": "histories.json", "study": "study.yaml"}
"""Kind -> the file that is written before all others but the config."""
LATER: dict[Kind, tuple[str, ...]] = {
    "run": ("history.json",),
    "comparison": ("comparison.json",),
    "study": (CELLS, "study.json", "results.csv"),
}
"""Kind -> what is not there without the earlier file, unless that was lost."""
BESIDE: dict[Kind, tuple[str, ...]] = {
    "run": ("history.json", "config.yaml"),
    "comparison": ("histories.json",),
    "study": ("study.yaml",),
}
"""Kind -> the files without which a finished one cannot be used."""
MARKS = frozenset((*FINAL.values(), *EARLIER.values(), "history.json"))
"""A directory whose name has no time is a run, comparison or study if it holds one of these."""
HEADS: dict[Kind, type[Record]] = {"run": RunHead, "comparison": ComparisonHead, "study": StudyHead}
STAMP = re.compile(r"-([0-9]{8}-[0-9]{6})(?:-([0-9]{1,4}))?$")
STAMPED = "%Y%m%d-%H%M%S"
STUDY = re.compile(r"-study-[0-9a-f]{10}$")


class State(NamedTuple):
    """What a directory is, how it ended, why it is damaged if it is, and what its final record shows in a list."""

    kind: Kind
    status: Status
    reason: str = ""
    head: Record | None = None


@dataclass(frozen=True)
class Run:
    """A directory under `runs/` that holds one trained experiment, one comparison, or one study."""

    directory: Path

    @property
    def id(self) -> str:
        """Return the name of its directory."""
        return self.directory.name

    @property
    def stem(self) -> str:
        """Return the name of its directory without the time."""
        return STAMP.sub("", self.id)

    @property
    def kind(self) -> Kind:
        """Return whether it is a trained experiment, a comparison or a study."""
        return _kind(self.id, _files(self.directory))

    def record(self) -> dict[str, Any]:
        """Read run.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        return read_record(self.directory / FINAL["run"], RunRecord)

    def comparison(self) -> dict[str, Any]:
        """Read comparison.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        return read_record(self.directory / FINAL["comparison"], ComparisonRecord)

    def study(self) -> StudyDocument:
        """Read study.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        return head(self.directory / FINAL["study"], StudyDocument)

    def history(self) -> History:
        """Read history.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        path = self.directory / "history.json"
        return from_json(content(path), str(path))

    def histories(self) -> dict[str, History]:
        """Read histories.json, the histories of a comparison's arms: name -> history.

        Raises:
            RunError: if it is missing or damaged.
        """
        path = self.directory / "histories.json"
        arms = read_json(path).get("arms")
        if not isinstance(arms, dict):
            raise RunError(f"{path}: has no arms; expected an object of histories by arm. Compare again.")
        return {name: from_json(json.dumps(entry), f"{path}: arm {name}") for name, entry in arms.items()}

    def text(self, name: str) -> str:
        """Read one of its files as text.

        Raises:
            RunError: if it is missing or unreadable.
        """
        return text(self.directory / name)

    @property
    def config(self) -> Path:
        """Return the path of its config, which others read.

        Raises:
            RunError: if it is no regular file.
        """
        return refuse_irregular(self.directory / "config.yaml")

    def status(self) -> Status:
        """Derive its status from its lock and its final record."""
        return self.state().status

    def state(self) -> State:
        """Derive all that a list shows, whatever stands in the directory."""
        kind: Kind = "study" if STUDY.search(self.id) else "run"
        found: Record | None = None
        try:
            files = _files(self.directory)
            kind = _kind(self.id, files)
            state = self._state(kind, files)
            found = state.head
            if state.status == "finished":
                self._refuse_lost(kind, files)
            return state
        except Exception as error:  # one bad directory hides no other
            reason = str(error) if isinstance(error, RunError) else repr(error)
            return State(kind, "damaged", reason.removeprefix(f"{self.directory}{os.sep}"), found)

    def _refuse_lost(self, kind: Kind, files: Files) -> None:
        """Raise RunError if a file that must stand beside the final record is missing or irregular; open none."""
        for name in BESIDE[kind]:
            if name not in files or not files[name].is_file(follow_symlinks=False):
                refuse_lost(self.directory / name)

    def _state(self, kind: Kind, files: Files) -> State:
        if LOCK in files and is_held(self.directory / LOCK):
            return State(kind, "running", head=self._begun(kind, files))
        if EARLIER[kind] not in files and (there := [name for name in LATER[kind] if name in files]):
            path = self.directory / EARLIER[kind]
            raise RunError(f"{path}: is missing, though {there[0]} is there. {cure(path)}")
        if FINAL[kind] not in files:
            return State(kind, "interrupted")
        found = head(self.directory / FINAL[kind], HEADS[kind])
        if isinstance(found, RunHead):
            return State(kind, self._ended(found), head=found)
        return State(kind, "finished", head=found)

    def _ended(self, found: RunHead) -> Status:
        """Return how a run ended, as its record says."""
        path = self.directory / FINAL["run"]
        if found.status is None:
            raise RunError(f"{path}: has no status; expected running, finished or interrupted. {cure(path)}")
        if found.status == "finished" and (found.seeds is None or found.metrics is None):
            lost = "seeds" if found.seeds is None else "metrics"
            raise RunError(f"{path}: has no {lost}, though it is finished. Train again.")
        return "finished" if found.status == "finished" else "interrupted"

    def _begun(self, kind: Kind, files: Files) -> Record | None:
        """Read what a running one has written so far, if it can be read."""
        try:
            return head(self.directory / FINAL[kind], HEADS[kind]) if FINAL[kind] in files else None
        except RunError:
            return None


Files = Mapping[str, "os.DirEntry[str]"]
"""What lies in a directory, by name."""


def _files(directory: Path) -> Files:
    """List what lies in a directory.

    Raises:
        RunError: if it cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            return {entry.name: entry for entry in entries}
    except OSError as error:
        raise RunError(f"{directory}: cannot be read ({error.strerror}). Restore it, or move it away.") from error


def _kind(name: str, files: Collection[str]) -> Kind:
    is_no_run = FINAL["run"] not in files
    if "study.yaml" in files or (is_no_run and (FINAL["study"] in files or STUDY.search(name))):
        return "study"
    if FINAL["comparison"] in files or ("histories.json" in files and FINAL["run"] not in files):
        return "comparison"
    return "run"


def runs_in(runs: Path) -> list[Run]:
    """List all runs, the newest first (by when they were begun, then by the number behind the time in the name).

    Raises:
        RunError: if the place is no directory, or cannot be read.
    """
    if not _is_there(runs):
        return []
    try:
        with os.scandir(runs) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise RunError(f"{runs}: cannot be read ({error.strerror}). Use --runs DIR.") from error
    dated = [(begun, name) for name in names if (begun := _begun(runs, name)) is not None]
    return [Run(runs / name) for _, name in sorted(dated, reverse=True)]


def _is_there(runs: Path) -> bool:
    """Return True if there is a directory of runs, False if there is nothing.

    Raises:
        RunError: if there is something else, or the system does not tell.
    """
    try:
        is_directory = stat.S_ISDIR(os.stat(runs).st_mode)
    except FileNotFoundError:
        if os.path.islink(runs):
            raise RunError(f"{runs}: is a link to nothing; expected a directory of runs. Use --runs DIR.") from None
        return False
    except OSError as error:
        reason = error.strerror
        raise RunError(f"{runs}: cannot be read ({reason}); expected a directory of runs. Use --runs DIR.") from error
    if not is_directory:
        raise RunError(f"{runs}: is a file, not a directory; expected a directory of runs. Use --runs DIR.")
    return True


def _begun(runs: Path, name: str) -> tuple[str, int] | None:
    """Return when a run was begun: as its name says, else its record, else its files. None if it is no run."""
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
    except OSError:  # whose name says nothing, and nobody can look into it
        return False


def find(runs: Path, name: str) -> Run | None:
    """Find what a name means: a directory, `latest`, a run's id or its unique prefix; None if nothing has it.

    Raises:
        RunError: if it is empty, the beginning of several ids, or a directory that is no run.
    """
    if not name.strip():
        raise RunError("The name of a run is empty; expected a directory or an id. Is a variable of the shell not set?")
    path = Path(name)
    if os.path.isdir(name) and (os.sep in name or "/" in name):
        return _run_at(path.resolve())
    if name == LATEST or (path.name == LATEST and os.path.isfile(name)):
        return _latest(runs if name == LATEST else path.parent)
    candidates = [run for run in runs_in(runs) if run.id.startswith(name)]
    candidates = [run for run in candidates if run.id == name] or candidates
    if len(candidates) > 1:
        listed = ", ".join(run.id for run in candidates[:8])
        raise RunError(
            f"{name!r} is the beginning of {len(candidates)} runs; expected one of: {listed}. Give more of it."
        )
    if not candidates and os.path.isdir(name):
        return _run_at(path.resolve())
    return candidates[0] if candidates else None


def _run_at(directory: Path) -> Run:
    files = _files(directory)
    if not {*FINAL.values(), *EARLIER.values(), "config.yaml"} & set(files):
        raise RunError(
            f"{directory}: is no run; expected a directory with run.json or comparison.json in it. "
            "Name a directory under runs/, or train one with `bnexp train`."
        )
    return Run(directory)


def _latest(runs: Path) -> Run:
    link = runs / LATEST
    target = text(link).strip() if os.path.isfile(link) else os.path.basename(os.path.realpath(link))
    if not os.path.exists(link) or not os.path.isdir(runs / target) or Path(target).name != target:
        raise RunError(f"{link}: there is no latest run. Train one with `bnexp train CONFIG`.")
    return _run_at((runs / target).resolve())


def existing(runs: Path, name: str) -> str:
    """Return a sentence with the newest eight runs, and the nearest of them to a wrong name."""
    known = [run.id for run in runs_in(runs)][:8]
    return nearest(name, known) if known else f"There are no runs in {runs}."
