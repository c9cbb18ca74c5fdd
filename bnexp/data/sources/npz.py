"""Your own arrays, in NPZ files. Their headers show their size before they are read. Nothing is unpickled.

Axes: N rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import NpzDataset
from bnexp.config.section import Kind
from bnexp.data.facts import RowFacts
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.row_cache import RowCache
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
from bnexp.data.sources.column import have_none
from bnexp.data.sources.joined import where_of, with_parts
from bnexp.data.sources.npz_arrays import array_pieces, checked_inputs, cure_by_rows, headers_of, readable
from bnexp.data.sources.one_hot import EXPECTED, classes_of, is_one_hot, misfit
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.data.sources.targets import TaskKey, target, warnings_of_many_numbers
from bnexp.data.stored_rows import Inputs
from bnexp.errors import Problems, SettingError

if TYPE_CHECKING:
    import pandas

COPIES = 3
"""How many copies of an array that is read at once are in memory at the peak: as stored, and while it becomes rows."""


class _Part(NamedTuple):
    """The arrays of one part: its targets and perhaps groups, (N,) each, and the headers of all arrays.

    `key` names the part in the config.
    """

    key: str
    dataset: NpzDataset
    headers: Mapping[str, Header]
    kind: Kind
    labels: list[NDArray[Any]]

    @property
    def one_hot(self) -> int | None:
        """Return the number of classes of one-hot targets; None if the targets are single values."""
        header = self.headers[self.dataset.y]
        return header.shape[1] if is_one_hot(header.shape, header.dtype) else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of a row's inputs; gray images get an axis of one channel."""
        shape = self.headers[self.dataset.x].shape[1:]
        return (*shape, 1) if self.kind == "image" and len(shape) == 2 else shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the inputs: bytes stay bytes, and other numbers become float32."""
        stored = self.headers[self.dataset.x].dtype
        return stored if stored == np.uint8 else np.dtype("float32")

    def inputs(self) -> Iterator[NDArray[Any]]:
        """Yield the inputs of all rows, some rows at a time, as `checked_inputs` returns them."""
        pieces = array_pieces(existing_path(self.dataset.path), self.dataset.x, self.headers[self.dataset.x])
        yield from checked_inputs(self.dataset, pieces, self.kind, self.shape)

    def refuse_bad_inputs(self) -> None:
        """Raise SettingError if `checked_inputs` refuses the inputs."""
        for _ in self.inputs():
            pass


def npz_rows(dataset: NpzDataset, limit: int | None, cache: RowCache) -> Rows:
    """Return the rows of arrays in NPZ files; their inputs are read from the files or from the cache.

    Raises:
        SettingError: with all mistakes at once: an array is missing, is too large, has another length, or has a type
            that cannot be learned from.
    """
    problems, parts = Problems(), list[_Part]()
    for key, alone in dataset.each_part():
        with problems.noted(), named_by(key):
            parts.append(_read(key, alone, limit))
    problems.refuse()
    where = where_of([(len(part.labels[0]), row_of(part.dataset.path)) for part in parts])
    task: TaskKey = "classification" if parts[0].one_hot else dataset.task
    first, labels = parts[0], [_joined(several) for several in zip(*(part.labels for part in parts), strict=True)]
    of_target = Problems()
    with of_target.noted():
        _refuse_gaps_of_targets(parts)
        numbers, classes = target(_column(dataset.y, labels[0]), task, where, "dataset.y")
    for part in parts if of_target.found else ():
        with problems.noted(), named_by(part.key):
            part.refuse_bad_inputs()
    problems.add(of_target)
    problems.refuse()
    _refuse_unlike(parts)
    x, _ = cache.found(len(labels[0])) or _inputs(parts, cache)
    warnings = [*warnings_of_arrays(dataset, first.headers, first.kind), *_warnings_of_labels(dataset, labels)]
    warnings += warnings_of_many_numbers("dataset.y", dataset.y, classes, task)
    facts = RowFacts(arrays_left_out=left_out(dataset, first.headers), one_hot_classes=first.one_hot, warnings=warnings)
    groups_N = np.unique(labels[1], return_inverse=True)[1].astype("int64") if dataset.group else None
    rows = Rows(first.kind, x, numbers, classes, groups_N=groups_N, where=where, facts=facts)
    return with_parts(rows, {part.key: len(part.labels[0]) for part in parts})


def _read(key: str, dataset: NpzDataset, limit: int | None) -> _Part:
    """Read the targets and groups of one part from its file, and check the headers of its arrays."""
    path, names = existing_path(dataset.path, endings=(".npz",)), names_of(dataset)
    headers, where = refuse_by_headers(dataset, limit), row_of(path)
    problems = Problems()
    kind = kind_of(dataset, headers[dataset.x], problems)
    refuse_labels(dataset, headers, problems)
    problems.refuse()
    label_names = list(names.items())[1:]
    with readable(path, "NumPy cannot read it: "), np.load(path, allow_pickle=False) as arrays:
        labels = [arrays[name] for _, name in label_names]
    for (key_of, name), values in zip(label_names, labels, strict=True):
        _collect_no_text(f"dataset.{key_of}", name, values, where, problems)
    with problems.noted():
        labels[0] = _target(dataset, labels[0], where)
    part = _Part(key, dataset, headers, kind, [one.reshape(-1) for one in labels])
    if problems.found:
        with problems.noted():
            part.refuse_bad_inputs()
    problems.refuse()
    return part


def _inputs(parts: Sequence[_Part], cache: RowCache) -> tuple[Inputs, Sequence[str]]:
    """Read the inputs of all parts, one part after the other, into memory or into the cache."""
    problems, start = Problems(), 0
    with cache:
        x = cache.rows((sum(len(part.labels[0]) for part in parts), *parts[0].shape), parts[0].dtype)
        for part in parts:
            with problems.noted(), named_by(part.key):
                for piece in part.inputs():
                    x[start : start + len(piece)] = piece
                    start += len(piece)
        problems.refuse()
        return cache.kept(x, lambda rows: [])


def _target(dataset: NpzDataset, y: NDArray[Any], where: Where) -> NDArray[Any]:
    """Return the targets. One-hot targets become the numbers of their classes.

    Raises:
        SettingError: if targets have several numbers in each row, and a row is not one-hot.
    """
    if not is_one_hot(y.shape, y.dtype):
        return y
    if (found := misfit(y)) is not None:
        raise SettingError(
            "dataset.y",
            f"is {dataset.y!r} with shape {y.shape}; {where(found.row)} holds {found.seen}; {EXPECTED}.{found.others} "
            f"Fix {'these rows' if found.others else 'that row'}, or save one column, as {dataset.y}[:, 0].",
        )
    return classes_of(y)


def _refuse_gaps_of_targets(parts: Sequence[_Part]) -> None:
    """Raise SettingError, with a command, if some targets of a part, but not all, are NaN."""
    for part in parts:
        y, dataset = part.labels[0], part.dataset
        missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(0, bool)
        if missing.any() and not missing.all():
            row, seen = int(np.flatnonzero(missing)[0]), have_none(int(missing.sum()))
            with named_by(part.key):
                raise SettingError(
                    "dataset.y",
                    f"is {dataset.y!r}; {row_of(dataset.path)(row)} has no value in it ({seen}). Fill it in, or take "
                    f"those rows out.{cure_by_rows(dataset, dataset.y, 'numpy.isnan({})')}",
                )


def _joined(several: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return several[0] if len(several) == 1 else np.concatenate(several)


def _refuse_unlike(parts: Sequence[_Part]) -> None:
    """Raise SettingError if the inputs or targets of a part have another shape or type than the training part's."""
    first, *others = parts
    problems = Problems()
    for other in others:
        seen = f"is {getattr(other.dataset, 'x' if other.key[0] == 'x' else 'path')!r}"
        if (other.kind, other.shape, other.dtype) != (first.kind, first.shape, first.dtype):
            problems.note(
                f"dataset.{other.key}",
                f"{seen}, with rows of shape {other.shape}, {other.dtype}; the training part has "
                f"{first.shape}, {first.dtype}. Expected the same. Save them alike.",
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
    """Note the first row whose text has an invalid character: half of a surrogate pair, or a code beyond Unicode."""
    if values.dtype.kind != "U" or not values.dtype.itemsize:
        return
    kind = np.dtype("u4").newbyteorder(values.dtype.byteorder)
    codes_NK = np.ascontiguousarray(values).reshape(-1, 1).view(kind)
    bad_NK = ((codes_NK >= 0xD800) & (codes_NK < 0xE000)) | (codes_NK > 0x10FFFF)
    if bad_NK.any():
        row, place = np.argwhere(bad_NK)[0].tolist()
        problems.note(
            key,
            f"is {name!r}; {where(row)} holds the code {codes_NK[row, place]:X}, which is not a Unicode character. "
            "Fix that row, or take it out.",
        )


def _column(name: str, values: NDArray[Any]) -> pandas.Series[Any]:
    import pandas

    return pandas.Series(values.reshape(-1).astype(values.dtype.newbyteorder("=")), name=name)


def _warnings_of_labels(dataset: NpzDataset, labels: Sequence[NDArray[Any]]) -> Iterator[str]:
    """Yield warnings about names of classes and groups that differ only in their spelling, or mean a missing value."""
    for (key, name), values in zip(list(names_of(dataset).items())[1:], labels, strict=True):
        if values.dtype.kind == "U":
            counts = dict(zip(*(side.tolist() for side in np.unique(values, return_counts=True)), strict=True))
            yield from warnings_of(f"dataset.{key} {name!r}", counts)
            if key == "y":
                yield from warnings_of_missing(f"dataset.{key} {name!r}", counts)


def refuse_by_headers(dataset: NpzDataset, limit: int | None) -> dict[str, Header]:
    """Return the headers of all arrays.

    Raises:
        SettingError: if an array is missing, or the arrays that are read at once are too large. All arrays are read at
            once, except inputs that are stored by rows.
    """
    path = existing_path(dataset.path, endings=(".npz",))
    headers = headers_of(path)
    refuse_missing(dataset, headers)
    whole = {key: headers[name] for key, name in names_of(dataset).items() if key != "x" or headers[name].is_by_columns}
    needed = sum(COPIES * math.prod(one.shape) * one.dtype.itemsize for one in whole.values())
    cure = "Save x by rows (numpy.ascontiguousarray)" if "x" in whole else "Use a smaller file"
    refuse_too_large(path, path.stat().st_size, needed, limit, cure)
    return headers
