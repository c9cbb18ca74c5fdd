"""A dry step of each layer on rows of the data: what Keras refuses once a layer runs is refused before training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnexp.errors import SettingError
from bnexp.models.sequential import REFUSALS, refusal_text

TRIED_ROWS = 32
"""Rows that each layer is tried on."""


def refuse_layers_that_do_not_run(model: keras.Sequential, layers: int, x_B: NDArray[Any]) -> None:
    """Run each layer on these rows, while training and at inference; weights and generators stay as they are.

    `layers` is how many layers the config has; those that bnexp puts before them are not counted.

    Raises:
        SettingError: with the number of the first layer that does not run, or not as it was built.
    """
    own = len(model.layers) - layers
    for training in (True, False):
        x = keras.ops.convert_to_tensor(x_B[:TRIED_ROWS])
        with keras.StatelessScope():
            for position, layer in enumerate(model.layers, start=-own):
                x = _run(layer, x, f"model.layers.{position}", training=training)


def _run(layer: keras.Layer, x: Any, key: str, *, training: bool) -> Any:
    kind = type(layer).__name__
    try:
        y = layer(x, **({"training": training} if layer._call_has_training_arg else {}))
    except REFUSALS as error:
        when = "while training" if training else "at inference"
        raise SettingError(
            key,
            f"is {kind}; it does not run {when} on inputs of shape {_shape(x)}: {refusal_text(error)} "
            "Change its arguments, or what stands before it.",
        ) from error
    if _shape(y) != tuple(layer.output.shape):
        raise SettingError(
            key,
            f"is {kind}; Keras builds it for outputs of shape {tuple(layer.output.shape)}, and it gives {_shape(y)}. "
            "Change its arguments, or use another layer.",
        )
    return y


def _shape(x: Any) -> tuple[int | None, ...]:
    """Return a shape as Keras writes it, whatever the number of rows."""
    return (None, *np.shape(x)[1:])
