"""Shared parts of the normalization layers: mean and variance of unmasked values in float32, and gamma and beta.

`counted` is a mask as booleans, or None if all values count.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def precise(x: Any) -> Any:
    """Return x in float32 or more precise, because squares in half precision overflow beyond 255."""
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def fitting_mask(mask: Any, inputs: Any) -> Any:
    """Return the mask as booleans. Raise ValueError if it does not have an entry for each position."""
    if len(mask.shape) != len(inputs.shape) - 1:
        raise ValueError(
            f"The mask has shape {tuple(mask.shape)}, the inputs {tuple(inputs.shape)}. "
            "Give a mask of the inputs' shape without the last axis."
        )
    return ops.cast(mask, "bool")


def moments_of(x: Any, axes: tuple[int, ...], counted: Any) -> tuple[Any, Any]:
    """Return mean and biased variance of the counted values over axes, kept as size 1; 0 and 0 if none count."""
    if counted is None:
        return ops.moments(x, axes=axes, keepdims=True)  # type: ignore[no-any-return]
    counted = ops.broadcast_to(counted, ops.shape(x))
    count = ops.maximum(ops.sum(ops.cast(counted, x.dtype), axis=axes, keepdims=True), 1)
    mean = ops.sum(ops.where(counted, x, 0), axis=axes, keepdims=True) / count
    squares = ops.square(ops.where(counted, x - mean, 0))
    return mean, ops.sum(squares, axis=axes, keepdims=True) / count


def anything_in(x: Any, axes: tuple[int, ...], counted: Any) -> Any:
    """Return 1 for each part in which any value is counted, otherwise 0: (parts, 1, ..., 1)."""
    axes = (*axes, len(x.shape) - 1)
    if counted is None:
        return ops.ones_like(x[(slice(None), *(slice(0, 1),) * len(axes))])
    return ops.cast(ops.any(counted, axis=axes, keepdims=True), x.dtype)


def transformed(layer: keras.Layer, standard: Any) -> Any:
    """Return the values scaled by gamma and shifted by beta, as far as the layer has them."""
    scaled = standard if layer.gamma is None else standard * ops.cast(layer.gamma, standard.dtype)
    return scaled if layer.beta is None else scaled + ops.cast(layer.beta, scaled.dtype)
