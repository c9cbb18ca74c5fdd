"""`model.name: sequential`: any Keras layers, made from their names and arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from bnexp.config.layers import Cell, Constraint, Initializer, Layer, Named, Regularizer
from bnexp.config.model import Sequential
from bnexp.errors import SettingError, listed
from bnexp.models.embedding import Embedding
from bnexp.models.inputs import Inputs
from bnexp.models.layer_paths import automatic_name
from bnexp.models.residual import Residual
from bnexp.system.own_errors import COLOR

REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError,
    tf.errors.InvalidArgumentError, tf.errors.UnimplementedError,
)  # fmt: skip
"""The errors that Keras raises if a layer's arguments or inputs are wrong."""

CALLING = "Exception encountered when calling"
"""The start of a line in which Keras only names the layer. The next lines give the cause."""
OWN = {"Embedding": Embedding, "Residual": Residual}
"""Name -> bnexp's own layer of this name."""
REWORDED = {
    r"^(integer )?(division|modulo)( or modulo)? by zero$": "one of its sizes, strides or groups is 0, or leaves 0",
    r"^Number of groups \((\d+)\) must be a multiple of the number of channels \((\d+)\)":
        r"its \1 groups do not divide its \2 channels",
}  # fmt: skip
"""What Keras says, if it misleads -> what it means."""
MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: (.*)")
UNKNOWN = re.compile(r"unexpected keyword argument|Unrecognized keyword argument")
NAME = r"'(\w+)'"
OF_TENSORFLOW = re.compile(r"^\{\{.*?\}\}\s*|\s*\[Op:\w+\].*$|\.? for '\{\{node .*$")
"""The node and the operation that TensorFlow puts around its messages."""


def refusal_text(error: Exception) -> str:
    """Return the first line of an error that has information, as a sentence; the error's kind if there is none."""
    lines = [COLOR.sub("", line).strip() for line in str(error).splitlines()]
    first = next((line for line in lines if line and not line.startswith(CALLING)), type(error).__name__)
    first = OF_TENSORFLOW.sub("", first).strip() or type(error).__name__
    for said, meant in REWORDED.items():
        first = re.sub(said, meant, first)
    return first if first.endswith(".") else f"{first}."


def misplaced_bias(layer: keras.Layer) -> str | None:
    """Return why Keras would add a layer's bias along the wrong axis, with the cure, or None if it would not.

    `keras.ops.add` on TensorFlow treats a bias of shape (1, C, 1, ...) as one for the last axis if the last axis has
    length C, too (Keras 3.15.1).
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


def missing_axis(layer: Any, rank: int) -> str | None:
    """Return which axis of a normalization layer, Softmax or PReLU is missing in inputs of this rank, and the cure.

    Return None if none is missing. Keras itself would only say "tuple index out of range".
    """
    key = "shared_axes" if isinstance(layer, keras.layers.PReLU) else "axis"
    if key == "axis" and not isinstance(layer, keras.layers.Softmax) and "Normalization" not in type(layer).__name__:
        return None
    named = getattr(layer, key, None)
    axes = [one for one in (named if isinstance(named, list | tuple) else [named]) if isinstance(one, int)]
    missing = next((one for one in axes if not -rank <= one < rank), None)
    if missing is None:
        return None
    there = " and ".join([", ".join(["0 (the rows)", *map(str, range(1, rank - 1))]), str(rank - 1)])
    cure = "Use axis: -1 for the last one." if key == "axis" else "Leave shared_axes out, or use some of these but 0."
    return f"axis {missing} is not there. The axes are {there}. {cure}"


def sequential_layers(model: Sequential, inputs: Inputs) -> Iterator[keras.Layer]:
    """Yield the layers in order, named by class and count (`dense_1`), so that names are stable across arms.

    Raises:
        SettingError: if Keras refuses a layer's arguments, or if an Embedding has fewer vectors than the texts may have
            words.
    """
    yield from _chain(model.layers, "model.layers", inputs.vocabulary)


def _chain(layers: Sequence[Layer], key: str, vocabulary: int | None) -> Iterator[keras.Layer]:
    numbers: Counter[str] = Counter()
    for position, layer in enumerate(layers):
        numbers[layer.name] += 1
        yield _made(layer, f"{key}.{position}", vocabulary, name=f"{automatic_name(layer.name)}_{numbers[layer.name]}")


def _made(named: Named, key: str, vocabulary: int | None, **options: Any) -> Any:
    """Return a Keras object. The objects in its arguments are made first.

    Raises:
        SettingError: if Keras refuses the arguments.
    """
    _refuse_small_embedding(named, key, vocabulary)
    _refuse_unfit_parts(named, key)
    arguments = {
        name: _value(name, value, f"{key}.{named.name}", vocabulary) for name, value in named.arguments.items()
    }
    try:
        return _kind(named)(**{**options, **arguments})
    except REFUSALS as error:
        raise SettingError(
            key,
            f"is {named.name} with {_shown(named)}; Keras refuses it: {refusal_text(error)} {_cure(named, error)}",
        ) from error


def _cure(named: Named, error: Exception) -> str:
    """Return what to do about arguments that Keras refuses: add one, spell one as Keras does, or change a value."""
    if (missing := MISSING.search(str(error))) is not None:
        names = listed(re.findall(NAME, missing[1]))
        return f"Add {names}, or correct its spelling." if named.arguments else f"Add {names}."
    if UNKNOWN.search(str(error)) is not None:
        return f"Use the arguments of keras.{_room(named)}.{named.name}, spelt as Keras spells them."
    return "Change its arguments."


def _value(name: str, value: Any, key: str, vocabulary: int | None) -> Any:
    """Return an argument in the form that Keras takes. Layers within a layer get stable names, too."""
    if name == "layers":
        return list(_chain(value, key, vocabulary))
    if isinstance(value, list) and any(isinstance(entry, Named) for entry in value):
        return [_made(entry, f"{key}.{name}.{n}", vocabulary, name=f"cell_{n + 1}") for n, entry in enumerate(value)]
    if isinstance(value, Layer | Cell):
        return _made(value, f"{key}.{name}", vocabulary, name=automatic_name(value.name))
    return _made(value, f"{key}.{name}", vocabulary) if isinstance(value, Named) else value


def _shown(named: Named) -> dict[str, Any]:
    """Return the arguments as the config spells them."""
    return {name: _shown_value(value) for name, value in named.arguments.items()}


def _shown_value(value: Any) -> Any:
    if isinstance(value, Named):
        return {value.name: _shown(value)}
    return [_shown_value(entry) for entry in value] if isinstance(value, list) else value


def _refuse_small_embedding(layer: Named, key: str, vocabulary: int | None) -> None:
    size = layer.arguments.get("input_dim")
    if layer.name == "Embedding" and vocabulary is not None and isinstance(size, int) and size < vocabulary:
        raise SettingError(
            key,
            f"is Embedding with input_dim {size}; the texts' words may be numbered from 0 to {vocabulary - 1}. "
            f"Use input_dim: {vocabulary} or more, or a smaller dataset.vocabulary.",
        )


def _refuse_unfit_parts(layer: Named, key: str) -> None:
    if layer.name == "TimeDistributed" and any(part.name == "BatchNormalization" for part in layer.parts()):
        raise SettingError(
            key,
            "is TimeDistributed around a BatchNormalization; its moving averages would move once for each step of a "
            "row. Put the BatchNormalization into the chain: it normalizes over the steps of all rows.",
        )
    if layer.name == "Bidirectional" and (wrapped := _wrapped(layer)) is not None:
        raise SettingError(
            key,
            f"is Bidirectional around {wrapped}; it runs a recurrent layer in both directions, and {wrapped} is none. "
            f"Use {wrapped} alone, or a recurrent layer, such as GRU or LSTM.",
        )
    if layer.name == "Discretization" and layer.arguments.get("bin_boundaries") is None:
        raise SettingError(
            key,
            "is Discretization without bin_boundaries; bnexp does not adapt layers to data. Give them, as in "
            "bin_boundaries: [-1, 0, 1].",
        )
    if layer.name == "Normalization" and not {"mean", "variance"} <= layer.arguments.keys():
        raise SettingError(
            key,
            "is Normalization without mean and variance; bnexp does not adapt layers to data. Give both, or use "
            "dataset.scale: standard.",
        )


def _wrapped(bidirectional: Named) -> str | None:
    """Return the name of a layer in a Bidirectional that is not recurrent; None if there is none."""
    held = (bidirectional.arguments.get(key) for key in ("layer", "backward_layer"))
    names = (one.name for one in held if isinstance(one, Named))
    return next((name for name in names if name not in RECURRENT), None)


RECURRENT = ("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN")
ROOMS = {Regularizer: "regularizers", Constraint: "constraints", Initializer: "initializers"}
"""Kind of object -> the module of Keras that has its classes."""


def _room(named: Named) -> str:
    return ROOMS.get(type(named), "layers")


def _kind(named: Named) -> Any:
    """Return Keras's class for a named object, or bnexp's own class for the names in `OWN`."""
    if isinstance(named, Layer) and named.name in OWN:
        return OWN[named.name]
    room = getattr(keras, _room(named))
    return getattr(room, named.name, None) or type(room.get(named.name))  # a few names can only be looked up with `get`
