"""Seeds of a run that need no training: an interrupted run has finished them, or they were copied from another run.

Either way they stand in the files of the run's own directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnexp import store
from bnexp.checkpoint import Head
from bnexp.errors import RunError
from bnexp.held_out import HeldOut
from bnexp.history import History


@dataclass(frozen=True)
class FinishedSeeds:
    """The first seeds of a run, which are finished, and what is known of the run's own training so far."""

    history: History | None = None
    """None if no seed is finished."""
    rows: HeldOut | None = None
    seconds: float = 0.0
    """Of training in this run, the seeds at work included."""
    paces: Sequence[float] = ()
    not_kept: Sequence[str] = ()


NONE_FINISHED = FinishedSeeds()
"""All seeds are to be trained."""


def finished_seeds(run: store.Run, head: Head, record: store.RunRecord) -> FinishedSeeds:
    """Read what an interrupted run keeps of the seeds that its checkpoint calls finished.

    Raises:
        RunError: if a file is missing or damaged, or lacks one of these seeds.
    """
    seeds = tuple(head.finished)
    history = rows = None
    if seeds:
        all_histories, all_rows = run.history(), run.held_out(record)
        for name, found in (("history.json", all_histories), (store.ROWS, all_rows)):
            if found is not None and not {*seeds} <= {*found.seeds}:
                raise RunError(f"{run.directory / name}: lacks finished seeds. Train again.")
        history, rows = all_histories.of(seeds), None if all_rows is None else all_rows.of(seeds)
    return FinishedSeeds(history, rows, head.seconds, head.paces, head.not_kept)
