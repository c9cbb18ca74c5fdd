"""Small experiments for tests: the example of the tutorial, cut down, with any part replaced.

TensorFlow is imported only by the functions that build or train: most tests need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnexp.config import Experiment
from bnexp.config.training import Training
from bnexp.data import Data, prepare
from bnexp.experiment.prepare import _built_in_memory
from bnexp.history import Watch

if TYPE_CHECKING:
    import keras

    from bnexp.models import Built
    from bnexp.training.record import Stacked, Trained


def experiment(**sections: dict[str, Any]) -> Experiment:
    """Return a small experiment; each section's keys are laid over the small defaults, another model replaces them."""
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


def build_for(config: Experiment, data: Data) -> Built:
    """Build an experiment's model for the data, or return the one that was built before."""
    return _built_in_memory(config, data)


def train_many_seeds(
    model: keras.Sequential, data: Data, training: Training, seeds: tuple[int, ...], initial: Stacked, watch: Watch
) -> Trained:
    """Train the seeds of one experiment at once."""
    from bnexp.training import many_seeds

    (trained,) = many_seeds.train(model, data, [training], seeds, initial, watch)
    return trained


def weights_of_two(**training: Any) -> tuple[Experiment, Experiment]:
    """Return an experiment of five seeds, and the same with memory for the weights of two of them at a time."""
    from bnexp.training.memory import needs

    config = experiment(dataset={"resample": True}, training={"seeds": 5, "save": "best", **training})
    data = prepare(config.dataset, tuple(range(5)))
    need = needs(build_for(config, data).model, data, config.training)
    limit = f"{(need.shared + need.working + 2.5 * need.kept) / 2**20:.6f}MiB"
    return config, experiment(
        dataset={"resample": True}, training={"seeds": 5, "save": "best", **training, "memory_limit": limit}
    )
