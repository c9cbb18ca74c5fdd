"""Classification metrics that are computed from a net's final answers, row by row: one entry for each metric.

Most of them are not means over rows. So what a row adds to a metric is linearized (its influence). The mean of these
values over rows is exactly the metric, and their standard error is right if there are many rows. So the intervals for
means over rows are valid for these metrics, too. The calibration error is the exception: it is an average of absolute
values, so it grows with the noise in its bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnexp.statistics import confusion, probabilities, ranking
from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, for which numbers of classes, and what guessing scores in it."""

    title: str
    """The metric's name in a sentence."""
    by_row: Callable[[Answers], Floats]
    """What each row adds, (R,)."""
    fewest: int = 2
    """The smallest number of classes for which the metric is defined."""
    most: float = math.inf
    """The largest number of classes for which it is defined."""
    compares_classes: bool = False
    """Whether it needs rows of two classes or more."""
    is_about_second: bool = False
    """Whether it is about the second class only, if there are two classes."""
    is_biased: bool = False
    """Whether few rows make it too large. Then its spread over rows says too little about new rows."""
    guess: str = ""
    """What a net that has learned nothing does, such as "scores at random"."""
    of_guess: Callable[[Answers], float] | None = None
    """The function that returns the score of this guess; None if it is not known."""

    def fits(self, classes: int) -> bool:
        """Return True if the metric is defined for this number of classes."""
        return self.fewest <= classes <= self.most

    @property
    def needs(self) -> str:
        """Return the number of classes that the metric needs, as a message for data with another number.

        >>> METRICS["auc"].needs
        'AUC needs two classes, and these data have more'
        """
        if self.most == 2:
            return f"{self.title} needs two classes, and these data have more"
        return f"{self.title} needs {self.fewest} classes or more, and these data have fewer"

    def values(self, answers: Answers) -> Floats:
        """Return what each row adds, (R,).

        It is NaN if the seed diverged, or if all rows are of one class and the metric compares classes.
        """
        if np.isnan(answers.predicted).any() or (self.compares_classes and answers.is_of_one_class):
            return np.full(len(answers.target_R), np.nan)
        return self.by_row(answers)


ONE_CLASS, AT_RANDOM = "always answering one class", "scores at random"
METRICS = {
    "auc": Metric(
        "AUC", ranking.auc_by_row, most=2, compares_classes=True, guess=AT_RANDOM, of_guess=lambda answers: 0.5
    ),
    "f1": Metric(
        "F1",
        confusion.f1_by_row,
        is_about_second=True,
        guess=f"{ONE_CLASS}, or answers at random",
        of_guess=confusion.f1_of_guess,
    ),
    "balanced_accuracy": Metric(
        "balanced accuracy",
        confusion.balanced_accuracy_by_row,
        compares_classes=True,
        guess=ONE_CLASS,
        of_guess=confusion.balanced_accuracy_of_guess,
    ),
    "mcc": Metric(
        "MCC", confusion.mcc_by_row, compares_classes=True, guess="answers at random", of_guess=lambda answers: 0.0
    ),
    "pr_auc": Metric(
        "average precision",
        ranking.pr_auc_by_row,
        most=2,
        compares_classes=True,
        is_about_second=True,
        guess=AT_RANDOM,
        of_guess=ranking.pr_auc_of_guess,
    ),
    "log_loss": Metric("log loss", probabilities.log_loss_by_row),
    "brier": Metric("Brier score", probabilities.brier_by_row),
    "top_5": Metric(
        "top-5 accuracy",
        ranking.top_5_by_row,
        fewest=ranking.TOP + 1,
        guess="always answering the same five classes",
        of_guess=ranking.top_5_of_guess,
    ),
    "calibration_error": Metric("calibration error", probabilities.calibration_error_by_row, is_biased=True),
}
"""Quantity -> how it is computed; `metrics.KNOWN` has its limits, direction and unit."""


def is_about_second(quantity: str) -> bool:
    """Return True if a metric is about the second class only, if there are two classes.

    >>> is_about_second("pr_auc"), is_about_second("auc"), is_about_second("accuracy")
    (True, False, False)
    """
    return quantity in METRICS and METRICS[quantity].is_about_second
