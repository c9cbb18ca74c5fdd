"""A trained model as the bytes of a `.keras` file."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

FIRST_YEAR, LAST_YEAR = 1980, 2107
"""The years that a zip archive can write."""


def model_bytes(model: keras.Model, weights: list[NDArray[Any]]) -> bytes:
    """Return the file of this model with these values of `model.variables`.

    It is not compiled: an optimizer would have the state of a single seed. Keras writes in place, and can crash the
    process on a full disk. So it writes elsewhere, and the caller keeps the bytes whole. Where the clock has a year
    that no archive can hold, Keras writes a directory, and the archive is made here.
    """
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    with tempfile.TemporaryDirectory() as place:
        if FIRST_YEAR <= time.localtime().tm_year <= LAST_YEAR:
            path = Path(place) / "model.keras"
            model.save(path)
            return path.read_bytes()
        directory = Path(place) / "model"
        model.save(directory, zipped=False)
        return _archive(directory)


def _archive(directory: Path) -> bytes:
    """Return the files of a directory as a zip archive, as Keras makes it: not compressed; all of the first day."""
    with io.BytesIO() as content:
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(path for path in directory.rglob("*") if path.is_file()):
                member = zipfile.ZipInfo(path.relative_to(directory).as_posix(), (FIRST_YEAR, 1, 1, 0, 0, 0))
                archive.writestr(member, path.read_bytes())
        return content.getvalue()
