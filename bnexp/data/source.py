"""What identifies your own files: whether a run was trained on them as they are now."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bnexp.config.dataset import Dataset

CHUNK_BYTES = 2**20


def source_sha256(dataset: Dataset) -> str | None:
    """Give the sha256 of a file, or of all files in a folder with their names.

    None if the data are none of yours, or cannot be read: who reads them says why.
    """
    if not hasattr(dataset, "path"):
        return None
    try:
        path = Path(dataset.path).expanduser()
        return _digest(path) if path.is_file() or path.is_dir() else None
    except (OSError, RuntimeError):
        return None


def _digest(path: Path) -> str:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode(errors="surrogateescape"))
        with open(file, "rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
