"""Runs a study: checks it, lets workers train the unfinished trials, and stores everything in one directory.

Workers return their results. Only this process writes files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bnexp import store
from bnexp.errors import ConfigError, RunError, UntrainedError, work_begun
from bnexp.executors import Failure, Workers
from bnexp.experiment.pace import TIMED_STEPS, Pace
from bnexp.held_out import HeldOut, joined
from bnexp.store.study_document import StudyDocument
from bnexp.study import work
from bnexp.study.asked import asked_now, keep_asked
from bnexp.study.contrast import Results
from bnexp.study.document import document, table
from bnexp.study.jobs import Job, Trial
from bnexp.study.outlook import seconds_left
from bnexp.study.plan import CELLS, Plan, failure_path, finished, pending, rows_of
from bnexp.study.result import Result
from bnexp.study.trial_rows import keep_rows, rows_path

MOST_OF_A_STUDY = 0.1
"""The largest share of the estimated time that timing a few steps may take. If it would take more, a rough estimate is
used."""
FEW_JOBS = 8
"""Before a plan is printed, one worker checks up to this number of jobs, because each further worker would load
TensorFlow."""


@dataclass(frozen=True)
class Costs:
    """What is known about a study after its check: the jobs that are left, the pace of each, and warnings."""

    jobs: Sequence[Job]
    paces: Sequence[Pace | None]
    """The estimated pace of each job; None if it is not known."""
    seconds: float
    """Seconds that the check took, including starting workers and loading TensorFlow."""
    warnings: Mapping[str, Sequence[str]]
    """Experiment, as JSON -> the warnings about its network and training."""


def check_unfinished(planned: Plan, workers: Workers, *, plan_only: bool = False, done: Results | None = None) -> Costs:
    """Check the data, models and trainers of all unfinished trials before any training.

    Workers check them, because workers will train them. For a plan alone (`plan_only`), few workers are started.
    `done` are the finished trials, if they have just been read.

    Raises:
        ConfigError: with everything that is refused in any cell.
    """
    begun, unfinished = time.monotonic(), pending(planned, done)
    alone = plan_only and len(unfinished) <= FEW_JOBS
    found: dict[int, Any] = {}
    for several in [[job] for job in unfinished] if alone else [unfinished]:
        found |= {id(job): answer for job, answer in workers.each(work.check_job, several)}
    answers = [found.get(id(job)) for job in unfinished]
    checks = [answer if isinstance(answer, work.CheckedJob) else work.CheckedJob([]) for answer in answers]
    if said := dict.fromkeys(text for check in checks for text in check.problems):
        raise ConfigError(said)
    warnings = {experiment: told for check in checks for experiment, told in check.warnings.items()}
    return Costs(unfinished, [check.pace for check in checks], time.monotonic() - begun, warnings)


def estimate(costs: Costs, workers: Workers, *, plan_only: bool = False) -> tuple[float | None, bool]:
    """Estimate the seconds that the unfinished jobs take, and return whether this is a rough guess.

    Each worker times a few steps of one job, if that takes less than a tenth of the estimated time. The timed jobs are
    spread over all jobs, from most steps to fewest, because the cost of a step can differ between jobs. Each counts by
    its number of steps. The seconds are None if nothing is known. For a plan, starting the workers counts, too.
    """
    loading = costs.seconds if plan_only else 0.0
    known = [(job, pace) for job, pace in zip(costs.jobs, costs.paces, strict=True) if pace is not None]
    if not known or len(known) < len(costs.jobs):
        return None, True
    rough = loading + _whole(known, workers.at_once)
    tried = _spread(costs.jobs, workers.at_once)
    if max(_timing_seconds(job, pace) for job, pace in known if job in tried) + loading > MOST_OF_A_STUDY * rough:
        return rough, True
    answers = [(job, pace) for job, pace in workers.each(work.time_steps, tried) if isinstance(pace, Pace)]
    if not answers:
        return rough, True
    start = mean(pace.start for _, pace in answers)
    step = sum(job.steps * pace.step for job, pace in answers) / sum(job.steps for job, _ in answers)
    return loading + _whole([(job, Pace(start, step)) for job in costs.jobs], workers.at_once), False


def _whole(known: Sequence[tuple[Job, Pace]], at_once: int) -> float:
    """Return the seconds that all jobs take, `at_once` at a time: at least the time of the longest job."""
    seconds = [pace.start + job.steps * pace.step for job, pace in known]
    return max(sum(seconds) / at_once, *seconds)


def _timing_seconds(job: Job, pace: Pace) -> float:
    """Estimate the seconds that timing a job takes: its program is traced, and two epochs are trained."""
    together = min(job.largest_shard, len(job.trials) * len(job.seeds))
    return pace.start + 2 * TIMED_STEPS * together * pace.step


def _spread(several: Sequence[Job], count: int) -> list[Job]:
    """Return at most `count` jobs at equal distances. They include the first and, if they are two or more, the last."""
    count = min(count, len(several))
    return [several[round(number * (len(several) - 1) / max(1, count - 1))] for number in range(count)]


# --- running ----------------------------------------------------------------------------

Tell = Callable[[Result, int, float | None], None]
"""Called with each trial that has just been finished, how many are finished, and the seconds left."""
Answered = Callable[[Results], None]
"""Called with all results after their answer is stored, while no other process works in the directory."""


def _nothing(results: Results) -> None:
    """Do nothing with the results of an answered study."""


def run(planned: Plan, workers: Workers, tell: Tell, *, answered: Answered = _nothing) -> StudyDocument:
    """Let workers train the unfinished trials, answer the hypotheses, and store and return the study.json document.

    `check_unfinished` reports earlier what is refused in a cell.

    Raises:
        StorageError: if the directory cannot be made.
        UntrainedError: after all else is done, if a trial could not be trained.
        WorkError: if the directory can no longer be written.
    """
    store.refuse_unwritable(planned.directory.parent)
    with store.own_directory(planned.directory) as directory, work_begun():
        if not (directory / "study.yaml").exists():
            store.write(directory / "study.yaml", planned.file.text())
        store.make_place(directory / CELLS)
        keep_asked(planned)
        results, failures = _trained(planned, workers, tell)
        if failures:
            raise UntrainedError(_told(planned, failures))
        document = _kept(planned, results)
        answered(results)
        return document


def _trained(planned: Plan, workers: Workers, tell: Tell) -> tuple[Results, list[Trial]]:
    """Let workers train the unfinished trials. Return all finished trials, and those that could not be trained."""
    results, failures = finished(planned), list[Trial]()
    left = pending(planned, results)  # another process may have trained since the plan was made
    at_once = max(1, min(workers.at_once, len(left)))
    trials = {trial.key: trial for trial in planned.trials}
    for _, outcomes in workers.each(work.results, left):
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                if outcome.key not in results:
                    failures.append(_failed(planned, trials[outcome.key], outcome.why))
                continue
            same = [trial for trial in planned.trials if trial.digest == outcome.trial]
            if same[0].key not in results:  # else it was finished before, and was only trained again with lost ones
                try:
                    kept = _keep(planned, same[0], _with_all_rows(planned, outcome))
                except RunError as error:  # the earlier study lost a file of the trial after the plan was made
                    failures.append(_failed(planned, same[0], str(error)))
                    continue
                results |= {trial.key: kept for trial in same}
                tell(outcome, len(results), seconds_left(planned, results, at_once))
    return results, failures


def _with_all_rows(planned: Plan, result: Result) -> Result:
    """Return a result with the held-out rows of all its seeds, also of seeds that an earlier study trained.

    Raises:
        RunError: if the earlier rows are now missing or damaged, or are of other rows or measures.
    """
    added = result.held_out
    if added is None or set(result.seeds) <= set(added.seeds):
        return result
    before = planned.begun.rows(result.trial)
    if before is not None and _forms(before) != _forms(added):
        path = rows_path(planned.begun.paths[result.trial])
        raise RunError(
            f"{path}: is of other rows or measures than the new seeds. Move its study away, and run it again."
        )
    return result.model_copy(update={"held_out": None if before is None else joined([before, added])})


def _forms(rows: HeldOut) -> dict[str, tuple[object, ...]]:
    """Return what rows must share to be joined: in each part, their number and the values that are stored.

    Predictions are joined if both have them.
    """
    return {
        part: (one.rows_SR.shape[1], one.groups_SR is None, one.guessed_SR is None, {*one.measures} - {"predicted"})
        for part, one in rows.parts.items()
    }


def _keep(planned: Plan, trial: Trial, result: Result) -> Result:
    """Write a finished trial, its rows first, and delete the note of an earlier failure. Return the result to keep."""
    path = planned.path(trial)
    result = keep_rows(path, result)
    store.write(path, result.model_dump_json() + "\n")  # in one line: there may be many numbers
    failure_path(path).unlink(missing_ok=True)
    return result


def _failed(planned: Plan, trial: Trial, why: str) -> Trial:
    """Write why a trial could not be trained, and return the trial."""
    store.write(failure_path(planned.path(trial)), why.rstrip() + "\n")
    return trial


def _told(planned: Plan, failures: Sequence[Trial]) -> str:
    """Return the message about trials that failed: how many, why the first one failed, and that there is no verdict."""
    path = failure_path(planned.path(failures[0]))
    last = path.read_text(encoding="utf-8").rstrip().splitlines()[-1]
    return (
        f"{planned.directory}: {len(failures)} of {len(planned.trials)} trials could not be trained; "
        f"the others are kept. Without them there is no verdict. {failures[0].name} ended with: "
        f"{last.removesuffix('.')}. {path} has the whole error. The same command tries them again."
    )


def _kept(planned: Plan, results: Results) -> StudyDocument:
    """Write the table, the study's file and the document, and return the document.

    Files that already have the same content are not written. If the document changes, the figures of the earlier answer
    are removed.
    """
    rows, asked = rows_of(planned, results), asked_now(planned)
    answer = document(
        planned.file,
        planned.cells,
        planned.digest,
        results,
        asked,
        rows,
        facts_of=lambda candidate: planned.known(candidate).data,
        metric=planned.metric,
    )
    texts = {
        "results.csv": table(planned.file, planned.cells, results),
        "study.yaml": planned.file.text(),
        "study.json": store.json_text(answer.model_dump(mode="json")),
    }
    if not _holds(planned.directory / "study.json", texts["study.json"]):
        for figure in planned.directory.glob("figure*.*"):
            figure.unlink(missing_ok=True)
    for name, text in texts.items():
        if not _holds(planned.directory / name, text):
            store.write(planned.directory / name, text)
    keep_asked(planned, answer)
    return answer


def _holds(path: Path, text: str) -> bool:
    """Return True if a file holds this text."""
    try:
        return store.text(path) == text
    except RunError:
        return False
