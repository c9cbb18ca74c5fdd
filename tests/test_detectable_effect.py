"""What a study's plan says of held-out rows: how they count, by the metric and by how each seed splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from studies import planned, result

from bnexp.held_out import HeldOut, PartRows
from bnexp.statistics.arrays import Floats
from bnexp.statistics.held_out_rows import new_rows
from bnexp.statistics.power import StandardError, detectable, error_over_rows, error_over_seeds, error_over_splits
from bnexp.study.detectable_effect import by_stored, what_new_rows_add
from bnexp.study.jobs import trial_path
from bnexp.study.outlook import plan_document
from bnexp.study.plan import CELLS, Plan
from bnexp.study.result import Result
from bnexp.study.smaller_study import EarlierResults
from bnexp.study.trial_rows import keep_rows

BASE = "experiment: {dataset: {name: moons, samples: 500%s}, model: {name: mlp}, training: {epochs: 1}}\n"
REST = """\
arms: {bn: {model.normalization: batch}, none: {}}
vary: {training.learning_rate: [0.1, 0.2]}
seeds: 10
hypothesis: {claim: c, metric: val_accuracy, treated: bn, baseline: none, direction: higher, smallest: 0.01}
"""
STUDY = BASE % "" + REST


def said(place: Path, text: str) -> list[str]:
    return what_new_rows_add(planned(place, text), 0.95)


def test_an_accuracy_on_one_held_out_part_is_told_with_the_worst_case_as_a_comparison_tells_it(tmp_path: Path) -> None:
    (sentence,) = said(tmp_path, STUDY)
    assert sentence.startswith(
        "For new rows, only the worst case is known so far. At worst, 10 seeds detect a difference of 12."
    )
    assert sentence.endswith(
        ", if in every seed the arms answer differently on the same 20 of the 100 held-out rows. The true limit is usually much "
        "lower, and is known once these data have been compared. The number of rows sets it, so more seeds hardly help."
    )
    assert plan_document(planned(tmp_path, STUDY), 1).detectable_for_new_rows == [sentence]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("metric: val_accuracy", "metric: val_loss",
         "For new rows, the difference must be larger, as the spread over the 100 held-out rows counts, too. In val_loss, "
         "that spread is not known yet."),
        ("smallest: 0.01", "smallest: 0.01, at: {training.learning_rate: 0.1}, minus: {training.learning_rate: 0.2}",
         "For new rows, the difference must be larger, as the spread over the held-out rows counts, too. In val_accuracy "
         "(%), that spread is not known yet."),
    ],
)  # fmt: skip
def test_where_no_worst_case_is_known_only_that_rows_add_to_the_spread(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert said(tmp_path, STUDY.replace(old, new)) == [told]


def test_of_splits_that_overlap_the_corrected_deviation_is_told(tmp_path: Path) -> None:
    (sentence,) = said(tmp_path, BASE % ", resample: true" + REST)
    start = "For other splits, which overlap, the difference in val_accuracy (%) must be at least "
    times = float(sentence.removeprefix(start).partition(" times")[0])
    error = (1 / 10 + 100 / 400) ** 0.5  # Nadeau and Bengio 2003
    assert sentence.endswith(" times its standard deviation over seeds.")
    power = stats.nct.sf(stats.t.ppf(0.975, 9), 9, times / error)
    assert power == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metric: val_accuracy", "metric: {metric: val_accuracy, failures_below: 0.9}"),
        ("metric: val_accuracy", "metric: accuracy"),
        ("epochs: 1}", "epochs: 1, keep_rows: false}"),
    ],
)
def test_nothing_is_said_where_verdicts_are_about_these_rows(tmp_path: Path, old: str, new: str) -> None:
    assert said(tmp_path, STUDY.replace(old, new)) == []


# --- by the variances of what is stored ---------------------------------------------------------


def stored(plan: Plan, seeds: int, **facts: Any) -> dict[tuple[int, str], Result]:
    """Results of all trials, from this number of seeds, that a study could hold."""
    generator = np.random.default_rng(0)
    return {
        trial.key: result(
            *trial.key, None, epochs_to={"val_accuracy 0.9": [1.0] * seeds}, **facts,
        ).model_copy(update={"final": {"val_accuracy": (0.8 + 0.02 * generator.normal(size=seeds)).tolist()}})
        for trial in plan.trials
    }  # fmt: skip


def pairs(plan: Plan, results: dict[tuple[int, str], Result]) -> Floats:
    """The differences of the mean over cells, (S,)."""
    final = {key: np.array(one.final["val_accuracy"], float) for key, one in results.items()}
    found: Floats = np.mean([final[cell.number, "bn"] - final[cell.number, "none"] for cell in plan.cells], axis=0)
    return found


def size_of(error: StandardError) -> str:
    return f"{100 * detectable(error):.2f}"


def test_finished_trials_say_what_their_number_of_seeds_detects(tmp_path: Path) -> None:
    plan = planned(tmp_path, STUDY)
    results = stored(plan, 10)
    deviation = float(np.std(pairs(plan, results), ddof=1))
    (said,) = by_stored(plan, results, 0.95)
    assert said == (
        f"On these rows, 10 seeds detect an effect of {size_of(error_over_seeds(deviation, 10))} in val_accuracy (%), "
        "bn - none, with about 80% probability (95% interval), by the variances of 10 stored seeds."
    )
    lost = {key: one for key, one in results.items() if key != plan.trials[0].key}
    assert by_stored(plan, lost, 0.95) == [None], "a trial that the claim reads is not there"


@pytest.mark.parametrize("seeds", [8, 20, 80])
def test_the_same_study_with_fewer_seeds_says_what_more_seeds_detect(tmp_path: Path, seeds: int) -> None:
    """With the held-out rows that it kept: what more seeds detect falls to what the rows allow."""
    plan, generator = planned(tmp_path, STUDY.replace("seeds: 10", f"seeds: {seeds}")), np.random.default_rng(0)
    results, right, directory = stored(plan, 6), {}, tmp_path / "fewer"
    (directory / CELLS).mkdir(parents=True)
    for key, one in results.items():
        right[key] = generator.random((6, 100)) < generator.beta(4, 1, 100)
        rows_SR = np.broadcast_to(np.arange(100, dtype="int32"), (6, 100))
        values = {"accuracy": right[key], "loss": (1.5 - right[key]).astype("float32")}
        part = PartRows(rows_SR, np.ones((6, 100), "float32"), None, None, values)
        final = {"val_accuracy": right[key].mean(axis=1).tolist()}
        held = HeldOut(tuple(range(6)), {"val": part})
        whole = one.model_copy(update={"final": final, "held_out": held})
        results[key] = keep_rows(trial_path(directory, one.trial), whole)
    paths = {trial.digest: trial_path(directory, results[trial.key].trial) for trial in plan.trials}
    plan = replace(plan, begun=EarlierResults({trial.digest: results[trial.key] for trial in plan.trials}, paths))
    difference_SR = np.mean(
        [right[cell.number, "bn"].astype(float) - right[cell.number, "none"] for cell in plan.cells], axis=0
    )
    expected = size_of(error_over_rows(new_rows(difference_SR).components, seeds, 100))
    (said,) = by_stored(plan, {}, 0.95)
    assert said == (
        f"For new rows, {seeds} seeds and 100 held-out rows detect an effect of {expected} in val_accuracy (%), "
        "bn - none, with about 80% probability (95% interval), by the variances of 6 stored seeds."
    )
    document = plan_document(plan, 1, {})
    assert document.claims[0].detectable == said and document.detectable_for_new_rows == []


@pytest.mark.parametrize(
    ("metric", "seeds", "told"),
    [
        ("val_accuracy", 6, "In the 6 stored seeds of this study all seeds and rows differed alike, so the true limit is "
         "probably much lower. The number of rows sets it, so more seeds hardly help."),
        ("val_loss", 6, "In the 6 stored seeds of this study all seeds and rows differed alike in val_loss, so that spread is "
         "probably small."),
        ("val_accuracy", 5, "The true limit is usually much lower, and is known once these data have been compared. The "
         "number of rows sets it, so more seeds hardly help."),
        ("val_loss", 5, "In val_loss, that spread is not known yet."),
    ],
)  # fmt: skip
def test_a_smaller_study_in_which_all_differed_alike_is_named(
    tmp_path: Path, metric: str, seeds: int, told: str
) -> None:
    """Five pairs are too few to say so, as in a comparison."""
    plan = planned(tmp_path, STUDY.replace("metric: val_accuracy", f"metric: {metric}"))
    results, directory = stored(plan, seeds), tmp_path / "fewer"
    (directory / CELLS).mkdir(parents=True)
    for key, one in results.items():
        rows_SR = np.broadcast_to(np.arange(100, dtype="int32"), (seeds, 100))
        values = {"accuracy": np.ones((seeds, 100), bool), "loss": np.full((seeds, 100), 0.5, "float32")}
        held = HeldOut(
            tuple(range(seeds)), {"val": PartRows(rows_SR, np.ones((seeds, 100), "float32"), None, None, values)}
        )
        final = {"val_accuracy": [1.0] * seeds, "val_loss": [0.5] * seeds}
        whole = one.model_copy(update={"final": final, "held_out": held})
        results[key] = keep_rows(trial_path(directory, one.trial), whole)
    paths = {trial.digest: trial_path(directory, results[trial.key].trial) for trial in plan.trials}
    plan = replace(plan, begun=EarlierResults({trial.digest: results[trial.key] for trial in plan.trials}, paths))
    (sentence,) = plan_document(plan, 1, {}).detectable_for_new_rows
    assert sentence.endswith(told)


def test_splits_of_each_seeds_own_are_predicted_by_their_share(tmp_path: Path) -> None:
    plan = planned(tmp_path, BASE % ", resample: true" + REST)
    results = stored(plan, 10, resample=True, rows={"train": 400, "val": 100})
    error = error_over_splits(float(np.std(pairs(plan, results), ddof=1)), 10, 0.25)
    (said,) = by_stored(plan, results, 0.95)
    assert said is not None and said.startswith(f"For other splits, 10 seeds detect an effect of {size_of(error)} in ")


def test_pairs_that_are_all_alike_and_seeds_without_a_value_say_nothing_of_other_seeds(tmp_path: Path) -> None:
    plan = planned(tmp_path, STUDY)
    results = stored(plan, 10)
    for value in (0.8, None):
        alike = {key: one.model_copy(update={"final": {"val_accuracy": [value] * 10}}) for key, one in results.items()}
        assert by_stored(plan, alike, 0.95) == [None]


def test_a_ratio_beyond_all_numbers_is_not_told(tmp_path: Path) -> None:
    metric = STUDY.replace("metric: val_accuracy", "metric: {metric: val_loss, ratio: true}")
    plan = planned(tmp_path, metric.replace("higher, smallest: 0.01", "lower, smallest: 1.2"))
    for sizes, is_told in (([1.0, 1.1] * 5, True), ([1e-300, 1e300] * 5, False)):
        losses = {"none": [1.0] * 10, "bn": sizes}
        results = {
            key: one.model_copy(update={"final": {"val_loss": losses[key[1]]}}) for key, one in stored(plan, 10).items()
        }
        (said,) = by_stored(plan, results, 0.95)
        assert (said is not None) == is_told
        if said is not None:
            size = np.exp(detectable(error_over_seeds(float(np.std(np.log(sizes), ddof=1)), 10)))
            assert f"10 seeds detect an effect of {size:.3g} times in val_loss, none / bn, with about 80%" in said
