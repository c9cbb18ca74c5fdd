"""`model.name: conv1d`: convolutions over time for words and frames. Padding has no effect on the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from bnexp.config.networks import Conv1d
from bnexp.models.activation import cancels_bias, normalized_activation
from bnexp.models.head import initializer, penalty
from bnexp.models.inputs import Inputs, as_frames
from bnexp.models.padding import MaskedMean


def conv1d_layers(model: Conv1d, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers before the output."""
    yield from as_frames(inputs, model.embedding)
    frames = inputs.shape[0]
    for block, filters in enumerate(model.filters, start=1):
        yield MaskedConv1D(
            filters,
            model.kernel_size,
            padding="same",
            use_bias=not cancels_bias(model),
            kernel_initializer=initializer(model),
            kernel_regularizer=penalty(model.l2),
            name=f"convolution_{block}",
        )
        yield from normalized_activation(model, str(block))
        if model.pooling != "none" and frames >= 2:
            yield MaskedPooling1D(model.pooling, name=f"pooling_{block}")
            frames = -(-frames // 2)
        if model.dropout:
            yield keras.layers.Dropout(model.dropout, name=f"dropout_{block}", seed=0)
    yield MaskedMean(name="mean")


@keras.saving.register_keras_serializable("bnexp")
class MaskedConv1D(keras.layers.Conv1D):
    """Keras's `Conv1D`, but it treats masked frames as zeros and passes the mask on. Keras's own layer drops the mask.

    Inputs (B, T, F), mask (B, T); outputs (B, T, filters). Only for `padding: same` without strides.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve, with zeros where the mask is false."""
        return super().call(inputs if mask is None else ops.where(mask[..., None], inputs, 0))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask unchanged, because the number of frames does not change."""
        return mask


@keras.saving.register_keras_serializable("bnexp")
class MaskedPooling1D(keras.Layer):
    """Computes the maximum or average of each pair of frames. Masked frames do not count.

    Inputs (B, T, F), mask (B, T); outputs (B, ceil(T / 2), F). A pair of masked frames becomes zeros. Keras's own
    pooling layers drop the mask and treat padding as frames.
    """

    def __init__(self, pooling: str = "max", **options: Any) -> None:
        super().__init__(**options)
        self.pooling = pooling
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the maximum or average of each pair of frames."""
        left = ops.ones(ops.shape(inputs)[:-1], "bool") if mask is None else mask
        left = self._pairs(left)[..., None]
        pairs = self._pairs(inputs)
        count = ops.sum(ops.cast(left, inputs.dtype), axis=2)
        if self.pooling == "average":
            return ops.sum(ops.where(left, pairs, 0), axis=2) / ops.maximum(count, 1)
        highest = ops.max(ops.where(left, pairs, -1e30 if inputs.dtype == "float32" else -6e4), axis=2)
        return ops.where(count > 0, highest, 0)

    def _pairs(self, x: Any) -> Any:
        """Cut (B, T, ...) into (B, ceil(T / 2), 2, ...). If T is odd, zeros follow the last frame."""
        frames, *rest = x.shape[1:]
        if frames % 2:
            x = ops.pad(x, ((0, 0), (0, 1), *(((0, 0),) * len(rest))))
        return ops.reshape(x, (-1, -(-frames // 2), 2, *rest))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the pooled frames: True if at least one frame of the pair is not masked."""
        return None if mask is None else ops.any(self._pairs(mask), axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        batch, frames, *rest = input_shape
        return (batch, None if frames is None else -(-frames // 2), *rest)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from."""
        return {**super().get_config(), "pooling": self.pooling}
