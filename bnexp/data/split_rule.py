"""How a config splits the rows, and the description of the split in words."""

from __future__ import annotations

from bnexp.config.dataset import Dataset
from bnexp.data.rows import Rows

DEFAULT_TEST_SIZE = 0.2


def rule(dataset: Dataset, rows: Rows) -> str:
    """Return a description of the split, such as "stratified by class, 0.2 held out"."""
    by = "stratified by class" if is_stratified(dataset, rows) else "random"
    if rows.groups_N is not None:
        by = "by group"
    said = f"{by}, {test_share(dataset):g} held out"
    if has_own_part(dataset, rows):
        held_out = " and ".join(part for part in ("validation", "test") if getattr(rows, part))
        said = f"the set's own training{',' if rows.validation and rows.test else ' and'} {held_out} part"
    if dataset.validation_size is not None:
        said += f", then {dataset.validation_size:g} of the rest for validation"
    anew = {False: "", True: ", a new split for every seed", "validation": ", anew for every seed"}
    return said + anew[dataset.resample] + _classes_left(dataset)


def _classes_left(dataset: Dataset) -> str:
    shift = getattr(dataset, "shift", None)
    left = None if shift is None else shift.classes
    return "" if left is None else f"; of the test part only classes {', '.join(map(str, left))}"


def has_own_part(dataset: Dataset, rows: Rows) -> bool:
    """Return True if a validation or test part of the dataset's own is used, and is not replaced by a new split."""
    return rows.validation + rows.test > 0 and dataset.test_size is None


def has_own_validation(dataset: Dataset, rows: Rows) -> bool:
    """Return True if the dataset's own validation part is used, and is not replaced by a new split."""
    return rows.validation > 0 and dataset.test_size is None


def test_share(dataset: Dataset) -> float:
    """Return the share of rows that is held out first."""
    return DEFAULT_TEST_SIZE if dataset.test_size is None else dataset.test_size


def is_stratified(dataset: Dataset, rows: Rows) -> bool:
    """Return True if the split is stratified, so that every part has the same shares of the classes."""
    return dataset.stratify and rows.classes is not None
