"""Adds biases to layers whose offset came from the normalization behind them, if an arm removes that offset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from typing import Any

import keras
from keras import layers

from bnexp.models.carried_over import rebuilt
from bnexp.models.input_shapes import input_shape
from bnexp.models.layer_kinds import calls, is_normalization, is_plain_model, reached_within

WITH_ONE_BIAS = (
    *(layers.Dense, layers.EinsumDense, layers.Conv1D, layers.Conv2D, layers.Conv3D),
    *(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
    *(layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D),
)
"""Layers that add one bias, after all kernels and before the activation."""
LEFT_ALONE = (
    "neither bias nor offset in this arm. bnexp adds a bias only where it equals the offset: to Keras's Dense, "
    "EinsumDense or convolution without activation. Its last axis must be normalized, and no other layer may take its "
    "outputs."
)
PASSING = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise),
    *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
    *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D),
    *(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D),
    *(layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D),
    *(layers.Cropping1D, layers.Cropping2D, layers.Cropping3D, layers.Flatten, layers.Reshape, layers.Permute),
)
"""Layers without weights that an offset passes through, so that a normalization behind them can replace a bias before
them."""
HOLDING = ("layer", "forward_layer", "cell")
"""Attributes in which wrappers and recurrent layers hold another layer."""


def without_bias_before(model: keras.Model) -> dict[int, bool]:
    """Map ids of layers without a bias to whether one can replace the offset of the normalization behind them."""
    found = [*_neighbours(model), *((last, None) for last in _last(model))]
    pairs = {(id(one), id(then)): (one, then) for one, then in found if _lacks_bias(one)}.values()
    takers = Counter(id(layer) for layer, _ in pairs)
    behind = [(layer, last, last is then) for layer, then in pairs for last in _behind(then, found)]
    return {
        id(layer): _is_single(layer) and takers[id(layer)] == 1 and is_next and _axes(last) == {-1}
        for layer, last, is_next in behind
        if is_normalization(last) and getattr(last, "center", False) is True
    }


def without_offset(model: keras.Model, made: Collection[int]) -> list[str]:
    """Name the layers without a bias that stand before a layer of `made` without an offset, such as an Identity.

    `made` holds the ids of the layers that a function makes with its `normalization`.
    """
    found = list(_neighbours(model))
    pairs = [(one, last) for one, then in found if _lacks_bias(one) for last in _behind(then, found)]
    lacking = [one.name for one, last in pairs if id(last) in made and getattr(last, "center", False) is not True]
    return list(dict.fromkeys(lacking))


def _behind(layer: Any, neighbours: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Return the layer. For a layer in `PASSING`, return the next layers behind it that are not in `PASSING`."""
    found, left, seen = list[Any](), [layer], set[int]()
    while left:
        one = left.pop()
        if type(one) not in PASSING:
            found.append(one)
        elif id(one) not in seen:
            seen.add(id(one))
            left += [then for before, then in neighbours if before is one]
    return found


def with_bias(layer: keras.Layer) -> keras.Layer:
    """Return a new layer with a bias over its last axis and the same other options."""
    if isinstance(layer, layers.EinsumDense):
        made = rebuilt(layer, bias_axes=layer.equation[-1])
    else:
        made = rebuilt(layer, use_bias=True)
    made.build(input_shape(layer))
    return made


def _is_single(layer: Any) -> bool:
    """Return True if Keras would add a bias of this layer directly to its outputs, over their last axis."""
    return (
        type(layer) in WITH_ONE_BIAS
        and layer.activation in (None, keras.activations.linear)
        and getattr(layer, "data_format", None) != "channels_first"
        and not getattr(layer, "equation", "").endswith(".")  # an EinsumDense `x...,xy->y...`
    )


def _lacks_bias(layer: Any) -> bool:
    """Return True if a layer, or the layer that it wraps, was written without a bias."""
    held = (getattr(layer, name, None) for name in HOLDING)
    is_without = getattr(layer, "use_bias", True) is False or getattr(layer, "bias_axes", "") is None
    return is_without or any(isinstance(one, keras.Layer) and _lacks_bias(one) for one in held)


def _axes(normalization: keras.Layer) -> set[int]:
    """Return the axes of scale and offset as negative numbers; the last axis is -1."""
    axis = getattr(normalization, "axis", -1)
    axes = axis if isinstance(axis, list | tuple) else [axis]
    return {one if one < 0 else one - len(input_shape(normalization)) for one in axes}


def _neighbours(model: keras.Layer) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of layers in a model. The second takes outputs of the first. Plain models are unfolded."""
    for one, then in _taken(model) if is_plain_model(model) else ():
        yield from product(_last(one), _first(then))
    for held in reached_within(model):
        yield from _neighbours(held)


def _taken(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of layers or operations in a plain model. The second takes outputs or masks of the first."""
    if isinstance(model, keras.Sequential):
        yield from zip(model.layers, model.layers[1:], strict=False)
        return
    for node in (one for nodes in model._nodes_by_depth.values() for one in nodes):
        for tensor in node.input_tensors:
            yield tensor._keras_history.operation, node.operation


def _last(layer: Any) -> list[Any]:
    """List the layers that compute a layer's outputs: the last layers of a plain model, or the layer itself."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return _last(layer.layer)
    if not is_plain_model(layer):
        return [layer]
    return [last for tensor in layer.outputs for last in _last(tensor._keras_history.operation)]


def _first(layer: Any) -> list[Any]:
    """List the layers that take a layer's inputs: the first layers of a plain model, or the layer itself."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return _first(layer.layer)
    if not is_plain_model(layer):
        return [layer]
    return [first for one, then in calls(layer) if one is None for first in _first(then)]
