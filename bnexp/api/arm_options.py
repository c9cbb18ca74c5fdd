"""Overrides of one option of a normalization, as `model.normalization.momentum=0.9`: the arms that they apply to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from bnexp.api.names import NormalizationArm
from bnexp.config.at_hand import ConfigSource
from bnexp.config.loading import has_key
from bnexp.config.overrides import place, said_of
from bnexp.config.own_model import Swap
from bnexp.errors import nearest
from bnexp.system.spelling import spelt


def sets_kind(override: str) -> bool:
    """Return True for an override that sets the kind of normalization.

    >>> [sets_kind(f"model.normalization{end}") for end in ("=layer", ".name=layer", ".momentum=0.9")]
    [True, True, False]
    >>> sets_kind("model={normalization: none}")
    True
    """
    said = said_of(override, "model", "normalization")
    return "name" in said if isinstance(said, dict) else said is not None


def applying(source: ConfigSource, overrides: Sequence[str]) -> list[str]:
    """Return the overrides without the options that this arm does not have. Any other override applies to all arms."""
    if any(map(sets_kind, overrides)):  # it has its own options
        return list(overrides)
    return [one for one in overrides if not _options(one) or has_key(source, one)]


def faulty_options(arms: Sequence[NormalizationArm], overrides: Sequence[str]) -> Iterator[str]:
    """Yield a message for each override of an option that none of these arms has."""
    kinds, known = dict.fromkeys(map(name_of, arms)), _options_of_kinds()
    if any(map(sets_kind, overrides)) or not kinds.keys() <= known.keys():  # an unknown kind is reported as one
        return
    for override in overrides:
        options = {*_options(override)}
        if not options or any(options <= {*known[kind]} for kind in kinds):
            continue
        seen = "; ".join(f"{kind} has {', '.join(known[kind]) or 'no options'}" for kind in kinds)
        others = [kind for kind, keys in known.items() if options <= {*keys}]
        cure = nearest(min(options), sorted({key for keys in known.values() for key in keys}))
        if others:
            cure = f"Arms that have it: {', '.join(others)}. For example: {spelt('arms', [others[0], 'none'])}."
        yield f"{place(override)}: no arm has this key ({seen}). {cure}"


def name_of(arm: NormalizationArm) -> str:
    """Return the name of an arm's normalization."""
    return str(arm.get("name", "arm") if isinstance(arm, Mapping) else arm)


def _options(override: str) -> list[str]:
    """Return the keys that an override sets inside the normalization; none if it sets the kind.

    >>> _options("model.normalization.momentum=0.9"), _options("model={normalization: layer}")
    (['momentum'], [])
    """
    said = said_of(override, "model", "normalization")
    return list(said) if isinstance(said, dict) and "name" not in said else []


def _options_of_kinds() -> dict[str, list[str]]:
    """Map the name of each kind of arm to its keys."""
    fields = [kind.model_fields for kind in get_args(Swap)]
    return {get_args(one["name"].annotation)[0]: sorted(one.keys() - {"name"}) for one in fields}
