"""Which difference can be detected: hand-worked standard errors, known power, and simulated experiments."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from cases import slow

from bnexp.statistics.held_out_rows import Components, new_rows
from bnexp.statistics.power import StandardError, detectable, error_over_rows, error_over_seeds, error_over_splits


def test_the_standard_error_over_seeds_and_rows_is_the_hand_worked_one() -> None:
    found = error_over_rows(Components(seed=4.0, row=9.0, rest=12.0), 3, 4)
    assert found.value**2 == pytest.approx(4 / 3 + 9 / 4 + 12 / 12)
    of_seeds, of_rows = 12 + 4 * 4, 12 + 3 * 9  # expected mean squares
    assert found.degrees == pytest.approx(
        (of_seeds + of_rows - 12) ** 2 / (of_seeds**2 / 2 + of_rows**2 / 3 + 12**2 / 6)
    )


def test_variance_of_one_source_leaves_the_degrees_of_that_source() -> None:
    for components, count in ((Components(1.0, 0.0, 0.0), 20), (Components(0.0, 1.0, 0.0), 200)):
        found = error_over_rows(components, 20, 200)
        assert (found.value, found.degrees) == pytest.approx((math.sqrt(1 / count), count - 1))
    assert error_over_rows(Components(0.0, 0.0, 0.0), 20, 200) == StandardError(0.0, 19)


def test_seeds_alone_detect_in_proportion_to_their_deviation_and_splits_add_their_share() -> None:
    for seeds in (6, 20, 100):
        assert detectable(error_over_seeds(2.0, seeds)) == pytest.approx(2 * detectable(error_over_seeds(1.0, seeds)))
    assert error_over_splits(2.0, 20, 0.0) == error_over_seeds(2.0, 20)
    assert error_over_splits(2.0, 20, 0.25) == StandardError(2 * math.sqrt(1 / 20 + 0.25), 19)


@pytest.mark.parametrize("degrees", [3.0, 19.0, 250.5])
def test_the_power_at_what_is_detectable_is_that_of_the_noncentral_t(degrees: float) -> None:
    size = detectable(StandardError(0.5, degrees))
    quantile = scipy.stats.t.ppf(0.975, degrees)
    assert scipy.stats.nct.sf(quantile, degrees, size / 0.5) == pytest.approx(0.8)
    assert detectable(StandardError(0.5, degrees), power=0.9) > size


def test_with_many_degrees_it_is_the_sum_of_two_normal_quantiles() -> None:
    assert detectable(StandardError(1.0, 1e7)) == pytest.approx(1.959964 + 0.841621, abs=1e-4)


def test_without_a_spread_all_is_detected_and_without_a_degree_of_freedom_nothing_is_known() -> None:
    assert detectable(StandardError(0.0, 19)) == 0
    assert math.isnan(detectable(error_over_seeds(1.0, 1)))
    assert math.isnan(detectable(error_over_rows(Components(1.0, 1.0, 1.0), 1, 200)))


@pytest.mark.parametrize(
    "components", [Components(0.0005, 0.01, 0.1), slow(Components(0.002, 0.0, 0.1)), slow(Components(0.0, 0.03, 0.1))]
)
def test_four_fifths_of_simulated_experiments_detect_what_is_detectable(components: Components) -> None:
    seeds, rows, draws = 10, 150, np.random.default_rng(0)
    size = detectable(error_over_rows(components, seeds, rows))
    found = 0
    for _ in range(1500):
        difference_SR = size + math.sqrt(components.seed) * draws.standard_normal((seeds, 1))
        difference_SR = difference_SR + math.sqrt(components.row) * draws.standard_normal((1, rows))
        difference_SR = difference_SR + math.sqrt(components.rest) * draws.standard_normal((seeds, rows))
        found += new_rows(difference_SR).estimate.interval(0.95).low > 0
    assert 0.74 < found / 1500 < 0.83  # the interval adds rows like the farthest one, and so finds a little less
