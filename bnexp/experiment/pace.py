"""How long a training takes: timed with a few of its steps, or estimated from its model alone."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnexp.config import Experiment
from bnexp.errors import UserError
from bnexp.experiment.batch import BatchObserver, train
from bnexp.experiment.measurement import prepared_once, ready
from bnexp.experiment.prepare import built_for, prepared
from bnexp.history import History
from bnexp.store.records import Seeds

TIMED_STEPS = 8
"""Optimizer steps in an epoch that is only timed."""

# Constants of `rough_pace`, measured on one slow core:
TRACING_SECONDS, TRACED_VARIABLE_SECONDS = 0.5, 0.06
STEP_SECONDS, VARIABLE_SECONDS = 1e-4, 1e-5
"""Seconds of a step besides arithmetic, once and for each variable, if STACKED trainings share a program."""
STACKED, LEAST_SHARE = 20, 0.6
"""For n trainings, these seconds are multiplied by STACKED / n, or by LEAST_SHARE if that is more."""
PRODUCT_SECONDS = 2e-10
"""Seconds for one product of the forward pass, including its two products of the backward pass."""
WEIGHT_SECONDS = 4e-9
"""Seconds to update one weight."""


@dataclass(frozen=True)
class Pace:
    """Time that trainings of one program take: seconds to start, and for each optimizer step of each training."""

    start: float
    step: float


class UntimedError(Exception):
    """Raised if a training fails while it is timed. The cause is the error that the whole training will raise, too."""


class _EnoughError(Exception):
    """Raised to end a training after enough was timed; its results are discarded."""


def pace(experiments: Sequence[Experiment], seeds: Seeds, *, largest_shard: int | None = None) -> Pace:
    """Return the pace of experiments that share a program, as many as fit in memory: time two epochs of a few steps.

    Raises:
        UserError: if the data or a network are refused, or do not fit in memory.
        UntimedError: if the training fails otherwise. A user's layer may raise anything.
    """
    batch = experiments[0].training.batch_size
    whole = prepared_once(experiments, seeds)
    timed = [
        ready(_of_two_epochs(one), own, own.first(min(TIMED_STEPS * batch, own.train_SR.shape[1])))
        for one, own in zip(experiments, whole, strict=True)
    ]
    timer, begun = _Timer(), time.monotonic()
    try:
        next(train(timed, seeds, timer, largest_shard=largest_shard))
    except _EnoughError:
        pass
    except (UserError, MemoryError):
        raise
    except Exception as error:
        raise UntimedError(f"the training that is timed fails: {error!r}") from error
    ends = timer.ends
    epoch = ends[1] - ends[0] if len(ends) > 1 else ends[0] - begun
    steps = timed[0].data.steps(batch, experiments[0].training.drop_last)
    return Pace(max(0.0, ends[0] - begun - epoch), epoch / (steps * timer.at_once))


class _Timer(BatchObserver):
    """Notes when the first two epochs end, and how many seeds the first one trained."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.at_once = 1

    def epoch_ended(self, so_far: Sequence[History]) -> bool:
        """Note the end of an epoch, and stop the training after two."""
        self.at_once = self.at_once if self.ends else sum(len(history.seeds) for history in so_far)
        self.ends.append(time.monotonic())
        if len(self.ends) == 2:
            raise _EnoughError
        return False


def rough_pace(experiment: Experiment, seeds: Seeds, *, at_once: int) -> Pace:
    """Estimate from the built model alone what `pace` would measure; nothing is traced or trained.

    `at_once` is how many trainings share a program. For dense, convolutional and deep nets on an idle machine, the
    estimate is right within a factor of three. The time of tracing, and of a step besides arithmetic, grows with the
    number of variables. The time of arithmetic grows with the products, and of the update with the weights.
    """
    from bnexp.training import engine_name

    data, training = prepared(experiment, seeds), experiment.training
    model = built_for(experiment, data).model
    variables, batch = len(model.variables), training.batch_size
    name, _ = engine_name(training, model)
    at_once = at_once if name == "many_seeds" else 1
    beside = (STEP_SECONDS + VARIABLE_SECONDS * variables) * max(LEAST_SHARE, STACKED / at_once)
    arithmetic = PRODUCT_SECONDS * batch * _products(model) + WEIGHT_SECONDS * float(model.count_params())
    tracing = TRACING_SECONDS + TRACED_VARIABLE_SECONDS * variables
    if name == "many_seeds":
        return Pace(tracing, beside + arithmetic)
    steps = training.epochs * data.steps(batch, training.drop_last)  # each seed is traced by itself
    return Pace(0.0, beside + arithmetic + tracing / steps)


def _products(model: Any) -> float:
    """Estimate how many products the forward pass computes for one row: one for each weight at each position.

    A layer or nested model counts once for each call in this model; calls in other models do not count. In a model
    with its own `call` method, each weight counts once. An axis of unknown length counts as one position.
    """
    from keras import Layer
    from keras.layers import Embedding

    nodes = _graph_of(model)
    if nodes is None:
        return float(model.count_params())
    found = 0.0
    for node in nodes:
        layer = node.operation
        if not isinstance(layer, Layer) or isinstance(layer, Embedding):  # an embedding only looks up
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
    """Return the experiment with two epochs or more, because the first epoch includes the tracing."""
    training = experiment.training
    more = training.model_copy(update={"epochs": max(2, training.epochs)})
    return experiment.model_copy(update={"training": more})
