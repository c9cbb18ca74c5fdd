"""A `keras.Model` that is given in Python: what it is, as bytes; saved, if that can be loaded safely; or copied."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras

from bnexp.errors import SettingError, UserError
from bnexp.models.keras_files import loaded
from bnexp.models.layer_paths import automatic_name
from bnexp.models.sequential import REFUSALS, refusal_text

CURE = "Give a function that builds it: `def build(): ...; return model`."


def described(model: keras.Model, *, weights: bool) -> tuple[str, bytes]:
    """Return what a model is called, and what tells it from others: its layers, and with `weights` their values.

    The numbers that Keras counts layers by are no part of it: `dense_7` of one session is `dense` of another.

    Raises:
        UserError: if it has no weights yet, or a layer does not say what it is.
    """
    if not model.built:
        raise UserError(f"{model.name} has no weights yet: its input is not known. Begin it with keras.Input. {CURE}")
    names = _plain_names(model)
    try:
        text = json.dumps(_renamed(json.loads(model.to_json()), names), sort_keys=True)
    except REFUSALS as error:
        raise UserError(f"{model.name} does not say what it is made of: {refusal_text(error)} {CURE}") from error
    values = [value.tobytes() for value in model.get_weights()] if weights else []
    return names[model.name], b"\0".join([text.encode(), *values])


def _plain_names(model: keras.Model) -> dict[str, str]:
    """Map the names of the model and its layers to names that do not depend on what was built before."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in [model, *model._flatten_layers(include_self=False)]:
        stem = automatic_name(type(layer).__name__)
        if layer.name not in names and re.fullmatch(rf"{re.escape(stem)}(_\d+)?", layer.name):
            counts[stem] = counts.get(stem, 0) + 1
            names[layer.name] = stem if counts[stem] == 1 else f"{stem}_{counts[stem] - 1}"
        names.setdefault(layer.name, layer.name)
    return names


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Return a description in which each name of a layer is replaced; how the model is trained is left out."""
    match value:
        case dict():
            return {key: _renamed(entry, names) for key, entry in value.items() if key != "compile_config"}
        case list():
            return [_renamed(entry, names) for entry in value]
        case str():
            return names.get(value, value)
    return value


def saved(model: keras.Model) -> bytes | None:
    """Return the .keras file of a model; None if Keras cannot load it again without running code of the file."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optimizers that are not built, and Keras's own while it writes
        path = Path(folder, "model.keras")
        try:
            keras.saving.save_model(model, path)
            loaded(str(path))
        except (*REFUSALS, OSError, SettingError):
            return None
        return path.read_bytes()


def copied(model: keras.Model, *, weights: bool) -> keras.Model:
    """Return a new model of the same layers, with the weights of the given one if they are asked for.

    Raises:
        UserError: if Keras cannot build it again.
    """
    try:
        copy = keras.models.clone_model(model, clone_function=_copied_layer, recursive=True)
    except REFUSALS as error:
        seen = f"{model.name} can neither be saved nor built again ({refusal_text(error).rstrip('.')})"
        raise UserError(f"{seen}; expected a model that can be copied for each arm. {CURE}") from error
    if weights:
        copy.set_weights(model.get_weights())
    return copy


def _copied_layer(layer: keras.Layer) -> keras.Layer:
    """Return a new layer of the same settings. The function of a Lambda is the user's own, and here already."""
    if type(layer) is not keras.layers.Lambda:
        return type(layer).from_config(layer.get_config())
    shape, mask = layer._output_shape, layer.mask
    return keras.layers.Lambda(
        layer.function, output_shape=shape, mask=mask, arguments=layer.arguments, name=layer.name
    )
