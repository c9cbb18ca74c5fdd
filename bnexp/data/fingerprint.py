"""Checks of the user's own files before they are read: their sha256, and whether they are too large."""

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
"""Dataset as JSON -> sha256 of the user's own file or folder that it reads; None if it reads none."""


def source_sha256(dataset: Dataset) -> str | None:
    """Return the sha256 of the user's own file, or of the names and contents of the files to be read in a folder.

    None if the dataset is not the user's own file or folder. Also None if it cannot be read: `prepare` reports why.
    """
    if not isinstance(dataset, OwnFile):
        return None
    try:
        found = []
        for key, part in dataset.each_part():
            if key not in dataset.paths:  # this part is in other arrays of the first file
                continue
            path = Path(part.path).expanduser()
            states = [(file, file.stat()) for file in _files(part, path)]
            found.append(_digest(path, tuple((file, state.st_size, state.st_mtime_ns) for file, state in states)))
        return found[0] if len(found) == 1 else hashlib.sha256(" ".join(found).encode()).hexdigest()
    except (OSError, RuntimeError, SettingError):
        return None


def refuse_changed(dataset: Dataset, seen: str | None, sources: Sources) -> None:
    """Raise SettingError if `sources` expects another sha256 of the user's own files than the one that was `seen`."""
    expected = sources.get(dataset.model_dump_json())
    if isinstance(dataset, OwnFile) and expected is not None and seen != expected:
        raise SettingError(
            "dataset.path",
            f"is {dataset.path!r}; on {platform.node()} it holds other data than when the study was begun "
            f"(sha256 {seen}; expected {expected}). Put the original data back; with other data it is another study.",
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
    """Return the sha256 of files, each with its size and modification time, so that each state is read only once."""
    digest, depth = hashlib.sha256(), len(path.parts)
    for file, size, _ in files:
        digest.update(f"{'/'.join(file.parts[depth:]) or '.'} {size}\n".encode(errors="surrogateescape"))
        with open(file, "rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def refuse_by_size(dataset: Dataset, limit: int | None) -> None:
    """Raise SettingError if one of the user's own files is too large for memory. Only its size or its headers are read.

    Parquet files and folders are not checked here. Their size in memory is known only when they are read.
    """
    for key, part in dataset.each_part() if isinstance(dataset, OwnFile) else ():
        with named_by(key):
            match part:
                case CsvDataset() | TextCsvDataset():
                    refuse_csv_by_size(CsvFile.of(part, existing_path(part.path, endings=CSV_ENDINGS)), limit)
                case NpzDataset():
                    refuse_by_headers(part, limit)
