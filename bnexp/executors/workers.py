"""The protocol of all workers and jobs, and the retry policy for lost workers."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Protocol

from bnexp.system.listeners import Warn
from bnexp.system.machine import CORES, WORKERS

TRIES = 4
"""After this many lost workers, a job counts as one that cannot be trained."""


@dataclass(frozen=True)
class Failure:
    """A trial that could not be done: its key, and the reason as a sentence or a traceback."""

    key: Any
    why: str


class Job(Protocol):
    """The trials that a worker gets at once. A job can be cut into smaller jobs."""

    @property
    def keys(self) -> Sequence[Any]:
        """List the keys of its trials."""

    def halved(self) -> Sequence[Job]:
        """Return jobs with half of the trials each. They train half as much at a time, so they need less memory."""

    def alone(self) -> Sequence[Job]:
        """Return a job for each trial. Each trains half as much at a time, so it needs less memory."""


Work = Callable[[Any], Any]


class Workers(Protocol):
    """Processes that work on jobs. Each has one job at a time, and one core."""

    at_once: int
    """The number of jobs that run at a time."""

    def each(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Any, Any]]:
        """Yield each job with its outcome, as the jobs end. The first jobs are begun first.

        If a worker is lost, its job is tried again (`Attempt.again`).
        A job that has lost TRIES workers has a `Failure` for each of its trials as its outcome.
        """


@dataclass(frozen=True)
class Lost:
    """The outcome of a job that did not finish, because its worker was killed or ran out of memory."""

    why: str
    starved: bool = False
    """Whether the worker, or Ray, reported that memory was short."""


@dataclass(frozen=True)
class Bug:
    """The outcome of a job whose worker raised an unexpected exception. `trace` is the traceback."""

    trace: str


@dataclass(frozen=True)
class Attempt:
    """A job that is to be run, and the number of workers that were lost in earlier attempts."""

    job: Job
    tries: int = 0

    def again(self, lost: Lost, warn: Warn) -> list[Attempt]:
        """Return the next attempts, and warn of them. After TRIES lost workers, there are none.

        The first retry keeps the job whole, because its trials can change the last bit of each other's numbers.
        Later retries cut it in halves. If memory was short, the first retry does so too.
        The last retry trains each trial alone, so that only the faulty trial is given up.
        """
        tries, whole = self.tries + 1, self.job
        if tries >= TRIES:
            return []
        if tries == 1 and not lost.starved:
            jobs: Sequence[Job] = [whole]
            how = ""
        elif len(whole.keys) < 2:
            jobs, how = whole.halved(), ", with half as much in memory at a time"
        elif tries < TRIES - 1:
            jobs, how = whole.halved(), ", in two halves"
        else:
            jobs, how = whole.alone(), ", each of them alone"
        warn(f"A job ({len(whole.keys)} of the study's trials) is tried again{how}: {lost.why}")
        return [Attempt(job, tries) for job in jobs]

    def answer(self, outcome: Any) -> Any:
        """Return the final outcome. For a lost job, that is a `Failure` for each of its trials."""
        if isinstance(outcome, Lost):
            return [Failure(key, outcome.why) for key in self.job.keys]
        return outcome


def done(work: Work, job: Job, *, sharing: int) -> Any:
    """Do the work in this worker process, and return its outcome, `Lost` or `Bug`.

    `sharing` is the number of workers that share the machine's memory.
    """
    os.environ.update({CORES: "1", WORKERS: str(sharing)})
    try:
        with redirect_stdout(sys.stderr):  # a study's answer on stdout may be one JSON document
            return work(job)
    except MemoryError as error:
        return Lost(f"it does not fit in memory: {error}", starved=True)
    except Exception:
        return Bug(traceback.format_exc())


def refuse_bug(outcome: Any) -> Any:
    """Return the outcome of a job. For a bug, raise RuntimeError with the worker's traceback."""
    if isinstance(outcome, Bug):
        raise RuntimeError(f"unexpected error in a worker:\n{outcome.trace}")
    return outcome
