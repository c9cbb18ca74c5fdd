"""What is wrong with a network of the user's own and its options, as far as no data are read and no code is run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bnexp import config
from bnexp.api.arm_options import applying
from bnexp.api.data_at_hand import refuse_unknown_target
from bnexp.api.given_networks import NamedNetwork
from bnexp.config.at_hand import ConfigAtHand
from bnexp.config.overrides import said_of
from bnexp.errors import Problems, SettingError, listed
from bnexp.experiment.own_files import refuse_unusable
from bnexp.system.own_function import MOST_NAMED, function_names, no_file
from bnexp.system.spelling import is_by_command, spelt
from bnexp.system.user_path import user_path

NAMING = ("name", "path", "separator", "encoding", "target")
"""Keys of `dataset` that decide which columns a table has, and which one is the target."""


def mistakes_of_configs(
    configs: Sequence[ConfigAtHand], overrides: Sequence[str], dataset: Mapping[str, Any], known: Problems
) -> Problems:
    """Return the mistakes in these configs and overrides. If there are any, also check that the target is a column.

    If there are none, the data are read next, and that finds an unknown target. `known` has the mistakes that were
    found before. The configs lack the section `dataset` if it is empty.
    """
    problems = Problems()
    for one in configs:
        with problems.noted():
            config.load(one, applying(one, overrides), is_partial=not dataset)
    is_other_table = any(said_of(one, "dataset", key) is not None for one in overrides for key in NAMING)
    if (problems.found or known.found) and not is_other_table:
        try:
            refuse_unknown_target(dataset)
        except SettingError as error:
            problems.tell(*(f"{spelt('target')}: {key} {text}" for key, text in error.problems))
    return problems


def faults_of(network: NamedNetwork) -> list[str]:
    """Return the faults of a network that its name and its file show. Its code is not run."""
    if (name := network.label).endswith(".py"):
        functions = [f"{name}:{one}" for one in function_names(f"{name}:")]
        offered = f"It has {listed(functions, MOST_NAMED)}." if functions else "It defines no function."
        if not os.path.isfile(user_path(name)):
            offered = f"And {no_file(name, '.py')}"
        return [f"{name} names no function; expected FILE.py:FUNCTION. {offered}"]
    try:
        refuse_unusable(network.section)
    except SettingError as error:
        return [f"{network.label}: {key} {text}" for key, text in error.problems]
    return []


def with_function(network: NamedNetwork) -> NamedNetwork:
    """Return the network with a stand-in for a function that it does not name, so that the rest can be checked."""
    if not network.label.endswith(".py"):
        return network
    return replace(network, section={**network.section, "build": f"{network.label}:build"})


def cure_of_no_data() -> str:
    """Return how to name the data of a network of the user's own."""
    if is_by_command():
        return "Add `--data FILE --target COLUMN`, or `--data` and a folder or a known set, such as digits."
    return (
        'Give data=(x, y), a DataFrame or the path of a table with target="COLUMN", or a folder or a known set, as '
        'data="digits".'
    )
