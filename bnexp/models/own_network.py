"""A user's own network: built by a function or loaded from a file, and fitted to the data and the arm."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import keras

from bnexp import warning_kinds
from bnexp.config.own_model import (
    AsWritten,
    Frozen,
    KerasFile,
    OwnNetwork,
    PythonNetwork,
    Swap,
    SwappedBatch,
    SwappedGroup,
)
from bnexp.config.section import Task
from bnexp.errors import SettingError, listed
from bnexp.models.arm_layers import new_layer
from bnexp.models.built import Built
from bnexp.models.codes import Codes, codes_of
from bnexp.models.compiled import NOT_COMPILED, Compiled, compiled_of_file, compiled_of_model
from bnexp.models.embedding import sum_gradients_of_words
from bnexp.models.frozen_layers import frozen
from bnexp.models.initial import Creations, initial_weights, recording_creations
from bnexp.models.input_shapes import shapes_within
from bnexp.models.inputs import Inputs
from bnexp.models.keras_files import loaded
from bnexp.models.layer_kinds import described, fixed_weights
from bnexp.models.layer_paths import layer_paths, weight_names
from bnexp.models.normalization import GroupNormalization, UnfitInputsError
from bnexp.models.own_doubts import (
    MOST_NAMED,
    NOT_USED,
    alike,
    any_loaded,
    misleading,
    never_learned,
    one_channel_groups,
    unused,
)
from bnexp.models.own_inputs import fed
from bnexp.models.own_outputs import with_fitting_output
from bnexp.models.restored_bias import without_offset
from bnexp.models.swapping import SwappedLayer, Swapping, swapped
from bnexp.models.user_code import PARAMETER, called, function_of
from bnexp.system.own_errors import errors_of_own_layers
from bnexp.system.saved_model import description_of
from bnexp.system.session_functions import has_parameter, is_of_session, told_of

OF_BATCH_STATISTICS = (warning_kinds.SHARED_LAYERS, warning_kinds.IN_INFERENCE)
"""Warnings that are about batch normalization's statistics alone, and not true for an arm without it."""


@dataclass
class _Found:
    """A network as the user's function or file returns it."""

    model: keras.Model
    made: list[keras.Layer] | None = None
    """The layers that `normalization` made, if the function has this parameter."""
    compiled: Compiled = NOT_COMPILED


def build_own(network: PythonNetwork | KerasFile, inputs: Inputs, *, task: Task, classes: int) -> Built:
    """Build or load the network, swap its normalization layers, and record the initial value of each weight.

    Raises:
        SettingError: if there is no such network, its code fails, or it does not fit the data, the task or the arm.
    """
    keep = network.weights == "keep"
    with recording_creations() as created, errors_of_own_layers("cannot be built"):
        found = _given(network, inputs, classes)
        told = unused(found.model, task, found.compiled.loss)
        plain = fed(found.model, inputs, network)
        made = None if found.made is None else set(map(id, found.made))
        codes = codes_of(plain)
        if inputs.vocabulary is not None:
            _refuse_small_vocabulary(codes, inputs.vocabulary)
        warnings = misleading(plain, inputs, made, codes)
        told += sum_gradients_of_words(plain)
        if found.made is None:
            model, work = swapped(plain, network.normalization)
            table, notes = work.table, work.notes
            warnings += _carried(work, created) if keep else []
        else:
            _fit_groups(plain, found.made, network)
            model, table, notes = plain, _made_table(plain, found.made), _note_of_no_offset(plain, made or ())
        model, outputs = with_fitting_output(model, task, classes)
        if not any(isinstance(one, keras.layers.BatchNormalization) for one in model._flatten_layers()):
            warnings = [one for one in warnings if warning_kinds.kind_of(one) not in OF_BATCH_STATISTICS]
        notes += [*told, *outputs, *frozen(model, network.freeze), *_only_here(network)]
    initial = initial_weights(model, created, weight_names(model), keep=keep, fixed=fixed_weights(model).keys())
    warnings += one_channel_groups(model, made) if isinstance(network.normalization, SwappedGroup) else []
    warnings += alike(initial, created, keep=keep)
    warnings += never_learned(initial, created, keep=keep)
    if not keep and any_loaded(initial, created):
        (notes if isinstance(network, KerasFile) else warnings).append(NOT_USED)
    if keep and not initial.loaded:
        warnings.append(f"{warning_kinds.NO_TRAINED_WEIGHTS}, so each seed draws all of them.")
    as_written = initial
    if keep and found.made is None and any(one.now != "frozen" for one in table):
        before, _ = with_fitting_output(plain, task, classes)
        as_written = initial_weights(before, created, weight_names(before), keep=True)
    momenta = _momenta(model)
    codes = () if inputs.kind == "text" else codes
    return Built(
        model, initial, tuple(table), tuple(notes), tuple(warnings), momenta, as_written, codes, found.compiled
    )


def _refuse_small_vocabulary(codes: Collection[Codes], vocabulary: int) -> None:
    """Raise SettingError if a layer has fewer entries than the texts may have words."""
    for one in codes:
        if one.size is not None and one.size < vocabulary:
            raise SettingError(
                "model",
                f"has {one.layer} with {one.size} entries; the texts' words may be numbered from 0 to "
                f"{vocabulary - 1}. Give it {vocabulary} entries or more, or set a smaller dataset.vocabulary.",
            )


def _momenta(model: keras.Model) -> tuple[float, ...]:
    layers = model._flatten_layers(include_self=False)
    batch = [one for one in layers if isinstance(one, keras.layers.BatchNormalization) and one.trainable]
    return tuple(float(one.momentum) for one in batch)


def _carried(work: Swapping, created: Creations) -> list[str]:
    """Copy loaded weights to the new layers. Return a sentence about weights that do not fit."""
    learned = [one for one in work.carried if id(one.old) not in created or created[id(one.old)].is_loaded]
    for one in learned:
        if one.fits:
            one.carry()
    lost = [one.name for one in learned if not one.fits]
    if not lost:
        return []
    return [
        f"{warning_kinds.WEIGHTS_START_ANEW}: {listed(lost, MOST_NAMED)}. They have another shape "
        "than in the network as written."
    ]


# --- the network ------------------------------------------------------------------


def _given(network: PythonNetwork | KerasFile, inputs: Inputs, classes: int) -> _Found:
    if isinstance(network, KerasFile):
        description = description_of(network.path)
        return _Found(loaded(network.path), compiled=compiled_of_file(description))
    return _called(network, inputs, classes)


def _called(network: PythonNetwork, inputs: Inputs, classes: int) -> _Found:
    """Call the user's function with the config's arguments and with what bnexp offers for its other parameters."""
    function = function_of(network.build)
    made: list[keras.Layer] | None = [] if has_parameter(function, PARAMETER) else None
    offered: dict[str, Any] = {"input_shape": inputs.shape, "classes": classes or 1}  # a regression has 1 output
    if made is not None:
        if isinstance(network.normalization, AsWritten):
            told = told_of(network.build, quoted=False)
            raise SettingError(
                "model.normalization",
                f"is as_written; {told} has the parameter {PARAMETER} and needs a kind of it. Set batch, or none.",
            )
        offered[PARAMETER] = _factory(network.normalization, made, network.build)
    model = called(_told_of_inputs(function, network), network.build, network.arguments, offered)
    if not isinstance(model, keras.Model):
        returned = "nothing" if model is None else type(model).__name__
        raise SettingError("model.build", f"is {told_of(network.build)}; it returns {returned}. Return a keras.Model.")
    if made == []:
        raise SettingError(
            "model.build",
            f"is {told_of(network.build)}; it has the parameter {PARAMETER} and never calls it, so that all arms would "
            f'be equal. Make the layers with `{PARAMETER}(name="norm_1")`.',
        )
    model = _refused_if_used(model, network)
    return _Found(model, made, compiled_of_model(model))


def _told_of_inputs(function: Callable[..., Any], network: PythonNetwork) -> Callable[..., Any]:
    """Return the function with an error of its own for inputs that the arm's normalization cannot take."""

    @functools.wraps(function)
    def told(**arguments: Any) -> Any:
        """Call the user's function. Raise SettingError if a layer in it cannot normalize its inputs."""
        try:
            return function(**arguments)
        except UnfitInputsError as error:
            raise SettingError(
                "model.normalization",
                f"is {network.normalization.name}; inputs in {told_of(network.build, quoted=False)} cannot be "
                f"normalized like that: {error}",
            ) from error

    return told


def _factory(to: Swap, made: list[keras.Layer], build: str) -> Callable[..., keras.Layer]:
    """Return the function that makes normalization layers in the user's function; for `none`, Identity layers."""

    def normalization(name: str | None = None, **options: Any) -> keras.Layer:
        """Return a new normalization layer of the arm's kind."""
        if options:
            raise SettingError(
                "model.build",
                f"is {told_of(build)}; it calls {PARAMETER} with {listed(options)}; expected `name` alone, because the "
                f"kind differs between the arms. Leave {'it' if len(options) == 1 else 'them'} out, and set options of "
                "an arm in its config, such as model.normalization.momentum=0.9.",
            )
        frozen = isinstance(to, Frozen)
        layer = new_layer(SwappedBatch(name="batch") if frozen else to, name)
        layer.trainable = not frozen
        made.append(layer)
        return layer

    return normalization


def _fit_groups(model: keras.Model, made: list[keras.Layer], network: OwnNetwork) -> None:
    """Choose the groups of each layer that `normalization` made, to fit the layer's input shape."""
    grouped = {id(one): one for one in made if isinstance(one, GroupNormalization) and one.built}
    shapes, paths = shapes_within(model) if grouped else {}, layer_paths(model)
    for key in grouped.keys() & shapes.keys():
        try:
            grouped[key].fit_groups(shapes[key])
        except ValueError as error:
            raise SettingError(
                "model.normalization",
                f"is {network.normalization.name}; the inputs of {paths[key]} cannot be normalized like that: {error}",
            ) from error


def _note_of_no_offset(model: keras.Model, made: Collection[int]) -> list[str]:
    """Return a note on the layers that have neither a bias nor an offset in this arm."""
    if not (names := without_offset(model, made)):
        return []
    return [
        f"{listed(names, MOST_NAMED)}: neither bias nor offset in this arm, so the arms differ in more than the "
        "normalization. A bias would give it one (without use_bias=False)."
    ]


def _made_table(model: keras.Model, made: list[keras.Layer]) -> list[SwappedLayer]:
    paths = layer_paths(model)
    return [SwappedLayer(paths[id(one)], PARAMETER, described(one)) for one in made if id(one) in paths]


_USED: weakref.WeakSet[keras.Layer] = weakref.WeakSet()
"""Models that users' functions returned, and the layers in them."""


def _refused_if_used(model: keras.Model, network: PythonNetwork) -> keras.Model:
    """Return the model. Raise SettingError if it, or a layer, is from an earlier call: arms would share weights."""
    if model in _USED:
        raise SettingError(
            "model.build",
            f"is {told_of(network.build)}; it returns the same model each time. Build a new one in each call.",
        )
    layers = list(model._flatten_layers())
    if again := [one.name for one in layers if one in _USED and one.variables]:
        seen = f"its network holds layers of an earlier call ({listed(again, MOST_NAMED)})"
        raise SettingError(
            "model.build",
            f"is {told_of(network.build)}; {seen}, so that arms would share weights. Make all layers inside the "
            "function.",
        )
    _USED.update(layers)
    return model


def _only_here(network: PythonNetwork | KerasFile) -> list[str]:
    """Return a sentence if the network is built by a function that no other process can call."""
    if not isinstance(network, PythonNetwork) or not is_of_session(network.build):
        return []
    name = network.build.rpartition(":")[2]
    return [f"{name} is a function of a Python session; the run can be repeated only where it is defined."]
