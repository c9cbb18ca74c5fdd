"""The list of runs: a row for each, whatever its directory holds, and each row one line."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from bnexp import store
from bnexp.cli import commands
from bnexp.report import run_list
from bnexp.report.run_list import RunRow

FINISHED = {"name": "bn", "status": "finished", "seeds": 2, "metrics": {"val_accuracy": {"final": 0.8, "best": 0.9}}}


def kept(runs: Path, called: str, /, **record: Any) -> store.Run:
    directory = runs / f"{called}-20260101-000000"
    directory.mkdir()
    for name in ("config.yaml", "history.json"):
        (directory / name).write_text("")
    (directory / "run.json").write_text(json.dumps(record))
    return store.Run(directory)


def test_a_finished_run_shows_its_headline(tmp_path: Path) -> None:
    assert asdict(run_list.row(kept(tmp_path, "bn", **FINISHED))) == {
        "run": "bn-20260101-000000", "kind": "run", "status": "finished", "seeds": 2, "result": "val_accuracy (%) 80.00",
        "overrides": "-", "options": "-",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metrics": {}}, "run.json: metrics: no metric stands for the run; expected one of test_accuracy, test_r2, "
         "test_loss, val_accuracy, val_r2, val_loss. It is damaged, or of another bnexp. Restore the file, or train again."),
        ({"metrics": {"../x": {}}}, "run.json: metrics.../x.[key]: '../x' is no metric of bnexp; expected loss, accuracy, mse, "
         "mae, r2, auc, f1, balanced_accuracy, mcc, pr_auc, log_loss, brier, top_5, calibration_error, or one of a part, as val_loss. It is damaged, or of another bnexp. Restore the file, or train again."),
        ({"metrics": None}, "run.json: has no metrics, though it is finished. Train again."),
        ({"seeds": "2"}, "run.json: seeds: expected a list of different seeds, such as [0, 1]. It is damaged, or of another bnexp. "
         "Restore the file, or train again."),
        ({"status": "done"}, "run.json: status: Input should be 'running', 'finished', 'interrupted' or 'failed'. It is damaged, or of "
         "another bnexp. Restore the file, or train again."),
    ],
)  # fmt: skip
def test_a_damaged_run_is_listed_with_the_reason_and_hides_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], reason: str
) -> None:
    kept(tmp_path, "bad", **{**FINISHED, **changes})
    kept(tmp_path, "good", **FINISHED)
    assert commands.list_runs(tmp_path, as_json=True) == 0
    rows = {row["run"][:-16]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["bad"]["status"], rows["bad"]["result"]) == ("damaged", reason)
    assert rows["good"]["status"] == "finished"
    commands.list_runs(tmp_path, as_json=False)
    assert f"damaged      - {reason}" in capsys.readouterr().out


def kept_comparison(runs: Path, arms: list[dict[str, Any]], **more: Any) -> store.Run:
    directory = runs / "a-vs-b-20260101-000000"
    directory.mkdir()
    verdict = {"word": "helps", "sentence": ""}
    document = {"seeds": [0, 1], "contrasts": [{"verdict": verdict}], "arms": arms, **more}
    (directory / "histories.json").write_text("{}")
    (directory / "comparison.json").write_text(json.dumps(document))
    return store.Run(directory)


@pytest.mark.parametrize(
    ("arms", "told"),
    [
        ([{"name": "a", "overrides": ["training.epochs=3"]}, {"name": "b", "overrides": ["training.epochs=3"]}],
         "training.epochs=3"),
        ([{"name": "a", "overrides": ["training.epochs=3", "model.normalization.momentum=0.9"]},
          {"name": "b", "overrides": ["training.epochs=3"]}], "training.epochs=3; a: model.normalization.momentum=0.9"),
        ([{"name": "a", "overrides": []}, {"name": "b", "overrides": ["model.dropout=0.3"]}], "b: model.dropout=0.3"),
        ([{"name": "a", "overrides": []}, {"name": "b", "overrides": []}], "-"),
        ([{"name": "a", "overrides": ["training.seeds=40"]}, {"name": "b", "overrides": ["training.seeds=20"]}], "training.seeds=2"),
        ([{"name": "a", "overrides": ["training={seeds: 40}"]}, {"name": "b", "overrides": []}], "a: training={seeds: 40} training.seeds=2"),
        ([{"name": "a"}, {"name": "b"}], "-"),
    ],
)  # fmt: skip
def test_a_comparison_is_listed_with_the_overrides_of_its_arms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arms: list[dict[str, Any]], told: str
) -> None:
    run = kept_comparison(tmp_path, arms)
    assert asdict(run_list.row(run)) == {
        "run": run.id, "kind": "comparison", "status": "finished", "seeds": 2, "result": "helps", "overrides": told,
        "options": "-",
    }  # fmt: skip
    assert commands.list_runs(tmp_path, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)[0]["overrides"] == told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"margin": 0.02, "target": 0.9, "baseline": "a", "about": "these-rows"},
         "--margin 0.02 --reach 0.9 --baseline a --about these-rows"),
        ({"margin": None, "target": None, "baseline": None, "about": "new-rows"}, "-"),
        ({}, "-"),
    ],
)  # fmt: skip
def test_a_comparison_is_listed_with_what_was_asked_otherwise_than_by_default(
    tmp_path: Path, asked: dict[str, Any], told: str
) -> None:
    assert run_list.row(kept_comparison(tmp_path, [], asked=asked)).options == told


@pytest.mark.parametrize("error", [MemoryError("too much"), ValueError("x"), RecursionError("deep"), OSError("gone")])
def test_whatever_damaged_files_raise_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("bnexp.store.runs.head", Mock(side_effect=error))
    row = run_list.row(kept(tmp_path, "bn", **FINISHED))
    assert (row.status, row.result) == ("damaged", repr(error))


@pytest.mark.parametrize("bug", [TypeError, KeyError, AttributeError])
def test_a_bug_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: type[Exception]) -> None:
    monkeypatch.setattr("bnexp.store.runs.head", Mock(side_effect=bug("of bnexp")))
    with pytest.raises(bug, match="of bnexp"):
        kept(tmp_path, "bn", **FINISHED).state()


def test_names_are_cleaned_and_columns_stand_below_each_other_in_any_script() -> None:
    row = RunRow("\x1b[31m批", "run", "finished", 20, "x", "training.epochs=4")
    assert run_list.table([row, replace(row, run="b", seeds=3, result="-")]).split("\n") == [
        "run     kind status   seeds result overrides         options",
        "?[31m批 run  finished    20 x      training.epochs=4 -",
        "b       run  finished     3 -      training.epochs=4 -",
    ]


def test_the_reason_of_a_damaged_run_makes_no_column_wider() -> None:
    damaged = RunRow("a", "run", "damaged", result="run.json: is a pipe; expected a regular file.")
    finished = RunRow("b", "run", "finished", result="x")
    assert run_list.table([damaged, finished]).split("\n") == [
        "run kind status   seeds result overrides options",
        "a   run  damaged      - run.json: is a pipe; expected a regular file. -         -",
        "b   run  finished     - x      -         -",
    ]


def test_a_comparison_of_planned_looks_is_listed_with_the_options_that_asked_for_them(tmp_path: Path) -> None:
    looks = {"planned": [10, 20, 40], "taken": [{"seeds": 10, "level": 0.98}], "error": 0.05}
    run = kept_comparison(tmp_path, [], looks=looks, asked={"margin": 0.02})
    assert run_list.row(run).options == "--until-settled --max-seeds 40 --margin 0.02"
