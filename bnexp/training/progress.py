"""The progress of stacked trainings between two epochs: what a checkpoint holds, and how training continues from it.

Axes: S trainings, R rows of one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.checkpoint import Arrays, CheckpointError, Facts, Snapshot, numbered
from bnexp.training.program import State
from bnexp.training.record import Record, Stacked
from bnexp.training.shards import Values

ENGINE = "many_seeds"


@dataclass
class Progress:
    """What changes from epoch to epoch: the state of each shard, and the record of all trainings.

    `ended` holds the weights that each training would end with now, and `measured` the measures of each held-out row
    with these weights, (S, R). Both are empty if these are the newest weights and measures of all trainings.
    """

    states: list[State]
    record: Record
    ended: Stacked | None = None
    measured: Values = field(default_factory=dict)

    def size(self) -> int:
        """Estimate the bytes of a checkpoint of this progress."""
        states: int = sum(_bytes(tensor) for state in self.states for part in state for tensor in part)
        return states + sum(int(array.nbytes) for array in (*(self.ended or ()), *self.measured.values()))

    def facts(self, shards: list[list[int]], epochs: int) -> Facts:
        """Return what a checkpoint holds besides `arrays`; `shards` lists each shard's rows, `epochs` is the total."""
        return {
            "engine": ENGINE,
            "epochs": epochs,
            "shards": shards,
            "measured": list(self.measured),
            "ended": self.ended is not None,
            **self.record.facts(),
        }

    def arrays(self) -> Arrays:
        """Yield the arrays of a checkpoint with their names. They are copied out of TensorFlow one at a time."""
        for number, state in enumerate(self.states):
            for kind, tensors in zip(State._fields, state, strict=True):
                yield from numbered(f"shard-{number}/{kind}", (tensor.numpy() for tensor in tensors))
        yield from numbered("ended", self.ended or ())
        yield from ((f"rows/{name}", array) for name, array in self.measured.items())
        yield from self.record.arrays()

    def go_on(
        self,
        snapshot: Snapshot,
        *,
        shards: list[list[int]],
        epochs: int,
        metrics: list[str],
        weights: Stacked,
        rows: Mapping[str, int],
    ) -> None:
        """Restore the progress from a checkpoint of the same trainings.

        `weights` have the shapes of all trainings' weights. `rows` maps each kept held-out part to its number of rows.

        Raises:
            CheckpointError: if the checkpoint belongs to other trainings, or to another machine.
        """
        snapshot.fact("engine", ENGINE, "the engine")
        snapshot.fact("epochs", epochs, "the number of epochs")
        self.record.go_on(snapshot, epochs, metrics)
        snapshot.fact("shards", shards, "how many seeds are worked on at a time (by the memory limit and the cores)")
        self.states[:] = [_restored(snapshot, f"shard-{number}", one) for number, one in enumerate(self.states)]
        if snapshot.facts.get("ended") is True:
            self.ended = snapshot.take_all("ended", weights)
        for name in _names(snapshot.facts.get("measured")):
            count = rows.get(name.partition("_")[0], 0)
            self.measured[name] = snapshot.take(f"rows/{name}", np.empty((len(self.record.seeds), count), "float32"))


def _restored(snapshot: Snapshot, name: str, like: State) -> State:
    parts = [
        [tf.constant(array) for array in snapshot.take_all(f"{name}/{kind}", list(map(_shaped_like, tensors)))]
        for kind, tensors in zip(State._fields, like, strict=True)
    ]
    return State(*parts)


def _shaped_like(tensor: Any) -> NDArray[Any]:
    """Return an array with a tensor's shape and type that needs almost no memory."""
    return np.broadcast_to(np.zeros((), tensor.dtype.as_numpy_dtype), tensor.shape)


def _bytes(tensor: Any) -> int:
    return int(tensor.shape.num_elements()) * int(tensor.dtype.size)


def _names(found: Any) -> Iterable[str]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise CheckpointError("the stored names of metrics are no list of texts")
    return found
