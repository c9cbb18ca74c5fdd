"""Trainings that failed, as far as they are no better than guessing, and how many more may fail unseen."""

from __future__ import annotations

import numpy as np

from bnexp import statistics
from bnexp.comparison.metric_rules import ROUNDING
from bnexp.statistics.arrays import Floats


def no_better(values_S: Floats, guess: float | None) -> int:
    """Count the seeds whose metric is at most the score of guessing; 0 if that score is not known.

    >>> no_better(np.array([0.9, 0.5, 0.4]), 0.5), no_better(np.array([0.9]), None)
    (2, 0)
    """
    return 0 if guess is None else int(np.count_nonzero(values_S <= guess + ROUNDING))


def failures_in_words(pairs: int, failed: int = 0) -> str:
    """Return a sentence on the share of trainings that may fail. `failed` trainings of one arm did.

    >>> print(failures_in_words(20))  # doctest: +NORMALIZE_WHITESPACE
    Rare failed trainings may be missed: even if up to 14% of one arm's trainings failed, all 20 pairs could succeed
    by chance.
    >>> print(failures_in_words(20, 2))  # doctest: +NORMALIZE_WHITESPACE
    2 of one arm's 20 trainings were no better than guessing: up to 28% of one arm's trainings may fail.
    """
    share = f"up to {100 * statistics.unseen_share(pairs, failed):.2g}% of one arm's trainings"
    if not failed:
        return (
            f"Rare failed trainings may be missed: even if {share} failed, all {pairs:,} pairs could succeed by chance."
        )
    were = "trainings was" if failed == 1 else "trainings were"
    return f"{failed} of one arm's {pairs:,} {were} no better than guessing: {share} may fail."
