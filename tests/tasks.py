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
    """A job of numbered parts; `name` says where its work leaves traces."""

    name: str = "task"
    parts: Sequence[int] = ()
    largest_shard: int = 64

    def halved(self) -> list[Task]:
        return self._cut(-(-len(self.parts) // 2))

    def alone(self) -> list[Task]:
        return self._cut(1)

    def _cut(self, size: int) -> list[Task]:
        parts = [self.parts[start : start + size] for start in range(0, len(self.parts), max(1, size))] or [()]
        return [dataclasses.replace(self, parts=part, largest_shard=self.largest_shard // 2) for part in parts]


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


def die_with_part_3(task: Task) -> Sequence[int]:
    if 3 in task.parts:
        os._exit(7)
    return task.parts


def need_memory_for_16(task: Task) -> int:
    if task.largest_shard > 16:
        raise MemoryError("16 are the most")
    return task.largest_shard


def need_memory_for_one_part(task: Task) -> Sequence[int]:
    if len(task.parts) > 1:
        raise MemoryError("one is the most")
    return task.parts


def have_a_bug(task: Task) -> None:
    raise ZeroDivisionError("who would divide by that")
