"""`model`: the kinds of network. Here is the kind for any Keras layers; ready-made networks are in `networks.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnexp.config.layers import Layer
from bnexp.config.networks import Cnn, Conv1d, Mlp, Resnet, Rnn, Transformer
from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.config.section import Section


class Sequential(Section):
    """Any Keras layers, in order, the output layer included."""

    name: Literal["sequential"]
    layers: Annotated[list[Layer], Field(min_length=1)]
    """`Flatten`, `Dense: {units: 64}`, `Bidirectional: {layer: {LSTM: {units: 8}}}`, `Residual: [layers]`, ..."""


Model = Annotated[
    Mlp | Cnn | Resnet | Conv1d | Rnn | Transformer | Sequential | PythonNetwork | KerasFile,
    Field(discriminator="name"),
]
