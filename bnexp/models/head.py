"""The output layer that a task asks for, and what all kernels have: an initializer, perhaps a penalty."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bnexp.config.networks import Network
from bnexp.config.section import Task

ACTIVATIONS = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}
LOSSES = {
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
    "regression": "mean_squared_error",
}
"""Task -> the loss that is trained with, by Keras's name."""


def output_units(task: Task, classes: int) -> int:
    """Count the outputs: one a class if there are three or more, else one."""
    return classes if task == "multiclass" else 1


def output_layer(task: Task, classes: int, l2: float) -> keras.layers.Dense:
    """Return 1 sigmoid unit (binary), one softmax unit a class (multiclass), or 1 linear unit (regression)."""
    return keras.layers.Dense(
        output_units(task, classes), activation=ACTIVATIONS[task], kernel_regularizer=penalty(l2), name="output"
    )


def penalty(l2: float) -> keras.regularizers.L2 | None:
    """Return the regularizer of kernels, or None."""
    return keras.regularizers.L2(l2) if l2 else None


def initializer(model: Network) -> keras.initializers.Initializer:
    """Return a new initializer of kernels."""
    options = model.initializer.model_dump()
    drawn = keras.initializers.get({"class_name": options.pop("name"), "config": options})
    assert isinstance(drawn, keras.initializers.Initializer)
    return drawn


@keras.saving.register_keras_serializable("bnexp")
class SecondClass(keras.Layer):
    """The probability of the second of two classes: what one sigmoid unit would give.

    Inputs (B, 2), probabilities, or with `logits` what a softmax makes probabilities of; outputs (B, 1).
    """

    def __init__(self, logits: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.logits = logits

    def call(self, inputs: Any) -> Any:
        """Take the second."""
        return (ops.softmax(inputs) if self.logits else inputs)[:, 1:]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from."""
        return {**super().get_config(), "logits": self.logits}
