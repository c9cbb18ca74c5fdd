"""What an interrupted run has finished: the seeds of the waves that are over, read back from its own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnexp import store
from bnexp.checkpoint import Head
from bnexp.errors import RunError
from bnexp.held_out import HeldOut
from bnexp.history import History


@dataclass(frozen=True)
class FinishedWaves:
    """The finished seeds of a run, and what is known of all its training so far."""

    history: History | None
    """None if no wave is over."""
    rows: HeldOut | None
    seconds: float
    paces: Sequence[float]
    not_kept: Sequence[str]


def finished_waves(run: store.Run, head: Head) -> FinishedWaves:
    """Read what a run keeps of the seeds that its checkpoint calls finished.

    Raises:
        RunError: if a file is missing or damaged, or lacks one of these seeds.
    """
    seeds = tuple(head.finished)
    history = rows = None
    if seeds:
        all_histories, all_rows = run.history(), run.held_out()
        for name, found in (("history.json", all_histories), ("rows.npz", all_rows)):
            if found is not None and not {*seeds} <= {*found.seeds}:
                raise RunError(f"{run.directory / name}: lacks finished seeds. Train again.")
        history, rows = all_histories.of(seeds), None if all_rows is None else all_rows.of(seeds)
    return FinishedWaves(history, rows, head.seconds, head.paces, head.not_kept)
