"""Columns that are named like weights of rows, which say how much each row counts, as in a survey."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_OF_ROWS = re.compile(
    r"(?i:(sample|sampling|survey|case|row|instance|observation|obs|design|population|final|fnl|freq|frequency)"
    r"[_ .-]?(weight|wgt)s?|[pfi]weights?)"
)
_PERHAPS = re.compile(r"(?i:weights?|wgt)")
"""The weight of a row, or of a body or a car."""


def is_row_weight(name: str) -> bool:
    """Return True if a name says that a column holds weights of rows, which are no inputs.

    >>> is_row_weight("fnlwgt"), is_row_weight("sample_weight"), is_row_weight("weight"), is_row_weight("birth_weight")
    (True, True, False, False)
    """
    return _OF_ROWS.fullmatch(name.strip()) is not None


def notes_of_weights(frame: pandas.DataFrame, left_out: Sequence[str], inputs: Sequence[str]) -> Iterator[str]:
    """Yield a note for each column that is or may be a weight of rows, as `dataset.weight_column` needs it."""
    for name in filter(is_row_weight, left_out):
        yield (
            f"column {name!r} is left out: by its name it says how much each row counts. To weight the training loss "
            f"by it, use weight_column: {name}."
        )
    for name in inputs:
        if _PERHAPS.fullmatch(name.strip()) and frame[name].notna().all() and (frame[name] >= 0).all():
            yield f"column {name!r} is an input. If it says how much each row counts, use weight_column: {name}."
