"""Networks of the user's own, named by file and function: `my_net.py:build --data my.csv --target label`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bnexp import config
from bnexp.api.arm_options import applying, faulty_options, name_of, sets_kind
from bnexp.api.arrays_at_hand import dataset_given
from bnexp.api.given_networks import NamedNetwork, Networks, Taken, stem_of, taken
from bnexp.api.names import RUNS, NormalizationArm
from bnexp.api.observer import Observer
from bnexp.api.own_mistakes import cure_of_no_data, faults_of, mistakes_of_configs, with_function
from bnexp.config.at_hand import ConfigAtHand, ConfigSource, node_of
from bnexp.config.own_model import NONE_TO_SWAP, OwnNetwork
from bnexp.errors import Problems, SettingError, StoppedError, UserError, counted, listed, nearest
from bnexp.experiment.config_names import Name as ArmName
from bnexp.experiment.config_names import config_file, config_source
from bnexp.experiment.prepare import ToTrain, preflight
from bnexp.system import backend
from bnexp.system.own_function import parameters_in_text
from bnexp.system.saved_model import is_saved_folder
from bnexp.system.session_functions import has_parameter, imported_now
from bnexp.system.spelling import is_by_command, spelt
from bnexp.system.user_path import user_path

SAVED = (".keras", ".h5", ".hdf5")
"""Endings of saved models."""
SWAPPED = ("as_written", "layer", "none")
"""The default arms of a network whose layers are swapped."""
MADE = ("batch", "layer", "none")
"""The default arms of a function that takes `normalization`."""


@dataclass(frozen=True)
class OwnNetworks:
    """The options for the user's own networks: their data, and the arms of each network."""

    data: Any = None
    target: str | None = None
    arms: Sequence[NormalizationArm] | None = None
    runs: Path = RUNS
    """The directory of the runs. Arrays and models that are given in Python are kept in it, too."""

    @property
    def given(self) -> list[str]:
        """List the options that are given, as the caller spells them."""
        said = {"data": self.data, "target": self.target, "arms": self.arms}
        return [spelt(option) for option, value in said.items() if value is not None]

    def arms_of(
        self, networks: Networks, overrides: Sequence[str], observer: Observer, *, compared: bool = True
    ) -> list[ArmName]:
        """Return what is to be trained: one config for each arm of each own network, and all other names unchanged.

        If no arms are given and a single network is `compared`, it gets the arms that show what its normalization does.
        Otherwise each network gets one arm: as it is written, or batch if it takes `normalization`.

        Raises:
            UserError: with all that is wrong with the options.
        """
        _refuse_while_imported()
        names = [_as_own(one) for one in taken(networks, overrides, self.runs)]
        own = [one for one in names if isinstance(one, NamedNetwork)]
        set_for_all = [one for one in overrides if sets_kind(one)]
        problems = self._faults(names, own, is_set_for_all=bool(set_for_all))
        if (source := self._config(names)) is not None:
            problems.refuse()
            return _arms_of_config(source, self.arms or (), compared=compared)
        dataset, places = self._dataset_of(own, problems)
        named = [with_function(one) for one in own]
        every = [_at_hand(one, arm, dataset, places) for one in named for arm in self.arms or SWAPPED[:1]]
        problems.add(mistakes_of_configs(every, overrides, dataset, problems))
        if len(own) == len(names):
            problems.tell(*faulty_options(self.arms or [*SWAPPED, *MADE], overrides))
        problems.refuse()
        if not own:
            return [one for one in names if not isinstance(one, NamedNetwork)]
        found, chosen = list[ArmName](), list[NormalizationArm]()
        for name in names:
            if not isinstance(name, NamedNetwork):
                found.append(name)
                continue
            alone = compared and len(names) == 1
            if set_for_all:
                plain = _at_hand(name, SWAPPED[0], dataset, places)
                model = config.load(plain, overrides).model
                assert isinstance(model, OwnNetwork)
                arms: Sequence[NormalizationArm] = [model.normalization.name]
            else:
                arms = self.arms or self._default_arms(name, dataset, places, overrides, observer, alone=alone)
            if alone and len(arms) == 1:
                raise _one_arm(arms, set_for_all)
            found += [_at_hand(name, arm, dataset, places) for arm in arms]
            chosen += arms
        if len(own) == len(names):
            problems.tell(*faulty_options(chosen, overrides))
        problems.refuse()
        return found

    def _config(self, names: Sequence[Taken]) -> ConfigSource | None:
        """Return the config that is to be trained with the normalizations of `arms`; None if no single one is named."""
        if not self.arms or self.data is not None or self.target is not None or len(names) != 1:
            return None
        return None if isinstance(names[0], NamedNetwork) else config_source(names[0])

    def _dataset_of(self, own: Sequence[NamedNetwork], problems: Problems) -> tuple[Mapping[str, Any], dict[str, str]]:
        """Return the section `dataset`, empty with a noted problem if it is faulty, and the option behind each key."""
        of_normalization = ("model.normalization", "model.normalization.name") if self.arms else ()
        of_arms = dict.fromkeys(of_normalization, spelt("arms"))
        is_read = isinstance(self.data, str | Path) or not problems.found  # arrays are kept only if nothing is wrong
        if own and self.data is not None and is_read:
            with problems.noted():
                dataset, places = dataset_given(self.data, self.target, self.runs)
                return dataset, places | of_arms
        return {}, of_arms

    def _faults(self, names: Sequence[Taken], own: Sequence[NamedNetwork], *, is_set_for_all: bool) -> Problems:
        problems = Problems()
        for network in own:
            problems.tell(*faults_of(network))
        if own and self.data is None:
            problems.tell(f"{own[0].label} is a network of your own; expected its data. {cure_of_no_data()}")
        is_config = self._config(names) is not None
        if self.given and not own and not is_config:
            functions_too = "" if is_by_command() else ", or give a function or a keras.Model"
            others = listed(one.label if isinstance(one, NamedNetwork) else str(one) for one in names)
            and_not = f", and not for {others}" if others else ""
            problems.tell(
                f"{listed(self.given)} can be given for a network of your own{and_not}. Name one, such as "
                f"my_net.py:build or my_net.keras{functions_too}. In a config, `dataset` and `model` say the same."
                f"{'' if self.arms is None else ' ' + spelt('arms') + ' alone can be given for one config, too.'}"
                + "".join(_meant(one) for one in names if isinstance(one, str) and config_file(one) is None)
            )
        arms = list(self.arms or ())
        if any(arm in arms[:at] for at, arm in enumerate(arms)):
            problems.tell(f"{spelt('arms')} is {_typed(arms)}; an arm is named twice. Name each once.")
        if (own or is_config) and arms and is_set_for_all:
            problems.tell(
                f"{spelt('arms')} is {_typed(arms)}, and model.normalization= sets one normalization for all arms. "
                "Leave one of the two out."
            )
        return problems

    def _default_arms(
        self,
        network: NamedNetwork,
        dataset: Mapping[str, Any],
        places: dict[str, str],
        overrides: Sequence[str],
        observer: Observer,
        *,
        alone: bool,
    ) -> Sequence[str]:
        """Return the arms that show what the network's normalization does; only one if the network is not `alone`."""
        name, build = network.label, network.section.get("build")
        is_function = build is not None and _takes_normalization(build)
        if not alone:
            return MADE[:1] if is_function else SWAPPED[:1]
        if is_function:
            observer.info(f"{name} takes `normalization`; arms: {', '.join(MADE)}")
            return MADE
        counts = _normalizations(_at_hand(network, "as_written", dataset, places), overrides, observer)
        if not counts:
            raise UserError(f"{name} has {NONE_TO_SWAP}")
        has_batch = any(kind.startswith("BatchNormalization") for kind in counts)
        arms = ("as_written", "layer" if has_batch else "batch", "none")
        layers = ", ".join(counted(number, f"{kind} layer") for kind, number in counts.items())
        observer.info(f"{name}: {layers}; arms: {', '.join(arms)}")
        return arms


def _arms_of_config(source: ConfigSource, arms: Sequence[NormalizationArm], *, compared: bool) -> list[ArmName]:
    """Return a config for each arm. A comparison needs two arms or more."""
    if compared and len(arms) == 1:
        raise _one_arm(arms, ())
    return [config.in_arm(source, arm, name_of(arm), spelt("arms")) for arm in arms]


def _takes_normalization(build: str) -> bool:
    """Return True if a function has the parameter `normalization`. Its file is run if its text does not show that."""
    if (parameters := parameters_in_text(build)) is not None:
        return "normalization" in parameters
    backend.load()
    from bnexp.models.user_code import function_of

    try:
        return has_parameter(function_of(build), "normalization")
    except SettingError:  # building it reports why
        return False


def _refuse_while_imported() -> None:
    """Raise UserError if bnexp is called by a file that bnexp itself is running to get a function."""
    if (build := imported_now()) is not None:
        file = build.rpartition(":")[0]
        raise UserError(
            f"{file} is run to get its function, but it calls bnexp itself; expected a file that defines functions. "
            'Put these calls under `if __name__ == "__main__":`.'
        )


def _as_own(name: Taken) -> Taken:
    """Return a `NamedNetwork` if a name is spelt as a network of the user's own; else return it unchanged."""
    if not isinstance(name, str) or not is_own_network(name := re.sub(r"(?<=\.py):$", "", name)):
        return name
    return NamedNetwork(name, Path(name).stem if _is_saved(name) else stem_of(name), section_of(name))


def section_of(name: str) -> dict[str, str]:
    """Return the section `model` for the name of a network of the user's own.

    >>> section_of("my.keras"), section_of("my_net.py:build")
    ({'name': 'keras_file', 'path': 'my.keras'}, {'name': 'python', 'build': 'my_net.py:build'})
    """
    return {"name": "keras_file", "path": name} if _is_saved(name) else {"name": "python", "build": name}


def _is_saved(name: str) -> bool:
    return Path(name).suffix.lower() in SAVED or is_saved_folder(name)


def is_own_network(name: str) -> bool:
    """Return True for a name that is spelt as a network of the user's own, and names no config or other directory.

    >>> [is_own_network(name) for name in ("my_net.py:build", "package.nets:build", "my.keras", "bn", "c:\\\\bn")]
    [True, True, True, False, False]
    """
    if config_file(name) is not None or (os.path.isdir(name) and not is_saved_folder(name)):
        return False
    place, colon, function = name.rpartition(":")
    is_function = bool(colon) and function.isidentifier() and (place.endswith(".py") or _is_module(place))
    return is_function or _is_saved(name) or Path(name).suffix == ".py"


def _meant(name: str) -> str:
    """Return a question with the file of a network that is similar to a wrong name; "" if there is none."""
    folder = user_path(name).parent
    beside = sorted(one.name for one in folder.glob("*") if one.suffix in (".keras", ".py")) if folder.is_dir() else []
    question = nearest(name, beside).partition("Good names")[0].strip()
    return f" {question}" if question else ""


def _is_module(name: str) -> bool:
    return len(name) > 1 and all(part.isidentifier() for part in name.split("."))


def _at_hand(
    network: NamedNetwork, arm: NormalizationArm, dataset: Mapping[str, Any], places: dict[str, str]
) -> ConfigAtHand:
    """Return the config that trains a network in one arm."""
    model = {**network.section, "normalization": arm}
    name = network.label
    places = {**places, "model": name}
    return ConfigAtHand(f"{network.stem}-{name_of(arm)}", node_of({"dataset": dataset, "model": model}, name, places))


def _one_arm(arms: Sequence[NormalizationArm], set_for_all: Sequence[str]) -> UserError:
    """Return the error of a comparison with one arm. `set_for_all` are the overrides that set one normalization."""
    way = f"Leave out {listed(set_for_all)}, and name several" if set_for_all else "Name several"
    seen = f"compare was given one arm, {_typed(arms)}; expected two or more"
    return UserError(f"{seen}. {way}: {spelt('arms', ['batch', 'none'])}.")


def _typed(arms: Sequence[NormalizationArm]) -> str:
    """Return the arms as the user would type them: in Python, or on the command line.

    >>> from bnexp.system.spelling import by_command
    >>> with by_command():
    ...     print(_typed(["none", {"name": "group", "groups": 4, "center": False}]))
    none,{name: group, groups: 4, center: false}
    """
    if not is_by_command():
        return repr(list(arms))
    return ",".join(_mapping(arm) if isinstance(arm, Mapping) else str(arm) for arm in arms)


def _mapping(options: Mapping[str, Any]) -> str:
    values = {key: one if isinstance(one, str) else json.dumps(one, default=str) for key, one in options.items()}
    return f"{{{', '.join(f'{key}: {one}' for key, one in values.items())}}}"


def _normalizations(at_hand: ConfigAtHand, overrides: Sequence[str], observer: Observer) -> dict[str, int]:
    """Build the network as it is written; return the number of its normalization layers of each kind."""
    overrides = applying(at_hand, overrides)
    experiment = config.load(at_hand, overrides)
    try:
        with observer.checking(at_hand.name) as note:
            (checked,) = preflight([ToTrain(experiment, partial(config.where, at_hand, overrides))], note=note)
    except KeyboardInterrupt:
        raise StoppedError("Stopped before anything was trained; nothing is kept.") from None
    return {} if checked.network is None else checked.network.normalizations
