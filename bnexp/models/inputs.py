"""`Inputs`, which describes the rows that a model is built for, and the first layers for each kind of inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import keras

from bnexp.config.model import Model
from bnexp.config.section import Kind
from bnexp.errors import SettingError
from bnexp.models.embedding import Embedding
from bnexp.models.padding import Padding

FIT_FOR: dict[str, tuple[Kind, ...]] = {
    "mlp": ("table", "image", "sequence"),
    "sequential": ("table", "image", "sequence", "text"),
    "cnn": ("image", "sequence"),
    "resnet": ("image", "sequence"),
    "conv1d": ("sequence", "text"),
    "rnn": ("sequence", "text"),
    "transformer": ("sequence", "text"),
}
"""Model -> the kinds of inputs that it takes."""
MASKED = ("conv1d", "rnn", "transformer")
"""Models that ignore padding. The other models read zeros instead of padding."""
IN_WORDS: dict[Kind, str] = {
    "table": "rows of {0} numbers",
    "image": "images of {0} x {1} x {2}",
    "sequence": "sequences of {0} frames of {1} numbers",
    "text": "texts of {0} words",
}


@dataclass(frozen=True)
class Inputs:
    """The kind and shape of a row, the size of the vocabulary for text, and the columns for a table."""

    kind: Kind
    shape: tuple[int, ...]
    vocabulary: int | None = None
    columns: tuple[str, ...] = field(default=(), compare=False)
    """The names of a table's columns, `name=value` for a category. Only messages use them."""


def refuse_unfit(model: Model, inputs: Inputs) -> None:
    """Raise SettingError if this kind of model does not take this kind of inputs."""
    if inputs.kind not in FIT_FOR[model.name]:
        fit = ", ".join(name for name, kinds in FIT_FOR.items() if inputs.kind in kinds)
        raise SettingError(
            "model.name",
            f"is {model.name}; its inputs would be {IN_WORDS[inputs.kind].format(*inputs.shape)}. Use one of {fit}.",
        )


def first_layers(model: Model, inputs: Inputs) -> Iterator[keras.KerasTensor | keras.Layer]:
    """Yield the first layers of every model: Keras's `Input` and, for sequences, `Padding`."""
    yield keras.Input(inputs.shape, dtype="int32" if inputs.kind == "text" else "float32")
    if inputs.kind == "sequence":
        yield Padding(masked=model.name in MASKED, name="padding")


def as_images(inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield a layer that turns sequences (T, F) into images (T, F, 1). Images need no layer."""
    if inputs.kind == "sequence":
        yield keras.layers.Reshape((*inputs.shape, 1), name="one_channel")


def as_frames(inputs: Inputs, embedding: int) -> Iterator[keras.Layer]:
    """Yield a layer that turns words into vectors of width `embedding` and masks padding. Frames need no layer."""
    if inputs.kind == "text":
        yield Embedding(inputs.vocabulary, embedding, mask_zero=True, name="embedding")
