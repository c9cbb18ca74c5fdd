"""What a study's hypothesis says of new rows: over the held-out rows of all its cells, for every kind of endpoint."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import studies
from numpy.typing import NDArray

from bnexp import statistics
from bnexp.comparison.new_rows import NewRowsEstimate, Stratum
from bnexp.config import Experiment
from bnexp.config.study import Hypothesis
from bnexp.config.yaml import Node
from bnexp.errors import RunError
from bnexp.held_out import HeldOut, PartRows
from bnexp.statistics import Estimate
from bnexp.statistics.held_out_rows import Components, by_group, new_rows
from bnexp.store import DataFacts
from bnexp.study.contrast import Contrast, contrast_of
from bnexp.study.digests import question_digest
from bnexp.study.grid import Candidate, Cell
from bnexp.study.new_rows import OTHER_ROWS, ROWS_NOT_KEPT, TOO_MANY_ROWS
from bnexp.study.result import Result
from bnexp.study.trial_rows import keep_rows, kept_rows
from bnexp.study.verdict import judged
from bnexp.study.words import both_intervals, effect

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
    datasets: list[dict[str, Any]] | None = None,
    moved: Any = (),
    **known: Any,
) -> Contrast:
    """Return the contrast of a claim over cells in which these rows are right.

    `known` is known of the data beside the sizes of their parts. `first` is each cell's first row, `lost` has the cells that kept no rows. `datasets` has the keys of each cell's
    dataset. `moved` has the trials whose rows are one further on.
    """
    numbers = sorted({cell for cell, _ in right})
    candidates: list[dict[str, list[Candidate]]] = [
        {arm: [Candidate(trained_on(keys), Node({}, ""))] for arm in ARMS} for keys in datasets or []
    ] or [{} for _ in numbers]
    cells = [Cell(number, {"model.depth": number + 1}, own) for number, own in zip(numbers, candidates, strict=True)]
    results, rows = {}, {}
    for (cell, arm), right_SR in right.items():
        rows_SR = np.broadcast_to(
            np.arange(right_SR.shape[1], dtype="int32") + (first or {}).get(cell, 0) + ((cell, arm) in moved),
            right_SR.shape,
        )
        loss_SR = (1.5 - right_SR).astype("float32")
        groups_SR = None if groups is None else np.broadcast_to(groups[rows_SR[0]], right_SR.shape)
        part = PartRows(
            rows_SR, np.ones(right_SR.shape, "float32"), groups_SR, None, {"accuracy": right_SR, "loss": loss_SR}
        )
        rows[cell, arm] = HeldOut(tuple(range(SEEDS)), {"val": part})
        results[cell, arm] = Result(
            trial="t", levels={}, arm=arm, experiment="e", seeds=tuple(range(SEEDS)), rows={"train": 100, "val": 50},
            final={"val_accuracy": right_SR.mean(axis=1).tolist(), "val_loss": loss_SR.mean(axis=1).tolist()},
            epochs_to={"val_accuracy 0.5": [3.0] * SEEDS}, budget_epochs=9, diverged={}, steps=1, seconds=1.0,
        )  # fmt: skip
    facts = DataFacts(rows=150, training_rows=100, validation_rows=50, **known)
    return contrast_of(one, cells, results, lambda key: None if key[0] in lost else rows[key], lambda one: facts)


def trained_on(keys: dict[str, Any]) -> Experiment:
    sections = {"dataset": {"name": "classification", **keys}, "model": {"name": "mlp"}, "training": {}}
    return Experiment.model_validate({"name": "small", **sections})


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


def of_each_row(right: Values, first: dict[int, int], rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the contrast of each seed, (S,), and what each row adds to it, (S, R): NumPy alone, row by row."""
    cells = sorted({cell for cell, _ in right})
    contrast_S, added_SR = np.zeros(SEEDS), np.zeros((SEEDS, rows))
    for cell in cells:
        difference_SR = right[cell, "bn"].astype("float64") - right[cell, "none"].astype("float64")
        count = difference_SR.shape[1]
        for seed in range(SEEDS):
            mean = sum(difference_SR[seed]) / count
            contrast_S[seed] += mean / len(cells)
            for row in range(count):
                added_SR[seed, first.get(cell, 0) + row] += (difference_SR[seed, row] - mean) / count / len(cells)
    return contrast_S, added_SR


def test_a_row_that_is_in_two_cells_counts_once_with_all_that_it_adds() -> None:
    """Cells of 30 and 20 rows, of which 15 are the same."""
    right, first = drawn({"bn": 0.9, "none": 0.8}, rows=[30, 20]), {1: 15}
    contrast_S, added_SR = of_each_row(right, first, 35)
    expected = new_rows(contrast_S[:, None] + added_SR * 35).estimate
    found = estimate_of(contrast(claim(), right, first=first))
    assert (found.drawn, found.count) == ("rows", 35)
    assert (found.estimate.mean, found.estimate.error) == pytest.approx((contrast_S.mean(), expected.error))


def test_the_error_over_cells_that_share_most_rows_is_the_deviation_of_their_mean() -> None:
    """By simulation: all rows of the small cell are in the large one, as with two values of dataset.test_size.

    Independent strata would have an error of about 0.75 of the true one.
    """
    generator, errors, means = np.random.default_rng(5), [], []
    for _ in range(300):
        hard_R = np.clip(0.7 + 0.25 * generator.standard_normal(600), 0, 1)
        gain_R = 0.1 + 0.25 * generator.standard_normal(600)
        right = {
            (cell, arm): generator.random((SEEDS, count)) < np.clip(hard_R + sign * gain_R, 0, 1)[:count]
            for cell, count in ((0, 600), (1, 480))
            for arm, sign in (("bn", 1), ("none", 0))
        }
        found = estimate_of(contrast(claim(), right))
        assert found.count == 600
        errors.append(found.estimate.error)
        means.append(found.estimate.mean)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.15)


def test_a_group_whose_rows_are_in_two_cells_is_drawn_once() -> None:
    """Six groups of five rows; the second cell has rows 15 to 29, three of these groups."""
    right, first = drawn({"bn": 0.9, "none": 0.8}, rows=[30, 15]), {1: 15}
    groups = np.repeat(np.arange(6, dtype="int32"), 5)
    contrast_S, added_SR = of_each_row(right, first, 30)
    of_group_SG = np.stack([added_SR[:, groups == group].sum(axis=1) for group in range(6)], axis=1)
    expected = new_rows(contrast_S[:, None] + of_group_SG * 6).estimate
    found = estimate_of(contrast(claim(), right, first=first, groups=groups))
    assert (found.drawn, found.count, found.estimate.error) == ("groups", 6, pytest.approx(expected.error))


@pytest.mark.parametrize(
    ("datasets", "count"),
    [
        ([{"class_sep": 0.5}, {"class_sep": 2.0}], 200),
        ([{"name": "moons"}, {"name": "circles"}], 400),
        ([{"samples": 500}, {"samples": 1000}], 400),
        ([{"seed": 1}, {"seed": 2}], 400),
        ([{"scale": "none"}, {"scale": "standard"}], 200),
        ([{"test_size": 0.2}, {"test_size": 0.3}], 200),
        ([{"name": "wine", "seed": 1}, {"name": "wine", "seed": 2}], 200),
        ([{"name": "wine"}, {"name": "iris"}], 400),
    ],
)
def test_rows_are_the_same_if_the_data_are_and_rows_of_other_data_are_strata(
    datasets: list[dict[str, Any]], count: int
) -> None:
    """One draw of a generator is one set of rows, whichever keys show it: its rows share their random numbers."""
    right = drawn({"bn": 0.9, "none": 0.8}, cells=2)
    found = estimate_of(contrast(claim(), right, datasets=datasets))
    apart = estimate_of(contrast(claim(), right, first={1: 1000 if count == 400 else 0}))
    assert (found.count, found.estimate.error) == (count, pytest.approx(apart.estimate.error))


@pytest.mark.parametrize(
    ("datasets", "keys"),
    [
        ([{"name": "digits", "limit": 500}, {"name": "digits"}], "dataset.limit"),
        ([{"name": "digits", "limit": 500}, {"name": "digits", "limit": 900}], "dataset.limit"),
        ([{"name": "digits", "limit": 500, "seed": 1}, {"name": "digits", "limit": 500, "seed": 2}], "dataset.seed"),
        ([{"name": "wine", "duplicates": "keep"}, {"name": "wine"}], "dataset.duplicates"),
    ],
)  # fmt: skip
def test_cells_whose_common_rows_are_not_known_have_no_estimate_and_the_keys_are_named(
    datasets: list[dict[str, Any]], keys: str
) -> None:
    found = contrast(claim(), drawn({"bn": 0.9, "none": 0.8}, cells=2), datasets=datasets)
    assert (found.new_rows, found.why_not_new_rows) == (
        None,
        f"Nothing is said of new rows: the cells take the rows of one set by different {keys}, so it is not known "
        "which rows they share. Ask of each cell with `at`.",
    )
    alone = contrast(claim(at={"model.depth": 2}), drawn({"bn": 0.9, "none": 0.8}, cells=2), datasets=datasets)
    assert estimate_of(alone).count == 200


def test_arms_that_are_measured_on_different_rows_have_no_estimate_and_the_reason_says_so() -> None:
    found = contrast(claim(), drawn({"bn": 0.9, "none": 0.8}), moved={(0, "bn")})
    assert (found.new_rows, found.why_not_new_rows) == (None, OTHER_ROWS)


def test_a_single_group_says_nothing_of_new_ones_and_the_reason_says_so() -> None:
    """Cells with rows of their own have a group each, so that their mean has two."""
    shares = {"bn": 0.9, "none": 0.8}
    why = "Nothing is said of new groups: 1 group is held out, and that takes two or more. Hold out more groups."
    found = contrast(claim(), drawn(shares, rows=4), groups=np.zeros(4, "int64"))
    assert (found.new_rows, found.why_not_new_rows) == (None, why)
    right = drawn(shares, cells=2, rows=4)
    two = contrast(claim(), right, groups=np.array([0, 0, 0, 0, 1, 1, 1, 1]), first={1: 4})
    assert estimate_of(two).count == 2
    assert [part.new_rows for part in two.parts] == [None, None]


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
    assert ": higher, by 1.00 or more. For these 400 rows alone: supported [+" in said
    assert found.difference is not None and found.difference.new_rows is not None
    assert found.difference.new_rows.low is not None and found.difference.low is not None
    assert found.difference.new_rows.low <= found.difference.low


def test_a_claim_about_these_rows_is_judged_by_their_interval_alone() -> None:
    """Half of 60 rows carry the difference: enough for these rows, too few for new ones."""
    right = {(cell, arm): np.ones((SEEDS, 60), bool) for cell in range(2) for arm in ARMS}
    for cell in range(2):
        right[cell, "none"][:, :3] = False
    asked = claim(about="these-rows")
    (anew,), (these,) = (judged([one], [contrast(one, right)]) for one in (claim(), asked))
    assert (anew.verdict.word, these.verdict.word) == ("inconclusive", "supported")
    assert (these.verdict.about, these.difference is not None and these.difference.new_rows) == ("these rows", None)
    assert these.verdict.sentence.startswith("On these rows, val_accuracy (%), bn - none is +5.00 ")
    assert "new rows" not in these.verdict.sentence
    assert question_digest(claim(), ["t"]) != question_digest(asked, ["t"])


def test_a_claim_of_the_other_direction_is_written_as_its_arms_are_subtracted() -> None:
    right = drawn({"bn": 0.9, "none": 0.7}, rows=400)
    (found,) = judged([claim(direction="lower")], [contrast(claim(direction="lower"), right)])
    assert found.verdict.word == "refuted"
    assert "bn - none is +" in found.verdict.sentence
    assert ": the other way round. For these 400 rows alone: refuted [+" in found.verdict.sentence


def test_equal_arms_on_few_rows_leave_a_claim_open_and_rows_are_what_is_missing() -> None:
    generator = np.random.default_rng(0)
    right = {(0, arm): np.ones((SEEDS, 100), bool) for arm in ARMS}
    right[0, "bn"][:, :3], right[0, "none"][:, 3:6] = False, False
    for values in right.values():
        values &= generator.random(values.shape) < 0.999
    (found,) = judged([claim()], [contrast(claim(), right)])
    assert (found.verdict.word, found.verdict.these_rows) == ("inconclusive", "refuted")
    assert (
        "held-out rows instead of 100 there is about a 50% chance to settle it. More seeds alone would not settle it. For these 100 rows alone: refuted"
        in found.verdict.sentence
    )


@pytest.mark.parametrize(("rows", "is_known"), [(100, False), (400, True)])
def test_arms_that_agree_on_all_of_few_rows_have_no_interval_for_new_ones(rows: int, is_known: bool) -> None:
    """The verdict says that nothing is known, so that neither the effect nor its cells are [0, 0]."""
    right = {(cell, arm): np.ones((SEEDS, rows), bool) for cell in (0, 1) for arm in ARMS}
    for cells in (right, {key: one for key, one in right.items() if key[0] == 0}):
        (found,) = judged([claim()], [contrast(claim(), cells)])
        assert found.difference is not None and found.difference.new_rows is not None
        assert (found.difference.low, found.difference.high) == (0, 0)
        bounds = (found.difference.new_rows.low, found.difference.new_rows.high)
        assert bounds == ((0, 0) if is_known else (None, None))
        assert ("nothing is known yet" in found.verdict.sentence) == (not is_known)
        whole = "0.00 [0.00, 0.00]" if is_known else "not known"
        here = "[0.00, 0.00]" if is_known else "0.00 [0.00, 0.00]"
        assert effect(found) == whole
        assert both_intervals(found) == f"{whole} for new rows, {here} on these rows"
        across = [] if found.across is None else found.across.cells
        assert len(across) in (0, 2) and all((one.low, one.high) == bounds for one in across)


def test_the_keys_that_hold_out_more_rows_are_named_if_all_cells_read_one_data_set() -> None:
    right = drawn({"bn": 0.81, "none": 0.8}, cells=2)
    for datasets, is_named in (([{}, {}], True), ([{"seed": 1}, {"seed": 2}], False)):
        (found,) = judged([claim()], [contrast(claim(), right, datasets=datasets)])
        (told,) = re.findall(r"held-out rows instead of [\d,]+(.*?),? (?:there is|or with)", found.verdict.sentence)
        assert (
            bool(
                re.fullmatch(
                    r" \(dataset\.samples=\d+ dataset\.test_size=0\.\d+; this generates similar but different data\)",
                    told,
                )
            )
            == is_named
        )
        assert is_named or not told


def test_where_a_limit_leaves_rows_out_a_study_names_it_and_does_not_ask_for_new_data() -> None:
    right, table = drawn({"bn": 0.81, "none": 0.8}, cells=2), {"name": "csv", "path": "a.csv", "target": "y"}
    limited = [{**table, "limit": 150}] * 2
    for before, told in (
        (5000, "a larger dataset.limit)"),
        (150, "with as many training rows as now, that takes about "),
    ):
        (found,) = judged([claim()], [contrast(claim(), right, datasets=limited, rows_before_limit=before)])
        assert re.search(r"held-out rows instead of \d+ " + re.escape(f"({told}"), found.verdict.sentence)


def test_each_data_set_needs_rows_of_its_own_by_its_weight_in_the_mean() -> None:
    """Rows of one data set say nothing of another. Cells of the same rows count once, with the weights of both."""
    alike = drawn({"bn": 1.0, "none": 1.0}, rows=[290, 10])
    of_two = [{"name": "moons"}, {"name": "circles"}]
    strata = estimate_of(contrast(claim(), alike, datasets=of_two)).strata
    assert strata == [Stratum(290, 0.5, "one data set"), Stratum(10, 0.5, "one data set")]
    same = drawn({"bn": 1.0, "none": 1.0}, cells=2)
    assert estimate_of(contrast(claim(), same, datasets=[{"class_sep": 0.5}, {"class_sep": 2.0}])).strata == [
        Stratum(200, 1.0)
    ]
    between = claim(at={"model.depth": 1}, minus={"model.depth": 2})
    assert estimate_of(contrast(between, same)).strata == [Stratum(200, 2.0)]
    assert estimate_of(contrast(claim(metric="val_loss"), same)).strata == []


@pytest.mark.parametrize(("rows", "word"), [([400, 148], "inconclusive"), ([400, 149], "refuted")])
def test_a_claim_is_not_refuted_while_a_data_set_has_too_few_rows(rows: list[int], word: str) -> None:
    """Exactly: at a weight of one half, a kind that is 2% of a data set moves the mean by 1 point."""
    alike = drawn({"bn": 1.0, "none": 1.0}, rows=rows)
    alike[0, "bn"][0, 0] = False  # or all pairs were equal, and 10 of them too few
    found = contrast(claim(), alike, datasets=[{"name": "moons"}, {"name": "circles"}])
    (judgement,) = judged([claim()], [found])
    assert judgement.verdict.word == word
    if word == "inconclusive":
        assert "The 148 held-out rows of one data set may miss" in judgement.verdict.sentence
        assert "takes at least 149 held-out rows of each data set to show" in judgement.verdict.sentence


def test_seeds_that_could_refute_a_claim_by_its_sign_are_named_though_rows_are_few() -> None:
    right = {(0, arm): np.ones((SEEDS, 100), bool) for arm in ARMS}
    right[0, "bn"][[0, 1], [10, 20]] = False
    one = claim(smallest=0.02)
    (found,) = judged([one], [contrast(one, right)])
    assert found.verdict.word == "inconclusive"
    assert "More seeds do not help" not in found.verdict.sentence
    (named,) = re.findall(r"or with about ([\d,]+) seeds \(`seeds: \d+`", found.verdict.sentence)
    assert found.verdict.settled_by == int(named.replace(",", ""))


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
        "Nothing is said of new rows: the arms or cells are split in different ways."
    )
    assert contrast_of(claim(), cells, fixed).why_not_new_rows == ROWS_NOT_KEPT
    fixed[1, "bn"] = fixed[1, "bn"].model_copy(update={"too_many_rows": True})
    fixed[0, "bn"] = fixed[0, "bn"].model_copy(update={"too_many_rows": True})
    assert contrast_of(claim(), cells, fixed).why_not_new_rows == TOO_MANY_ROWS


def with_new_rows(difference_S: NDArray[Any], error: float) -> Contrast:
    """A contrast whose estimate for new rows has this standard error."""
    parts = Components(seed=0.0, row=200 * error**2, rest=0.0)
    estimate = Estimate(float(difference_S.mean()), error, 30.0)
    return Contrast(difference_S, new_rows=NewRowsEstimate("rows", estimate, 200, parts, 200.0))


def test_a_word_that_only_the_sign_flip_test_leaves_open_on_these_rows_says_so() -> None:
    """The interval on these rows excludes zero and the mean is large; three claims need a p-value below 1.67%."""
    difference_S = np.array([0.05, 0.06, 0.055, 0.052, 0.058, 0.055, -0.006])
    claims = [claim(claim=str(number)) for number in range(3)]
    why = "the sign-flip test does not exclude zero (p 0.031, above 1.67%)"
    far, *_ = judged(claims, [with_new_rows(difference_S, 0.1)] * 3)
    assert (far.verdict.word, far.verdict.these_rows) == ("inconclusive", "inconclusive")
    assert far.verdict.sentence.endswith(f"For these 200 rows alone: inconclusive [+1.73, +7.52], as {why}.")
    near, *_ = judged(claims, [with_new_rows(difference_S, 0.01)] * 3)
    assert near.verdict.sentence.count("sign-flip") == 1, "what is said of new rows is not said again"
    told = "zero (p 0.031, above 1.67%). Use more seeds. For these 200 rows alone: inconclusive [+1.73, +7.52]."
    assert near.verdict.sentence.endswith(told)


def test_the_sign_flip_test_is_no_reason_where_the_mean_is_smaller_than_what_matters() -> None:
    difference_S = np.array([0.05, 0.06, 0.055, 0.052, 0.058, -0.006])
    (found,) = judged([claim(smallest=0.06)], [Contrast(difference_S)])
    assert found.difference is not None and found.difference.low is not None and found.difference.low > 0
    assert found.verdict.word == "inconclusive" and "sign-flip" not in found.verdict.sentence
    pairs = found.verdict.settled_by
    assert pairs is not None and pairs > 6
    error = f"{100 * statistics.error_of([(6, 0.95), (pairs, 0.95)]):.2g}%"
    assert f"(`seeds: {pairs}`) there is about a 50% chance to settle it." in found.verdict.sentence
    assert found.verdict.sentence.endswith(
        f" `seeds: {pairs}`: that would be the second look; together, all looks err in about {error} of cases without a "
        "difference, not in 5%."
    )


def test_a_trial_is_refused_whose_rows_have_another_accuracy_or_other_seeds_than_its_file(tmp_path: Path) -> None:
    right_SR = drawn({"bn": 0.9, "none": 0.8}, rows=50)[0, "bn"]
    rows_SR = np.broadcast_to(np.arange(50, dtype="int32"), right_SR.shape)
    measures = {"accuracy": right_SR, "loss": (1 - right_SR).astype("float32")}
    part = PartRows(rows_SR, np.ones(right_SR.shape, "float32"), None, None, measures)
    finals = {"val_accuracy": right_SR.mean(axis=1).tolist()}
    trial = Result(
        trial="t", levels={}, arm="bn", experiment="e", seeds=tuple(range(SEEDS)), rows={"train": 100, "val": 50},
        final=finals, epochs_to={}, budget_epochs=9, diverged={}, steps=1, seconds=1.0,
        held_out=HeldOut(tuple(range(SEEDS)), {"val": part}),
    )  # fmt: skip
    path = tmp_path / "t.json"
    kept = keep_rows(path, trial)
    assert kept_rows(path, kept) is not None
    off = kept.model_copy(update={"final": {"val_accuracy": [0.25, *finals["val_accuracy"][1:]]}})
    with pytest.raises(RunError) as caught:
        kept_rows(path, off)
    assert str(caught.value) == (
        f"{tmp_path / 't.npz'}: the rows of seed 0 have {finals['val_accuracy'][0]:g} in val_accuracy, and its final "
        "value is 0.25 in t.json. Run the study again."
    )
    assert kept_rows(path, off.model_copy(update={"diverged": {"0": 3}})) is not None, "it counts as one that guesses"
    with pytest.raises(RunError, match=r"t\.npz: is of other seeds or rows than t\.json\. Run the study again\.$"):
        kept_rows(path, kept.model_copy(update={"seeds": (*range(SEEDS), 99)}))
    with pytest.raises(ValueError, match="val_accuracy holds 90; expected numbers from 0 to 1"):
        Result.model_validate(kept.model_dump() | {"final": {"val_accuracy": [90.0] * SEEDS}})
