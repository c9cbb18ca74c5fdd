"""With what a run was made: versions, machine, git commit. Nothing here names a user or a path."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("bnexp", "tensorflow", "keras", "numpy", "scikit-learn")
GIT_SECONDS = 5
"""How long git may take to answer. What it has not answered by then is unknown."""
OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
"""Where Linux lists this process's control groups, and where their limits stand. A container is one."""
PROCESSORS = Path("/proc/cpuinfo")
"""Where Linux describes the processor."""
CORES = "BNEXP_CORES"
"""The environment variable that says how many cores a process may use; else it may use all it is allowed to."""
WORKERS = "BNEXP_WORKERS"
"""The environment variable that says how many workers share the machine's memory with this one; else it is alone."""
WORKER_BYTES = 3 * 2**29
"""What a worker is given at least, unless more of them are asked for: TensorFlow alone takes half of it."""


def versions() -> dict[str, str]:
    """Return the version of Python, which decides no number, and of each package that decides the numbers."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def changed_versions(then: Mapping[str, str], *, deciding: bool = True) -> list[str]:
    """List what has another version here than it had then, of what decides the numbers, or else of what does not.

    >>> changed_versions(versions() | {"python": "2.7", "keras": "0.1"}, deciding=False) == [
    ...     f"python was 2.7 and is {platform.python_version()}"
    ... ]
    True
    """
    here = {name: version for name, version in versions().items() if (name != "python") == deciding}
    pairs = {name: (then.get(name, "not recorded"), now) for name, now in here.items()}
    return [f"{name} was {before} and is {now}" for name, (before, now) in pairs.items() if before != now]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def machine() -> dict[str, Any]:
    """Return the operating system, the processor's kind and the cores that this process may use."""
    return {"system": f"{platform.system()} {platform.machine()}", "cores": cores()}


def processor() -> str:
    """Return a digest of the processor's name and abilities, by which TensorFlow chooses how it computes."""
    lines = _text(PROCESSORS).partition("\n\n")[0].splitlines()
    told = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return hashlib.sha256("\n".join(told or [platform.processor()]).encode()).hexdigest()[:16]


def cores() -> int:
    """Return how many cores this process may use."""
    return _number_in(CORES) or _allowed_cores()


def sharing() -> int:
    """Return how many workers share the machine's memory, this one among them."""
    return _number_in(WORKERS) or 1


def _number_in(variable: str) -> int:
    """Return the number that an environment variable holds, or 0."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0


def _allowed_cores() -> int:
    """Count the cores that the machine has, this process is bound to, or its container's quota amounts to."""
    from joblib import cpu_count  # imports multiprocessing

    return int(cpu_count())


def memory_limit(asked: int | None) -> int:
    """Return the bytes that data and training may take: as asked for, or a worker's share of half of the machine's."""
    return _memory_bytes() // 2 // sharing() if asked is None else asked


def most_workers() -> int:
    """Return how many workers this machine has room for: one a core, if memory is enough for each of them."""
    return max(1, min(cores(), memory_limit(None) // WORKER_BYTES))


def _memory_bytes() -> int:
    """Return the memory that this process may have: the machine's or its container's; 4 GiB where neither tells."""
    try:
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        installed = 4 * 2**30
    return min([installed, *_allowed_bytes()])


def _allowed_bytes() -> Iterator[int]:
    """Yield the memory limits of the control groups that this process is in, in versions 2 and 1 of cgroup."""
    for group in _text(OWN_GROUPS).splitlines():
        _, controllers, path = group.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (GROUPS / "memory", "memory.limit_in_bytes") if controllers else (GROUPS, "memory.max")
        own = top / path.strip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(top) and (limit := _text(folder / name).strip()).isdecimal():
                yield int(limit)


def _text(path: Path) -> str:
    """Return what a small file holds, or nothing if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def git_state() -> dict[str, Any] | None:
    """Return the commit of the working directory and whether files differ from it; None where git tells neither.

    So it is outside a repository, without git, and where git does not trust
    the directory. A commit that there is not yet, and a difference that git
    does not tell in time, are None.
    """
    commit, changes = _git("rev-parse", "--verify", "HEAD"), _git("status", "--porcelain")
    if commit is None and changes is None:
        return None
    return {
        "commit": None if commit is None else commit.decode("ascii"),
        "dirty": None if changes is None else bool(changes),
    }


def _git(*arguments: str) -> bytes | None:
    """Return what git prints, or None if it fails, is not there or takes too long."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
