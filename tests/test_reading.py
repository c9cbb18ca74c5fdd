"""What stands in the place of a stored file: only a regular file of a sensible size is read, and nothing waits."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bnexp import store
from bnexp.cli import commands
from bnexp.errors import RunError, StorageError
from bnexp.experiment import lookup
from bnexp.report import figures, run_list
from bnexp.store import reading

POSIX = pytest.mark.skipif(os.name != "posix", reason="makes pipes, sockets and links")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(9 * 2**30 if path.name in ("history.json", "histories.json") else 500 * 2**20)


@pytest.mark.parametrize("read", [reading.content, reading.refuse_irregular, reading.refuse_lost, reading.regular])
def test_a_name_that_no_file_can_have_is_a_file_that_cannot_be_read(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "a\0b" / "config.yaml"
    with pytest.raises(RunError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: cannot be read (embedded null byte). Restore the file, or train again."


PLACED: list[tuple[Callable[[Path], None], str]] = [
    (pipe, "is a pipe; expected a regular file"),
    (a_socket, "is a socket; expected a regular file"),
    (Path.mkdir, "is a directory; expected a regular file"),
    (loop, "cannot be read (Too many levels of symbolic links)"),
    (dangling, "is a broken symbolic link"),
    (device, "is a device; expected a regular file"),
    (huge, "MiB; expected "),
]
KINDS = {
    "run.json": "bn-20260101-000000",
    "comparison.json": "bn-vs-nobn-20260101-000000",
    "study.json": "s-study-0123456789",
}


FINAL_RECORDS = {
    "run.json": {"status": "finished", "seeds": 2, "metrics": {"val_loss": {"final": 0.5}}},
    "comparison.json": {"seeds": [0], "contrasts": [{"verdict": {"word": "helps"}}]},
    "study.json": {"seeds": 2, "verdict": "supported"},
}


def directory(runs: Path, name: str) -> Path:
    """A directory in which only the final record of its kind is missing."""
    made = runs / KINDS[name]
    made.mkdir(parents=True)
    (made / "config.yaml").write_text("name: bn\n")
    if name == "comparison.json":
        (made / "histories.json").write_text("{}")
    if name == "study.json":
        (made / "study.yaml").write_text("")
    return made


@POSIX
@pytest.mark.parametrize(("place", "reason"), PLACED)
@pytest.mark.parametrize("name", KINDS)
def test_whatever_stands_for_a_record_is_listed_as_damaged_with_the_reason(
    tmp_path: Path, name: str, place: Callable[[Path], None], reason: str
) -> None:
    place(directory(tmp_path, name) / name)
    good = directory(tmp_path, "run.json" if name != "run.json" else "study.json")
    rows = {row.run: row for row in map(run_list.row, store.runs_in(tmp_path))}
    assert rows[KINDS[name]].status == "damaged"
    assert rows[KINDS[name]].result.startswith(f"{name}: ") and reason in rows[KINDS[name]].result
    assert rows[good.name].status == "interrupted"


@POSIX
@pytest.mark.parametrize(("place", "reason"), PLACED)
@pytest.mark.parametrize("name", ["history.json", "config.yaml", "histories.json"])
def test_whatever_stands_for_another_file_is_refused_by_who_reads_it(
    tmp_path: Path, name: str, place: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / name
    place(path)
    with pytest.raises(RunError) as caught:
        store.content(path)
    if name == "config.yaml" and place not in (loop, dangling):  # which who reads them tells
        with pytest.raises(RunError, match=re.escape(reason)):
            assert store.Run(tmp_path).config
    assert str(caught.value).startswith(f"{path}: ") and reason in str(caught.value)


@POSIX
@pytest.mark.parametrize("place", [pipe, a_socket, Path.mkdir, loop, dangling])
def test_whatever_stands_for_a_lock_hangs_nobody(tmp_path: Path, place: Callable[[Path], None]) -> None:
    made = directory(tmp_path, "study.json")
    place(made / ".lock")
    assert store.Run(made).status() == "interrupted"
    if place is not pipe:  # which can be locked like a file
        with pytest.raises(StorageError, match=r"\.lock: cannot be written"), store.own_directory(made):
            pass


@POSIX
@pytest.mark.parametrize("place", [pipe, a_socket, loop, dangling, device, huge])
def test_whatever_stands_for_latest_is_no_run_and_is_replaced(tmp_path: Path, place: Callable[[Path], None]) -> None:
    place(tmp_path / "latest")
    with pytest.raises(RunError):
        store.find(tmp_path, "latest")
    with store.new_directory(tmp_path, "bn") as made:
        store.write_json(made / "run.json", {"status": "finished"})
    found = store.find(tmp_path, "latest")
    assert found is not None and found.id == made.name


def test_a_name_that_no_file_system_takes_is_no_run(tmp_path: Path) -> None:
    for name in ("x" * 300, "a/" * 3000, "nul\0"):
        assert store.find(tmp_path, name) is None
        assert lookup.newest(tmp_path, name) is None


def test_nan_and_deep_nesting_are_no_json(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for text, reason in (('{"a": NaN}', "NaN is no number"), ('{"a":' * 100_000, "recursion"), ("[]", "holds list")):
        path.write_text(text)
        with pytest.raises(RunError, match=reason):
            store.read_json(path)


def test_a_history_of_a_thousand_seeds_and_8000_epochs_is_below_the_limit() -> None:
    """Six metrics, and the longest that a number is written."""
    number = len(json.dumps([-1.2345678901234567e-10], indent=1)) + len("   ")
    assert 1000 * 8000 * 6 * number < reading.LARGEST["history.json"] * reading.MEBIBYTE


@POSIX
@pytest.mark.usefixtures("by_command")
def test_a_runs_directory_that_cannot_be_read_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(RunError, match=r"cannot be read \(Permission denied\)\. Use --runs DIR\."):
        commands.list_runs(tmp_path, as_json=False)


@POSIX
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (device, "is a file, not a directory"),
        (pipe, "is a file, not a directory"),
        (lambda path: path.write_text(""), "is a file, not a directory"),
        (dangling, "is a broken symbolic link"),
        (loop, "cannot be read (Too many levels of symbolic links)"),
    ],
)
@pytest.mark.parametrize(
    "work", [lambda runs: commands.list_runs(runs, as_json=False), lambda runs: lookup.named(runs, "bn")]
)
@pytest.mark.usefixtures("by_command")
def test_what_stands_for_the_directory_of_runs_is_refused(
    tmp_path: Path, work: Callable[[Path], object], place: Callable[[Path], None], reason: str
) -> None:
    runs = tmp_path / "runs"
    place(runs)
    with pytest.raises(RunError) as caught:
        work(runs)
    assert str(caught.value) == f"{runs}: {reason}; expected a directory of runs. Use --runs DIR."
    with pytest.raises(RunError, match="Not a directory"):
        store.runs_in(Path(__file__) / "runs")


def lost(path: Path) -> None:
    """Leave nothing in the place."""


@POSIX
@pytest.mark.parametrize(("place", "reason"), [(lost, "is missing"), *(one for one in PLACED if one[0] is not huge)])
@pytest.mark.parametrize(
    ("name", "final"), [("history.json", "run.json"), ("config.yaml", "run.json"), ("histories.json", "comparison.json"),
                        ("study.yaml", "study.json")],
)  # fmt: skip
def test_a_finished_directory_without_what_must_stand_beside_its_record_is_damaged(
    tmp_path: Path, name: str, final: str, place: Callable[[Path], None], reason: str
) -> None:
    made = directory(tmp_path, final)
    (made / "history.json").write_text("")
    (made / final).write_text(json.dumps(FINAL_RECORDS[final]))
    assert store.Run(made).status() == "finished"
    (made / name).unlink()
    place(made / name)
    (row,) = map(run_list.row, store.runs_in(tmp_path))
    assert row.status == "damaged"
    assert row.result.startswith(f"{name}: ") and reason in row.result


@POSIX
def test_plot_of_a_run_whose_history_is_a_pipe_is_refused(tmp_path: Path) -> None:
    made = directory(tmp_path, "run.json")
    (made / "run.json").write_text('{"status": "finished"}')
    pipe(made / "history.json")
    with pytest.raises(RunError, match=r"history\.json: is a pipe"):
        figures.draw(store.Run(made))
