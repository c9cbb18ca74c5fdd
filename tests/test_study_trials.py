"""A study that changes: what it trains again, which hypotheses were asked before results, and what stays kept.

Nothing is trained here: workers make up a history for each trial from its digest.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from printed import lines
from rich.console import Console
from studies import ARMS, BASE, CLAIM, planned

from bnexp import comparison, store
from bnexp.api import studies
from bnexp.errors import RunError
from bnexp.executors import Failure
from bnexp.history import History
from bnexp.report import plan_table, run_list, study_table
from bnexp.report.progress import StudyReporter
from bnexp.report.study_figure import study_figures
from bnexp.store.study_document import StudyDocument
from bnexp.study import claims
from bnexp.study import result as study_result
from bnexp.study import run as study_run
from bnexp.study import work as study_work
from bnexp.study.asked import asked_now
from bnexp.study.jobs import Job, Trial
from bnexp.study.outlook import plan_document
from bnexp.study.plan import Plan, finished, pending
from bnexp.study.result import Result, kept_bests, target_name

RATES = "vary: {training.learning_rate: [0.001, 0.01]}\n"
STUDY = BASE + ARMS + CLAIM + "seeds: 8\n" + RATES
TARGET = "metric: {metric: val_accuracy, epochs_to: %s}, treated: bn, baseline: none, direction: lower, smallest: 1.2"
SEEDS = tuple(range(8))


def history_of(trial: Trial) -> History:
    """Six epochs of numbers that follow from what the trial measures."""
    draws = np.random.default_rng(int(trial.digest[:8], 16))
    metrics = {name: draws.random((len(SEEDS), 6)).round(2) for name in ("loss", "val_accuracy", "test_accuracy")}
    return History(SEEDS, metrics, (6,) * len(SEEDS))


def made_up(job: Job, trial: Trial) -> Result:
    history = history_of(trial)
    targets = [one for one in job.endpoints if one.epochs_to is not None]
    return Result(
        trial=trial.digest,
        together=[one.short_digest for one in job.trials],
        levels=dict(trial.cell.levels),
        arm=trial.arm,
        experiment="e",
        seeds=list(SEEDS),
        final={name: history.final(name).tolist() for name in history.metrics},
        epochs_to={target_name(one): reached(history, one.metric, one.epochs_to) for one in targets},
        bests=kept_bests(history),
        budget_epochs=10,
        diverged={},
        steps=1,
        seconds=0.1,
    )


def reached(history: History, metric: str, target: float | None) -> list[float | None]:
    assert target is not None
    epochs = comparison.epochs_to(history, metric, target).tolist()
    return [None if np.isnan(one) else one for one in epochs]


class Pretending:
    """`Workers` that make results up, and note the jobs; those of `lost` arms fail."""

    at_once = 1

    def __init__(self, lost: Sequence[str] = ()) -> None:
        self.jobs: list[list[str]] = []
        self.lost = lost

    def each(self, work: Callable[[Job], Any], several: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
        for job in several:
            if work is study_work.check_job:
                yield job, study_work.CheckedJob([])
                continue
            self.jobs.append([trial.name for trial in job.trials])
            yield job, [Failure(one.key, "no") if one.arm in self.lost else made_up(job, one) for one in job.trials]


def run(place: Path, text: str) -> tuple[list[list[str]], StudyDocument, Plan]:
    """Run a study; return the trials of each job that was trained, the answer, and the plan."""
    plan, workers, told = planned(place, text), Pretending(), list[Result]()
    document = study_run.run(plan, workers, lambda result, *rest: told.append(result))
    assert len(told) <= sum(map(len, workers.jobs))
    assert document == store.Run(plan.directory).study()
    return workers.jobs, document, plan


FIRST = [["training.learning_rate=0.001, bn", "training.learning_rate=0.01, bn"]]
FIRST += [[name.replace("bn", "none") for name in FIRST[0]]]


# --- what is trained again -------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        STUDY.replace("claim: c", "claim: d"),
        STUDY.replace("smallest: 0.01", "smallest: 0.02"),
        STUDY.replace("direction: higher", "direction: lower"),
        STUDY.replace(CLAIM, "hypotheses:\n- {" + CLAIM.partition("{")[2] + "- {claim: d, " + TARGET % 0.75 + "}\n"),
    ],
)
def test_a_hypothesis_that_is_reworded_changed_or_added_trains_nothing_again(tmp_path: Path, other: str) -> None:
    jobs, _, plan = run(tmp_path, STUDY)
    assert jobs == FIRST
    jobs, document, again = run(tmp_path, other)
    assert (jobs, again.directory) == ([], plan.directory)
    assert document.hypotheses[-1].claim == again.file.study.claims()[-1].claim
    assert (plan.directory / "study.yaml").read_text() == again.file.text()


def test_a_new_target_is_answered_exactly_from_what_is_kept(tmp_path: Path) -> None:
    run(tmp_path, STUDY)
    asking = STUDY.replace(CLAIM, f"hypothesis: {{claim: c, {TARGET}}}\n")
    for target in (0.3, 0.62, 0.75, 0.9, 1.0):
        jobs, _, plan = run(tmp_path, asking % target)
        assert jobs == []
        rows = list(csv.DictReader(io.StringIO((plan.directory / "results.csv").read_text())))
        told = [float(row[f"epochs to val_accuracy {target}"] or "nan") for row in rows]
        expected = [comparison.epochs_to(history_of(trial), "val_accuracy", target) for trial in plan.trials]
        np.testing.assert_array_equal(told, np.concatenate(expected))


def test_what_is_kept_for_targets_has_a_limit_beyond_which_a_new_one_is_trained_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_result, "MOST_BESTS", 0)
    run(tmp_path, STUDY)
    asking = STUDY.replace(CLAIM, f"hypothesis: {{claim: c, {TARGET % 0.75}}}\n")
    told = plan_document(planned(tmp_path, asking), 1)
    assert (told.finished, told.not_kept) == (0, ["epochs to val_accuracy 75.00%"])
    assert (
        "WARNING  finished trials do not keep epochs to val_accuracy 75.00%, so they are trained again. "
        "A hypothesis about the final value needs no training."
    ) in lines(plan_table.study_plan(told))
    jobs, _, plan = run(tmp_path, asking)
    assert jobs == FIRST
    jobs, _, _ = run(tmp_path, asking)
    assert jobs == []
    assert plan_document(planned(tmp_path, asking), 1).not_kept == []
    sizes = [path.stat().st_size for path in (plan.directory / "cells").iterdir()]
    assert max(sizes) < 3000


def test_the_metric_with_the_fewest_bests_is_kept_first(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"val_loss": [[4.0, 3.0, 2.0, 1.0]], "val_accuracy": [[0.5, 0.5, 0.5, 0.6]], "loss": [[1.0] * 4]}
    history = History((0,), {name: np.array(each) for name, each in values.items()}, (4,))
    assert list(kept_bests(history)) == ["val_loss", "val_accuracy"]
    with monkeypatch.context() as small:
        small.setattr(study_result, "MOST_BESTS_OF_A_TRIAL", 3)
        assert list(kept_bests(history)) == ["val_accuracy"]
    monkeypatch.setattr(study_result, "MOST_BESTS", 5)
    assert list(kept_bests(history)) == ["val_accuracy"]
    assert kept_bests(history)["val_accuracy"][0].model_dump() == {"epochs": [1, 4], "values": [0.5, 0.6]}
    diverged = History((0,), history.metrics, (4,), {0: 4})
    assert kept_bests(diverged)["val_accuracy"][0].epochs == []


@pytest.mark.parametrize(
    ("old", "new", "trained"),
    [
        ("0.01]", "0.01, 0.1]", [["training.learning_rate=0.1, bn"], ["training.learning_rate=0.1, none"]]),
        ("[0.001", "[0.1, 0.001", [["training.learning_rate=0.1, bn"], ["training.learning_rate=0.1, none"]]),
        ("0.01]", "0.02]", [["training.learning_rate=0.02, bn"], ["training.learning_rate=0.02, none"]]),
        (", 0.01]", "]", []),
        (
            "arms:\n",
            "arms:\n  ln: {model.normalization: layer}\n",
            [["training.learning_rate=0.001, ln", "training.learning_rate=0.01, ln"]],
        ),
        (RATES, "", [["bn"], ["none"]]),  # at the rate of the base
        (
            RATES,
            "vary: {training.learning_rate: [0.01], training.batch_size: [32, 8]}\n",
            [
                ["training.learning_rate=0.01, training.batch_size=8, bn"],
                ["training.learning_rate=0.01, training.batch_size=8, none"],
            ],
        ),
    ],
)
def test_a_level_or_arm_that_is_changed_or_added_trains_only_the_trials_that_are_new(
    tmp_path: Path, old: str, new: str, trained: list[list[str]]
) -> None:
    small = STUDY.replace("epochs: 10", "epochs: 10, learning_rate: 0.005")
    _, before, plan = run(tmp_path, small)
    kept = {path.name: path.read_bytes() for path in (plan.directory / "cells").iterdir()}
    jobs, after, again = run(tmp_path, small.replace(old, new))
    assert (jobs, again.directory) == (trained, plan.directory)
    assert kept.items() <= {path.name: path.read_bytes() for path in (plan.directory / "cells").iterdir()}.items()
    assert len(after.cells) == len(again.cells)
    jobs, back, _ = run(tmp_path, small)
    assert jobs == [] and back.cells == before.cells, "the earlier grid is still there"


def test_a_trial_that_is_lost_is_trained_with_those_that_it_was_trained_with(tmp_path: Path) -> None:
    _, _, first = run(tmp_path, STUDY)
    grown = STUDY.replace("0.01]", "0.01, 0.1, 0.2]")
    _, _, plan = run(tmp_path, grown)
    for name, together in (("0.001", ["0.001", "0.01"]), ("0.2", ["0.1", "0.2"])):
        lost = next(trial for trial in plan.trials if trial.name == f"training.learning_rate={name}, bn")
        before = plan.path(lost).read_bytes()
        plan.path(lost).unlink()
        jobs, _, _ = run(tmp_path, grown)
        assert jobs == [[f"training.learning_rate={rate}, bn" for rate in together]]
        assert plan.path(lost).read_bytes() == before
    plan.path(first.trials[0]).unlink()
    jobs, _, _ = run(tmp_path, STUDY.replace(", 0.01]", "]"))
    assert jobs == [["training.learning_rate=0.001, bn"]], "the other one is in the grid no more"


def test_a_study_that_has_grown_and_was_stopped_goes_on_with_the_same_jobs(tmp_path: Path) -> None:
    run(tmp_path, STUDY)
    grown = planned(tmp_path, STUDY.replace("0.01]", "0.01, 0.1, 0.2]"))
    jobs = [job.keys for job in pending(grown)]
    outcomes = study_run._trained
    (one, _), workers = pending(grown), Pretending()
    study_run._keep(grown, one.trials[0], made_up(one, one.trials[0]))
    assert [job.keys for job in pending(grown)] == jobs
    assert outcomes(grown, workers, lambda *told: None)[1] == []
    assert [len(names) for names in workers.jobs] == [2, 2]


def test_arms_that_measure_the_same_are_trained_once_and_never_differ(tmp_path: Path) -> None:
    jobs, document, plan = run(
        tmp_path, STUDY.replace("none: {model.normalization: none}", "none: {model.normalization: batch}")
    )
    assert jobs == FIRST[:1]
    assert document.hypotheses[0].difference is not None and document.hypotheses[0].difference.mean == 0
    assert len(finished(plan)) == 4


def test_other_numbers_of_seeds_other_data_and_another_base_have_directories_of_their_own(tmp_path: Path) -> None:
    texts = [STUDY, STUDY.replace("seeds: 8", "seeds: 9"), STUDY.replace("samples: 80", "samples: 90")]
    assert len({planned(tmp_path, text).directory for text in texts}) == 3


# --- which hypotheses were asked before results -------------------------------------------------


def asked(place: Path, text: str) -> list[bool]:
    """Run a study; return for each hypothesis whether it was asked after results, which its plan has told."""
    before = [claim.asked_after_results for claim in plan_document(planned(place, text), 1).claims]
    _, document, _ = run(place, text)
    after = [one.asked_after_results for one in document.hypotheses]
    assert before == after
    return after


def test_a_hypothesis_that_is_changed_once_results_are_there_is_told_and_a_reworded_one_is_none(tmp_path: Path) -> None:
    assert asked(tmp_path, STUDY) == [False]
    assert asked(tmp_path, STUDY) == [False]
    assert asked(tmp_path, STUDY.replace("claim: c", "claim: In other words.")) == [False]
    for old, new in (
        ("smallest: 0.01", "smallest: 0.02"),
        ("direction: higher", "direction: lower"),
        ("metric: test_accuracy", "metric: val_accuracy"),
        ("direction", "at: {training.learning_rate: 0.01}, direction"),
        ("0.01]", "0.01, 0.1]"),  # it reads other trials
        ("{model.normalization: batch}", "{model.normalization: layer}"),
    ):
        assert asked(tmp_path, STUDY.replace(old, new)) == [True], new
    assert asked(tmp_path, STUDY) == [False], "it was asked before them all"


def test_an_added_hypothesis_is_told_and_the_first_is_not(tmp_path: Path) -> None:
    first = CLAIM.partition(": ")[2]
    asked(tmp_path, STUDY)
    both = f"hypotheses:\n- {first}- {{claim: d, {TARGET % 0.75}}}\n"
    arms = STUDY.replace("arms:\n", "arms:\n  ln: {model.normalization: layer}\n")
    assert asked(tmp_path, arms.replace(CLAIM, both)) == [False, True]


def test_a_first_answer_that_a_later_hypothesis_changes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both p-values of these differences are between 0.025 and 0.05: clear for one hypothesis, and not for two."""
    better_S = np.array([0.1, 0.18, 0.04, 0.08, -0.04, 0.02, 0.38, 0.2])

    def history_of(trial: Trial) -> History:
        values_SE = np.tile((0.5 + better_S * (trial.arm == "bn"))[:, None], 6)
        return History(SEEDS, {"loss": values_SE, "val_accuracy": values_SE, "test_accuracy": values_SE}, (6,) * 8)

    monkeypatch.setitem(globals(), "history_of", history_of)
    first = CLAIM.partition(": ")[2]
    both = STUDY.replace(CLAIM, f"hypotheses:\n- {first}- {{claim: d, {TARGET % 0.75}}}\n")
    named = 'Its first answer from these trials was "supported".'
    for text, word in ((STUDY, "supported"), (both, "inconclusive"), (both, "inconclusive"), (STUDY, "supported")):
        _, document, plan = run(tmp_path, text)
        claim = document.hypotheses[0]
        assert claim.verdict.word == word
        assert claim.first_answer == (None if word == "supported" else "supported")
        assert (
            "first answered" in " ".join(text.get_text() for text in study_figures(document)["figure"].axes[0].texts)
        ) == (word != "supported")
        row = next(claims.rows_of(claims.Answer(Path("a.yaml"), plan, document)))
        assert [one.startswith(named) for one in row.cautions] == [True] * (word != "supported")
        assert (named in " ".join(lines(study_table.study(document)))) == (word != "supported")


def test_the_first_answer_of_an_older_bnexp_is_unknown(tmp_path: Path) -> None:
    """It did not write it down, so a later answer is not the first."""
    _, _, plan = run(tmp_path, STUDY)
    path = plan.directory / "hypotheses.json"
    record = json.loads(path.read_text())
    del record["asked"][0]["first_answer"]
    path.write_text(json.dumps(record))
    for _ in range(2):
        _, document, _ = run(tmp_path, STUDY)
        assert document.hypotheses[0].first_answer is None
    run(tmp_path, STUDY.replace("0.01}", "0.03}"))
    assert json.loads(path.read_text())["asked"][0]["first_answer"] == "unknown"


def test_hypotheses_are_written_down_before_anything_is_trained(tmp_path: Path) -> None:
    plan = planned(tmp_path, STUDY)
    with pytest.raises(Exception, match="4 of 4 trials could not be trained"):
        study_run.run(plan, Pretending(lost=["bn", "none"]), lambda *told: None)
    (one,) = asked_now(planned(tmp_path, STUDY.replace("0.01}", "0.02}")))
    assert not one.after_results, "no result is there"
    with pytest.raises(Exception, match="2 of 4 trials could not be trained"):
        study_run.run(plan, Pretending(lost=["bn"]), lambda *told: None)
    assert asked(tmp_path, STUDY.replace("0.01}", "0.03}")) == [True]
    assert asked(tmp_path, STUDY) == [False]
    record = json.loads((plan.directory / "hypotheses.json").read_text())
    assert [one["after_results"] for one in record["asked"]] == [False, True]


@pytest.mark.parametrize("content", [None, "", "[]", '{"format": 5, "asked": [{}]}'])
def test_what_was_asked_before_results_is_not_known_once_the_record_is_lost(
    tmp_path: Path, content: str | None
) -> None:
    _, _, plan = run(tmp_path, STUDY)
    (plan.directory / "hypotheses.json").unlink()
    if content is not None:
        (plan.directory / "hypotheses.json").write_text(content)
    assert asked(tmp_path, STUDY) == [True]


# --- what a directory shows --------------------------------------------------------------------


def test_an_answer_stays_until_the_next_one_is_whole(tmp_path: Path) -> None:
    _, _, plan = run(tmp_path, STUDY)
    (plan.directory / "figure-2.png").write_text("of an earlier hypothesis")
    names = ("study.json", "study.yaml", "results.csv", "figure-2.png")
    before = {name: (plan.directory / name).read_bytes() for name in names}
    grown = planned(tmp_path, STUDY.replace("0.01]", "0.01, 0.1]"))
    with pytest.raises(Exception, match="1 of 6 trials could not be trained"):
        study_run.run(grown, Pretending(lost=["bn"]), lambda *told: None)
    assert {name: (plan.directory / name).read_bytes() for name in names} == before
    run(tmp_path, STUDY.replace("0.01]", "0.01, 0.1]"))
    after = {path.name: path.read_bytes() for path in plan.directory.iterdir() if path.name in names}
    assert sorted(after) == ["results.csv", "study.json", "study.yaml"]
    assert all(after[name] != before[name] for name in after)


def test_an_answer_that_is_seen_again_is_not_written_again(tmp_path: Path) -> None:
    _, _, plan = run(tmp_path, STUDY)
    before = {path.name: path.stat().st_mtime_ns for path in plan.directory.iterdir() if path.suffix}
    run(tmp_path, STUDY)
    assert {path.name: path.stat().st_mtime_ns for path in plan.directory.iterdir() if path.suffix} == before


def test_trials_of_an_earlier_format_are_not_used_and_the_plan_says_so(tmp_path: Path) -> None:
    old = tmp_path / "runs" / "s-study-0123456789"
    store.make_place(old / "cells")
    store.write_json(old / "cells" / "0-bn.json", {"format": 4})
    store.write_json(old / "study.json", {"format": 4, "name": "s", "seeds": 8, "verdict": "supported"})
    store.write(old / "study.yaml", "")
    told = plan_document(planned(tmp_path, STUDY), 1)
    assert told.older_format == [old.name] and told.other_answers == {old.name: "supported"}
    jobs, document, plan = run(tmp_path, STUDY)
    assert jobs == FIRST and plan.directory != old
    assert run_list.row(store.Run(old)).result == "supported"
    assert document.format == 5


def test_the_format_of_an_older_directory_is_that_of_its_first_trial_that_can_be_read(tmp_path: Path) -> None:
    old = tmp_path / "runs" / "s-study-0123456789"
    store.make_place(old / "cells")
    (old / "cells" / "0-aa.json").write_text("{")
    (old / "cells" / "0-bb.json").write_text("[]")
    store.write_json(old / "cells" / "0-bn.json", {"format": 4})
    assert plan_document(planned(tmp_path, STUDY), 1).older_format == [old.name]


NEWER = STUDY.replace("samples: 80", "samples: 90")


def other_answers(place: Path, text: str) -> list[str]:
    return list(plan_document(planned(place, text), 1).other_answers)


def test_what_was_answered_before_a_study_was_begun_is_told_whenever_files_are_written(tmp_path: Path) -> None:
    _, _, older = run(tmp_path, STUDY)
    assert other_answers(tmp_path, NEWER) == [older.directory.name]
    run(tmp_path, NEWER)
    reworded = STUDY.replace("claim: c", "claim: In other words.")
    run(tmp_path, reworded)
    assert other_answers(tmp_path, reworded) == [], "the older study was begun before the newer one was answered"
    assert other_answers(tmp_path, NEWER) == [older.directory.name], "a new text of the older one is no later answer"


def test_a_copy_of_a_runs_directory_has_the_times_of_the_studies(tmp_path: Path) -> None:
    _, _, older = run(tmp_path, STUDY)
    _, _, newer = run(tmp_path, NEWER)
    copies = tmp_path / "copy"
    for plan in (newer, older):  # each file of the older one is copied later
        shutil.copytree(plan.directory, copies / "runs" / plan.directory.name, copy_function=shutil.copyfile)
    assert other_answers(copies, STUDY) == []
    assert other_answers(copies, NEWER) == [older.directory.name]


def test_a_study_of_before_its_times_were_written_down_has_those_of_its_files(tmp_path: Path) -> None:
    _, _, older = run(tmp_path, STUDY)
    record = older.directory / "hypotheses.json"
    without = {key: value for key, value in json.loads(record.read_text()).items() if key not in ("begun", "answered")}
    record.write_text(json.dumps(without))
    for name, seconds in (("study.yaml", 1_700_000_000), ("study.json", 1_700_000_060)):
        os.utime(older.directory / name, (seconds, seconds))
    assert other_answers(tmp_path, NEWER) == [older.directory.name]
    run(tmp_path, STUDY.replace("claim: c", "claim: In other words."))
    known = json.loads(record.read_text())
    assert (known["begun"], known["answered"]) == ("2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z")


def test_a_figure_is_drawn_before_another_process_may_work_in_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(studies.figures, "drawn", lambda one: seen.append(one.status()) or [])
    monkeypatch.setattr(studies.Place, "launched", lambda place, jobs, warn: nullcontext(Pretending()))
    monkeypatch.chdir(tmp_path)
    plan = planned(tmp_path, STUDY)
    studies.run_study(plan)
    assert seen == ["running"]
    studies.claims([str(tmp_path / "s.yaml")])
    assert seen == ["running"] * 2
    assert store.Run(plan.directory).status() == "finished"


def test_a_finished_study_is_read_twice_however_many_rows_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, plan = run(tmp_path, BASE + ARMS + CLAIM + "seeds: 8\n")
    read: list[Path] = []
    content = store.content
    monkeypatch.setattr(store, "content", lambda path: read.append(path) or content(path))
    monkeypatch.setattr(studies.figures, "drawn", lambda one: [])
    monkeypatch.setattr(studies.Place, "launched", lambda place, jobs, warn: nullcontext(Pretending()))
    monkeypatch.chdir(tmp_path)
    found = studies.claims([str(tmp_path / "s.yaml")])
    assert [row.seconds for row in found.rows] == [row.seconds for row in found.rows] == [0.2]
    assert sum(path.parent.name == "cells" for path in read) == 2 * len(plan.trials) == 4
    studies.run_study(planned(tmp_path, BASE + ARMS + CLAIM + "seeds: 8\n"))
    assert sum(path.parent.name == "cells" for path in read) == 8


def test_the_seconds_of_a_study_that_failed_are_those_of_the_trials_that_are_kept(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY)
    (one,) = claims.plan_studies([tmp_path / "s.yaml"], tmp_path / "runs")
    answer = claims.answer_study(one, Pretending(lost=["bn"]), StudyReporter(Console(quiet=True), quiet=True))
    assert (one.seconds, answer.seconds) == (0, 0.2) and "2 of 4 trials could not be trained" in answer.failure


def test_a_study_of_a_format_that_is_not_known_is_refused_and_one_with_a_key_of_before_is_read(tmp_path: Path) -> None:
    _, document, plan = run(tmp_path, STUDY)
    path = plan.directory / "study.json"
    whole = json.loads(path.read_text())
    older = {**whole, "hypotheses": [{**whole["hypotheses"][0], "holm_p_value": None}]}
    path.write_text(json.dumps(older))
    assert store.Run(plan.directory).study() == document
    path.write_text(json.dumps({**whole, "format": 6}))
    with pytest.raises(RunError, match=r"study\.json: has format 6; expected 1 to 5\. Use the bnexp that wrote it\."):
        store.Run(plan.directory).study()


def test_a_study_of_parts_that_do_not_go_together_is_damaged(tmp_path: Path) -> None:
    _, _, plan = run(tmp_path, STUDY)
    path = plan.directory / "study.json"
    whole = json.loads(path.read_text())
    assert [cell["levels"].keys() for cell in whole["hypotheses"][0]["across"]["cells"]] == [
        whole["cells"][0]["levels"].keys()
    ] * 2
    elsewhere = {
        "level": 0.975,
        "about": "these rows",
        "cells": [{"levels": {"x": 1}, "mean": 0.0, "low": 0.0, "high": 0.0, "direction": None}] * 2,
    }
    group = {"levels": {"x": 1}, "subtracted": False, "difference": whole["hypotheses"][0]["difference"]}
    for damage, told in (
        ({"cells": whole["cells"][:1]}, "the factors span 2 cells, and 1 are there"),
        ({"cells": [{**one, "levels": {}} for one in whole["cells"]]}, "cell 0 has other levels than the factors"),
        ({"cells": [{**one, "differences": []} for one in whole["cells"]]}, "cell 0 has other hypotheses"),
        ({"arms": ["bn", "none", "x"]}, "cell 0 lacks an arm"),
        ({"endpoints": [*whole["endpoints"], *whole["endpoints"]]}, "cell 0 has other endpoints"),
        ({"hypotheses": [{**whole["hypotheses"][0], "treated": "x"}]}, "is about another endpoint or arm"),
        ({"hypotheses": [{**whole["hypotheses"][0], "at": {"x": 1}}]}, "names another factor"),
        ({"hypotheses": [{**whole["hypotheses"][0], "across": elsewhere}]}, "has cells of another factor"),
        ({"hypotheses": [{**whole["hypotheses"][0], "groups": [group]}]}, "has groups of another factor"),
        ({"tune": {"key": "training.batch_size", "metric": "val_loss", "values": [1, 2], "seeds": [7]}}, "cell 0 was tuned by other values"),
        (
            {"factors": [{"name": "a, b", "levels": [[1, 2], 3]}],
             "cells": [{**one, "levels": {"a, b": level}} for one, level in zip(whole["cells"], ([1, 2], 3), strict=True)]},
            "a, b has a level without a value for each of its keys",
        ),
    ):  # fmt: skip
        path.write_text(json.dumps({**whole, **damage}))
        with pytest.raises(RunError, match=rf"study\.json: the text: .*{told}.*\. It is damaged, or of another bnexp"):
            store.Run(plan.directory).study()
