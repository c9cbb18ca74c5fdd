"""`model.name: transformer`: encoder blocks over words or frames; each block is one Keras layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from bnexp.config.networks import Transformer
from bnexp.models.activation import normalize
from bnexp.models.head import initializer, penalty
from bnexp.models.inputs import Inputs, as_frames
from bnexp.models.normalization import normalization_layer
from bnexp.models.padding import MaskedMean


def transformer_layers(model: Transformer, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers before the output."""
    yield from as_frames(inputs, model.width)
    if inputs.kind == "sequence":
        yield keras.layers.Dense(
            model.width,
            kernel_initializer=initializer(model),
            kernel_regularizer=penalty(model.l2),
            name="projection",
        )
    yield PositionEmbedding(name="positions")
    for number in range(1, model.blocks + 1):
        yield EncoderBlock(model, name=f"block_{number}")
    last = normalization_layer(model.normalization, name="normalization") if model.placement == "before" else None
    if last is not None:
        yield last
    yield MaskedMean(name="mean") if model.pooling == "mean" else FirstPosition(name="first")


@keras.saving.register_keras_serializable("bnexp")
class PositionEmbedding(keras.Layer):
    """Adds a learned vector to each position: inputs and outputs (B, T, F), weights (T, F).

    Source: Devlin et al. 2018, "BERT", section 3.2 (the 2017 paper uses sines).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the vectors at random."""
        initializer = keras.initializers.RandomUniform(-0.05, 0.05, seed=0)
        self.positions = self.add_weight(shape=input_shape[1:], initializer=initializer, name="positions")

    def call(self, inputs: Any) -> Any:
        """Return the inputs plus the vectors of their positions."""
        return inputs + ops.cast(self.positions, inputs.dtype)


@keras.saving.register_keras_serializable("bnexp")
class FirstPosition(keras.Layer):
    """Selects the first position of a sequence: inputs (B, T, F), outputs (B, F). The mask is not passed on."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the first position."""
        return inputs[:, 0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return no mask, because the outputs have no time axis."""
        return

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return (input_shape[0], *input_shape[2:])


@keras.saving.register_keras_serializable("bnexp")
class EncoderBlock(keras.Layer):
    """Self-attention A and two dense layers F, each with an identity shortcut, with normalizations N1, N2.

    placement before (pre-norm): y = x + A N1 x; out = y + F N2 y.
    placement after (post-norm): y = N1(x + A x); out = N2(y + F y).

    Inputs and outputs (B, T, width), mask (B, T). No position attends to a masked one, and masked positions do not
    enter the statistics of batch, group or instance normalization. Dropout follows A and F.

    Source: Vaswani et al. 2017 (post-norm); Xiong et al. 2020, "On Layer
    Normalization in the Transformer Architecture" (pre-norm).
    """

    def __init__(self, model: Transformer | dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True
        self.model = model = model if isinstance(model, Transformer) else Transformer.model_validate(model)
        shared = {"kernel_initializer": initializer(model), "kernel_regularizer": penalty(model.l2)}
        self.attention = keras.layers.MultiHeadAttention(
            model.heads, model.width // model.heads, name="attention", **shared
        )
        self.expansion = keras.layers.Dense(model.feedforward, model.activation, name="expansion", **shared)
        self.contraction = keras.layers.Dense(model.width, name="contraction", **shared)
        self.dropout_1 = keras.layers.Dropout(model.dropout, seed=0, name="dropout_1")
        self.dropout_2 = keras.layers.Dropout(model.dropout, seed=0, name="dropout_2")
        self.normalization_1 = normalization_layer(model.normalization, name="normalization_1")
        self.normalization_2 = normalization_layer(model.normalization, name="normalization_2")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build all layers, so that their weights are known before they are called."""
        self.attention.build(input_shape, input_shape)
        self.expansion.build(input_shape)
        self.contraction.build((*input_shape[:-1], self.model.feedforward))
        for layer in (self.normalization_1, self.normalization_2):
            if layer is not None:
                layer.build(input_shape)
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the block's outputs."""
        before = self.model.placement == "before"

        def normalized(layer: keras.Layer | None, x: Any) -> Any:
            return normalize(layer, x, training, mask)

        attended = self._attended(normalized(self.normalization_1, inputs) if before else inputs, training, mask)
        x = inputs + self.dropout_1(attended, training=training)
        x = x if before else normalized(self.normalization_1, x)
        hidden = self.expansion(normalized(self.normalization_2, x) if before else x)
        x = x + self.dropout_2(self.contraction(hidden), training=training)
        return x if before else normalized(self.normalization_2, x)

    def _attended(self, x: Any, training: bool | None, mask: Any) -> Any:
        allowed = None if mask is None else mask[:, None, :]
        return self.attention(x, x, attention_mask=allowed, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the block."""
        return {**super().get_config(), "model": self.model.model_dump()}
