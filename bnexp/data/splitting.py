"""Which rows each seed trains and is validated on. Why they cannot be split so is `unsplittable.py`'s.

Axes: S seeds, N rows of the data, R rows of one part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.data.rows import Rows
from bnexp.data.split_rule import has_own_test, is_stratified, test_share
from bnexp.data.unsplittable import refuse_impossible, refuse_missing_classes, refuse_rare_classes, refuse_resample
from bnexp.errors import SettingError

Numbers = NDArray[np.int32]
SMALLEST_SHARE = 0.5
"""How few rows may be left to train where groups are cut, of those that are not held out."""


def split(dataset: Dataset, rows: Rows, seeds: tuple[int, ...]) -> dict[str, Numbers]:
    """Give the rows of each part, (S, R): `train`, `val` and, where the config has a `validation_size`, `test`.

    A set's own parts are kept unless the config gives a `test_size`. Else all
    seeds share scikit-learn's `train_test_split` (`GroupShuffleSplit` where
    rows have groups) with the dataset's own random state; with `resample`
    every seed draws its own, from (dataset.seed, seed), groups included
    (`_cut_between_groups`). A validation part beside a test part is split
    from the training rows in the same way; with `resample: validation` that
    split alone is a seed's own. All parts are in random order, so that any
    few rows that follow each other stand for the whole.

    Raises:
        SettingError: if the split is impossible, or a part lacks a class.
    """
    refuse_resample(dataset, rows)
    all_N = np.arange(len(rows.y_N), dtype="int32")
    refuse_rare_classes(dataset, rows, all_N, 2 if dataset.validation_size is None else 3)
    if dataset.resample:
        states = [int(np.random.SeedSequence([dataset.seed, seed]).generate_state(1)[0]) for seed in seeds]
    else:
        states = [dataset.seed]
    splits = [_parts(dataset, rows, state) for state in states]
    if not dataset.resample:
        splits *= len(seeds)
    parts = {part: np.stack([one[part] for one in splits]) for part in splits[0]}
    refuse_missing_classes(dataset, rows, parts)
    return parts


def _parts(dataset: Dataset, rows: Rows, random_state: int) -> dict[str, Numbers]:
    """Give the rows of each part, (R,); `random_state` is that of what is split anew for a seed."""
    test_state = random_state if dataset.resample is True else dataset.seed
    if has_own_test(dataset, rows):
        train_R, held_out_R = _own_parts(dataset, rows)
    else:
        all_N = np.arange(len(rows.y_N), dtype="int32")
        anew, share = dataset.resample is True, test_share(dataset)
        train_R, held_out_R = _one_split(dataset, rows, all_N, "test_size", share, test_state, anew=anew)
    if dataset.validation_size is None:
        return {"train": train_R, "val": held_out_R}
    anew, share = bool(dataset.resample), dataset.validation_size
    train_R, validation_R = _one_split(dataset, rows, train_R, "validation_size", share, random_state, anew=anew)
    return {"train": train_R, "val": validation_R, "test": held_out_R}


def _own_parts(dataset: Dataset, rows: Rows) -> tuple[Numbers, Numbers]:
    training, test = np.split(np.arange(len(rows.y_N), dtype="int32"), [len(rows.y_N) - rows.test])
    generator = np.random.default_rng(dataset.seed)
    return generator.permutation(training), generator.permutation(test)


def _one_split(
    dataset: Dataset, rows: Rows, among_R: Numbers, key: str, share: float, random_state: int, *, anew: bool
) -> tuple[Numbers, Numbers]:
    """Split some of the rows, `anew` for each seed or once; `key` is what the share is called in the config."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    refuse_impossible(dataset, rows, among_R, key, share)
    if rows.groups_N is not None:
        generator = np.random.default_rng(random_state)
        if anew:
            return _cut_between_groups(rows.groups_N, among_R, share, generator)
        splitter = GroupShuffleSplit(1, test_size=share, random_state=random_state)
        kept, held_out = next(splitter.split(among_R, groups=rows.groups_N[among_R]))
        return generator.permutation(among_R[kept]), generator.permutation(among_R[held_out])
    by_class = rows.y_N[among_R] if is_stratified(dataset, rows) else None
    kept_R, held_out_R = train_test_split(among_R, test_size=share, random_state=random_state, stratify=by_class)
    return kept_R, held_out_R


def _cut_between_groups(
    groups_N: NDArray[np.int64], among_R: Numbers, share: float, generator: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Lay the groups out in random order and hold out the first rows, so many for every seed.

    The rows behind the cut of the group that it goes through are in neither
    part. All seeds lose as many as the largest of all groups could cost, the
    others at random; none if the groups are equal, since the cut then goes
    between two. So a seed's rows hang on no other seed.
    """
    sizes_G = np.bincount(groups_N)
    largest = int(sizes_G.max())
    step = largest if set(sizes_G) <= {0, largest} else 1
    held_out = max(1, round(share * len(among_R) / step)) * step
    kept = len(among_R) - held_out - (largest - step)
    if kept < SMALLEST_SHARE * (len(among_R) - held_out):
        raise SettingError(
            "dataset.resample",
            "asks for a split for each seed; the groups are so unequal, or so few, that with the rest of a group that "
            f"is cut (the largest has {largest} rows) {max(0, kept)} of {len(among_R)} rows are left to train. "
            "Use dataset.resample: false, or smaller groups.",
        )
    place_G = generator.permutation(len(sizes_G))
    mixed_R = generator.permutation(among_R)
    laid_out_R = mixed_R[np.argsort(place_G[groups_N[mixed_R]], kind="stable")]
    held_out_R, rest_R = np.split(laid_out_R, [held_out])
    whole_R = rest_R[groups_N[rest_R] != groups_N[held_out_R[-1]]]
    return generator.permutation(whole_R)[:kept], generator.permutation(held_out_R)
