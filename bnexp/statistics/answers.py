"""A net's answers for the rows of a part, with the true classes. Every classification metric is computed from them.

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
    """The true class and the answer of each row, for one seed.

    `predicted` is the probability of the second of two classes, (R,), or the probabilities of all classes, (R, C).
    `right_R` is True where the net's answer is right.
    """

    target_R: NDArray[np.int64]
    predicted: NDArray[Any]
    right_R: NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """Return the number of classes."""
        return self.predicted.shape[1] if self.predicted.ndim == 2 else 2

    @property
    def is_of_one_class(self) -> bool:
        """Return True if all rows are of one class, so that no metric can compare classes."""
        return bool((self.target_R == self.target_R[0]).all())

    @functools.cached_property
    def class_R(self) -> NDArray[np.int64]:
        """Return the class that the net answers for each row, (R,).

        Two classes can be equally likely, above all in runs of earlier versions, which kept float16. So a right answer
        is always the true class, and a wrong answer is the likeliest of the other classes.

        >>> Answers(np.array([1, 0]), np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([True, False])).class_R
        array([1, 1])
        """
        if self.predicted.ndim == 1:
            return np.where(self.right_R, self.target_R, 1 - self.target_R)
        others_RC = np.where(self._is_target_RC, -1.0, self.predicted)
        return np.where(self.right_R, self.target_R, others_RC.argmax(axis=1))

    @functools.cached_property
    def probability_RC(self) -> Floats:
        """Return the probabilities of all classes, (R, C)."""
        predicted: Floats = self.predicted.astype("float64")
        return predicted if predicted.ndim == 2 else np.stack([1 - predicted, predicted], axis=1)

    def of_target(self, values_RC: NDArray[Any]) -> NDArray[Any]:
        """Return each row's value for its true class, (R,)."""
        own_R: NDArray[Any] = values_RC[np.arange(len(self.target_R)), self.target_R]
        return own_R

    @property
    def _is_target_RC(self) -> NDArray[np.bool_]:
        is_target_RC: NDArray[np.bool_] = np.arange(self.classes) == self.target_R[:, None]
        return is_target_RC

    @property
    def others_RC(self) -> Floats:
        """Return the probabilities of all classes, (R, C), with 0 for each row's true class."""
        return np.where(self._is_target_RC, 0.0, self.probability_RC)
