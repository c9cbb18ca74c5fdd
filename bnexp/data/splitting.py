"""Which rows each seed trains and is validated on.

Axes: S seeds, N rows of the data, R rows of one part.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.config.real import RealDataset
from bnexp.data.rows import Rows
from bnexp.errors import SettingError

Numbers = NDArray[np.int32]
DEFAULT_TEST_SIZE = 0.2
SMALLEST_SHARE = 0.5
"""How few rows may be left to train where groups are cut, of those that are not held out."""


def rule(dataset: Dataset, rows: Rows) -> str:
    """Say how the rows are split."""
    by = "by group" if rows.groups_N is not None else "stratified by class" if _stratified(dataset, rows) else "random"
    own = "the set's own training and test part"
    said = own if _own_test(dataset, rows) else f"{by}, {_test_size(dataset):g} held out"
    if dataset.validation_size is not None:
        said += f", then {dataset.validation_size:g} of the rest for validation"
    anew = {False: "", True: ", a new split for every seed", "validation": ", anew for every seed"}
    return said + anew[dataset.resample]


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
    _refuse_resample(dataset, rows)
    all_N = np.arange(len(rows.y_N), dtype="int32")
    _refuse_rare_classes(dataset, rows, all_N, 2 if dataset.validation_size is None else 3)
    if dataset.resample:
        states = [int(np.random.SeedSequence([dataset.seed, seed]).generate_state(1)[0]) for seed in seeds]
    else:
        states = [dataset.seed]
    splits = [_parts(dataset, rows, state) for state in states]
    if not dataset.resample:
        splits *= len(seeds)
    parts = {part: np.stack([one[part] for one in splits]) for part in splits[0]}
    _refuse_missing_classes(dataset, rows, parts)
    return parts


def _parts(dataset: Dataset, rows: Rows, random_state: int) -> dict[str, Numbers]:
    """Give the rows of each part, (R,); `random_state` is that of what is split anew for a seed."""
    test_state = random_state if dataset.resample is True else dataset.seed
    if _own_test(dataset, rows):
        train_R, held_out_R = _own_parts(dataset, rows)
    else:
        all_N = np.arange(len(rows.y_N), dtype="int32")
        anew, share = dataset.resample is True, _test_size(dataset)
        train_R, held_out_R = _one_split(dataset, rows, all_N, "test_size", share, test_state, anew=anew)
    if dataset.validation_size is None:
        return {"train": train_R, "val": held_out_R}
    anew, share = bool(dataset.resample), dataset.validation_size
    train_R, validation_R = _one_split(dataset, rows, train_R, "validation_size", share, random_state, anew=anew)
    return {"train": train_R, "val": validation_R, "test": held_out_R}


def _own_test(dataset: Dataset, rows: Rows) -> bool:
    return rows.test > 0 and dataset.test_size is None


def _test_size(dataset: Dataset) -> float:
    return DEFAULT_TEST_SIZE if dataset.test_size is None else dataset.test_size


def _stratified(dataset: Dataset, rows: Rows) -> bool:
    return dataset.stratify and rows.classes is not None


def _own_parts(dataset: Dataset, rows: Rows) -> tuple[Numbers, Numbers]:
    training, test = np.split(np.arange(len(rows.y_N), dtype="int32"), [len(rows.y_N) - rows.test])
    generator = np.random.default_rng(dataset.seed)
    return generator.permutation(training), generator.permutation(test)


def _refuse_resample(dataset: Dataset, rows: Rows) -> None:
    """Raise SettingError if there is nothing of what is to be split anew."""
    if dataset.resample == "validation" and dataset.validation_size is None:
        otherwise = "false" if _own_test(dataset, rows) else "true"
        raise SettingError(
            "dataset.resample",
            "is validation; without dataset.validation_size there is no validation part beside a test part. "
            f"Give dataset.validation_size, such as 0.25, or use dataset.resample: {otherwise}.",
        )
    if dataset.resample is True and _own_test(dataset, rows):
        raise SettingError(
            "dataset.resample",
            f"is true; {dataset.name} has a test part of its own, the same for every seed. "
            "Give a dataset.test_size to split all its rows anew, or use dataset.resample: false.",
        )


def _one_split(
    dataset: Dataset, rows: Rows, among_R: Numbers, key: str, share: float, random_state: int, *, anew: bool
) -> tuple[Numbers, Numbers]:
    """Split some of the rows, `anew` for each seed or once; `key` is what the share is called in the config."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    _refuse_impossible(dataset, rows, among_R, key, share)
    if rows.groups_N is not None:
        generator = np.random.default_rng(random_state)
        if anew:
            return _cut_between_groups(rows.groups_N, among_R, share, generator)
        splitter = GroupShuffleSplit(1, test_size=share, random_state=random_state)
        kept, held_out = next(splitter.split(among_R, groups=rows.groups_N[among_R]))
        return generator.permutation(among_R[kept]), generator.permutation(among_R[held_out])
    by_class = rows.y_N[among_R] if _stratified(dataset, rows) else None
    kept_R, held_out_R = train_test_split(among_R, test_size=share, random_state=random_state, stratify=by_class)
    return kept_R, held_out_R


def _refuse_impossible(dataset: Dataset, rows: Rows, among_R: Numbers, key: str, share: float) -> None:
    """Raise SettingError for what scikit-learn would refuse: a part too small, or a class that cannot be shared out."""
    stratified = _stratified(dataset, rows) and rows.groups_N is None
    if stratified:
        _refuse_rare_classes(dataset, rows, among_R, 2)
    count = len(among_R) if rows.groups_N is None else len(np.unique(rows.groups_N[among_R]))
    held_out = math.ceil(share * count)  # as scikit-learn rounds it
    least = len(np.unique(rows.y_N[among_R])) if stratified else 1
    if min(held_out, count - held_out) >= least:
        return
    size = "" if count < 2 * least else f"a {'larger' if held_out < least else 'smaller'} dataset.{key}, or "
    raise SettingError(
        f"dataset.{key}",
        f"is {share:g} of {count} {_units(rows)}, which makes parts of {count - held_out} and {held_out}; expected "
        f"{least} or more in each{', one of every class' if stratified else ''}. Use {size}{_more(dataset, rows)}.",
    )


def _units(rows: Rows, count: int = 2) -> str:
    """Name what is shared out."""
    return ("row" if rows.groups_N is None else "group") + ("" if count == 1 else "s")


def _more(dataset: Dataset, rows: Rows) -> str:
    return f"more {_units(rows)}" if isinstance(dataset, RealDataset) else "more dataset.samples"


def _refuse_rare_classes(dataset: Dataset, rows: Rows, among_R: Numbers, parts: int) -> None:
    """Raise SettingError if a class has so few of these rows, or of their groups, that a part must go without."""
    if rows.classes is None:
        return
    units_R = among_R if rows.groups_N is None else rows.groups_N[among_R]
    pairs = np.unique(np.stack([rows.y_N[among_R].astype("int64"), units_R], axis=1), axis=0)
    counts_C = np.bincount(pairs[:, 0], minlength=len(rows.classes))
    rare = np.flatnonzero(counts_C < parts)
    if not len(rare):
        return
    rows_K = np.flatnonzero(rows.y_N == rare[0])
    count = len(rows_K) if rows.groups_N is None else int(counts_C[rare[0]])
    others = {1: "", 2: ", and too few of another class"}.get(
        len(rare), f", and too few of {len(rare) - 1} other classes"
    )
    raise SettingError(
        "dataset",
        f"has {count} {_units(rows, count)} of class {rows.classes[rare[0]]!r}{_places(rows, rows_K)}{others}; each of "
        f"the {2 if dataset.validation_size is None else 3} parts needs one. {_cure_of_rare(dataset, rows, count)}.",
    )


def _places(rows: Rows, rows_K: NDArray[np.int64]) -> str:
    """Tell where some rows stand, the first three of them, and whether repeated ones were dropped before."""
    places = [] if rows.where is None else [rows.where(int(row)) for row in rows_K[:3]]
    listed = f" ({', '.join(places)}{', ...' if len(rows_K) > len(places) else ''})" if places else ""
    return listed + (", repeated rows not counted" if rows.facts.get("duplicates_dropped") else "")


def _cure_of_rare(dataset: Dataset, rows: Rows, count: int) -> str:
    """Say what helps a class of so few rows or groups."""
    if not isinstance(dataset, RealDataset):
        return "Use more dataset.samples"
    mend = {0: "Give", 1: f"Correct that {_units(rows, 1)} or take it out, or give"}
    more = f"{mend.get(count, f'Correct those {_units(rows)} or take them out, or give')} {_more(dataset, rows)} of it"
    if _stratified(dataset, rows) and rows.groups_N is None and not rows.test:
        more += f" ({_enough(dataset)} will do)"
    return more + ("" if dataset.limit is None else ", or a higher dataset.limit")


def _enough(dataset: Dataset) -> int:
    """Count the rows of a class of which a stratified split gives one or more to each part."""
    test, validation = _test_size(dataset), dataset.validation_size
    shares = [test, 1 - test]
    if validation is not None:
        shares = [test, (1 - test) * validation, (1 - test) * (1 - validation)]
    return math.ceil(round(1 / min(shares), 6))


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


def _refuse_missing_classes(dataset: Dataset, rows: Rows, parts: dict[str, Numbers]) -> None:
    """Raise SettingError if a class has no row in some part of some seed."""
    if rows.classes is None:
        return
    held_out = "validation" if "test" in parts else "test"
    named = {
        "train": ("training", f"a smaller dataset.{held_out}_size"),
        "val": (held_out, f"a larger dataset.{held_out}_size"),
        "test": ("test", "a larger dataset.test_size"),
    }
    for name, rows_SR in parts.items():
        part, size = named[name]
        own = _own_test(dataset, rows) and (name == "test" or "test" not in parts)
        for rows_R in np.unique(rows_SR, axis=0):
            counts = np.bincount(rows.y_N[rows_R].astype(int), minlength=len(rows.classes))
            if not counts.all():
                missing = ", ".join(rows.classes[label] for label in np.flatnonzero(counts == 0))
                raise SettingError(
                    "dataset",
                    f"is too small: its {part} part ({len(rows_R)} rows) has no row of class {missing}; "
                    f"rows per class are {counts.tolist()}, expected 1 or more of each. "
                    f"Use {_cure_of_own(dataset) if own else _cure_of_missing(dataset, rows, len(rows_R), size)}.",
                )


def _cure_of_own(dataset: Dataset) -> str:
    limits = [f"dataset.{key}" for key in ("limit", "test_limit") if getattr(dataset, key, None) is not None]
    higher = f"a higher {' or '.join(limits)}, or " if limits else ""
    return f"{higher}a dataset.test_size, such as 0.2, to split all rows anew"


def _cure_of_missing(dataset: Dataset, rows: Rows, part_rows: int, size: str) -> str:
    """Say what may give each class a row in a part that has so many."""
    more = _more(dataset, rows)
    if part_rows < len(rows.classes or ()):
        return f"{more}, or {size}"
    if rows.groups_N is not None:
        return f"{more}, another dataset.seed, or {size}"
    if not _stratified(dataset, rows):
        return f"dataset.stratify: true, {more}, {size}, or another dataset.seed"
    return f"{more} of that class ({_enough(dataset)} will do), or {size}"
