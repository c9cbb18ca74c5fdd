"""`Residual`: a shortcut around layers, so that a chain of layers can be a residual network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras

Shape = tuple[int | None, ...]


class UnequalShapesError(ValueError):
    """The outputs of a block's layers cannot be added to its inputs. The message says what to do."""


@keras.saving.register_keras_serializable("bnexp")
class Residual(keras.Layer):
    """Adds the outputs of layers to their inputs: y = s(x) + layers(x).

    The shortcut s is the identity, also with `projection` if the shapes are equal. With `projection` and other shapes,
    s fits the inputs to the outputs. If the layers change the number of channels (the last axis), s multiplies each
    position by a kernel without bias. If the layers keep only every k-th position of an axis, s takes the same
    positions. This is option B of the paper: a 1 x 1 convolution with strides.

    The layers get the mask. It is passed on behind the block if all positions are kept.

    Raises:
        UnequalShapesError: if the shapes cannot be added.

    Source: He et al. 2015, "Deep Residual Learning", equations 1 and 2.
    """

    def __init__(
        self, layers: Sequence[keras.Layer], shortcut: Literal["identity", "projection"] = "identity", **options: Any
    ) -> None:
        super().__init__(**options)
        self.layers, self.shortcut = list(layers), shortcut
        self.projection: keras.layers.Dense | None = None
        self.strides: tuple[int, ...] = ()
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Build all layers in order, and the shortcut from the first shape to the last."""
        x = keras.KerasTensor(input_shape, dtype=self.compute_dtype)
        for layer in self.layers:
            x = layer(x)
        if tuple(x.shape) != tuple(input_shape):
            self.strides = self._strides(tuple(input_shape), tuple(x.shape))
            if x.shape[-1] != input_shape[-1]:
                self.projection = keras.layers.Dense(x.shape[-1], use_bias=False, name="projection")
                self.projection.build(input_shape)
        super().build(input_shape)

    def _strides(self, before: Shape, behind: Shape) -> tuple[int, ...]:
        """Return the stride k of each axis between the first and the last: the layers keep every k-th position."""
        seen = f"its layers turn inputs of shape {before} into {behind}, which cannot be added"
        if self.shortcut == "identity":
            otherwise = ", or shortcut: projection" if len(before) == len(behind) else ""
            raise UnequalShapesError(f"{seen}. Use layers that keep the shape{otherwise}.")
        pairs = list(zip(before[1:-1], behind[1:-1], strict=len(before) == len(behind)))
        strides = [math.ceil(old / new) if old and new else 1 for old, new in pairs]
        if len(before) != len(behind) or any(
            old and math.ceil(old / stride) != new for (old, new), stride in zip(pairs, strides, strict=True)
        ):
            raise UnequalShapesError(
                f"{seen}. Use layers that keep every position or every k-th, as with padding: same."
            )
        return tuple(strides)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the sum of the shortcut and the layers' outputs."""
        x = inputs
        for layer in self.layers:
            options = {"training": training} if layer._call_has_training_arg else {}
            x = layer(x, **options, **({"mask": mask} if layer._call_has_mask_arg else {}))
            mask = getattr(x, "_keras_mask", None)
        return self._shortcut(inputs) + x

    def _shortcut(self, inputs: Any) -> Any:
        steps = tuple(slice(None, None, stride) for stride in self.strides)
        taken = inputs[(slice(None), *steps)] if any(stride > 1 for stride in self.strides) else inputs
        return taken if self.projection is None else self.projection(taken)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the inputs if all positions are kept, else None."""
        return None if any(stride > 1 for stride in self.strides) else previous_mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        shape = tuple(input_shape)
        for layer in self.layers:
            shape = tuple(layer.compute_output_shape(shape))
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the block."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers, "shortcut": self.shortcut}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Residual:
        """Build the block from what `get_config` returned."""
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})
