"""AUC and F1 row by row, against scikit-learn, DeLong's variance by brute force, and a bootstrap over seeds and rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from bnexp.held_out import PartRows
from bnexp.statistics.answers import Answers
from bnexp.statistics.classification import METRICS
from bnexp.statistics.held_out_rows import new_rows


def binary(is_positive_R: Any, score_R: Any) -> Answers:
    """Return what a net answers by these probabilities of the second class."""
    target_R = np.asarray(is_positive_R).astype("int64")
    return Answers(target_R, score_R, (score_R > 0.5) == target_R)


def of_classes(target_R: Any, class_R: Any, classes: int) -> Answers:
    """Return what a net answers that is sure of one class for each row."""
    predicted = class_R.astype("float32") if classes == 2 else np.eye(classes, dtype="float16")[class_R]
    return Answers(target_R, predicted, class_R == target_R)


@settings(max_examples=60)
@given(draw=st.integers(0, 10**6), rows=st.integers(2, 60), levels=st.integers(1, 20))
def test_the_mean_over_rows_is_scikit_learns_area_ties_or_not(draw: int, rows: int, levels: int) -> None:
    generator = np.random.default_rng(draw)
    positive_R = generator.random(rows) < 0.4
    score_R = generator.integers(0, levels, rows) / levels
    found_R = METRICS["auc"].values(binary(positive_R, score_R))
    if positive_R.all() or not positive_R.any():
        assert np.isnan(found_R).all()
    else:
        assert found_R.mean() == pytest.approx(roc_auc_score(positive_R, score_R))


@settings(max_examples=60)
@given(draw=st.integers(0, 10**6), rows=st.integers(1, 60), classes=st.integers(2, 6))
def test_the_mean_over_rows_is_scikit_learns_f1(draw: int, rows: int, classes: int) -> None:
    target_R, predicted_R = np.random.default_rng(draw).integers(0, classes, (2, rows))
    average = "binary" if classes == 2 else "macro"
    expected = f1_score(target_R, predicted_R, average=average, zero_division=0)
    assert METRICS["f1"].values(of_classes(target_R, predicted_R, classes)).mean() == pytest.approx(expected)


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


@pytest.mark.parametrize("measured", ["auc", "f1"])
def test_the_error_of_a_difference_is_that_of_a_bootstrap_over_seeds_and_rows(measured: str) -> None:
    """The pigeonhole bootstrap of scikit-learn's numbers, which linearizes nothing.

    It counts the variance of both together three times. Source: Owen 2007, theorem 3.
    """
    generator, seeds, rows = np.random.default_rng(1), 8, 250
    drawn = _parts(seeds, rows, generator)
    target_R = drawn["target"]

    def mean_of(name: str, seeds_S: Any, rows_R: Any) -> float:
        """Return the mean over these seeds, on these rows."""
        if measured == "auc":
            return float(np.mean([roc_auc_score(target_R[rows_R], drawn[name][seed, rows_R]) for seed in seeds_S]))
        return float(np.mean([f1_score(target_R[rows_R], drawn[name][seed, rows_R] > 0.5) for seed in seeds_S]))

    resampled = []
    for _ in range(120):
        seeds_S, rows_R = generator.integers(0, seeds, seeds), generator.integers(0, rows, rows)
        resampled.append(mean_of("a", seeds_S, rows_R) - mean_of("b", seeds_S, rows_R))
    values = [_kept(target_R, drawn[name]).values(measured) for name in ("a", "b")]
    assert values[0] is not None and values[1] is not None
    difference_SR = values[0] - values[1]
    whole = np.arange(seeds), np.arange(rows)
    assert difference_SR.mean() == pytest.approx(mean_of("a", *whole) - mean_of("b", *whole), abs=1e-6)
    components = new_rows(difference_SR).components  # without the rows that an interval adds
    thrice = components.seed / seeds + components.row / rows + 3 * components.rest / (seeds * rows)
    assert np.sqrt(thrice) == pytest.approx(float(np.std(resampled)), rel=0.2)


@pytest.mark.parametrize("measured", ["auc", "f1"])
def test_the_interval_covers_the_difference_of_very_many_rows(measured: str) -> None:
    """By simulation: 20 seeds, 200 rows drawn anew from 20,000, 300 times."""
    generator, seeds = np.random.default_rng(2), 20
    drawn = _parts(seeds, 20_000, generator)
    whole = [_kept(drawn["target"], drawn[name]).values(measured) for name in ("a", "b")]
    assert whole[0] is not None and whole[1] is not None
    truth, covered = float((whole[0] - whole[1]).mean()), 0
    for _ in range(300):
        rows_R = generator.integers(0, 20_000, 200)
        values = [_kept(drawn["target"][rows_R], drawn[name][:, rows_R]).values(measured) for name in ("a", "b")]
        assert values[0] is not None and values[1] is not None
        interval = new_rows(values[0] - values[1]).estimate.interval(0.95)
        covered += interval.low <= truth <= interval.high
    assert covered / 300 >= 0.93


def test_classes_that_float16_cannot_tell_apart_stay_right_or_wrong() -> None:
    predicted = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]], "float16")
    assert Answers(np.array([1, 0, 0]), predicted, np.array([True, False, False])).class_R.tolist() == [1, 1, 1]


def test_no_area_is_known_of_several_classes_or_of_a_regression() -> None:
    rows_SR, target_SR = np.zeros((1, 3), "int32"), np.zeros((1, 3), "float32")
    several = {"loss": target_SR, "accuracy": np.ones((1, 3), bool), "predicted": np.ones((1, 3, 4), "float16") / 4}
    assert PartRows(rows_SR, target_SR, None, None, several).values("auc") is None
    regression = {"loss": target_SR, "predicted": target_SR}
    assert PartRows(rows_SR, target_SR, None, None, regression).values("f1") is None


def test_the_area_of_twenty_seeds_and_two_thousand_rows_takes_a_moment() -> None:
    drawn = _parts(20, 2000, np.random.default_rng(3))
    begun = time.process_time()
    values = [_kept(drawn["target"], drawn[name]).values("auc") for name in ("a", "b")]
    assert values[0] is not None and values[1] is not None
    assert new_rows(values[0] - values[1]).estimate.interval(0.95).low > 0
    assert time.process_time() - begun < 1
