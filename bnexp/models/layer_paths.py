"""Names of the layers and weights of a network of the user's own, equal in all arms and in every process.

Keras counts layers without a name over the whole process (`dense_7`). Here they are counted within what holds them.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import keras

from bnexp.models.initial import is_generator

DIRECTIONS = ("forward_", "backward_")
"""What Bidirectional puts before the name of its layer."""


def sublayers(layer: keras.Layer) -> list[keras.Layer]:
    """List the layers that a layer, or a model, holds itself; those within them are left out."""
    return [one for one in layer._flatten_layers(include_self=False, recursive=False) if one is not layer]


def layer_paths(model: keras.Model) -> dict[int, str]:
    """Map the id of each layer, wherever it stands in the model, to its path, such as `encoder/conv2d_1`."""
    return dict(_paths(model, "", set()))


def last_name(path: str) -> str:
    """Return a layer's own name, without what holds it."""
    return path.rpartition("/")[2]


def _paths(layer: keras.Layer, prefix: str, seen: set[int]) -> Iterator[tuple[int, str]]:
    held = sublayers(layer)
    names = counted_within([one.name for one in held], [type(one).__name__ for one in held])
    for one, name in zip(held, _numbered(names), strict=True):
        if id(one) not in seen:  # a layer that is shared has the path at which it stands first
            seen.add(id(one))
            yield id(one), f"{prefix}{name}"
            yield from _paths(one, f"{prefix}{name}/", seen)


def counted_within(names: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Count the names that Keras gave anew, each kind by itself, in their order; names that a person gave stay.

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
    """Return the kind and the number of a name that Keras gave: `dense_7`, or `dense` for the first."""
    for direction in DIRECTIONS:
        if name.startswith(direction) and (inner := _counted(name.removeprefix(direction), stem)):
            return f"{direction}{inner[0]}", inner[1]
    number = name.removeprefix(stem).removeprefix("_")
    if not name.startswith(stem) or name not in (stem, f"{stem}_{number}") or not (number.isdecimal() or name == stem):
        return None
    return stem, int(number or 0)


def automatic_name(kind: str) -> str:
    """Return the name that Keras gives to a layer of this class; to later ones with a number behind it.

    >>> automatic_name("MaxPooling2D"), automatic_name("Conv2DTranspose"), automatic_name("MyBlock")
    ('max_pooling2d', 'conv2d_transpose', 'my_block')
    """
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def weight_names(model: keras.Model) -> list[str]:
    """Name each of `model.variables` by its layer's path: `encoder/conv2d_1/kernel`."""
    owner = {id(variable): path for path, layer in _with_paths(model) for variable in layer.variables}
    names, generators = [], itertools.count(1)
    for variable in model.variables:
        prefix = f"{path}/" if (path := owner.get(id(variable))) else ""
        names.append(f"generator_{next(generators)}" if is_generator(variable) else f"{prefix}{variable.name}")
    return _numbered(names)


def _with_paths(model: keras.Model) -> list[tuple[str, keras.Layer]]:
    """List paths and layers, what holds others before what it holds."""
    paths = layer_paths(model)
    layers = [layer for layer in model._flatten_layers(include_self=False) if id(layer) in paths]
    return sorted(((paths[id(layer)], layer) for layer in layers), key=lambda pair: pair[0].count("/"))


def _numbered(names: Sequence[str]) -> list[str]:
    """Add a number to each layer or weight whose name another has: a layer may give several the same.

    >>> _numbered(["scale", "shift", "scale"])
    ['scale', 'shift', 'scale_2']
    """
    count: Counter[str] = Counter()
    found = []
    for name in names:
        count[name] += 1
        found.append(name if count[name] == 1 else f"{name}_{count[name]}")
    return found
