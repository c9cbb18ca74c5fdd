"""Networks of the user's own, named as they lie there: `my_net.py:build --data my.csv --target label`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bnexp import config
from bnexp.api.data_at_hand import dataset_of
from bnexp.api.names import Name
from bnexp.api.observer import Observer
from bnexp.config.at_hand import ConfigAtHand, node_of
from bnexp.errors import Problems, StoppedError, counted, nearest
from bnexp.experiment.config_names import Name as ArmName
from bnexp.experiment.config_names import config_file
from bnexp.experiment.own_files import function_names, has_parameter
from bnexp.experiment.prepare import Asked, preflight

SWAPPED = ("as_written", "layer", "none")
"""The arms of a network whose layers are swapped, if none are given."""
MADE = ("batch", "layer", "none")
"""The arms of a function that takes `normalization`."""


@dataclass(frozen=True)
class OwnNetworks:
    """What is said of the networks of the user's own that are named: their data, and the arms of each."""

    data: Name | None = None
    target: str | None = None
    arms: Sequence[str] | None = None

    def arms_of(
        self, names: Sequence[str], overrides: Sequence[str], observer: Observer, *, compared: bool = True
    ) -> list[ArmName]:
        """Return what is to be trained: each network of the user's own in its arms, other names as they are.

        If no arms are given, a network that is `compared` alone gets the arms that show what its normalization does;
        any other is taken as it is written.

        Raises:
            UserError: with all that is wrong with the options.
        """
        own = [name for name in names if is_own_network(name)]
        self._refuse(names, own)
        if not own:
            return list(names)
        dataset, places = dataset_of(str(self.data), self.target)
        found: list[ArmName] = []
        for name in names:
            if name not in own:
                found.append(name)
                continue
            arms = self.arms or self._default_arms(
                name, dataset, places, overrides, observer, alone=compared and len(names) == 1
            )
            found += [_at_hand(name, arm, dataset, places) for arm in arms]
        return found

    def _refuse(self, names: Sequence[str], own: Sequence[str]) -> None:
        problems = Problems()
        said = {"--data": self.data, "--target": self.target, "--arms": self.arms}
        given = [option for option, value in said.items() if value is not None]
        for name in own:
            if name.endswith(".py"):
                functions = [f"{name}:{one}" for one in function_names(f"{name}:")]
                offered = nearest(f"{name}:build", functions) if functions else "It has no function, or is not there."
                problems.tell(f"{name} names no function; expected FILE.py:FUNCTION. {offered}")
        if own and self.data is None:
            problems.tell(
                f"{own[0]} is a network of your own; expected its data. Add `--data FILE --target COLUMN`, or `--data` "
                "and a folder or a known set, such as digits."
            )
        if given and not own:
            problems.tell(
                f"{', '.join(given)} can be given for a network of your own, and not for {', '.join(names)}. Name one, "
                "such as my_net.py:build or my_net.keras. In a config, `dataset` and `model` say the same."
            )
        if len(set(self.arms or ())) < len(self.arms or ()):
            problems.tell(f"--arms is {','.join(self.arms or ())}; an arm is named twice. Name each once.")
        problems.refuse()

    def _default_arms(
        self,
        name: str,
        dataset: dict[str, Any],
        places: dict[str, str],
        overrides: Sequence[str],
        observer: Observer,
        *,
        alone: bool,
    ) -> Sequence[str]:
        """Return the arms that show what the network's normalization does; of one among several, only itself."""
        is_function = has_parameter(name, "normalization") if not name.endswith(".keras") else False
        if not alone:
            return MADE[:1] if is_function else SWAPPED[:1]
        if is_function:
            observer.info(f"{name} takes `normalization`; arms: {', '.join(MADE)}")
            return MADE
        counts = _normalizations(_at_hand(name, "as_written", dataset, places), overrides, observer)
        has_batch = any(kind.startswith("BatchNormalization") for kind in counts)
        arms = ("as_written", "layer" if has_batch else "batch", "none")
        layers = ", ".join(counted(number, f"{kind} layer") for kind, number in counts.items())
        observer.info(f"{name}: {layers or 'no normalization layer'}; arms: {', '.join(arms)}")
        return arms


def is_own_network(name: str) -> bool:
    """Return True for a name that is spelt as a network of the user's own, and is no config or run.

    >>> [is_own_network(name) for name in ("my_net.py:build", "package.nets:build", "my.keras", "bn", "c:\\\\bn")]
    [True, True, True, False, False]
    """
    if config_file(name) is not None or os.path.isdir(name):
        return False
    place, colon, function = name.rpartition(":")
    is_function = bool(colon) and function.isidentifier() and (place.endswith(".py") or _is_module(place))
    return is_function or Path(name).suffix in (".keras", ".py", ".h5", ".hdf5")


def _is_module(name: str) -> bool:
    return len(name) > 1 and all(part.isidentifier() for part in name.split("."))


def _at_hand(name: str, arm: str, dataset: dict[str, Any], places: dict[str, str]) -> ConfigAtHand:
    """Return the config of a network in one arm."""
    model: dict[str, Any] = {"name": "keras_file", "path": name}
    if Path(name).suffix not in (".keras", ".h5", ".hdf5"):
        model = {"name": "python", "build": name}
    model["normalization"] = arm
    places = {**places, "model": name, "model.normalization": "--arms", "model.normalization.name": "--arms"}
    title = f"{_stem(name)}-{arm}"
    return ConfigAtHand(title, node_of({"dataset": dataset, "model": model}, name, places))


def _stem(name: str) -> str:
    """Return what a network is called: by its file and, if it is not `build`, its function.

    >>> _stem("my_net.py:build"), _stem("my_net.py:wide"), _stem("package.nets:build"), _stem("my.keras")
    ('my_net', 'my_net-wide', 'nets', 'my')
    """
    if Path(name).suffix in (".keras", ".h5", ".hdf5"):
        return Path(name).stem
    place, _, function = name.rpartition(":")
    stem = Path(place or name).stem if place.endswith(".py") else (place or name).rpartition(".")[2]
    return stem if function == "build" or not place else f"{stem}-{function}"


def _normalizations(at_hand: ConfigAtHand, overrides: Sequence[str], observer: Observer) -> dict[str, int]:
    """Build the network as it is written, and count its normalization layers by kind."""
    experiment = config.load(at_hand, overrides)
    try:
        with observer.preparing(at_hand.name) as note:
            (checked,) = preflight([Asked(experiment, partial(config.where, at_hand, overrides))], note=note)
    except KeyboardInterrupt:
        raise StoppedError("Stopped before anything was trained; nothing is kept.") from None
    return {} if checked.network is None else checked.network.normalizations
