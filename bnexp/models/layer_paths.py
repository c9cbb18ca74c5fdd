"""Names of the layers and weights of a user's own network, equal in all arms and in every process.

Keras counts unnamed layers over the whole process (`dense_7`). Here they are counted within the layer or model that
holds them.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import keras

from bnexp.models.initial import is_generator

DIRECTIONS = ("forward_", "backward_")
"""The prefixes that Bidirectional puts before the name of its layer."""


def sublayers(layer: keras.Layer) -> list[keras.Layer]:
    """List the layers directly inside a layer or model, without deeper ones."""
    return [one for one in layer._flatten_layers(include_self=False, recursive=False) if one is not layer]


def layers_with_paths(model: keras.Model, *, counted: bool = True) -> list[tuple[str, keras.Layer]]:
    """List each layer, at any depth of the model, with its path, such as `encoder/conv2d_1`.

    The order is the one in which models and layers hold their layers: in a chain, the order in which they run. An outer
    layer comes before the layers inside it.

    With `counted`, names that Keras may have given are numbered anew. Without, they are those that `summary()` shows.
    """
    return list(_paths(model, "", set(), counted))


def layer_paths(model: keras.Model, *, counted: bool = True) -> dict[int, str]:
    """Map the id of each layer, at any depth of the model, to its path. See `layers_with_paths`."""
    return {id(layer): path for path, layer in layers_with_paths(model, counted=counted)}


def last_name(path: str) -> str:
    """Return a layer's own name: the last part of its path."""
    return path.rpartition("/")[2]


def _paths(layer: keras.Layer, prefix: str, seen: set[int], counted: bool) -> Iterator[tuple[str, keras.Layer]]:
    held = sublayers(layer)
    names = [one.name for one in held]
    names = counted_within(names, [type(one).__name__ for one in held]) if counted else names
    for one, name in zip(held, _numbered(names), strict=True):
        if id(one) not in seen:  # a shared layer has the path of its first place
            seen.add(id(one))
            yield f"{prefix}{name}", one
            yield from _paths(one, f"{prefix}{name}/", seen, counted)


def counted_within(names: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return the names. Those that Keras gave get new numbers for each kind; those that a person gave stay.

    >>> counted_within(["dense_7", "dense_9", "fc_2"], ["Dense", "Dense", "Dense"])
    ['dense', 'dense_1', 'fc_2']
    >>> counted_within(["forward_lstm_3", "backward_lstm_3"], ["LSTM", "LSTM"])
    ['forward_lstm', 'backward_lstm']
    """
    counted = [_counted(name, automatic_name(kind)) for name, kind in zip(names, kinds, strict=True)]
    order = sorted({pair for pair in counted if pair is not None})
    numbers = {pair: sum(other[0] == pair[0] for other in order[:at]) for at, pair in enumerate(order)}
    return [
        name if pair is None else f"{pair[0]}_{numbers[pair]}" if numbers[pair] else pair[0]
        for name, pair in zip(names, counted, strict=True)
    ]


def _counted(name: str, stem: str) -> tuple[str, int] | None:
    """Return stem and number of a name that Keras gave (`dense_7`, or `dense` for the first); None for other names."""
    for direction in DIRECTIONS:
        if name.startswith(direction) and (inner := _counted(name.removeprefix(direction), stem)):
            return f"{direction}{inner[0]}", inner[1]
    number = name.removeprefix(stem).removeprefix("_")
    if not name.startswith(stem) or name not in (stem, f"{stem}_{number}") or not (number.isdecimal() or name == stem):
        return None
    return stem, int(number or 0)


def automatic_name(kind: str) -> str:
    """Return the name that Keras gives to the first layer of this class. Later layers get a number behind it.

    >>> automatic_name("MaxPooling2D"), automatic_name("Conv2DTranspose"), automatic_name("MyBlock")
    ('max_pooling2d', 'conv2d_transpose', 'my_block')
    """
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def weight_names(model: keras.Model) -> list[str]:
    """Return a name for each of `model.variables`, with its layer's path: `encoder/conv2d_1/kernel`."""
    outer_first = sorted(layers_with_paths(model), key=lambda pair: pair[0].count("/"))
    owner = {id(variable): path for path, layer in outer_first for variable in layer.variables}
    names, generators = [], itertools.count(1)
    for variable in model.variables:
        prefix = f"{path}/" if (path := owner.get(id(variable))) else ""
        names.append(f"generator_{next(generators)}" if is_generator(variable) else f"{prefix}{variable.name}")
    return _numbered(names)


def _numbered(names: Sequence[str]) -> list[str]:
    """Add a number to each repeated name, because a layer may give several weights the same name.

    >>> _numbered(["scale", "shift", "scale"])
    ['scale', 'shift', 'scale_2']
    """
    count: Counter[str] = Counter()
    found = []
    for name in names:
        count[name] += 1
        found.append(name if count[name] == 1 else f"{name}_{count[name]}")
    return found
