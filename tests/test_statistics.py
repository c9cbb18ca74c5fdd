"""Statistics against hand-worked cases, properties, scipy, and simulation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnexp.statistics import (
    FEWEST_PAIRS,
    epochs_to_target,
    failure_difference,
    mean_interval,
    paired_difference,
    reach,
    sign_flip_p_value,
    t_quantile,
    verdict,
)

FEW_VALUES = st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=2, max_size=9)


# --- intervals -------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "degrees"), [(0.95, 1), (0.95, 19), (0.99, 4), (0.5, 200)])
def test_the_quantile_of_t_is_scipys(level: float, degrees: int) -> None:
    assert t_quantile(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees))


def test_a_hand_worked_interval() -> None:
    interval = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]), 0.95)  # sd 1.291, standard error 0.6455, t(3) 3.1824
    assert interval.mean == 2.5
    assert (interval.low, interval.high) == pytest.approx((2.5 - 2.0542, 2.5 + 2.0542), abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(FEW_VALUES)
def test_intervals_are_scipys(values: list[float]) -> None:
    interval = mean_interval(np.array(values), 0.9)
    if np.std(values):
        expected = stats.t.interval(0.9, len(values) - 1, np.mean(values), stats.sem(values))
        assert (interval.low, interval.high) == pytest.approx(expected)
    assert interval.low <= interval.mean <= interval.high


def test_a_single_value_has_no_interval() -> None:
    interval = mean_interval(np.array([3.0]), 0.95)
    assert interval.mean == 3.0
    assert np.isnan([interval.low, interval.high]).all()


def test_95_percent_intervals_hold_the_truth_in_95_percent_of_samples() -> None:
    samples = np.random.default_rng(0).normal(3.0, 2.0, (4000, 10))
    held = [interval.low <= 3.0 <= interval.high for interval in (mean_interval(row, 0.95) for row in samples)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)  # three standard errors


def test_a_paired_difference_is_scipys_and_counts_signs() -> None:
    treated_S, base_S = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.8, 0.8, 0.75, 0.3])
    found = paired_difference(treated_S, base_S, 0.95)
    expected = stats.ttest_rel(treated_S, base_S).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert found.mean == pytest.approx(0.0875)
    assert found.standard_deviation == pytest.approx(np.std([0.1, 0, -0.05, 0.3], ddof=1))
    assert (found.pairs, found.positive, found.ties, found.negative) == (4, 2, 1, 1)


# --- the sign-flip test -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # only all plus and all minus are as extreme as a sum of 6
        ([1.0, 2.0, -3.0], 1.0),  # a sum of 0: every pattern is as extreme
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),  # |sum| 2 or more: 2 patterns of 4, 8 of 2
        ([0.0, 0.0], 1.0),
        ([5.0, 0.0], 1.0),  # a tie's sign changes nothing: one pair, p = 2 / 2
    ],
)
def test_hand_worked_sign_flips(differences: list[float], p_value: float) -> None:
    assert sign_flip_p_value(np.array(differences)) == p_value


@settings(max_examples=40, deadline=None)
@given(FEW_VALUES)
def test_sign_flips_are_scipys_exact_permutation_test(values: list[float]) -> None:
    def mean(sample: Any, axis: int) -> Any:
        return np.mean(sample, axis=axis)

    # scipy flips signs by exchanging each value with 0 when two paired samples are given
    result = stats.permutation_test(
        (np.array(values), np.zeros(len(values))),
        lambda one, other, axis: mean(one, axis) - mean(other, axis),
        permutation_type="samples", n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    observed = abs(np.sum(values))
    signs = np.array(list(itertools.product([1, -1], repeat=len(values))))
    brute = np.mean(np.abs(signs @ np.array(values)) >= observed - 1e-9)
    assert sign_flip_p_value(np.array(values)) == pytest.approx(brute)
    if observed > 1e-6:
        assert result.pvalue == pytest.approx(brute, abs=2 / 2 ** len(values))


def test_more_than_twenty_pairs_are_sampled_close_to_the_normal_value_and_never_zero() -> None:
    difference_S = np.random.default_rng(1).normal(0.3, 1, 40)
    z = abs(difference_S.sum()) / np.sqrt((difference_S**2).sum())
    assert sign_flip_p_value(difference_S) == pytest.approx(2 * stats.norm.sf(z), abs=0.01)
    assert sign_flip_p_value(np.ones(40)) == pytest.approx(1 / 100_001)


def test_under_the_null_small_p_values_are_as_rare_as_they_should_be() -> None:
    generator = np.random.default_rng(2)
    p_values = np.array([sign_flip_p_value(generator.normal(0, 1, 8)) for _ in range(2000)])
    for level in (0.05, 0.1, 0.5):
        assert (p_values <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 2000)


@settings(max_examples=40, deadline=None)
@given(FEW_VALUES)
def test_sign_flips_do_not_depend_on_order_or_direction(values: list[float]) -> None:
    p_value = sign_flip_p_value(np.array(values))
    assert sign_flip_p_value(-np.array(values)[::-1]) == p_value
    assert 0 < p_value <= 1


# --- epochs to a target ------------------------------------------------------------------


def test_epochs_to_a_target_count_from_one_and_are_nan_if_never_reached() -> None:
    metric_SE = np.array([[0.5, 0.8, 0.7], [0.5, 0.6, 0.7], [0.9, 0.1, 0.1], [np.nan, np.nan, 0.9], [np.nan] * 3])
    np.testing.assert_array_equal(epochs_to_target(metric_SE, 0.8, True), [2, np.nan, 1, 3, np.nan])


def test_for_a_loss_the_target_is_reached_from_above() -> None:
    np.testing.assert_array_equal(
        epochs_to_target(np.array([[0.9, 0.5, 0.4], [0.9, 0.8, 0.7]]), 0.5, False), [2, np.nan]
    )


def test_a_seed_that_never_arrives_counts_with_the_whole_budget() -> None:
    found = reach(np.array([2.0, np.nan, 4.0, np.nan]), budget=10)
    assert (found.reached, found.seeds, found.restricted_mean) == (2, 4, (2 + 10 + 4 + 10) / 4)


# --- failures ----------------------------------------------------------------------------


@pytest.mark.parametrize(("only_treated", "only_base", "both"), [(0, 0, 3), (5, 0, 0), (3, 1, 2), (4, 4, 0), (1, 9, 5)])
def test_failures_are_compared_by_mcnemars_exact_test(only_treated: int, only_base: int, both: int) -> None:
    treated_S = np.array([True] * only_treated + [False] * only_base + [True] * both + [False] * 4)
    base_S = np.array([False] * only_treated + [True] * only_base + [True] * both + [False] * 4)
    discordant = only_treated + only_base
    expected = stats.binomtest(only_treated, discordant).pvalue if discordant else 1.0
    assert failure_difference(treated_S, base_S) == pytest.approx(expected)


# --- verdicts ----------------------------------------------------------------------------


def judged(low: float, high: float, *, margin: float = 1.0, higher: bool = True, pairs: int = 20) -> Any:
    deviation = (high - low) / 2 * np.sqrt(pairs) / t_quantile(0.95, max(pairs - 1, 1))
    return verdict(
        low=low, high=high, mean=(low + high) / 2, margin=margin, higher_is_better=higher, pairs=pairs,
        standard_deviation=float(deviation),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "higher", "word"),
    [
        (1.0, 3.0, True, "helps"),
        (1.0, 3.0, False, "hurts"),
        (-3.0, -1.0, True, "hurts"),
        (-3.0, -1.0, False, "helps"),
        (-0.9, 0.9, True, "no difference that matters"),
        (0.1, 0.9, True, "no difference that matters"),  # a real difference, and too small to matter
        (0.1, 1.2, True, "cannot tell yet"),  # a real difference; whether it matters is open
        (-1.5, 1.5, True, "cannot tell yet"),
        (-0.1, 4.0, True, "cannot tell yet"),
        (-1.0, 0.5, True, "cannot tell yet"),  # touching the margin is not inside it
        (0.0, 3.0, True, "cannot tell yet"),  # touching zero does not exclude it
    ],
)
def test_each_word_follows_from_the_interval_and_the_margin(low: float, high: float, higher: bool, word: str) -> None:
    assert judged(low, high, higher=higher).word == word


@pytest.mark.parametrize("pairs", range(2, FEWEST_PAIRS))
def test_fewer_pairs_than_could_reach_5_percent_tell_nothing(pairs: int) -> None:
    assert judged(5.0, 6.0, pairs=pairs).word == "cannot tell yet"
    assert sign_flip_p_value(np.ones(pairs)) > 0.05
    assert sign_flip_p_value(np.ones(FEWEST_PAIRS)) < 0.05


@pytest.mark.parametrize(("mean", "deviation", "margin"), [(0.3, 2.0, 1.0), (1.5, 5.0, 1.0), (0.0, 1.0, 0.5)])
def test_with_as_many_pairs_as_it_names_the_question_is_settled_and_with_clearly_fewer_it_is_not(
    mean: float, deviation: float, margin: float
) -> None:
    def at(pairs: int) -> Any:
        half = t_quantile(0.95, pairs - 1) * deviation / np.sqrt(pairs)
        return verdict(
            low=mean - half, high=mean + half, mean=mean, margin=margin, higher_is_better=True, pairs=pairs,
            standard_deviation=deviation,
        )  # fmt: skip

    first = at(10)
    assert first.word == "cannot tell yet"
    assert at(first.settled_by).word != "cannot tell yet"
    assert at(int(first.settled_by * 0.9)).word == "cannot tell yet"


def test_a_difference_at_the_margin_itself_may_take_more_pairs_than_anyone_trains() -> None:
    close = verdict(
        low=0.5, high=1.49, mean=0.9999, margin=1.0, higher_is_better=True, pairs=20, standard_deviation=1.0
    )
    assert (close.word, close.settled_by) == ("cannot tell yet", None)
