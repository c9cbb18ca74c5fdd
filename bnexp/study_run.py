"""Runs a study: tells what it will do, has workers train what is not finished, and keeps it all in one directory.

Workers give their results back; only this process writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import Any

from bnexp import group_work, statistics, store, study
from bnexp.errors import ConfigError, RunError, UntrainedError
from bnexp.groups import Failure, Group
from bnexp.launch import Warn, Workers
from bnexp.measuring import Pace
from bnexp.show import figures
from bnexp.study import Result
from bnexp.study_plan import CELLS, Plan, failure_path, finished, pending

FEWEST_TRIED_STEPS = 2_000
"""Optimizer steps of a study that is worth a trial before it is begun."""


def facts(planned: Plan, jobs: int | None) -> dict[str, Any]:
    """Tell what a study will do: cells, trainings, steps, the smallest effect it detects; and what is done already.

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
        "fewest_seeds": statistics.fewest_pairs(level),
        "detectable_deviations": detectable if math.isfinite(detectable) else None,
        "directory": str(planned.directory),
        "other_answers": _other_answers(planned),
    }


def _data(planned: Plan) -> list[Mapping[str, Any]]:
    """List what is told of each of the data sets."""
    told: list[Mapping[str, Any]] = []
    for learned in planned.learned.values():
        if learned.data not in told:
            told.append(learned.data)
    return told


def _tied(planned: Plan, key: str) -> list[float]:
    """List the values of a key that follows a factor."""
    return list(dict.fromkeys(study.tied_value(one.experiment, key) for one in study.experiments(planned.cells)))


def _other_answers(planned: Plan) -> dict[str, str]:
    """Give the verdicts that studies of this name, of other designs or data, had before this one was begun.

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


def estimate(planned: Plan, workers: Workers) -> float | None:
    """Try a few steps of groups, one a worker, and give the seconds that what is left may take.

    They are spread over all, from the one with most steps to that with fewest, since a step of one can cost more than
    that of another, and count by their steps. None where nothing could be tried, or so little is left that it is done
    about as soon.
    """
    unfinished = pending(planned)
    left = sum(group.steps for group in unfinished)
    if left < FEWEST_TRIED_STEPS:
        return None
    answers = workers.each(group_work.trial, _spread(unfinished, workers.jobs))
    tried = [(group.steps, pace) for group, pace in answers if isinstance(pace, Pace)]
    if not tried:
        return None
    start = mean(pace.start for _, pace in tried)
    step = sum(steps * pace.step for steps, pace in tried) / sum(steps for steps, _ in tried)
    whole, largest = len(unfinished) * start + left * step, start + unfinished[0].steps * step
    return max(whole / workers.jobs, largest)


def _spread(several: Sequence[Group], count: int) -> list[Group]:
    """Give so many of them at most, at equal distances, the first and, of two or more, the last."""
    count = min(count, len(several))
    return [several[round(number * (len(several) - 1) / max(1, count - 1))] for number in range(count)]


# --- running ----------------------------------------------------------------------------

Tell = Callable[[Result, int, float | None], None]
"""Told of each finished cell and arm, how many are finished, and the seconds left."""


def run(planned: Plan, workers: Workers, tell: Tell, warn: Warn = lambda text: None) -> dict[str, Any]:
    """Let workers train what is not finished yet, answer the hypotheses, keep and give the document of study.json.

    `warn` is told if its figures could not be drawn as they should be.

    Raises:
        ConfigError: before anything is written, if Keras refuses a model or setting of a cell.
        StorageError: if the directory cannot be written.
        UntrainedError: after all else is done, if a cell and arm could not be trained.
    """
    store.refuse_unwritable(planned.directory.parent)
    _refuse_unbuildable(pending(planned), workers)
    with store.own_directory(planned.directory) as directory:
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
        document = _kept(planned, results)
        for text in figures.drawn(store.Run(planned.directory)):
            warn(text)
        return document


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
    """Say which cells and arms failed, and that no verdict is given without them."""
    last = failures[0].read_text(encoding="utf-8").rstrip().splitlines()[-1]
    return (
        f"{planned.directory}: {len(failures)} of {len(planned.members)} cells and arms could not be trained; "
        f"the others are kept. Without them there is no verdict. {failures[0]} says why: {last.removesuffix('.')}. "
        "The same command tries them again."
    )


def _refuse_unbuildable(unfinished: Sequence[Group], workers: Workers) -> None:
    """Build each different model of what is not finished, so that what Keras refuses shows before any training."""
    answers = [answer for _, answer in workers.each(group_work.refusals, unfinished)]
    said = dict.fromkeys(text for texts in answers for text in texts if isinstance(text, str))
    if said:
        raise ConfigError(said)


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
