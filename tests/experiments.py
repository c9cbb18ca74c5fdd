"""Small experiments for tests: the example of the tutorial, cut down, with any part replaced."""

from __future__ import annotations

from typing import Any

from bnexp.config import Experiment


def experiment(**sections: dict[str, Any]) -> Experiment:
    """Give a small experiment; each section's keys are laid over the small defaults, another model replaces them."""
    model = sections.get("model", {})
    small: dict[str, dict[str, Any]] = {
        "dataset": {"name": "classification", "samples": 200},
        "model": {"name": "mlp", "hidden": [8, 8], "normalization": "batch"},
        "training": {"epochs": 3, "seeds": 2},
    }
    if model.get("name") == "sequential":
        small["model"] = {}
    merged = {key: {**values, **sections.get(key, {})} for key, values in small.items()}
    return Experiment.model_validate({"name": "small", **merged})
