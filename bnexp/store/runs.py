"""`Run`: the directory of a run, comparison or study. Its files can be read, and its status follows from them.

A directory is running if its lock is held, and finished if its final record is there. It is damaged if the record, or a
file that is required beside it, cannot be read. Any other directory is interrupted. One damaged directory never hides
another.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from bnexp.checkpoint import CheckpointError, Head, read_head
from bnexp.errors import RunError
from bnexp.held_out import HeldOut
from bnexp.history import History, from_json
from bnexp.store.comparison_document import ComparisonDocument, ComparisonHead
from bnexp.store.directories import is_held
from bnexp.store.histories import HISTORIES, read_histories
from bnexp.store.kept_rows import ROWS, kept_rows
from bnexp.store.reading import content, cure, read_json, refuse_irregular, refuse_lost, text
from bnexp.store.records import Record, head, read_record, validated
from bnexp.store.run_record import RunHead, RunRecord
from bnexp.store.seeds import refuse_lost_seeds, refuse_other_seeds
from bnexp.store.study_document import FORMAT, StudyDocument, StudyHead
from bnexp.system.run_folders import LOCK, STAMP, STUDY
from bnexp.system.spelling import command

Kind = Literal["run", "comparison", "study"]
Status = Literal["running", "finished", "interrupted", "failed", "damaged"]

CELLS = "cells"
"""The directory of a study's finished trials."""
CHECKPOINT = "checkpoint.npz"
"""The file from which interrupted training continues."""
FINAL: dict[Kind, str] = {"run": "run.json", "comparison": "comparison.json", "study": "study.json"}
"""Kind -> the final record, which says how it ended."""
EARLIER: dict[Kind, str] = {"run": "run.json", "comparison": HISTORIES, "study": "study.yaml"}
"""Kind -> the file that is written before all other files except the config."""
LATER: dict[Kind, tuple[str, ...]] = {
    "run": ("history.json",),
    "comparison": ("comparison.json",),
    "study": (CELLS, "study.json", "results.csv"),
}
"""Kind -> files that are written later. If one exists without the file in `EARLIER`, the earlier file was lost."""
BESIDE: dict[Kind, tuple[str, ...]] = {
    "run": ("history.json", "config.yaml"),
    "comparison": (HISTORIES,),
    "study": ("study.yaml",),
}
"""Kind -> the files that are required beside the final record."""
DAMAGE = (RunError, OSError, ValueError, RecursionError, MemoryError)
"""What damaged files can raise. Any other error is a bug of bnexp, and is shown as one."""
HEADS: dict[Kind, type[Record]] = {"run": RunHead, "comparison": ComparisonHead, "study": StudyHead}


class State(NamedTuple):
    """The state of a directory: kind, status, the reason if damaged, and the part of its record that a list shows."""

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
        """Return the name of the directory."""
        return self.directory.name

    @property
    def stem(self) -> str:
        """Return the name of the directory without the time."""
        return STAMP.sub("", self.id)

    @property
    def kind(self) -> Kind:
        """Return whether it is a trained experiment, a comparison or a study."""
        return _kind(self.id, files_in(self.directory))

    def record(self) -> RunRecord:
        """Read run.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        return read_record(self.directory / FINAL["run"], RunRecord)

    def comparison(self) -> ComparisonDocument:
        """Read comparison.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        return read_record(self.directory / FINAL["comparison"], ComparisonDocument)

    def study(self) -> StudyDocument:
        """Read study.json.

        Raises:
            RunError: if it is missing, damaged, or of a format that this bnexp does not know.
        """
        path = self.directory / FINAL["study"]
        document = read_json(path)
        seen = document.get("format")
        if not isinstance(seen, int) or not 1 <= seen <= FORMAT:
            raise RunError(f"{path}: has format {seen!r}; expected 1 to {FORMAT}. Use the bnexp that wrote it.")
        return validated(path, document, StudyDocument)

    def history(self, record: RunRecord | None = None) -> History:
        """Return the history in history.json. If `record` (from run.json) is given, a finished run must have its seeds.

        Raises:
            RunError: if it is missing or damaged, or has other seeds than `record`.
        """
        path = self.directory / "history.json"
        if not path.exists() and self.status() == "interrupted":
            cure = f"To go on with it: {self.going_on}" if self.checkpoint() is not None else "Train it again."
            raise RunError(f"{self.id} was stopped before its history was kept, so there is nothing to read. {cure}")
        found = from_json(content(path), str(path))
        if record is not None:
            refuse_other_seeds(path, found.seeds, record)
        return found

    def held_out(self, record: RunRecord | None = None) -> HeldOut | None:
        """Return what each held-out row measured, from rows.npz; None if the file is missing.

        `record` is the content of run.json, if it has been read already.

        Raises:
            RunError: if the file is damaged, or is another run's.
        """
        path = self.directory / ROWS
        return kept_rows(path, record or self.record()) if path.exists() else None

    def measured(self, record: RunRecord) -> tuple[History, HeldOut | None]:
        """Return the history, and what each held-out row measured or None if rows.npz is missing.

        Raises:
            RunError: if a file is damaged or is another run's, or if their accuracies differ.
        """
        history, rows = self.history(record), self.held_out(record)
        finals = {metric: history.final(metric).tolist() for metric in history.metrics}
        if rows is not None and (seen := rows.contradiction(history.seeds, finals)) is not None:
            raise RunError(f"{self.directory / ROWS}: {seen}. {cure(self.directory / ROWS)}")
        return history, rows

    def histories(self, seeds: tuple[int, ...]) -> dict[str, History]:
        """Return the histories of these seeds from histories.json: name of an arm -> history.

        Raises:
            RunError: if the file is missing, damaged or of another format, or if an arm lacks one of the seeds.
        """
        found = read_histories(self.directory)
        for name, history in found.items():
            refuse_lost_seeds(self.directory / HISTORIES, name, history.seeds, seeds)
        return {name: history.of(seeds) for name, history in found.items()}

    def checkpoint(self) -> Head | None:
        """Return how far an interrupted run is, from its checkpoint; None if the checkpoint is missing or damaged."""
        try:
            return read_head(self.checkpoint_file) if (self.directory / CHECKPOINT).exists() else None
        except (CheckpointError, RunError):
            return None

    @property
    def checkpoint_file(self) -> Path:
        """Return the path of the checkpoint, for a caller that reads the file itself.

        Raises:
            RunError: if it is no regular file.
        """
        return refuse_irregular(self.directory / CHECKPOINT)

    @property
    def going_on(self) -> str:
        """Return the command, or the call in Python, that continues this run from its checkpoint."""
        return command("train", str(self.directory), option="resume")

    def text(self, name: str) -> str:
        """Return the text of one of the files.

        Raises:
            RunError: if it is missing or unreadable.
        """
        return text(self.directory / name)

    @property
    def config(self) -> Path:
        """Return the path of the config, for a caller that reads the file itself.

        Raises:
            RunError: if it is no regular file.
        """
        return refuse_irregular(self.directory / "config.yaml")

    def status(self) -> Status:
        """Return the status, which follows from the lock and the final record."""
        return self.state().status

    def state(self) -> State:
        """Return everything that a list shows of this directory. Damaged files raise no error."""
        kind: Kind = "study" if STUDY.search(self.id) else "run"
        found: Record | None = None
        try:
            files = files_in(self.directory)
            kind = _kind(self.id, files)
            state = self._state(kind, files)
            found = state.head
            if state.status == "finished":
                self._refuse_lost(kind, files)
            return state
        except DAMAGE as error:  # one bad directory must not hide the others
            reason = str(error) if isinstance(error, RunError) else repr(error)
            return State(kind, "damaged", reason.removeprefix(f"{self.directory}{os.sep}"), found)

    def _refuse_lost(self, kind: Kind, files: Files) -> None:
        """Raise RunError if a file that is required beside the final record is missing or irregular. None is opened."""
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
        """Return how a run ended, from its record."""
        path = self.directory / FINAL["run"]
        if found.status is None:
            raise RunError(f"{path}: has no status; expected running, finished, interrupted or failed. {cure(path)}")
        if found.status == "finished" and (found.seeds is None or found.metrics is None):
            lost = "seeds" if found.seeds is None else "metrics"
            raise RunError(f"{path}: has no {lost}, though it is finished. Train again.")
        return "interrupted" if found.status == "running" else found.status

    def _begun(self, kind: Kind, files: Files) -> Record | None:
        """Return the record that a running process has written so far; None if it cannot be read."""
        try:
            return head(self.directory / FINAL[kind], HEADS[kind]) if FINAL[kind] in files else None
        except RunError:
            return None


Files = Mapping[str, "os.DirEntry[str]"]
"""Name -> entry of a directory."""


def files_in(directory: Path) -> Files:
    """Return the entries of a directory, by name.

    Raises:
        RunError: if the directory cannot be read.
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
    if FINAL["comparison"] in files or (HISTORIES in files and FINAL["run"] not in files):
        return "comparison"
    return "run"
