"""A small run: one seed, trained for two epochs, and its record read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments import experiment

from bnexp.experiment.run import Finished, train_experiment
from bnexp.history import from_json

SMALL = experiment(training={"epochs": 2, "seeds": 1})


def trained(runs: Path, **options: Any) -> Finished:
    return train_experiment(SMALL, runs, watch=options.pop("watch", lambda history: False), **options)


def stored(finished: Finished) -> dict[str, Any]:
    """Read the record, and make sure of the history."""
    assert len(from_json((finished.run.directory / "history.json").read_text(), "").epochs_S) == 1
    record: dict[str, Any] = json.loads((finished.run.directory / "run.json").read_text())
    return record
