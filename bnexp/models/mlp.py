"""`model.name: mlp`: dense layers, each with its normalization, activation and dropout."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from bnexp.config.networks import Mlp, Network
from bnexp.models.activation import cancels_bias, normalized_activation
from bnexp.models.head import initializer, penalty
from bnexp.models.inputs import Inputs


def mlp_layers(model: Mlp, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the hidden layers in order. Their names do not depend on the normalization."""
    if len(inputs.shape) > 1:
        yield keras.layers.Flatten(name="flatten")
    for number, units in enumerate(model.hidden * model.repeat, start=1):
        yield from dense_block(model, units, number)


def dense_block(model: Network, units: int, number: int) -> Iterator[keras.Layer]:
    """Yield a dense layer with normalization, activation and dropout. It has no bias if normalization cancels it."""
    yield keras.layers.Dense(
        units,
        use_bias=not cancels_bias(model),
        kernel_initializer=initializer(model),
        kernel_regularizer=penalty(model.l2),
        name=f"hidden_{number}",
    )
    yield from normalized_activation(model, str(number))
    if model.dropout:
        yield keras.layers.Dropout(model.dropout, name=f"dropout_{number}", seed=0)
