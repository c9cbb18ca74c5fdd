"""Published networks, and one of keras.io, for images of 32 x 32: what `build: published.py:NAME` names."""

from __future__ import annotations

import keras
from keras import layers

SHAPE = (32, 32, 3)


def mobilenet() -> keras.Model:
    return keras.applications.MobileNetV2(input_shape=SHAPE, weights=None, classes=3)


def resnet50() -> keras.Model:
    return keras.applications.ResNet50(input_shape=SHAPE, weights=None, classes=3)


def efficientnet() -> keras.Model:
    return keras.applications.EfficientNetB0(input_shape=SHAPE, weights=None, classes=3)


def xception(widths: tuple[int, ...] = (32, 64)) -> keras.Model:
    """Return the network of keras.io's "Image classification from scratch", with fewer and narrower blocks."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(16, 3, strides=2, padding="same")(layers.Rescaling(1.0 / 255)(inputs))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    before = x
    for width in widths:
        for _ in range(2):
            x = layers.SeparableConv2D(width, 3, padding="same")(layers.Activation("relu")(x))
            x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = before = layers.add([x, layers.Conv2D(width, 1, strides=2, padding="same")(before)])
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.SeparableConv2D(96, 3, padding="same")(x)))
    x = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(3, activation=None)(x))
