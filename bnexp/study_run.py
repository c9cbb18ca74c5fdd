"""Runs a study: plans it, has workers train what is not finished, and keeps everything in one directory.

The directory is named by the digest of the design, so that the same study goes on where it was stopped and a
changed one begins anew. Workers give their results back; only this process writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from pydantic import ValidationError

from bnexp import groups, statistics, store, study
from bnexp.config.section import Task
from bnexp.config.study import StudyFile, read_study
from bnexp.errors import ConfigError, RunError, UntrainedError
from bnexp.groups import Failure, Group, Member, line_told
from bnexp.launch import Workers
from bnexp.measuring import Pace
from bnexp.preparing import prepared
from bnexp.show import figures
from bnexp.study import Candidate, Cell, Result

MOST_TRAININGS = 20_000
FEWEST_TRIED_STEPS = 2_000
"""Optimizer steps of a study that is worth a trial before it is begun."""
CELLS = "cells"


@dataclass(frozen=True)
class Plan:
    """A study that can be run: its file, its cells, and where it is kept."""

    file: StudyFile
    cells: list[Cell]
    digest: str
    directory: Path
    members: list[Member]
    """What is trained and kept one by one: each cell's arms."""
    learned: Mapping[str, _Learned]

    def path(self, cell: int, arm: str) -> Path:
        """Give the file of one cell and arm."""
        digits = len(str(len(self.cells) - 1))
        return self.directory / CELLS / f"{cell:0{digits}d}-{arm}.json"

    def shape(self, one: Candidate) -> str:
        """Give what a program sees of an experiment's data."""
        return self.learned[one.experiment.model_dump_json()].shape


def plan(path: Path, runs: Path, *, most: int = MOST_TRAININGS) -> Plan:
    """Read a study and find out all that is wrong with it before anything is trained or written.

    Raises:
        ConfigError: with every mistake of the file, its grid and its hypotheses.
        RunError: if its directory is of another format.
    """
    file = read_study(path)
    trainings = file.study.trainings()
    if trainings > most:
        raise ConfigError(
            [
                f"{file.where('vary')}: the grid has {trainings} trainings; expected {most} or fewer. "
                "Give fewer levels or seeds, or --max-trainings."
            ]
        )
    cells = study.cells_of(file)
    learned = _learned(cells)
    study.refuse_unanswerable(file, cells, lambda one: learned[one.model_dump_json()].task)
    digest = study.design_digest(file, cells)
    directory = runs / f"{store.slug(file.study.name)}-study-{digest[:10]}"
    members = [Member(cell, arm, _steps(file, cell, arm, learned)) for cell in cells for arm in file.study.arms]
    planned = Plan(file, cells, digest, directory, members, learned)
    _refuse_other_format(planned)
    return planned


@dataclass(frozen=True)
class _Learned:
    """What is known of an experiment once its data are read."""

    task: Task
    shape: str
    """What a program sees of the data (`Data.shape`)."""
    steps: int


def _learned(cells: list[Cell]) -> dict[str, _Learned]:
    """Read or draw the data of all experiments, so that what is wrong with them shows now."""
    by_data = sorted(study.experiments(cells), key=lambda one: one.experiment.dataset.model_dump_json())
    known = {}
    for one in by_data:
        with line_told(one):
            data, training = prepared(one.experiment), one.experiment.training
        steps = training.epochs * data.steps(training.batch_size, training.drop_last)
        known[one.experiment.model_dump_json()] = _Learned(data.task, data.shape, steps)
    return known


def _steps(file: StudyFile, cell: Cell, arm: str, learned: Mapping[str, _Learned]) -> int:
    """Count the optimizer steps of a cell's arm, tuning included, if no seed stops early."""
    steps = [learned[one.experiment.model_dump_json()].steps for one in cell.candidates[arm]]
    return max(steps) * file.study.seeds + sum(steps) * len(study.tuning_seeds(file))


def facts(planned: Plan, jobs: int) -> dict[str, Any]:
    """Tell what a study will do: cells, trainings, steps, the smallest effect it detects; and what is done already.

    `jobs` groups are worked on at a time.
    """
    design = planned.file.study
    done = finished(planned)
    level = 1 - (1 - statistics.LEVEL) / len(design.claims())
    detectable = statistics.detectable_difference(design.seeds, level=level)
    return {
        "name": design.name,
        "cells": len(planned.cells),
        "arms": list(design.arms),
        "seeds": design.seeds,
        "factors": design.vary,
        "tune": None if design.tune is None else design.tune.model_dump(),
        "claims": [{"claim": claim.claim, "asks": study.asks(claim)} for claim in design.claims()],
        "trainings": design.trainings(),
        "groups": len(pending(planned)),
        "steps": sum(member.steps for member in planned.members),
        "finished": len(done),
        "of": len(planned.members),
        "seconds_left": _seconds_left(planned, done, jobs),
        "fewest_seeds": statistics.fewest_pairs(level),
        "detectable_deviations": detectable if math.isfinite(detectable) else None,
        "directory": str(planned.directory),
    }


def _seconds_left(planned: Plan, results: Mapping[tuple[int, str], Result], jobs: int) -> float | None:
    """Estimate the time that is left by the steps that are left and the seconds a step took so far, if any did."""
    left = sum(member.steps for member in planned.members if member.part not in results)
    done = sum(result.steps for result in results.values())
    if not left:
        return 0.0
    return left * sum(result.seconds for result in results.values()) / done / jobs if done else None


def estimate(planned: Plan, workers: Workers) -> float | None:
    """Try a few steps of the largest groups, one a worker, and give the seconds that what is left may take.

    None where nothing could be tried, or so little is left that it is done about as soon.
    """
    unfinished = pending(planned)
    left = sum(group.steps for group in unfinished)
    if left < FEWEST_TRIED_STEPS:
        return None
    tried = [pace for _, pace in workers.each(groups.trial, unfinished[: workers.jobs]) if isinstance(pace, Pace)]
    if not tried:
        return None
    start = mean(pace.start for pace in tried)
    step = mean(pace.step for pace in tried)
    return (len(unfinished) * start + left * step) / workers.jobs


# --- running ----------------------------------------------------------------------------

Tell = Callable[[Result, int, float | None], None]
"""Told of each finished cell and arm, how many are finished, and the seconds left."""


def run(planned: Plan, workers: Workers, tell: Tell) -> dict[str, Any]:
    """Let workers train what is not finished yet, answer the hypotheses, keep and give the document of study.json.

    Raises:
        ConfigError: before anything is written, if Keras refuses a model or setting of a cell.
        StorageError: if the directory cannot be written.
        UntrainedError: after all else is done, if a cell and arm could not be trained.
    """
    store.refuse_unwritable(planned.directory.parent)
    unfinished = pending(planned)
    _refuse_unbuildable(unfinished, workers)
    with store.own_directory(planned.directory) as directory:
        if not (directory / "study.yaml").exists():
            store.write(directory / "study.yaml", planned.file.text())
        store.make_place(directory / CELLS)
        results, failures = dict(finished(planned)), []
        for _, outcomes in workers.each(groups.results, unfinished):
            for outcome in outcomes:
                if outcome.part in results:  # from before: a group that was lost in part is trained whole
                    continue
                if isinstance(outcome, Failure):
                    failures.append(_failed(planned, outcome))
                else:
                    _keep(planned, outcome)
                    results[outcome.part] = outcome
                    tell(outcome, len(results), _seconds_left(planned, results, workers.jobs))
        if failures:
            raise UntrainedError(_told(planned, failures))
        return _kept(planned, results)


def _keep(planned: Plan, result: Result) -> None:
    """Write what is finished, and forget that it failed before."""
    path = planned.path(result.cell, result.arm)
    store.write_json(path, result.model_dump(mode="json"))
    _failure_path(path).unlink(missing_ok=True)


def _failed(planned: Plan, failure: Failure) -> Path:
    """Write down why a cell and arm could not be trained."""
    path = _failure_path(planned.path(*failure.part))
    store.write(path, failure.why.rstrip() + "\n")
    return path


def _failure_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.failed.txt")


def _told(planned: Plan, failures: Sequence[Path]) -> str:
    """Say which cells and arms failed, and that no verdict is given without them."""
    last = failures[0].read_text(encoding="utf-8").rstrip().splitlines()[-1]
    return (
        f"{planned.directory}: {len(failures)} of {len(planned.members)} cells and arms could not be trained; "
        f"the others are kept. Without them there is no verdict. {failures[0]} says why: {last} "
        "The same command tries them again."
    )


def pending(planned: Plan) -> list[Group]:
    """List the groups in which something is not finished, the most work first.

    What is trained together can decide the last bit of a number. So groups
    follow from the design alone: one that was lost in part is trained whole.
    But where a member failed, the others have been trained one by one, or in halves.
    """
    done, design = finished(planned), planned.file.study
    tuning_seeds, endpoints = study.tuning_seeds(planned.file), study.endpoints(design.claims())

    def group(members: Sequence[Member]) -> Group:
        """Give these members as a group."""
        return Group(planned.digest, members, tuple(range(design.seeds)), design.tune, tuning_seeds, endpoints)

    found = []
    for together in groups.together(planned.members, planned.shape, design.seeds):
        left = [member for member in together if member.part not in done]
        if any(_failure_path(planned.path(*member.part)).exists() for member in left):
            found += [group([member]) for member in left]
        elif left:
            found.append(group(together))
    return found


def _refuse_unbuildable(unfinished: Sequence[Group], workers: Workers) -> None:
    """Build each different model of what is not finished, so that what Keras refuses shows before any training."""
    answers = [answer for _, answer in workers.each(groups.refusals, unfinished)]
    said = dict.fromkeys(text for texts in answers for text in texts if isinstance(text, str))
    if said:
        raise ConfigError(said)


def _kept(planned: Plan, results: Mapping[tuple[int, str], Result]) -> dict[str, Any]:
    """Write the table, the document and the figure; the document last but for the figure, which is drawn from it."""
    document = study.document(planned.file, planned.cells, planned.digest, results)
    store.write(planned.directory / "results.csv", study.table(planned.file, planned.cells, results))
    store.write_json(planned.directory / "study.json", document)
    figures.draw(store.Run(planned.directory))
    return document


def finished(planned: Plan) -> dict[tuple[int, str], Result]:
    """Read the cells and arms that are finished; one that is damaged is trained again."""
    results = {}
    for member in planned.members:
        result = _read(planned.path(*member.part))
        if result is not None and (result.design, result.cell, result.arm) == (planned.digest, *member.part):
            results[member.part] = result
    return results


def _read(path: Path) -> Result | None:
    try:
        return Result.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def _refuse_other_format(planned: Plan) -> None:
    """Raise RunError if what is kept under this name was written by a bnexp of another format."""
    kept = [planned.directory / "study.json", *(planned.path(*member.part) for member in planned.members)]
    for path in kept:
        if path.exists():
            refuse_format(path)


def refuse_format(path: Path) -> None:
    """Raise RunError if a file of a study is of another format version; one that is damaged passes."""
    try:
        seen = store.read_json(path).get("format")
    except RunError:
        return
    if seen != study.FORMAT:
        raise RunError(
            f"{path}: has format {seen!r}; expected {study.FORMAT}, the one of this bnexp. "
            "Move the directory away, or use --runs DIR."
        )
