"""Runs each layer on rows of the data before training, to refuse layers that Keras refuses only when they run."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp.errors import SettingError
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.models.weight_rules import refuse_rules_of

TRIED_ROWS = 32
"""Number of rows on which each layer is tried."""


def refuse_layers_that_do_not_run(model: keras.Sequential, layers: int, x_B: NDArray[Any]) -> None:
    """Raise SettingError if a layer does not run on these rows, or if a rule for its weights does not work.

    Each layer runs while training and at inference. Weights and generators do not change. `layers` is the number of
    layers in the config, without the layers that bnexp puts before them.

    Raises:
        SettingError: if a layer fails, or returns another shape than it was built for. It names the layer's position.
    """
    own = len(model.layers) - layers
    for training in (True, False):
        x = keras.ops.convert_to_tensor(x_B[:TRIED_ROWS])
        with keras.StatelessScope():
            for position, layer in enumerate(model.layers, start=-own):
                x = _run(layer, x, f"model.layers.{position}", training=training)
    for position, layer in enumerate(model.layers, start=-own):
        refuse_rules_of(layer, f"model.layers.{position}")


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
