"""Metrics of classes row by row, against scikit-learn, its slopes in the weight of a row, and a bootstrap."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest
from cases import slow
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    mean_squared_error,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from bnexp.held_out import PartRows
from bnexp.metrics import KNOWN, impossible
from bnexp.statistics.answers import Answers
from bnexp.statistics.classification import METRICS
from bnexp.statistics.held_out_rows import new_rows


@pytest.mark.parametrize("name", METRICS)
def test_a_net_that_diverged_has_no_number(name: str) -> None:
    target_R, classes = np.arange(12) % 6, 2 if METRICS[name].most == 2 else 6
    predicted = np.full(12, 0.25, "float32") if classes == 2 else np.full((12, 6), 1 / 6, "float16")
    target_R = target_R % classes
    predicted[3] = np.nan
    found = METRICS[name].values(Answers(target_R, predicted, np.zeros(12, bool)))
    assert np.isnan(found).all()
    predicted[3] = 0.25
    assert np.isfinite(METRICS[name].values(Answers(target_R, predicted, np.zeros(12, bool)))).all()


def binary(is_positive_R: Any, score_R: Any) -> Answers:
    """Return what a net answers by these probabilities of the second class."""
    target_R = np.asarray(is_positive_R).astype("int64")
    return Answers(target_R, score_R, (score_R > 0.5) == target_R)


def of_classes(target_R: Any, class_R: Any, classes: int) -> Answers:
    """Return what a net answers that is sure of one class for each row."""
    predicted = class_R.astype("float32") if classes == 2 else np.eye(classes, dtype="float16")[class_R]
    return Answers(target_R, predicted, class_R == target_R)


def expected(measured: str, answers: Answers, weight_R: Any = None) -> float:
    """Return scikit-learn's number, in which each row may have a weight; of calibration, the sum over bins by hand."""
    target_R, class_R, predicted = answers.target_R, answers.class_R, answers.predicted.astype("float64")
    labels, weighted = np.arange(answers.classes), {"sample_weight": weight_R}
    match measured:
        case "auc":
            return float(roc_auc_score(target_R, predicted, **weighted))
        case "pr_auc":
            return float(average_precision_score(target_R, predicted, **weighted))
        case "f1":
            average = "binary" if answers.classes == 2 else "macro"
            return float(f1_score(target_R, class_R, average=average, zero_division=0, **weighted))
        case "balanced_accuracy":  # scikit-learn's own warns of a class that is answered and not there
            return float(recall_score(target_R, class_R, labels=np.unique(target_R), average="macro", **weighted))
        case "mcc":
            return float(matthews_corrcoef(target_R, class_R, **weighted))
        case "log_loss":
            return float(log_loss(target_R, predicted, labels=labels, **weighted))
        case "brier":
            if answers.classes == 2:
                return float(brier_score_loss(target_R, predicted, **weighted))
            return answers.classes * float(mean_squared_error(np.eye(answers.classes)[target_R], predicted, **weighted))
        case "top_5":
            return float(top_k_accuracy_score(target_R, predicted, k=5, labels=labels, **weighted))
    return _calibration_error(answers, np.ones(len(target_R)) if weight_R is None else weight_R)


def _calibration_error(answers: Answers, weight_R: Any) -> float:
    """Return Guo's sum over 15 bins of confidence, each from above its lower bound to its upper one."""
    predicted = answers.predicted.astype("float64")
    confidence_R = predicted.max(axis=1) if predicted.ndim == 2 else np.maximum(predicted, 1 - predicted)
    found = 0.0
    for number in range(15):
        inside_R = (confidence_R > number / 15) & (confidence_R <= (number + 1) / 15)
        if (weight := weight_R[inside_R].sum()) > 0:
            right = np.average(answers.right_R[inside_R], weights=weight_R[inside_R])
            found += weight * abs(right - np.average(confidence_R[inside_R], weights=weight_R[inside_R]))
    return float(found / weight_R.sum())


def drawn(draw: int, rows: int, classes: int, *, levels: int = 0, sure: float = 1.5) -> Answers:
    """Draw what a net answers; with `levels`, many probabilities of the second class are equal."""
    generator = np.random.default_rng(draw)
    target_R = generator.integers(0, classes, rows)
    if classes == 2:
        score_R = 1 / (1 + np.exp(-sure * (target_R - 0.5 + generator.normal(0, 1, rows))))
        score_R = np.round(score_R * levels) / levels if levels else score_R
        return binary(target_R, np.clip(score_R, 0.001, 0.999))
    logit_RC = sure * (generator.normal(0, 1, (rows, classes)) + np.eye(classes)[target_R])
    probability_RC = np.exp(logit_RC) / np.exp(logit_RC).sum(axis=1, keepdims=True)
    return Answers(target_R, probability_RC, probability_RC.argmax(axis=1) == target_R)


def fitting(classes: int) -> list[str]:
    return [name for name, metric in METRICS.items() if metric.fits(classes)]


def test_the_table_of_computed_metrics_is_that_of_all_metrics() -> None:
    assert list(METRICS) == [name for name, implied in KNOWN.items() if implied.computed]
    assert fitting(5) == [name for name in METRICS if name not in ("auc", "pr_auc", "top_5")]


@settings(max_examples=30, deadline=None)
@given(draw=st.integers(0, 10**6), rows=st.integers(2, 60), levels=st.integers(0, 20))
def test_of_two_classes_the_mean_over_rows_is_scikit_learns_number_ties_or_not(
    draw: int, rows: int, levels: int
) -> None:
    answers = drawn(draw, rows, 2, levels=levels)
    for name in fitting(2):
        found = METRICS[name].values(answers).mean()
        if METRICS[name].compares_classes and answers.is_of_one_class:
            assert np.isnan(found), name
        else:
            assert found == pytest.approx(expected(name, answers), abs=1e-12), name
            assert impossible(f"val_{name}", [found]) is None


@settings(max_examples=30, deadline=None)
@given(draw=st.integers(0, 10**6), rows=st.integers(7, 60), classes=st.integers(3, 8))
def test_of_several_classes_the_mean_over_rows_is_scikit_learns_number(draw: int, rows: int, classes: int) -> None:
    """Of few rows, some classes are not there, and others are never answered."""
    answers = drawn(draw, rows, classes)
    for name in fitting(classes):
        found = METRICS[name].values(answers).mean()
        assert answers.is_of_one_class or found == pytest.approx(expected(name, answers), abs=1e-12), name
        assert impossible(f"val_{name}", [found]) is None


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_net_that_answers_one_class_always_has_a_number_in_each_metric(classes: int) -> None:
    """The answers of a matrix with empty columns, which divide by nothing."""
    target_R = np.random.default_rng(classes).integers(0, classes, 40)
    answers = of_classes(target_R, np.zeros(40, "int64"), classes)
    for name in ("f1", "balanced_accuracy", "mcc"):
        assert METRICS[name].values(answers).mean() == pytest.approx(expected(name, answers)), name


@pytest.mark.parametrize(("classes", "levels"), [(2, 0), (2, 8), (7, 0)])
def test_what_a_row_adds_is_the_slope_of_scikit_learns_number_in_its_weight(classes: int, levels: int) -> None:
    """Scikit-learn linearizes nothing: a row is drawn a little more often, then a little less."""
    answers, step = drawn(3, 60, classes, levels=levels), 1e-5
    for name in fitting(classes):
        by_row_R = METRICS[name].values(answers)
        slope_R = [
            (expected(name, answers, 1 + step * at_R) - expected(name, answers, 1 - step * at_R)) / (2 * step)
            for at_R in np.eye(60)[:20]
        ]
        assert (by_row_R - by_row_R.mean())[:20] / 60 == pytest.approx(slope_R, abs=1e-6), name


def test_float16_keeps_the_log_loss_of_nets_that_are_sure() -> None:
    """Near 1 it has 3 digits, near 0 it has 3 significant ones. The worst rows have the loss of Keras's 1e-7."""
    for sure in (1.5, 4.0, 10.0):
        exact = drawn(5, 4000, 8, sure=sure)
        kept = Answers(exact.target_R, exact.predicted.astype("float16"), exact.right_R)
        own_R = exact.predicted[np.arange(4000), exact.target_R]
        found = METRICS["log_loss"].values(kept).mean()
        assert found == pytest.approx(-np.log(np.clip(own_R, 1e-7, 1 - 1e-7)).mean(), rel=2e-3)
    learned_RC = np.full((2, 8), 1e-4 / 7)
    learned_RC[:, 3] = 1 - 1e-4
    kept = Answers(np.array([3, 3]), learned_RC.astype("float16"), np.ones(2, bool))
    assert METRICS["log_loss"].values(kept) == pytest.approx(np.full(2, 1e-4), rel=2e-2)


def test_classes_that_are_equally_likely_share_the_five_places() -> None:
    """As many that float16 holds as 0: of a sure net that is wrong, four of the nine others have a place."""
    predicted = np.eye(10, dtype="float16")[[0, 0, 0]]
    values_R = METRICS["top_5"].values(Answers(np.array([0, 1, 9]), predicted, np.array([True, False, False])))
    assert values_R == pytest.approx([1.0, 4 / 9, 4 / 9])


@pytest.mark.parametrize("classes", [2, slow(7)])
def test_what_guessing_scores_is_scikit_learns_number_of_the_best_answers_that_look_at_no_row(classes: int) -> None:
    answers = drawn(8, 90, classes)
    always = [of_classes(answers.target_R, np.full(90, one), classes) for one in range(classes)]
    generator = np.random.default_rng(0)
    shuffled = [of_classes(answers.target_R, generator.permutation(answers.target_R), classes) for _ in range(200)]
    for name in ("f1", "balanced_accuracy", "mcc"):
        best = max(expected(name, one) for one in always)
        by_shares = float(np.mean([expected(name, one) for one in shuffled]))
        assert _of_guess(name, answers) == pytest.approx(max(best, by_shares), abs=0.01), name
    if classes == 2:
        even = binary(answers.target_R, np.full(90, 0.5))
        assert [_of_guess(name, answers) for name in ("auc", "pr_auc")] == pytest.approx(
            [expected(name, even) for name in ("auc", "pr_auc")]
        )
    else:
        sets = itertools.combinations(range(classes), 5)
        assert _of_guess("top_5", answers) == pytest.approx(max(np.isin(answers.target_R, one).mean() for one in sets))
    assert {name for name, metric in METRICS.items() if metric.of_guess is None} == {
        "log_loss", "brier", "calibration_error"
    }  # fmt: skip


def _of_guess(name: str, answers: Answers) -> float:
    of_guess = METRICS[name].of_guess
    assert of_guess is not None
    return of_guess(answers)


def test_f1_of_a_class_that_is_neither_there_nor_answered_is_zero() -> None:
    assert METRICS["f1"].values(binary([0, 0, 0], np.array([0.1, 0.2, 0.3]))).tolist() == [0, 0, 0]
    absent = of_classes(np.array([0, 1, 1]), np.array([0, 1, 0]), 3)
    assert METRICS["f1"].values(absent).mean() == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_the_variance_over_rows_is_delongs() -> None:
    """By brute force over all pairs of rows: the variance of each row's placement, over its class's rows."""
    generator = np.random.default_rng(0)
    positive_R = generator.random(80) < 0.3
    score_R = np.round(generator.normal(positive_R.astype(float), 1.0), 1)
    wins = np.array([[(p > n) + (p == n) / 2 for n in score_R[~positive_R]] for p in score_R[positive_R]])
    expected = sum(np.var(wins.mean(axis=axis)) / wins.shape[1 - axis] for axis in (0, 1))
    by_row_R = METRICS["auc"].values(binary(positive_R, score_R))
    assert np.var(by_row_R) / len(by_row_R) == pytest.approx(expected)


def _parts(seeds: int, rows: int, generator: Any) -> dict[str, Any]:
    """Draw two arms' scores of the same rows, of which some are hard for all nets."""
    target_R = generator.random(rows) < 0.35
    hard_R = generator.normal(0, 0.7, rows)
    scores = {
        name: target_R * gap + hard_R + generator.normal(0, 0.6, (seeds, rows)) + generator.normal(0, 0.1, (seeds, 1))
        for name, gap in (("a", 1.3), ("b", 0.9))
    }
    return {"target": target_R, **{name: 1 / (1 + np.exp(0.6 - score_SR)) for name, score_SR in scores.items()}}


def _kept(target_R: Any, predicted_SR: Any) -> PartRows:
    target_SR = np.broadcast_to(target_R.astype("float32"), predicted_SR.shape)
    rows_SR = np.broadcast_to(np.arange(len(target_R), dtype="int32"), predicted_SR.shape)
    measures = {"loss": np.zeros(predicted_SR.shape), "accuracy": (predicted_SR > 0.5) == target_SR}
    return PartRows(rows_SR, target_SR, None, None, {**measures, "predicted": predicted_SR})


@pytest.mark.slow
@pytest.mark.parametrize("measured", ["auc", "f1"])
def test_the_error_of_a_difference_is_that_of_a_bootstrap_over_seeds_and_rows(measured: str) -> None:
    """The pigeonhole bootstrap of scikit-learn's numbers, which linearizes nothing.

    It counts the variance of both together three times. Source: Owen 2007, theorem 3.
    """
    generator, seeds, rows = np.random.default_rng(1), 8, 250
    parts = _parts(seeds, rows, generator)
    target_R = parts["target"]

    def mean_of(name: str, seeds_S: Any, rows_R: Any) -> float:
        """Return the mean over these seeds, on these rows."""
        scored = [binary(target_R[rows_R], parts[name][seed, rows_R]) for seed in seeds_S]
        return float(np.mean([expected(measured, one) for one in scored]))

    resampled = []
    for _ in range(120):
        seeds_S, rows_R = generator.integers(0, seeds, seeds), generator.integers(0, rows, rows)
        resampled.append(mean_of("a", seeds_S, rows_R) - mean_of("b", seeds_S, rows_R))
    values = [_kept(target_R, parts[name]).values(measured) for name in ("a", "b")]
    assert values[0] is not None and values[1] is not None
    difference_SR = values[0] - values[1]
    whole = np.arange(seeds), np.arange(rows)
    assert difference_SR.mean() == pytest.approx(mean_of("a", *whole) - mean_of("b", *whole), abs=1e-6)
    components = new_rows(difference_SR).components  # without the rows that an interval adds
    thrice = components.seed / seeds + components.row / rows + 3 * components.rest / (seeds * rows)
    assert np.sqrt(thrice) == pytest.approx(float(np.std(resampled)), rel=0.2)


def _coverage(measured: str, rows: int, draws: int) -> float:
    """Return how often an interval of 20 seeds and some rows of 20,000 holds the difference on all of them."""
    generator, seeds = np.random.default_rng(2), 20
    parts = _parts(seeds, 20_000, generator)
    whole = [_kept(parts["target"], parts[name]).values(measured) for name in ("a", "b")]
    assert whole[0] is not None and whole[1] is not None
    truth, covered = float((whole[0] - whole[1]).mean()), 0
    for _ in range(draws):
        rows_R = generator.integers(0, 20_000, rows)
        values = [_kept(parts["target"][rows_R], parts[name][:, rows_R]).values(measured) for name in ("a", "b")]
        assert values[0] is not None and values[1] is not None
        interval = new_rows(values[0] - values[1]).estimate.interval(0.95)
        covered += interval.low <= truth <= interval.high
    return covered / draws


@pytest.mark.parametrize("measured", [slow("auc"), "f1", slow("mcc"), slow("pr_auc")])
def test_the_interval_covers_the_difference_of_very_many_rows(measured: str) -> None:
    assert _coverage(measured, rows=200, draws=300) >= 0.93


@pytest.mark.parametrize(("rows", "covered"), [(200, 0.57), (2000, 0.73)])
def test_of_the_calibration_error_it_would_cover_too_seldom(rows: int, covered: float) -> None:
    """So `Metric.is_biased` keeps it from speaking of new rows; docs/statistics.md has the shares."""
    assert METRICS["calibration_error"].is_biased
    assert _coverage("calibration_error", rows=rows, draws=60) == pytest.approx(covered, abs=0.12)


def test_classes_that_float16_cannot_tell_apart_stay_right_or_wrong() -> None:
    predicted = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]], "float16")
    assert Answers(np.array([1, 0, 0]), predicted, np.array([True, False, False])).class_R.tolist() == [1, 1, 1]


def test_no_area_is_known_of_several_classes_or_of_a_regression() -> None:
    rows_SR, target_SR = np.zeros((1, 3), "int32"), np.zeros((1, 3), "float32")
    several = {"loss": target_SR, "accuracy": np.ones((1, 3), bool), "predicted": np.ones((1, 3, 4), "float16") / 4}
    assert PartRows(rows_SR, target_SR, None, None, several).values("auc") is None
    regression = {"loss": target_SR, "predicted": target_SR}
    assert PartRows(rows_SR, target_SR, None, None, regression).values("f1") is None


def test_all_metrics_of_twenty_seeds_and_two_thousand_rows_take_a_moment() -> None:
    parts = _parts(20, 2000, np.random.default_rng(3))
    begun = time.process_time()
    for name in fitting(2):
        values = [_kept(parts["target"], parts[one]).values(name) for one in ("a", "b")]
        assert values[0] is not None and values[1] is not None
        assert abs(new_rows(values[0] - values[1]).estimate.mean) > 0
    assert time.process_time() - begun < 2
