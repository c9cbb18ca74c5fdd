"""Feeds the reference trainer: the rows of a part as a TensorFlow data set, one batch at a time.

Axes: N rows of the data, R rows of one part.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.training import measures

Part = tuple[NDArray[Any], ...]
"""Inputs, targets and, if training rows are weighted, their weights."""


def part_of(
    data: Data, row: int, rows_R: NDArray[np.int32], part: str, weight_N: NDArray[np.float32] | None = None
) -> Part:
    """Return the inputs and targets of some rows as Keras takes them and, with `weight_N`, their weights."""
    x, y = data.inputs(row, rows_R, part), np.asarray(measures.targets(data.task, data.targets(row, rows_R)))
    return (x, y) if weight_N is None else (x, y, weight_N[rows_R])


def sample_weights(data: Data, row: int, training: Training) -> NDArray[np.float32] | None:
    """Return each row's weight, (N,), in the loss of the seed at position `row`; None if all rows count the same.

    Class weights are scikit-learn's. Weights from a column are divided by their mean over the training part.
    """
    rows, train_R, asked = data.rows, data.train_SR[row], training.class_weight
    if rows.weights_N is None and asked is None:
        return None
    weight_N = np.ones(len(rows.y_N))
    if rows.weights_N is not None:
        weight_N = rows.weights_N / np.average(rows.weights_N[train_R].astype("float64"))
    if asked is not None:
        from sklearn.utils.class_weight import compute_class_weight

        name_N = np.asarray(rows.classes)[rows.y_N.astype(int)]
        trained = np.unique(name_N[train_R])
        if asked == "balanced":
            found = compute_class_weight("balanced", classes=trained, y=name_N[train_R])
            of_class = dict(zip(trained.tolist(), found.tolist(), strict=True))
        else:
            of_class = asked
        weight_N = weight_N * np.array([of_class.get(name, 1.0) for name in name_N])
    return weight_N.astype("float32")


def evaluated(data: Data, row: int, part: str) -> tf.data.Dataset:
    """Return all rows of a part in batches, in their order."""
    size, rows_R = measures.evaluated_rows(data.rows.x.shape[1:]), data.parts[part][row]
    return dataset(data, row, lambda: rows_R, size, steps=-(-len(rows_R) // size), part=part)


def dataset(
    data: Data,
    row: int,
    rows_of: Callable[[], NDArray[np.int32]],
    size: int,
    *,
    steps: int,
    part: str = "train",
    weight_N: NDArray[np.float32] | None = None,
) -> tf.data.Dataset:
    """Return rows of a part in batches; `rows_of` is called in every epoch. Memory holds only one batch at a time."""
    held = [(data, rows_of)]

    def batches() -> Iterator[Part]:
        ((own, rows_now),) = held
        rows_R = rows_now()
        for start in range(0, len(rows_R), size):
            yield part_of(own, row, rows_R[start : start + size], part, weight_N)

    signature = tuple(
        tf.TensorSpec((None, *array.shape[1:]), array.dtype)
        for array in part_of(data, row, data.train_SR[row][:1], part, weight_N)
    )
    fed = tf.data.Dataset.from_generator(batches, output_signature=signature)
    weakref.finalize(fed, held.clear)  # TensorFlow never frees a generator, or what it refers to
    return fed.apply(tf.data.experimental.assert_cardinality(steps))
