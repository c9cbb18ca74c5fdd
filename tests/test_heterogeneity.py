"""How much cells differ: against published meta-analyses, statsmodels, a closed form, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from cases import slow
from statsmodels.stats.meta_analysis import combine_effects

from bnexp.statistics import Estimate, Heterogeneity, heterogeneity, over_seeds
from bnexp.statistics.arrays import Floats

BCG = (
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
)  # fmt: skip
"""Trials of the BCG vaccine: with tuberculosis and without, of the vaccinated and of the others. Colditz et al. 1994."""


def log_risk_ratios() -> list[Estimate]:
    found = []
    for ill, well, ill_without, well_without in BCG:
        treated, others = ill + well, ill_without + well_without
        variance = 1 / ill - 1 / treated + 1 / ill_without - 1 / others
        found.append(Estimate(math.log(ill / treated / (ill_without / others)), math.sqrt(variance), math.inf))
    return found


UNSTABLE = (-0.83, 0.68, 24.74, 1.72, 0.78, 0.52)
"""Differences in six cells of a study with large learning rates and small batches."""


def of(cells: list[Estimate], mean: Estimate | None = None) -> Heterogeneity:
    found = heterogeneity(cells, mean)
    assert found is not None
    return found


def test_the_trials_of_the_bcg_vaccine_differ_as_published() -> None:
    """Q 152.23 with 12 degrees of freedom, tau 0.556, mean -0.714; the mean's error is 0.179."""
    found = of(log_risk_ratios())
    assert (round(found.q, 2), round(found.tau**2, 4)) == (152.23, 0.3088)
    assert found.p_value < 1e-20
    assert found.prediction is not None
    half = 2.200985160091639 * math.sqrt(0.3088 + 0.1787**2)
    assert found.prediction.mean == pytest.approx(-0.7141, abs=1e-4)
    assert (found.prediction.low, found.prediction.high) == pytest.approx((-0.7141 - half, -0.7141 + half), abs=2e-3)


def test_q_and_tau_are_those_of_statsmodels() -> None:
    cells = log_risk_ratios()[:7]
    peer = combine_effects(np.array([one.mean for one in cells]), np.array([one.error**2 for one in cells]), "dl")
    found = of(cells)
    assert (found.q, found.tau**2) == pytest.approx((peer.q, peer.tau2))
    assert found.p_value == pytest.approx(peer.test_homogeneity().pvalue)
    assert found.prediction is not None and found.prediction.mean == pytest.approx(peer.mean_effect_re)


def test_two_cells_with_estimated_errors_have_the_p_value_of_welchs_test() -> None:
    one_S, two_S = np.array([1.0, 2.0, 4.0, 3.5]), np.array([2.0, 5.5, 6.0, 3.0, 9.0])
    found = of([over_seeds(one_S), over_seeds(two_S)])
    assert found.p_value == pytest.approx(scipy.stats.ttest_ind(one_S, two_S, equal_var=False).pvalue)
    assert found.prediction is None


def test_what_cells_share_cannot_set_them_apart() -> None:
    """Two cells whose errors have correlation 0.75 differ by 2: the difference has half the variance of one error."""
    alone = of([Estimate(0.0, 1.0, math.inf), Estimate(2.0, 1.0, math.inf)])
    together = of(
        [Estimate(0.0, 1.0, math.inf), Estimate(2.0, 1.0, math.inf)], Estimate(1.0, math.sqrt(0.875), math.inf)
    )
    assert (alone.q, alone.correlation, alone.tau) == pytest.approx((2.0, 0.0, 1.0))
    assert (together.q, together.correlation, together.tau) == pytest.approx((8.0, 0.75, math.sqrt(1.75)))


def test_the_prediction_interval_lies_around_the_plain_mean_where_that_is_what_is_judged() -> None:
    """One noisy cell moves the plain mean, and hardly the weighted one: beside the plain mean it would mislead."""
    cells = [Estimate(1.0, 0.1, 19.0), Estimate(1.1, 0.1, 19.0), Estimate(-6.0, 2.0, 19.0)]
    error = math.sqrt(sum(one.error**2 for one in cells)) / 3
    textbook, found = of(cells).prediction, of(cells, Estimate(-1.3, error, 19.0)).prediction
    assert textbook is not None and found is not None
    assert textbook.mean > 0.5 and found.mean == pytest.approx(-1.3)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert found.high - found.low >= textbook.high - textbook.low


def test_cells_with_large_effects_and_much_noise_do_not_hide_how_much_cells_differ() -> None:
    """Six cells of a study, one of which is unstable. DerSimonian and Laird weight it hardly at all."""
    cells = [Estimate(mean, error, 7.0) for mean, error in zip(UNSTABLE, (1.0, 0.8, 7.0, 0.9, 0.7, 0.8), strict=True)]
    mean = Estimate(float(np.mean(UNSTABLE)), math.sqrt(sum(one.error**2 for one in cells)) / 6, 7.0)
    found, textbook = of(cells, mean), of(cells)
    expected = np.var(UNSTABLE, ddof=1) - np.mean([one.error**2 for one in cells])
    assert found.tau**2 == pytest.approx(expected)
    assert found.tau > 3 * textbook.tau
    assert found.prediction is not None and found.prediction.high > max(UNSTABLE)


def test_the_interval_for_another_cell_contains_the_interval_of_the_mean() -> None:
    """Many cells that are alike, of few seeds: the mean's error has few degrees of freedom, and the cells have many."""
    cells = [Estimate(0.0, 1.0, 5.0)] * 45
    mean = Estimate(0.0, 0.4, 5.0)
    found = of(cells, mean)
    assert found.tau == 0 and found.prediction is not None
    assert found.prediction.high >= mean.interval(0.95).high


def test_an_error_of_the_mean_above_the_cells_own_does_not_make_cells_differ_by_more_than_they_do() -> None:
    cells = [Estimate(mean, 1.0, 9.0) for mean in (-1.0, 0.0, 1.0)]
    assert of(cells, Estimate(0.0, 1.5, 9.0)).tau <= 1


@pytest.mark.parametrize("error", [0.0, math.nan])
def test_a_cell_without_a_standard_error_leaves_it_unknown(error: float) -> None:
    assert heterogeneity([Estimate(0.0, 1.0, 5.0), Estimate(1.0, error, 5.0)]) is None
    assert heterogeneity([Estimate(0.0, 1.0, 5.0)]) is None


def drawn(generator: np.random.Generator, *, tau: float, correlation: float, cells: int, seeds: int) -> Floats:
    """Draw the differences of cells and seeds, (C, S), whose errors share seeds; cells are unlike in their noise."""
    spread_C = np.exp(generator.normal(0, 0.3, cells))
    shared_S, own_CS = generator.normal(size=seeds), generator.normal(size=(cells, seeds))
    noise_CS = math.sqrt(correlation) * shared_S + math.sqrt(1 - correlation) * own_CS
    return tau * generator.normal(size=(cells, 1)) + spread_C[:, None] * noise_CS


def judged(difference_CS: Floats, *, as_independent: bool = False) -> Heterogeneity:
    mean = over_seeds(difference_CS.mean(axis=0))
    return of([over_seeds(one_S) for one_S in difference_CS], None if as_independent else mean)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize(("cells", "seeds"), [(3, 10), (6, 10), (12, 6), (6, 20)])
def test_equal_cells_are_seldom_said_to_differ(cells: int, seeds: int, correlation: float) -> None:
    generator = np.random.default_rng(3)
    found = [
        judged(drawn(generator, tau=0.0, correlation=correlation, cells=cells, seeds=seeds)).p_value < 0.05
        for _ in range(500)
    ]
    assert 0.02 <= np.mean(found) <= 0.1


def held(tau: float, *, as_independent: bool) -> float:
    """Return how often the prediction interval holds another cell, of six cells that share ten seeds."""
    generator, found = np.random.default_rng(4), []
    for _ in range(500):
        difference_CS = drawn(generator, tau=tau, correlation=0.5, cells=6, seeds=10)
        interval = judged(difference_CS, as_independent=as_independent).prediction
        assert interval is not None
        found.append(interval.low <= tau * generator.normal() <= interval.high)
    return float(np.mean(found))


@pytest.mark.parametrize(("cells", "correlation"), [(12, 0.0), (6, 0.5), slow(6, 0.0), slow(12, 0.5)])
def test_the_prediction_interval_holds_another_cell_where_noise_grows_with_the_effect(
    cells: int, correlation: float
) -> None:
    generator, found, taus = np.random.default_rng(6), [], []
    for _ in range(500):
        effects_C = 3 * generator.normal(size=cells)
        shared_S, own_CS = generator.normal(size=8), generator.normal(size=(cells, 8))
        noise_CS = math.sqrt(correlation) * shared_S + math.sqrt(1 - correlation) * own_CS
        one = judged(effects_C[:, None] + (0.7 + np.abs(effects_C))[:, None] * noise_CS)
        assert one.prediction is not None
        found.append(one.prediction.low <= 3 * generator.normal() <= one.prediction.high)
        taus.append(one.tau)
    assert np.mean(found) >= 0.9
    assert np.median(taus) == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_the_prediction_interval_holds_another_cell(tau: float) -> None:
    assert held(tau, as_independent=False) >= 0.93


def test_taken_for_independent_cells_that_share_seeds_seem_alike_and_the_interval_is_too_narrow() -> None:
    """This is the way in which the textbook's formulas err here."""
    assert held(0.3, as_independent=True) < 0.88
    generator = np.random.default_rng(5)
    pairs = [drawn(generator, tau=0.3, correlation=0.5, cells=6, seeds=10) for _ in range(300)]
    apart, seen = (
        np.mean([judged(one, as_independent=alone).p_value < 0.05 for one in pairs]) for alone in (True, False)
    )
    assert apart < 0.6 * seen
