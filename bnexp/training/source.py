"""What the compiled program is fed from, as tensors: one shared copy of the rows, and how each seed sees them.

Axes: S seeds of a shard, N rows of the data, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.data import Data
from bnexp.data.preprocessing import View
from bnexp.data.row_weights import Weights


class Source(NamedTuple):
    """What a shard is fed from, as tensors: the shared inputs (N, *shape), the targets, and each seed's views.

    A training row's loss is multiplied by the number of its row and the number of its class for the seed, (S, C)
    (`row_weights`); both are None if all training rows count the same.
    """

    x: Any
    y_N: Any
    view: View
    test_view: View
    weight_N: Any = None
    class_weight_SC: Any = None

    def of(self, part: str) -> Source:
        """Return the source of one part's rows."""
        return self._replace(view=self.test_view) if part == "test" else self


def sources(data: Data, weights: Weights | None, shards: Sequence[NDArray[np.int64]]) -> list[Source]:
    """Return the source of each shard; a shard is the rows of its trainings in the arrays over all trainings."""
    x, y_N = tf.constant(data.rows.x), tf.constant(data.rows.y_N)
    of_row_N = None if weights is None else tf.constant(weights.of_row_N)
    found = []
    for rows_S in shards:
        view, test_view = (_tensors(one.of(rows_S)) for one in (data.view, data.test_view))
        of_class_SC = None if weights is None else tf.constant(weights.of_class_SC[rows_S])
        found.append(Source(x, y_N, view, test_view, of_row_N, of_class_SC))
    return found


def _tensors(view: View) -> View:
    return View(*(None if part is None else tf.constant(part) for part in view))
