"""Columns of a table that probably only number its rows, such as ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.data.sources.column import MOST_WHOLE_NUMBER_CLASSES, is_text

if TYPE_CHECKING:
    import pandas

DENSE = 2
"""A column counts the rows only if its range is below this many times the number of rows.

Quantities such as prices can also differ in every row, but they usually have a wider range.
"""


def id_like(frame: pandas.DataFrame, names: Sequence[str], compared: Sequence[str]) -> list[str]:
    """List the columns, among these names, that hold a different whole number in every row.

    Rows that are equal in all `compared` columns count once, because they may repeat an id. Missing cells are ignored.
    Columns with at most MOST_WHOLE_NUMBER_CLASSES different numbers are never listed.
    """
    found, row_hash_N = [], None
    for name in names:
        column = frame[name]
        known_N = column.notna().to_numpy()
        different = column.nunique()
        if different <= MOST_WHOLE_NUMBER_CLASSES or is_text(column) or not _are_whole(column[known_N]):
            continue
        if different < known_N.sum():
            row_hash_N = _row_hashes(frame[list(compared)]) if row_hash_N is None else row_hash_N
            if len(np.unique(row_hash_N[known_N])) > different:
                continue
        found.append(name)
    return found


def counts_rows(frame: pandas.DataFrame, name: str) -> bool:
    """Return True if a column holds a different whole number in every row, with few gaps in the numbering."""
    values = frame[name].to_numpy("float64")
    is_dense = len(values) > 0 and values.max() - values.min() < DENSE * len(values)
    return bool(is_dense and id_like(frame, [name], list(frame.columns)))


def _are_whole(column: pandas.Series[Any]) -> bool:
    known = column.to_numpy("float64")
    return bool((known == np.floor(known)).all())


def _row_hashes(frame: pandas.DataFrame) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return a hash of each row, (N,). Equal rows have equal hashes."""
    from pandas.util import hash_pandas_object

    try:
        hashes = hash_pandas_object(frame, index=False)
    except TypeError:  # cells that have no hash, such as lists
        hashes = hash_pandas_object(frame.astype(str), index=False)
    return np.asarray(hashes, "uint64")
