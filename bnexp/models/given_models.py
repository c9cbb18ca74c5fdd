"""A `keras.Model` that is passed in Python: described as bytes, saved if it can be loaded safely, or copied."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bnexp.errors import SettingError, UserError
from bnexp.models.keras_files import loaded
from bnexp.models.layer_kinds import fixed_weights, is_plain_model
from bnexp.models.layer_paths import automatic_name
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.system.code_digest import code_sha256
from bnexp.system.keras_facts import left_out
from bnexp.system.saved_model import compiled_metrics, compiled_optimizer

ROWS = 8
"""Number of rows on which a model and its copy are compared. Also the size to use for an axis of unknown size."""
CURE = "Give a function that builds it: `def build(): ...; return model`."


def described(model: keras.Model, *, weights: bool) -> tuple[str, bytes]:
    """Return a model's name, and bytes that identify it: its layers and, with `weights`, the values of all weights.

    The bytes also hold what no seed draws: the weights that are never trained, vocabularies, and a digest of the user's
    own code in the model. They hold the loss and the optimizer, because the notes of a run name them. The numbers that
    Keras gives to unnamed layers are left out, because `dense_7` in one session is `dense` in another.

    Raises:
        UserError: if the model has a `call` of its own or no weights yet, or if its config does not describe a layer.
    """
    if not is_plain_model(model):
        raise UserError(
            f"{model.name} is of the class {type(model).__name__} with a `call` of its own, in which no layer can be "
            "swapped. Give a function `def build(normalization): ...; return model` that makes its layers with "
            '`normalization(name="norm_1")`, or make the model of keras.Sequential or keras.Model(inputs, outputs).'
        )
    if not model.built:
        raise UserError(f"{model.name} has no weights yet: its input is not known. Begin it with keras.Input. {CURE}")
    names = _plain_names(model)
    try:
        description = json.loads(model.to_json())
    except (*REFUSALS, OSError) as error:  # OSError: the text of a lambda was typed into a session and is in no file
        raise UserError(f"{model.name} does not say what it is made of: {refusal_text(error)} {CURE}") from error
    text = json.dumps(_renamed(description, names), sort_keys=True)
    kept = model.weights if weights else fixed_weights(model).values()
    values = [variable.numpy().tobytes() for variable in kept]
    own = [facts for layer in _layers(model) if (facts := left_out(layer))]
    code = [code_sha256(own).encode()] if own else []
    return names[model.name], b"\0".join([text.encode(), *values, *code, *_compiled_with(description)])


def _compiled_with(description: dict[str, Any]) -> Iterator[bytes]:
    """Yield what a compiled model was compiled with, without names that Keras may number."""
    if compiled := description.get("compile_config"):
        kind, options = compiled_optimizer(description) or (None, {})
        options = {key: value for key, value in options.items() if key != "name"}
        yield json.dumps([compiled.get("loss"), kind, options], sort_keys=True).encode()
        if metrics := [(one, {**more, "name": None}) for one, more in compiled_metrics(description)]:
            yield json.dumps(metrics, sort_keys=True).encode()


def _layers(model: keras.Model) -> list[keras.Layer]:
    return [model, *model._flatten_layers(include_self=False)]


def _plain_names(model: keras.Model) -> dict[str, str]:
    """Map the names of the model and its layers to names that do not depend on what was built before."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in _layers(model):
        stem = automatic_name(type(layer).__name__)
        if layer.name not in names and re.fullmatch(rf"{re.escape(stem)}(_\d+)?", layer.name):
            counts[stem] = counts.get(stem, 0) + 1
            names[layer.name] = stem if counts[stem] == 1 else f"{stem}_{counts[stem] - 1}"
        names.setdefault(layer.name, layer.name)
    return names


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Return a model's description with the layers' names replaced and `compile_config` left out."""
    match value:
        case dict():
            return {key: _renamed(entry, names) for key, entry in value.items() if key != "compile_config"}
        case list():
            return [_renamed(entry, names) for entry in value]
        case str():
            return names.get(value, value)
    return value


def saved(model: keras.Model) -> bytes | None:
    """Return a model's .keras file; None if Keras cannot load the file without running code from it.

    Raises:
        UserError: if the model that Keras loads from the file computes other outputs.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about optimizers that are not built, and Keras's own while it writes
        path = Path(folder, "model.keras")
        try:
            keras.saving.save_model(model, path)
            copy = loaded(str(path))
        except (*REFUSALS, OSError, SettingError):
            return None
        _refuse_unlike(model, copy)
        return path.read_bytes()


def copied(model: keras.Model, *, weights: bool) -> keras.Model:
    """Return a copy of a model: with all its weights if `weights` is True, else only with those that are never trained.

    Raises:
        UserError: if Keras cannot build the model again, or if the new model computes other outputs.
    """
    try:
        copy = keras.models.clone_model(model, clone_function=_copied_layer, recursive=True)
        drawn = [variable.numpy() for variable in copy.weights]
        copy.set_weights(model.get_weights())
        for layer in _layers(copy):
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # it computes with tensors that follow from its weights
    except REFUSALS as error:
        seen = f"{model.name} can neither be saved nor built again ({refusal_text(error).rstrip('.')})"
        raise UserError(f"{seen}; expected a model that can be copied for each arm. {CURE}") from error
    _refuse_unlike(model, copy)
    if not weights:
        fixed = fixed_weights(copy)
        for variable, value in zip(copy.weights, drawn, strict=True):
            variable.assign(variable if id(variable) in fixed else value)
    return copy


def _refuse_unlike(model: keras.Model, copy: keras.Model) -> None:
    """Raise UserError if a copy with the same weights computes other outputs, because a value was lost in the copy."""
    first, again, other = (_outputs(one) for one in (model, model, copy))
    if not _are_close(first, again):  # the model draws at random, or does not take these inputs
        return
    if not _are_close(first, other):
        raise UserError(
            f"{model.name} has a copy with the same weights that computes other outputs; expected the same. A layer of "
            f"your own holds a value that its get_config leaves out. Add it there. {CURE}"
        )


def _outputs(model: keras.Model) -> list[Any] | None:
    """Return the model's outputs for a few rows that are always the same; None if it does not take these rows."""
    draws = np.random.default_rng(0)
    rows = []
    try:
        for one in model.inputs:
            shape = (ROWS, *(size or ROWS for size in one.shape[1:]))
            is_float = keras.backend.is_float_dtype(one.dtype)
            rows.append(draws.normal(size=shape).astype(one.dtype) if is_float else np.ones(shape, one.dtype))
        outputs = model(rows[0] if len(rows) == 1 else rows, training=False)
    except REFUSALS:
        return None
    return [keras.ops.convert_to_numpy(keras.ops.cast(one, "float32")) for one in keras.tree.flatten(outputs)]


def _are_close(first: list[Any] | None, other: list[Any] | None) -> bool:
    if first is None or other is None or len(first) != len(other):
        return False
    pairs = zip(first, other, strict=True)
    return all(a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True) for a, b in pairs)


def _copied_layer(layer: keras.Layer) -> keras.Layer:
    """Return a new layer with the same settings. A Lambda keeps its function, which is the user's own, as an object."""
    if type(layer) is not keras.layers.Lambda:
        made = type(layer).from_config(layer.get_config())
        if hasattr(layer, "get_vocabulary"):
            made.set_vocabulary(layer.get_vocabulary())  # its config does not hold the adapted vocabulary
        return made
    shape, mask = layer._output_shape, layer.mask
    return keras.layers.Lambda(
        layer.function, output_shape=shape, mask=mask, arguments=layer.arguments, name=layer.name
    )
