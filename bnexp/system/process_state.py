"""Restores the state of the user's process after work in a notebook or a script.

Some changes cannot be undone: TensorFlow stays loaded, and its threads stay spread over the cores.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from bnexp.system.backend import BACKEND, LOG_LEVEL, SHOWING
from bnexp.system.own_code import PREFIX

Undo = Callable[[], Any]
GLOBAL_STATE, NUMBERS = "keras.src.backend.common.global_state", "object_name_uids"
"""Where Keras counts how often it has given each name. It has no public place."""
KERAS_SETTINGS = ("floatx", "epsilon", "image_data_format", "dtype_policy", "max_epochs", "max_steps_per_epoch")


@contextmanager
def process_state_kept() -> Iterator[None]:
    """Restore random states, Keras's settings, classes and numbers of names, logging and warnings after this block.

    TensorFlow's own warnings are not shown in this block, unless TF_CPP_MIN_LOG_LEVEL asks for them with 0 or 1.
    """
    undo = [*_random_states(), *_keras_settings(), _registered_classes(), _name_numbers()]
    undo += [_environment(), _tensor_float_32()]
    logger = logging.getLogger("tensorflow")
    undo.append(partial(logger.setLevel, logger.level))
    if os.environ.get(LOG_LEVEL) not in SHOWING:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for one in undo:
            one()


def _random_states() -> Iterator[Undo]:
    """Yield functions that restore the random states of Python and, if it is loaded, of NumPy."""
    yield partial(random.setstate, random.getstate())
    if (numpy := sys.modules.get("numpy")) is not None:
        yield partial(numpy.random.set_state, numpy.random.get_state())
        yield partial(numpy.seterr, **numpy.geterr())


def _keras_settings() -> Iterator[Undo]:
    """Yield functions that restore Keras's settings. If Keras is not loaded yet, the defaults that bnexp sets stay."""
    keras = sys.modules.get("keras")
    config = getattr(keras, "config", None)  # None while Keras is being imported
    if config is None:
        return
    for name in KERAS_SETTINGS:
        read, write = getattr(config, name, None), getattr(config, f"set_{name}", None)
        if read is not None and write is not None:
            yield partial(write, read())


def _registered_classes() -> Undo:
    """Return a function that puts the user's own classes back into Keras's registry.

    Meanwhile, bnexp's private copies of these classes have their names there, because it saves layers of the copies.
    """
    keras = sys.modules.get("keras")
    saving = getattr(keras, "saving", None)  # None while Keras is being imported
    return partial(_put_back_classes, {} if saving is None else dict(saving.get_custom_objects()))


def _put_back_classes(before: Mapping[str, Any]) -> None:
    if (keras := sys.modules.get("keras")) is None:
        return
    registry = keras.saving.get_custom_objects()
    for name, one in list(registry.items()):
        if str(getattr(one, "__module__", "")).startswith(PREFIX):
            del registry[name]
            registry.update({name: before[name]} if name in before else {})


def _name_numbers() -> Undo:
    """Return a function that restores how often Keras has given each name to a layer: `dense`, then `dense_1`."""
    return partial(_set_name_numbers, dict(_global_state(NUMBERS) or {}))


def _set_name_numbers(numbers: Mapping[str, int]) -> None:
    if (module := sys.modules.get(GLOBAL_STATE)) is not None:
        module.set_global_attribute(NUMBERS, defaultdict(int, numbers))


def _global_state(name: str) -> Any:
    module = sys.modules.get(GLOBAL_STATE)
    return None if module is None else module.get_global_attribute(name)


def _tensor_float_32() -> Undo:
    """Return a function that lets a GPU use TensorFloat-32 again if it might: bnexp switches it off."""
    config = getattr(sys.modules.get("tensorflow"), "config", None)  # None while TensorFlow is being imported
    return partial(_allow, True if config is None else config.experimental.tensor_float_32_execution_enabled())


def _allow(tensor_float_32: bool) -> None:
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        tensorflow.config.experimental.enable_tensor_float_32_execution(tensor_float_32)


def _environment() -> Undo:
    """Return a function that restores the environment variables that loading TensorFlow sets."""
    return partial(_set_variables, {name: os.environ.get(name) for name in (BACKEND, LOG_LEVEL)})


def _set_variables(values: Mapping[str, str | None]) -> None:
    """Set environment variables; None removes a variable."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
