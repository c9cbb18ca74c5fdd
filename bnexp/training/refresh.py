"""Re-estimates the moving averages of batch normalization over the training part.

After few steps the moving averages still contain their initial values: with momentum 0.99, a share of 0.99**steps. The
statistics of the training rows themselves do not. Source: Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm",
precise statistics.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

Moments = list[tuple[Any, Any, Any]]
"""(mean, biased variance, count of unmasked rows or positions) of the inputs of each layer in `moving_layers`."""


def moving_layers(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """List the layers whose moving averages are refreshed, at any depth of the model.

    Layers with renorm and frozen layers (`trainable: false`) are left out. The model was trained with their moving
    statistics, so its weights would not fit new ones.
    """
    layers = model._flatten_layers(include_self=False)
    batch = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [layer for layer in batch if layer.trainable and not layer.renorm]


def equal_parts(rows: int, most: int) -> list[slice]:
    """Cut rows into the fewest parts of one size, with at most `most` rows; a few last rows may be left out.

    >>> equal_parts(800, 1024), equal_parts(2051, 1024)
    ([slice(0, 800, None)], [slice(0, 683, None), slice(683, 1366, None), slice(1366, 2049, None)])
    """
    count = -(-rows // most)
    size = rows // count
    return [slice(part * size, (part + 1) * size) for part in range(count)]


def batch_statistics(model: keras.Model, trainable: list[Any], frozen: list[Any], x: Any) -> Moments:
    """Return the moments of these rows at each of the `moving_layers`; padding is left out.

    These layers run in training mode, so that each of them sees inputs that are already normalized with the new
    statistics. Noise layers are off.
    """
    values = [
        *zip(model.trainable_variables, trainable, strict=True),
        *zip(model.non_trainable_variables, frozen, strict=True),
    ]
    moving = moving_layers(model)
    with keras.StatelessScope(state_mapping=values) as scope, _taking_over_statistics(moving) as counts:
        model(x, training=False)
        current = scope.get_current_value
        return [(current(layer.moving_mean), current(layer.moving_variance), counts[id(layer)]) for layer in moving]


@contextmanager
def _taking_over_statistics(layers: list[keras.layers.BatchNormalization]) -> Iterator[dict[int, Any]]:
    """Run these layers in training mode, whatever mode the caller asks for, and discard their old statistics.

    Yield id of a layer -> the number of rows or positions that its statistics are computed from.
    """
    momenta = [layer.momentum for layer in layers]
    counts: dict[int, Any] = {}
    for layer in layers:
        layer.call = functools.partial(_counted_in_training, layer, layer.call, counts)
        layer.momentum = 0.0
    try:
        yield counts
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            del layer.call  # restores the method of its class
            layer.momentum = momentum


def _counted_in_training(
    layer: keras.Layer,
    call: Callable[..., Any],
    counts: dict[int, Any],
    inputs: Any,
    training: bool | None = None,
    mask: Any = None,
) -> Any:
    counts[id(layer)] = ops.sum(ops.ones_like(inputs[..., 0]) if mask is None else ops.cast(mask, inputs.dtype))
    return call(inputs, training=True, mask=mask)


def refreshed_values(model: keras.Model, parts: list[Moments]) -> dict[int, Any]:
    """Join the moments of several parts of the rows; return id of a moving variable -> its new value.

    mean = average of means. variance = average of (variance + (mean of the part - mean)**2). Both are weighted by the
    counts. The average of squares minus the squared mean is the same number. But in float32 it loses all digits if the
    mean is large compared with the deviation.
    """
    values = {}
    for layer, moments in zip(moving_layers(model), zip(*parts, strict=True), strict=True):
        total = sum(count for *_, count in moments)
        mean = sum(part_mean * (count / total)[..., None] for part_mean, _, count in moments)
        values[id(layer.moving_mean)] = mean
        values[id(layer.moving_variance)] = sum(
            (variance + (part_mean - mean) ** 2) * (count / total)[..., None] for part_mean, variance, count in moments
        )
    return values
