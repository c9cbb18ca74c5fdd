"""Names the settings that a user's model was compiled with, if its training uses others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras

from bnexp.config.training import Optimizer, Training
from bnexp.metrics import LARGEST
from bnexp.models.built import Built, CompiledOptimizer
from bnexp.training.optimizers import KERAS_NAMES, make_optimizer

OPTIONS = tuple(name for name in Optimizer.model_fields if name != "name")


def with_unused_optimizer(built: Built, training: Training, steps_per_epoch: int) -> Built:
    """Return what was built, with a note if the network was compiled with other settings than these of training.

    The note has the overrides that use the compiled settings. An optimizer that bnexp does not have, and a learning
    rate schedule, have no overrides. They are named.
    """
    unused = [] if built.compiled is None else _unused(built.compiled, training, steps_per_epoch)
    return replace(built, notes=(*built.notes, *unused))


def _unused(compiled: CompiledOptimizer, training: Training, steps_per_epoch: int) -> list[str]:
    name = compiled.kind.lower()
    if name not in KERAS_NAMES:
        return [
            f"The network was compiled with the optimizer {compiled.kind}, which bnexp does not have; it trains with "
            f"{training.optimizer.name} (training.optimizer)."
        ]
    defaults = getattr(keras.optimizers, KERAS_NAMES[name])().get_config()
    options = {**defaults, **compiled.options}
    if name == training.optimizer.name:
        used, overrides = make_optimizer(training, steps_per_epoch).get_config(), list[str]()
    else:
        used, overrides = {**defaults, "learning_rate": None}, [f"training.optimizer={name}"]
    overrides += _overrides(options, used)
    told = []
    if overrides:
        told.append(
            "The optimizer that the network was compiled with is not used. To train with its settings, add "
            f"{' '.join(overrides)}."
        )
    if isinstance(rate := options["learning_rate"], dict) and rate != used["learning_rate"]:
        told.append(
            "The network was compiled with a learning rate schedule, which is not used (training.learning_rate)."
        )
    return told


def _overrides(options: Mapping[str, Any], used: Mapping[str, Any]) -> Iterator[str]:
    """Yield an override for each number or switch of a compiled optimizer that differs from the one that is used."""
    keys = {"learning_rate": "training.learning_rate"} | {one: f"training.optimizer.{one}" for one in OPTIONS}
    for option, key in keys.items():
        value = options.get(option)
        if option in used and _is_plain(value) and not _is_equal(value, used[option]):
            yield f"{key}={_shown(value)}"


def _is_plain(value: Any) -> bool:
    """Return True for a switch, a finite number or None, which an override can hold. A file may hold anything."""
    return value is None or (isinstance(value, bool | int | float) and abs(value) <= LARGEST)


def _is_equal(one: Any, other: Any) -> bool:
    """Compare two options. Numbers may have been rounded to float32."""
    if None in (one, other) or not (_is_plain(one) and _is_plain(other)):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=1e-6)


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value:.6g}"
