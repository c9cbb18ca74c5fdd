"""What each row adds to a metric of the probabilities themselves: log loss, Brier score, calibration error.

`classification` explains what "adds" means, and lists the metrics.

Axes: R rows, C classes, B bins.
"""

from __future__ import annotations

import numpy as np

from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats

EPSILON = 1e-7
"""Keras clips probabilities to this distance from 0 and 1 before it takes their logarithm."""
BINS = 15


def log_loss_by_row(answers: Answers) -> Floats:
    """Return minus the log of the probability of each row's true class, (R,).

    A probability above 0.5 is computed from the probabilities of all other classes, because floats are far more precise
    near 0 than near 1: the float16 of earlier runs distinguishes 0.9995 from 1, and 0.0000001 from 0.
    """
    own_R, others_R = answers.of_target(answers.probability_RC), answers.others_RC.sum(axis=1)
    is_likely_R = own_R > 0.5
    likely_R = -np.log1p(-np.where(is_likely_R, np.clip(others_R, EPSILON, 0.5), 0.0))
    by_row_R: Floats = np.where(is_likely_R, likely_R, -np.log(np.maximum(own_R, EPSILON)))
    return by_row_R


def brier_by_row(answers: Answers) -> Floats:
    """Return the squared distance of each row's probabilities from the truth, (R,).

    With two classes only the second class counts, so it is from 0 to 1. With more it is the sum over classes, up to 2.
    Source: Brier 1950, Verification of forecasts expressed in terms of probability.
    """
    if answers.classes == 2:
        return np.square(answers.predicted.astype("float64") - answers.target_R)
    missing_R = 1 - answers.of_target(answers.probability_RC)
    distance_R: Floats = np.square(answers.others_RC).sum(axis=1) + np.square(missing_R)
    return distance_R


def calibration_error_by_row(answers: Answers) -> Floats:
    """Return what each row adds to the expected calibration error, (R,), in 15 equal bins of confidence.

    Confidence is the probability of the answered class. The error of a bin is the distance between its mean confidence
    and its share of right answers. Bins are weighted by their numbers of rows.
    Source: Guo, Pleiss, Sun and Weinberger 2017, equation 3.
    """
    confidence_R = answers.probability_RC.max(axis=1)
    upper_B = np.arange(1, BINS) / BINS
    bin_R = np.searchsorted(upper_B, confidence_R)  # a bound belongs to the bin below it
    excess_R = answers.right_R - confidence_R
    excess_B = np.bincount(bin_R, excess_R, BINS)
    by_row_R: Floats = np.sign(excess_B)[bin_R] * excess_R
    return by_row_R
