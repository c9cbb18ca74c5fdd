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
    each = {False: "", True: ", a new split for every seed", "validation": ", the rest split anew for every seed"}
    return f"{by}, {_test_size(dataset):g} held out{each[dataset.resample]}"


def split(dataset: Dataset, rows: Rows, seeds: tuple[int, ...]) -> dict[str, Numbers]:
    """Give the rows of each part, (S, R): `train`, `val` and, where the config has a `validation_size`, `test`.

    A set's own parts are kept unless the config gives a `test_size`. Else all
    seeds share scikit-learn's `train_test_split` (`GroupShuffleSplit` where
    rows have groups) with the dataset's own random state; with `resample`
    every seed draws its own, from (dataset.seed, seed). A validation part
    beside a test part is split from the training rows in the same way; with
    `resample: validation` that split alone is a seed's own.

    Raises:
        SettingError: if the split is impossible, or a part lacks a class.
    """
    _refuse_resample(dataset, rows)
    if dataset.resample:
        states = [int(np.random.SeedSequence([dataset.seed, seed]).generate_state(1)[0]) for seed in seeds]
    else:
        states = [dataset.seed]
    splits = [_parts(dataset, rows, state) for state in states]
    generator = np.random.default_rng(dataset.seed)
    parts = {part: _stacked([one[part] for one in splits], len(seeds), generator) for part in splits[0]}
    _refuse_missing_classes(rows, parts)
    return parts


def _parts(dataset: Dataset, rows: Rows, random_state: int) -> dict[str, Numbers]:
    """Give the rows of each part, (R,); `random_state` is that of what is split anew for a seed."""
    test_state = random_state if dataset.resample is True else dataset.seed
    if _own_test(dataset, rows):
        train_R, held_out_R = _own_parts(dataset, rows)
    else:
        all_N = np.arange(len(rows.y_N), dtype="int32")
        train_R, held_out_R = _one_split(dataset, rows, all_N, "test_size", _test_size(dataset), test_state)
    if dataset.validation_size is None:
        return {"train": train_R, "val": held_out_R}
    share = dataset.validation_size
    train_R, validation_R = _one_split(dataset, rows, train_R, "validation_size", share, random_state)
    return {"train": train_R, "val": validation_R, "test": held_out_R}


def _own_test(dataset: Dataset, rows: Rows) -> bool:
    return rows.test > 0 and dataset.test_size is None


def _test_size(dataset: Dataset) -> float:
    return DEFAULT_TEST_SIZE if dataset.test_size is None else dataset.test_size


def _stratified(dataset: Dataset, rows: Rows) -> bool:
    return dataset.stratify and rows.classes is not None


def _own_parts(dataset: Dataset, rows: Rows) -> tuple[Numbers, Numbers]:
    training, test = np.split(np.arange(len(rows.y_N), dtype="int32"), [len(rows.y_N) - rows.test])
    return training, test


def _refuse_resample(dataset: Dataset, rows: Rows) -> None:
    """Raise SettingError if there is nothing of what is to be split anew."""
    if dataset.resample == "validation" and dataset.validation_size is None:
        raise SettingError(
            "dataset.resample",
            "is validation; without dataset.validation_size there is no validation part beside a test part. "
            "Give dataset.validation_size, such as 0.25, or use dataset.resample: true.",
        )
    if dataset.resample is True and _own_test(dataset, rows):
        raise SettingError(
            "dataset.resample",
            f"is true; {dataset.name} has a test part of its own, the same for every seed. "
            "Give a dataset.test_size to split all its rows anew, or use dataset.resample: false.",
        )


def _one_split(
    dataset: Dataset, rows: Rows, among_R: Numbers, key: str, share: float, random_state: int
) -> tuple[Numbers, Numbers]:
    """Split some of the rows; `key` is what the share is called in the config."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    try:
        if rows.groups_N is not None:
            splitter = GroupShuffleSplit(1, test_size=share, random_state=random_state)
            kept, held_out = next(splitter.split(among_R, groups=rows.groups_N[among_R]))
            return among_R[kept], among_R[held_out]
        by_class = rows.y_N[among_R] if _stratified(dataset, rows) else None
        kept_R, held_out_R = train_test_split(among_R, test_size=share, random_state=random_state, stratify=by_class)
    except ValueError as error:
        more = "" if isinstance(dataset, RealDataset) else "more dataset.samples, "
        raise SettingError(
            f"dataset.{key}",
            f"is {share:g} of {len(among_R)} rows; this split is impossible: {str(error).split('. ')[0]}. "
            f"Use {more}another dataset.{key}, or dataset.stratify: false.",
        ) from error
    return kept_R, held_out_R


def _stacked(parts: list[Numbers], seeds: int, generator: np.random.Generator) -> Numbers:
    """Stack the parts of all seeds; those of whole groups differ by a few rows, and lose some drawn at random."""
    if len(parts) == 1:
        return np.tile(parts[0], (seeds, 1))
    rows, most = min(map(len, parts)), max(map(len, parts))
    if rows < SMALLEST_SHARE * most:
        raise SettingError(
            "dataset.resample",
            "asks for a split for each seed; the groups are so unequal that one part has from "
            f"{rows} to {most} rows, by seed. "
            "Use dataset.resample: false, or smaller groups.",
        )
    return np.stack([part if len(part) == rows else np.sort(generator.choice(part, rows, False)) for part in parts])


def _refuse_missing_classes(rows: Rows, parts: dict[str, Numbers]) -> None:
    """Raise SettingError if a class has no row in some part of some seed."""
    if rows.classes is None:
        return
    named = {"train": "training", "val": "validation" if "test" in parts else "test", "test": "test"}
    for part, rows_SR in ((named[name], rows_SR) for name, rows_SR in parts.items()):
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
