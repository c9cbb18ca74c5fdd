"""`model.name: rnn`: recurrent layers for words and frames."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from bnexp.config.networks import Rnn
from bnexp.models.head import initializer, penalty
from bnexp.models.inputs import Inputs, as_frames
from bnexp.models.normalization import normalization_layer


def rnn_layers(model: Rnn, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers before the output."""
    yield from as_frames(inputs, model.embedding)
    for number, units in enumerate(model.units, start=1):
        recurrent = _recurrent(model, units, number)
        normalization = normalization_layer(model.normalization, name=f"normalization_{number}")
        ordered = (normalization, recurrent) if model.placement == "before" else (recurrent, normalization)
        yield from (layer for layer in ordered if layer is not None)
        if model.dropout:
            yield keras.layers.Dropout(model.dropout, name=f"dropout_{number}", seed=0)


def _recurrent(model: Rnn, units: int, number: int) -> keras.Layer:
    """Return a recurrent layer. The model's last one returns only its last state."""
    kind = keras.layers.GRU if model.cell == "gru" else keras.layers.LSTM
    name = f"recurrent_{number}"
    layer = kind(
        units,
        return_sequences=number < len(model.units),
        kernel_initializer=initializer(model),
        kernel_regularizer=penalty(model.l2),
        recurrent_regularizer=penalty(model.l2),
        name=name,
    )
    return keras.layers.Bidirectional(layer, name=name) if model.bidirectional else layer
