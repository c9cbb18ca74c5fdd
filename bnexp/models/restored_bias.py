"""The biases of layers whose offset came from the normalization behind them, where that offset is taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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
"""Layers without weights that hand on what they take, so that an offset behind them is the offset of what is before."""
HOLDING = ("layer", "forward_layer", "cell")
"""Attributes in which wrappers and recurrent layers hold another layer."""


def without_bias_before(model: keras.Model) -> dict[int, bool]:
    """Map ids of layers without a bias, before a normalization with an offset, to whether a bias equals that offset."""
    found = [*_neighbours(model), *((last, None) for last in _last(model))]
    pairs = {(id(one), id(then)): (one, then) for one, then in found if _lacks_bias(one)}.values()
    takers = Counter(id(layer) for layer, _ in pairs)
    behind = [(layer, last, last is then) for layer, then in pairs for last in _behind(then, found)]
    return {
        id(layer): _is_single(layer) and takers[id(layer)] == 1 and is_next and _axes(last) == {-1}
        for layer, last, is_next in behind
        if is_normalization(last) and getattr(last, "center", False) is True
    }


def _behind(layer: Any, neighbours: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Return the layer; of one that hands on what it takes, the layers that take its outputs, however far behind."""
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
    """Return a single layer with a bias over its last axis, and all else alike."""
    if isinstance(layer, layers.EinsumDense):
        made = rebuilt(layer, bias_axes=layer.equation[-1])
    else:
        made = rebuilt(layer, use_bias=True)
    made.build(input_shape(layer))
    return made


def _is_single(layer: Any) -> bool:
    """Return True if Keras adds the layer's bias to its outputs, over their last axis."""
    return (
        type(layer) in WITH_ONE_BIAS
        and layer.activation in (None, keras.activations.linear)
        and getattr(layer, "data_format", None) != "channels_first"
        and not getattr(layer, "equation", "").endswith(".")  # an EinsumDense `x...,xy->y...`
    )


def _lacks_bias(layer: Any) -> bool:
    """Return True for a layer that was written without a bias, and for a wrapper of one."""
    held = (getattr(layer, name, None) for name in HOLDING)
    is_without = getattr(layer, "use_bias", True) is False or getattr(layer, "bias_axes", "") is None
    return is_without or any(isinstance(one, keras.Layer) and _lacks_bias(one) for one in held)


def _axes(normalization: keras.Layer) -> set[int]:
    """Return the axes of scale and offset, counted from the last one, -1."""
    axis = getattr(normalization, "axis", -1)
    axes = axis if isinstance(axis, list | tuple) else [axis]
    return {one if one < 0 else one - len(input_shape(normalization)) for one in axes}


def _neighbours(model: keras.Layer) -> Iterator[tuple[Any, Any]]:
    """Yield each layer in a model with each that takes its outputs inside. Plain models are seen through."""
    for one, then in _taken(model) if is_plain_model(model) else ():
        yield from product(_last(one), _first(then))
    for held in reached_within(model):
        yield from _neighbours(held)


def _taken(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each layer or operation of a plain model with each that takes its outputs, masks among them."""
    if isinstance(model, keras.Sequential):
        yield from zip(model.layers, model.layers[1:], strict=False)
        return
    for node in (one for nodes in model._nodes_by_depth.values() for one in nodes):
        for tensor in node.input_tensors:
            yield tensor._keras_history.operation, node.operation


def _last(layer: Any) -> list[Any]:
    """List the layers that give a layer's outputs: those at the end of a plain model, or the layer itself."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return _last(layer.layer)
    if not is_plain_model(layer):
        return [layer]
    return [last for tensor in layer.outputs for last in _last(tensor._keras_history.operation)]


def _first(layer: Any) -> list[Any]:
    """List the layers that take a layer's inputs: those at the beginning of a plain model, or the layer itself."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return _first(layer.layer)
    if not is_plain_model(layer):
        return [layer]
    return [first for one, then in calls(layer) if one is None for first in _first(then)]
