"""Errors for rows that cannot be split as the config asks: the reason, and what would help.

Axes: S seeds, R rows of one part, C classes, K rows of one class.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset, has_test_part
from bnexp.config.real import OwnFile, RealDataset
from bnexp.data.rows import Rows
from bnexp.data.seeds import Numbers, for_each
from bnexp.data.sources.alike import alike
from bnexp.data.sources.targets import are_many_numbers
from bnexp.data.split_rule import has_own_part, has_own_validation, is_stratified, test_share
from bnexp.errors import SettingError, counted, listed

MOST_NAMED = 10
"""The most classes that a message names."""


def refuse_resample(dataset: Dataset, rows: Rows) -> None:
    """Raise SettingError if `dataset.resample` asks for a new split of a part that is missing, or that is fixed."""
    if dataset.resample == "validation" and dataset.validation_size is None:
        otherwise = "false" if has_own_part(dataset, rows) else "true"
        raise SettingError(
            "dataset.resample",
            "is validation; without dataset.validation_size there is no validation part beside a test part. "
            f"Give dataset.validation_size, such as 0.25, or use dataset.resample: {otherwise}.",
        )
    if dataset.resample is True and has_own_part(dataset, rows):
        raise SettingError(
            "dataset.resample",
            f"is true; {dataset.name} has a test part of its own, the same for every seed. "
            "Give a dataset.test_size to split all its rows anew, or use dataset.resample: false.",
        )


def refuse_impossible(dataset: Dataset, rows: Rows, among_R: Numbers, key: str, share: float) -> None:
    """Raise SettingError if scikit-learn would refuse the split: a part is too small, or a class has too few rows."""
    stratified = is_stratified(dataset, rows) and rows.groups_N is None
    if stratified:
        refuse_rare_classes(dataset, rows, among_R, 2)
    count = len(among_R) if rows.groups_N is None else np.count_nonzero(np.bincount(rows.groups_N[among_R]))
    held_out = math.ceil(share * count)  # scikit-learn rounds up, too
    least = np.count_nonzero(_counts_C(rows, among_R)) if stratified else 1
    if min(held_out, count - held_out) >= least:
        return
    size = "" if count < 2 * least else f"a {'larger' if held_out < least else 'smaller'} dataset.{key}, or "
    raise SettingError(
        f"dataset.{key}",
        f"is {share:g} of {count} {_units(rows)}, which makes parts of {count - held_out} and {held_out}; expected "
        f"{least} or more in each{', one of every class' if stratified else ''}. Use {size}{_more(dataset, rows)}."
        + (_or_regression(dataset, rows) if stratified else ""),
    )


def _units(rows: Rows, count: int = 2) -> str:
    """Return the word for what is split: rows, or groups of rows."""
    return ("row" if rows.groups_N is None else "group") + ("" if count == 1 else "s")


def _more(dataset: Dataset, rows: Rows) -> str:
    return f"more {_units(rows)}" if isinstance(dataset, RealDataset) else "more dataset.samples"


def refuse_rare_classes(dataset: Dataset, rows: Rows, among_R: Numbers, parts: int) -> None:
    """Raise SettingError if a class has fewer rows, or fewer groups with its rows, than there are parts."""
    if rows.classes is None:
        return
    counts_C = _counts_C(rows, among_R) if rows.groups_N is None else _groups_C(rows, among_R)
    rare = np.flatnonzero(counts_C < parts)
    if not len(rare):
        return
    each = []
    for label in rare[:MOST_NAMED]:
        rows_K, count = among_R[rows.y_N[among_R] == label], int(counts_C[label])
        named = f"{rows.classes[label]!r}{_places(rows, rows_K)}{_nearly(rows, int(label))}"
        each.append(f"{count} {_units(rows, count)} of class {named}")
    more = f", and too few of {counted(len(rare) - MOST_NAMED, 'other class')}" if len(rare) > MOST_NAMED else ""
    raise SettingError(
        "dataset",
        f"has {', and '.join(each)}{more}{' among those not held out' if len(among_R) < len(rows.y_N) else ''}; each "
        f"of the {3 if has_test_part(dataset) else 2} parts needs one"
        f"{'' if len(rare) == 1 else ' of each class'}. {_cure_of_rare(dataset, rows, counts_C[rare])}."
        + _or_regression(dataset, rows),
    )


def _nearly(rows: Rows, label: int) -> str:
    """Return a remark if the name of a class is a commoner class in another spelling; else ""."""
    assert rows.classes is not None
    name, counts = rows.classes[label], np.bincount(rows.y_N.astype("int64"), minlength=len(rows.classes))
    group = next((group for group in alike(dict.fromkeys(rows.classes, 1)) if name in group), [])
    commoner = [one for one in group if counts[rows.classes.index(one)] > counts[label]]
    return f", which may be {commoner[0]!r} in another spelling" if commoner else ""


def _or_regression(dataset: Dataset, rows: Rows) -> str:
    """Return the hint to use a regression, if the classes may be quantities; else an empty text."""
    if hasattr(dataset, "task") and are_many_numbers(rows.classes, 2):
        return " If the target holds quantities and no classes, use dataset.task: regression."
    counts_C = np.bincount(rows.y_N.astype("int64"))
    if hasattr(dataset, "target") and len(counts_C) > MOST_NAMED and 2 * (counts_C == 1).sum() > len(counts_C):
        return f" Most classes have a single row, as ids and names have: is {dataset.target!r} the right target?"
    return ""


def _counts_C(rows: Rows, among_R: Numbers) -> NDArray[np.int64]:
    """Count how many of these rows each class has, (C,)."""
    return np.bincount(rows.y_N[among_R].astype("int64"), minlength=len(rows.classes or ()))


def _groups_C(rows: Rows, among_R: Numbers) -> NDArray[np.int64]:
    """Count, for each class, the groups in which it has one of these rows, (C,)."""
    assert rows.groups_N is not None
    classes, groups = len(rows.classes or ()), rows.groups_N[among_R]
    pairs = np.unique(groups * classes + rows.y_N[among_R].astype("int64"))
    return np.bincount(pairs % classes, minlength=classes)


def _places(rows: Rows, rows_K: Numbers) -> str:
    """Return the file and line of the first three of these rows, and a remark if duplicates were dropped before."""
    places = [] if rows.where is None else [rows.where(int(row)) for row in rows_K[:3]]
    listed = f" ({', '.join(places)}{', ...' if len(rows_K) > len(places) else ''})" if places else ""
    return listed + (", repeated rows not counted" if rows.facts.duplicates_dropped else "")


def _cure_of_rare(dataset: Dataset, rows: Rows, counts: Sequence[int] | NDArray[np.int64]) -> str:
    """Return the cure for classes with too few rows or groups; `counts` are their numbers of these."""
    if not isinstance(dataset, RealDataset):
        return "Use more dataset.samples"
    mend = {0: "Give", 1: f"Correct that {_units(rows, 1)} or take it out, or give"}
    begins = mend.get(int(sum(counts)), f"Correct those {_units(rows)} or take them out, or give")
    more = f"{begins} {_more(dataset, rows)} of {'it' if len(counts) == 1 else 'each'}"
    if is_stratified(dataset, rows) and rows.groups_N is None and not has_own_part(dataset, rows):
        more += f" ({_enough(dataset)} will do)"
    return more + ("" if dataset.limit is None else ", or a higher dataset.limit")


def _enough(dataset: Dataset) -> int:
    """Return the fewest rows of a class with which a stratified split puts one or more into each part."""
    test, validation = test_share(dataset), dataset.validation_size
    shares = [test, 1 - test]
    if validation is not None:
        shares = [test, (1 - test) * validation, (1 - test) * (1 - validation)]
    return math.ceil(round(1 / min(shares), 6))


def refuse_missing_classes(dataset: Dataset, rows: Rows, parts: dict[str, Numbers]) -> None:
    """Raise SettingError if a class has no row in some part of some seed, or a regression's targets are all equal."""
    for name, rows_SR in parts.items():
        is_split_here = "test" in parts and name != "test" and not has_own_validation(dataset, rows)
        own = has_own_part(dataset, rows) and not is_split_here
        part, size = _named(dataset, rows, parts)[name]
        if rows.classes is None:
            cure = f"{_more(dataset, rows)}, another dataset.seed, or {size}"
            cure = _cure_of_own(dataset, "two different targets") if own else cure
            _refuse_equal_targets(rows, rows_SR, part, cure)
            continue
        for counts_C in for_each(rows_SR, functools.partial(_counts_C, rows)):
            if not counts_C.all():
                labels = np.flatnonzero(counts_C == 0)
                is_of_others = own and name == "train"  # then rows of other parts are to be mended
                missing = listed([_missing(rows, int(label), is_of_others) for label in labels], MOST_NAMED)
                mend = "Correct these rows, or take them out. Or use " if is_of_others and rows.where else "Use "
                each = zip(rows.classes, counts_C.tolist(), strict=True)
                named = listed([f"{name} ({count:,})" for name, count in each], MOST_NAMED)
                count = rows_SR.shape[1]
                cure = _cure_of_own(dataset, "all classes") if own else _cure_of_missing(dataset, rows, count, size)
                raise SettingError(
                    "dataset",
                    f"{'cannot be used' if own else 'is too small'}: its {part} part ({counted(count, 'row')}) has "
                    f"no row of class {missing}; rows per class: {named}; expected 1 or more of each. "
                    f"{mend}{cure}." + _or_regression(dataset, rows),
                )


def _missing(rows: Rows, label: int, places: bool) -> str:
    """Return the name of a class that a part lacks, with a nearly equal name, and the places of its rows elsewhere."""
    assert rows.classes is not None
    where = _places(rows, np.flatnonzero(rows.y_N == label).astype("int32")) if places else ""
    return f"{rows.classes[label]}{where}{_nearly(rows, label)}"


def _named(dataset: Dataset, rows: Rows, parts: dict[str, Numbers]) -> dict[str, tuple[str, str]]:
    """Map each part to its name in messages, and to the change of the config that makes it larger."""
    held_out = "validation" if "test" in parts or has_own_validation(dataset, rows) else "test"
    return {
        "train": ("training", f"a smaller dataset.{held_out}_size"),
        "val": (held_out, f"a larger dataset.{held_out}_size"),
        "test": ("test", "a larger dataset.test_size"),
    }


def _refuse_equal_targets(rows: Rows, rows_SR: Numbers, part: str, cure: str) -> None:
    """Raise SettingError if all targets of a part are equal for some seed, because r2 divides by their variance."""
    for row, spread in enumerate(for_each(rows_SR, lambda rows_R: float(np.ptp(rows.y_N[rows_R])))):
        if not spread:
            count = rows_SR.shape[1]
            raise SettingError(
                "dataset",
                f"is too small: its {part} part ({counted(count, 'row')}) has the target "
                f"{rows.y_N[rows_SR[row, 0]]:g} in all rows; r2 is measured there, and needs two different targets. "
                f"Use {cure}.",
            )


def _cure_of_own(dataset: Dataset, need: str) -> str:
    """Return the cure for parts that the data set itself has; `need` says what each part must have."""
    if isinstance(dataset, OwnFile):
        keys = " and ".join(f"dataset.{key}" for key in dataset.held_out_keys.values())
        return f"parts that each have {need}, or leave out {keys}, so that bnexp splits the rows of dataset.path itself"
    limits = [f"dataset.{key}" for key in ("limit", "test_limit") if getattr(dataset, key, None) is not None]
    higher = f"a higher {' or '.join(limits)}, or " if limits else ""
    return f"{higher}a dataset.test_size, such as 0.2, to split all rows anew"


def _cure_of_missing(dataset: Dataset, rows: Rows, part_rows: int, size: str) -> str:
    """Return the cure for a part that lacks rows of some class."""
    more = _more(dataset, rows)
    if part_rows < len(rows.classes or ()):
        return f"{more}, or {size}"
    if rows.groups_N is not None:
        return f"{more}, another dataset.seed, or {size}"
    if not is_stratified(dataset, rows):
        return f"dataset.stratify: true, {more}, {size}, or another dataset.seed"
    return f"{more} of that class ({_enough(dataset)} will do), or {size}"
