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
from bnexp.data.sources.arrays import Header, names_of
from bnexp.data.sources.column import LARGEST, refuse_lost_digits
from bnexp.data.sources.other_forms import free_name
from bnexp.data.stored_rows import PIECE
from bnexp.errors import Problems, SettingError, counted
from bnexp.system.archives import FAULTS, fault
from bnexp.system.given_data import called
from bnexp.system.shell import in_shell


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
    start, extremes, bad = 0, _Extremes(), _BadNumbers(dataset, kind)
    for x in pieces:
        x = x.reshape(len(x), *shape)
        if x.dtype != np.uint8:
            bad.add(x, start)
            if not bad.found:
                extremes.add(x)
                x = x.astype("float32")
        start += len(x)
        if not bad.found:  # else the rest is only checked
            yield x
    bad.refuse()
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


class _BadNumbers:
    """The rows of an array with missing numbers, and those with infinite or too large ones: the first, and how many.

    All are found before they are refused. Filling the missing numbers in would not cure the others.
    """

    def __init__(self, dataset: NpzDataset, kind: Kind) -> None:
        self._dataset, self._kind = dataset, kind
        self.found: dict[str, tuple[str, int]] = {}
        """Cure -> the first row and its number in words, and the number of rows."""

    def add(self, x: NDArray[Any], start: int) -> None:
        """Find the bad numbers of further rows; the first of them is row `start` of the array."""
        where = _behind(row_of(self._dataset.path), start)
        if self._kind == "sequence":
            _refuse_gaps(self._dataset, x, where)
        most = np.float32(LARGEST)  # as a Python number it could not be compared with a half-precision x
        missing, large = np.isnan(x), (x < -most) | (x > most)
        if self._kind != "sequence" and self._dataset.missing == "refuse":
            self._note("Use dataset.missing: mean, or fix the file.", x, missing, where)
        others = cure_by_rows(self._dataset, self._dataset.x, f"abs({{}}) > {LARGEST:g}")
        self._note(f"Fix the file.{others}", x, large, where)

    def _note(self, cure: str, x: NDArray[Any], bad: NDArray[np.bool_], where: Where) -> None:
        bad = bad.reshape(len(x), -1)
        rows = np.flatnonzero(bad.any(axis=1))
        if len(rows):
            column = int(np.flatnonzero(bad[rows[0]])[0])
            seen = f"{where(int(rows[0]))} holds {x[rows[0]].ravel()[column]}"
            seen += f" in column {column}" if self._kind == "table" else ""
            first, count = self.found.get(cure, (seen, 0))
            self.found[cure] = first, count + len(rows)

    def refuse(self) -> None:
        """Raise SettingError with all that was found, if anything."""
        problems = Problems()
        for cure, (first, count) in self.found.items():
            more = f", as {counted(count - 1, 'more row')} {'does' if count == 2 else 'do'}" if count > 1 else ""
            seen = f"is {self._dataset.x!r}; {first}{more}, expected finite numbers, up to {LARGEST:g}. {cure}"
            problems.note("dataset.x", seen)
        problems.refuse()


def cure_by_rows(dataset: NpzDataset, name: str, bad: str) -> str:
    """Return a sentence with a command that writes the arrays of a part without the rows whose values are `bad`.

    `bad` is an expression of NumPy in which {} stands for the array `name`. Data that were given in Python get "".
    """
    path = Path(dataset.path)
    if called(str(path)) is not None:
        return ""
    new, of_part = free_name(f"{path.stem}-whole{path.suffix}"), sorted({*names_of(dataset).values()})
    code = (
        f"import numpy; found = dict(numpy.load({str(path)!r})); values = found[{name!r}]; "
        f"bad = ({bad.format('values')}).reshape(len(values), -1).any(axis=1); "
        f"found.update((one, found[one][~bad]) for one in {of_part}); numpy.savez(open({new!r}, 'xb'), **found)"
    )
    return f" This writes the other rows into {new}: {in_shell(code)}"


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
