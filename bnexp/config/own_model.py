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
    """The normalization layers of the network as it was written."""

    name: Literal["as_written"]


class Frozen(Section):
    """Batch normalization that learns nothing: its statistics, scale and offset stay as `weights: keep` found them."""

    name: Literal["frozen"]


class SwappedBatch(Section):
    """Batch normalization. A layer that is one already keeps what this section does not say."""

    name: Literal["batch"]
    momentum: Momentum | None = None
    """Weight of the old moving statistics at each step; null: as written, or 0.99 for a layer of another kind."""
    epsilon: Positive | None = None
    """null: as written, or 0.001 for a layer of another kind."""


class SwappedLayerNormalization(Section):
    """Layer normalization. A layer that is one already keeps what this section does not say."""

    name: Literal["layer"]
    epsilon: Positive | None = None
    """null: as written, or 0.001 for a layer of another kind."""
    center: bool | None = None
    """null: as in the layer that is replaced."""
    scale: bool | None = None
    """null: as in the layer that is replaced."""


class SwappedGroup(Section):
    """Group normalization (Wu and He, 2018). A layer that is one already keeps what this section does not say."""

    name: Literal["group"]
    groups: AtLeastOne | None = None
    """Groups of channels; null: as written, or the greatest divisor of a layer's channels up to 32 that leaves a group
    8 numbers."""
    epsilon: Positive | None = None
    """null: as written, or 0.001 for a layer of another kind."""
    center: bool | None = None
    """null: as in the layer that is replaced."""
    scale: bool | None = None
    """null: as in the layer that is replaced."""


class SwappedInstance(Section):
    """Instance normalization. A layer that is one already keeps what this section does not say."""

    name: Literal["instance"]
    epsilon: Positive | None = None
    """null: as written, or 0.001 for a layer of another kind."""
    center: bool | None = None
    """null: as in the layer that is replaced."""
    scale: bool | None = None
    """null: as in the layer that is replaced."""


class SwappedRms(Section):
    """RMS normalization. A layer that is one already keeps what this section does not say."""

    name: Literal["rms"]
    epsilon: Positive | None = None
    """null: as written, or 0.000001 for a layer of another kind."""


class SwappedRenorm(Section):
    """Batch renormalization. A layer that is one already keeps what this section does not say."""

    name: Literal["renorm"]
    momentum: Momentum | None = None
    """Weight of the old moving statistics at each step; null: as written, or 0.99 for a layer of another kind."""
    epsilon: Positive | None = None
    """null: as written, or 0.001 for a layer of another kind."""
    center: bool | None = None
    """null: as in the layer that is replaced."""
    scale: bool | None = None
    """null: as in the layer that is replaced."""
    renorm_momentum: Momentum | None = None
    """null: as written, or 0.99 for a layer of another kind."""
    rmax: Annotated[float, Field(ge=1)] | None = None
    """The batch's deviation is corrected by at most this factor; null: as written, or 3 for a layer of another kind."""
    dmax: Annotated[float, Field(ge=0)] | None = None
    """The batch's mean is corrected by at most this number of standard deviations; null: as written, or 5."""


class SwappedGhost(Section):
    """Ghost batch normalization. A layer that is one already keeps what this section does not say."""

    name: Literal["ghost"]
    virtual_batch_size: Annotated[int, Field(ge=2)] | None = None
    """Rows that are normalized together; null: as written, or 16 for a layer of another kind."""
    momentum: Momentum | None = None
    """Weight of the old moving statistics at each step; null: as written, or 0.99 for a layer of another kind."""
    epsilon: Positive | None = None
    """null: as written, or 0.001 for a layer of another kind."""
    center: bool | None = None
    """null: as in the layer that is replaced."""
    scale: bool | None = None
    """null: as in the layer that is replaced."""


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
"""What arguments of a function may be."""


def _plain(value: Any) -> Any:
    """Refuse what no config file can hold: other than mappings, lists, text, finite numbers, true, false and null."""
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
"""What is said of a network without normalization, and what cures it."""


class OwnNetwork(Section):
    """What every network of your own has: which normalization it gets, and with which weights it starts."""

    normalization: SwapKey = AS_WRITTEN
    """What its normalization layers become."""
    weights: Literal["draw", "keep"] = "draw"
    """Draw all weights anew for each seed, or keep those that the network comes with."""
    freeze: list[Annotated[str, Field(min_length=1)]] = []
    """Layers that learn nothing, by their names or patterns such as conv*; batch normalization among them keeps its
    statistics, as in Keras."""


class PythonNetwork(OwnNetwork):
    """A function of yours that returns a `keras.Model`. Its file is run."""

    name: Literal["python"]
    build: Annotated[str, AfterValidator(_function)]
    """The file and the function, `my_net.py:build`, or `package.module:build`. If the function has a parameter
    `normalization`, it gets a function that makes the layers: `normalization(name="norm_1")`. If not, normalization
    layers are swapped. `input_shape` and `classes` are given to functions that have these parameters; `classes` is 1
    where a number is learned."""
    arguments: dict[str, Annotated[Any, AfterValidator(_plain)]] = {}
    """What else the function is called with."""


class KerasFile(OwnNetwork):
    """A model that Keras saved. No code in it is run."""

    name: Literal["keras_file"]
    path: Annotated[str, Field(min_length=1), AfterValidator(_path)]
    """The .keras file."""


OWN_NETWORKS = (PythonNetwork, KerasFile)
