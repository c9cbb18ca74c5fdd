"""A study without a hypothesis: it shows means and differences, judges nothing, and takes a question later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import bnexp, bnexp_process, imported
from matplotlib.figure import Figure
from printed import lines
from studies import ARMS, BASE, planned, refusal, result

from bnexp.report import plan_table, run_list, study_table
from bnexp.report.study_figure import study_figures
from bnexp.store import Run
from bnexp.store.study_document import StudyDocument
from bnexp.study.document import document
from bnexp.study.outlook import plan_document
from bnexp.study.sweep import NO_VERDICT

SWEEP = BASE + ARMS
VARY = "vary: {training.batch_size: [8, 16]}\n"
SHORT = SWEEP.replace("epochs: 10", "epochs: 2") + "seeds: 2\n"
CLAIM = "hypothesis: {claim: c, metric: %s, treated: bn, baseline: none, direction: higher, smallest: 0.01}\n"


def swept(place: Path, text: str, finals: dict[tuple[int, str], list[Any]], **facts: Any) -> StudyDocument:
    """Return the document of a sweep whose trials measured this."""
    plan = planned(place, text)
    results = {(cell, arm): result(cell, arm, values, **facts) for (cell, arm), values in finals.items()}
    return document(plan.file, plan.cells, "d", results, metric=plan.metric)


FINALS: dict[tuple[int, str], list[Any]] = {
    (0, "bn"): [0.9, 0.8, 0.7],
    (0, "none"): [0.8, 0.8, 0.5],
    (1, "bn"): [0.5, 0.6, 0.7],
    (1, "none"): [0.6, 0.6, 0.6],
}


def test_a_sweep_shows_each_mean_and_each_paired_difference_from_the_last_arm_and_no_verdict(tmp_path: Path) -> None:
    found = swept(tmp_path, SWEEP + VARY + "seeds: 3\n", FINALS)
    assert (found.verdict, found.hypotheses, [one.metric for one in found.endpoints]) == (None, [], ["test_accuracy"])
    (first,), (second,) = (cell.differences for cell in found.cells)
    assert first.mean == pytest.approx(0.1)
    half = 4.302653 * np.std([0.1, 0.0, 0.2], ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom
    assert (first.low, first.high) == pytest.approx((0.1 - half, 0.1 + half), abs=1e-6)
    assert second.mean == pytest.approx(0)
    assert lines(study_table.study(found)) == [
        "s: 2 cells, 3 seeds",
        "training.batch_size  arm   test_accuracy (%)      minus none  diverged",
        "8                    bn        80.00 ± 24.84  +10.00 ± 24.84    0 of 3",
        "8                    none      70.00 ± 43.03                    0 of 3",
        "16                   bn        60.00 ± 24.84    0.00 ± 24.84    0 of 3",
        "16                   none       60.00 ± 0.00                    0 of 3",
        "mean ± half the width of its 95% t interval over seeds",
        "minus none: mean over pairs of seeds ± half the width of its 95% t interval",
        "Each interval counts on its own: about 5% of them miss the true value. They are for other seeds. "
        "An interval for new rows is usually wider.",
        "",
        NO_VERDICT,
    ]


def test_a_difference_of_pairs_without_a_value_says_how_many_have_one(tmp_path: Path) -> None:
    finals = {**FINALS, (0, "bn"): [0.9, None, 0.7]}
    text = lines(study_table.study(swept(tmp_path, SWEEP + VARY + "seeds: 3\n", finals)))
    assert "+15.00 ± 63.53 (2 pairs)" in text[2]
    lost = {**FINALS, (0, "bn"): [None, None, None]}
    assert lines(study_table.study(swept(tmp_path, SWEEP + VARY + "seeds: 3\n", lost)))[2].split()[2:4] == ["-", "-"]


def test_several_arms_are_each_set_against_the_last_and_one_arm_alone_has_no_difference(tmp_path: Path) -> None:
    three = SWEEP + "  layer: {model.normalization: layer}\nseeds: 2\n"
    finals = {(0, "bn"): [0.9, 0.8], (0, "none"): [0.6, 0.6], (0, "layer"): [0.5, 0.5]}
    found = swept(tmp_path, three, finals)
    assert [one.mean for one in found.cells[0].differences] == pytest.approx([0.35, 0.1])
    assert lines(study_table.study(found))[1].split()[-3:] == ["minus", "layer", "diverged"]
    alone = swept(tmp_path, BASE + "arms: {bn: {}}\nseeds: 1\n", {(0, "bn"): [0.9]})
    assert alone.cells[0].differences == []
    assert lines(study_table.study(alone))[:5] == [
        "s: 1 cell, 1 seed",
        "arm  test_accuracy (%)  diverged",
        "bn               90.00    0 of 1",
        "mean ± half the width of its 95% t interval over seeds",
        "One seed has no interval: the spread over seeds is unknown. Use more seeds.",
    ]


def test_the_headline_of_the_task_is_shown_of_the_test_part_if_there_is_one(tmp_path: Path) -> None:
    assert planned(tmp_path, SWEEP).metric == "test_accuracy"
    assert planned(tmp_path, SWEEP.replace(", validation_size: 0.25", "")).metric == "val_accuracy"
    assert planned(tmp_path, SWEEP, metric="val_loss").metric == "val_loss"
    assert planned(tmp_path, SWEEP + "hypotheses: []\n").metric == "test_accuracy"
    assert planned(tmp_path, SWEEP + CLAIM % "test_accuracy").metric is None


def test_a_metric_that_a_sweep_cannot_show_is_refused_with_the_cure(tmp_path: Path) -> None:
    assert refusal(tmp_path, SWEEP, metric="val_los") == (
        "metric is 'val_los'; it is not measured in every cell. Did you mean 'val_loss'? Good names: loss, accuracy, "
        "val_loss, val_accuracy, test_loss, test_accuracy, train_loss, train_accuracy, val_auc, val_f1, "
        "val_balanced_accuracy, val_mcc, val_pr_auc, val_log_loss, val_brier, val_calibration_error, test_auc, test_f1, "
        "test_balanced_accuracy, test_mcc, test_pr_auc, test_log_loss, test_brier, test_calibration_error."
    )
    assert refusal(tmp_path, SWEEP.replace("{epochs: 10}", "{epochs: 10, keep_rows: false}"), metric="val_auc") == (
        "metric is 'val_auc'; it is computed from the predictions for held-out rows, and an arm keeps none. "
        "Set training.keep_rows: true."
    )
    assert refusal(tmp_path, SWEEP.replace(", validation_size: 0.25", ""), metric="test_loss") == (
        "metric is 'test_loss'; there is no test part beside the validation part. "
        "Set dataset.validation_size, such as 0.25, or name both parts: dataset.validation_path, "
        "dataset.test_path."
    )
    assert refusal(tmp_path, SWEEP + CLAIM % "test_accuracy", metric="val_loss") == (
        "metric is 'val_loss', which is for a study without a hypothesis. Change the metric of the hypothesis "
        "instead, at s.yaml:5. It rarely needs new training: `--dry-run` shows what would be trained."
    )


def test_a_sweep_over_rows_that_chose_something_says_so(tmp_path: Path) -> None:
    stopped = SWEEP.replace(", validation_size: 0.25", "").replace("epochs: 10", "epochs: 10, early_stopping: {}")
    plan = planned(tmp_path, stopped + "seeds: 2\n")
    results = {
        (0, arm): result(0, arm, [0.5, 0.6]).model_copy(update={"final": {"val_accuracy": [0.5, 0.6]}})
        for arm in ("bn", "none")
    }
    found = document(plan.file, plan.cells, "d", results, metric=plan.metric)
    assert found.cautions == [
        "The table reads val_accuracy, and training.early_stopping chooses by val_loss, on the same rows; expected rows that chose "
        "nothing. Read a test_ metric (dataset.validation_size makes a test part; so do dataset.validation_path and dataset.test_path)."
    ]
    assert f"WARNING  {found.cautions[0]}" in lines(study_table.study(found))


def test_the_plan_of_a_sweep_says_what_its_table_shows_and_promises_no_verdict(tmp_path: Path) -> None:
    told = plan_document(planned(tmp_path, SWEEP), 1)
    assert (told.claims, told.fewest_seeds, told.detectable_deviations) == ([], 0, None)
    assert "no hypothesis, so no verdict: the table shows test_accuracy (%)" in lines(plan_table.study_plan(told))


def figure(document: StudyDocument) -> Figure:
    figures = study_figures(document)
    assert list(figures) == ["figure"]
    return figures["figure"]


def test_a_sweep_over_one_factor_of_numbers_is_a_line_for_each_arm(tmp_path: Path) -> None:
    (axes,) = figure(swept(tmp_path, SWEEP + VARY + "seeds: 3\n", FINALS)).axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[8, 16], [8, 16]]
    assert [line.get_ydata() for line in axes.lines] == [pytest.approx([80, 60]), pytest.approx([70, 60])]
    assert [text.get_text() for text in axes.texts] == [
        "s",
        "no hypothesis, so no verdict; 3 seeds\nline: mean; band: 95% t interval of the mean over seeds",
    ]


def test_any_other_sweep_is_a_row_for_each_cell_with_a_point_for_each_arm(tmp_path: Path) -> None:
    words = SWEEP + "vary: {model.activation: [relu, tanh]}\nseeds: 3\n"
    (axes,) = figure(swept(tmp_path, words, FINALS)).axes
    points = [line for line in axes.lines if len(line.get_xdata()) == 1]
    drawn = [(round(float(point.get_xdata()[0]), 6), float(point.get_ydata()[0])) for point in points]
    assert drawn == [(80, -0.15), (60, 0.85), (70, 0.15), (60, 1.15)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["activation relu", "activation tanh"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["bn", "none"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"verdict": "supported"}, "a verdict is there without a hypothesis"),
        ({"endpoints": []}, "a sweep shows 0 endpoints; expected 1"),
        ({"arms": ["bn"]}, "cell 0 has other arms"),
    ],
)
def test_a_stored_sweep_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    facts = swept(tmp_path, SWEEP + VARY + "seeds: 3\n", FINALS).model_dump(mode="json")
    with pytest.raises(ValueError, match=fault):
        StudyDocument.model_validate_json(json.dumps({**facts, **change}))


# --- from the command line, and read again -------------------------------------------------


def stored(place: Path, text: str, *arguments: str) -> dict[str, Any]:
    """Write a study, run it, and return what it prints as JSON."""
    (place / "s.yaml").write_text(text)
    document: dict[str, Any] = json.loads(bnexp("study", "s.yaml", "--json", *arguments, cwd=place).stdout)
    return document


def trials(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.glob("runs/s-study-*/cells/*.json")}


def test_a_sweep_is_asked_later_by_a_hypothesis_or_for_another_metric_and_trains_nothing_again(
    tmp_path: Path, workers_here: None
) -> None:
    first = stored(tmp_path, SHORT)
    assert (first["verdict"], first["endpoints"][0]["metric"]) == (None, "test_accuracy")
    kept = trials(tmp_path)
    assert len(kept) == 2
    run = Run(next(tmp_path.glob("runs/s-study-*")))
    row = run_list.row(run)
    assert (row.kind, row.status, row.seeds, row.result) == ("study", "finished", 2, "a sweep, no verdict")
    assert (run.directory / "figure.png").is_file()
    other = stored(tmp_path, SHORT, "--metric", "val_loss")
    assert other["endpoints"][0]["metric"] == "val_loss"
    for metric in ("test_accuracy", "val_accuracy", "{metric: test_accuracy, epochs_to: 0.5}"):
        asked = SHORT + (CLAIM % metric).replace("0.01", "1.2" if "epochs_to" in metric else "0.01")
        (claim,) = stored(tmp_path, asked)["hypotheses"]
        assert claim["asked_after_results"]
        assert trials(tmp_path) == kept, "nothing is trained again"
    assert stored(tmp_path, SHORT) == first


def test_a_metric_of_classes_is_read_later_from_what_a_sweep_keeps_with_the_same_numbers(
    tmp_path: Path, workers_here: None
) -> None:
    first = stored(tmp_path, SHORT)
    kept = trials(tmp_path)
    shown = stored(tmp_path, SHORT, "--metric", "val_auc")
    asked = stored(tmp_path, SHORT + CLAIM % "val_auc")
    assert trials(tmp_path) == kept, "nothing is trained again"
    at_once = stored(tmp_path, SHORT + CLAIM % "val_auc", "--runs", "other")
    (claim,), (same,) = asked["hypotheses"], at_once["hypotheses"]
    assert claim["asked_after_results"] and not same["asked_after_results"]
    assert claim["difference"] == same["difference"]
    assert [one["arms"] for one in asked["cells"]] == [one["arms"] for one in at_once["cells"]]
    assert [one["arms"] for one in shown["cells"]] == [one["arms"] for one in at_once["cells"]]
    assert stored(tmp_path, SHORT) == first


def test_large_predictions_are_not_kept_unasked_and_the_plan_says_what_that_costs(
    tmp_path: Path, workers_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.experiment.measurement.MOST_PREDICTION_BYTES", 2 * 32 * 4 - 1)
    stored(tmp_path, SHORT)
    kept = trials(tmp_path)
    planned_then = stored(tmp_path, SHORT + CLAIM % "val_auc", "--dry-run")
    assert (planned_then["not_kept"], planned_then["predictions_not_kept"]) == ([], ["val_auc"])
    assert planned_then["trainings_left"] == 4
    said = lines(plan_table.study_plan(plan_document(planned(tmp_path, SHORT + CLAIM % "val_auc"), 1)))
    assert (
        "WARNING  finished trials do not keep the predictions that val_auc needs, so they are trained again. An earlier "
        "bnexp trained them, or the predictions take more than 32 MiB for a trial. A hypothesis about accuracy or loss "
        "needs no training."
    ) in said
    stored(tmp_path, SHORT + CLAIM % "val_auc")
    assert trials(tmp_path) != kept
    assert stored(tmp_path, SHORT, "--metric", "val_f1", "--dry-run")["trainings_left"] == 0, "now they are kept"
    monkeypatch.setattr("bnexp.experiment.measurement.MOST_PREDICTION_BYTES", 2 * 32 * 4)
    stored(tmp_path, SHORT, "--runs", "other")
    assert stored(tmp_path, SHORT, "--metric", "val_f1", "--dry-run", "--runs", "other")["trainings_left"] == 0


@pytest.mark.slow
def test_a_sweep_in_which_seeds_diverge_counts_them_and_ends_with_the_code_for_it(
    tmp_path: Path, workers_here: None
) -> None:
    (tmp_path / "s.yaml").write_text(SHORT + "vary: {training.learning_rate: [0.001, 1e30]}\n")
    done = bnexp("study", "s.yaml", "--metric", "test_loss", cwd=tmp_path, code=3)
    rows = [line.split() for line in done.stdout.splitlines()[2:6]]
    assert [row[-3:] for row in rows] == [["0", "of", "2"]] * 2 + [["2", "of", "2"]] * 2
    assert rows[2][2:4] == ["-", "-"], "no mean, no difference"
    assert NO_VERDICT in done.stdout


@pytest.mark.slow
def test_a_stored_study_is_read_again_without_tensorflow(tmp_path: Path, workers_here: None) -> None:
    stored(tmp_path, SHORT)
    (tmp_path / "s.yaml").write_text(SHORT + CLAIM % "test_loss")
    done = bnexp_process("study", "s.yaml", cwd=tmp_path, options=("-X", "importtime"))
    assert {"tensorflow", "keras"} & imported(done) == set()
    assert "treat it as exploratory" in done.stdout


def test_a_sweep_makes_no_claim_and_is_left_out_of_the_claims(tmp_path: Path, workers_here: None) -> None:
    (tmp_path / "sweep.yaml").write_text(SHORT)
    (tmp_path / "asked.yaml").write_text(SHORT + CLAIM % "test_accuracy")
    done = bnexp("claims", "asked.yaml", "sweep.yaml", cwd=tmp_path)
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["study", "asked"]
    said = "sweep has no hypothesis, so it makes no claim. Use `bnexp study sweep.yaml`."
    assert f"WARNING  Left out: {said}" in done.stderr.splitlines()
    assert not list(tmp_path.glob("runs/sweep-study-*"))
    assert bnexp("claims", "sweep.yaml", cwd=tmp_path, code=2).stderr.strip() == said
