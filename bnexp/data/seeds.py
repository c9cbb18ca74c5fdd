"""Arrays of the rows that each seed has in one part. Rows that all seeds share are in memory only once.

Axes: S seeds, R rows of one part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]
Result = TypeVar("Result")


def for_seeds(splits_R: Sequence[Numbers], seeds: int) -> Numbers:
    """Return the rows of each seed, (S, R), from one split for each seed, or from one split for all seeds.

    >>> for_seeds([np.arange(3)], 20).shape, is_shared(for_seeds([np.arange(3)], 20))
    ((20, 3), True)
    """
    return np.stack(splits_R) if len(splits_R) > 1 else np.broadcast_to(splits_R[0], (seeds, len(splits_R[0])))


def is_shared(rows_SR: Numbers) -> bool:
    """Return True if all seeds are known to have the same rows, in one place of memory."""
    return len(rows_SR) == 1 or rows_SR.strides[0] == 0


def joined_seeds(several: Sequence[Numbers]) -> Numbers:
    """Return arrays (S, R) concatenated along their seeds. Rows that all seeds share stay in memory only once."""
    first_R = several[0][0]
    if all(is_shared(rows_SR) and np.array_equal(rows_SR[0], first_R) for rows_SR in several):
        return for_seeds([first_R], sum(map(len, several)))
    return np.concatenate(several)


def for_each(rows_SR: Numbers, function: Callable[[Numbers], Result]) -> list[Result]:
    """Return the function's result for each seed's rows. It is called only once for seeds with the same rows.

    >>> for_each(np.array([[2, 1], [0, 1], [2, 1]]), lambda rows_R: int(rows_R.sum()))
    [3, 1, 3]
    """
    if is_shared(rows_SR):
        return [function(rows_SR[0])] * len(rows_SR)
    found: dict[bytes, Any] = {}
    keys = [hashlib.sha256(np.ascontiguousarray(rows_R).data).digest() for rows_R in rows_SR]
    for key, rows_R in zip(keys, rows_SR, strict=True):
        if key not in found:
            found[key] = function(rows_R)
    return [found[key] for key in keys]
