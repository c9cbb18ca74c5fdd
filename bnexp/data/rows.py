"""`Rows`: the form in which every kind of dataset is read, before it is split, scaled or numbered for a seed.

Axes: N rows of the data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import OpenmlDataset, OwnFile, RealDataset
from bnexp.config.section import Kind, Task
from bnexp.data.facts import RowFacts
from bnexp.data.stored_rows import PIECE, Inputs, pieces, taken
from bnexp.errors import SettingError, counted

Floats32 = NDArray[np.float32]
FEW_REPEATED = 0.05
"""The largest share of rows that is dropped as duplicates without a warning."""
Where = Callable[[int], str]
"""A function that returns the file and line of a row. Rows are counted from 0."""


def row_of(source: object) -> Where:
    """Return a function that names a row by its number in `source`, for rows that have no line."""
    return lambda row: f"row {row} of {source} (counted from 0)"


@dataclass(frozen=True)
class Rows:
    """Inputs and targets of all rows, and the facts that are needed to split them.

    `x` is (N, *shape), in memory or on disk. It has float32 or uint8 numbers, in which NaN is a missing number or the
    padding of a shorter sequence. Or it has int32 numbers of `words`, in which 0 is padding. `y_N` holds class numbers
    or, if `classes` is None, the numbers of a regression. The last `test` rows are the dataset's own test part. The
    `validation` rows before them are its own validation part. A new split never puts rows of one group into two parts.
    `weights_N` is how much each row counts in the training loss. The first `numeric` columns of a table are numbers,
    and the other columns are categories. `columns` are the names of all columns; a category is called `name=value`.
    `categories` maps each column with categories to the number of its values. `where` returns a row's file and line;
    it is None if rows have none. `facts` holds the other facts that run.json records about the rows.
    """

    kind: Kind
    x: Inputs
    y_N: NDArray[np.float32]
    classes: tuple[str, ...] | None
    validation: int = 0
    test: int = 0
    groups_N: NDArray[np.int64] | None = None
    weights_N: NDArray[np.float32] | None = None
    numeric: int | None = None
    words: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    categories: Mapping[str, int] = field(default_factory=dict)
    where: Where | None = None
    facts: RowFacts = field(default_factory=RowFacts)

    @property
    def task(self) -> Task:
        """Return the task."""
        if self.classes is None:
            return "regression"
        return "binary" if len(self.classes) == 2 else "multiclass"

    @property
    def own_ends(self) -> list[int]:
        """Return the rows at which the set's own training part and its own validation part end."""
        return [len(self.y_N) - self.validation - self.test, len(self.y_N) - self.test]

    def taken(self, rows_K: NDArray[np.int64]) -> Rows:
        """Return only these rows; `rows_K` must be ascending. Return itself if these are all rows."""
        if len(rows_K) == len(self.y_N):
            return self
        where = self.where
        validation, test = np.diff(np.searchsorted(rows_K, [*self.own_ends, len(self.y_N)])).tolist()
        return dataclasses.replace(
            self,
            x=taken(self.x, rows_K),
            y_N=self.y_N[rows_K],
            groups_N=None if self.groups_N is None else self.groups_N[rows_K],
            weights_N=None if self.weights_N is None else self.weights_N[rows_K],
            where=None if where is None else lambda row: where(int(rows_K[row])),
            validation=validation,
            test=test,
        )


def numbered(labels: Any) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the number of each label's class, (N,), and the classes' names, sorted.

    >>> numbered(["spam", "ham", "spam"])
    (array([1., 0., 1.], dtype=float32), ('ham', 'spam'))
    """
    names, y_N = np.unique(np.asarray(labels), return_inverse=True)
    return y_N.ravel().astype("float32"), tuple(map(str, names.tolist()))


def chosen(dataset: RealDataset, rows: Rows) -> Rows:
    """Return the rows without duplicates, if the config drops them. If it has limits, draw the rows at random.

    Raises:
        SettingError: if all rows of a held-out part are dropped. Or if `dataset.test_limit` is given, and no test part
            of the dataset's own is used.
    """
    total, warnings, dropped, of_parts = len(rows.y_N), [*(rows.facts.warnings or ())], 0, 0
    if dataset.duplicates == "drop":
        first_N = _first_equal(rows)
        first_K = np.flatnonzero(first_N == np.arange(total))
        dropped = total - len(first_K)
        repeated = list(_repeated_in_parts(dataset, rows, first_N))
        of_parts = sum(part.in_earlier for part in repeated)
        warnings += _many_repeated(dataset, dropped - of_parts, total)
        warnings += [_left_out(part) for part in repeated]
        rows = rows.taken(first_K)
    elif _has_parts_of_its_own(dataset, rows):
        repeated = list(_repeated_in_parts(dataset, rows, _first_equal(rows)))
        warnings += [_trained_on(part) for part in repeated if part.in_training]
    warnings += _shared_groups(dataset, rows)
    if dataset.test_limit is not None and (not rows.test or dataset.test_size is not None):
        raise SettingError(
            "dataset.test_limit",
            f"is {dataset.test_limit}; there is no test part of the set's own to draw from, since "
            + ("dataset.test_size splits all rows anew. " if rows.test else f"{dataset.name} has none. ")  # type: ignore[attr-defined]
            + "Use dataset.limit and dataset.test_size.",
        )
    drawn = rows.taken(_drawn(dataset, rows))
    facts = dataclasses.replace(rows.facts, duplicates_dropped=dropped, rows_before_limit=len(rows.y_N))
    facts = dataclasses.replace(facts, duplicates_of_parts=of_parts or None, warnings=warnings or facts.warnings)
    return dataclasses.replace(drawn, facts=facts)


def _many_repeated(dataset: RealDataset, dropped: int, total: int) -> Iterator[str]:
    """Yield a warning if many rows are dropped as duplicates, because different cases can look alike in few columns.

    The known sets need no warning: their duplicates are known to be the same case.
    """
    if isinstance(dataset, OwnFile | OpenmlDataset) and dropped > FEW_REPEATED * total:
        yield (
            f"{dropped:,} of {total:,} rows ({dropped / total:.0%}) repeat an earlier row in all inputs and the "
            "target, and are dropped. If they are different cases that look alike, use dataset.duplicates: keep."
        )


class _Repeated(NamedTuple):
    """How many rows of a held-out part equal a row of the parts before it, and of the training part alone."""

    part: str
    key: str
    rows: int
    in_earlier: int
    in_training: int


def _has_parts_of_its_own(dataset: RealDataset, rows: Rows) -> bool:
    """Return True if the user named the held-out parts, and they are used."""
    named = bool(getattr(dataset, "held_out_keys", None)) and dataset.test_size is None
    return named and bool(rows.validation or rows.test)


def _repeated_in_parts(dataset: RealDataset, rows: Rows, first_N: NDArray[np.int64]) -> Iterator[_Repeated]:
    """Yield the counts of each held-out part of the user's own that repeats rows of the parts before it."""
    if not _has_parts_of_its_own(dataset, rows):
        return
    keys, trained = dataset.held_out_keys, rows.own_ends[0]  # type: ignore[attr-defined]
    begins = [*rows.own_ends, len(rows.y_N)]
    for part, begin, end in zip(("validation", "test"), begins, begins[1:], strict=False):
        first_R = first_N[begin:end]
        if in_earlier := int((first_R < begin).sum()):
            yield _Repeated(part, f"dataset.{keys[part]}", end - begin, in_earlier, int((first_R < trained).sum()))


def _left_out(found: _Repeated) -> str:
    """Return the warning about repeated rows that are left out of a held-out part.

    Raises:
        SettingError: if the part has no rows left. `dataset.duplicates: keep` is no cure: a net knows these rows.
    """
    if found.in_earlier < found.rows:
        seen = (
            f"{found.in_earlier:,} of {found.rows:,} rows of the {found.part} part repeat rows of the parts before it"
        )
        return f"{seen}, and are left out."
    held = "training rows" if found.in_training == found.rows else "rows of the parts before it"
    rows = "its only row is" if found.rows == 1 else f"all its {found.rows:,} rows are"
    raise SettingError(
        found.key,
        f"holds the {held}: {rows} there, too. A net is not tested on rows that it was trained with. Give other rows.",
    )


def _trained_on(found: _Repeated) -> str:
    """Return the warning about rows of a held-out part that are training rows and are kept."""
    few = "" if found.in_training == found.rows else ", or leave them out with dataset.duplicates: drop"
    return (
        f"{found.in_training:,} of {found.rows:,} rows of the {found.part} part are training rows, too. The net has "
        f"learned them, so a verdict on them means little. Give other rows in {found.key}{few}."
    )


def _shared_groups(dataset: RealDataset, rows: Rows) -> Iterator[str]:
    """Yield a warning if a group has rows in two parts that the user gave, for training and for both held-out parts."""
    if getattr(dataset, "held_out_keys", None) and rows.groups_N is not None and dataset.test_size is None:
        trained, *held_out = np.split(rows.groups_N, rows.own_ends)
        if shared := len(np.intersect1d(trained, np.concatenate(held_out))):
            yield (
                f"{counted(shared, 'group')} of dataset.group {'has' if shared == 1 else 'have'} rows in the training "
                "part and in a part that is held out, so the net already knows them there. Move each group into one "
                "part."
            )
        if len(held_out) > 1 and (shared := len(np.intersect1d(held_out[0], held_out[1]))):
            yield (
                f"{counted(shared, 'group')} of dataset.group {'has' if shared == 1 else 'have'} rows in both held-out "
                "parts, so the test part does not judge new groups alone. Move each group into one part."
            )


def _first_equal(rows: Rows) -> NDArray[np.int64]:
    """Return the first row that equals each row, (N,): the row itself if it is no duplicate.

    A duplicate equals an earlier row, bit by bit, in inputs, target and weight. Rows are hashed first. Only rows with
    the same hash are compared.
    """
    from pandas.util import hash_array

    sides = [rows.x, rows.y_N, *([] if rows.weights_N is None else [rows.weights_N])]
    hash_N = np.zeros(len(rows.y_N), "uint64")
    words = sum(_words(values[:1]).size for values in sides)
    factor_W = np.random.default_rng(0).integers(2**64, size=words, dtype="uint64") | np.uint64(1)
    for piece in pieces(rows.x):
        word_KW = np.concatenate([_words(values[piece]) for values in sides], axis=1)
        hash_N[piece] = (hash_array(word_KW.ravel()).reshape(word_KW.shape) * factor_W).sum(axis=1)
    _, first_H, which_N = np.unique(hash_N, return_index=True, return_inverse=True)
    first_N = first_H[which_N]
    again = np.flatnonzero(first_N != np.arange(len(first_N)))
    for again_K in (
        np.array_split(again, min(len(again), -(-len(again) * rows.x[:1].size // PIECE))) if len(again) else ()
    ):
        first_K = first_N[again_K]
        for values in sides:
            differs_K = (_words(values[again_K]) != _words(values[first_K])).any(axis=1)
            first_N[again_K[differs_K]] = again_K[differs_K]
    return first_N


def _words(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the bits of these rows as whole numbers of eight bytes, (N, W); the last one is filled up with zeros."""
    bytes_NB = np.ascontiguousarray(values).reshape(len(values), -1).view("uint8")
    return np.pad(bytes_NB, ((0, 0), (0, -bytes_NB.shape[1] % 8))).view("uint64")


def _drawn(dataset: RealDataset, rows: Rows) -> NDArray[np.int64]:
    generator = np.random.default_rng(dataset.seed)
    count = len(rows.y_N)
    parts = np.split(np.arange(count), rows.own_ends if dataset.test_size is None else [count, count])
    drawn = [
        part if limit is None or limit >= len(part) else np.sort(generator.choice(part, limit, replace=False))
        for part, limit in zip(parts, (dataset.limit, None, dataset.test_limit), strict=True)
    ]
    return np.concatenate(drawn)
