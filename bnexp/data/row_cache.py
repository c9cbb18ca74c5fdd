"""The cache of rows that are too large for memory: one file of numbers for each set, and a record of what is in it.

The rows of a set are in memory if they take no more than a share of `training.memory_limit`. Else they are written into
the cache once, and every later run reads them from there. An entry is named by what it was made from: the files, the
keys that decide what is read of them, and the packages that read them. Its record is written last, and an entry
without a record is ignored. What is in the cache is checked by its digest before it is used, and made anew if it is
damaged.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from bnexp.config.dataset import Dataset
from bnexp.config.real import RealDataset
from bnexp.data.builtin.fetching import CACHE_VARIABLE, cache_directory
from bnexp.data.memory_guard import mebibytes
from bnexp.data.stored_rows import Inputs, StoredRows, pieces
from bnexp.errors import SettingError
from bnexp.system.listeners import Note
from bnexp.system.temporary_files import clear_leftovers, put_in_place, temporary_beside

FORMAT = 1
SHARE = 4
"""Rows are in memory if they take no more than this part of the limit: training holds two copies of them."""
SPARE_BYTES = 256 * 2**20
"""Free space that is left on the disk of the cache."""
READERS = {
    "npz": ("bnexp", "numpy"),
    "image_folder": ("bnexp", "numpy", "pillow"),
    "wav_folder": ("bnexp", "numpy", "soundfile", "keras", "tensorflow"),
}
"""Kind of set -> the packages that decide the numbers of what is read.

Any release of bnexp may read files in another way, so it uses no entries of an older one: to write a set anew costs
less than numbers that no code at hand makes.
"""
NOT_READ = frozenset(RealDataset.model_fields) | {"scale", "shift", "scale_target"}
"""Keys that decide how rows are used, and not what is read."""


class _Record(BaseModel):
    """What stands beside the numbers of an entry."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1]
    dtype: Literal["uint8", "float32"]
    shape: Annotated[list[PositiveInt], Field(min_length=2)]
    sha256: str
    warnings: list[str]
    """What the reading of the files warned of."""


class RowFile:
    """Rows (N, *shape) that are being written to a temporary file, by their numbers, in any order."""

    def __init__(
        self,
        file: IO[bytes],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        note: Note,
        explained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self.file, self._note, self._explained = file, note, explained
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize
        self._told = 0
        file.truncate(shape[0] * self._row_bytes)

    def __len__(self) -> int:
        return self.shape[0]

    def __setitem__(self, rows: int | slice, values: Any) -> None:
        """Write one row, or the rows of a slice without gaps."""
        with self._explained():
            self._write(rows.start if isinstance(rows, slice) else rows, np.ascontiguousarray(values, self.dtype))
        if (tenth := 10 * self.file.tell() // (len(self) * self._row_bytes)) > self._told:
            self._told = tenth
            self._note(f"writing rows to the cache on disk: {10 * tenth}%")

    def _write(self, row: int, values: NDArray[Any]) -> None:
        self.file.seek(row * self._row_bytes)
        self.file.write(values.tobytes())

    def written(self) -> StoredRows:
        """Return what is written so far, to be read."""
        self.file.flush()
        return StoredRows(Path(self.file.name), self.dtype, self.shape)


class RowCache(AbstractContextManager["RowCache"]):
    """The entry of one set of rows, and where they are put as they are read: in memory, or in a file that is kept here.

    It is a context: what is written to the disk and not kept by its end is removed.
    """

    def __init__(
        self,
        dataset: Dataset,
        source_sha256: str | None,
        limit: int | None,
        note: Note,
        sha256_now: Callable[[], str | None],
    ) -> None:
        """Name the entry of this set, as it is now; `limit` is the bytes that data and training may take.

        `sha256_now` takes the digest of the files again, once they are read.
        """
        keys = dataset.model_dump(mode="json", exclude=set(NOT_READ))
        made_from = [FORMAT, keys, source_sha256, [_version(name) for name in READERS[dataset.name]]]
        self._path = cache_directory() / "rows" / hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]
        self._what, self._limit, self._note = getattr(dataset, "path", dataset.name), limit, note
        self._source_sha256, self._sha256_now = source_sha256, sha256_now
        self._written = ExitStack()

    def __exit__(self, *error: object) -> None:
        """Remove what is written and not kept."""
        self._written.close()

    def fits_in_memory(self, size: int) -> bool:
        """Return True if rows of this size, in bytes, are to be in memory."""
        return self._limit is None or SHARE * size <= self._limit

    def found(self, count: int) -> tuple[Inputs, Sequence[str]] | None:
        """Return this number of rows and what their reading warned of; None if there is no whole entry, or no need."""
        if not self._record.is_file():
            return None
        try:
            record = _Record.model_validate_json(self._record.read_bytes())
            rows = StoredRows(self._numbers, np.dtype(record.dtype), tuple(record.shape))
            if self.fits_in_memory(rows.nbytes):
                return None
            self._note("checking the rows in the cache on disk")
            is_whole = len(rows) == count and self._numbers.stat().st_size == rows.nbytes
            if is_whole and _sha256(rows) == record.sha256:
                return rows, record.warnings
        except (OSError, ValueError):  # pydantic's errors are ValueErrors
            pass
        self._note("the rows in the cache on disk are damaged: reading the files again")
        return None

    def rows(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | RowFile:
        """Return what rows of this shape are written to, row by row.

        Raises:
            SettingError: if neither memory nor the disk has room for them.
        """
        if self.fits_in_memory(math.prod(shape) * dtype.itemsize):
            return np.empty(shape, dtype)
        return self._made(shape, dtype)

    def kept(
        self, x: NDArray[Any] | RowFile, warned: Callable[[Inputs], Sequence[str]]
    ) -> tuple[Inputs, Sequence[str]]:
        """Return the rows to be read, and what `warned` says of them; a file is kept in the cache with both."""
        if not isinstance(x, RowFile):
            return x, warned(x)
        rows = x.written()
        try:
            warnings, sha256 = warned(rows), _sha256(rows)
        finally:
            rows.close()
        return self._keep(x, warnings, sha256), warnings

    def _made(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RowFile:
        """Make a temporary file for rows of this shape.

        Raises:
            SettingError: if there is not enough free space for them.
        """
        size, folder = math.prod(shape) * dtype.itemsize, self._path.parent
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
            clear_leftovers(folder)
            free = shutil.disk_usage(folder).free
            if size + SPARE_BYTES > free:
                raise SettingError("dataset.path", self._too_large(size, f"has {mebibytes(free)} free"))
            file = self._written.enter_context(temporary_beside(self._numbers))
            return RowFile(file, shape, dtype, self._note, self._explained)

    def _keep(self, file: RowFile, warnings: Sequence[str], sha256: str) -> StoredRows:
        """Put what was written in its place, and then its record; none if the files have changed meanwhile."""
        record = {"format": FORMAT, "dtype": file.dtype.name, "shape": file.shape, "sha256": sha256}
        text = json.dumps(record | {"warnings": list(warnings)})
        with self._explained():
            with suppress(FileNotFoundError):
                self._record.unlink()
            self._put(file, sha256)
            if self._source_sha256 is not None and self._sha256_now() == self._source_sha256:
                with temporary_beside(self._record) as beside:
                    beside.write(text.encode())
                    put_in_place(beside, self._record)
        return StoredRows(self._numbers, file.dtype, file.shape)

    def _put(self, file: RowFile, sha256: str) -> None:
        """Put what was written in its place, unless another process has put the same there and reads it.

        Windows replaces no file that is mapped.
        """
        try:
            put_in_place(file.file, self._numbers)
        except PermissionError:
            there = StoredRows(self._numbers, file.dtype, file.shape)
            if not self._numbers.is_file() or self._numbers.stat().st_size != there.nbytes or _sha256(there) != sha256:
                raise

    @property
    def _numbers(self) -> Path:
        return self._path.with_suffix(".rows")

    @property
    def _record(self) -> Path:
        return self._path.with_suffix(".json")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the system's refusal to write into one line for the user."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                seen = "is full"
            else:
                seen = f"cannot be written ({error.strerror or error})"
            raise SettingError("dataset.path", self._too_large(None, seen)) from error

    def _too_large(self, size: int | None, seen: str) -> str:
        rows = "its rows take" if size is None else f"its rows take {mebibytes(size)},"
        limit = mebibytes(self._limit or 0)
        return (
            f"is {self._what!r}; {rows} more than 1/{SHARE} of training.memory_limit ({limit}), so they go to the "
            f"cache on disk, and {self._path.parent} {seen}. Expected room for them. Free some space, set "
            f"{CACHE_VARIABLE} to a directory on a larger disk, use less data, or give a higher limit."
        )


def _sha256(rows: StoredRows) -> str:
    digest = hashlib.sha256()
    for piece in pieces(rows):
        digest.update(rows[piece].data)
    return digest.hexdigest()


@functools.cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
