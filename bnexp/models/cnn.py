"""`model.name: cnn`: blocks of convolutions. Also the augmentation that all networks for images share."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from bnexp.config.networks import Augmentation, Cnn
from bnexp.models.activation import cancels_bias, normalized_activation
from bnexp.models.head import initializer, penalty
from bnexp.models.inputs import Inputs, as_images
from bnexp.models.mlp import dense_block


def cnn_layers(model: Cnn, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers before the output, in order. Their names do not depend on the normalization."""
    yield from as_images(inputs)
    yield from augmentation_layers(model.augmentation)
    height, width = inputs.shape[:2]
    for block, filters in enumerate(model.filters, start=1):
        for number in range(1, model.convolutions + 1):
            yield _convolution(model, filters, name=f"convolution_{block}_{number}")
            yield from normalized_activation(model, f"{block}_{number}")
        if model.pooling != "none" and min(height, width) >= 2:
            yield _pooling(model, name=f"pooling_{block}")
            height, width = height // 2, width // 2
        if model.dropout:
            yield keras.layers.Dropout(model.dropout, name=f"block_dropout_{block}", seed=0)
    yield keras.layers.GlobalAveragePooling2D(name="mean")
    for number, units in enumerate(model.hidden, start=1):
        yield from dense_block(model, units, number)


def _convolution(model: Cnn, filters: int, name: str) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        filters,
        model.kernel_size,
        padding="same",
        use_bias=not cancels_bias(model),
        kernel_initializer=initializer(model),
        kernel_regularizer=penalty(model.l2),
        name=name,
    )


def _pooling(model: Cnn, name: str) -> keras.Layer:
    kind = keras.layers.MaxPooling2D if model.pooling == "max" else keras.layers.AveragePooling2D
    return kind(2, name=name)


def augmentation_layers(augmentation: Augmentation) -> Iterator[keras.Layer]:
    """Yield Keras's layers that flip images, shift them and add noise to them while training."""
    if augmentation.flip != "none":
        yield keras.layers.RandomFlip(augmentation.flip, seed=0, name="flip")
    if augmentation.shift:
        yield keras.layers.RandomTranslation(augmentation.shift, augmentation.shift, seed=0, name="shift")
    if augmentation.noise:
        yield keras.layers.GaussianNoise(augmentation.noise, seed=0, name="noise")
