"""What belongs to the user's process, left as it was: work in a notebook or a script changes none of it for good.

Not among it is what cannot be taken back: TensorFlow is loaded, and its threads are spread over the cores.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from bnexp.system.backend import BACKEND, LOG_LEVEL
from bnexp.system.own_code import PREFIX

Undo = Callable[[], Any]
KERAS_SETTINGS = ("floatx", "epsilon", "image_data_format", "dtype_policy", "max_epochs", "max_steps_per_epoch")


@contextmanager
def process_state_kept() -> Iterator[None]:
    """Restore, when the work is done, random states, Keras's settings and registered classes, logging and warnings.

    TensorFlow's own warnings are held back meanwhile, unless TF_CPP_MIN_LOG_LEVEL asks for them with 0 or 1.
    """
    undo = [*_random_states(), *_keras_settings(), _registered_classes(), _environment()]
    logger = logging.getLogger("tensorflow")
    undo.append(partial(logger.setLevel, logger.level))
    if os.environ.get(LOG_LEVEL) not in ("0", "1"):
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for one in undo:
            one()


def _random_states() -> Iterator[Undo]:
    """Yield what restores the random states of Python and, where it is loaded, of NumPy."""
    yield partial(random.setstate, random.getstate())
    if (numpy := sys.modules.get("numpy")) is not None:
        yield partial(numpy.random.set_state, numpy.random.get_state())
        yield partial(numpy.seterr, **numpy.geterr())


def _keras_settings() -> Iterator[Undo]:
    """Yield what restores Keras's settings; if Keras is not loaded yet, its defaults stay, which bnexp sets."""
    keras = sys.modules.get("keras")
    config = getattr(keras, "config", None)  # None while Keras is being imported
    if config is None:
        return
    for name in KERAS_SETTINGS:
        read, write = getattr(config, name, None), getattr(config, f"set_{name}", None)
        if read is not None and write is not None:
            yield partial(write, read())


def _registered_classes() -> Undo:
    """Return what gives the user's own classes their names in Keras's registry back, which private copies of them have.

    The work itself needs the copies there: it saves their layers.
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


def _environment() -> Undo:
    """Return what restores the variables of the environment that loading TensorFlow sets."""
    return partial(_set_variables, {name: os.environ.get(name) for name in (BACKEND, LOG_LEVEL)})


def _set_variables(values: Mapping[str, str | None]) -> None:
    """Set variables of the environment; None takes one out."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
