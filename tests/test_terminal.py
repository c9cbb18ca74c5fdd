"""What is printed: never obeyed by a terminal, and never able to stop the work."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cases import slow
from command import Done, bnexp, bnexp_process

from bnexp.cli.exit_code import run_command
from bnexp.system.terminal import Stream, cleaned, guarded_streams, plain

HOSTILE = "\x1b[31m\u202ename\x07\u2028"


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_name_loses_what_a_terminal_would_obey_and_a_message_keeps_its_line_breaks() -> None:
    assert plain(HOSTILE + "\n") == "?[31m?name???"
    assert cleaned(f"one {HOSTILE}\n\ttwo") == "one ?[31m?name??\n\ttwo"


@pytest.mark.parametrize("stream", [Broken(), None])
def test_a_stream_that_is_lost_takes_everything_and_remembers_why(stream: io.StringIO | None) -> None:
    lost = Stream(stream)
    print("one", file=lost)  # type: ignore[call-overload]
    print("two", file=lost, flush=True)  # type: ignore[call-overload]
    assert lost.lost is not None
    assert lost.lost.errno == (errno.EPIPE if stream else errno.EBADF)
    assert not lost.isatty()


def test_a_closed_stream_is_lost_and_raises_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    stream = Stream(closed)
    stream.write("text")
    stream.flush()
    assert stream.lost is not None


def test_stdout_takes_letters_that_its_encoding_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with guarded_streams():
        print("81 ± 2 批")
    assert written.getvalue() == b"81 ? 2 ?\n"


def test_a_refusal_says_so_if_the_locale_does_not_read_the_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    cure = "Use a UTF-8 locale, such as LC_ALL=C.UTF-8, or set PYTHONUTF8=1."
    for arguments, told in (
        (["plot", "\udce6x"], f"The locale's encoding, ascii, cannot decode all of the arguments. {cure}"),
        (["plot", "x"], "No run is called 'x'; expected a directory, an id or latest. There are no runs in runs."),
        (["train", "name=\udce6"], f"holds a byte that is no letter in the locale's encoding, ascii. {cure}"),
    ):
        monkeypatch.setattr("sys.argv", ["bnexp", *arguments])
        if arguments[0] == "train":
            (tmp_path / "c.yaml").write_text("dataset: {name: moons}\nmodel: {name: mlp}\n")
            sys.argv.append("c.yaml")
        assert run_command() == 2
        assert capsys.readouterr().err.splitlines()[-1].endswith(told)


def test_everything_on_stderr_is_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded_streams():
        print(f"first {HOSTILE}\nsecond", file=sys.stderr)
        sys.stdout.write("\x1b[1mbold\x1b[0m")
    captured = capsys.readouterr()
    assert captured.err == "first ?[31m?name??\nsecond\n"
    assert captured.out == "\x1b[1mbold\x1b[0m"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", f"{HOSTILE}.yaml"],
        ["compare", HOSTILE, "b"],
        ["plot", HOSTILE],
        ["runs", HOSTILE],
        [HOSTILE],
        ["study", f"{HOSTILE}.yaml"],
        ["data", "fetch", HOSTILE],
        ["train", "x.yaml"],
        ["train", "x.yaml", f"training.{HOSTILE}=1"],
    ],
)
def test_no_message_holds_what_a_terminal_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text('dataset: {name: moons, "\\e[31mkey\\u202e": 1}\nmodel: {name: mlp}\n')
    monkeypatch.setattr(sys, "argv", ["bnexp", *arguments])
    assert run_command() == 2
    told = capsys.readouterr().err
    assert "?[31m" in told or repr(HOSTILE)[1:6] in told
    assert told == cleaned(told)
    assert "Traceback" not in told


def test_a_bug_shows_a_traceback_that_is_cleaned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(HOSTILE)

    monkeypatch.setattr("bnexp.cli.commands.list_runs", fail)
    monkeypatch.setattr(sys, "argv", ["bnexp", "runs"])
    assert run_command() == 1
    told = capsys.readouterr().err
    assert "Traceback" in told and "ZeroDivisionError: ?[31m?name??" in told


# --- real processes ------------------------------------------------------------------

COMMAND = f'"{sys.executable}" -c "from bnexp.cli import main; main()"'


def shell(line: str, cwd: Path) -> tuple[int, str, str]:
    """Run a line of the shell in which BNEXP is the command; return the command's exit code, stdout and stderr."""
    done = subprocess.run(
        ["bash", "-c", line.replace("BNEXP", COMMAND) + "; exit ${PIPESTATUS[0]}"],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with 200 directories of runs that were interrupted at once."""
    for number in range(200):
        (tmp_path / "runs" / f"bn-20260101-{number:06d}").mkdir(parents=True)
    return tmp_path


@pytest.mark.skipif(os.name != "posix", reason="is about the shell's pipes")
@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("BNEXP runs >&-", 1, "stdout: cannot be written (Bad file descriptor). Stored files are not affected.\n"),
        slow("BNEXP runs --json >&-", 1, "stdout: cannot be written (Bad file descriptor). Stored files are not affected.\n"),
        slow("BNEXP runs >/dev/full", 1, "stdout: cannot be written (No space left on device). Stored files are not affected.\n"),
        ("BNEXP runs --json | true", 1, ""),
        slow("BNEXP runs | head -1 >/dev/null; BNEXP runs --json | true", 1, ""),
        slow("BNEXP runs <&- >/dev/null", 0, ""),
        slow("BNEXP runs 2>&- >/dev/null", 0, ""),
        ("BNEXP nonsense 2>&-", 2, ""),
        slow("BNEXP nonsense 2>/dev/full", 2, ""),
        slow("BNEXP runs <&- >&- 2>&-", 1, ""),
        ("BNEXP --help >/dev/full", 1, "stdout: cannot be written (No space left on device). Stored files are not affected.\n"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_written_is_one_line_or_silence(runs: Path, line: str, code: int, told: str) -> None:
    assert shell(line, runs) == (code, "", told)


@pytest.mark.skipif(os.name != "posix", reason="closes a standard stream")
def test_no_file_takes_the_place_of_a_closed_standard_stream(tmp_path: Path) -> None:
    program = (
        "from bnexp.system.terminal import guarded_streams\n"
        "with guarded_streams(), open('kept', 'w') as file:\n    print(file.fileno() > 2, file=file)"
    )
    assert shell(f'{sys.executable} -c "{program}" <&- >&- 2>&-', tmp_path)[0] == 0
    assert (tmp_path / "kept").read_text() == "True\n"


@pytest.mark.skipif(os.name != "posix", reason="is about the shell's pipes")
@pytest.mark.parametrize("streams", [slow("2>&1 | head -1"), slow("<&- >&- 2>/dev/full")])
def test_a_training_that_nobody_hears_of_is_finished_and_kept(tmp_path: Path, streams: str) -> None:
    (tmp_path / "a.yaml").write_text(
        "dataset: {name: moons, samples: 100}\nmodel: {name: mlp, hidden: [4]}\ntraining: {epochs: 2, seeds: 1}\n"
    )
    shutil.copy(tmp_path / "a.yaml", tmp_path / "b.yaml")
    shell(f"BNEXP train a.yaml b.yaml {streams}", tmp_path)
    listed = bnexp("runs", cwd=tmp_path).stdout
    assert [line.split()[2] for line in listed.splitlines()[1:]] == ["finished", "finished"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="closes standard streams")
def test_a_study_that_nobody_hears_of_is_answered_by_its_workers(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "experiment:\n  dataset: {name: moons, samples: 100}\n  model: {name: mlp, hidden: [4]}\n"
        "  training: {epochs: 1}\narms: {bn: {}, none: {model.normalization: none}}\nvary: {model.activation: [relu]}\n"
        "seeds: 2\nhypothesis: {claim: It helps., treated: bn, baseline: none, metric: val_accuracy, "
        "direction: higher, smallest: 0.01}\n"
    )
    shell("BNEXP study s.yaml --workers 1 <&- >&- 2>&-", tmp_path)
    listed = bnexp("runs", cwd=tmp_path).stdout
    assert [line.split()[1:3] for line in listed.splitlines()[1:]] == [["study", "finished"]]


@pytest.mark.parametrize("ends", ["pass", "raise ValueError('a bug')", "raise KeyboardInterrupt"])
def test_only_answers_go_to_stdout_and_afterwards_descriptor_1_is_as_before(tmp_path: Path, ends: str) -> None:
    program = f"""
import contextlib, os, subprocess, sys
from bnexp.system.terminal import guarded_streams
print("before")
with contextlib.suppress(BaseException), guarded_streams():
    print("an answer")
    os.write(1, b"native code\\n")
    subprocess.run([sys.executable, "-c", "print('a child')"])
    {ends}
print("after", flush=True)
os.write(1, b"descriptor 1\\n")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.splitlines() == ["before", "an answer", "after", "descriptor 1"]
    assert done.stderr.splitlines() == ["native code", "a child"]


def test_a_stdout_that_is_not_the_process_s_own_leaves_descriptor_1_alone(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    with guarded_streams():
        print("an answer")
        os.write(1, b"native code\n")
    assert shown.getvalue() == "an answer\n"
    assert capfd.readouterr() == ("native code\n", "")


LOUD = """
import os, subprocess, sys
import keras

class Loud(keras.layers.Layer):
    def call(self, x):
        print("a print")
        os.write(1, b"native code\\n")
        return x

def build(input_shape):
    subprocess.run([sys.executable, "-c", "print('a child')"])
    layers = keras.layers
    return keras.Sequential([keras.Input(input_shape), layers.BatchNormalization(), Loud(), layers.Dense(1)])
"""


@pytest.mark.parametrize(
    ("run", "arguments"),
    [
        (bnexp, ["train", "--dry-run"]),
        *(slow(bnexp_process, arguments) for arguments in (["train", "--dry-run"], ["train"], ["compare"], ["check"])),
    ],
)
def test_the_document_is_alone_on_stdout_whatever_a_network_prints(
    tmp_path: Path, run: Callable[..., Done], arguments: list[str]
) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "d.csv").write_text("a,y\n" + "".join(f"{row / 3},{row % 7}.5\n" for row in range(40)))
    command, *options = arguments
    own = ["loud.py:build", "--data", "d.csv", "--target", "y", "--seeds", "1", "--epochs", "1"]
    done = run(command, *own, *options, "--json", cwd=tmp_path)
    assert isinstance(json.loads(done.stdout), dict)
    assert {"a print", "native code", "a child"} <= {*done.stderr.splitlines()}
