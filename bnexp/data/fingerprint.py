"""What is known of your own files before they are read: their digest, and whether they are too large."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

from bnexp.config.dataset import Dataset
from bnexp.config.real import CsvDataset, ImageFolderDataset, NpzDataset, OwnFile, TextCsvDataset, WavFolderDataset
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import CSV_ENDINGS, refuse_csv_by_size
from bnexp.data.sources.folders import labelled_files
from bnexp.data.sources.images import IMAGES
from bnexp.data.sources.npz import refuse_by_headers
from bnexp.data.sources.paths import existing_path, named_by
from bnexp.data.sources.speech import RECORDINGS
from bnexp.errors import SettingError

CHUNK_BYTES = 2**20
Sources = Mapping[str, str | None]
"""Dataset as JSON -> sha256 of the file or folder of your own that it reads, if it does."""


def source_sha256(dataset: Dataset) -> str | None:
    """Return the sha256 of a file, or of the files of a folder that are read, with their names.

    None if the data are none of yours, or cannot be read: reading them reports why.
    """
    if not isinstance(dataset, OwnFile):
        return None
    try:
        found = []
        for key, part in dataset.each_part():
            if key not in dataset.paths:  # other arrays of the first file
                continue
            path = Path(part.path).expanduser()
            states = [(file, file.stat()) for file in _files(part, path)]
            found.append(_digest(path, tuple((file, state.st_size, state.st_mtime_ns) for file, state in states)))
        return found[0] if len(found) == 1 else hashlib.sha256(" ".join(found).encode()).hexdigest()
    except (OSError, RuntimeError, SettingError):
        return None


def refuse_changed(dataset: Dataset, seen: str | None, sources: Sources) -> None:
    """Raise SettingError if `sources` has another sha256 for these data of your own than was `seen`."""
    expected = sources.get(dataset.model_dump_json())
    if isinstance(dataset, OwnFile) and expected is not None and seen != expected:
        raise SettingError(
            "dataset.path",
            f"is {dataset.path!r}; what lies there on {platform.node()} is other data than when the study was begun "
            f"(sha256 {seen}; expected {expected}). Put back what was there; with other data it is another study.",
        )


def _files(dataset: OwnFile, path: Path) -> list[Path]:
    match dataset:
        case ImageFolderDataset():
            return labelled_files(path, *IMAGES).files
        case WavFolderDataset():
            return labelled_files(path, *RECORDINGS, grouped=dataset.group == "file").files
        case _:
            return [path]


@functools.lru_cache(maxsize=8)
def _digest(path: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    """Return the digest of files of these sizes and times of their last change: so each state is read once."""
    digest, depth = hashlib.sha256(), len(path.parts)
    for file, size, _ in files:
        digest.update(f"{'/'.join(file.parts[depth:]) or '.'} {size}\n".encode(errors="surrogateescape"))
        with open(file, "rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def refuse_by_size(dataset: Dataset, limit: int | None) -> None:
    """Raise SettingError if a file of your own is too large. Nothing but its size is read.

    The size of Parquet shows only as it is unpacked, and the size of a folder as its files are opened.
    """
    for key, part in dataset.each_part() if isinstance(dataset, OwnFile) else ():
        with named_by(key):
            match part:
                case CsvDataset() | TextCsvDataset():
                    refuse_csv_by_size(CsvFile.of(part, existing_path(part.path, endings=CSV_ENDINGS)), limit)
                case NpzDataset():
                    refuse_by_headers(part, limit)
