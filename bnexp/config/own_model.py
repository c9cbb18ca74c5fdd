"""`model`: a network of your own, written in Python or saved by Keras, and how its normalization layers are swapped."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bnexp.config.normalization import Momentum, NoNormalization
from bnexp.config.section import AtLeastOne, Positive, Section, named
from bnexp.errors import outside_locale


class AsWritten(Section):
    """The normalization layers of the network, unchanged."""

    name: Literal["as_written"]


class Frozen(Section):
    """Batch normalization that is not trained. It keeps its statistics, scale and offset, and needs `weights: keep`."""

    name: Literal["frozen"]


class SwappedBatch(Section):
    """Batch normalization. A layer already of this kind keeps its own value of each option not set here."""

    name: Literal["batch"]
    momentum: Momentum | None = None
    """Weight of the old moving averages at each step; null: the layer's own, or 0.99 for another kind of layer."""
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.001 for another kind of layer."""


class SwappedLayerNormalization(Section):
    """Layer normalization. A layer already of this kind keeps its own value of each option not set here."""

    name: Literal["layer"]
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.001 for another kind of layer."""
    center: bool | None = None
    """null: as in the replaced layer."""
    scale: bool | None = None
    """null: as in the replaced layer."""


class SwappedGroup(Section):
    """Group normalization (Wu and He, 2018).

    A layer already of this kind keeps its own value of each option not set here.
    """

    name: Literal["group"]
    groups: AtLeastOne | None = None
    """Number of groups of channels. null: the layer's own. For a layer of another kind, the greatest divisor of its
    channels up to 32 with 8 or more numbers in each group."""
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.001 for another kind of layer."""
    center: bool | None = None
    """null: as in the replaced layer."""
    scale: bool | None = None
    """null: as in the replaced layer."""


class SwappedInstance(Section):
    """Instance normalization. A layer already of this kind keeps its own value of each option not set here."""

    name: Literal["instance"]
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.001 for another kind of layer."""
    center: bool | None = None
    """null: as in the replaced layer."""
    scale: bool | None = None
    """null: as in the replaced layer."""


class SwappedRms(Section):
    """RMS normalization. A layer already of this kind keeps its own value of each option not set here."""

    name: Literal["rms"]
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.000001 for another kind of layer."""


class SwappedRenorm(Section):
    """Batch renormalization. A layer already of this kind keeps its own value of each option not set here."""

    name: Literal["renorm"]
    momentum: Momentum | None = None
    """Weight of the old moving averages at each step; null: the layer's own, or 0.99 for another kind of layer."""
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.001 for another kind of layer."""
    center: bool | None = None
    """null: as in the replaced layer."""
    scale: bool | None = None
    """null: as in the replaced layer."""
    renorm_momentum: Momentum | None = None
    """null: the layer's own value, or 0.99 for another kind of layer."""
    rmax: Annotated[float, Field(ge=1)] | None = None
    """The batch's standard deviation is corrected by at most this factor; null: the layer's own, or 3 for another kind
    of layer."""
    dmax: Annotated[float, Field(ge=0)] | None = None
    """The batch's mean is corrected by at most this number of standard deviations; null: the layer's own, or 5."""


class SwappedGhost(Section):
    """Ghost batch normalization. A layer already of this kind keeps its own value of each option not set here."""

    name: Literal["ghost"]
    virtual_batch_size: Annotated[int, Field(ge=2)] | None = None
    """Rows that are normalized together; null: the layer's own, or 16 for another kind of layer."""
    momentum: Momentum | None = None
    """Weight of the old moving averages at each step; null: the layer's own, or 0.99 for another kind of layer."""
    epsilon: Positive | None = None
    """null: the layer's own value, or 0.001 for another kind of layer."""
    center: bool | None = None
    """null: as in the replaced layer."""
    scale: bool | None = None
    """null: as in the replaced layer."""


AS_WRITTEN = AsWritten(name="as_written")
Swap = (
    AsWritten
    | NoNormalization
    | SwappedBatch
    | SwappedLayerNormalization
    | SwappedGroup
    | SwappedInstance
    | SwappedRms
    | SwappedRenorm
    | SwappedGhost
    | Frozen
)
SwapKey = Annotated[Swap, Field(discriminator="name"), BeforeValidator(named)]


PLAIN = "a text, a number, true, false, null, or a list or mapping of these; make anything else inside the function"
"""The values that arguments of a function may have, as a message states them."""


def _plain(value: Any) -> Any:
    """Refuse values other than mappings, lists, text, finite numbers, true, false and null, as in a config file."""
    match value:
        case dict():
            for entry in value.values():
                _plain(entry)
        case list():
            for entry in value:
                _plain(entry)
        case float() if not math.isfinite(value):
            raise PydanticCustomError("finite_number", "a finite number")
        case str() | int() | float() | None:
            pass
        case _:
            raise PydanticCustomError("argument", PLAIN)
    return value


def _function(text: str) -> str:
    file, colon, function = text.rpartition(":")
    if not (colon and file and function.isidentifier()):
        raise PydanticCustomError("build", "FILE.py:FUNCTION or package.module:FUNCTION")
    return _path(text)


def _path(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("path", "a path without a NUL character")
    if reason := outside_locale(text):
        raise PydanticCustomError("path", "a path of this locale; {reason}", {"reason": reason})
    return text


NONE_TO_SWAP = (
    "no normalization layer, so that all arms would be equal. Write it with BatchNormalization, or as a function with "
    "a parameter `normalization`."
)
"""The message for a network without normalization layers, with the cure."""


class OwnNetwork(Section):
    """Keys of every network of your own: the normalization that it gets, and its initial weights."""

    normalization: SwapKey = AS_WRITTEN
    """The layers that replace the network's normalization layers."""
    weights: Literal["draw", "keep"] = "draw"
    """Draw all weights anew for each seed, or keep those that the network comes with."""
    freeze: list[Annotated[str, Field(min_length=1)]] = []
    """Layers that are not trained: their names, or patterns such as conv*. As in Keras, frozen batch normalization
    keeps its statistics."""


class PythonNetwork(OwnNetwork):
    """A function of yours that returns a `keras.Model`. Its file is run."""

    name: Literal["python"]
    build: Annotated[str, AfterValidator(_function)]
    """The file and the function, `my_net.py:build`, or `package.module:build`. If the function has a parameter
    `normalization`, it gets a function that makes the layers: `normalization(name="norm_1")`. If not, normalization
    layers are swapped. `input_shape` and `classes` are given to functions that have these parameters; `classes` is 1
    for a regression."""
    arguments: dict[str, Annotated[Any, AfterValidator(_plain)]] = {}
    """Further arguments of the function, by name."""


class KerasFile(OwnNetwork):
    """A model that Keras saved. No code in it is run."""

    name: Literal["keras_file"]
    path: Annotated[str, Field(min_length=1), AfterValidator(_path)]
    """The .keras file."""


OWN_NETWORKS = (PythonNetwork, KerasFile)
