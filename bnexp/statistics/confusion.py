"""What each row adds to a metric of the confusion matrix: F1, balanced accuracy, Matthews correlation.

`classification` explains what "adds" means, and lists the metrics.

Axes: R rows, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats


def f1_by_row(answers: Answers) -> Floats:
    """Return what each row adds to F1, (R,). With two classes it is the F1 of class 1, else the mean over classes.

    As in scikit-learn, the mean leaves out classes that no row has and that are never predicted. A class without a
    right prediction has F1 0.
    """
    target_R, class_R = answers.target_R, answers.class_R
    named = [1] if answers.classes == 2 else np.union1d(target_R, class_R).tolist()
    by_class = [_f1_of_class(target_R == one, class_R == one) for one in named]
    mean_R: Floats = np.mean(by_class, axis=0)
    return mean_R


def _f1_of_class(is_target_R: NDArray[np.bool_], is_predicted_R: NDArray[np.bool_]) -> Floats:
    """Return what each row adds to the F1 of one class.

    F1 is a ratio of means: twice the hits, divided by the number of rows with this class plus the number of rows with
    this prediction.
    """
    hits_R, marks_R = 2.0 * (is_target_R & is_predicted_R), is_target_R + is_predicted_R.astype(float)
    if not marks_R.any():
        return np.zeros(len(hits_R))
    ratio = hits_R.mean() / marks_R.mean()
    by_row_R: Floats = ratio + (hits_R - ratio * marks_R) / marks_R.mean()
    return by_row_R


def f1_of_guess(answers: Answers) -> float:
    """Return the best F1 of answers that do not depend on the row.

    With two classes, the best guess is always class 1. Its F1 is 2 p / (1 + p), where p is the share of class 1. With
    more classes, the best guess is random, with each class as often as the rows have it. Then the F1 of a class is its
    share, and the mean is 1 / C.
    """
    if answers.classes == 2:
        share = float((answers.target_R == 1).mean())
        return 2 * share / (1 + share)
    return balanced_accuracy_of_guess(answers)


def balanced_accuracy_by_row(answers: Answers) -> Floats:
    """Return what each row adds to the mean recall of all classes that the rows have, (R,).

    A row counts only for its own class. The rarer the class, the larger is the weight of its rows.
    """
    target_R, right_R = answers.target_R, answers.right_R.astype(float)
    rows_C = np.bincount(target_R, minlength=answers.classes)
    recall_C = np.bincount(target_R, right_R, answers.classes) / np.maximum(rows_C, 1)
    there = np.count_nonzero(rows_C)
    weight_R = len(target_R) / (there * rows_C[target_R])
    by_row_R: Floats = recall_C.sum() / there + weight_R * (right_R - recall_C[target_R])
    return by_row_R


def balanced_accuracy_of_guess(answers: Answers) -> float:
    """Return the balanced accuracy of always answering one class. Random answers score the same on average."""
    return 1 / len(np.unique(answers.target_R))


def mcc_by_row(answers: Answers) -> Floats:
    """Return what each row adds to the Matthews correlation of classes and answers, (R,), by the delta method.

    With several classes it is Gorodkin's coefficient. As in scikit-learn, it is 0 if a net always answers one class.
    Source: Gorodkin 2004, Comparing two K-category assignments by a K-category correlation coefficient.
    """
    target_R, class_R = answers.target_R, answers.class_R
    of_target_C, of_answer_C = (shares(one_R, answers.classes) for one_R in (target_R, class_R))
    right_R, by_chance = (class_R == target_R).astype(float), of_target_C @ of_answer_C
    spread_of_targets, spread_of_answers = 1 - of_target_C @ of_target_C, 1 - of_answer_C @ of_answer_C
    if spread_of_answers <= 0:
        return np.zeros(len(target_R))
    scale = np.sqrt(spread_of_targets * spread_of_answers)
    mcc = (right_R.mean() - by_chance) / scale
    chance_R = of_answer_C[target_R] + of_target_C[class_R] - 2 * by_chance
    common_target_R = (of_target_C[target_R] - of_target_C @ of_target_C) / spread_of_targets
    common_answer_R = (of_answer_C[class_R] - of_answer_C @ of_answer_C) / spread_of_answers
    by_row_R: Floats = mcc + (right_R - right_R.mean() - chance_R) / scale + mcc * (common_target_R + common_answer_R)
    return by_row_R


def shares(class_R: NDArray[np.int64], classes: int) -> Floats:
    """Return each class's share of the rows, (C,)."""
    share_C: Floats = np.bincount(class_R, minlength=classes) / len(class_R)
    return share_C
