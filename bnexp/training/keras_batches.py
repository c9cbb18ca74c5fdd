"""What feeds the reference trainer: the rows of a part as a TensorFlow data set, a batch at a time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.data import Data
from bnexp.training import measures

Part = tuple[NDArray[Any], NDArray[Any]]


def part_of(data: Data, row: int, rows_R: NDArray[np.int32], part: str) -> Part:
    """Return the inputs and targets of some rows, as Keras takes them."""
    return data.inputs(row, rows_R, part), np.asarray(measures.targets(data.task, data.targets(row, rows_R)))


def evaluated(data: Data, row: int, part: str) -> tf.data.Dataset:
    """Return all rows of a part, in their order."""
    size, rows_R = measures.EVALUATED_ROWS, data.parts[part][row]
    return dataset(data, row, lambda: rows_R, size, steps=-(-len(rows_R) // size), part=part)


def dataset(
    data: Data, row: int, rows_of: Callable[[], NDArray[np.int32]], size: int, *, steps: int, part: str = "train"
) -> tf.data.Dataset:
    """Yield rows of a part in batches, asking anew which in every epoch; only a batch at a time is in memory."""
    held = [(data, rows_of)]

    def batches() -> Iterator[Part]:
        ((own, rows_now),) = held
        rows_R = rows_now()
        for start in range(0, len(rows_R), size):
            yield part_of(own, row, rows_R[start : start + size], part)

    signature = tuple(
        tf.TensorSpec((None, *array.shape[1:]), array.dtype)
        for array in part_of(data, row, data.train_SR[row][:1], part)
    )
    fed = tf.data.Dataset.from_generator(batches, output_signature=signature)
    weakref.finalize(fed, held.clear)  # TensorFlow keeps every generator for good, and all that it holds
    return fed.apply(tf.data.experimental.assert_cardinality(steps))
