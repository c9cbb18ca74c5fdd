"""rows.npz: what each held-out row of a run measured. It is read only if it is the file that belongs to the run."""

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
    """Write what each held-out row of a run measured, and set the file's sha256 in `record`, which is written later.

    Raises:
        StorageError: if the file cannot be written.
    """
    found = rows.to_npz()
    write(directory / ROWS, found)
    record.rows_sha256 = hashlib.sha256(found).hexdigest()


def kept_rows(path: Path, record: RunRecord) -> HeldOut:
    """Return what each held-out row of a run measured.

    The file's sha256 is checked if the run is finished and has recorded it. A killed or running run can have the rows
    of a wave that its record does not have yet, and older runs did not record the sha256. The numbers of rows are
    checked for every run.

    Raises:
        RunError: if the file is damaged, if it is another run's, or if the run is finished and has other seeds.
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
    """Yield each difference between the rows and the record of a run."""
    facts = record.dataset
    for part, count in {"val": facts.validation_rows, "test": facts.test_rows}.items():
        found = rows.parts[part].rows_SR.shape[1] if part in rows.parts else 0
        if count is not None and found != count:
            yield f"it has {counted(found, f'{part} row')}, and run.json has {count:,}"
    has_classes = {"accuracy" in part.measures for part in rows.parts.values()}
    if facts.task is not None and has_classes - {facts.task != "regression"}:
        yield f"run.json is of a {facts.task} task"
