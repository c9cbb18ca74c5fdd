"""Writes an `Experiment` as a config file, and computes its digest and the differences between two experiments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from bnexp.config.layers import Named
from bnexp.config.schema import Experiment
from bnexp.config.section import Section
from bnexp.config.training import ConstantRate
from bnexp.config.yaml_text import dump_plain, written

LATER_KEYS = (
    ("dataset", "weight_column"),
    ("dataset", "positive"),
    ("training", "class_weight"),
    ("training", "metrics"),
)
"""Keys that are newer than some stored runs. If unset, they are left out of a digest, so that it does not change."""


def dump(experiment: Experiment) -> str:
    """Return the text of a config file with all keys of an experiment, including defaults."""
    return dump_plain(compact(experiment))


def compact(value: Any) -> Any:
    """Return a section as a person would write it: with shorthands, and without keys that are not set."""
    match value:
        case ConstantRate():
            return value.initial
        case Named(name="Residual", arguments={"layers": layers, **others}) if not others:
            return {value.name: compact(layers)}
        case Named():
            return {value.name: compact(value.arguments)} if value.arguments else value.name
        case Section():
            named = sorted(value, key=lambda pair: pair[0] != "name")
            entries = {key: compact(entry) for key, entry in named if entry is not None}
            return entries["name"] if list(entries) == ["name"] else entries
        case list():
            return [compact(entry) for entry in value]
        case dict():
            return {key: compact(entry) for key, entry in value.items()}
    return value


def digest(experiment: Experiment) -> str:
    """Return the sha256 of the keys that decide what a seed measures: of dataset, model and training.

    The digest leaves out the name, the number of seeds, the memory limit, and which models and rows are kept.
    """
    return _sha256(experiment, {"save", "memory_limit", "keep_rows", "seeds"})


def former_digest(experiment: Experiment, seeds: int) -> str:
    """Return the digest in the form of older runs, which also covered the number of seeds."""
    training = experiment.training.model_copy(update={"seeds": seeds})
    return _sha256(experiment.model_copy(update={"training": training}), {"save", "memory_limit", "keep_rows"})


def _sha256(experiment: Experiment, left_out: set[str]) -> str:
    facts = experiment.model_dump(mode="json", exclude={"name": True, "training": left_out})
    for section, key in LATER_KEYS:
        if facts[section].get(key) in (None, [], {}):
            facts[section].pop(key, None)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def differences(one: Experiment, other: Experiment) -> dict[str, tuple[Any, Any]]:
    """Map each dotted key in which two experiments differ to both values; None for an unset key. Names are ignored.

    If a section has another kind, only the two kinds are listed, and not the keys inside.
    """
    sections = ("dataset", "model", "training")
    return {
        key: pair
        for section in sections
        for key, pair in _differing(getattr(one, section), getattr(other, section), section)
    }


def parts_that_differ(key: str, one: Any, other: Any) -> list[tuple[str, str, str]]:
    """List the places where two values of a key differ, with both texts. Lists of layers are compared by entry.

    >>> parts_that_differ("model.layers", ["Flatten", "ReLU"], ["Flatten", "BatchNormalization", "ReLU"])
    [('model.layers.1', 'nothing', 'BatchNormalization')]
    >>> parts_that_differ("model.hidden", [64, 64], [64, 32]), parts_that_differ("model.l2", "x", None)
    ([('model.hidden', '[64, 64]', '[64, 32]')], [('model.l2', 'x', 'null')])
    """
    texts_of_one, texts_of_other = _entries(one), _entries(other)
    if not texts_of_one or not texts_of_other:
        return [(key, _in_words(one), _in_words(other))]
    steps = SequenceMatcher(None, texts_of_one, texts_of_other, autojunk=False).get_opcodes()
    return [
        (
            f"{key}.{begin if begin < end else other_begin}",
            ", ".join(texts_of_one[begin:end]) or "nothing",
            ", ".join(texts_of_other[other_begin:other_end]) or "nothing",
        )
        for step, begin, end, other_begin, other_end in steps
        if step != "equal"
    ]


def _entries(value: Any) -> list[str]:
    """Return the entries of a list as text; nothing for a list of numbers, which is shown as a whole."""
    if not isinstance(value, list | tuple) or all(isinstance(entry, int | float) for entry in value):
        return []
    return list(map(_in_words, value))


def _in_words(value: Any) -> str:
    """Return a value as a person writes it in YAML, but text without quotes."""
    return value if isinstance(value, str) else written(value)


def _differing(one: Any, other: Any, key: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if type(one) is not type(other) or not isinstance(one, Section):
        if one != other:
            yield key, (_kind(one), _kind(other))
    elif getattr(one, "name", None) != getattr(other, "name", None):
        yield key, (_kind(one), _kind(other))
    else:
        for field, value in one:
            yield from _differing(value, getattr(other, field), f"{key}.{field}")


def _kind(value: Any) -> Any:
    """Return the name of a section's kind. A constant rate, or a value without a kind, is returned as written."""
    written = compact(value)
    return written.get("name", written) if isinstance(written, dict) else written
