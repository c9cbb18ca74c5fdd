"""The initial weights of each seed: every random weight is drawn from (seed, the weight's name).

So two arms with a layer of the same name give it the same initial kernel, even if their other layers differ. One built
model serves all seeds. Axis: S seeds.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def derived_seed(seed: int, name: str) -> int:
    """Return the random state for one named weight of one seed, from 0 to 2**31 - 1."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big") >> 1


@dataclass(frozen=True)
class Created:
    """The state of a weight when its layer created it."""

    variable: keras.Variable
    """Kept here, so that no other variable can get its id."""
    initializer: Any
    """An initializer object of Keras, or a user's own function."""
    first: NDArray[Any] | str | None
    """The first value, or its sha256 if it was drawn at random; None if it was not set at once."""

    @property
    def is_drawn(self) -> bool:
        """Return True if the initializer draws at random, from a seed."""
        made_by = self.initializer
        return isinstance(made_by, keras.initializers.Initializer) and "seed" in made_by.get_config()

    @property
    def is_by_keras(self) -> bool:
        """Return True if Keras's own code computes the initial value, such as zeros or an identity matrix."""
        made_by = self.initializer
        kind = type(made_by) if isinstance(made_by, keras.initializers.Initializer) else made_by
        return str(getattr(kind, "__module__", "")).partition(".")[0] == "keras"

    @property
    def is_loaded(self) -> bool:
        """Return True if the weight no longer has its initial value."""
        if self.first is None:
            return False
        now = self.variable.numpy()
        return _digest(now) != self.first if isinstance(self.first, str) else not np.array_equal(now, self.first)


Creations = Mapping[int, Created]
"""id of a variable -> its state when it was created."""


@contextmanager
def recording_creations() -> Iterator[dict[int, Created]]:
    """Yield a dictionary that gets the initial state of each weight that is created in the `with` block.

    Keras forgets the initializer once a weight exists. Drawing from the recorded initializer is some 30 times cheaper
    than building the model again for every seed.
    """
    created: dict[int, Created] = {}
    add_weight = keras.Layer.add_weight

    def recording(layer: keras.Layer, shape: Any = None, initializer: Any = None, *args: Any, **options: Any) -> Any:
        variable = add_weight(layer, shape, initializer, *args, **options)
        created[id(variable)] = _created(variable, initializer)
        return variable

    keras.Layer.add_weight = recording
    try:
        yield created
    finally:
        keras.Layer.add_weight = add_weight


def _created(variable: keras.Variable, initializer: Any) -> Created:
    if initializer is None:  # Keras's own default
        initializer = "glorot_uniform" if keras.backend.is_float_dtype(variable.dtype) else "zeros"
    one = Created(variable, keras.initializers.get(initializer), None)
    try:
        value = np.array(variable.numpy())
    except (AttributeError, NotImplementedError, ValueError):  # its value is set only when the whole layer is called
        return one
    return replace(one, first=_digest(value) if one.is_drawn else value)


def _digest(value: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


@dataclass(frozen=True)
class InitialWeights:
    """Draws the initial values of a built model's variables for any seeds. Training the model does not change them."""

    model: keras.Model
    names: Sequence[str]
    """The name of each of `model.variables`, in order. A layer has the same name in all arms."""
    initializers: Mapping[int, keras.initializers.Initializer]
    """id of a variable that is drawn -> its initializer."""
    constants: Mapping[int, NDArray[Any]]
    """id of a variable that is not drawn -> the value that every seed begins with."""
    loaded: frozenset[int] = frozenset()
    """ids of the variables that keep the value that was loaded into them."""

    def draw(self, seeds: tuple[int, ...]) -> list[NDArray[Any]]:
        """Return the initial values of `model.variables`, in order, each stacked over seeds: (S, *shape)."""
        return [
            np.stack([self._draw_one(variable, derived_seed(seed, name)) for seed in seeds])
            for variable, name in zip(self.model.variables, self.names, strict=True)
        ]

    def _draw_one(self, variable: keras.Variable, random_state: int) -> NDArray[Any]:
        initializer = self.initializers.get(id(variable))
        if initializer is not None:
            fresh = type(initializer).from_config({**initializer.get_config(), "seed": random_state})
            return np.asarray(fresh(variable.shape, dtype=variable.dtype))
        if is_generator(variable):
            return np.asarray([random_state, 0], dtype=variable.dtype)
        return self.constants[id(variable)]

    def origin(self, variable: keras.Variable) -> str:
        """Return a digest of how a variable begins: of its initializer without the seed, or of its constant value."""
        if (initializer := self.initializers.get(id(variable))) is not None:
            options = {**initializer.get_config(), "seed": None}
            return _digest(np.frombuffer(f"{type(initializer).__name__} {options}".encode(), np.uint8))
        return _digest(self.constants[id(variable)])

    def kernel_names(self) -> dict[int, str]:
        """Map positions in `model.variables` to names, for the weights that are drawn at random or were loaded."""
        paired = self.initializers.keys() | self.loaded
        return {i: self.names[i] for i, v in enumerate(self.model.variables) if id(v) in paired}


def initial_weights(
    model: keras.Model,
    created: Creations,
    names: Sequence[str],
    *,
    keep: bool = False,
    fixed: Collection[int] = (),
) -> InitialWeights:
    """Return the initial weights, for any seed, of a model that has just been built.

    With `keep`, a weight that was loaded keeps its value. Otherwise it starts as if nothing had been loaded. `fixed`
    has the ids of weights that training never changes. They keep their values, unless their initializer draws at
    random.
    """
    initializers, constants, loaded = {}, {}, set[int]()
    for variable in model.variables:
        one = created.get(id(variable))
        if one is None or (keep and one.is_loaded):
            constants[id(variable)] = np.array(variable.numpy())
            loaded |= {id(variable)} if one is not None else set()
        elif one.is_drawn:
            initializers[id(variable)] = one.initializer
        elif id(variable) not in fixed and isinstance(one.first, np.ndarray):
            constants[id(variable)] = one.first
        else:
            constants[id(variable)] = np.array(variable.numpy())
    return InitialWeights(model, names, initializers, constants, frozenset(loaded))


def stable_names(model: keras.Model) -> list[str]:
    """Name each of `model.variables`: `layer/weight`, and `generator_1` for the state of the first noise generator.

    Keras counts generators over the whole process, so its own names for them differ from model to model.
    """
    generators = itertools.count(1)
    return [
        f"generator_{next(generators)}" if is_generator(variable) else variable.path.partition("/")[2]
        for variable in model.variables
    ]


def is_generator(variable: keras.Variable) -> bool:
    """Return True if a variable is the state of a layer's random number generator."""
    return str(variable.path).endswith("seed_generator_state")
