"""Jobs and the workers that train them: what shares a program, and what happens when a worker is lost or fails."""

from __future__ import annotations

import dataclasses
import importlib
import io
import itertools
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from rich import console
from test_study import ARMS, BASE, CLAIM, planned

from bnexp import store
from bnexp.cli import study_commands
from bnexp.cli.study_commands import Place
from bnexp.errors import ConfigError, StoppedError, StorageError, UserError, WorkError
from bnexp.executors import Failure, workers
from bnexp.executors import ray as ray_launcher
from bnexp.executors.local import ONE_THREAD, local_workers
from bnexp.executors.workers import Lost
from bnexp.experiment.pace import Pace
from bnexp.report import plan_table, study_table
from bnexp.study import jobs as study_jobs
from bnexp.study import plan as study_plan
from bnexp.study import run as study_run
from bnexp.study import work as study_work
from bnexp.study.document import document
from bnexp.study.jobs import Job, Trial
from bnexp.study.outlook import plan_document
from bnexp.study.result import Result
from bnexp.system import backend

SHORT = BASE.replace("epochs: 10", "epochs: 2") + ARMS + CLAIM + "seeds: 2\n"


def job(name: str = "d") -> Job:
    """A job of no trials, whose data are called by its name."""
    return Job([], (0,), None, (), [], {"name": name})


def name_of(one: Job) -> str:
    return one.sources.get("name") or ""


def said_nothing(text: str) -> None:
    raise AssertionError(text)


class HereAndNow:
    """`Workers` that are no processes but this one."""

    at_once = 1

    def each(self, work: Callable[[Job], Any], several: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
        for one in several:
            yield one, work(one)


# --- work that workers do in these tests: the name of a job says where they leave traces --------------------


def name_of_process(one: Job) -> int:
    return os.getpid()


def cores_workers_and_size(one: Job) -> tuple[str, str, int]:
    return os.environ["BNEXP_CORES"], os.environ["BNEXP_WORKERS"], one.largest_shard


def die_the_first_time(one: Job) -> int:
    trace = Path(name_of(one))
    if not trace.exists():
        trace.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return one.largest_shard


def die_above_16(one: Job) -> int:
    if one.largest_shard > 16:
        os._exit(7)
    return one.largest_shard


def need_memory_for_one_member(one: Job) -> list[tuple[int, str]]:
    if len(one.trials) > 1:
        raise MemoryError("one is the most")
    return [trial.key for trial in one.trials]


def always_die(one: Job) -> None:
    if name_of(one) == "deadly":
        os._exit(7)


def die_with_cell_3(one: Job) -> list[tuple[int, str]]:
    if any(trial.cell.number == 3 for trial in one.trials):
        os._exit(7)
    return [trial.key for trial in one.trials]


def need_memory_for_16(one: Job) -> int:
    if one.largest_shard > 16:
        raise MemoryError("16 are the most")
    return one.largest_shard


def load_tensorflow(one: Job) -> None:
    backend.load()


def have_a_bug(one: Job) -> None:
    raise ZeroDivisionError("who would divide by that")


# --- workers ------------------------------------------------------------------------------------


def test_each_worker_has_one_core_and_works_until_it_is_stopped() -> None:
    several = [job(str(number)) for number in range(5)]
    with local_workers(2, said_nothing) as two:
        answers = list(two.each(name_of_process, several))
        assert sorted(name_of(one) for one, _ in answers) == ["0", "1", "2", "3", "4"]
        again = [answer for _, answer in two.each(name_of_process, several)]
        assert 1 <= len({answer for _, answer in answers} | set(again)) <= 2
        assert os.getpid() not in again
        assert [answer for _, answer in two.each(cores_workers_and_size, several[:1])] == [("1", "2", 64)]
    for pid in set(again):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_who_asks_no_further_is_not_answered_by_what_was_at_work() -> None:
    with local_workers(2, said_nothing) as two:
        unfinished = two.each(name_of_process, [job("a"), job("b"), job("c")])
        next(unfinished)
        unfinished.close()
        assert [name_of(one) for one, _ in two.each(name_of_process, [job("d")])] == ["d"]


def threads_of_linear_algebra(one: Job) -> list[str | None]:
    return [os.environ.get(name) for name in ONE_THREAD]


def test_a_worker_does_linear_algebra_on_one_core_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ONE_THREAD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    with local_workers(1, said_nothing) as one:
        assert [answer for _, answer in one.each(threads_of_linear_algebra, [job()])] == [["4", "1", "1"]]
    assert [os.environ.get(name) for name in ONE_THREAD] == ["4", None, None]


def test_a_share_of_memory_does_not_follow_how_many_groups_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_commands, "most_workers", lambda: 3)
    for jobs, expected in ((None, "3"), (8, "8")):
        with Place(Path("runs"), "local", jobs, None).launched(1, warn=said_nothing) as some:
            assert some.at_once == 1
            assert [answer for _, answer in some.each(cores_workers_and_size, [job()])] == [("1", expected, 64)]


def test_a_group_whose_worker_is_killed_is_tried_on_another_as_it_was_and_then_half_as_much(tmp_path: Path) -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        assert [answer for _, answer in one.each(die_the_first_time, [job(str(tmp_path / "trace"))])] == [64]
        assert [answer for _, answer in one.each(die_above_16, [job()])] == [16]
    again = "A job (0 of the study's trials) is tried again"
    why = "its worker process ended with exit code {}: killed, or out of memory"
    half = f"{again}, with half as much in memory at a time: {why.format(7)}"
    assert told == [f"{again}: {why.format(-9)}", f"{again}: {why.format(7)}", half, half]


def test_a_worker_that_ends_while_it_has_nothing_to_do_is_replaced() -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        ((_, before),) = one.each(name_of_process, [job()])
        os.kill(before, signal.SIGKILL)
        while Path(f"/proc/{before}").exists() and "Z" not in Path(f"/proc/{before}/stat").read_text().split()[2]:
            time.sleep(0.01)
        ((_, after),) = one.each(name_of_process, [job()])
    assert after != before
    assert len(told) == 1


def test_a_group_that_kills_every_worker_fails_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT)
    deadly = dataclasses.replace(study_plan.pending(plan)[0], sources={"name": "deadly"})
    told: list[str] = []
    with local_workers(2, told.append) as two:
        answers = dict((name_of(one), answer) for one, answer in two.each(always_die, [job("a"), deadly, job("b")]))
    assert len(told) == 3 and all("1 of the study's trials" in line for line in told)
    assert answers["a"] is None and answers["b"] is None
    (failure,) = answers["deadly"]
    assert failure.key == deadly.trials[0].key
    assert "its worker process ended with exit code 7" in failure.why


def test_what_kills_every_worker_takes_no_other_member_along(tmp_path: Path) -> None:
    rates = ", ".join(f"{0.001 * (number + 1):.3f}" for number in range(10))
    whole, _ = study_plan.pending(planned(tmp_path, SHORT + f"vary: {{training.learning_rate: [{rates}]}}\n"))
    told: list[str] = []
    with local_workers(2, told.append) as two:
        answers = [part for _, several in two.each(die_with_cell_3, [whole]) for part in several]
    failed = [one.key for one in answers if isinstance(one, Failure)]
    assert failed == [(3, "bn")]
    assert sorted(one for one in answers if isinstance(one, tuple)) == [(n, "bn") for n in range(10) if n != 3]
    assert [line.partition(":")[0].partition("tried again")[2] for line in told] == [
        "", ", in two halves", ", each of them alone",
    ]  # fmt: skip


def test_out_of_memory_half_as_much_is_worked_on_at_a_time() -> None:
    told: list[str] = []
    with local_workers(1, told.append) as one:
        assert [answer for _, answer in one.each(need_memory_for_16, [job()])] == [16]
    assert len(told) == 2
    assert all("half as much in memory at a time: it does not fit in memory: 16 are the most" in line for line in told)


def test_out_of_memory_a_group_is_cut_until_its_members_fit(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.002, 0.003]}\n")
    whole, _ = study_plan.pending(plan)
    told: list[str] = []
    with local_workers(1, told.append) as one:
        answers = [answer for _, answer in one.each(need_memory_for_one_member, [whole])]
    assert [line.split(":")[0] for line in told] == [
        f"A job ({count} of the study's trials) is tried again, in two halves" for count in (3, 2)
    ]
    assert sorted(answers) == [[(0, "bn")], [(1, "bn")], [(2, "bn")]]


def test_workers_are_quiet_even_if_this_process_has_loaded_tensorflow(capfd: pytest.CaptureFixture[str]) -> None:
    backend.load()
    with local_workers(1, said_nothing) as one:
        list(one.each(load_tensorflow, [job()]))
    assert capfd.readouterr().err == ""


def test_what_should_not_be_shows_its_traceback() -> None:
    with local_workers(1, said_nothing) as one, pytest.raises(RuntimeError, match="who would divide by that"):
        list(one.each(have_a_bug, [job()]))


# --- Ray ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ray_gives_what_local_workers_give(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    kept = []
    for launcher in ("local", "ray"):
        (tmp_path / launcher).mkdir()
        plan = planned(tmp_path / launcher, SHORT + "vary: {training.batch_size: [8, 4]}\n")
        with workers(launcher, 2, None, warn=said_nothing) as two:
            study_run.run(plan, two, lambda *told: None)
        kept.append((plan.directory / "results.csv").read_bytes())
    assert kept[0] == kept[1]


def test_ray_tries_a_lost_group_again_and_tells_bugs_and_what_a_node_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    work_is_found(monkeypatch)
    told: list[str] = []
    with workers("ray", 1, None, warn=told.append) as one:
        (answer,) = (answer for _, answer in one.each(die_the_first_time, [job(str(tmp_path / "trace"))]))
        assert answer == 64
        assert len(told) == 1 and "is tried again: Ray lost its worker: " in told[0]
        with pytest.raises(RuntimeError, match="who would divide by that"):
            list(one.each(have_a_bug, [job()]))
        with pytest.raises(WorkError, match=r"cannot do the work: .*Install this bnexp there"):
            list(one.each(only_here(tmp_path, monkeypatch), [job()]))


def work_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray's workers find the work of these tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


def only_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], Any]:
    """Return work from a module that no other process finds, as if a node had another bnexp."""
    (place / "only_here.py").write_text("def work(job): return 1\n")
    monkeypatch.syspath_prepend(place)
    return importlib.import_module("only_here").work


def test_ray_starts_its_own_cluster_whatever_the_environment_says_and_divides_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray")
    work_is_found(monkeypatch)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with workers("ray", 1, None, warn=said_nothing, sharing=3) as one:
        assert [answer for _, answer in one.each(cores_workers_and_size, [job()])] == [("1", "3", 64)]
        assert one.at_once == 1
    with workers("ray", 20, None, warn=said_nothing) as many:  # as many as asked for, whatever memory is free
        assert [answer for _, answer in many.each(cores_workers_and_size, [job()])] == [("1", "20", 64)]
        assert many.at_once == 20


def test_of_a_cluster_no_more_is_used_than_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    work_is_found(monkeypatch)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    address = ray.get_runtime_context().gcs_address
    with workers("ray", None, address, warn=said_nothing) as all_of_them:
        assert [answer for _, answer in all_of_them.each(cores_workers_and_size, [job()])] == [("1", "2", 64)]
        assert all_of_them.at_once == 2
        at_work: list[int] = []
        wait = ray.wait
        monkeypatch.setattr(ray, "wait", lambda running: at_work.append(len(running)) or wait(running))
        one = ray_launcher.RayWorkers(1, address, said_nothing, None)
        assert [answer for _, answer in one.each(cores_workers_and_size, [job()] * 3)] == [("1", "1", 64)] * 3
        assert (one.at_once, at_work) == (1, [1, 1, 1])


def test_ray_out_of_memory_is_told_from_a_worker_that_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def lost(error: Exception) -> Lost:
        monkeypatch.setattr(ray, "get", lambda reference: (_ for _ in ()).throw(error))
        return ray_launcher._answer(None)

    assert lost(ray.exceptions.OutOfMemoryError("Task was killed.\nMuch more")) == Lost(
        "Ray lost its worker: Task was killed", starved=True
    )
    assert not lost(ray.exceptions.WorkerCrashedError()).starved
    assert not lost(ray.exceptions.NodeDiedError("gone")).starved


def test_a_ray_cluster_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    work_is_found(monkeypatch)

    def lost(running: object) -> Any:
        raise ray.exceptions.RaySystemError("the head is gone")

    with workers("ray", 1, None, warn=said_nothing) as one:
        monkeypatch.setattr(ray, "wait", lost)
        with pytest.raises(WorkError, match=r"^The Ray cluster is lost: .*the head is gone\. What is finished is kept"):
            list(one.each(name_of_process, [job()]))


def test_no_node_of_ray_is_asked_for_more_workers_than_it_has_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def node(cores: int, gigabytes: float) -> dict[str, Any]:
        return {"NodeID": f"{cores}", "Resources": {"CPU": cores, "memory": gigabytes * 1e9}}

    head, small, large = node(0, 64), node(4, 1), node(64, 8)  # a head without cores takes no work
    for nodes, memory, room in (([head, small], 1e9, 1), ([head, small, large], 3 * 2**29, 4), ([head], 0, 1)):
        monkeypatch.setattr(ray, "nodes", lambda nodes=nodes: nodes)
        this = SimpleNamespace(get_node_id=lambda nodes=nodes: nodes[-1]["NodeID"])
        monkeypatch.setattr(ray, "get_runtime_context", lambda this=this: this)
        assert (ray_launcher._memory_of_one(), ray_launcher._room_on_this_node()) == (memory, room)
    assert [ray_launcher._room(one["Resources"]) for one in (head, small, large)] == [0, 1, 4]
    assert ray_launcher._room({"CPU": 4.0}) == 4  # of which nobody tells the memory


def test_without_ray_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UserError, match=r"--launcher is ray.*pip install 'bnexp\[ray\]'"),
        workers("ray", 1, None, warn=said_nothing),
    ):
        pass


def test_an_address_where_no_cluster_answers_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(ray_launcher, "ANSWER_SECONDS", 3)
    with socket.socket() as silent:
        silent.bind(("localhost", 0))
        silent.listen()
        address = f"localhost:{silent.getsockname()[1]}"
        with (
            workers("ray", 1, address, warn=said_nothing) as some,
            pytest.raises(UserError, match=f"No Ray cluster answers at {address}"),
        ):
            list(some.each(name_of_process, [job()]))
    with (
        workers("ray", 1, "a:b", warn=said_nothing) as some,
        pytest.raises(UserError, match=r"--address is 'a:b'; expected host:port"),
    ):
        list(some.each(name_of_process, [job()]))
    with (
        pytest.raises(UserError, match="which --launcher local does not use"),
        workers("local", 1, "a:1", warn=said_nothing),
    ):
        pass


def test_a_cluster_that_cannot_be_started_here_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "init", Mock(side_effect=Exception("no space left on device\nAnd more")))
    with (
        workers("ray", 1, None, warn=said_nothing) as some,
        pytest.raises(
            WorkError, match=r"^Ray cannot start a cluster here: no space left on device\. Use --launcher local\.$"
        ),
    ):
        list(some.each(name_of_process, [job()]))


def test_a_cluster_that_cannot_be_joined_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def refusing(address: str, **options: object) -> None:
        raise RuntimeError("Version mismatch: the cluster has Ray 1.0\nand more")

    monkeypatch.setattr(ray_launcher, "_reach", lambda address: None)
    monkeypatch.setattr(ray, "init", refusing)
    with (
        workers("ray", None, "far:1", warn=said_nothing) as some,
        pytest.raises(
            WorkError,
            match=r"^The Ray cluster at far:1 cannot be joined: Version mismatch: the cluster has Ray 1\.0\.$",
        ),
    ):
        list(some.each(name_of_process, [job()]))


def test_finding_and_joining_a_cluster_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray_launcher, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(ray_launcher, "_reach", lambda address: time.sleep(0.7))
    monkeypatch.setattr(ray, "init", lambda address, **options: time.sleep(0.7))
    with (
        workers("ray", None, "far:1", warn=said_nothing) as some,
        pytest.raises(UserError, match=r"at far:1: nothing .* within 1 s"),
    ):
        list(some.each(name_of_process, [job()]))


def train_once_told(one: Job) -> list[Any]:
    """Report that a worker has begun, and train when it is allowed to."""
    Path(f"begun-{time.time_ns()}-{os.getpid()}").touch()
    wait_until(Path("train").exists)
    return study_work.results(one)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.slow
def test_groups_of_a_lost_node_are_trained_on_another_to_the_same_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    work_is_found(monkeypatch)
    monkeypatch.chdir(tmp_path)
    text = SHORT.replace("test_accuracy", "{metric: val_loss, epochs_to: 0.8}").replace("0.01", "1.2")
    several = study_plan.pending(planned(tmp_path, text + "vary: {training.batch_size: [8, 4]}\n"))
    with local_workers(1, said_nothing) as one:
        expected = measured_by_trial(one.each(study_work.results, several))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        _, lost = (cluster.add_node(num_cpus=1) for _ in range(2))

        def lose_a_node() -> None:
            wait_until(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
            cluster.remove_node(lost, allow_graceful=False)
            Path("train").touch()

        threading.Thread(target=lose_a_node, daemon=True).start()
        told: list[str] = []
        with workers("ray", None, cluster.address, warn=told.append) as two:
            found = measured_by_trial(two.each(train_once_told, several))
            assert two.at_once == 2
    finally:
        cluster.shutdown()
    assert len(found) == 4
    assert found == expected
    assert len(told) == 1 and told[0].startswith("A job (1 of the study's trials) is tried again: Ray lost its")
    assert len(list(tmp_path.glob("begun-*"))) == 5  # one of the four twice


def measured_by_trial(answers: Iterator[tuple[Job, Any]]) -> dict[str, Any]:
    return {result.trial: (result.final, result.epochs_to) for _, results in answers for result in results}


# --- jobs -------------------------------------------------------------------------------------


def trial_of(plan: study_plan.Plan, cell: int, arm: str) -> Trial:
    return next(trial for trial in plan.trials if trial.key == (cell, arm))


def names(plan: study_plan.Plan) -> list[list[str]]:
    return [[f"{trial.cell.number}-{trial.arm}" for trial in one.trials] for one in study_plan.pending(plan)]


def test_rates_and_data_of_one_shape_share_a_program_and_batch_sizes_do_not(tmp_path: Path) -> None:
    rates = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.01], dataset.noise: [0.1, 0.2]}\n")
    assert names(rates) == [["0-bn", "1-bn", "2-bn", "3-bn"], ["0-none", "1-none", "2-none", "3-none"]]
    sizes = planned(tmp_path, SHORT + "vary: {training.batch_size: [8, 4], model.initializer: [he_normal, zeros]}\n")
    assert names(sizes) == [["2-bn", "3-bn"], ["2-none", "3-none"], ["0-bn", "1-bn"], ["0-none", "1-none"]]
    rows = planned(tmp_path, SHORT + "vary: {dataset.samples: [80, 120]}\n")
    assert names(rows) == [["1-bn"], ["1-none"], ["0-bn"], ["0-none"]]


def test_a_large_group_is_cut_between_cells(tmp_path: Path) -> None:
    text = SHORT.replace("seeds: 2", "seeds: 30") + "vary: {training.learning_rate: [0.001, 0.002, 0.003]}\n"
    assert names(planned(tmp_path, text)) == [["0-bn", "1-bn"], ["0-none", "1-none"], ["2-bn"], ["2-none"]]


def test_a_group_is_cut_where_its_data_are_too_large_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHORT + "vary: {dataset.noise: [0.1, 0.2, 0.3], training.learning_rate: [0.01, 0.1]}\n"
    rows = 80 * 2 * 4  # bytes of float32
    rates_first = SHORT + "vary: {training.learning_rate: [0.01, 0.1], dataset.noise: [0.1, 0.2]}\n"
    monkeypatch.setattr(study_jobs, "MOST_ROW_BYTES", rows)
    assert names(planned(tmp_path, rates_first))[:2] == [["0-bn", "2-bn"], ["1-bn", "3-bn"]]
    monkeypatch.setattr(study_jobs, "MOST_ROW_BYTES", 2 * rows)
    assert [one for one in names(planned(tmp_path, text)) if one[0].endswith("bn")] == [
        ["0-bn", "1-bn", "2-bn", "3-bn"],
        ["4-bn", "5-bn"],
    ]
    monkeypatch.setattr(study_jobs, "MOST_ROW_BYTES", 1)
    assert [len(one) for one in names(planned(tmp_path, text))] == [2] * 6


def test_a_group_that_is_lost_in_part_is_trained_whole_and_what_is_kept_stays(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.01]}\n")
    study_run.run(plan, HereAndNow(), lambda *told: None)
    before = {path.name: path.read_bytes() for path in (plan.directory / "cells").iterdir()}
    lost = trial_of(plan, 1, "bn")
    plan.path(lost).unlink()
    told: list[Result] = []
    assert names(plan) == [["0-bn", "1-bn"]]
    study_run.run(plan, HereAndNow(), lambda result, *rest: told.append(result))
    assert [one.trial for one in told] == [lost.digest]
    after = {path.name: path.read_bytes() for path in (plan.directory / "cells").iterdir()}
    assert {name for name in after if after[name] != before[name]} <= {plan.path(lost).name}  # whose seconds differ
    assert told[0].final == Result.model_validate_json(before[plan.path(lost).name]).final


def test_data_that_are_not_those_of_the_plan_are_refused_before_and_while_a_study_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows, other = ([f"{x},{(x + step) % 2}" for x in range(60)] for step in (0, 1))
    Path("own.csv").write_text("\n".join(["x,y", *rows]))
    dataset = "dataset: {name: csv, path: own.csv, target: y, task: classification, validation_size: 0.25}"
    plan = planned(tmp_path, SHORT.replace(re.search("dataset: {[^}]*}", SHORT)[0], dataset))
    one, another = study_plan.pending(plan)
    assert [result.arm for result in study_work.results(one) if isinstance(result, Result)] == ["bn"]
    Path("own.csv").write_text("\n".join(["x,y", *other]))
    with monkeypatch.context() as nothing:
        nothing.setattr("bnexp.experiment.measurement._measured_alike", None)  # training would raise
        (failure,) = study_work.results(another)
    assert isinstance(failure, Failure)
    assert re.search(
        r"^\S+s.yaml:\d+: dataset.path is 'own.csv'; what lies there on .* is other data than", failure.why
    )
    with pytest.raises(
        ConfigError, match=r"s.yaml:\d+: dataset.path is 'own.csv'; what lies there on .* is other data"
    ):
        study_run.run(plan, HereAndNow(), lambda *told: None)
    assert not plan.directory.exists()


def test_data_that_change_while_a_study_tunes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.csv"
    own.write_text("\n".join(["x,y", *(f"{x},{x % 2}" for x in range(60))]))
    dataset = f"dataset: {{name: csv, path: {own}, target: y, task: classification, validation_size: 0.25}}"
    tune = "tune: {key: training.learning_rate, values: [0.01, 0.1], seeds: 1}\n"
    text = SHORT.replace(re.search("dataset: {[^}]*}", SHORT)[0], dataset).replace(
        "epochs: 2", "epochs: 2, batch_size: 8"
    )
    one, _ = study_plan.pending(planned(tmp_path, text + tune))
    measured = study_work.measured

    def then_written_to(*arguments: Any, **options: Any) -> Any:
        found = measured(*arguments, **options)
        own.write_text(own.read_text().replace("1,1", "1,0"))
        return found

    monkeypatch.setattr(study_work, "measured", then_written_to)
    (failure,) = study_work.results(one)
    assert isinstance(failure, Failure) and "is other data than when the study was begun" in failure.why


def test_what_another_process_has_finished_meanwhile_is_not_trained_again(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT)
    trained: list[Job] = []

    class Overtaken(HereAndNow):
        def each(self, work: Callable[[Job], Any], several: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
            if work is study_work.preflight:
                study_run.run(plan, HereAndNow(), lambda *told: None)
            else:
                trained.extend(several)
            yield from super().each(work, several)

    assert study_run.run(plan, Overtaken(), lambda *told: None).seeds == 2
    assert trained == []


def test_a_study_stopped_before_it_has_a_directory_names_none(tmp_path: Path) -> None:
    with (
        pytest.raises(StoppedError, match=r"^Stopped before anything was finished; nothing is kept\.$"),
        study_commands._goes_on(tmp_path / "s-study-0123456789"),
    ):
        raise KeyboardInterrupt


def test_other_studies_of_a_name_that_have_answers_are_told(tmp_path: Path) -> None:
    longer = SHORT.replace("epochs: 2", "epochs: 3")
    first = planned(tmp_path, SHORT)
    assert plan_document(first, 1).other_answers == {}
    study_run.run(first, HereAndNow(), lambda *told: None)
    (tmp_path / "runs" / "s-study-s-study-0123456789").mkdir()
    (tmp_path / "runs" / "s-study-s-study-0123456789" / "study.json").write_text(
        '{"name": "s-study-s", "verdict": "x"}'
    )
    second = plan_document(planned(tmp_path, longer), 1)
    assert second.other_answers == {first.directory.name: "inconclusive"}
    told = console.Console(file=io.StringIO(), width=400)
    told.print(plan_table.study_plan(second))
    assert (
        f"a study of this name had an answer before, in another directory: {first.directory.name} (inconclusive)"
        in told.file.getvalue()
    )
    answered = planned(tmp_path, longer)
    study_run.run(answered, HereAndNow(), lambda *told: None)
    assert plan_document(answered, 1).other_answers == {first.directory.name: "inconclusive"}
    assert plan_document(first, 1).other_answers == {}  # it was begun before
    study_run.run(first, HereAndNow(), lambda *told: None)  # once more, to see its verdict
    assert plan_document(answered, 1).other_answers == {first.directory.name: "inconclusive"}


def test_numbers_of_a_processor_and_of_a_gpu_are_told_from_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, SHORT)
    one, another = study_plan.pending(plan)
    (plain,) = study_work.results(one)
    monkeypatch.setattr("bnexp.training.devices.gpus", lambda: ["NVIDIA H100"])
    (fast,) = study_work.results(another)
    assert isinstance(plain, Result) and isinstance(fast, Result)
    results = {(0, plain.arm): plain, (0, fast.arm): fast}
    found = document(plan.file, plan.cells, plan.digest, results)
    assert found.versions["GPU"] == ["NVIDIA H100", "none"]
    told = console.Console(file=io.StringIO(), width=400)
    told.print(study_table.study(found))
    assert "Not all cells were trained with the same: GPU NVIDIA H100 and none." in told.file.getvalue()
    alike = document(plan.file, plan.cells, plan.digest, dict.fromkeys(results, plain))
    assert "GPU" not in alike.versions


def test_a_member_that_cannot_be_trained_is_written_down_and_does_not_stop_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.learning_rate: [0.001, 0.01]}\n")
    measured = study_work.measured

    def refusing(experiments: Sequence[Any], *arguments: Any, **options: Any) -> Any:
        if any(
            one.training.learning_rate.initial == 0.01 and one.model.normalization.name == "batch"
            for one in experiments
        ):
            raise FloatingPointError("not with this rate")
        return measured(experiments, *arguments, **options)

    monkeypatch.setattr(study_work, "measured", refusing)
    with pytest.raises(
        WorkError,
        match=r"1 of 4 trials could not be trained.*training.learning_rate=0.01, bn ended with: FloatingPointError: not with",
    ) as caught:
        study_run.run(plan, HereAndNow(), lambda *told: None)
    assert caught.value.exit_code == 1
    kept = sorted(path.name for path in (plan.directory / "cells").iterdir())
    failed = trial_of(plan, 1, "bn")
    why = study_plan.failure_path(plan.path(failed))
    assert kept == sorted([why.name, *(plan.path(trial).name for trial in plan.trials if trial != failed)])
    assert "Traceback" in why.read_text()
    assert not (plan.directory / "study.json").exists()
    monkeypatch.setattr(study_work, "measured", measured)
    assert names(plan) == [["1-bn"]]  # the others were trained alone, and are finished
    assert study_run.run(plan, HereAndNow(), lambda *told: None).verdict == "inconclusive"
    assert not why.exists()


def test_the_time_that_is_left_is_told_for_those_that_have_work_and_not_before_a_cluster_is_known(
    tmp_path: Path,
) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.batch_size: [8, 4, 2]}\n")
    done = study_work.results(study_plan.pending(plan)[0])
    store.make_place(plan.directory / study_plan.CELLS)
    for outcome in done:
        assert isinstance(outcome, Result)
        study_run._keep(plan, next(one for one in plan.trials if one.digest == outcome.trial), outcome)
    jobs = len(study_plan.pending(plan))
    left = plan_document(plan, jobs).seconds_left
    assert left is not None and plan_document(plan, 64).seconds_left == left > 0
    assert plan_document(plan, None).seconds_left is None
    here, there = Place(tmp_path, "local", 3, None), Place(tmp_path, "ray", None, "far:1")
    assert (here.at_a_time(2), there.at_a_time(2)) == (2, None)
    assert Place(tmp_path, "ray", 5, "far:1").at_a_time(9) == 5


class Told(HereAndNow):
    """Workers whose checks and trials tell these costs, and that note which jobs are tried."""

    def __init__(self, at_once: int, rough: Pace | None, tried: Sequence[Pace | None]) -> None:
        self.at_once, self.rough, self.answers, self.tried = at_once, rough, tried, list[Job]()
        self.calls = list[int]()

    def each(self, work: Callable[[Job], Any], several: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
        self.calls.append(len(several))
        if work is study_work.preflight:
            yield from ((one, study_work.Preflight([], self.rough)) for one in reversed(several))
        else:
            self.tried += several
            yield from zip(several, itertools.cycle(self.answers), strict=False)


def test_the_time_of_a_study_follows_from_a_trial_of_its_largest_groups(tmp_path: Path) -> None:
    text = SHORT.replace("epochs: 2", "epochs: 200") + "vary: {training.batch_size: [8, 4]}\n"
    plan = planned(tmp_path, text)
    unfinished = study_plan.pending(plan)
    steps = sum(one.steps for one in unfinished)
    long = Pace(0.1, 10.0)  # so long a study is worth a trial
    two = Told(2, long, [Pace(2.0, 0.001), Pace(4.0, 0.003)])
    ends = [unfinished[0], unfinished[-1]]
    step = (ends[0].steps * 0.001 + ends[1].steps * 0.003) / (ends[0].steps + ends[1].steps)
    assert ends[0].steps > ends[1].steps
    seconds, is_rough = study_run.estimate(study_run.preflight(plan, two), two)
    assert (seconds, is_rough) == (pytest.approx((len(unfinished) * 3.0 + steps * step) / 2), False)
    assert two.tried == ends
    many = Told(64, long, [Pace(2.0, 0.001), Pace(4.0, 0.003)])
    counted = [(one.steps, 0.001 + 0.002 * (number % 2)) for number, one in enumerate(unfinished)]
    step = sum(steps * each for steps, each in counted) / steps
    largest = 3.0 + unfinished[0].steps * step
    assert study_run.estimate(study_run.preflight(plan, many), many)[0] == pytest.approx(largest)
    failing = Told(2, long, [None])
    assert study_run.estimate(study_run.preflight(plan, failing), failing)[1], (
        "a trial that fails leaves the rough guess"
    )


@pytest.mark.parametrize(
    ("rough", "is_tried"), [(Pace(1.0, 0.5), True), (Pace(1.0, 0.001), False), (Pace(30.0, 0.1), False)]
)
def test_a_trial_takes_a_tenth_of_what_it_estimates_or_is_left_out(tmp_path: Path, rough: Pace, is_tried: bool) -> None:
    plan = planned(tmp_path, SHORT.replace("epochs: 2", "epochs: 200"))
    workers = Told(1, rough, [Pace(0.5, 0.25)])
    costs = study_run.preflight(plan, workers)
    seconds, is_rough = study_run.estimate(costs, workers)
    assert seconds is not None
    jobs, steps = len(costs.jobs), sum(job.steps for job in costs.jobs)
    if is_tried:
        assert (is_rough, seconds) == (False, pytest.approx(jobs * 0.5 + steps * 0.25))
    else:
        assert (is_rough, seconds, workers.tried) == (
            True,
            pytest.approx(jobs * rough.start + steps * rough.step),
            [],
        )
    started = dataclasses.replace(costs, seconds=seconds)
    assert study_run.estimate(started, workers, plan_only=True)[1], (
        "for a plan, to start the workers takes its time too"
    )


def test_a_plan_of_few_groups_starts_one_worker_and_a_study_all(tmp_path: Path) -> None:
    plan = planned(tmp_path, SHORT + "vary: {training.batch_size: [8, 4]}\n")
    jobs, workers = len(study_plan.pending(plan)), Told(2, None, [])
    costs = study_run.preflight(plan, workers, plan_only=True)
    assert workers.calls == [1] * jobs
    assert study_run.estimate(costs, workers) == (None, True)
    study_run.preflight(plan, workers)
    assert workers.calls[-1] == jobs


def test_a_rough_guess_needs_no_program_and_a_trial_that_fails_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, *_) = study_plan.pending(planned(tmp_path, SHORT))
    real = study_work.time_steps(one)
    assert real is not None and real.step > 0
    assert study_work.time_steps(dataclasses.replace(one, seeds=())) is None
    with monkeypatch.context() as broken:
        broken.setattr("bnexp.training.many_seeds.train", Mock(side_effect=AssertionError("trains")))
        found = study_work.preflight(one)
    assert found.problems == [] and found.pace is not None
    assert found.pace.start > 0 and 0.01 < found.pace.step / real.step < 100


def test_a_disk_that_is_full_once_a_study_has_begun_is_failed_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, SHORT)
    monkeypatch.setattr(study_run, "_keep", Mock(side_effect=StorageError("cells/0-bn.json: cannot be written")))
    with pytest.raises(WorkError, match="cannot be written") as caught:
        study_run.run(plan, HereAndNow(), lambda *told: None)
    assert caught.value.exit_code == 1


def test_a_gpu_that_cannot_be_used_refuses_a_study_and_says_so_of_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, *_) = study_plan.pending(planned(tmp_path, SHORT))
    refused = Mock(side_effect=UserError("TensorFlow finds a GPU and cannot use it"))
    monkeypatch.setattr("bnexp.training.devices.refuse_unusable_gpus", refused)
    assert study_work.refusals(one) == ["TensorFlow finds a GPU and cannot use it"]
    told = [failed.why for failed in study_work.results(one) if isinstance(failed, Failure)]
    assert set(told) == {"TensorFlow finds a GPU and cannot use it"}


def test_what_keras_refuses_is_told_before_anything_is_written(tmp_path: Path) -> None:
    assert study_work.refusals(study_plan.pending(planned(tmp_path, SHORT))[0]) == []
    bad = planned(tmp_path, SHORT.replace("epochs: 2}", "epochs: 2, optimizer: {name: adagrad, momentum: 0.9}}"))
    (refused, *_) = study_work.refusals(study_plan.pending(bad)[0])
    assert refused.startswith(
        f"{tmp_path}/s.yaml:1: training.optimizer is adagrad with {{'momentum': 0.9}}; Keras refuses it"
    )
