"""What a process may use of its machine, and the git commit that it runs from: what is not known is None."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import joblib
import pytest

from bnexp.system import machine

GIBIBYTE = 2**30
NO_LIMIT = "9223372036854771712"
"""How version 1 of cgroup says that there is none."""


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("a")
    return tmp_path


@pytest.fixture
def commit(repository: Path) -> str:
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "a")
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def fake_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called git before all others."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "git").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


def test_a_commit_is_told_with_whether_files_differ_from_it(repository: Path, commit: str) -> None:
    assert machine.git_state() == {"commit": commit, "dirty": False}
    (repository / "a.txt").write_text("b")
    assert machine.git_state() == {"commit": commit, "dirty": True}


def test_a_difference_that_git_does_not_tell_in_time_is_unknown(
    repository: Path, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(repository, monkeypatch, f'case "$*" in *status*) exec sleep 20;; esac; echo {commit}')
    monkeypatch.setattr(machine, "GIT_SECONDS", 0.3)
    assert machine.git_state() == {"commit": commit, "dirty": None}


def test_a_repository_without_commits_has_none_and_its_files_differ(repository: Path) -> None:
    assert machine.git_state() == {"commit": None, "dirty": True}


def test_a_repository_without_files_of_its_own_knows_no_difference(repository: Path, commit: str) -> None:
    git(repository, "clone", "-q", "--bare", ".", "bare")
    os.chdir(repository / "bare")
    assert machine.git_state() == {"commit": commit, "dirty": None}


def test_names_that_are_no_text_in_this_locale_count_as_differences(repository: Path, commit: str) -> None:
    git(repository, "config", "core.quotepath", "false")
    Path(os.fsdecode(b"\xff\xfe\xe9")).write_text("new")
    assert machine.git_state() == {"commit": commit, "dirty": True}


@pytest.mark.parametrize(
    "script",
    [
        "echo 'fatal: detected dubious ownership in repository' >&2; exit 128",
        "echo 'fatal: not a git repository' >&2; exit 128",
        "exit 127",
    ],
)
def test_where_git_tells_nothing_nothing_is_known(
    repository: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    fake_git(repository, monkeypatch, script)
    assert machine.git_state() is None


def test_without_git_and_outside_a_repository_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert machine.git_state() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.git_state() is None


def test_asking_git_leaves_its_index_alone(repository: Path, commit: str) -> None:
    os.utime(repository / "a.txt", (0, 0))  # so that git would note the new time in its index
    before = (repository / ".git/index").read_bytes()
    assert machine.git_state() == {"commit": commit, "dirty": False}
    assert (repository / ".git/index").read_bytes() == before


@pytest.mark.parametrize(
    ("own", "limits", "gibibytes"),
    [
        ("0::/\n", {"memory.max": str(3 * GIBIBYTE)}, 3),
        ("0::/user/job\n", {"user/memory.max": str(2 * GIBIBYTE), "user/job/memory.max": "max"}, 2),
        ("0::/docker/abc\n", {"memory.max": "max"}, 64),
        (
            "9:name=systemd:/a\n5:cpu,memory:/docker/abc\n",
            {"memory/memory.limit_in_bytes": str(4 * GIBIBYTE), "memory.max": "1"},
            4,
        ),
        (
            "5:memory:/slurm/job\n",
            {"memory/slurm/job/memory.limit_in_bytes": str(GIBIBYTE), "memory/memory.limit_in_bytes": NO_LIMIT},
            1,
        ),
        ("5:memory:/\n0::/\n", {"memory/memory.limit_in_bytes": NO_LIMIT}, 64),
        (None, {}, 64),
    ],
)
def test_memory_is_what_the_control_groups_leave_of_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, limits: dict[str, str], gibibytes: int
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 64 * GIBIBYTE // 4096, "SC_PAGE_SIZE": 4096}.__getitem__)
    monkeypatch.setattr(machine, "OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "GROUPS", tmp_path / "groups")
    if own is not None:
        (tmp_path / "cgroup").write_text(own)
    for name, limit in limits.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(f"{limit}\n")
    assert machine._memory_bytes() == gibibytes * GIBIBYTE


def test_where_the_system_does_not_tell_its_memory_four_gibibytes_are_assumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "OWN_GROUPS", tmp_path / "none")
    monkeypatch.delattr(os, "sysconf")
    assert machine._memory_bytes() == 4 * GIBIBYTE
    assert machine.memory_limit(None) == 2 * GIBIBYTE // machine.sharing()


def test_a_package_that_is_not_installed_has_no_version_and_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-package-of-this-name"))
    found = machine.versions()
    assert found["no-package-of-this-name"] == "not installed" and found["numpy"][0].isdecimal()
    assert machine.changed_versions({**found, "no-package-of-this-name": "1.0"}) == [
        "no-package-of-this-name was 1.0 and is not installed"
    ]


def test_cores_are_those_of_the_container_unless_the_environment_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(machine.CORES, raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    assert machine.cores() == 3
    monkeypatch.setenv(machine.CORES, "2")
    assert machine.cores() == 2


def test_a_process_bound_to_one_core_uses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.CORES, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1}, raising=False)
    assert machine.cores() == 1


def test_the_record_of_the_machine_holds_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.CORES, raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)  # of the whole machine, whatever the container's quota
    assert machine.machine()["cores"] == 3


def test_versions_that_decide_numbers_are_told_from_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bnexp.system.machine.versions", lambda: {"python": "3.12.1", "keras": "3.15.1", "numpy": "2.0"}
    )
    then = {"python": "3.11.2", "keras": "3.14.0", "numpy": "2.0"}
    assert machine.changed_versions(then) == ["keras was 3.14.0 and is 3.15.1"]
    assert machine.changed_versions(then, deciding=False) == ["python was 3.11.2 and is 3.12.1"]
    assert machine.changed_versions({}) == ["keras was not recorded and is 3.15.1", "numpy was not recorded and is 2.0"]
