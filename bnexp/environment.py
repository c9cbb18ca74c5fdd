"""With what a run was made: versions, machine, git commit. Nothing here names a user or a path."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("bnexp", "tensorflow", "keras", "numpy", "scikit-learn")
GIT_SECONDS = 5
CORES = "BNEXP_CORES"
"""The environment variable that says how many cores a process may use; else it may use all it is allowed to."""
WORKERS = "BNEXP_WORKERS"
"""The environment variable that says how many workers share the machine's memory with this one; else it is alone."""
WORKER_BYTES = 3 * 2**29
"""What a worker is given at least, unless more of them are asked for: TensorFlow alone takes half of it."""


def versions() -> dict[str, str]:
    """Give the version of Python and of each package that decides the numbers."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def machine() -> dict[str, Any]:
    """Give the operating system, the processor's kind and its cores."""
    return {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count()}


def cores() -> int:
    """Give how many cores this process may use."""
    return _told(CORES) or _allowed_cores()


def sharing() -> int:
    """Give how many workers share the machine's memory, this one among them."""
    return _told(WORKERS) or 1


def _told(variable: str) -> int:
    """Give the number that an environment variable holds, or 0."""
    told = os.environ.get(variable, "")
    return int(told) if told.isdecimal() else 0


def _allowed_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_limit(asked: int | None) -> int:
    """Give the bytes that data and training may take: as asked for, or a worker's share of half of the machine's."""
    return _memory_bytes() // 2 // sharing() if asked is None else asked


def most_workers() -> int:
    """Give how many workers this machine has room for: one a core, if memory is enough for each of them."""
    return max(1, min(cores(), memory_limit(None) // WORKER_BYTES))


def _memory_bytes() -> int:
    """Give the memory that this process may have: the machine's or its container's; 4 GiB where neither tells."""
    try:
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        installed = 4 * 2**30
    try:
        allowed = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        allowed = "max"
    return min(installed, int(allowed)) if allowed.isdecimal() else installed


def git_state() -> dict[str, Any] | None:
    """Give the commit of the working directory and whether files differ from it, or None outside a repository."""
    commit = _git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain"))} if commit else None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
