"""Loads TensorFlow as Keras's backend, without the screen of messages that it greets with."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def load() -> None:
    """Import TensorFlow and Keras. To be called before any module that needs them.

    What they write to stderr meanwhile is shown only if the import fails, or
    if the user has set TF_CPP_MIN_LOG_LEVEL: some messages disregard every setting.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    asked_for = LOG_LEVEL in os.environ
    if asked_for:
        _import()
        return
    os.environ[LOG_LEVEL] = "3"
    with _stderr_held_back():
        _import()
    del os.environ[LOG_LEVEL]  # TensorFlow has read it; a worker process would take it for the user's wish
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _import() -> None:
    import keras
    import tensorflow  # noqa: F401

    del keras


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
