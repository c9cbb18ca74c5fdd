"""Seeds of a run that need no training: an interrupted run has finished them, or they were copied from another run.

In both cases the files in the run's own directory hold them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bnexp import store
from bnexp.checkpoint import Head
from bnexp.config import Experiment
from bnexp.config.section import Task
from bnexp.config.training import Training
from bnexp.errors import RunError, counted
from bnexp.held_out import HeldOut
from bnexp.history import History


@dataclass(frozen=True)
class FinishedSeeds:
    """The first seeds of a run, which are finished, and the time that the run has spent on training so far."""

    history: History | None = None
    """History of the finished seeds; None if no seed is finished."""
    rows: HeldOut | None = None
    seconds: float = 0.0
    """Seconds of training in this run so far, including seeds that were not finished."""
    paces: Sequence[float] = ()
    not_kept: Sequence[str] = ()


NONE_FINISHED = FinishedSeeds()
"""For a run in which no seed is finished yet."""


def finished_seeds(
    run: store.Run, head: Head, record: store.RunRecord, experiment: Experiment, task: Task
) -> FinishedSeeds:
    """Return the seeds of an interrupted run that its checkpoint lists as finished, read from the run's files.

    Raises:
        RunError: if a file is missing or damaged, or lacks one of these seeds, or if it has other metrics or epochs
            than the experiment.
    """
    seeds = tuple(head.finished)
    history = rows = None
    if seeds:
        all_histories, all_rows = run.measured(record)
        for name, found in (("history.json", all_histories), (store.ROWS, all_rows)):
            if found is not None and not {*seeds} <= {*found.seeds}:
                raise RunError(f"{run.directory / name}: lacks finished seeds. Train again.")
        history, rows = all_histories.of(seeds), None if all_rows is None else all_rows.of(seeds)
        if differences := list(other_measures(history, experiment, task)):
            path = run.directory / "history.json"
            raise RunError(f"{path}: is of another training ({'; '.join(differences)}). {store.cure(path)}")
    return FinishedSeeds(history, rows, head.seconds, head.paces, head.not_kept)


def other_measures(history: History, experiment: Experiment, task: Task) -> Iterator[str]:
    """Yield how a history of finished seeds differs from what the experiment measures: other metrics, other epochs."""
    if list(history.metrics) != experiment.measured(task):
        yield "other metrics were measured"
    yield from other_epochs(history, experiment.training)


def other_epochs(history: History, training: Training) -> Iterator[str]:
    """Yield a message on the first finished seed with too many epochs, or with too few and no reason for it."""
    for seed, epochs in zip(history.seeds, history.epochs_S, strict=True):
        may_be_fewer = seed in history.diverged_at or training.early_stopping is not None
        if epochs > training.epochs or (epochs < training.epochs and not may_be_fewer):
            yield f"seed {seed} has {counted(epochs, 'epoch')}, and training.epochs is {training.epochs}"
            return
