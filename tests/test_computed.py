"""Metrics of the final weights alone: from the rows that a run keeps, in a comparison and in a study, to scikit-learn's."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arms import arm, changed, measured, rows_right
from command import refused
from experiments import experiment
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    roc_auc_score,
)
from studies import ARMS, BASE, CLAIM, claim, planned, refusal
from tasks import HereAndNow

import bnexp
from bnexp.comparison import Arm, Question, answering, compare, computed, refuse_impossible, refuse_too_large
from bnexp.comparison.metric_names import Predictions
from bnexp.comparison.new_rows import for_new_rows
from bnexp.comparison.pairing import PairedArms
from bnexp.errors import ComparisonError, ConfigError
from bnexp.held_out import HeldOut
from bnexp.statistics.classification import METRICS
from bnexp.store import DataFacts
from bnexp.store.study_document import StudyDocument
from bnexp.study import run as study_run
from bnexp.study.contrast import contrast_of
from bnexp.study.grid import Cell
from bnexp.study.plan import Plan, finished, pending
from bnexp.study.refusals import refuse_unanswerable
from bnexp.study.result import Result
from bnexp.study.trial_rows import kept_rows
from bnexp.study.verdict import judged


def predicting(name: str, gap: float, *, seeds: int = 8, rows: int = 200) -> tuple[Arm, Any, Any]:
    """Return an arm that keeps what it predicts, with the targets, (R,), and the predictions, (S, R)."""
    generator = np.random.default_rng(len(name))
    target_R = np.random.default_rng(0).random(rows) < 0.4
    score_SR = target_R * gap + generator.normal(0, 1, (seeds, rows))
    predicted_SR = (1 / (1 + np.exp(0.5 - score_SR))).astype("float32")
    right_SR = (predicted_SR > 0.5) == target_R
    one = measured(name, right_SR)
    assert one.held_out is not None
    part = one.held_out.parts["val"]
    target_SR = np.broadcast_to(target_R.astype("float32"), part.rows_SR.shape)
    kept = replace(part, target_SR=target_SR, measures={**part.measures, "predicted": predicted_SR})
    return replace(one, held_out=HeldOut(one.held_out.seeds, {"val": kept})), target_R, predicted_SR


SCORES: dict[str, Any] = {
    "auc": roc_auc_score,
    "pr_auc": average_precision_score,
    "log_loss": log_loss,
    "brier": brier_score_loss,
    "f1": lambda target_R, predicted_R: f1_score(target_R, predicted_R > 0.5),
    "mcc": lambda target_R, predicted_R: matthews_corrcoef(target_R, predicted_R > 0.5),
    "balanced_accuracy": lambda target_R, predicted_R: balanced_accuracy_score(target_R, predicted_R > 0.5),
}
"""Quantity -> scikit-learn's number of two classes."""


@pytest.mark.parametrize("metric", ["val_auc", "val_f1", "val_balanced_accuracy", "val_mcc", "val_pr_auc"])
def test_a_comparison_reads_them_of_the_rows_that_are_kept(metric: str) -> None:
    (one, target_R, of_a_SR), (other, _, of_b_SR) = predicting("aa", 2.0), predicting("b", 1.0)
    document = compare([one, other], Question(metric=metric))

    def score(predicted_R: Any) -> float:
        """Return scikit-learn's number for one seed."""
        return float(SCORES[metric[4:]](target_R, predicted_R))

    scores = [np.array([score(predicted_R) for predicted_R in predicted_SR]) for predicted_SR in (of_a_SR, of_b_SR)]
    assert [arm.metrics[metric].mean for arm in document.arms] == pytest.approx([each.mean() for each in scores])
    (contrast,) = document.contrasts
    assert contrast.pairs == pytest.approx((scores[0] - scores[1]).tolist())
    found = contrast.metrics[metric].new_rows
    assert found is not None and found.low is not None and found.mean == pytest.approx(np.mean(contrast.pairs))
    assert (contrast.verdict.word, contrast.verdict.about) == ("helps", "new rows")
    assert document.primary.margin == 0.01 and document.target.value is None
    assert (
        document.target.why_none
        == f"{metric[4:]} is not computed at each epoch; training.metrics: [{metric[4:]}] does that"
    )
    assert metric not in one.history.metrics  # and so in no other comparison
    assert metric not in compare([one, other], Question()).contrasts[0].metrics


def test_epochs_to_a_metric_that_all_arms_compute_at_each_epoch_are_counted() -> None:
    arms = [predicting("aa", 3.0)[0], predicting("b", 1.5)[0]]
    first = {"aa": 0.95, "b": 0.55}
    by_epoch = [replace(one, history=one.history.with_final("val_auc", np.full(8, 0.5))) for one in arms]
    for one in by_epoch:
        one.history.metrics["val_auc"][:, 0] = first[one.name]
    document = compare(by_epoch, Question(metric="val_auc"))
    last_S = by_epoch[1].held_out.values("val_auc").mean(axis=1)  # type: ignore[union-attr]
    assert document.target.value == pytest.approx(0.95 * np.median(last_S))
    assert document.target.rule == "95% of b's best val_auc (median over its seeds)"
    reaches = [side.to_target for side in document.arms]
    assert reaches[0] is not None and reaches[0].epochs == [1.0] * 8
    assert reaches[1] is not None and reaches[1].epochs == [
        2.0 if auc >= document.target.value else None for auc in last_S
    ]
    of_one = compare([by_epoch[0], arms[1]], Question(metric="val_auc"))
    assert (of_one.target.why_none or "").startswith("auc is not computed at each epoch")


def test_a_target_in_a_metric_of_classes_that_guessing_reaches_is_none() -> None:
    arms = [predicting("aa", 3.0)[0], predicting("b", -0.2)[0]]
    by_epoch = [replace(one, history=one.history.with_final("val_auc", np.full(8, 0.5))) for one in arms]
    assert compare(by_epoch, Question(metric="val_auc")).target.why_none == (
        "95% of b's best val_auc (median over its seeds) is no more than guessing scores; --reach sets one"
    )


@pytest.mark.parametrize("metric", ["val_log_loss", "val_brier"])
def test_errors_of_probabilities_are_judged_as_ratios_like_a_loss(metric: str) -> None:
    (one, target_R, of_a_SR), (other, _, of_b_SR) = predicting("aa", 3.0), predicting("b", 1.0)
    document = compare([one, other], Question(metric=metric))
    means = [np.mean([SCORES[metric[4:]](target_R, each) for each in several]) for several in (of_a_SR, of_b_SR)]
    assert [arm.metrics[metric].mean for arm in document.arms] == pytest.approx(means, rel=1e-6)
    assert document.primary.margin == pytest.approx(0.05 * means[1])
    (contrast,) = document.contrasts
    assert contrast.judged is not None and contrast.judged.scale == "ratio"
    assert (contrast.verdict.word, contrast.verdict.about) == ("helps", "new rows")


def test_a_calibration_error_is_judged_on_these_rows_alone() -> None:
    """On 200 rows, an interval over seeds and rows held the error of 20,000 rows in 57% of draws."""
    arms = [predicting("aa", 3.0)[0], predicting("b", 1.0)[0]]
    document = compare(arms, Question(metric="val_calibration_error"))
    (contrast,) = document.contrasts
    assert document.primary.margin == 0.01 and contrast.judged is not None and contrast.judged.scale == "difference"
    assert contrast.metrics["val_calibration_error"].new_rows is None
    assert contrast.verdict.about == "these rows"
    one, other = answering(arms, "val_calibration_error")
    assert for_new_rows(PairedArms(one, one.history, other, other.history), "val_calibration_error") == (
        "Nothing is said of new rows: val_calibration_error is too large on few rows, by more for a well calibrated net. "
        "Its interval would miss too often."
    )


def of_seven_classes(name: str, gap: float) -> Arm:
    """Return an arm that keeps the probabilities of seven classes."""
    one = measured(name, np.ones((8, 300), bool))
    assert one.held_out is not None
    generator, part = np.random.default_rng(len(name)), one.held_out.parts["val"]
    target_R = np.random.default_rng(0).integers(0, 7, 300)
    logit_SRC = generator.normal(0, 1, (8, 300, 7)) + gap * np.eye(7)[target_R]
    probability_SRC = (np.exp(logit_SRC) / np.exp(logit_SRC).sum(axis=2, keepdims=True)).astype("float16")
    right_SR = probability_SRC.argmax(axis=2) == target_R
    measures = {"loss": part.measures["loss"], "accuracy": right_SR, "predicted": probability_SRC}
    kept = replace(part, target_SR=np.broadcast_to(target_R.astype("float32"), (8, 300)), measures=measures)
    return replace(one, held_out=HeldOut(one.held_out.seeds, {"val": kept}))


@pytest.mark.parametrize(
    ("metric", "guess"),
    [
        ("val_top_5", "always answering the same five classes ("),
        ("val_balanced_accuracy", "always answering one class (14.29%)"),
        ("val_mcc", "answers at random (0)"),
        ("val_f1", "always answering one class, or answers at random (0.143)"),
    ],
)
def test_of_several_classes_arms_that_learned_are_told_apart_and_arms_that_guess_are_not(
    metric: str, guess: str
) -> None:
    learned = [of_seven_classes("aa", 1.5), of_seven_classes("b", 0.5)]
    assert compare(learned, Question(metric=metric)).contrasts[0].verdict.word == "helps"
    guessing = [of_seven_classes("aa", -0.2), of_seven_classes("b", -0.2)]
    said = compare(guessing, Question(metric=metric)).contrasts[0].verdict.sentence
    assert said.startswith(f"No verdict: neither aa nor b beats {guess}")


def test_a_seed_whose_predictions_are_no_numbers_has_no_value_and_stops_nothing() -> None:
    one, other = predicting("a", 2.0)[0], predicting("b", 1.0)[0]
    assert one.held_out is not None
    part = one.held_out.parts["val"]
    predicted_SR, right_SR = part.measures["predicted"].copy(), part.measures["accuracy"].copy()
    predicted_SR[3], right_SR[3] = np.nan, False
    kept = replace(part, measures={**part.measures, "predicted": predicted_SR, "accuracy": right_SR})
    lost = replace(
        one,
        history=replace(one.history, diverged_at={3: 1}),
        held_out=HeldOut(one.held_out.seeds, {"val": kept}),
    )
    for name in METRICS:
        if METRICS[name].fits(2):
            verdict = compare([lost, other], Question(metric=f"val_{name}")).contrasts[0].verdict
            assert verdict.sentence.startswith("No verdict: in 1 pair a seed diverged"), name


@pytest.mark.usefixtures("by_command")
def test_an_arm_that_keeps_no_predictions_is_named() -> None:
    kept, bare = predicting("a", 1.0, seeds=12, rows=400)[0], measured("bare", rows_right(0.8))
    with pytest.raises(ComparisonError) as caught:
        compare([kept, bare], Question(metric="val_auc"))
    assert str(caught.value) == (
        "--metric is 'val_auc'; it is computed from the predictions for held-out rows, and bare (bare-run) kept "
        "none. Train again with training.keep_rows: true, or read another metric."
    )


@pytest.mark.parametrize(
    ("question", "measured_there", "classes", "message"),
    [
        ({"metric": "val_auc"}, ["val_loss", "val_accuracy"], 2,
         "--metric is 'val_auc'; it is computed from the predictions for held-out rows, and an arm keeps none. Set training.keep_rows: true."),
        ({"metric": "val_auc", "reach": 0.9}, ["val_accuracy", "val_auc"], 2,
         "--reach is 0.9; val_auc is not computed at each epoch. Train with training.metrics: [auc], or leave --reach out."),
        ({"metric": "val_auc", "margin": 1.0}, ["val_accuracy", "val_auc"], 2,
         "--margin is 1, and the metric is val_auc; expected less than 1, as auc is 1 at most. Use --margin 0.01, for example."),
        ({"metric": "val_calibration_error", "margin": 1.0}, ["val_accuracy", "val_calibration_error"], 2,
         "--margin is 1, and the metric is val_calibration_error; expected less than 1, as calibration_error is 1 at most. Use --margin 0.01, for example."),
        ({"metric": "val_balanced_accuracy", "margin": 2.0}, ["val_accuracy", "val_balanced_accuracy"], 2,
         "--margin is 2, and the metric is val_balanced_accuracy; expected a share below 1, as accuracies are shares. Write --margin 0.02 for 2 points."),
        ({"metric": "val_top_5"}, ["val_accuracy", "val_f1"], 2,
         "--metric is 'val_top_5'; top-5 accuracy needs 6 classes or more, and these data have fewer. Good names: val_accuracy, val_f1."),
        ({"metric": "val_pr_auc"}, ["val_accuracy", "val_f1"], 3,
         "--metric is 'val_pr_auc'; average precision needs two classes, and these data have more. Good names: val_accuracy, val_f1."),
        ({"metric": "val_auc"}, ["val_mse", "val_r2"], 0,
         "--metric is 'val_auc'; it is not measured. Did you mean 'val_r2'? Good names: val_mse, val_r2."),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("by_command")
def test_what_cannot_be_answered_is_refused_before_any_training(
    question: dict[str, Any], measured_there: list[str], classes: int, message: str
) -> None:
    predictions = Predictions(frozenset({classes}), are_kept=False)
    with pytest.raises(ComparisonError) as caught:
        refuse_impossible(Question(**question), ["a", "b"], measured_there, ["val_loss", "val_accuracy"], predictions)
    assert str(caught.value) == message


NONE_KEPT = (
    "it is computed from the predictions for held-out rows, and an arm keeps none. Set training.keep_rows: true."
)
OF_TWO = [name for name, metric in METRICS.items() if metric.fits(2) and name != "f1"]
F1_ALONE = BASE.replace("epochs: 10}", "epochs: 10, keep_rows: false, metrics: [f1]}") + ARMS


@pytest.mark.parametrize("name", OF_TWO)
def test_a_metric_of_two_classes_is_not_said_to_need_other_classes_where_f1_alone_is_measured(
    tmp_path: Path, name: str
) -> None:
    """In a comparison, in a hypothesis, and in a sweep."""
    there, predictions = ["val_accuracy", "val_f1"], Predictions(frozenset({2}), are_kept=False)
    with pytest.raises(ComparisonError, match=f"is 'val_{name}'; {NONE_KEPT}$"):
        refuse_impossible(Question(f"val_{name}"), ["a", "b"], there, there, predictions)
    assert f"metric is val_{name}; {NONE_KEPT}" in refusal(
        tmp_path, F1_ALONE + CLAIM.replace("test_accuracy", f"val_{name}")
    )
    assert f"'val_{name}'; {NONE_KEPT}" in refusal(tmp_path, F1_ALONE, metric=f"val_{name}")


def test_two_arms_of_two_classes_that_keep_no_rows_are_told_so(place: Path) -> None:
    for name, normalization in (("a", "batch"), ("b", "none")):
        training = "training: {keep_rows: false, metrics: [f1]}"
        text = f"dataset: {{name: moons}}\nmodel: {{name: mlp, normalization: {normalization}}}\n{training}\n"
        (place / "configs" / f"{name}.yaml").write_text(text)
    told = refused("compare", "a", "b", "--dry-run", "--metric", "val_auc", cwd=place)
    assert f"--metric is 'val_auc'; {NONE_KEPT}" in " ".join(told.split())


def test_a_sweep_of_two_classes_has_no_top_five(tmp_path: Path) -> None:
    told = refusal(tmp_path, F1_ALONE, metric="val_top_5")
    assert "'val_top_5'; top-5 accuracy needs 6 classes or more, and these data have fewer. Good names: " in told


def test_a_diverged_seed_has_no_area_and_withholds_the_verdict() -> None:
    one, other = predicting("a", 2.0)[0], predicting("b", 1.0)[0]
    lost = replace(one, history=replace(one.history, diverged_at={3: 1}))
    verdict = compare([lost, other], Question(metric="val_auc")).contrasts[0].verdict
    assert verdict.sentence.startswith("No verdict: in 1 pair a seed diverged")


def test_pairs_without_an_area_are_not_said_to_have_diverged() -> None:
    """As in splits of their own, of which some hold out one class alone."""
    one, other = predicting("a", 2.0)[0], predicting("b", 1.0)[0]
    arms = []
    for each in (one, other):
        assert each.held_out is not None
        part = each.held_out.parts["val"]
        target_SR = np.array(part.target_SR)
        target_SR[:2] = 1.0
        arms.append(replace(each, held_out=HeldOut(each.held_out.seeds, {"val": replace(part, target_SR=target_SR)})))
    verdict = compare(arms, Question(metric="val_auc")).contrasts[0].verdict
    assert verdict.word == "cannot tell yet"
    assert verdict.sentence == (
        "No verdict: in 2 pairs val_auc has no value, though no seed diverged. Leaving them out would bias the result. "
        "Choose another metric."
    )


ONE_CLASS = "the {} part has only one class, and {} needs two or more. Read {}, or keep more classes in it."


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        ("val_auc", "AUC"),
        ("val_pr_auc", "average precision"),
        ("val_mcc", "MCC"),
        ("val_balanced_accuracy", "balanced accuracy"),
    ],
)
@pytest.mark.usefixtures("by_command")
def test_what_compares_classes_is_refused_on_a_part_of_one_class_before_any_verdict(metric: str, title: str) -> None:
    arms = [changed(predicting(name, 1.0)[0], "dataset", "one_class", to={"val": 1.0}) for name in "ab"]
    with pytest.raises(ComparisonError) as caught:
        compare(arms, Question(metric=metric))
    assert str(caught.value) == f"--metric is {metric!r}; {ONE_CLASS.format('validation', title, 'val_accuracy')}"
    assert compare(arms, Question(metric="val_f1")).primary.metric == "val_f1"


def test_a_comparison_of_a_part_of_one_class_is_refused_before_any_training(place: Path) -> None:
    dataset = "dataset: {name: moons, samples: 60, validation_size: 0.25, shift: {classes: ['1']}}\n"
    for name, normalization in (("a", "batch"), ("b", "none")):
        text = f"{dataset}model: {{name: mlp, normalization: {normalization}}}\n"
        (place / "configs" / f"{name}.yaml").write_text(text)
    told = refused("compare", "a", "b", "--dry-run", "--metric", "test_auc", cwd=place)
    assert ONE_CLASS.format("test", "AUC", "test_accuracy") in " ".join(told.split())
    assert not (place / "runs").exists()


def test_nets_that_score_at_random_cannot_be_told_apart_by_area() -> None:
    arms = [predicting("a", 0.0)[0], predicting("bb", 0.0)[0]]
    verdict = compare(arms, Question(metric="val_auc")).contrasts[0].verdict
    assert "neither a nor bb beats scores at random (0.5) in val_auc" in verdict.sentence


def answering_always(name: str, answer: float) -> Arm:
    """Return an arm of nets that give every row the same answer; 40% of the rows are of class 1."""
    one, target_R, predicted_SR = predicting(name, 0.0)
    assert one.held_out is not None
    part = one.held_out.parts["val"]
    predicted = np.full_like(predicted_SR, answer)
    right_SR = np.broadcast_to((answer > 0.5) == target_R, predicted.shape)
    kept = replace(part, measures={**part.measures, "accuracy": right_SR, "predicted": predicted})
    return replace(one, held_out=HeldOut(one.held_out.seeds, {"val": kept}))


def test_nets_that_answer_one_class_always_cannot_be_told_apart_by_f1() -> None:
    """Always 1 has F1 0.57 and always 0 has 0: neither has learned anything."""
    arms = {"bn": answering_always("bn", 0.9), "none": answering_always("none", 0.1)}
    assert arms["bn"].held_out is not None
    target_R = arms["bn"].held_out.parts["val"].target_SR[0]
    best = f1_score(target_R, np.ones_like(target_R))
    verdict = compare([*arms.values()], Question(metric="val_f1")).contrasts[0].verdict
    said = f"beats always answering one class, or answers at random ({best:.3g}) in val_f1 by its 95% interval. Nets that guess cannot be told apart by F1."
    assert verdict.word == "cannot tell yet"
    assert verdict.sentence == f"No verdict: neither bn nor none {said} Use --metric val_loss, or train longer."
    results = {
        (0, name): Result(
            trial="t", levels={}, arm=name, experiment="e", seeds=one.history.seeds, rows={"train": 100, "val": 50},
            final={"val_f1": one.held_out.values("val_f1").mean(axis=1).tolist()}, epochs_to={}, budget_epochs=9,
            diverged={}, steps=1, seconds=1.0,
        )
        for name, one in arms.items()
    }  # fmt: skip
    asked = claim(metric="val_f1", smallest=0.01)
    found = contrast_of(asked, [Cell(0, {}, {})], results, lambda key: arms[key[1]].held_out)
    assert found.guessing == pytest.approx(best)
    assert judged([asked], [found])[0].verdict.word == "inconclusive"
    learned = {**arms, "bn": predicting("bn", 3.0)[0]}
    assert compare([*learned.values()], Question(metric="val_f1")).contrasts[0].verdict.word == "helps"


# --- studies ------------------------------------------------------------------------


SMALL = BASE.replace("epochs: 10}", "epochs: 2}") + ARMS + "seeds: 2\n"
ASKED = "hypotheses:\n" + "".join(
    f"  - {{claim: {name}, metric: {name}, treated: bn, baseline: none, direction: higher, smallest: 0.01}}\n"
    for name in ("test_accuracy", "test_auc", "test_f1", "test_mcc", "test_brier", "test_log_loss")
)

TUNE = "tune: {key: training.learning_rate, values: [0.00001, 0.1], metric: val_auc}\n"


def answered(place: Path, text: str) -> tuple[Plan, StudyDocument]:
    place.mkdir(exist_ok=True)
    plan = planned(place, text)
    return plan, study_run.run(plan, HereAndNow(), lambda *told: None)


@pytest.mark.slow
@pytest.mark.usefixtures("seed_by_seed")
def test_a_study_keeps_them_beside_what_each_epoch_measured(tmp_path: Path) -> None:
    plan, document = answered(tmp_path, SMALL + ASKED)
    results = finished(plan)
    for trial in plan.trials:
        rows = kept_rows(plan.path(trial), results[trial.key])
        assert rows is not None
        part = rows.parts["test"]
        expected = {
            f"test_{name}": [
                SCORES[name](*pair) for pair in zip(part.target_SR, part.measures["predicted"], strict=True)
            ]
            for name in ("auc", "f1", "mcc", "brier")
        }
        final = results[trial.key].final
        assert final["test_log_loss"] == pytest.approx(final["test_loss"], rel=1e-5)  # no penalty is in that
        for metric, values in expected.items():
            assert results[trial.key].final[metric] == pytest.approx(values)
            assert metric not in results[trial.key].bests
    assert all(one.difference is not None and one.difference.new_rows is not None for one in document.hypotheses)
    assert pending(planned(tmp_path, SMALL + ASKED)) == []


@pytest.mark.slow
def test_a_study_keeps_predictions_so_that_metrics_of_classes_train_nothing_again(tmp_path: Path) -> None:
    first = ASKED.splitlines(keepends=True)
    plan, _ = answered(tmp_path, SMALL + "".join(first[:2]))
    assert all("predicted" in part.measures for part in _rows(plan).parts.values())
    assert pending(planned(tmp_path, SMALL + ASKED)) == []


def _rows(plan: Plan) -> HeldOut:
    trial = plan.trials[0]
    rows = kept_rows(plan.path(trial), finished(plan)[trial.key])
    assert rows is not None
    return rows


@pytest.mark.usefixtures("seed_by_seed")
def test_a_study_tunes_by_area(tmp_path: Path) -> None:
    plan, _ = answered(tmp_path, SMALL + ASKED + TUNE)
    for result in finished(plan).values():
        assert result.tuned is not None and len(result.tuned.means) == 2
        assert all(mean is not None and 0 <= mean <= 1 for mean in result.tuned.means)


def test_a_hypothesis_or_tuning_by_the_area_of_a_part_of_one_class_is_refused(tmp_path: Path) -> None:
    one_class = SMALL.replace("name: moons,", "name: moons, shift: {classes: ['1']},")
    assert one_class != SMALL
    told = refusal(tmp_path, one_class + ASKED)
    assert told.splitlines()[0].endswith(f"metric is test_auc; {ONE_CLASS.format('test', 'AUC', 'test_accuracy')}")
    assert "test_f1" not in told
    tuned = planned(tmp_path, SMALL + ASKED + TUNE)
    with pytest.raises(ConfigError) as caught:
        refuse_unanswerable(
            tuned.file, tuned.cells, lambda one: "binary", lambda one: DataFacts(one_class={"val": 1.0})
        )
    (only,) = str(caught.value).splitlines()
    assert only.endswith(f": tune.metric is val_auc; {ONE_CLASS.format('validation', 'AUC', 'val_accuracy')}")


def test_a_study_of_three_classes_has_no_top_five(tmp_path: Path) -> None:
    asked = planned(
        tmp_path,
        SMALL
        + ASKED.replace("test_mcc", "test_f1").replace("test_brier", "test_f1").replace("test_log_loss", "test_f1"),
    )
    three = DataFacts(classes=["a", "b", "c"])
    with pytest.raises(ConfigError) as caught:
        refuse_unanswerable(asked.file, asked.cells, lambda one: "multiclass", lambda one: three)
    assert "AUC needs two classes, and these data have more. Good names: loss, accuracy," in str(caught.value)
    assert "test_balanced_accuracy, test_mcc, test_log_loss" in str(caught.value) and "top_5" not in str(caught.value)


TIMED = "hypothesis: {claim: c, metric: {metric: val_auc, epochs_to: 0.9}, treated: bn, baseline: none, direction: lower, smallest: 1.2}\n"


@pytest.mark.slow
@pytest.mark.usefixtures("seed_by_seed")
def test_a_study_counts_the_epochs_to_an_area_that_each_epoch_computes(tmp_path: Path) -> None:
    text = SMALL.replace("epochs: 2}", "epochs: 8, batch_size: 4, metrics: [auc]}") + TIMED
    plan, _ = answered(tmp_path, text)
    results = finished(plan)
    for trial in plan.trials:
        experiment = trial.candidates[0].experiment
        trained = bnexp.train(experiment.model_dump(mode="json"), seeds=2, runs=tmp_path / "runs")
        frame = trained.frame().query("metric == 'val_auc'")
        for seed, counted in zip((0, 1), results[trial.key].epochs(plan.file.study.claims()[0].metric), strict=True):
            values = frame[frame.seed == seed].sort_values("epoch").value.tolist()
            there = [epoch for epoch, pair in enumerate(pairwise([*values, 1.0]), 1) if round(min(pair), 9) >= 0.9]
            assert counted == (there[0] if there else None)
    later = text.replace("epochs_to: 0.9", "epochs_to: 0.8")
    assert pending(planned(tmp_path, later)) == [], "another target is read from what is kept"


def test_epochs_to_an_area_of_the_final_weights_and_areas_without_rows_are_refused(tmp_path: Path) -> None:
    assert (
        "metric counts epochs to val_auc; auc is not computed at each epoch in every cell. Set training.metrics: [auc]."
        in refusal(tmp_path, SMALL + TIMED)
    )
    bare = SMALL.replace("epochs: 2}", "epochs: 2, keep_rows: false}") + ASKED
    without = (
        "it is computed from the predictions for held-out rows, and an arm keeps none. Set training.keep_rows: true."
    )
    assert f"metric is test_auc; {without}" in refusal(tmp_path, bare)


def test_an_arm_by_hand_has_no_rows(tmp_path: Path) -> None:
    bare = [arm(name, [0.9] * 10) for name in ("a", "b")]
    with pytest.raises(ComparisonError, match=r"a \(a-run\) and b \(b-run\) kept none"):
        compare(bare, Question(metric="val_f1"))


def test_predictions_that_are_too_large_have_cures_that_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not training.keep_rows, which is set: a second training would keep none either."""
    note = "The predictions for each held-out row are not kept: 10 seeds x 9 held-out rows would take more than 512 MiB. Use fewer seeds."
    bare = [changed(arm(name, [0.9] * 10), "not_kept", to=["no figure", note]) for name in ("a", "b")]
    seen = "metric is 'val_f1'; it is computed from the predictions for held-out rows, and"
    each_epoch = "Or set training.metrics: [f1], which measures it at each epoch."
    with pytest.raises(ComparisonError) as caught:
        compare(bare, Question(metric="val_f1"))
    assert str(caught.value) == f"{seen} a (a-run) and b (b-run) kept none. {note} {each_epoch}"

    facts = DataFacts(validation_rows=200, test_rows=100, classes=["x", "y", "z"])
    size = 10 * 300 * (5 + 4 * 3)
    for metric, keys in (("val_accuracy", {}), (None, {}), ("val_f1", {"metrics": ["f1"]})):
        monkeypatch.setattr(computed, "MOST_MEASURED", 0)
        refuse_too_large(metric, "a", experiment(training={"seeds": 10, **keys}), facts)
    monkeypatch.setattr(computed, "MOST_MEASURED", size)
    refuse_too_large("val_f1", "a", experiment(training={"seeds": 10}), facts)
    monkeypatch.setattr(computed, "MOST_MEASURED", size - 1)
    with pytest.raises(ComparisonError) as caught:
        refuse_too_large("val_f1", "a", experiment(training={"seeds": 10}), facts)
    limit = "10 seeds x 300 held-out rows would take more than 512 MiB. Use fewer seeds, or a smaller dataset.limit or test part."
    assert str(caught.value) == f"{seen} a would keep none: {limit} {each_epoch}"
