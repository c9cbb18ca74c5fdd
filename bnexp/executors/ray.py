"""Workers that Ray starts: on this machine, or on all nodes of an existing cluster.

Each node needs the same version of bnexp. If a study reads files, each node needs them at the same paths. The nodes
write no files: they send their results back.
"""

from __future__ import annotations

import math
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from bnexp.errors import UserError, WorkError
from bnexp.executors.workers import Attempt, Job, Lost, Work, done, refuse_bug
from bnexp.system.listeners import Warn
from bnexp.system.machine import WORKER_BYTES, most_workers
from bnexp.system.spelling import spelt

ANSWER_SECONDS = 20.0
"""How long a cluster may take to answer."""
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
PORTS = {"ray": 10001, "": 6379}
"""Scheme of an address -> Ray's default port."""


@contextmanager
def ray_workers(
    at_once: int | None, address: str | None, warn: Warn, sharing: int | None = None
) -> Iterator[RayWorkers]:
    """Yield workers of a Ray cluster: at `address`, or if that is None, a new cluster on this machine.

    At most `at_once` jobs run at a time. The cluster is joined or started when workers are needed.

    Raises:
        UserError: if Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise UserError(
            f"{spelt('launcher')} is ray, which is not installed. Install it: pip install 'bnexp[ray]'."
        ) from None
    try:
        yield RayWorkers(at_once, address, warn, sharing)
    finally:
        ray.shutdown()


def _join(address: str | None, workers: int) -> int:
    """Join or start a cluster, unless that was done before; return the number of workers that it has room for."""
    import ray

    if not ray.is_initialized():
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # workers see the GPUs of their node
        if address is None:
            os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: ten times slower beside other work
            _start(workers)
        else:
            _within(ANSWER_SECONDS, lambda: _connect(address), address)
    return max(1, sum(_room(node["Resources"]) for node in ray.nodes()))


def _start(workers: int) -> None:
    """Start a cluster with this number of workers on this machine, whatever RAY_ADDRESS says."""
    import ray

    room: dict[str, Any] = {"num_cpus": workers, "_memory": workers * WORKER_BYTES}
    try:
        ray.init("local", include_dashboard=False, **room, **QUIET)
    except Exception as error:
        raise WorkError(
            f"Ray cannot start a cluster here: {_first_line(error)}. Use {spelt('launcher', 'local')}."
        ) from None


def _room(resources: Mapping[str, float]) -> int:
    """Return how many workers fit on a node: one for each core, but fewer (at least one) if memory is short."""
    cores = int(resources.get("CPU", 0))
    if "memory" not in resources:
        return cores
    return min(cores, max(1, int(resources["memory"] // WORKER_BYTES)))


def _connect(address: str) -> None:
    import ray

    _reach(address)
    ray.init(address, **QUIET)


def _reach(address: str) -> None:
    """Raise UserError if the address is malformed, or if nothing accepts connections there."""
    if address == "auto":
        return
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":") if ":" in place else (place, "", "")
    if not (port or str(PORTS.get(scheme, 6379))).isdecimal():
        raise UserError(f"{spelt('address')} is {address!r}; expected host:port, ray://host:port or auto.")
    try:
        socket.create_connection((host, int(port or PORTS.get(scheme, 6379))), ANSWER_SECONDS).close()
    except (OSError, UnicodeError) as error:
        raise _no_answer(address, str(error)) from None


def _within(seconds: float, call: Any, address: str) -> None:
    """Run a call that may never return, and wait for it at most `seconds`.

    Raises:
        UserError: if the call does not return in time, or no cluster answers.
        WorkError: if the call fails otherwise.
    """
    failures: list[BaseException] = []

    def guarded() -> None:
        """Store any exception of the call for the waiting thread."""
        try:
            call()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=copy_context().run, args=(guarded,), daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        cure = "If a cluster runs there, set RAY_AUTH_MODE=token here and copy its ~/.ray/auth_token"
        raise _no_answer(address, f"no answer of a Ray cluster within {seconds:g} s. {cure}")
    if failures:
        if isinstance(failures[0], UserError):
            raise failures[0]
        if isinstance(failures[0], ConnectionError | TimeoutError):
            raise _no_answer(address, _first_line(failures[0]))
        raise WorkError(f"The Ray cluster at {address} cannot be joined: {_first_line(failures[0])}.")


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without a full stop, or the error's type if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _no_answer(address: str, why: str) -> UserError:
    return UserError(
        f"No Ray cluster answers at {address}: {why}. Start one there (ray start --head), or "
        f"leave {spelt('address')} out."
    )


class RayWorkers:
    """`Workers` that are processes of a Ray cluster."""

    def __init__(self, at_once: int | None, address: str | None, warn: Warn, sharing: int | None) -> None:
        self.at_once = at_once or most_workers()
        self._asked, self._address, self._warn, self._sharing = at_once, address, warn, sharing or at_once

    def each(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Any, Any]]:
        """Yield each job with its outcome (`Workers.each`).

        Raises:
            UserError: if no cluster answers at the address in time.
            WorkError: if the cluster cannot be joined, is lost, or has a node that cannot do the work.
        """
        if not jobs:
            return
        import ray

        room = _join(self._address, self._sharing or self.at_once)
        self.at_once = min(room, self._asked or room)
        most = self._asked or math.inf  # no limit: nodes may join
        waiting = deque(Attempt(job) for job in jobs)
        running: dict[Any, Attempt] = {}
        with _cluster_errors():
            task = ray.remote(num_cpus=1, memory=_memory_of_one(), max_retries=0)(_done_there)
            while waiting or running:
                while waiting and len(running) < most:
                    attempt = waiting.popleft()
                    running[task.remote(work, attempt.job, os.getcwd(), self._sharing)] = attempt
                (first, *_), _ = ray.wait(list(running))
                attempt, outcome = running.pop(first), _answer(first)
                if isinstance(outcome, Lost) and (again := attempt.again(outcome, self._warn)):
                    waiting.extend(again)
                else:
                    yield attempt.job, attempt.answer(outcome)


@contextmanager
def _cluster_errors() -> Iterator[None]:
    """Raise WorkError if Ray reports that the cluster itself is lost."""
    import ray

    try:
        yield
    except (ray.exceptions.RayError, ConnectionError) as error:
        kept = f"Finished trials are kept. Run the study again when it is back, or without {spelt('address')}."
        raise WorkError(f"The Ray cluster is lost: {_first_line(error)}. {kept}") from None


def _memory_of_one() -> float:
    """Return the bytes of memory that a worker reserves on its node. The largest node has enough for one."""
    import ray

    working = [node["Resources"] for node in ray.nodes() if node["Resources"].get("CPU")]
    return min(WORKER_BYTES, max((float(has.get("memory", 0)) for has in working), default=0.0))


def _answer(reference: Any) -> Any:
    """Return the outcome of a job, or `Lost` with Ray's reason if its worker or node was lost.

    Raises:
        WorkError: if a node cannot do the work.
    """
    import ray

    try:
        return refuse_bug(ray.get(reference))
    except ray.exceptions.RayTaskError as error:
        why = str(error).strip().splitlines()[-1]
        raise WorkError(f"A node of the Ray cluster cannot do the work: {why}. Install this bnexp there.") from None
    except ray.exceptions.RayError as error:
        starved = isinstance(error, ray.exceptions.OutOfMemoryError)
        return Lost(f"Ray lost its worker: {_first_line(error)}", starved)


def _done_there(work: Work, job: Job, directory: str, most: int | None) -> Any:
    """Do the work in the driver's directory, if the worker's machine has a directory at that path.

    The memory of this node is shared by as many workers as it has room for, or by `most` if that is less.
    """
    if os.path.isdir(directory) and os.access(directory, os.X_OK):
        os.chdir(directory)
    room = _room_on_this_node()
    return done(work, job, sharing=min(room, most or room))


def _room_on_this_node() -> int:
    import ray

    this = ray.get_runtime_context().get_node_id()
    return max(1, next((_room(node["Resources"]) for node in ray.nodes() if node["NodeID"] == this), 1))
