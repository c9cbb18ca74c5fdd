"""Workers that Ray places: lost ones, clusters that are joined, refused or lost, and shares of memory."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from studies import ARMS, BASE, CLAIM, planned
from tasks import Task, cores_workers_and_size, die_the_first_time, have_a_bug, name_of_process, said_nothing

from bnexp.errors import UserError, WorkError
from bnexp.executors import ray as ray_launcher
from bnexp.executors import workers
from bnexp.executors.local import local_workers
from bnexp.executors.workers import TRIES, Lost
from bnexp.study import plan as study_plan
from bnexp.study import run as study_run
from bnexp.study import work as study_work
from bnexp.study.jobs import Job
from bnexp.system.machine import CORES, WORKER_BYTES, WORKERS
from bnexp.system.spelling import by_command

SHORT = BASE.replace("epochs: 10", "epochs: 2") + ARMS + CLAIM + "seeds: 2\n"


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


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two workers on this machine."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        work_is_found(patch)
        started = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
        yield started.address
        started.shutdown()


@dataclass
class OneNode:
    """What a Ray does that has one node of four cores, and memory for three workers. It works in this process."""

    losses: list[Exception] = field(default_factory=list)
    """What is raised, one after the other, where a worker's answers are fetched."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    at_work: list[int] = field(default_factory=list)
    """How many jobs were at work each time that bnexp waited for one."""

    def remote(self, **asked: Any) -> Callable[[Callable[..., Any]], Any]:
        self.asked.append(asked)
        return lambda work: SimpleNamespace(remote=partial(partial, work))

    def wait(self, running: list[Any]) -> tuple[list[Any], list[Any]]:
        self.at_work.append(len(running))
        return running[:1], running[1:]

    def get(self, reference: Callable[[], Any]) -> Any:
        if self.losses:
            raise self.losses.pop(0)
        return reference()

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "this", "Resources": {"CPU": 4.0, "memory": 3.5 * WORKER_BYTES}}]


@pytest.fixture
def one_node(monkeypatch: pytest.MonkeyPatch) -> OneNode:
    ray, node = pytest.importorskip("ray"), OneNode()
    for name in ("remote", "wait", "get", "nodes"):
        monkeypatch.setattr(ray, name, getattr(node, name))
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "this"))
    for name in (CORES, WORKERS):  # a worker's own, which end with this test
        monkeypatch.setenv(name, "")
    return node


def test_a_job_that_ray_lost_is_tried_again_and_a_bug_or_another_bnexp_on_a_node_ends_the_work(
    one_node: OneNode,
) -> None:
    errors = pytest.importorskip("ray").exceptions
    told: list[str] = []
    some = ray_launcher.RayWorkers(None, "far:1", told.append, None)
    one_node.losses = [errors.WorkerCrashedError(), errors.OutOfMemoryError("Task was killed.\nMuch more")]
    assert [answer for _, answer in some.each(cores_workers_and_size, [Task()])] == [("1", "3", 32)]
    again = "A job (0 of the study's trials) is tried again"
    assert told[0].startswith(f"{again}: Ray lost its worker: The worker died unexpectedly")
    assert told[1] == f"{again}, with half as much in memory at a time: Ray lost its worker: Task was killed"
    with pytest.raises(RuntimeError, match="who would divide by that"):
        list(some.each(have_a_bug, [Task()]))
    trace = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'bnexp'"
    one_node.losses = [errors.RayTaskError("work", trace, ModuleNotFoundError("No module named 'bnexp'"))]
    with pytest.raises(
        WorkError,
        match=r"^A node of the Ray cluster cannot do the work: ModuleNotFoundError: No module named 'bnexp'\. Install "
        r"this bnexp there\.$",
    ):
        list(some.each(name_of_process, [Task()]))


def test_a_job_that_ray_loses_each_time_fails_with_the_reason(one_node: OneNode) -> None:
    one_node.losses = [pytest.importorskip("ray").exceptions.NodeDiedError("gone")] * TRIES
    told: list[str] = []
    some = ray_launcher.RayWorkers(1, "far:1", told.append, None)
    (failures,) = (answer for _, answer in some.each(name_of_process, [Task(keys=[7])]))
    assert [one.key for one in failures] == [7] and failures[0].why.startswith("Ray lost its worker: ")
    assert len(told) == TRIES - 1


@pytest.mark.parametrize(
    ("asked", "sharing", "at_once", "at_work", "share"),
    [(None, None, 3, [5, 4, 3, 2, 1], "3"), (2, None, 2, [2, 2, 2, 2, 1], "2"), (2, 20, 2, [2, 2, 2, 2, 1], "3")],
)
def test_a_cluster_is_used_as_far_as_its_memory_goes_or_as_was_asked_for(
    one_node: OneNode, asked: int | None, sharing: int | None, at_once: int, at_work: list[int], share: str
) -> None:
    some = ray_launcher.RayWorkers(asked, "far:1", said_nothing, sharing)
    assert list(some.each(name_of_process, [])) == [] and one_node.asked == []
    assert [answer for _, answer in some.each(cores_workers_and_size, [Task()] * 5)] == [("1", share, 64)] * 5
    assert (some.at_once, one_node.at_work) == (at_once, at_work)
    assert one_node.asked == [{"num_cpus": 1, "memory": WORKER_BYTES, "max_retries": 0}]


def test_a_cluster_that_is_lost_is_told_with_what_is_kept(one_node: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "wait", Mock(side_effect=ConnectionError("the head is gone.")))
    with pytest.raises(
        WorkError,
        match=r"^The Ray cluster is lost: the head is gone\. Finished trials are kept\. Run the study again when it is "
        r"back, or without place\.address\.$",
    ):
        list(ray_launcher.RayWorkers(1, "far:1", said_nothing, None).each(name_of_process, [Task()]))


@pytest.mark.slow
def test_ray_tries_a_lost_job_again_and_tells_bugs_and_what_a_node_lacks(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with workers("ray", 1, cluster, warn=told.append) as one:
        (answer,) = (answer for _, answer in one.each(die_the_first_time, [Task(str(tmp_path / "trace"))]))
        assert answer == 64
        assert len(told) == 1 and "is tried again: Ray lost its worker: " in told[0]
        with pytest.raises(RuntimeError, match="who would divide by that"):
            list(one.each(have_a_bug, [Task()]))
        with pytest.raises(WorkError, match=r"cannot do the work: .*Install this bnexp there"):
            list(one.each(only_here(tmp_path, monkeypatch), [Task()]))


def work_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray's workers find the work of these tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


def only_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], Any]:
    """Return work from a module that no other process finds, as if a node had another bnexp."""
    (place / "only_here.py").write_text("def work(job): return 1\n")
    monkeypatch.syspath_prepend(place)
    return importlib.import_module("only_here").work


def test_ray_is_to_start_a_cluster_of_its_own_with_memory_for_the_workers_that_are_asked_for(
    one_node: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray, init = pytest.importorskip("ray"), Mock()

    def nodes() -> list[dict[str, Any]]:
        """Return the one node of the cluster that was started."""
        asked = init.call_args.kwargs
        return [{"NodeID": "this", "Resources": {"CPU": float(asked["num_cpus"]), "memory": float(asked["_memory"])}}]

    for name, found in (("init", init), ("is_initialized", lambda: init.called), ("nodes", nodes)):
        monkeypatch.setattr(ray, name, found)
    for asked, sharing in ((1, 20), (20, None)):
        init.reset_mock()
        some = ray_launcher.RayWorkers(asked, None, said_nothing, sharing)
        assert [answer for _, answer in some.each(cores_workers_and_size, [Task()])] == [("1", "20", 64)]
        assert some.at_once == asked
        assert init.call_args.args == ("local",), "whatever RAY_ADDRESS says"


@pytest.mark.slow
def test_ray_starts_its_own_cluster_whatever_the_environment_says_and_divides_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray")
    work_is_found(monkeypatch)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with workers("ray", 1, None, warn=said_nothing, sharing=20) as one:  # as many as asked for, whatever memory is free
        assert [answer for _, answer in one.each(cores_workers_and_size, [Task()])] == [("1", "20", 64)]
        assert one.at_once == 1
        many = ray_launcher.RayWorkers(20, None, said_nothing, None)
        assert [answer for _, answer in many.each(cores_workers_and_size, [Task()])] == [("1", "20", 64)]
        assert many.at_once == 20


@pytest.mark.slow
def test_of_a_cluster_no_more_is_used_than_is_asked_for(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    with workers("ray", None, cluster, warn=said_nothing) as all_of_them:
        assert [answer for _, answer in all_of_them.each(cores_workers_and_size, [Task()])] == [("1", "2", 64)]
        assert all_of_them.at_once == 2
        at_work: list[int] = []
        wait = ray.wait
        monkeypatch.setattr(ray, "wait", lambda running: at_work.append(len(running)) or wait(running))
        one = ray_launcher.RayWorkers(1, cluster, said_nothing, None)
        assert [answer for _, answer in one.each(cores_workers_and_size, [Task()] * 3)] == [("1", "1", 64)] * 3
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


@pytest.mark.slow
def test_a_ray_cluster_that_is_lost_is_told(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def lost(running: object) -> Any:
        raise ray.exceptions.RaySystemError("the head is gone")

    with workers("ray", 1, cluster, warn=said_nothing) as one:
        monkeypatch.setattr(ray, "wait", lost)
        with pytest.raises(WorkError, match=r"^The Ray cluster is lost: .*the head is gone\. Finished trials are kept"):
            list(one.each(name_of_process, [Task()]))


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
        pytest.raises(UserError, match=r"place\.launcher is ray.*pip install 'bnexp\[ray\]'"),
        workers("ray", 1, None, warn=said_nothing),
    ):
        pass


@pytest.mark.slow
def test_an_address_where_no_cluster_answers_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(ray_launcher, "ANSWER_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("localhost", 0))
        silent.listen()
        address = f"localhost:{silent.getsockname()[1]}"
        with (
            workers("ray", 1, address, warn=said_nothing) as some,
            pytest.raises(UserError, match=f"No Ray cluster answers at {address}"),
        ):
            list(some.each(name_of_process, [Task()]))


def test_an_address_that_is_none_is_refused() -> None:
    pytest.importorskip("ray")
    with (
        workers("ray", 1, "a:b", warn=said_nothing) as some,
        pytest.raises(UserError, match=r"place\.address is 'a:b'; expected host:port"),
    ):
        list(some.each(name_of_process, [Task()]))


def test_a_command_names_its_own_option_for_a_wrong_address_though_another_thread_looks_for_the_cluster() -> None:
    pytest.importorskip("ray")
    with (
        by_command(),
        workers("ray", 1, "a:b", warn=said_nothing) as some,
        pytest.raises(UserError, match=r"^--address is 'a:b'; expected host:port"),
    ):
        list(some.each(name_of_process, [Task()]))


def test_a_cluster_that_cannot_be_started_here_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "init", Mock(side_effect=Exception("no space left on device\nAnd more")))
    with (
        workers("ray", 1, None, warn=said_nothing) as some,
        pytest.raises(
            WorkError,
            match=r'^Ray cannot start a cluster here: no space left on device\. Use Place\(launcher="local"\)\.$',
        ),
    ):
        list(some.each(name_of_process, [Task()]))


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
        list(some.each(name_of_process, [Task()]))


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (ConnectionError("refused.\nMore"), "No Ray cluster answers at auto: refused. Start one there (ray start --head), "
         "or leave place.address out."),
        (TimeoutError(), "No Ray cluster answers at auto: TimeoutError. Start one there (ray start --head), or leave "
         "place.address out."),
        (ValueError("no such key"), "The Ray cluster at auto cannot be joined: no such key."),
        (None, ""),
    ],
)  # fmt: skip
def test_a_cluster_that_ray_looks_for_itself_is_joined_or_told_with_its_reason(
    fails: Exception | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    init = Mock(side_effect=fails)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Resources": {"CPU": 3.0}}, {"Resources": {}}])
    if fails is None:
        assert ray_launcher._join("auto", 1) == 3
    else:
        with pytest.raises((UserError, WorkError)) as raised:
            ray_launcher._join("auto", 1)
        assert str(raised.value) == told
    assert init.call_args.args == ("auto",)


def test_nobody_is_asked_who_does_not_listen() -> None:
    with socket.socket() as bound:
        bound.bind(("localhost", 0))  # and it does not listen
        address = f"localhost:{bound.getsockname()[1]}"
        with pytest.raises(UserError, match=rf"^No Ray cluster answers at {address}: .*refused"):
            ray_launcher._reach(address)
    with pytest.raises(UserError, match=r"^No Ray cluster answers at ray://\.\.:1: "):
        ray_launcher._reach("ray://..:1")


def test_finding_and_joining_a_cluster_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray_launcher, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(ray_launcher, "_reach", lambda address: time.sleep(0.2))
    monkeypatch.setattr(ray, "init", lambda address, **options: time.sleep(0.2))
    with (
        workers("ray", None, "far:1", warn=said_nothing) as some,
        pytest.raises(UserError, match=r"at far:1: no answer .* within 0\.3 s"),
    ):
        list(some.each(name_of_process, [Task()]))


def train_once_announced(one: Job) -> list[Any]:
    """Report that a worker has begun, and train when it is allowed to."""
    Path(f"begun-{time.time_ns()}-{os.getpid()}").touch()
    wait_until(Path("train").exists)
    return study_work.results(one)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.slow
def test_jobs_of_a_lost_node_are_trained_on_another_to_the_same_bit(
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
            found = measured_by_trial(two.each(train_once_announced, several))
            assert two.at_once == 2
    finally:
        cluster.shutdown()
    assert len(found) == 4
    assert found == expected
    assert len(told) == 1 and told[0].startswith("A job (1 of the study's trials) is tried again: Ray lost its")
    assert len(list(tmp_path.glob("begun-*"))) == 5  # one of the four twice


def measured_by_trial(answers: Iterator[tuple[Job, Any]]) -> dict[str, Any]:
    return {result.trial: (result.final, result.epochs_to) for _, results in answers for result in results}
