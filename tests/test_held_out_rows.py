"""Differences over seeds and held-out rows: variance components, the interval for new rows, what would settle it."""

from __future__ import annotations

import itertools
import math
import time
import warnings

import numpy as np
import pytest
from cases import slow
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from bnexp.statistics import Interval
from bnexp.statistics.held_out_rows import Components, by_group, expected_estimate, new_rows
from bnexp.statistics.power import error_over_rows

HAND_SR = np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 8.0]])
"""No interaction: seed means 3 and 5, row means 2, 3 and 7, grand mean 4."""


def drawn(seeds: int, rows: int, *, seed: float, row: float, rest: float, generator: np.random.Generator) -> np.ndarray:
    """Draw a crossed table of true mean 0 with these standard deviations."""
    effects_S, effects_R = generator.normal(0, seed, (seeds, 1)), generator.normal(0, row, (1, rows))
    return effects_S + effects_R + generator.normal(0, rest, (seeds, rows))


def test_mean_squares_and_interval_follow_a_case_worked_by_hand() -> None:
    found = new_rows(HAND_SR)
    # between seeds: 3 * (1 + 1) / 1 = 6; between rows: 2 * (4 + 1 + 9) / 2 = 14; rest 0
    assert found.components == pytest.approx(Components(seed=6 / 3, row=14 / 2, rest=0.0, farthest=9 / 7))
    # two rows more, as far out as the third: 14 + 2 * 2 * 9 / 2 = 32; variance (6 + 32) / 6
    degrees = 38**2 / (6**2 / 1 + 32**2 / 2)
    of_both = float(stats.t.ppf(0.975, degrees)) * math.sqrt(38 / 6)
    half = float(stats.t.ppf(0.975, 1)) * math.sqrt(6 / 6)  # over the two seeds alone, which is wider
    assert half > of_both
    interval = found.estimate.interval(0.95)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((4.0, 4.0 - half, 4.0 + half))
    assert found.effective_rows == pytest.approx(14**2 / (4**2 + 1 + 9**2))


def test_components_are_those_of_a_crossed_random_effects_model_by_restricted_likelihood() -> None:
    """In a balanced table with components above 0, the estimates by mean squares and by REML are equal."""
    seeds, rows = 8, 12
    table_SR = drawn(seeds, rows, seed=1.0, row=2.0, rest=0.7, generator=np.random.default_rng(3))
    pairs = np.array(list(itertools.product(range(seeds), range(rows))))
    of_seeds, of_rows = (np.eye(count)[pairs[:, axis]] for axis, count in enumerate((seeds, rows)))
    structure = VCSpec(["seed", "row"], [[["s"] * seeds], [["r"] * rows]], [[of_seeds], [of_rows]])
    model = MixedLM(table_SR.ravel(), np.ones((seeds * rows, 1)), groups=np.zeros(seeds * rows), exog_vc=structure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit(reml=True)
    by_name = dict(zip(["seed", "row"], fitted.vcomp, strict=True))
    found = new_rows(table_SR).components
    assert (found.seed, found.row) == pytest.approx((by_name["seed"], by_name["row"]), rel=2e-3)
    assert found.rest == pytest.approx(float(fitted.scale), rel=2e-3)


def test_the_interval_is_never_narrower_than_over_seeds_or_over_rows_alone() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        table_SR = generator.normal(0, 1, (5, 7))
        found = new_rows(table_SR).estimate.interval(0.95)
        for axis, count in ((1, 5), (0, 7)):
            alone = stats.ttest_1samp(table_SR.mean(axis=axis), 0).confidence_interval()
            assert len(table_SR.mean(axis=axis)) == count
            assert found.high - found.low >= (alone.high - alone.low) * (1 - 1e-9)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.975, 0.99, 0.999])
def test_that_holds_at_every_level_and_for_the_p_value(level: float) -> None:
    """Which of the three is the widest depends on the level, as they have other degrees of freedom."""
    generator = np.random.default_rng(1)
    for _ in range(50):
        table_SR = drawn(6, 40, seed=0.5, row=0.5, rest=0.2, generator=generator) + 0.8
        found = new_rows(table_SR).estimate
        alone = stats.ttest_1samp(table_SR.mean(axis=1), 0)
        bounds, interval = alone.confidence_interval(level), found.interval(level)
        assert interval.high - interval.low >= (bounds.high - bounds.low) * (1 - 1e-9)
        assert found.p_value >= alone.pvalue * (1 - 1e-9)
        assert (found.p_value < 1 - level) == (interval.low > 0 or interval.high < 0)


def test_differences_without_spread_have_an_interval_of_no_width() -> None:
    found = new_rows(np.full((6, 50), 0.25))
    assert found.estimate.interval(0.95) == Interval(0.25, 0.25, 0.25)
    assert found.effective_rows == 50


def test_effective_rows_are_few_where_one_row_carries_the_difference() -> None:
    table_SR = np.zeros((6, 200))
    table_SR[:, 17] = 30.0
    assert new_rows(table_SR).effective_rows == pytest.approx(1.01, abs=0.01)


@pytest.mark.parametrize(("seeds", "rows"), [(6, 100), slow(10, 200), slow(20, 1000)])
@pytest.mark.parametrize("share", ["seeds", "rows", "rest", "all"])
def test_the_interval_covers_the_true_mean_as_often_as_it_says(seeds: int, rows: int, share: str) -> None:
    """Wherever the variance comes from: 93% or more, and no more than 99.5%."""
    generator = np.random.default_rng(7)
    each = {"seeds": (0.3, 0.0, 0.1), "rows": (0.0, 1.0, 0.2), "rest": (0.0, 0.0, 1.0), "all": (0.1, 1.0, 2.0)}[share]
    scale = dict(zip(("seed", "row", "rest"), each, strict=True))
    tables = 400 if rows < 1000 else 200
    found = [new_rows(drawn(seeds, rows, **scale, generator=generator)).estimate.interval(0.95) for _ in range(tables)]
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    error = 3 * math.sqrt(0.95 * 0.05 / tables)
    assert covered >= 0.95 - error
    assert share == "rest" or covered <= 0.95 + max(error, 0.03)


def test_the_share_of_rows_in_the_variance_is_what_other_rows_would_change() -> None:
    parts = Components(seed=0.4, row=1.0, rest=2.0)
    assert parts.variance(4, 10) == pytest.approx(0.1 + 0.1 + 0.05)
    assert parts.share_of_rows(4, 10) == pytest.approx(0.15 / 0.25)
    assert Components(0.0, 0.0, 0.0).share_of_rows(4, 10) == 0


def test_groups_of_rows_count_as_one_each_and_keep_the_mean_over_rows() -> None:
    groups_R = np.array([0, 0, 0, 1, 2, 2])
    table_SR = np.arange(12.0).reshape(2, 6)
    linear_SG = by_group(table_SR, groups_R)
    assert linear_SG.shape == (2, 3)
    assert linear_SG.mean(axis=1) == pytest.approx(table_SR.mean(axis=1))
    # by hand, first seed: 5.5 + (3 / 6) * (sum of its rows - their number * 5.5)
    assert linear_SG[0] == pytest.approx([5.5 + 0.5 * (3 - 16.5), 5.5 + 0.5 * (3 - 5.5), 5.5 + 0.5 * (9 - 11)])


def test_copies_of_rows_in_groups_make_the_interval_no_narrower() -> None:
    table_SR = drawn(10, 60, seed=0.1, row=1.0, rest=0.5, generator=np.random.default_rng(1))
    doubled, groups_R = np.repeat(table_SR, 2, axis=1), np.repeat(np.arange(60), 2)
    tables = (table_SR, by_group(doubled, groups_R), doubled)
    plain, grouped, naive = (new_rows(one).estimate.interval(0.95) for one in tables)
    assert (grouped.low, grouped.high) == pytest.approx((plain.low, plain.high))
    assert naive.high - naive.low < 0.8 * (plain.high - plain.low)


def test_the_interval_expected_of_other_numbers_is_the_one_found_on_average() -> None:
    """By simulation: from tables of 10 seeds and 150 rows, to 40 seeds and 600 rows."""
    generator = np.random.default_rng(8)
    scale = {"seed": 0.3, "row": 1.0, "rest": 2.0}
    parts = [new_rows(drawn(10, 150, **scale, generator=generator)).components for _ in range(100)]
    for seeds, rows in ((40, 150), (10, 600), (40, 600)):
        expected = [expected_estimate(one, seeds, rows).interval(0.95).high for one in parts]
        tables = [new_rows(drawn(seeds, rows, **scale, generator=generator)).estimate for _ in range(100)]
        found = [(one.interval(0.95).high - one.interval(0.95).low) / 2 for one in tables]
        assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.06)


def test_an_interval_of_a_hundred_seeds_and_ten_thousand_rows_takes_less_than_200_ms() -> None:
    table_SR = np.random.default_rng(0).normal(size=(100, 10_000))
    begun = time.perf_counter()
    new_rows(table_SR)
    assert time.perf_counter() - begun < 0.2


@pytest.mark.parametrize("size", [1e-150, 1e-80, 2.0, 1e80, 1e100])
def test_differences_of_any_size_are_estimated_alike(size: float) -> None:
    difference_SR = np.random.default_rng(3).normal(0.2, 1, (6, 1)) + np.random.default_rng(4).normal(0, 1, (6, 30))
    one, other = new_rows(difference_SR), new_rows(size * difference_SR)
    assert other.estimate.mean == pytest.approx(size * one.estimate.mean, rel=1e-12)
    assert other.estimate.error == pytest.approx(size * one.estimate.error, rel=1e-12)
    assert other.components.seed == pytest.approx(size**2 * one.components.seed, rel=1e-9, abs=0)
    found = (other.estimate.degrees, other.effective_rows)
    assert found == pytest.approx((one.estimate.degrees, one.effective_rows))
    predicted = error_over_rows(other.components, 6, 30)
    assert predicted.degrees == pytest.approx(error_over_rows(one.components, 6, 30).degrees)
