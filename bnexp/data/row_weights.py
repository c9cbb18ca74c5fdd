"""How much each training row counts in the loss: `training.class_weight` times `dataset.weight_column`.

Axes: S seeds, N rows of the data, R rows of the training part, C classes (1 for a regression).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.data.seeds import for_each
from bnexp.errors import nearest

Floats32 = NDArray[np.float32]


class Weights(NamedTuple):
    """Factors of the training loss: a row's loss is multiplied by its row's factor, (N,), and its class's, (S, C)."""

    of_row_N: Floats32
    of_class_SC: Floats32


def row_weights(data: Data, training: Training) -> Weights | None:
    """Return the weights of the training rows; None if all rows count the same.

    Weights from a column are divided by their mean over the seed's training part, so that a learning rate keeps its
    meaning. The weight `balanced` is rows / (classes * rows of the class) in the seed's training part, as in
    scikit-learn.
    """
    of_row_N, asked = data.rows.weights_N, training.class_weight
    if of_row_N is None and asked is None:
        return None
    classes = data.rows.classes or ("",)
    of_class_SC = np.ones((len(data.train_SR), len(classes)))
    if asked == "balanced":
        y_N = data.rows.y_N.astype(int)
        counts = for_each(data.train_SR, lambda rows_R: np.bincount(y_N[rows_R], minlength=len(classes)))
        counts_SC = np.maximum(1, np.stack(counts))
        of_class_SC = data.train_SR.shape[1] / (np.count_nonzero(counts, axis=1)[:, None] * counts_SC)
    elif isinstance(asked, Mapping):
        of_class_SC[:] = [asked.get(name, 1.0) for name in classes]
    if of_row_N is None:
        of_row_N = np.ones(len(data.rows.y_N), "float32")
    else:
        means = for_each(data.train_SR, lambda rows_R: of_row_N[rows_R].mean(dtype="float64"))
        of_class_SC /= np.array([mean or 1.0 for mean in means])[:, None]
    return Weights(of_row_N, of_class_SC.astype("float32"))


def unfit(data: Data, training: Training) -> Iterator[tuple[str, str]]:
    """Yield the key and a message for each value of `class_weight` or `weight_column` that does not fit the rows."""
    key, asked, classes = "training.class_weight", training.class_weight, data.rows.classes
    if asked is not None and classes is None:
        yield key, "is given, and the task is a regression, which has no classes. Leave it out."
        return
    if isinstance(asked, Mapping):
        unknown = [name for name in asked if name not in (classes or ())]
        yield from (
            (key, f"names {name!r}; no class has this name. {nearest(name, classes or ())}") for name in unknown
        )
        if unknown:
            return
    found = row_weights(data, training)
    if found is None:
        return
    y_N = np.zeros(len(data.rows.y_N), int) if classes is None else data.rows.y_N.astype(int)
    counted_N = found.of_row_N > 0
    for of_class_C, rows_R in zip(found.of_class_SC, data.train_SR, strict=True):
        if not (of_class_C[y_N[rows_R]][counted_N[rows_R]] > 0).any():
            where = key if asked is not None else "dataset.weight_column"
            yield (
                where,
                "leaves no row of the training part with a weight above 0. Give a class or row more weight.",
            )
            return
