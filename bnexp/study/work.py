"""The work that workers do to a group: say what is refused in it, try a few steps, train it.

Axis: S seeds.
"""

from __future__ import annotations

import dataclasses
import math
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bnexp import comparison, config, statistics, study
from bnexp.config.study import Endpoint, Tune
from bnexp.data.fingerprint import refuse_changed, source_sha256
from bnexp.errors import ConfigError, UserError
from bnexp.executors.workers import Failure
from bnexp.experiment.batch import program_key
from bnexp.experiment.measurement import Measured, measured
from bnexp.experiment.pace import Pace, pace, rough_pace
from bnexp.experiment.prepare import check
from bnexp.history import Floats
from bnexp.metrics import higher_is_better
from bnexp.study import Candidate, Result, Tuned
from bnexp.study.jobs import Group, Member, line_told
from bnexp.system.machine import versions


def refusals(group: Group) -> list[str]:
    """List what is refused in a group: by Keras, by the trainer, or for its data; nothing is trained.

    That TensorFlow cannot use the GPU of this machine is listed, too.
    """
    said: list[str] = []
    tried = set()
    for candidate in (candidate for member in group.members for candidate in member.candidates):
        one = candidate.experiment
        essence = (program_key(one), repr(one.dataset), repr(getattr(one.model, "initializer", None)))
        if essence not in tried:
            tried.add(essence)
            try:
                with line_told(candidate):
                    check(one)
                    refuse_changed(one.dataset, source_sha256(one.dataset), group.sources)
            except UserError as error:
                problems = error.problems if isinstance(error, ConfigError) else (str(error),)
                said += [problem for problem in problems if problem not in said]
    return said


@dataclass(frozen=True)
class Preflight:
    """What is known of a group before it is trained: what is refused in it, else about what it will cost."""

    problems: list[str]
    pace: Pace | None = None


def preflight(group: Group) -> Preflight:
    """Check a group; where nothing is refused, say roughly what it costs. Nothing is traced or trained."""
    if problems := refusals(group):
        return Preflight(problems)
    together = min(group.largest_shard, len(group.members) * len(group.seeds))
    try:
        return Preflight([], rough_pace(group.members[0].candidates[0].experiment, group.seeds, at_once=together))
    except Exception:  # its training will tell
        return Preflight([])


def trial(group: Group) -> Pace | None:
    """Time a few steps of a group's trainings; None where they fail, as their training will tell."""
    experiments = [member.candidates[0].experiment for member in group.members]
    try:
        return pace(experiments, group.seeds, largest_shard=group.largest_shard)
    except Exception:
        return None


def results(group: Group) -> list[Result | Failure]:
    """Train a group; where that fails, each of its members by itself, so that only what is at fault is lost."""
    try:
        return list(_results(group))
    except MemoryError:
        raise
    except Exception as error:
        if len(group.members) > 1:
            alone = [dataclasses.replace(group, members=[member]) for member in group.members]
            return [outcome for one in alone for outcome in results(one)]
        why = str(error) if isinstance(error, UserError) else traceback.format_exc()
        return [Failure(group.members[0].part, why)]


def _results(group: Group) -> Iterator[Result]:
    """Tune if the study does, train the seeds of the verdict, and give what is kept of it."""
    spent = _tried(group)
    choices = [_chosen(group.tune, member, tried) for member, tried in zip(group.members, spent, strict=True)]
    outcomes = _measured(group, [chosen for chosen, _ in choices], group.seeds)
    for member, (chosen, tuned), tried, one in zip(group.members, choices, spent, outcomes, strict=True):
        yield _result(group, member, chosen, tuned, [*tried, one])


def _tried(group: Group) -> list[list[Measured]]:
    """Train the candidates of each member on the tuning seeds, if the study tunes."""
    if group.tune is None:
        return [[] for _ in group.members]
    candidates = [candidate for member in group.members for candidate in member.candidates]
    outcomes = iter(_measured(group, candidates, group.tuning_seeds))
    return [[next(outcomes) for _ in member.candidates] for member in group.members]


def _measured(group: Group, candidates: Sequence[Candidate], seeds: tuple[int, ...]) -> list[Measured]:
    """Train these seeds of each candidate.

    Raises:
        ConfigError: if the data are not as they should be, or not those that the study was begun with.
    """
    experiments = [candidate.experiment for candidate in candidates]
    with line_told(candidates[0]):
        return measured(experiments, seeds, sources=group.sources, largest_shard=group.largest_shard)


def _chosen(tune: Tune | None, member: Member, tried: Sequence[Measured]) -> tuple[Candidate, Tuned | None]:
    """Choose a member's candidate by its mean on the validation part, the first of the best; NaN is worst."""
    if tune is None:
        return member.candidates[0], None
    means = [float(np.mean(_final(one, tune.metric))) for one in tried]
    sign = 1 if higher_is_better(tune.metric) else -1
    scores = [sign * mean if math.isfinite(mean) else -math.inf for mean in means]
    chosen = member.candidates[int(np.argmax(scores))]
    return chosen, Tuned(key=tune.key, value=chosen.value, means=[m if math.isfinite(m) else None for m in means])


def _result(
    group: Group, member: Member, chosen: Candidate, tuned: Tuned | None, trained: Sequence[Measured]
) -> Result:
    """Write down what is kept of a member whose last training is that of the verdict's seeds."""
    from bnexp.training.devices import gpus

    one = trained[-1]
    return Result(
        design=group.design,
        cell=member.cell.number,
        levels=dict(member.cell.levels),
        arm=member.arm,
        experiment=config.digest(chosen.experiment),
        seeds=list(group.seeds),
        rows=one.rows,
        one_class=one.one_class,
        resample=chosen.experiment.dataset.resample,
        tuned=tuned,
        final={name: statistics.strict_values(_final(one, name)) for name in one.history.metrics},
        epochs_to=_epochs_to(group.endpoints, one),
        budget_epochs=chosen.experiment.training.epochs,
        diverged={str(seed): epoch for seed, epoch in one.history.diverged_at.items()},
        warnings=one.warnings,
        versions=versions() | ({"GPU": ", ".join(names)} if (names := gpus()) else {}),
        steps=sum(each.steps for each in trained),
        seconds=sum(each.seconds for each in trained),
    )


def _final(one: Measured, metric: str) -> Floats:
    return comparison.final_values(one.history, metric, one.guessing)


def _epochs_to(endpoints: Sequence[Endpoint], one: Measured) -> dict[str, list[float | None]]:
    """Return the epochs to each target that a hypothesis names."""
    return {
        study.target_name(endpoint): statistics.strict_values(
            comparison.epochs_to(one.history, endpoint.metric, endpoint.epochs_to)
        )
        for endpoint in endpoints
        if endpoint.epochs_to is not None
    }
