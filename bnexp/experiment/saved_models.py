"""Which seeds' models a run saves, and in which files: each model, and a file that describes its inputs."""

from __future__ import annotations

import hashlib
import re
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
LONGEST_REASON = 300
"""Most characters of an error of Keras or of the user's own code."""


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
    >>> not_saved(NotImplementedError("Object Block was created by ... `get_config()`")).partition(". ")[0]
    'The model was not saved: Keras cannot save Block without a method get_config'
    """
    text = " ".join(str(error).split())
    if isinstance(error, NotImplementedError) and "get_config" in text:
        named = re.search(r"^Object (\w+) was created", text)
        own = named[1] if named else "a layer of your own"
        cure = "All numbers are kept. To have the model, write that method, and train again."
        return f"{NOT_SAVED}: Keras cannot save {own} without a method get_config. {cure}"
    reason = text if isinstance(error, UserError) else f"{type(error).__name__}: {text[:LONGEST_REASON]}"
    return f"{NOT_SAVED}: {reason.rstrip('.')}. Train again to have it; all numbers are kept."


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
