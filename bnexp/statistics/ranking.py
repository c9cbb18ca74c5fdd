"""What each row adds to a ranking metric: area under the ROC curve, average precision, top-5 accuracy.

`classification` explains what "adds" means, and lists the metrics.

Axes: R rows, C classes.
"""

from __future__ import annotations

import numpy as np

from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats
from bnexp.statistics.confusion import shares

TOP = 5


def auc_by_row(answers: Answers) -> Floats:
    """Return what each row adds to the area under the ROC curve of two classes, (R,).

    A positive row counts the share of negative rows that score lower. A negative row counts the share of positive rows
    that score higher. Equal scores count one half.
    Source: DeLong, DeLong and Clarke-Pearson 1988 (placements).
    """
    is_positive_R, score_R = answers.target_R == 1, answers.predicted
    positives = int(is_positive_R.sum())
    negatives = len(is_positive_R) - positives
    below_R = np.empty(len(score_R))  # rows of the other class that score lower; equal scores count half
    for side_R in (is_positive_R, ~is_positive_R):
        own, others = score_R[side_R], np.sort(score_R[~side_R])
        below_R[side_R] = (np.searchsorted(others, own) + np.searchsorted(others, own, side="right")) / 2
    placed_R = np.where(is_positive_R, below_R / negatives, 1 - below_R / positives)
    area = float(placed_R[is_positive_R].mean())
    share_R = np.where(is_positive_R, positives, negatives) / len(is_positive_R)
    by_row_R: Floats = area + (placed_R - area) / share_R
    return by_row_R


def pr_auc_by_row(answers: Answers) -> Floats:
    """Return what each row adds to the average precision of the second of two classes, (R,).

    Average precision is the mean of the precision at the scores of the rows of that class. A row changes it by the
    precision at its own score, and by its effect on the precision at every lower score. Equal scores are one threshold,
    as in scikit-learn.
    """
    is_positive_R = answers.target_R == 1
    _, level_R = np.unique(answers.predicted, return_inverse=True)  # the rank of each row's score, from the lowest
    positives_L = np.bincount(level_R, is_positive_R)
    hits_L, marked_L = (np.cumsum(each[::-1])[::-1] for each in (positives_L, np.bincount(level_R)))
    precision_L, rows, positives = hits_L / marked_L, len(level_R), is_positive_R.sum()
    below_L = np.cumsum(positives_L / marked_L)
    lost_L = np.cumsum(positives_L * precision_L / marked_L)
    area = float(precision_L @ positives_L / positives)
    own_R = is_positive_R * (precision_L[level_R] - area)
    by_row_R: Floats = area + (own_R + is_positive_R * below_L[level_R] - lost_L[level_R]) * (rows / positives)
    return by_row_R


def pr_auc_of_guess(answers: Answers) -> float:
    """Return the average precision if all rows score equally: the share of the second class."""
    return float((answers.target_R == 1).mean())


def top_5_by_row(answers: Answers) -> Floats:
    """Return 1 for each row whose class is among the five likeliest, else 0, (R,).

    Equally likely classes share the places that are left. If two classes share one place, the row counts one half.
    """
    own_R = answers.of_target(answers.predicted)[:, None]
    likelier_R, alike_R = (answers.predicted > own_R).sum(axis=1), (answers.predicted == own_R).sum(axis=1)
    share_R = np.clip((TOP - likelier_R) / np.maximum(alike_R, 1), 0, 1)
    return np.where(answers.right_R, 1.0, share_R)


def top_5_of_guess(answers: Answers) -> float:
    """Return the share of the rows that have one of the five commonest classes."""
    return float(np.sort(shares(answers.target_R, answers.classes))[-TOP:].sum())
