"""Layers for padded sequences: `Padding` replaces NaN and makes the mask, `MaskedMean` averages unmasked frames."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bnexp")
class Padding(keras.Layer):
    """Replaces NaN by zeros, and masks the frames in which all numbers are NaN.

    Inputs and outputs (B, T, F); with `masked`, the mask (B, T) is false where a whole frame is NaN. Keras's `Masking`
    looks for a number instead. It would treat any frame of zeros, such as silence, as padding.
    """

    def __init__(self, masked: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.masked = masked
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs with zeros instead of NaN."""
        return ops.where(ops.isnan(inputs), 0.0, inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask: True where a frame is not padding; None without `masked`."""
        return ops.logical_not(ops.all(ops.isnan(inputs), axis=-1)) if self.masked else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the layer."""
        return {**super().get_config(), "masked": self.masked}


@keras.saving.register_keras_serializable("bnexp")
class MaskedMean(keras.layers.GlobalAveragePooling1D):
    """Averages the unmasked frames of each row. A row without any, such as an empty text, becomes zeros.

    Inputs (B, T, F), mask (B, T); outputs (B, F). Keras's own layer divides by the number of unmasked frames, so a
    single empty row makes the loss NaN.
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mean over the unmasked frames."""
        if mask is None:
            return super().call(inputs)
        count = ops.sum(ops.cast(mask, inputs.dtype), axis=1)[:, None]
        return ops.sum(ops.where(mask[..., None], inputs, 0), axis=1) / ops.maximum(count, 1)
