"""`model.name: resnet`: residual networks for small images; each block is one Keras layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from bnexp.config.networks import Resnet
from bnexp.config.normalization import NoNormalization
from bnexp.errors import SettingError
from bnexp.models.activation import cancels_bias, normalize, normalized_activation, start_at_zero
from bnexp.models.cnn import augmentation_layers
from bnexp.models.head import initializer, penalty
from bnexp.models.inputs import Inputs, as_images
from bnexp.models.normalization import normalization_layer

STAGES = 3
FLAT_AT_ZERO = ("relu", "relu6")
"""Activations whose gradient is 0 for inputs of 0."""


def resnet_layers(model: Resnet, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers before the output: a convolution, three stages of blocks, the mean over positions.

    Raises:
        SettingError: if `zero_gamma` is set, and no block could ever learn or normalization has no scale.
    """
    _refuse_unfit_zero_gamma(model)
    yield from as_images(inputs)
    yield from augmentation_layers(model.augmentation)
    yield convolution(model, model.width, 1, name="convolution")
    if model.block == "basic":
        yield from normalized_activation(model, "1")
    for stage in range(STAGES):
        for block in range((model.depth - 2) // 6):
            strides = 2 if stage and not block else 1
            yield ResidualBlock(model.width * 2**stage, strides, model, name=f"block_{stage + 1}_{block + 1}")
    if model.block == "preactivation":
        yield from normalized_activation(model, "1")
    yield keras.layers.GlobalAveragePooling2D(name="mean")
    if model.dropout:
        yield keras.layers.Dropout(model.dropout, name="dropout", seed=0)


def _refuse_unfit_zero_gamma(model: Resnet) -> None:
    if model.zero_gamma and not getattr(model.normalization, "scale", True):
        raise SettingError(
            "model.zero_gamma",
            "is true with model.normalization.scale false; there is no scale that could begin at zero. "
            "Change one of them.",
        )
    if not model.zero_gamma or isinstance(model.normalization, NoNormalization):
        return
    if model.block == "basic" and model.placement == "after":
        raise SettingError(
            "model.zero_gamma",
            "is true with model.block basic and model.placement after. Each block then ends in the normalization that "
            "would begin at zero, so that nothing passes, and no block ever learns. "
            "Use model.placement: before, or model.zero_gamma: false.",
        )
    if model.block == "preactivation" and model.placement == "before" and model.activation in FLAT_AT_ZERO:
        raise SettingError(
            "model.zero_gamma",
            "is true with model.block preactivation, model.placement before and model.activation "
            f"{model.activation}; each block's last activation would be fed zeros, where its slope is 0, so that no "
            "block ever learns. Use model.block: basic, model.placement: after, or model.zero_gamma: false.",
        )


def convolution(
    model: Resnet, filters: int, strides: int, name: str, *, normalized: bool = True
) -> keras.layers.Conv2D:
    """Return a 3 x 3 convolution. It has no bias if normalization directly behind it (`normalized`) cancels one."""
    return keras.layers.Conv2D(
        filters,
        3,
        strides,
        padding="same",
        use_bias=not (normalized and cancels_bias(model)),
        kernel_initializer=initializer(model),
        kernel_regularizer=penalty(model.l2),
        name=name,
    )


@keras.saving.register_keras_serializable("bnexp")
class ResidualBlock(keras.Layer):
    """Two 3 x 3 convolutions C1, C2 with normalizations N1, N2 and activations a, beside a shortcut s.

    | block         | placement before                   | placement after                    |
    |---------------|------------------------------------|------------------------------------|
    | basic         | a(s(x) + N2 C2 a N1 C1 x)          | N2 a(s(x) + C2 N1 a C1 x)          |
    | preactivation | s(x) + C2 a N2 C1 a N1 x           | s(x) + C2 N2 a C1 N1 a x           |

    The shortcut is the identity. If the block has strides k or more filters, the shortcut takes every k-th position and
    appends channels of zeros (option A, which has no weights). With zero-gamma, the scale of N2 starts at zero, unless
    the shortcut appends channels. These channels of zeros would stay zeros behind a relu, whose gradient at 0 is 0.
    Inputs (B, H, W, C), outputs (B, ceil(H / strides), ceil(W / strides), filters).

    Raises:
        ValueError: if the inputs have more channels than the block has filters.

    Source: He et al. 2015, "Deep Residual Learning", section 4.2 (basic);
    He et al. 2016, "Identity Mappings", figure 4e (preactivation). Zero-gamma:
    Goyal et al. 2017, section 5.1.
    """

    def __init__(self, filters: int, strides: int, model: Resnet | dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.model = model = model if isinstance(model, Resnet) else Resnet.model_validate(model)
        self.filters, self.strides = filters, strides
        basic = model.block == "basic"
        self.convolution_1 = convolution(model, filters, strides, "convolution_1")
        self.convolution_2 = convolution(model, filters, 1, "convolution_2", normalized=basic)
        self.normalization_1 = normalization_layer(model.normalization, name="normalization_1")
        self.normalization_2 = normalization_layer(model.normalization, name="normalization_2")
        self.activation = keras.activations.get(model.activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build all layers, so that their weights are known before they are called."""
        channels = input_shape[-1] or 0
        if channels > self.filters:
            raise ValueError(f"A block of {self.filters} filters cannot take {channels} channels.")
        if self.model.zero_gamma and channels == self.filters:
            start_at_zero(self.normalization_2)
        between = self.convolution_1.compute_output_shape(input_shape)
        self.convolution_1.build(input_shape)
        self.convolution_2.build(between)
        shapes = (input_shape, between) if self.model.block == "preactivation" else (between, between)
        for layer, shape in zip((self.normalization_1, self.normalization_2), shapes, strict=True):
            if layer is not None:
                layer.build(shape)
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the block's outputs."""

        def first(x: Any) -> Any:
            return self._normalized_activation(self.normalization_1, x, training)

        def second(x: Any) -> Any:
            return self._normalized_activation(self.normalization_2, x, training)

        if self.model.block == "preactivation":
            return self._shortcut(inputs) + self.convolution_2(second(self.convolution_1(first(inputs))))
        branch = self.convolution_2(first(self.convolution_1(inputs)))
        if self.model.placement == "after":
            return second(self._shortcut(inputs) + branch)
        return self.activation(self._shortcut(inputs) + normalize(self.normalization_2, branch, training))

    def _normalized_activation(self, normalization: keras.Layer | None, x: Any, training: bool | None) -> Any:
        if self.model.placement == "before":
            return self.activation(normalize(normalization, x, training))
        return normalize(normalization, self.activation(x), training)

    def _shortcut(self, inputs: Any) -> Any:
        taken = inputs[:, :: self.strides, :: self.strides]
        new = self.filters - inputs.shape[-1]
        return ops.pad(taken, ((0, 0), (0, 0), (0, 0), (0, new))) if new else taken

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return tuple(self.convolution_1.compute_output_shape(input_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the block."""
        own = {"filters": self.filters, "strides": self.strides, "model": self.model.model_dump()}
        return {**super().get_config(), **own}
