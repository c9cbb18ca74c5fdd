"""What a net answers for each row of a part, beside the truth: what every metric of classes is computed of.

Axes: R rows, C classes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.arrays import Floats


@dataclass(frozen=True)
class Answers:
    """The class and the answer of each row, of one seed.

    `predicted` is the probability of the second of two classes, (R,), or the probabilities of all, (R, C). `right_R`
    says which rows the net gets right.
    """

    target_R: NDArray[np.int64]
    predicted: NDArray[Any]
    right_R: NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """Return how many classes there are."""
        return self.predicted.shape[1] if self.predicted.ndim == 2 else 2

    @property
    def is_of_one_class(self) -> bool:
        """Return True if all rows are of one class, so that no metric can compare classes."""
        return bool((self.target_R == self.target_R[0]).all())

    @functools.cached_property
    def class_R(self) -> NDArray[np.int64]:
        """The class that is answered for each row, (R,).

        Probabilities of several classes are kept in float16, in which two can be equal. So what was right stays right,
        and what was wrong is the likeliest of the other classes.

        >>> Answers(np.array([1, 0]), np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([True, False])).class_R
        array([1, 1])
        """
        if self.predicted.ndim == 1:
            return np.where(self.right_R, self.target_R, 1 - self.target_R)
        others_RC = np.where(self._is_target_RC, -1.0, self.predicted)
        return np.where(self.right_R, self.target_R, others_RC.argmax(axis=1))

    @functools.cached_property
    def probability_RC(self) -> Floats:
        """The probabilities of all classes, (R, C)."""
        predicted: Floats = self.predicted.astype("float64")
        return predicted if predicted.ndim == 2 else np.stack([1 - predicted, predicted], axis=1)

    def of_target(self, values_RC: NDArray[Any]) -> NDArray[Any]:
        """Return what each row has for its own class, (R,)."""
        own_R: NDArray[Any] = values_RC[np.arange(len(self.target_R)), self.target_R]
        return own_R

    @property
    def _is_target_RC(self) -> NDArray[np.bool_]:
        is_target_RC: NDArray[np.bool_] = np.arange(self.classes) == self.target_R[:, None]
        return is_target_RC

    @property
    def others_RC(self) -> Floats:
        """The probabilities of all classes but each row's own, which has 0."""
        return np.where(self._is_target_RC, 0.0, self.probability_RC)
