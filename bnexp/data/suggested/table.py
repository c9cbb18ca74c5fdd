"""A table: how its text is read, what is learned from which columns, and which are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.real import CsvDataset
from bnexp.data.rows import Where, row_of
from bnexp.data.sources.column import different_values, is_text, numbers, refuse_no_category
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import read_csv
from bnexp.data.sources.dates import may_be_dates, numbers_of_dates
from bnexp.data.sources.encoding import likely_encoding
from bnexp.data.sources.ids import counts_rows, id_like
from bnexp.data.sources.line_numbers import likely_separator, lines_of
from bnexp.data.sources.marks import marked_columns
from bnexp.data.sources.parquet_tables import parquet_frame
from bnexp.data.sources.parts import PARTS
from bnexp.data.sources.table import NO_NAME
from bnexp.data.suggested.choice import Choice, Suggested
from bnexp.errors import SettingError, counted, listed, nearest

if TYPE_CHECKING:
    import pandas

USUAL_TARGETS = (
    *("target", "label", "labels", "class", "y", "outcome", "category", "response", "species", "diagnosis"),
    *("churn", "churned", "survived", "default", "income", "quality", "price", "rating", "score"),
)
"""Names that people give to the column to be learned, the surest first."""
TABS = (".tsv", ".tab")
FEWEST_WORDS = 4
"""Words of a text, on average, that make it a text and no name."""
MOST_NAMED = 5


def csv_choices(path: Path, data: str, target: str | None) -> Suggested:
    """Look at a CSV file, and return what a config should say of it.

    Raises:
        SettingError: if it is no table, or has no column of the target's name.
    """
    file, choices = _as_text(path)
    frame = read_csv(file, None)
    learned, why = _target(frame, target)
    more = [Choice("path", data, ""), *_parts_beside(file, data, list(frame.columns)), *choices]
    more.append(Choice("target", learned, why))
    if texts := _texts(frame, learned):
        reason = "it holds texts, and there are no other inputs"
        return Suggested([Choice("name", "text_csv", ""), *more, Choice("text", texts[0], reason)])
    where = lines_of(file, len(frame))
    return Suggested([Choice("name", "csv", ""), *more, *_columns(frame, learned, where)])


def parquet_choices(path: Path, data: str, target: str | None) -> Suggested:
    """Look at a Parquet file, and return what a config should say of it.

    Raises:
        SettingError: if it is no table, or has no column of the target's name.
    """
    frame = parquet_frame(path, None)
    learned, why = _target(frame, target)
    head = [Choice("name", "parquet", ""), Choice("path", data, ""), Choice("target", learned, why)]
    return Suggested([*head, *_columns(frame, learned, row_of(path))])


def _parts_beside(file: CsvFile, data: str, columns: Sequence[str]) -> Iterator[Choice]:
    """Yield the files beside a training part that are named like its other parts, and have the same columns."""
    for key, part in (("validation_path", "validation"), ("test_path", "test")):
        names = [re.sub("(?i)train(ing)?", word, file.path.stem) for word, means in PARTS.items() if means == part]
        for path in (file.path.with_name(f"{name}{file.path.suffix}") for name in names):
            if path != file.path and path.is_file():
                with suppress(SettingError):
                    if set(read_csv(replace(file, path=path), None).columns) == set(columns):
                        yield Choice(key, str(Path(data).with_name(path.name)), "it lies beside, with the same columns")
                        break


def _as_text(path: Path) -> tuple[CsvFile, list[Choice]]:
    """Return how the file is read as text, and the choices that say so."""
    choices = []
    file = CsvFile(path, "\t" if path.suffix.lower() in TABS else ",")
    if (encoding := likely_encoding(file)) is not None:
        file = CsvFile(path, file.separator, encoding=encoding)
        choices.append(Choice("encoding", encoding, "its bytes are no UTF-8, and make sense in this encoding"))
    separator = likely_separator(file) or file.separator
    if separator != CsvDataset.model_fields["separator"].default:
        choices.append(Choice("separator", separator, "it stands between the names of the first line"))
    file = CsvFile(path, separator, encoding=file.encoding)
    frame = read_csv(file, None)
    marked = list(marked_columns(frame, frame.columns, ".").values())
    if any(one.decimal for one in marked) and not any(one.mixed for one in marked) and separator != ",":
        seen = next(one.decimal for one in marked if one.decimal)
        file = CsvFile(path, separator, ",", file.encoding)
        choices.append(Choice("decimal", ",", f"a cell holds {seen}"))
        frame = read_csv(file, None)
        marked = list(marked_columns(frame, frame.columns, ",").values())
    thousands = {one.thousands for one in marked if one.thousands is not None}
    is_clear = file.decimal == "," or _has_decimals(frame) or not any(one.either for one in marked)
    if len(thousands) == 1 and is_clear:
        (mark,) = thousands
        example = next(one.marked for one in marked if one.thousands == mark)
        file = CsvFile(path, separator, file.decimal, file.encoding, mark)
        choices.append(Choice("thousands", mark, f"a cell holds {example}"))
    return file, choices


def _has_decimals(frame: pandas.DataFrame) -> bool:
    """Return True if some column holds numbers with decimals, so that its decimal mark is the right one."""
    floats = (frame[name].dropna() for name in frame.columns if frame[name].dtype.kind == "f")
    return any(bool((column % 1 != 0).any()) for column in floats)


def _target(frame: pandas.DataFrame, target: str | None) -> tuple[str, str]:
    """Return the column to be learned, and why: the one that is named, one with a usual name, or the last."""
    if target is not None:
        if target not in frame:
            raise SettingError(
                "dataset.target", f"is {target!r}; no column has this name. {nearest(target, list(frame.columns))}"
            )
        return target, "it was named by --target"
    for usual in USUAL_TARGETS:
        for name in frame.columns:
            if name.strip().lower() == usual:
                return name, "its name says so; --target names another"
    return str(frame.columns[-1]), "the last column; --target names another"


def _texts(frame: pandas.DataFrame, target: str) -> list[str]:
    """List the columns of free text, if the table has no other inputs."""
    others = [name for name in frame.columns if name != target and not name.startswith(NO_NAME)]
    texts = [name for name in others if is_text(frame[name]) and _words(frame[name]) >= FEWEST_WORDS]
    plain = [name for name in others if name not in texts and not id_like(frame, _numeric(frame, [name]), others)]
    return texts if texts and not plain else []


def _words(column: pandas.Series[Any]) -> float:
    known = column.dropna().astype(str).head(1000)
    return sum(len(text.split()) for text in known) / max(1, len(known))


def _numeric(frame: pandas.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if frame[name].dtype.kind in "iuf"]


def _columns(frame: pandas.DataFrame, target: str, where: Where) -> Iterator[Choice]:
    """Yield which columns are left out, which are dates, and what stands in for missing numbers."""
    inputs = [name for name in frame.columns if name != target]
    left_out = {name: why for name in inputs if (why := _why_left_out(frame, name, where)) is not None}
    kept = [name for name in inputs if name not in left_out]
    dates = [name for name in kept if is_text(frame[name]) and may_be_dates(frame[name])]
    if left_out:
        yield Choice("drop", list(left_out), list(left_out.values()))
    if dates:
        yield Choice("dates", dates, "each becomes numbers: year, month, day, weekday, and hour")
    holed = {name: count for name in (*_numeric(frame, kept), *dates) if (count := int(frame[name].isna().sum()))}
    if holed:
        named = listed([f"{name} ({count:,})" for name, count in holed.items()], MOST_NAMED)
        yield Choice("missing", "median", f"empty cells: {named}; the median of the training part stands in")


def _why_left_out(frame: pandas.DataFrame, name: str, where: Any) -> str | None:
    """Return why a column is no input; None if it is one."""
    column = frame[name]
    if column.isna().all():
        return "no value in any row"
    if name.startswith(NO_NAME):
        return "it has no name, and mostly counts the rows"
    if different_values(column, "dataset.drop") == 1 and not column.isna().any():
        return f"the same value in all rows: {column.iloc[0]}"
    try:
        if not is_text(column):
            numbers(column, where)
            return "another whole number in every row, as an id has" if _is_id(frame, name) else None
        if may_be_dates(column):
            numbers_of_dates(column, where)
        else:
            refuse_no_category(column, where)
    except SettingError:
        return _why_no_input(column)
    return None


def _is_id(frame: pandas.DataFrame, name: str) -> bool:
    column = frame[name]
    if column.isna().any() or name not in id_like(frame, [name], list(frame.columns)):
        return False
    return counts_rows(frame, name) or re.fullmatch(r"(?i)(.*[_ ])?id|.*Id|.*ID", name.strip()) is not None


def _why_no_input(column: pandas.Series[Any]) -> str:
    values = counted(different_values(column, "dataset.drop"), "different value")
    if not is_text(column):
        return "its numbers lie too close together, or too far apart, for float32"
    return f"{values} of text, as names, ids and notes have"
