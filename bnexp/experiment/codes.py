"""Inputs that the network reads as whole-number codes: they are not scaled, and must be codes that it has."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnexp.data.stored_rows import pieces
from bnexp.errors import SettingError, listed

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.models.codes import Codes

MOST_NAMED = 6
"""The most columns or layers that a message names."""


def with_codes(data: Data, built: Built) -> Data:
    """Return the data as this network gets them: inputs that a layer reads as codes are not scaled.

    Standardized codes would be cut to -1, 0 and 1, and still look like codes. Neither `dataset.scale` nor
    `dataset.shift` changes them, as they do not change the categories of a table.
    """
    if not built.codes or (data.preprocessing.center is None and data.test_preprocessing.center is None):
        return data
    shape = data.rows.x.shape[1:]
    inputs = [at for one in built.codes for at in one.inputs]
    features_F = np.isin(np.arange(shape[-1]), np.array(inputs) % shape[-1])
    told, own = _sentence(data, built.codes, features_F), data.preprocessing.unscaled(features_F)
    of_test = data.test_preprocessing.unscaled(features_F) if data.is_shifted else own
    return replace(data, preprocessing=own, test_preprocessing=of_test, codes=told)


def _sentence(data: Data, codes: tuple[Codes, ...], features_F: NDArray[np.bool_]) -> str:
    layers = listed([one.layer for one in codes], MOST_NAMED)
    reads = "reads" if len(codes) == 1 else "read"
    if features_F.all():
        return f"the inputs are not scaled: {layers} {reads} them as whole-number codes"
    names = data.rows.columns or tuple(f"input {at + 1}" for at in range(len(features_F)))
    named = listed([names[at] for at in np.flatnonzero(features_F)], MOST_NAMED)
    return f"not scaled: {named}, which {layers} {reads} as whole-number codes"


def refuse_other_codes(data: Data, built: Built) -> None:
    """Raise SettingError if a number that a layer reads as a code is not a whole number, or not one of its codes."""
    if not built.codes:
        return
    for piece in pieces(data.rows.x):
        x_NP = np.asarray(data.rows.x[piece]).reshape(piece.stop - piece.start, -1)
        for one in built.codes:
            read = x_NP[:, one.inputs]
            if data.rows.kind == "sequence":
                read = np.nan_to_num(read)  # the network gets zeros instead of padding
            is_code = read == np.floor(read)
            if one.size is not None:
                is_code &= (read >= 0) & (read < one.size)
            if not is_code.all():
                row, column = map(int, np.argwhere(~is_code)[0])
                raise SettingError("model", _problem(data, one, piece.start + row, column, float(read[row, column])))


def _problem(data: Data, codes: Codes, row: int, column: int, seen: float) -> str:
    at = codes.inputs[column]
    where = f"row {row} (counted from 0)" if data.rows.where is None else data.rows.where(row)
    names = data.rows.columns
    what = f"column {names[at]}" if names else f"input {at + 1} of {math.prod(data.rows.x.shape[1:])}"
    some = "whole numbers" if codes.size is None else f"whole numbers from 0 to {codes.size - 1}"
    held = "is empty" if np.isnan(seen) else f"holds {seen:g}"
    cure = "Fill it, or drop the row"
    if not np.isnan(seen):
        is_too_large = codes.size is not None and seen >= codes.size and seen == math.floor(seen)
        cure = "Give the layer more entries" if is_too_large else "Number the codes from 0 on"
        cure = cure if seen == math.floor(seen) else "Round it"
    return f"has {codes.layer}, which reads {some}; {what} {held} in {where}. {cure}, or use another layer there."
