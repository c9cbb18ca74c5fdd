"""One-hot classes: a row has a 1 at its class, and 0 at all others. In arrays, and in the columns of a table.

Axes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.errors import counted, listed

if TYPE_CHECKING:
    import pandas

EXPECTED = "expected one 1 in each row, at its class, and else 0"


def is_one_hot(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Return True if targets of this shape and type may be one-hot: several numbers in each row."""
    return len(shape) == 2 and shape[1] > 1 and dtype.kind in "biuf"


MOST_NAMED = 10
"""The most rows that a message names."""


@dataclass(frozen=True)
class Misfit:
    """The rows that are not one-hot: the first, its mistake in words, and a sentence about all if there are several."""

    row: int
    seen: str
    others: str


def misfit(y_NC: NDArray[Any]) -> Misfit | None:
    """Return what is wrong with the rows that are not one-hot; None if all rows are one-hot.

    >>> misfit(np.array([[0, 1], [1, 1]])), misfit(np.array([[0.0, 1.0], [0.3, 0.7], [0, 0]]))
    (Misfit(row=1, seen='1 at 2 places', others=''), Misfit(row=1, seen='0.3', others=' 2 rows are wrong: 1, 2.'))
    """
    is_one_NC = y_NC == 1
    wrong_N = (is_one_NC.sum(axis=1) != 1) | ((y_NC != 0) & ~is_one_NC).any(axis=1)
    if not wrong_N.any():
        return None
    rows = np.flatnonzero(wrong_N)
    row = int(rows[0])
    others = f" {counted(len(rows), 'row')} are wrong: {listed(map(str, rows), MOST_NAMED)}." if len(rows) > 1 else ""
    others = " No row is one-hot." if wrong_N.all() else others
    other = y_NC[row][(y_NC[row] != 0) & ~is_one_NC[row]]
    ones = int(is_one_NC[row].sum())
    return Misfit(row, f"{other[0]}" if len(other) else f"1 at {ones} places" if ones else "no 1", others)


def classes_of(y_NC: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class of each row, (N,): the place of its 1, counted from 0."""
    return np.asarray((y_NC == 1).argmax(axis=1), "int64")


def one_hot_beside(frame: pandas.DataFrame, target: str, names: Sequence[str]) -> list[str]:
    """List the columns, among `names`, that are one-hot together with the target; [] if there are none.

    Exactly one of these columns and the target is 1 in each row, so that they give the target away.

    >>> import pandas
    >>> frame = pandas.DataFrame({"a": [0, 1, 0, 0], "b": [5, 6, 7, 8], "c": [1, 0, 0, 0], "d": [0, 0, 1, 1]})
    >>> one_hot_beside(frame, "d", ["a", "b", "c"]), one_hot_beside(frame, "d", ["a", "b"])
    (['a', 'c'], [])
    """
    taken_N = _indicator(frame[target])
    if taken_N is None:
        return []
    place = list(frame.columns).index
    found = []
    for name in sorted(names, key=lambda name: abs(place(name) - place(target))):
        one_N = _indicator(frame[name])
        if one_N is not None and not (one_N & taken_N).any():
            taken_N = taken_N | one_N
            found.append(name)
    return sorted(found, key=place) if taken_N.all() else []


def _indicator(column: pandas.Series[Any]) -> NDArray[np.bool_] | None:
    """Return where a column is 1 or true, (N,); None if it holds anything but 0 and 1, or only one of the two."""
    if column.dtype.kind not in "biuf" or column.nunique() != 2 or not column.isin((0, 1)).all():
        return None
    return np.asarray(column == 1)
