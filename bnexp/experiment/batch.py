"""Trains experiments of which nothing is kept but what was measured; those that can share a program do.

Axis: S seeds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.config import Experiment
from bnexp.data.fingerprint import Sources, refuse_changed
from bnexp.experiment import warnings as cautions
from bnexp.experiment.prepare import built_for, prepared
from bnexp.history import History, joined

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built

Seeds = tuple[int, ...]
Watch = Callable[[Sequence[History]], bool]
"""Gets the histories of those that are trained together after each epoch, and may ask to stop."""
TRIAL_STEPS = 8
"""Optimizer steps of an epoch that is only timed."""

# What `rough_pace` counts with, measured on one slow core:
TRACING_SECONDS, TRACED_VARIABLE_SECONDS = 0.5, 0.06
STEP_SECONDS, VARIABLE_SECONDS = 1e-4, 1e-5
"""What a step costs beside arithmetic, as a whole and for each variable, where STACKED trainings share a program."""
STACKED, LEAST_SHARE = 20, 0.6
"""Fewer trainings share less of it, more of them at most so much less."""
PRODUCT_SECONDS = 2e-10
"""Of a product of the forward pass, with the two of the backward pass."""
WEIGHT_SECONDS = 4e-9
"""To update one weight."""


@dataclass(frozen=True)
class Measured:
    """What a training of some seeds of one experiment measured."""

    history: History
    guessing: dict[str, float]
    """`Data.guessing`."""
    one_class: dict[str, float]
    """`Data.one_class`."""
    rows: dict[str, int]
    """Part of the data -> its rows."""
    steps: int
    """Optimizer steps of all seeds together."""
    seconds: float
    """Its share of the time that all took that were trained together."""
    warnings: list[str]


def measured(
    experiments: Sequence[Experiment], seeds: Seeds, *, sources: Sources | None = None, largest_shard: int | None = None
) -> list[Measured]:
    """Train these seeds of each experiment and give what was measured; nothing is written.

    At most `largest_shard` trainings are worked on at a time, else as many as fit and gain speed.

    Raises:
        SettingError: if the data, compared with `sources` too, or the model is not as it should be.
        MemoryError: if what is worked on at a time does not fit in memory.
    """
    data = _prepared_once(experiments, seeds)
    for one, own in zip(experiments, data, strict=True):
        refuse_changed(one.dataset, own.source_sha256, sources or {})
    alike: dict[Any, list[int]] = {}
    for number, one in enumerate(experiments):
        alike.setdefault((program_key(one), data[number].shape), []).append(number)
    found: dict[int, Measured] = {}
    for numbers in alike.values():
        those = [experiments[number] for number in numbers], [data[number] for number in numbers]
        found |= zip(numbers, _measured_alike(*those, seeds, largest_shard), strict=True)
    return [found[number] for number in range(len(experiments))]


def _prepared_once(experiments: Sequence[Experiment], seeds: Seeds) -> list[Data]:
    """Return the data of each experiment; those of one dataset are read once and held once."""
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(experiments):
        numbers.setdefault(one.dataset.model_dump_json(), []).append(number)
    data = {number: prepared(experiments[number], seeds) for several in numbers.values() for number in several}
    return [data[number] for number in range(len(experiments))]


@dataclass(frozen=True)
class Pace:
    """What trainings that share a program cost: seconds to begin, and for each optimizer step of each training."""

    start: float
    step: float


class _EnoughError(Exception):
    """Raised where a trial has seen enough: nothing of it is kept."""


def pace(experiments: Sequence[Experiment], seeds: Seeds, *, largest_shard: int | None = None) -> Pace:
    """Train two epochs of a few steps of experiments that share a program, as many as fit in memory, and time them."""
    batch = experiments[0].training.batch_size
    whole = _prepared_once(experiments, seeds)
    ready = [
        _Ready(_of_two_epochs(one), own.first(min(TRIAL_STEPS * batch, own.train_SR.shape[1])), built_for(one, own))
        for one, own in zip(experiments, whole, strict=True)
    ]
    begun, at_once = time.monotonic(), 1
    ends: list[float] = []

    def watch(histories: Sequence[History]) -> bool:
        """Note the end of an epoch, and after the first how many seeds it was of; two are enough."""
        nonlocal at_once
        at_once = at_once if ends else sum(len(history.seeds) for history in histories)
        ends.append(time.monotonic())
        if len(ends) == 2:
            raise _EnoughError
        return False

    with suppress(_EnoughError):
        next(_histories(ready, seeds, largest_shard=largest_shard, watch=watch))
    epoch = ends[1] - ends[0] if len(ends) > 1 else ends[0] - begun
    steps = ready[0].data.steps(batch, experiments[0].training.drop_last)
    return Pace(max(0.0, ends[0] - begun - epoch), epoch / (steps * at_once))


def rough_pace(experiment: Experiment, seeds: Seeds, *, at_once: int) -> Pace:
    """Estimate from the built model alone what `pace` would measure: nothing is traced or trained.

    `at_once` trainings share a program. On dense, convolutional and deep nets it is right within a factor of three,
    on an idle machine. Tracing, and the cost of a step beside arithmetic, grow with the number of variables;
    arithmetic grows with the products; the update grows with the weights.
    """
    model = built_for(experiment, prepared(experiment, seeds)).model
    variables, batch = len(model.variables), experiment.training.batch_size
    beside = (STEP_SECONDS + VARIABLE_SECONDS * variables) * max(LEAST_SHARE, STACKED / at_once)
    arithmetic = PRODUCT_SECONDS * batch * _products(model) + WEIGHT_SECONDS * float(model.count_params())
    return Pace(TRACING_SECONDS + TRACED_VARIABLE_SECONDS * variables, beside + arithmetic)


def _products(model: Any) -> float:
    """Return about how many products the model computes for one row going forward: each weight at each position."""
    from keras.layers import Embedding

    found = 0.0
    for layer in model.layers:
        if not isinstance(layer, Embedding):  # which looks up and multiplies nothing
            positions = max(math.prod(tensor.shape[1:-1]) for tensor in (layer.input, layer.output))
            found += positions * float(layer.count_params())
    return found


def _of_two_epochs(experiment: Experiment) -> Experiment:
    """Return an experiment of two epochs or more: the first one holds the tracing."""
    training = experiment.training
    more = training.model_copy(update={"epochs": max(2, training.epochs)})
    return experiment.model_copy(update={"training": more})


def program_key(experiment: Experiment) -> str:
    """Write down what experiments must have in common to share a program: their layers, how they are trained.

    Not the data, how kernels are drawn, or the height of the learning rate.
    """
    model, training = experiment.model.model_dump(), experiment.training.model_dump()
    model.pop("initializer", None)
    training["learning_rate"].pop("initial")
    return repr((model, training))


@dataclass(frozen=True)
class _Ready:
    """An experiment with all that its training takes."""

    experiment: Experiment
    data: Data
    built: Built


def _measured_alike(
    experiments: Sequence[Experiment], data: Sequence[Data], seeds: Seeds, largest_shard: int | None
) -> list[Measured]:
    begun = time.monotonic()
    ready = [_Ready(one, own, built_for(one, own)) for one, own in zip(experiments, data, strict=True)]
    histories = list(_histories(ready, seeds, largest_shard=largest_shard, watch=lambda histories: False))
    seconds = (time.monotonic() - begun) / len(experiments)
    return [_measured(*each, seconds) for each in zip(experiments, data, histories, strict=True)]


def _histories(ready: Sequence[_Ready], seeds: Seeds, *, largest_shard: int | None, watch: Watch) -> Iterator[History]:
    """Train as many experiments together as fit in memory, and give the history of each."""
    from bnexp.training import most_together, turns

    model, data, settings = ready[0].built.model, ready[0].data, ready[0].experiment.training
    distinct = {id(one.data.rows): one.data.rows.x.nbytes for one in ready}
    beside = sum(distinct.values()) - data.rows.x.nbytes
    size = max(1, most_together(model, data, settings, beside=beside) // len(seeds))
    for start in range(0, len(ready), size):
        part, in_turn = ready[start : start + size], []
        for turn in turns(model, data, settings, len(seeds)):
            cut = [replace(one, data=one.data.of(turn)) for one in part]
            in_turn.append(_together(cut, seeds[turn], largest_shard=largest_shard, watch=watch))
        yield from map(joined, zip(*in_turn, strict=True))


def _together(ready: Sequence[_Ready], seeds: Seeds, *, largest_shard: int | None, watch: Watch) -> list[History]:
    """Train these seeds of several experiments together; one by one where only that is exact."""
    from bnexp.data import joined as joined_data
    from bnexp.training import shortage_told, train, train_together, trainer_of

    model, settings = ready[0].built.model, [one.experiment.training for one in ready]
    with shortage_told():
        initial = {id(one.built): one.built.initial.draw(seeds) for one in ready}
    if trainer_of(settings[0], model)[0] == "keras_fit":
        return [
            train(
                one.built.model,
                one.data,
                one.experiment.training,
                seeds,
                initial[id(one.built)],
                watch,
            ).history
            for one in ready
        ]
    options: Any = {} if largest_shard is None else {"largest_shard": largest_shard}
    stacked = [np.concatenate(values) for values in zip(*(initial[id(one.built)] for one in ready), strict=True)]
    data = joined_data([one.data for one in ready])
    return [one.history for one in train_together(model, data, settings, seeds, stacked, watch, **options)]


def _measured(experiment: Experiment, data: Data, history: History, seconds: float) -> Measured:
    per_epoch = data.steps(experiment.training.batch_size, experiment.training.drop_last)
    return Measured(
        history,
        data.guessing,
        data.one_class,
        {part: int(rows_SR.shape[1]) for part, rows_SR in data.parts.items()},
        per_epoch * sum(history.epochs_S),
        seconds,
        [*data.rows.facts.get("warnings", ()), *cautions.cautions(experiment, per_epoch * history.fewest_kept)],
    )
