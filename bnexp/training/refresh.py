"""Re-estimating the moving statistics of batch normalization over the training part.

After few steps the moving averages still remember where they started
(momentum 0.99 keeps 0.99**steps of it); the statistics of the training rows
themselves do not. Source: Wu and Johnson 2021, "Rethinking 'Batch' in
BatchNorm", precise statistics.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from bnexp.training.measures import EVALUATED_ROWS

Moments = list[tuple[Any, Any]]
"""(mean, biased variance) of the inputs of each layer with moving statistics."""


def moving_layers(model: keras.Sequential) -> list[keras.layers.BatchNormalization]:
    """List the layers that keep moving statistics to normalize with, wherever in the model they stand.

    Not those with renorm: they were trained with their moving statistics, and lose what fits them.
    """
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization) and not layer.renorm]


def equal_parts(rows: int) -> list[slice]:
    """Cut so many rows into as few parts of one size as hold EVALUATED_ROWS at most; a few last rows may be left over.

    >>> equal_parts(800), equal_parts(2051)
    ([slice(0, 800, None)], [slice(0, 683, None), slice(683, 1366, None), slice(1366, 2049, None)])
    """
    count = -(-rows // EVALUATED_ROWS)
    size = rows // count
    return [slice(part * size, (part + 1) * size) for part in range(count)]


def batch_statistics(model: keras.Sequential, trainable: list[Any], frozen: list[Any], x: Any) -> Moments:
    """Give the moments of these rows at each layer with moving statistics; padding does not enter them.

    Normalization runs in training mode, so that each such layer sees inputs
    already normalized with the new statistics; noise layers are off.
    """
    values = [
        *zip(model.trainable_variables, trainable, strict=True),
        *zip(model.non_trainable_variables, frozen, strict=True),
    ]
    moving = moving_layers(model)
    with keras.StatelessScope(state_mapping=values) as scope, _taking_over_statistics(moving):
        model(x, training=False)
        return [
            (scope.get_current_value(layer.moving_mean), scope.get_current_value(layer.moving_variance))
            for layer in moving
        ]


@contextmanager
def _taking_over_statistics(layers: list[keras.layers.BatchNormalization]) -> Iterator[None]:
    """Let these layers run in training mode whatever they are told, and keep nothing of their old statistics."""
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.call = functools.partial(_call_in_training, layer.call)
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            del layer.call  # what its class defines shows again
            layer.momentum = momentum


def _call_in_training(call: Callable[..., Any], inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    return call(inputs, training=True, mask=mask)


def refreshed_values(model: keras.Sequential, parts: list[Moments]) -> dict[int, Any]:
    """Join the moments of equal parts of the rows: id of a moving variable -> its new value.

    mean = average of means; variance = average of (variance + mean**2) - mean**2.
    """
    values = {}
    for layer, moments in zip(moving_layers(model), zip(*parts, strict=True), strict=True):
        mean = sum(part_mean for part_mean, _ in moments) / len(moments)
        square = sum(variance + part_mean**2 for part_mean, variance in moments) / len(moments)
        values[id(layer.moving_mean)] = mean
        values[id(layer.moving_variance)] = square - mean**2
    return values
