"""The column of a table that says how much each row counts in the training loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Where
from bnexp.data.sources.column import finite_numbers
from bnexp.errors import Problems, SettingError, counted

if TYPE_CHECKING:
    import pandas

KEY = "dataset.weight_column"
MOST_ZERO = 0.5
"""The largest share of rows with the weight 0 that may be meant, and is not warned of."""


def weights_of_column(
    frame: pandas.DataFrame, name: str | None, where: Where, problems: Problems
) -> NDArray[np.float32] | None:
    """Return the weight of each row, (N,); None if the table has no column of this name.

    A weight that is missing, below 0 or no number is noted in `problems`, and so are weights that are all 0.
    """
    found = None
    with problems.noted():
        if name in frame:
            found = finite_numbers(frame[name], KEY, where).astype("float32")
            _refuse_impossible(found, str(name), where)
    return found


def warnings_of_weights(weight_N: NDArray[np.float32], name: str) -> Iterator[str]:
    """Yield a warning if most rows have the weight 0, so that nothing is learned from them."""
    zero = int(np.count_nonzero(weight_N == 0))
    if zero > MOST_ZERO * len(weight_N):
        yield (
            f"{KEY} {name!r} is 0 in {zero:,} of {counted(len(weight_N), 'row')} ({zero / len(weight_N):.0%}). Nothing "
            "is learned from these rows. Check the column, or name another."
        )


def _refuse_impossible(weight_N: NDArray[np.float32], name: str, where: Where) -> None:
    below, missing = np.flatnonzero(weight_N < 0), np.flatnonzero(np.isnan(weight_N))
    seen = []
    if len(below):
        first = f"{where(int(below[0]))} has the weight {weight_N[below[0]]:g}"
        seen.append(f"{first} ({counted(len(below), 'row')} below 0)")
    if len(missing):
        seen.append(f"{where(int(missing[0]))} has no weight ({counted(len(missing), 'row')} without one)")
    if seen:
        raise SettingError(
            KEY,
            f"is {name!r}; {', and '.join(seen)}. Expected 0 or more in each row. "
            "Fix the file, or take those rows out.",
        )
    if not weight_N.any():
        raise SettingError(KEY, f"is {name!r}, and all weights are 0. Expected one above 0. Name another column.")
