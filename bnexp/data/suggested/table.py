"""Suggestions for a table: how its text is read, and which files are its other parts. See also `target`, `columns`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bnexp.config.yaml_text import dump_plain
from bnexp.data.rows import Where, row_of
from bnexp.data.sources.column import is_text
from bnexp.data.sources.column_names import misspelt
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import read_csv
from bnexp.data.sources.encoding import guess_of_encoding
from bnexp.data.sources.free_text import FEWEST_WORDS, words_of
from bnexp.data.sources.ids import id_like
from bnexp.data.sources.joined import Table, joined
from bnexp.data.sources.line_numbers import for_further_mistakes, lines_of
from bnexp.data.sources.marks import groups_digits, marked_columns
from bnexp.data.sources.one_hot import one_hot_beside
from bnexp.data.sources.parquet_tables import parquet_frame
from bnexp.data.sources.parts import PARTS
from bnexp.data.sources.rewriting import with_one_column, without_gaps
from bnexp.data.sources.table import NO_NAME
from bnexp.data.sources.unlike_parts import unlike
from bnexp.data.suggested.choice import Choice, Suggested
from bnexp.data.suggested.columns import column_choices, notes_of_groups, numeric
from bnexp.data.suggested.decimals import has_comma, notes_of_decimals, notes_of_marks, with_points
from bnexp.data.suggested.first_look import separated
from bnexp.data.suggested.missing_values import NUMBER, missing_words, notes_of_sentinels
from bnexp.data.suggested.target import likely_target, task_choices
from bnexp.data.suggested.weights import notes_of_weights
from bnexp.errors import SettingError, counted, listed

if TYPE_CHECKING:
    import pandas

MOST_NAMED = 5
FEW_WORDS = 2
"""A column of short texts is read word by word if it has this number of words on average, and is the only input."""
ONLY_TABLES = ("decimal", "thousands")
"""Keys that a `text_csv` dataset does not have."""
Read = Callable[[str, Path], Table]
"""A function that reads the table of a part, from its key in the config and its file."""


def csv_choices(path: Path, data: str, target: str | None) -> Suggested:
    """Return the suggested config for a CSV file; `data` is its path as the user wrote it.

    Raises:
        SettingError: if the file is no table, or has no column with the name `target`.
    """
    file, marks = _as_text(path)
    read = _reads(file)
    frame = read("path", path).frame
    guess = filter(None, [guess_of_encoding(file)])
    learned, why = likely_target(frame, target)
    beside = _beside(path, data, frame, learned, read, file)
    head = [Choice("path", data, ""), *beside.choices]
    if texts := _texts(frame, learned):
        marks = [one for one in marks if one.key not in ONLY_TABLES]
        reason = "it holds texts, and there are no other inputs"
        more = [Choice("target", learned, why), Choice("text", texts[0], reason)]
        found = [Choice("name", "text_csv", "a table of texts"), *head, *marks, *more]
        return Suggested(found, [*guess, *beside.notes], len(frame))
    tables = _tables(path, beside, read)
    frame, where = _joined(tables)
    words = missing_words(frame, learned, file.decimal)
    if words:
        seen = listed([f"{word} in {name}" for word, name in words.items()], MOST_NAMED)
        marks.append(Choice("na_values", list(words), f"among numbers: {seen}; read as empty cells"))
        tables = _tables(path, beside, _reads(replace(file, na_values=tuple(words))))
        frame, where = _joined(tables)
    columns = [*task_choices(frame[learned]), *column_choices(frame, learned, where, file.decimal)]
    cure = f"use na_values: {dump_plain([*words, NUMBER]).strip()}"
    notes = [*guess, *beside.notes, *_notes_of_columns(frame, learned, columns, cure)]
    left_out = [name for one in columns if one.key == "drop" for name in one.value]
    if all(table.skipped is None for table in tables):  # these notes have commands, which read whole files
        notes += [*_notes_of_one_hot(frame, learned, file), *_notes_of_gaps(tables, learned, file)]
        notes += [*notes_of_decimals(tables, left_out, file), *notes_of_marks(tables, left_out, learned, file)]
    head = [Choice("name", "csv", "a table"), *head, *marks, Choice("target", learned, why)]
    return Suggested([*head, *columns], notes, len(frame))


def parquet_choices(path: Path, data: str, target: str | None) -> Suggested:
    """Return the suggested config for a Parquet file; `data` is its path as the user wrote it.

    Raises:
        SettingError: if the file is no table, or has no column with the name `target`.
    """

    def read(key: str, path: Path) -> Table:
        """Read a part's table."""
        return Table(key, path, parquet_frame(path, None), row_of(path))

    frame = read("path", path).frame
    learned, why = likely_target(frame, target)
    beside = _beside(path, data, frame, learned, read)
    frame, where = _joined(_tables(path, beside, read))
    columns = [*task_choices(frame[learned]), *column_choices(frame, learned, where)]
    head = [Choice("name", "parquet", "a table"), Choice("path", data, ""), *beside.choices]
    cure = f"empty these cells in the file (it has {NUMBER})"
    notes = [*beside.notes, *_notes_of_columns(frame, learned, columns, cure)]
    return Suggested([*head, Choice("target", learned, why), *columns], notes, len(frame))


def _notes_of_columns(frame: pandas.DataFrame, target: str, columns: Sequence[Choice], cure: str) -> Iterator[str]:
    """Yield notes if there are no inputs, and about row weights and numbers that may stand for missing values.

    `cure` is what to do if a number stands for a missing value; NUMBER in it becomes the number.
    """
    dropped = [name for one in columns if one.key == "drop" for name in one.value]
    others = {target, *dropped, *(one.value for one in columns if one.key == "group")}
    inputs = [name for name in numeric(frame, list(frame.columns)) if name not in others]
    if others >= {*frame.columns}:
        yield (
            f"every column but {target!r} is left out, so that there is nothing to learn it from. Add columns that "
            "describe each row; for a time series, columns with its earlier values."
        )
    yield from notes_of_weights(frame, dropped, inputs)
    if not any(one.key == "group" for one in columns):
        yield from notes_of_groups(frame, target)
    yield from notes_of_sentinels(frame, inputs, cure)


def _notes_of_gaps(tables: Sequence[Table], target: str, file: CsvFile) -> Iterator[str]:
    """Yield, for each table with empty targets, a shell command that writes the table without these rows."""
    for table in tables:
        if count := int(table.frame[target].isna().sum()):
            own = replace(file, path=table.path)
            cells = own.frame(usecols=[target], dtype=str)[target]
            words = ["", *cells[table.frame[target].isna().to_numpy()].dropna().unique()]
            yield (
                f"{table.path} has {counted(count, 'row')} without a value of {target!r}. This writes the others, "
                + without_gaps(own, target, words, table.key)
            )


def _notes_of_one_hot(frame: pandas.DataFrame, target: str, file: CsvFile) -> Iterator[str]:
    """Yield a note if the target is one of several one-hot columns, with a command that makes one column of them."""
    if found := one_hot_beside(frame, target, [name for name in frame.columns if name != target]):
        named = [name for name in frame.columns if name in (*found, target)]
        yield (
            f"exactly one of {listed(map(repr, named), MOST_NAMED)} is 1 in each row: they are one-hot. Only "
            f"{target!r} is learned, and the others are left out, because they give it away. To learn which of them "
            f"is 1, write one column instead, {with_one_column(file, named, list(frame.columns))}"
        )


def _reads(file: CsvFile) -> Read:
    """Return a function that reads another file with the settings of this file."""

    def read(key: str, path: Path) -> Table:
        """Read a part's table, also if it has uneven rows or repeated names."""
        whole = replace(file, path=path)
        try:
            return _read(key, whole)
        except SettingError as error:
            if (others := for_further_mistakes(whole)) is None:
                raise
            try:
                return _read(key, others)  # the check of the config tells of what is passed over here
            except SettingError as further:
                (first, *more) = dict.fromkeys([*error.problems, *further.problems])
                raise SettingError(*first, *more) from error

    return read


def _read(key: str, file: CsvFile) -> Table:
    frame = read_csv(file, None)
    return Table(key, file.path, frame, lines_of(file, len(frame)), file.skipped)


def _tables(path: Path, beside: _Beside, read: Read) -> list[Table]:
    """Return the tables of a training part and of the parts beside it."""
    keys = ["path", *(one.key for one in beside.choices)]
    return [read(key, one) for key, one in zip(keys, (path, *beside.paths), strict=True)]


def _joined(tables: Sequence[Table]) -> tuple[pandas.DataFrame, Where]:
    """Return the rows of all parts, or of the training part alone if the parts cannot be joined.

    They cannot be joined if a column has texts in one part and numbers in another.
    """
    with suppress(SettingError):
        return joined(tables)
    return tables[0].frame, tables[0].where


@dataclass(frozen=True)
class _Beside:
    """The files beside a training part: choices and paths of other parts, and notes why other files are not used."""

    choices: Sequence[Choice]
    paths: Sequence[Path]
    notes: Sequence[str]


def _beside(
    path: Path, data: str, frame: pandas.DataFrame, target: str, read: Read, file: CsvFile | None = None
) -> _Beside:
    """Return the validation and test parts beside a file: they have a part's name, the same columns, and a target."""
    choices, paths, notes = [], [], []
    for key, part in (("validation_path", "validation"), ("test_path", "test")):
        names = [_named_like(path.stem, word) for word, means in PARTS.items() if means == part]
        there = [one for name in names if (one := path.with_name(f"{name}{path.suffix}")) != path and one.is_file()]
        for other in there[:1]:
            named = str(Path(data).with_name(other.name))
            if file is not None and (unlike_it := unlike(replace(file, path=other), path)) is not None:
                seen = f"{other.name} is in the same folder, but is not used as the {part} part: {unlike_it[0]}"
                notes.append(f"{seen}. Then write {key}: {unlike_it[1]}.")
            elif (why := _why_no_part(other, frame, target, read)) is None:
                choices.append(Choice(key, named, "it is in the same folder, and its name means this part"))
                paths.append(other)
            else:
                seen = f"{other.name} is in the same folder, but is not used as the {part} part: {why}"
                new = "the name of the new file" if "python -c" in why else named
                notes.append(f"{seen}. Once that is corrected, write {key}: {new}.")
    return _Beside(choices, paths, notes)


def _named_like(stem: str, word: str) -> str:
    """Return a name in which `word` replaces `train`, with the same capital letters.

    >>> _named_like("train", "test"), _named_like("drugsTrain", "test"), _named_like("Coffee_TRAIN", "test")
    ('test', 'drugsTest', 'Coffee_TEST')
    """

    def other(found: re.Match[str]) -> str:
        return word.upper() if found[0].isupper() else word.capitalize() if found[0].istitle() else word

    return re.sub("(?i)train(ing)?", other, stem)


def _why_no_part(path: Path, frame: pandas.DataFrame, target: str, read: Read) -> str | None:
    """Return why a file is no part of the data; None if it is one."""
    try:
        other = read("", path).frame
    except SettingError as error:
        return str(error).rstrip(".")
    lacks = [name for name in frame.columns if name not in other]
    besides = [name for name in other.columns if name not in frame]
    renamed = misspelt(lacks, besides)
    if target not in renamed.values() and (target not in other or other[target].isna().all()):
        return f"it has no values of {target!r}, which is to be learned"
    if lacks or besides:
        seen = [f"lacks {listed(map(repr, lacks), MOST_NAMED)}"] * bool(lacks) + [
            f"also has {listed(map(repr, besides), MOST_NAMED)}"
        ] * bool(besides)
        pairs = listed([f"{own!r} to {name!r}" for own, name in renamed.items()], MOST_NAMED)
        rename = pairs or ("it" if len(lacks) == len(besides) == 1 else "")
        return f"it {' and '.join(seen)}" + (f"; if they are the same, rename {rename}" if rename else "")
    return None


def _as_text(path: Path) -> tuple[CsvFile, list[Choice]]:
    """Return the file with its encoding, separator, decimal and thousands marks, and the choices that set them."""
    file, choices = separated(path)
    separator = file.separator
    frame = _reads(file)("path", path).frame
    columns = marked_columns(frame, frame.columns, ".")
    marked = list(columns.values())
    if has_comma(frame, columns, separator):
        seen = next(one.decimal for one in marked if one.decimal)
        file = CsvFile(path, separator, ",", file.encoding)
        choices.append(Choice("decimal", ",", f"a cell holds {seen}"))
        frame = _reads(file)("path", path).frame
        marked = list(marked_columns(frame, frame.columns, ",").values())
    thousands = {one.thousands for one in marked if one.thousands is not None}
    either = [name for name, one in marked_columns(frame, frame.columns, file.decimal).items() if one.either]
    is_clear = (
        file.decimal == "," or bool(with_points(frame)) or all(groups_digits(frame[name], ",") for name in either)
    )
    if len(thousands) == 1 and is_clear:
        (mark,) = thousands
        example = next(one.marked for one in marked if one.thousands == mark)
        file = CsvFile(path, separator, file.decimal, file.encoding, mark)
        choices.append(Choice("thousands", mark, f"a cell holds {example}"))
    return file, choices


def _texts(frame: pandas.DataFrame, target: str) -> list[str]:
    """List the columns of free text; none if the table has other inputs. Short texts must be different in most rows."""
    others = [name for name in frame.columns if name != target and not name.startswith(NO_NAME)]
    words = {name: words_of(frame[name]) for name in others if is_text(frame[name])}
    texts = [name for name, count in words.items() if count >= FEWEST_WORDS]
    if not texts:
        texts = [name for name, count in words.items() if count >= FEW_WORDS and 2 * frame[name].nunique() > len(frame)]
    if not texts:
        return []
    ids = id_like(frame, numeric(frame, others), others)
    return texts if {*others} <= {*texts, *ids} else []
