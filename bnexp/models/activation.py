"""What follows a layer with weights: normalization and activation, in the order that the config places them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from bnexp.config.networks import Network
from bnexp.config.normalization import BATCH_STATISTICS
from bnexp.models.normalization import normalization_layer


def cancels_bias(model: Network) -> bool:
    """Return True if normalization right behind a layer subtracts its bias again, so that it is left out."""
    return model.placement == "before" and isinstance(model.normalization, BATCH_STATISTICS)


def normalized_activation(model: Network, number: str) -> Iterator[keras.Layer]:
    """Yield a normalization, if there is one, and an activation, in order."""
    normalization = normalization_layer(model.normalization, name=f"normalization_{number}")
    activation = keras.layers.Activation(model.activation, name=f"activation_{number}")
    ordered = (normalization, activation) if model.placement == "before" else (activation, normalization)
    yield from (layer for layer in ordered if layer is not None)


def normalize(layer: keras.Layer | None, x: Any, training: bool | None, mask: Any = None) -> Any:
    """Call a normalization inside another layer; None leaves x as it is. Only some kinds take a mask."""
    if layer is None:
        return x
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer(x, training=training, mask=mask)
    return layer(x, mask=mask) if isinstance(layer, keras.layers.GroupNormalization) else layer(x)


def start_at_zero(layer: keras.Layer | None) -> None:
    """Let the scale of a normalization that is not built yet begin at zero instead of one."""
    if layer is not None:
        layer.gamma_initializer = keras.initializers.Zeros()
