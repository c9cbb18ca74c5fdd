"""The arrays of an NPZ file: their headers, and the values of inputs, read and checked piece by piece.

Axes: N rows, T frames, F features.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import NpzDataset
from bnexp.config.section import Kind
from bnexp.data.rows import Where, row_of
from bnexp.data.sources.arrays import Header
from bnexp.data.sources.column import LARGEST, refuse_lost_digits
from bnexp.data.stored_rows import PIECE
from bnexp.errors import SettingError
from bnexp.system.archives import FAULTS, fault


def headers_of(path: Path) -> dict[str, Header]:
    """Read the name, shape and type of each array without reading its values."""
    headers = {}
    with readable(path, "it is no NPZ file: "), zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as file:
                    shape, is_by_columns, kind = _header(file)
                if any(type(size) is not int or size < 0 for size in shape):
                    raise ValueError(f"shape is not valid: {shape}")
                headers[member.removesuffix(".npy")] = Header(shape, kind, is_by_columns)
    if not headers:
        raise SettingError("dataset.path", f"is {str(path)!r}; no array is in it. Write one with numpy.savez.")
    return headers


def _header(file: IO[bytes]) -> tuple[Any, bool, np.dtype[Any]]:
    """Read the header of an array: its shape, whether it is stored column by column, and its type."""
    first = np.lib.format.read_magic(file) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    header: tuple[Any, bool, np.dtype[Any]] = read(file)
    return header


@contextmanager
def readable(path: Path, seen: str) -> Iterator[None]:
    """Turn errors of zipfile and NumPy about a faulty, encrypted or impossibly large file into a SettingError."""
    try:
        yield
    except FAULTS as error:
        message = f"is {str(path)!r}; {seen}{fault(error)}. Write one with numpy.savez."
        raise SettingError("dataset.path", message) from error


def array_pieces(path: Path, name: str, header: Header) -> Iterator[NDArray[Any]]:
    """Yield the values of all rows of an array, some rows at a time; an array stored by columns is read at once.

    Raises:
        SettingError: if the file is faulty.
    """
    row_numbers = math.prod(header.shape[1:])
    rows = max(1, PIECE // row_numbers)
    with (
        readable(path, "NumPy cannot read it: "),
        zipfile.ZipFile(path) as archive,
        archive.open(f"{name}.npy") as file,
    ):
        if header.is_by_columns:
            yield np.lib.format.read_array(file, allow_pickle=False)
            return
        _header(file)
        for start in range(0, header.shape[0], rows):
            count = min(rows, header.shape[0] - start)
            content = file.read(count * row_numbers * header.dtype.itemsize)
            if len(content) < count * row_numbers * header.dtype.itemsize:
                raise ValueError(f"{name} ends before its {header.shape[0]:,} rows")
            yield np.frombuffer(content, header.dtype).reshape(count, *header.shape[1:])
        file.read(1)  # zipfile compares the checksum at the end


def checked_inputs(
    dataset: NpzDataset, pieces: Iterable[NDArray[Any]], kind: Kind, shape: tuple[int, ...]
) -> Iterator[NDArray[Any]]:
    """Yield the inputs with rows of this shape: bytes unchanged, other numbers as float32.

    Raises:
        SettingError: if numbers are missing, infinite or too large, or float32 cannot distinguish numbers of a column.
    """
    start, extremes = 0, _Extremes()
    for x in pieces:
        x = x.reshape(len(x), *shape)
        if x.dtype != np.uint8:
            _refuse_bad_numbers(dataset, x, kind, _behind(row_of(dataset.path), start))
            extremes.add(x)
            x = x.astype("float32")
        start += len(x)
        yield x
    for column, numbers in enumerate(extremes.of_columns()):
        refuse_lost_digits(
            "dataset.x",
            f"is {dataset.x!r}; the numbers of its column {column} (counted from 0)",
            numbers,
            "Subtract the lowest from all.",
        )


def _behind(where: Where, rows: int) -> Where:
    """Return a function that names the place of a row, counted after the first `rows` rows."""
    return lambda row: where(rows + row)


class _Extremes:
    """The lowest and highest number of each column (the last axis), and one that float32 cannot hold, if any."""

    def __init__(self) -> None:
        self._found: list[NDArray[Any]] = []

    def add(self, x: NDArray[Any]) -> None:
        """Update the extremes with the numbers of further rows."""
        x_NF = x.reshape(-1, x.shape[-1])
        lost_NF = (x_NF != x_NF.astype("float32").astype(x.dtype)) & ~np.isnan(x_NF)
        lost_F = x_NF[lost_NF.argmax(axis=0), np.arange(x_NF.shape[1])]
        self._found.append(np.stack([np.fmin.reduce(x_NF), np.fmax.reduce(x_NF), lost_F]))

    def of_columns(self) -> Iterator[NDArray[Any]]:
        """Yield the extremes of each column."""
        yield from np.concatenate(self._found).T if self._found else ()


def _refuse_bad_numbers(dataset: NpzDataset, x: NDArray[Any], kind: Kind, where: Where) -> None:
    if kind == "sequence":
        _refuse_gaps(dataset, x, where)
    may_be_missing = kind == "sequence" or dataset.missing != "refuse"
    most = np.float32(LARGEST)  # as a Python number it could not be compared with a half-precision x
    bad = ((x < -most) | (x > most) | (np.isnan(x) & (not may_be_missing))).reshape(len(x), -1)
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        number = x[row].ravel()[bad[row]][0]
        cure = "Use dataset.missing: mean, or fix the file." if np.isnan(number) else "Fix the file."
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}; {where(row)} holds {number}, expected finite numbers, up to {LARGEST:g}. {cure}",
        )


def _refuse_gaps(dataset: NpzDataset, x_NTF: NDArray[Any], where: Where) -> None:
    """Raise SettingError if NaN is not padding. Padding is whole frames after the last frame with a number."""
    if x_NTF.dtype.kind != "f":
        return
    missing_NTF = np.isnan(x_NTF)
    over_NT = np.logical_and.accumulate(missing_NTF.all(axis=2)[:, ::-1], axis=1)[:, ::-1]
    gaps_NT = missing_NTF.any(axis=2) & ~over_NT
    if gaps_NT.any():
        row, frame = np.argwhere(gaps_NT)[0].tolist()
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}; {where(row)} holds nan in its frame {frame}, which only whole "
            "frames at the end of a sequence may hold, as padding. Fill it in, or take that row out.",
        )
