"""What a study's hypothesis says of new rows: over the held-out rows of all its cells, for every kind of endpoint."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import studies
from numpy.typing import NDArray

from bnexp.comparison.new_rows import NewRowsEstimate
from bnexp.config.study import Hypothesis
from bnexp.held_out import HeldOut, PartRows
from bnexp.statistics import Estimate
from bnexp.statistics.held_out_rows import Components, NewRows, by_group, new_rows
from bnexp.study.contrast import ROWS_NOT_KEPT, Contrast, contrast_of
from bnexp.study.grid import Cell
from bnexp.study.result import Result
from bnexp.study.verdict import judged

SEEDS, ARMS = 10, ("bn", "none")
Values = dict[tuple[int, str], NDArray[Any]]


claim = partial(studies.claim, metric="val_accuracy")


def drawn(shares: dict[str, float], *, cells: int = 1, rows: int | list[int] = 200, seed: int = 0) -> Values:
    """Draw which rows are right in each cell and arm, (S, R)."""
    generator, counts = np.random.default_rng(seed), rows if isinstance(rows, list) else [rows] * cells
    return {
        (cell, arm): generator.random((SEEDS, count)) < shares[arm] for cell, count in enumerate(counts) for arm in ARMS
    }


def contrast(
    one: Hypothesis,
    right: Values,
    *,
    groups: NDArray[Any] | None = None,
    first: dict[int, int] | None = None,
    lost: Any = (),
) -> Contrast:
    """Return the contrast of a claim over cells in which these rows are right.

    `first` is each cell's first row, `lost` has the cells that kept no rows.
    """
    numbers = sorted({cell for cell, _ in right})
    cells = [Cell(number, {"model.depth": number + 1}, {}) for number in numbers]
    results, rows = {}, {}
    for (cell, arm), right_SR in right.items():
        rows_SR = np.broadcast_to(
            np.arange(right_SR.shape[1], dtype="int32") + (first or {}).get(cell, 0), right_SR.shape
        )
        loss_SR = (1.5 - right_SR).astype("float32")
        groups_SR = None if groups is None else np.broadcast_to(groups, right_SR.shape)
        part = PartRows(
            rows_SR, np.ones(right_SR.shape, "float32"), groups_SR, None, {"accuracy": right_SR, "loss": loss_SR}
        )
        rows[cell, arm] = HeldOut(tuple(range(SEEDS)), {"val": part})
        results[cell, arm] = Result(
            trial="t", levels={}, arm=arm, experiment="e", seeds=tuple(range(SEEDS)), rows={"train": 100, "val": 50},
            final={"val_accuracy": right_SR.mean(axis=1).tolist(), "val_loss": loss_SR.mean(axis=1).tolist()},
            epochs_to={"val_accuracy 0.5": [3.0] * SEEDS}, budget_epochs=9, diverged={}, steps=1, seconds=1.0,
        )  # fmt: skip
    return contrast_of(one, cells, results, lambda key: None if key[0] in lost else rows[key])


def estimate_of(found: Contrast) -> NewRowsEstimate:
    assert found.new_rows is not None
    return found.new_rows


def test_one_cell_has_the_interval_of_its_seeds_and_rows() -> None:
    right = drawn({"bn": 0.9, "none": 0.8})
    expected = new_rows(right[0, "bn"].astype(float) - right[0, "none"]).estimate
    found = estimate_of(contrast(claim(), right)).estimate
    assert (found.mean, found.error, found.degrees) == pytest.approx((expected.mean, expected.error, expected.degrees))


def test_cells_with_the_same_rows_are_averaged_row_by_row() -> None:
    right = drawn({"bn": 0.9, "none": 0.8}, cells=3)
    mean_SR = np.mean([right[cell, "bn"].astype(float) - right[cell, "none"] for cell in range(3)], axis=0)
    expected, found = new_rows(mean_SR).estimate, estimate_of(contrast(claim(), right))
    assert (found.count, found.estimate.mean) == (200, pytest.approx(expected.mean))
    assert found.estimate.error == pytest.approx(expected.error)


def test_cells_with_rows_of_their_own_are_strata_whose_variances_add_up() -> None:
    """By simulation: the error is the deviation of the mean over two cells, each of rows and seeds drawn anew."""
    generator = np.random.default_rng(1)
    counts, errors, means = {0: 60, 1: 240}, [], []
    for _ in range(300):
        right = {}
        for cell, count in counts.items():
            hard_R = np.clip(0.7 + 0.25 * generator.standard_normal(count), 0, 1)
            for arm, gain in (("bn", 0.1), ("none", 0.0)):
                own_R = np.clip(hard_R + gain + 0.1 * generator.standard_normal(count), 0, 1)
                right[cell, arm] = generator.random((SEEDS, count)) < own_R
        found = estimate_of(contrast(claim(), right, first={1: 1000}))
        assert found.count == 300
        errors.append(found.estimate.error)
        means.append(found.estimate.mean)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.15)


def test_an_interaction_subtracts_what_rows_have_in_common() -> None:
    right = drawn({"bn": 0.9, "none": 0.8}, cells=2)
    at, minus = {"model.depth": 1}, {"model.depth": 2}
    differences = [right[cell, "bn"].astype(float) - right[cell, "none"] for cell in range(2)]
    expected = new_rows(differences[0] - differences[1]).estimate
    found = estimate_of(contrast(claim(at=at, minus=minus), right)).estimate
    assert (found.mean, found.error) == pytest.approx((expected.mean, expected.error))


def test_the_log_of_a_loss_is_linearized_at_each_seeds_loss() -> None:
    right = drawn({"bn": 0.9, "none": 0.8})
    loss_SR = {arm: 1.5 - right[0, arm] for arm in ARMS}
    parts = [loss_SR[arm] / loss_SR[arm].mean(axis=1, keepdims=True) for arm in ARMS]
    log_S = np.log(loss_SR["bn"].mean(axis=1)) - np.log(loss_SR["none"].mean(axis=1))
    expected = new_rows(log_S[:, None] + parts[0] - parts[1]).estimate
    ratio = claim(metric={"metric": "val_loss", "ratio": True}, direction="lower", smallest=1.05)
    found = estimate_of(contrast(ratio, right)).estimate
    assert (found.mean, found.error) == pytest.approx((expected.mean, expected.error), rel=1e-5)


def test_groups_of_rows_are_drawn_together() -> None:
    right, groups = drawn({"bn": 0.9, "none": 0.8}), np.repeat(np.arange(50, dtype="int32"), 4)
    expected = new_rows(by_group(right[0, "bn"].astype(float) - right[0, "none"], groups)).estimate
    found = estimate_of(contrast(claim(), right, groups=groups))
    assert (found.drawn, found.count, found.estimate.error) == ("groups", 50, pytest.approx(expected.error))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"metric": {"metric": "val_accuracy", "epochs_to": 0.5}, "smallest": 1.2}, "epochs to a value are not measured row by row"),
        ({"metric": {"metric": "val_accuracy", "failures_below": 0.5}}, "failures are not measured row by row"),
        ({"wins": True}, "wins are not measured row by row"),
        ({"metric": "val_loss", "over": {"factor": "model.depth", "take": "width"}}, "a width is not measured row by row"),
    ],
)  # fmt: skip
def test_what_is_no_mean_over_rows_says_nothing_of_new_rows_and_why(keys: dict[str, Any], said: str) -> None:
    found = contrast(claim(**keys), drawn({"bn": 0.9, "none": 0.8}, cells=2))
    assert found.new_rows is None
    assert found.why_not_new_rows == f"Nothing is said of new rows: {said}."


def test_a_verdict_on_a_claim_speaks_of_new_rows_and_of_these() -> None:
    right = drawn({"bn": 0.9, "none": 0.7}, rows=400)
    (found,) = judged([claim()], [contrast(claim(), right)])
    assert (found.verdict.word, found.verdict.about, found.verdict.these_rows) == ("supported", "new rows", "supported")
    said = found.verdict.sentence
    assert said.startswith("For new rows of this kind, val_accuracy (%), bn - none is +")
    assert ": higher, by 1.00 or more. On these 400 rows: supported [+" in said
    assert found.difference is not None and found.difference.new_rows is not None
    assert found.difference.new_rows.low is not None and found.difference.low is not None
    assert found.difference.new_rows.low <= found.difference.low


def test_a_claim_of_the_other_direction_is_written_as_its_arms_are_subtracted() -> None:
    right = drawn({"bn": 0.9, "none": 0.7}, rows=400)
    (found,) = judged([claim(direction="lower")], [contrast(claim(direction="lower"), right)])
    assert found.verdict.word == "refuted"
    assert "bn - none is +" in found.verdict.sentence
    assert ": the other way round. On these 400 rows: refuted [+" in found.verdict.sentence


def test_equal_arms_on_few_rows_leave_a_claim_open_and_rows_are_what_is_missing() -> None:
    generator = np.random.default_rng(0)
    right = {(0, arm): np.ones((SEEDS, 100), bool) for arm in ARMS}
    right[0, "bn"][:, :3], right[0, "none"][:, 3:6] = False, False
    for values in right.values():
        values &= generator.random(values.shape) < 0.999
    (found,) = judged([claim()], [contrast(claim(), right)])
    assert (found.verdict.word, found.verdict.these_rows) == ("inconclusive", "refuted")
    assert (
        "held-out rows there is about a 50% chance to settle it; more seeds alone would not settle it. On these 100 rows: refuted"
        in found.verdict.sentence
    )


def test_cells_of_a_hypothesis_are_judged_for_new_rows_too() -> None:
    right = {
        **drawn({"bn": 0.95, "none": 0.7}, rows=400),
        **{(1, arm): one for (_, arm), one in drawn({"bn": 0.6, "none": 0.8}, rows=400, seed=1).items()},
    }
    seen = contrast(claim(), right)
    (found,) = judged([claim()], [seen])
    assert found.verdict.sentence == (
        "No single answer for new rows of this kind: bn is higher in 1 cell and lower in 1, each beyond its noise. "
        "See the cells, or ask of each with `at`."
    )
    assert found.verdict.about == "new rows" and found.across is not None and found.across.about == "new rows"
    alone = estimate_of(contrast(claim(), {key: one for key, one in right.items() if key[0] == 1})).estimate.interval(
        0.975
    )
    assert (found.across.cells[1].low, found.across.cells[1].high) == pytest.approx((alone.low, alone.high))


def test_cells_that_disagree_on_these_rows_alone_do_not_disagree_for_new_rows() -> None:
    """In each cell, three rows of 60 are wrong for all seeds of one arm: rows, and not the arms, decide."""
    generator = np.random.default_rng(2)
    right = {(cell, arm): generator.random((SEEDS, 60)) < 0.995 for cell in (0, 1) for arm in ARMS}
    right[0, "none"][:, :3], right[1, "bn"][:, :2] = False, False
    (found,) = judged([claim()], [contrast(claim(), right)])
    assert found.across is not None and [one.direction for one in found.across.cells] == [None, None]
    seeds_alone = contrast(claim(), right)
    (here,) = judged(
        [claim()],
        [replace(seeds_alone, new_rows=None, parts=tuple(replace(one, new_rows=None) for one in seeds_alone.parts))],
    )
    assert here.verdict.sentence.startswith(
        "No single answer on these rows: bn is higher in 1 cell and lower in 1, each"
    )


def test_cells_are_judged_on_these_rows_if_one_of_them_did_not_keep_its_rows() -> None:
    right = drawn({"bn": 0.9, "none": 0.8}, cells=2)
    whole = contrast(claim(), right)
    assert [part.new_rows is None for part in whole.parts] == [False, False]
    lost = contrast(claim(), right, lost={1})
    assert lost.new_rows is None and [part.new_rows for part in lost.parts] == [None, None]


def test_what_is_said_of_missing_rows_is_the_true_reason() -> None:
    """Most rows held out, cells that are split in different ways, and rows that are not kept."""
    right = drawn({"bn": 0.9, "none": 0.8}, cells=2)
    found = contrast(claim(), right)
    assert (found.new_rows is not None, found.why_not_new_rows) == (True, None)
    cells = [Cell(number, {"model.depth": number + 1}, {}) for number in range(2)]
    results = {
        (cell, arm): Result(
            trial="t", levels={}, arm=arm, experiment="e", seeds=tuple(range(SEEDS)), rows={"train": 20, "val": 500},
            final={"val_accuracy": right[cell, arm].mean(axis=1).tolist()}, resample=True,
            epochs_to={}, budget_epochs=9, diverged={}, steps=1, seconds=1.0,
        )
        for cell, arm in right
    }  # fmt: skip
    assert contrast_of(claim(), cells, results).why_not_new_rows == (
        "Nothing is said of new rows: each seed holds out rows of its own, and most rows are held out."
    )
    fixed = {key: one.model_copy(update={"resample": False}) for key, one in results.items()}
    mixed = {key: fixed[key] if key[0] else one for key, one in results.items()}
    assert contrast_of(claim(), cells, mixed).why_not_new_rows == (
        "Nothing is said of new rows: the cells are split in different ways."
    )
    assert contrast_of(claim(), cells, fixed).why_not_new_rows == ROWS_NOT_KEPT


def with_new_rows(difference_S: NDArray[Any], error: float) -> Contrast:
    """A contrast whose estimate for new rows has this standard error."""
    estimate = NewRowsEstimate("rows", Estimate(float(difference_S.mean()), error, 30.0), 200, None)
    parts = Components(seed=0.0, row=200 * error**2, rest=0.0)
    found = NewRows(estimate.estimate, parts, 200.0, len(difference_S), 200)
    return Contrast(difference_S, new_rows=replace(estimate, rows=found))


def test_a_word_that_only_the_sign_flip_test_leaves_open_on_these_rows_says_so() -> None:
    """The interval on these rows excludes zero and the mean is large; three claims need a p-value below 1.67%."""
    difference_S = np.array([0.05, 0.06, 0.055, 0.052, 0.058, 0.055, -0.006])
    claims = [claim(claim=str(number)) for number in range(3)]
    why = "the sign-flip test does not exclude zero (p 0.031, above 1.67%)"
    far, *_ = judged(claims, [with_new_rows(difference_S, 0.1)] * 3)
    assert (far.verdict.word, far.verdict.these_rows) == ("inconclusive", "inconclusive")
    assert far.verdict.sentence.endswith(f"On these 200 rows: inconclusive [+1.73, +7.52], as {why}.")
    near, *_ = judged(claims, [with_new_rows(difference_S, 0.01)] * 3)
    assert near.verdict.sentence.count("sign-flip") == 1, "what is said of new rows is not said again"
    told = "zero (p 0.031, above 1.67%). Use more seeds. On these 200 rows: inconclusive [+1.73, +7.52]."
    assert near.verdict.sentence.endswith(told)


def test_the_sign_flip_test_is_no_reason_where_the_mean_is_smaller_than_what_matters() -> None:
    difference_S = np.array([0.05, 0.06, 0.055, 0.052, 0.058, -0.006])
    (found,) = judged([claim(smallest=0.06)], [Contrast(difference_S)])
    assert found.difference is not None and found.difference.low is not None and found.difference.low > 0
    assert found.verdict.word == "inconclusive" and "sign-flip" not in found.verdict.sentence
    assert "pairs of seeds there is about a 50% chance to settle it." in found.verdict.sentence
