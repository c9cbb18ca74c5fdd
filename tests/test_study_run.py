"""A study as it runs: what it keeps, what it trains again, what it refuses, and how long it takes."""

from __future__ import annotations

import dataclasses
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from printed import lines
from rich import console
from studies import ARMS, BASE, CLAIM, planned
from tasks import HereAndNow

from bnexp import store
from bnexp.api.studies import Place
from bnexp.errors import ConfigError, StorageError, WorkError
from bnexp.executors import Failure
from bnexp.experiment.pace import Pace
from bnexp.report import plan_table
from bnexp.study import plan as study_plan
from bnexp.study import run as study_run
from bnexp.study import work as study_work
from bnexp.study.jobs import Job, Trial
from bnexp.study.outlook import plan_document
from bnexp.study.result import Result
from bnexp.study.trial_rows import rows_path

SHORT = BASE.replace("epochs: 10", "epochs: 2") + ARMS + CLAIM + "seeds: 2\n"


def names(plan: study_plan.Plan) -> list[list[str]]:
    return [[f"{trial.cell.number}-{trial.arm}" for trial in one.trials] for one in study_plan.pending(plan)]


def trial_of(plan: study_plan.Plan, cell: int, arm: str) -> Trial:
    return next(trial for trial in plan.trials if trial.key == (cell, arm))


@pytest.mark.slow
def test_a_job_that_is_lost_in_part_is_trained_whole_and_what_is_kept_stays(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.01]}\n")
    study_run.run(plan, HereAndNow(), lambda *told: None)
    before = {path.name: path.read_bytes() for path in (plan.directory / "cells").iterdir()}
    lost = trial_of(plan, 1, "bn")
    plan.path(lost).unlink()
    told: list[Result] = []
    assert names(plan) == [["0-bn", "1-bn"]]
    study_run.run(plan, HereAndNow(), lambda result, *rest: told.append(result))
    assert [one.trial for one in told] == [lost.digest]
    after = {path.name: path.read_bytes() for path in (plan.directory / "cells").iterdir()}
    assert {name for name in after if after[name] != before[name]} <= {plan.path(lost).name}  # whose seconds differ
    assert told[0].final == Result.model_validate_json(before[plan.path(lost).name]).final


@pytest.mark.slow
def test_data_that_are_not_those_of_the_plan_are_refused_before_and_while_a_study_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows, other = ([f"{x},{(x + step) % 2}" for x in range(60)] for step in (0, 1))
    Path("own.csv").write_text("\n".join(["x,y", *rows]))
    dataset = "dataset: {name: csv, path: own.csv, target: y, task: classification, validation_size: 0.25}"
    plan = planned(tmp_path, SHORT.replace(re.search("dataset: {[^}]*}", SHORT)[0], dataset))
    one, another = study_plan.pending(plan)
    assert [result.arm for result in study_work.results(one) if isinstance(result, Result)] == ["bn"]
    Path("own.csv").write_text("\n".join(["x,y", *other]))
    with monkeypatch.context() as nothing:
        nothing.setattr("bnexp.experiment.measurement._measured_alike", None)  # training would raise
        (failure,) = study_work.results(another)
    assert isinstance(failure, Failure)
    assert re.search(r"^\S+s.yaml:\d+: dataset.path is 'own.csv'; on .* it holds other data than", failure.why)
    with pytest.raises(ConfigError, match=r"s.yaml:\d+: dataset.path is 'own.csv'; on .* it holds other data"):
        study_run.check_unfinished(plan, HereAndNow())
    assert not plan.directory.exists()


@pytest.mark.slow
def test_what_another_process_has_finished_meanwhile_is_not_trained_again(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT)
    trained: list[Job] = []

    class Overtaken(HereAndNow):
        def each(self, work: Callable[[Job], Any], several: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
            trained.extend(several)
            yield from super().each(work, several)

    study_run.run(plan, HereAndNow(), lambda *told: None)
    assert study_run.run(plan, Overtaken(), lambda *told: None).seeds == 2
    assert trained == []


def test_other_studies_of_a_name_that_have_answers_are_told(tmp_path: Path) -> None:
    other = SHORT.replace("epochs: 2", "epochs: 2, learning_rate: 0.01")
    first = planned(tmp_path, SHORT)
    assert plan_document(first, 1).other_answers == {}
    study_run.run(first, HereAndNow(), lambda *told: None)
    (tmp_path / "runs" / "s-study-s-study-0123456789").mkdir()
    (tmp_path / "runs" / "s-study-s-study-0123456789" / "study.json").write_text(
        '{"name": "s-study-s", "verdict": "x"}'
    )
    second = plan_document(planned(tmp_path, other), 1)
    assert second.other_answers == {first.directory.name: "inconclusive"}
    told = console.Console(file=io.StringIO(), width=400)
    told.print(plan_table.study_plan(second))
    assert (
        f"a study of this name had an answer before, in another directory: {first.directory.name} (inconclusive)"
        in told.file.getvalue()
    )
    answered = planned(tmp_path, other)
    study_run.run(answered, HereAndNow(), lambda *told: None)
    assert plan_document(answered, 1).other_answers == {first.directory.name: "inconclusive"}
    assert plan_document(first, 1).other_answers == {}  # it was begun before
    study_run.run(first, HereAndNow(), lambda *told: None)  # once more, to see its verdict
    assert plan_document(answered, 1).other_answers == {first.directory.name: "inconclusive"}


def test_a_trial_that_cannot_be_trained_is_written_down_and_does_not_stop_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.01]}\n")
    measured = study_work.measured

    def refusing(experiments: Sequence[Any], *arguments: Any, **options: Any) -> Any:
        if any(
            one.training.learning_rate.initial == 0.01 and one.model.normalization.name == "batch"
            for one in experiments
        ):
            raise FloatingPointError("not with this rate")
        return measured(experiments, *arguments, **options)

    monkeypatch.setattr(study_work, "measured", refusing)
    with pytest.raises(
        WorkError,
        match=r"1 of 4 trials could not be trained.*training.learning_rate=0.01, bn ended with: FloatingPointError: not with",
    ) as caught:
        study_run.run(plan, HereAndNow(), lambda *told: None)
    assert caught.value.exit_code == 1
    kept = sorted(path.name for path in (plan.directory / "cells").iterdir())
    failed = trial_of(plan, 1, "bn")
    why = study_plan.failure_path(plan.path(failed))
    paths = [plan.path(trial) for trial in plan.trials if trial != failed]
    assert kept == sorted(
        [why.name, *(path.name for path in paths), *(path.with_suffix(".npz").name for path in paths)]
    )
    assert "Traceback" in why.read_text()
    assert not (plan.directory / "study.json").exists()
    monkeypatch.setattr(study_work, "measured", measured)
    assert names(plan) == [["1-bn"]]  # the others were trained alone, and are finished
    assert study_run.run(plan, HereAndNow(), lambda *told: None).verdict == "inconclusive"
    assert not why.exists()


def test_the_time_that_is_left_is_told_for_those_that_have_work_and_not_before_a_cluster_is_known(
    tmp_path: Path,
) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.batch_size: [8, 4, 2]}\n")
    done = study_work.results(study_plan.pending(plan)[0])
    store.make_place(plan.directory / study_plan.CELLS)
    for outcome in done:
        assert isinstance(outcome, Result)
        study_run._keep(plan, next(one for one in plan.trials if one.digest == outcome.trial), outcome)
    jobs = len(study_plan.pending(plan))
    left = plan_document(plan, jobs).seconds_left
    assert left is not None and plan_document(plan, 64).seconds_left == left > 0
    assert plan_document(plan, None).seconds_left is None
    here, there = Place(workers=3), Place(launcher="ray", address="far:1")
    assert (here.at_a_time(2), there.at_a_time(2)) == (2, None)
    assert Place(launcher="ray", workers=5, address="far:1").at_a_time(9) == 5


class Told(HereAndNow):
    """Workers whose checks and trials tell these costs, and that note which jobs are tried."""

    def __init__(self, at_once: int, rough: Pace | None, tried: Sequence[Pace | None]) -> None:
        self.at_once, self.rough, self.answers, self.tried = at_once, rough, tried, list[Job]()
        self.calls = list[int]()

    def each(self, work: Callable[[Job], Any], several: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
        self.calls.append(len(several))
        if work is study_work.check_job:
            yield from ((one, study_work.CheckedJob([], self.rough)) for one in reversed(several))
        else:
            self.tried += several
            yield from zip(several, itertools.cycle(self.answers), strict=False)


def test_the_time_of_a_study_follows_from_a_trial_of_its_largest_jobs(tmp_path: Path) -> None:
    text = SHORT.replace("epochs: 2", "epochs: 200") + "vary: {training.batch_size: [8, 4]}\n"
    plan = planned(tmp_path, text)
    unfinished = study_plan.pending(plan)
    steps = sum(one.steps for one in unfinished)
    long = Pace(0.1, 10.0)  # so long a study is worth a trial
    two = Told(2, long, [Pace(2.0, 0.001), Pace(4.0, 0.003)])
    ends = [unfinished[0], unfinished[-1]]
    step = (ends[0].steps * 0.001 + ends[1].steps * 0.003) / (ends[0].steps + ends[1].steps)
    assert ends[0].steps > ends[1].steps
    seconds, is_rough = study_run.estimate(study_run.check_unfinished(plan, two), two)
    assert (seconds, is_rough) == (pytest.approx((len(unfinished) * 3.0 + steps * step) / 2), False)
    assert two.tried == ends
    many = Told(64, long, [Pace(2.0, 0.001), Pace(4.0, 0.003)])
    counted = [(one.steps, 0.001 + 0.002 * (number % 2)) for number, one in enumerate(unfinished)]
    step = sum(steps * each for steps, each in counted) / steps
    largest = 3.0 + unfinished[0].steps * step
    assert study_run.estimate(study_run.check_unfinished(plan, many), many)[0] == pytest.approx(largest)
    failing = Told(2, long, [None])
    assert study_run.estimate(study_run.check_unfinished(plan, failing), failing)[1], (
        "a trial that fails leaves the rough guess"
    )


@pytest.mark.parametrize(
    ("rough", "is_tried"), [(Pace(1.0, 0.5), True), (Pace(1.0, 0.001), False), (Pace(30.0, 0.1), False)]
)
def test_a_trial_takes_a_tenth_of_what_it_estimates_or_is_left_out(tmp_path: Path, rough: Pace, is_tried: bool) -> None:
    plan = planned(tmp_path, SHORT.replace("epochs: 2", "epochs: 200"))
    workers = Told(1, rough, [Pace(0.5, 0.25)])
    costs = study_run.check_unfinished(plan, workers)
    seconds, is_rough = study_run.estimate(costs, workers)
    assert seconds is not None
    jobs, steps = len(costs.jobs), sum(job.steps for job in costs.jobs)
    if is_tried:
        assert (is_rough, seconds) == (False, pytest.approx(jobs * 0.5 + steps * 0.25))
    else:
        assert (is_rough, seconds, workers.tried) == (
            True,
            pytest.approx(jobs * rough.start + steps * rough.step),
            [],
        )
    started = dataclasses.replace(costs, seconds=seconds)
    assert study_run.estimate(started, workers, plan_only=True)[1], (
        "for a plan, to start the workers takes its time too"
    )


def test_a_plan_of_few_jobs_starts_one_worker_and_a_study_all(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.batch_size: [8, 4]}\n")
    jobs, workers = len(study_plan.pending(plan)), Told(2, None, [])
    costs = study_run.check_unfinished(plan, workers, plan_only=True)
    assert workers.calls == [1] * jobs
    assert study_run.estimate(costs, workers) == (None, True)
    study_run.check_unfinished(plan, workers)
    assert workers.calls[-1] == jobs


def test_a_disk_that_is_full_once_a_study_has_begun_is_failed_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, SHORT)
    monkeypatch.setattr(study_run, "_keep", Mock(side_effect=StorageError("cells/0-bn.json: cannot be written")))
    with pytest.raises(WorkError, match="cannot be written") as caught:
        study_run.run(plan, HereAndNow(), lambda *told: None)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(path.with_name("other").read_bytes()),
    ],
    ids=["lost", "cut short", "of another trial"],
)
def test_a_trial_whose_held_out_rows_are_lost_or_damaged_is_trained_again_and_the_plan_says_so(
    tmp_path: Path, damage: Any
) -> None:
    plan = planned(tmp_path, SHORT)
    answer = study_run.run(plan, HereAndNow(), lambda *told: None)
    trial, other = plan.trials
    rows = rows_path(plan.path(trial))
    rows.with_name("other").write_bytes(rows_path(plan.path(other)).read_bytes())
    whole = rows.read_bytes()
    damage(rows)
    assert study_plan.finished(plan).keys() == {other.key}
    told = plan_document(plan, 1)
    assert (told.finished, told.damaged) == (1, [f"cells/{rows.name}"])
    said = f"WARNING  cells/{rows.name} is missing or damaged, so its trial is trained again"
    assert said in lines(plan_table.study_plan(told))
    heard: list[Result] = []
    assert study_run.run(plan, HereAndNow(), lambda result, *rest: heard.append(result)) == answer
    assert [(one.trial, rows.read_bytes()) for one in heard] == [(trial.digest, whole)]
    assert plan_document(plan, 1).damaged == []


def test_a_damaged_trial_is_named_in_the_plan_and_of_many_the_first_three(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT)
    study_run.run(plan, HereAndNow(), lambda *told: None)
    plan.path(plan.trials[0]).write_text("{")
    told = plan_document(plan, 1)
    assert told.damaged == [f"cells/{plan.path(plan.trials[0]).name}"]
    several = told.model_copy(update={"damaged": [f"cells/{name}.npz" for name in "abcde"]})
    said = "WARNING  cells/a.npz, cells/b.npz, cells/c.npz and 2 more are missing or damaged, so their trials are trained again"
    assert said in lines(plan_table.study_plan(several))
