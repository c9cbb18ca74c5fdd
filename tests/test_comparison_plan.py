"""`bnexp compare --dry-run`: which arms would be trained, what can be detected, and by which earlier comparison."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import ENVIRONMENT, bnexp, imported, refused

CONFIG = """\
dataset: {{name: moons, samples: 60}}
model: {{name: mlp, hidden: [4], normalization: {normalization}}}
training: {{epochs: 2, seeds: 6, learning_rate: 0.05, batch_size: 24, save: none}}
"""
COMPARED = ("compare", "bn", "nobn")
SEVERAL = """
import json, sys
from bnexp.cli.exit_code import run_command
for arguments in json.loads(sys.argv.pop()):
    sys.argv = ["bnexp", *arguments]
    assert run_command() == 0
"""
"""Runs several commands in one process."""
pytestmark = pytest.mark.usefixtures("seed_by_seed")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two configs and no run."""
    (tmp_path / "configs").mkdir()
    for name, normalization in (("bn", "batch"), ("nobn", "none")):
        (tmp_path / "configs" / f"{name}.yaml").write_text(CONFIG.format(normalization=normalization))
    return tmp_path


def plan(place: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bnexp(*COMPARED, "--dry-run", "--json", *arguments, cwd=place).stdout)
    return found


def test_a_plan_says_what_is_trained_and_what_is_detected_and_writes_nothing(place: Path) -> None:
    done = bnexp(*COMPARED, "--dry-run", cwd=place)
    lines = done.stdout.splitlines()
    time_told = lines.pop(5)
    assert re.fullmatch(r"training takes about \d+ s, very roughly, by the size of the models", time_told)
    assert lines == [
        "bn: 6 seeds x 2 epochs, to be trained: no finished run was found",
        "nobn: 6 seeds x 2 epochs, to be trained: no finished run was found",
        "moons: 48 training rows, 12 for validation (random, 0.2 held out); majority-class baseline (always the training rows' commonest class): 41.67% on the validation rows",
        "2 classes: 0 (30 rows), 1 (30)",
        "At worst, 6 seeds detect a difference of 39.74 in val_accuracy (%) with about 80% probability (95% interval), if in every "
        "seed the arms answer differently on the same 2 of the 12 held-out rows. The true limit is usually much lower, and is known "
        "once these data have been compared. The margin is 1.00, and a difference between 1.00 and 39.74 may stay "
        "undetected. It takes at least 299 held-out rows to show that a difference is too small to matter, and often more: how many is known after the first comparison.",
        "WARNING  bn: BatchNormalization's moving averages have not converged: after 4 steps with momentum 0.99 they still "
        "hold 96% of their initial values (0.99^4), so validation can look worse than the model is. Use "
        "training.refresh_statistics: true, or more epochs.",
        "nothing was trained or written",
    ]
    assert not (place / "runs").exists()
    assert bnexp(*COMPARED, "--dry-run", "--quiet", cwd=place).stdout == ""
    assert "--margin is 3" in refused(*COMPARED, "--dry-run", "--margin", "3", cwd=place)


@pytest.mark.slow
def test_a_plan_says_which_seeds_are_stored_and_which_are_to_be_trained(place: Path) -> None:
    bnexp(*COMPARED, "--quiet", cwd=place)
    bnexp(*COMPARED, "training.epochs=1", "--seeds", "2", "--quiet", cwd=place)
    kept = [sorted((place / "runs").glob(f"{name}-2*"))[0].name for name in ("bn", "nobn")]
    told = bnexp(*COMPARED, "--seeds", "8", "--dry-run", cwd=place).stdout.splitlines()
    assert told[:2] == [
        f"{name}: 8 seeds x 2 epochs, the first 6 seeds stored in {run}; to be trained: 2"
        for name, run in zip(("bn", "nobn"), kept, strict=True)
    ]
    (arm, _) = plan(place, "--seeds", "8")["arms"]
    assert arm["seconds"] > 0 and [one["seconds"] for one in plan(place)["arms"]] == [None, None]
    assert (arm["seeds"], arm["seeds_kept"], arm["kept_in"], arm["run"]) == (8, 6, kept[0], None)
    alone = bnexp("train", "bn", "--seeds", "8", "--dry-run", cwd=place).stdout.splitlines()[-1]
    assert alone == (
        f"# 8 seeds x 2 epochs; the first 6 seeds stored in {kept[0]}; to be trained: 2; nothing was trained or written"
    )
    facts = json.loads(bnexp("train", "bn", "--seeds", "8", "--dry-run", "--json", cwd=place).stdout)
    assert (facts["seeds"], facts["seeds_kept"], facts["kept_in"]) == (8, 6, kept[0])
    done = bnexp(*COMPARED, "--seeds", "8", cwd=place)
    assert [line for line in done.stderr.splitlines() if line.startswith(("training bn", "bn: bn"))] == [
        "training bn: 6 of its 8 seeds are stored",
        f"bn: {kept[0]} holds seeds 0 to 5; to be trained: seeds 6 to 7",
    ], "nothing is said of the newest run, which has other epochs"


def test_a_plan_of_three_arms_shares_the_error_among_them(place: Path) -> None:
    options = ("--seeds", "20")
    alone = plan(place, *options)["detectable"]
    (place / "configs" / "layer.yaml").write_text(CONFIG.format(normalization="layer"))
    layer = plan(place, "layer", *options)["detectable"]
    assert "(95% interval)" in alone["sentence"] and "(97.5% interval)" in layer["sentence"]
    assert layer["difference"] > alone["difference"] * 1.05


@pytest.mark.slow
def test_a_plan_says_why_stored_seeds_are_trained_again(place: Path) -> None:
    bnexp(*COMPARED, "--quiet", cwd=place)
    (run,) = (place / "runs").glob("bn-2*")
    record = json.loads((run / "run.json").read_text())
    keras, versions = record["versions"]["keras"], {**record["versions"], "keras": "1"}
    (run / "run.json").write_text(json.dumps({**record, "versions": versions}))
    told = bnexp(*COMPARED, "--seeds", "8", "--dry-run", cwd=place).stdout.splitlines()
    why = f"bn: the training of seeds 0 to 5 in {run.name} cannot be used: keras was 1 and is {keras}"
    assert told[:2] == ["bn: 8 seeds x 2 epochs, to be trained: 6 of its 8 seeds are stored", why]
    assert f"# {why}" in bnexp("train", "bn", "--seeds", "8", "--dry-run", cwd=place).stdout.splitlines()


@pytest.mark.slow
def test_a_plan_rests_on_the_newest_comparison_of_the_same_data_and_rather_of_the_same_arms(place: Path) -> None:
    bnexp(*COMPARED, "--quiet", cwd=place)
    first = bnexp(*COMPARED, "--quiet", cwd=place).stdout.strip().rpartition("/")[2]
    stored = plan(place)
    assert [arm["run"] is not None for arm in stored["arms"]] == [True, True]
    assert stored["detectable"]["rests_on"] == first
    bnexp("compare", "bn", "nobn", "name=x", "model.hidden=[5]", "--quiet", cwd=place)
    assert plan(place)["detectable"]["rests_on"] == first, "of the same arms"
    bnexp("compare", "bn", "nobn", "training.learning_rate=0.5", "--quiet", cwd=place)
    assert plan(place)["detectable"]["rests_on"] == first, "of the same settings"
    other = plan(place, "training.learning_rate=0.3")["detectable"]
    assert other["rests_on"] != first
    assert f"by the variances of {other['rests_on']}, whose arms have other settings. " in other["sentence"]
    more = plan(place, "--seeds", "20")
    assert more["arms"][0]["run"] is None
    assert more["detectable"]["rests_on"] == first
    assert more["detectable"]["difference"] < stored["detectable"]["difference"]
    assert plan(place, "dataset.samples=80")["detectable"]["rests_on"] is None, "other data"


@pytest.mark.slow
def test_another_question_than_the_first_one_is_told_in_the_plan_and_beside_the_verdict(place: Path) -> None:
    bnexp(*COMPARED, "--quiet", cwd=place)
    first = "were first judged by val_accuracy (margin 1.00 points, new rows), and now by val_loss (default margin, new rows)."
    (told,) = plan(place, "--metric", "val_loss")["cautions"]
    assert told.startswith(f"bn and nobn {first}")
    assert f"WARNING  {told}" in bnexp(*COMPARED, "--metric", "val_loss", cwd=place).stdout.splitlines()
    biased = plan(place, "--metric", "val_calibration_error")["detectable"]["sentence"]
    assert biased.startswith("On these rows, ") and "new rows" not in biased
    assert plan(place)["cautions"] == []


def test_a_comparison_that_is_damaged_or_whose_runs_are_gone_is_passed_over(place: Path) -> None:
    bnexp(*COMPARED, "--quiet", cwd=place)
    (compared,) = (place / "runs").glob("bn-vs-nobn-*")
    text = (compared / "comparison.json").read_text()
    (compared / "comparison.json").write_text(text.replace('"val_accuracy"', '"val_accuracies"'))
    assert plan(place)["detectable"]["rests_on"] is None
    (compared / "comparison.json").write_text(text)
    assert plan(place)["detectable"]["rests_on"] == compared.name
    for run in [*(place / "runs").glob("bn-2*"), *(place / "runs").glob("nobn-2*")]:
        shutil.rmtree(run)
    assert plan(place)["detectable"]["rests_on"] is None


@pytest.mark.slow
def test_an_own_file_that_has_changed_is_other_data(place: Path) -> None:
    rows = "\n".join(f"{x},{x % 2}" for x in range(60))
    (place / "own.csv").write_text(f"x,y\n{rows}\n")
    for name in ("bn", "nobn"):
        path = place / "configs" / f"{name}.yaml"
        own = "{name: csv, path: own.csv, target: y, task: classification}"
        path.write_text(path.read_text().replace("{name: moons, samples: 60}", own))
    bnexp(*COMPARED, "--quiet", cwd=place)
    (compared,) = (place / "runs").glob("bn-vs-nobn-*")
    assert plan(place, "--metric", "val_loss")["detectable"]["rests_on"] == compared.name
    (place / "own.csv").write_text(f"x,y\n{rows}\n60,1\n")
    assert plan(place, "--metric", "val_loss")["detectable"]["rests_on"] is None


def test_stored_runs_answer_other_questions_in_any_order_without_tensorflow(place: Path) -> None:
    first = json.loads(bnexp(*COMPARED, "--json", cwd=place).stdout)
    ids = [arm["run"] for arm in first["arms"]]
    asked = ("--metric", "val_loss", "--margin", "0.3", "--baseline", "bn", "--about", "these-rows", "--json")
    planned, answered = [*COMPARED, "--dry-run", "--quiet"], ["compare", *reversed(ids), *asked]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", SEVERAL, json.dumps([planned, answered])],
        cwd=place, env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {"tensorflow", "keras"} & imported(done) == set()
    found = json.loads(done.stdout)
    assert (found["baseline"], found["primary"]) == ("bn", {"metric": "val_loss", "margin": 0.3})
    (contrast,), (before,) = found["contrasts"], first["contrasts"]
    assert (contrast["arm"], contrast["verdict"]["about"]) == ("nobn", "these rows")
    for metric, difference in before["metrics"].items():
        assert contrast["metrics"][metric]["mean"] == pytest.approx(-difference["mean"]), "every metric is stored"


@pytest.mark.slow
def test_a_metric_that_stored_runs_do_not_hold_is_refused_with_what_to_do(place: Path) -> None:
    bnexp(*COMPARED, "--quiet", cwd=place)
    assert refused(*COMPARED, "--metric", "test_accuracy", cwd=place) == (
        "--metric is 'test_accuracy'; there is no test part beside the validation part. "
        "Set dataset.validation_size, such as 0.25, or name both parts: dataset.validation_path, "
        "dataset.test_path."
    )
    assert refused(*COMPARED, "--metric", "val_los", cwd=place).startswith(
        "--metric is 'val_los'; it is not measured. Did you mean 'val_loss'?"
    )


@pytest.mark.slow
def test_a_plan_tells_what_earlier_looks_at_these_arms_do_to_the_error(place: Path) -> None:
    assert plan(place)["cautions"] == []
    bnexp(*COMPARED, "--quiet", cwd=place)
    assert plan(place)["cautions"] == [], "the same seeds again are no other look"
    assert plan(place, "--seeds", "8")["cautions"] == [], "the stored comparison has no verdict that could be wrong"
    (stored,) = place.glob("runs/bn-vs-nobn-*/comparison.json")
    stored.write_text(stored.read_text().replace('"is_withheld": true', '"is_withheld": false'))
    (said,) = plan(place, "--seeds", "8")["cautions"]
    assert said.startswith(
        "Stored comparisons looked at these arms at 6 seeds before, so this is the second look; together, "
    )
    assert f"WARNING  {said}" in bnexp(*COMPARED, "--seeds", "8", "--dry-run", cwd=place).stdout.splitlines()
    assert plan(place, "--seeds", "5")["cautions"] == [], "5 seeds give no verdict"
    assert plan(place, "--seeds", "8", "dataset.noise=0.3")["cautions"] == [], "other rows are another experiment"
