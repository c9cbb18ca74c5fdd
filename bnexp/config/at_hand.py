"""Configs without a file, built from the options of a command or in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnexp.config.yaml import Node


@dataclass(frozen=True, eq=False)
class ConfigAtHand:
    """A config built in memory: the content and the name that a config file would have."""

    name: str
    node: Node

    def __str__(self) -> str:
        return self.name


ConfigSource = Path | ConfigAtHand
"""A config file, or a config built in memory."""


def node_of(value: Any, where: str, places: Mapping[str, str], key: str = "") -> Node:
    """Return plain values as the nodes that a config file would give. `where` is the place that messages name.

    `places` maps dotted keys to other places, such as the option of a command that set the value.
    """
    here = places.get(key, where)
    match value:
        case Mapping():
            prefix = f"{key}." if key else ""
            return Node(
                {str(name): node_of(entry, here, places, f"{prefix}{name}") for name, entry in value.items()}, here
            )
        case list() | tuple():
            return Node([node_of(entry, here, places, f"{key}.{at}") for at, entry in enumerate(value)], here)
    return Node(value, here)
