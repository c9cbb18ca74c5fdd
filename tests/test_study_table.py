"""What a person reads of a study: its plan, its table, each hypothesis with its evidence, and nothing that could do harm."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from rich.console import Console, RenderableType

from bnexp.comparison.drawn_anew import DrawnAnew
from bnexp.comparison.new_rows import NewRowsEstimate, over_own_splits
from bnexp.config.study import Hypothesis
from bnexp.report import plan_table, study_table
from bnexp.statistics import over_splits
from bnexp.statistics.held_out_rows import Components
from bnexp.store.plan_document import PlanDocument
from bnexp.store.study_document import StudyDocument
from bnexp.study.claims import ClaimRow
from bnexp.study.contrast import Contrast
from bnexp.study.verdict import judged
from bnexp.study.warned import Warned, told_once


def lines(what: RenderableType) -> list[str]:
    out = Console(file=io.StringIO(), width=250)
    out.print(what)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]


PLAN: dict[str, Any] = {
    "name": "s", "cells": 2, "arms": ["bn", "none"], "seeds": 20, "trainings": 1080, "trainings_left": 1080, "steps": 12345, "finished": 0,
    "of": 4, "fewest_seeds": 7, "seconds_left": None, "is_rough": False, "detectable_deviations": 0.66, "directory": "runs/s-study-0123456789",
    "factors": {"model.activation": ["relu", "tanh"]}, "tune": {"key": "training.learning_rate", "values": [0.01, 0.1]},
    "jobs": 3, "other_answers": {}, "ties": {}, "data": [], "claims": [{"claim": "It helps.", "asks": "supported if test_accuracy (%), bn - none is higher, by 1.00 or more"}],
}  # fmt: skip


def plan_lines(**facts: Any) -> list[str]:
    return lines(plan_table.study_plan(PlanDocument.model_validate({**PLAN, **facts})))


def test_a_plan_tells_cells_trainings_time_and_what_it_detects() -> None:
    assert plan_lines() == [
        "s: 2 cells x 2 arms (bn, none), 20 seeds",
        "model.activation: relu, tanh",
        "training.learning_rate, tuned: 0.01, 0.1",
        "claim: It helps. (supported if test_accuracy (%), bn - none is higher, by 1.00 or more)",
        "1,080 trainings in 3 jobs, 12,345 optimizer steps; time unknown before the first trial",
        "20 seeds find the difference of each claim with about 80% probability if it is at least 0.66 times as large as "
        "its standard deviation over seeds.",
        "to be kept in runs/s-study-0123456789",
    ]
    tie = {"training.epochs": {"follows": "training.batch_size", "values": [5.0, 10.0]}}
    tied = plan_lines(ties=tie)
    assert tied[2] == "training.epochs: 5.0, 10.0, as it follows training.batch_size"
    tried = plan_lines(seconds_left=30.0)
    assert tried[4].endswith("; about 30 s, by timing a few steps")
    guessed = plan_lines(seconds_left=30.0, is_rough=True)
    assert guessed[4].endswith("; about 30 s, very roughly, by the size of the models")
    rows = plan_lines(detectable_for_new_rows=["For other splits, which overlap, at least 1.2 times, in test_loss."])
    assert rows[5].startswith("For other seeds on the same splits: 20 seeds find the difference of each claim")
    assert rows[6] == "For other splits, which overlap, at least 1.2 times, in test_loss."
    few = plan_lines(seeds=6)
    assert "WARNING  6 seeds are too few for a verdict; 7 are the fewest" in few
    begun = plan_lines(finished=3, trainings_left=270, seconds_left=400.0)
    assert begun[4:6] == [
        "1,080 trainings in all, 12,345 optimizer steps",
        "finished already: 3 of 4 trials; left: 270 trainings in 3 jobs, about 7 min",
    ]
    done = plan_lines(finished=4, jobs=0, seconds_left=0.0)
    assert done[5] == "finished already: 4 of 4 trials"


def arm(value: float, **facts: Any) -> dict[str, Any]:
    accuracy = {"mean": value, "low": value - 0.01, "high": value + 0.01, "seeds": 8}
    epochs = {"mean": 4.5, "low": 4.0, "high": 5.0, "seeds": 8, "reached": 7}
    return {
        "tuned": 0.01,
        "tuning_means": [0.5, None],
        "diverged": 0,
        "warnings": [],
        "endpoints": [accuracy, epochs],
        **facts,
    }


def document(claim: str = "It helps.") -> dict[str, Any]:
    known: dict[str, Any] = {"treated": "bn", "baseline": "none"}
    claims = [
        Hypothesis(claim=claim, metric="test_accuracy", direction="higher", smallest=0.01, **known),  # type: ignore[arg-type]
        Hypothesis(
            claim="It is faster.", metric={"metric": "val_accuracy", "epochs_to": 0.9}, direction="lower",  # type: ignore[arg-type]
            smallest=1.2, **known,
        ),
    ]  # fmt: skip
    spread_S = np.resize([-0.001, 0.001], 12)
    contrasts = [
        Contrast(
            0.02 + spread_S,
            (0, 0),
            True,
            over_own_splits(0.02 + spread_S, DrawnAnew("splits", count=60, test_share=0.3), grouped=False),
        ),
        Contrast(spread_S - np.log(2), (0, 3)),
    ]
    two = [{"mean": 0.1, "low": 0.0, "high": 0.2}] * 2
    stale = "The statistics cannot have caught up: after %d steps"
    return {
        "name": "s", "level": 0.95, "seeds": 8, "versions": {"keras": ["3.15.1"]}, "tune": {"key": "training.learning_rate", "values": [0.01, 0.1], "metric": "val_accuracy", "seeds": [1000, 1001]}, "arms": ["bn", "none"],
        "factors": [{"name": "model.activation", "levels": ["relu", "tanh"]}],
        "endpoints": [one.metric.model_dump() for one in claims],
        "cells": [
            {"cell": 0, "differences": two, "levels": {"model.activation": "relu"}, "arms": {"bn": arm(0.9, warnings=[stale % 7]), "none": arm(0.88)}},
            {"cell": 1, "differences": two, "levels": {"model.activation": "tanh"}, "arms": {"bn": arm(0.8, diverged=2, warnings=[stale % 9]), "none": arm(0.7)}},
        ],
        "hypotheses": [one.model_dump(mode="json") for one in judged(claims, contrasts)], "verdict": "supported",
    }  # fmt: skip


def study_lines(facts: dict[str, Any]) -> list[str]:
    return lines(study_table.study(StudyDocument.model_validate_json(json.dumps(facts))))


def with_hypotheses(claims: list[Hypothesis], contrasts: list[Contrast]) -> dict[str, Any]:
    """A document with other hypotheses about the same cells."""
    facts, found = document(), judged(claims, contrasts)
    facts["endpoints"] = [one.metric.model_dump() for one in claims]
    for cell in facts["cells"]:
        cell["differences"] = cell["differences"][:1] * len(claims)
        for one in cell["arms"].values():
            one["endpoints"] = [{**one["endpoints"][0], "reached": 8}] * len(claims)
    return {**facts, "hypotheses": [one.model_dump(mode="json") for one in found]}


def test_a_study_is_a_row_for_each_cell_and_arm_then_each_hypothesis_with_its_evidence() -> None:
    assert study_lines(document()) == [
        "s: 2 cells, 8 seeds",
        "model.activation  arm   training.learning_rate  test_accuracy (%)  epochs to val_accuracy 90.00%  diverged",
        "relu              bn                      0.01       90.00 ± 1.00           4.50 ± 0.50 (7 of 8)    0 of 8",
        "relu              none                    0.01       88.00 ± 1.00           4.50 ± 0.50 (7 of 8)    0 of 8",
        "tanh              bn                      0.01       80.00 ± 1.00           4.50 ± 0.50 (7 of 8)    2 of 8",
        "tanh              none                    0.01       70.00 ± 1.00           4.50 ± 0.50 (7 of 8)    0 of 8",
        "mean ± half the width of its 95% t interval over seeds; for epochs, in brackets: seeds that reach the target; the others "
        "count with all their epochs",
        "",
        "tuning training.learning_rate: mean val_accuracy (%) over 2 seeds of their own; the best is used",
        "model.activation  arm    0.01  0.1",
        "relu              bn    50.00    -",
        "relu              none  50.00    -",
        "tanh              bn    50.00    -",
        "tanh              none  50.00    -",
        "WARNING  The best value is at the edge of the grid: bn 0.01 in 2 cells, none 0.01 in 2 cells. "
        "A wider grid may change the answer.",
        "WARNING  bn in 2 cells, the first at activation relu: The statistics cannot have caught up: after 7 steps",
        "",
        "It helps.",
        "test_accuracy (%), bn - none: +2.00 [+1.83, +2.17] for other splits and rows, [+1.92, +2.08] on these splits (97.5% intervals, the second one for other seeds and splits of these rows; BCa [+1.93, +2.07]; sign-flip p <0.001; "
        "probability of higher 1",
        "[0.758, 1])",
        "VERDICT  supported  For other splits and rows of this kind, test_accuracy (%), bn - none is +2.00 [+1.83, +2.17]: higher, by 1.00 or more. This is a 97.5% interval, because several hypotheses share the 5% risk of an error. For these splits alone:",
        "supported [+1.92, +2.08].",
        "",
        "It is faster.",
        "epochs to val_accuracy 90.00%, none / bn: >= 2 [2, 2] (95% t interval: other seeds, with splits of their own in some cells; BCa [2, 2]; sign-flip p <0.001; "
        "probability of lower 1 [0.758, 1]; none: 3 never reached the target, counted with all epochs)",
        "VERDICT  supported  On these rows, epochs to val_accuracy 90.00%, none / bn is >= 2 [2, 2]: bn is lower, by 1.2 times or more.",
        "BCa: a bootstrap interval over seeds, as a check of the t interval.",
        "probability of higher or lower: the share of pairs in which the treated arm is higher or lower; a tie counts half.",
        "STUDY    supported",
    ]


def test_warnings_of_the_data_are_told_once_and_no_hypothesis_rests_on_them() -> None:
    told = study_lines({**document(), "data_warnings": ["column k holds Red and red"]})
    assert [line for line in told if "Red and red" in line] == ["WARNING  column k holds Red and red"]


def test_a_mean_over_cells_that_disagree_a_warning_behind_it_and_who_wins_are_told() -> None:
    known: dict[str, Any] = {"claim": "c", "treated": "bn", "baseline": "none", "metric": "test_accuracy"}
    claim = Hypothesis(direction="higher", smallest=0.01, **known)
    won = Hypothesis(direction="higher", smallest=0.3, wins=True, **known)
    parts = tuple(Contrast(np.full(12, mean)) for mean in (0.2, 0.1, -0.1, np.nan))
    contrast = Contrast(np.array([0.1, 0.2, -0.1, 0.0] * 3), parts=parts, warned=True)
    told = study_lines(with_hypotheses([claim, won], [contrast, contrast]))
    assert "mean over 4 cells: the difference is above 0 in 2 of them and below 0 in 1" in told
    assert "WARNING  some trainings behind this result have warnings, see above" in told
    assert any("bn wins 6 pairs, none 3, and 3 tie, half for each" in line for line in told)


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_an_interval_of_wins_ends_where_all_pairs_are_won(direction: str) -> None:
    """3 of 4 pairs are won; the interval for other splits has half the width 0.97, so that its end would be at +122."""
    claim = Hypothesis(
        claim="c", treated="bn", baseline="none", metric="test_accuracy", direction=direction, smallest=0.3, wins=True  # type: ignore[arg-type]
    )  # fmt: skip
    won_S = np.resize([0.1, 0.1, 0.1, -0.1], 12)
    anew = over_own_splits(np.sign(won_S) / 2, DrawnAnew("splits", count=60, test_share=0.3), grouped=False)
    assert anew.estimate.interval(0.95).high > 0.5
    contrast = Contrast(won_S, (0, 0), True, anew)
    facts = with_hypotheses([claim], [contrast])
    found = facts["hypotheses"][0]["difference"]["new_rows"]
    assert (found["mean"], found["high"]) == (0.25, 0.5) and -0.5 < found["low"] < 0.25
    ends = f"is +25.00 [{100 * found['low']:+.2f}, +50.00]"
    assert ends in " ".join(study_lines(facts))


def test_cells_on_both_sides_are_counted_by_the_side_of_1_that_the_printed_ratio_has() -> None:
    loss: Any = {"metric": "test_loss", "ratio": True}
    claim = Hypothesis(claim="c", treated="bn", baseline="none", metric=loss, direction="lower", smallest=1.2)
    ratios = (2.0, 1.5, 1.0, 0.9)

    def told(*ratios: float) -> list[str]:
        parts = tuple(Contrast(np.full(12, -np.log(ratio))) for ratio in ratios)
        contrast = Contrast(np.mean([one.difference_S for one in parts], axis=0), parts=parts)
        return [line for line in study_lines(with_hypotheses([claim], [contrast])) if line.startswith("mean over")]

    (both,) = told(*ratios)
    assert both.startswith("mean over 4 cells: the ratio is above 1 in 2 of them and below 1 in 1")
    (alike,) = told(*ratios[:3])
    assert alike.startswith("mean over 3 cells; ")


@pytest.mark.parametrize(
    ("metric", "counted"),
    [
        ("test_accuracy", "; 3 diverged trainings counted as guessing"),
        ({"metric": "test_accuracy", "failures_below": 0.5}, "; 3 diverged trainings counted as failures"),
        ({"metric": "val_accuracy", "epochs_to": 0.9}, None),
        ("test_loss", None),
    ],
)
def test_what_diverged_trainings_count_as_is_told_where_they_count(metric: Any, counted: str | None) -> None:
    claim = Hypothesis(claim="c", treated="bn", baseline="none", metric=metric, direction="lower", smallest=1.2)
    contrast = Contrast(np.array([-0.5, -0.7, -0.6] * 4), diverged=3)
    told = " ".join(study_lines(with_hypotheses([claim], [contrast])))
    assert ("diverged training" in told) == (counted is not None)
    assert counted is None or counted in told


@pytest.mark.parametrize("claim", ["[red]bold[/red] \x1b[31m", "\u202e"])
def test_a_claim_is_never_read_as_markup_or_obeyed_by_a_terminal(claim: str) -> None:
    said = "\n".join(study_lines(document(claim)))
    assert "\x1b" not in said and "\u202e" not in said
    assert claim.replace("\x1b", "?").replace("\u202e", "?").strip() in said


@pytest.mark.parametrize(
    ("values", "chosen", "warned"),
    [
        ([0.1, 0.001, 0.01], 0.001, True),
        ([0.1, 0.001, 0.01], 0.01, False),
        ([False, True], True, False),
        (["sgd", "adam"], "sgd", False),
    ],
)
def test_the_edge_of_what_was_tried_is_that_of_its_numbers(values: list[Any], chosen: Any, warned: bool) -> None:
    facts = document()
    facts["tune"]["values"] = values
    for cell in facts["cells"]:
        for one in cell["arms"].values():
            one |= {"tuned": chosen, "tuning_means": [0.5] * len(values)}
    assert any("at the edge of the grid" in line for line in study_lines(facts)) == warned


def test_a_caution_stands_before_the_verdict() -> None:
    told = document()
    told["hypotheses"][0]["cautions"] = ["test_loss holds it"]
    printed = study_lines(told)
    assert printed[printed.index("WARNING  test_loss holds it") + 1].startswith("VERDICT  ")


def test_a_choice_that_rests_on_nothing_is_told() -> None:
    facts = document()
    facts["cells"][0]["arms"]["bn"]["tuning_means"] = [None, None]
    told = "\n".join(study_lines(facts))
    assert "Every value tried has a diverged seed, and the first was used: bn in 1 cell. Try other values." in told


def test_numbers_of_different_versions_are_told_apart() -> None:
    facts = {**document(), "versions": {"keras": ["3.14.0", "3.15.1"], "numpy": ["2.0"]}}
    told = [line for line in study_lines(facts) if "different software" in line]
    assert told == [
        "WARNING  Cells were trained with different software or GPUs: keras 3.14.0 and 3.15.1. Pairs may differ for this alone."
    ]


AFTER = "This hypothesis was added or changed after the results were known: treat it as exploratory."


def test_a_hypothesis_that_was_asked_after_results_is_told_before_its_verdict_in_the_plan_and_among_claims() -> None:
    facts = document()
    assert not [line for line in study_lines(facts) if AFTER in line]
    facts["hypotheses"][1]["asked_after_results"] = True
    printed = study_lines(facts)
    assert printed[printed.index("It is faster.") + 2] == f"WARNING  {AFTER}"
    assert printed.count(f"WARNING  {AFTER}") == 1
    claim = {**PLAN["claims"][0], "asked_after_results": True}
    assert plan_lines(claims=[claim])[4] == f"WARNING  {AFTER}"
    rows = [
        ClaimRow("s", "supported", claim="It helps."),
        ClaimRow("s", claim="It is faster.", asked_after_results=True),
    ]
    assert lines(study_table.claims(rows))[-2] == f'WARNING  s, "It is faster.": {AFTER}'


def test_hypotheses_that_came_later_are_said_to_widen_the_interval_of_those_before_in_the_plan_and_the_table() -> None:
    told = (
        "WARNING  2 hypotheses were added after the results and share the error. So this hypothesis's interval can be "
        "wider than before."
    )
    later = {**PLAN["claims"][0], "asked_after_results": True}
    every = "3 hypotheses share the error of 5%, so each needs more evidence than it would alone"
    assert [line for line in plan_lines(claims=[PLAN["claims"][0], later, later]) if "share" in line] == [told, every]
    assert [line for line in plan_lines(claims=[PLAN["claims"][0]] * 3) if "share" in line] == [every]
    assert not [line for line in plan_lines() if "share" in line]
    facts = document()
    facts["hypotheses"][1]["asked_after_results"] = True
    told = (
        "WARNING  1 hypothesis was added after the results and shares the error. So this hypothesis's interval can be "
    )
    printed = study_lines(facts)
    assert [printed.index(line) < printed.index("It is faster.") for line in printed if line.startswith(told)] == [True]


def test_one_training_that_never_arrives_is_told_with_its_arm() -> None:
    facts = document()
    facts["hypotheses"][1]["never_reached"]["none"] = 1
    assert any("; none: 1 never reached the target, counted with all epochs)" in line for line in study_lines(facts))


def test_a_plan_tells_what_stored_trials_say_of_each_claim_and_the_worst_case_only_of_the_others() -> None:
    known = {**PLAN["claims"][0], "detectable": "For new rows, 20 seeds detect 3."}
    assert plan_lines(claims=[known])[5:-1] == ["For new rows, 20 seeds detect 3."]
    both = plan_lines(claims=[known, PLAN["claims"][0]], detectable_for_new_rows=["For new rows, the worst case."])
    assert both[7] == "For new rows, 20 seeds detect 3."
    assert both[8].startswith("For other seeds on the same splits: 20 seeds find the difference of each other claim ")
    assert both[9] == "For new rows, the worst case."


def test_trials_of_an_earlier_format_are_told_until_something_is_trained() -> None:
    told = "kept by an earlier bnexp, in another format: s-study-0123456789. All trials are trained again"
    assert told in plan_lines(older_format=["s-study-0123456789"])
    assert told not in plan_lines(older_format=["s-study-0123456789"], finished=1)


def test_of_a_warning_the_cell_that_has_it_worst_is_named() -> None:
    stale = "BatchNormalization's moving averages have not converged: after {} steps they still hold {}% of them"
    trials = [
        Warned({"training.batch_size": size}, "bn", [stale.format(steps, share)])
        for size, steps, share in ((32, 125, 28), (128, 35, 70), (64, 65, 52))
    ]
    assert list(
        told_once([*trials, Warned({"training.batch_size": 2}, "bn", ["training.batch_size is 2; poor."])])
    ) == [
        f"bn in 3 cells, the worst at batch_size 128: {stale.format(35, 70)}",
        "bn in 1 cell: training.batch_size is 2; poor.",
    ]


def test_an_interaction_shows_the_two_differences_that_it_subtracts() -> None:
    facts = document()
    facts["hypotheses"][0] |= {"at": {"model.activation": "tanh"}, "minus": {"model.activation": "relu"}}
    for cell, found in zip(facts["cells"], ((0.01, -0.02, 0.04), (0.05, 0.03, 0.07)), strict=True):
        cell["differences"] = [dict(zip(("mean", "low", "high"), found, strict=True)), *cell["differences"][1:]]
    said = "bn - none by itself: at activation tanh +5.00 [+3.00, +7.00]; at activation relu +1.00 [-2.00, +4.00] (95% "
    assert f"{said}t intervals over seeds)" in study_lines(facts)
    facts["hypotheses"][0]["minus"] = None
    assert not any("by itself" in line for line in study_lines(facts))


def test_a_plan_warns_of_what_may_mislead_before_anything_is_trained() -> None:
    assert "WARNING  bn in 2 cells: beware" in plan_lines(warnings=["bn in 2 cells: beware"])


def test_a_study_says_where_the_uncertainty_comes_from_and_on_which_rows_its_networks_were_trained() -> None:
    """Variances 0.06 / 8 seeds, 1.5 / 200 rows and 24 / 1,600 of both: shares of 25, 25 and 50%. Not for other splits."""
    parts = Components(seed=0.06, row=1.5, rest=24.0)
    estimate = NewRowsEstimate("groups", over_splits(np.resize([0.01, 0.03], 8), 0.3), 200, parts, 100.0)
    claim = Hypothesis(
        claim="It helps.", metric="test_accuracy", treated="bn", baseline="none", direction="higher", smallest=0.01
    )  # type: ignore[arg-type]
    told = {}
    for resample in (False, "validation"):
        contrast = Contrast(np.resize([0.01, 0.03], 8), (0, 0), resample, estimate)  # type: ignore[arg-type]
        told[resample] = " ".join(study_lines(with_hypotheses([claim], [contrast])))
    assert (
        "The uncertainty for new groups comes from the choice of 8 seeds (25%), the choice of 200 held-out groups (25%), "
        "and their interaction (50%: with another seed, the arms differ on others of these groups)."
    ) in told["validation"]
    trained_on = "Both intervals are for networks trained on these training rows."
    assert [trained_on in told[resample] for resample in (False, "validation")] == [True, False]
    assert "The uncertainty" not in " ".join(study_lines(document())), "of splits the shares are not known"
