"""The statistics of verdicts: each number against a case worked by hand or a published one, and scipy; rules by simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import studies
from cases import slow
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnexp import statistics
from bnexp.config.study import Hypothesis
from bnexp.statistics import (
    Estimate,
    Floats,
    Interval,
    Levels,
    bootstrap_interval,
    claim_word,
    comparison_word,
    mean_interval,
    over_seeds,
    over_splits,
    probability_of_improvement,
    shared_levels,
    shown,
    sign_flip_p_value,
    speed_up,
)
from bnexp.statistics.power import detectable, error_over_seeds
from bnexp.statistics.significance import holm_levels, without_spread
from bnexp.study.contrast import Contrast
from bnexp.study.verdict import judged

quick = settings(deadline=None, max_examples=40)
samples = st.builds(
    lambda seed, count, shift: np.random.default_rng(seed).normal(shift, 1, count),
    st.integers(0, 10**6), st.integers(2, 30), st.floats(-1, 1),
)  # fmt: skip
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
"""Student's own differences (1908): extra hours of sleep under the second drug less those under the first."""


# --- tests -------------------------------------------------------------------------


def test_the_t_test_gives_what_student_published() -> None:
    assert over_seeds(SLEEP).p_value == pytest.approx(0.002833, abs=1e-6)  # R: t.test(extra ~ group, sleep, paired)
    found = mean_interval(SLEEP, 0.95)
    assert (found.low, found.high) == (pytest.approx(0.7001142, abs=1e-6), pytest.approx(2.4598858, abs=1e-6))


@quick
@given(samples)
def test_the_t_test_is_scipys(difference_S: Floats) -> None:
    assert over_seeds(difference_S).p_value == pytest.approx(stats.ttest_1samp(difference_S, 0).pvalue)


def test_pairs_without_spread_have_no_error_and_a_single_one_tells_nothing() -> None:
    assert [over_seeds(np.full(4, value)).p_value for value in (0.0, 0.3)] == [1.0, 0.0]
    assert over_seeds(np.full(4, 0.3)).interval(0.95) == Interval(0.3, 0.3, 0.3)
    assert over_seeds(np.ones(1)).p_value == 1.0


@quick
@given(samples, st.floats(0, 1))
def test_splits_that_overlap_widen_the_error_as_nadeau_and_bengio_say(difference_S: Floats, share: float) -> None:
    found, count = over_splits(difference_S, share), len(difference_S)
    assert found.error == pytest.approx(math.sqrt((1 / count + share) * np.var(difference_S, ddof=1)))
    assert (found.mean, found.degrees) == (over_seeds(difference_S).mean, count - 1)


# --- intervals ---------------------------------------------------------------------


def test_the_bootstrap_interval_checks_the_other_and_is_not_given_where_it_would_mislead() -> None:
    low, high = stats.bootstrap((SLEEP,), np.mean, n_resamples=9999, rng=np.random.default_rng(0)).confidence_interval
    found = bootstrap_interval(SLEEP, 0.95)
    assert found is not None and (found.low, found.high) == (low, high)
    assert 0.7 < found.low < 1.2 and 2.1 < found.high < 2.7
    assert bootstrap_interval(SLEEP[:9], 0.95) is None
    assert bootstrap_interval(np.full(20, 0.1), 0.95) is None


def test_the_probability_of_improvement_has_wilsons_interval_and_ties_count_half() -> None:
    found = probability_of_improvement(np.array([1.0] * 8 + [-1.0] * 2), 0.95)
    expected = stats.binomtest(8, 10).proportion_ci(method="wilson")
    assert (found.mean, found.low, found.high) == pytest.approx((0.8, expected.low, expected.high))
    assert probability_of_improvement(np.zeros(4), 0.95).mean == 0.5
    assert probability_of_improvement(np.ones(6), 0.95).high == 1.0
    assert [probability_of_improvement(-np.ones(n), 0.95).low for n in range(1, 30)] == [0.0] * 29


@pytest.mark.parametrize("shape", ["normal", "rounded", "skewed"])
@pytest.mark.parametrize("pairs", [6, 20])
def test_the_interval_of_a_study_covers_the_true_effect_95_times_in_100(pairs: int, shape: str) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0.3, 1, (2000, pairs))
    if shape == "rounded":  # as accuracies on 200 rows are
        drawn = np.round(drawn * 4) / 4
    if shape == "skewed":
        drawn = 0.3 + (rng.gamma(4, 0.5, (2000, pairs)) - 2)
    found = [mean_interval(difference_S, 0.95) for difference_S in drawn]
    assert 0.93 <= np.mean([one.low <= 0.3 <= one.high for one in found]) <= 0.97


# --- many contrasts ----------------------------------------------------------------


def holm(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p-values (Holm 1979), as R's p.adjust does."""
    rising = np.argsort(p_values)
    steps = np.minimum(1, np.array(p_values)[rising] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[rising] = np.maximum.accumulate(steps)
    return [float(value) for value in adjusted]


def test_the_reference_for_holms_levels_gives_what_holm_published_and_r_computes() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.9, 0.001, 0.6]) == pytest.approx([1.0, 0.003, 1.0])


@quick
@given(st.lists(samples, min_size=1, max_size=5))
def test_an_interval_at_holms_level_excludes_0_exactly_where_holms_test_rejects(many: list[Floats]) -> None:
    p_values = [over_seeds(difference_S).p_value for difference_S in many]
    for difference_S, level, adjusted in zip(many, holm_levels(p_values), holm(p_values), strict=True):
        found = mean_interval(difference_S, level)
        if abs(adjusted - 0.05) > 1e-9:
            assert (found.low > 0 or found.high < 0) == (adjusted < 0.05)


def words_of(claims: Sequence[Hypothesis], contrasts: Sequence[Contrast]) -> list[str]:
    """Return the words of the verdicts on a study's claims."""
    return [record.verdict.word for record in judged(claims, contrasts)]


def test_a_single_claim_needs_no_p_value_that_orders_several(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr("bnexp.statistics.estimate.t_tail", lambda ratio, degrees: asked.append(degrees) or 0.001)
    one = Hypothesis.model_validate(
        {"claim": "c", "treated": "a", "baseline": "b", "metric": "val_loss", "direction": "higher", "smallest": 0.1}
    )
    found = Contrast(SLEEP)
    assert words_of([one], [found]) == ["supported"]
    assert asked == []
    assert words_of([one, one], [found, found]) == ["supported", "supported"] and len(asked) == 2


# --- what can be detected ----------------------------------------------------------


@pytest.mark.parametrize(("size", "pairs"), [(0.2, 199), (0.3, 90), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_so_many_pairs_detect_what_the_tables_of_power_say(size: float, pairs: int) -> None:
    assert detectable(error_over_seeds(1.0, pairs)) <= size < detectable(error_over_seeds(1.0, pairs - 1))


@pytest.mark.parametrize("pairs", [6, 20])
def test_an_effect_of_the_detectable_size_is_detected_8_times_in_10(pairs: int) -> None:
    drawn = np.random.default_rng(1).normal(detectable(error_over_seeds(1.0, pairs)), 1, (2000, pairs))
    assert 0.77 <= np.mean([mean_interval(difference_S, 0.95).low > 0 for difference_S in drawn]) <= 0.83


def test_a_single_pair_detects_nothing() -> None:
    assert math.isnan(detectable(error_over_seeds(1.0, 1)))


# --- epochs to a target ------------------------------------------------------------

NEVER = math.nan


def test_a_speed_up_is_the_geometric_mean_of_the_pairs_ratios() -> None:
    found = speed_up(np.array([1.0, 2.0, 5.0]), np.array([2.0, 8.0, 40.0]), 50, 0.95)
    assert found.reading == "ratio" and found.ratio == pytest.approx(4.0)
    low, high = stats.ttest_1samp(np.log([2, 4, 8]), 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))


@pytest.mark.parametrize(
    ("treated", "baseline", "reading", "ratio"),
    [
        ([5.0, 5.0], [NEVER, 50.0], "at least", 10.0),
        ([NEVER, 50.0], [5.0, 5.0], "at most", 0.1),
        ([NEVER, 10.0], [NEVER, 40.0], "restricted means", 1.5),
    ],
)
def test_a_speed_up_over_seeds_that_never_arrive_is_a_bound(
    treated: list[float], baseline: list[float], reading: str, ratio: float
) -> None:
    found = speed_up(np.array(treated), np.array(baseline), 50, 0.95)
    assert (found.reading, found.ratio) == (reading, pytest.approx(ratio))
    assert math.isnan(found.low) == (reading == "restricted means")


# --- the verdict of a study --------------------------------------------------------


def word_of(difference_S: Floats, *, smallest: float = 0.01, levels: Levels | None = None) -> str:
    """Return the word for a claim with these differences, positive where they support it."""
    found = shown(
        over_seeds(difference_S),
        margin=smallest,
        pairs=len(difference_S),
        sign_flip_p=lambda: sign_flip_p_value(difference_S),
        levels=levels or Levels(),
    )
    return claim_word(found)


@pytest.mark.parametrize(
    ("differences", "word"),
    [
        ([0.02, 0.03, 0.02, 0.03, 0.02, 0.03], "supported"),
        ([0.004, 0.006] * 3, "refuted"),  # not 0, but inside the margin
        ([-0.03, -0.02] * 3, "refuted"),
        ([0.05, -0.05] * 3, "inconclusive"),
        ([0.02] * 5, "inconclusive"),  # too few pairs
    ],
)
def test_a_claim_is_judged_by_interval_direction_and_smallest_effect(differences: list[float], word: str) -> None:
    assert word_of(np.array(differences)) == word


def test_a_stricter_level_asks_for_more_pairs_that_agree() -> None:
    strict = Levels(sign=0.99)
    assert word_of(np.full(6, 0.5)) == "supported"
    assert word_of(np.full(6, 0.5), levels=strict) == "inconclusive"
    assert word_of(np.full(8, 0.5), levels=strict) == "supported"


@pytest.mark.parametrize("contrasts", [1, 2, 5])
def test_a_claim_is_refuted_where_two_tests_at_its_share_of_the_error_say_so(contrasts: int) -> None:
    """Each of the two one-sided tests is at 0.025 / contrasts: by scipy's t test, on both sides of the margin."""
    drawn = np.random.default_rng(1).normal(0, 1, 40)
    levels = shared_levels([0.9] * contrasts)[0]
    for smallest in np.linspace(0.2, 0.8, 61):
        above = stats.ttest_1samp(drawn, -smallest, alternative="greater").pvalue
        below = stats.ttest_1samp(drawn, smallest, alternative="less").pvalue
        refuted = word_of(drawn, smallest=smallest, levels=levels) == "refuted"
        assert refuted == (max(above, below) < 0.025 / contrasts)


def test_an_estimate_without_an_error_shows_nothing() -> None:
    """Comparisons with NaN are all false: not outside the margin is not inside it."""
    keys = {"margin": 1.0, "pairs": 20, "sign_flip_p": lambda: 0.0, "levels": Levels()}
    for mean in (0.5, 2.0):
        found = shown(Estimate(mean, math.nan, 0.0), **keys)
        assert not found.is_small and not found.sign
        assert comparison_word(found, higher_is_better=True) == "cannot tell yet"
        assert claim_word(found) == "inconclusive"


def test_pairs_that_are_all_equal_refute_only_if_they_are_many() -> None:
    assert [word_of(np.zeros(pairs)) for pairs in (13, 14)] == ["inconclusive", "refuted"]
    assert word_of(np.full(6, -0.5)) == "refuted"  # the other way round
    rounded = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]) - np.array([0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    assert without_spread(rounded) and not without_spread(np.array([0.1, 0.1 + 1e-6]))
    assert over_seeds(rounded).error == 0
    assert sign_flip_p_value(rounded) == 2**-5
    assert bootstrap_interval(np.resize(rounded, 12), 0.95) is None


EXPERIMENTS = 2000


@pytest.fixture
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out two numbers beside a verdict that take most of the time."""
    monkeypatch.setattr(statistics, "bootstrap_interval", lambda *drawn: None)
    monkeypatch.setattr(statistics, "chances_of_other_sign", lambda *drawn: [])


def share_of(word: str, claims: Sequence[Hypothesis], drawn: Floats) -> float:
    """Return the share of experiments, (2000, claims, S), in which the whole rule gives some claim this word."""
    words = [set(words_of(claims, [Contrast(one_S) for one_S in one_KS])) for one_KS in drawn]
    return float(np.mean([word in found for found in words]))


def too_many(level: float) -> float:
    """Return what a share of 2,000 exceeds in 1 of 200 runs, if the true one is this."""
    return level + 2.6 * math.sqrt(level * (1 - level) / EXPERIMENTS)


claim = partial(studies.claim, smallest=0.1)
FAILING = {"metric": {"metric": "test_accuracy", "failures_below": 0.5}}
TIMED = {"metric": {"metric": "val_accuracy", "epochs_to": 0.9}, "smallest": 1.2}


@pytest.mark.usefixtures("words_alone")
@pytest.mark.parametrize(
    ("kind", "contrasts"),
    [
        ("plain", 1), slow("wins", 1), slow("failures", 1), slow("epochs", 1),
        slow("plain", 4), slow("wins", 4), slow("failures", 4), slow("epochs", 4),
    ],
)  # fmt: skip
def test_without_an_effect_a_claim_is_supported_in_2_of_100_studies_at_most(kind: str, contrasts: int) -> None:
    """Supported is one side of an interval of 95%: half of 5%, by Holm's rule for all claims together."""
    rng, shape = np.random.default_rng(2), (EXPERIMENTS, contrasts, 12)
    if kind == "failures":
        drawn, one = rng.integers(0, 2, shape) - rng.integers(0, 2, shape) * 1.0, claim(**FAILING)
    elif kind == "epochs":
        drawn, one = np.log(rng.integers(2, 9, shape) / rng.integers(2, 9, shape)), claim(direction="lower", **TIMED)
    else:
        drawn, one = rng.normal(0, 1, shape), claim(wins=kind == "wins")
    assert share_of("supported", [one] * contrasts, drawn) <= too_many(0.025)


@pytest.mark.usefixtures("words_alone")
@pytest.mark.parametrize("contrasts", [1, slow(2), slow(4)])
def test_claims_that_are_just_true_are_refuted_in_2_of_100_studies_at_most(contrasts: int) -> None:
    """All true means are the smallest effect of interest, where equivalence errs most; and it does err there."""
    drawn = np.random.default_rng(3).normal(0.6, 0.4, (EXPERIMENTS, contrasts, 14))
    refuted = share_of("refuted", [claim(smallest=0.6)] * contrasts, drawn)
    assert 0.01 < refuted <= too_many(0.025)


@pytest.mark.parametrize(("draws", "seen"), [(6, 1), (20, 2), (20, 19), (300, 7), (5000, 40)])
def test_the_share_that_may_fail_is_the_bound_of_clopper_and_pearson(draws: int, seen: int) -> None:
    expected = stats.beta.ppf(0.95, seen + 1, draws - seen)
    assert statistics.unseen_share(draws, seen) == pytest.approx(expected, abs=1e-7)
