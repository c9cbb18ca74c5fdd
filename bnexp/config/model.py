"""`model`: which layers. The networks of each field are in `networks.py`; here are any Keras layers."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from bnexp.config.networks import Cnn, Conv1d, Mlp, Resnet, Rnn, Transformer
from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.config.section import Section

LayerName = Literal[
    "Activation", "AlphaDropout", "AveragePooling1D", "AveragePooling2D", "BatchNormalization", "Conv1D",
    "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Cropping1D", "Cropping2D", "Dense", "DepthwiseConv1D",
    "DepthwiseConv2D", "Dropout", "ELU", "Embedding", "Flatten", "GRU", "GaussianDropout", "GaussianNoise",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GroupNormalization", "LSTM", "LayerNormalization", "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "PReLU",
    "Permute", "RMSNormalization", "ReLU", "RepeatVector", "Rescaling", "Reshape", "SeparableConv1D",
    "SeparableConv2D", "SimpleRNN", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "UnitNormalization",
    "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
]  # fmt: skip


def _without_mappings(value: Any) -> Any:
    """Refuse what Keras would build an object from, a mapping, which may name any class; and numbers without end."""
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, list) and value is not entry:
            _without_mappings(entry)
        elif not isinstance(entry, bool | int | float | str | None):
            raise PydanticCustomError("argument", "numbers, text, true, false, null, or lists of them")
        elif isinstance(entry, float) and not math.isfinite(entry):
            raise PydanticCustomError("finite_number", "a finite number")
    return value


Argument = Annotated[Any, AfterValidator(_without_mappings)]


class Layer(Section):
    """One Keras layer: its class name and, spelt as Keras spells them, its arguments."""

    name: LayerName
    arguments: dict[str, Argument] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_spelling(cls, value: Any) -> Any:
        """Read `Flatten` or `Dense: {units: 64, activation: relu}`."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and len(value) == 1 and "name" not in value:
            name, arguments = next(iter(value.items()))
            return {"name": name, "arguments": {} if arguments is None else arguments}
        return value


class Sequential(Section):
    """Any Keras layers, in order, the output layer included."""

    name: Literal["sequential"]
    layers: Annotated[list[Layer], Field(min_length=1)]


Model = Annotated[
    Mlp | Cnn | Resnet | Conv1d | Rnn | Transformer | Sequential | PythonNetwork | KerasFile,
    Field(discriminator="name"),
]
