"""Metrics of classes at the end of each epoch, and early stopping by them: both engines, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import slow
from command import bnexp, refused
from experiments import build_for, experiment, train_many_seeds
from sklearn.metrics import roc_auc_score

from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.held_out import from_npz
from bnexp.history import from_json
from bnexp.statistics.answers import Answers
from bnexp.statistics.classification import METRICS
from bnexp.training import keras_scores
from bnexp.training.keras_fit import train_keras_fit
from bnexp.training.record import Trained

OF_ALL = ["f1", "balanced_accuracy", "mcc", "log_loss", "brier", "calibration_error"]
SEVEN = {"dataset": {"samples": 300, "classes": 7, "informative": 5, "features": 8}}


def _trained(engine: Any, config: Experiment, seeds: tuple[int, ...] = ()) -> Trained:
    seeds = seeds or config.training.all_seeds()
    data = prepare(config.dataset, seeds)
    built = build_for(config, data)
    found: Trained = engine(built.model, data, config.training, seeds, built.initial.draw(seeds), lambda _: False)
    return found


@pytest.mark.parametrize(
    ("sections", "metrics"),
    [
        ({"dataset": {"validation_size": 0.3}}, ["auc", "f1"]),
        slow({"dataset": {"validation_size": 0.3}}, ["auc", "pr_auc", *OF_ALL]),
        slow(SEVEN, ["top_5", *OF_ALL]),
        slow({"training": {"refresh_statistics": "each_part"}}, ["auc"]),
    ],
)
def test_both_engines_compute_them_alike_at_every_epoch(sections: dict[str, Any], metrics: list[str]) -> None:
    sections = {**sections, "training": {**sections.get("training", {}), "metrics": metrics}}
    config = experiment(**sections)
    fast, plain = _trained(train_many_seeds, config).history, _trained(train_keras_fit, config, (1,)).history
    parts = ["val", "test"] if "validation_size" in sections.get("dataset", {}) else ["val"]
    assert list(fast.metrics) == config.measured("binary" if "auc" in metrics else "multiclass") == list(plain.metrics)
    for name in [f"{part}_{metric}" for part in parts for metric in metrics]:
        assert np.isfinite(fast.metrics[name]).all()
        np.testing.assert_allclose(fast.metrics[name][[1]], plain.metrics[name], rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("engine", [train_many_seeds, slow(train_keras_fit)])
def test_the_last_epoch_has_scikit_learns_number_of_the_rows_that_are_kept(engine: Any) -> None:
    config = experiment(training={"metrics": ["auc"]})
    trained = _trained(engine, config)
    data = prepare(config.dataset, (0, 1))
    for row in (0, 1):
        score = roc_auc_score(data.rows.y_N[data.parts["val"][row]], trained.rows["val"]["predicted"][row])
        assert trained.history.final("val_auc")[row] == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [
        ("auc", 3 / 4),
        ("pr_auc", (1 + 2 / 3) / 2),
        ("f1", 1 / 2),
        ("balanced_accuracy", 1 / 2),
        ("mcc", 0.0),
        ("log_loss", -np.log(0.9 * 0.3 * 0.3 * 0.9) / 4),
        ("brier", (0.1**2 + 0.7**2 + 0.7**2 + 0.1**2) / 4),
        ("calibration_error", (abs(1 - 0.9) + abs(0 - 0.7)) / 2),
    ],
)
def test_the_reference_scores_four_rows_of_two_classes_as_one_does_by_hand(metric: str, by_hand: float) -> None:
    y_R, predicted_R = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.7, 0.3, 0.9])
    assert keras_scores.score(metric, y_R, predicted_R[:, None]) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_reference_scores_drawn_rows_as_the_metrics_of_rows_do(classes: int) -> None:
    """They share no arithmetic. Of few rows, some classes are not there."""
    generator = np.random.default_rng(classes)
    for rows in (8, 40):
        y_R = generator.integers(0, classes, rows)
        predicted_RC = generator.dirichlet(np.ones(classes), rows)
        predicted = predicted_RC[:, 1] if classes == 2 else predicted_RC
        answers = Answers(y_R, predicted, predicted_RC.argmax(axis=1) == y_R)
        for name, metric in METRICS.items():
            if metric.fits(classes):
                found = keras_scores.score(name, y_R, predicted.reshape(rows, -1))
                assert found == pytest.approx(metric.values(answers).mean(), abs=1e-12), (name, rows)


def test_the_reference_has_no_score_where_a_prediction_is_not_finite_or_one_class_is_compared_to_none() -> None:
    y_R, predicted_RC = np.array([1, 1]), np.array([[0.8], [0.6]])
    scores = {name: keras_scores.score(name, y_R, predicted_RC) for name in METRICS if name != "top_5"}
    assert {name for name, found in scores.items() if np.isnan(found)} == {"auc", "pr_auc", "balanced_accuracy", "mcc"}
    assert (scores["f1"], scores["brier"]) == (1, pytest.approx((0.2**2 + 0.4**2) / 2))
    with pytest.raises(ValueError, match=r"^the reference trainer computes no metric 'recall'$"):
        keras_scores.score("recall", y_R, predicted_RC)
    for odd in (np.nan, np.inf):
        assert np.isnan([keras_scores.score(name, np.array([0, 1]), np.array([[odd], [0.5]])) for name in scores]).all()


@pytest.mark.slow
def test_they_change_no_training() -> None:
    plain, also = (_trained(train_many_seeds, experiment(training={"metrics": asked})) for asked in ([], ["auc", "f1"]))
    for one, other in zip(plain.weights, also.weights, strict=True):
        assert np.array_equal(one, other)
    for name, values in plain.history.metrics.items():
        assert np.array_equal(values, also.history.metrics[name])


@pytest.mark.parametrize(("metric", "seeds"), [slow("val_auc", 3), slow("val_log_loss", 3), slow("val_log_loss", 2)])
def test_both_engines_stop_each_seed_at_its_best_epoch_by_them(metric: str, seeds: int) -> None:
    rule = {"monitor": metric, "patience": 2}
    config = experiment(training={"epochs": 30, "seeds": seeds, "learning_rate": 0.05, "early_stopping": rule})
    fast, plain = (_trained(engine, config).history for engine in (train_many_seeds, train_keras_fit))
    assert fast.epochs_S == plain.epochs_S and fast.best_epoch == plain.best_epoch
    assert min(fast.epochs_S) < 30
    sign = -1 if metric == "val_log_loss" else 1
    for row, seed in enumerate(fast.seeds):
        scores_E = sign * fast.metrics[metric][row]
        first = np.flatnonzero(scores_E > np.nanmax(scores_E) - 1e-7)[0]  # Keras compares in float32
        assert fast.best_epoch[seed] == first + 1


@pytest.mark.parametrize("engine", [train_many_seeds, slow(train_keras_fit)])
def test_a_diverged_net_has_none(engine: Any) -> None:
    history = _trained(engine, experiment(training={"learning_rate": 1e30, "metrics": ["auc"], "seeds": 1})).history
    assert history.diverged_at and np.isnan(history.metrics["val_auc"][0, -1])


def test_a_run_keeps_draws_and_judges_them(tmp_path: Path) -> None:
    for name, normalization in (("bn", "batch"), ("nobn", "none")):
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\ndataset: {{name: classification, samples: 200}}\n"
            f"model: {{name: mlp, hidden: [4], normalization: {normalization}}}\n"
            "training: {epochs: 2, seeds: 3, metrics: [auc], keep_rows: false}\n"
        )
    found = json.loads(bnexp("compare", "bn.yaml", "nobn.yaml", "--metric", "val_auc", "--json", cwd=tmp_path).stdout)
    (run,) = (tmp_path / "runs").glob("bn-2*")
    entries = json.loads((run / "history.json").read_text())["seeds"]
    assert [len(entry["history"]["val_auc"]) for entry in entries] == [2, 2, 2]
    means = found["arms"][0]["metrics"]["val_auc"]["mean"]
    assert means == pytest.approx(np.mean([entry["history"]["val_auc"][-1] for entry in entries]))
    assert "AUC" in (run / "auc.png").read_text()


@pytest.mark.parametrize(
    ("data", "metrics"),
    [("classes: 9, informative: 5, features: 8", ["top_5", *OF_ALL]), slow("classes: 2", ["auc", "pr_auc", *OF_ALL])],
)
def test_a_metric_of_the_same_weights_has_one_value_from_the_epoch_and_from_the_kept_rows(
    tmp_path: Path, data: str, metrics: list[str]
) -> None:
    """A net that is sure gives most of its classes nearly 0. With too few digits they would be equal."""
    (tmp_path / "c.yaml").write_text(
        f"name: c\ndataset: {{name: classification, samples: 1200, {data}}}\nmodel: {{name: mlp, hidden: [32]}}\n"
        f"training: {{epochs: 6, learning_rate: 0.1, seeds: 2, metrics: {json.dumps(metrics)}}}\n"
    )
    bnexp("train", "c.yaml", cwd=tmp_path)
    (run,) = (tmp_path / "runs").glob("c-2*")
    history = from_json((run / "history.json").read_text(), "")
    kept = from_npz((run / "rows.npz").read_bytes(), "")
    for metric in metrics:
        values_SR = kept.values(f"val_{metric}")
        assert values_SR is not None
        assert history.final(f"val_{metric}") == pytest.approx(values_SR.mean(axis=1), abs=1e-7), metric


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.metrics=[top_5]", "training.metrics names top_5; top-5 accuracy needs 6 classes or more, and these"),
        (
            "training.metrics=[accuracy]",
            "training.metrics.0 is 'accuracy'. The accuracy of classes is always measured: leave it out. Good names: auc,",
        ),
        (
            "training.metrics=[auc,loss]",
            "training.metrics.1 is 'loss'. The loss is always measured: leave it out. Good",
        ),
        ("training.metrics=[mae]", "training.metrics.0 is 'mae'. The mae of a regression is always measured: leave it"),
        ("dataset={name: regression}", "training.metrics names auc; a regression has no classes. Leave it out:"),
        (
            "dataset.classes=3",
            "training.metrics names auc; AUC needs two classes, and these data have more. Good names:",
        ),
        ("training.early_stopping.monitor=val_top_5", "is val_top_5; a binary task does not measure it. Good names:"),
    ],
)
def test_what_is_not_defined_for_the_data_is_refused(tmp_path: Path, override: str, message: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "name: c\ndataset: {name: classification, informative: 4}\nmodel: {name: mlp}\n"
        "training: {metrics: [auc], early_stopping: {monitor: val_auc}}\n"
    )
    assert message in refused("train", "c.yaml", override, cwd=tmp_path)
