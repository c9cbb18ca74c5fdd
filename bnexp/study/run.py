"""Runs a study: checks it, has workers train what is not finished, and keeps it all in one directory.

Workers give their results back; only this process writes.
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
from bnexp.study.document import document, table
from bnexp.study.jobs import Job, Trial
from bnexp.study.outlook import seconds_left
from bnexp.study.plan import CELLS, Finished, Plan, failure_path, finished, pending, rows_of
from bnexp.study.result import Result
from bnexp.study.trial_rows import keep_rows, rows_path

MOST_OF_A_STUDY = 0.1
"""Timing a few steps takes no larger share of the time that it estimates; else a rough estimate must do."""
FEW_JOBS = 8
"""Up to this number of jobs are checked by one worker before a plan is printed: each more would load TensorFlow."""


@dataclass(frozen=True)
class Costs:
    """What is known of a study once it is checked: the jobs that are left, about what each takes, and warnings."""

    jobs: Sequence[Job]
    paces: Sequence[Pace | None]
    """None where nothing is known."""
    seconds: float
    """That the check took: workers were started, and TensorFlow was loaded."""
    warnings: Mapping[str, Sequence[str]]
    """Experiment, as JSON -> what may mislead in its network and training."""


def check_unfinished(
    planned: Plan, workers: Workers, *, plan_only: bool = False, done: Finished | None = None
) -> Costs:
    """Check data, models and trainers of all that is not finished, before any training.

    Workers do it, since they will train. Where there is only a plan to be printed, few of them are started.
    `done` are the trials that are finished, where they have just been read.

    Raises:
        ConfigError: with all that is refused in any cell.
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
    """Return the seconds that what is left may take, and whether that is a rough guess.

    A few steps of jobs are tried, one a worker, if that takes less than a tenth of what it estimates. The jobs tried
    are spread over all, from most steps to fewest, since steps of different jobs can differ in cost. They count by
    their steps. None where nothing is known. For a plan, starting the workers counts too.
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
    """Return the seconds that all jobs take, `at_once` at a time: no less than the longest job takes."""
    seconds = [pace.start + job.steps * pace.step for job, pace in known]
    return max(sum(seconds) / at_once, *seconds)


def _timing_seconds(job: Job, pace: Pace) -> float:
    """Return the seconds that timing a job takes, about: its program is traced, and two epochs are trained."""
    together = min(job.largest_shard, len(job.trials) * len(job.seeds))
    return pace.start + 2 * TIMED_STEPS * together * pace.step


def _spread(several: Sequence[Job], count: int) -> list[Job]:
    """Return at most `count` of them, at equal distances, the first and, of two or more, the last."""
    count = min(count, len(several))
    return [several[round(number * (len(several) - 1) / max(1, count - 1))] for number in range(count)]


# --- running ----------------------------------------------------------------------------

Tell = Callable[[Result, int, float | None], None]
"""Called with each trial that has just been finished, how many are finished, and the seconds left."""
Answered = Callable[[Finished], None]
"""Called with all results once their answer is kept, while nobody else works in the directory."""


def _nothing(results: Finished) -> None:
    """Do nothing with the results of a study that is answered."""


def run(planned: Plan, workers: Workers, tell: Tell, *, answered: Answered = _nothing) -> StudyDocument:
    """Let workers train what is not finished yet, answer the hypotheses, keep and return the document of study.json.

    What is refused in a cell shows before by `check_unfinished`.

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


def _trained(planned: Plan, workers: Workers, tell: Tell) -> tuple[Finished, list[Trial]]:
    """Let workers train what is not finished; return all that is, and the trials that could not be trained."""
    results, failures = finished(planned), list[Trial]()
    left = pending(planned, results)  # another process may have trained since
    at_once = max(1, min(workers.at_once, len(left)))
    trials = {trial.key: trial for trial in planned.trials}
    for _, outcomes in workers.each(work.results, left):
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                if outcome.key not in results:
                    failures.append(_failed(planned, trials[outcome.key], outcome.why))
                continue
            same = [trial for trial in planned.trials if trial.digest == outcome.trial]
            if same[0].key not in results:  # else from before: what was lost is trained as it was, with others
                try:
                    kept = _keep(planned, same[0], _with_all_rows(planned, outcome))
                except RunError as error:  # what an earlier study kept of the trial was lost since it was planned
                    failures.append(_failed(planned, same[0], str(error)))
                    continue
                results |= {trial.key: kept for trial in same}
                tell(outcome, len(results), seconds_left(planned, results, at_once))
    return results, failures


def _with_all_rows(planned: Plan, result: Result) -> Result:
    """Return a result with the held-out rows of the seeds, too, that an earlier study trained.

    Raises:
        RunError: if these are missing or damaged by now, or of other rows or measures.
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
    """Return what rows must share to be joined: how many there are in each part, and what is kept of them."""
    return {
        part: (one.rows_SR.shape[1], one.groups_SR is None, one.guessed_SR is None, sorted(one.measures))
        for part, one in rows.parts.items()
    }


def _keep(planned: Plan, trial: Trial, result: Result) -> Result:
    """Write what is finished, its rows first, and forget that it failed before; return what is kept in memory."""
    path = planned.path(trial)
    result = keep_rows(path, result)
    store.write(path, result.model_dump_json() + "\n")  # in one line: there may be many numbers
    failure_path(path).unlink(missing_ok=True)
    return result


def _failed(planned: Plan, trial: Trial, why: str) -> Trial:
    """Write down why a trial could not be trained."""
    store.write(failure_path(planned.path(trial)), why.rstrip() + "\n")
    return trial


def _told(planned: Plan, failures: Sequence[Trial]) -> str:
    """Return how many trials failed, why the first of them did, and that no verdict is given without them."""
    path = failure_path(planned.path(failures[0]))
    last = path.read_text(encoding="utf-8").rstrip().splitlines()[-1]
    return (
        f"{planned.directory}: {len(failures)} of {len(planned.trials)} trials could not be trained; "
        f"the others are kept. Without them there is no verdict. {failures[0].name} ended with: "
        f"{last.removesuffix('.')}. {path} has all of it. The same command tries them again."
    )


def _kept(planned: Plan, results: Finished) -> StudyDocument:
    """Write the table, the study's file and the document.

    Files that say the same already stay. Where the document changes, the figures of the answer before it are removed.
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
    keep_asked(planned)  # which says when it was answered first
    return answer


def _holds(path: Path, text: str) -> bool:
    """Return True if a file holds this text."""
    try:
        return store.text(path) == text
    except RunError:
        return False
