"""The work that a study's workers do: refusals, timed steps, training, and what is kept of it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich import console
from studies import ARMS, BASE, CLAIM, planned
from tasks import HereAndNow

from bnexp.errors import UserError
from bnexp.executors import Failure
from bnexp.experiment.prepare import Checked
from bnexp.report import study_table
from bnexp.study import plan as study_plan
from bnexp.study import work as study_work
from bnexp.study.document import document
from bnexp.study.outlook import plan_warnings
from bnexp.study.result import Result
from bnexp.study.run import check_unfinished

SHORT = BASE.replace("epochs: 10", "epochs: 2") + ARMS + CLAIM + "seeds: 2\n"


def test_data_that_change_while_a_study_tunes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.csv"
    own.write_text("\n".join(["x,y", *(f"{x},{x % 2}" for x in range(60))]))
    dataset = f"dataset: {{name: csv, path: {own}, target: y, task: classification, validation_size: 0.25}}"
    tune = "tune: {key: training.learning_rate, values: [0.01, 0.1], seeds: 1}\n"
    text = SHORT.replace(re.search("dataset: {[^}]*}", SHORT)[0], dataset).replace(
        "epochs: 2", "epochs: 2, batch_size: 8"
    )
    one, _ = study_plan.pending(planned(tmp_path, text + tune))
    measured = study_work.measured

    def then_written_to(*arguments: Any, **options: Any) -> Any:
        found = measured(*arguments, **options)
        own.write_text(own.read_text().replace("1,1", "1,0"))
        return found

    monkeypatch.setattr(study_work, "measured", then_written_to)
    (failure,) = study_work.results(one)
    assert isinstance(failure, Failure) and "it holds other data than when the study was begun" in failure.why


@pytest.mark.slow
def test_warnings_of_the_data_are_kept_apart_from_those_of_training_as_in_a_comparison(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    colors = ["Red", "red", "blue"]
    own.write_text("\n".join(["k,x,y", *(f"{colors[x % 3]},{x},{x % 2}" for x in range(60))]))
    dataset = f"dataset: {{name: csv, path: {own}, target: y, task: classification, validation_size: 0.25}}"
    training = "epochs: 2, batch_size: 16, refresh_statistics: true"
    text = SHORT.replace(re.search("dataset: {[^}]*}", SHORT)[0], dataset).replace("epochs: 2", training)
    plan = planned(tmp_path, text)
    results = {}
    for job in study_plan.pending(plan):
        for one in study_work.results(job):
            assert isinstance(one, Result), one
            results[0, one.arm] = one
    found = document(plan.file, plan.cells, plan.digest, results)
    assert [one.warnings for one in results.values()] == [[], []]
    assert len(found.data_warnings) == 1 and "Red" in found.data_warnings[0]
    assert [one.warned for one in found.hypotheses] == [False]


@pytest.mark.slow
def test_numbers_of_a_processor_and_of_a_gpu_are_told_from_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, SHORT)
    one, another = study_plan.pending(plan)
    (plain,) = study_work.results(one)
    monkeypatch.setattr("bnexp.training.devices.gpus", lambda: ["NVIDIA H100"])
    (fast,) = study_work.results(another)
    assert isinstance(plain, Result) and isinstance(fast, Result)
    results = {(0, plain.arm): plain, (0, fast.arm): fast}
    found = document(plan.file, plan.cells, plan.digest, results)
    assert found.versions["GPU"] == ["NVIDIA H100", "none"]
    told = console.Console(file=io.StringIO(), width=400)
    told.print(study_table.study(found))
    assert "Cells were trained with different software or GPUs: GPU NVIDIA H100 and none." in told.file.getvalue()
    alike = document(plan.file, plan.cells, plan.digest, dict.fromkeys(results, plain))
    assert "GPU" not in alike.versions


def test_a_rough_guess_needs_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (one, *_) = study_plan.pending(planned(tmp_path, SHORT))
    real = study_work.time_steps(one)
    assert real is not None and real.step > 0
    with monkeypatch.context() as broken:
        broken.setattr("bnexp.training.many_seeds.train", Mock(side_effect=AssertionError("trains")))
        found = study_work.check_job(one)
    assert found.problems == [] and found.pace is not None
    assert found.pace.start > 0 and 0.01 < found.pace.step / real.step < 100


@pytest.mark.parametrize(
    ("broken", "asks"), [("_of_two_epochs", study_work.time_steps), ("_products", study_work.check_job)]
)
def test_an_error_in_the_timing_itself_is_not_hidden_as_an_unknown_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, asks: Any
) -> None:
    (one, *_) = study_plan.pending(planned(tmp_path, SHORT))
    monkeypatch.setattr(f"bnexp.experiment.pace.{broken}", Mock(side_effect=KeyError("of bnexp")))
    with pytest.raises(KeyError, match="of bnexp"):
        asks(one)


@pytest.mark.parametrize("error", [KeyError("in a layer"), MemoryError("too much"), UserError("refused")])
def test_the_time_is_unknown_if_the_training_fails_which_reports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (one, *_) = study_plan.pending(planned(tmp_path, SHORT))
    monkeypatch.setattr("bnexp.experiment.pace.train", Mock(side_effect=error))
    assert study_work.time_steps(one) is None


def test_a_gpu_that_cannot_be_used_refuses_a_study_and_says_so_of_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, *_) = study_plan.pending(planned(tmp_path, SHORT))
    refused = Mock(side_effect=UserError("TensorFlow finds a GPU and cannot use it"))
    monkeypatch.setattr("bnexp.training.devices.refuse_unusable_gpus", refused)
    assert study_work.check_job(one).problems == ["TensorFlow finds a GPU and cannot use it"]
    told = [failed.why for failed in study_work.results(one) if isinstance(failed, Failure)]
    assert set(told) == {"TensorFlow finds a GPU and cannot use it"}


def test_what_keras_refuses_is_told_before_anything_is_written(tmp_path: Path) -> None:
    assert study_work.check_job(study_plan.pending(planned(tmp_path, SHORT))[0]).problems == []
    bad = planned(tmp_path, SHORT.replace("epochs: 2}", "epochs: 2, optimizer: {name: adagrad, momentum: 0.9}}"))
    (refused, *_) = study_work.check_job(study_plan.pending(bad)[0]).problems
    assert refused.startswith(
        f"{tmp_path}/s.yaml:1: training.optimizer is adagrad with {{'momentum': 0.9}}; Keras refuses it"
    )


def test_a_plan_warns_of_a_network_as_its_training_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the network that was built tells its momentum, and what in it may mislead."""
    plan = planned(tmp_path, SHORT.replace("none: {model.normalization: none}", "none: {model.dropout: 0.5}"))
    built = Checked("binary", 2, doubts=["one layer never learns"], own_momenta=[0.999])
    monkeypatch.setattr(study_work, "preflight", lambda several: [built for _ in several])
    monkeypatch.setattr(study_work, "_rough_pace", lambda job: None)
    costs = check_unfinished(plan, HereAndNow())
    (doubt, stale) = plan_warnings(plan, costs.warnings)
    assert doubt == "bn in 1 cell, none in 1 cell: one layer never learns"
    assert "after 4 steps with momentum 0.999 they still hold 99.6% of their initial values" in stale
    (of_config,) = plan_warnings(plan)
    assert of_config.startswith("bn in 1 cell: ") and "with momentum 0.99 they still hold 96%" in of_config
