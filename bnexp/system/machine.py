"""Describes how a run was made: versions, machine, git commit. The description has no user names and no paths."""

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
"""The time limit for an answer of git. After it, the answer counts as unknown."""
OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
"""The file in which Linux lists this process's control groups, and the folder of their limits. A container is one."""
PROCESSORS = Path("/proc/cpuinfo")
"""The file in which Linux describes the processor."""
CORES = "BNEXP_CORES"
"""The environment variable for the number of cores that a process may use. Unset, it may use all available cores."""
WORKERS = "BNEXP_WORKERS"
"""The environment variable for the number of workers, including this one, that share the memory. Unset, it is 1."""
WORKER_BYTES = 3 * 2**29
"""The least memory of a worker, unless the user asks for more workers. TensorFlow alone takes half of it."""
PROGRAM_BYTES = 750 * 2**20
"""Bytes of TensorFlow and the program (measured: 725 MiB before there is a model, 770 to 870 with a small one)."""


def versions() -> dict[str, str]:
    """Return the version of Python, and of each package that affects the numbers. Python's version does not."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def changed_versions(then: Mapping[str, str], *, deciding: bool = True) -> list[str]:
    """List the versions that differ now: of packages that affect the numbers or, if not `deciding`, of Python.

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
    """Return the operating system, the processor's kind, and the number of cores that this process may use."""
    return {"system": f"{platform.system()} {platform.machine()}", "cores": cores()}


def processor() -> str:
    """Return a digest of the processor's name and features, because TensorFlow computes differently on others."""
    lines = _text(PROCESSORS).partition("\n\n")[0].splitlines()
    told = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return hashlib.sha256("\n".join(told or [platform.processor()]).encode()).hexdigest()[:16]


def cores() -> int:
    """Return how many cores this process may use."""
    return _number_in(CORES) or _allowed_cores()


def sharing() -> int:
    """Return how many workers, including this one, share the machine's memory."""
    return _number_in(WORKERS) or 1


def _number_in(variable: str) -> int:
    """Return the number that an environment variable holds, or 0."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0


def _allowed_cores() -> int:
    """Count the available cores: of the machine, or fewer by this process's affinity or its container's quota."""
    from joblib import cpu_count  # imports multiprocessing

    return int(cpu_count())


def memory_limit(asked: int | None) -> int:
    """Return the memory for data and training in bytes: `asked`, or a worker's share of half of the memory."""
    return _memory_bytes() // 2 // sharing() if asked is None else asked


def most_workers() -> int:
    """Return how many workers this machine can run: one per core, or fewer if there is too little memory."""
    return max(1, min(cores(), memory_limit(None) // WORKER_BYTES))


def _memory_bytes() -> int:
    """Return the memory that this process may use: the machine's (4 GiB if unknown), or its container's if less."""
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
    """Return the commit of the working directory and whether files differ from it; None if git reports neither.

    git reports neither outside a repository, if it is not installed, or if
    it does not trust the directory. `commit` is None before the first
    commit. `dirty` is None if git does not answer in time.
    """
    commit, changes = _git("rev-parse", "--verify", "HEAD"), _git("status", "--porcelain")
    if commit is None and changes is None:
        return None
    return {
        "commit": None if commit is None else commit.decode("ascii"),
        "dirty": None if changes is None else bool(changes),
    }


def _git(*arguments: str) -> bytes | None:
    """Return what git prints, or None if it fails, is not installed or takes too long."""
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
