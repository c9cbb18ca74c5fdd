"""Columns whose names mean row weights. A row weight is how much a row counts, as in a survey."""

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
"""Names that may mean a row weight, or the weight of a body or a car."""


def is_row_weight(name: str) -> bool:
    """Return True if the name of a column clearly means row weights, which are no inputs.

    >>> is_row_weight("fnlwgt"), is_row_weight("sample_weight"), is_row_weight("weight"), is_row_weight("birth_weight")
    (True, True, False, False)
    """
    return _OF_ROWS.fullmatch(name.strip()) is not None


def notes_of_weights(frame: pandas.DataFrame, left_out: Sequence[str], inputs: Sequence[str]) -> Iterator[str]:
    """Yield a note for each column that is or may be a row weight, so that the user can set `dataset.weight_column`."""
    for name in filter(is_row_weight, left_out):
        yield (
            f"column {name!r} is left out, because its name means how much each row counts. To weight the training "
            f"loss by it, use weight_column: {name}."
        )
    for name in inputs:
        if _PERHAPS.fullmatch(name.strip()) and frame[name].notna().all() and (frame[name] >= 0).all():
            yield f"column {name!r} is an input. If it says how much each row counts, use weight_column: {name}."
