"""`model.name: sequential`: any Keras layers, made from their names and arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

from bnexp.config.model import Layer, Sequential
from bnexp.errors import SettingError
from bnexp.models.embedding import Embedding
from bnexp.models.inputs import Inputs


def sequential_layers(model: Sequential, inputs: Inputs) -> Iterator[keras.Layer]:
    """Give the layers in order, named by class and count (`dense_1`), so that names are stable across arms.

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
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingError(
            f"model.layers.{position}",
            f"is {layer.name} with {layer.arguments}; Keras refuses it: {reason} "
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
    """Give the class of a layer: Keras's, but for the embedding whose gradient is dense."""
    return Embedding if name == "Embedding" else getattr(keras.layers, name)


def _snake_case(name: str) -> str:
    """Give Keras's own kind of layer name.

    >>> _snake_case("MaxPooling2D")
    'max_pooling2d'
    """
    words = "".join(
        f"_{c}" if c.isupper() and not name[i - 1].isupper() and not name[i - 1].isdigit() else c
        for i, c in enumerate(name)
    )
    return words.lower().removeprefix("_")
