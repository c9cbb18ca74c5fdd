"""A trained model as the bytes of a `.keras` file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray


def model_bytes(model: keras.Sequential, weights: list[NDArray[Any]]) -> bytes:
    """Give the file of this model with these values of `model.variables`.

    Keras writes in place, and can crash the process on a full disk; so it
    writes elsewhere, and the caller keeps the bytes whole.
    """
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.keras"
        model.save(path)
        return path.read_bytes()
