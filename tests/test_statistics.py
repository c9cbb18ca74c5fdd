"""Statistics: each against a case worked by hand, a property, and scipy; intervals and tests also by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from bnexp import statistics
from bnexp.statistics import (
    Estimate,
    Floats,
    Interval,
    Levels,
    Reach,
    Shown,
    differences,
    epochs_to_target,
    failure_difference,
    lasting_bests,
    mean_interval,
    paired_difference,
    reach,
    sign_flip_p_value,
    significance,
)
from bnexp.statistics.differences import PairedDifference
from bnexp.statistics.quantiles import TABLE, t_quantile

AT_95 = Levels()
quick = settings(deadline=None, max_examples=40)
levels = st.sampled_from([0.5, 0.8, 0.95, 0.99])
samples = st.builds(
    lambda seed, count: np.random.default_rng(seed).normal(3, 2, count), st.integers(0, 10**6), st.integers(2, 40)
)
whole_numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=10).map(np.array)
outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40).map(
    lambda pairs: np.array(pairs, bool).reshape(-1, 2).T
)


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.706), (4, 2.776), (9, 2.262), (19, 2.093), (1e9, 1.960)])
def test_a_quantile_is_the_one_printed_in_tables(degrees: float, quantile: float) -> None:
    assert round(t_quantile(0.95, degrees), 3) == quantile


@quick
@given(levels, st.integers(1, 500))
def test_a_quantile_is_scipys_and_shrinks_with_more_degrees(level: float, degrees: int) -> None:
    assert t_quantile(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)
    assert t_quantile(level, degrees) > t_quantile(level, degrees + 1)


@pytest.mark.parametrize("degrees", range(1, len(TABLE) + 2))
def test_a_quantile_from_the_table_is_scipys(degrees: int) -> None:  # whose releases differ by up to 3e-11
    assert t_quantile(0.95, degrees) == pytest.approx(float(special.stdtrit(degrees, 0.975)), rel=1e-10)


@pytest.mark.parametrize("degrees", [1.001, 1.5, 2.5, 7.3, 64.2, 119.9, 120.5, 500.7, 99_999.5, 1e5 + 1, 1e7])
def test_a_quantile_between_degrees_of_freedom_is_scipys_and_loads_no_scipy(degrees: float) -> None:
    assert t_quantile(0.95, degrees) == pytest.approx(float(special.stdtrit(degrees, 0.975)), rel=1e-9)


def test_the_nodes_for_such_a_quantile_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    t_quantile(0.95, 2.5)
    monkeypatch.setattr(np.polynomial.legendre, "leggauss", None)
    assert t_quantile(0.95, 7.3) == pytest.approx(float(special.stdtrit(7.3, 0.975)), rel=1e-9)


def test_the_usual_interval_needs_no_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(special, "stdtrit", None)
    assert t_quantile(0.95, 19) == t_quantile(0.95, np.float64(19)) == TABLE[18]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_sign_flips_count_every_pattern_though_half_of_them_are_formed(count: int) -> None:
    values_S = np.random.default_rng(count).normal(size=count)
    sums = [abs(float(values_S @ np.array(signs))) for signs in itertools.product([1, -1], repeat=count)]
    expected = np.mean(np.array(sums) >= abs(values_S.sum()) - 1e-9)
    assert sign_flip_p_value(values_S) == expected


def test_an_interval_of_three_values_is_the_one_worked_by_hand() -> None:
    interval = mean_interval(np.array([1.0, 2.0, 3.0]), 0.95)  # deviation 1, t(2) = 4.3027, 4.3027 / sqrt(3) = 2.4841
    assert interval.mean == 2
    assert (interval.low, interval.high) == pytest.approx((-0.4841, 4.4841), abs=1e-4)


def test_a_single_value_has_a_mean_and_no_bounds_and_equal_values_bounds_without_width() -> None:
    alone = mean_interval(np.array([0.7]), 0.95)
    assert alone.mean == 0.7 and math.isnan(alone.low) and math.isnan(alone.high)
    assert mean_interval(np.full(4, 0.5), 0.95) == Interval(0.5, 0.5, 0.5)


@quick
@given(samples, levels)
def test_an_interval_is_scipys(values_S: Floats, level: float) -> None:
    interval = mean_interval(values_S, level)
    expected = stats.t.interval(level, len(values_S) - 1, loc=values_S.mean(), scale=stats.sem(values_S))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@quick
@given(samples, levels, st.floats(-10, 10), st.floats(0.1, 10))
def test_an_interval_moves_and_stretches_with_its_values(
    values_S: Floats, level: float, shift: float, scale: float
) -> None:
    plain, moved = mean_interval(values_S, level), mean_interval(shift + scale * values_S, level)
    for name in ("mean", "low", "high"):
        assert getattr(moved, name) == pytest.approx(shift + scale * getattr(plain, name), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("count", [2, 5, 20])
def test_an_interval_of_95_percent_covers_the_true_mean_95_times_in_100(count: int) -> None:
    drawn = np.random.default_rng(count).normal(0.8, 0.05, (4000, count))
    intervals = [mean_interval(values_S, 0.95) for values_S in drawn]
    assert np.mean([found.low <= 0.8 <= found.high for found in intervals]) == pytest.approx(0.95, abs=0.015)


def test_a_paired_difference_is_the_one_worked_by_hand() -> None:
    # differences 1, 3, 0, -1, 2: mean 1, deviation sqrt(2.5) = 1.5811, t(4) = 2.7764, half 1.9633;
    # the sum is 5; of the 16 patterns of 1, 3, 1, 2 those with |sum| of 5 or 7: 4 + 2
    found = paired_difference(np.array([2.0, 5, 3, 0, 4]), np.array([1.0, 2, 3, 1, 2]), 0.95)
    assert (found.mean, found.pairs, found.positive, found.ties, found.negative) == (1, 5, 3, 1, 1)
    assert (found.standard_deviation, found.low, found.high) == pytest.approx((1.5811, -0.9633, 2.9633), abs=1e-4)
    assert found.p_value == 6 / 16


def test_a_single_pair_has_a_difference_and_no_spread() -> None:
    found = paired_difference(np.array([0.9]), np.array([0.4]), 0.95)
    assert (found.mean, found.pairs, found.p_value, found.positive) == (0.5, 1, 1.0, 1)
    assert all(math.isnan(value) for value in (found.low, found.high, found.standard_deviation))


@quick
@given(st.integers(0, 10**6), st.integers(2, 12), levels)
def test_a_paired_difference_is_scipys_and_turns_its_sign_with_the_arms(seed: int, pairs: int, level: float) -> None:
    treated_S, baseline_S = np.random.default_rng(seed).normal(0, 1, (2, pairs))
    found, turned = (
        paired_difference(treated_S, baseline_S, level),
        paired_difference(baseline_S, treated_S, level),
    )
    expected = stats.ttest_rel(treated_S, baseline_S).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)
    assert turned == PairedDifference(
        mean=pytest.approx(-found.mean),
        low=pytest.approx(-found.high),
        high=pytest.approx(-found.low),
        standard_deviation=pytest.approx(found.standard_deviation),
        pairs=pairs,
        p_value=found.p_value,
        positive=found.negative,
        ties=found.ties,
        negative=found.positive,
    )


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ([1, 2, 3], 2 / 8),
        ([1, 2, -3], 1.0),  # a sum of 0 is the least extreme of all
        ([1, 1, 1, -1], 10 / 16),  # |sum| of 2 or more: all but the 6 patterns that cancel
        ([0, 0, 0], 1.0),
        ([1] * 20, 2 / 2**20),
        ([0.1, 0.2, 0.3], 2 / 8),  # sums that differ by rounding only are equal
        ([0.1, 0.2, -0.3], 1.0),
    ],
)
def test_a_sign_flip_p_value_is_the_one_counted_by_hand(differences: list[float], p_value: float) -> None:
    assert sign_flip_p_value(np.array(differences, float)) == p_value


@quick
@given(whole_numbers)
def test_a_sign_flip_p_value_is_scipys(difference_S: Floats) -> None:
    if len(difference_S) < 2:
        assert sign_flip_p_value(difference_S) == 1
        return
    expected = stats.permutation_test(
        (difference_S,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**10,
    )
    assert sign_flip_p_value(difference_S) == pytest.approx(expected.pvalue, abs=1e-12)


@quick
@given(whole_numbers, st.sampled_from([-7.3, -1.0, 1e-9, 1e9]))
def test_a_sign_flip_p_value_knows_no_sign_scale_order_or_ties(difference_S: Floats, scale: float) -> None:
    p_value = sign_flip_p_value(difference_S)
    assert 2.0 ** (1 - len(difference_S)) <= p_value <= 1
    assert sign_flip_p_value(scale * difference_S[::-1]) == p_value
    assert sign_flip_p_value(np.append(difference_S, [0.0, 0.0])) == p_value


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.4])
def test_a_drawn_p_value_is_close_to_the_exact_one(monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    difference_S = np.random.default_rng(1).normal(shift, 1, significance.EXACT_PAIRS + 1)
    drawn = sign_flip_p_value(difference_S)
    monkeypatch.setattr(significance, "EXACT_PAIRS", len(difference_S))
    assert drawn == pytest.approx(sign_flip_p_value(difference_S), abs=0.006) and drawn != 1


def test_a_drawn_p_value_is_close_to_the_normal_one_repeatable_and_never_0() -> None:
    difference_S = np.random.default_rng(2).normal(0.15, 1, 200)
    normal = 2 * stats.norm.sf(abs(difference_S.sum()) / math.sqrt((difference_S**2).sum()))
    assert 0.01 < normal < 0.5
    assert sign_flip_p_value(difference_S) == pytest.approx(normal, abs=0.01)
    assert sign_flip_p_value(difference_S) == sign_flip_p_value(difference_S)
    assert sign_flip_p_value(np.ones(60)) == 1 / 100_001


@pytest.mark.parametrize("pairs", [5, 8, 11])
def test_without_a_difference_p_is_below_5_percent_at_most_5_times_in_100(pairs: int) -> None:
    drawn = np.random.default_rng(pairs).standard_t(3, (4000, pairs))
    rate = np.mean([sign_flip_p_value(difference_S) <= 0.05 for difference_S in drawn])
    assert rate == 0 if pairs == 5 else rate == pytest.approx(0.045, abs=0.015)  # 5 pairs: p is at least 2 / 32


def test_epochs_to_a_target_count_from_1_to_the_first_that_the_next_does_not_take_back() -> None:
    accuracy_SE = np.array([[0.9, 0.1, 0.9, 0.8], [0.1, 0.8, 0.8, 0.8], [0.1, 0.2, 0.3, 0.9]])
    np.testing.assert_array_equal(epochs_to_target(accuracy_SE, 0.8, True), [3, 2, 4])
    np.testing.assert_array_equal(epochs_to_target(accuracy_SE, 0.2, False), [np.nan, np.nan, 1])
    np.testing.assert_array_equal(epochs_to_target(accuracy_SE, 0.05, False), [np.nan] * 3)
    np.testing.assert_array_equal(epochs_to_target(accuracy_SE[:, :1], 0.8, True), [1, np.nan, np.nan])


@pytest.mark.parametrize("rows", [40, 200, 1000])
def test_every_share_of_rows_reaches_the_target_that_is_written_so(rows: int) -> None:
    for percent in range(5, 100, 5):
        right = percent * rows // 100
        accuracy_SE = np.array([[(right - 1) / rows, right / rows]])
        for target in (percent / 100, 1 - (100 - percent) / 100):  # 1 - 0.1 is not 0.9 to the bit
            assert epochs_to_target(accuracy_SE, target, True) == [2], (right, rows)
            assert epochs_to_target(1 - accuracy_SE, 1 - target, False) == [2], (right, rows)


def test_pairs_that_all_differ_by_the_margin_are_at_it_at_any_height() -> None:
    for first in range(40, 98):
        baseline_S = np.array([(first + pair % 2) / 100 for pair in range(14)])
        treated_S = np.array([(first + pair % 2 + 1) / 100 for pair in range(14)])
        found = shown_by(statistics.subtracted(treated_S, baseline_S), margin=0.01)
        for higher, word in ((True, "helps"), (False, "hurts")):
            assert statistics.comparison_word(found, higher_is_better=higher) == word, first
        assert statistics.claim_word(found) == "supported", first
        assert statistics.claim_word(shown_by(baseline_S - treated_S, margin=0.01)) == "refuted", first


def test_means_of_the_same_values_in_another_order_tie() -> None:
    one, other = np.array([(0.1 + 0.7) / 2, 0.5, np.nan]), np.array([(0.3 + 0.5) / 2, 0.25, 0.5])
    assert (one - other)[0] != 0
    np.testing.assert_array_equal(statistics.subtracted(one, other), [0.0, 0.25, np.nan])
    found = paired_difference(one[:2], other[:2], 0.95)
    assert (found.positive, found.ties, found.negative, found.p_value) == (1, 1, 0, 1.0)
    np.testing.assert_array_equal(statistics.subtracted(np.array([3e-14]), np.array([2e-14])), [3e-14 - 2e-14])


@pytest.mark.parametrize("higher", [True, False])
def test_epochs_that_a_diverged_seed_lacks_reach_no_target(higher: bool) -> None:
    good = 1.0 if higher else -1.0
    metric_SE = np.array([[0, np.nan, np.nan], [0, good, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(epochs_to_target(metric_SE, good, higher), [np.nan, 2, np.nan])


@quick
@given(st.integers(0, 10**6), st.floats(-2, 2), st.booleans())
def test_epochs_to_a_target_are_those_a_loop_finds_and_turn_with_the_direction(
    seed: int, target: float, higher: bool
) -> None:
    metric_SE = np.random.default_rng(seed).normal(0, 1, (4, 6))
    found_S = epochs_to_target(metric_SE, target, higher)
    np.testing.assert_array_equal(found_S, epochs_to_target(-metric_SE, -target, not higher))
    for values, found in zip(metric_SE, found_S, strict=True):
        hits = [epoch for epoch, value in enumerate(values, 1) if (value >= target if higher else value <= target)]
        stays = [epoch for epoch in hits if epoch == len(values) or epoch + 1 in hits]
        assert found == stays[0] if stays else math.isnan(found)


@quick
@given(st.integers(0, 10**6), st.booleans())
def test_lasting_bests_answer_every_target_as_the_whole_history_does(seed: int, higher: bool) -> None:
    draws = np.random.default_rng(seed)
    metric_SE = draws.normal(size=(4, draws.integers(1, 9))).round(1)
    metric_SE[draws.random(metric_SE.shape) < 0.2] = np.nan
    kept = lasting_bests(metric_SE, higher)
    assert all(len(one.epochs) <= metric_SE.shape[1] for one in kept)
    for target in (*np.unique(metric_SE[np.isfinite(metric_SE)]), -9.0, 0.05, 9.0):
        expected_S = epochs_to_target(metric_SE, target, higher)
        np.testing.assert_array_equal([one.epoch_at(target, higher) for one in kept], expected_S)


def test_a_seed_that_never_reaches_the_target_counts_with_the_budget() -> None:
    assert reach(np.array([2.0, np.nan, 4.0, np.nan]), 30) == Reach(2, 4, (2 + 30 + 4 + 30) / 4)
    assert reach(np.array([np.nan, np.nan]), 30) == Reach(0, 2, 30.0)
    assert reach(np.array([5.0, 7.0]), 30) == Reach(2, 2, 6.0)


@quick
@given(st.lists(st.integers(1, 50), min_size=1, max_size=10), st.integers(0, 9))
def test_one_seed_fewer_at_the_target_never_shortens_the_mean(epochs: list[int], lost: int) -> None:
    epochs_S = np.array(epochs, float)
    all_of_them = reach(epochs_S, 50)
    epochs_S[lost % len(epochs)] = np.nan
    fewer = reach(epochs_S, 50)
    assert fewer.reached == all_of_them.reached - 1
    assert all_of_them.restricted_mean <= fewer.restricted_mean <= 50


def shown_by(difference_S: statistics.Floats, *, margin: float, levels: Levels = AT_95) -> Shown:
    """Return what the differences of pairs show."""
    return statistics.shown(
        statistics.over_seeds(difference_S),
        margin=margin,
        pairs=len(difference_S),
        sign_flip_p=lambda: sign_flip_p_value(difference_S),
        levels=levels,
    )


def judge(low: float, high: float, higher: bool = True, pairs: int = 10, sign_flip_p: float = 0.001) -> str:
    """Return the word for a 95% interval, with a margin of 1."""
    estimate = Estimate((low + high) / 2, (high - low) / 2 / t_quantile(0.95, max(1, pairs - 1)), max(1, pairs - 1))
    found = statistics.shown(estimate, margin=1.0, pairs=pairs, sign_flip_p=lambda: sign_flip_p, levels=AT_95)
    return statistics.comparison_word(found, higher_is_better=higher)


@pytest.mark.parametrize(
    ("low", "high", "higher", "word"),
    [
        (0.5, 2.5, True, "helps"),
        (0.5, 2.5, False, "hurts"),
        (-2.5, -0.5, True, "hurts"),
        (-2.5, -0.5, False, "helps"),
        (0.5, 1.5, True, "helps"),  # the mean at the margin
        (0.5, 1.25, True, "cannot tell yet"),  # a difference, but perhaps one too small to matter
        (-1.25, -0.5, True, "cannot tell yet"),
        (-1e-9, 3.0, True, "cannot tell yet"),
        (-3.0, 1e-9, True, "cannot tell yet"),
        (-0.5, 2.5, True, "cannot tell yet"),
        (-9.0, 9.0, False, "cannot tell yet"),
        (-0.5, 0.75, True, "no difference that matters"),
        (0.25, 0.75, False, "no difference that matters"),  # surely not 0, and surely within the margin
        (-1.0, 0.5, True, "cannot tell yet"),  # the margin itself is not inside
        (-0.5, 1.0, True, "cannot tell yet"),
    ],
)
def test_a_word_follows_from_interval_margin_and_direction(low: float, high: float, higher: bool, word: str) -> None:
    assert judge(low, high, higher) == word


def test_a_direction_needs_the_sign_flip_test_and_smallness_does_not() -> None:
    assert judge(0.5, 2.5, sign_flip_p=0.051) == "cannot tell yet"
    assert judge(0.5, 2.5, sign_flip_p=0.05) == "helps"
    assert judge(-0.5, 0.75, sign_flip_p=0.9) == "no difference that matters"


@pytest.mark.parametrize("pairs", range(1, 6))
def test_fewer_pairs_than_could_all_agree_in_5_percent_tell_nothing(pairs: int) -> None:
    assert judge(0.1, 0.2, pairs=pairs) == judge(4.0, 6.0, pairs=pairs) == "cannot tell yet"
    assert judge(4.0, 6.0, pairs=6) == "helps"


def test_failures_in_one_arm_only_are_weighed_against_a_fair_coin() -> None:
    yes, no = np.ones(5, bool), np.zeros(5, bool)
    assert failure_difference(yes, no) == failure_difference(no, yes) == 2 / 32
    assert failure_difference(yes, yes) == failure_difference(no, no) == 1
    mixed = np.array([True, True, True, False, False])
    assert failure_difference(mixed, ~mixed) == 1.0  # 3 against 2


@quick
@given(outcomes)
def test_a_p_value_of_failures_is_scipys_whichever_arm_comes_first(failed: np.ndarray) -> None:
    treated_S, baseline_S = failed
    only_treated, only_baseline = int((treated_S & ~baseline_S).sum()), int((baseline_S & ~treated_S).sum())
    found = failure_difference(treated_S, baseline_S)
    assert found == failure_difference(baseline_S, treated_S)
    discordant = only_treated + only_baseline
    assert found == (pytest.approx(stats.binomtest(only_treated, discordant).pvalue, rel=1e-9) if discordant else 1)


def test_arms_that_fail_equally_often_differ_below_5_percent_at_most_5_times_in_100() -> None:
    failed = np.random.default_rng(3).random((4000, 2, 30)) < 0.4
    rate = np.mean([failure_difference(treated_S, baseline_S) <= 0.05 for treated_S, baseline_S in failed])
    assert 0.005 < rate <= 0.05


def test_a_bootstrap_interval_is_the_same_however_many_resamples_are_held_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    difference_S = np.random.default_rng(3).normal(0.3, 1.0, 40)
    whole = differences.bootstrap_interval(difference_S, 0.95)
    monkeypatch.setattr(significance, "PIECE", 1000)
    drawn: list[int] = []
    bootstrap = stats.bootstrap
    monkeypatch.setattr(stats, "bootstrap", lambda *a, **k: drawn.append(k["batch"]) or bootstrap(*a, **k))
    assert differences.bootstrap_interval(difference_S, 0.95) == whole
    assert drawn == [25]


def test_how_often_fewer_seeds_would_show_the_other_sign() -> None:
    difference_S = np.array([3.0, 2.0, 1.0, 1.0, 0.0, -1.5, -2.0, 2.5, 1.5, -0.5])
    chances = dict(statistics.chances_of_other_sign(difference_S))
    assert list(chances) == [1, 2, 3, 5]
    assert chances[1] == pytest.approx((3 + 0.5) / 10)
    for count in (2, 3, 5):
        means = np.array([np.mean(few) for few in itertools.combinations(difference_S, count)])
        exact = np.mean(means < 0) + np.mean(means == 0) / 2
        assert chances[count] == pytest.approx(exact, abs=0.02)
    assert statistics.chances_of_other_sign(-difference_S) == statistics.chances_of_other_sign(difference_S)
    assert statistics.chances_of_other_sign(np.array([1.0, -1.0])) == []


def test_the_sign_flip_test_of_failures_is_mcnemars() -> None:
    draws = np.random.default_rng(3)
    for seeds in (6, 12, 18):
        treated_S, baseline_S = draws.random((2, seeds)) < np.array([[0.2], [0.6]])
        difference_S = treated_S.astype(float) - baseline_S
        assert sign_flip_p_value(difference_S) == pytest.approx(statistics.failure_difference(treated_S, baseline_S))
