"""Your own files: tables in CSV and Parquet, arrays in NPZ. Folders of images and WAV are with `images`, `speech`.

Every file is measured before it is read, so that one that does not fit is refused while there is memory left.
"""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import CsvDataset, NpzDataset, ParquetDataset, TextCsvDataset
from bnexp.config.section import Kind
from bnexp.data.rows import Rows
from bnexp.data.table import LARGEST, Columns, Where, from_frame, target
from bnexp.errors import SettingError, nearest

if TYPE_CHECKING:
    import pandas

CSV_GROWTH = 4
"""Bytes of memory that reading a byte of CSV takes at its peak, pandas's own tables included (measured: 2 to 4)."""


def existing(path: str, *, folder: bool = False) -> Path:
    """Give the path if such a file, or folder, is there.

    Raises:
        SettingError: if it is not; it names the nearest that is.
    """
    expected = "a folder" if folder else "a file"
    try:
        found = Path(path).expanduser()
        if found.is_dir() if folder else found.is_file():
            return found
        seen = f"is no {'folder' if folder else 'file'}" if found.exists() else "is not there"
        beside = [entry.name for entry in sorted(found.parent.iterdir())][:20] if found.parent.is_dir() else []
    except (OSError, RuntimeError) as error:  # no such user, no permission, a name too long
        raise SettingError(
            "dataset.path", f"is {path[:200]!r}; {str(error).rstrip('.')}. Expected {expected}."
        ) from error
    near = f" {nearest(found.name, beside)}" if beside and not found.exists() else ""
    raise SettingError(
        "dataset.path",
        f"is {path!r}; it {seen} (in {Path.cwd()}). Expected {expected}, from the current directory.{near}",
    )


def refuse_too_large(path: Path, size: int, needed: int, limit: int | None) -> None:
    """Raise SettingError if reading something of this size would need more memory than the limit; both in bytes."""
    if limit is not None and needed > limit:
        raise SettingError(
            "dataset.path",
            f"is {str(path)!r}, {_mebibytes(size)} in size; reading it takes about {_mebibytes(needed)} of memory, "
            f"and training.memory_limit is {_mebibytes(limit)}. Use a smaller file, or a higher limit.",
        )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def read_csv(path: Path, separator: str, limit: int | None) -> pandas.DataFrame:
    """Read a table from text.

    Raises:
        SettingError: if it is too large, is no UTF-8, has no rows, a name
            twice, only one column, or a line with too many fields.
    """
    import pandas

    if not separator.isascii() or separator in '\r\n"':
        raise SettingError(
            "dataset.separator", f"is {separator!r}; expected one sign of ASCII that is no quotation mark."
        )
    size = path.stat().st_size
    refuse_too_large(path, size, CSV_GROWTH * size, limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # more fields than names in every line
            frame = pandas.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False, index_col=False)
        names = pandas.read_csv(path, sep=separator, encoding="utf-8-sig", header=None, nrows=1, dtype=str).iloc[0]
    except UnicodeDecodeError as error:
        raise SettingError("dataset.path", f"is {str(path)!r}; it is not UTF-8 ({error}). Save it as UTF-8.") from error
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, pandas.errors.ParserWarning, OSError) as error:
        reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        if isinstance(error, pandas.errors.ParserWarning):
            reason = "its lines have more fields than its first line has names"
        raise SettingError(
            "dataset.path",
            f"is {str(path)!r}; it is no table: {reason}. "
            "Expected a line of column names, then one line a row. Mend the file, or give its dataset.separator.",
        ) from error
    _refuse_empty(path, frame)
    _refuse_faulty_names(path, separator, names, frame)
    return frame


def _refuse_faulty_names(path: Path, separator: str, names: pandas.Series[Any], frame: pandas.DataFrame) -> None:
    """Raise SettingError if a name stands twice, or if there is but one."""
    twice = names[names.notna() & names.duplicated()]
    if len(twice):
        raise SettingError("dataset.path", f"is {str(path)!r}; two columns are called {twice.iloc[0]!r}. Rename one.")
    if len(names) == 1:
        raise SettingError(
            "dataset.separator",
            f"is {separator!r}; {path} has but one column with it, {names.iloc[0][:80]!r}. Expected two or more.",
        )


def _refuse_empty(path: Path, frame: pandas.DataFrame) -> None:
    if not len(frame):
        raise SettingError("dataset.path", f"is {str(path)!r}; it has no rows. Expected one line a row.")


def lines_of(path: Path, rows: int) -> Where:
    """Tell file and line of a row of a CSV file; or its number, where rows span several lines."""
    with open(path, "rb") as file:
        lines = sum(1 for _ in file)
    if lines == rows + 1:
        return lambda row: f"{path}:{row + 2}"
    return lambda row: f"{path}, row {row + 1}"


def csv_rows(dataset: CsvDataset, limit: int | None) -> Rows:
    """Read the rows of a CSV table."""
    path = existing(dataset.path)
    frame = read_csv(path, dataset.separator, limit)
    for number, name in enumerate(frame.columns, 1):
        if name.startswith("Unnamed: ") and name not in dataset.drop:
            raise SettingError(
                "dataset.drop",
                f"keeps column {number}, which has no name; such a column mostly counts the rows. Name it in the file, "
                f"or leave it out as {name!r}.",
            )
    as_text = [*([dataset.target] if dataset.task != "regression" else []), *dataset.categories, dataset.group]
    _keep_leading_zeros(path, dataset.separator, as_text, frame)
    return from_frame(frame, _columns(dataset), lines_of(path, len(frame)), limit)


def _keep_leading_zeros(path: Path, separator: str, columns: Sequence[str | None], frame: pandas.DataFrame) -> None:
    """Put labels back as text if whole numbers are written with leading zeros: 01 and 1 are two of them."""
    import pandas

    for name in columns:
        if name in frame and frame[name].dtype.kind == "i":
            only: Any = {"usecols": [name], "dtype": str}
            written = pandas.read_csv(path, sep=separator, encoding="utf-8-sig", **only)[name]
            if written.str.match(r"\s*[+-]?0\d").any():
                frame[name] = written


def _columns(dataset: CsvDataset | ParquetDataset) -> Columns:
    return Columns(
        dataset.target, dataset.task, dataset.drop, dataset.categories, group=dataset.group, missing=dataset.missing
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

    path = existing(dataset.path)
    try:
        facts = pyarrow.parquet.ParquetFile(path).metadata
        groups = (facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
        needed = 2 * max(sum(groups), 8 * facts.num_rows * facts.num_columns)
        refuse_too_large(path, path.stat().st_size, needed, limit)
        frame = pyarrow.parquet.read_table(path).to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError("dataset.path", f"is {str(path)!r}; it is no Parquet file: {reason}") from error
    _refuse_empty(path, frame)
    for name in frame.columns:
        if pandas.api.types.infer_dtype(frame[name], skipna=True) == "decimal":
            frame[name] = frame[name].astype("float64")
    frame = frame.loc[:, ~frame.columns.str.match(r"__index_level_\d+__$")]  # pandas's count of the rows
    return from_frame(frame, _columns(dataset), lambda row: f"{path}, row {row + 1}", limit)


def npz_rows(dataset: NpzDataset, limit: int | None) -> Rows:
    """Read the rows of arrays in a NumPy file; nothing in it is unpickled.

    Raises:
        SettingError: if an array is missing, too large, of another length, or of a kind that cannot be learned from.
    """
    import pandas

    path = existing(dataset.path)
    names = {"x": dataset.x, "y": dataset.y} | ({"group": dataset.group} if dataset.group else {})
    headers = _npz_headers(path)
    for key, name in names.items():
        if name not in headers:
            raise SettingError(f"dataset.{key}", f"is {name!r}; no array has this name. {nearest(name, headers)}")
    needed = sum(2 * math.prod(shape) * kind.itemsize for shape, kind in (headers[name] for name in names.values()))
    refuse_too_large(path, path.stat().st_size, needed, limit)
    with _readable(path, "NumPy cannot read it: "), np.load(path, allow_pickle=False) as arrays:
        x, y_N, *group = (arrays[name] for name in names.values())

    def where(row: int) -> str:
        return f"{path}, row {row}"

    kind = _kind(dataset, x)
    for key, array in zip(names, (x, y_N, *group), strict=True):
        if key != "x" and array.shape != x.shape[:1]:
            raise SettingError(
                f"dataset.{key}",
                f"is {names[key]!r} with shape {array.shape}; expected one value for each of the {len(x)} rows of x.",
            )
        if key != "x" and array.dtype.kind not in "biufU":
            raise SettingError(
                f"dataset.{key}", f"is {names[key]!r}, {array.dtype}; expected numbers, booleans or texts."
            )
    y_N = y_N.astype(y_N.dtype.newbyteorder("="))
    numbers, classes = target(pandas.Series(y_N, name=dataset.y), dataset.task, where, "dataset.y")
    groups_N = np.unique(group[0], return_inverse=True)[1].astype("int64") if group else None
    return Rows(kind, _shaped(dataset, x, kind, where), numbers, classes, groups_N=groups_N)


def _npz_headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Read the name, shape and type of each array without reading its values."""
    headers = {}
    with _readable(path, "it is no NPZ file: "), zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if not member.endswith(".npy"):
                continue
            with archive.open(member) as file:
                first = np.lib.format.read_magic(file) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
                shape, _, kind = read(file)
                headers[member.removesuffix(".npy")] = (shape, kind)
    if not headers:
        raise SettingError("dataset.path", f"is {str(path)!r}; no array is in it. Write one with numpy.savez.")
    return headers


@contextmanager
def _readable(path: Path, seen: str) -> Iterator[None]:
    """Turn all that zipfile and NumPy raise of a faulty file, encrypted or claiming terabytes, into a SettingError."""
    try:
        yield
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise SettingError("dataset.path", f"is {str(path)!r}; {seen}{reason}. Write one with numpy.savez.") from error


def _kind(dataset: NpzDataset, x: NDArray[Any]) -> Kind:
    kinds: dict[int, Kind] = {2: "table", 3: "sequence", 4: "image"}
    if 0 in x.shape or x.ndim < 2 or (dataset.kind == "auto" and x.ndim not in kinds):
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r} with shape {x.shape}; expected rank 2, 3 or 4: the first axis counts rows, and none is "
            "empty.",
        )
    return kinds[x.ndim] if dataset.kind == "auto" else dataset.kind


def _shaped(dataset: NpzDataset, x: NDArray[Any], kind: Kind, where: Where) -> NDArray[Any]:
    """Give x as numbers of the rank that its kind has; gray images get their one channel."""
    if kind == "image" and x.ndim == 3:
        x = x[..., None]
    ranks = {"table": 2, "sequence": 3, "image": 4}
    if x.dtype.kind not in "fiub" or x.ndim != ranks[kind]:
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}, {x.dtype} of shape {x.shape}; expected numbers of rank {ranks[kind]} ({kind}).",
        )
    if x.dtype == np.uint8:
        return x
    may_be_missing = kind == "sequence" or dataset.missing != "refuse"
    most = np.float32(LARGEST)  # a half-precision x could not be compared with it as a Python number
    bad = ((x < -most) | (x > most) | (np.isnan(x) & (not may_be_missing))).reshape(len(x), -1)
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        number = x[row].ravel()[bad[row]][0]
        cure = "Use dataset.missing: mean, or mend the file." if np.isnan(number) else "Mend the file."
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}; {where(row)} (counted from 0) holds {number}, expected finite numbers, up to "
            f"{LARGEST:g}. {cure}",
        )
    return x.astype("float32")


def text_column(dataset: TextCsvDataset, limit: int | None) -> tuple[pandas.DataFrame, Where]:
    """Read the table that holds texts, and how to tell a row's line."""
    path = existing(dataset.path)
    frame = read_csv(path, dataset.separator, limit)
    _keep_leading_zeros(path, dataset.separator, [dataset.target, dataset.group], frame)
    return frame, lines_of(path, len(frame))
