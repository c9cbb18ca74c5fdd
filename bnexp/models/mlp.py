"""`model.name: mlp`: dense layers, each with its normalization, activation and dropout."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from bnexp.config.model import BatchNormalization, Mlp
from bnexp.models.normalization import normalization_layer


def mlp_layers(model: Mlp) -> Iterator[keras.Layer]:
    """Give the hidden layers in order, with names that stay the same whatever the normalization is."""
    for number, units in enumerate(model.hidden, start=1):
        yield _dense(model, units, name=f"hidden_{number}")
        yield from _normalized_activation(model, number)
        if model.dropout:
            yield keras.layers.Dropout(model.dropout, name=f"dropout_{number}", seed=0)


def _dense(model: Mlp, units: int, name: str) -> keras.layers.Dense:
    """Give a dense layer; batch normalization right behind it would cancel its bias, so that is left out."""
    redundant_bias = model.placement == "before" and isinstance(model.normalization, BatchNormalization)
    return keras.layers.Dense(
        units,
        use_bias=not redundant_bias,
        kernel_initializer=model.initializer,
        kernel_regularizer=keras.regularizers.L2(model.l2) if model.l2 else None,
        name=name,
    )


def _normalized_activation(model: Mlp, number: int) -> Iterator[keras.Layer]:
    normalization = normalization_layer(model.normalization, name=f"normalization_{number}")
    activation = keras.layers.Activation(model.activation, name=f"activation_{number}")
    ordered = (normalization, activation) if model.placement == "before" else (activation, normalization)
    yield from (layer for layer in ordered if layer is not None)
