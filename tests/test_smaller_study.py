"""A study with more seeds: only the new ones are trained, and its numbers are those of training all at once."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import slow
from rich.console import Console
from studies import ARMS, BASE, CLAIM, planned
from tasks import HereAndNow

from bnexp.errors import UntrainedError
from bnexp.report import study_table
from bnexp.report.plan_table import study_plan
from bnexp.store.study_document import StudyDocument
from bnexp.study import run as study_run
from bnexp.study import work as study_work
from bnexp.study.asked import asked_now, keep_asked
from bnexp.study.jobs import Job
from bnexp.study.outlook import plan_document
from bnexp.study.plan import Plan, finished, pending
from bnexp.study.result import Result
from bnexp.study.trial_rows import keep_rows, kept_rows, rows_path

pytestmark = pytest.mark.usefixtures("seed_by_seed")
EPOCHS = "epochs: 10}"
STUDY = BASE.replace(EPOCHS, "epochs: 2}") + ARMS + CLAIM + "seeds: %d\n"


class Working(HereAndNow):
    """Workers that are this process, and note which seeds each job trains."""

    def __init__(self) -> None:
        self.seeds: list[tuple[int, ...]] = []

    def each(self, work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
        for job in jobs:
            if work is study_work.results:
                self.seeds.append(job.seeds)
            yield job, work(job)


def run(place: Path, text: str) -> tuple[Plan, list[tuple[int, ...]], StudyDocument]:
    """Run a study; return its plan, the seeds that each job trained, and the answer."""
    place.mkdir(exist_ok=True)
    plan, workers = planned(place, text), Working()
    document = study_run.run(plan, workers, lambda *told: None)
    return plan, workers.seeds, document


def results(plan: Plan) -> list[Result]:
    return [Result.model_validate_json(plan.path(trial).read_text()) for trial in plan.trials]


def measured(result: Result) -> dict[str, Any]:
    """Return what does not say how a result came about."""
    return result.model_dump(exclude={"together", "steps", "seconds", "trained_in", "ended"})


DIVERGING = STUDY.replace("epochs: 2}", "epochs: 2, optimizer: sgd, learning_rate: 1.0e+30}")
TUNED = STUDY + "tune: {key: training.learning_rate, values: [0.001, 0.1], seeds: 2}\n"
REACHING = (
    STUDY.replace("epochs: 2}", "epochs: 6, early_stopping: {monitor: loss, patience: 1}}")
    .replace("metric: test_accuracy", "metric: {metric: val_accuracy, epochs_to: 0.6}")
    .replace("higher, smallest: 0.01", "lower, smallest: 1.2")
)


@pytest.mark.parametrize(
    "text",
    [
        slow(DIVERGING, id="diverging"),
        slow(TUNED, id="tuned"),
        slow(REACHING, id="reaching"),
    ],
)
def test_a_study_with_more_seeds_trains_those_alone_and_measures_what_all_at_once_measure(
    tmp_path: Path, text: str
) -> None:
    diverges, resample = "sgd" in text, "validation" if "tune" in text else "true"
    text = text.replace("samples: 80", f"samples: 80, resample: {resample}")
    few, seeds, _ = run(tmp_path / "added", text % 2)
    assert set(seeds) == {(0, 1)}
    before = {path: path.read_bytes() for path in few.directory.rglob("*") if path.is_file()}
    more, seeds, answer = run(tmp_path / "added", text % 5)
    assert set(seeds) == {(2, 3, 4)} and more.directory != few.directory
    assert {path: path.read_bytes() for path in few.directory.rglob("*") if path.is_file()} == before
    at_once, seeds, expected = run(tmp_path / "at_once", text % 5)
    assert set(seeds) == {(0, 1, 2, 3, 4)}
    for one, other in zip(results(more), results(at_once), strict=True):
        warnings = measured(one).pop("warnings")
        assert measured(one) == {**measured(other), "warnings": warnings}
        assert len(one.diverged) == (5 if diverges else 0)
        assert one.trained_in == {few.directory.name: (0, 1)} and other.trained_in == {}
        assert list(one.ended.values()) == [(0, 1), (2, 3, 4)] and list(other.ended.values()) == [(0, 1, 2, 3, 4)]
        assert list(one.ended) == sorted(one.ended), "the first seeds ended first"
    assert answer.model_copy(update={"hypotheses": [], "cells": []}) == expected.model_copy(
        update={"hypotheses": [], "cells": []}
    )
    assert answer.hypotheses[0].difference == expected.hypotheses[0].difference
    assert answer.hypotheses[0].earlier_seeds == [2] and expected.hypotheses[0].earlier_seeds == []


@pytest.mark.slow
def test_the_answer_that_fewer_seeds_gave_another_hypothesis_is_not_told_as_the_answer_of_this_one(
    tmp_path: Path,
) -> None:
    run(tmp_path, STUDY % 2)
    run(tmp_path, STUDY.replace("test_accuracy", "test_loss") % 2)
    more = plan_document(planned(tmp_path, STUDY % 3), 1)
    assert (more.claims[0].earlier_seeds, more.claims[0].asked_after_results) == ([2], False)
    assert more.other_answers == {}, "they are told as an earlier look, or as results before the question"
    new = plan_document(planned(tmp_path, STUDY.replace("smallest: 0.01", "smallest: 0.02") % 3), 1)
    assert new.claims[0].asked_after_results and new.other_answers == {}


@pytest.mark.slow
def test_more_seeds_join_trials_that_keep_no_predictions_and_a_metric_of_classes_trains_all(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    shutil.copytree(tmp_path, tmp_path / "whole")
    for trial, result in zip(few.trials, results(few), strict=True):
        rows = kept_rows(few.path(trial), result)
        assert rows is not None
        keep = keep_rows(few.path(trial), result.model_copy(update={"held_out": rows.without_predictions()}))
        few.path(trial).write_text(keep.model_dump_json())
    of_classes = STUDY.replace("metric: test_accuracy", "metric: test_auc")
    plan = planned(tmp_path, of_classes % 3)
    assert plan.begun.results == {}
    assert plan.begun.not_used == [f"the training of {few.directory.name} cannot be used: it did not keep test_auc"]
    _, seeds, _ = run(tmp_path, STUDY % 3)
    assert set(seeds) == {(2,)}
    _, seeds, answer = run(tmp_path / "whole", of_classes % 3)
    assert set(seeds) == {(2,)} and answer.hypotheses[0].asked_after_results
    _, _, at_once = run(tmp_path / "at_once", of_classes % 3)
    assert answer.hypotheses[0].difference == at_once.hypotheses[0].difference
    _, seeds, _ = run(tmp_path / "whole", of_classes.replace("test_auc", "val_mcc") % 3)
    assert seeds == [], "the predictions of all seeds are joined"


@pytest.mark.slow
def test_seeds_of_a_study_are_added_step_by_step_and_a_result_says_where_each_was_trained(tmp_path: Path) -> None:
    plans = []
    for count in (2, 3, 6):
        plan, seeds, document = run(tmp_path, STUDY % count)
        plans.append(plan)
    assert set(seeds) == {(3, 4, 5)}
    first, second, _ = (plan.directory.name for plan in plans)
    assert all(one.trained_in == {first: (0, 1), second: (2,)} for one in results(plans[-1]))
    assert all(list(one.ended.values()) == [(0, 1), (2,), (3, 4, 5)] for one in results(plans[-1]))
    assert document.hypotheses[0].earlier_seeds == [2, 3] and not document.hypotheses[0].asked_after_results
    _, seeds, again = run(tmp_path, STUDY % 6)
    assert seeds == [] and again == document
    shutil.rmtree(plans[0].directory)
    _, _, document = run(tmp_path, STUDY % 7)
    assert document.hypotheses[0].earlier_seeds == [2, 3, 6], "what an earlier study knows is known"


@pytest.mark.slow
def test_a_level_that_is_new_trains_all_seeds_and_the_others_only_theirs(tmp_path: Path) -> None:
    rates = "vary: {training.learning_rate: [0.001%s]}\n"
    run(tmp_path, STUDY % 2 + rates % "")
    _, seeds, document = run(tmp_path, STUDY % 4 + rates % ", 0.01")
    assert sorted(seeds) == [(0, 1, 2, 3), (0, 1, 2, 3), (2, 3), (2, 3)]
    assert document.hypotheses[0].asked_after_results, "it reads other trials than the one that was asked before"


@pytest.mark.slow
def test_a_trial_that_is_lost_is_trained_with_the_same_others_and_from_the_same_seed_on(tmp_path: Path) -> None:
    text = STUDY + "vary: {training.learning_rate: [0.001, 0.01]}\n"
    run(tmp_path, text % 2)
    plan, _, _ = run(tmp_path, text % 4)
    lost = plan.path(plan.trials[0])
    before = lost.read_bytes()
    lost.unlink()
    again = planned(tmp_path, text % 4)
    (job,) = pending(again)
    assert (len(job.trials), job.seeds, len(job.begun)) == (2, (2, 3), 2)
    assert [one.trials for one in plan_document(again, 1).seeds_kept] == [1]
    run(tmp_path, text % 4)
    found = [
        Result.model_validate_json(content).model_dump(exclude={"seconds", "ended"})
        for content in (before, lost.read_bytes())
    ]
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_hypothesis_that_is_new_with_more_seeds_was_asked_after_the_results_of_fewer(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    more = planned(tmp_path, STUDY % 4)
    assert [(one.after_results, one.earlier_seeds) for one in asked_now(more)] == [(False, [2])]
    other = planned(tmp_path, STUDY.replace("smallest: 0.01", "smallest: 0.02") % 4)
    assert [(one.after_results, one.earlier_seeds) for one in asked_now(other)] == [(True, [])]
    assert plan_document(other, 1).claims[0].asked_after_results
    (few.directory / "study.json").unlink()
    record = json.loads((few.directory / "hypotheses.json").read_text())
    (few.directory / "hypotheses.json").write_text(json.dumps(record | {"answered": None}))
    assert asked_now(more)[0].earlier_seeds == [], "it had no answer"


def test_a_study_with_fewer_seeds_that_is_answered_while_this_one_is_stopped_is_an_earlier_look(tmp_path: Path) -> None:
    more = planned(tmp_path, STUDY % 4)
    more.directory.mkdir(parents=True)
    keep_asked(more)  # as a study that was stopped before its first trial
    assert asked_now(more)[0].earlier_seeds == []
    run(tmp_path, STUDY % 2)
    more = planned(tmp_path, STUDY % 4)
    assert [(one.after_results, one.earlier_seeds) for one in asked_now(more)] == [(False, [2])]
    _, _, document = run(tmp_path, STUDY % 4)
    assert document.hypotheses[0].earlier_seeds == [2]
    run(tmp_path, STUDY % 3)
    _, seeds, again = run(tmp_path, STUDY % 4)
    assert seeds == [] and again == document, "what is looked at after the answer is no look before it"


def test_earlier_looks_are_told_in_the_plan_and_before_the_verdict(tmp_path: Path) -> None:
    run(tmp_path, STUDY % 6)
    told = (
        "WARNING  It had an answer at 6 seeds before, so the one at 8 seeds is the second look; together, all looks err "
        "in about 7.3% of cases without a difference, not in 5%. Decide on the number of seeds before the first answer."
    )
    console = Console(file=io.StringIO(), width=400)
    console.print(study_plan(plan_document(planned(tmp_path, STUDY % 8), 1)))
    _, _, document = run(tmp_path, STUDY % 8)
    console.print(study_table.study(document))
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.rstrip() for line in printed if "second look" in line] == [told, told]
    verdict = next(number for number, line in enumerate(printed) if line.startswith("VERDICT"))
    assert printed[verdict - 1].rstrip() == told


def printed_plan(place: Path, text: str) -> str:
    console = Console(file=io.StringIO(), width=400)
    console.print(study_plan(plan_document(planned(place, text), 1)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_more_seeds_alone_are_another_look_and_no_change_of_the_study(tmp_path: Path) -> None:
    run(tmp_path, STUDY % 6)
    more = printed_plan(tmp_path, (STUDY % 8).replace("claim: c", "claim: In other words."))
    assert "is the second look" in more and "exploratory" not in more and "had an answer before, in" not in more
    changed = printed_plan(tmp_path, (STUDY % 8).replace("smallest: 0.01", "smallest: 0.02"))
    assert "This hypothesis was added or changed after the results were known: treat it as exploratory." in changed


@pytest.mark.slow
def test_the_same_question_about_other_data_is_another_answer_with_a_risk_of_its_own(tmp_path: Path) -> None:
    first, _, _ = run(tmp_path, STUDY % 6)
    told = printed_plan(tmp_path, (STUDY % 6).replace("samples: 80", "samples: 90"))
    assert f"the same question had an answer on other data before: {first.directory.name} (inconclusive)" in told
    assert (
        "Together, these answers err in up to 10% of cases without a difference, not in 5%. Decide on the rows before "
        "the first answer." in told
    )
    assert "exploratory" not in told and "second look" not in told
    run(tmp_path, (STUDY % 6).replace("samples: 80", "samples: 90"))
    told = printed_plan(tmp_path, (STUDY % 8).replace("samples: 80", "samples: 90"))
    own = re.search(r"is the second look; together, all looks err in about ([\d.]+)%", told)
    assert own is not None
    assert f"Together, these answers err in up to {5 + float(own[1]):.0f}% of cases" in told
    other_net = (STUDY % 6).replace("samples: 80", "samples: 90").replace("hidden: [4]", "hidden: [5]")
    assert "on other data" not in printed_plan(tmp_path, other_net)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_rows_that_an_earlier_study_has_lost_are_no_rows_that_it_did_not_keep(tmp_path: Path, damage: Any) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    lost = rows_path(few.path(few.trials[0]))
    damage(lost)
    more = planned(tmp_path, STUDY % 4)
    told = f"the training of {few.directory.name} cannot be used: cells/{lost.name} is missing or damaged"
    assert plan_document(more, 1).seeds_not_used == [told]
    assert sorted(job.seeds for job in pending(more)) == [(0, 1, 2, 3), (2, 3)]


def test_rows_of_an_earlier_study_that_are_no_rows_stop_no_plan_though_their_digest_is_right(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    path = few.path(few.trials[0])
    whole = rows_path(path).read_bytes()
    for content in (b"no archive", whole[:50], of_fewer_rows(whole)):
        rows_path(path).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        path.write_text(json.dumps(json.loads(path.read_text()) | {"rows_sha256": digest}))
        more = planned(tmp_path, STUDY % 4)
        told = f"the training of {few.directory.name} cannot be used: cells/{path.stem}.npz is missing or damaged"
        assert plan_document(more, 1).seeds_not_used == [told]
        assert sorted(job.seeds for job in pending(more)) == [(0, 1, 2, 3), (2, 3)]
        assert len(finished(planned(tmp_path, STUDY % 2))) == 1, "nor are they any in the study itself"


def of_fewer_rows(content: bytes) -> bytes:
    """Return the file of a trial's held-out rows without the last of them."""
    with np.load(io.BytesIO(content)) as arrays:
        fewer = {name: values if name == "seeds" else values[:, :-1] for name, values in arrays.items()}
    changed = io.BytesIO()
    np.savez_compressed(changed, **fewer)
    return changed.getvalue()


def test_why_seeds_of_an_earlier_study_are_trained_again_is_told_whatever_the_reason(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, TUNED % 2)
    begun = f"the training of {few.directory.name} cannot be used: "
    whole = {few.path(trial): few.path(trial).read_text() for trial in few.trials}
    for path, text in whole.items():
        path.write_text(json.dumps(json.loads(text) | {"tuned": None}))
    assert plan_document(planned(tmp_path, TUNED % 4), 1).seeds_not_used == [f"{begun}it was tuned in another way"]
    for path, text in whole.items():
        path.write_text(json.dumps(json.loads(text) | {"bests": {}}))
    reaching = TUNED.replace("metric: test_accuracy", "metric: {metric: test_accuracy, epochs_to: 0.6}")
    more = planned(tmp_path, reaching.replace("higher, smallest: 0.01", "lower, smallest: 1.2") % 4)
    assert plan_document(more, 1).seeds_not_used == [f"{begun}it did not keep epochs to test_accuracy 60.00%"]
    assert {job.seeds for job in pending(more)} == {(0, 1, 2, 3)}


def test_a_plan_keeps_no_rows_in_memory_and_what_is_lost_before_the_end_is_one_failure(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    more = planned(tmp_path, STUDY % 4)
    assert len(more.begun.results) == 2
    assert all(one.held_out is None for job in pending(more) for one in job.begun.values())
    lost = rows_path(few.path(few.trials[0]))
    lost.unlink()
    with pytest.raises(UntrainedError, match=rf"1 of 2 trials could not be trained.*{lost.name}: is missing"):
        study_run.run(more, Working(), lambda *told: None)
    _, seeds, _ = run(tmp_path, STUDY % 4)
    assert seeds == [(0, 1, 2, 3)]


def test_rows_of_an_earlier_study_with_other_measures_are_not_joined_with_new_ones(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    path = few.path(few.trials[0])
    with np.load(rows_path(path)) as arrays:
        fewer = {name: values for name, values in arrays.items() if not name.endswith("accuracy")}
    np.savez_compressed(rows_path(path), **fewer)  # type: ignore[arg-type]
    digest = hashlib.sha256(rows_path(path).read_bytes()).hexdigest()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rows_sha256": digest}))
    with pytest.raises(
        UntrainedError, match=rf"{rows_path(path).name}: is of other rows or measures than the new seeds"
    ):
        study_run.run(planned(tmp_path, STUDY % 4), Working(), lambda *told: None)


def test_a_plan_says_which_seeds_are_trained_already_and_counts_the_steps_that_are_left(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    more = planned(tmp_path, STUDY % 6)
    told = plan_document(more, 1)
    (kept,) = told.seeds_kept
    assert (kept.trials, kept.seeds, kept.directories) == (2, 2, [few.directory.name])
    assert sum(job.steps for job in pending(more)) * 6 == told.steps * 4
    console = Console(file=io.StringIO(), width=200)
    console.print(study_plan(told))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"trained already: the first 2 seeds of 2 trials, in {few.directory.name}\n" in text
    assert (told.trainings, told.trainings_left) == (12, 8)
    assert f"12 trainings in all, {told.steps:,} optimizer steps\n" in text
    assert "finished already: 0 of 2 trials; left: 8 trainings in 2 jobs, " in text


def test_a_plan_says_what_more_seeds_detect_by_the_held_out_rows_of_fewer(tmp_path: Path) -> None:
    study = STUDY.replace("metric: test_accuracy", "metric: test_loss")
    assert plan_document(planned(tmp_path, study % 6), 1).claims[0].detectable is None
    run(tmp_path, study % 6)
    for seeds in (6, 20):
        told = plan_document(planned(tmp_path, study % seeds), 1)
        said = told.claims[0].detectable
        assert said is not None and said.startswith(
            f"For new rows, {seeds} seeds and 16 held-out rows detect an effect "
        )
        assert said.endswith("by the variances of 6 stored seeds.") and told.detectable_for_new_rows == []


def test_seeds_that_were_trained_with_other_versions_are_trained_again_and_the_plan_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    now = few.begun.results or results(few)[0].versions
    with monkeypatch.context() as later:
        later.setattr("bnexp.system.machine.versions", lambda: dict(now) | {"keras": "99"})
        more = planned(tmp_path, STUDY % 4)
        told = f"the training of {few.directory.name} cannot be used: keras was {now['keras']} and is 99"
        assert list(more.begun.not_used) == plan_document(more, 1).seeds_not_used == [told]
        assert {job.seeds for job in pending(more)} == {(0, 1, 2, 3)}
    (one, *_) = pending(planned(tmp_path, STUDY % 4))
    assert one.seeds == (2, 3)
    monkeypatch.setattr("bnexp.training.devices.gpus", lambda: ["NVIDIA H100"])
    (result,) = study_work.results(one)
    assert isinstance(result, Result)
    assert (result.seeds, result.versions["GPU"], result.trained_in) == ((0, 1, 2, 3), "NVIDIA H100", {})


def test_a_trial_that_is_damaged_or_a_study_that_is_not_the_same_lends_no_seeds(tmp_path: Path) -> None:
    few, _, _ = run(tmp_path, STUDY % 2)
    paths = [few.path(trial) for trial in few.trials]
    paths[0].write_text("{")
    assert sorted(job.seeds for job in pending(planned(tmp_path, STUDY % 4))) == [(0, 1, 2, 3), (2, 3)]
    for other in (
        STUDY.replace("samples: 80", "samples: 90") % 4,
        STUDY.replace("epochs: 2}", "epochs: 3}") % 4,
        TUNED % 4,
        STUDY % 1,
    ):
        plan = planned(tmp_path, other)
        assert plan.earlier == [] and {job.seeds for job in pending(plan)} == {tuple(range(plan.file.study.seeds))}
    more = planned(tmp_path, STUDY.replace("arms:", "name: t\narms:") % 4)
    assert more.earlier == [], "another name is another study"
    many = planned(tmp_path, TUNED % 1001)
    assert many.earlier == [], "more than 1,000 seeds are tuned on others"


def test_fewer_seeds_on_the_same_data_are_not_taken_for_an_answer_on_other_data(tmp_path: Path) -> None:
    first, _, _ = run(tmp_path, STUDY % 6)
    told = printed_plan(tmp_path, STUDY % 4)
    assert "on other data" not in told
    assert f"a study of this name had an answer before, in another directory: {first.directory.name}" in told
    of_other_data = printed_plan(tmp_path, (STUDY % 4).replace("samples: 80", "samples: 90"))
    assert "the same question had an answer on other data before" in of_other_data


def test_a_study_whose_rows_are_too_many_to_keep_says_so_and_not_that_they_were_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bnexp.training import kept_rows

    monkeypatch.setattr(kept_rows, "MOST_BYTES", 1)
    for seeds in (6, 8):  # the second study adds two seeds to the first one's
        _, _, document = run(tmp_path, (STUDY % seeds).replace("test_accuracy", "test_loss"))
        (found,) = document.hypotheses
        assert found.verdict is not None and found.verdict.about == "these rows"
        assert "too much to keep: more than 512 MiB" in found.verdict.sentence
        assert "training.keep_rows" not in found.verdict.sentence
