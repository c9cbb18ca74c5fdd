"""Warnings about a run: a finite list. Each warning says what was seen, why it matters, and what helps.

A warning disappears when the user follows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnexp import warning_kinds
from bnexp.config.layers import every_layer
from bnexp.config.model import Sequential
from bnexp.config.normalization import BATCH_STATISTICS
from bnexp.config.own_model import OWN_NETWORKS, AsWritten, KerasFile, PythonNetwork
from bnexp.config.schema import Experiment
from bnexp.errors import counted, listed

REMEMBERED_START = 0.01
"""Validation suffers if a larger share of the initial moving averages is left in the end (pilot: 1 point at 0.05)."""
LOW_MOMENTUM = 0.9
"""The momentum that is advised. With a much lower one, moving averages depend on the last few batches alone."""
MOST_NAMED = 10
"""The most classes that a warning names."""
SMALL_BATCH = 8
"""Batches with fewer rows estimate mean and variance poorly (Wu and He, 2018)."""


def warnings_of(experiment: Experiment, steps: int, doubts: Sequence[str], own_momenta: Sequence[float]) -> list[str]:
    """List the warnings about an experiment: `doubts` about its network as built, and `cautions` on its training."""
    return [*doubts, *cautions(experiment, steps, own_momenta)]


def cautions(experiment: Experiment, steps: int, own_momenta: Sequence[float] = ()) -> list[str]:
    """List the warnings about an experiment whose weights result from at least this number of optimizer steps.

    `own_momenta` are `Built.own_momenta`: the momenta in a network of the user's own, which its config does not show.
    """
    momenta = [*batch_momenta(experiment), *own_momenta]
    unlearned = _unlearned_classes(experiment)
    if not momenta:
        return unlearned
    return [
        *unlearned,
        *_stale_statistics(experiment, max(momenta), steps),
        *_small_batches(experiment),
        *_averaged_weights(experiment),
        *_accumulated_gradients(experiment),
    ]


def batch_momenta(experiment: Experiment) -> list[float]:
    """List the momentum of each batch normalization that the config shows and that is not frozen."""
    match experiment.model:
        case Sequential(layers=layers):
            batch = [layer.arguments for layer in every_layer(layers) if layer.name == "BatchNormalization"]
            moving = [arguments for arguments in batch if arguments.get("trainable", True)]
            return [float(arguments.get("momentum", 0.99)) for arguments in moving]
        case PythonNetwork() | KerasFile():
            return []
        case network:
            normalization = network.normalization
            return [normalization.momentum] if isinstance(normalization, BATCH_STATISTICS) else []


def _stale_statistics(experiment: Experiment, momentum: float, steps: int) -> list[str]:
    left = 1.0 if momentum >= 1 else momentum**steps  # 1 or more never forgets, and its powers overflow
    if experiment.training.refresh_statistics or left <= REMEMBERED_START * (1 + 1e-9):  # allows for rounding
        return []
    cures = ["training.refresh_statistics: true"]
    if momentum > LOW_MOMENTUM and LOW_MOMENTUM**steps <= REMEMBERED_START:
        cures.append(f"a lower {_momentum_key(experiment)} ({LOW_MOMENTUM})")
    if experiment.training.early_stopping is None and left < 1:
        cures.append("more epochs")
    *others, last = cures
    shown = f"{left:.1%}" if 0.995 <= left < 1 else f"{left:.0%}"  # not 100% of what has moved
    is_kept = isinstance(experiment.model, OWN_NETWORKS) and experiment.model.weights == "keep"
    initial = ", perhaps of other data" if is_kept else ""
    return [
        f"{warning_kinds.STALE_STATISTICS}: after {counted(steps, 'step')} with momentum "
        f"{momentum:g} they still hold {shown} of their initial values ({momentum:g}^{steps}{initial}), so validation "
        f"can look worse than the model is. Use {''.join(f'{one}, ' for one in others)}{'or ' * bool(others)}{last}."
    ]


def _momentum_key(experiment: Experiment) -> str:
    """Return where the user sets the momentum: in the config or, if their own network stays as written, in its code."""
    model = experiment.model
    if isinstance(model, PythonNetwork | KerasFile) and isinstance(model.normalization, AsWritten):
        return "momentum in the network itself, or model.normalization.momentum in the arm batch"
    if isinstance(model, Sequential):
        return "momentum of BatchNormalization in model.layers"
    return "model.normalization.momentum"


def _layer_arm(experiment: Experiment) -> str:
    """Return how the user names layer normalization: as an arm of their own network, in a chain, or in a config."""
    if isinstance(experiment.model, Sequential):
        return "LayerNormalization in its place"
    return "the arm layer" if isinstance(experiment.model, PythonNetwork | KerasFile) else "model.normalization: layer"


def _unlearned_classes(experiment: Experiment) -> list[str]:
    weights = experiment.training.class_weight
    zero = [name for name, weight in weights.items() if not weight] if isinstance(weights, dict) else []
    if not zero:
        return []
    return [
        f"{warning_kinds.UNLEARNED_CLASSES}: training.class_weight gives it to {listed(map(repr, zero), MOST_NAMED)}. "
        "Give each a weight above 0, or take their rows out of the data."
    ]


def _small_batches(experiment: Experiment) -> list[str]:
    size = experiment.training.batch_size
    if size >= SMALL_BATCH:
        return []
    return [
        f"{warning_kinds.SMALL_BATCHES} is {size}; batch normalization estimates mean and variance poorly "
        f"below {SMALL_BATCH}. Use a larger batch, or compare with {_layer_arm(experiment)}."
    ]


def _averaged_weights(experiment: Experiment) -> list[str]:
    training = experiment.training
    if not training.optimizer.use_ema or training.refresh_statistics:
        return []
    return [
        f"{warning_kinds.AVERAGED_WEIGHTS}, and Keras does not average batch normalization's moving "
        "statistics. They belong to other weights, so validation can look worse than the model is. "
        "Use training.refresh_statistics: true."
    ]


def _accumulated_gradients(experiment: Experiment) -> list[str]:
    size, batches = experiment.training.batch_size, experiment.training.optimizer.gradient_accumulation_steps
    if batches is None:
        return []
    return [
        f"{warning_kinds.ACCUMULATED_GRADIENTS} is {batches}; batch normalization takes mean and variance "
        f"over training.batch_size, {size} rows, and not over the {size * batches} rows of an update. "
        f"Use training.batch_size: {size * batches} without it, or compare with {_layer_arm(experiment)}."
    ]
