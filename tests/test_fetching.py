"""Packaged data sets reach the cache whole or not at all: fake managers, honest and hostile archives, kills at any instant.

All but the last test use no network.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import importlib.util
import io
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bnexp.data.builtin import archives, fetching, packages
from bnexp.data.builtin.catalogue import KNOWN
from bnexp.data.builtin.packages import Package
from bnexp.errors import WORK_FAILED, FetchError

WHEEL = Package("pip", "flowers", "1.0", ("flowers/data/*.csv",), "flowers/data/")
TGZ = Package("npm", "@garden/flowers", "1.0.0", ("package/data/*.csv",), "package/data/")
DEB = Package("apt", "flowers-data", None, ("usr/share/flowers/*.csv",), "usr/share/flowers/")
ROWS = {"a.csv": b"1,2\n", "more/b.csv": b"3,4\n"}


def digest_of(files: dict[str, bytes]) -> str:
    """Work the digest out by hand."""
    lines = sorted(f"{path} {hashlib.sha256(content).hexdigest()}\n" for path, content in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


RIGHT = digest_of(ROWS)


def tar(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """Pack files, given by name and content, and other members."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def deb(data: bytes, name: str = "data.tar.xz") -> bytes:
    """Pack a .deb: an `ar` archive of a version, the control files, and the data."""
    parts = (("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), (name, data))
    return b"!<arch>\n" + b"".join(
        f"{part:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
        for part, content in parts
    )


def wheel(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def under(folder: str, files: dict[str, bytes] = ROWS) -> list[tuple[str, bytes]]:
    return [(folder + path, content) for path, content in files.items()]


def in_wheel(*members: tuple[str, bytes]) -> bytes:
    return wheel(("flowers/__init__.py", b"raise SystemExit"), *members)


def in_tgz(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    return gzip.compress(tar(special("package/lib", tarfile.SYMTYPE, "/etc"), *members))


def in_deb(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    return deb(lzma.compress(tar(special("./usr/", tarfile.DIRTYPE), *members)))


Manager = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """Put a fake manager in place, that logs its arguments, runs a script, and delivers an archive."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, archive: bytes | None = None, script: str = "") -> Path:
        suffix = {"pip": "whl", "npm": "tgz", "apt-get": "deb"}[name]
        delivered = tmp_path / f"flowers.{suffix}"
        if archive is not None:
            delivered.write_bytes(archive)
            script += f"\ncp {delivered} ."
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {programs / "log"}\n{script}\n')
        program.chmod(0o755)
        if name == "pip":
            monkeypatch.setattr(sys, "executable", str(program))
        return programs / "log"

    return put


def silent(_: str) -> None:
    """Take no note."""


def files_in(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def failure(package: Package, sha256: str = RIGHT) -> str:
    """Fetch what cannot be fetched; nothing of it may stay."""
    with pytest.raises(FetchError) as caught:
        fetching.fetch("flowers", (package,), sha256, silent)
    assert caught.value.exit_code == WORK_FAILED == 1
    assert fetching.place("flowers") is None
    left = fetching.cache_directory() / "datasets"
    assert [path.name for path in left.iterdir() if not path.name.endswith(".lock")] == []
    return str(caught.value)


# --- each manager ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "package", "archive", "arguments"),
    [
        ("pip", WHEEL, in_wheel(*under("flowers/data/")),
         "-m pip download --no-deps --only-binary :all: --ignore-requires-python --no-input"
         " --disable-pip-version-check --dest FOLDER flowers==1.0"),
        ("npm", TGZ, in_tgz(*under("package/data/")), "pack --ignore-scripts --pack-destination FOLDER @garden/flowers@1.0.0"),
        ("apt-get", DEB, in_deb(*under("./usr/share/flowers/")), "download flowers-data"),
        ("apt-get", DEB, deb(gzip.compress(tar(*under("./usr/share/flowers/"))), "data.tar.gz"), "download flowers-data"),
        ("apt-get", DEB, deb(tar(*under("./usr/share/flowers/")), "data.tar/"), "download flowers-data"),
    ],
    ids=["pip", "npm", "apt, xz", "apt, gz", "apt, plain"],
)  # fmt: skip
def test_a_set_is_fetched_with_its_manager(
    cache: Path, manager: Manager, name: str, package: Package, archive: bytes, arguments: str
) -> None:
    log = manager(name, archive)
    notes: list[str] = []
    assert fetching.place("flowers") is None
    directory = fetching.fetch("flowers", (package,), RIGHT, notes.append)
    assert directory == cache / "flowers" == fetching.place("flowers")
    assert files_in(directory) == ROWS
    assert notes == [f"downloading {package.title} with {package.manager}", "unpacking", "checking"]
    logged = log.read_text().strip()
    folder = next((word for word in logged.split() if word.startswith(str(cache))), "FOLDER")
    assert logged.replace(folder, "FOLDER") == arguments
    assert sorted(path.name for path in cache.iterdir()) == [".flowers.lock", "flowers"]


def test_the_real_pip_takes_the_options(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    told = "flowers-1.0.dist-info/"
    archive = wheel(
        *under("flowers/data/"),
        (told + "WHEEL", b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: cp311-cp311-win_amd64\n"),
        (told + "METADATA", b"Metadata-Version: 2.1\nName: flowers\nVersion: 1.0\nRequires-Python: >=99\n"),
        (told + "RECORD", b""),
    )
    (tmp_path / "flowers-1.0-cp311-cp311-win_amd64.whl").write_bytes(archive)
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    options = ("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp")
    package = Package("pip", "flowers", "1.0", WHEEL.keep, WHEEL.strip, options=options)
    assert files_in(fetching.fetch("flowers", (package,), RIGHT, silent)) == ROWS
    shutil.rmtree(cache / "flowers")
    assert failure(Package("pip", "weeds", "2.0", ())) == (
        "weeds 2.0: pip could not download it (No matching distribution found for weeds==2.0); expected a registry "
        "that has it. Check which index pip asks (`pip config list`), then try again."
    )


def test_several_packages_go_to_folders_of_their_own(cache: Path, manager: Manager) -> None:
    manager("npm", in_tgz(*under("package/data/")))
    manager("apt-get", in_deb(("./usr/share/flowers/a.csv", b"5")))
    both = (
        Package("npm", "flowers", "1.0.0", ("package/data/*.csv",), "package/data/", "en"),
        Package("apt", "flowers-data", "2", ("usr/share/flowers/*.csv",), "usr/share/flowers/", "fr"),
    )
    expected = {"en/a.csv": b"1,2\n", "en/more/b.csv": b"3,4\n", "fr/a.csv": b"5"}
    assert files_in(fetching.fetch("flowers", both, digest_of(expected), silent)) == expected


def test_an_archive_itself_is_kept_where_no_members_are_named(cache: Path, manager: Manager) -> None:
    archive = in_tgz(*under("package/data/"))
    manager("npm", archive)
    whole = (Package("npm", "flowers", "1.0.0", (), into="flowers.tgz"),)
    expected = {"flowers.tgz": archive}
    assert files_in(fetching.fetch("flowers", whole, digest_of(expected), silent)) == expected


def test_what_is_there_and_right_is_not_fetched_again(cache: Path, manager: Manager) -> None:
    log = manager("npm", in_tgz(*under("package/data/")))
    first = fetching.fetch("flowers", (TGZ,), RIGHT, silent)
    notes: list[str] = []
    assert fetching.fetch("flowers", (TGZ,), RIGHT, notes.append) == first
    assert notes == []
    assert len(log.read_text().splitlines()) == 1


def test_what_is_there_and_damaged_is_fetched_again(cache: Path, manager: Manager) -> None:
    manager("npm", in_tgz(*under("package/data/")))
    directory = fetching.fetch("flowers", (TGZ,), RIGHT, silent)
    (directory / "a.csv").write_bytes(b"1,")
    notes: list[str] = []
    fetching.fetch("flowers", (TGZ,), RIGHT, notes.append)
    assert notes[0] == f"{directory} is not what was fetched once; fetching it again"
    assert files_in(directory) == ROWS
    assert sorted(path.name for path in cache.iterdir()) == [".flowers.lock", "flowers"]


def test_the_cache_is_the_users_unless_the_environment_says_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", "~/elsewhere")
    assert fetching.cache_directory() == Path.home() / "elsewhere"
    monkeypatch.setenv("BNEXP_CACHE_DIR", "")
    assert fetching.cache_directory().name in ("bnexp", "Cache")


def test_no_name_leads_out_of_the_cache(cache: Path) -> None:
    for name in ("../flowers", "/etc", "", ".", "a/b", "A"):
        with pytest.raises(ValueError, match="is no name of a data set"):
            fetching.place(name)


# --- managers that fail ----------------------------------------------------


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
    assert failure(DEB) == (
        "flowers-data: apt-get is not on the PATH; expected it, to download the package. "
        "Debian and Ubuntu have it; fetch there, and copy bnexp's cache here, then try again."
    )


@pytest.mark.parametrize(
    ("package", "said", "told"),
    [
        (TGZ, "npm error code E404\nnpm error 404 Not Found - GET https://x/y\nnpm error A complete log of this run can be found in: z",
         "npm could not download it (404 Not Found - GET https://x/y); expected a registry that has it. "
         "Check which registry npm asks (`npm config get registry`), then try again."),
        (TGZ, "npm error code ECONNREFUSED\nnpm error request to http://x failed, reason: connect ECONNREFUSED 127.0.0.1:9\nnpm error {\nnpm error   errno: 'ECONNREFUSED',\nnpm error }",
         "npm could not download it (request to http://x failed, reason: connect ECONNREFUSED 127.0.0.1:9); "
         "expected a registry that can be reached. Check the network and the proxy, then try again."),
        (WHEEL, "WARNING: Retrying (0) after connection broken by 'NewConnectionError()': /simple/\nERROR: No matching distribution found for flowers",
         "pip could not download it (Retrying (0) after connection broken by 'NewConnectionError()': /simple/); "
         "expected a registry that can be reached. Check the network and the proxy, then try again."),
        (DEB, "E: Unable to locate package flowers-data",
         "apt could not download it (Unable to locate package flowers-data); expected a registry that has it. "
         "Let root run `apt-get update`, then try again."),
        (DEB, "E: Failed to fetch http://x  Could not connect to x:80 (1.2.3.4). - connect (111: Connection refused)",
         "apt could not download it (Failed to fetch http://x  Could not connect to x:80 (1.2.3.4). - connect (111: Connection refused)); "
         "expected a registry that can be reached. Check the network and the proxy, then try again."),
        (TGZ, "npm error code ENOSPC\nnpm error nospc No space left on device",
         "npm could not download it (nospc No space left on device); expected free space. "
         "Free some, or set BNEXP_CACHE_DIR to a directory on a larger disk, then try again."),
        (TGZ, "\x1b[31mnpm error\x1b[0m odd",
         "npm could not download it ([31mnpm error[0m odd); expected a download. "
         "Run `npm pack @garden/flowers@1.0.0` to see more, then try again."),
        (DEB, "", "apt could not download it (without a word); expected a download. Run `apt-get download flowers-data` to see more, then try again."),
    ],
    ids=["npm 404", "npm network", "pip network", "apt absent", "apt network", "npm disk", "odd", "silent"],
)  # fmt: skip
def test_a_failing_manager_is_quoted(cache: Path, manager: Manager, package: Package, said: str, told: str) -> None:
    name = {"pip": "pip", "npm": "npm", "apt": "apt-get"}[package.manager]
    manager(name, script=f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
    assert failure(package) == f"{package.title}: {told}"


def test_a_manager_that_delivers_nothing_is_no_success(cache: Path, manager: Manager) -> None:
    manager("npm")
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
    monkeypatch.setattr(packages, "TIMEOUT_SECONDS", 0.5)
    manager("npm", script="sleep 60 & sleep 60")
    begun = time.monotonic()
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: npm was not done after 0.5 s; expected a download in less. "
        "Check the network, then try again."
    )
    assert time.monotonic() - begun < 10


def test_a_long_download_tells_every_few_seconds_how_far_it_has_come(
    cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "NOTE_EVERY_SECONDS", 0.5)
    manager("npm", in_tgz(*under("package/data/")), "head -c 3145728 /dev/zero > part; sleep 2; rm part")
    notes: list[str] = []
    fetching.fetch("flowers", (TGZ,), RIGHT, notes.append)
    assert (notes[0], notes[-2:]) == ("downloading @garden/flowers 1.0.0 with npm", ["unpacking", "checking"])
    assert "3.0 MiB so far, after 1 s" in notes[1:-2]


# --- archives that are not what they should be -----------------------------


def test_another_digest_is_refused_and_nothing_kept(cache: Path, manager: Manager) -> None:
    manager("npm", in_tgz(("package/data/a.csv", b"other")))
    assert failure(TGZ) == (
        f"flowers: what was fetched has the digest {digest_of({'a.csv': b'other'})}; expected {RIGHT}. "
        "Nothing of it is kept: its package is not the one that bnexp knows. "
        "Try again, and if that does not help use a newer bnexp."
    )


@pytest.mark.parametrize(
    "name", ["../evil.csv", "package/../../evil.csv", "/tmp/evil.csv", "a//b.csv", "c:\\evil.csv", "a\x1b.csv"]
)
@pytest.mark.parametrize("kind", ["npm", "apt-get", "pip"])
def test_a_path_out_of_the_package_is_refused(
    cache: Path, tmp_path: Path, manager: Manager, name: str, kind: str
) -> None:
    pack = {"npm": in_tgz, "apt-get": in_deb, "pip": in_wheel}[kind]
    manager(kind, pack((name, b"1")))
    package = Package(kind.removesuffix("-get"), "flowers", "1.0", ("*.csv",))  # type: ignore[arg-type]
    assert failure(package) == (
        f"flowers 1.0: {name!r} leads out of the package; expected a path inside it. Do not use it; report it."
    )
    assert [path for path in tmp_path.rglob("evil*")] == []
    assert not Path("/tmp/evil.csv").exists()


def test_a_path_that_leads_out_only_when_stripped_is_refused(cache: Path, manager: Manager) -> None:
    manager("npm", in_tgz(("data/..csv/x.csv", b"1")))
    package = Package("npm", "flowers", "1.0", ("*.csv",), strip="data/..csv/x.csv")
    assert failure(package) == (
        "flowers 1.0: 'data/..csv/x.csv' leads out of the package; expected a path inside it. Do not use it; report it."
    )


def sparse(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": "99",
    }
    return info


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        (special("package/data/a.csv", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (special("package/data/a.csv", tarfile.LNKTYPE, "package/data/b.csv"), "link"),
        (special("package/data/a.csv", tarfile.CHRTYPE), "device"),
        (special("package/data/a.csv", tarfile.FIFOTYPE), "device"),
        (sparse("package/data/a.csv"), "sparse file"),
    ],
    ids=["symbolic link", "hard link", "device", "fifo", "sparse"],
)  # fmt: skip
def test_only_plain_files_are_unpacked(cache: Path, manager: Manager, member: tarfile.TarInfo, kind: str) -> None:
    manager("npm", in_tgz(member))
    assert failure(TGZ) == (
        f"@garden/flowers 1.0.0: 'package/data/a.csv' is a {kind}; expected a plain file. Do not use it; report it."
    )


def test_a_link_in_a_wheel_is_refused(cache: Path, manager: Manager) -> None:
    info = zipfile.ZipInfo("flowers/data/a.csv")
    info.external_attr = 0o120777 << 16
    manager("pip", wheel((info, b"/etc/passwd")))
    assert failure(WHEEL) == (
        "flowers 1.0: 'flowers/data/a.csv' is a link; expected a plain file. Do not use it; report it."
    )


@pytest.mark.parametrize(
    ("kind", "package", "archive"),
    [
        ("pip", WHEEL, in_wheel(("flowers/data/a.csv", bytes(10**7)))),
        ("npm", TGZ, in_tgz(("package/data/a.csv", bytes(10**7)))),
        ("npm", TGZ, in_tgz(("package/unwanted", bytes(10**7)))),
        ("apt-get", DEB, in_deb(("usr/share/flowers/a.csv", bytes(10**7)))),
    ],
    ids=["pip", "npm", "npm, in what is not kept", "apt"],
)
def test_a_bomb_is_stopped_early(
    cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch, kind: str, package: Package, archive: bytes
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 3 * 2**20)
    manager(kind, archive)
    written: list[int] = []
    remove = shutil.rmtree

    def measured(path: Path, **options: bool) -> None:
        written.append(sum(file.stat().st_size for file in Path(path).rglob("*.csv")))
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", measured)
    assert failure(package) == (
        f"{package.title}: unpacks to more than 3,145,728 bytes; expected at most that. Do not use it; report it."
    )
    assert written[-1] <= 3 * 2**20


def test_an_archive_of_too_many_members_is_refused(
    cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    manager("npm", in_tgz(*((f"package/{number}", b"") for number in range(9))))
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: unpacks to more than 5 files; expected at most that. Do not use it; report it."
    )


@pytest.mark.parametrize("second", ["package/data/a.csv", "package/data/a.csv/b.csv"])
def test_a_member_that_is_there_twice_is_refused(cache: Path, manager: Manager, second: str) -> None:
    manager("npm", in_tgz(("package/data/a.csv", b"1"), (second, b"2")))
    assert failure(TGZ) == f"@garden/flowers 1.0.0: holds {second!r} twice; expected it once. Do not use it; report it."


@pytest.mark.parametrize(
    ("kind", "package", "archive", "reason"),
    [
        ("pip", WHEEL, b"PK", "File is not a zip file"),
        ("npm", TGZ, b"odd", "Not a gzipped file (b'od')"),
        ("npm", TGZ, in_tgz(("package/data/a.csv", os.urandom(99_999)))[:-9999],
         "Compressed file ended before the end-of-stream marker was reached"),
        ("apt-get", DEB, b"odd", "it does not begin as a .deb does"),
        ("apt-get", DEB, b"!<arch>\n", "it holds no data.tar"),
        ("apt-get", DEB, deb(b"odd"), "Input format not supported by decoder"),
        ("apt-get", DEB, deb(b"")[:-60] + b"data.tar.xz".ljust(48) + b"odd".ljust(10) + b"`\n", "invalid literal for int() with base 10: b'odd       '"),
        ("apt-get", DEB, b"!<arch>\n" + b"loop".ljust(48) + b"-60".ljust(10) + b"`\n", "loop claims -60 bytes"),
    ],
    ids=["wheel", "tgz", "tgz cut short", "deb", "deb without data", "deb with odd data", "deb with an odd size", "deb with a negative size"],
)  # fmt: skip
def test_a_damaged_archive_is_told(
    cache: Path, manager: Manager, kind: str, package: Package, archive: bytes, reason: str
) -> None:
    manager(kind, archive)
    suffix = {"pip": "whl", "npm": "tgz", "apt-get": "deb"}[kind]
    assert failure(package) == (
        f"{package.title}: flowers.{suffix} is damaged ({reason}); expected a whole archive. Try again."
    )


def test_a_deb_packed_with_zstandard_is_told_with_its_cure(cache: Path, manager: Manager) -> None:
    manager("apt-get", deb(b"odd", "data.tar.zst"))
    assert failure(DEB) == (
        "flowers-data: is packed as data.tar.zst, which Python cannot read; expected .xz, as Debian packs it, or .gz. "
        "Let root install it instead: `apt-get install flowers-data`."
    )


def test_a_package_without_the_data_is_told(cache: Path, manager: Manager) -> None:
    manager("npm", in_tgz(("package/readme", b"")))
    assert failure(TGZ) == (
        "@garden/flowers 1.0.0: nothing in flowers.tgz is called package/data/*.csv; expected the data. "
        "Use a newer bnexp."
    )


# --- a cache that cannot be written, kills, and two at once ----------------


def test_a_full_disk_is_told(cache: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    manager("npm", in_tgz(*under("package/data/")))
    monkeypatch.setattr(shutil, "copyfileobj", full)
    assert failure(TGZ) == (
        f"{cache}: cannot be written (No space left on device). "
        "The disk is full: free some space, or set BNEXP_CACHE_DIR to a directory on a larger one."
    )


def test_a_cache_that_is_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    with pytest.raises(FetchError) as caught:
        fetching.fetch("flowers", (TGZ,), RIGHT, silent)
    assert str(caught.value) == (
        f"{tmp_path}/file/datasets: cannot be written (Not a directory). "
        "Expected a writable directory: set BNEXP_CACHE_DIR to one."
    )


def test_an_interrupt_leaves_nothing(cache: Path, manager: Manager) -> None:
    def interrupt(line: str) -> None:
        if line == "checking":
            raise KeyboardInterrupt

    manager("npm", in_tgz(*under("package/data/")))
    with pytest.raises(KeyboardInterrupt):
        fetching.fetch("flowers", (TGZ,), RIGHT, interrupt)
    assert [path.name for path in cache.iterdir()] == [".flowers.lock"]


def test_a_fetch_killed_while_unpacking_leaves_nothing_under_the_name_and_the_next_one_works(
    cache: Path, manager: Manager
) -> None:
    manager("npm", in_tgz(*under("package/data/")))
    code = """
        import shutil, sys, time
        from bnexp.data.builtin import fetching
        from bnexp.data.builtin import packages

        def copy(source, target, size):
            target.write(source.read(2))
            target.flush()
            print("half", flush=True)
            time.sleep(60)

        shutil.copyfileobj = copy
        keep = ("package/data/*.csv",)
        package = packages.Package("npm", "@garden/flowers", "1.0.0", keep, "package/data/")
        fetching.fetch("flowers", (package,), sys.argv[1], lambda _: None)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), RIGHT], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        child.send_signal(signal.SIGKILL)
    assert fetching.place("flowers") is None
    (left,) = cache.glob("*.partial")
    assert (left / "tree" / "a.csv").read_bytes() == b"1,"
    assert files_in(fetching.fetch("flowers", (TGZ,), RIGHT, silent)) == ROWS
    assert sorted(path.name for path in cache.iterdir()) == [".flowers.lock", "flowers"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("damaged", [False, True], ids=["an empty cache", "a damaged set"])
def test_a_fetch_killed_before_any_of_its_file_operations_leaves_a_whole_set_or_none(
    cache: Path, manager: Manager, damaged: bool
) -> None:
    manager("npm", in_tgz(*under("package/data/")))
    code = """
        import os, sys
        from pathlib import Path
        from bnexp.data.builtin import fetching
        from bnexp.data.builtin import packages

        cache, right, damaged = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True"
        keep = ("package/data/*.csv",)
        package = packages.Package("npm", "@garden/flowers", "1.0.0", keep, "package/data/")

        def die_before(last):
            seen = 0
            def count(event, arguments):
                nonlocal seen
                if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and ".partial" in str(arguments[0]):
                    seen += 1
                    if seen == last:
                        os._exit(9)
            sys.addaudithook(count)

        for last in range(1, 1000):
            if damaged:
                place = fetching.place("flowers") or cache / "flowers"
                place.mkdir(parents=True, exist_ok=True)
                (place / "a.csv").write_bytes(b"1,")
            if not os.fork():
                die_before(last)
                fetching.fetch("flowers", (package,), right, lambda _: None)
                os._exit(0)
            status = os.waitstatus_to_exitcode(os.wait()[1])
            place = fetching.place("flowers")
            whole = place is not None and fetching.digest(place) == right
            untouched = damaged and place is not None and (place / "a.csv").read_bytes() == b"1,"
            assert place is None or whole or untouched, last
            if status == 0:
                break
            assert status == 9
            if whole:
                import shutil; shutil.rmtree(place)
        left = [path.name for path in cache.iterdir()]
        print(last, sorted(left))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(cache), RIGHT, str(damaged)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    points, left = done.stdout.split(maxsplit=1)
    assert int(points) > 15
    assert left == "['.flowers.lock', 'flowers']\n"
    assert files_in(cache / "flowers") == ROWS


def test_two_fetches_at_once_fetch_once(cache: Path, manager: Manager) -> None:
    log = manager("npm", in_tgz(*under("package/data/")), script="sleep 0.3")
    barrier = threading.Barrier(2)
    notes: list[str] = []

    def begin(_: int) -> Path:
        barrier.wait()
        return fetching.fetch("flowers", (TGZ,), RIGHT, notes.append)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(begin, range(2))) == [cache / "flowers"] * 2
    assert files_in(cache / "flowers") == ROWS
    assert len(log.read_text().splitlines()) == 1
    assert sorted(notes) == [
        "checking", "downloading @garden/flowers 1.0.0 with npm", "unpacking", "waiting for another fetch of flowers",
    ]  # fmt: skip


# --- the catalogue ---------------------------------------------------------


def test_the_catalogue_names_each_set_once_and_whole() -> None:
    assert len(KNOWN) == 18
    for name, known in KNOWN.items():
        assert name == known.name
        assert all((known.what, known.licence, known.attribution)), name
        assert "\n" not in known.attribution
        assert (known.source == "packages") == bool(known.packages) == (len(known.sha256) == 64), name


@pytest.mark.network
def test_the_real_registries_have_the_pinned_data(cache: Path) -> None:
    for name, first in (("penguins", b"species,island,"), ("sentiment_sentences", b"[")):
        known = KNOWN[name]
        directory = fetching.fetch(name, known.packages, known.sha256, silent)
        assert min(directory.iterdir()).read_bytes().lstrip().startswith(first)
