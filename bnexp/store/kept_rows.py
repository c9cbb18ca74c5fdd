"""rows.npz of a run: read only if it is the file that the run has kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from bnexp.errors import RunError, counted
from bnexp.held_out import HeldOut, from_npz
from bnexp.store.reading import content, cure
from bnexp.store.run_record import RunRecord
from bnexp.store.seeds import refuse_other_seeds
from bnexp.store.writing import write

ROWS = "rows.npz"


def keep_rows(directory: Path, rows: HeldOut, record: RunRecord) -> None:
    """Write what each held-out row of a run measured; its record, which is written later, names the file by digest.

    Raises:
        StorageError: if the file cannot be written.
    """
    found = rows.to_npz()
    write(directory / ROWS, found)
    record.rows_sha256 = hashlib.sha256(found).hexdigest()


def kept_rows(path: Path, record: RunRecord) -> HeldOut:
    """Read what each held-out row of a run measured.

    A run that was killed can hold the rows of a wave that its record does not know yet. So can one that is going on.
    Like runs of before the digest was kept, they are known by their numbers of rows.

    Raises:
        RunError: if the file is damaged, or of another run, or if that is finished and has other seeds.
    """
    found = content(path)
    is_whole = record.status == "finished" and record.rows_sha256 is not None
    if is_whole and hashlib.sha256(found).hexdigest() != record.rows_sha256:
        raise RunError(f"{path}: is not the file that was kept with run.json. {cure(path)}")
    rows = from_npz(found, str(path))
    if differences := list(_differences(rows, record)):
        raise RunError(f"{path}: is of another run ({'; '.join(differences)}). {cure(path)}")
    refuse_other_seeds(path, rows.seeds, record)
    return rows


def _differences(rows: HeldOut, record: RunRecord) -> Iterator[str]:
    """Yield what a run's record says otherwise than its rows."""
    facts = record.dataset
    for part, count in {"val": facts.validation_rows, "test": facts.test_rows}.items():
        found = rows.parts[part].rows_SR.shape[1] if part in rows.parts else 0
        if count is not None and found != count:
            yield f"it has {counted(found, f'{part} row')}, and run.json has {count:,}"
    has_classes = {"accuracy" in part.measures for part in rows.parts.values()}
    if facts.task is not None and has_classes - {facts.task != "regression"}:
        yield f"run.json is of a {facts.task} task"
