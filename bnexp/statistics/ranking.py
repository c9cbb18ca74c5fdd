"""What each row adds to a metric of how a net ranks rows: the area under the ROC curve.

`classification` says what "adds" means, and which metrics there are.

Axis: R rows.
"""

from __future__ import annotations

import numpy as np

from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats


def auc_by_row(answers: Answers) -> Floats:
    """Return what each row adds to the area under the ROC curve of two classes, (R,).

    A positive row counts the share of negative ones that score lower, a negative row the share of positive ones that
    score higher; equal scores count one half.
    Source: DeLong, DeLong and Clarke-Pearson 1988, whose placements these are.
    """
    from scipy.stats import rankdata

    is_positive_R, score_R = answers.target_R == 1, answers.predicted
    positives = int(is_positive_R.sum())
    negatives = len(is_positive_R) - positives
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
