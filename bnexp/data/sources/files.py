"""Your own tables, in CSV and Parquet. Arrays are with `npz`, folders of images and WAV with `images` and `speech`.

Every file is measured before it is read, so that one that does not fit is refused while there is memory left.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.real import CsvDataset, ParquetDataset
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.rows import Rows, row_of
from bnexp.data.sources.column import with_numbers
from bnexp.data.sources.encoding import refuse_nul, refuse_other_encoding, refuse_other_kinds
from bnexp.data.sources.header import warnings_of_names
from bnexp.data.sources.line_numbers import (
    likely_separator,
    lines_of,
    no_table,
    refuse_faulty_names,
    refuse_note_of_excel,
    refuse_short_rows,
)
from bnexp.data.sources.quotes import refuse_swallowed_rows
from bnexp.data.sources.table import Columns, from_frame
from bnexp.errors import Problems, SettingError, nearest

if TYPE_CHECKING:
    import pandas

CELL_BYTES = 24
"""Memory that a cell of CSV takes at the peak, beside the file's own bytes (measured: 17 for numbers, 21 for text)."""
CSV: Mapping[str, Any] = {
    "encoding": "utf-8-sig",
    "compression": None,
    "keep_default_na": False,
    "na_values": [""],
}
"""How pandas reads a CSV file: as it is, packed or not, so that its size tells; only an empty cell is missing."""
CSV_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data")
PARQUET_ENDINGS = (".parquet", ".pq")
MOST_OFFERED = 10
"""Names of files that are offered in the place of one that is not there."""
PARQUET_ROWS = 8192
"""Rows of a Parquet file that are unpacked at a time, and then measured."""
PARQUET_COPIES = 4
"""How often the numbers are in memory at the peak: as they are stored, and on their way to rows."""


def existing_path(path: str, *, folder: bool = False, endings: Sequence[str] = ()) -> Path:
    """Return the path if there is a file, or a folder, with one of these endings.

    Raises:
        SettingError: if it is not; it names files with these endings, or folders, that are, the nearest first.
    """
    expected = "a folder" if folder else "a file"
    if "://" in path:
        raise SettingError(
            "dataset.path", f"is {_cut(path)!r}, an address of the web. Expected {expected}: download it."
        )
    try:
        found = Path(path).expanduser()
        if found.is_dir() if folder else found.is_file():
            return found
        if found.exists():
            seen = "is a folder" if found.is_dir() else f"is no {'folder' if folder else 'regular file'}"
        else:
            seen = f"is not there (in {Path.cwd()})"
        place = found if found.is_dir() else found.parent
        if not place.exists():
            seen += f"; there is no folder {str(place)!r}"
        written = Path(path) if found.is_dir() else Path(path).parent
        beside = [str(written / name) for name in _of_kind(place, folder=folder, endings=endings)]
    except (OSError, RuntimeError, ValueError) as error:  # no such user, no permission, a name too long, a NUL
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise SettingError("dataset.path", f"is {_cut(path)!r}; {reason}. Expected {expected}.") from error
    beside.sort(key=lambda name: -difflib.SequenceMatcher(None, path.lower(), name.lower()).ratio())
    near = f" {nearest(path, beside[:MOST_OFFERED])}" if beside else ""
    raise SettingError(
        "dataset.path", f"is {_cut(path)!r}; it {seen}. Expected {expected}, from the current directory.{near}"
    )


def _of_kind(place: Path, *, folder: bool, endings: Sequence[str]) -> list[str]:
    """List the folders, or the files with these endings, in a folder, if it is one; hidden ones are left out."""
    if not place.is_dir():
        return []
    inner = [entry for entry in sorted(place.iterdir()) if not entry.name.startswith(".")]
    if folder:
        return [entry.name for entry in inner if entry.is_dir()]
    return [entry.name for entry in inner if entry.name.lower().endswith(tuple(endings)) and entry.is_file()]


def _cut(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:200]}..."


def read_csv(path: Path, separator: str, limit: int | None, decimal: str = ".") -> pandas.DataFrame:
    """Read a table from text.

    Raises:
        SettingError: if it is too large, is no UTF-8, has no rows, a name twice, only
            one column, a line with too many fields, a NUL byte or an open quote.
    """
    import pandas

    if not separator.isascii() or separator in '\r\n"':
        raise SettingError(
            "dataset.separator", f"is {separator!r}; expected one sign of ASCII that is no quotation mark."
        )
    refuse_csv_by_size(path, separator, limit)
    refuse_other_kinds(path)
    refuse_note_of_excel(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # more fields than names in every line
            frame = pandas.read_csv(path, sep=separator, decimal=decimal, low_memory=False, index_col=False, **CSV)
        names = pandas.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, **CSV).iloc[0]
    except UnicodeDecodeError:
        refuse_other_encoding(path)
        raise
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, pandas.errors.ParserWarning, OSError) as error:
        refuse_nul(path)
        if "EOF inside string" in str(error):
            refuse_swallowed_rows(path, separator)
        raise SettingError("dataset.path", f"is {str(path)!r}; {no_table(path, separator, error)}") from error
    refuse_nul(path)
    _refuse_empty(path, frame)
    refuse_swallowed_rows(path, separator, len(frame))
    refuse_faulty_names(path, separator, names, frame, decimal)
    refuse_short_rows(path, separator, frame)
    return with_numbers(frame, decimal)


def refuse_csv_by_size(path: Path, separator: str, limit: int | None) -> None:
    """Raise SettingError if a CSV file is too large, by its size and by how many cells its beginning has."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        beginning = file.read(2**20)
    cells = beginning.count(separator.encode()) + beginning.count(b"\n")
    refuse_too_large(path, size, size + CELL_BYTES * cells * size // max(1, len(beginning)), limit)


def _refuse_empty(path: Path, frame: pandas.DataFrame) -> None:
    if not len(frame):
        raise SettingError("dataset.path", f"is {str(path)!r}; it has no rows. Expected one line a row.")


def csv_rows(dataset: CsvDataset, limit: int | None) -> Rows:
    """Read the rows of a CSV table."""
    path = existing_path(dataset.path, endings=CSV_ENDINGS)
    problems = Problems()
    with problems.noted():
        frame = read_csv(path, dataset.separator, limit, dataset.decimal)
    if problems.found and (separator := likely_separator(path, dataset.separator)) is not None:
        with problems.noted():  # what else would be wrong with the separator that is likely
            csv_rows(dataset.model_copy(update={"separator": separator}), limit)
    problems.refuse()
    as_text = [*([dataset.target] if dataset.task != "regression" else []), *dataset.categories, dataset.group]
    keep_as_written(path, dataset.separator, as_text, frame)
    where = lines_of(path, dataset.separator, len(frame))
    rows = from_frame(frame, _columns(dataset, dataset.decimal), where, limit)
    warnings = warnings_of_names(frame, list(frame.columns), f"the first line of {path}")
    return replace(rows, facts=replace(rows.facts, warnings=[*(rows.facts.warnings or ()), *warnings]))


def keep_as_written(path: Path, separator: str, columns: Sequence[str | None], frame: pandas.DataFrame) -> None:
    """Put labels back as text if numbers would blur them: 01 and 1, or ids too long for a float, as beside a gap."""
    import pandas

    for name in columns:
        if name in frame and frame[name].dtype.kind in "iuf":
            only: Any = {"usecols": [name], "dtype": str}
            written = pandas.read_csv(path, sep=separator, **CSV, **only)[name]
            blurred = r"\s*[+-]?(0\d+|\d{16,})\s*$" if frame[name].isna().any() else r"\s*[+-]?0\d+\s*$"
            if written.str.match(blurred, na=False).any():
                frame[name] = written


def _columns(dataset: CsvDataset | ParquetDataset, decimal: str | None = None) -> Columns:
    return Columns(
        dataset.target,
        dataset.task,
        dataset.drop,
        dataset.categories,
        group=dataset.group,
        missing=dataset.missing,
        decimal=decimal,
    )


def parquet_rows(dataset: ParquetDataset, limit: int | None) -> Rows:
    """Read the rows of a Parquet table.

    Raises:
        SettingError: if pyarrow is not installed, or the file is too large or no Parquet.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise SettingError(
            "dataset.name", 'is parquet; reading it takes pyarrow. Install it: pip install "bnexp[parquet]"'
        ) from error
    import pandas

    path = existing_path(dataset.path, endings=PARQUET_ENDINGS)
    try:
        frame = _parquet_table(path, pyarrow.parquet.ParquetFile(path), limit).to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError("dataset.path", f"is {str(path)!r}; it is no Parquet file: {reason}") from error
    _refuse_empty(path, frame)
    for name in frame.columns:
        if pandas.api.types.infer_dtype(frame[name], skipna=True) == "decimal":
            frame[name] = frame[name].astype("float64")
    frame = frame.loc[:, ~frame.columns.str.match(r"__index_level_\d+__$")]  # pandas's count of the rows
    return from_frame(frame, _columns(dataset), row_of(path), limit)


def _parquet_table(path: Path, file: Any, limit: int | None) -> Any:
    """Unpack a Parquet file, and stop as soon as it is too large: few bytes of it may stand for many values."""
    import pyarrow

    size, rows, taken = path.stat().st_size, file.metadata.num_rows, 0
    refuse_too_large(path, size, PARQUET_COPIES * 4 * rows * file.metadata.num_columns, limit)
    batches: list[Any] = []
    for batch in file.iter_batches(batch_size=PARQUET_ROWS):
        batches.append(batch)
        taken += batch.nbytes
        if limit is not None and PARQUET_COPIES * taken > limit:
            refuse_too_large(path, size, PARQUET_COPIES * taken * rows // sum(map(len, batches)), limit)
    return pyarrow.Table.from_batches(batches, file.schema_arrow)
