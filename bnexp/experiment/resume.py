"""Continues an interrupted run from its checkpoint, in its own directory, to the files of an uninterrupted run.

TensorFlow is imported here, inside functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bnexp import checkpoint, config, store
from bnexp.checkpoint import CheckpointError, Head, Snapshot
from bnexp.config import Experiment
from bnexp.errors import RunError, nearest, work_begun
from bnexp.experiment.batch import Prepared
from bnexp.experiment.circumstances import changed_circumstances, circumstances_of
from bnexp.experiment.codes import with_codes
from bnexp.experiment.finished_seeds import FinishedSeeds, finished_seeds
from bnexp.experiment.measured_rows import is_of_data
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.run import (
    Draw,
    Finished,
    failure_marked,
    first_record,
    no_figures,
    resume_named,
    train_in,
    with_figures,
)
from bnexp.history import Watch
from bnexp.store.run_record import Resumed
from bnexp.system.listeners import Note
from bnexp.system.machine import changed_versions, processor
from bnexp.system.spelling import command

if TYPE_CHECKING:
    from bnexp.data import Data


MOST_NAMED = 8
"""The most interrupted runs that a message names."""


@dataclass(frozen=True)
class Interrupted:
    """An interrupted run that has a checkpoint."""

    run: store.Run
    experiment: Experiment
    head: Head


def interrupted_run(runs: Path, name: str) -> Interrupted:
    """Find an interrupted run by its directory, its id or the beginning of its id.

    Raises:
        RunError: if no run has this name, or the run cannot continue.
        ConfigError: if its config is damaged.
    """
    run = store.find(runs, name)
    if run is None:
        raise RunError(f"No run is called {name!r}; expected an interrupted run. {_interrupted_runs(runs, name)}")
    state = run.state()
    if state.kind != "run":
        raise RunError(f"{run.id} is a {state.kind}; expected an interrupted run. `{command('runs')}` lists them.")
    if state.status != "interrupted":
        raise RunError(f"{run.id} is {state.status}; expected an interrupted run. {_cure(run, state)}")
    path = run.checkpoint_file
    if not path.exists():
        raise RunError(f"{run.id} keeps no checkpoint: it was stopped before the first one was due. {_again(run)}")
    try:
        return Interrupted(run, config.load(run.config), checkpoint.read_head(path))
    except CheckpointError as error:
        raise RunError(f"{path}: {error}. {_again(run)}") from error


def _interrupted_runs(runs: Path, name: str) -> str:
    """Return a sentence that lists the newest runs that can go on, and suggests the one nearest to a wrong name."""
    states = ((run, run.state()) for run in store.runs_in(runs))
    stopped = (run for run, state in states if (state.kind, state.status) == ("run", "interrupted"))
    known = list(itertools.islice((run.id for run in stopped if run.checkpoint() is not None), MOST_NAMED))
    return nearest(name, known) if known else f"No run in {runs} can go on."


def _again(run: store.Run) -> str:
    """Return a sentence with the command that trains a run from the beginning."""
    return f"Train it again: {command('train', str(run.directory / 'config.yaml'))}."


def _cure(run: store.Run, state: store.State) -> str:
    match state.status:
        case "finished":
            path = str(run.directory / "config.yaml")
            anew, more = (command("train", path, then=option) for option in ("epochs", "seeds"))
            return f"All its seeds are trained. With other epochs it is trained anew: {anew}. For more seeds: {more}."
        case "running":
            return "Wait for it, or stop it."
        case "failed":
            return f"Your own code failed in it. {_again(run)}"
        case _:
            return f"{state.reason}"


def resume(found: Interrupted, *, watch: Watch, note: Note = lambda text: None, draw: Draw = no_figures) -> Finished:
    """Train the rest of an interrupted run; its files are then equal to an uninterrupted run's.

    `watch`, `note` and `draw` are as in `train_experiment`. `resumed` in run.json records when the run continued.

    Raises:
        RunError: if it cannot continue with exactly the same numbers, or another process uses its directory.
        UserError: if the data or the model is invalid.
        WorkError: if training runs out of memory, or its directory can no longer be written.
    """
    run, experiment = found.run, found.experiment
    with resume_named(run):
        store.refuse_unwritable(run.directory)
    data = prepared(experiment)
    built = built_for(experiment, data)
    data = with_codes(data, built)
    path = run.checkpoint_file
    with store.resumed_directory(run.directory):
        record = run.record()
        if record.status == "finished":
            raise RunError(f"{run.id} was finished meanwhile. All its seeds are trained.")
        try:
            head, arrays = checkpoint.read(path)
            _refuse_differences(found, head, record, first_record(experiment, data, built, run.id, record.overrides))
            finished = finished_seeds(run, head, record, experiment, data.task)
            _refuse_other_rows(run, finished, experiment, data)
            before = None if head.engine is None else Snapshot(head.engine, arrays)
            del arrays
            step = Resumed(
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                epoch=head.epoch,
                seeds_finished=head.seeds_finished,
                changed=changed_versions(record.versions, deciding=False),
            )
            record = record.model_copy(update={"status": "running", "resumed": [*record.resumed, step]})
            note("tracing the program")
            with work_begun(), failure_marked(run.directory, record):
                ready = Prepared(experiment, data, built)
                trained = train_in(run.directory, record, ready, finished, watch=watch, note=note, before=before)
            return with_figures(trained, draw)
        except CheckpointError as error:
            raise RunError(f"{path}: {error}. {_again(run)}") from error


def _refuse_other_rows(run: store.Run, finished: FinishedSeeds, experiment: Experiment, data: Data) -> None:
    """Raise RunError if the kept rows of the finished seeds are missing, or are of other rows or measures."""
    from bnexp.training.kept_rows import held_out, keeps_measures, keeps_predictions

    training, path = experiment.training, run.directory / store.ROWS
    if finished.rows is None:
        if finished.history is not None and held_out(data) and keeps_measures(training, data, training.seeds):
            store.refuse_lost(path)
        return
    are_kept = {"predicted" in part.measures for part in finished.rows.parts.values()}
    if are_kept != {keeps_predictions(training, data, training.seeds)} or not is_of_data(finished.rows, data):
        raise RunError(f"{path}: is of other rows or measures. {_again(run)}")


def _refuse_differences(found: Interrupted, head: Head, record: store.RunRecord, now: store.RunRecord) -> None:
    """Raise RunError, with all differences, if any number could differ from an uninterrupted run's by even one bit."""
    differences = list(_differences(head, record, now))
    if differences:
        raise RunError(
            f"{found.run.id} cannot go on: {'; '.join(differences)}. Expected no difference: otherwise the "
            f"numbers could differ from an uninterrupted run's. {_again(found.run)}"
        )


def _differences(head: Head, record: store.RunRecord, now: store.RunRecord) -> Iterator[str]:
    """Yield each difference between the run at its start (`record`), its checkpoint (`head`), and `now`."""
    if (head.run, head.config_digest) != (record.id, record.config_digest):
        yield f"its checkpoint belongs to {head.run}"
    elif len(head.finished) >= len(now.seeds or ()) or tuple(head.finished) != (now.seeds or ())[: len(head.finished)]:
        yield f"its checkpoint lists {head.finished} as finished seeds"
    if record.config_digest != now.config_digest or record.seeds != now.seeds:
        yield "its config.yaml was changed"
    if (record.dataset.digest, record.dataset.source_sha256) != (now.dataset.digest, now.dataset.source_sha256):
        yield "its data have changed"
    if record.dataset.codes != now.dataset.codes:
        yield "inputs that are codes were scaled"
    if (record.network and record.network.sha256) != (now.network and now.network.sha256):
        yield "the files of its network, or packages that it imports, have changed"
    yield from changed_circumstances(record.versions, circumstances_of(record), circumstances_of(now))
    if head.processor != processor():
        yield "the processor is of another kind"
