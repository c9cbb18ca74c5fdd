"""`model.name: sequential`: any Keras layers, made from their names and arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from bnexp.config.model import Layer, Sequential
from bnexp.errors import SettingError
from bnexp.models.embedding import Embedding
from bnexp.models.inputs import Inputs

REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError,
    tf.errors.InvalidArgumentError, tf.errors.UnimplementedError,
)  # fmt: skip
"""What Keras raises where a layer's arguments, or its inputs, are not as it needs them."""

CALLING = "Exception encountered when calling"
"""How Keras begins a message that names the layer, and then says what the matter is."""
COLOR = re.compile(r"\x1b\[[0-9;]*m")


def refusal_text(error: Exception) -> str:
    """Return the first line that says something of an error, as a sentence, or its kind if none does."""
    lines = [COLOR.sub("", line).strip() for line in str(error).splitlines()]
    first = next((line for line in lines if line and not line.startswith(CALLING)), type(error).__name__)
    return first if first.endswith(".") else f"{first}."


def misplaced_bias(layer: keras.Layer) -> str | None:
    """Return why Keras would add a layer's bias along the wrong axis, with the cure, or None if it would not.

    `keras.ops.add` on TensorFlow takes a bias of shape (1, C, 1, ...) for one
    of the last axis if that is of length C, too (Keras 3.15.1).
    """
    first = [one for one in layer._flatten_layers() if getattr(one, "data_format", None) == "channels_first"]
    for one in first:
        bias = getattr(one, "bias", None)
        if bias is not None and bias.shape[0] > 1 and (one is not layer or layer.output.shape[-1] == bias.shape[0]):
            return (
                f"with channels first and {bias.shape[0]} filters, Keras would add its bias along the wrong axis. "
                "Use data_format: channels_last, behind a Permute, or use_bias: false."
            )
    return None


def sequential_layers(model: Sequential, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers in order, named by class and count (`dense_1`), so that names are stable across arms.

    Raises:
        SettingError: if Keras refuses a layer's arguments, or words have higher numbers than an Embedding has vectors.
    """
    numbers: Counter[str] = Counter()
    for position, layer in enumerate(model.layers):
        numbers[layer.name] += 1
        _refuse_small_embedding(layer, position, inputs.vocabulary)
        yield _layer(layer, position, name=f"{_snake_case(layer.name)}_{numbers[layer.name]}")


def _layer(layer: Layer, position: int, name: str) -> keras.Layer:
    arguments = {"name": name, **layer.arguments}
    try:
        return _kind(layer.name)(**arguments)
    except REFUSALS as error:
        raise SettingError(
            f"model.layers.{position}",
            f"is {layer.name} with {layer.arguments}; Keras refuses it: {refusal_text(error)} "
            f"Use the arguments of keras.layers.{layer.name}, spelt as Keras spells them.",
        ) from error


def _refuse_small_embedding(layer: Layer, position: int, vocabulary: int | None) -> None:
    size = layer.arguments.get("input_dim")
    if layer.name == "Embedding" and vocabulary is not None and isinstance(size, int) and size < vocabulary:
        raise SettingError(
            f"model.layers.{position}",
            f"is Embedding with input_dim {size}; the texts' words may be numbered from 0 to {vocabulary - 1}. "
            f"Use input_dim: {vocabulary} or more, or a smaller dataset.vocabulary.",
        )


def _kind(name: str) -> Any:
    """Return the class of a layer: Keras's, but for the embedding whose gradient is dense."""
    return Embedding if name == "Embedding" else getattr(keras.layers, name)


def _snake_case(name: str) -> str:
    """Return Keras's own kind of layer name.

    >>> _snake_case("MaxPooling2D")
    'max_pooling2d'
    """
    words = "".join(
        f"_{c}" if c.isupper() and not name[i - 1].isupper() and not name[i - 1].isdigit() else c
        for i, c in enumerate(name)
    )
    return words.lower().removeprefix("_")
