"""Loads TensorFlow as Keras's backend, without the screen of messages that it greets with."""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bnexp.errors import UserError
from bnexp.system.interrupts import was_interrupted

BACKEND = "KERAS_BACKEND"
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NOT_NEEDED = ("pandas", "matplotlib")
"""What Keras imports if it is there, to take data frames and draw galleries.

Measured, medians of CPU time in turn: loading takes 1.17 times as long with them, a dry run 1.09 times. A training
that draws figures needs them anyway (1.01 times).
"""


def load() -> None:
    """Import TensorFlow and Keras. To be called before any module that needs them.

    What they write to stderr meanwhile is shown only if the import fails, or
    if the user has set TF_CPP_MIN_LOG_LEVEL: some messages disregard every setting.
    """
    _refuse_other_backend(sys.modules.get("keras"))
    if "keras" in sys.modules and "tensorflow" in sys.modules:
        _set_defaults(sys.modules["keras"].config)
        return
    os.environ[BACKEND] = "tensorflow"
    asked_for = LOG_LEVEL in os.environ
    if asked_for:
        _import()
        return
    os.environ[LOG_LEVEL] = "3"
    with _stderr_held_back():
        _import()
    del os.environ[LOG_LEVEL]  # TensorFlow has read it; a worker process would take it for the user's wish
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _refuse_other_backend(keras: Any) -> None:
    """Raise UserError if this process uses Keras with another backend: it cannot be changed any more."""
    config = getattr(keras, "config", None)
    if config is not None and (seen := config.backend()) != "tensorflow":
        raise UserError(
            f"Keras is loaded with the backend {seen}; expected tensorflow. Set the variable KERAS_BACKEND=tensorflow "
            "before Keras is imported, and start Python again."
        )


def _import() -> None:
    with _as_if_not_installed(NOT_NEEDED), _nothing_collected():
        try:
            import keras
            import tensorflow  # noqa: F401
        except Exception as error:
            if was_interrupted(error):
                raise KeyboardInterrupt from error
            if "config.py" in traceback.extract_tb(error.__traceback__)[-1].filename:
                raise UserError(
                    f"{_keras_json()}: Keras cannot be loaded with these settings: {error} Correct or delete the file."
                ) from error
            raise

    _set_defaults(keras.config)


def _keras_json() -> Path:
    return Path(os.environ.get("KERAS_HOME", "~/.keras")) / "keras.json"


def _set_defaults(config: Any) -> None:
    """Set Keras's own defaults, whatever the user's keras.json or environment says: bnexp's numbers rest on them."""
    config.set_floatx("float32")
    config.set_dtype_policy("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Spare the garbage collector what stays for good.

    Measured, medians of CPU time in turn: with collections, loading takes 1.27 times as long, and a short training
    1.16 times. Held back but not frozen, the training takes 1.11 times as long, as later collections search it all.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def _as_if_not_installed(packages: Iterable[str]) -> Iterator[None]:
    """Let imports of these packages fail, in all threads, as long as nobody has imported them yet."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: Python's own mark for it
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Keep what any code, native code included, writes to stderr; show it only on failure."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except Exception:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
