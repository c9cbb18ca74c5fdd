"""Runs a study: tells what it will do, has workers train what is not finished, and keeps it all in one directory.

Workers give their results back; only this process writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bnexp import statistics, store, study
from bnexp.errors import ConfigError, RunError, UntrainedError, work_begun
from bnexp.executors import Failure, Workers
from bnexp.experiment.pace import TIMED_STEPS, Pace
from bnexp.study import Result, work
from bnexp.study.jobs import Job
from bnexp.study.plan import CELLS, Plan, failure_path, finished, pending

MOST_OF_A_STUDY = 0.1
"""Timing a few steps takes no larger share of the time that it estimates; else a rough estimate must do."""
FEW_JOBS = 8
"""Up to this number of jobs are checked by one worker before a plan is printed: each more would load TensorFlow."""


def facts(planned: Plan, at_once: int | None) -> dict[str, Any]:
    """Return what a study will do: cells, trainings, steps, the smallest effect it detects; and what is done already.

    `at_once` jobs are worked on at a time, at most; where that is None, not known yet, no time is told.
    """
    design = planned.file.study
    done, jobs = finished(planned), len(pending(planned))
    level = 1 - (1 - statistics.LEVEL) / len(design.claims())
    detectable = statistics.detectable_difference(design.seeds, level=level)
    return {
        "name": design.name,
        "data": _data(planned),
        "cells": len(planned.cells),
        "arms": list(design.arms),
        "seeds": design.seeds,
        "factors": design.vary,
        "ties": {key: {"follows": tie.follows, "values": _tied(planned, key)} for key, tie in design.tie.items()},
        "tune": None if design.tune is None else design.tune.model_dump(),
        "claims": [{"claim": claim.claim, "asks": study.asks(claim)} for claim in design.claims()],
        "trainings": design.trainings(),
        "jobs": jobs,
        "steps": sum(trial.steps for trial in planned.trials),
        "finished": len(done),
        "of": len(planned.trials),
        "seconds_left": _seconds_left(planned, done, at_once and max(1, min(at_once, jobs))),
        "is_rough": False,
        "fewest_seeds": statistics.fewest_pairs(level),
        "detectable_deviations": detectable if math.isfinite(detectable) else None,
        "directory": str(planned.directory),
        "other_answers": _other_answers(planned),
    }


def _data(planned: Plan) -> list[Mapping[str, Any]]:
    """List what is told of each of the data sets."""
    told: list[Mapping[str, Any]] = []
    for candidate_facts in planned.candidate_facts.values():
        if candidate_facts.data not in told:
            told.append(candidate_facts.data)
    return told


def _tied(planned: Plan, key: str) -> list[float]:
    """List the values of a key that follows a factor."""
    return list(dict.fromkeys(study.tied_value(one.experiment, key) for one in study.experiments(planned.cells)))


def _other_answers(planned: Plan) -> dict[str, str]:
    """Return the verdicts that studies of this name, of other designs or data, had before this one was begun.

    Directory -> the word.
    """
    name, own, found = planned.file.study.name, planned.directory / "study.yaml", {}
    begun = own.stat().st_mtime if own.exists() else math.inf
    for path in sorted(planned.directory.parent.glob(f"{store.slug(name)}-study-*/study.json")):
        with suppress(RunError):
            document = store.read_json(path)
            if document.get("name") == name and "verdict" in document and path.stat().st_mtime < begun:
                found[path.parent.name] = str(document["verdict"])
    return {directory: word for directory, word in found.items() if directory != planned.directory.name}


def _seconds_left(planned: Plan, results: Mapping[tuple[int, str], Result], at_once: int | None) -> float | None:
    """Estimate the time that is left by the steps that are left and the seconds a step took so far, if any did.

    None where nothing is finished, or it is not known how many jobs are worked on at a time.
    """
    left = sum(trial.steps for trial in planned.trials if trial.part not in results)
    done = sum(result.steps for result in results.values())
    if not left:
        return 0.0
    return left * sum(result.seconds for result in results.values()) / done / at_once if done and at_once else None


@dataclass(frozen=True)
class Costs:
    """What is known of the cost of a study once it is checked: the jobs that are left, about what each takes."""

    jobs: Sequence[Job]
    paces: Sequence[Pace | None]
    """None where nothing is known."""
    seconds: float
    """That the check took: workers were started, and TensorFlow was loaded."""


def preflight(planned: Plan, workers: Workers, *, plan_only: bool = False) -> Costs:
    """Check data, models and trainers of all that is not finished, before any training.

    Workers do it, as it is they who will train. Where there is only a plan to be printed, few of them are started.

    Raises:
        ConfigError: with all that is refused in any cell.
    """
    begun, unfinished = time.monotonic(), pending(planned)
    alone = plan_only and len(unfinished) <= FEW_JOBS
    found: dict[int, Any] = {}
    for several in [[job] for job in unfinished] if alone else [unfinished]:
        found |= {id(job): answer for job, answer in workers.each(work.preflight, several)}
    answers = [found.get(id(job)) for job in unfinished]
    checks = [answer if isinstance(answer, work.Preflight) else work.Preflight([]) for answer in answers]
    if said := dict.fromkeys(text for check in checks for text in check.problems):
        raise ConfigError(said)
    return Costs(unfinished, [check.pace for check in checks], time.monotonic() - begun)


def estimate(costs: Costs, workers: Workers, *, plan_only: bool = False) -> tuple[float | None, bool]:
    """Return the seconds that what is left may take, and whether that is a rough guess.

    A few steps of jobs are tried, one a worker, if that takes less than a tenth of what it estimates. The jobs
    tried are spread over all, from the one with most steps to that with fewest, since a step of one can cost more
    than that of another, and count by their steps. None where nothing is known. For a plan, starting the workers
    counts too.
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
"""Told of each finished cell and arm, how many are finished, and the seconds left."""


def run(planned: Plan, workers: Workers, tell: Tell, *, checked: bool = False) -> dict[str, Any]:
    """Let workers train what is not finished yet, answer the hypotheses, keep and return the document of study.json.

    `checked` says that `preflight` has passed in this process.

    Raises:
        ConfigError: before anything is written, if Keras refuses a model or setting of a cell.
        StorageError: if the directory cannot be made.
        UntrainedError: after all else is done, if a cell and arm could not be trained.
        WorkError: if the directory can no longer be written.
    """
    store.refuse_unwritable(planned.directory.parent)
    if not checked:
        preflight(planned, workers)
    with store.own_directory(planned.directory) as directory, work_begun():
        if not (directory / "study.yaml").exists():
            store.write(directory / "study.yaml", planned.file.text())
        store.make_place(directory / CELLS)
        results, failures = dict(finished(planned)), []
        left = pending(planned)  # another process may have trained since
        at_once = max(1, min(workers.at_once, len(left)))
        for _, outcomes in workers.each(work.results, left):
            for outcome in outcomes:
                if outcome.part in results:  # from before: a job that was lost in part is trained whole
                    continue
                if isinstance(outcome, Failure):
                    failures.append(_failed(planned, outcome))
                else:
                    _keep(planned, outcome)
                    results[outcome.part] = outcome
                    tell(outcome, len(results), _seconds_left(planned, results, at_once))
        if failures:
            raise UntrainedError(_told(planned, failures))
        return _kept(planned, results)


def _keep(planned: Plan, result: Result) -> None:
    """Write what is finished, and forget that it failed before."""
    path = planned.path(result.cell, result.arm)
    store.write_json(path, result.model_dump(mode="json"))
    failure_path(path).unlink(missing_ok=True)


def _failed(planned: Plan, failure: Failure) -> Path:
    """Write down why a cell and arm could not be trained."""
    path = failure_path(planned.path(*failure.part))
    store.write(path, failure.why.rstrip() + "\n")
    return path


def _told(planned: Plan, failures: Sequence[Path]) -> str:
    """Return which cells and arms failed, and that no verdict is given without them."""
    last = failures[0].read_text(encoding="utf-8").rstrip().splitlines()[-1]
    return (
        f"{planned.directory}: {len(failures)} of {len(planned.trials)} cells and arms could not be trained; "
        f"the others are kept. Without them there is no verdict. {failures[0]} says why: {last.removesuffix('.')}. "
        "The same command tries them again."
    )


def _kept(planned: Plan, results: Mapping[tuple[int, str], Result]) -> dict[str, Any]:
    """Write the table and the document.

    A document that is there already stays, since its time tells when the study was answered (`_other_answers`).
    """
    document, path = (
        study.document(planned.file, planned.cells, planned.digest, results),
        planned.directory / "study.json",
    )
    store.write(planned.directory / "results.csv", study.table(planned.file, planned.cells, results))
    if not _holds(path, document):
        store.write_json(path, document)
    return document


def _holds(path: Path, document: dict[str, Any]) -> bool:
    """Return True if a file holds this document, byte for byte."""
    try:
        return store.text(path) == store.json_text(document)
    except RunError:
        return False
