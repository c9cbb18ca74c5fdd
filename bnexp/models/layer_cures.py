"""What to do about a layer of a `sequential` model: which argument to change, with a value that works."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import keras

from bnexp.errors import listed

SHAPED = ("Identity", "Orthogonal", "STFT")
"""Initializers that need a weight of a certain shape."""
OF_INITIALIZERS = re.compile(r"Identity matrix|tensor to initialize|not enough values to unpack")
OF_VECTORS = {"bias_initializer": "zeros", "beta_initializer": "zeros", "gamma_initializer": "ones"}
"""Weights that are vectors -> an initializer that fits them."""
FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
Shape = tuple[int | None, ...]


def cure_of(layer: Any, before: Any, shape: Shape, told: str) -> str:
    """Return the cure for a layer that refuses inputs of this shape, behind the layer `before`.

    `told` is Keras's message.

    >>> cure_of(keras.layers.GroupNormalization(8), None, (None, 5, 6), "")
    'Use groups: 6.'
    >>> cure_of(keras.layers.LSTM(3), keras.layers.LSTM(4), (None, 4), "expected ndim=3, found ndim=2")
    'Use return_sequences: true in the layer before it.'
    """
    if (groups := _good_groups(layer, shape)) is not None:
        return f"Use groups: {groups}."
    unfit = [key for key in _initializers(layer) if type(getattr(layer, key)).__name__ in SHAPED]
    if unfit and OF_INITIALIZERS.search(told):
        return f"Use another {listed(unfit)}, such as {OF_VECTORS.get(unfit[0], 'glorot_uniform')}."
    if getattr(layer, "stateful", False):
        return "Leave stateful out."
    expected = re.search(r"expected (?:min_|max_)?ndim=(\d+)", told)
    if expected is None or int(expected[1]) == len(shape):
        return "Change its arguments."
    if int(expected[1]) == 3 and getattr(before, "return_sequences", None) is False:
        return "Use return_sequences: true in the layer before it."
    between = "Reshape" if int(expected[1]) > len(shape) else "Flatten or Reshape"
    return f"Put a {between} before it, or change its arguments."


def _good_groups(layer: Any, shape: Shape) -> int | None:
    """Return the largest number of groups that works; None if the layer's own works, or if it has no groups."""
    groups, axis = getattr(layer, "groups", None), getattr(layer, "axis", -1)
    if getattr(layer, "data_format", None) == "channels_first":
        axis = 1
    if not isinstance(groups, int) or groups < 1 or not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return None
    channels = math.gcd(shape[axis] or 0, getattr(layer, "filters", 0))
    if not channels or channels % groups == 0:
        return None
    return max(one for one in range(1, min(groups, channels) + 1) if channels % one == 0)


def _initializers(layer: Any) -> list[str]:
    return [key for key in vars(layer) if key.endswith("_initializer") and not key.startswith("_")]


def needs_images(layer: Any, shape: Shape) -> str | None:
    """Return why a layer for images cannot take inputs of this shape, and the cure; None if it can.

    Keras takes inputs of rank 3 for one image, so a RandomFlip would exchange the rows of a batch.
    """
    if len(shape) == 4 or all(one.__name__ != "BaseImagePreprocessingLayer" for one in type(layer).__mro__):
        return None
    one_image = "Keras would take the rows of a batch for one image" if len(shape) == 3 else "it is for images"
    return f"{one_image}. Leave it out, or put a Reshape before it: (height, width, channels)."


def unused_argument(layer: Any) -> str | None:
    """Return which argument Keras would not use as it is written, and the cure; None if there is none.

    Keras accepts these values, or refuses them without a cure.
    """
    held = layer._flatten_layers() if isinstance(layer, keras.Layer) else ()
    return next((text for one in held for text in _unused_arguments(one)), None)


def _unused_arguments(layer: Any) -> Iterator[str]:
    if isinstance(layer, keras.layers.RandomFlip) and layer.mode not in FLIPS:
        yield f"its mode is {layer.mode!r}, which flips nothing. Use mode: {', '.join(FLIPS[:-1])} or {FLIPS[-1]}."
    for key in ("rate", "dropout", "recurrent_dropout"):
        if isinstance(rate := getattr(layer, key, None), int | float) and not 0 <= rate < 1:
            yield f"its {key} is {rate:g}; expected a number from 0 to below 1. Use {key}: 0.5, for example."
    if "Normalization" not in type(layer).__name__:
        return
    if isinstance(epsilon := getattr(layer, "epsilon", None), int | float) and epsilon < 0:
        yield f"its epsilon is {epsilon:g}; expected 0 or more. Use epsilon: 0.001."
    if isinstance(momentum := getattr(layer, "momentum", None), int | float) and not 0 <= momentum < 1:
        yield f"its momentum is {momentum:g}; expected a number from 0 to below 1. Use momentum: 0.99, for example."
