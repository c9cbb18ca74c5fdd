"""The one training path: experiments that share a program are trained together, in waves if memory is short.

A run is a batch of one experiment, with an observer that writes its files. A study's job is a batch of many
experiments, and its observer writes no files. TensorFlow is imported here, inside functions.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.checkpoint import Keeper, Snapshot
from bnexp.config import Experiment
from bnexp.history import History, Watch, joined
from bnexp.store.records import Seeds
from bnexp.system.own_errors import errors_while_training

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.training.record import Stacked, Trained


@dataclass(frozen=True)
class Prepared:
    """An experiment with the data and the model that its training needs."""

    experiment: Experiment
    data: Data
    built: Built


@dataclass(frozen=True)
class Wave:
    """Seeds of one experiment that were trained together."""

    prepared: Prepared
    """The experiment, with the data of these seeds only."""
    initial: Stacked
    """The initial values of `model.variables`, each stacked over these seeds."""
    trained: Trained
    seconds: float
    """Seconds that training took, for all experiments of the wave together."""
    left: int
    """Number of seeds that are still to be trained."""


class BatchObserver(Keeper):
    """Hooks that are called while a batch is trained. By default each does nothing; a subclass may override it."""

    def epoch_ended(self, so_far: Sequence[History]) -> bool:
        """Handle the histories so far, after each epoch; return True to ask for a stop."""
        return False

    def wave_ended(self, wave: Wave) -> None:
        """Handle the result of a wave, once for each experiment. The weights are discarded after this call."""


def program_key(experiment: Experiment) -> str:
    """Return what experiments must have in common to share a program: the model and the training settings.

    The data, the initializer of the kernels and the initial learning rate may differ.
    """
    model, training = experiment.model.model_dump(), experiment.training.model_dump()
    model.pop("initializer", None)
    training["learning_rate"].pop("initial")
    return repr((model, training))


def train(
    batch: Sequence[Prepared],
    seeds: Seeds,
    observer: BatchObserver | None = None,
    *,
    largest_shard: int | None = None,
    before: Snapshot | None = None,
) -> Iterator[History]:
    """Train these seeds of experiments that share a program; yield the history of each experiment.

    As many experiments and seeds are trained together as fit in memory. At most `largest_shard` trainings run at the
    same time; None means as many as fit in memory and gain speed. If the batch is a single experiment, its first wave
    can continue from the snapshot `before`. If the observer asks for a stop, the experiments that have not begun get
    no history.

    Raises:
        CheckpointError: if `before` belongs to another wave.
        MemoryError: if TensorFlow runs out of memory.
    """
    for part in _fitting(batch, len(seeds)):
        stopped = yield from _in_waves(part, seeds, observer or BatchObserver(), largest_shard, before)
        if stopped:
            return


def _fitting(batch: Sequence[Prepared], seeds: int) -> Iterator[Sequence[Prepared]]:
    """Yield groups of experiments that fit in memory together with all their seeds; each group has at least one."""
    from bnexp.training import most_together

    first, size = batch[0], 1
    if len(batch) > 1:
        rows = {id(one.data.rows): one.data.rows.x.nbytes for one in batch}
        beside = sum(rows.values()) - first.data.rows.x.nbytes
        size = max(1, most_together(first.built.model, first.data, first.experiment.training, beside=beside) // seeds)
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def _in_waves(
    part: Sequence[Prepared],
    seeds: Seeds,
    observer: BatchObserver,
    largest_shard: int | None,
    before: Snapshot | None,
) -> Generator[History, None, bool]:
    """Yield the history of each experiment of a part; return True if training was stopped."""
    from bnexp.training import waves

    first, asked, stopped = part[0], False, False
    histories: list[list[History]] = [[] for _ in part]

    def watch(so_far: Sequence[History]) -> bool:
        """Report the histories of all waves so far, and remember whether the observer asks for a stop."""
        nonlocal asked
        earlier = [history for several in histories for history in several]
        asked = observer.epoch_ended([*earlier, *so_far])
        return asked

    for wave in waves(first.built.model, first.data, first.experiment.training, len(seeds)):
        cut = [replace(one, data=one.data.of(wave)) for one in part]
        options: dict[str, Any] = {"keeper": observer, "before": before}
        options |= {} if largest_shard is None else {"largest_shard": largest_shard}
        trained, before = _trained(cut, seeds[wave], watch, options, left=len(seeds) - wave.stop), None
        for several, one in zip(histories, trained, strict=True):
            several.append(one.trained.history)
            observer.wave_ended(one)
        stopped = asked or any(one.trained.interrupted for one in trained)
        if stopped:
            break
    yield from map(joined, histories)
    return stopped


def _trained(
    part: Sequence[Prepared], seeds: Seeds, watch: Watch, options: Mapping[str, Any], *, left: int
) -> list[Wave]:
    """Train these seeds of several experiments with an engine that is exact for them; it gets the options."""
    from bnexp.data import joined_data
    from bnexp.training import engine_of, memory_errors

    with memory_errors(), errors_while_training():
        drawn = {id(one.built): one.built.initial.draw(seeds) for one in part}
    initial = [drawn[id(one.built)] for one in part]
    settings, model = [one.experiment.training for one in part], part[0].built.model
    data, stacked = part[0].data, initial[0]
    if len(part) > 1:
        data = joined_data([one.data for one in part])
        stacked = [np.concatenate(values) for values in zip(*initial, strict=True)]
    begun = time.monotonic()
    with errors_while_training():
        trained = engine_of(settings[0], model).train(model, data, settings, seeds, stacked, watch, **options)
    seconds = time.monotonic() - begun
    return [Wave(*each, seconds, left) for each in zip(part, initial, trained, strict=True)]
