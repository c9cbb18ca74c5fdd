"""Re-estimating the moving statistics of batch normalization over the training part.

After few steps the moving averages still remember where they started
(momentum 0.99 keeps 0.99**steps of it); the statistics of the training rows
themselves do not. Source: Wu and Johnson 2021, "Rethinking 'Batch' in
BatchNorm", precise statistics.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bnexp.training.measures import EVALUATED_ROWS

Moments = list[tuple[Any, Any]]
"""(mean, biased variance) of the inputs of each layer with moving statistics."""


def moving_layers(model: keras.Sequential) -> list[keras.layers.BatchNormalization]:
    """List the layers of a model that keep moving statistics."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def equal_parts(rows: int) -> list[slice]:
    """Cut so many rows into as few parts of one size as hold EVALUATED_ROWS at most; a few last rows may be left over.

    >>> equal_parts(800), equal_parts(2051)
    ([slice(0, 800, None)], [slice(0, 683, None), slice(683, 1366, None), slice(1366, 2049, None)])
    """
    count = -(-rows // EVALUATED_ROWS)
    size = rows // count
    return [slice(part * size, (part + 1) * size) for part in range(count)]


def batch_statistics(model: keras.Sequential, trainable: list[Any], frozen: list[Any], x_BD: Any) -> Moments:
    """Give the moments of these rows at each layer with moving statistics.

    Normalization runs in training mode, so that each such layer sees inputs
    already normalized with the new statistics; noise layers are off.
    """
    values = [
        *zip(model.trainable_variables, trainable, strict=True),
        *zip(model.non_trainable_variables, frozen, strict=True),
    ]
    moving = moving_layers(model)
    moments = []
    with keras.StatelessScope(state_mapping=values):
        for layer in model.layers:
            if layer in moving:
                axes = [axis for axis in range(len(x_BD.shape)) if axis != layer.axis % len(x_BD.shape)]
                moments.append(ops.moments(x_BD, axes))
            x_BD = layer(x_BD, training=layer in moving)
    return moments


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
