"""Replaces a misspelt `name` of a section by the nearest good name, so that its other keys can be checked, too."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bnexp.config import yaml
from bnexp.config.places import entry_of, node_at
from bnexp.config.yaml import Keys, Node


def with_nearest_kind(node: Node, keys: Keys, context: Mapping[str, Any]) -> Node | None:
    """Return a config in which the section at these keys has the nearest good name; None if no name is near.

    `context` comes from pydantic's error: `tag` is the misspelt name, and `expected_tags` lists the good names.
    """
    good = [tag.strip().strip("'") for tag in str(context["expected_tags"]).split(",")]
    near = difflib.get_close_matches(str(context["tag"]), good, n=1)
    if not near or entry_of(node_at(node, keys), "name") is None:
        return None
    return _with_value(node, (*keys, "name"), near[0])


def errors_of(node: Node, kind: type[BaseModel]) -> list[ErrorDetails]:
    """Return pydantic's errors for a config."""
    try:
        kind.model_validate(yaml.plain(node))
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def _with_value(node: Node, keys: Keys, value: str) -> Node:
    """Return a node with another scalar at a path of mappings. No list has sections of several kinds."""
    if not keys:
        return Node(value, node.where)
    first, others = keys[0], keys[1:]
    return Node({**node.value, first: _with_value(node.value[first], others, value)}, node.where)
