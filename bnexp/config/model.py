"""`model`: which layers, and how they are normalized."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from bnexp.config.section import NonNegative, Positive, Section, named


class NoNormalization(Section):
    """No normalization layers at all."""

    name: Literal["none"]


class BatchNormalization(Section):
    """`keras.layers.BatchNormalization` (Ioffe and Szegedy, 2015)."""

    name: Literal["batch"]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Weight of the old moving statistics at each step (PyTorch's is 1 minus this)."""
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True


class LayerNormalization(Section):
    """`keras.layers.LayerNormalization` (Ba, Kiros and Hinton, 2016)."""

    name: Literal["layer"]
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True


Normalization = Annotated[
    NoNormalization | BatchNormalization | LayerNormalization,
    Field(discriminator="name"),
    BeforeValidator(named),
]

Activation = Literal[
    "relu", "sigmoid", "tanh", "linear", "elu", "selu", "gelu", "silu", "swish", "softplus", "softsign",
    "leaky_relu", "relu6", "mish", "hard_sigmoid", "hard_silu", "exponential",
]  # fmt: skip
Initializer = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    "orthogonal", "random_normal", "random_uniform", "truncated_normal", "zeros",
]  # fmt: skip


class Mlp(Section):
    """A stack of dense layers and the output layer that the task asks for."""

    name: Literal["mlp"]
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1)] = [64, 64]
    """Units of each hidden layer."""
    activation: Activation = "relu"
    initializer: Initializer = "glorot_uniform"
    """How kernels are drawn."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of units dropped after each hidden layer while training."""
    l2: NonNegative = 0.0
    """Weight of the squared kernels in the loss (the output layer's too)."""
    normalization: Normalization = NoNormalization(name="none")
    placement: Literal["before", "after"] = "after"
    """Whether normalization stands before the activation (the 2015 paper) or after it (the common tutorial)."""


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
    """Refuse what Keras would build an object from: a mapping, which may name any class."""
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, list) and value is not entry:
            _without_mappings(entry)
        elif not isinstance(entry, bool | int | float | str | None):
            raise PydanticCustomError("argument", "numbers, text, true, false, null, or lists of them")
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


Model = Annotated[Mlp | Sequential, Field(discriminator="name")]
