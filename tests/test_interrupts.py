"""Ctrl-C while training: nothing that Python drops on the way is lost."""

from __future__ import annotations

import builtins
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cases import slow
from command import bnexp
from tasks import said_nothing

from bnexp.errors import UserError
from bnexp.system import backend
from bnexp.system.interrupts import ending_at_once, finishing_the_epoch, raised_again, raising


class PressesCtrlC:
    """Is interrupted while it is being destroyed, where Python drops all exceptions."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_the_first_asks_and_the_second_interrupts() -> None:
    told: list[str] = []
    with finishing_the_epoch(told.append) as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert told == ["finishing the epoch; Ctrl-C once more stops at once"]


def test_the_first_says_so_at_once_and_a_session_without_one_says_nothing() -> None:
    heard = threading.Event()
    with finishing_the_epoch(lambda text: heard.set()):
        signal.raise_signal(signal.SIGINT)
        assert heard.wait(10)
    with finishing_the_epoch(said_nothing):
        pass


def test_who_trains_in_another_thread_is_not_asked_and_leaves_the_signal_alone() -> None:
    before, answers = signal.getsignal(signal.SIGINT), []

    def train() -> None:
        with finishing_the_epoch(said_nothing) as asked:
            answers.append((asked(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert answers == [(False, before)]


def test_one_in_the_middle_of_what_tells_of_it_breaks_neither() -> None:
    """A buffered stream refuses a second write by the thread that is in the middle of one."""
    raw = PressedWhileWritten()
    stream = io.BufferedWriter(raw)
    with finishing_the_epoch(lambda text: stream.write(text.encode()) and stream.flush()):
        stream.write(b"epoch 1, ")
        stream.flush()
    assert raw.written == b"epoch 1, finishing the epoch; Ctrl-C once more stops at once"


class PressedWhileWritten(io.RawIOBase):
    """A stream in the middle of whose first write the user presses Ctrl-C."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self.written:
            signal.raise_signal(signal.SIGINT)
        self.written += bytes(data)
        return len(data)


@pytest.mark.parametrize("turned_into", [ImportError("initialization failed"), UserError("the data cannot be read")])
def test_one_that_was_turned_into_another_error_ends_with_130_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turned_into: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as pressed:
            raise turned_into from pressed

    monkeypatch.setattr("bnexp.cli.commands.list_runs", fail)
    done = bnexp("runs", cwd=tmp_path, code=130)
    assert done.stderr == (f"{turned_into}\n" if isinstance(turned_into, UserError) else "")


def test_one_that_an_import_turns_into_its_own_error_is_raised_by_the_load_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As pybind11 does, whose modules TensorFlow imports by the dozen."""

    def import_other(name: str, *options: Any) -> Any:
        if name == "keras":
            raise ImportError("initialization failed") from KeyboardInterrupt()
        return real(name, *options)

    real = builtins.__import__
    monkeypatch.setattr("builtins.__import__", import_other)
    with pytest.raises(KeyboardInterrupt):
        backend._import()


def test_a_second_that_falls_into_a_finalizer_interrupts_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with raised_again(), finishing_the_epoch(lambda text: None):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            destroy_and_train(PressesCtrlC())
    assert capsys.readouterr().err == ""


def destroy_and_train(*last: Any) -> None:
    """Drop the last reference, then go on as an epoch does."""
    del last
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.001)


def test_what_else_python_drops_is_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ZeroDivisionError

    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: reported.append(dropped.exc_type))
    with raised_again():
        Fails()
    assert reported == [ZeroDivisionError]


# --- real processes ------------------------------------------------------------------


SLOWLY = """
import builtins, sys, time
import_as_ever, module = builtins.__import__, sys.argv.pop(1)
def import_slowly(*arguments, **options):
    imported = import_as_ever(*arguments, **options)
    if module in sys.modules:
        builtins.__import__ = import_as_ever
        print("loaded", file=sys.stderr, flush=True)
        time.sleep(20)
    return imported
builtins.__import__ = import_slowly
from bnexp.cli import main
main()
"""
"""A command that waits for Ctrl-C once a module is loaded."""


def interrupted(arguments: list[str], module: str, cwd: Path) -> tuple[int | None, str]:
    """Press Ctrl-C once a command has loaded a module; return its exit code, None if it never did, and what it said."""
    command, seen, said = [sys.executable, "-c", SLOWLY, module, *arguments], False, ""
    with subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == "loaded\n":
                seen = True
                process.send_signal(signal.SIGINT)
            else:
                said += line
    return process.returncode if seen else None, said


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["--help"], "bnexp.errors"),
        (["runs"], "typer"),
        slow(["runs"], "pydantic"),
        slow(["runs"], "bnexp.cli.commands"),
        slow(["plot", "latest"], "matplotlib"),
        (["compare", "a", "b"], "bnexp.comparison"),
        slow(["train", "a.yaml"], "bnexp.report.progress"),
        slow(["study", "s.yaml"], "bnexp.cli.study_commands"),
        (["claims"], "numpy"),
        slow(["data", "list"], "bnexp.data.builtin.catalogue"),
    ],
)
def test_ctrl_c_while_a_command_is_loaded_ends_it_without_a_word(
    tmp_path: Path, arguments: list[str], module: str
) -> None:
    assert interrupted(arguments, module, tmp_path) == (130, "")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("delays", [(1.5, 0.7), slow((1.0, 1.0, 0.7, 0.3))])
def test_ctrl_c_at_any_time_is_no_traceback(tmp_path: Path, delays: tuple[float, ...]) -> None:
    """The first training is as old as all delays together, and the last one as old as the last delay."""
    (tmp_path / "a.yaml").write_text("dataset: {name: moons}\nmodel: {name: mlp}\ntraining: {epochs: 100000}\n")
    begun = "import sys; from bnexp.cli import main; print('begun', file=sys.stderr, flush=True); main()"
    command = [sys.executable, "-c", begun, "train", "a.yaml"]
    streams = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    with ExitStack() as stack:
        processes = []
        for delay in delays:
            processes.append(subprocess.Popen(command, cwd=tmp_path, **streams))
            stack.callback(processes[-1].kill)
            assert processes[-1].stderr.readline() == "begun\n"
            time.sleep(delay)
        for process in processes:
            process.send_signal(signal.SIGINT)
        said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [130] * len(delays)
    assert not [text for text in said if "Traceback" in text]


@pytest.mark.skipif(os.name != "posix", reason="ignores SIGINT")
def test_ctrl_c_that_the_shell_has_ignored_stays_ignored() -> None:
    with handled(signal.SIG_IGN), ending_at_once(), raising():
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_raising_puts_back_what_was_there() -> None:
    def end(*_: object) -> None: ...

    with handled(end):
        with raising(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is end


@contextmanager
def handled(handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
