"""Worker processes of this machine: one core each, stopped at the end, replaced when lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock, call, create_autospec

import pytest
from command import ENVIRONMENT, REPOSITORY
from tasks import Task, cores_workers_and_size, name_of_process, said_nothing, threads_of_linear_algebra

from bnexp.executors import local
from bnexp.executors.local import ONE_THREAD, local_workers
from bnexp.system.machine import CORES, WORKERS


def test_each_worker_has_one_core_and_works_until_it_is_stopped() -> None:
    several = [Task(str(number)) for number in range(5)]
    with local_workers(2, said_nothing) as two:
        answers = list(two.each(name_of_process, several))
        assert sorted(one.name for one, _ in answers) == ["0", "1", "2", "3", "4"]
        again = [answer for _, answer in two.each(name_of_process, several)]
        assert 1 <= len({answer for _, answer in answers} | set(again)) <= 2
        assert os.getpid() not in again
        assert [answer for _, answer in two.each(cores_workers_and_size, several[:1])] == [("1", "2", 64)]
    for pid in set(again):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_does_not_run_the_script_that_starts_it(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "from tasks import Task, name_of_process, said_nothing\n"
        "from bnexp.executors.local import local_workers\n"
        "print('begun')\n"
        "with local_workers(1, said_nothing) as one:\n"
        "    print(len(list(one.each(name_of_process, [Task()]))))\n"
        "import __main__\nprint(__main__.__file__ == __file__)\n"
    )
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{Path(__file__).parent}"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=60, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "begun\n1\nTrue\n"), done.stderr


def test_who_asks_no_further_is_not_answered_by_what_was_at_work() -> None:
    with local_workers(2, said_nothing) as two:
        unfinished = two.each(name_of_process, [Task("a"), Task("b"), Task("c")])
        next(unfinished)
        unfinished.close()
        assert [one.name for one, _ in two.each(name_of_process, [Task("d")])] == ["d"]


def test_a_worker_that_ends_while_it_has_nothing_to_do_is_replaced() -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        ((_, before),) = one.each(name_of_process, [Task()])
        os.kill(before, signal.SIGKILL)
        while Path(f"/proc/{before}").exists() and "Z" not in Path(f"/proc/{before}/stat").read_text().split()[2]:
            time.sleep(0.01)
        ((_, after),) = one.each(name_of_process, [Task()])
    assert after != before
    assert len(told) == 1


def test_a_worker_does_linear_algebra_on_one_core_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ONE_THREAD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    with local_workers(1, said_nothing) as one:
        assert [answer for _, answer in one.each(threads_of_linear_algebra, [Task()])] == [["4", "1", "1"]]
    assert [os.environ.get(name) for name in ONE_THREAD] == ["4", None, None]


def test_a_worker_answers_each_job_until_its_driver_closes_the_pipe_and_leaves_ctrl_c_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (CORES, WORKERS):
        monkeypatch.setenv(name, "")
    handle = Mock()
    monkeypatch.setattr(signal, "signal", handle)
    monkeypatch.setattr(local, "_end_with_the_driver", lambda: None)
    pipe = create_autospec(Connection, instance=True)
    pipe.recv.side_effect = [(cores_workers_and_size, Task(largest_shard=8)), (name_of_process, Task()), EOFError]
    local._serve(pipe, sharing=3)
    assert pipe.send.mock_calls == [call(("1", "3", 8)), call(os.getpid())]
    assert handle.mock_calls == [call(signal.SIGINT, signal.SIG_IGN)]


def test_a_worker_ends_at_once_when_its_driver_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Mock()
    monkeypatch.setattr("multiprocessing.parent_process", lambda: SimpleNamespace(join=order.join))
    monkeypatch.setattr(os, "_exit", order.exit)
    local._end_with_the_driver()
    assert order.mock_calls == [call.join(), call.exit(1)]
