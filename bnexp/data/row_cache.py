"""The cache on disk of rows that are too large for memory: a file of numbers and a record for each dataset.

Rows are in memory if they take no more than a share of what `training.memory_limit` leaves beside the program, or if
the pieces in which rows on disk are read could take as much memory. Otherwise they are written into the cache once, and
every later run reads them from there. The name of an entry is a digest of the files, of the keys that decide what is
read from them, and of the versions of the packages that read them.
The record of an entry is written last, and an entry without a record is ignored. Before use, an entry is checked by the
sha256 of its numbers. A damaged entry is written again.
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
from bnexp.system.machine import PROGRAM_BYTES, cores
from bnexp.system.temporary_files import clear_leftovers, put_in_place, temporary_beside

FORMAT = 1
SHARE = 4
"""Rows are in memory if they take at most 1/SHARE of what the limit leaves beside the program.

Training holds two copies of them, and the network needs memory, too.
"""
IN_MEMORY_BYTES = 96 * 2**20
"""Bytes for each core. Rows of no more bytes are always in memory, where training holds two copies of them: the pieces
of rows on disk (`training.pieces`) could take as much, because each core has its own."""
SPARE_BYTES = 256 * 2**20
"""Bytes that must stay free on the disk of the cache."""
READERS = {
    "npz": ("bnexp", "numpy"),
    "image_folder": ("bnexp", "numpy", "pillow"),
    "wav_folder": ("bnexp", "numpy", "soundfile", "keras", "tensorflow"),
}
"""Kind of dataset -> the packages whose versions may change the numbers that are read.

Any release of bnexp may read files differently, so it ignores the entries of other releases. Writing a dataset again
costs less than using numbers that the installed code would not produce.
"""
NOT_READ = frozenset(RealDataset.model_fields) | {"scale", "shift", "scale_target"}
"""Keys of a dataset that change how rows are used, but not what is read."""


class _Record(BaseModel):
    """The JSON record of an entry, which is stored beside its numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1]
    dtype: Literal["uint8", "float32"]
    shape: Annotated[list[PositiveInt], Field(min_length=2)]
    sha256: str
    warnings: list[str]
    """The warnings that reading the files gave."""


class RowFile:
    """Rows (N, *shape) that are being written to a temporary file, in any order: `rows[3] = values`."""

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
        """Write one row, or the consecutive rows of a slice."""
        with self._explained():
            self._write(rows.start if isinstance(rows, slice) else rows, np.ascontiguousarray(values, self.dtype))
        if (tenth := 10 * self.file.tell() // (len(self) * self._row_bytes)) > self._told:
            self._told = tenth
            self._note(f"writing rows to the cache on disk: {10 * tenth}%")

    def _write(self, row: int, values: NDArray[Any]) -> None:
        self.file.seek(row * self._row_bytes)
        self.file.write(values.tobytes())

    def written(self) -> StoredRows:
        """Return the rows of the file for reading."""
        self.file.flush()
        return StoredRows(Path(self.file.name), self.dtype, self.shape)


class RowCache(AbstractContextManager["RowCache"]):
    """The cache entry of one dataset. It decides whether rows are read into memory or into a file of the cache.

    Use it as a context manager. At the end, a file that was written but not kept is removed.
    """

    def __init__(
        self,
        dataset: Dataset,
        source_sha256: str | None,
        limit: int | None,
        note: Note,
        sha256_now: Callable[[], str | None],
    ) -> None:
        """Build the entry's name from the dataset's config, the digest of its files, and package versions.

        `limit` is the most bytes that data and training may take. `sha256_now` computes the digest of the files again,
        after they have been read.
        """
        keys = dataset.model_dump(mode="json", exclude=set(NOT_READ))
        made_from = [FORMAT, keys, source_sha256, [_version(name) for name in READERS[dataset.name]]]
        self._path = cache_directory() / "rows" / hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]
        self._what, self._limit, self._note = getattr(dataset, "path", dataset.name), limit, note
        self._source_sha256, self._sha256_now = source_sha256, sha256_now
        self._written = ExitStack()

    def __exit__(self, *error: object) -> None:
        """Remove a file that was written but not kept."""
        self._written.close()

    def fits_in_memory(self, size: int) -> bool:
        """Return True if rows that take `size` bytes are read into memory, and not into the cache."""
        return self._limit is None or size <= max(IN_MEMORY_BYTES * cores(), (self._limit - PROGRAM_BYTES) // SHARE)

    def found(self, count: int) -> tuple[Inputs, Sequence[str]] | None:
        """Return the `count` cached rows and the warnings from reading them.

        None if the entry is missing or damaged, or is not needed because the rows fit in memory.
        """
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
        """Return an empty array, or a file of the cache, into which rows of this shape can be written.

        Raises:
            SettingError: if neither memory nor the disk has room for them, or if the limit is too low for any training.
        """
        if self.fits_in_memory(math.prod(shape) * dtype.itemsize):
            return np.empty(shape, dtype)
        if self._limit is not None and self._limit <= PROGRAM_BYTES:
            raise SettingError(
                "training.memory_limit",
                f"is {mebibytes(self._limit)}; the program alone takes about {mebibytes(PROGRAM_BYTES)}. "
                "Expected more. Give a higher limit, such as 2GiB.",
            )
        return self._made(shape, dtype)

    def kept(
        self, x: NDArray[Any] | RowFile, warned: Callable[[Inputs], Sequence[str]]
    ) -> tuple[Inputs, Sequence[str]]:
        """Return the rows for reading, and the warnings that `warned` gives about them.

        If the rows are in a file, both are stored in the cache.
        """
        if not isinstance(x, RowFile):
            return x, warned(x)
        rows = x.written()
        try:
            warnings, sha256 = warned(rows), _sha256(rows)
        finally:
            rows.close()
        return self._keep(x, warnings, sha256), warnings

    def _made(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RowFile:
        """Create a temporary file for rows of this shape.

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
        """Move the written file into its place, then write its record unless the source files have changed."""
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
        """Move the written file into its place, unless another process has stored the same rows there and reads them.

        Windows cannot replace a file while it is memory-mapped.
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
        """Raise SettingError, with a message of one line, if the system refuses to write."""
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
        limit, program = mebibytes(self._limit or 0), mebibytes(PROGRAM_BYTES)
        return (
            f"is {self._what!r}; {rows} more than 1/{SHARE} of the memory that training.memory_limit ({limit}) leaves "
            f"beside the program ({program}), so they go to the cache on disk, and {self._path.parent} {seen}. "
            f"Expected room for them. Free some space, set "
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
