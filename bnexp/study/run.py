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
from bnexp.experiment.pace import TRIAL_STEPS, Pace
from bnexp.study import Result
from bnexp.study import work as group_work
from bnexp.study.jobs import Group
from bnexp.study.plan import CELLS, Plan, failure_path, finished, pending

MOST_OF_A_STUDY = 0.1
"""A trial takes no larger share of the time that it estimates; else a rough estimate must do."""
FEW_GROUPS = 8
"""So many groups are checked by a single worker before a plan is printed: each more would load TensorFlow first."""


def facts(planned: Plan, jobs: int | None) -> dict[str, Any]:
    """Return what a study will do: cells, trainings, steps, the smallest effect it detects; and what is done already.

    `jobs` groups are worked on at a time, at most; where that is None, not known yet, no time is told.
    """
    design = planned.file.study
    done, groups = finished(planned), len(pending(planned))
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
        "groups": groups,
        "steps": sum(member.steps for member in planned.members),
        "finished": len(done),
        "of": len(planned.members),
        "seconds_left": _seconds_left(planned, done, jobs and max(1, min(jobs, groups))),
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


def _seconds_left(planned: Plan, results: Mapping[tuple[int, str], Result], jobs: int | None) -> float | None:
    """Estimate the time that is left by the steps that are left and the seconds a step took so far, if any did.

    None where nothing is finished, or it is not known how many groups are worked on at a time.
    """
    left = sum(member.steps for member in planned.members if member.part not in results)
    done = sum(result.steps for result in results.values())
    if not left:
        return 0.0
    return left * sum(result.seconds for result in results.values()) / done / jobs if done and jobs else None


@dataclass(frozen=True)
class Costs:
    """What is known of the cost of a study once it is checked: the groups that are left, about what each takes."""

    groups: Sequence[Group]
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
    alone = plan_only and len(unfinished) <= FEW_GROUPS
    found: dict[int, Any] = {}
    for several in [[group] for group in unfinished] if alone else [unfinished]:
        found |= {id(group): answer for group, answer in workers.each(group_work.preflight, several)}
    answers = [found.get(id(group)) for group in unfinished]
    checks = [answer if isinstance(answer, group_work.Preflight) else group_work.Preflight([]) for answer in answers]
    if said := dict.fromkeys(text for check in checks for text in check.problems):
        raise ConfigError(said)
    return Costs(unfinished, [check.pace for check in checks], time.monotonic() - begun)


def estimate(costs: Costs, workers: Workers, *, plan_only: bool = False) -> tuple[float | None, bool]:
    """Return the seconds that what is left may take, and whether that is a rough guess.

    A few steps of groups are tried, one a worker, if that takes less than a tenth of what it estimates. The groups
    tried are spread over all, from the one with most steps to that with fewest, since a step of one can cost more
    than that of another, and count by their steps. None where nothing is known. For a plan, starting the workers
    counts too.
    """
    loading = costs.seconds if plan_only else 0.0
    known = [(group, pace) for group, pace in zip(costs.groups, costs.paces, strict=True) if pace is not None]
    if not known or len(known) < len(costs.groups):
        return None, True
    rough = loading + _whole(known, workers.jobs)
    tried = _spread(costs.groups, workers.jobs)
    if max(_trial_seconds(group, pace) for group, pace in known if group in tried) + loading > MOST_OF_A_STUDY * rough:
        return rough, True
    answers = [(group, pace) for group, pace in workers.each(group_work.trial, tried) if isinstance(pace, Pace)]
    if not answers:
        return rough, True
    start = mean(pace.start for _, pace in answers)
    step = sum(group.steps * pace.step for group, pace in answers) / sum(group.steps for group, _ in answers)
    return loading + _whole([(group, Pace(start, step)) for group in costs.groups], workers.jobs), False


def _whole(known: Sequence[tuple[Group, Pace]], jobs: int) -> float:
    """Return the seconds that all groups take, `jobs` at a time: no less than the longest group takes."""
    seconds = [pace.start + group.steps * pace.step for group, pace in known]
    return max(sum(seconds) / jobs, *seconds)


def _trial_seconds(group: Group, pace: Pace) -> float:
    """Return the seconds that a trial of a group takes, about: its program is traced, and two epochs are trained."""
    together = min(group.largest_shard, len(group.members) * len(group.seeds))
    return pace.start + 2 * TRIAL_STEPS * together * pace.step


def _spread(several: Sequence[Group], count: int) -> list[Group]:
    """Return so many of them at most, at equal distances, the first and, of two or more, the last."""
    count = min(count, len(several))
    return [several[round(number * (len(several) - 1) / max(1, count - 1))] for number in range(count)]


# --- running ----------------------------------------------------------------------------

Tell = Callable[[Result, int, float | None], None]
"""Told of each finished cell and arm, how many are finished, and the seconds left."""


def run(planned: Plan, workers: Workers, tell: Tell, *, checked: bool = False) -> dict[str, Any]:
    """Let workers train what is not finished yet, answer the hypotheses, keep and give the document of study.json.

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
        jobs = max(1, min(workers.jobs, len(left)))
        for _, outcomes in workers.each(group_work.results, left):
            for outcome in outcomes:
                if outcome.part in results:  # from before: a group that was lost in part is trained whole
                    continue
                if isinstance(outcome, Failure):
                    failures.append(_failed(planned, outcome))
                else:
                    _keep(planned, outcome)
                    results[outcome.part] = outcome
                    tell(outcome, len(results), _seconds_left(planned, results, jobs))
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
        f"{planned.directory}: {len(failures)} of {len(planned.members)} cells and arms could not be trained; "
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
