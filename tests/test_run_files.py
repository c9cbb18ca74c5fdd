"""The files of a run that grow while it is trained: what fails beside them loses none."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from small_run import stored, trained

from bnexp.errors import StorageError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes


@pytest.mark.parametrize(
    "error",
    [ValueError("not serializable"), OSError(errno.ENOSPC, "No space left"), StorageError("full"), MemoryError()],
)
def test_a_model_that_cannot_be_saved_loses_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr("bnexp.models.saving.model_bytes", fail)
    finished = trained(tmp_path)
    record = stored(finished)
    assert record["status"] == "finished" and "val_loss" in record["metrics"]
    said = str(error) if isinstance(error, StorageError) else repr(error)
    assert record["not_kept"] == [f"The model was not saved: {said}. Train again to have it; all numbers are kept."]
    assert (finished.run.directory / "history.json").exists()
    assert not (finished.run.directory / "model.keras").exists()
