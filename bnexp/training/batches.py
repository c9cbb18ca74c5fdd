"""The order in which each seed sees its rows: a fresh permutation for every (seed, epoch).

Once a global seed is set, Keras's own shuffling replays one order in every epoch. A batch-normalized net then fits the
composition of its batches. So bnexp draws the orders itself, the same in both trainers and in all arms.
`training.batch_order: repeated` shows the effect of Keras's order.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.training import Training

Order = NDArray[np.int32]


def batch_order(seed: int, epoch: int, rows: int) -> Order:
    """Return the order of `rows` positions in this epoch (from 0) of this seed.

    >>> batch_order(0, 0, 6), batch_order(0, 1, 6)
    (array([3, 2, 5, 4, 0, 1], dtype=int32), array([1, 4, 3, 0, 2, 5], dtype=int32))
    """
    return np.random.default_rng([seed, epoch]).permutation(rows).astype("int32")


def fed_rows(rows_R: Order, y_N: NDArray[Any], seed: int, epoch: int, training: Training) -> Order:
    """Return the rows that a seed is fed in this epoch, in order, batch after batch; `y_N` are all rows' targets."""
    order_R: Order = rows_R[batch_order(seed, 0 if training.batch_order == "repeated" else epoch, len(rows_R))]
    if training.batch_order == "sorted":
        order_R = order_R[np.argsort(y_N[order_R], kind="stable")]
    return order_R[: len(order_R) - len(order_R) % training.batch_size] if training.drop_last else order_R


class OrderDigests:
    """Digests of the rows that each training was fed, in order. They prove that two arms saw the same batches."""

    def __init__(self, seeds: tuple[int, ...]) -> None:
        self._seeds = seeds
        self._first: dict[int, str] = {}
        self._all = [hashlib.sha256() for _ in seeds]

    def add(self, row: int, rows_R: Order) -> None:
        """Add the rows of one more epoch of the seed with this position."""
        self._all[row].update(rows_R.tobytes())
        self._first.setdefault(row, self._all[row].hexdigest())

    def facts(self, rows: slice = slice(None)) -> dict[str, dict[str, str]]:
        """Return digests of 16 hexadecimal digits for the seeds at these positions, of the first and of all epochs."""
        fed = [row for row in range(len(self._seeds))[rows] if row in self._first]
        return {
            "first_epoch": {str(self._seeds[row]): self._first[row][:16] for row in fed},
            "all_epochs": {str(self._seeds[row]): self._all[row].hexdigest()[:16] for row in fed},
        }
