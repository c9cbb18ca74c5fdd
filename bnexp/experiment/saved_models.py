"""Which seeds' models a run saves, and in which files: each model, and a file that describes its inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from bnexp import store
from bnexp.config import Experiment
from bnexp.errors import RunError, UserError
from bnexp.history import History

NOT_SAVED = "The model was not saved"
"""The beginning of each note that says why a model is missing."""


def saved_seeds(experiment: Experiment, measured: History) -> dict[str, int]:
    """Map each model file that the run must save to the seed of its model."""
    seeds = measured.seeds
    match experiment.training.save:
        case "none":
            return {}
        case "first":
            return {"model.keras": seeds[0]}
        case "all":
            return {f"model-{seed}.keras": seed for seed in seeds}
        case "best":
            losses_S = measured.final("val_loss")
            return {"model.keras": seeds[int(np.nanargmin(losses_S))]} if np.isfinite(losses_S).any() else {}


def not_saved(error: Exception) -> str:
    """Return the note that says why a model is missing.

    >>> not_saved(UserError("the disk is full."))
    'The model was not saved: the disk is full. Train again to have it; all numbers are kept.'
    """
    reason = (str(error) if isinstance(error, UserError) else repr(error)).rstrip(".")
    return f"{NOT_SAVED}: {reason}. Train again to have it; all numbers are kept."


def inputs_file(model: str) -> str:
    """Return the name of the file that describes how the inputs of a model are made.

    >>> inputs_file("model-3.keras")
    'inputs-3.json'
    """
    return model.replace("model", "inputs").replace(".keras", ".json")


def holds_models(directory: Path, seeds: Mapping[str, int]) -> bool:
    """Return True if a run's directory holds these model files, undamaged and each of the right seed."""
    with suppress(RunError, OSError):
        return all(_is_of(directory, name, seed) for name, seed in seeds.items())
    return False


def _is_of(directory: Path, name: str, seed: int) -> bool:
    facts = store.read_json(directory / inputs_file(name))
    with open(store.regular(directory / name), "rb") as file:
        return (facts.get("seed"), facts.get("model_sha256")) == (seed, hashlib.file_digest(file, "sha256").hexdigest())
