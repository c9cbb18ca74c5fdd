"""Run directories: exclusive, whole, found again; and one damaged directory hides no other."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnexp import store
from bnexp.errors import RunError, StorageError
from bnexp.history import History
from bnexp.store import directories, reading, runs
from bnexp.system import run_folders, temporary_files

METRICS = {"val_loss": {"final": 0.5, "best": 0.5}}
FINISHED = {"status": "finished", "seeds": 2, "metrics": METRICS}


def finished(runs: Path, name: str = "bn", **record: object) -> store.Run:
    with store.new_directory(runs, name) as directory:
        finish(directory, {"name": name, "status": "finished", "seeds": 2, "metrics": METRICS, **record})
    return store.Run(directory)


def finish(directory: Path, record: dict[str, Any]) -> None:
    """Write a run's files, as empty as the list lets them be."""
    for name in ("config.yaml", "history.json"):
        store.write(directory / name, "")
    store.write_json(directory / "run.json", record)


def test_fifty_runs_begun_at_once_are_all_distinct(tmp_path: Path) -> None:
    barrier = threading.Barrier(50)

    def begin(_: int) -> str:
        barrier.wait()
        return finished(tmp_path).id

    with ThreadPoolExecutor(50) as pool:
        ids = list(pool.map(begin, range(50)))
    assert len(set(ids)) == 50
    assert {run.id for run in store.runs_in(tmp_path)} == set(ids)


def test_latest_is_the_run_completed_last(tmp_path: Path) -> None:
    first = finished(tmp_path)
    with store.new_directory(tmp_path, "bn") as directory:
        store.write_json(directory / "run.json", {"status": "running"})
        assert latest(tmp_path) == first.id
        other = finished(tmp_path)
        store.write_json(directory / "run.json", {"status": "interrupted"})
    assert (tmp_path / "latest").is_symlink()
    assert latest(tmp_path) == other.id, "one that the user stopped is not complete"
    with store.resumed_directory(directory):
        store.write_json(directory / "run.json", {"status": "finished"})
    assert latest(tmp_path) == directory.name, "it is once it has gone on to its end"
    by_path = store.find(tmp_path, str(tmp_path / "latest"))
    assert by_path is not None and by_path.id == directory.name


def latest(runs: Path) -> str:
    found = store.find(runs, "latest")
    assert found is not None
    return found.id


@pytest.mark.parametrize("begin", [store.new_directory, lambda runs, name: store.own_directory(runs / name)])
def test_latest_stays_where_it_is_if_the_work_fails(tmp_path: Path, begin: Any) -> None:
    first = finished(tmp_path)
    with pytest.raises(ZeroDivisionError), begin(tmp_path, "other"):
        raise ZeroDivisionError
    assert latest(tmp_path) == first.id


def test_a_latest_that_cannot_be_written_fails_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with store.new_directory(tmp_path, "bn") as directory:
        finish(directory, FINISHED)
        monkeypatch.setattr("os.replace", refuse)
        monkeypatch.setattr(Path, "symlink_to", refuse)
    assert store.Run(directory).status() == "finished"


def test_what_looks_like_a_leftover_and_is_none_stands_in_no_way(tmp_path: Path) -> None:
    (tmp_path / "s" / ".x.json.tmp").mkdir(parents=True)
    with store.own_directory(tmp_path / "s") as directory:
        assert directory.is_dir()
    (tmp_path / "s" / ".x.json.tmp").rmdir()


@pytest.mark.skipif(os.name != "posix", reason="locks files")
def test_a_file_that_is_being_written_is_no_leftover_and_one_of_a_killed_writer_is(tmp_path: Path) -> None:
    (tmp_path / "s" / "cells").mkdir(parents=True)
    killed = [tmp_path / "s" / ".x.json.ab.tmp", tmp_path / "s" / "cells" / ".y.json.cd.tmp"]
    for leftover in killed:
        leftover.write_text("half a fi")
    with temporary_files.temporary_beside(tmp_path / "s" / "figure.png") as file:
        with store.own_directory(tmp_path / "s"):
            assert Path(file.name).exists()
            assert not any(leftover.exists() for leftover in killed)
        file.write(b"whole")
        os.replace(file.name, tmp_path / "s" / "figure.png")
    assert (tmp_path / "s" / "figure.png").read_bytes() == b"whole"


@pytest.mark.skipif(os.name != "posix", reason="locks files")
def test_a_file_that_is_cleared_away_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, cleared = temporary_files.lock, list[Path]()

    def late(descriptor: int, *, wait: bool) -> bool | None:
        if not cleared:
            cleared.extend(tmp_path.glob(".*.tmp"))
            cleared[0].unlink()
        return lock(descriptor, wait=wait)

    monkeypatch.setattr(temporary_files, "lock", late)
    store.write(tmp_path / "run.json", "whole")
    assert len(cleared) == 1 and (tmp_path / "run.json").read_text() == "whole"
    assert os.listdir(tmp_path) == ["run.json"]


def test_histories_of_another_format_or_without_arms_are_refused(tmp_path: Path) -> None:
    store.write_histories(tmp_path, {"bn": History((0,), {"val_loss": np.array([[0.5, 0.25]])}, (2,))})
    assert store.Run(tmp_path).histories((0,))["bn"].metrics["val_loss"].tolist() == [[0.5, 0.25]]
    arms = json.loads((tmp_path / "histories.json").read_text())["arms"]
    for document, told in (
        ({"format": 2, "arms": arms}, "has format 2; expected 1. Use the bnexp that wrote it."),
        ({"arms": arms}, "has format None; expected 1. Use the bnexp that wrote it."),
        ({"format": 1}, "has no arms; expected an object of histories by arm."),
        ({"format": 1, "arms": {}}, "has no arms; expected an object of histories by arm."),
    ):
        (tmp_path / "histories.json").write_text(json.dumps(document))
        with pytest.raises(RunError) as caught:
            store.Run(tmp_path).histories((0,))
        assert str(caught.value) == f"{tmp_path / 'histories.json'}: {told} Restore the file, or compare again."


def test_histories_that_lack_a_seed_of_their_comparison_are_refused(tmp_path: Path) -> None:
    loss = {"val_loss": np.array([[0.5], [0.25]])}
    store.write_histories(tmp_path, {"bn": History((0, 2), loss, (1, 1))})
    assert store.Run(tmp_path).histories((2, 0))["bn"].metrics["val_loss"].tolist() == [[0.25], [0.5]]
    lost = r"histories\.json: arm bn lacks seeds 1, 3, which comparison\.json compares\. Restore the file, or compare again"
    with pytest.raises(RunError, match=lost):
        store.Run(tmp_path).histories((0, 1, 2, 3))


def test_a_directory_that_was_killed_at_any_step_is_interrupted_and_one_that_lost_a_file_is_damaged(
    tmp_path: Path,
) -> None:
    contents = {
        "a-20260101-000000": ([], "run", "interrupted"),
        "b-20260101-000000": ([".lock"], "run", "interrupted"),
        "c-20260101-000000": ([".lock", "config.yaml"], "run", "interrupted"),
        "d-20260101-000000": (["config.yaml", "history.json"], "run", "damaged"),
        "e-vs-f-20260101-000000": ([".lock", "histories.json"], "comparison", "interrupted"),
        "g-vs-h-20260101-000000": (["comparison.json"], "comparison", "damaged"),
        "i-study-0123456789": ([".lock"], "study", "interrupted"),
        "j-study-0123456789": ([".lock", "study.yaml", "cells"], "study", "interrupted"),
        "k-study-0123456789": ([".lock", "cells"], "study", "damaged"),
        "l-study-0123456789": (["study.json"], "study", "damaged"),
    }
    for name, (files, _, _) in contents.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("")
    states = {run.id: run.state() for run in store.runs_in(tmp_path)}
    assert {name: (state.kind, state.status) for name, state in states.items()} == {
        name: (kind, status) for name, (_, kind, status) in contents.items()
    }
    gone = "study.yaml: is missing, though cells is there. Restore the file, or train again."
    assert states["k-study-0123456789"].reason == gone
    assert states["g-vs-h-20260101-000000"].reason == (
        "histories.json: is missing, though comparison.json is there. Restore the file, or compare again."
    )


def test_a_directory_whose_time_no_calendar_has_is_listed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OverflowError("year 35653 is out of range")

    finished(tmp_path)
    (tmp_path / "s-study-0123456789").mkdir()
    monkeypatch.setattr("bnexp.store.search.datetime", SimpleNamespace(fromtimestamp=refuse))
    assert [run.kind for run in store.runs_in(tmp_path)] == ["run", "study"]


def test_a_renamed_directory_is_listed_by_the_start_in_its_record_and_found_by_its_new_name(tmp_path: Path) -> None:
    for name, started in (("best", "2026-01-02T00:00:00+00:00"), ("zz", "2026-01-04T01:00:00+02:00")):
        (tmp_path / name).mkdir()
        finish(tmp_path / name, {**FINISHED, "started": started})
    for name in ("a-20260101-000000", "b-20260103-000000", "c-20260103-235959"):
        (tmp_path / name).mkdir()
    for name in ("notes", ".git"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text("")
    assert [run.id for run in store.runs_in(tmp_path)] == [
        "c-20260103-235959", "zz", "b-20260103-000000", "best", "a-20260101-000000",
    ]  # fmt: skip
    for name in ("best", "be", str(tmp_path / "best")):
        found = store.find(tmp_path, name)
        assert found is not None and (found.id, found.status()) == ("best", "finished")


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("run", {"run.json": "{"}), ("run", {"history.json": ""}), ("comparison", {"histories.json": ""}),
        ("comparison", {"comparison.json": ""}), ("study", {"study.yaml": ""}), ("study", {"study.json": ""}),
    ],
)  # fmt: skip
def test_a_renamed_directory_without_a_record_that_says_its_start_is_listed_by_the_time_of_its_files(
    tmp_path: Path, kind: str, files: dict[str, str]
) -> None:
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for name, text in files.items():
        (renamed / name).write_text(text)
        os.utime(renamed / name, (1767312000, 1767312000))  # 2026-01-02
    os.utime(renamed, (1767312000, 1767312000))
    for name in ("a-20260101-000000", "b-20260103-000000"):
        (tmp_path / name).mkdir()
    listed = store.runs_in(tmp_path)
    assert [run.id for run in listed] == ["b-20260103-000000", "renamed", "a-20260101-000000"]
    assert listed[1].kind == kind


def test_listing_locks_nothing_and_reads_one_file_of_each_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(tmp_path)
    opened: list[str] = []
    real = os.open

    def counted(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr("os.open", counted)
    (state,) = (run.state() for run in store.runs_in(tmp_path))
    assert (state.status, opened) == ("finished", [str(run.directory / "run.json")])


def test_a_latest_that_is_not_there_yet_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    for name in ("latest", str(tmp_path / "latest")):
        with pytest.raises(
            RunError, match=r"latest: there is no latest run\. Train one with `bnexp\.train\(CONFIG\)`\.$"
        ):
            store.find(tmp_path, name)


def test_latest_is_a_text_file_where_links_are_not_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = finished(tmp_path)
    assert (tmp_path / "latest").read_text() == run.id + "\n"
    for name in ("latest", str(tmp_path / "latest")):
        found = store.find(tmp_path, name)
        assert found is not None and found.id == run.id


@pytest.mark.parametrize("text", ["", ".", "..", "../elsewhere", "elsewhere/../..", "nowhere"])
def test_a_latest_leads_to_a_directory_beside_it_or_nowhere(tmp_path: Path, text: str) -> None:
    for place in (tmp_path, tmp_path / "runs"):
        finish(place, {"status": "finished"}) if place.is_dir() else place.mkdir()
    (tmp_path / "runs" / "elsewhere").mkdir()
    (tmp_path / "runs" / "latest").write_text(text)
    for name in ("latest", str(tmp_path / "runs" / "latest")):
        with pytest.raises(
            RunError, match=r"latest: there is no latest run\. Train one with `bnexp\.train\(CONFIG\)`\.$"
        ):
            store.find(tmp_path / "runs", name)


@pytest.mark.parametrize("operation", ["open", "fsync", "replace"])
def test_a_file_is_absent_or_whole_when_an_operation_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    path = tmp_path / "history.json"
    store.write(path, "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open" if operation == "open" else f"os.{operation}", full)
    with pytest.raises(StorageError, match=r"history\.json: cannot be written .*The disk is full"):
        store.write(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["history.json"]


def test_a_writer_killed_at_any_instant_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from bnexp import store
path, count = Path(sys.argv[1]), 0
def trap(name):
    real = getattr(os, name)
    def wrapped(*a, **k):
        global count
        count += 1
        if count == stop_at:
            os._exit(9)
        return real(*a, **k)
    setattr(os, name, wrapped)
for stop_at in (1, 2, 3, 4, 5):
    store.write(path, "old")
    if not (child := os.fork()):
        for name in ("fsync", "replace", "unlink"):
            trap(name)
        store.write(path, "new" * 10000)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, path.read_text() in ("old", "new" * 10000))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "history.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # killed at the first sync, the renaming, the second sync, the clearing up; then not at all
    assert done.stdout.splitlines() == [*["9 True"] * 4, "0 True"]
    for leftover in tmp_path.glob(".*.tmp"):  # only a kill leaves these; they are hidden and nothing reads them
        leftover.unlink()


def test_a_copy_is_whole_of_any_size_and_only_of_a_regular_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_OTHER", 0)  # which a saved model may exceed
    source, copy = tmp_path / "model.keras", tmp_path / "copy.keras"
    source.write_bytes(b"weights" * 1000)
    store.copy(source, copy)
    assert copy.read_bytes() == source.read_bytes()
    (tmp_path / "place").mkdir()
    for name, seen in (("place", "is a directory; expected a regular file"), ("lost", "is missing")):
        with pytest.raises(RunError, match=f"{name}: {seen}"):
            store.copy(tmp_path / name, copy)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("shutil.copyfileobj", lambda *files: (_ for _ in ()).throw(full))
    source.write_bytes(b"others")
    with pytest.raises(StorageError, match=r"copy\.keras: cannot be written \(No space left on device\)"):
        store.copy(source, copy)
    assert copy.read_bytes() == b"weights" * 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.keras", "model.keras", "place"]


def test_status_follows_from_lock_and_record(tmp_path: Path) -> None:
    with store.new_directory(tmp_path, "bn") as directory:
        store.write_json(directory / "run.json", {"status": "running"})
        run = store.Run(directory)
        assert _status_seen_by_another_process(directory) == "running"
    assert run.status() == "interrupted"
    finish(directory, FINISHED)
    assert run.status() == "finished"
    (directory / "run.json").write_text("{")
    assert run.status() == "damaged"


def _status_seen_by_another_process(directory: Path) -> str:
    program = (
        "import sys; from pathlib import Path; from bnexp.store import Run; print(Run(Path(sys.argv[1])).status())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(directory)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("system", sorted({sys.platform, "win32"}))
def test_a_lock_is_seen_by_who_asks_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """Windows has no shared lock, so there the lock is taken for a moment."""
    with store.own_directory(tmp_path / "s") as directory:
        monkeypatch.setattr(sys, "platform", system)
        assert directories.is_held(directory / store.LOCK)
    assert not directories.is_held(directory / store.LOCK)
    with store.own_directory(directory):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="another process could not read it either")
def test_who_asks_while_a_run_is_at_work_takes_no_damage_for_its_end(tmp_path: Path) -> None:
    with store.new_directory(tmp_path, "bn") as directory:
        (directory / "run.json").write_text("{")
        state = store.Run(directory).state()
    assert (state.status, state.head) == ("running", None)


def test_a_record_without_a_status_is_damaged(tmp_path: Path) -> None:
    run = finished(tmp_path)
    store.write_json(run.directory / "run.json", {"name": "bn"})
    assert (run.state().status, run.state().reason) == (
        "damaged",
        "run.json: has no status; expected running, finished, interrupted or failed. Restore the file, or train again.",
    )


def test_a_directory_that_cannot_be_read_is_damaged_with_the_systems_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = finished(tmp_path), finished(tmp_path, "other")
    (tmp_path / "elsewhere").mkdir()
    refuse = Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        state = run.state()
    assert (state.status, state.reason) == (
        "damaged",
        f"{run.directory}: cannot be read (Permission denied). Restore it, or move it away.",
    )
    with monkeypatch.context() as patch:
        listed = os.listdir
        patch.setattr(os, "listdir", lambda place: refuse() if str(place).endswith("elsewhere") else listed(place))
        assert {one.id for one in store.runs_in(tmp_path)} == {run.id, other.id}, (
            "without a time in its name it is none"
        )


def test_where_a_file_system_has_no_locks_nobody_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    with store.own_directory(tmp_path / "s") as directory:
        monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
        assert not directories.is_held(directory / store.LOCK)
        monkeypatch.undo()


def test_where_a_file_system_has_no_locks_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    store.write(tmp_path / "run.json", "whole")
    assert (tmp_path / "run.json").read_text() == "whole" and os.listdir(tmp_path) == ["run.json"]


def test_a_directory_that_is_called_latest_stays_and_no_run_fails_by_it(tmp_path: Path) -> None:
    (tmp_path / "latest" / "kept").mkdir(parents=True)
    run = finished(tmp_path)
    assert run.status() == "finished"
    assert (tmp_path / "latest" / "kept").is_dir() and not (tmp_path / "latest").is_symlink()


def test_a_directory_for_which_no_name_is_left_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", lambda path, **options: None if options else _exists(path))
    with (
        pytest.raises(StorageError, match=r": ten thousand runs of 'bn' were begun in this second\. Try again\.$"),
        store.new_directory(tmp_path, "bn"),
    ):
        pass


def _exists(path: Path) -> None:
    raise FileExistsError(errno.EEXIST, "File exists", str(path))


def test_a_killed_run_is_interrupted_at_once_because_its_lock_frees_itself(tmp_path: Path) -> None:
    program = f"""
import os
from pathlib import Path
from bnexp import store
with store.new_directory(Path({str(tmp_path)!r}), "bn") as directory:
    store.write_json(directory / "run.json", {{"status": "running"}})
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    (run,) = store.runs_in(tmp_path)
    assert run.status() == "interrupted"


def test_who_waited_for_a_directory_keeps_others_out_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "PATIENCE", 30.0)
    directory, held, released, entered = tmp_path / "s", threading.Event(), threading.Event(), threading.Event()

    def wait_for_it() -> None:
        held.wait()
        with store.own_directory(directory):
            entered.set()
            released.wait()

    waiter = threading.Thread(target=wait_for_it, daemon=True)
    waiter.start()
    with store.own_directory(directory):
        held.set()
        time.sleep(0.2)  # by now the other one waits
        assert not entered.is_set()
    assert entered.wait(30)
    monkeypatch.setattr(directories, "PATIENCE", 0.1)
    with pytest.raises(RunError, match="another process is at work in it"), store.own_directory(directory):
        pass
    released.set()
    waiter.join()
    assert (
        directory / store.LOCK
    ).exists()  # removed, it would let in who opens a new one beside who waits for the old


@pytest.mark.skipif(os.name != "posix", reason="removes files that are open")
@pytest.mark.parametrize("begin", [store.new_directory, lambda runs, name: store.resumed_directory(runs / name)])
def test_a_lock_is_removed_only_while_it_is_held_and_who_waits_for_it_takes_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Any
) -> None:
    unlink, entered, released = Path.unlink, threading.Event(), threading.Event()
    waiters: list[threading.Thread] = []

    def wait_for_it(directory: Path) -> None:
        with store.own_directory(directory):
            entered.set()
            released.wait()

    def unlinked(path: Path, **options: Any) -> None:
        if path.name == store.LOCK:
            waiters.append(threading.Thread(target=wait_for_it, args=[path.parent], daemon=True))
            waiters[-1].start()
            assert not entered.wait(0.2), "another one holds the file that is about to be removed"
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", unlinked)
    monkeypatch.setattr(directories, "PATIENCE", 30.0)
    with begin(tmp_path, "bn") as directory:
        pass
    assert entered.wait(30) and len(waiters) == 1
    monkeypatch.setattr(directories, "PATIENCE", 0.1)
    with pytest.raises(RunError, match="another process is at work in it"), store.own_directory(directory):
        pass
    released.set()
    waiters[0].join()


def test_one_bad_directory_hides_no_other(tmp_path: Path) -> None:
    good = finished(tmp_path)
    for name, content in {"a": b"", "b": b"\xff\x00", "c": b"[" * 100_000, "d": b"[]"}.items():
        bad = tmp_path / f"{name}-20260101-000000"
        bad.mkdir()
        (bad / "run.json").write_bytes(content)
    statuses = {run.id: run.status() for run in store.runs_in(tmp_path)}
    assert statuses.pop(good.id) == "finished"
    assert set(statuses.values()) == {"damaged"} and len(statuses) == 4


def test_a_name_finds_a_run_by_directory_id_or_unique_prefix(tmp_path: Path) -> None:
    run = finished(tmp_path, "bn")
    finished(tmp_path, "other")
    for name in (str(run.directory), run.id, run.id[:5]):
        found = store.find(tmp_path, name)
        assert found is not None and found.id == run.id
    assert store.find(tmp_path, "nothing") is None


def test_a_directory_is_shown_as_it_was_named_and_a_link_by_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tmp_path / "runs")
    (tmp_path / "best").symlink_to(run.directory)
    for place, named, shown in (
        (tmp_path, f"runs/{run.id}", f"runs/{run.id}"),
        (tmp_path, f"./runs/{run.id}/", f"runs/{run.id}"),
        (tmp_path, "best", f"runs/{run.id}"),
        (tmp_path, str(run.directory), str(run.directory)),
        (tmp_path / "runs", f"../runs/{run.id}", run.id),
        (run.directory, f"../{run.id}", str(run.directory)),
        (run.directory, "./", str(run.directory)),
    ):
        monkeypatch.chdir(place)
        assert store.find(Path("runs"), named) == store.Run(Path(shown)), named
    monkeypatch.chdir(tmp_path)
    assert store.find(Path("runs"), "latest") == store.Run(Path("runs") / run.id)


def test_an_empty_name_is_no_run_even_if_there_is_only_one(tmp_path: Path) -> None:
    finished(tmp_path)
    with pytest.raises(RunError, match="The name of a run is empty; expected a directory or an id"):
        store.find(tmp_path, "")


def test_an_ambiguous_prefix_lists_the_candidates(tmp_path: Path) -> None:
    ids = [finished(tmp_path, "bn").id, finished(tmp_path, "bn").id]
    with pytest.raises(RunError, match="is the beginning of 2 runs") as caught:
        store.find(tmp_path, "bn-2")
    assert all(name in str(caught.value) for name in ids)


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    with pytest.raises(RunError, match=r"thing: is no run; expected a directory with run\.json"):
        store.find(tmp_path, str(tmp_path / "thing"))


def test_runs_that_cannot_be_written_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file is a file; expected a directory for runs.*runs=DIR"):
        store.refuse_unwritable(tmp_path / "file")


def test_a_place_that_the_system_refuses_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "nothing").symlink_to("elsewhere")
    (tmp_path / "loop").symlink_to("loop")
    for name, seen in (
        ("nothing", "is a broken symbolic link; expected a directory for runs. Create its target, or use runs=DIR."),
        ("loop", "cannot be used (Too many levels of symbolic links); expected a place to keep runs. Use runs=DIR."),
        ("x" * 300, "cannot be used (File name too long); expected a place to keep runs. Use runs=DIR."),
    ):
        with pytest.raises(StorageError) as caught:
            store.refuse_unwritable(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name} {seen}"


def test_a_full_disk_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=1024))
    with pytest.raises(StorageError, match=r"has 0\.0 MiB free; a run needs about"):
        store.refuse_unwritable(tmp_path)


@given(st.text(max_size=300))
def test_a_slug_is_one_safe_path_component_and_a_fixed_point(name: str) -> None:
    word = store.slug(name)
    assert 0 < len(word) <= 68 and len(word.encode()) <= 100
    assert all(c in "._-" or unicodedata.category(c)[0] in "LM" or c.isdecimal() for c in word)
    assert unicodedata.normalize("NFC", word) == word
    assert not word.startswith((".", "-")) and not word.endswith((".", "-"))
    assert store.slug(word) == word


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("批归一化", "批归一化"),
        ("Нормализация сети", "Нормализация-сети"),
        ("बैच", "बैच"),
        ("cafe\u0301", "café"),
        ("a/b\\c:d", "a-b-c-d"),
        ("\uff0fetc", "etc"),
        ("\u202ebn\u200b", "bn"),
        ("\u3164", "run"),
        ("\u0301x", "x"),
        ("COM1", "run-COM1"),
        ("批" * 100, "批" * 32),
        ("\ud800x", "x"),
    ],
)
def test_a_slug_keeps_letters_of_any_script_and_nothing_that_is_obeyed(name: str, word: str) -> None:
    assert store.slug(name) == word


def test_a_slug_leaves_out_letters_that_the_file_system_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsencode", lambda text: text.encode("latin-1"))
    assert store.slug("批é") == "é"


@pytest.mark.parametrize(
    "name", ["CON", "nul.txt", "../../etc/passwd", "/abs", "latest", "-rf", "a" * 500, "\x1b[31m", ""]
)
def test_hostile_names_become_plain_directories_under_runs(tmp_path: Path, name: str) -> None:
    run = finished(tmp_path, name)
    assert run.directory.parent == tmp_path
    assert json.loads((run.directory / "run.json").read_text())["name"] == name


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_files_that_mark_a_run_are_those_that_are_written() -> None:
    assert {*runs.FINAL.values(), *runs.EARLIER.values(), "history.json"} == run_folders.MARKS
