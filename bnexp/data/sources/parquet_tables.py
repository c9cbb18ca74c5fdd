"""Your own tables in Parquet. They are measured while they are unpacked, because few bytes may hold many values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.real import ParquetDataset
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.rows import Rows, row_of
from bnexp.data.sources.joined import Table, joined, with_parts
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.data.sources.table import columns_of, from_frame, refuse_empty
from bnexp.errors import Problems, SettingError

if TYPE_CHECKING:
    import pandas

PARQUET_ENDINGS = (".parquet", ".pq")
PARQUET_ROWS = 8192
"""Rows of a Parquet file that are unpacked and measured at a time."""
PARQUET_COPIES = 4
"""Copies of the numbers in memory at the peak: as they are stored, and while they become rows."""


def parquet_rows(dataset: ParquetDataset, limit: int | None) -> Rows:
    """Return the rows of the Parquet tables of all parts.

    Raises:
        SettingError: if `parquet_frame` refuses the file of a part, or `from_frame` refuses the table.
    """
    _refuse_without_pyarrow()
    problems, tables = Problems(), list[Table]()
    for key, part in dataset.each_part():
        with problems.noted(), named_by(key):
            path = existing_path(part.path, endings=PARQUET_ENDINGS)
            tables.append(Table(key, path, parquet_frame(path, limit), row_of(path)))
    problems.refuse()
    frame, where = joined(tables, dataset.drop)
    rows = from_frame(frame, columns_of(dataset), where, limit)
    return with_parts(rows, {table.key: len(table.frame) for table in tables})


def _refuse_without_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise SettingError(
            "dataset.name", 'is parquet; reading it takes pyarrow. Install it: pip install "bnexp[parquet]"'
        ) from error


def parquet_frame(path: Path, limit: int | None) -> pandas.DataFrame:
    """Read a table from Parquet.

    Raises:
        SettingError: if pyarrow is not installed, or the file is too large, is not Parquet, or has no rows.
    """
    import pandas

    _refuse_without_pyarrow()
    import pyarrow.parquet

    try:
        frame = _parquet_table(path, pyarrow.parquet.ParquetFile(path), limit).to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError("dataset.path", f"is {str(path)!r}; it is no Parquet file: {reason}") from error
    refuse_empty(path, frame)
    for name in frame.columns:
        if pandas.api.types.infer_dtype(frame[name], skipna=True) == "decimal":
            frame[name] = frame[name].astype("float64")
    counts = frame.columns.str.match(r"__index_level_\d+__$")  # row numbers that pandas stored
    kept: pandas.DataFrame = frame.loc[:, ~counts]
    return kept


def _parquet_table(path: Path, file: Any, limit: int | None) -> Any:
    """Return the unpacked table of a Parquet file; raise SettingError as soon as it is too large."""
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
