"""A study without any training: its grid, its contrasts against hand-worked arrays, its verdicts, and every refusal."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from studies import ARMS, BASE, CLAIM, SMALL, claim, planned, refusal, result

from bnexp import statistics
from bnexp.config.study import Hypothesis, Over
from bnexp.config.study_reading import read_study
from bnexp.config.synthetic import MoonsDataset
from bnexp.errors import RunError, StorageError
from bnexp.store import DataFacts
from bnexp.store.asked_document import AskedHypothesis
from bnexp.study import plan as study_plan
from bnexp.study.contrast import Contrast, Results, contrast_of, group_differences, over_levels
from bnexp.study.document import document, table
from bnexp.study.grid import Cell, cells_of, tuning_seeds
from bnexp.study.outlook import plan_document
from bnexp.study.refusals import refuse_unanswerable
from bnexp.study.verdict import judged
from bnexp.study.words import about

REPOSITORY = Path(__file__).parent.parent


def grid(factor: str, levels: list[Any]) -> list[Cell]:
    return [Cell(number, {factor: level}, {}) for number, level in enumerate(levels)]


# --- the grid -------------------------------------------------------------------------


def test_the_grid_is_every_combination_the_first_factor_slowest_and_zipped_keys_together(tmp_path: Path) -> None:
    vary = 'vary:\n  training.batch_size: [4, 8]\n  "dataset.noise, dataset.samples": [[0.1, 60], [0.2, 90]]\n'
    cells = planned(tmp_path, SMALL + vary).cells
    found = [
        (one.training.batch_size, one.dataset.noise, one.dataset.samples, one.training.seeds)
        for one in (cell.candidates["bn"][0].experiment for cell in cells)
    ]
    assert found == [(4, 0.1, 60, 20), (4, 0.2, 90, 20), (8, 0.1, 60, 20), (8, 0.2, 90, 20)]
    assert cells[1].level("dataset.samples") == 90
    assert [cells[0].candidates[arm][0].experiment.model.normalization.name for arm in ("bn", "none")] == [
        "batch",
        "none",
    ]


def test_a_tied_whole_number_is_rounded_and_is_never_less_than_one(tmp_path: Path) -> None:
    tie = "tie: {training.epochs: {follows: training.batch_size, rule: square_root, at: 16}}\n"
    cells = planned(tmp_path, SMALL + "vary: {training.batch_size: [2, 8, 16]}\n" + tie).cells
    assert [cell.candidates["bn"][0].experiment.training.epochs for cell in cells] == [4, 7, 10]
    short = SMALL.replace("epochs: 10", "epochs: 1")
    cells = planned(tmp_path, short + "vary: {training.batch_size: [2]}\n" + tie).cells
    assert [cell.candidates["bn"][0].experiment.training.epochs for cell in cells] == [1]


def test_a_tied_key_follows_its_factor_from_each_level_that_is_varied_too(tmp_path: Path) -> None:
    vary = "vary: {training.batch_size: [8, 16], training.learning_rate.initial: [0.1, 0.2]}\n"
    tie = "tie: {training.learning_rate: {follows: training.batch_size, rule: linear, at: 16}}\n"
    small = SMALL.replace("epochs: 10", "epochs: 10, learning_rate: 0.01")
    cells = planned(tmp_path, small + vary + tie).cells
    found = [cell.candidates["bn"][0].experiment.training.learning_rate.initial for cell in cells]
    assert found == pytest.approx([0.05, 0.1, 0.1, 0.2])


@pytest.mark.parametrize(("rule", "rates"), [("linear", [0.0005, 0.002]), ("square_root", [0.001, 0.002])])
def test_a_tied_key_follows_its_factor_from_the_value_of_the_base(
    tmp_path: Path, rule: str, rates: list[float]
) -> None:
    tie = f"tie: {{training.learning_rate: {{follows: training.batch_size, rule: {rule}, at: 32}}}}\n"
    base = BASE.replace("epochs: 10", "epochs: 10, learning_rate: 0.002").replace("samples: 80", "samples: 200")
    cells = planned(tmp_path, base + ARMS + CLAIM + "vary: {training.batch_size: [8, 32]}\n" + tie).cells
    found = [cell.candidates["none"][0].experiment.training.learning_rate.initial for cell in cells]
    assert found == pytest.approx(rates)


def test_what_a_tie_comes_to_is_told_and_kept(tmp_path: Path) -> None:
    tie = "tie: {training.learning_rate: {follows: training.batch_size, rule: linear, at: 16}}\nseeds: 2\n"
    small = SMALL.replace("epochs: 10", "epochs: 10, learning_rate: 0.5")
    plan = planned(tmp_path, small + "vary: {training.batch_size: [8, 16]}\n" + tie)
    assert plan_document(plan, 1).model_dump()["ties"] == {
        "training.learning_rate": {"follows": "training.batch_size", "values": [0.25, 0.5]}
    }
    results = {(cell, arm): result(cell, arm, [0.5, 0.6]) for cell in (0, 1) for arm in ("bn", "none")}
    rows = list(csv.DictReader(io.StringIO(table(plan.file, plan.cells, results))))
    assert [(row["training.batch_size"], row["training.learning_rate (tied)"]) for row in rows[::2]] == [
        ("8", "0.25"),
        ("8", "0.25"),
        ("16", "0.5"),
        ("16", "0.5"),
    ]


def test_tuning_offers_a_candidate_for_each_value_and_uses_seeds_that_no_verdict_does(tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL + "tune: {key: training.learning_rate, values: [0.01, 0.1], seeds: 2}\nseeds: 4\n")
    candidates = plan.cells[0].candidates["bn"]
    assert [(one.value, one.experiment.training.learning_rate.initial) for one in candidates] == [
        (0.01, 0.01),
        (0.1, 0.1),
    ]
    assert tuning_seeds(plan.file.study) == (1000, 1001)
    assert plan.file.study.trainings() == 2 * (4 + 2 * 2)


def test_steps_are_counted_before_anything_is_trained(tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL + "vary: {training.batch_size: [4, 8]}\nseeds: 2\n")
    steps = {member.key: member.steps for member in plan.trials}
    assert steps == {(0, "bn"): 240, (0, "none"): 240, (1, "bn"): 120, (1, "none"): 120}  # 48 rows, 10 epochs
    told = plan_document(plan, 2)
    assert (told.steps, told.trainings, told.seconds_left) == (720, 8, None)


@pytest.mark.parametrize(
    ("old", "new", "is_other"),
    [
        ("epochs: 10", "epochs: 11", True),
        ("samples: 80", "samples: 90", True),
        ("epochs: 10", "epochs: 10, learning_rate: 0.001", False),  # the default
        ("smallest: 0.01", "smallest: 0.02", False),
        ("claim: c", "claim: d", False),
        ("batch}", "layer}", False),
        ("arms:", "vary: {training.batch_size: [4, 8]}\narms:", False),
    ],
)
def test_a_directory_is_that_of_base_data_and_seeds_whatever_is_asked_and_whatever_way_it_is_written(
    tmp_path: Path, old: str, new: str, is_other: bool
) -> None:
    plan = planned(tmp_path, SMALL)
    assert planned(tmp_path, "# a comment\nseeds: 20\n" + SMALL).digest == plan.digest
    assert (planned(tmp_path, SMALL.replace(old, new)).digest != plan.digest) == is_other
    assert planned(tmp_path, SMALL + "seeds: 21\n").digest != plan.digest
    tuned = [f"tune: {{key: training.learning_rate, values: {values}}}\n" for values in ("[0.1, 1]", "[0.1, 0.2]")]
    assert len({planned(tmp_path, SMALL + each).digest for each in (*tuned, "")}) == 3
    assert plan.directory.name == f"s-study-{plan.digest[:10]}"


def test_a_trial_is_kept_under_what_it_measures_whatever_its_arm_is_called_or_where_it_lies(tmp_path: Path) -> None:
    digests = {trial.name: trial.digest for trial in planned(tmp_path, SMALL + VARY).trials}
    assert len(set(digests.values())) == 4
    grown = SMALL.replace("none: {", "plain: {model.normalization: none}\n  none: {") + VARY.replace("[4", "[2, 4")
    again = {trial.name: trial.digest for trial in planned(tmp_path, grown).trials}
    assert (
        digests.items() <= again.items()
        and again["training.batch_size=4, plain"] == digests["training.batch_size=4, none"]
    )
    assert len(planned(tmp_path, grown).distinct) == 6
    own = tmp_path / "own.csv"
    found = []
    for last in (1, 2):
        own.write_text("\n".join(["x,y", *(f"{x * last},{x % 2}" for x in range(60))]))
        text = SMALL.replace(
            "{name: moons, samples: 80,", f"{{name: csv, path: {own}, target: y, task: classification,"
        )
        found.append(planned(tmp_path, text))
    assert found[0].trials[0].digest != found[1].trials[0].digest and found[0].digest != found[1].digest


def test_a_base_that_only_levels_make_whole_has_a_directory_too(tmp_path: Path) -> None:
    text = SMALL.replace("name: moons, samples: 80, ", "")
    levels = [f"vary: {{dataset.name: [{names}]}}\n" for names in ("moons", "moons, classification")]
    one, more = (planned(tmp_path, text + each) for each in levels)
    assert one.directory == more.directory
    assert [trial.digest for trial in one.trials] == [trial.digest for trial in more.trials[:2]]


def test_the_resolved_file_is_the_same_study(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("dataset: {name: moons}\nmodel: {name: mlp}\ntraining: {seeds: 3}\n")
    text = "experiment: {extends: base.yaml, dataset: {validation_size: 0.5}}\nname: q\n" + ARMS + CLAIM
    plan = planned(tmp_path, text)
    assert "extends" not in plan.file.text()
    assert planned(tmp_path, plan.file.text()).digest == plan.digest


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "configs" / "studies").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_study_that_ships_says_what_it_is_about_and_can_answer(path: Path) -> None:
    """Without its data, which may not be here."""
    file = read_study(path)
    cells = cells_of(file)
    refuse_unanswerable(file, cells, lambda one: "binary", lambda one: DataFacts())
    notes = list(itertools.takewhile(lambda line: line.startswith("#"), path.read_text().splitlines()))
    assert re.match(r"# S\d\d\. .*\?", notes[0]) and len(notes) <= 10
    assert any(line.startswith("# Read") or "Read:" in line for line in notes)
    claims = file.study.claims()
    assert file.study.seeds >= statistics.fewest_pairs(1 - 0.05 / len(claims))
    for one in claims:
        assert one.metric.metric.startswith("test_") or one.is_ratio  # a verdict on accuracy reads the test part


# --- contrasts, by hand ---------------------------------------------------------------


def test_a_contrast_is_treated_minus_baseline_averaged_over_cells_for_each_seed() -> None:
    cells = grid("b", [2, 32])
    results: Results = {
        (0, "bn"): result(0, "bn", [0.5, 0.6]), (0, "none"): result(0, "none", [0.7, 0.7]),
        (1, "bn"): result(1, "bn", [0.9, 0.8]), (1, "none"): result(1, "none", [0.8, 0.8]),
    }  # fmt: skip
    assert contrast_of(claim(), cells, results).difference_S == pytest.approx([-0.05, -0.05])
    assert contrast_of(claim(at={"b": 2}), cells, results).difference_S == pytest.approx([-0.2, -0.1])
    interaction = contrast_of(claim(at={"b": 2}, minus={"b": 32}), cells, results)
    assert interaction.difference_S == pytest.approx([-0.3, -0.1])
    both = contrast_of(claim(at={"b": [2, 32]}), cells, results)
    assert both.difference_S == pytest.approx([-0.05, -0.05])
    assert [one.difference_S.mean() for one in both.parts] == pytest.approx([-0.15, 0.05])
    assert [one.levels for one in both.parts] == [{"b": 2}, {"b": 32}]
    assert interaction.parts == () and contrast_of(claim(at={"b": 2}), cells, results).parts == ()


def test_an_interaction_of_a_ratio_is_said_to_be_divided_and_not_subtracted() -> None:
    sides: dict[str, Any] = {"at": {"b": 2}, "minus": {"b": 32}}
    assert about(claim(**sides)) == "test_accuracy (%), (bn - none at b 2) - (bn - none at b 32)"
    loss = {"metric": {"metric": "loss", "ratio": True}, "direction": "lower", "smallest": 1.05}
    assert about(claim(**sides, **loss)) == "loss, training mode, (none / bn at b 2) / (none / bn at b 32)"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "accuracy (%), training mode, bn - none"),
        ({"over": {"factor": "model.depth", "take": "mean"}}, "mean over model.depth of accuracy (%), training mode, bn - none"),
        ({"over": {"factor": "model.depth", "take": "width"}}, "decades of depth with accuracy (training mode) within 1.00 points of its best, bn - none"),
        ({"metric": {"metric": "accuracy", "epochs_to": 0.9}, "smallest": 1.2}, "epochs to accuracy (training mode) 90.00%, none / bn"),
        ({"metric": {"metric": "accuracy", "failures_below": 0.6}}, "failures, accuracy (training mode) below 60.00% (%), bn - none"),
        ({"metric": "train_accuracy"}, "train_accuracy (%), bn - none"),
    ],
)  # fmt: skip
def test_a_metric_of_training_batches_is_told_with_its_mode(keys: dict[str, Any], told: str) -> None:
    assert about(claim(**{"metric": "accuracy", **keys})) == told


def test_width_is_the_decades_of_levels_side_by_side_around_the_best() -> None:
    values_LS = np.array([[0.895, 0.50], [0.900, 0.60], [0.892, 0.70], [0.300, 0.10]])
    over = Over(factor="lr", take="width", within=0.01)
    assert over_levels(values_LS, [0.01, 0.1, 1.0, 10.0], over, True) == pytest.approx([2.0, 0.0])
    assert over_levels(values_LS, [0.01, 0.1, 1.0, 10.0], over, False) == pytest.approx([0.0, 0.0])
    gap_LS = np.array([[0.9], [0.1], [0.895], [0.9], [0.9]])[::-1]  # what lies beyond a gap does not count
    assert over_levels(gap_LS, [1000.0, 100.0, 10.0, 1.0, 0.1], over, True) == pytest.approx([0.0])
    lost_LS = np.array([[0.9], [np.nan]])
    assert np.isnan(over_levels(lost_LS, [1.0, 10.0], over, True)).all()


def test_a_level_that_is_worse_by_just_what_a_width_allows_is_within_it_at_any_height() -> None:
    over = Over(factor="lr", take="width", within=0.01)
    for percent in range(1, 100):
        values_LS = np.array([[percent / 100], [(percent + 1) / 100], [(percent - 1) / 100]])
        assert over_levels(values_LS, [0.1, 1.0, 10.0], over, True) == pytest.approx([1.0]), percent


def test_arms_that_gain_alike_in_both_cells_tie_in_their_interaction() -> None:
    cells = grid("lr", [0.1, 1.0])
    values = {(0, "bn"): 0.57, (0, "none"): 0.56, (1, "bn"): 0.81, (1, "none"): 0.8}
    results = {key: result(*key, [value]) for key, value in values.items()}
    interaction = contrast_of(claim(at={"lr": 0.1}, minus={"lr": 1.0}), cells, results)
    assert (0.57 - 0.56) - (0.81 - 0.8) != 0
    assert interaction.difference_S.tolist() == [0.0]


def test_over_reduces_a_factor_for_each_seed_before_the_mean_over_other_cells() -> None:
    cells = [Cell(i, {"lr": lr, "n": n}, {}) for i, (lr, n) in enumerate([(0.1, 1), (0.1, 2), (1, 1), (1, 2)])]
    values = {"bn": [[0.1], [0.5], [0.3], [0.9]], "none": [[0.2], [0.2], [0.1], [0.4]]}
    results = {(i, arm): result(i, arm, list(values[arm][i])) for arm in values for i in range(4)}
    mean = contrast_of(claim(over={"factor": "lr", "take": "mean"}), cells, results)
    assert mean.difference_S == pytest.approx([(0.2 + 0.7) / 2 - (0.15 + 0.3) / 2])
    width = contrast_of(claim(over={"factor": "lr", "take": "width", "within": 0.25}), cells, results)
    assert width.difference_S == pytest.approx([(1 + 0) / 2 - (1 + 1) / 2])
    assert [(one.levels, one.difference_S.tolist()) for one in width.parts] == [({"n": 1}, [0.0]), ({"n": 2}, [-1.0])]
    groups = group_differences(claim(over={"factor": "lr", "take": "width", "within": 0.25}), cells, results)
    assert [(cell.levels["n"], difference_S.tolist()) for cell, difference_S in groups] == [(1, [0.0]), (2, [-1.0])]


def test_epochs_count_by_their_logs_and_a_seed_that_never_arrives_with_the_budget() -> None:
    cells = grid("b", [1])
    bn = result(0, "bn", epochs_to={"val_accuracy 0.9": [2.0, 5.0]})
    none = result(0, "none", epochs_to={"val_accuracy 0.9": [4.0, None]})
    timed = claim(metric={"metric": "val_accuracy", "epochs_to": 0.9}, direction="lower", smallest=1.2)
    found = contrast_of(timed, cells, {(0, "bn"): bn, (0, "none"): none})
    assert found.difference_S == pytest.approx([-math.log(2), -math.log(2)])
    assert found.never == (0, 1)


@pytest.mark.parametrize(
    ("resample", "metric"), [("true", "test_loss"), ("true", "val_loss"), ("validation", "val_loss")]
)
def test_a_ratio_is_refused_where_each_seed_holds_out_rows_of_its_own(
    tmp_path: Path, resample: str, metric: str
) -> None:
    """Its interval over such splits covers 84 to 91% (benchmarks/coverage.py)."""
    base = SMALL.replace("samples: 80,", f"samples: 80, resample: {resample},")
    ratio = base.replace("metric: test_accuracy", f"metric: {{metric: {metric}, ratio: true}}")
    ratio = ratio.replace("direction: higher, smallest: 0.01", "direction: lower, smallest: 1.1")
    assert refusal(tmp_path, ratio) == (
        "s.yaml:5: hypothesis.metric has ratio: true; each seed holds out rows of its own, so the interval of a ratio "
        f"covers the truth too rarely. Leave ratio out, and give smallest in the unit of {metric}."
    )
    on_shared_rows = ratio.replace(f"resample: {resample}", "resample: validation").replace(metric, "test_loss")
    assert planned(tmp_path, on_shared_rows).trials
    assert planned(tmp_path, ratio.replace(metric, "loss")).trials  # training rows are not held out


def test_a_ratio_of_losses_is_contrasted_by_logs() -> None:
    halved = claim(metric={"metric": "test_loss", "ratio": True}, direction="lower", smallest=1.2)
    results = {
        (0, "bn"): result(0, "bn", [0.1, 0.2, 0.0, None]), (0, "none"): result(0, "none", [0.2, 0.4, 0.1, 0.1]),
    }  # fmt: skip
    found = contrast_of(halved, grid("b", [1]), results).difference_S
    assert found[:2] == pytest.approx([-math.log(2)] * 2) and np.isnan(found[2:]).all()
    sentence = judge([-math.log(2)] * 8, metric={"metric": "test_loss", "ratio": True}, direction="lower", smallest=1.2)
    told = "On these rows, test_loss, none / bn is 2 [2, 2]: bn is lower, by 1.2 times or more."
    assert sentence["verdict"]["sentence"] == told


def test_failures_are_diverged_seeds_and_those_below() -> None:
    failing = claim(metric={"metric": "test_accuracy", "failures_below": 0.6})
    bn, none = result(0, "bn", [0.7, 0.7, 0.9], diverged={"1": 3}), result(0, "none", [0.5, 0.9, 0.6])
    found = contrast_of(failing, grid("b", [1]), {(0, "bn"): bn, (0, "none"): none})
    assert found.difference_S.tolist() == [-1.0, 1.0, 0.0]
    assert found.diverged == 1


# --- verdicts ------------------------------------------------------------------------------


def spread(mean: float, pairs: int = 12, deviation: float = 0.01) -> np.ndarray[Any, Any]:
    values_S = np.resize([-1.0, 1.0], pairs)
    return mean + deviation * values_S


def judge(difference_S: Any, never: tuple[int, int] = (0, 0), **keys: Any) -> dict[str, Any]:
    (found,) = judged([claim(**keys)], [Contrast(np.asarray(difference_S, float), never)])
    return found.model_dump()


def test_thousands_of_pairs_are_written_with_a_comma_and_in_a_line_of_the_file_without() -> None:
    verdict = judge(spread(0.0, 400, 0.3))["verdict"]
    pairs = verdict["settled_by"]
    assert pairs > 1000 and f"With about {pairs:,} pairs of seeds (`seeds: {pairs}`) there is" in verdict["sentence"]


def answer(plan: study_plan.Plan, results: Results) -> dict[str, Any]:
    """What study.json would hold."""
    return document(plan.file, plan.cells, "d", results).model_dump(mode="json")


def facts_of(claims: list[Hypothesis], contrasts: list[Contrast]) -> list[dict[str, Any]]:
    """What study.json holds of each hypothesis."""
    return [found.model_dump() for found in judged(claims, contrasts)]


@pytest.mark.parametrize(
    ("mean", "direction", "word", "ending"),
    [
        (0.03, "higher", "supported", "higher, by 1.00 or more."),
        (-0.03, "higher", "refuted", "the other way round."),
        (
            0.0,
            "higher",
            "refuted",
            "Rare failed trainings may be missed: even if up to 22% of one arm's trainings failed, all 12 pairs could succeed by chance.",
        ),
        (-0.03, "lower", "supported", "lower, by 1.00 or more."),
        (0.008, "higher", "inconclusive", "all looks err in about 8.9% of cases without a difference, not in 5%."),
    ],
)
def test_a_hypothesis_ends_in_one_of_three_words(mean: float, direction: str, word: str, ending: str) -> None:
    verdict = judge(spread(mean), direction=direction)["verdict"]
    assert verdict["word"] == word
    effect = f"{100 * mean:+.2f}" if mean else "0.00"
    assert verdict["sentence"].startswith(f"On these rows, test_accuracy (%), bn - none is {effect} [")
    assert (": less than 1.00 either way. " in verdict["sentence"]) == (mean == 0.0)
    assert verdict["sentence"].endswith(ending)


def test_an_open_hypothesis_with_warnings_promises_nothing_of_more_seeds() -> None:
    (found,) = judged([claim()], [Contrast(spread(0.008), warned=True)])
    assert (found.verdict.word, found.verdict.settled_by) == ("inconclusive", None)
    assert found.verdict.sentence.endswith(
        "the smallest effect of interest is 1.00. Fix the warnings first. More seeds will not remove them."
    )


def test_the_advice_of_more_seeds_names_its_error_by_all_looks_so_far(tmp_path: Path) -> None:
    plan, base = planned(tmp_path, SMALL), [0.6, 0.61, 0.59] * 4
    results = {
        (0, "none"): result(0, "none", base),
        (0, "bn"): result(0, "bn", [*(np.array(base) + spread(0.008))]),
    }
    for earlier, which, error in (([], "second", 8.9), ([6, 10], "fourth", 13)):
        asked = [AskedHypothesis(digest="d", claim="c", after_results=False, earlier_seeds=earlier)]
        (found,) = document(plan.file, plan.cells, "d", results, asked).hypotheses
        told = (
            f": that would be the {which} look; together, all looks err in about {error}% of cases without a difference"
        )
        assert told in found.verdict.sentence


def test_an_open_hypothesis_whose_warnings_are_of_a_choice_says_what_would_settle_it_too() -> None:
    (found,) = judged([claim()], [Contrast(spread(0.008), warned=True, warned_of_caveats=True)])
    (plain,) = judged([claim()], [Contrast(spread(0.008))])
    assert found.verdict.sentence == plain.verdict.sentence.replace(
        "With about", "It rests on trainings that have warnings; read them first. With about"
    )
    assert found.verdict.settled_by == plain.verdict.settled_by is not None


def test_a_diverged_seed_without_a_value_withholds_the_verdict() -> None:
    verdict = judge([0.1] * 8 + [math.nan], metric="test_loss")["verdict"]
    assert verdict["word"] == "inconclusive"
    assert verdict["sentence"].startswith(
        "No verdict: in 1 pair a seed diverged, so that pair has no value. Leaving it out would bias the result."
    )


@pytest.mark.parametrize(
    ("value", "metric", "seen"),
    [
        (None, "test_loss", "in 1 pair test_loss has no value, though no seed diverged"),
        (
            0.0,
            {"metric": "test_loss", "ratio": True},
            "in 1 pair test_loss has no value, though no seed diverged (a 0 has no ratio)",
        ),
    ],
)
def test_a_pair_without_a_value_is_said_to_have_diverged_only_if_a_seed_did(
    value: float | None, metric: Any, seen: str
) -> None:
    asked, cells = claim(metric=metric, smallest=1.2, direction="lower"), grid("lr", [0.1])
    results = {(0, "bn"): result(0, "bn", [*[0.5] * 7, value]), (0, "none"): result(0, "none", [0.5] * 8)}
    (found,) = facts_of([asked], [contrast_of(asked, cells, results)])
    told = f"No verdict: {seen}. Leaving it out would bias the result. Choose another metric."
    assert (found["verdict"]["sentence"], found["left_out"]) == (told, 1)
    results[0, "bn"] = result(0, "bn", [*[0.5] * 7, None], diverged={"7": 3})
    (found,) = facts_of([asked], [contrast_of(asked, cells, results)])
    assert found["verdict"]["sentence"].startswith("No verdict: in 1 pair a seed diverged, so that pair has no value")


def test_a_study_with_a_diverged_seed_without_a_value_is_kept_as_strict_json(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, SMALL.replace("test_accuracy", "test_loss") + "vary: {training.batch_size: [4, 8]}\nseeds: 8\n"
    )
    losses: list[float | None] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    lost: dict[str, Any] = {"diverged": {"7": 3}}
    results = {one.key: result(*one.key, losses, levels=dict(one.cell.levels)) for one in plan.trials}
    results[0, "bn"] = result(0, "bn", [*losses[:7], None], levels=results[0, "bn"].levels, **lost)
    (facts,) = json.loads(json.dumps(answer(plan, results), allow_nan=False))["hypotheses"]
    assert facts["verdict"]["word"] == "inconclusive"
    assert facts["verdict"]["sentence"].startswith("No verdict: in 1 pair a seed diverged, so that pair has no value")
    assert facts["cells"] == [0.0, 0.0]
    results[0, "none"] = result(0, "none", [None] * 8, levels=results[0, "none"].levels)
    assert answer(plan, results)["hypotheses"][0]["cells"] == [None, 0.0]


def test_a_claim_about_a_loss_that_holds_a_penalty_has_a_caution(tmp_path: Path) -> None:
    text = SMALL.replace("hidden: [4]", "hidden: [4], l2: 0.1") + "vary: {training.batch_size: [4, 8]}\nseeds: 8\n"
    told = "test_loss includes the penalty that the model of bn and of none adds (l2 or a regularizer); test_accuracy does not."
    for metric, cautions in (("test_accuracy", []), ("test_loss", [told])):
        plan = planned(tmp_path, text.replace("metric: test_accuracy", f"metric: {metric}"))
        results = {one.key: result(*one.key, [0.5] * 8, levels=dict(one.cell.levels)) for one in plan.trials}
        (facts,) = answer(plan, results)["hypotheses"]
        assert facts["cautions"] == cautions


def test_a_smallest_effect_that_is_next_to_nothing_beside_the_baselines_mean_has_a_caution(tmp_path: Path) -> None:
    text = SMALL.replace("metric: test_accuracy", "metric: test_loss") + "seeds: 8\n"
    assert "smallest: 0.01" in text
    told = (
        "the margin is 0.01, in test_loss's own unit, and the mean test_loss of none is 50. So nearly any difference matters. "
        "Use a larger margin, such as smallest: 2.5 for 5% of it."
    )
    for loss, cautions in ((50.0, [told]), (5.0, [])):
        plan = planned(tmp_path, text)
        results = {one.key: result(*one.key, [loss] * 8, levels=dict(one.cell.levels)) for one in plan.trials}
        (facts,) = answer(plan, results)["hypotheses"]
        assert facts["cautions"] == cautions


def guessed(
    bn: float, none: float, guess: float = 0.92, cells: int = 2, data: DataFacts | None = None, **keys: Any
) -> dict[str, Any]:
    """The facts of a claim whose arms score so in the first cell, and guess in all others."""
    known: dict[str, Any] = {"one_class": {"test": guess}}
    scores = {"bn": [bn, *[guess] * (cells - 1)], "none": [none, *[guess] * (cells - 1)]}
    results = {(n, name): result(n, name, [scores[name][n]] * 20, **known) for name in scores for n in range(cells)}
    one = claim(**keys)
    read = contrast_of(one, grid("b", list(range(cells))), results)
    (found,) = facts_of([one], [read if data is None else replace(read, data=(MoonsDataset(name="moons"), data))])
    return found


def test_where_all_arms_guess_in_every_cell_that_is_read_nothing_is_judged_by_accuracy() -> None:
    found = guessed(0.92, 0.92)
    assert (found["verdict"]["word"], found["guessing"]) == ("inconclusive", 0.92)
    assert found["verdict"]["sentence"] == (
        "No verdict: neither bn nor none, in any cell that is read, beats always answering the commonest class of these rows (92.00%) in "
        "test_accuracy by its 95% interval. Nets that guess cannot be told apart by accuracy. Read test_loss, or train "
        "longer."
    )
    assert guessed(0.5, 0.9, wins=True, smallest=0.25)["verdict"]["word"] == "inconclusive"
    facts = DataFacts(training_rows=400, test_rows=30)
    assert guessed(0.92, 0.92, data=facts)["verdict"]["sentence"].endswith(
        "or train longer. Too few rows are a likely reason, too: 400 for training, and 30 in the test part."
    )
    elsewhere = guessed(0.99, 0.95, at={"b": 1})
    assert elsewhere["verdict"]["word"] == "inconclusive", "a cell that is not read does not count"


def test_where_one_arm_beats_guessing_in_one_cell_or_guessing_is_what_is_counted_the_verdict_stands() -> None:
    assert guessed(0.99, 0.92)["verdict"]["word"] == "supported"
    assert guessed(0.92, 0.99)["verdict"]["word"] == "refuted"
    failing: dict[str, Any] = {"metric": {"metric": "test_accuracy", "failures_below": 0.95}, "smallest": 0.2}
    assert guessed(0.92, 0.92, **failing)["verdict"]["word"] == "refuted"
    assert guessed(0.92, 0.92, metric="test_loss", smallest=0.5)["verdict"]["word"] == "refuted"
    unknown = guessed(0.92, 0.92, guess=0.92, metric="test_loss")
    assert unknown["guessing"] is None


def test_nets_no_better_than_the_mean_are_not_judged_by_r2() -> None:
    one = claim(metric="test_r2")
    mean = {"final": {"test_r2": [0.0] * 8}}
    results = {(0, arm): result(0, arm, [0.0] * 8).model_copy(update=mean) for arm in ("bn", "none")}
    (found,) = facts_of([one], [contrast_of(one, grid("b", [1]), results)])
    assert found["verdict"]["sentence"].startswith(
        "No verdict: neither bn nor none, in any cell that is read, beats predicting the mean (0) in test_r2"
    )


def test_too_few_pairs_are_never_enough() -> None:
    verdict = judge([0.1] * 5)["verdict"]
    assert (verdict["word"], verdict["settled_by"]) == ("inconclusive", 6)
    assert verdict["sentence"].startswith("5 pairs are too few for a verdict, which needs 6")


TIMED: dict[str, Any] = {
    "metric": {"metric": "val_accuracy", "epochs_to": 0.9}, "direction": "lower", "smallest": 1.2,
}  # fmt: skip


def test_what_censoring_makes_alike_is_not_refuted() -> None:
    assert judge([0.0] * 14, **TIMED)["verdict"]["word"] == "refuted"
    verdict = judge([0.0] * 14, (14, 14), **TIMED)["verdict"]
    assert verdict["word"] == "inconclusive"
    assert verdict["sentence"].endswith("28 trainings never reach 0.9. More training.epochs may settle it.")


@pytest.mark.parametrize(
    ("log_ratio", "never", "direction", "word"),
    [
        (-math.log(2), (0, 3), "lower", "supported"),  # the slower side never arrives: it is slower still
        (-math.log(2), (3, 0), "lower", "inconclusive"),
        (math.log(2), (3, 0), "lower", "refuted"),
        (math.log(2), (0, 3), "lower", "inconclusive"),  # the baseline only looks faster
        (math.log(2), (3, 0), "higher", "supported"),
        (math.log(2), (0, 3), "higher", "inconclusive"),
        (-math.log(2), (0, 3), "higher", "refuted"),
        (-math.log(2), (3, 0), "higher", "inconclusive"),
    ],
)
def test_what_censoring_flatters_decides_nothing(
    log_ratio: float, never: tuple[int, int], direction: str, word: str
) -> None:
    verdict = judge(spread(log_ratio), never, **{**TIMED, "direction": direction})["verdict"]
    assert verdict["word"] == word
    if word == "inconclusive":
        assert verdict["sentence"].endswith(" 3 trainings never reach 0.9. More training.epochs may settle it.")


def test_one_training_that_never_arrives_is_told_in_the_singular() -> None:
    said = judge(spread(-math.log(2)), (1, 0), **TIMED)["verdict"]["sentence"]
    assert said.endswith(" 1 training never reaches 0.9. More training.epochs may settle it.")


@pytest.mark.parametrize(("log_ratio", "found"), [(-math.log(2), "inconclusive"), (math.log(2), "inconclusive")])
def test_censoring_of_either_arm_flatters_an_interaction(log_ratio: float, found: str) -> None:
    interaction = {**TIMED, "at": {"x": 1}, "minus": {"x": 2}}
    for never in ((0, 3), (3, 0)):
        assert judge(spread(log_ratio), never, **interaction)["verdict"]["word"] == found


def test_a_ratio_of_epochs_is_a_bound_where_seeds_never_arrive() -> None:
    def said(never: tuple[int, int]) -> str:
        text: str = judge(spread(-math.log(2)), never, **TIMED)["verdict"]["sentence"]
        return text.removeprefix("On these rows, epochs to val_accuracy 90.00%, none / bn is ")

    assert said((0, 0)) == "2 [1.99, 2.01]: bn is lower, by 1.2 times or more."
    assert said((0, 3)) == ">= 2 [1.99, 2.01]: bn is lower, by 1.2 times or more."
    rest = ", and the smallest effect of interest is 1.2 times."
    assert said((3, 0)).startswith(f"<= 2 [1.99, 2.01]{rest} 3 trainings never reach 0.9.")
    assert said((3, 3)).startswith(
        f"2 [1.99, 2.01] in geometric means within the budget{rest} 6 trainings never reach 0.9."
    )
    assert judge(spread(-math.log(2)), (0, 3), **TIMED)["never_reached"] == {"bn": 0, "none": 3}


def test_a_ratio_within_the_budget_is_called_one_of_geometric_means_and_never_of_restricted_means() -> None:
    """Of [1, never] against [4, never] in 10 epochs, these are sqrt(40) / sqrt(10) = 2 and 7 / 5.5 = 1.27."""
    epochs = {"bn": [1.0, None] * 5, "none": [4.0, None] * 5}
    arms = {(0, arm): result(0, arm, epochs_to={"val_accuracy 0.9": one}) for arm, one in epochs.items()}
    (found,) = judged([claim(**TIMED)], [contrast_of(claim(**TIMED), grid("b", [1]), arms)])
    assert found.difference is not None and found.difference.mean is not None
    assert (found.reading, math.exp(-found.difference.mean)) == ("within the budget", pytest.approx(2.0))
    assert " in geometric means within the budget, and" in found.verdict.sentence
    older = found.model_dump(mode="json") | {"reading": "restricted means"}
    assert type(found).model_validate(older).reading == "within the budget"
    treated_S, base_S = (np.array(epochs[arm], float) for arm in ("bn", "none"))
    assert statistics.speed_up(treated_S, base_S, 10, 0.95).ratio == pytest.approx(7 / 5.5)


def test_failures_that_none_of_few_seeds_shows_are_not_ruled_out() -> None:
    failing: dict[str, Any] = {"metric": {"metric": "test_accuracy", "failures_below": 0.5}, "smallest": 0.2}
    verdict = judge([0.0] * 10, direction="lower", **failing)["verdict"]
    assert (verdict["word"], verdict["settled_by"]) == ("inconclusive", 14)
    assert judge([0.0] * 14, direction="lower", **failing)["verdict"]["word"] == "refuted"
    assert judge([1.0] * 8, direction="lower", **failing)["verdict"]["word"] == "refuted"  # the other way round


def test_counts_are_judged_by_their_exact_test_too() -> None:
    """Of one cell the sign-flip test is McNemar's: 4 pairs of 10 that differ, all one way, have p 0.125."""
    failing: dict[str, Any] = {"metric": {"metric": "test_accuracy", "failures_below": 0.5}, "smallest": 0.2}
    found = judge([-1.0] * 4 + [0.0] * 6, direction="lower", **failing)
    assert found["difference"]["p_value"] == scipy.stats.binomtest(0, 4).pvalue == 0.125
    assert found["difference"]["high"] < 0
    assert found["verdict"]["word"] == "inconclusive"
    said = "The sign-flip test over seeds does not exclude zero (p 0.12, above 5%). Use more seeds."
    assert found["verdict"]["sentence"].endswith(said)
    assert judge([-1.0] * 6 + [0.0] * 4, direction="lower", **failing)["verdict"]["word"] == "supported"
    assert judge([1.0] * 4 + [0.0] * 6, direction="lower", **failing)["verdict"]["word"] == "inconclusive"


def split_anew(claim: Hypothesis, treated: list[float], base: list[float], rows: dict[str, int]) -> Contrast:
    """The contrast of a claim in one cell, in which each seed has a split of its own."""
    arms = {
        (0, arm): result(
            0, arm, values, rows=rows, resample=True, epochs_to={"val_accuracy 0.9": epochs}, budget_epochs=9
        )
        for arm, values, epochs in (("bn", treated, [2.0, 3.0] * 5), ("none", base, [4.0, 5.0, 6.0, 7.0, 8.0] * 2))
    }
    return contrast_of(claim, grid("b", [1]), arms)


FEW_HELD_OUT = {"train": 60, "val": 20, "test": 20}
COUNTED: list[tuple[dict[str, Any], list[float]]] = [
    ({"wins": True, "smallest": 0.1}, [0.5] * 7 + [-0.5] * 3),
    (
        {"metric": {"metric": "test_accuracy", "failures_below": 0.75}, "smallest": 0.1},
        [-1.0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
    ),
    (
        {"metric": {"metric": "val_accuracy", "epochs_to": 0.9}, "smallest": 1.1},
        [math.log(a / b) for a, b in zip([2, 3] * 5, [4, 5, 6, 7, 8] * 2, strict=True)],
    ),
]
"""Keys of a claim -> what each pair of `split_anew` counts for it."""


@pytest.mark.parametrize(("keys", "effect"), COUNTED)
def test_counts_and_epochs_have_the_interval_for_other_splits_too(keys: dict[str, Any], effect: list[float]) -> None:
    """Nadeau and Bengio's, by NumPy: the variance of the mean is (1 / S + test rows / training rows) times that of a pair."""
    one = claim(**keys)
    found = split_anew(one, [0.8] * 7 + [0.7] * 3, [0.7] + [0.76] * 9, FEW_HELD_OUT)
    half = scipy.stats.t.ppf(0.975, 9) * np.std(effect, ddof=1) * math.sqrt(1 / 10 + 20 / 60)
    assert found.new_rows is not None and (found.new_rows.drawn, found.new_rows.count) == ("splits", 20)
    interval = found.new_rows.estimate.interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((np.mean(effect) - half, np.mean(effect) + half))
    (told,) = judged([one], [found])
    assert told.verdict.sentence.startswith("For other splits and rows of this kind, ")
    assert " For these splits alone: " in told.verdict.sentence and "On these rows" not in told.verdict.sentence


@pytest.mark.parametrize(
    ("keys", "rows", "why"),
    [
        (
            {"wins": True, "smallest": 0.1}, {"train": 20, "val": 20, "test": 60},
            "Nothing is said of new rows: each seed holds out rows of its own, and most rows are held out.",
        ),
        (
            {"wins": True, "smallest": 0.1}, {},
            "Nothing is said of other splits: the numbers of training rows and held-out rows are not recorded. Train again.",
        ),
        ({"metric": "loss"}, FEW_HELD_OUT, "Nothing is said of new rows: the metric is not measured on held-out rows."),
    ],
)  # fmt: skip
def test_splits_of_each_seeds_own_are_never_called_these_rows(
    keys: dict[str, Any], rows: dict[str, int], why: str
) -> None:
    values = {"bn": [0.8] * 7 + [0.7] * 3, "none": [0.7] + [0.76] * 9}
    arms = {
        (0, arm): result(0, arm, own, rows=rows, resample=True).model_copy(
            update={"final": {"test_accuracy": own, "loss": own}}
        )
        for arm, own in values.items()
    }
    found = contrast_of(claim(**keys), grid("b", [1]), arms)
    assert (found.new_rows, found.measured_on, found.why_not_new_rows) == (None, "these splits", why)
    (told,) = judged([claim(**keys)], [found])
    assert told.verdict.sentence.startswith("On these splits, ") and "these rows" not in told.verdict.sentence
    further = told.verdict.sentence.partition(" `seeds: ")[0]
    assert (told.verdict.about, further.endswith(why)) == ("these splits", True)


def test_cells_of_which_some_split_anew_are_called_rows_and_splits() -> None:
    arms = {
        (cell, arm): result(cell, arm, [0.8] * 10, resample=bool(cell), rows=FEW_HELD_OUT)
        for cell in (0, 1)
        for arm in ("bn", "none")
    }
    found = contrast_of(claim(), grid("b", [1, 2]), arms)
    (told,) = judged([claim()], [found])
    assert found.why_not_new_rows == "Nothing is said of new rows: the arms or cells are split in different ways."
    assert told.verdict.sentence.startswith("On these rows and splits, test_accuracy (%), bn - none is ")
    assert [part.measured_on for part in found.parts] == ["these rows", "these splits"]


def test_where_every_seed_splits_the_rows_anew_the_interval_for_other_data_is_given_too() -> None:
    cells = grid("b", [1])
    facts: dict[str, Any] = {"rows": {"train": 60, "val": 20, "test": 20}, "resample": True}
    difference_S = [0.01, 0.03, 0.02, 0.05, 0.01, 0.03, 0.02, 0.05]
    bn, none = result(0, "bn", [0.8 + d for d in difference_S], **facts), result(0, "none", [0.8] * 8, **facts)
    found = contrast_of(claim(), cells, {(0, "bn"): bn, (0, "none"): none})
    assert found.new_rows is not None and found.new_rows.drawn == "splits"
    (told,) = facts_of([claim()], [found])
    assert told["speaks_of"] == "other seeds and splits of these rows"
    half = told["difference"]["high"] - told["difference"]["mean"]
    wider = told["difference"]["new_rows"]["high"] - told["difference"]["mean"]
    assert told["verdict"]["sentence"].startswith(
        "For other splits and rows of this kind, test_accuracy (%), bn - none is"
    )
    assert wider / half == pytest.approx(math.sqrt(1 + 8 * 20 / 60))
    one_part = {name: one.model_copy(update={"resample": "validation"}) for name, one in (("bn", bn), ("none", none))}
    for metric, speaks in (("test_accuracy", "training rows, on this test part"), ("test_loss", "on this test part")):
        (told,) = facts_of(
            [claim(metric=metric)], [contrast_of(claim(metric=metric), cells, {(0, k): v for k, v in one_part.items()})]
        )
        assert told["speaks_of"].endswith(speaks)
    validated = {
        (0, name): one.model_copy(update={"final": {"val_accuracy": one.final["test_accuracy"]}})
        for name, one in one_part.items()
    }
    own = contrast_of(claim(metric="val_accuracy"), cells, validated)
    (told,) = facts_of([claim(metric="val_accuracy")], [own])
    assert told["speaks_of"] == "other seeds and splits of these rows"
    assert told["difference"]["new_rows"]["drawn"] == "splits"
    fixed = none.model_copy(update={"resample": False})
    mixed = contrast_of(claim(), cells, {(0, "bn"): bn, (0, "none"): fixed})
    assert (mixed.new_rows, mixed.resample) == (None, None)
    most = {"rows": {"train": 20, "val": 20, "test": 60}, "resample": True}
    results = {(0, arm): result(0, arm, [0.5], **most) for arm in ("bn", "none")}
    assert contrast_of(claim(), cells, results).new_rows is None  # what they train on hardly overlaps


def test_wins_count_only_which_arm_is_better_and_how_often_fewer_seeds_mislead() -> None:
    differences = [0.1, 0.2, -0.3, 0.4, 0.0, 0.1, 0.1, 0.1]
    won = judge(differences, wins=True, smallest=0.25)
    assert won["difference"]["mean"] == pytest.approx((6 - 1) / 8 / 2)
    assert won["other_sign"][0] == (1, pytest.approx((1 + 0.5) / 8))
    assert won["verdict"]["sentence"].startswith(
        "On these rows, test_accuracy (%), (% of seeds in which bn beats none) - 50 is +31.25 ["
    )
    faster = judge([-0.1] * 8, wins=True, smallest=0.25, metric={"metric": "val_accuracy", "epochs_to": 0.9})
    assert faster["verdict"]["word"] == "supported" and faster["difference"]["mean"] == 0.5


@pytest.mark.parametrize(
    ("never", "direction", "word"),
    [
        ((8, 0), "higher", "inconclusive"),
        ((0, 8), "higher", "supported"),
        ((8, 0), "lower", "inconclusive"),
        ((0, 8), "lower", "refuted"),
    ],
)
def test_over_several_cells_no_arm_wins_by_trainings_that_never_arrive(
    never: tuple[int, int], direction: str, word: str
) -> None:
    """Treated takes 1 epoch in one cell and never arrives in the other: it is the faster on average by the budget."""
    wins = claim(wins=True, smallest=0.25, direction=direction, metric={"metric": "val_accuracy", "epochs_to": 0.9})
    (one,) = facts_of([wins], [Contrast(np.full(8, -0.1), never, trainings=1)])
    assert one["verdict"]["word"] == ("supported" if direction == "higher" else "refuted")
    (two,) = facts_of([wins], [Contrast(np.full(8, -0.1), never, trainings=2)])
    assert two["verdict"]["word"] == word


def test_who_wins_in_width_is_who_has_the_wider_one_whatever_the_metric() -> None:
    over = {"factor": "lr", "take": "width", "within": 0.1}
    wider = claim(metric="test_loss", over=over, wins=True, smallest=0.25)
    cells = grid("lr", [0.1, 1.0])
    values = {"bn": [[0.3] * 8, [0.3] * 8], "none": [[0.3] * 8, [0.9] * 8]}
    results = {(cell, arm): result(cell, arm, list(values[arm][cell])) for arm in values for cell in (0, 1)}
    found = contrast_of(wider, cells, results)
    assert found.difference_S.tolist() == [1.0] * 8
    (told,) = facts_of([wider], [found])
    assert (told["difference"]["mean"], told["verdict"]["word"]) == (0.5, "supported")


def winning(values: dict[str, list[float]], **keys: Any) -> Any:
    """Return what is found of who wins, where each arm has these values in cells 0, 1, ..."""
    cells = grid("lr", [10.0**cell for cell in range(len(values["bn"]))])
    results = {
        (cell.number, arm): result(cell.number, arm, [several[cell.number]] * 8)
        for cell in cells
        for arm, several in values.items()
    }
    asked = claim(wins=True, smallest=0.25, **keys)
    return facts_of([asked], [contrast_of(asked, cells, results)])[0]["difference"]


def test_an_arm_wins_however_small_its_loss_is() -> None:
    found = winning({"bn": [1e-13], "none": [2e-13]}, metric="test_loss")
    assert (found["mean"], found["ties"]) == (0.5, 0)


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"bn": [0.1, 0.7], "none": [0.3, 0.5]}, {}),
        ({"bn": [0.90001, 0.7], "none": [0.9, 0.69999]}, {"at": {"lr": 1.0}, "minus": {"lr": 10.0}}),
        ({"bn": [0.1, 10.0], "none": [1.0, 1.0]}, {"metric": {"metric": "test_loss", "ratio": True}}),
        ({"bn": [7.0, 9.0, 11.0], "none": [7.0, 11.0, 9.0]}, {"metric": {"metric": "test_loss", "ratio": True}}),
        ({"bn": [3.0, 1 / 3], "none": [7.0, 1 / 7]}, {"metric": {"metric": "test_loss", "ratio": True}}),
    ],
)
def test_rounding_wins_nothing(values: dict[str, list[float]], keys: dict[str, Any]) -> None:
    """In means over cells, in interactions, and in logs, of which a mean may be near 0."""
    found = winning(values, **keys)
    assert (found["mean"], found["ties"]) == (0.0, 8)


def test_a_direction_needs_the_sign_flip_test_too() -> None:
    found = judge([-0.09, -0.05, -0.06, -0.04, -0.03, 0.02], direction="lower")
    assert found["difference"]["high"] < 0 and found["difference"]["p_value"] == 0.0625
    assert found["verdict"]["word"] == "inconclusive"
    assert (
        "The sign-flip test over seeds does not exclude zero (p 0.062, above 5%). Use more seeds."
        in found["verdict"]["sentence"]
    )
    assert "sign-flip" not in judge(spread(0.05))["verdict"]["sentence"]


def test_the_bounds_of_a_ratio_that_no_float_can_tell_are_left_out() -> None:
    claims = [claim(claim=str(n), metric={"metric": "test_loss", "ratio": True}, smallest=1.2) for n in range(4)]
    one, *_ = facts_of(claims, [Contrast(np.array([230.0, -230.0]))] * 4)
    assert (one["difference"]["mean"], one["difference"]["low"], one["difference"]["high"]) == (0, None, None)
    assert one["verdict"]["sentence"].startswith("2 pairs are too few for a verdict, which needs 8")


def test_the_level_of_claims_without_a_verdict_is_the_strictest_whatever_their_few_pairs_say() -> None:
    few = [Contrast(np.array([0.1, 0.11, 0.12])), Contrast(np.array([0.1, -0.1, 0.0]))]
    assert [one["level"] for one in facts_of([claim(), claim(claim="d")], few)] == [0.975, 0.975]
    told = "3 pairs are too few for a verdict, which needs 7: fewer can all agree by chance in more than 2.5% of cases."
    shared = "Several hypotheses share the error, so each needs more pairs than one alone."
    found = facts_of([claim(), claim(claim="d")], few)[0]["verdict"]
    assert found == {
        "word": "inconclusive",
        "settled_by": 7,
        "is_withheld": True,
        "sentence": f"{told} {shared} Use more seeds.",
    }


def test_study_json_holds_no_key_that_only_a_comparison_fills() -> None:
    (one,) = facts_of([claim()], [Contrast(spread(0.05))])
    assert list(one["verdict"]) == ["word", "settled_by", "sentence", "about", "these_rows"]
    assert "new_rows" not in one["difference"] and "left_out" not in one["difference"]


def test_several_hypotheses_share_the_error_by_holm() -> None:
    contrasts = [Contrast(spread(mean), (0, 0)) for mean in (0.05, 0.004)]
    found = facts_of([claim(), claim()], contrasts)
    assert [one["level"] for one in found] == pytest.approx([0.975, 0.95])
    weak = facts_of([claim()] * 3, [Contrast(spread(0.0), (0, 0))] * 3)
    assert [one["level"] for one in weak] == pytest.approx([1 - 0.05 / 3] * 3)


@pytest.mark.parametrize("second", [0.0, -0.05, 0.05])
def test_the_stored_interval_has_the_level_of_the_interval_on_which_the_verdict_rests(second: float) -> None:
    contrasts = [Contrast(spread(mean), (0, 0)) for mean in (0.05, second)]
    _, found = facts_of([claim(), claim()], contrasts)
    level = 0.95 if second else 0.975  # Holm's level of the sign, or the level of what is too small to matter
    assert (found["verdict"]["word"], found["level"]) == ("supported" if second > 0 else "refuted", level)
    difference = found["difference"]
    assert f" [{100 * difference['low']:+.2f}, {100 * difference['high']:+.2f}]" in found["verdict"]["sentence"]
    assert ("This is a 97.5% interval" in found["verdict"]["sentence"]) == (level == 0.975)


def test_the_tidy_table_has_a_row_for_each_cell_arm_and_seed(tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL + "vary: {training.batch_size: [4, 8]}\nseeds: 2\n")
    results = {
        one.key: result(*one.key, [0.5, None], levels=dict(one.cell.levels), diverged={"1": 3}) for one in plan.trials
    }
    rows = list(csv.DictReader(io.StringIO(table(plan.file, plan.cells, results))))
    assert len(rows) == 8
    assert rows[1] == {
        "cell": "0", "training.batch_size": "4", "arm": "bn", "seed": "1", "test_accuracy": "", "test_loss": "",
        "diverged_at": "3",
    }  # fmt: skip


def test_each_varied_key_has_a_column_of_its_own_whatever_the_order_it_was_trained_in(tmp_path: Path) -> None:
    factors = ['"dataset.noise, dataset.resample": [[0.1, true]]', "training.epochs: [3]"]
    plan = planned(tmp_path, SMALL + f"seeds: 1\nvary: {{{', '.join(factors)}}}\n")
    turned = planned(tmp_path, SMALL + f"seeds: 1\nvary: {{{', '.join(reversed(factors))}}}\n")
    assert plan.digest == turned.digest
    results = {one.key: result(*one.key, [0.5], levels=dict(one.cell.levels)) for one in plan.trials}
    for one in (plan, turned):
        row = next(csv.DictReader(io.StringIO(table(one.file, one.cells, results))))
        varied = {key: row[key] for key in ("dataset.noise", "dataset.resample", "training.epochs")}
        assert varied == {"dataset.noise": "0.1", "dataset.resample": "true", "training.epochs": "3"}


# --- refusals ----------------------------------------------------------------------------------

VARY = "vary: {training.batch_size: [4, 8]}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL + "vary: {training.batchsize: [4, 8]}\n", "s.yaml:6: training.batchsize is not a known key. Did you mean 'batch_size'?"),
        (SMALL.replace("model.normalization: none", "model.normalisation: none"), "s.yaml:4: model.normalisation is not a known key. Did you mean 'normalization'?"),
        (SMALL.replace("normalization: none", "normalization: nonw"), "s.yaml:4: model.normalization is 'nonw'. Did you mean 'none'?"),
        (SMALL + "vary: {training.batch_size: [4, 4096]}\n", "s.yaml:6: training.batch_size is 4096; the training part has 48 rows. Use 48 or fewer."),
        (SMALL + VARY + "tie: {training.learning_rat: {follows: training.batch_size, rule: linear, at: 32}}\n", "s.yaml:7: tie.training.learning_rat is no key of a number; expected one, such as training.learning_rate."),
        (SMALL + VARY + "tie: {training.learning_rate: {follows: training.batchsize, rule: linear, at: 32}}\n", "s.yaml:7: tie.training.learning_rate.follows is 'training.batchsize'; it is not varied. Did you mean 'training.batch_size'?"),
        (SMALL + VARY + "tie: {training.optimizer.nesterov: {follows: training.batch_size, rule: linear, at: 4}}\n", "s.yaml:7: tie.training.optimizer.nesterov is no key of a number; expected one, such as training.learning_rate."),
        (SMALL + "vary: {model.activation: [relu, tanh]}\ntie: {training.learning_rate: {follows: model.activation, rule: linear, at: 4}}\n", "s.yaml:7: tie.training.learning_rate follows a factor; model.activation has the level 'relu'; expected numbers above 0."),
        (SMALL.replace("smallest: 0.01", "over: {factor: model.activation, take: width, within: 0.1}, smallest: 0.3") + "vary: {model.activation: [relu, tanh]}\n", "s.yaml:5: hypothesis.over.take is width; model.activation has levels that are no numbers above 0. Use mean."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, failures_below: 0.7}").replace("smallest: 0.01", "over: {factor: training.batch_size, take: width, within: 0.1}, smallest: 0.3") + VARY, "s.yaml:5: hypothesis.over.take is width; it reads final values. Use mean, or a plain metric."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, failures_below: 0.7, epochs_to: 0.9}"), "s.yaml:5: hypothesis.metric has failures_below beside epochs_to or ratio; expected one of them. Leave one out."),
        (SMALL + "vary: {training.batchsize: [4, 8]}\ntie: {training.learning_rate: {follows: training.batch_size, rule: linear, at: 32}}\n", "s.yaml:6: training.batchsize is not a known key. Did you mean 'batch_size'?"),
        (SMALL + "vary: {model.normalization.momentum: [0.5, 0.9]}\n", "Good names here: name. This fault is only in arm none."),
        (SMALL + "tune: {key: training.learning_rate, values: [0.1, 1]}\ntie: {training.learning_rate.initial: {follows: training.batch_size, rule: linear, at: 4}}\n" + VARY, "tune.key sets training.learning_rate.initial, and so does tie.training.learning_rate.initial; expected one of them."),
        (SMALL + VARY + "tie:\n  training.learning_rate: {follows: training.batch_size, rule: linear, at: 4}\n  training.learning_rate.initial: {follows: training.batch_size, rule: linear, at: 4}\n", "tie.training.learning_rate.initial sets training.learning_rate.initial, and so does tie.training.learning_rate; expected one of them."),
        (SMALL + "tune: {key: training.learning_rte, values: [0.1, 1]}\n", "s.yaml:6: training.learning_rte is not a known key. Did you mean 'learning_rate'?"),
        (SMALL + "tune: {key: training.learning_rate, values: [0.1, 1], metric: test_loss}\n", "s.yaml:6: tune.metric is 'test_loss'; expected a metric of the validation part. Good names: val_loss, val_accuracy, val_auc, val_f1, val_balanced_accuracy, val_mcc, "),
        (SMALL + "vary: {training.batch_size: []}\n", "s.yaml:6: vary.training.batch_size is empty; expected a list of levels. Give two or more, or leave the factor out."),
        (SMALL + "vary: {training.batch_size: [4, 4]}\n", "s.yaml:6: vary.training.batch_size has the level 4 twice. Keep one of them."),
        (SMALL + 'vary: {"dataset.noise, dataset.samples": [[0.1, 60], [0.2]]}\n', "s.yaml:6: vary.dataset.noise, dataset.samples, level 2 is [0.2], one value; expected 2, one for each key of the factor."),
        (SMALL + "vary: {model.normalization: [batch, none]}\n", "s.yaml:3: arms.bn.model.normalization sets model.normalization, and so does vary.model.normalization; expected one of them. Leave one out."),
        (SMALL + "vary: {training.learning_rate.initial: [0.1, 0.2]}\ntune: {key: training.learning_rate, values: [0.1, 1]}\n", "s.yaml:7: tune.key sets training.learning_rate.initial, and so does vary.training.learning_rate.initial; expected one of them. Leave one out."),
        (SMALL.replace("model.normalization: batch", "model.normalization: {name: batch, momentum: 0.9}") + "vary: {model.normalization.momentum: [0.5, 0.9]}\n", "s.yaml:3: arms.bn.model.normalization sets model.normalization.momentum, and so does vary.model.normalization.momentum; expected one of them. Leave one out."),
        (SMALL + "vary: {model: [{repeat: 1}, {repeat: 2}], model.repeat: [1, 2]}\n", "s.yaml:6: vary.model.repeat sets model.repeat, and so does vary.model; expected one of them. Leave one out."),
        (SMALL + "vary: {training.seeds: [2, 3]}\n", "s.yaml:6: vary.training.seeds sets training.seeds, as the study's own `seeds` does. Leave it out."),
        (SMALL.replace("treated: bn", "treated: bm"), "s.yaml:5: hypothesis.treated is 'bm'; expected one of the arms. Did you mean 'bn'? Good names: bn, none."),
        (SMALL.replace("treated: bn", "treated: none"), "s.yaml:5: hypothesis.baseline is 'none', and so is treated; a contrast needs two arms. Name another."),
        (SMALL.replace("test_accuracy", "test_acuracy"), "s.yaml:5: hypothesis.metric is 'test_acuracy'; it is not measured in every cell. Did you mean 'test_accuracy'?"),
        (SMALL.replace(", validation_size: 0.25", ""), "s.yaml:5: hypothesis.metric is test_accuracy; there is no test part beside the validation part. Set dataset.validation_size, such as 0.25, or name both parts: dataset.validation_path, dataset.test_path."),
        (SMALL.replace("smallest", "at: {training.batch_sizes: 4}, smallest") + VARY, "s.yaml:5: hypothesis.at.training.batch_sizes names a factor; it is not varied. Did you mean 'training.batch_size'?"),
        (SMALL.replace("smallest", "at: {training.batch_size: 5}, smallest") + VARY, "s.yaml:5: hypothesis.at.training.batch_size is 5; expected one of its levels: 4, 8. Use one of them."),
        (SMALL.replace("smallest", "at: {dataset.noise: 0.1, dataset.samples: 90}, smallest") + 'vary: {"dataset.noise, dataset.samples": [[0.1, 60], [0.2, 90]]}\n', "s.yaml:5: hypothesis.at names levels that no cell has together; expected levels of one cell or more. Name fewer."),
        (SMALL.replace("smallest", "over: {factor: training.batch_size, take: best}, smallest") + VARY, "s.yaml:5: hypothesis.over.take is 'best'. Good names: mean, width."),
        (SMALL.replace("test_accuracy", "train_accuracy").replace("epochs: 10", "epochs: 10, evaluate_train: false"), "s.yaml:5: hypothesis.metric is train_accuracy; the training part is not evaluated. Set training.evaluate_train: true."),
        (
            SMALL.replace("model.normalization: none", "model.normalization: none, training.epochs: 3")
            .replace("metric: test_accuracy", "metric: {metric: val_accuracy, epochs_to: 0.9}").replace("smallest: 0.01", "smallest: 1.2"),
            "s.yaml:5: hypothesis.metric counts epochs, and training.epochs is 3 and 10 in arms that it compares; expected the same. Vary it by `vary`, not by the arm.",
        ),
        (SMALL.replace("smallest", "over: {factor: training.batch_sizes, take: mean}, smallest") + VARY, "s.yaml:5: hypothesis.over.factor is 'training.batch_sizes'; it is not varied. Did you mean 'training.batch_size'?"),
        (SMALL.replace("smallest", "over: {factor: 'training.batch_size, training.epochs', take: mean}, at: {training.epochs: 1}, smallest")
         + "vary: {'training.batch_size, training.epochs': [[4, 1], [8, 2]]}\n", "s.yaml:5: hypothesis.over.factor is training.batch_size, training.epochs, which `at` or `minus` fixes; expected another."),
        (SMALL.replace("smallest", "over: {factor: training.batch_size, take: mean}, at: {training.batch_size: 4}, smallest") + VARY, "s.yaml:5: hypothesis.over.factor is training.batch_size, which `at` or `minus` fixes; expected another."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, epochs_to: 0.9}"), "s.yaml:5: hypothesis.smallest is 0.01; expected a ratio above 1. Use 1.2, for example."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_loss, failures_below: 0.9}"), "s.yaml:5: hypothesis.metric counts failures below a value of test_loss, and less of it is better. Use an accuracy or r2."),
        (SMALL.replace("test_accuracy", "val_accuracy") + "tune: {key: training.learning_rate, values: [0.1, 1], metric: val_loss}\n", "s.yaml:5: hypothesis.metric reads val_accuracy, and tune chooses by val_loss, on the same rows; expected rows that chose nothing. Read test_accuracy."),
        (SMALL.replace("test_accuracy", "val_accuracy").replace(", validation_size: 0.25", "") + "tune: {key: training.learning_rate, values: [0.1, 1], metric: val_loss}\n", "expected rows that chose nothing. Read a test_ metric (dataset.validation_size makes a test part; so do dataset.validation_path and dataset.test_path)."),
        (SMALL.replace("test_accuracy", "val_accuracy").replace("epochs: 10", "epochs: 10, early_stopping: {}"), "s.yaml:5: hypothesis.metric reads val_accuracy, and training.early_stopping chooses by val_loss, on the same rows; expected rows that chose nothing."),
        (SMALL.replace("  none: {model.normalization: none}\n", ""), "s.yaml:2: arms has one arm; a contrast needs two or more. Add one, such as a baseline."),
        (SMALL.replace("  bn: {", "  b n: {"), "s.yaml:3: arms.b n is not a good name for an arm, because its files get this name. Use letters, digits and . _ + -, at most 40."),
        (BASE + "arms: {}\n", "s.yaml:2: arms is empty; expected one arm or more. Add one: `bn: {model.normalization: batch}`."),
        (SMALL + "hypotheses: [{claim: c, metric: test_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}]\n", "s.yaml:6: hypotheses is given beside hypothesis; expected only one of the two. Move the hypothesis into the list."),
        (SMALL.replace("direction: higher", "direction: up"), "s.yaml:5: hypothesis.direction is 'up'. Good names: higher, lower."),
        (SMALL.replace("claim: c, ", ""), "s.yaml:5: hypothesis.claim is missing; it has no default. Write it, as in studies/tutorial of bnexp's repository: `claim: ...`."),
        (SMALL.replace("smallest: 0.01", "smallest: 0.5, wins: true"), "s.yaml:5: hypothesis.smallest is 0.5; of wins it is a share minus one half. Use 0.25, for example."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, ratio: true}"), "s.yaml:5: hypothesis.metric is a ratio of test_accuracy, and more of it is better; expected a loss or an error."),
        (SMALL.replace("smallest: 0.01", "smallest: 1"), "s.yaml:5: hypothesis.smallest is 1; expected a share below 1, as accuracies are shares. Write 0.01 for 1 point."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, failures_below: 70}"), "s.yaml:5: hypothesis.metric has failures_below: 70; expected a share above 0 and at most 1. Write 0.7 for 70%."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, epochs_to: -1}"), "s.yaml:5: hypothesis.metric has epochs_to: -1; expected a share above 0 and at most 1. Use 0.9, for example."),
        (SMALL.replace("smallest: 0.01", "over: {factor: training.batch_size, take: width, within: 1}, smallest: 0.3") + VARY, "s.yaml:5: hypothesis.over.within is 1; expected a share below 1, as accuracies are shares. Write 0.01 for 1 point."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_accuracy, failures_below: 0.7}").replace("smallest: 0.01", "smallest: 20"), "s.yaml:5: hypothesis.smallest is 20; expected a share below 1, as accuracies are shares. Write 0.2 for 20 points."),
        (SMALL.replace("metric: test_accuracy", "metric: {metric: test_loss, epochs_to: -0.1}").replace("smallest: 0.01", "smallest: 1.2"), "s.yaml:5: hypothesis.metric has epochs_to: -0.1; expected 0 or more, as a loss or an error is never lower. Use 0.5, for example."),
        (SMALL + "seed: 3\n", "s.yaml:6: seed is not a known key. Did you mean 'seeds'?"),
    ],
)  # fmt: skip
def test_bad_input_is_told_with_its_line_and_its_cure(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "names",
    [
        "at: {training.batch_size: 4}",
        "at: {training.batch_size: 4}, minus: {training.batch_size: 8}",
        "over: {factor: training.batch_size, take: mean}",
    ],
)
@pytest.mark.parametrize("vary", ["training.batchsize: [4, 8]", "trainings.batch_size: [4, 8]", '"training.batchsize, training.epochs": [[4, 1], [8, 2]]'])  # fmt: skip
def test_a_right_name_in_a_hypothesis_is_not_called_wrong_beside_a_misspelt_factor(
    tmp_path: Path, names: str, vary: str
) -> None:
    told = refusal(tmp_path, SMALL.replace("smallest", f"{names}, smallest") + f"vary: {{{vary}}}\n")
    assert "s.yaml:6: training" in told and "is not a known key." in told
    assert "s.yaml:5" not in told


def test_a_wrong_name_in_a_hypothesis_is_told_beside_an_unknown_key_elsewhere(tmp_path: Path) -> None:
    text = SMALL.replace("smallest", "at: {training.batchsize: 4}, smallest").replace("epochs: 10", "epoch: 10")
    told = refusal(tmp_path, text + VARY)
    assert "epoch is not a known key" in told and "hypothesis.at.training.batchsize names a factor" in told


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("treated: bm, ", "s.yaml:7: hypothesis 2: treated is 'bm'; expected one of the arms. Did you mean 'bn'?"),
        (
            "treated: bn, at: {training.batch_size: 5}, ",
            "s.yaml:7: hypothesis 2: at.training.batch_size is 5; expected",
        ),
        ("treated: bn, over: {factor: x, take: best}, ", "s.yaml:7: hypothesis 2: over.take is 'best'. Good names:"),
        ("treated: bn, smalest: 1, ", "s.yaml:7: hypothesis 2: smalest is not a known key. Did you mean 'smallest'?"),
        ("", "s.yaml:7: hypothesis 2: treated is missing; it has no default."),
    ],
)
def test_a_mistake_of_the_second_hypothesis_is_called_one_of_the_second(
    tmp_path: Path, second: str, message: str
) -> None:
    rest = "metric: test_accuracy, baseline: none, direction: higher, smallest: 0.01}\n"
    both = f"hypotheses:\n- {{claim: c, treated: bn, {rest}- {{claim: d, {second}{rest}"
    assert message in refusal(tmp_path, BASE + ARMS + both + VARY)


def test_a_mistake_that_every_cell_has_is_told_once(tmp_path: Path) -> None:
    text = SMALL.replace("epochs: 10", "epochz: 10") + VARY
    assert len(refusal(tmp_path, text).splitlines()) == 1


def test_a_grid_too_large_is_refused_before_it_is_spanned(tmp_path: Path) -> None:
    text = SMALL + "vary: {training.batch_size: [4, 8]}\nseeds: 5001\n"
    assert refusal(tmp_path, text) == (
        "s.yaml:6: the grid has 20004 trainings; expected 20000 or fewer. Give fewer levels or seeds, or most_trainings."
    )
    assert refusal(tmp_path, SMALL, most=39).startswith("s.yaml:1: the grid has 40 trainings; expected 39 or fewer.")


def test_the_part_that_chose_is_not_read_epochs_under_early_stopping_aside(tmp_path: Path) -> None:
    timed = SMALL.replace("metric: test_accuracy", "metric: {metric: val_accuracy, epochs_to: 0.9}").replace(
        "0.01", "1.2"
    )
    tune = "tune: {key: training.learning_rate, values: [0.1, 1], metric: %s}\n"
    for metric in ("val_loss", "val_accuracy"):
        seen = f"hypothesis.metric reads val_accuracy, and tune chooses by {metric}, on the same rows; expected rows that chose nothing."
        assert seen in refusal(tmp_path, timed + tune % metric)
    assert planned(tmp_path, timed.replace("val_accuracy", "test_accuracy") + tune % "val_loss").cells
    assert planned(tmp_path, timed.replace("epochs: 10", "epochs: 10, early_stopping: {}")).cells
    stopped = SMALL.replace("epochs: 10", "epochs: 10, early_stopping: {monitor: loss}")
    assert "hypothesis.metric reads accuracy, and training.early_stopping chooses by loss" in refusal(
        tmp_path, stopped.replace("metric: test_accuracy", "metric: accuracy")
    )


def test_what_tunes_for_all_seeds_must_not_hold_test_rows_of_any(tmp_path: Path) -> None:
    tuned = SMALL + "tune: {key: training.learning_rate, values: [0.1, 1]}\n"
    every = tuned.replace("validation_size: 0.25", "validation_size: 0.25, resample: true")
    assert refusal(tmp_path, every) == (
        "s.yaml:6: tune.metric is val_accuracy, by which it chooses for all seeds, while dataset.resample is true; its "
        "validation rows would be test rows of other seeds. Use dataset.resample: validation, which keeps one test part."
    )
    assert planned(tmp_path, every.replace("resample: true", "resample: validation")).cells


@pytest.mark.parametrize("file", ["study.json", "hypotheses.json", "a trial"])
def test_a_directory_of_another_format_is_refused(tmp_path: Path, file: str) -> None:
    plan = planned(tmp_path, SMALL)
    path = plan.path(plan.trials[0]) if file == "a trial" else plan.directory / file
    path.parent.mkdir(parents=True)
    path.write_text('{"format": 6}')
    with pytest.raises(
        RunError, match=r"has format 6; expected 5, the one of this bnexp\. Move the directory away, or use runs=DIR\."
    ) as caught:
        plan_document(planned(tmp_path, SMALL), 1)
    assert caught.value.exit_code == 2


def test_a_study_of_someones_own_missing_file_is_refused_at_its_line(tmp_path: Path) -> None:
    base = (
        "experiment: {dataset: {name: csv, path: nowhere.csv, target: y, validation_size: 0.2}, model: {name: mlp}}\n"
    )
    assert refusal(tmp_path, base + ARMS + CLAIM).startswith("s.yaml:1: dataset.path ")


def test_all_data_that_cannot_be_read_are_told_at_once_and_a_place_that_cannot_be_written_before(
    tmp_path: Path,
) -> None:
    base = "experiment: {dataset: {name: csv, path: a.csv, target: y, validation_size: 0.2}, model: {name: mlp}}\n"
    text = base + ARMS + CLAIM + "vary: {dataset.path: [a.csv, b.csv]}\n"
    assert [line.partition("; ")[0] for line in refusal(tmp_path, text).splitlines()] == [
        "s.yaml:6: dataset.path is 'a.csv'", "s.yaml:6: dataset.path is 'b.csv'",
    ]  # fmt: skip
    with pytest.raises(StorageError, match=r"s\.yaml is a file; expected a directory for runs"):
        study_plan.plan(tmp_path / "s.yaml", tmp_path / "s.yaml")


EACH_KIND = """\
name: s
experiment:
  dataset: {name: moons, samples: 80, test_sise: 0.2}
  model: {name: mlp, hidden: [4]}
  training: {epochs: 1, batch_size: 16}
arms:
  bn: {model.normalization: bacth}
  nobn:
vary:
  model.activation: [relu, relu]
  training.batch_size: 16
tie: {training.learning_rate: {follows: training.batch_size, rule: linear, at: 16}}
seads: 4
hypotheses:
- {claim: c, metric: val_acuracy, treated: bm, baseline: nobn, direction: up, smallest: 0.01}
- {claim: c, metric: val_accuracy, treated: bn, baseline: nobn, direction: higher, smallest: 5, at: {model.activation: tanh}}
"""


def test_all_kinds_of_mistakes_in_a_study_are_told_at_once_each_once(tmp_path: Path) -> None:
    told = [line.partition("; ")[0].partition(". ")[0] for line in refusal(tmp_path, EACH_KIND).splitlines()]
    assert told == [
        "s.yaml:3: dataset.test_sise is not a known key",
        "s.yaml:7: model.normalization is 'bacth'",
        "s.yaml:8: arms.nobn is null",
        "s.yaml:10: vary.model.activation has the level 'relu' twice",
        "s.yaml:11: vary.training.batch_size is 16",
        "s.yaml:13: seads is not a known key",
        "s.yaml:15: hypothesis 1: direction is 'up'",
        "s.yaml:15: hypothesis 1: treated is 'bm'",
        "s.yaml:15: hypothesis 1: metric is 'val_acuracy'",
        "s.yaml:16: hypothesis 2: at.model.activation is 'tanh'",
        "s.yaml:16: hypothesis 2: smallest is 5",
    ]


def test_the_data_of_a_study_with_another_mistake_are_read_too(tmp_path: Path) -> None:
    text = SMALL.replace("samples: 80", "samples: 80, test_size: 0.99").replace(
        "{model.normalization: none}", "{model.normalization: non}"
    )
    told = refusal(tmp_path, text.replace("metric: test_accuracy", "metric: test_acc")).splitlines()
    assert [line.partition(" is ")[0] for line in told] == [
        "s.yaml:1: dataset.test_size", "s.yaml:4: model.normalization", "s.yaml:5: hypothesis.metric",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        ("arms: 5\n", "s.yaml:2: arms is 5"),
        ("arms: {bn: {model.normalization: batch}, none: 5}\n", "s.yaml:2: arms.none is 5"),
        ("vary: {model.hidden: 8}\n", "s.yaml:5: vary.model.hidden is 8"),
        ("vary: {model.hidden: []}\n", "s.yaml:5: vary.model.hidden is empty"),
        ("name: s\nhypotheses: [{name: 3}]\n", "s.yaml:6: hypothesis 1: claim is missing"),
        ("tune: {key: model.l2, values: [0.1, 0.2], seeds: no}\n", "s.yaml:5: tune.seeds is 'no' (text)"),
    ],
)
def test_a_mistake_in_a_study_has_no_consequences_that_are_told_as_mistakes(
    tmp_path: Path, faulty: str, told: str
) -> None:
    """The hypothesis names what the faulty part holds."""
    arms = "" if faulty.startswith("arms") else ARMS
    asked = CLAIM.replace("smallest: 0.01", "smallest: 0.01, at: {model.hidden: 8}") if "hidden" in faulty else CLAIM
    text = BASE + (faulty if not arms else "") + arms + (faulty if arms else "") + asked
    assert refusal(tmp_path, text).partition("; ")[0] == told


def test_reading_a_study_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "why.yaml").write_text(SMALL)
    assert read_study(tmp_path / "why.yaml").study.name == "why"


# --- what is kept of trials -----------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> study_plan.Plan:
    """A study whose trials are all finished."""
    text = (
        "experiment: {dataset: {name: moons, validation_size: 0.2}, model: {name: mlp}}\n"
        "arms: {bn: {model.normalization: batch}, none: {model.normalization: none}}\n"
        "vary: {model.activation: [relu, tanh]}\nseeds: 3\n"
        "hypothesis: {claim: It helps., treated: bn, baseline: none, metric: test_accuracy, direction: higher, "
        "smallest: 0.01}\n"
    )
    plan = planned(tmp_path, text)
    plan.path(plan.trials[0]).parent.mkdir(parents=True)
    for member in plan.trials:
        one = result(*member.key, [0.5, 0.6, 0.7], trial=member.digest)
        plan.path(member).write_text(one.model_dump_json())
    assert len(study_plan.finished(plan)) == 4
    return plan


@pytest.mark.parametrize(
    "damage",
    [
        {"seeds": [0, 1]},
        {"seeds": [0, 1, 7]},
        {"final": {}},
        {"final": {"test_accuracy": [0.5], "test_loss": [0.5, 0.6, 0.7]}},
        {"final": {"test_loss": [0.5, 0.6, 0.7]}},
        {"final": {"test_accuracy": [0.5, 0.6, 0.7], "../x": [0.5, 0.6, 0.7]}},
        {"epochs_to": {"val_accuracy 0.9": [1.0]}},
        {"seconds": "1"},
        {"trial": "d"},
        {"bests": {"val_loss": [{"epochs": [1], "values": [0.5]}]}},
        {"bests": {"val_loss": [{"epochs": [1], "values": []}] * 3}},
        {"bests": {"val_loss": [{"epochs": [0], "values": [0.5]}] * 3}},
        {"bests": {"val_loss": [{"epochs": [1], "values": [1e300]}] * 3}},
        {"rows": {"test": 20}},
        {"rows": {"train": 0, "test": 20}},
        {"rows": {"train": 10, "elsewhere": 20}},
        {"one_class": {"test": 1e308}},
        {"final": {"test_accuracy": [0.5, 0.6, 1e300], "test_loss": [0.5, 0.6, 0.7]}},
        {"epochs_to": {"val_accuracy 0.9": [0.0, 1.0, 1.0]}},
        {"budget_epochs": 0},
        {"seconds": -1.0},
        {"steps": -1},
        {"levels": {"model.activation": 1e300}},
        {"tuned": {"key": "training.learning_rate", "value": 0.1, "means": [0.5]}},
    ],
)
def test_a_cell_that_is_damaged_is_trained_again(kept: study_plan.Plan, damage: dict[str, Any]) -> None:
    path = kept.path(kept.trials[0])
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    assert (0, "bn") not in study_plan.finished(kept)
    assert len(study_plan.finished(kept)) == 3
    assert [member.key for group in study_plan.pending(kept) for member in group.trials].count((0, "bn")) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a pipe")
def test_a_cell_that_is_a_pipe_hangs_nobody(kept: study_plan.Plan) -> None:
    kept.path(kept.trials[0]).unlink()
    os.mkfifo(kept.path(kept.trials[0]))
    again = study_plan.plan(kept.directory.parent.parent / "s.yaml", kept.directory.parent)
    assert len(study_plan.finished(again)) == 3
