"""What a study will train: its trials, where each is stored, which are finished, and the jobs of the others.

The directory and the trials are named by digests of what is measured (`digests`). So a study can continue where it was
stopped. A study that has gained a level, an arm or a hypothesis trains only the new trials.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from bnexp import store
from bnexp.config import Experiment
from bnexp.config.mistakes import in_file_order
from bnexp.config.section import Task
from bnexp.config.study import Endpoint, StudyFile
from bnexp.config.study_reading import read_in_part
from bnexp.data.fingerprint import Sources
from bnexp.errors import ConfigError, Problems, RunError
from bnexp.experiment.data_facts import data_facts
from bnexp.experiment.prepare import prepared
from bnexp.store.study_document import FORMAT
from bnexp.study import grid, jobs
from bnexp.study.contrast import Results
from bnexp.study.digests import digest_of, study_facts, trial_facts
from bnexp.study.document import endpoints
from bnexp.study.grid import Candidate, Cell
from bnexp.study.jobs import CandidateFacts, Job, Trial, located_errors, trial_path
from bnexp.study.new_rows import ReadRows
from bnexp.study.refusals import measured_in, refuse_unanswerable
from bnexp.study.result import Result
from bnexp.study.smaller_study import EarlierResults, EarlierStudy, directory_name, earlier_results, earlier_studies
from bnexp.study.sweep import metric_of
from bnexp.study.trial_rows import holds_rows, kept_rows, with_computed
from bnexp.system.spelling import DIR, spelt

MOST_TRAININGS = 20_000
CELLS = store.CELLS


@dataclass(frozen=True)
class Plan:
    """A study that can be run: its file, its cells, and where it is kept."""

    file: StudyFile
    cells: list[Cell]
    digest: str
    """Digest of what all grids in the directory share: `digests.study_facts`, the seeds and the tuning."""
    directory: Path
    trials: list[Trial]
    """Each cell in each arm: what is trained and stored one by one."""
    candidate_facts: Mapping[str, CandidateFacts]
    """Experiment, as JSON -> the facts about its data."""
    sources: Sources
    done: Results = field(default_factory=dict)
    """The trials that were finished when the study was planned."""
    earlier: Sequence[EarlierStudy] = ()
    """Earlier studies like this one with fewer seeds; the one with the most comes first."""
    begun: EarlierResults = field(default_factory=EarlierResults)
    """Results of these earlier studies, by trial; empty if every trial is finished."""
    metric: str | None = None
    """The metric that the table of a sweep shows; None for a study with hypotheses."""

    def path(self, trial: Trial) -> Path:
        """Return the file of a trial."""
        return trial_path(self.directory, trial.digest)

    @property
    def endpoints(self) -> list[Endpoint]:
        """List the endpoints of the hypotheses; of a sweep, the metric of its table."""
        return endpoints(self.file.study.claims(), self.metric)

    @property
    def distinct(self) -> list[Trial]:
        """List the trials that measure different things. Of several that measure the same, the first is listed."""
        return list({trial.digest: trial for trial in reversed(self.trials)}.values())[::-1]

    def known(self, one: Candidate) -> CandidateFacts:
        """Return the facts about an experiment's data."""
        return self.candidate_facts[one.experiment.model_dump_json()]

    def steps_left(self, trial: Trial) -> int:
        """Return the optimizer steps left for an unfinished trial. Seeds of an earlier study are not counted."""
        before = self.begun.results.get(trial.digest)
        if before is None:
            return trial.steps
        return trial.steps_of_a_seed * (self.file.study.seeds - len(before.seeds))

    def trainings_left(self, trial: Trial) -> int:
        """Count the trainings left for an unfinished trial. If an earlier study began it, it is already tuned."""
        before = self.begun.results.get(trial.digest)
        if before is None:
            return self.file.study.trainings_of_a_trial
        return self.file.study.seeds - len(before.seeds)


def plan(path: Path, runs: Path, *, most: int = MOST_TRAININGS, metric: str | None = None) -> Plan:
    """Read a study and return its plan. All mistakes are found before anything is trained or written.

    `metric` is the metric that a sweep shows instead of its task's headline metric.

    Raises:
        ConfigError: with every mistake of the file, its grid, its data and its hypotheses.
        StorageError: if the directory `runs` cannot be written.
        RunError: if the study's directory has another format.
        UserError: if the study's data are read with Keras, and TensorFlow cannot use the GPU.
    """
    store.refuse_unwritable(runs)
    problems = Problems()
    file = read_in_part(path, problems)
    cells = _cells(file, most, problems)
    candidate_facts = _candidate_facts(cells, problems)

    def task_of(one: Experiment) -> Task:
        return candidate_facts[one.model_dump_json()].task

    readable = [cell.of(lambda one: one.experiment.model_dump_json() in candidate_facts) for cell in cells]
    named = grid.without_unknown_factors(file, problems.messages)
    with problems.noted():
        refuse_unanswerable(named, readable, task_of, lambda one: candidate_facts[one.model_dump_json()].data, metric)
    _refuse(problems)
    shown = metric_of(file, measured_in(cells, task_of), metric)
    sources, digest = grid.sources(cells), digest_of(study_facts(file), file.study)
    directory = runs / directory_name(file.study.name, digest)
    trials = [_trial(file, cell, arm, candidate_facts, sources) for cell in cells for arm in file.study.arms]
    planned = Plan(file, cells, digest, directory, trials, candidate_facts, sources, metric=shown)
    refuse_other_format(directory / "study.json")
    planned = replace(planned, done=finished(planned), earlier=earlier_studies(file, trials, sources, runs))
    if all(trial.key in planned.done for trial in planned.distinct):
        return planned
    return replace(planned, begun=earlier_results(file, planned.distinct, planned.earlier, planned.endpoints))


def _trial(
    file: StudyFile, cell: Cell, arm: str, candidate_facts: Mapping[str, CandidateFacts], sources: Sources
) -> Trial:
    """Return a cell's arm with its digest and its optimizer steps. Tuning is included, and no seed stops early."""
    candidates, study = cell.candidates[arm], file.study
    each = [candidate_facts[one.experiment.model_dump_json()].steps for one in candidates]
    steps = max(each) * study.seeds + sum(each) * len(grid.tuning_seeds(study))
    return Trial(cell, arm, digest_of(trial_facts(candidates, sources), study), steps, max(each))


def _refuse(problems: Problems) -> None:
    """Raise what was noted, if anything; several mistakes are sorted by line."""
    if len(problems.found) > 1:
        raise ConfigError(in_file_order(problems.messages))
    problems.refuse()


def _cells(file: StudyFile, most: int, problems: Problems) -> list[Cell]:
    """Return the cells of the grid as far as they have no mistakes; none if they have more trainings than allowed."""
    trainings = file.study.trainings()
    if trainings <= most:
        return grid.cells_in_part(file, problems)
    problems.tell(
        f"{file.where('vary')}: the grid has {trainings} trainings; expected {most} or fewer. "
        f"Give fewer levels or seeds, or {spelt('max-trainings')}."
    )
    return []


def _candidate_facts(cells: list[Cell], problems: Problems) -> dict[str, CandidateFacts]:
    """Read or draw the data of all experiments, and note all errors in them. Return the facts about the others."""
    by_data = sorted(grid.experiments(cells), key=lambda one: one.experiment.dataset.model_dump_json())
    known = {}
    for one in by_data:
        with problems.noted(), located_errors(one):
            data, training = prepared(one.experiment), one.experiment.training
            steps = training.epochs * data.steps(training.batch_size, training.drop_last)
            told = data_facts(one.experiment.dataset.name, data)
            known[one.experiment.model_dump_json()] = CandidateFacts(
                data.task, data.shape, data.rows.x.nbytes, steps, told
            )
    return known


def pending(planned: Plan, done: Results | None = None) -> list[Job]:
    """List the jobs that have unfinished trials, the most work first.

    Which trials are trained together can decide the last bit of a number. So a trial whose result was lost is trained
    again together with the same trials as before. New trials, from a new level or arm, are trained together. If a trial
    failed before, the unfinished trials of its group are trained one by one.
    """
    done, study = finished(planned) if done is None else done, planned.file.study
    groups, before = jobs.together(planned.distinct, planned.known, study.seeds), _trained_together(planned, done)
    found = [trials for group in groups for trials in _left(planned, group, done, before)]
    distinct = {tuple(trial.digest for trial in trials): trials for trials in found}.values()
    return sorted((job for trials in distinct for job in _jobs(planned, trials)), key=lambda job: -job.steps)


def _jobs(planned: Plan, trials: Sequence[Trial]) -> Iterator[Job]:
    """Yield jobs of trials that share a program: one for each number of seeds that are already trained."""
    study, results = planned.file.study, planned.begun.results
    by_seeds: dict[int, list[Trial]] = {}
    for trial in trials:
        count = len(results[trial.digest].seeds) if trial.digest in results else 0
        by_seeds.setdefault(count, []).append(replace(trial, steps=planned.steps_left(trial)))
    for count, several in by_seeds.items():
        yield Job(
            trials=several,
            seeds=grid.seeds_of(study)[count:],
            tune=study.tune,
            tuning_seeds=grid.tuning_seeds(study),
            endpoints=planned.endpoints,
            sources=planned.sources,
            begun={trial.digest: results[trial.digest] for trial in several if count},
        )


def _trained_together(planned: Plan, done: Results) -> dict[str, list[Trial]]:
    """Map the digest of each trial to the trials that it was trained with, as far as finished trials record it.

    If one of these trials is no longer in the grid, all of them are left out.
    """
    known = {trial.short_digest: trial for trial in planned.distinct}
    lists = {tuple(result.together) for result in done.values()}
    whole = [[known[one] for one in together] for together in sorted(lists) if known.keys() >= set(together)]
    return {trial.digest: trials for trials in whole for trial in trials}


def _left(
    planned: Plan, group: Sequence[Trial], done: Results, before: Mapping[str, Sequence[Trial]]
) -> list[Sequence[Trial]]:
    """Return lists of trials to train together for a group's unfinished trials. Some trials in them may be finished."""
    left = [trial for trial in group if trial.key not in done]
    if any(failure_path(planned.path(trial)).exists() for trial in left):
        return [[trial] for trial in left]
    lost = [before[trial.digest] for trial in left if trial.digest in before]
    new = [trial for trial in left if trial.digest not in before]
    return [*lost, *([new] if new else [])]


def failure_path(path: Path) -> Path:
    """Return the file that says why the trial in the file `path` could not be trained."""
    return path.with_name(f"{path.stem}.failed.txt")


def finished(planned: Plan) -> dict[tuple[int, str], Result]:
    """Read the finished trials. A trial that is damaged or has lost its held-out rows does not count as finished.

    Raises:
        RunError: if a trial was written by a bnexp with another format.
    """
    seeds, known = grid.seeds_of(planned.file.study), {}
    for trial in planned.distinct:
        path, result = planned.path(trial), read_result(planned.path(trial))
        if result is None or (result.trial, result.seeds) != (trial.digest, seeds) or not holds_rows(path, result):
            continue
        result = with_computed(path, result, planned.endpoints)
        if result.answers(planned.endpoints) and result.is_tuned_by(planned.file.study.tune):
            known[trial.digest] = result
    return {trial.key: known[trial.digest] for trial in planned.trials if trial.digest in known}


def holds_results(directory: Path) -> bool:
    """Return True if a study's directory holds any trial, of this grid or of another."""
    return any((directory / CELLS).glob("*.json"))


def rows_of(planned: Plan, done: Results) -> ReadRows:
    """Return a function that reads the values of each held-out row of a finished trial."""
    paths = {trial.key: planned.path(trial) for trial in planned.trials}
    return functools.cache(lambda key: kept_rows(paths[key], done[key]))


def read_result(path: Path) -> Result | None:
    """Read a stored trial; return None if it is missing or damaged.

    Raises:
        RunError: if the trial was written by a bnexp with another format.
    """
    try:
        return Result.model_validate_json(store.content(path))
    except RunError:
        return None
    except ValidationError:
        refuse_other_format(path)
        return None


def refuse_other_format(path: Path) -> None:
    """Raise RunError if a file of a study exists and has another format. A damaged file passes."""
    try:
        seen = store.read_json(path).get("format")
    except RunError:
        return
    if seen != FORMAT:
        raise RunError(
            f"{path}: has format {seen!r}; expected {FORMAT}, the one of this bnexp. "
            f"Move the directory away, or use {spelt('runs', DIR)}."
        )
