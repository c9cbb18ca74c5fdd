"""Jobs and work for tests of workers. A worker that gets them starts fast: only the standard library is imported."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    """A job of numbered trials; `name` says where its work leaves traces."""

    name: str = "task"
    keys: Sequence[int] = ()
    largest_shard: int = 64

    def halved(self) -> list[Task]:
        return self._cut(-(-len(self.keys) // 2))

    def alone(self) -> list[Task]:
        return self._cut(1)

    def _cut(self, size: int) -> list[Task]:
        cut = [self.keys[start : start + size] for start in range(0, len(self.keys), max(1, size))] or [()]
        return [dataclasses.replace(self, keys=keys, largest_shard=self.largest_shard // 2) for keys in cut]


class HereAndNow:
    """`Workers` that are no processes but this one."""

    at_once = 1

    def each(self, work: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        for job in jobs:
            yield job, work(job)


def said_nothing(text: str) -> None:
    raise AssertionError(text)


# --- work ---------------------------------------------------------------------------


def name_of_process(task: Task) -> int:
    return os.getpid()


def cores_workers_and_size(task: Task) -> tuple[str, str, int]:
    return os.environ["BNEXP_CORES"], os.environ["BNEXP_WORKERS"], task.largest_shard


def threads_of_linear_algebra(task: Task) -> list[str | None]:
    return [os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")]


def die_the_first_time(task: Task) -> int:
    trace = Path(task.name)
    if not trace.exists():
        trace.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.largest_shard


def die_above_16(task: Task) -> int:
    if task.largest_shard > 16:
        os._exit(7)
    return task.largest_shard


def die_if_deadly(task: Task) -> None:
    if task.name == "deadly":
        os._exit(7)


def die_with_trial_3(task: Task) -> Sequence[int]:
    if 3 in task.keys:
        os._exit(7)
    return task.keys


def need_memory_for_16(task: Task) -> int:
    if task.largest_shard > 16:
        raise MemoryError("16 are the most")
    return task.largest_shard


def need_memory_for_one_trial(task: Task) -> Sequence[int]:
    if len(task.keys) > 1:
        raise MemoryError("one is the most")
    return task.keys


def have_a_bug(task: Task) -> None:
    raise ZeroDivisionError("who would divide by that")
