"""Cuts trainings into shards, which go through the program together, and joins their values again.

Axes: S trainings (all seeds of the first experiment, then of the next), R rows of one part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.training.record import Stacked

Values = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Shard:
    """Trainings that go through the program together, as rows in the arrays over all trainings.

    All shards have the same size. The last shard repeats its last row until it is full, and only its first `kept` rows
    count.
    """

    rows: NDArray[np.int64]
    kept: int

    @property
    def size(self) -> int:
        """Return the number of rows, including repeated ones."""
        return len(self.rows)


def cut(count: int, workers: int, most: int) -> list[Shard]:
    """Cut trainings into equal shards of at most `most`: one for each worker, or more if these would be too large."""
    most = min(-(-count // workers), most)
    rounds = -(-count // (most * workers))
    size = -(-count // (rounds * workers))
    return [
        Shard(np.minimum(np.arange(start, start + size), count - 1), min(size, count - start))
        for start in range(0, count, size)
    ]


def joined(shards: list[Shard], values: Iterable[Values]) -> Values:
    """Concatenate the values of the shards: metric -> (S,), or (S, R) for values of rows."""
    pairs = list(zip(shards, values, strict=True))
    return {name: np.concatenate([value[name][: shard.kept] for shard, value in pairs]) for name in pairs[0][1]}


def updated(old: Values, new: Values, which_S: NDArray[np.bool_]) -> Values:
    """Return the new values for the trainings in `which_S`, and the old values for the others."""
    values = replaced([*old.values()] or None, [*new.values()], which_S)
    return dict(zip(new, values, strict=True))


def replaced(old: Stacked | None, new: Stacked, which_S: NDArray[np.bool_]) -> Stacked:
    """Return the new weights for the seeds in `which_S`, and the old ones for the others; `old` changes in place."""
    if old is None:
        return new
    for kept, fresh in zip(old, new, strict=True):
        kept[which_S] = fresh[which_S]
    return old
