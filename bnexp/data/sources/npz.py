"""Your own arrays, in NPZ. They are measured by their headers before they are read; nothing in them is unpickled.

Axes: N rows, T frames, F features.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from bnexp.data.sources.joined import where_of, with_parts
from bnexp.data.sources.one_hot import EXPECTED, classes_of, is_one_hot, misfit
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.data.sources.targets import TaskKey, target, warnings_of_many_numbers
from bnexp.errors import Problems, SettingError
from bnexp.system.archives import FAULTS, fault

if TYPE_CHECKING:
    import pandas

COPIES = 3
"""How often the numbers are in memory at the peak: as they are stored, and on their way to rows."""


class _Part(NamedTuple):
    """The arrays of one part: inputs, and targets and perhaps groups, (N,) each; `key` names the part in the config."""

    key: str
    dataset: NpzDataset
    headers: Mapping[str, Header]
    kind: Kind
    x: NDArray[Any]
    labels: list[NDArray[Any]]

    @property
    def one_hot(self) -> int | None:
        """Return how many classes one-hot targets have; None if they are single values."""
        header = self.headers[self.dataset.y]
        return header.shape[1] if is_one_hot(header.shape, header.dtype) else None


def npz_rows(dataset: NpzDataset, limit: int | None) -> Rows:
    """Read the rows of arrays in NumPy files; nothing in them is unpickled.

    Raises:
        SettingError: with all that is wrong with the arrays: one is missing, too
            large, of another length, or of a kind that cannot be learned from.
    """
    problems, parts = Problems(), list[_Part]()
    for key, alone in dataset.each_part():
        with problems.noted(), named_by(key):
            parts.append(_read(key, alone, limit))
    problems.refuse()
    where = where_of([(len(part.x), row_of(part.dataset.path)) for part in parts])
    task: TaskKey = "classification" if parts[0].one_hot else dataset.task
    first, labels = parts[0], [_joined(several) for several in zip(*(part.labels for part in parts), strict=True)]
    for number, part in enumerate(parts):
        with problems.noted(), named_by(part.key):
            parts[number] = part._replace(x=_shaped(part.dataset, part.x, part.kind, row_of(part.dataset.path)))
    with problems.noted():
        numbers, classes = target(_column(dataset.y, labels[0]), task, where, "dataset.y")
    problems.refuse()
    _refuse_unlike(parts)
    warnings = [*warnings_of_arrays(dataset, first.headers, first.kind), *_warnings_of_labels(dataset, labels)]
    warnings += warnings_of_many_numbers("dataset.y", dataset.y, classes, task)
    facts = RowFacts(arrays_left_out=left_out(dataset, first.headers), one_hot_classes=first.one_hot, warnings=warnings)
    groups_N = np.unique(labels[1], return_inverse=True)[1].astype("int64") if dataset.group else None
    x = _joined([part.x for part in parts])
    rows = Rows(first.kind, x, numbers, classes, groups_N=groups_N, where=where, facts=facts)
    return with_parts(rows, {part.key: len(part.x) for part in parts})


def _read(key: str, dataset: NpzDataset, limit: int | None) -> _Part:
    """Read the arrays of one part, all of the same file."""
    path, names = existing_path(dataset.path, endings=(".npz",)), names_of(dataset)
    headers, where = refuse_by_headers(dataset, limit), row_of(path)
    problems = Problems()
    kind = kind_of(dataset, headers[dataset.x], problems)
    refuse_labels(dataset, headers, problems)
    problems.refuse()
    with _readable(path, "NumPy cannot read it: "), np.load(path, allow_pickle=False) as arrays:
        x, *labels = (arrays[name] for name in names.values())
    for (key_of, name), values in zip(list(names.items())[1:], labels, strict=True):
        _collect_no_text(f"dataset.{key_of}", name, values, where, problems)
    with problems.noted():
        labels[0] = _target(dataset, labels[0], where)
    if problems.found:
        with problems.noted():
            _shaped(dataset, x, kind, where)
    problems.refuse()
    return _Part(key, dataset, headers, kind, x, [one.reshape(-1) for one in labels])


def _target(dataset: NpzDataset, y: NDArray[Any], where: Where) -> NDArray[Any]:
    """Return the targets as they are; of one-hot ones, the classes.

    Raises:
        SettingError: if there are several numbers in each row, and a row is not one-hot.
    """
    if not is_one_hot(y.shape, y.dtype):
        return y
    if (found := misfit(y)) is not None:
        row, seen = found
        raise SettingError(
            "dataset.y",
            f"is {dataset.y!r} with shape {y.shape}; {where(row)} holds {seen}; {EXPECTED}. Mend that row, or save one "
            f"column, as {dataset.y}[:, 0].",
        )
    return classes_of(y)


def _joined(several: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return several[0] if len(several) == 1 else np.concatenate(several)


def _refuse_unlike(parts: Sequence[_Part]) -> None:
    """Raise SettingError if the rows of a part have another shape or kind than the training part's."""
    first, *others = parts
    problems = Problems()
    for other in others:
        seen = f"is {getattr(other.dataset, 'x' if other.key[0] == 'x' else 'path')!r}"
        if (other.kind, other.x.shape[1:], other.x.dtype) != (first.kind, first.x.shape[1:], first.x.dtype):
            problems.note(
                f"dataset.{other.key}",
                f"{seen}, with rows of shape {other.x.shape[1:]}, {other.x.dtype}; the training part has "
                f"{first.x.shape[1:]}, {first.x.dtype}. Expected the same. Save them alike.",
            )
        if other.one_hot != first.one_hot:
            each = [
                f"one-hot in {part.one_hot} classes" if part.one_hot else "single values" for part in (other, first)
            ]
            problems.note(
                f"dataset.{other.key}",
                f"{seen}, whose {other.dataset.y} is {each[0]}, and {each[1]} in the training part. Expected the "
                "same. Save them alike.",
            )
        for (name, values), (_, base) in zip(_labels(other), _labels(first), strict=True):
            if (values.dtype.kind == "U") != (base.dtype.kind == "U"):
                problems.note(
                    f"dataset.{other.key}",
                    f"{seen}, whose {name} is {values.dtype}; the training part has {base.dtype}. Expected texts in "
                    "both, or numbers. Save them alike.",
                )
    problems.refuse()


def _labels(part: _Part) -> Iterator[tuple[str, NDArray[Any]]]:
    yield from zip(list(names_of(part.dataset).values())[1:], part.labels, strict=True)


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
    headers = headers_of(path)
    refuse_missing(dataset, headers)
    asked = [headers[name] for name in names_of(dataset).values()]
    needed = sum(COPIES * math.prod(one.shape) * one.dtype.itemsize for one in asked)
    refuse_too_large(path, path.stat().st_size, needed, limit)
    return headers


def headers_of(path: Path) -> dict[str, Header]:
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
