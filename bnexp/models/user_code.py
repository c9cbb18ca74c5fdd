"""Finds a user's function by `my_net.py:build` or `package.module:build`, calls it, and shows its errors."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import keras
from keras.src.backend.common import global_state  # the numbers of names have no public place

from bnexp.errors import SettingError, listed
from bnexp.models.followed_code import followed, importable_beside
from bnexp.system.own_errors import errors_of
from bnexp.system.own_function import code_at, no_function
from bnexp.system.process_state import NUMBERS
from bnexp.system.session_functions import importing, session_function, told_of

Function = Callable[..., Any]
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
FAR = 10_000
"""From here unnamed layers are numbered, if their usual names are taken. A layer made before hardly has this number."""
NOT_UNIQUE = (
    "All operation names should be unique.",
    "All layers added to a Sequential model should have unique names.",
)
"""What Keras says of a functional and of a sequential model with two layers of one name."""
PARAMETER = "normalization"
"""The parameter of the user's function that gets the function which makes normalization layers."""


def function_of(build: str) -> Function:
    """Return the function that `build` names. Only its file or module is imported.

    Raises:
        SettingError: if there is no such file, module or function, or if importing it fails.
    """
    if (known := session_function(build)) is not None:
        return known.function
    name = build.rpartition(":")[2]
    module = _module(build)
    found = getattr(module, name, None)
    if isinstance(found, keras.Layer):  # a model, too, can be called, but it returns outputs
        raise SettingError(
            "model.build",
            f"is {build!r}; {name} is a {type(found).__name__}, and each arm needs a new one. Expected a function that "
            "returns one: build it inside `def build():`.",
        )
    if callable(found):
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise SettingError("model.build", f"is {build!r}; {name} is {type(found).__name__}. Expected a function.")
    raise no_function(build, [key for key, value in vars(module).items() if _is_own_function(value, module)])


def called(function: Function, build: str, arguments: Mapping[str, Any], offered: Mapping[str, Any]) -> Any:
    """Call the function with the config's arguments, and with the offered values that it has parameters for.

    Raises:
        SettingError: if the function does not take these arguments, or if it fails.
    """
    signature, name = inspect.signature(function), build.rpartition(":")[2]
    given = {name: value for name, value in offered.items() if name in signature.parameters}
    try:
        signature.bind(**{**given, **arguments})
    except TypeError as error:
        named = [one for one in signature.parameters.values() if one.kind in NAMED and one.name not in offered]
        missing = [one.name for one in named if one.default is one.empty and one.name not in arguments]
        seen = f"no value for {listed(missing)}" if missing else str(error)
        if missing:
            example = ", ".join(f"{one}: 64" for one in missing)
            cure = f"Name the arguments as the function does. For example, use model.arguments: {{{example}}}."
        elif named:
            cure = f"Name the arguments as the function does: {listed([one.name for one in named])}."
        else:
            cure = "Leave model.arguments out, or give the function a parameter of this name."
        raise SettingError(
            "model.arguments",
            f"is {dict(arguments)}; {told_of(build, quoted=False)} takes {name}{signature}: {seen}. {cure}",
        ) from error
    given |= arguments
    with errors_of("when it is called", build, given), followed(build), importable_beside(build), _settings_kept(build):
        return _with_equal_names(function, build, given)


def _module(build: str) -> ModuleType:
    """Return the module of the function. It is run once for each state of its files, under a name of its own."""
    code = code_at(build)
    registry = keras.saving.get_custom_objects()
    before = dict(registry)
    with (
        errors_of("while it is imported", build),
        importing(build),
        followed(build),
        importable_beside(build),
        _settings_kept(build),
    ):
        module = code.module()
    own = _REGISTERED.setdefault(module.__name__, {})
    own.update({name: one for name, one in registry.items() if before.get(name) is not one})
    registry.update(own)  # another network's class may have the same name
    return module


_REGISTERED: dict[str, dict[str, Any]] = {}
"""Name of a user's own module -> the classes and functions that it registered with Keras when it was run."""


def _is_own_function(value: Any, module: ModuleType) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


class _FarNumbers(dict[str, int]):
    """The number that Keras gives next to each name: FAR at first."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> int:
        self[name] = FAR
        return FAR


def _with_equal_names(function: Function, build: str, given: Mapping[str, Any]) -> Any:
    """Call the function with unnamed layers numbered from 0, so that they are called the same in all arms.

    If the function uses a layer that was made before and has one of these names, they are numbered from FAR.
    """
    try:
        with _numbered_in(defaultdict(int)):
            return function(**given)
    except ValueError as error:
        if not any(text in str(error) for text in NOT_UNIQUE):
            raise
    with _numbered_in(_FarNumbers()):
        return function(**given)


@contextmanager
def _numbered_in(numbers: dict[str, int]) -> Iterator[None]:
    """Let Keras number unnamed layers from these numbers within the block.

    After the block, no number is given that the code before it has given, or the block has given below FAR.
    """
    before = global_state.get_global_attribute(NUMBERS) or {}
    global_state.set_global_attribute(NUMBERS, numbers)
    try:
        yield
    finally:
        within = {} if isinstance(numbers, _FarNumbers) else numbers
        most = {name: max(before.get(name, 0), within.get(name, 0)) for name in (*before, *within)}
        global_state.set_global_attribute(NUMBERS, defaultdict(int, most))


@contextmanager
def _settings_kept(build: str) -> Iterator[None]:
    """Restore Keras's global settings after the block. Raise SettingError if the code in the block changed them.

    Changed settings would affect other networks, too. A module is run only once, but its function once for each arm, so
    that arms would be built with different settings.
    """
    before = _settings()
    try:
        yield
        changed = {name: value for name, (value, _) in _settings().items() if value != before[name][0]}
    finally:
        for value, put_back in before.values():
            put_back(value)
    if changed:
        told = ", ".join(f"{name} to {getattr(value, 'name', value)}" for name, value in changed.items())
        raise SettingError(
            "model.build",
            f"is {told_of(build)}; its code sets Keras's global {told}, which would change all other networks. "
            'Give it to each layer instead, as in `Conv2D(8, 3, dtype="mixed_float16")`.',
        )


def _settings() -> dict[str, tuple[Any, Callable[[Any], None]]]:
    """Return Keras's global settings for layers: name -> its value and the function that sets it."""
    settings = keras.config
    return {
        "dtype_policy": (settings.dtype_policy(), settings.set_dtype_policy),
        "floatx": (settings.floatx(), settings.set_floatx),
        "image_data_format": (settings.image_data_format(), settings.set_image_data_format),
        "epsilon": (settings.epsilon(), settings.set_epsilon),
    }
