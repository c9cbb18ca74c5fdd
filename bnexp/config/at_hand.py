"""A config without a file: put together from the options of a command, or in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnexp.config.yaml import Node


@dataclass(frozen=True, eq=False)
class ConfigAtHand:
    """What a config file would hold, and the name that the file would have."""

    name: str
    node: Node

    def __str__(self) -> str:
        return self.name


ConfigSource = Path | ConfigAtHand
"""Where a config is read from."""


def node_of(value: Any, where: str, places: Mapping[str, str], key: str = "") -> Node:
    """Return plain values as what a file holds; a message says of each that it stands `where`.

    `places` maps dotted keys to other places: to the option of a command that gave the value.
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
