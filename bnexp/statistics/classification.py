"""What each row adds to AUC or F1. The mean over rows is the metric, and the spread over rows gives its standard error.

AUC and F1 are no means over rows. So what a row adds is linearized (its influence): the mean over rows is the metric
exactly, and the standard error is right for many rows. The intervals for means over rows hold for them, too.

Axes: S seeds, R rows, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.arrays import Floats


def auc_by_row(is_positive_R: NDArray[np.bool_], score_R: NDArray[np.floating]) -> Floats:
    """Return what each row adds to the area under the ROC curve, (R,); NaN where there is but one class.

    A positive row counts the share of negative ones that score lower, a negative row the share of positive ones that
    score higher; equal scores count one half.
    Source: DeLong, DeLong and Clarke-Pearson 1988, whose placements these are.

    >>> float(auc_by_row(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1])).mean())
    0.875
    """
    from scipy.stats import rankdata

    positives = int(is_positive_R.sum())
    negatives = len(is_positive_R) - positives
    if not positives or not negatives:
        return np.full(len(is_positive_R), np.nan)
    among_all_R = rankdata(score_R)
    own_R = np.empty(len(score_R))
    for side_R in (is_positive_R, ~is_positive_R):
        own_R[side_R] = rankdata(score_R[side_R])
    below_R = among_all_R - own_R  # rows of the other class that score lower, equal ones by half
    placed_R = np.where(is_positive_R, below_R / negatives, 1 - below_R / positives)
    area = float(placed_R[is_positive_R].mean())
    share_R = np.where(is_positive_R, positives, negatives) / len(is_positive_R)
    by_row_R: Floats = area + (placed_R - area) / share_R
    return by_row_R


def f1_by_row(target_R: NDArray[np.integer], predicted_R: NDArray[np.integer], classes: int) -> Floats:
    """Return what each row adds to F1, (R,): of class 1 where there are two classes, else the mean over classes.

    As in scikit-learn, classes that are neither there nor predicted are left out of the mean. A class without a right
    prediction has F1 0.

    >>> round(float(f1_by_row(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]), 2).mean()), 3)
    0.667
    """
    named = [1] if classes == 2 else np.union1d(target_R, predicted_R).tolist()
    by_class = [_f1_of_class(target_R == one, predicted_R == one) for one in named]
    mean_R: Floats = np.mean(by_class, axis=0)
    return mean_R


def f1_of_one_answer(target_R: NDArray[np.integer], classes: int) -> float:
    """Return the best F1 of always answering one class: of class 1 where there are two classes, else the mean of all.

    A class with the share p of all rows has F1 2 p / (1 + p) if it is the answer, and all others have 0.

    >>> round(f1_of_one_answer(np.array([1, 1, 0, 0]), 2), 3), round(f1_of_one_answer(np.array([0, 0, 1, 2]), 3), 3)
    (0.667, 0.222)
    """
    share_K = np.bincount(target_R, minlength=classes) / len(target_R)
    if classes == 2:
        return float(2 * share_K[1] / (1 + share_K[1]))
    return float((2 * share_K / (1 + share_K)).max() / np.count_nonzero(share_K))


def _f1_of_class(is_target_R: NDArray[np.bool_], is_predicted_R: NDArray[np.bool_]) -> Floats:
    """Return what each row adds to the F1 of one class, a ratio of means: twice the hits over all marks."""
    hits_R, marks_R = 2.0 * (is_target_R & is_predicted_R), is_target_R + is_predicted_R.astype(float)
    if not marks_R.any():
        return np.zeros(len(hits_R))
    ratio = hits_R.mean() / marks_R.mean()
    by_row_R: Floats = ratio + (hits_R - ratio * marks_R) / marks_R.mean()
    return by_row_R
