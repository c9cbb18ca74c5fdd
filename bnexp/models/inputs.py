"""`Inputs`: what a model is built for; and the layers that inputs of each kind go through first."""

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
"""Models that leave padding out; to the others it is zeros."""
IN_WORDS: dict[Kind, str] = {
    "table": "rows of {0} numbers",
    "image": "images of {0} x {1} x {2}",
    "sequence": "sequences of {0} frames of {1} numbers",
    "text": "texts of {0} words",
}


@dataclass(frozen=True)
class Inputs:
    """The kind and the shape of one row, for text how many numbers words may have, and for a table what is in a row."""

    kind: Kind
    shape: tuple[int, ...]
    vocabulary: int | None = None
    columns: tuple[str, ...] = field(default=(), compare=False)
    """The names of a table's numbers, `name=value` for a category; messages alone use them."""


def refuse_unfit(model: Model, inputs: Inputs) -> None:
    """Raise SettingError if this kind of model does not take this kind of inputs."""
    if inputs.kind not in FIT_FOR[model.name]:
        fit = ", ".join(name for name, kinds in FIT_FOR.items() if inputs.kind in kinds)
        raise SettingError(
            "model.name",
            f"is {model.name}; its inputs would be {IN_WORDS[inputs.kind].format(*inputs.shape)}. Use one of {fit}.",
        )


def first_layers(model: Model, inputs: Inputs) -> Iterator[keras.KerasTensor | keras.Layer]:
    """Yield what every model begins with: Keras's description of a batch and, for sequences, the mark of padding."""
    yield keras.Input(inputs.shape, dtype="int32" if inputs.kind == "text" else "float32")
    if inputs.kind == "sequence":
        yield Padding(masked=model.name in MASKED, name="padding")


def as_images(inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield sequences (T, F) one channel, so that they are images (T, F, 1)."""
    if inputs.kind == "sequence":
        yield keras.layers.Reshape((*inputs.shape, 1), name="one_channel")


def as_frames(inputs: Inputs, embedding: int) -> Iterator[keras.Layer]:
    """Turn words into vectors of this width, and mask padding; frames are vectors and masked already."""
    if inputs.kind == "text":
        yield Embedding(inputs.vocabulary, embedding, mask_zero=True, name="embedding")
