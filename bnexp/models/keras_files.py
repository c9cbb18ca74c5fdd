"""Loads a model that Keras saved, in safe mode. Its description is checked before any layer is built."""

from __future__ import annotations

from typing import Any

import keras

from bnexp.errors import SettingError, listed
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.system.installed import is_own
from bnexp.system.saved_model import FUNCTION, KEY, built_parts, config_of, description_of, name_of, objects
from bnexp.system.user_path import user_path

OF_FUNCTIONS = (
    keras.activations, keras.constraints, keras.initializers, keras.losses, keras.metrics, keras.optimizers,
    keras.regularizers,
)  # fmt: skip
"""Where Keras looks for a function that a file names without its module."""


def loaded(path: str) -> keras.Model:
    """Return the model of a .keras file, with its weights and without its optimizer.

    Raises:
        SettingError: if there is no such file, if it is not a model of Keras 3, or if it holds code or classes that are
            not Keras's.
    """
    _refuse_unknown(path, built_parts(description_of(path)))
    try:
        model = keras.saving.load_model(user_path(path), compile=False, safe_mode=True)
    except (*REFUSALS, OSError, RuntimeError) as error:
        cure = "Save it again, or name the function that builds it: FILE.py:FUNCTION."
        raise SettingError(KEY, f"is {path!r}; Keras cannot load it: {refusal_text(error)} {cure}") from error
    if not isinstance(model, keras.Model):
        raise SettingError(KEY, f"is {path!r}; it holds a {type(model).__name__}. Expected a keras.Model.")
    return model


def _refuse_unknown(path: str, description: dict[str, Any]) -> None:
    """Raise SettingError if a model has classes that are not Keras's. The message names them."""
    unknown = [one for one in objects(description) if _is_unknown(one)]
    if unknown and unknown[0] == description and "layers" not in config_of(description):
        raise SettingError(
            KEY,
            f"is {path!r}; it is a {description['class_name']}, a model class of your own, and the file does not "
            "describe its layers. Build it in Python with `def build(normalization):`, which makes normalization "
            'layers with `normalization(name="norm_1")`, and name FILE:build.',
        )
    if unknown:
        named = dict.fromkeys(f"{one['class_name']} ({name_of(one)})" for one in unknown)
        pairs = dict.fromkeys(f'"{_registered(one)}": {_registered(one).rpartition(">")[2]}' for one in unknown)
        cure = FUNCTION.format(f"custom_objects={{{', '.join(pairs)}}}")
        kinds = {"functions" if one["class_name"] == "function" else "classes" for one in unknown}
        raise SettingError(
            KEY, f"is {path!r}; it holds {' and '.join(sorted(kinds))} that are not Keras's: {listed(named, 5)}. {cure}"
        )


def _is_unknown(one: dict[str, Any]) -> bool:
    """Return True if an object is neither Keras's nor registered by an installed package.

    What the user registered in this session is unknown, too, because it is in no digest.
    """
    module, registered = one.get("module"), one.get("registered_name")
    if one["class_name"] == "function":
        own = _registered_own(_registered(one))
        if own or (own is None and module == "builtins"):
            return own is True or not any(hasattr(place, _registered(one)) for place in OF_FUNCTIONS)
    if module is None and registered is None:
        return False
    if isinstance(module, str) and (module == "builtins" or module.partition(".")[0] == "keras"):
        return False
    return _registered_own(_registered(one)) is not False


def _registered(one: dict[str, Any]) -> str:
    """Return the name by which Keras looks up a class or function: `Block`, or `package>Block`."""
    if one["class_name"] == "function" and isinstance(one["config"], str):
        return one["config"]
    name = one.get("registered_name")
    return str(name if isinstance(name, str) else one["class_name"])


def _registered_own(name: str) -> bool | None:
    """Return True if the user registered a class or function of this name, False if a package did, None if nobody."""
    found = keras.saving.get_registered_object(name)
    return None if found is None else is_own(found)
