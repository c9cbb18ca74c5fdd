"""Archives of packaged data sets reach the cache whole or not at all: fake managers, cut downloads, full disks."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import io
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bnexp.data.builtin import fetching
from bnexp.data.builtin.catalogue import KNOWN
from bnexp.data.builtin.fetching import Package
from bnexp.errors import WORK_FAILED, FetchError

ARCHIVE = b"the archive"
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
WHEEL = Package("pip", "flowers", "1.0", SHA256)
TGZ = Package("npm", "@garden/flowers", "1.0.0", SHA256)

Manager = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """Put a fake pip or npm in place: it logs its arguments, runs a script, and delivers an archive."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, archive: bytes | None = ARCHIVE, script: str = "") -> Path:
        if archive is not None:
            (tmp_path / "archive").write_bytes(archive)
            script += f"\ncp {tmp_path / 'archive'} flowers.{'whl' if name == 'pip' else 'tgz'}"
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {programs / "log"}\n{script}\n')
        program.chmod(0o755)
        if name == "pip":
            monkeypatch.setattr(sys, "executable", str(program))
        return programs / "log"

    return put


def silent(_: str) -> None:
    """Take no note."""


def failure(package: Package) -> str:
    """Fetch what cannot be fetched; nothing of it may stay."""
    with pytest.raises(FetchError) as caught:
        fetching.fetch("flowers", package, silent)
    assert caught.value.exit_code == WORK_FAILED == 1
    left = fetching.cache_directory() / "datasets"
    assert not left.is_dir() or list(left.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "package", "file", "arguments"),
    [
        ("pip", WHEEL, "flowers-1.0.whl",
         "-m pip download --no-deps --only-binary :all: --ignore-requires-python --no-input"
         " --disable-pip-version-check --quick flowers==1.0"),
        ("npm", TGZ, "flowers-1.0.0.tgz", "pack --ignore-scripts --quick @garden/flowers@1.0.0"),
    ],
    ids=["pip", "npm"],
)  # fmt: skip
def test_an_archive_is_fetched_by_its_manager_and_read_back(
    cache: Path, manager: Manager, name: str, package: Package, file: str, arguments: str
) -> None:
    log, notes = manager(name), list[str]()
    fetching.fetch("flowers", replace(package, options=("--quick",)), notes.append)
    assert notes == [f"downloading {package.title} with {name}"]
    assert log.read_text().strip() == arguments
    assert [path.name for path in cache.iterdir()] == [file]
    assert fetching.content("flowers", package) == ARCHIVE
    others = cache / file
    umask = os.umask(0)
    os.umask(umask)
    assert others.stat().st_mode & 0o777 == 0o666 & ~umask, "others of a shared cache may read it"


def test_the_real_pip_takes_the_options(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    packed, info = io.BytesIO(), "flowers-1.0.dist-info/"
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: cp311-cp311-win_amd64\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: flowers\nVersion: 1.0\nRequires-Python: >=99\n")
        wheel.writestr(info + "RECORD", "")
    (tmp_path / "flowers-1.0-cp311-cp311-win_amd64.whl").write_bytes(packed.getvalue())
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    for variable, value in (("CONFIG_FILE", os.devnull), ("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path))):
        monkeypatch.setenv(f"PIP_{variable}", value)
    options = ("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp")
    package = replace(WHEEL, sha256=hashlib.sha256(packed.getvalue()).hexdigest(), options=options)
    fetching.fetch("flowers", package, silent)
    assert fetching.content("flowers", package) == packed.getvalue()
    fetching.place("flowers", package).unlink()
    assert failure(Package("pip", "weeds", "2.0", SHA256)) == (
        "weeds 2.0: pip could not download it (No matching distribution found for weeds==2.0); expected a registry "
        "that has it. Check which registry it asks (`pip config list`), then try again."
    )


def test_what_is_there_and_right_is_not_fetched_again(cache: Path, manager: Manager) -> None:
    log, notes = manager("npm"), list[str]()
    fetching.fetch("flowers", TGZ, silent)
    fetching.fetch("flowers", TGZ, notes.append)
    assert notes == []
    assert len(log.read_text().splitlines()) == 1


def test_a_damaged_archive_is_never_read_and_is_fetched_again(cache: Path, manager: Manager) -> None:
    manager("npm")
    fetching.fetch("flowers", TGZ, silent)
    path, notes = fetching.place("flowers", TGZ), list[str]()
    path.write_bytes(b"the arch")
    assert fetching.content("flowers", TGZ) is None
    fetching.fetch("flowers", TGZ, notes.append)
    assert notes[0] == f"{path} is damaged; fetching it again"
    assert fetching.content("flowers", TGZ) == ARCHIVE


def test_the_copy_of_an_earlier_bnexp_is_left_alone_and_named(cache: Path, manager: Manager) -> None:
    manager("npm")
    (cache / "flowers").mkdir(parents=True)
    (cache / "flowers" / "a.csv").write_bytes(b"1")
    notes: list[str] = []
    fetching.fetch("flowers", TGZ, notes.append)
    assert notes[0] == (
        f"{cache / 'flowers'} is the copy of an earlier bnexp, which is not read any more; you may delete it"
    )
    assert (cache / "flowers" / "a.csv").read_bytes() == b"1"


def test_the_cache_is_the_users_unless_the_environment_says_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", "~/elsewhere")
    assert fetching.cache_directory() == Path.home() / "elsewhere"
    monkeypatch.setenv("BNEXP_CACHE_DIR", "")
    assert fetching.cache_directory().name in ("bnexp", "Cache")


# --- downloads that fail ---------------------------------------------------


@pytest.mark.parametrize("archive", [ARCHIVE[:-3], b"another", b""], ids=["cut", "another", "empty"])
def test_a_download_with_another_sha256_is_refused_and_nothing_kept(
    cache: Path, manager: Manager, archive: bytes
) -> None:
    manager("npm", archive)
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: npm delivered another archive than bnexp knows. SHA256 hash of downloaded file "
        f"(flowers-1.0.0.tgz) does not match the known hash: expected sha256:{SHA256} but got "
        f"{hashlib.sha256(archive).hexdigest()}. Nothing of it is kept. Try again; if that does not help, use a newer bnexp."
    )


def test_a_missing_manager_is_named_with_the_way_to_get_it(
    cache: Path, tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager("pip", script="echo No module named pip >&2; exit 1")
    assert failure(WHEEL) == (
        f"flowers 1.0: pip is not installed in {sys.prefix}; expected it, to download the package. "
        f"Run `{tmp_path}/bin/pip -m ensurepip`, then try again."
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: npm is not on the PATH; expected it, to download the package. "
        "Install Node.js, which brings it (https://nodejs.org; no root needed), then try again."
    )


@pytest.mark.parametrize(
    ("package", "said", "told"),
    [
        (TGZ, "npm error code E404\nnpm error 404 Not Found - GET https://x/y\nnpm error A complete log of this run can be found in: z",
         "npm could not download it (404 Not Found - GET https://x/y); expected a registry that has it. "
         "Check which registry it asks (`npm config get registry`), then try again."),
        (TGZ, "npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED\nnpm error request to http://x failed, reason: connect ECONNREFUSED 127.0.0.1:9",
         "npm could not download it (request to http://x failed, reason: connect ECONNREFUSED 127.0.0.1:9); "
         "expected a registry that can be reached. Check the internet connection and the proxy, then try again."),
        (WHEEL, "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError()': /simple/\nERROR: No matching distribution found for flowers",
         "pip could not download it (connection broken by 'NewConnectionError()': /simple/); "
         "expected a registry that can be reached. Check the internet connection and the proxy, then try again."),
        (TGZ, "npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write",
         "npm could not download it (nospc ENOSPC: no space left on device, write); expected free space. "
         "Free some, or set TMPDIR to a directory on a larger disk, then try again."),
        (TGZ, "\x1b[31modd\x1b[0m",
         "npm could not download it ([31modd[0m); expected a download. "
         "Run `npm pack @garden/flowers@1.0.0` to see more, then try again."),
        (WHEEL, "", "pip could not download it (it printed nothing); expected a download. "
         "Run `pip download --no-deps flowers==1.0` to see more, then try again."),
    ],
    ids=["npm 404", "npm network", "pip network", "npm disk", "odd", "silent"],
)  # fmt: skip
def test_a_failing_manager_is_quoted(cache: Path, manager: Manager, package: Package, said: str, told: str) -> None:
    manager(package.manager, script=f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
    assert failure(package) == f"{package.title}: {told}"


def test_a_manager_that_delivers_nothing_is_no_success(cache: Path, manager: Manager) -> None:
    manager("npm", None)
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: npm delivered 0 .tgz files; expected one. "
        "Run `npm pack @garden/flowers@1.0.0` to see what it does."
    )


def test_a_manager_that_cannot_be_run_is_told(cache: Path, tmp_path: Path, manager: Manager) -> None:
    manager("npm")
    (tmp_path / "bin" / "npm").write_bytes(b"\x00")
    assert failure(TGZ) == (
        f"@garden/flowers 1.0.0: {tmp_path}/bin/npm cannot be run (Exec format error); expected npm. "
        "Repair it until `npm pack @garden/flowers@1.0.0` works."
    )


def test_a_manager_that_hangs_is_stopped_with_all_it_has_begun(
    cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.3)
    manager("npm", script="sleep 60 & sleep 60")
    begun = time.monotonic()
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: npm was not done after 0.3 s; expected a download in less. "
        "Check the internet connection, then try again."
    )
    assert time.monotonic() - begun < 10


# --- a cache that cannot be written, an interrupt, and two at once ---------


def test_a_full_disk_is_told_and_the_archive_before_stays(
    cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    manager("npm")
    monkeypatch.setattr(shutil, "move", full)
    told = (
        f"{cache}: cannot be written (No space left on device). "
        "The disk is full: free some space, or set BNEXP_CACHE_DIR to a directory on a larger one."
    )
    assert failure(TGZ) == told
    fetching.place("flowers", TGZ).write_bytes(b"damaged")
    with pytest.raises(FetchError, match=re.escape(told)):
        fetching.fetch("flowers", TGZ, silent)
    assert [path.read_bytes() for path in cache.iterdir()] == [b"damaged"]


@pytest.mark.parametrize("there", [False, True], ids=["cannot be made", "cannot be written to"])
def test_a_cache_without_permission_is_told(
    cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(cache))

    manager("npm")
    if there:
        cache.mkdir(parents=True)
    monkeypatch.setattr(*((tempfile, "NamedTemporaryFile") if there else (os, "makedirs")), refuse)
    assert failure(TGZ) == (
        f"{cache}: cannot be written (Permission denied). Expected a writable directory: set BNEXP_CACHE_DIR to one."
    )


def test_a_cache_that_is_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    assert failure(TGZ) == (
        f"{tmp_path}/file/datasets: cannot be written (Not a directory). "
        "Expected a writable directory: set BNEXP_CACHE_DIR to one."
    )


def test_an_interrupt_leaves_nothing(cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    manager("npm")
    monkeypatch.setattr(shutil, "move", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetching.fetch("flowers", TGZ, silent)
    assert list(cache.iterdir()) == []


def test_two_fetches_at_once_both_succeed(cache: Path, manager: Manager) -> None:
    manager("npm", script="sleep 0.2")
    barrier = threading.Barrier(2)

    def begin(_: int) -> bytes | None:
        barrier.wait()
        fetching.fetch("flowers", TGZ, silent)
        return fetching.content("flowers", TGZ)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(begin, range(2))) == [ARCHIVE] * 2
    assert [path.name for path in cache.iterdir()] == ["flowers-1.0.0.tgz"]


# --- the catalogue ---------------------------------------------------------


def test_the_catalogue_names_each_set_once_and_pins_each_archive_by_version_and_digest() -> None:
    assert len(KNOWN) == 18
    for name, known in KNOWN.items():
        assert name == known.name
        assert all((known.what, known.licence, known.attribution)), name
        assert "\n" not in known.attribution
        assert (known.source == "package") == (known.package is not None), name
        if known.package:
            assert re.fullmatch(r"\d+\.\d+\.\d+", known.package.version), name
            assert re.fullmatch("[0-9a-f]{64}", known.package.sha256), name
        assert (known.source == "debian") == bool(known.sha256), name
        assert bool(known.debian) == bool(known.folder) == bool(known.parts), name


@pytest.mark.slow
@pytest.mark.network
def test_the_real_registries_have_the_pinned_archives(cache: Path) -> None:
    for name, known in KNOWN.items():
        if known.package:
            fetching.fetch(name, known.package, silent)
            assert fetching.content(name, known.package)
