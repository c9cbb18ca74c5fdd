"""The files of a run that grow while it is trained: what fails beside them loses none."""

from __future__ import annotations

import errno
import re
import zipfile
from pathlib import Path

import pytest
from experiments import experiment
from small_run import stored, trained

from bnexp.config import Experiment
from bnexp.errors import StorageError
from bnexp.experiment.prepare import built_for, prepared
from bnexp.experiment.run import train_experiment

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
    said = str(error) if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
    assert record["not_kept"] == [f"The model was not saved: {said}. Train again to have it; all numbers are kept."]
    assert (finished.run.directory / "history.json").exists()
    assert not (finished.run.directory / "model.keras").exists()


@pytest.mark.slow
def test_saved_models_hold_no_optimizer_whatever_trained_before_in_the_process(tmp_path: Path) -> None:
    """It would have the state of the seed that was trained last, whichever seed is saved."""
    import keras

    found = []
    for number, trainer in enumerate(["many_seeds", "keras_fit", "many_seeds"]):
        one = experiment(model={"dropout": 0.3}, training={"epochs": 1, "seeds": 2, "save": "all", "trainer": trainer})
        run = train_experiment(one, tmp_path / str(number), watch=lambda history: False).run.directory
        with zipfile.ZipFile(run / "model-1.keras") as archive:
            found.append(
                re.sub(r'("shared_object_id": |"input_layer)_?\d*', r"\1", archive.read("config.json").decode())
            )
        model = keras.saving.load_model(run / "model-1.keras", safe_mode=True)
        assert not model.compiled and len(model.variables) == model_variables(one)
    assert found[0] == found[1] == found[2]


def model_variables(one: Experiment) -> int:
    """Count the variables of an experiment's model."""
    return len(built_for(one, prepared(one)).model.variables)
