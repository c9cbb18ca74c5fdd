"""Your own files: tables in CSV and Parquet, arrays in NPZ. Folders of images and WAV are with `images`, `speech`.

Every file is measured before it is read, so that one that does not fit is refused while there is memory left.
"""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.config.real import CsvDataset, NpzDataset, ParquetDataset, TextCsvDataset
from bnexp.config.section import Kind
from bnexp.data.limit import refuse_too_large
from bnexp.data.lines import lines_of, no_table, refuse_faulty_names, refuse_nul, refuse_other_decimals
from bnexp.data.rows import Rows, Where, row_of
from bnexp.data.table import LARGEST, Columns, from_frame, refuse_lost_digits, target, with_numbers
from bnexp.errors import SettingError, nearest

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
PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
PARQUET_ROWS = 8192
"""Rows of a Parquet file that are unpacked at a time, and then measured."""
PARQUET_COPIES, NPZ_COPIES = 4, 3
"""How often the numbers are in memory at the peak: as they are stored, and on their way to rows."""


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


def refuse_by_size(dataset: Dataset, limit: int | None) -> None:
    """Raise SettingError if a file of your own is too large by what can be told at once; it is read for its size only.

    Parquet tells its size as it is unpacked, a folder as its files are opened.
    """
    match dataset:
        case CsvDataset() | TextCsvDataset():
            _refuse_csv_by_size(existing(dataset.path), dataset.separator, limit)
        case NpzDataset():
            _refuse_npz_by_headers(dataset, limit)


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
    if separator == decimal:
        raise SettingError("dataset.decimal", f"is {decimal!r}, as dataset.separator. Give another dataset.separator.")
    _refuse_csv_by_size(path, separator, limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # more fields than names in every line
            frame = pandas.read_csv(path, sep=separator, decimal=decimal, low_memory=False, index_col=False, **CSV)
        names = pandas.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, **CSV).iloc[0]
    except UnicodeDecodeError as error:
        cure = "Unpack it, so that its size can be told" if path.suffix in PACKED else "Save it as UTF-8"
        raise SettingError("dataset.path", f"is {str(path)!r}; it is not UTF-8 ({error}). {cure}.") from error
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, pandas.errors.ParserWarning, OSError) as error:
        refuse_nul(path)
        raise SettingError("dataset.path", f"is {str(path)!r}; {no_table(path, separator, error)}") from error
    refuse_nul(path)
    _refuse_empty(path, frame)
    refuse_faulty_names(path, separator, names)
    return with_numbers(frame, decimal)


def _refuse_csv_by_size(path: Path, separator: str, limit: int | None) -> None:
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
    path = existing(dataset.path)
    frame = read_csv(path, dataset.separator, limit, dataset.decimal)
    for number, name in enumerate(frame.columns, 1):
        if name.startswith("Unnamed: ") and name not in dataset.drop:
            raise SettingError(
                "dataset.drop",
                f"keeps column {number}, which has no name; such a column mostly counts the rows. Name it in the file, "
                f"or leave it out as {name!r}.",
            )
    as_text = [*([dataset.target] if dataset.task != "regression" else []), *dataset.categories, dataset.group]
    keep_leading_zeros(path, dataset.separator, as_text, frame)
    where = lines_of(path, dataset.separator, len(frame))
    others = [name for name in frame.columns if name not in (*dataset.drop, *dataset.categories, dataset.group)]
    refuse_other_decimals(frame[others], dataset.decimal, dataset.separator, where)
    return from_frame(frame, _columns(dataset), where, limit)


def keep_leading_zeros(path: Path, separator: str, columns: Sequence[str | None], frame: pandas.DataFrame) -> None:
    """Put labels back as text if whole numbers are written with leading zeros: 01 and 1 are two of them."""
    import pandas

    for name in columns:
        if name in frame and frame[name].dtype.kind in "if":
            only: Any = {"usecols": [name], "dtype": str}
            written = pandas.read_csv(path, sep=separator, **CSV, **only)[name]
            if written.str.match(r"\s*[+-]?0\d+\s*$", na=False).any():
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


def npz_rows(dataset: NpzDataset, limit: int | None) -> Rows:
    """Read the rows of arrays in a NumPy file; nothing in it is unpickled.

    Raises:
        SettingError: if an array is missing, too large, of another length, or of a kind that cannot be learned from.
    """
    import pandas

    path, names = existing(dataset.path), _npz_names(dataset)
    _refuse_npz_by_headers(dataset, limit)
    with _readable(path, "NumPy cannot read it: "), np.load(path, allow_pickle=False) as arrays:
        x, y_N, *group = (arrays[name] for name in names.values())
    where = row_of(path)
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
    return Rows(kind, _shaped(dataset, x, kind, where), numbers, classes, groups_N=groups_N, where=where)


def _npz_names(dataset: NpzDataset) -> dict[str, str]:
    """Give the name of the array that each key asks for."""
    return {"x": dataset.x, "y": dataset.y} | ({"group": dataset.group} if dataset.group else {})


def _refuse_npz_by_headers(dataset: NpzDataset, limit: int | None) -> None:
    """Raise SettingError if an array is missing, or all that are asked for are too large."""
    path, needed = existing(dataset.path), 0
    headers = _npz_headers(path)
    for key, name in _npz_names(dataset).items():
        if name not in headers:
            raise SettingError(f"dataset.{key}", f"is {name!r}; no array has this name. {nearest(name, headers)}")
        shape, kind = headers[name]
        needed += NPZ_COPIES * math.prod(shape) * kind.itemsize
    refuse_too_large(path, path.stat().st_size, needed, limit)


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
    if kind == "sequence":
        _refuse_gaps(dataset, x, where)
    may_be_missing = kind == "sequence" or dataset.missing != "refuse"
    most = np.float32(LARGEST)  # a half-precision x could not be compared with it as a Python number
    bad = ((x < -most) | (x > most) | (np.isnan(x) & (not may_be_missing))).reshape(len(x), -1)
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        number = x[row].ravel()[bad[row]][0]
        cure = "Use dataset.missing: mean, or mend the file." if np.isnan(number) else "Mend the file."
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}; {where(row)} holds {number}, expected finite numbers, up to {LARGEST:g}. {cure}",
        )
    for column in range(x.shape[-1]):
        refuse_lost_digits(
            "dataset.x",
            f"is {dataset.x!r}; the numbers of its column {column} (counted from 0)",
            x[..., column],
            "Subtract the lowest",
        )
    return x.astype("float32")


def _refuse_gaps(dataset: NpzDataset, x_NTF: NDArray[Any], where: Where) -> None:
    """Raise SettingError if NaN is anything but padding: whole frames of it after the last one with a number."""
    if x_NTF.dtype.kind != "f":
        return
    missing_NTF = np.isnan(x_NTF)
    over_NT = np.logical_and.accumulate(missing_NTF.all(axis=2)[:, ::-1], axis=1)[:, ::-1]
    gaps_NT = missing_NTF.any(axis=2) & ~over_NT
    if gaps_NT.any():
        row, frame = np.argwhere(gaps_NT)[0].tolist()
        raise SettingError(
            "dataset.x",
            f"is {dataset.x!r}; {where(row)} holds nan in its frame {frame}, which only whole "
            "frames at the end of a sequence may hold, as padding. Fill it in, or take that row out.",
        )
