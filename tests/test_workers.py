"""The retry policy for lost workers: the same job once more, then halves, each part alone, and what is given up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tasks import (
    Task,
    die_above_16,
    die_if_deadly,
    die_the_first_time,
    die_with_trial_3,
    have_a_bug,
    need_memory_for_16,
    need_memory_for_one_trial,
    said_nothing,
)

from bnexp.errors import UserError
from bnexp.executors import Failure, local, workers
from bnexp.executors.local import local_workers
from bnexp.executors.workers import Lost, done, refuse_bug
from bnexp.system.machine import CORES, WORKERS

AGAIN = "A job ({} of the study's trials) is tried again"


def test_a_job_whose_worker_is_killed_is_tried_on_another_as_it_was_and_then_half_as_much(tmp_path: Path) -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        assert [answer for _, answer in one.each(die_the_first_time, [Task(str(tmp_path / "trace"))])] == [64]
        assert [answer for _, answer in one.each(die_above_16, [Task()])] == [16]
    again = AGAIN.format(0)
    killed = "its worker process was killed (SIGKILL), as the system does when memory runs out"
    itself = "its worker process ended by itself with exit code 7; its own output is above, on stderr"
    half = f"{again}, with half as much in memory at a time: {itself}"
    assert told == [f"{again}: {killed}", f"{again}: {itself}", half, half]


@pytest.mark.parametrize(
    ("exit_code", "told"),
    [
        (1, "ended by itself with exit code 1; its own output is above, on stderr"),
        (0, "ended by itself with exit code 0; its own output is above, on stderr"),
        (-9, "was killed (SIGKILL), as the system does when memory runs out"),
        (-11, "was ended by SIGSEGV; its own output is above, on stderr"),
        (-63, "was ended by signal 63; its own output is above, on stderr"),
    ],
)
def test_only_a_killed_worker_is_said_to_be_short_of_memory(exit_code: int, told: str) -> None:
    assert local._how_it_ended(exit_code) == f"its worker process {told}"


def test_a_job_that_kills_every_worker_fails_alone() -> None:
    told: list[str] = []
    with local_workers(2, told.append) as two:
        several = [Task("a"), Task("deadly", keys=[5]), Task("b")]
        answers = {one.name: answer for one, answer in two.each(die_if_deadly, several)}
    assert len(told) == 3 and all("1 of the study's trials" in line for line in told)
    assert answers["a"] is None and answers["b"] is None
    (failure,) = answers["deadly"]
    assert failure.key == 5
    assert "its worker process ended by itself with exit code 7" in failure.why


def test_what_kills_every_worker_takes_no_other_trial_along() -> None:
    told: list[str] = []
    with local_workers(2, told.append) as two:
        answers = [key for _, keys in two.each(die_with_trial_3, [Task(keys=range(10))]) for key in keys]
    assert [one.key for one in answers if isinstance(one, Failure)] == [3]
    assert sorted(one for one in answers if isinstance(one, int)) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [line.partition(":")[0].partition("tried again")[2] for line in told] == [
        "", ", in two halves", ", each of them alone",
    ]  # fmt: skip


def test_a_worker_says_that_memory_was_short_and_tells_a_bug_with_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CORES, WORKERS):
        monkeypatch.setenv(name, "")
    assert done(need_memory_for_16, Task(), sharing=3) == Lost(
        "it does not fit in memory: 16 are the most", starved=True
    )
    assert (os.environ[CORES], os.environ[WORKERS]) == ("1", "3")
    bug = done(have_a_bug, Task(), sharing=3)
    with pytest.raises(RuntimeError, match=r"^unexpected error in a worker:\n(.*\n)+ZeroDivisionError: who would"):
        refuse_bug(bug)


def test_out_of_memory_half_as_much_is_worked_on_at_a_time() -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        assert [answer for _, answer in one.each(need_memory_for_16, [Task()])] == [16]
    assert len(told) == 2
    assert all("half as much in memory at a time: it does not fit in memory: 16 are the most" in line for line in told)


def test_out_of_memory_a_job_is_cut_until_its_trials_fit() -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        answers = [list(keys) for _, keys in one.each(need_memory_for_one_trial, [Task(keys=range(3))])]
    assert [line.split(":")[0] for line in told] == [f"{AGAIN.format(count)}, in two halves" for count in (3, 2)]
    assert sorted(answers) == [[0], [1], [2]]


def test_what_should_not_be_shows_its_traceback() -> None:
    with local_workers(1, said_nothing) as one, pytest.raises(RuntimeError, match="who would divide by that"):
        list(one.each(have_a_bug, [Task()]))


def test_an_address_that_a_launcher_does_not_use_is_refused() -> None:
    with (
        pytest.raises(
            UserError, match=r'is .*, which Place\(launcher="local"\) does not use\. Add Place\(launcher="ray"\)\.$'
        ),
        workers("local", 1, "a:1", warn=said_nothing),
    ):
        pass
