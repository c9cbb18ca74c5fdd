"""The progress of the reference trainer as a checkpoint holds it: the finished seeds, and the current seed.

Axes: M metrics, E epochs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp.checkpoint import Arrays, CheckpointError, Facts, Snapshot, numbered
from bnexp.history import History
from bnexp.training.record import SEEDS_AT_ONCE, Rows

ENGINE = "keras_fit"
STOPPING = ("wait", "stopped_epoch", "best_epoch")
"""The counters of Keras's early stopping."""


@dataclass
class Done:
    """The finished seeds: their histories, their final weights and, if kept, the measures of their held-out rows."""

    histories: list[History] = field(default_factory=list)
    weights: list[list[NDArray[Any]]] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)

    def size(self) -> int:
        """Estimate the bytes of a checkpoint of these seeds."""
        return sum(array.nbytes for one in self.weights for array in one)

    def facts(self, seeds: Sequence[int], epochs: int) -> Facts:
        """Return what a checkpoint holds besides `arrays`; `seeds` are all of the wave, `epochs` all of each seed."""
        return {
            "engine": ENGINE,
            "epochs": epochs,
            "epoch": 0,
            "seeds": [*seeds],
            "finished": [_marks(history) for history in self.histories],
            "rows": [[part, name] for part, measured in (self.rows or [{}])[0].items() for name in measured],
        }

    def arrays(self) -> Arrays:
        """Yield the arrays of a checkpoint with their names."""
        for number, (history, weights) in enumerate(zip(self.histories, self.weights, strict=True)):
            yield f"history-{number}", np.stack([values[0] for values in history.metrics.values()])
            yield from numbered(f"weights-{number}", weights)
        for number, rows in enumerate(self.rows):
            yield from (
                (f"rows-{number}/{part}/{name}", one) for part, many in rows.items() for name, one in many.items()
            )

    def go_on(
        self,
        snapshot: Snapshot,
        *,
        seeds: Sequence[int],
        epochs: int,
        metrics: Sequence[str],
        model: keras.Model,
        held_out: Mapping[str, int],
    ) -> None:
        """Restore the finished seeds of a checkpoint. `held_out` maps each kept part to its number of rows.

        Raises:
            CheckpointError: if the checkpoint belongs to other seeds, or to another model.
        """
        snapshot.fact("engine", ENGINE, "the engine")
        snapshot.fact("epochs", epochs, "the number of epochs")
        snapshot.fact("seeds", [*seeds], SEEDS_AT_ONCE)
        finished, kept = snapshot.facts.get("finished"), snapshot.facts.get("rows")
        if not isinstance(finished, list) or len(finished) > len(seeds) or not isinstance(kept, list):
            raise CheckpointError("it has no list of finished seeds")
        like = [variable.numpy() for variable in model.variables]
        for number, marks in enumerate(finished):
            self.histories.append(_history(snapshot, number, seeds[number], marks, epochs, metrics))
            self.weights.append(snapshot.take_all(f"weights-{number}", like))
            if held_out:
                self.rows.append(_rows(snapshot, number, kept, held_out))


def _rows(snapshot: Snapshot, number: int, kept: Sequence[Any], held_out: Mapping[str, int]) -> Rows:
    """Return the measures of one seed's held-out rows, and remove them from the snapshot."""
    found: Rows = {part: {} for part in held_out}
    for part, name in kept:
        values = snapshot.taken(f"rows-{number}/{part}/{name}")
        if part not in held_out or len(values) != held_out[part]:
            raise CheckpointError(f"rows-{number}/{part}/{name} has {values.shape}; expected rows of {dict(held_out)}")
        found[part][name] = values
    return found


def _marks(history: History) -> list[int]:
    """Return how many epochs a seed has, the epoch at which it diverged, and its best epoch; 0 means none."""
    (seed,) = history.seeds
    return [history.epochs_S[0], history.diverged_at.get(seed, 0), history.best_epoch.get(seed, 0)]


def _history(snapshot: Snapshot, number: int, seed: int, marks: Any, epochs: int, metrics: Sequence[str]) -> History:
    if not isinstance(marks, list) or len(marks) != 3 or not all(isinstance(one, int) for one in marks):
        raise CheckpointError(f"the epochs stored for seed {seed} are {marks}; expected three whole numbers")
    ran, diverged, best = marks
    if not 1 <= ran <= epochs:
        raise CheckpointError(f"seed {seed} has {ran} epochs; expected 1 to {epochs}")
    values_ME = snapshot.take(f"history-{number}", np.empty((len(metrics), ran)))
    found = {name: values_E[None] for name, values_E in zip(metrics, values_ME, strict=True)}
    return History((seed,), found, (ran,), {seed: diverged} if diverged else {}, {seed: best} if best else {})


@dataclass
class AtWork:
    """The seed that is being trained: its model, and its early stopping."""

    model: keras.Model
    stopping: keras.callbacks.EarlyStopping | None

    def size(self) -> int:
        """Estimate the bytes of a checkpoint of this seed."""
        return sum(4 * int(np.prod(variable.shape)) for variable in self._variables())

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def facts(self, epoch: int) -> Facts:
        """Return what a checkpoint after this number of epochs holds of this seed besides `arrays`."""
        found: dict[str, Any] = {"epoch": epoch}
        if self.stopping is not None:
            found |= {name: int(getattr(self.stopping, name)) for name in STOPPING}
            found["best_weights"] = self.stopping.best_weights is not None
        return found

    def arrays(self) -> Arrays:
        """Yield the arrays of a checkpoint with their names. They are copied out of TensorFlow one at a time."""
        yield from numbered("variable", (variable.numpy() for variable in self._variables()))
        if self.stopping is not None:
            yield "best", np.array(np.nan if self.stopping.best is None else self.stopping.best, "float64")
            yield from numbered("best", self.stopping.best_weights or ())

    def go_on(self, snapshot: Snapshot) -> None:
        """Restore the model and its optimizer from a snapshot."""
        self.model.optimizer.build(self.model.trainable_variables)
        like = [variable.numpy() for variable in self._variables()]
        for variable, values in zip(self._variables(), snapshot.take_all("variable", like), strict=True):
            variable.assign(values)


class Remembers(keras.callbacks.Callback):
    """Restores the state of early stopping, which Keras clears when training begins. Must come after early stopping."""

    def __init__(self, stopping: keras.callbacks.EarlyStopping, snapshot: Snapshot, epochs: int) -> None:
        super().__init__()
        self._stopping = stopping
        self._counts = {name: snapshot.epochs(name, epochs) for name in STOPPING}
        self._best = float(snapshot.take("best", np.array(0.0)))
        self._snapshot = snapshot

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore the counters, the best value and the best weights of early stopping."""
        for name, count in self._counts.items():
            setattr(self._stopping, name, count)
        self._stopping.best = self._best
        if self._snapshot.facts.get("best_weights") is True:
            self._stopping.best_weights = self._snapshot.take_all("best", self.model.get_weights())
