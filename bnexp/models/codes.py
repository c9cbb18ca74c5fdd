"""Finds the inputs of a network that a layer reads as whole-number codes, such as the numbers of words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras.src.ops.nn import OneHot  # the operation of keras.ops.one_hot has no public place
from numpy.typing import NDArray

from bnexp.models.layer_paths import layer_paths

SIZES = {keras.layers.Embedding: "input_dim", keras.layers.CategoryEncoding: "num_tokens", OneHot: "num_classes"}
"""Layer or operation that reads codes from 0 to below a size -> the attribute with this size."""
UNSIZED = (keras.layers.IntegerLookup, keras.layers.Hashing, keras.layers.HashedCrossing)
"""Layers that read any whole number."""


@dataclass(frozen=True)
class Codes:
    """The inputs that a layer reads as codes."""

    layer: str
    """The layer's path and kind."""
    size: int | None
    """The codes are below this number; None if any whole number is read."""
    inputs: tuple[int, ...]
    """The positions in a flattened row that reach the layer unchanged, such as through a Reshape or a cast."""


def codes_of(model: keras.Model) -> tuple[Codes, ...]:
    """Return which inputs are codes, for each layer that reads codes.

    The model is run on rows of small numbers that tell all positions apart, and each layer notes what it gets. So it
    does not matter how the numbers reach the layer. Weights do not change.
    """
    readers = list(readers_of(model))
    if not readers:
        return ()
    positions = int(np.prod(model.inputs[0].shape[1:]))
    found = [
        Codes(name, _size(reader), tuple(sorted({at for got in noted for at in _positions(got, positions)})))
        for (name, reader), noted in zip(readers, _noted(model, readers, _marked_rows(positions)), strict=True)
    ]
    return tuple(one for one in found if one.inputs)


def readers_of_inputs(model: keras.Model) -> list[str]:
    """Return the names of the layers that read codes, except layers whose codes are the same for all inputs.

    An Embedding of positions gets the same numbers for every row.
    """
    readers = list(readers_of(model))
    rows = _marked_rows(int(np.prod(model.inputs[0].shape[1:])))
    pairs = zip(readers, _noted(model, readers, rows), _noted(model, readers, rows[::-1]), strict=True)
    return [name for (name, _), here, there in pairs if not here or not _are_equal(here, there)]


def _are_equal(here: Sequence[NDArray[Any]], there: Sequence[NDArray[Any]]) -> bool:
    return len(here) == len(there) and all(map(np.array_equal, here, there))


def _noted(model: keras.Model, readers: Sequence[tuple[str, Any]], rows: NDArray[Any]) -> list[list[NDArray[Any]]]:
    """Return what each reader gets for these rows; nothing for readers behind a layer that refuses the rows."""
    seen: list[list[NDArray[Any]]] = [[] for _ in readers]
    with ExitStack() as stack, suppress(Exception), keras.StatelessScope():
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        for (_, reader), noted in zip(readers, seen, strict=True):
            stack.enter_context(_noting(reader, noted))
        shape, kind = model.inputs[0].shape[1:], model.inputs[0].dtype
        model(keras.ops.convert_to_tensor(rows.reshape(-1, *shape).astype(kind)), training=False)
    return seen


def readers_of(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yield the name of each layer and operation that reads codes, at any depth, and the layer."""
    paths, kinds = layer_paths(model), (*SIZES, *UNSIZED)
    for layer in model._flatten_layers():
        if isinstance(layer, kinds):
            yield f"{paths.get(id(layer), layer.name)} ({type(layer).__name__})", layer
        for operation in getattr(layer, "operations", ()):
            if isinstance(operation, OneHot):
                yield f"{operation.name} (keras.ops.one_hot)", operation


def _size(reader: Any) -> int | None:
    return next((int(getattr(reader, name)) for kind, name in SIZES.items() if isinstance(reader, kind)), None)


def _marked_rows(positions: int) -> NDArray[Any]:
    """Return rows whose numbers spell each position, plus one, in binary: as 0 and 1, 2 and 3, and 0.5 and 1.5."""
    bits = np.arange(positions.bit_length())
    spelt = (np.arange(1, positions + 1) >> bits[:, None]) & 1
    return np.concatenate([spelt, spelt + 2, spelt + 0.5]).astype("float32")


def _positions(got: NDArray[Any], positions: int) -> set[int]:
    """Return the positions of the inputs among the numbers that a layer got for the marked rows.

    An input reaches the layer as it is, or without the half if it is cast to whole numbers. The weighted sum of a Dense
    layer may be cut to 0 and 1, but is never exactly 0 or 1.
    """
    bits = positions.bit_length()
    if got.ndim == 0 or len(got) != 3 * bits:
        return set()
    spelt, raised, halves = got.reshape(3, bits, -1).astype("float64")
    is_input = np.all((spelt == raised - 2) & (spelt == np.trunc(halves)) & np.isin(spelt, (0, 1)), axis=0)
    numbers = np.unique((1 << np.arange(bits)) @ spelt[:, is_input].astype("int64"))
    return {int(one) - 1 for one in numbers if 1 <= one <= positions}


@contextmanager
def _noting(reader: Any, noted: list[NDArray[Any]]) -> Iterator[None]:
    """Let a layer note what it gets within the block, and return zeros."""

    def call(inputs: Any, *others: Any, **options: Any) -> Any:
        """Return zeros of the outputs' shape."""
        for one in keras.tree.flatten(inputs):
            noted.append(np.asarray(keras.ops.convert_to_numpy(one)))
        spec = reader.compute_output_spec(keras.tree.map_structure(_as_symbolic, inputs))
        return keras.tree.map_structure(lambda one: keras.ops.zeros(one.shape, one.dtype), spec)

    reader.__dict__["call"] = call
    try:
        yield
    finally:
        del reader.__dict__["call"]


def _as_symbolic(tensor: Any) -> keras.KerasTensor:
    return keras.KerasTensor(tensor.shape, keras.backend.standardize_dtype(tensor.dtype))
