"""Data sets in Debian packages, read where apt installs them or where a user without root unpacked them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bnexp.config.real import AsteriskLanguagesSet
from bnexp.data.builtin.catalogue import FASHION_FILES, KNOWN, VOICES, Known
from bnexp.data.builtin.fetching import cache_directory
from bnexp.data.rows import Rows
from bnexp.data.sources.speech import recordings
from bnexp.errors import SettingError

CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
SHARE = Path("/usr/share")
"""The folder in which Debian installs data."""


def places(known: Known) -> list[Path]:
    """Return the folders that may hold a set."""
    return [root / known.folder for root in (SHARE, _unpacked() / "usr" / "share") if known.debian]


def installing(known: Known) -> str:
    """Return instructions for installing a set, with and without root."""
    return (
        f"`sudo apt install {' '.join(known.debian)}`. "
        f"Without root: `apt-get download` the same, then `dpkg-deb -x FILE.deb {_unpacked()}` for each file."
    )


def _unpacked() -> Path:
    return cache_directory() / "debian"


def fashion_mnist(folder: Path) -> Rows:
    """Read the four files of Fashion-MNIST, which Keras keeps under the same names."""
    contents = [gzip.decompress((folder / file).read_bytes()) for file in FASHION_FILES]
    images = [np.frombuffer(content, "uint8", offset=16).reshape(-1, 28, 28, 1) for content in contents[::2]]
    labels = [np.frombuffer(content, "uint8", offset=8) for content in contents[1::2]]
    y_N = np.concatenate(labels).astype("float32")
    return Rows("image", np.concatenate(images), y_N, CLOTHES, test=len(labels[1]))


def asterisk_lang(dataset: AsteriskLanguagesSet, folder: Path, limit: int | None) -> Rows:
    """Read the prompts that are not silent. A prompt's name is its group, which is the same in all languages."""
    header = 44
    found = sorted(path for voice in VOICES for path in (folder / voice).rglob("*.wav"))
    _refuse_other(KNOWN[dataset.name], folder, found)
    said = [path for path in found if path.stat().st_size > header and "silence" not in path.relative_to(folder).parts]
    names = [path.relative_to(folder).parts for path in said]
    prompts = ["/".join(parts[1:]) for parts in names]
    return recordings(dataset, folder, said, [parts[0][:2] for parts in names], prompts, limit)


def _refuse_other(known: Known, folder: Path, files: Sequence[Path]) -> None:
    """Raise SettingError if the files are of another version of the Debian packages, whose rows would differ."""
    if (seen := digest(folder, files)) != known.sha256:
        raise SettingError(
            "dataset.name",
            f"is {known.name}; the files in {folder} have the sha256 {seen}, expected {known.sha256}. "
            f"They are of another version, or were changed. Install them again: {known.command} --reinstall",
        )


def digest(folder: Path, files: Sequence[Path]) -> str:
    """Return the sha256 of the sorted lines `path sha256` of files. Each path begins with the language of its voice."""
    sums = {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    lines = sorted(f"{'/'.join((path.parts[0][:2], *path.parts[1:]))} {sha256}\n" for path, sha256 in sums.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
