"""A trained model as the bytes of a `.keras` file."""

from __future__ import annotations

import io
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from bnexp.models.embedding import Embedding

FIRST_YEAR, LAST_YEAR = 1980, 2107
"""The first and the last year that a zip archive can store."""


def model_bytes(model: keras.Model, weights: list[NDArray[Any]]) -> bytes:
    """Return the .keras file of this model with these values of `model.variables`.

    The model is saved uncompiled, because an optimizer would have the state of a single seed. Keras writes in place,
    and a full disk can crash the process. So it writes to a temporary directory, and the caller stores the bytes. If
    the clock shows a year that no archive can store, Keras writes a directory, and this module makes the archive.
    """
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    with tempfile.TemporaryDirectory() as place, _embeddings_of_keras(model), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="__array__ implementation")  # Keras's own, while it writes
        if FIRST_YEAR <= time.localtime().tm_year <= LAST_YEAR:
            path = Path(place) / "model.keras"
            model.save(path)
            return path.read_bytes()
        directory = Path(place) / "model"
        model.save(directory, zipped=False)
        return _archive(directory)


@contextmanager
def _embeddings_of_keras(model: keras.Model) -> Iterator[None]:
    """Let the model's Embedding layers be Keras's own within the block, so that a file of them loads without bnexp.

    They differ only in the gradient.
    """
    layers = [one for one in model._flatten_layers(include_self=False) if type(one) is Embedding]
    for one in layers:
        one.__class__ = keras.layers.Embedding
    try:
        yield
    finally:
        for one in layers:
            one.__class__ = Embedding


def _archive(directory: Path) -> bytes:
    """Return the files of a directory as a zip archive, uncompressed as Keras makes it. All have the earliest date."""
    with io.BytesIO() as content:
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(path for path in directory.rglob("*") if path.is_file()):
                member = zipfile.ZipInfo(path.relative_to(directory).as_posix(), (FIRST_YEAR, 1, 1, 0, 0, 0))
                archive.writestr(member, path.read_bytes())
        return content.getvalue()
