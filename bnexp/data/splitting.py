"""Which rows each seed trains and is validated on.

Axes: S seeds, N rows of the data, R rows of one part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.config.real import RealDataset
from bnexp.data.rows import Rows
from bnexp.errors import SettingError

Numbers = NDArray[np.int32]
DEFAULT_TEST_SIZE = 0.2
SMALLEST_SHARE = 0.5
"""How small a part of whole groups may be for one seed, of what it is for another."""


def rule(dataset: Dataset, rows: Rows) -> str:
    """Say how the rows are split."""
    if _own_test(dataset, rows):
        return "the set's own training and test part"
    by = "by group" if rows.groups_N is not None else "stratified by class" if _stratified(dataset, rows) else "random"
    return f"{by}, {_test_size(dataset):g} held out" + (", a new split for every seed" if dataset.resample else "")


def split(dataset: Dataset, rows: Rows, seeds: tuple[int, ...]) -> tuple[Numbers, Numbers]:
    """Give the rows of the training and of the validation part, each (S, R).

    A set's own parts are kept unless the config gives a `test_size`. Else all
    seeds share scikit-learn's `train_test_split` (`GroupShuffleSplit` where
    rows have groups) with the dataset's own random state; with `resample`
    every seed draws its own, from (dataset.seed, seed).

    Raises:
        SettingError: if the split is impossible, or a part lacks a class.
    """
    if _own_test(dataset, rows):
        parts = [_own_parts(dataset, rows)]
    elif dataset.resample:
        states = [int(np.random.SeedSequence([dataset.seed, seed]).generate_state(1)[0]) for seed in seeds]
        parts = [_one_split(dataset, rows, state) for state in states]
    else:
        parts = [_one_split(dataset, rows, dataset.seed)]
    generator = np.random.default_rng(dataset.seed)
    train_SR, validation_SR = (_stacked(side, len(seeds), generator) for side in zip(*parts, strict=True))
    _refuse_missing_classes(rows, train_SR, validation_SR)
    return train_SR, validation_SR


def _own_test(dataset: Dataset, rows: Rows) -> bool:
    return rows.test > 0 and dataset.test_size is None


def _test_size(dataset: Dataset) -> float:
    return DEFAULT_TEST_SIZE if dataset.test_size is None else dataset.test_size


def _stratified(dataset: Dataset, rows: Rows) -> bool:
    return dataset.stratify and rows.classes is not None


def _own_parts(dataset: Dataset, rows: Rows) -> tuple[Numbers, Numbers]:
    if dataset.resample:
        raise SettingError(
            "dataset.resample",
            f"is true; {dataset.name} has a test part of its own, the same for every seed. "
            "Give a dataset.test_size to split all its rows anew, or use dataset.resample: false.",
        )
    training, test = np.split(np.arange(len(rows.y_N), dtype="int32"), [len(rows.y_N) - rows.test])
    return training, test


def _one_split(dataset: Dataset, rows: Rows, random_state: int) -> tuple[Numbers, Numbers]:
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    all_N, test_size = np.arange(len(rows.y_N), dtype="int32"), _test_size(dataset)
    try:
        if rows.groups_N is not None:
            splitter = GroupShuffleSplit(1, test_size=test_size, random_state=random_state)
            train_R, validation_R = next(splitter.split(all_N, groups=rows.groups_N))
            return train_R.astype("int32"), validation_R.astype("int32")
        by_class = rows.y_N if _stratified(dataset, rows) else None
        train_R, validation_R = train_test_split(
            all_N, test_size=test_size, random_state=random_state, stratify=by_class
        )
    except ValueError as error:
        more = "" if isinstance(dataset, RealDataset) else "more dataset.samples, "
        raise SettingError(
            "dataset.test_size",
            f"is {test_size:g} of {len(rows.y_N)} rows; this split is impossible: {str(error).split('. ')[0]}. "
            f"Use {more}another dataset.test_size, or dataset.stratify: false.",
        ) from error
    return train_R, validation_R


def _stacked(parts: tuple[Numbers, ...], seeds: int, generator: np.random.Generator) -> Numbers:
    """Stack the parts of all seeds; those of whole groups differ by a few rows, and lose some drawn at random."""
    if len(parts) == 1:
        return np.tile(parts[0], (seeds, 1))
    rows, most = min(map(len, parts)), max(map(len, parts))
    if rows < SMALLEST_SHARE * most:
        raise SettingError(
            "dataset.resample",
            f"is true; the groups are so unequal that one part has from {rows} to {most} rows, by seed. "
            "Use dataset.resample: false, or smaller groups.",
        )
    return np.stack([part if len(part) == rows else np.sort(generator.choice(part, rows, False)) for part in parts])


def _refuse_missing_classes(rows: Rows, train_SR: Numbers, validation_SR: Numbers) -> None:
    """Raise SettingError if a class has no row in some seed's training or validation part."""
    if rows.classes is None:
        return
    for part, rows_SR in (("training", train_SR), ("test", validation_SR)):
        for rows_R in np.unique(rows_SR, axis=0):
            counts = np.bincount(rows.y_N[rows_R].astype(int), minlength=len(rows.classes))
            if not counts.all():
                missing = ", ".join(rows.classes[label] for label in np.flatnonzero(counts == 0))
                raise SettingError(
                    "dataset",
                    f"is too small: its {part} part ({len(rows_R)} rows) has no row of class {missing}; "
                    f"rows per class are {counts.tolist()}, expected 1 or more of each. "
                    "Use dataset.stratify: true, more rows, or another dataset.test_size or dataset.seed.",
                )
