"""`StoredRows`: inputs of rows in a file on disk, which are read in pieces. `pieces` divides any inputs into slices.

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
"""How many numbers are in memory at a time while code goes through all rows."""


class StoredRows:
    """Inputs (N, *shape) in a file. They are indexed like an array, and only the indexed rows are read into memory.

    The file holds the numbers of its rows in order, and nothing else. `rows_N` selects rows of the file; None selects
    all rows.

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
        """Return the number of rows, followed by the shape of one row."""
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
        if hasattr(mmap, "MADV_DONTNEED"):  # release the pages that were read; the system may keep them in its cache
            file._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
        return found

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for piece in pieces(self):
            yield from self[piece]

    def taken(self, rows_K: NDArray[np.int64]) -> StoredRows:
        """Return only these rows, still on disk: nothing is read."""
        return StoredRows(
            self.path, self.dtype, self._of_file, rows_K if self._rows_N is None else self._rows_N[rows_K]
        )

    def close(self) -> None:
        """Close the file. It is opened again when rows are read."""
        self._file = None

    def _opened(self) -> np.memmap[Any, Any]:
        if self._file is None:
            self._file = np.memmap(self.path, self.dtype, "r", shape=self._of_file)
        return self._file


Inputs = NDArray[Any] | StoredRows
"""Inputs of rows (N, *shape), in memory or on disk."""


def taken(x: Inputs, rows_K: NDArray[np.int64]) -> Inputs:
    """Return only these rows, as a copy if they are in memory."""
    return x.taken(rows_K) if isinstance(x, StoredRows) else x[rows_K]


def bytes_in_memory(x: Inputs) -> int:
    """Return the bytes that inputs take in memory: 0 if they are on disk."""
    return 0 if isinstance(x, StoredRows) else x.nbytes


def pieces(x: Inputs, numbers: int = PIECE) -> Iterator[slice]:
    """Yield slices that cover all rows in order. Each has at most this many numbers, or a single row.

    >>> list(pieces(np.zeros((5, 4)), 8))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, numbers // max(1, x.size // max(1, len(x))))
    for start in range(0, len(x), rows):
        yield slice(start, min(start + rows, len(x)))
