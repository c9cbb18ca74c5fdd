"""Where a sequence ends: `Padding` marks it for layers that know masks and those that do not, `MaskedMean` heeds it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bnexp")
class Padding(keras.Layer):
    """Puts zeros in the place of NaN, and masks the frames that are nothing else.

    Inputs and outputs (B, T, F); with `masked`, the mask (B, T) is false where
    a whole frame is NaN. Keras's `Masking` looks for a number instead, and
    would take any frame of zeros, silence included, for padding.
    """

    def __init__(self, masked: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.masked = masked
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Put zeros in the place of NaN."""
        return ops.where(ops.isnan(inputs), 0.0, inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask: True where a frame is no padding."""
        return ops.logical_not(ops.all(ops.isnan(inputs), axis=-1)) if self.masked else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from."""
        return {**super().get_config(), "masked": self.masked}


@keras.saving.register_keras_serializable("bnexp")
class MaskedMean(keras.layers.GlobalAveragePooling1D):
    """The mean over the frames that the mask leaves, and zeros for a row that has none, as an empty text.

    Inputs (B, T, F), mask (B, T); outputs (B, F). Keras's own divides by the
    number of frames left: a single empty row makes the loss NaN.
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Average; what is masked does not count."""
        if mask is None:
            return super().call(inputs)
        count = ops.sum(ops.cast(mask, inputs.dtype), axis=1)[:, None]
        return ops.sum(ops.where(mask[..., None], inputs, 0), axis=1) / ops.maximum(count, 1)
