"""Loads TensorFlow as Keras's backend, without the many messages that it prints at the start."""

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
SHOWING = ("0", "1")
"""Values of LOG_LEVEL with which TensorFlow's messages are shown. 2 and 3 ask for fewer than usual."""
NOT_NEEDED = ("pandas", "matplotlib")
"""Packages that Keras imports if they are installed, for data frames and galleries of images.

Measured in alternating runs (medians of CPU time): with these packages, loading takes 1.17 times as long, and a dry
run 1.09 times. A training that draws figures needs them anyway (1.01 times).
"""


def load() -> None:
    """Import TensorFlow and Keras. Call this before you import any module that needs them.

    Their output to stderr is held back, because some messages ignore every setting. It is shown only if the import
    fails, or if the user has set TF_CPP_MIN_LOG_LEVEL to 0 or 1.
    """
    _refuse_other_backend(sys.modules.get("keras"))
    if "keras" in sys.modules and "tensorflow" in sys.modules:
        _set_defaults(sys.modules["keras"].config)
        return
    os.environ[BACKEND] = "tensorflow"
    before = os.environ.get(LOG_LEVEL)
    if before in SHOWING:
        _import()
        return
    os.environ[LOG_LEVEL] = "3"
    with _stderr_held_back():
        _import()
    del os.environ[LOG_LEVEL]  # TensorFlow has read it; a worker process would think that the user has set it
    if before is not None:
        os.environ[LOG_LEVEL] = before
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _refuse_other_backend(keras: Any) -> None:
    """Raise UserError if this process has loaded Keras with another backend, which cannot be changed any more."""
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
                    f"{_keras_json()}: Keras cannot be loaded with these settings: {str(error).rstrip('. ')}. "
                    "Correct or delete the file."
                ) from error
            raise

    _set_defaults(keras.config)


def _keras_json() -> Path:
    return Path(os.environ.get("KERAS_HOME", "~/.keras")) / "keras.json"


def _set_defaults(config: Any) -> None:
    """Set Keras's own defaults, because bnexp's numbers depend on them. Override keras.json and the environment."""
    config.set_floatx("float32")
    config.set_dtype_policy("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Stop garbage collection in this block, and then exclude all objects that exist from later collections.

    Measured in alternating runs (medians of CPU time): with collections, loading takes 1.27 times as long, and a short
    training 1.16 times. If collections only stop in this block, the training takes 1.11 times as long, because later
    collections search all these objects.
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
    """Make imports of these packages fail in all threads, except for packages that are already imported."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes Python refuse the import
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Hold back everything that Python or native code writes to stderr; show it only if the block fails."""
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
