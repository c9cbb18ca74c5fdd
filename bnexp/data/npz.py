"""Your own arrays, in NPZ. They are measured by their headers before they are read; nothing in them is unpickled.

Axes: N rows, T frames, F features.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import NpzDataset
from bnexp.config.section import Kind
from bnexp.data.column import LARGEST, refuse_lost_digits, target
from bnexp.data.files import existing
from bnexp.data.limit import refuse_too_large
from bnexp.data.rows import Rows, Where, row_of
from bnexp.errors import SettingError, nearest

COPIES = 3
"""How often the numbers are in memory at the peak: as they are stored, and on their way to rows."""


def npz_rows(dataset: NpzDataset, limit: int | None) -> Rows:
    """Read the rows of arrays in a NumPy file; nothing in it is unpickled.

    Raises:
        SettingError: if an array is missing, too large, of another length, or of a kind that cannot be learned from.
    """
    import pandas

    path, names = existing(dataset.path, endings=(".npz",)), _names(dataset)
    refuse_by_headers(dataset, limit)
    with _readable(path, "NumPy cannot read it: "), np.load(path, allow_pickle=False) as arrays:
        x, y_N, *group = (arrays[name] for name in names.values())
    where = row_of(path)
    kind = _kind(dataset, x)
    for key, array in zip(names, (x, y_N, *group), strict=True):
        if key != "x" and array.shape != x.shape[:1]:
            raise SettingError(
                f"dataset.{key}",
                f"is {names[key]!r} with shape {array.shape}; expected one value for each of the {len(x)} rows of x.",
            )
        if key != "x" and array.dtype.kind not in "biufU":
            raise SettingError(
                f"dataset.{key}", f"is {names[key]!r}, {array.dtype}; expected numbers, booleans or texts."
            )
    y_N = y_N.astype(y_N.dtype.newbyteorder("="))
    numbers, classes = target(pandas.Series(y_N, name=dataset.y), dataset.task, where, "dataset.y")
    groups_N = np.unique(group[0], return_inverse=True)[1].astype("int64") if group else None
    return Rows(kind, _shaped(dataset, x, kind, where), numbers, classes, groups_N=groups_N, where=where)


def _names(dataset: NpzDataset) -> dict[str, str]:
    """Give the name of the array that each key asks for."""
    return {"x": dataset.x, "y": dataset.y} | ({"group": dataset.group} if dataset.group else {})


def refuse_by_headers(dataset: NpzDataset, limit: int | None) -> None:
    """Raise SettingError if an array is missing, or all that are asked for are too large."""
    path, needed = existing(dataset.path, endings=(".npz",)), 0
    headers = _headers(path)
    for key, name in _names(dataset).items():
        if name not in headers:
            raise SettingError(f"dataset.{key}", f"is {name!r}; no array has this name. {nearest(name, headers)}")
        shape, kind = headers[name]
        needed += COPIES * math.prod(shape) * kind.itemsize
    refuse_too_large(path, path.stat().st_size, needed, limit)


def _headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Read the name, shape and type of each array without reading its values."""
    headers = {}
    with _readable(path, "it is no NPZ file: "), zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if not member.endswith(".npy"):
                continue
            with archive.open(member) as file:
                first = np.lib.format.read_magic(file) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
                shape, _, kind = read(file)
                headers[member.removesuffix(".npy")] = (shape, kind)
    if not headers:
        raise SettingError("dataset.path", f"is {str(path)!r}; no array is in it. Write one with numpy.savez.")
    return headers


@contextmanager
def _readable(path: Path, seen: str) -> Iterator[None]:
    """Turn all that zipfile and NumPy raise of a faulty file, encrypted or claiming terabytes, into a SettingError."""
    try:
        yield
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise SettingError("dataset.path", f"is {str(path)!r}; {seen}{reason}. Write one with numpy.savez.") from error


def _kind(dataset: NpzDataset, x: NDArray[Any]) -> Kind:
    kinds: dict[int, Kind] = {2: "table", 3: "sequence", 4: "image"}
    if 0 in x.shape or x.ndim < 2 or (dataset.kind == "auto" and x.ndim not in kinds):
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r} with shape {x.shape}; expected rank 2, 3 or 4: the first axis counts rows, and none is "
            "empty.",
        )
    return kinds[x.ndim] if dataset.kind == "auto" else dataset.kind


def _shaped(dataset: NpzDataset, x: NDArray[Any], kind: Kind, where: Where) -> NDArray[Any]:
    """Give x as numbers of the rank that its kind has; gray images get their one channel."""
    if kind == "image" and x.ndim == 3:
        x = x[..., None]
    ranks = {"table": 2, "sequence": 3, "image": 4}
    if x.dtype.kind not in "fiub" or x.ndim != ranks[kind]:
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}, {x.dtype} of shape {x.shape}; expected numbers of rank {ranks[kind]} ({kind}).",
        )
    if x.dtype == np.uint8:
        return x
    if kind == "sequence":
        _refuse_gaps(dataset, x, where)
    may_be_missing = kind == "sequence" or dataset.missing != "refuse"
    most = np.float32(LARGEST)  # a half-precision x could not be compared with it as a Python number
    bad = ((x < -most) | (x > most) | (np.isnan(x) & (not may_be_missing))).reshape(len(x), -1)
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        number = x[row].ravel()[bad[row]][0]
        cure = "Use dataset.missing: mean, or mend the file." if np.isnan(number) else "Mend the file."
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}; {where(row)} holds {number}, expected finite numbers, up to {LARGEST:g}. {cure}",
        )
    for column in range(x.shape[-1]):
        refuse_lost_digits(
            "dataset.x",
            f"is {dataset.x!r}; the numbers of its column {column} (counted from 0)",
            x[..., column],
            "Subtract the lowest",
        )
    return x.astype("float32")


def _refuse_gaps(dataset: NpzDataset, x_NTF: NDArray[Any], where: Where) -> None:
    """Raise SettingError if NaN is anything but padding: whole frames of it after the last one with a number."""
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
