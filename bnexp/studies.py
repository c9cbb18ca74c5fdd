"""Runs a study: plans it, trains what is not finished cell by cell, and keeps everything in one directory.

The directory is named by the digest of the design, so that the same study goes on where it was stopped and a
changed one begins anew. Every training goes through `experiment.measured`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from bnexp import comparison, config, statistics, store, study
from bnexp.config.loading import found
from bnexp.config.section import Task
from bnexp.config.study import StudyFile, read_study
from bnexp.errors import ConfigError, RunError, SettingError
from bnexp.experiment import Measured, measured, prepared, refuse_unbuildable
from bnexp.history import Floats
from bnexp.metrics import higher_is_better
from bnexp.show import figures
from bnexp.study import Candidate, Cell, Result, Tuned

MOST_TRAININGS = 20_000
CELLS = "cells"


@dataclass(frozen=True)
class Plan:
    """A study that can be run: its file, its cells, and where it is kept."""

    file: StudyFile
    cells: list[Cell]
    digest: str
    directory: Path
    steps: Mapping[tuple[int, str], int]
    """(cell, arm) -> the optimizer steps of all its trainings."""

    @cached_property
    def parts(self) -> list[tuple[Cell, str]]:
        """List what is trained and kept one by one: each cell's arms."""
        return [(cell, arm) for cell in self.cells for arm in self.file.study.arms]

    def path(self, cell: Cell, arm: str) -> Path:
        """Give the file of one cell and arm."""
        digits = len(str(len(self.cells) - 1))
        return self.directory / CELLS / f"{cell.number:0{digits}d}-{arm}.json"


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
    steps = {(cell.number, arm): _steps(file, cell, arm, learned) for cell in cells for arm in file.study.arms}
    planned = Plan(file, cells, digest, directory, steps)
    _refuse_other_format(planned)
    return planned


@dataclass(frozen=True)
class _Learned:
    """What is known of an experiment once its data are read."""

    task: Task
    steps: int


def _learned(cells: list[Cell]) -> dict[str, _Learned]:
    """Read or draw the data of all experiments, so that what is wrong with them shows now."""
    by_data = sorted(study.experiments(cells), key=lambda one: one.experiment.dataset.model_dump_json())
    known = {}
    for one in by_data:
        with _line_told(one):
            data, training = prepared(one.experiment), one.experiment.training
        steps = training.epochs * data.steps(training.batch_size, training.drop_last)
        known[one.experiment.model_dump_json()] = _Learned(data.task, steps)
    return known


def _steps(file: StudyFile, cell: Cell, arm: str, learned: Mapping[str, _Learned]) -> int:
    """Count the optimizer steps of a cell's arm, tuning included, if no seed stops early."""
    steps = [learned[one.experiment.model_dump_json()].steps for one in cell.candidates[arm]]
    return max(steps) * file.study.seeds + sum(steps) * len(study.tuning_seeds(file))


@contextmanager
def _line_told(one: Candidate) -> Iterator[None]:
    """Add file and line to a mistake that shows itself only when the data are drawn or the model is built."""
    try:
        yield
    except SettingError as error:
        lines = [f"{found(one.node, tuple(key.split('.'))).where}: {key} {text}" for key, text in error.problems]
        raise ConfigError(lines) from error


def facts(planned: Plan) -> dict[str, Any]:
    """Tell what a study will do: cells, trainings, steps, the smallest effect it detects; and what is done already."""
    design = planned.file.study
    done = finished(planned)
    level = 1 - 0.05 / len(design.claims())
    detectable = statistics.detectable_difference(design.seeds, level=level)
    return {
        "name": design.name,
        "cells": len(planned.cells),
        "arms": list(design.arms),
        "seeds": design.seeds,
        "trainings": design.trainings(),
        "steps": sum(planned.steps.values()),
        "finished": len(done),
        "of": len(planned.parts),
        "seconds_left": _seconds_left(planned, done),
        "detectable_deviations": detectable if math.isfinite(detectable) else None,
        "directory": str(planned.directory),
    }


def _seconds_left(planned: Plan, results: Mapping[tuple[int, str], Result]) -> float | None:
    """Estimate the time that is left by the steps that are left and the seconds a step took so far, if any did."""
    pending = sum(steps for part, steps in planned.steps.items() if part not in results)
    done = sum(result.steps for result in results.values())
    if not pending:
        return 0.0
    return pending * sum(result.seconds for result in results.values()) / done if done else None


# --- running ----------------------------------------------------------------------------

Tell = Callable[[Result, int, float | None], None]
"""Told of each finished cell and arm, how many are finished, and the seconds left."""


def run(planned: Plan, tell: Tell) -> dict[str, Any]:
    """Train what is not finished yet, answer the hypotheses, keep and give the document of study.json.

    Raises:
        ConfigError: before anything is written, if Keras refuses a model or setting of a cell.
        StorageError: if the directory cannot be written.
    """
    store.refuse_unwritable(planned.directory.parent)
    _refuse_unbuildable(planned)
    with store.own_directory(planned.directory) as directory:
        if not (directory / "study.yaml").exists():
            store.write(directory / "study.yaml", planned.file.text())
        store.make_place(directory / CELLS)
        results = dict(finished(planned))
        for cell, arm in planned.parts:
            if (cell.number, arm) in results:
                continue
            result = _result(planned, cell, arm)
            store.write_json(planned.path(cell, arm), result.model_dump(mode="json"))
            results[cell.number, arm] = result
            tell(result, len(results), _seconds_left(planned, results))
        return _kept(planned, results)


def _refuse_unbuildable(planned: Plan) -> None:
    """Build each different model of what is not finished, so that what Keras refuses shows before any training."""
    done, built = finished(planned), set()
    for cell, arm in planned.parts:
        one = cell.candidates[arm][0]
        dataset, training = one.experiment.dataset, one.experiment.training
        kind = repr((dataset, one.experiment.model, training.optimizer, training.trainer))
        if (cell.number, arm) not in done and kind not in built:
            built.add(kind)
            with _line_told(one):
                refuse_unbuildable(one.experiment)


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
    for cell, arm in planned.parts:
        result = _read(planned.path(cell, arm))
        if result is not None and (result.design, result.cell, result.arm) == (planned.digest, cell.number, arm):
            results[cell.number, arm] = result
    return results


def _read(path: Path) -> Result | None:
    try:
        return Result.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def _refuse_other_format(planned: Plan) -> None:
    """Raise RunError if what is kept under this name was written by a bnexp of another format."""
    kept = [planned.directory / "study.json", *(planned.path(*part) for part in planned.parts)]
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


# --- one cell and arm ---------------------------------------------------------------------


def _result(planned: Plan, cell: Cell, arm: str) -> Result:
    """Tune if the study does, train the seeds of the verdict, and give what is kept of it."""
    chosen, tuned, spent = _tuned(planned, cell, arm)
    seeds = tuple(range(planned.file.study.seeds))
    with _line_told(chosen):
        one = measured(chosen.experiment, seeds)
    return Result(
        design=planned.digest,
        cell=cell.number,
        levels=dict(cell.levels),
        arm=arm,
        experiment=config.digest(chosen.experiment),
        seeds=list(seeds),
        tuned=tuned,
        final={name: _strict(_final(one, name)) for name in one.history.metrics},
        epochs_to=_epochs_to(planned, one),
        budget_epochs=chosen.experiment.training.epochs,
        diverged={str(seed): epoch for seed, epoch in one.history.diverged_at.items()},
        warnings=one.warnings,
        steps=one.steps + sum(other.steps for other in spent),
        seconds=one.seconds + sum(other.seconds for other in spent),
    )


def _tuned(planned: Plan, cell: Cell, arm: str) -> tuple[Candidate, Tuned | None, list[Measured]]:
    """Choose a cell's and arm's candidate by its mean on the validation part, the first of the best; NaN is worst."""
    tune, candidates = planned.file.study.tune, cell.candidates[arm]
    if tune is None:
        return candidates[0], None, []
    spent = []
    for candidate in candidates:
        with _line_told(candidate):
            spent.append(measured(candidate.experiment, study.tuning_seeds(planned.file)))
    means = [float(np.mean(_final(one, tune.metric))) for one in spent]
    sign = 1 if higher_is_better(tune.metric) else -1
    scores = [sign * mean if math.isfinite(mean) else -math.inf for mean in means]
    chosen = candidates[int(np.argmax(scores))]
    kept = [mean if math.isfinite(mean) else None for mean in means]
    return chosen, Tuned(key=tune.key, value=chosen.value, means=kept), spent


def _final(one: Measured, metric: str) -> Floats:
    return comparison.final_values(one.history, metric, one.rows_per_class)


def _epochs_to(planned: Plan, one: Measured) -> dict[str, list[float | None]]:
    """Give the epochs to each target that a hypothesis names; a diverged seed reaches none."""
    diverged_S = np.array([seed in one.history.diverged_at for seed in one.history.seeds])
    reached = {}
    for endpoint in study.endpoints(planned.file.study.claims()):
        if endpoint.epochs_to is not None:
            values_SE, higher = one.history.metrics[endpoint.metric], higher_is_better(endpoint.metric)
            epochs_S = statistics.epochs_to_target(values_SE, endpoint.epochs_to, higher)
            reached[study.target_name(endpoint)] = _strict(np.where(diverged_S, np.nan, epochs_S))
    return reached


def _strict(values_S: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values_S]
