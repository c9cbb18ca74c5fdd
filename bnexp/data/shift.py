"""`dataset.shift`: a test part that differs from the training part in the scale of its inputs or in its classes.

Axes: S seeds, R rows of one part, F features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.config.section import ClassName, Shift
from bnexp.data.preprocessing import Preprocessing
from bnexp.data.rows import Rows
from bnexp.data.seeds import for_seeds
from bnexp.data.split_rule import is_stratified
from bnexp.errors import SettingError, nearest


def shifted(before: Preprocessing, shift: Shift, rows: Rows, seeds: int) -> Preprocessing:
    """Return `before` with its numbers times `shift.scale` plus `shift.offset`. Categories stay unchanged."""
    shape = (seeds, *(1,) * (rows.x.ndim - 2), rows.x.shape[-1])
    numeric_F = np.arange(shape[-1]) < (shape[-1] if rows.numeric is None else rows.numeric)
    scale_F, offset_F = np.where(numeric_F, shift.scale, 1), np.where(numeric_F, shift.offset, 0)
    center, width = (np.zeros(shape), np.ones(shape)) if before.center is None else (before.center, before.width)
    width = width / scale_F
    fill = None if before.fill is None else (before.fill * scale_F + offset_F).astype("float32")
    moved = shift.offset * np.where(numeric_F, width, 0)  # the width of a category can be infinite
    return before._replace(center=(center - moved).astype("float32"), width=width.astype("float32"), fill=fill)


def of_classes(dataset: Dataset, shift: Shift, rows: Rows, test_SR: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the test rows of the classes in `shift.classes`, (S, R); all test rows if it is not given.

    Seeds that share one test part get all its rows of these classes. If each seed has its own split, all
    seeds get the same number of rows of a class. Every stratified split holds out at least that number.

    Raises:
        SettingError: if the data do not have a class, or if seeds would hold out different numbers of its rows.
    """
    if shift.classes is None:
        return test_SR
    left = _numbers(shift.classes, rows)
    if dataset.resample is not True:
        return for_seeds([test_SR[0][np.isin(rows.y_N[test_SR[0]], left)]], len(test_SR))
    if not is_stratified(dataset, rows) or rows.groups_N is not None:
        raise SettingError(
            "dataset.shift.classes",
            "is given, and every seed has a split of its own. Without stratification, seeds hold out different numbers "
            "of rows of these classes; expected equal numbers. Use dataset.resample: false"
            + (", or dataset.stratify: true." if rows.groups_N is None else "."),
        )
    held_out = test_SR.shape[1] / len(rows.y_N)
    return np.stack([_some_of_each(rows, rows_R, left, held_out) for rows_R in test_SR])


def _some_of_each(rows: Rows, rows_R: NDArray[np.int32], left: list[int], share: float) -> NDArray[np.int32]:
    """Return the first rows of each class in `left`, in the order of `rows_R`.

    Their number is `share` of all rows of the class, rounded down.
    """
    counts = {number: math.floor(share * np.sum(rows.y_N == number) + 1e-9) for number in left}
    if not all(counts.values()):
        rare = min(counts, key=lambda number: counts[number])
        raise SettingError(
            "dataset.shift.classes",
            f"has {(rows.classes or ())[rare]!r}; some splits hold out no row of that class. Leave it out, or "
            "use a larger dataset.test_size.",
        )
    places = [np.flatnonzero(rows.y_N[rows_R] == number)[:count] for number, count in counts.items()]
    return rows_R[np.sort(np.concatenate(places))]


def _numbers(names: Sequence[ClassName], rows: Rows) -> list[int]:
    """Return the numbers of the classes with these names."""
    if rows.classes is None:
        raise SettingError("dataset.shift.classes", "is given; a regression has none. Leave it out.")
    for name in map(str, names):
        if name not in rows.classes:
            raise SettingError("dataset.shift.classes", f"has {name!r}. {nearest(name, rows.classes)}")
    return sorted({rows.classes.index(str(name)) for name in names})
