"""Training: turns data, a built model and settings into a history and final weights."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Protocol

import keras

from bnexp.checkpoint import NOT_KEPT, Keeper, Snapshot
from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.errors import SettingError
from bnexp.history import Watch
from bnexp.training import keras_fit, many_seeds
from bnexp.training.memory import LARGEST_SHARD, memory_errors, most_together, refuse_too_large, waves
from bnexp.training.record import Stacked, Trained

__all__ = ["Engine", "engine_name", "engine_of", "memory_errors", "most_together", "refuse_too_large", "waves"]


class Engine(Protocol):
    """A way to train. Each engine is a module of this package."""

    def why_not(self, training: Training, model: keras.Model) -> str | None:
        """Return why this engine cannot train the model exactly; None if it can."""

    def train(
        self,
        model: keras.Model,
        data: Data,
        trainings: Sequence[Training],
        seeds: tuple[int, ...],
        initial: Stacked,
        watch: Watch,
        *,
        largest_shard: int = LARGEST_SHARD,
        keeper: Keeper = NOT_KEPT,
        before: Snapshot | None = None,
    ) -> list[Trained]:
        """Train the seeds of several experiments that share a program; return one result for each experiment.

        The experiments may differ in initial weights, in data of one shape, and in the initial learning rate. `data`
        and `initial` have a row for each experiment and seed: all seeds of the first experiment, then of the next.
        `watch` is called after every epoch; then `keeper` may write a checkpoint. With `before`, training continues
        from that snapshot of a checkpoint.

        Raises:
            CheckpointError: if `before` belongs to other trainings, or to another machine.
            MemoryError: if TensorFlow runs out of memory.
        """


ENGINES: MappingProxyType[str, Engine] = MappingProxyType({"many_seeds": many_seeds, "keras_fit": keras_fit})
"""Name -> engine, the fastest first."""


def engine_name(training: Training, model: keras.Model) -> tuple[str, str | None]:
    """Return the engine's name, and why it does not train all seeds at once (None if it does).

    Raises:
        SettingError: if the config asks for an engine that would not be exact.
    """
    objections = {name: engine.why_not(training, model) for name, engine in ENGINES.items()}
    exact = [name for name, objection in objections.items() if objection is None]
    asked = training.trainer
    if asked == "auto":
        return exact[0], objections["many_seeds"]
    if asked not in exact:
        raise SettingError("training.trainer", f"is {asked}; {objections[asked]}. Use auto or {exact[0]}.")
    return asked, None if asked == "many_seeds" else f"training.trainer is {asked}"


def engine_of(training: Training, model: keras.Model) -> Engine:
    """Return the engine that trains this model (`engine_name`)."""
    return ENGINES[engine_name(training, model)[0]]
