"""What a config says of the split, and the rule in words."""

from __future__ import annotations

from bnexp.config.dataset import Dataset
from bnexp.data.rows import Rows

DEFAULT_TEST_SIZE = 0.2


def rule(dataset: Dataset, rows: Rows) -> str:
    """Return the rule of the split in words."""
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
    """Return True if what the set itself holds out, a validation or a test part, is kept."""
    return rows.validation + rows.test > 0 and dataset.test_size is None


def has_own_validation(dataset: Dataset, rows: Rows) -> bool:
    """Return True if the set's own validation part is kept."""
    return rows.validation > 0 and dataset.test_size is None


def test_share(dataset: Dataset) -> float:
    """Return the share of rows that is held out first."""
    return DEFAULT_TEST_SIZE if dataset.test_size is None else dataset.test_size


def is_stratified(dataset: Dataset, rows: Rows) -> bool:
    """Return True if each part has its share of every class."""
    return dataset.stratify and rows.classes is not None
