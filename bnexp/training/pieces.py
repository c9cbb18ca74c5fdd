"""Cuts rows for the program. Rows on disk are read one piece at a time, while the program works on the piece before.

Axes: S seeds of a shard, T steps, B batch, R rows of one part, K rows that a piece holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.data.stored_rows import StoredRows

PIECE_BYTES = 32 * 2**20
"""Bytes of rows that are read at a time for several steps. The rows of one step or evaluated batch may be more."""
HELD = 3
"""Pieces in memory for each shard: one that is in use, one that is being read, and TensorFlow's copy of the latter."""


class Piece(NamedTuple):
    """Some rows in memory, as tensors: their inputs (K, *shape), and their row numbers in ascending order, (K,)."""

    x: Any
    held_K: Any


def places(held_K: Any, rows_SB: Any) -> Any:
    """Return the positions of these rows (S, B) in the piece that holds them. Runs inside the traced program."""
    return tf.reshape(tf.searchsorted(held_K, tf.reshape(rows_SB, [-1])), rows_SB.shape)


def pieces_of(x: StoredRows, rows_SR: NDArray[np.int32], cuts: list[slice]) -> Iterator[Piece]:
    """Yield for each of these cuts along R a piece that holds the cut's rows for all seeds.

    No cut may be longer than the first. All pieces have the shape of the first, so that the program is traced once.
    """
    if (rows_SR == rows_SR[0]).all():
        rows_SR = rows_SR[:1]
    most = min(rows_SR[:, cuts[0]].size, len(x)) if cuts else 0
    with ThreadPoolExecutor(1) as pool:
        ahead = None
        for cut in cuts:
            reading, ahead = ahead, pool.submit(_piece, x, rows_SR[:, cut], most)
            if reading is not None:
                yield reading.result()
        if ahead is not None:
            yield ahead.result()


def _piece(x: StoredRows, rows_SR: NDArray[np.int32], most: int) -> Piece:
    """Read each different row of these once. Repeat the last one until the piece has `most` rows."""
    distinct = np.unique(rows_SR)
    held_K = np.pad(distinct, (0, most - len(distinct)), mode="edge")
    return Piece(tf.constant(x[held_K]), tf.constant(held_K))


def cuts_of_steps(rows_SR: NDArray[np.int32], batch: int, row_bytes: int) -> list[slice]:
    """Cut an epoch's rows into pieces of as many whole batches as PIECE_BYTES allows, then the rows that remain.

    All pieces have the same number of batches, except that the last one may have fewer.
    """
    steps = rows_SR.shape[1] // batch
    most = max(1, PIECE_BYTES // (len(rows_SR) * batch * row_bytes))
    width = batch * -(-steps // max(1, -(-steps // most)))
    cuts = [slice(start, min(start + width, steps * batch)) for start in range(0, steps * batch, max(1, width))]
    return [*cuts, slice(steps * batch, rows_SR.shape[1])] if rows_SR.shape[1] % batch else cuts


def cuts_of_batches(rows_SR: NDArray[np.int32], size: int) -> list[slice]:
    """Cut the rows of a part into batches of this size; the last may be smaller."""
    return [slice(start, start + size) for start in range(0, rows_SR.shape[1], size)]


def whole_batches(rows_SR: NDArray[np.int32], size: int, like: int = 0) -> tuple[Any, Any]:
    """Cut (S, R) into whole batches, (T, S, size), and the rows that remain, (S, fewer).

    If there are whole batches, the last row is repeated until there are as many batches as `like` rows would make.
    """
    whole = rows_SR.shape[1] // size * size
    full_SR = rows_SR[:, :whole]
    if 0 < whole < like // size * size:
        full_SR = np.concatenate([full_SR, full_SR[:, -1:].repeat(like // size * size - whole, axis=1)], axis=1)
    full_TSB = full_SR.reshape(len(rows_SR), -1, size).transpose(1, 0, 2)
    return tf.constant(full_TSB), tf.constant(rows_SR[:, whole:])
