"""What both trainers return, and the rules that decide for each seed: divergence and early stopping.

Axes: S seeds, E epochs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.checkpoint import Arrays, CheckpointError, Facts, Snapshot, numbered
from bnexp.config.training import EarlyStopping
from bnexp.history import History
from bnexp.metrics import higher_is_better

Stacked = list[NDArray[Any]]
"""Values of `model.variables`, each stacked over seeds: (S, *shape)."""

Rows = dict[str, dict[str, NDArray[Any]]]
"""Part -> measures of each of its rows: `loss` and, for classes, `accuracy`, each (S, R). `predicted` is (S, R) or, for
several classes, the probabilities (S, R, C)."""


SEEDS_AT_ONCE = "the wave of seeds that memory holds at once"
"""What a message calls a checkpoint's list of seeds."""


@dataclass(frozen=True)
class Trained:
    """The outcome of training all seeds of one experiment.

    `weights` are the final values of `model.variables`, each (S, *shape).
    `batches` holds digests of the rows that each seed was fed (`OrderDigests.facts`).
    `rows` holds the measures of the held-out rows with the final weights; it is empty if they are not kept.
    `interrupted` is True if the user stopped a training before its end.
    """

    history: History
    weights: Stacked
    batches: dict[str, dict[str, str]]
    rows: Rows = field(default_factory=dict)
    interrupted: bool = False


@dataclass
class Record:
    """A history that grows by one epoch at a time, with one row of values for each training.

    The seeds of several experiments may follow each other, so a single training is identified by its row.
    """

    seeds: tuple[int, ...]
    early_stopping: EarlyStopping | None
    epochs: int = 0
    diverged_at: dict[int, int] = field(default_factory=dict)
    best_epoch: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with every seed training and nothing measured."""
        count = len(self.seeds)
        self.training_S = np.ones(count, bool)
        self.epochs_S = np.zeros(count, int)
        self._best_S = np.full(count, np.nan)
        self._waited_S = np.zeros(count, int)
        self._room: dict[str, NDArray[np.float64]] = {}

    def add(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Record one epoch, metric -> (S,); return a mask, (S,), of the seeds that would end with their new weights."""
        measured_S = self.training_S.copy()
        for name, value in values.items():
            self._column(name)[:] = np.where(measured_S, value, np.nan)
        self.epochs += 1
        self.epochs_S[measured_S] += 1
        finite_S = np.isfinite(values["loss"]) & np.isfinite(values["val_loss"])
        for row in np.flatnonzero(measured_S & ~finite_S):
            self.diverged_at[int(row)] = self.epochs
        self.training_S &= finite_S
        better_S = self._judge(values)
        restores = self.early_stopping is not None and self.early_stopping.restore_best
        return better_S if restores else measured_S

    def _column(self, name: str) -> NDArray[np.float64]:
        """Return the array for a metric's next epoch, (S,). The space for epochs doubles when it is full."""
        room = self._room.get(name, np.empty((len(self.seeds), 0)))
        if room.shape[1] == self.epochs:
            room = np.pad(room, ((0, 0), (0, max(64, self.epochs))), constant_values=np.nan)
            self._room[name] = room
        return room[:, self.epochs]

    def _judge(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Apply Keras's early-stopping rule to each seed; return a mask of those that have just reached their best."""
        rule = self.early_stopping
        if rule is None:
            return self.training_S
        sign = 1 if higher_is_better(rule.monitor) else -1
        score_S = sign * np.asarray(values[rule.monitor], float)
        beyond_S = (score_S - rule.min_delta).astype("float32") > self._best_S.astype("float32")  # as Keras compares
        better_S: NDArray[np.bool_] = self.training_S & (np.isnan(self._best_S) | beyond_S)
        self._best_S = np.where(better_S, score_S, self._best_S)
        self._waited_S = np.where(better_S, 0, self._waited_S + 1)
        self.best_epoch |= {int(row): self.epochs for row in np.flatnonzero(better_S)}
        if self.epochs > 1:
            self.training_S &= self._waited_S < max(rule.patience, 1)
        return better_S

    def history(self, rows: slice = slice(None)) -> History:
        """Return the history so far of these rows, which are the seeds of one experiment."""
        seeds = dict(zip(range(len(self.seeds))[rows], self.seeds[rows], strict=True))
        epochs_S = tuple(self.epochs_S[rows].tolist())
        metrics = {name: values[rows, : max(epochs_S)] for name, values in self._room.items()}
        kept = self.best_epoch if self.early_stopping and self.early_stopping.restore_best else {}
        return History(
            tuple(seeds.values()), metrics, epochs_S, _by_seed(seeds, self.diverged_at), _by_seed(seeds, kept)
        )

    # --- checkpoints ----------------------------------------------------------------

    def facts(self) -> Facts:
        """Return what a checkpoint holds of this record besides `arrays`."""
        return {
            "epoch": self.epochs,
            "seeds": list(self.seeds),
            "metrics": list(self._room),
            "diverged_at": [self.diverged_at.get(row, 0) for row in range(len(self.seeds))],
            "best_epoch": [self.best_epoch.get(row, 0) for row in range(len(self.seeds))],
        }

    def arrays(self) -> Arrays:
        """Yield the arrays of a checkpoint with their names."""
        yield from numbered("record", [self.training_S, self.epochs_S, self._best_S, self._waited_S])
        yield from numbered("metric", [room[:, : self.epochs] for room in self._room.values()])

    def go_on(self, snapshot: Snapshot, epochs: int, metrics: Sequence[str]) -> None:
        """Restore the record from a checkpoint; `epochs` is the largest valid number, `metrics` are the measured ones.

        Raises:
            CheckpointError: if the checkpoint is of other seeds or metrics.
        """
        snapshot.fact("seeds", list(self.seeds), SEEDS_AT_ONCE)
        order = snapshot.facts.get("metrics")
        if not isinstance(order, list) or {*map(str, order)} != {*metrics} or len(order) != len(metrics):
            raise CheckpointError(f"metrics is {order}; expected {list(metrics)}")
        self.epochs = snapshot.epochs("epoch", epochs)
        own = [self.training_S, self.epochs_S, self._best_S, self._waited_S]
        self.training_S, self.epochs_S, self._best_S, self._waited_S = snapshot.take_all("record", own)
        like = np.empty((len(self.seeds), self.epochs))
        self._room = dict(zip(map(str, order), snapshot.take_all("metric", [like] * len(order)), strict=True))
        self.diverged_at = self._marks(snapshot, "diverged_at")
        self.best_epoch = self._marks(snapshot, "best_epoch")

    def _marks(self, snapshot: Snapshot, name: str) -> dict[int, int]:
        """Return row -> epoch, from a list with an epoch for each row; 0 means none."""
        found = snapshot.facts.get(name)
        if not isinstance(found, list) or len(found) != len(self.seeds):
            raise CheckpointError(f"{name} is no list of {len(self.seeds)} epochs")
        return {row: epoch for row, epoch in enumerate(found) if isinstance(epoch, int) and epoch}


def _by_seed(seeds: Mapping[int, int], epochs: Mapping[int, int]) -> dict[int, int]:
    """Turn row -> epoch into seed -> epoch, for these rows' seeds."""
    return {seeds[row]: epoch for row, epoch in epochs.items() if row in seeds}
