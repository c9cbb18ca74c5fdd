"""What identifies your own files: whether a run was trained on them as they are now."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from bnexp.config.dataset import Dataset
from bnexp.config.real import ImageFolderDataset, OwnFile, WavFolderDataset
from bnexp.data.images import IMAGES, labelled_files
from bnexp.data.speech import RECORDINGS
from bnexp.errors import SettingError

CHUNK_BYTES = 2**20


def source_sha256(dataset: Dataset) -> str | None:
    """Give the sha256 of a file, or of the files of a folder that are read, with their names.

    None if the data are none of yours, or cannot be read: who reads them says why.
    """
    if not isinstance(dataset, OwnFile):
        return None
    try:
        path = Path(dataset.path).expanduser()
        return _digest(path, _files(dataset, path))
    except (OSError, RuntimeError, SettingError):
        return None


def _files(dataset: OwnFile, path: Path) -> list[Path]:
    match dataset:
        case ImageFolderDataset():
            return labelled_files(path, *IMAGES)
        case WavFolderDataset():
            return labelled_files(path, *RECORDINGS)
        case _:
            return [path]


def _digest(path: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode(errors="surrogateescape"))
        with open(file, "rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
