"""The rule of the verdicts as a whole: how several questions share the error, and what stands behind the difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arms import arm, measured, rows_right, spread
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from studies import claim

from bnexp.comparison import Arm, Question, compare
from bnexp.store.comparison_document import Verdict
from bnexp.study.contrast import contrast_of
from bnexp.study.grid import Cell
from bnexp.study.result import Result
from bnexp.study.verdict import judged


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
    assert "This is a 98.33% interval, because several arms share the 5% risk of an error." in first.verdict.sentence
    alone = compare([arms[0], base], Question()).contrasts[0]
    assert alone.judged is not None and alone.judged.level == alone.judged.margin_level == 0.95
    assert "share the error" not in alone.verdict.sentence


FAILURES = "Rare failed trainings may be missed: even if up to 14% of one arm's trainings failed, all 20 pairs could succeed by chance."


def small_but_apart(mean: float, draw: int) -> np.ndarray:
    """Draw 20 accuracies above 0.8 by this mean exactly, with a deviation of 0.002: the interval excludes 0."""
    noise_S = np.random.default_rng(draw).standard_normal(20)
    return 0.8 + mean + 0.002 * (noise_S - noise_S.mean()) / noise_S.std(ddof=1)


def test_a_small_difference_with_a_sign_names_the_failures_that_remain_too() -> None:
    base = arm("none", np.full(20, 0.8), seeds=20)
    arms = {"bn": arm("bn", small_but_apart(0.004, 0), seeds=20), "none": base}
    (compared,) = _as_comparison(arms, "val_accuracy", 0.01)
    (studied,) = _as_study(arms, metric="val_accuracy", smallest=0.01)
    (other_way,) = _as_study(arms, metric="val_accuracy", smallest=0.01, direction="lower")
    assert (compared.word, studied.word, other_way.word) == ("no difference that matters", "refuted", "refuted")
    assert FAILURES in compared.sentence and FAILURES in studied.sentence
    assert FAILURES not in other_way.sentence, "its sign alone refutes it"


def test_the_interval_of_a_small_difference_is_the_one_that_was_compared_with_the_margin() -> None:
    """The last of three arms by Holm's rule has 95% against zero, and 98.33% against the margin, as each has."""
    arms = {name: arm(name, small_but_apart(mean, n), seeds=20) for n, (name, mean) in enumerate(
        {"bn": 0.004, "other0": 0.003, "other1": 0.002}.items()
    )}  # fmt: skip
    verdicts = _as_comparison({**arms, "none": arm("none", np.full(20, 0.8), seeds=20)}, "val_accuracy", 0.01)
    for verdict, mean in zip(verdicts, (0.004, 0.003, 0.002), strict=True):
        half = stats.t.ppf(1 - 0.05 / 6, 19) * 0.002 / np.sqrt(20)
        assert verdict.word == "no difference that matters" and FAILURES in verdict.sentence
        assert f"[+{100 * (mean - half):.2f}, +{100 * (mean + half):.2f}]" in verdict.sentence
        assert "This is a 98.33% interval, because several arms share the 5% risk of an error." in verdict.sentence


def _as_comparison(arms: dict[str, Arm], metric: str, margin: float) -> list[Verdict]:
    found = compare(list(arms.values()), Question(metric=metric, margin=margin, baseline="none"))
    return [contrast.verdict for contrast in found.contrasts]


def _as_study(arms: dict[str, Arm], **asked: Any) -> list[Verdict]:
    """Judge the same seeds and rows as a study of one cell, with a hypothesis for each arm beside the baseline."""
    results, rows = {}, {}
    for name, one in arms.items():
        final = {metric: one.history.final(metric).tolist() for metric in ("val_accuracy", "val_loss")}
        seeds, rows[0, name] = one.history.seeds, one.held_out
        results[0, name] = Result(
            trial="t", levels={}, arm=name, experiment="e", seeds=seeds, rows={"train": 100, "val": 50}, final=final,
            epochs_to={}, budget_epochs=9, diverged={}, steps=1, seconds=1.0,
        )  # fmt: skip
    hypotheses = [claim(treated=name, **asked) for name in arms if name != "none"]
    contrasts = [contrast_of(one, [Cell(0, {}, {})], results, rows.__getitem__) for one in hypotheses]
    return [record.verdict for record in judged(hypotheses, contrasts)]


ARMS_DRAWN = st.fixed_dictionaries(
    {
        "gain": st.sampled_from([-0.1, -0.03, -0.01, 0.0, 0.01, 0.03, 0.1]),
        "seeds": st.sampled_from([4, 6, 8, 20]),
        "rows": st.sampled_from([60, 400]),
        "margin": st.sampled_from([0.005, 0.02, 0.06, 2.0]),
        "draw": st.integers(0, 9999),
        "is_kept": st.booleans(),
        "others": st.sampled_from([0, 1, 2]),
    }
)


def _drawn(case: dict[str, Any]) -> dict[str, Arm]:
    """Draw two arms or more, whose rows are kept or not; the others are better than the first one by some points."""
    shape = {"seeds": case["seeds"], "rows": case["rows"], "hard": 0.1}
    others = {f"other{n}": 0.82 + 0.05 * n for n in range(case["others"])}
    shares = {"bn": 0.8 + case["gain"], **others, "none": 0.8}
    right = {name: rows_right(share, **shape, draw=case["draw"] + n) for n, (name, share) in enumerate(shares.items())}
    if case["is_kept"]:
        return {name: measured(name, right_SR) for name, right_SR in right.items()}
    return {name: arm(name, right_SR.mean(axis=1), seeds=case["seeds"]) for name, right_SR in right.items()}


ONE_DECISION = {
    "helps": {"supported"},
    "hurts": {"refuted"},
    "no difference that matters": {"refuted"},
    "cannot tell yet": {"inconclusive", "refuted"},
}
"""Word of a comparison -> the words of a study on the same numbers; any difference the other way refutes a claim."""


@settings(max_examples=25, deadline=None)
@given(case=ARMS_DRAWN)
def test_a_study_of_one_cell_decides_as_a_comparison_of_the_same_numbers(case: dict[str, Any]) -> None:
    arms, margin = _drawn(case), min(case["margin"], 0.06)
    for compared, studied in zip(
        _as_comparison(arms, "val_accuracy", margin),
        _as_study(arms, metric="val_accuracy", smallest=margin),
        strict=True,
    ):
        assert studied.word in ONE_DECISION[compared.word]
        if (compared.word, studied.word) == ("cannot tell yet", "refuted"):  # by less than the margin
            assert "the other way round" in studied.sentence
        assert studied.about == compared.about


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(case=ARMS_DRAWN)
def test_a_ratio_of_losses_is_decided_alike_by_a_study_and_a_comparison(case: dict[str, Any]) -> None:
    arms = _drawn(case)
    assume(all((one.history.final("val_loss") > 0).all() for one in arms.values()))  # a loss of 0 has no ratio
    mean, ratio = float(arms["none"].history.final("val_loss").mean()), 1 + min(4 * case["margin"], 0.5)
    ratio_of = {"metric": "val_loss", "ratio": True}
    for compared, studied in zip(
        _as_comparison(arms, "val_loss", mean * (ratio - 1)),
        _as_study(arms, metric=ratio_of, smallest=ratio, direction="lower"),
        strict=True,
    ):
        assert studied.word in ONE_DECISION[compared.word]
        assert studied.about == compared.about


@pytest.mark.parametrize("is_kept", [True, False])
def test_neither_decides_by_a_margin_as_large_as_the_whole_loss(is_kept: bool) -> None:
    """Any net is within 100% of the baseline's loss, a perfect one too: that is no finding."""
    arms = _drawn({"gain": 0.02, "seeds": 20, "rows": 400, "draw": 3, "is_kept": is_kept, "others": 0})
    mean = float(arms["none"].history.final("val_loss").mean())
    (compared,) = _as_comparison(arms, "val_loss", 1.5 * mean)
    (studied,) = _as_study(arms, metric="val_loss", smallest=1.5 * mean, direction="lower")
    assert (compared.word, studied.word) == ("cannot tell yet", "inconclusive")
    seen = f"No verdict: the margin is {1.5 * mean:.3g} and the mean val_loss of none is {mean:.3g}, so that even a "
    cure = f"perfect net would not matter. Use a smaller one, such as %s{0.05 * mean:.2g}."
    assert compared.sentence == seen + cure % "--margin "
    assert studied.sentence == seen + cure % "smallest: "
    (other_way,) = _as_study(arms, metric="val_loss", smallest=1.5 * mean, direction="higher")
    assert other_way.word == "refuted" and "the other way round" in other_way.sentence  # the sign decides it


def test_three_arms_need_more_pairs_than_two() -> None:
    """Six pairs can all agree by chance in 3% of cases: too often for arms that share an error of 5%."""
    case = {"gain": 0.1, "seeds": 6, "rows": 400, "draw": 0, "is_kept": True}
    (alone,) = _as_comparison(_drawn({**case, "others": 0}), "val_accuracy", 0.01)
    assert alone.word == "helps"
    for verdict in _as_comparison(_drawn({**case, "others": 1}), "val_accuracy", 0.01):
        assert (verdict.word, verdict.settled_by) == ("cannot tell yet", 7)
        assert verdict.sentence == (
            "6 pairs are too few for a verdict, which needs 7: fewer can all agree by chance in more than 2.5% of cases. "
            "Use --seeds 20."
        )
