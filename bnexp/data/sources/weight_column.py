"""The column of a table that says how much each row counts in the training loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Where
from bnexp.data.sources.column import as_numbers, finite_numbers
from bnexp.errors import Problems, SettingError, counted, listed

if TYPE_CHECKING:
    import pandas

KEY = "dataset.weight_column"
MOST_NAMED = 5
MOST_ZERO = 0.5
"""The largest share of rows with the weight 0 that may be meant, and is not warned of."""


def weights_of_column(
    frame: pandas.DataFrame, name: str | None, where: Where, problems: Problems, *, is_told: bool = False
) -> NDArray[np.float32] | None:
    """Return the weight of each row, (N,); None if the table has no column of this name.

    A weight that is missing, below 0 or no number is noted in `problems`, and so are weights that are all 0. With
    `is_told`, the cells that are no numbers are known already.
    """
    if name not in frame:
        return None
    found, column = None, frame[name]
    with problems.noted():
        found = None if is_told else finite_numbers(column, KEY, where).astype("float32")
    with problems.noted():
        _refuse_impossible(as_numbers(column).to_numpy("float64", na_value=np.nan), column, where)
        if found is not None and not found.any():
            raise SettingError(KEY, f"is {name!r}, and all weights are 0. Expected one above 0. Name another column.")
    return found


def warnings_of_weights(
    weight_N: NDArray[np.float32], name: str, y_N: NDArray[np.float32], classes: Sequence[str] | None
) -> Iterator[str]:
    """Yield a warning for classes whose rows all have the weight 0; or else, if most rows have it.

    `y_N` are the targets, (N,), and `classes` the names of the classes; None in a regression.
    """
    counts_C = np.zeros(0) if classes is None else np.bincount(y_N[weight_N > 0].astype(int), minlength=len(classes))
    if unlearned := [repr(one) for one, count in zip(classes or (), counts_C, strict=True) if count == 0]:
        yield (
            f"{KEY} {name!r} is 0 in all rows of {'class' if len(unlearned) == 1 else 'classes'} "
            f"{listed(unlearned, MOST_NAMED)}. Nothing is learned from these rows. Check the column, or name another."
        )
        return
    zero = int(np.count_nonzero(weight_N == 0))
    if zero > MOST_ZERO * len(weight_N):
        yield (
            f"{KEY} {name!r} is 0 in {zero:,} of {counted(len(weight_N), 'row')} ({zero / len(weight_N):.0%}). Nothing "
            "is learned from these rows. Check the column, or name another."
        )


def _refuse_impossible(weight_N: NDArray[np.float64], column: pandas.Series[Any], where: Where) -> None:
    """Raise SettingError if a weight is below 0, or its cell is empty. `weight_N` is NaN where a cell has no number."""
    below, missing = np.flatnonzero(weight_N < 0), np.flatnonzero(column.isna())
    seen = []
    if len(below):
        first = f"{where(int(below[0]))} has the weight {weight_N[below[0]]:g}"
        seen.append(f"{first} ({counted(len(below), 'row')} below 0)")
    if len(missing):
        seen.append(f"{where(int(missing[0]))} has no weight ({counted(len(missing), 'row')} without one)")
    if seen:
        raise SettingError(
            KEY,
            f"is {column.name!r}; {', and '.join(seen)}. Expected 0 or more in each row. "
            "Fix the file, or take those rows out.",
        )
