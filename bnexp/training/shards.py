"""Trainings cut into shards, which go through the program together, and their values joined again.

Axes: S trainings (the seeds of an experiment; of several, one behind the other), R rows of one part.
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
    """Trainings that go through the program together: their rows in the arrays over all of them.

    All shards have one size; the last one repeats its last row to fill up,
    and only its first `kept` rows count.
    """

    rows: NDArray[np.int64]
    kept: int

    @property
    def size(self) -> int:
        """Count the rows, the repeated ones included."""
        return len(self.rows)


def cut(count: int, workers: int, most: int) -> list[Shard]:
    """Cut trainings into equal shards of at most `most`: one a worker, or more where memory would not hold those."""
    most = min(-(-count // workers), most)
    rounds = -(-count // (most * workers))
    size = -(-count // (rounds * workers))
    return [
        Shard(np.minimum(np.arange(start, start + size), count - 1), min(size, count - start))
        for start in range(0, count, size)
    ]


def joined(shards: list[Shard], values: Iterable[Values]) -> Values:
    """Put the shards' values side by side: metric -> (S,), or of rows (S, R)."""
    pairs = list(zip(shards, values, strict=True))
    return {name: np.concatenate([value[name][: shard.kept] for shard, value in pairs]) for name in pairs[0][1]}


def updated(old: Values, new: Values, which_S: NDArray[np.bool_]) -> Values:
    """Take the new values for some trainings and keep the old ones for the others."""
    values = replaced([*old.values()] or None, [*new.values()], which_S)
    return dict(zip(new, values, strict=True))


def replaced(old: Stacked | None, new: Stacked, which_S: NDArray[np.bool_]) -> Stacked:
    """Take the new weights for some seeds and keep the old ones for the others."""
    if old is None:
        return new
    for kept, fresh in zip(old, new, strict=True):
        kept[which_S] = fresh[which_S]
    return old
