"""Replaces what the schema refuses in a study by stand-ins, so that the rest can be checked, too."""

from __future__ import annotations

from typing import Any

from bnexp.config.nearest_kind import errors_of
from bnexp.config.places import keys_of
from bnexp.config.study import Study
from bnexp.config.yaml import Keys, Node

OF_STUDY: dict[str, Any] = {"name": "study", "experiment": {}, "arms": {}}
OF_HYPOTHESIS: dict[str, Any] = {
    "claim": "-",
    "metric": "val_loss",
    "treated": "-",
    "baseline": "-",
    "direction": "higher",
    "smallest": 0.1,
}
"""Key without a default -> a valid value. Mistakes at its place are not reported again."""


def with_stand_ins(node: Node) -> tuple[Node, set[Keys]]:
    """Return the content of a study with stand-ins, which the schema accepts, and the places that it refused."""
    refused: set[Keys] = set()
    while places := {keys_of(node, details["loc"]) for details in errors_of(node, Study)}:
        for part in sorted(set(map(_part, places)), key=len, reverse=True):
            node = _replaced(node, part, _stand_in(part))
        refused |= places
    return node, refused


def _part(place: Keys) -> Keys:
    """Return the part of a study that is replaced because of a mistake at this place.

    >>> _part(("tune", "seeds")), _part(("hypotheses", "1", "metric", "ratio")), _part(("seads",))
    (('tune',), ('hypotheses', '1', 'metric'), ('seads',))
    """
    lengths = {"arms": 2, "vary": 2, "tie": 2, "hypothesis": 2, "hypotheses": 3}
    return place[: lengths.get(place[0], 1)]


def _stand_in(part: Keys) -> Any:
    """Return the stand-in for a part; None if it can be left out.

    >>> _stand_in(("arms", "bn")), _stand_in(("hypothesis", "treated")), _stand_in(("vary", "name"))
    ({}, '-', None)
    """
    match part:
        case ("arms" | "hypotheses", _):
            return {}
        case ("hypothesis", key) | ("hypotheses", _, key):
            return OF_HYPOTHESIS.get(key)
    return OF_STUDY.get(part[0]) if len(part) == 1 else None


def _replaced(node: Node, keys: Keys, value: Any) -> Node:
    """Return a node with another value at a path, or without the entry if the value is None."""
    if not keys:
        return Node(value, node.where)
    key, others = keys[0], keys[1:]
    if isinstance(node.value, list):
        entries = [_replaced(one, others, value) if str(at) == key else one for at, one in enumerate(node.value)]
        return Node(entries, node.where)
    if value is None and not others:
        return Node({one: entry for one, entry in node.value.items() if one != key}, node.where)
    return Node({**node.value, key: _replaced(node.value.get(key, node), others, value)}, node.where)
