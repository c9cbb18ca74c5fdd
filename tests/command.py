"""The command line: in this process, 0.03 s, or in a process of its own where the process itself is the point."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from unittest.mock import patch

from bnexp.cli.exit_code import run_command

Done = subprocess.CompletedProcess[str]
REPOSITORY = Path(__file__).parent.parent
COMMAND = [sys.executable, "-c", "from bnexp.cli import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def bnexp(*arguments: str, cwd: Path, code: int = 0, bug: bool = False) -> Done:
    """Run a command in this process; return all that it writes; a traceback is only for a bug."""
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        tensorflow.config.list_physical_devices()  # TensorFlow's own line about a missing GPU is none of the command's
    with TemporaryFile() as out, TemporaryFile() as told:
        with ExitStack() as stack:
            stack.enter_context(chdir(cwd))
            stack.enter_context(patch.object(sys, "argv", ["bnexp", *arguments]))
            stack.enter_context(led_to(out, "stdout", 1))
            stack.enter_context(led_to(told, "stderr", 2))
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message="__array__ implementation")  # Keras's own, while it writes
            found = run_command()
        return checked(Done(arguments, found, text_of(out), text_of(told)), code, bug)


def bnexp_process(*arguments: str, cwd: Path, code: int = 0, options: tuple[str, ...] = (), **variables: str) -> Done:
    """Run a command in a process of its own, with options of Python before it."""
    command = [COMMAND[0], *options, *COMMAND[1:], *arguments]
    environment = {**ENVIRONMENT, **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return checked(done, code)


def checked(done: Done, code: int, bug: bool = False) -> Done:
    assert done.returncode == code, done.stderr + done.stdout
    assert ("Traceback" in done.stderr) == bug
    return done


def run_line(line: str) -> None:
    """Run a line `python -c CODE` that a message names, in this process: to import pandas in a new one takes 0.4 s."""
    program, option, code, *arguments = read_by_shell(line)
    assert (program, option) == ("python", "-c")
    with warnings.catch_warnings(), patch.object(sys, "argv", [option, *arguments]):
        warnings.simplefilter("ignore")  # as in a process of its own, which also closes the files that it leaves open
        exec(code, {"__name__": "__main__"})


def read_by_shell(line: str) -> list[str]:
    """Return the words of a line that begins with `python`, as a shell hands them on."""
    if os.name != "posix":
        return shlex.split(line)
    told = subprocess.run(
        ["sh", "-c", f"python() {{ printf '%s\\0' python \"$@\"; }}\n{line}"], capture_output=True, check=True
    )
    return told.stdout.decode().split("\0")[:-1]


def refused(*arguments: str, cwd: Path, code: int = 2) -> str:
    """Run what must be refused; return its message, which is all there is."""
    before = sorted(cwd.rglob("*"))
    done = bnexp(*arguments, cwd=cwd, code=code)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert sorted(cwd.rglob("*")) == before, "nothing written"
    return done.stderr.strip()


@contextmanager
def led_to(file: IO[bytes], name: str, descriptor: int) -> Iterator[None]:
    """Lead a standard stream, and what native code writes to its descriptor, into a file."""
    getattr(sys, name).flush()
    before = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        with open(descriptor, "w", encoding="utf-8", closefd=False) as stream, patch.object(sys, name, stream):
            yield
    finally:
        os.dup2(before, descriptor)
        os.close(before)


def text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def imported(done: Done) -> set[str]:
    """Return the modules that a process run with `-X importtime` has imported."""
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
