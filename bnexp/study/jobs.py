"""A job: trials of a study that share a compiled program. One worker trains them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnexp.config.places import node_at
from bnexp.config.section import Task
from bnexp.config.study import Endpoint, Tune
from bnexp.data.fingerprint import Sources
from bnexp.experiment import prepare
from bnexp.experiment.batch import program_key
from bnexp.store import CELLS
from bnexp.store.run_record import DataFacts
from bnexp.study.grid import Candidate, Cell, level_text
from bnexp.study.result import Result

MOST_TOGETHER = 64
"""The most trainings in a job. More are cut into several jobs, cell by cell. A job fills a shard, and each job's
results are stored as soon as it ends."""
MOST_ROW_BYTES = 2**27
"""The most bytes of different data in a job. Three copies fit into the smallest share of a worker. A single cell may
have more."""

DIGITS = 16
"""Number of digits of a trial's digest in the name of its file."""


def trial_path(directory: Path, digest: str) -> Path:
    """Return the file of the trial with this digest in a study's directory."""
    return directory / CELLS / f"{digest[:DIGITS]}.json"


@dataclass(frozen=True)
class Trial:
    """One cell in one arm: the unit that a study trains and stores."""

    cell: Cell
    arm: str
    digest: str
    """The digest of all that is measured: `digests.trial_facts`, seeds and tuning."""
    steps: int
    """Optimizer steps of all its trainings, if no seed stops early."""
    steps_of_a_seed: int
    """Optimizer steps of one seed of the verdict, which are part of `steps`."""

    @property
    def candidates(self) -> Sequence[Candidate]:
        """List the experiments that it may train."""
        return self.cell.candidates[self.arm]

    @property
    def key(self) -> tuple[int, str]:
        """Return the key of the trial within its study: the number of the cell, and the arm."""
        return self.cell.number, self.arm

    @property
    def short_digest(self) -> str:
        """Return the first digits of the digest, which name the trial's file."""
        return self.digest[:DIGITS]

    @property
    def name(self) -> str:
        """Return the trial's name for a person: its levels and its arm."""
        return ", ".join([*(f"{name}={level_text(level)}" for name, level in self.cell.levels.items()), self.arm])


@dataclass(frozen=True)
class Job:
    """Trials of a study that are trained together, with all that their training needs."""

    trials: Sequence[Trial]
    seeds: tuple[int, ...]
    """Seeds that are still to be trained for the verdict."""
    tune: Tune | None
    tuning_seeds: tuple[int, ...]
    endpoints: Sequence[Endpoint]
    sources: Sources
    largest_shard: int = MOST_TOGETHER
    """The most trainings that run at a time."""
    begun: Mapping[str, Result] = field(default_factory=dict)
    """Digest of a trial -> the result of its first seeds, which are trained already; empty if none are."""

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Return all seeds of the verdict. Seeds that are already trained come first."""
        return (*next((result.seeds for result in self.begun.values()), ()), *self.seeds)

    def from_the_beginning(self) -> Job:
        """Return the job that trains all seeds."""
        return dataclasses.replace(self, seeds=self.all_seeds, begun={})

    @property
    def keys(self) -> Sequence[tuple[int, str]]:
        """List the keys of the job's trials."""
        return [trial.key for trial in self.trials]

    def halved(self) -> list[Job]:
        """Return the jobs of `workers.Job.halved`: `largest_shard` is halved, too."""
        return self._cut(-(-len(self.trials) // 2))

    def alone(self) -> list[Job]:
        """Return the jobs of `workers.Job.alone`: `largest_shard` is halved, too."""
        return self._cut(1)

    def _cut(self, size: int) -> list[Job]:
        starts, smaller = range(0, len(self.trials), max(1, size)), max(1, self.largest_shard // 2)
        pieces = [self.trials[start : start + size] for start in starts] or [self.trials]
        return [dataclasses.replace(self, trials=piece, largest_shard=smaller) for piece in pieces]

    @property
    def steps(self) -> int:
        """Count the optimizer steps of all its trainings."""
        return sum(trial.steps for trial in self.trials)


@dataclass(frozen=True)
class CandidateFacts:
    """What is known about a candidate after its data are read."""

    task: Task
    shape: str
    """The part of the data's description that decides on the compiled program (`Data.shape`)."""
    row_bytes: int
    """Bytes of the data's inputs."""
    steps: int
    """Optimizer steps of one training."""
    data: DataFacts
    """The facts about the data that are shown to the user: `data_facts`."""


def together(trials: Sequence[Trial], known: Callable[[Candidate], CandidateFacts], seeds: int) -> list[list[Trial]]:
    """Return a list of trials for each job: they share a program, with `seeds` seeds each. The most work is first."""
    alike: dict[Any, list[Trial]] = {}
    for trial in trials:
        key = repr([(program_key(one.experiment), known(one).shape) for one in trial.candidates])
        alike.setdefault(key, []).append(trial)
    cut = [job for several in alike.values() for job in _in_jobs(several, known, max(1, MOST_TOGETHER // seeds))]
    return sorted(cut, key=lambda job: -sum(trial.steps for trial in job))


def _in_jobs(trials: Sequence[Trial], known: Callable[[Candidate], CandidateFacts], most: int) -> list[list[Trial]]:
    """Put each trial into the first job that has room: fewer than `most` trials, and data that are not too large."""
    jobs: list[list[Trial]] = []
    held: list[dict[str, int]] = []
    for trial in trials:
        own = {one.experiment.dataset.model_dump_json(): known(one).row_bytes for one in trial.candidates}
        for job, data in zip(jobs, held, strict=True):
            if len(job) < most and (own.keys() <= data.keys() or sum((data | own).values()) <= MOST_ROW_BYTES):
                job.append(trial)
                data |= own
                break
        else:
            jobs.append([trial])
            held.append(own)
    return jobs


def located_errors(one: Candidate) -> AbstractContextManager[None]:
    """Add file and line to errors that appear only when the data are drawn or the model is built."""
    return prepare.located_errors(where_of(one))


def where_of(one: Candidate) -> prepare.Where:
    """Return a function that returns the file and line of a key of a candidate's experiment."""
    return lambda key: node_at(one.node, tuple(key.split("."))).where
