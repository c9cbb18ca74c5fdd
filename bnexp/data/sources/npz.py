"""Your own arrays, in NPZ. They are measured by their headers before they are read; nothing in them is unpickled.

Axes: N rows, T frames, F features.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import NpzDataset
from bnexp.config.section import Kind
from bnexp.data.facts import RowFacts
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.rows import Rows, Where, row_of
from bnexp.data.sources.alike import warnings_of, warnings_of_missing
from bnexp.data.sources.arrays import (
    Header,
    kind_of,
    left_out,
    names_of,
    refuse_labels,
    refuse_missing,
    warnings_of_arrays,
)
from bnexp.data.sources.column import LARGEST, refuse_lost_digits
from bnexp.data.sources.paths import existing_path
from bnexp.data.sources.targets import target, warnings_of_many_numbers
from bnexp.errors import Problems, SettingError
from bnexp.system.archives import FAULTS, fault

if TYPE_CHECKING:
    import pandas

COPIES = 3
"""How often the numbers are in memory at the peak: as they are stored, and on their way to rows."""


def npz_rows(dataset: NpzDataset, limit: int | None) -> Rows:
    """Read the rows of arrays in a NumPy file; nothing in it is unpickled.

    Raises:
        SettingError: with all that is wrong with the arrays: one is missing, too
            large, of another length, or of a kind that cannot be learned from.
    """
    path, names = existing_path(dataset.path, endings=(".npz",)), names_of(dataset)
    headers, where = refuse_by_headers(dataset, limit), row_of(path)
    problems = Problems()
    kind = kind_of(dataset, headers[dataset.x], problems)
    refuse_labels(dataset, headers, problems)
    problems.refuse()
    with _readable(path, "NumPy cannot read it: "), np.load(path, allow_pickle=False) as arrays:
        x, *labels = (arrays[name] for name in names.values())
    for (key, name), values in zip(list(names.items())[1:], labels, strict=True):
        _collect_no_text(f"dataset.{key}", name, values, where, problems)
    problems.refuse()
    y_N, *group = (label.reshape(-1) for label in labels)
    with problems.noted():
        x = _shaped(dataset, x, kind, where)
    with problems.noted():
        numbers, classes = target(_column(dataset.y, y_N), dataset.task, where, "dataset.y")
    problems.refuse()
    warnings = [*warnings_of_arrays(dataset, headers, kind), *_warnings_of_labels(dataset, labels)]
    warnings += warnings_of_many_numbers("dataset.y", dataset.y, classes, dataset.task)
    facts = RowFacts(arrays_left_out=left_out(dataset, headers), warnings=warnings)
    groups_N = np.unique(group[0], return_inverse=True)[1].astype("int64") if group else None
    return Rows(kind, x, numbers, classes, groups_N=groups_N, where=where, facts=facts)


def _collect_no_text(key: str, name: str, values: NDArray[Any], where: Where, problems: Problems) -> None:
    """Collect the first row whose text holds no valid character: half of a surrogate pair, or a code beyond Unicode."""
    if values.dtype.kind != "U" or not values.dtype.itemsize:
        return
    kind = np.dtype("u4").newbyteorder(values.dtype.byteorder)
    codes_NK = np.ascontiguousarray(values).reshape(-1, 1).view(kind)
    bad_NK = ((codes_NK >= 0xD800) & (codes_NK < 0xE000)) | (codes_NK > 0x10FFFF)
    if bad_NK.any():
        row, place = np.argwhere(bad_NK)[0].tolist()
        problems.note(
            key,
            f"is {name!r}; {where(row)} holds the code {codes_NK[row, place]:X}, which is no character of Unicode. "
            "Mend that row, or take it out.",
        )


def _column(name: str, values: NDArray[Any]) -> pandas.Series[Any]:
    import pandas

    return pandas.Series(values.reshape(-1).astype(values.dtype.newbyteorder("=")), name=name)


def _warnings_of_labels(dataset: NpzDataset, labels: Sequence[NDArray[Any]]) -> Iterator[str]:
    """Yield a warning for targets and groups of text that differ only in how they are written."""
    for (key, name), values in zip(list(names_of(dataset).items())[1:], labels, strict=True):
        if values.dtype.kind == "U":
            counts = dict(zip(*(side.tolist() for side in np.unique(values, return_counts=True)), strict=True))
            yield from warnings_of(f"dataset.{key} {name!r}", counts)
            if key == "y":
                yield from warnings_of_missing(f"dataset.{key} {name!r}", counts)


def refuse_by_headers(dataset: NpzDataset, limit: int | None) -> dict[str, Header]:
    """Return the headers of all arrays.

    Raises:
        SettingError: if an array is missing, or all that are asked for are too large.
    """
    path = existing_path(dataset.path, endings=(".npz",))
    headers = _headers(path)
    refuse_missing(dataset, headers)
    asked = [headers[name] for name in names_of(dataset).values()]
    needed = sum(COPIES * math.prod(one.shape) * one.dtype.itemsize for one in asked)
    refuse_too_large(path, path.stat().st_size, needed, limit)
    return headers


def _headers(path: Path) -> dict[str, Header]:
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
                if any(type(size) is not int or size < 0 for size in shape):
                    raise ValueError(f"shape is not valid: {shape}")
                headers[member.removesuffix(".npy")] = Header(shape, kind)
    if not headers:
        raise SettingError("dataset.path", f"is {str(path)!r}; no array is in it. Write one with numpy.savez.")
    return headers


@contextmanager
def _readable(path: Path, seen: str) -> Iterator[None]:
    """Turn all that zipfile and NumPy raise of a faulty file, encrypted or claiming terabytes, into a SettingError."""
    try:
        yield
    except FAULTS as error:
        message = f"is {str(path)!r}; {seen}{fault(error)}. Write one with numpy.savez."
        raise SettingError("dataset.path", message) from error


def _shaped(dataset: NpzDataset, x: NDArray[Any], kind: Kind, where: Where) -> NDArray[Any]:
    """Return x as numbers of the rank that its kind has; gray images get their one channel."""
    if kind == "image" and x.ndim == 3:
        x = x[..., None]
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
            "Subtract the lowest from all.",
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
