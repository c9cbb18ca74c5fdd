"""What a study will train: its cells and arms, where each is kept, which are finished, and in which jobs the rest is.

The directory is named by the digest of the design, so that the same study goes on where it was stopped and a
changed one begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bnexp import store, study
from bnexp.config.study import StudyFile
from bnexp.config.study_reading import read_study
from bnexp.data.fingerprint import Sources
from bnexp.errors import ConfigError, Problems, RunError
from bnexp.experiment.prepare import prepared
from bnexp.study import Candidate, Cell, Result, jobs
from bnexp.study.jobs import CandidateFacts, Job, Trial, line_told

MOST_TRAININGS = 20_000
CELLS = store.CELLS


@dataclass(frozen=True)
class Plan:
    """A study that can be run: its file, its cells, and where it is kept."""

    file: StudyFile
    cells: list[Cell]
    digest: str
    directory: Path
    trials: list[Trial]
    """What is trained and kept one by one: each cell's arms."""
    candidate_facts: Mapping[str, CandidateFacts]
    """By experiment, as JSON."""
    sources: Sources

    def path(self, cell: int, arm: str) -> Path:
        """Return the file of one cell and arm."""
        digits = len(str(len(self.cells) - 1))
        return self.directory / CELLS / f"{cell:0{digits}d}-{arm}.json"

    def known(self, one: Candidate) -> CandidateFacts:
        """Return what is known of an experiment's data."""
        return self.candidate_facts[one.experiment.model_dump_json()]


def plan(path: Path, runs: Path, *, most: int = MOST_TRAININGS) -> Plan:
    """Read a study and find out all that is wrong with it before anything is trained or written.

    Raises:
        ConfigError: with every mistake of the file, its grid, its data and its hypotheses.
        StorageError: if the place cannot be written.
        RunError: if its directory is of another format.
        UserError: if its data are read with Keras, and TensorFlow cannot use the GPU.
    """
    store.refuse_unwritable(runs)
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
    candidate_facts = _candidate_facts(cells)
    study.refuse_unanswerable(file, cells, lambda one: candidate_facts[one.model_dump_json()].task)
    sources = study.sources(cells)
    digest = study.design_digest(file, cells, sources)
    directory = runs / f"{store.slug(file.study.name)}-study-{digest[:10]}"
    trials = [Trial(cell, arm, _steps(file, cell, arm, candidate_facts)) for cell in cells for arm in file.study.arms]
    planned = Plan(file, cells, digest, directory, trials, candidate_facts, sources)
    _refuse_other_format(planned)
    return planned


def _candidate_facts(cells: list[Cell]) -> dict[str, CandidateFacts]:
    """Read or draw the data of all experiments, so that all that is wrong with them shows now."""
    by_data = sorted(study.experiments(cells), key=lambda one: one.experiment.dataset.model_dump_json())
    known, problems = {}, Problems()
    for one in by_data:
        with problems.noted(), line_told(one):
            data, training = prepared(one.experiment), one.experiment.training
            steps = training.epochs * data.steps(training.batch_size, training.drop_last)
            known[one.experiment.model_dump_json()] = CandidateFacts(
                data.task, data.shape, data.rows.x.nbytes, steps, {"name": one.experiment.dataset.name, **data.told()}
            )
    problems.refuse()
    return known


def _steps(file: StudyFile, cell: Cell, arm: str, candidate_facts: Mapping[str, CandidateFacts]) -> int:
    """Count the optimizer steps of a cell's arm, tuning included, if no seed stops early."""
    steps = [candidate_facts[one.experiment.model_dump_json()].steps for one in cell.candidates[arm]]
    return max(steps) * file.study.seeds + sum(steps) * len(study.tuning_seeds(file))


def pending(planned: Plan) -> list[Job]:
    """List the jobs in which something is not finished, the most work first.

    What is trained together can decide the last bit of a number. So jobs
    follow from the design alone: one that was lost in part is trained whole.
    But where a trial failed, the others have been trained one by one, or in halves.
    """
    done, design = finished(planned), planned.file.study

    def job(trials: Sequence[Trial]) -> Job:
        """Return these trials as a job."""
        return Job(
            design=planned.digest,
            trials=trials,
            seeds=tuple(range(design.seeds)),
            tune=design.tune,
            tuning_seeds=study.tuning_seeds(planned.file),
            endpoints=study.endpoints(design.claims()),
            sources=planned.sources,
        )

    found = []
    for trials in jobs.together(planned.trials, planned.known, design.seeds):
        left = [trial for trial in trials if trial.part not in done]
        if any(failure_path(planned.path(*trial.part)).exists() for trial in left):
            found += [job([trial]) for trial in left]
        elif left:
            found.append(job(trials))
    return found


def failure_path(path: Path) -> Path:
    """Return the file that says why the cell and arm kept in another could not be trained."""
    return path.with_name(f"{path.stem}.failed.txt")


def finished(planned: Plan) -> dict[tuple[int, str], Result]:
    """Read the cells and arms that are finished; one that is damaged is trained again."""
    results = {}
    asked = study.endpoints(planned.file.study.claims())
    for trial in planned.trials:
        result = _read(planned.path(*trial.part))
        if result is None or result.seeds != list(range(planned.file.study.seeds)) or not result.answers(asked):
            continue
        if (result.design, result.cell, result.arm) == (planned.digest, *trial.part):
            results[trial.part] = result
    return results


def _read(path: Path) -> Result | None:
    try:
        return Result.model_validate_json(store.content(path))
    except (RunError, ValidationError):
        return None


def _refuse_other_format(planned: Plan) -> None:
    """Raise RunError if what is kept under this name was written by a bnexp of another format."""
    kept = [planned.directory / "study.json", *(planned.path(*trial.part) for trial in planned.trials)]
    for path in kept:
        if path.exists():
            _refuse_format(path)


def _refuse_format(path: Path) -> None:
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
