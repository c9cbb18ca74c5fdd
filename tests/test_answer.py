"""The rule of the verdicts as a whole: how several questions share the error, and what stands behind the difference."""

from __future__ import annotations

import numpy as np
import pytest
from arms import arm, spread
from scipy import stats

from bnexp.comparison import Question, compare


def test_several_arms_share_the_error_as_holms_rule_says() -> None:
    """Three arms against one baseline: the clearest at 98.3%, the next at 97.5%, and the last at 95%."""
    base = arm("base", spread(0.8, 0.02, count=12), seeds=12)
    gains = {"a": 0.05, "b": 0.02, "c": 0.0}
    arms = [
        arm(name, spread(0.8 + gain, 0.02, seed=5 + n, count=12), seeds=12)
        for n, (name, gain) in enumerate(gains.items())
    ]
    contrasts = compare([*arms, base], Question()).contrasts
    p_values = {}
    for contrast in contrasts:
        difference_S = np.array(contrast.pairs, float)
        of_t = stats.ttest_1samp(difference_S, 0).pvalue
        p_values[contrast.arm] = max(of_t, contrast.metrics["val_accuracy"].p_value or 0) if of_t <= 0.05 else of_t
    judged = {contrast.arm: contrast.judged for contrast in contrasts}
    ordered = sorted(p_values, key=lambda name: p_values[name])
    alpha, still = 0.05 / 3, True
    for rank, name in enumerate(ordered):
        alpha = 0.05 / (3 - rank) if still else alpha
        still = still and p_values[name] <= alpha
        found = judged[name]
        assert found is not None and found.level == pytest.approx(1 - alpha)
        assert found.margin_level == pytest.approx(1 - 0.05 / 3)
        difference_S = np.array(next(one.pairs for one in contrasts if one.arm == name), float)
        expected = stats.ttest_1samp(difference_S, 0).confidence_interval(found.level)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    first = next(one for one in contrasts if one.arm == ordered[0])
    assert "The interval is one of 98.33%, as several questions share the error." in first.verdict.sentence
    alone = compare([arms[0], base], Question()).contrasts[0]
    assert alone.judged is not None and alone.judged.level == alone.judged.margin_level == 0.95
    assert "share the error" not in alone.verdict.sentence
