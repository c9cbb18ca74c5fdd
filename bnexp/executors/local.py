"""Worker processes of this machine. Each has one job and one core. A lost worker is replaced.

As each has one core, workers do not compete for cores, and a study gives the same numbers with any number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

from bnexp.executors.workers import Attempt, Job, Lost, Work, done, refuse_bug
from bnexp.system.listeners import Warn

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that the linear algebra of NumPy and SciPy reads. Without them, it starts a thread for each core."""


@contextmanager
def local_workers(at_once: int, warn: Warn, sharing: int | None = None) -> Iterator[LocalWorkers]:
    """Yield `at_once` workers, which start when they are needed. At the end they are killed, even if they are busy."""
    own = LocalWorkers(at_once, warn, sharing or at_once)
    try:
        yield own
    finally:
        own.stop()


@dataclass
class _Worker:
    """A process, the pipe to it, and the attempt that it works on."""

    process: Any
    connection: Connection
    attempt: Attempt | None = None


class LocalWorkers:
    """`Workers` that are processes of this machine."""

    def __init__(self, at_once: int, warn: Warn, sharing: int) -> None:
        self.at_once = at_once
        self._warn, self._sharing = warn, sharing
        self._workers: list[_Worker] = []

    def each(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Any, Any]]:
        """Yield each job with its outcome (`Workers.each`)."""
        try:
            yield from self._each(work, deque(Attempt(job) for job in jobs))
        finally:  # the caller may stop early: end the workers that are still busy
            for worker in [worker for worker in self._workers if worker.attempt]:
                worker.process.kill()
                self._forget(worker)

    def _each(self, work: Work, waiting: deque[Attempt]) -> Iterator[tuple[Any, Any]]:
        while waiting or any(worker.attempt for worker in self._workers):
            while waiting and (worker := self._free()):
                worker.attempt = waiting.popleft()
                with suppress(OSError):  # the worker ended while it was idle; `_heard` will notice
                    worker.connection.send((work, worker.attempt.job))
            for worker in self._heard():
                tried, worker.attempt = worker.attempt, None
                assert tried is not None
                outcome = self._answer(worker)
                if isinstance(outcome, Lost) and (again := tried.again(outcome, self._warn)):
                    waiting.extendleft(reversed(again))
                else:
                    yield tried.job, tried.answer(outcome)

    def stop(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()

    def _free(self) -> _Worker | None:
        """Return an idle worker, or a new one if there are fewer than `at_once`; None if all are busy."""
        for worker in self._workers:
            if worker.attempt is None:
                return worker
        if len(self._workers) == self.at_once:
            return None
        self._workers.append(_started(self._sharing))
        return self._workers[-1]

    def _heard(self) -> list[_Worker]:
        """Wait until workers have answered or are lost, and return them."""
        busy: dict[Any, _Worker] = {worker.connection: worker for worker in self._workers if worker.attempt}
        return [busy[connection] for connection in wait(list(busy))]

    def _answer(self, worker: _Worker) -> Any:
        """Return the outcome of a worker's job; if the worker is lost, return `Lost` and remove the worker."""
        try:
            return refuse_bug(worker.connection.recv())
        except (EOFError, OSError):
            self._forget(worker)
            return Lost(_how_it_ended(worker.process.exitcode))

    def _forget(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()


def _how_it_ended(exit_code: int | None) -> str:
    """Return how a worker ended. `exit_code` is negative if a signal ended it."""
    if exit_code is None or exit_code >= 0:
        return f"its worker process ended by itself with exit code {exit_code}; its own output is above, on stderr"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    if name == "SIGKILL":
        return "its worker process was killed (SIGKILL), as the system does when memory runs out"
    return f"its worker process was ended by {name}; its own output is above, on stderr"


def _started(sharing: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, sharing), daemon=True)
    with _ctrl_c_held_back(), _one_thread(), _script_hidden():
        process.start()
    theirs.close()  # so that the pipe ends when the process ends
    return _Worker(process, ours)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Delay Ctrl-C until the end of this block, and block it in the processes that are started in the block.

    These inherit the blocked signal, since they cannot ignore it before their own code runs.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # if it started later in this block, it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes started in this block use one core for linear algebra, unless the user has set these variables."""
    unset = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Keep processes that are started in this block from running the user's script again, as `spawn` normally does.

    A worker needs nothing of the script, because work and jobs are bnexp's own. So a script needs no
    `if __name__ == "__main__":`.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _serve(connection: Connection, sharing: int) -> None:
    """Do each job that the driver sends, until the driver closes the pipe. `sharing` workers share the memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver handles Ctrl-C
    threading.Thread(target=_end_with_the_driver, daemon=True).start()
    while True:
        try:
            work, job = connection.recv()
        except EOFError:
            return
        connection.send(done(work, job, sharing=sharing))


def _end_with_the_driver() -> None:
    """End this process as soon as the process that started it has ended, even if that one was killed."""
    driver = multiprocessing.parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
