"""What workers do with a job: check it, time a few steps, or train it.

Axis: S seeds.
"""

from __future__ import annotations

import dataclasses
import math
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bnexp import comparison, config, statistics
from bnexp.config.study import Endpoint
from bnexp.data.fingerprint import refuse_changed, source_sha256
from bnexp.errors import Problems, UserError
from bnexp.executors.workers import Failure
from bnexp.experiment.batch import program_key
from bnexp.experiment.circumstances import GPU, changed_circumstances, gpu_text
from bnexp.experiment.measurement import Measured, measured
from bnexp.experiment.own_files import refuse_changed_network
from bnexp.experiment.pace import Pace, UntimedError, pace, rough_pace
from bnexp.experiment.prepare import Checked, ToTrain, preflight
from bnexp.metrics import higher_is_better, is_computed
from bnexp.statistics.arrays import Floats
from bnexp.study.grid import Candidate
from bnexp.study.jobs import Job, Trial, located_errors, where_of
from bnexp.study.result import Result, Tuned, joined, kept_bests, target_name
from bnexp.system.machine import versions


@dataclass(frozen=True)
class CheckedJob:
    """What is known about a job before it is trained: what is refused in it or, if nothing is, its estimated cost."""

    problems: list[str]
    pace: Pace | None = None
    warnings: Mapping[str, list[str]] = field(default_factory=dict)
    """Experiment, as JSON -> the warnings about its network and training."""


def check_job(job: Job) -> CheckedJob:
    """Check a job: its models and trainers, its data, and whether TensorFlow can use the GPU of this machine.

    If nothing is refused, its cost is estimated roughly. Nothing is traced or trained.
    """
    alike: dict[Any, list[Candidate]] = {}
    for candidate in (candidate for trial in job.trials for candidate in trial.candidates):
        asked = candidate.experiment
        essence = (program_key(asked), repr(asked.dataset), repr(getattr(asked.model, "initializer", None)))
        alike.setdefault(essence, []).append(candidate)
    problems, distinct, known = Problems(), [several[0] for several in alike.values()], list[Checked]()
    try:
        with problems.noted():
            known = preflight([ToTrain(one.experiment, where_of(one)) for one in distinct])
        for one in distinct:
            dataset = one.experiment.dataset
            with problems.noted(), located_errors(one):
                refuse_changed(dataset, source_sha256(dataset), job.sources)
                refuse_changed_network(one.experiment.model, job.sources)
    except UserError as error:
        return CheckedJob([*problems.messages, str(error)])
    if problems.messages:
        return CheckedJob(problems.messages)
    pairs = [(facts, one.experiment) for facts, several in zip(known, alike.values(), strict=True) for one in several]
    warnings = {one.model_dump_json(): facts.warnings(one) for facts, one in pairs}
    return CheckedJob([], _rough_pace(job), warnings)


def _rough_pace(job: Job) -> Pace | None:
    together = min(job.largest_shard, len(job.trials) * len(job.seeds))
    try:
        return rough_pace(job.trials[0].candidates[0].experiment, job.seeds, at_once=together)
    except (UserError, MemoryError):  # the training will report the error
        return None


def time_steps(job: Job) -> Pace | None:
    """Time a few steps of a job's trainings; return None if these fail, because the training will report the error."""
    experiments = [trial.candidates[0].experiment for trial in job.trials]
    try:
        return pace(experiments, job.seeds, largest_shard=job.largest_shard)
    except (UserError, MemoryError, UntimedError):
        return None


def results(job: Job) -> list[Result | Failure]:
    """Train a job. If that fails, train each of its trials by itself, so that only the faulty ones are lost."""
    try:
        return list(_results(job))
    except MemoryError:
        raise
    except Exception as error:
        if len(job.trials) > 1:
            alone = [dataclasses.replace(job, trials=[trial]) for trial in job.trials]
            return [outcome for one in alone for outcome in results(one)]
        why = str(error) if isinstance(error, UserError) else traceback.format_exc()
        return [Failure(job.trials[0].key, why)]


def _results(job: Job) -> Iterator[Result]:
    """Tune if the study does, train the seeds of the verdict, and yield the result of each trial.

    Seeds that are already trained are joined with them, unless they were trained on another GPU or with other versions.
    """
    if any(_was_trained_otherwise(result) for result in job.begun.values()):
        job = job.from_the_beginning()
    spent = _tried(job)
    choices = [_chosen(job, trial, tried) for trial, tried in zip(job.trials, spent, strict=True)]
    outcomes = _measured(job, [chosen for chosen, _ in choices], job.seeds, job.all_seeds)
    for trial, (chosen, tuned), tried, one in zip(job.trials, choices, spent, outcomes, strict=True):
        yield _result(job, trial, chosen, tuned, [*tried, one])


def _tried(job: Job) -> list[list[Measured]]:
    """Train the candidates of each trial on the tuning seeds, if the study tunes and has not done so."""
    if job.tune is None or job.begun:
        return [[] for _ in job.trials]
    candidates = [candidate for trial in job.trials for candidate in trial.candidates]
    outcomes = iter(_measured(job, candidates, job.tuning_seeds, job.tuning_seeds))
    return [[next(outcomes) for _ in trial.candidates] for trial in job.trials]


def _measured(
    job: Job, candidates: Sequence[Candidate], seeds: tuple[int, ...], among: tuple[int, ...]
) -> list[Measured]:
    """Train these seeds of each candidate. They are the last seeds in `among`, which has all seeds.

    Raises:
        ConfigError: if the data are invalid, or are not the data that the study was begun with.
    """
    experiments = [candidate.experiment for candidate in candidates]
    asked = {one.metric for one in job.endpoints} | ({job.tune.metric} if job.tune is not None else set())
    with located_errors(candidates[0]):
        return measured(
            experiments,
            seeds,
            among,
            sources=job.sources,
            largest_shard=job.largest_shard,
            computed=sorted(filter(is_computed, asked)),
        )


def _chosen(job: Job, trial: Trial, tried: Sequence[Measured]) -> tuple[Candidate, Tuned | None]:
    """Return the candidate with the best mean of the tuning metric, the first of several. NaN is the worst.

    The value that was chosen for seeds that are already trained stays chosen.
    """
    tune, begun = job.tune, job.begun.get(trial.digest)
    if tune is None:
        return trial.candidates[0], None
    if begun is not None and begun.tuned is not None:
        value = begun.tuned.value
        return next(candidate for candidate in trial.candidates if candidate.value == value), begun.tuned
    means = [float(np.mean(_final(one, tune.metric))) for one in tried]
    sign = 1 if higher_is_better(tune.metric) else -1
    scores = [sign * mean if math.isfinite(mean) else -math.inf for mean in means]
    chosen = trial.candidates[int(np.argmax(scores))]
    return chosen, Tuned(key=tune.key, value=chosen.value, means=[m if math.isfinite(m) else None for m in means])


def _result(job: Job, trial: Trial, chosen: Candidate, tuned: Tuned | None, trained: Sequence[Measured]) -> Result:
    """Return the result of a trial. Its last training has the verdict's seeds, or those that were still missing."""
    one, begun = trained[-1], job.begun.get(trial.digest)
    result = Result(
        trial=trial.digest,
        together=[other.short_digest for other in job.trials],
        levels=dict(trial.cell.levels),
        arm=trial.arm,
        experiment=config.digest(chosen.experiment),
        seeds=job.seeds,
        rows=one.rows,
        one_class=one.one_class,
        resample=chosen.experiment.dataset.resample,
        tuned=tuned,
        final={name: statistics.strict_values(_final(one, name)) for name in one.history.metrics},
        epochs_to=_epochs_to(job.endpoints, one),
        bests=kept_bests(one.history),
        budget_epochs=chosen.experiment.training.epochs,
        diverged={str(seed): epoch for seed, epoch in one.history.diverged_at.items()},
        warnings=one.warnings,
        adds_penalty=one.adds_penalty,
        data_warnings=one.data_warnings,
        versions=_versions(),
        steps=sum(each.steps for each in trained),
        seconds=sum(each.seconds for each in trained),
        ended={datetime.now(UTC).isoformat(timespec="milliseconds"): job.seeds},
        held_out=one.held_out,
        too_many_rows=one.held_out is None and chosen.experiment.training.keep_rows,
    )
    return result if begun is None else joined(begun, result, job.endpoints, one.guessing)


def _was_trained_otherwise(result: Result) -> bool:
    """Return True if a result was trained with other versions or on another GPU than this machine has."""
    then, now = ({GPU: each.get("GPU", gpu_text(None))} for each in (result.versions, _versions()))
    return any(changed_circumstances(result.versions, then, now))


def _versions() -> dict[str, str]:
    """Return the versions on this machine, and its GPU, if there is one."""
    from bnexp.training.devices import gpus

    return versions() | ({"GPU": gpu_text(names)} if (names := gpus()) else {})


def _final(one: Measured, metric: str) -> Floats:
    return comparison.final_values(one.history, metric, one.guessing)


def _epochs_to(endpoints: Sequence[Endpoint], one: Measured) -> dict[str, list[float | None]]:
    """Return the epochs to each target that a hypothesis names."""
    return {
        target_name(endpoint): statistics.strict_values(
            comparison.epochs_to(one.history, endpoint.metric, endpoint.epochs_to)
        )
        for endpoint in endpoints
        if endpoint.epochs_to is not None
    }
