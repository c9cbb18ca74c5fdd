"""Workers that Ray places: on this machine, or on all nodes of a cluster that is there already.

The nodes need the same bnexp, and see the same files at the same paths where
a study reads files. They write nothing: what they measured comes back.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bnexp.errors import UserError, WorkError
from bnexp.groups import Group
from bnexp.launch.workers import Attempt, Lost, Work, done, refuse_bug

ANSWER_SECONDS = 20.0
"""How long a cluster may take to answer."""
PORTS = {"ray": 10001, "": 6379}
"""Scheme of an address -> Ray's default port."""


@contextmanager
def ray_workers(jobs: int, address: str | None) -> Iterator[RayWorkers]:
    """Give the workers of the cluster at this address, or so many on a cluster of this machine's own.

    The cluster is joined, or started, when workers are needed.

    Raises:
        UserError: if Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise UserError("--launcher is ray, which is not installed. Install it: pip install 'bnexp[ray]'.") from None
    try:
        yield RayWorkers(jobs, address)
    finally:
        ray.shutdown()


def _join(jobs: int, address: str | None) -> int:
    """Join a cluster, or start one here, unless that is done; give how many cores it has."""
    import ray

    if not ray.is_initialized():
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # workers see the GPUs of their node
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address is None:
            os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: ten times slower beside other work
            ray.init(num_cpus=jobs, include_dashboard=False, **quiet)
        else:
            _reach(address)
            _within(ANSWER_SECONDS, lambda: ray.init(address, **quiet), address)
    return int(ray.cluster_resources().get("CPU", 1))


def _reach(address: str) -> None:
    """Raise WorkError if nobody listens at the address."""
    if address == "auto":
        return
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":") if ":" in place else (place, "", "")
    if not (port or str(PORTS.get(scheme, 6379))).isdecimal():
        raise UserError(f"--address is {address!r}; expected host:port, ray://host:port or auto.")
    try:
        socket.create_connection((host, int(port or PORTS.get(scheme, 6379))), ANSWER_SECONDS).close()
    except (OSError, UnicodeError) as error:
        raise _no_answer(address, str(error)) from None


def _within(seconds: float, call: Any, address: str) -> None:
    """Make a call that may wait for ever, but not for longer."""
    failures: list[BaseException] = []

    def guarded() -> None:
        """Keep what is raised for the thread that waits."""
        try:
            call()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise _no_answer(address, f"nothing of a Ray cluster within {seconds:g} s")
    if failures:
        raise _no_answer(address, str(failures[0]).splitlines()[0])


def _no_answer(address: str, why: str) -> WorkError:
    return WorkError(
        f"No Ray cluster answers at {address}: {why}. Start one there (ray start --head), or leave --address out."
    )


class RayWorkers:
    """`Workers` that are processes of a Ray cluster."""

    def __init__(self, jobs: int, address: str | None) -> None:
        self.jobs = jobs
        self._address = address

    def each(self, work: Work, groups: Sequence[Group]) -> Iterator[tuple[Group, Any]]:
        """Give each group and what the work made of it (`Workers.each`).

        Raises:
            WorkError: if no cluster answers at the address in time.
        """
        if not groups:
            return
        import ray

        self.jobs = _join(self.jobs, self._address)
        task = ray.remote(num_cpus=1, max_retries=0)(_done_there)
        waiting = deque(Attempt(group) for group in groups)
        running: dict[Any, Attempt] = {}
        while waiting or running:
            while waiting:
                attempt = waiting.popleft()
                running[task.remote(work, attempt.group, os.getcwd())] = attempt
            (first, *_), _ = ray.wait(list(running))
            attempt, outcome = running.pop(first), _answer(first)
            if isinstance(outcome, Lost) and (again := attempt.again(outcome)):
                waiting.extend(again)
            else:
                yield attempt.group, attempt.answer(outcome)


def _answer(reference: Any) -> Any:
    """Fetch what a worker made of its group, or what Ray says of a worker or node that was lost."""
    import ray

    try:
        return refuse_bug(ray.get(reference))
    except ray.exceptions.RayTaskError as error:
        why = str(error).strip().splitlines()[-1]
        raise WorkError(f"A node of the Ray cluster cannot do the work: {why}. Install this bnexp there.") from None
    except ray.exceptions.RayError as error:
        return Lost(f"Ray lost its worker: {str(error).strip().splitlines()[0]}")


def _done_there(work: Work, group: Group, directory: str) -> Any:
    """Do the work in the driver's directory, where the worker's machine has one of that name."""
    if os.path.isdir(directory):
        os.chdir(directory)
    return done(work, group)
