"""`Preprocessing`: how each seed transforms shared rows to inputs and targets, fitted to its own training rows alone.

Axes: S seeds, R rows of one part, F features (of a table, of a frame, or the channels of an image), W words.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.data.rows import Floats32, Rows
from bnexp.data.seeds import Numbers, for_each
from bnexp.data.stored_rows import Inputs, StoredRows, pieces
from bnexp.errors import SettingError, counted

PIECE = 2**22
"""How many numbers are read and summed at a time. Four times as many take twice the time, in memory that is new."""


class Preprocessing(NamedTuple):
    """The transformation of shared rows into each seed's inputs and targets.

    Each field is stacked over seeds, or is None if its step is not done. Numbers become (x - center) / width, and then
    NaN becomes `fill`; these three are (S, 1, ..., F). Words become `ids[seed, word]`. A regression's target becomes
    (y - target_center) / target_width, both (S, 1).
    """

    center: Any = None
    width: Any = None
    fill: Any = None
    ids: Any = None
    target_center: Any = None
    target_width: Any = None

    def of(self, rows: Any) -> Preprocessing:
        """Return the preprocessing of some seeds only; `rows` is an index of the first axis of each field."""
        return Preprocessing(*(None if part is None else part[rows] for part in self))

    def unscaled(self, features_F: NDArray[np.bool_]) -> Preprocessing:
        """Return the preprocessing without the scaling of these features."""
        if self.center is None:
            return self
        center, width = np.where(features_F, 0, self.center), np.where(features_F, 1, self.width)
        return self._replace(center=center.astype("float32"), width=width.astype("float32"))

    def inputs(self, row: int, x: NDArray[Any]) -> NDArray[Any]:
        """Return the inputs x, (R, *shape), as transformed for the seed at position `row`."""
        if self.ids is not None:
            ids: NDArray[np.int32] = self.ids[row][x]
            return ids
        x = x.astype("float32")
        if self.center is not None:
            x = (x - self.center[row]) / self.width[row]
        return x if self.fill is None else np.where(np.isnan(x), self.fill[row], x)

    def targets(self, row: int, y_R: Floats32) -> Floats32:
        """Return the targets, (R,), as transformed for the seed at position `row`."""
        return y_R if self.target_center is None else (y_R - self.target_center[row]) / self.target_width[row]


def stacked(several: Sequence[Preprocessing]) -> Preprocessing:
    """Return the preprocessing of the seeds of several, in order."""
    return Preprocessing(*(None if side[0] is None else np.concatenate(side) for side in zip(*several, strict=True)))


def fitted(dataset: Dataset, rows: Rows, train_SR: NDArray[np.int32]) -> Preprocessing:
    """Return the preprocessing of all seeds. Seeds with the same training rows are fitted only once."""
    of_each = for_each(train_SR, functools.partial(_fitted_to_one, dataset, rows))
    return Preprocessing(*(None if side[0] is None else np.stack(side) for side in zip(*of_each, strict=True)))


def _fitted_to_one(dataset: Dataset, rows: Rows, rows_R: NDArray[np.int32]) -> Preprocessing:
    if rows.kind == "text":
        from bnexp.data.sources.text import training_ids

        return Preprocessing(ids=training_ids(dataset, rows, rows_R))
    found = _numeric(dataset, rows, rows_R)
    if rows.classes is None and getattr(dataset, "scale_target", False):
        y_R = rows.y_N[rows_R].astype("float64")
        mean, deviation = y_R.mean(keepdims=True), y_R.std(keepdims=True)
        found = found._replace(target_center=_float(mean), target_width=_width(deviation, mean))
    return found


class _Part(NamedTuple):
    """The rows of the training part, read in pieces so that only one piece is in memory at a time."""

    x: Inputs
    rows_R: Numbers

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Yield the inputs of all rows in pieces of some rows."""
        numbers = len(self.rows_R) * math.prod(self.x.shape[1:])
        for rows_K in np.array_split(self.rows_R, min(len(self.rows_R), -(-numbers // PIECE))):
            yield self.x[rows_K]

    @property
    def axes(self) -> tuple[int, ...]:
        """Return all axes except the last one, the axis of the features."""
        return tuple(range(self.x.ndim - 1))


def _numeric(dataset: Dataset, rows: Rows, rows_R: Numbers) -> Preprocessing:
    """Fit center, width and fill. Categories of a table stay 0 or 1; a category without a training row is always 0."""
    x, part = rows.x, _Part(rows.x, rows_R)
    incomplete = x.dtype.kind == "f" and any(np.isnan(x[piece]).any() for piece in pieces(x))
    if incomplete and rows.kind == "table":
        _refuse_empty_column(part)
    center = width = fill = None
    if dataset.scale != "none":
        center, width = _scaling(dataset.scale, part)
    if rows.numeric is not None and rows.numeric < x.shape[1]:
        if center is None or width is None:
            center, width = np.zeros((1, x.shape[1])), np.ones((1, x.shape[1]))
        center[..., rows.numeric :] = 0
        is_known = np.any([piece[:, rows.numeric :].any(axis=0) for piece in part.pieces()], axis=0)
        width[..., rows.numeric :] = np.where(is_known, 1, np.inf)
    if incomplete and rows.kind != "sequence":  # the padding of sequences stays NaN, and the model masks it
        fill = _replacement(dataset, part)
        if center is not None:
            fill = (fill - center) / width
    return Preprocessing(*(None if part is None else _float(part[0]) for part in (center, width, fill)))


def _refuse_empty_column(part: _Part) -> None:
    """Raise SettingError if a column has no value in the training part, so that its gaps cannot be filled."""
    empty = np.all([np.isnan(piece).all(axis=0) for piece in part.pieces()], axis=0)
    if empty.any():
        raise SettingError(
            "dataset.missing",
            f"fills empty cells from the training part ({counted(len(part.rows_R), 'row')}), but column "
            f"{int(np.argmax(empty)) + 1} of the inputs has no value there. Leave that column out, or use another "
            "dataset.seed.",
        )


def _scaling(scale: str, part: _Part) -> tuple[NDArray[Any], NDArray[Any]]:
    if scale == "standard":
        center, deviation = _moments(part)
        return center, _width(deviation, center)
    low, high = (  # of the numbers that are no NaN; over the rows first, as NumPy is slow with few channels
        side.reduce([side.reduce(piece, axis=0) for piece in part.pieces()], axis=part.axes, keepdims=True)
        for side in (np.fmin, np.fmax)
    )
    low, high = low.astype("float64"), high.astype("float64")
    return low, _width(high - low, low)


def _moments(part: _Part) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation of each feature's numbers that are no NaN."""
    mean, count = _means(part)
    of_row = np.broadcast_to(mean, (1, *part.x.shape[1:])).copy()  # NumPy is slow if it repeats a few channels
    total = sum(_sum((piece - of_row) ** 2) for piece in part.pieces())
    return mean, np.sqrt(total / count)


def _means(part: _Part) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return mean and count of each feature's numbers that are no NaN; only one piece at a time is in float64."""
    total: NDArray[Any] | float = 0.0
    count: NDArray[Any] | int = 0
    for piece in part.pieces():
        missing = _sum(np.isnan(piece)) if piece.dtype.kind == "f" else 0
        total = total + _sum(piece.astype("float64"))
        count = count + piece.size // piece.shape[-1] - missing
    return np.asarray(total / count), np.asarray(count)


def _sum(piece: NDArray[Any]) -> NDArray[Any]:
    """Sum each feature's numbers that are no NaN: over the rows first, as NumPy is slow with few channels."""
    is_complete = piece.dtype.kind != "f" or not np.isnan(np.min(piece))
    total = (np.sum if is_complete else np.nansum)(piece, axis=0, keepdims=True)
    return np.asarray(total.sum(axis=tuple(range(piece.ndim - 1)), keepdims=True))


def _replacement(dataset: Dataset, part: _Part) -> NDArray[Any]:
    """Return the mean or the median of each feature, ignoring NaN."""
    if getattr(dataset, "missing", "mean") == "median":
        return _medians(part)
    return _means(part)[0]


def _medians(part: _Part) -> NDArray[Any]:
    """Return the median of each feature, ignoring NaN. All numbers of some features are in memory at a time.

    Raises:
        SettingError: if the inputs are images on disk, because a channel would not fit in memory.
    """
    *positions, features = part.x.shape[1:]
    if positions and isinstance(part.x, StoredRows):
        raise SettingError(
            "dataset.missing",
            "is median; the images are on disk, and a median needs all numbers of a channel in memory at once. Use "
            "dataset.missing: mean, or a higher training.memory_limit.",
        )
    together = max(1, 4 * PIECE // (len(part.rows_R) * math.prod(positions)))
    found = []
    for start in range(0, features, together):
        numbers = np.concatenate([piece[..., start : start + together] for piece in part.pieces()])
        found.append(np.nanmedian(numbers.astype("float64"), axis=part.axes, keepdims=True))
    return np.concatenate(found, axis=-1)


def _width(width: NDArray[np.float64], center: Any) -> NDArray[Any]:
    """Return the widths as float32, with 1 for each feature that is constant to the precision of float32."""
    return _float(np.where(width > np.finfo("float32").eps * np.abs(center), width, 1))


def _float(values: NDArray[Any]) -> Floats32:
    return values.astype("float32")
