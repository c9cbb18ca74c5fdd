"""Runs each layer on rows of the data before training, to refuse layers that Keras refuses only when they run."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp import warning_kinds
from bnexp.errors import SettingError
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.models.weight_rules import refuse_rules_of

TRIED_ROWS = 32
"""Number of rows on which each layer is tried."""


def doubts_of_layers(model: keras.Sequential, layers: int, x_B: NDArray[Any]) -> list[str]:
    """Run each layer on these rows; return a sentence for each layer that loses values of its inputs.

    Each layer runs while training and at inference. Weights and generators do not change. `layers` is the number of
    layers in the config, without the layers that bnexp puts before them.

    Raises:
        SettingError: if a layer fails, or returns another shape than it was built for, or if a rule for its weights
            does not work. It names the layer's position.
    """
    own, doubts = len(model.layers) - layers, list[str]()
    for training in (True, False):
        x = keras.ops.convert_to_tensor(x_B[:TRIED_ROWS])
        with keras.StatelessScope():
            for position, layer in enumerate(model.layers, start=-own):
                doubts += _lost_values(layer, x, f"model.layers.{position}") if training else []
                x = _run(layer, x, f"model.layers.{position}", training=training)
    for position, layer in enumerate(model.layers, start=-own):
        refuse_rules_of(layer, f"model.layers.{position}")
    return doubts


def _lost_values(layer: keras.Layer, x_B: Any, key: str) -> list[str]:
    """Return a sentence if a CategoryEncoding or an Embedding gets values that are none of its categories or words."""
    kind, values = type(layer).__name__, np.asarray(x_B)
    if not isinstance(layer, keras.layers.CategoryEncoding | keras.layers.Embedding) or values.dtype.kind not in "fiu":
        return []
    if (fractions := values[np.isfinite(values) & (values != np.floor(values))]).size:
        seen, cure = f"{fractions[0]:.3g} and cuts off the fraction", "Put a Discretization before it"
    elif isinstance(layer, keras.layers.CategoryEncoding) and (lost := values[values >= layer.num_tokens]).size:
        largest = int(lost.max())
        seen = f"{largest}, which becomes zeros, because num_tokens is {layer.num_tokens}"
        cure = f"Use num_tokens: {largest + 1} or more"
    else:
        return []
    return [f"{warning_kinds.LOST_VALUES}: {key} is {kind}; it gets {seen}. {cure}."]


def _run(layer: keras.Layer, x: Any, key: str, *, training: bool) -> Any:
    kind = type(layer).__name__
    try:
        y = layer(x, **({"training": training} if layer._call_has_training_arg else {}))
    except REFUSALS as error:
        when = "while training" if training else "at inference"
        raise SettingError(
            key,
            f"is {kind}; it does not run {when} on inputs of shape {_shape(x)}: {refusal_text(error)} "
            "Change its arguments, or the layers before it.",
        ) from error
    if _shape(y) != tuple(layer.output.shape):
        raise SettingError(
            key,
            f"is {kind}; Keras builds it for outputs of shape {tuple(layer.output.shape)}, but it returns {_shape(y)}. "
            "Change its arguments, or use another layer.",
        )
    return y


def _shape(x: Any) -> tuple[int | None, ...]:
    """Return a tensor's shape as Keras writes it, with None for the number of rows."""
    return (None, *np.shape(x)[1:])
