"""From a table of named columns to rows: the target, numbers, and categories told apart by a 0 or 1 each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnexp.data.limit import refuse_above_limit
from bnexp.data.rows import Rows, Where, numbered
from bnexp.errors import SettingError, nearest

if TYPE_CHECKING:
    import pandas

MOST_WHOLE_NUMBER_CLASSES = 20
"""A target of more different whole numbers is taken for a regression."""
MOST_CATEGORIES = 100
"""A column of text with more different values is taken for a mistake: a name, a date, a free text."""
LARGEST = 1e18
"""Numbers beyond it are refused: their squares would leave float32."""
FEWEST_STEPS = 256
"""A column that float32 resolves into fewer steps from its lowest to its highest number is refused."""

NO_NUMBER = ("NA", "N/A", "NaN", "nan", "None", "NULL", "null")
"""Words for a missing number, in a column that holds numbers else; anywhere else they are words."""

TaskKey = Literal["auto", "classification", "regression"]


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are: the config's keys, by whatever section they stand in."""

    target: str
    task: TaskKey = "auto"
    drop: Sequence[str] = ()
    categories: Sequence[str] = ()
    group: str | None = None
    missing: str = "refuse"


def from_frame(frame: pandas.DataFrame, columns: Columns, where: Where, limit: int | None = None) -> Rows:
    """Give the rows of a table, which may take `limit` bytes of memory.

    Raises:
        SettingError: if a column that is named is not there, a number or a
            target is missing, a column of text has too many values, or the
            columns for all values would take too much memory.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    refuse_unknown_column(frame, "target", columns.target)
    for key, names in (("drop", columns.drop), ("categories", columns.categories), ("group", [columns.group])):
        for name in filter(None, names):
            refuse_unknown_column(frame, key, name)
            refuse_target(key, name, columns.target)
    y_N, classes = target(frame[columns.target], columns.task, where)
    features = frame.drop(columns=[columns.target, *columns.drop, *([columns.group] if columns.group else [])])
    is_category = {str(name): name in columns.categories or _is_text(features[name]) for name in features.columns}
    _refuse_too_wide(features, [name for name, category in is_category.items() if category], limit)
    numeric = {name: _numbers(features[name], columns, where) for name, category in is_category.items() if not category}
    dummies = [_categories(features[name], columns, where) for name, category in is_category.items() if category]
    if not numeric and not dummies:
        raise SettingError("dataset.drop", "leaves no column to learn from; expected one or more. Drop fewer.")
    x_NF = np.concatenate([*numeric.values(), *dummies], axis=1)
    groups_N = None if columns.group is None else groups(frame[columns.group])
    return Rows(
        "table",
        x_NF,
        y_N,
        classes,
        groups_N=groups_N,
        numeric=len(numeric),
        columns=(*numeric, *(str(name) for values in dummies for name in values)),
        where=where,
        facts={"id_like_columns": [name for name in numeric if _is_id_like(features[name])]},
    )


def _is_id_like(column: pandas.Series[Any]) -> bool:
    """Tell whether a column of numbers may only count the rows: whole ones that are all different."""
    numbers = column.dropna().to_numpy("float64")
    whole = bool((numbers == np.floor(numbers)).all())
    return whole and len(numbers) > MOST_WHOLE_NUMBER_CLASSES and len(np.unique(numbers)) == len(numbers)


def with_numbers(frame: pandas.DataFrame, decimal: str) -> pandas.DataFrame:
    """Turn columns of numbers, and of words for missing ones, into numbers; `NA` among texts stays a text."""
    import pandas

    for name in frame.columns:
        if frame[name].dtype.kind == "O" and (gap := frame[name].isin(NO_NUMBER)).any():
            others = frame[name].mask(gap)
            written = others if decimal == "." else others.str.translate(str.maketrans(",.", ".,"))
            numbers = pandas.to_numeric(written, errors="coerce")
            if numbers.notna().any() and numbers.isna().equals(others.isna()):
                frame[name] = numbers
    return frame


def _refuse_too_wide(features: pandas.DataFrame, categories: Sequence[str], limit: int | None) -> None:
    """Raise SettingError if a 0 or 1 for each value of these columns would take more memory than there may be."""
    values = {name: _different(features[name], "dataset.drop") for name in categories}
    columns = features.shape[1] - len(categories) + sum(values.values())
    needed = 2 * 4 * len(features) * columns  # each apart, and then all side by side
    if values:
        widest = max(values, key=lambda name: values[name])
        seen = f"and columns of text make {columns:,} columns, {values[widest]:,} of them for column {widest!r}"
        refuse_above_limit(
            "dataset.categories",
            f"{seen}; reading {len(features):,} such rows",
            needed,
            limit,
            "Leave that column out (dataset.drop)",
        )


def refuse_unknown_column(frame: pandas.DataFrame, key: str, name: str) -> None:
    """Raise SettingError, with the columns and the nearest name, if the table has no such column."""
    if name not in frame.columns:
        raise SettingError(f"dataset.{key}", f"is {name!r}; no column has this name. {nearest(name, frame.columns)}")


def refuse_target(key: str, name: str, target: str) -> None:
    """Raise SettingError if a column that has another part to play is the target."""
    if name == target:
        raise SettingError(f"dataset.{key}", f"is {name!r}, which is dataset.target too. Name another column.")


def groups(column: pandas.Series[Any]) -> NDArray[np.int64]:
    """Number the groups that a column's values name; missing ones are a group together."""
    _different(column, "dataset.group")
    return np.asarray(column.factorize(use_na_sentinel=False)[0], "int64")


def target(
    column: pandas.Series[Any], task: TaskKey, where: Where, key: str = "dataset.target"
) -> tuple[NDArray[np.float32], tuple[str, ...] | None]:
    """Give the targets (N,) and the names of their classes, None for a regression; `key` names them in errors.

    Raises:
        SettingError: if a target is missing or infinite, there is but one
            class, or a regression's target is text, if only in one row, or
            numbers that float32 would not tell apart.
    """
    missing = column.isna().to_numpy()
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise SettingError(
            key,
            f"is {column.name!r}; {where(row)} has no value in it (rows without: {missing.sum()}). "
            "Fill it in, or take those rows out.",
        )
    different = _different(column, key)
    if not _is_text(column) or task == "regression":
        numbers = _finite(column, key, where)
        whole = bool((numbers == np.floor(numbers)).all())
        if task == "regression" or (task == "auto" and not (whole and different <= MOST_WHOLE_NUMBER_CLASSES)):
            refuse_lost_digits(key, f"is {column.name!r}; its numbers", numbers, "Subtract the lowest")
            return numbers.astype("float32"), None
        # whole numbers sort as people count, and float64 would not tell the largest apart
        y_N, classes = numbered(column.to_numpy("int64") if whole else numbers)
    else:
        if task == "auto" and different > MOST_WHOLE_NUMBER_CLASSES:
            _refuse_strange_cell(column, key, where, "give dataset.task: classification")
        y_N, classes = numbered(column.astype(str))
    if len(classes) < 2:
        raise SettingError(
            key,
            f"is {column.name!r}; it has one value in all rows ({classes[0]}), expected two classes or more. "
            "Name another column.",
        )
    return y_N, classes


def _different(column: pandas.Series[Any], key: str) -> int:
    """Count a column's different values; raise SettingError if they are no single values."""
    try:
        return int(column.nunique())
    except TypeError as error:
        raise SettingError(
            key,
            f"has to do with column {column.name!r}, which holds {type(column.iloc[0]).__name__} in its first row; "
            "expected one number or text in each. "
            + ("Leave it out (dataset.drop)." if key == "dataset.drop" else "Name another column."),
        ) from error


def _is_text(column: pandas.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_bool_dtype(column.dtype)) or not is_numeric_dtype(column.dtype)


def _finite(column: pandas.Series[Any], key: str, where: Where) -> NDArray[np.float64]:
    """Give a column's numbers, of which some may be missing (NaN)."""
    import pandas

    numbers = pandas.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    wrong = (~np.isfinite(numbers) & ~column.isna().to_numpy()) | (np.abs(numbers) > LARGEST)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        most = f" of at most {LARGEST:g}" if np.isfinite(numbers[row]) else ""
        raise SettingError(
            key,
            f"holds {str(column.iloc[row])[:40]!r} in {where(row)}, column {column.name!r}; expected a finite "
            f"number{most}. Mend the file"
            + (", or leave the column out (dataset.drop)." if key == "dataset" else ", or take that row out."),
        )
    return numbers


def _numbers(column: pandas.Series[Any], columns: Columns, where: Where) -> NDArray[np.float32]:
    """Give a column of numbers, (N, 1)."""
    numbers = _finite(column, "dataset", where)
    seen = f"keeps column {column.name!r}; its numbers"
    refuse_lost_digits("dataset.drop", seen, numbers, "Leave it out (dataset.drop), or subtract the lowest")
    missing = np.isnan(numbers)
    if missing.any() and columns.missing == "refuse":
        row = int(np.flatnonzero(missing)[0])
        raise SettingError(
            "dataset.missing",
            f"is refuse; {where(row)} has no value in column {column.name!r} (rows without: {missing.sum()}). "
            "Use mean or median (of the training part), or leave the column out (dataset.drop).",
        )
    if missing.all():
        raise SettingError(
            "dataset.drop", f"keeps column {column.name!r}; it has no value in any row. Leave it out (dataset.drop)."
        )
    return numbers.astype("float32")[:, None]


def refuse_lost_digits(key: str, seen: str, numbers: NDArray[Any], cure: str) -> None:
    """Raise SettingError if float32 would blur what tells a column's numbers apart, as those of ids and times."""
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (known == known.astype("float32").astype(known.dtype)).all():
        return
    low, high = known.min().item(), known.max().item()
    if 0 < high - low < FEWEST_STEPS * np.spacing(np.float32(max(abs(low), abs(high)))):
        raise SettingError(
            key,
            f"{seen}, from {low:.15g} to {high:.15g}, lie too close together for float32 to tell apart. "
            f"{cure} from all.",
        )


def _categories(column: pandas.Series[Any], columns: Columns, where: Where) -> pandas.DataFrame:
    """Give a 0 or 1 for each of a column's values, as columns `name=value`; a missing one is a value of its own."""
    import pandas

    count = _different(column, "dataset.drop")
    if column.name not in columns.categories:
        _refuse_what_is_no_category(column, count, where)
    has_missing = bool(column.isna().any())
    return pandas.get_dummies(
        column.astype(object), prefix=str(column.name), prefix_sep="=", dummy_na=has_missing, dtype="float32"
    )


def _refuse_what_is_no_category(column: pandas.Series[Any], count: int, where: Where) -> None:
    """Raise SettingError for numbers with a text among them, for dates, and for text that hardly repeats."""
    if count > MOST_WHOLE_NUMBER_CLASSES:
        _refuse_strange_cell(column, "dataset", where, "name the column in dataset.drop or dataset.categories")
    most = min(MOST_CATEGORIES, max(MOST_WHOLE_NUMBER_CLASSES, len(column) // 2))
    if count > most or column.dtype.kind in "mM":
        what = "dates or times" if column.dtype.kind in "mM" else "text"
        raise SettingError(
            "dataset.drop",
            f"keeps column {column.name!r}; it holds {what} with {count} different values, as "
            f"{str(column.iloc[0])[:40]!r} in {where(0)}; expected {most} or fewer. Leave it out (dataset.drop), or "
            "name it in dataset.categories to have a column for each value.",
        )


def _refuse_strange_cell(column: pandas.Series[Any], key: str, where: Where, otherwise: str) -> None:
    """Raise SettingError, with the line, if more than half of a column of text are numbers, but not all."""
    import pandas

    strange = (pandas.to_numeric(column, errors="coerce").isna() & column.notna()).to_numpy()
    if column.dtype.kind not in "mMb" and 0 < strange.mean() < 0.5:
        row = int(np.flatnonzero(strange)[0])
        raise SettingError(
            key,
            f"holds {str(column.iloc[row])[:40]!r} in {where(row)}, column {column.name!r}; most of the column are "
            f"numbers. Mend the file, with an empty cell for a number that is not known, or {otherwise}.",
        )
