"""`StoredRows`: inputs of rows that lie in a file on disk and are read in pieces; `pieces` cuts any rows into slices.

Axes: N rows of the data, K some of them.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 2**22
"""Numbers that are in memory at a time, where work goes through all rows."""


class StoredRows:
    """Inputs (N, *shape) in a file. They are indexed like an array; only the rows that are asked for enter memory.

    The file holds the numbers of the rows one behind the other, and nothing else. `rows_N` says which of its rows
    these are; None stands for all.

    >>> path = getfixture("tmp_path") / "rows"
    >>> _ = path.write_bytes(bytes([0, 1, 2, 3, 4, 5]))
    >>> rows = StoredRows(path, np.dtype("uint8"), (3, 2))
    >>> rows[[2, 0]].tolist(), rows.taken(np.array([1, 2])).shape
    ([[4, 5], [0, 1]], (2, 2))
    """

    def __init__(
        self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], rows_N: NDArray[np.int64] | None = None
    ) -> None:
        self.path, self.dtype = path, dtype
        self._of_file, self._rows_N = shape, rows_N
        self._file: np.memmap[Any, Any] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the number of rows, and the shape of each."""
        return (self._of_file[0] if self._rows_N is None else len(self._rows_N), *self._of_file[1:])

    @property
    def ndim(self) -> int:
        """Count the axes."""
        return len(self._of_file)

    @property
    def size(self) -> int:
        """Count the numbers in all rows."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Return the bytes that all rows would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return these rows, or this one, in memory."""
        file = self._opened()
        found: NDArray[Any] = file[rows if self._rows_N is None else self._rows_N[rows]]
        if isinstance(found, np.memmap):  # a slice or a single row: a view of the file
            found = np.array(found)
        if hasattr(mmap, "MADV_DONTNEED"):  # the system may keep the pages that were read; this process lets them go
            file._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
        return found

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for piece in pieces(self):
            yield from self[piece]

    def taken(self, rows_K: NDArray[np.int64]) -> StoredRows:
        """Return only these rows; nothing is read."""
        return StoredRows(
            self.path, self.dtype, self._of_file, rows_K if self._rows_N is None else self._rows_N[rows_K]
        )

    def close(self) -> None:
        """Close the file; it is opened again when rows are read."""
        self._file = None

    def _opened(self) -> np.memmap[Any, Any]:
        if self._file is None:
            self._file = np.memmap(self.path, self.dtype, "r", shape=self._of_file)
        return self._file


Inputs = NDArray[Any] | StoredRows
"""Inputs of rows (N, *shape), in memory or on disk."""


def taken(x: Inputs, rows_K: NDArray[np.int64]) -> Inputs:
    """Return only these rows: where they are in memory, a copy."""
    return x.taken(rows_K) if isinstance(x, StoredRows) else x[rows_K]


def bytes_in_memory(x: Inputs) -> int:
    """Return the bytes of memory that inputs take before anything is done with them."""
    return 0 if isinstance(x, StoredRows) else x.nbytes


def pieces(x: Inputs, numbers: int = PIECE) -> Iterator[slice]:
    """Yield slices that cover all rows in order, each of about this many numbers, or of one row.

    >>> list(pieces(np.zeros((5, 4)), 8))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, numbers // max(1, x.size // max(1, len(x))))
    for start in range(0, len(x), rows):
        yield slice(start, min(start + rows, len(x)))
