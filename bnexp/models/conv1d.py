"""`model.name: conv1d`: convolutions over time for words and frames, in which padding stays without effect."""

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
    """Keras's `Conv1D` that takes masked frames for zeros and hands the mask on, where Keras's own drops it.

    Inputs (B, T, F), mask (B, T); outputs (B, T, filters). For `padding:
    same` and no strides.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve, with zeros where the mask is false."""
        return super().call(inputs if mask is None else ops.where(mask[..., None], inputs, 0))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the same mask: as many frames come out as go in."""
        return mask


@keras.saving.register_keras_serializable("bnexp")
class MaskedPooling1D(keras.Layer):
    """The maximum or the average over each two frames that the mask leaves, or the one frame that it leaves.

    Inputs (B, T, F), mask (B, T); outputs (B, ceil(T / 2), F). Keras's own
    pooling layers drop the mask and take padding for frames.
    """

    def __init__(self, pooling: str = "max", **options: Any) -> None:
        super().__init__(**options)
        self.pooling = pooling
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pool; what is masked does not count."""
        left = ops.ones(ops.shape(inputs)[:-1], "bool") if mask is None else mask
        left = self._pairs(left)[..., None]
        pairs = self._pairs(inputs)
        count = ops.sum(ops.cast(left, inputs.dtype), axis=2)
        if self.pooling == "average":
            return ops.sum(ops.where(left, pairs, 0), axis=2) / ops.maximum(count, 1)
        highest = ops.max(ops.where(left, pairs, -1e30 if inputs.dtype == "float32" else -6e4), axis=2)
        return ops.where(count > 0, highest, 0)

    def _pairs(self, x: Any) -> Any:
        """Cut (B, T, ...) into (B, T / 2, 2, ...), with zeros behind an odd last frame."""
        frames, *rest = x.shape[1:]
        if frames % 2:
            x = ops.pad(x, ((0, 0), (0, 1), *(((0, 0),) * len(rest))))
        return ops.reshape(x, (-1, -(-frames // 2), 2, *rest))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of pooled frames: True where the pair holds a frame that is no padding."""
        return None if mask is None else ops.any(self._pairs(mask), axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        batch, frames, *rest = input_shape
        return (batch, None if frames is None else -(-frames // 2), *rest)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from."""
        return {**super().get_config(), "pooling": self.pooling}
