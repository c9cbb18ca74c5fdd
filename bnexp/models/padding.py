"""`Padding`: where a sequence ends, for layers that know masks and for those that do not."""

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
        """Tell which frames hold a number."""
        return ops.logical_not(ops.all(ops.isnan(inputs), axis=-1)) if self.masked else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Give the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Give what `from_config` builds the layer from."""
        return {**super().get_config(), "masked": self.masked}
