"""The output layer of a task, and the initializer and penalty of all kernels."""

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
"""Task -> Keras's name for the loss that is trained with."""


def output_units(task: Task, classes: int) -> int:
    """Return the number of outputs: one for each class if there are three or more, else one."""
    return classes if task == "multiclass" else 1


def output_layer(task: Task, classes: int, l2: float) -> keras.layers.Dense:
    """Return 1 sigmoid unit (binary), a softmax unit for each class (multiclass), or 1 linear unit (regression)."""
    return keras.layers.Dense(
        output_units(task, classes), activation=ACTIVATIONS[task], kernel_regularizer=penalty(l2), name="output"
    )


def penalty(l2: float) -> keras.regularizers.L2 | None:
    """Return the L2 penalty of kernels, or None if `l2` is 0."""
    return keras.regularizers.L2(l2) if l2 else None


def initializer(model: Network) -> keras.initializers.Initializer:
    """Return a new initializer of kernels."""
    options = model.initializer.model_dump()
    drawn = keras.initializers.get({"class_name": options.pop("name"), "config": options})
    assert isinstance(drawn, keras.initializers.Initializer)
    return drawn


@keras.saving.register_keras_serializable("bnexp")
class SecondClass(keras.Layer):
    """Selects the probability of the second of two classes, as a single sigmoid unit would return it.

    Inputs (B, 2) are probabilities or, with `logits`, values before the softmax. Outputs are (B, 1).
    """

    def __init__(self, logits: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.logits = logits

    def call(self, inputs: Any) -> Any:
        """Return the probability of the second class."""
        return (ops.softmax(inputs) if self.logits else inputs)[:, 1:]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the layer."""
        return {**super().get_config(), "logits": self.logits}
