"""What each row adds to a metric of the confusion matrix: F1.

`classification` says what "adds" means, and which metrics there are.

Axes: R rows, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats


def f1_by_row(answers: Answers) -> Floats:
    """Return what each row adds to F1, (R,): of class 1 where there are two classes, else the mean over classes.

    As in scikit-learn, classes that are neither there nor predicted are left out of the mean. A class without a right
    prediction has F1 0.
    """
    target_R, class_R = answers.target_R, answers.class_R
    named = [1] if answers.classes == 2 else np.union1d(target_R, class_R).tolist()
    by_class = [_f1_of_class(target_R == one, class_R == one) for one in named]
    mean_R: Floats = np.mean(by_class, axis=0)
    return mean_R


def _f1_of_class(is_target_R: NDArray[np.bool_], is_predicted_R: NDArray[np.bool_]) -> Floats:
    """Return what each row adds to the F1 of one class, a ratio of means: twice the hits over all marks."""
    hits_R, marks_R = 2.0 * (is_target_R & is_predicted_R), is_target_R + is_predicted_R.astype(float)
    if not marks_R.any():
        return np.zeros(len(hits_R))
    ratio = hits_R.mean() / marks_R.mean()
    by_row_R: Floats = ratio + (hits_R - ratio * marks_R) / marks_R.mean()
    return by_row_R


def f1_of_one_answer(answers: Answers) -> float:
    """Return the best F1 of always answering one class: of class 1 where there are two classes, else the mean of all.

    A class with the share p of all rows has F1 2 p / (1 + p) if it is the answer, and all others have 0.
    """
    share_C = shares(answers.target_R, answers.classes)
    if answers.classes == 2:
        return float(2 * share_C[1] / (1 + share_C[1]))
    return float((2 * share_C / (1 + share_C)).max() / np.count_nonzero(share_C))


def shares(class_R: NDArray[np.int64], classes: int) -> Floats:
    """Return which share of rows each class has, (C,)."""
    share_C: Floats = np.bincount(class_R, minlength=classes) / len(class_R)
    return share_C
