"""Trainings that are no better than guessing are counted where a verdict says that a difference is small."""

from __future__ import annotations

import numpy as np
import pytest
from arms import arm, spread

from bnexp.comparison import Question, compare


@pytest.mark.parametrize(
    ("failed", "says"),
    [
        (0, "Rare failed trainings may be missed: even if up to 14% of one arm's trainings failed, all 20 pairs could"),
        (1, "1 of one arm's 20 trainings was no better than guessing: up to 22% of one arm's trainings may fail."),
        (2, "2 of one arm's 20 trainings were no better than guessing: up to 28% of one arm's trainings may fail."),
    ],
)
@pytest.mark.parametrize("of_baseline", [False, True])
def test_trainings_that_failed_are_counted_beside_a_difference_that_does_not_matter(
    failed: int, says: str, of_baseline: bool
) -> None:
    """The accuracy of guessing is 0.5."""
    good_S = spread(0.8, count=20)
    some_failed_S = np.where(np.arange(20) < failed, 0.5, spread(0.8, seed=1, count=20))
    treated_S, base_S = (good_S, some_failed_S) if of_baseline else (some_failed_S, good_S)
    batch = arm("bn", treated_S, seeds=20, model={"normalization": "batch"})
    none = arm("nobn", base_S, seeds=20, model={"normalization": "none"})
    verdict = compare([batch, none], Question(margin=0.15)).contrasts[0].verdict
    assert verdict.word == "no difference that matters"
    assert says in verdict.sentence
