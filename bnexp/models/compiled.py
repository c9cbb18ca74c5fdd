"""What a network of the user's own was compiled with: its loss, its optimizer and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from bnexp.system.saved_model import LAMBDA, PYTHON_LAMBDA, compiled_loss, compiled_metrics, compiled_optimizer


@dataclass(frozen=True)
class CompiledOptimizer:
    """The optimizer that a model was compiled with: its class or name in Keras, and its options as in `get_config`."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class CompiledLoss:
    """The loss that a model was compiled with: its name in Keras, and its options as in `get_config`."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Compiled:
    """What a network was compiled with; empty if it was not compiled."""

    loss: Any = None
    """The loss, in a form that Keras takes, or a `CompiledLoss`."""
    optimizer: CompiledOptimizer | None = None
    metrics: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """For each metric its class or name in Keras, and its options."""


NOT_COMPILED = Compiled()


def compiled_of_file(description: Mapping[str, Any]) -> Compiled:
    """Return what a saved model was compiled with. `description` is config.json of its file."""
    loss, optimizer = compiled_loss(description), compiled_optimizer(description)
    return Compiled(
        None if loss is None else CompiledLoss(*loss),
        None if optimizer is None else CompiledOptimizer(*optimizer),
        tuple(compiled_metrics(description)),
    )


def compiled_of_model(model: keras.Model) -> Compiled:
    """Return what a model that a function returned was compiled with."""
    return Compiled(model.loss, _optimizer(model.optimizer), _metrics(model)) if model.compiled else NOT_COMPILED


def _optimizer(optimizer: keras.Optimizer) -> CompiledOptimizer:
    """Return the facts about an optimizer. A learning rate schedule of the user's own need not describe itself."""
    try:
        options = optimizer.get_config()
    except Exception:  # a schedule's own code may raise anything
        rate = optimizer._learning_rate
        name = getattr(rate, "__name__", None)
        kind = LAMBDA if name == PYTHON_LAMBDA else type(rate).__name__
        options = {"learning_rate": {"class_name": kind, "config": name}}
    return CompiledOptimizer(type(optimizer).__name__, options)


def _metrics(model: keras.Model) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return the metrics of a compiled model. One that does not describe itself has no options."""
    given = model._compile_config.config
    described = {key: _described(given.get(key)) for key in ("metrics", "weighted_metrics")}
    return tuple(compiled_metrics({"compile_config": described}))


def _described(metric: Any) -> Any:
    """Return metrics, or lists and mappings of them, as in the description of a saved model."""
    match metric:
        case list() | tuple():
            return [_described(one) for one in metric]
        case dict():
            return [_described(one) for one in metric.values()]
        case None | str():
            return metric
    try:
        return keras.saving.serialize_keras_object(metric)
    except Exception:  # the user's own code may raise anything
        return getattr(metric, "__name__", type(metric).__name__)
