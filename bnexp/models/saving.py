"""A trained model as the bytes of a `.keras` file."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

DATE = (1980, 1, 1, 0, 0, 0)
"""Of each member of the archive: today's date cannot be written by a clock before 1980 or after 2107."""


def model_bytes(model: keras.Sequential, weights: list[NDArray[Any]]) -> bytes:
    """Return the file of this model with these values of `model.variables`.

    Keras writes in place, and can crash the process on a full disk; so it
    writes elsewhere, and the caller keeps the bytes whole. It writes a
    directory, which is put into an archive here.
    """
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "model"
        model.save(directory, zipped=False)
        return _archive(directory)


def _archive(directory: Path) -> bytes:
    """Return the files of a directory as a zip archive, as Keras makes it: not compressed."""
    with io.BytesIO() as content:
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(path for path in directory.rglob("*") if path.is_file()):
                member = zipfile.ZipInfo(path.relative_to(directory).as_posix(), DATE)
                archive.writestr(member, path.read_bytes())
        return content.getvalue()
