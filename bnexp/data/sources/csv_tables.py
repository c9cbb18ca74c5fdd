"""Your own tables in CSV. Their size is estimated before they are read, so that a too large table is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.real import CsvDataset, TextCsvDataset
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.rows import Rows
from bnexp.data.sources.cells import with_missing, with_numbers
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.encoding import (
    likely_encoding,
    refuse_contradicted,
    refuse_nul,
    refuse_other_encoding,
    refuse_other_kinds,
    warnings_of_encoding,
)
from bnexp.data.sources.header import warnings_of_names
from bnexp.data.sources.joined import Table, joined, mixed_columns, with_parts
from bnexp.data.sources.line_numbers import (
    for_further_mistakes,
    likely_separator,
    lines_of,
    no_table,
    refuse_faulty_names,
    refuse_note_of_excel,
    refuse_repeated_columns,
    refuse_short_rows,
)
from bnexp.data.sources.marks import warnings_of_groups
from bnexp.data.sources.other_forms import refuse_other_forms
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.data.sources.quotes import refuse_swallowed_rows
from bnexp.data.sources.table import columns_of, from_frame, refuse_empty
from bnexp.data.sources.unlike_parts import unlike
from bnexp.errors import Problems, SettingError

if TYPE_CHECKING:
    import pandas

CELL_BYTES = 24
"""Peak memory of a CSV cell in bytes, in addition to the bytes of the file (measured: 17 for numbers, 21 for text)."""
CSV_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data")
TAB_ENDINGS = (".tsv", ".tab")
"""Endings of tables whose columns are separated by tabs."""

Skipped = Mapping[str, tuple[int, ...]]
"""Key of a file, such as `validation_path` -> its `CsvFile.skipped`, if it is read for further mistakes."""
NOTHING: Skipped = {}
OF_ALL_ROWS = ("in all rows", "in any row")
"""Phrases of mistakes that a table may only have as long as some of its rows are skipped."""


def read_csv(file: CsvFile, limit: int | None) -> pandas.DataFrame:
    """Read a CSV file as a table.

    Raises:
        SettingError: if the file is too large, is in another encoding or has no rows; or if it has a repeated name,
            only one column, a line with too many fields, a NUL byte or an open quote.
    """
    refuse_csv_by_size(file, limit)
    refuse_other_kinds(file.path)
    refuse_contradicted(file)
    try:
        return _checked(file)
    except UnicodeError:
        refuse_other_encoding(file)


def _checked(file: CsvFile) -> pandas.DataFrame:
    """Read a CSV file as a table, and refuse what pandas would read wrongly.

    Raises:
        SettingError: if the file has a mistake.
        UnicodeError: if the file is in another encoding.
    """
    import pandas

    refuse_note_of_excel(file)
    refuse_other_forms(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # more fields than names in every line
            frame = with_missing(file.frame(low_memory=False, index_col=False), file)
        names = file.frame(header=None, nrows=1, dtype=str).iloc[0]
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, pandas.errors.ParserWarning, OSError) as error:
        refuse_nul(file)
        if "EOF inside string" in str(error):
            refuse_swallowed_rows(file)
        problems = Problems()
        problems.note("dataset.path", f"is {str(file.path)!r}; {no_table(file, error)}")
        if isinstance(error, pandas.errors.ParserError | pandas.errors.ParserWarning):  # rows with too many fields
            with problems.noted():
                refuse_repeated_columns(file)
        problems.refuse()
    refuse_nul(file)
    refuse_empty(file.path, frame)
    refuse_swallowed_rows(file, len(frame))
    problems = Problems()
    for refuse in (partial(refuse_faulty_names, file, names, frame), partial(refuse_short_rows, file, frame)):
        with problems.noted():
            refuse()
    problems.refuse()
    if file.skipped is not None:  # pandas has numbered repeated names, and no message should name these
        frame = frame.loc[:, (names.isna() | ~names.duplicated()).to_numpy()]
    return with_numbers(frame, file)


def refuse_csv_by_size(file: CsvFile, limit: int | None) -> None:
    """Raise SettingError if a CSV file is too large for the memory limit.

    The number of its cells is estimated from its size and from the cells in its first MiB.
    """
    size = file.path.stat().st_size
    with open(file.path, "rb") as content:
        beginning = content.read(2**20)
    text = beginning.decode(file.encoding, "replace")
    cells = text.count(file.separator) + text.count("\n")
    refuse_too_large(file.path, size, size + CELL_BYTES * cells * size // max(1, len(beginning)), limit)


def csv_rows(dataset: CsvDataset, limit: int | None, *, skipped: Skipped = NOTHING) -> Rows:
    """Read the rows of a CSV table.

    Raises:
        SettingError: with the mistakes of all files. Rows with another number of fields hide no mistake of the others.
    """
    problems = Problems()
    as_text = [*([dataset.target] if dataset.task != "regression" else []), *dataset.categories, dataset.group]
    with problems.noted():
        tables = csv_tables(dataset, limit, as_text, skipped)
    if problems.found and (likely := _likely_keys(dataset)):
        with problems.noted():  # find further mistakes, with the likely encoding or separator
            csv_rows(dataset.model_copy(update=likely), limit)
    elif problems.found and not skipped:
        note_further_mistakes(problems, dataset, lambda faulty: csv_rows(dataset, limit, skipped=faulty))
    problems.refuse()
    with doubts_told(dataset, tables):
        frame, where = joined(tables, dataset.drop)
        rows = from_frame(frame, columns_of(dataset), where, limit)
    facts = replace(rows.facts, warnings=[*(rows.facts.warnings or ()), *warnings_of_files(dataset, tables)])
    return with_parts(replace(rows, facts=facts), {table.key: len(table.frame) for table in tables})


def note_further_mistakes(
    problems: Problems, dataset: CsvDataset | TextCsvDataset, read: Callable[[Skipped], object]
) -> None:
    """Note what is wrong with a table besides uneven rows and repeated names: `read` reads it in spite of these.

    A mistake that the skipped rows may mend, such as a class that only they have, is not noted.
    """
    faulty = dict[str, tuple[int, ...]]()
    for key, part in dataset.each_part():
        with suppress(SettingError):  # there is no such file
            file = for_further_mistakes(CsvFile.of(dataset, existing_path(part.path, endings=CSV_ENDINGS)))
            faulty |= {} if file is None or file.skipped is None else {key: file.skipped}
    if faulty:
        others = Problems()
        with others.noted():
            read(faulty)
        for error in others.found:
            for key, text in error.problems if isinstance(error, SettingError) else ():
                if not any(phrase in text for phrase in OF_ALL_ROWS):
                    problems.note(key, text)


def csv_tables(
    dataset: CsvDataset | TextCsvDataset, limit: int | None, as_text: Sequence[str | None], skipped: Skipped = NOTHING
) -> list[Table]:
    """Read the table of each part.

    A column of `as_text`, such as labels, stays text if numbers would merge different labels, such as 01 and 1. A
    column that holds numbers in one part and texts in another is read as text in all parts.

    Raises:
        SettingError: with the mistakes of all files.
    """
    problems, tables = Problems(), list[Table]()
    for key, part in dataset.each_part():
        with problems.noted(), named_by(key):
            file = CsvFile.of(dataset, existing_path(part.path, endings=CSV_ENDINGS))
            refuse_other_kinds(file.path)
            if tables:
                _refuse_unlike(file, tables[0].path, key)
            file = replace(file, skipped=skipped.get(key))
            frame = read_csv(file, limit)
            tables.append(Table(key, file.path, frame, lines_of(file, len(frame)), file.skipped))
    problems.refuse()
    labels = [name for name in as_text if name is not None]
    blurred = {name for name in labels if _is_blurred(tables, name, dataset)}
    for name in (*blurred, *mixed_columns(tables)):
        for table in tables if all(name in table.frame for table in tables) else ():
            table.frame[name] = _as_written(table, name, dataset)
    return tables


def _refuse_unlike(file: CsvFile, training: Path, key: str) -> None:
    """Raise SettingError, with a command, if a held-out part is in another encoding, or with another separator."""
    if (other := unlike(file, training)) is not None:
        seen, name = other
        raise SettingError("dataset.path", f"is {str(file.path)!r}; {seen}. Then use dataset.{key}: {name}.")


@contextmanager
def doubts_told(dataset: CsvDataset | TextCsvDataset, tables: Sequence[Table]) -> Iterator[None]:
    """Add doubts about the encoding of the files to a SettingError. They may explain why a name is not found."""
    problems = Problems()
    with problems.noted():
        yield
    for table in tables if problems.found else ():
        for doubt in warnings_of_encoding(CsvFile.of(dataset, table.path)):
            problems.note("dataset.encoding", f"is probably wrong. {doubt}")
    problems.refuse()


def warnings_of_files(dataset: CsvDataset | TextCsvDataset, tables: Sequence[Table]) -> Iterator[str]:
    """Yield warnings about the encoding of each file, the names of its columns, and the marks in its numbers."""
    for table in tables:
        yield from warnings_of_encoding(CsvFile.of(dataset, table.path))
        yield from warnings_of_names(table.frame, list(table.frame.columns), f"the first line of {table.path}")
        used = [name for name in table.frame.columns if name not in getattr(dataset, "drop", ())]
        yield from warnings_of_groups(table.frame[used], _file_of(table, dataset))


def _likely_keys(dataset: CsvDataset) -> dict[str, str]:
    """Return the encoding or separator that probably reads the training part's file; {} if the config's seems right."""
    try:
        file = CsvFile.of(dataset, existing_path(dataset.path))
        if (encoding := likely_encoding(file)) is not None:
            return {"encoding": encoding}
        separator = likely_separator(file)
    except (SettingError, UnicodeError):  # no such file, or UTF-16 without its byte order mark
        return {}
    return {} if separator is None else {"separator": separator}


def _is_blurred(tables: Sequence[Table], name: str, dataset: CsvDataset | TextCsvDataset) -> bool:
    """Return True if numbers would merge different labels.

    Examples are 01 and 1, or long ids in a column with a gap in any part, which pandas reads as floats.
    """
    holders = [table for table in tables if name in table.frame]
    has_gap = any(table.frame[name].isna().any() for table in holders)
    blurs = r"\s*[+-]?(0\d+|\d{16,})\s*$" if has_gap else r"\s*[+-]?0\d+\s*$"
    of_numbers = [table for table in holders if table.frame[name].dtype.kind in "iuf"]
    return any(_as_written(table, name, dataset).str.match(blurs, na=False).any() for table in of_numbers)


def _file_of(table: Table, dataset: CsvDataset | TextCsvDataset) -> CsvFile:
    return replace(CsvFile.of(dataset, table.path), skipped=table.skipped)


def _as_written(table: Table, name: str, dataset: CsvDataset | TextCsvDataset) -> pandas.Series[Any]:
    file = _file_of(table, dataset)
    return with_missing(file.frame(usecols=[name], dtype=str), file, as_text=True)[name]
