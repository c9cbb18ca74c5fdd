"""Joins the files of the parts of a split: the rows of the training part come first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.data.rows import Rows, Where
from bnexp.data.sources.column import is_gap
from bnexp.data.sources.column_names import misspelt
from bnexp.errors import Problems, SettingError, listed

if TYPE_CHECKING:
    import pandas

VALIDATION, TEST = ("validation_path", "x_validation"), ("test_path", "x_test")
"""Keys that name the held-out parts."""
MOST_NAMED = 10
"""Most columns that a message names."""


class UnlikeColumns(SettingError):
    """Parts of a split have other columns than the training part.

    `names` are the columns that some parts lack, and `common` those that all parts have.
    """

    def __init__(self, tables: Sequence[Table], *problems: tuple[str, str]) -> None:
        first, *more = problems
        super().__init__(*first, *more)
        everywhere = set.intersection(*({*map(str, table.frame.columns)} for table in tables))
        self.common = frozenset(everywhere)
        self.names = frozenset(str(name) for table in tables for name in table.frame.columns) - everywhere


@dataclass(frozen=True)
class Table:
    """The table of one file; `key` names the file in the config, such as `validation_path`."""

    key: str
    path: Path
    frame: pandas.DataFrame
    where: Where
    skipped: tuple[int, ...] | None = None
    """The records of a CSV file that were not read (`CsvFile.skipped`); None if it is not read for further mistakes."""


def joined(tables: Sequence[Table], drop: Collection[str] = ()) -> tuple[pandas.DataFrame, Where]:
    """Return the rows of all tables in one table, and a function that names the file and line of a row.

    Raises:
        UnlikeColumns: if a file has other columns than the training part, except `drop`.
        SettingError: if a column holds numbers in one file and texts in another.
    """
    import pandas

    first, *others = tables
    if not others:
        return first.frame, first.where
    differ = [
        (f"dataset.{other.key}", f"is {str(other.path)!r}; {text}")
        for other in others
        for text in _other_columns(first, other, drop)
    ]
    if differ:
        raise UnlikeColumns(tables, *differ)
    problems = Problems()
    for name in mixed_columns(tables):
        found = [(_kind(table.frame[name]), table.path) for table in tables]
        kinds = " and ".join(f"{kind} in {path}" for kind, path in found if kind is not None)
        cure = "Fix the files, or leave the column out (dataset.drop)"
        problems.note("dataset", f"has a column {name!r} with {kinds}. Expected one kind. {cure}.")
    problems.refuse()
    names = list(dict.fromkeys(name for table in tables for name in table.frame.columns))
    frames = [_without_gaps(table.frame.reindex(columns=names), tables) for table in tables]
    return pandas.concat(frames, ignore_index=True), where_of([(len(one.frame), one.where) for one in tables])


def _without_gaps(frame: pandas.DataFrame, tables: Sequence[Table]) -> pandas.DataFrame:
    """Return a table with NaN in columns of only words for a missing value, if another part has numbers there."""
    for name in frame.columns:
        others = [table.frame[name] for table in tables if name in table.frame]
        if frame[name].dtype.kind == "O" and _kind(frame[name]) is None and "numbers" in map(_kind, others):
            frame[name] = float("nan")
    return frame


def where_of(parts: Sequence[tuple[int, Where]]) -> Where:
    """Return a function that names the place of a row in joined parts. Each part has its number of rows.

    >>> where_of([(2, lambda row: f"a:{row}"), (3, lambda row: f"b:{row}")])(3)
    'b:1'
    """
    ends = np.cumsum([count for count, _ in parts])

    def where(row: int) -> str:
        part = int(np.searchsorted(ends, row, side="right"))
        count, inner = parts[part]
        return inner(row - int(ends[part]) + count)

    return where


def with_parts(rows: Rows, counts: Mapping[str, int]) -> Rows:
    """Return the rows with the sizes of their held-out parts. `counts` maps the key of a part to its number of rows."""
    validation, test = (sum(counts.get(key, 0) for key in keys) for keys in (VALIDATION, TEST))
    return replace(rows, validation=validation, test=test)


def mixed_columns(tables: Sequence[Table]) -> list[str]:
    """List the columns that hold numbers in one table, and texts, booleans or dates in another."""
    names = [name for name in tables[0].frame.columns if all(name in table.frame for table in tables)]
    return [name for name in names if len({_kind(table.frame[name]) for table in tables} - {None}) > 1]


def _kind(column: pandas.Series[Any]) -> str | None:
    """Return the kind of values in a column; None if it has no values, so that it fits any kind."""
    if column.dtype.kind == "O":
        known = [cell for cell in column.dropna().unique() if not is_gap(cell)]
        if not known or all(isinstance(cell, bool) for cell in known):
            return "booleans" if known else None
    elif column.isna().all():
        return None
    kinds = {**dict.fromkeys("iuf", "numbers"), "b": "booleans", "M": "dates"}
    return kinds.get(column.dtype.kind, "texts")


def _other_columns(first: Table, other: Table, drop: Collection[str]) -> Iterator[str]:
    """Yield a sentence for columns that a file spells otherwise, lacks, or alone has."""
    lacks = [name for name in first.frame.columns if name not in other.frame and name not in drop]
    besides = [name for name in other.frame.columns if name not in first.frame and name not in drop]
    if others := misspelt(lacks, besides):
        same, them = ("it is the same column", "it") if len(others) == 1 else ("they are the same columns", "them")
        seen = listed([f"{own!r} where {first.path} has {name!r}" for own, name in others.items()], MOST_NAMED)
        yield f"it has {seen}. Expected the same names. If {same}, rename {them} in this file."
        lacks = [name for name in lacks if name not in others.values()]
        besides = [name for name in besides if name not in others]
    if lacks:
        columns, them = ("column", "it") if len(lacks) == 1 else ("columns", "them")
        yield f"it lacks the {columns} {_listed(lacks)} of {first.path}. Expected the same. Write {them} into the file."
    if besides:
        columns, them = ("the column", "it") if len(besides) == 1 else ("the columns", "them")
        yield (
            f"it has {columns} {_listed(besides)}, and {first.path} does not. Expected the same. Leave {them} out of "
            f"the file, or name {them} in dataset.drop."
        )


def _listed(names: Sequence[str]) -> str:
    return listed(map(repr, map(str, names)), MOST_NAMED)
