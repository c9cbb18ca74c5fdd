"""A network of the user's own: built by their function or loaded from their file, and fitted to data and arm."""

from __future__ import annotations

import fnmatch
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from bnexp.config.own_model import AsWritten, Frozen, KerasFile, OwnNetwork, PythonNetwork, Swap, SwappedBatch
from bnexp.config.section import Task
from bnexp.errors import SettingError, listed, nearest
from bnexp.models.initial import InitialWeights, initial_weights, recording_creations
from bnexp.models.inputs import IN_WORDS, Inputs
from bnexp.models.keras_files import loaded
from bnexp.models.layer_paths import layer_paths, weight_names
from bnexp.models.normalization import normalization_layer
from bnexp.models.own_doubts import misleading
from bnexp.models.own_outputs import with_fitting_output
from bnexp.models.padding import Padding
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.models.swapping import SwappedLayer, described, fitted, swapped
from bnexp.models.user_code import called, function_of, takes
from bnexp.system.session_functions import is_of_session

PARAMETER = "normalization"
"""Of the user's function: it gets what makes the layers."""
MOST_NAMED = 6
"""Layers that a sentence names."""


@dataclass(frozen=True)
class OwnBuilt:
    """A network of the user's own, ready to be trained."""

    model: keras.Model
    initial: InitialWeights
    swapped: tuple[SwappedLayer, ...]
    """What normalization layers became."""
    notes: tuple[str, ...]
    """What was done to the network, a sentence each."""
    warnings: tuple[str, ...]
    """What in it may mislead, a sentence each."""

    @property
    def momenta(self) -> tuple[float, ...]:
        """List the momentum of each batch normalization that is not frozen."""
        layers = self.model._flatten_layers(include_self=False)
        batch = [one for one in layers if isinstance(one, keras.layers.BatchNormalization)]
        return tuple(float(one.momentum) for one in batch if one.trainable)


@dataclass
class _Found:
    """A network as its function or file gives it."""

    model: keras.Model
    made: list[keras.Layer] | None = None
    """The layers that `normalization` made, if the function has this parameter."""


def build_own(network: PythonNetwork | KerasFile, inputs: Inputs, *, task: Task, classes: int) -> OwnBuilt:
    """Build or load the network, swap its normalization layers, and note how each weight begins.

    Raises:
        SettingError: if there is no such network, its code fails, or it does not fit the data, the task or the arm.
    """
    with recording_creations() as created:
        found = _given(network, inputs, classes)
        plain = _fed(found.model, inputs, network)
        warnings = misleading(plain, inputs, None if found.made is None else set(map(id, found.made)))
        if found.made is None:
            model, work = swapped(plain, network.normalization)
            table, notes = work.table, work.notes
            for old, new in work.kept if network.weights == "keep" else ():
                if id(old) not in created or created[id(old)].is_loaded:
                    new.assign(old)
        else:
            model, table, notes = plain, _made_table(plain, found.made), list[str]()
        model, outputs = with_fitting_output(model, task, classes)
        notes += [*outputs, *_frozen(model, network), *_only_here(network)]
    initial = initial_weights(model, created, weight_names(model), keep=network.weights == "keep")
    if network.weights == "keep" and not initial.loaded:
        warnings.append("model.weights is keep, and the network comes with no trained weights; each seed draws all.")
    return OwnBuilt(model, initial, tuple(table), tuple(notes), tuple(warnings))


# --- the network ------------------------------------------------------------------


def _given(network: PythonNetwork | KerasFile, inputs: Inputs, classes: int) -> _Found:
    if isinstance(network, KerasFile):
        return _Found(loaded(network.path))
    return _called(network, inputs, classes)


def _called(network: PythonNetwork, inputs: Inputs, classes: int) -> _Found:
    """Call the user's function; what it has parameters for of what bnexp offers, it gets."""
    function = function_of(network.build)
    made: list[keras.Layer] | None = [] if takes(function, PARAMETER) else None
    offered: dict[str, Any] = {"input_shape": inputs.shape, "classes": classes}
    if made is not None:
        if isinstance(network.normalization, AsWritten):
            raise SettingError(
                "model.normalization",
                f"is as_written; {network.build} has the parameter {PARAMETER}, and asks which. Set batch, or none.",
            )
        offered[PARAMETER] = _factory(network.normalization, made)
    model = called(function, network.build, network.arguments, offered)
    if not isinstance(model, keras.Model):
        raise SettingError(
            "model.build", f"is {network.build!r}; it returns {type(model).__name__}. Return a keras.Model."
        )
    if made == []:
        raise SettingError(
            "model.build",
            f"is {network.build!r}; it has the parameter {PARAMETER} and never calls it, so that all arms would be "
            f'equal. Make the layers with `{PARAMETER}(name="norm_1")`.',
        )
    return _Found(_refused_if_used(model, network), made)


def _factory(to: Swap, made: list[keras.Layer]) -> Callable[..., keras.Layer]:
    """Return what makes the normalization layers in the user's function; of none, a layer that changes nothing."""

    def normalization(name: str | None = None) -> keras.Layer:
        """Return a new normalization layer of the arm's kind."""
        frozen = isinstance(to, Frozen)
        section = fitted(SwappedBatch(name="batch") if frozen else to)
        layer = normalization_layer(section, name) or keras.layers.Identity(name=name)
        layer.trainable = not frozen
        made.append(layer)
        return layer

    return normalization


def _made_table(model: keras.Model, made: list[keras.Layer]) -> list[SwappedLayer]:
    paths = layer_paths(model)
    return [SwappedLayer(paths[id(one)], PARAMETER, described(one)) for one in made if id(one) in paths]


_USED: weakref.WeakSet[keras.Model] = weakref.WeakSet()


def _refused_if_used(model: keras.Model, network: PythonNetwork) -> keras.Model:
    """Refuse a model that the function gave before: arms would change each other's layers."""
    if model in _USED:
        raise SettingError(
            "model.build", f"is {network.build!r}; it returns the same model each time. Build a new one in each call."
        )
    _USED.add(model)
    return model


# --- its inputs -------------------------------------------------------------------


def _fed(model: keras.Model, inputs: Inputs, network: PythonNetwork | KerasFile) -> keras.Model:
    """Return the model with one input of the data's shape, built. Padding of sequences is marked for it.

    Raises:
        SettingError: if it has several inputs or outputs, is not built, or takes other inputs.
    """
    if isinstance(model, keras.Sequential) and not model.built:
        model = _from_first_input(model, inputs)
    if not isinstance(model, keras.Sequential | keras.Function):
        model = _as_functional(model, inputs, network)
    for what, several in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(several) != 1:
            names = listed([one.name for one in several], MOST_NAMED)
            raise SettingError("model", f"has {len(several)} {what} ({names}); expected one. Build a network with one.")
    if isinstance(model, keras.Function) and isinstance(model.input, list | tuple | dict):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)  # of one in a list
    taken = tuple(model.input_shape[1:])
    fits = len(taken) == len(inputs.shape) and all(a in (None, b) for a, b in zip(taken, inputs.shape, strict=True))
    if not fits:
        raise SettingError(
            "model",
            f"takes inputs of shape {taken}; the data are {IN_WORDS[inputs.kind].format(*inputs.shape)}, of shape "
            f"{inputs.shape}. Change the network's Input, or put a Reshape behind it.",
        )
    return _with_padding(model, inputs) if inputs.kind == "sequence" else model


def _from_first_input(model: keras.Sequential, inputs: Inputs) -> keras.Sequential:
    """Build a Sequential without an Input for the data's inputs, as its first `fit` would."""
    try:
        model.build((None, *inputs.shape))
    except REFUSALS as error:
        raise SettingError(
            "model", f"does not take inputs of shape {inputs.shape}: {refusal_text(error)} Change its first layers."
        ) from error
    return model


def _as_functional(model: keras.Model, inputs: Inputs, network: PythonNetwork | KerasFile) -> keras.Model:
    """Return a model that calls one of a class of the user's own. No swap reaches into it."""
    if not isinstance(network, PythonNetwork) or not takes(function_of(network.build), PARAMETER):
        raise SettingError(
            "model",
            f"is a {type(model).__name__}, a class of its own, in which no layer can be swapped. "
            f"Build it with a function `def build({PARAMETER}):` that makes normalization layers with "
            f'`{PARAMETER}(name="norm_1")`, or make it of keras.Sequential or keras.Model(inputs, outputs).',
        )
    x = keras.Input(inputs.shape, dtype="int32" if inputs.kind == "text" else "float32")
    try:
        return keras.Model(x, model(x), name="model")
    except REFUSALS as error:
        raise SettingError(
            "model", f"does not take inputs of shape {inputs.shape}: {refusal_text(error)} Change its first layers."
        ) from error


def _with_padding(model: keras.Model, inputs: Inputs) -> keras.Model:
    """Put zeros in the place of padding, as `sequential` does."""
    x = keras.Input(inputs.shape, dtype="float32")
    return keras.Model(x, model(Padding(masked=False, name="padding")(x)), name=model.name)


def _only_here(network: PythonNetwork | KerasFile) -> list[str]:
    """Return a sentence about a function that no other process can call."""
    if not isinstance(network, PythonNetwork) or not is_of_session(network.build):
        return []
    name = network.build.rpartition(":")[2]
    return [f"{name} is a function of a Python session; the run can be repeated only where it is defined."]


# --- what learns nothing ----------------------------------------------------------


def _frozen(model: keras.Model, network: OwnNetwork) -> list[str]:
    """Freeze the layers that are named; return a sentence about them."""
    paths = layer_paths(model)
    layers = {paths[id(one)]: one for one in model._flatten_layers(include_self=False) if id(one) in paths}
    frozen: list[str] = []
    for pattern in network.freeze:
        fitting = [path for path in layers if fnmatch.fnmatchcase(path, pattern) or _last(path) == pattern]
        if not fitting:
            raise SettingError("model.freeze", f"names {pattern!r}; no layer is called so. {nearest(pattern, layers)}")
        for path in fitting:
            layers[path].trainable = False
        frozen += fitting
    return [f"Frozen: {listed(dict.fromkeys(frozen), MOST_NAMED)}."] if frozen else []


def _last(path: str) -> str:
    return path.rpartition("/")[2]
