"""The inputs of the compiled program, as tensors: one shared copy of the rows, and how each seed sees them.

Axes: S seeds of a shard, N rows of the data, C classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.data import Data
from bnexp.data.preprocessing import Preprocessing
from bnexp.data.row_weights import Weights
from bnexp.data.stored_rows import StoredRows
from bnexp.training import measures
from bnexp.training.pieces import pieces_of


class Source(NamedTuple):
    """The inputs of a shard, as tensors: the shared inputs (N, *shape), the targets, and each seed's preprocessing.

    A training row's loss is multiplied by its weight in `weight_N` and, for each seed, by the weight of its class in
    `class_weight_SC` (`row_weights`). Both are None if all training rows count the same. Inputs on disk come to the
    program in pieces; `held_K` lists the rows in a piece.
    """

    x: Any
    y_N: Any
    preprocessing: Preprocessing
    test_preprocessing: Preprocessing
    weight_N: Any = None
    class_weight_SC: Any = None
    held_K: Any = None

    @property
    def evaluated_rows(self) -> int:
        """Return how many rows are evaluated at a time."""
        return measures.evaluated_rows(tuple(self.x.shape[1:]))

    def of(self, part: str) -> Source:
        """Return the source of one part's rows."""
        return self._replace(preprocessing=self.test_preprocessing) if part == "test" else self

    def held(self, rows_SR: NDArray[np.int32], cuts: list[slice]) -> Iterator[tuple[NDArray[np.int32], Source]]:
        """Yield for each of these cuts along R its rows, and a source that holds their inputs in memory."""
        stored = isinstance(self.x, StoredRows)
        pieces = pieces_of(self.x, rows_SR, cuts) if stored else itertools.repeat(None)
        for cut, piece in zip(cuts, pieces, strict=False):
            yield rows_SR[:, cut], self if piece is None else self._replace(x=piece.x, held_K=piece.held_K)


def sources(data: Data, weights: Weights | None, shards: Sequence[NDArray[np.int64]]) -> list[Source]:
    """Return the source of each shard. A shard is given by the rows of its trainings in the arrays of all trainings."""
    x, y_N = data.rows.x, tf.constant(data.rows.y_N)
    x = x if isinstance(x, StoredRows) else tf.constant(x)
    of_row_N = None if weights is None else tf.constant(weights.of_row_N)
    found = []
    for rows_S in shards:
        own, of_test = (_tensors(one.of(rows_S)) for one in (data.preprocessing, data.test_preprocessing))
        of_class_SC = None if weights is None else tf.constant(weights.of_class_SC[rows_S])
        found.append(Source(x, y_N, own, of_test, of_row_N, of_class_SC))
    return found


def _tensors(preprocessing: Preprocessing) -> Preprocessing:
    return Preprocessing(*(None if part is None else tf.constant(part) for part in preprocessing))
