"""Names the settings that a user's model was compiled with, if its training uses others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
from pydantic import ValidationError

from bnexp.config.training import Optimizer, Training
from bnexp.errors import SettingError, listed
from bnexp.metrics import LARGEST
from bnexp.models.built import Built
from bnexp.models.compiled import CompiledOptimizer
from bnexp.system.saved_model import LAMBDA
from bnexp.training.optimizers import KERAS_NAMES, make_optimizer

OPTIONS = tuple(name for name in Optimizer.model_fields if name != "name")
AVERAGE = ("use_ema", "ema_overwrite_frequency")
"""Options that a config takes only together."""


def with_unused_optimizer(built: Built, training: Training, steps_per_epoch: int) -> Built:
    """Return what was built, with a note if the network was compiled with other settings than these of training.

    The note has the overrides that use the compiled settings. An optimizer or an option that bnexp does not have, and a
    learning rate schedule, have no overrides. They are named.
    """
    unused = [] if built.compiled.optimizer is None else _unused(built.compiled.optimizer, training, steps_per_epoch)
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
    differing = [*_differing(options, used)]
    taken = [option for option in differing if _is_taken(name, option, options)]
    overrides += [f"{_key(option)}={_shown(options[option])}" for option in taken]
    told = []
    if overrides:
        told.append(
            "The optimizer that the network was compiled with is not used. To train with its settings, add "
            f"{' '.join(overrides)}."
        )
    if lost := [option for option in differing if option not in taken]:
        told.append(
            f"The network was compiled with options of {compiled.kind} that bnexp does not take, so they are not used: "
            f"{listed(lost)}."
        )
    if isinstance(rate := options["learning_rate"], dict) and rate != used["learning_rate"]:
        told.append(
            f"The network was compiled with {_schedule(rate)}, which is not used. For a schedule, set "
            "training.learning_rate."
        )
    return told


def _schedule(rate: Mapping[str, Any]) -> str:
    """Return what a described learning rate is. It is a schedule or a function."""
    kind, name = rate.get("class_name"), rate.get("config")
    if kind == LAMBDA:
        return "a lambda as learning rate"
    if kind == "function" and isinstance(name, str):
        return f"the function {name} as learning rate"
    return f"the learning rate schedule {kind}" if isinstance(kind, str) else "a learning rate schedule"


def _differing(options: Mapping[str, Any], used: Mapping[str, Any]) -> Iterator[str]:
    """Yield each option of a compiled optimizer that differs from the one that is used, in the order of the keys.

    A schedule is left out, and of the options that bnexp has, each value that no override can hold.
    """
    for option in ("learning_rate", *OPTIONS, *sorted(used.keys() - {"name", "learning_rate", *OPTIONS})):
        is_known = option == "learning_rate" or option in OPTIONS
        if option not in used or (is_known and not _is_plain(options[option])):
            continue
        if not _is_equal(options[option], used[option]):
            yield option


def _is_taken(name: str, option: str, options: Mapping[str, Any]) -> bool:
    """Return True if a config and Keras take an option of a compiled optimizer, as an override shows its value."""
    value = options[option]
    value = float(_shown(value)) if isinstance(value, float) else value
    together = {one: options[one] for one in AVERAGE if option in AVERAGE}
    of_rate = {"learning_rate": value}
    of_option = {"optimizer": {"name": name, option: value, **together}}
    try:
        make_optimizer(Training.model_validate(of_rate if option == "learning_rate" else of_option), 1)
    except (ValidationError, SettingError):
        return False
    return True


def _is_plain(value: Any) -> bool:
    """Return True for a switch, a finite number or None, which an override can hold. A file may hold anything."""
    return value is None or (isinstance(value, bool | int | float) and abs(value) <= LARGEST)


def _is_equal(one: Any, other: Any) -> bool:
    """Compare two options. Numbers may have been rounded to float32."""
    if None in (one, other) or not (_is_plain(one) and _is_plain(other)):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=1e-6)


def _key(option: str) -> str:
    return "training.learning_rate" if option == "learning_rate" else f"training.optimizer.{option}"


def _shown(value: Any) -> str:
    """Return a value as an override holds it. Keras rounds a learning rate to float32, so it has few digits."""
    if isinstance(value, float):
        return next(text for digits in range(6, 18) if _is_equal(float(text := f"{value:.{digits}g}"), value))
    return "null" if value is None else str(value).lower()
