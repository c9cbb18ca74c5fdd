"""Rows from a table of named columns: the target, numbers, and a 0 or 1 for each category.

How one column is read, and the errors about it, are in `column`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import CsvDataset, ParquetDataset
from bnexp.data.facts import RowFacts
from bnexp.data.memory_guard import refuse_above_limit
from bnexp.data.rows import Rows, Where
from bnexp.data.sources import table_warnings
from bnexp.data.sources.column import (
    categories,
    different_values,
    groups,
    is_text,
    numbers,
    refuse_missing,
    refuse_no_category,
)
from bnexp.data.sources.column_names import (
    refuse_names_below,
    refuse_repeated_names,
    refuse_target,
    refuse_unknown_column,
)
from bnexp.data.sources.dates import emptied, numbers_of_dates
from bnexp.data.sources.free_text import cure_of_texts
from bnexp.data.sources.ids import counts_rows, id_like
from bnexp.data.sources.marks import marked_columns, problems_of_marks
from bnexp.data.sources.targets import TaskKey, target, warnings_of_many_numbers
from bnexp.data.sources.time_order import warnings_of_time_order
from bnexp.data.sources.weight_column import warnings_of_weights, weights_of_column
from bnexp.errors import Problems, SettingError

if TYPE_CHECKING:
    import pandas

NO_NAME = "Unnamed: "
"""The start of the name that pandas gives to a column without a name."""


@dataclass(frozen=True)
class Columns:
    """What the config says about the columns of a table.

    `decimal` and `thousands` are the marks of a text file. `decimal` is None for other files.
    """

    target: str
    task: TaskKey = "auto"
    drop: Sequence[str] = ()
    categories: Sequence[str] = ()
    dates: Sequence[str] = ()
    group: str | None = None
    weight: str | None = None
    missing: str = "refuse"
    decimal: str | None = None
    thousands: str | None = None
    cure_of_texts: Callable[[pandas.Series[Any]], str] | None = None
    """Returns how to learn from the words of a column of texts."""
    is_split: bool = False
    """True if rows of the table are held out, and not files of their own."""

    @property
    def left_out(self) -> set[str]:
        """Return the names of the columns that are no inputs."""
        return {self.target, *self.drop, *(name for name in (self.group, self.weight) if name)}


def columns_of(dataset: CsvDataset | ParquetDataset) -> Columns:
    """Return what a config says about the columns of a file."""
    return Columns(
        dataset.target,
        dataset.task,
        dataset.drop,
        dataset.categories,
        dataset.dates,
        group=dataset.group,
        weight=dataset.weight_column,
        missing=dataset.missing,
        decimal=getattr(dataset, "decimal", None),
        thousands=getattr(dataset, "thousands", None),
        cure_of_texts=partial(cure_of_texts, dataset) if isinstance(dataset, CsvDataset) else None,
        is_split=not dataset.held_out_keys,
    )


def refuse_empty(path: Path, frame: pandas.DataFrame) -> None:
    """Raise SettingError if a file's table has no rows."""
    if not len(frame):
        raise SettingError("dataset.path", f"is {str(path)!r}; it has no rows. Expected one line a row.")


def from_frame(frame: pandas.DataFrame, columns: Columns, where: Where, limit: int | None = None) -> Rows:
    """Return the rows of a table, if they need at most `limit` bytes of memory.

    Raises:
        SettingError: with all mistakes at once: unknown columns, missing or unreadable numbers and targets, columns of
            text with too many values; or if the columns for all values would take too much memory.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    for name in filter(frame.__contains__, columns.dates):
        frame[name] = emptied(frame[name])
    problems = Problems()
    with problems.noted():
        refuse_repeated_names(frame)
    frame = frame.loc[:, ~frame.columns.duplicated()]  # so that the mistakes of the others are found, too
    with problems.noted():
        refuse_names_below(frame, columns.target, where)
        found = _read_columns(frame, columns, where, limit)
    problems.refuse()
    return _rows(frame, columns, found, where)


@dataclass(frozen=True)
class _ReadColumns:
    """The columns of a table without mistakes: targets, numbers (N, 1) by name, and names of columns of categories.

    A column of dates becomes several columns of numbers, each with its own name.
    """

    y_N: NDArray[np.float32]
    classes: tuple[str, ...] | None
    numeric: dict[str, NDArray[np.float32]]
    texts: list[str]
    weights_N: NDArray[np.float32] | None


def _read_columns(frame: pandas.DataFrame, columns: Columns, where: Where, limit: int | None) -> _ReadColumns:
    """Return the columns of a table, and refuse the mistakes of all columns at once.

    Raises:
        SettingError: as `from_frame` does.
    """
    problems, decimal = Problems(), columns.decimal or "."
    marked = marked_columns(frame, _may_be_numbers(frame, columns), decimal)
    _collect_wrong_names(frame, columns, problems)
    marks = (columns.decimal, columns.thousands)
    for problem in problems_of_marks(frame, marked, where, target=columns.target, marks=marks):
        problems.note(*problem)
    y_N = classes = None
    weight = None if columns.weight == columns.target else columns.weight
    weights_N = weights_of_column(frame, weight, where, problems, is_told=weight in marked)
    with problems.noted():
        if columns.target in frame and columns.target not in marked:
            y_N, classes = target(frame[columns.target], columns.task, where, decimal=decimal)
    inputs = [name for name in frame.columns if name not in columns.left_out]
    dates = [name for name in inputs if name in columns.dates]
    texts = [name for name in inputs if name not in dates and (name in columns.categories or is_text(frame[name]))]
    numeric = _numeric(frame, [name for name in inputs if name not in (*texts, *dates)], where, problems)
    for name in dates:
        with problems.noted():
            numeric |= _of_dates(frame, name, where)
    with problems.noted():
        if columns.missing == "refuse":
            refuse_missing(frame, [name for name in inputs if name in (*numeric, *marked, *dates)], where)
    unnamed = [name for name in texts if name not in (*columns.categories, *marked)]
    _collect_no_categories(frame[unnamed], where, problems, columns)
    with problems.noted():
        _refuse_too_wide(frame, inputs, texts, limit)
    problems.refuse()
    assert y_N is not None
    return _ReadColumns(y_N, classes, numeric, texts, weights_N)


def _of_dates(frame: pandas.DataFrame, name: str, where: Where) -> dict[str, NDArray[np.float32]]:
    """Return the numbers of a column of dates, (N, 1) each, by name.

    Raises:
        SettingError: if the dates cannot be read, or the table already has a column of one of these names.
    """
    found = numbers_of_dates(frame[name], where)
    for other in filter(frame.__contains__, found):
        raise SettingError(
            "dataset.dates", f"names {name!r}, and the table has a column {other!r} beside it. Rename one of the two."
        )
    return found


def _rows(frame: pandas.DataFrame, columns: Columns, found: _ReadColumns, where: Where) -> Rows:
    """Return the rows with their columns side by side: numbers first, then a 0 or 1 for each category."""
    dummies = [categories(frame[name]) for name in found.texts]
    used = [name for name in frame.columns if name not in columns.left_out - {columns.target}]
    return Rows(
        "table",
        np.concatenate([*found.numeric.values(), *dummies], axis=1),
        found.y_N,
        found.classes,
        groups_N=None if columns.group is None else groups(frame[columns.group]),
        weights_N=found.weights_N,
        numeric=len(found.numeric),
        columns=(*found.numeric, *(str(name) for values in dummies for name in values)),
        categories={name: values.shape[1] for name, values in zip(found.texts, dummies, strict=True)},
        where=where,
        facts=RowFacts(
            target=columns.target,
            id_like_columns=id_like(frame, [name for name in found.numeric if name in frame], used),
            warnings=list(_warnings(frame, columns, found)),
        ),
    )


def _collect_no_categories(texts: pandas.DataFrame, where: Where, problems: Problems, columns: Columns) -> None:
    """Note in `problems` each of these columns of text that cannot hold categories."""
    for name in texts.columns:
        with problems.noted():
            refuse_no_category(texts[name], where, columns.decimal, columns.thousands, columns.cure_of_texts)


def _may_be_numbers(frame: pandas.DataFrame, columns: Columns) -> list[str]:
    """List the columns that may hold numbers: all except categories, dates, groups, and columns that are left out."""
    others = {*columns.drop, *columns.categories, *columns.dates, columns.group}
    if columns.task == "classification":
        others.add(columns.target)
    return [name for name in frame.columns if name not in others]


def _collect_wrong_names(frame: pandas.DataFrame, columns: Columns, problems: Problems) -> None:
    """Note in `problems` columns that the config names but the table lacks, and columns that have no name."""
    named = [("target", columns.target), ("group", columns.group), ("weight_column", columns.weight)]
    named += [(key, name) for key in ("drop", "categories", "dates") for name in getattr(columns, key)]
    for key, name in named:
        if name is not None:
            with problems.noted():
                refuse_unknown_column(frame.columns, key, name)
                if key != "target":
                    refuse_target(key, name, columns.target)
    if not set(frame.columns) - columns.left_out:
        problems.note("dataset.drop", "leaves no column to learn from; expected one or more. Drop fewer.")
    for number, name in enumerate(frame.columns, 1):
        left_out = name in (*columns.left_out, *columns.categories) or frame[name].isna().all()
        if name.startswith(NO_NAME) and not left_out:
            problems.note(
                "dataset.drop",
                f"does not list column {number}, which has no name. A column without a name mostly counts the rows. "
                f"Name it in the file, or leave it out as {name!r}.",
            )


def _numeric(
    frame: pandas.DataFrame, names: Sequence[str], where: Where, problems: Problems
) -> dict[str, NDArray[np.float32]]:
    """Return these columns of numbers, (N, 1) each. A column that cannot be read is noted as a problem."""
    numeric = {}
    for name in names:
        with problems.noted():
            numeric[name] = numbers(frame[name], where)
    return numeric


def _warnings(frame: pandas.DataFrame, columns: Columns, found: _ReadColumns) -> Iterator[str]:
    """Yield warnings about the target, and about the names of classes, groups and categories."""
    yield from table_warnings.warnings_of_columns(frame, columns.target if found.classes else None, columns.group)
    if found.classes is None and counts_rows(frame, columns.target):
        yield (
            f"dataset.target {columns.target!r} counts the rows, as an id does: it has a different whole number in "
            "every row. Name the column that is to be predicted."
        )
    inputs = [name for name in frame.columns if name not in columns.left_out]
    yield from table_warnings.warnings_of_one_hot(frame, columns.target, inputs)
    if columns.is_split:
        yield from warnings_of_time_order(frame, [name for name in frame.columns if name != columns.target])
    yield from warnings_of_many_numbers("dataset.target", columns.target, found.classes, columns.task)
    if found.weights_N is not None:
        yield from warnings_of_weights(found.weights_N, str(columns.weight), found.y_N, found.classes)
    yield from table_warnings.warnings_of_gaps(frame, [name for name in inputs if name not in found.texts])
    for name in found.texts:
        yield from table_warnings.warnings_of_categories(frame[name], columns.decimal, named=name in columns.categories)


def _refuse_too_wide(frame: pandas.DataFrame, inputs: Sequence[str], texts: Sequence[str], limit: int | None) -> None:
    """Raise SettingError if a 0 or 1 for each value of these columns would take more than `limit` bytes of memory."""
    values = {name: different_values(frame[name], "dataset.drop") for name in texts}
    columns = len(inputs) - len(texts) + sum(values.values())
    needed = 2 * 4 * len(frame) * columns  # first as separate columns, and then side by side
    if values:
        widest = max(values, key=lambda name: values[name])
        seen = f"and columns of text make {columns:,} columns, {values[widest]:,} of them for column {widest!r}"
        refuse_above_limit(
            "dataset.categories",
            f"{seen}; reading {len(frame):,} rows",
            needed,
            limit,
            "Leave that column out (dataset.drop)",
        )
