"""The initial weights of each seed: every random weight is drawn from (seed, the weight's name).

So two arms that share a layer's name share its initial kernel, whatever else
stands between; and one built model serves all seeds. Axis: S seeds.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Initializers = Mapping[int, keras.initializers.Initializer]
"""id of a variable -> the initializer that drew it."""


def derived_seed(seed: int, name: str) -> int:
    """Return the random state that belongs to one named weight of one seed, 0 to 2**31 - 1."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big") >> 1


@contextmanager
def recording_initializers() -> Iterator[dict[int, keras.initializers.Initializer]]:
    """Note, while a model is built, which initializer drew each random weight.

    Keras forgets it once a weight exists; drawing anew from the initializer
    is some 30 times cheaper than building the model again for every seed.
    """
    recorded: dict[int, keras.initializers.Initializer] = {}
    add_weight = keras.Layer.add_weight

    def recording(layer: keras.Layer, shape: Any = None, initializer: Any = None, *args: Any, **options: Any) -> Any:
        variable = add_weight(layer, shape, initializer, *args, **options)
        if isinstance(initializer, keras.initializers.Initializer) and "seed" in initializer.get_config():
            recorded[id(variable)] = initializer
        return variable

    keras.Layer.add_weight = recording
    try:
        yield recorded
    finally:
        keras.Layer.add_weight = add_weight


@dataclass(frozen=True)
class InitialWeights:
    """Draws the initial value of each variable of a built model, for any seeds, whatever the model does meanwhile."""

    model: keras.Sequential
    initializers: Initializers
    constants: Mapping[int, NDArray[Any]]
    """id of a variable that is not drawn -> its value when the model was built."""

    def draw(self, seeds: tuple[int, ...]) -> list[NDArray[Any]]:
        """Return the initial values of `model.variables`, in order, each stacked over seeds: (S, *shape)."""
        names = stable_names(self.model)
        return [
            np.stack([self._draw_one(variable, derived_seed(seed, name)) for seed in seeds])
            for variable, name in zip(self.model.variables, names, strict=True)
        ]

    def _draw_one(self, variable: keras.Variable, random_state: int) -> NDArray[Any]:
        initializer = self.initializers.get(id(variable))
        if initializer is not None:
            fresh = type(initializer).from_config({**initializer.get_config(), "seed": random_state})
            return np.asarray(fresh(variable.shape, dtype=variable.dtype))
        if _is_generator(variable):
            return np.asarray([random_state, 0], dtype=variable.dtype)
        return self.constants[id(variable)]

    def kernel_names(self) -> dict[int, str]:
        """Position in `model.variables` -> name, of the weights that are drawn at random."""
        names = stable_names(self.model)
        return {i: names[i] for i, v in enumerate(self.model.variables) if id(v) in self.initializers}


def initial_weights(model: keras.Sequential, initializers: Initializers) -> InitialWeights:
    """Note how a model that has just been built begins."""
    fixed = [variable for variable in model.variables if id(variable) not in initializers]
    return InitialWeights(model, initializers, {id(variable): np.array(variable.numpy()) for variable in fixed})


def stable_names(model: keras.Sequential) -> list[str]:
    """Name each of `model.variables`: `layer/weight`, and `generator_1` for the state of the first noise generator.

    Keras counts generators over the whole process, so that its own names for
    them differ from one model to the next.
    """
    generators = itertools.count(1)
    return [
        f"generator_{next(generators)}" if _is_generator(variable) else variable.path.partition("/")[2]
        for variable in model.variables
    ]


def _is_generator(variable: keras.Variable) -> bool:
    return str(variable.path).endswith("seed_generator_state")
