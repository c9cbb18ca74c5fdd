"""The refreshed statistics of the reference trainer, in NumPy and float64.

This file shares no arithmetic with `refresh`.

Axes: R rows of one part, P positions of a row, F features.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.arrays import Floats


class Moments(NamedTuple):
    """Mean and biased variance of each feature, (F,), and the number of rows or positions they are computed from."""

    mean: Floats
    variance: Floats
    rows: int


def batches(rows_R: NDArray[np.int32], most: int) -> list[NDArray[np.int32]]:
    """Cut rows into the fewest batches of one size of at most `most` rows; rows that remain are left out.

    >>> [batch.tolist() for batch in batches(np.arange(7, dtype="int32"), 3)]
    [[0, 1], [2, 3], [4, 5]]
    """
    count = math.ceil(len(rows_R) / most)
    return list(rows_R[: len(rows_R) // count * count].reshape(count, -1))


def refresh(model: keras.Model, batches: Iterable[NDArray[Any]]) -> None:
    """Set each batch normalization's moving averages to its inputs' statistics over these batches of rows.

    All earlier layers normalize each batch by its own statistics, and noise layers are off. Layers with renorm, and
    frozen layers, keep their moving averages.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if _has_moving_statistics(layer)]
    seen: dict[int, list[Moments]] = {id(layer): [] for layer in layers}
    with _measuring(layers, seen):
        for x in batches:
            model(x, training=False)
    for layer in layers:
        _assign(layer, _pooled(seen[id(layer)]))


def _has_moving_statistics(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable and not layer.renorm


@contextmanager
def _measuring(layers: Iterable[keras.Layer], seen: dict[int, list[Moments]]) -> Iterator[None]:
    """Make each layer record the moments of its inputs, and normalize with them, whenever it is called."""
    for layer in layers:
        layer.call = functools.partial(_measured_call, layer, seen[id(layer)])
    try:
        yield
    finally:
        for layer in layers:
            del layer.call  # restores the method of its class


def _measured_call(
    layer: keras.Layer, seen: list[Moments], inputs: Any, training: bool | None = None, mask: Any = None
) -> Any:
    """Normalize as the layer does in training, and record the moments that would update its moving averages."""
    x = np.moveaxis(np.asarray(inputs, "float64"), layer.axis, -1)
    counted = np.ones(x.shape[:-1], bool) if mask is None else np.asarray(mask, bool)
    cuts = _virtual_batches(layer, len(x))
    moments = [_moments(x[rows], counted[rows]) for rows in cuts]
    seen.append(_mean_of([one for one in moments if one.rows]))
    parts = [_normalized(layer, x[rows], one) for rows, one in zip(cuts, moments, strict=True)]
    y = np.moveaxis(np.concatenate(parts), -1, layer.axis)
    return keras.ops.convert_to_tensor(y, dtype=layer.compute_dtype)


def _virtual_batches(layer: keras.Layer, rows: int) -> list[slice]:
    """Cut a batch as ghost batch normalization does; a remainder joins the last part. Other layers get one part."""
    size = getattr(layer, "virtual_batch_size", rows)
    starts = range(0, max(rows - size, 0) + 1, size)
    return [slice(start, rows if start == starts[-1] else start + size) for start in starts]


def _moments(x: Floats, counted: NDArray[np.bool_]) -> Moments:
    """Return the moments of x (R, *P, F) over the counted rows and positions (R, *P); zeros if none is counted."""
    values = x[counted]
    if not len(values):
        return Moments(np.zeros(x.shape[-1]), np.zeros(x.shape[-1]), 0)
    return Moments(values.mean(axis=0), values.var(axis=0), len(values))


def _mean_of(parts: list[Moments]) -> Moments:
    """Return the mean of the virtual batches' moments, and the sum of their rows or positions."""
    mean, variance, rows = zip(*parts, strict=True)
    return Moments(np.mean(mean, axis=0), np.mean(variance, axis=0), sum(rows))


def _normalized(layer: keras.Layer, x: Floats, moments: Moments) -> Floats:
    """Return gamma (x - mean) / sqrt(variance + epsilon) + beta; a layer may lack gamma or beta."""
    y: Floats = (x - moments.mean) / np.sqrt(moments.variance + layer.epsilon)
    y = y if layer.gamma is None else y * np.asarray(layer.gamma, "float64")
    return y if layer.beta is None else y + np.asarray(layer.beta, "float64")


def _pooled(parts: list[Moments]) -> Moments:
    """Join the moments of parts of the rows to the moments of all rows (Chan, Golub and LeVeque, 1983)."""
    rows = sum(part.rows for part in parts)
    mean = np.sum([part.rows * part.mean for part in parts], axis=0) / rows
    variance = np.sum([part.rows * (part.variance + (part.mean - mean) ** 2) for part in parts], axis=0) / rows
    return Moments(mean, variance, rows)


def _assign(layer: keras.Layer, moments: Moments) -> None:
    layer.moving_mean.assign(moments.mean.astype(layer.moving_mean.dtype))
    layer.moving_variance.assign(moments.variance.astype(layer.moving_variance.dtype))
