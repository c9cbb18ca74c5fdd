"""What a training costs: timed by a few of its steps, or estimated from its model alone."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bnexp.config import Experiment
from bnexp.experiment.batch import BatchObserver, Prepared, train
from bnexp.experiment.measurement import prepared_once
from bnexp.experiment.prepare import built_for, prepared
from bnexp.history import History
from bnexp.store.records import Seeds

TIMED_STEPS = 8
"""Optimizer steps of an epoch that is only timed."""

# What `rough_pace` counts with, measured on one slow core:
TRACING_SECONDS, TRACED_VARIABLE_SECONDS = 0.5, 0.06
STEP_SECONDS, VARIABLE_SECONDS = 1e-4, 1e-5
"""What a step costs beside arithmetic, as a whole and for each variable, where STACKED trainings share a program."""
STACKED, LEAST_SHARE = 20, 0.6
"""STACKED / n times that cost for n trainings, but never less than this share of it."""
PRODUCT_SECONDS = 2e-10
"""Of a product of the forward pass, with the two of the backward pass."""
WEIGHT_SECONDS = 4e-9
"""To update one weight."""


@dataclass(frozen=True)
class Pace:
    """What trainings that share a program cost: seconds to begin, and for each optimizer step of each training."""

    start: float
    step: float


class _EnoughError(Exception):
    """Raised where enough was timed: nothing of it is kept."""


def pace(experiments: Sequence[Experiment], seeds: Seeds, *, largest_shard: int | None = None) -> Pace:
    """Train two epochs of a few steps of experiments that share a program, as many as fit in memory, and time them."""
    batch = experiments[0].training.batch_size
    whole = prepared_once(experiments, seeds)
    ready = [
        Prepared(_of_two_epochs(one), own.first(min(TIMED_STEPS * batch, own.train_SR.shape[1])), built_for(one, own))
        for one, own in zip(experiments, whole, strict=True)
    ]
    timer, begun = _Timer(), time.monotonic()
    with suppress(_EnoughError):
        next(train(ready, seeds, timer, largest_shard=largest_shard))
    ends = timer.ends
    epoch = ends[1] - ends[0] if len(ends) > 1 else ends[0] - begun
    steps = ready[0].data.steps(batch, experiments[0].training.drop_last)
    return Pace(max(0.0, ends[0] - begun - epoch), epoch / (steps * timer.at_once))


class _Timer(BatchObserver):
    """Notes when the first two epochs end, and how many seeds the first one was of."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.at_once = 1

    def epoch_ended(self, so_far: Sequence[History]) -> bool:
        """Note the end of an epoch; two are enough."""
        self.at_once = self.at_once if self.ends else sum(len(history.seeds) for history in so_far)
        self.ends.append(time.monotonic())
        if len(self.ends) == 2:
            raise _EnoughError
        return False


def rough_pace(experiment: Experiment, seeds: Seeds, *, at_once: int) -> Pace:
    """Estimate from the built model alone what `pace` would measure: nothing is traced or trained.

    `at_once` trainings share a program. On dense, convolutional and deep nets it is right within a factor of three,
    on an idle machine. Tracing, and the cost of a step beside arithmetic, grow with the number of variables. Arithmetic
    grows with the products, and the update with the weights.
    """
    model = built_for(experiment, prepared(experiment, seeds)).model
    variables, batch = len(model.variables), experiment.training.batch_size
    beside = (STEP_SECONDS + VARIABLE_SECONDS * variables) * max(LEAST_SHARE, STACKED / at_once)
    arithmetic = PRODUCT_SECONDS * batch * _products(model) + WEIGHT_SECONDS * float(model.count_params())
    return Pace(TRACING_SECONDS + TRACED_VARIABLE_SECONDS * variables, beside + arithmetic)


def _products(model: Any) -> float:
    """Return about how many products the model computes for one row going forward: each weight at each position.

    A layer or a nested model counts in each call of this model, and in no call of another one. Of a model with a `call`
    of its own, each weight counts once. Positions that are not known before there are rows count as one.
    """
    from keras import Layer
    from keras.layers import Embedding

    nodes = _graph_of(model)
    if nodes is None:
        return float(model.count_params())
    found = 0.0
    for node in nodes:
        layer = node.operation
        if not isinstance(layer, Layer) or isinstance(layer, Embedding):  # which looks up, no more
            continue
        if _graph_of(layer) is not None:
            found += _products(layer)
            continue
        tensors = [*node.input_tensors, *node.output_tensors]
        positions = max(math.prod(size or 1 for size in tensor.shape[1:-1]) for tensor in tensors)
        found += positions * float(layer.count_params())
    return found


def _graph_of(layer: Any) -> list[Any] | None:
    """List the calls that a functional or sequential model is made of; None for any other layer or model."""
    by_depth = getattr(getattr(layer, "_functional", None) or layer, "_nodes_by_depth", None)
    return None if by_depth is None else [node for nodes in by_depth.values() for node in nodes]


def _of_two_epochs(experiment: Experiment) -> Experiment:
    """Return an experiment of two epochs or more: the first one holds the tracing."""
    training = experiment.training
    more = training.model_copy(update={"epochs": max(2, training.epochs)})
    return experiment.model_copy(update={"training": more})
