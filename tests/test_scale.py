"""The scale on which a metric is judged: losses and errors by their ratio, whose interval covers where seeds are skewed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from arms import arm, measured, rows_right

from bnexp.comparison import Arm, Question, compare
from bnexp.comparison.metric_rules import perfect_net_would_not_matter, tiny_margin
from bnexp.comparison.scale import difference_on_scale, rows_on_scale
from bnexp.statistics import over_seeds
from bnexp.store.comparison_document import Contrast


def contrast_of(treated: Arm, base: Arm, metric: str) -> Contrast:
    return compare([treated, base], Question(metric=metric)).contrasts[0]


def with_losses(name: str, loss_S: np.ndarray) -> Arm:
    """Return an arm with these final losses."""
    plain = arm(name, 1 - loss_S, seeds=len(loss_S))
    return replace(plain, held_out=None)


def test_a_loss_is_judged_by_the_ratio_of_geometric_means_and_an_accuracy_by_the_difference() -> None:
    treated_S, base_S = np.linspace(0.2, 0.3, 8), np.linspace(0.4, 0.5, 8)
    found = contrast_of(with_losses("a", treated_S), with_losses("b", base_S), "val_loss")
    ratio = np.exp(np.mean(np.log(treated_S) - np.log(base_S)))
    assert found.judged is not None and found.judged.mean is not None
    assert (found.judged.scale, math.exp(found.judged.mean)) == ("ratio", pytest.approx(ratio))
    assert found.judged.margin == pytest.approx(math.log(1.05))
    assert found.metrics["val_loss"].mean == pytest.approx(np.mean(treated_S - base_S))
    assert f"the ratio a / b of val_loss is {ratio:.3g} [" in found.verdict.sentence
    assert (
        ": better, and the mean lies outside the margin; a ratio between 0.952 and 1.05 does not matter."
        in found.verdict.sentence
    )
    of_accuracy = contrast_of(with_losses("a", treated_S), with_losses("b", base_S), "val_accuracy").judged
    assert of_accuracy is not None and (of_accuracy.scale, of_accuracy.margin) == ("difference", 0.01)


def test_a_loss_of_zero_has_no_ratio_and_is_judged_by_the_difference() -> None:
    found = contrast_of(with_losses("a", np.zeros(8)), with_losses("b", np.full(8, 0.5)), "val_loss")
    assert found.judged is not None and found.judged.scale == "difference"
    assert "a - b in val_loss is -0.5" in found.verdict.sentence


def test_what_rows_add_to_the_log_of_a_loss_is_its_change_when_rows_are_reweighted() -> None:
    """By finite differences: a row that counts a little more moves the log of the mean by its linearized part."""
    loss_R, step = np.random.default_rng(0).gamma(1.0, 1.0, 50), 1e-6
    parts_R = rows_on_scale(loss_R[None, :], np.array([loss_R.mean()]), "ratio")[0]
    for row in range(5):
        weights_R = np.ones(50)
        weights_R[row] += 50 * step
        moved = math.log(np.average(loss_R, weights=weights_R)) - math.log(loss_R.mean())
        assert moved / step == pytest.approx(parts_R[row] - parts_R.mean(), rel=1e-4)


def test_the_ratio_for_new_rows_has_the_same_mean_as_on_these_rows() -> None:
    treated, base = measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))
    judged = contrast_of(treated, base, "val_loss").judged
    assert judged is not None and judged.new_rows is not None and judged.scale == "ratio"
    assert judged.new_rows.mean == pytest.approx(judged.mean)
    assert judged.low is not None and judged.high is not None
    assert judged.new_rows.low is not None and judged.new_rows.low < judged.low


@pytest.mark.parametrize(("pairs", "seldom"), [(6, 0.90), (10, 0.87), (20, 0.87)])
def test_the_interval_of_a_ratio_covers_where_that_of_a_difference_of_skewed_losses_misses(
    pairs: int, seldom: float
) -> None:
    """Lognormal losses in one arm: the mean difference is missed often, the mean log ratio as often as it says."""
    generator, studies, spread = np.random.default_rng(0), 4000, 1.0
    treated_DS = np.exp(generator.normal(0.0, spread, (studies, pairs)))
    base_DS = np.exp(generator.normal(0.0, 0.1, (studies, pairs)))

    def covered(scale: str, truth: float) -> float:
        """Return the share of intervals that hold the truth."""
        found = [
            over_seeds(difference_on_scale(treated_S, base_S, scale)).interval(0.95)  # type: ignore[arg-type]
            for treated_S, base_S in zip(treated_DS, base_DS, strict=True)
        ]
        return float(np.mean([one.low <= truth <= one.high for one in found]))

    assert covered("difference", math.exp(spread**2 / 2) - math.exp(0.01 / 2)) < seldom
    assert covered("ratio", 0.0) == pytest.approx(0.95, abs=0.012)


def test_where_each_seed_has_its_own_split_a_loss_is_judged_by_the_difference() -> None:
    losses = {"a": np.linspace(0.2, 0.3, 8), "b": np.linspace(0.4, 0.5, 8)}
    split = {"dataset": {"resample": True}}
    arms = [arm(name, 1 - loss_S, seeds=8, **split) for name, loss_S in losses.items()]
    judged = contrast_of(*arms, "val_loss").judged
    assert judged is not None and judged.mean is not None
    assert (judged.scale, judged.mean) == ("difference", pytest.approx(-0.2))


@pytest.mark.parametrize(("margin", "is_told"), [(0.0004, True), (0.00046, False), (None, False)])
def test_a_margin_that_is_next_to_nothing_beside_the_baselines_mean_is_warned_of(
    margin: float | None, is_told: bool
) -> None:
    """The baseline's mean is 0.45, and a thousandth of it 0.00045."""
    arms = with_losses("a", np.linspace(0.2, 0.3, 8)), with_losses("b", np.linspace(0.4, 0.5, 8))
    found = compare(list(arms), Question(metric="val_loss", margin=margin)).contrasts[0]
    told = (
        "the margin is 0.0004, in val_loss's own unit, and the mean val_loss of b is 0.45. So nearly any difference matters. "
        "Use a larger margin, such as --margin 0.023 for 5% of it."
    )
    assert found.cautions == ([told] if is_told else [])
    if is_told:
        assert "lies outside the margin; a ratio between 0.99911 and 1.00089 does not matter." in found.verdict.sentence


@pytest.mark.parametrize(("mean", "shown"), [(16500.0, "820"), (2e8, "1e+07"), (0.66, "0.033"), (1e-4, "5e-06")])
def test_a_larger_margin_is_offered_without_an_exponent_where_none_is_needed(mean: float, shown: str) -> None:
    (told,) = tiny_margin("val_mae", 1e-9, "b", mean, key="--margin ")
    assert told.endswith(f"Use a larger margin, such as --margin {shown} for 5% of it.")
    seen = perfect_net_would_not_matter("val_mae", 1e9, "b", mean, key="--margin ")
    assert seen.endswith(f"Use a smaller one, such as --margin {shown}.")
