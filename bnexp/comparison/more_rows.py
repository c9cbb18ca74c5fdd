"""The config keys that give more held-out rows, or why these data have no more."""

from __future__ import annotations

import itertools
import math

from bnexp import statistics
from bnexp.config.dataset import Dataset
from bnexp.config.real import Real
from bnexp.config.synthetic import ClassificationDataset, RegressionDataset, Synthetic
from bnexp.store.run_record import DataFacts

FEWEST_LEFT = 0.5
"""A larger held-out part is advised only if it leaves this share of the present training rows, or more."""
MOST_TAKEN = 0.25
"""If a larger held-out part takes more than this share of the training rows, the networks are no longer the same."""
REDRAWN = (ClassificationDataset, RegressionDataset)
"""Data sets whose generators draw the problem itself anew for each number of rows. The others add rows to it."""


def how_to_hold_out(factor: float, part: str, dataset: Dataset, facts: DataFacts) -> str:
    """Return how to get `factor` times as many rows in a held-out part (`val` or `test`).

    The result is "" if that is not known, or if it takes more than MOST_ROWS rows. A synthetic data set draws more
    rows, and its training part keeps its size; some of these sets then are another problem, and the text says so. In a
    data set without more rows, the training part gives up rows.

    >>> from bnexp.config.synthetic import MoonsDataset
    >>> facts = DataFacts(rows=1000, training_rows=800, validation_rows=200)
    >>> how_to_hold_out(4.15, "val", MoonsDataset(name="moons"), facts)
    'dataset.samples=1630 dataset.test_size=0.51'
    """
    held_out = facts.test_rows if part == "test" else facts.validation_rows
    if not held_out or not facts.rows or not facts.training_rows:
        return ""
    is_second = part == "val" and dataset.validation_size is not None  # split from the rows that the first split leaves
    needed = math.ceil(round(factor * held_out, 6))
    if needed > statistics.MOST_ROWS:
        return ""
    if isinstance(dataset, Synthetic):
        samples = facts.rows + needed - held_out
        both = f"dataset.samples={samples} dataset.test_size={_share(needed, samples)}"
        anew = "; this generates similar but different data" if isinstance(dataset, REDRAWN) else ""
        return ("a larger dataset.samples" if is_second else both) + anew
    if not is_second and (key := _own_part(part, dataset)) is not None:
        return key
    is_of_own_part = facts.has_own_parts and dataset.test_size is None
    if not is_of_own_part and dataset.limit is not None and (facts.rows_before_limit or 0) > facts.rows:
        return "a larger dataset.limit"
    rows = facts.rows - (facts.test_rows or 0) if is_second else facts.rows
    left = facts.training_rows * (rows - needed) / (rows - held_out)
    if left < FEWEST_LEFT * facts.training_rows:
        all_in_all = facts.rows + needed - held_out
        takes = f"with as many training rows as now, that takes about {all_in_all:,} rows, and there are {facts.rows:,}"
        return f"{takes}: collect more"
    key, share = "validation_size" if is_second else "test_size", _share(needed, rows)
    left = facts.training_rows * (rows - math.ceil(float(share) * rows)) / (rows - held_out)  # scikit-learn rounds up
    leaves = f"{round(left):,} to train on"
    if left < (1 - MOST_TAKEN) * facts.training_rows:
        leaves = (
            f"only {round(left):,} of {facts.training_rows:,} rows to train on, so the networks change; or collect more"
        )
    return f"dataset.{key}={share}, which leaves {leaves}"


def _own_part(part: str, dataset: Real) -> str | None:
    """Return where to add rows to a held-out part that the data supply separately; None if bnexp splits it off."""
    if dataset.test_size is not None:
        return None
    given: dict[str, str] = getattr(dataset, "held_out_keys", {})
    if part == "val" and "validation" in given:
        return f"more rows in dataset.{given['validation']}"
    if dataset.test_limit is not None:
        return "a larger dataset.test_limit"
    return f"more rows in dataset.{given['test']}" if "test" in given else None


def _share(part: int, whole: int) -> str:
    """Return a share as text, rounded up to few digits, but so that 98% or more of the other rows remain.

    >>> _share(830, 1630), _share(100_000, 100_800), _share(9_999_999, 10_000_000)
    ('0.51', '0.9921', '0.9999999')
    """
    exact = part / whole
    rounded = (math.ceil(exact * 10**digits) / 10**digits for digits in itertools.count(2))
    return str(next(one for one in rounded if 1 - one >= 0.98 * (1 - exact)))
