"""Trains one experiment into a run directory: prepares it, trains it as a batch of one, and records it.

TensorFlow is imported here, inside functions, and only when something is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnexp import config, store
from bnexp.checkpoint import CheckpointError, Snapshot
from bnexp.config import Experiment
from bnexp.config.real import RealDataset
from bnexp.errors import StorageError, WorkError, work_begun
from bnexp.experiment.batch import Prepared, train
from bnexp.experiment.codes import with_codes
from bnexp.experiment.copied_seeds import copied_seeds, note_kept
from bnexp.experiment.data_facts import name_of, recorded_data_facts
from bnexp.experiment.finished_seeds import NONE_FINISHED, FinishedSeeds
from bnexp.experiment.kept_seeds import KeptSeeds
from bnexp.experiment.network_facts import network_facts
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.run_files import RunFiles
from bnexp.experiment.warnings import warnings_of
from bnexp.history import History, Watch
from bnexp.statistics.arrays import Floats
from bnexp.store.run_record import Git, Machine, Pairing, Parameters, Summary, TrainedSeeds, Trainer
from bnexp.system.interrupts import finishing_the_epoch
from bnexp.system.listeners import Note
from bnexp.system.machine import git_state, machine, memory_limit, versions
from bnexp.system.own_errors import OwnCodeError

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built


Draw = Callable[[store.Run], list[str]]
"""Draws the figures of a trained run; returns a warning for each figure that could not be drawn."""


def no_figures(run: store.Run) -> list[str]:
    """Draw no figures; return no warnings."""
    return []


@dataclass(frozen=True)
class Finished:
    """A run after training, finished or interrupted: its directory, its record as in run.json, and its history."""

    run: store.Run
    record: store.RunRecord
    history: History

    @property
    def interrupted(self) -> bool:
        """Return True if the user stopped the run before its last epoch."""
        return self.record.status == "interrupted"


def train_experiment(
    experiment: Experiment,
    runs: Path,
    *,
    watch: Watch,
    note: Note = lambda text: None,
    overrides: Sequence[str] = (),
    kept: KeptSeeds | None = None,
    draw: Draw = no_figures,
) -> Finished:
    """Train every seed of an experiment and keep everything in a new run directory.

    `watch` is called with the histories so far after every epoch; it can ask for a stop. `note` is called with a line
    for each step of the work. `overrides` are the settings that replaced values of the config file; they are recorded.
    `kept` holds seeds of an earlier run, which are not trained again. `draw` draws the figures while the run's
    directory is still locked.

    Raises:
        UserError: before anything is written, if the data, the model or the directory is invalid.
        WorkError: if training runs out of memory, or its directory can no longer be written.
    """
    store.refuse_unwritable(runs)
    note("reading the data" if isinstance(experiment.dataset, RealDataset) else "drawing the data")
    data = prepared(experiment, note=note)
    note("loading TensorFlow")
    built = built_for(experiment, data)
    data = with_codes(data, built)
    with store.new_directory(runs, experiment.name) as directory, work_begun():
        record, finished = first_record(experiment, data, built, directory.name, overrides), NONE_FINISHED
        if kept is not None:
            note_kept(kept, record)
        store.write(directory / "config.yaml", config.dump(experiment))
        store.write_record(directory / "run.json", record)
        with failure_marked(directory, record):
            if kept is not None:
                finished = copied_seeds(kept, directory, record)
            note("tracing the program")
            ready = Prepared(experiment, data, built)
            trained = train_in(directory, record, ready, finished, watch=watch, note=note)
        return with_figures(trained, draw)


def train_in(
    directory: Path,
    record: store.RunRecord,
    prepared: Prepared,
    finished: FinishedSeeds,
    *,
    watch: Watch,
    note: Note,
    before: Snapshot | None = None,
) -> Finished:
    """Train the seeds that are not finished, and write all files of the run.

    If there is a snapshot `before`, the seeds at work when it was made continue from it.

    Raises:
        CheckpointError: if `before` belongs to other trainings, or to another machine.
        WorkError: if training runs out of memory.
    """
    experiment = prepared.experiment
    with finishing_the_epoch(note) as interrupted:
        files = RunFiles(directory, record, lambda so_far: watch(so_far) or interrupted(), finished)
        seeds = experiment.training.all_seeds()[files.seeds_before :]
        rest = replace(prepared, data=prepared.data.of(slice(files.seeds_before, None)))
        try:
            (_,) = train([rest], seeds, files, before=before)
        except MemoryError as error:
            raise WorkError(_out_of_memory(experiment, error)) from error
        except OwnCodeError as error:
            raise OwnCodeError(f"{experiment.name}: {error}") from error
        files.close()
        _complete(record, prepared, files)
        store.write_record(directory / "run.json", record)
        files.remove_checkpoint()
    return Finished(store.Run(directory), record, files.history)


def with_figures(trained: Finished, draw: Draw) -> Finished:
    """Draw the figures of a recorded run, and add to its record which figures could not be drawn."""
    if told := draw(trained.run):
        trained.record.not_kept = [*trained.record.not_kept, *told]
        with suppress(StorageError):  # the run is complete without a note on its figures
            store.write_record(trained.run.directory / "run.json", trained.record)
    return trained


def _out_of_memory(experiment: Experiment, error: MemoryError) -> str:
    training = experiment.training
    limit = memory_limit(training.memory_limit_bytes()) / 2**30
    return (
        f"{experiment.name}: training ran out of memory ({error}); training.memory_limit is {limit:.2f} GiB. "
        "Use a lower limit, so that fewer seeds are worked on at a time, or a smaller model or training.batch_size."
    )


def first_record(
    experiment: Experiment, data: Data, built: Built, run: str, overrides: Sequence[str]
) -> store.RunRecord:
    """Return the content of run.json before training: the experiment, the data, the machine and the versions."""
    from bnexp.training import engine_name
    from bnexp.training.devices import gpus

    trainer, reason = engine_name(experiment.training, built.model)
    started, seeds = datetime.now(UTC).isoformat(timespec="seconds"), experiment.training.all_seeds()
    here = Machine.model_validate(machine() | ({"gpus": found} if (found := gpus()) else {}))
    weights = {"trainable": built.model.trainable_weights, "non_trainable": built.model.non_trainable_weights}
    return store.RunRecord(
        format=1,
        id=run,
        name=experiment.name,
        status="running",
        config_digest=config.digest(experiment),
        started=started,
        seeds=seeds,
        trained=[TrainedSeeds(seeds=seeds, run=run, started=started, machine=here)],
        trainer=Trainer(name=trainer, reason=reason),
        network=network_facts(experiment, built),
        dataset=recorded_data_facts(name_of(experiment.dataset), data),
        parameters=Parameters(**{kind: sum(int(np.prod(one.shape)) for one in of) for kind, of in weights.items()}),
        versions=versions(),
        machine=here,
        git=None if (state := git_state()) is None else Git.model_validate(state),
        overrides=list(overrides),
        pairing=Pairing(),
        models={},
        seed_epoch_seconds=None,
    )


def _complete(record: store.RunRecord, prepared: Prepared, files: RunFiles) -> None:
    """Add what is known after training: status, duration, final and best metrics, and warnings."""
    experiment, data, built, measured = prepared.experiment, prepared.data, prepared.built, files.history
    steps = data.steps(experiment.training.batch_size, experiment.training.drop_last)
    record.status = "interrupted" if files.interrupted else "finished"
    record.trained[-1].duration_seconds = files.seconds
    record.duration_seconds = sum(one.duration_seconds or 0.0 for one in record.trained)
    if files.paces:
        record.seed_epoch_seconds = float(np.median(files.paces))
    record.diverged = {str(seed): epoch for seed, epoch in measured.diverged_at.items()}
    record.metrics = {name: _summary(measured, name, data.guessing) for name in measured.metrics}
    fewest = steps * measured.fewest_kept
    record.warnings = warnings_of(experiment, fewest, built.warnings, built.own_momenta)
    record.not_kept = [*files.not_kept, *_rows_not_kept(experiment, data)]


def _rows_not_kept(experiment: Experiment, data: Data) -> list[str]:
    """Return which measures of held-out rows are not kept, and why; empty if all are kept."""
    from bnexp.training.kept_rows import not_kept

    warning = not_kept(experiment.training, data, experiment.training.seeds)
    return [] if warning is None else [warning]


def _summary(measured: History, metric: str, guessing: Mapping[str, float]) -> Summary:
    """Return the means over seeds of a metric's final and best values."""
    values = (measured.final(metric), measured.best(metric))
    final, best = (_finite_mean(measured.as_judged(metric, values_S, guessing)) for values_S in values)
    return Summary(final=final, best=best)


def _finite_mean(values_S: Floats) -> float | None:
    finite = values_S[np.isfinite(values_S)]
    return float(np.mean(finite)) if len(finite) else None


@contextmanager
def failure_marked(directory: Path, record: store.RunRecord) -> Iterator[None]:
    """Mark the run in its record if training raises any other error than CheckpointError.

    It is failed if the user's own code fails, because it would fail again. Otherwise it is interrupted.
    """
    with resume_named(store.Run(directory)):
        try:
            yield
        except CheckpointError:  # nothing was trained
            raise
        except BaseException as error:
            status = "failed" if isinstance(error, OwnCodeError) else "interrupted"
            with suppress(StorageError):  # a failed write may be the error that is already raised
                store.write_record(directory / "run.json", record.model_copy(update={"status": status}))
            raise


@contextmanager
def resume_named(run: store.Run) -> Iterator[None]:
    """Let a StorageError name the command that goes on from the run's checkpoint, if it has one."""
    try:
        yield
    except StorageError as error:
        if not error.seen or run.checkpoint() is None:
            raise
        cure = f"Free some space, or make the directory writable. Then go on: {run.going_on}"
        raise StorageError(f"{error.seen} {cure}") from error
