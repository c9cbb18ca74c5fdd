"""`split`: the rows that each seed trains on, and its held-out rows. Errors for impossible splits: `split_refusals`.

Axes: S seeds, N rows of the data, R rows of one part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset, has_test_part
from bnexp.data.rows import Rows
from bnexp.data.seeds import Numbers, for_seeds
from bnexp.data.split_refusals import refuse_impossible, refuse_missing_classes, refuse_rare_classes, refuse_resample
from bnexp.data.split_rule import has_own_part, has_own_validation, is_stratified, test_share
from bnexp.errors import SettingError

SMALLEST_SHARE = 0.5
"""If groups are cut, at least this share of the rows not held out must remain for training. If more rows were lost than
kept, a comparison would be about much less training data than the config asks for."""


def split(dataset: Dataset, rows: Rows, seeds: tuple[int, ...]) -> dict[str, Numbers]:
    """Return the rows of each part, (S, R): `train`, `val` and, if there is a third part, `test`.

    A dataset's own parts are used unless the config has a `test_size`. If its only held-out part is a test part, seeds
    are validated on it unless the config has a `validation_size`. Without own parts, all seeds share one split by
    scikit-learn's `train_test_split` (`GroupShuffleSplit` for groups) with `dataset.seed` as random state.

    With `resample: true`, every seed draws its own split from (dataset.seed, seed); groups are then split by
    `_cut_between_groups`. With a `validation_size`, the validation part is split from the training rows in the same
    way. With `resample: validation`, only this second split differs between seeds.

    The rows of each part are in random order, so that any consecutive rows are a random sample of it. A part that all
    seeds share is in memory only once (`seeds.is_shared`).

    Raises:
        SettingError: if the split is impossible, or if a part lacks a class.
    """
    refuse_resample(dataset, rows)
    all_N = np.arange(len(rows.y_N), dtype="int32")
    if has_own_part(dataset, rows):
        own = {name: for_seeds([rows_R], len(seeds)) for name, rows_R in _own_parts(dataset, rows).items()}
        if has_own_validation(dataset, rows):
            refuse_missing_classes(dataset, rows, own)
            return own
        refuse_missing_classes(dataset, rows, {"train": own["train"], "val": own["test"]})
    refuse_rare_classes(dataset, rows, all_N, 3 if has_test_part(dataset) else 2)
    states = [dataset.seed]
    if dataset.resample:
        states = [int(np.random.SeedSequence([dataset.seed, seed]).generate_state(1)[0]) for seed in seeds]
    splits = [_parts(dataset, rows, state) for state in (states if dataset.resample is True else [dataset.seed])]
    parts = dict(zip(("train", "val"), zip(*splits, strict=True), strict=True))
    if dataset.validation_size is not None:
        kept = [rows_R for rows_R, _ in splits] * (len(states) // len(splits))
        again = [_validation(dataset, rows, rows_R, state) for rows_R, state in zip(kept, states, strict=True)]
        parts = dict(zip(("train", "val"), zip(*again, strict=True), strict=True)) | {"test": parts["val"]}
    of_seeds = {name: for_seeds(splits_R, len(seeds)) for name, splits_R in parts.items()}
    refuse_missing_classes(dataset, rows, of_seeds)
    return of_seeds


def _parts(dataset: Dataset, rows: Rows, random_state: int) -> tuple[Numbers, Numbers]:
    """Return the rows that are kept for training and the rows that are held out first, (R,) each."""
    if has_own_part(dataset, rows):
        kept_R, held_out_R = _own_parts(dataset, rows).values()
        return kept_R, held_out_R
    all_N = np.arange(len(rows.y_N), dtype="int32")
    anew = dataset.resample is True
    return _one_split(dataset, rows, all_N, "test_size", test_share(dataset), random_state, anew=anew)


def _validation(dataset: Dataset, rows: Rows, among_R: Numbers, random_state: int) -> tuple[Numbers, Numbers]:
    """Return the training rows and the validation rows, (R,) each, split from the rows that are not held out."""
    assert dataset.validation_size is not None
    anew = bool(dataset.resample)
    return _one_split(dataset, rows, among_R, "validation_size", dataset.validation_size, random_state, anew=anew)


def _own_parts(dataset: Dataset, rows: Rows) -> dict[str, Numbers]:
    """Return the rows of the dataset's own parts: `train`, and `val` or `test` or both."""
    parts = np.split(np.arange(len(rows.y_N), dtype="int32"), rows.own_ends)
    generator = np.random.default_rng(dataset.seed)
    named = zip(("train", "val", "test"), parts, strict=True)
    return {name: generator.permutation(part) for name, part in named if len(part)}


def _one_split(
    dataset: Dataset, rows: Rows, among_R: Numbers, key: str, share: float, random_state: int, *, anew: bool
) -> tuple[Numbers, Numbers]:
    """Return the rows that are kept and the rows that are held out, (R,) each, from the rows `among_R`.

    `share` is held out, and `key` is its name in the config. `anew` is True if every seed has a split of its own.
    """
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
    """Return the rows that are kept and the rows that are held out, (R,) each: the same numbers for every seed.

    The groups are put in random order, and the first rows are held out. If the cut goes through a group, the rows of
    that group behind the cut are in neither part. Every seed loses the same number of rows: the most that cutting the
    largest group can cost. If a cut costs less, further rows are dropped at random. If all groups have the same size,
    the cut goes between two groups and no rows are lost. So the rows of a seed do not depend on the other seeds.
    """
    sizes_G = np.bincount(groups_N[among_R], minlength=int(groups_N.max()) + 1)
    largest = int(sizes_G.max())
    step = largest if set(sizes_G) <= {0, largest} else 1
    held_out = max(1, round(share * len(among_R) / step)) * step
    kept = len(among_R) - held_out - (largest - step)
    if kept < SMALLEST_SHARE * (len(among_R) - held_out):
        raise SettingError(
            "dataset.resample",
            f"asks for a split for each seed. {max(0, kept)} of {len(among_R)} rows would be left to train: the rest "
            f"of a group that is cut is left out, and the largest group has {largest} rows. "
            "Use dataset.resample: false, or smaller groups.",
        )
    place_G = generator.permutation(len(sizes_G))
    mixed_R = generator.permutation(among_R)
    laid_out_R = mixed_R[np.argsort(place_G[groups_N[mixed_R]], kind="stable")]
    held_out_R, rest_R = np.split(laid_out_R, [held_out])
    whole_R = rest_R[groups_N[rest_R] != groups_N[held_out_R[-1]]]
    return generator.permutation(whole_R)[:kept], generator.permutation(held_out_R)
