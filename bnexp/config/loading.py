"""Reads a config file and overrides into an `Experiment`, or reports every mistake with its file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bnexp.config import merging, overrides, yaml
from bnexp.config.at_hand import ConfigAtHand, ConfigSource, node_of
from bnexp.config.checks import disagreements
from bnexp.config.files import shown
from bnexp.config.mistakes import INCOMPLETE, in_file_order, problems
from bnexp.config.places import keys_of, node_at
from bnexp.config.schema import Experiment
from bnexp.config.yaml import Node
from bnexp.errors import ConfigError, Problems
from bnexp.system.spelling import command

Whole = TypeVar("Whole", bound=BaseModel)
LONGEST_NAME = 200
"""The most characters of an experiment's name."""


def load(source: ConfigSource, settings: Sequence[str] = (), *, is_partial: bool = False) -> Experiment:
    """Read an experiment from a config, the files that it extends, and overrides spelt `training.epochs=5`.

    If the config has no `name`, the experiment gets the name of its file. If the config `is_partial`, because a part of
    it is known to be faulty and was left out, neither missing keys nor mistakes between keys are reported.

    Raises:
        ConfigError: with every mistake in all files and overrides.
    """
    mistakes = Problems(is_partial=is_partial)
    node = _read(source, settings, mistakes)
    if {"experiment", "arms"} <= node.value.keys() and isinstance(source, Path):
        cure = f"Use `{command('study', shown(source))}`."
        raise ConfigError([f"{shown(source)}: is a study; expected the config of an experiment. {cure}"])
    return experiment_of(node, mistakes)


def load_all(sources: Iterable[ConfigSource], settings: Sequence[str] = ()) -> list[Experiment]:
    """Read several experiments with the same overrides.

    Raises:
        ConfigError: with every mistake in all of the configs.
    """
    experiments: list[Experiment] = []
    mistakes = Problems()
    for source in sources:
        with mistakes.noted():
            experiments.append(load(source, settings))
    mistakes.refuse()
    return experiments


def experiment_of(node: Node, mistakes: Problems | None = None) -> Experiment:
    """Build an experiment from a whole config.

    Raises:
        ConfigError: with `mistakes` and every mistake in the config, each with its file and line.
    """
    return validated(node, Experiment, partial(_disagreements, node), mistakes)


def _disagreements(node: Node, experiment: Experiment) -> Iterator[str]:
    """Yield the mistakes between keys, each with its file and line."""
    for key, text in disagreements(experiment):
        yield f"{node_at(node, tuple(key.split('.'))).where}: {key} {text}"


def validated(
    node: Node, kind: type[Whole], between: Callable[[Whole], Iterable[str]], mistakes: Problems | None = None
) -> Whole:
    """Validate the content of a file against a schema. `between` lists the mistakes between keys.

    If a part could not be read before, neither missing keys nor mistakes between keys are reported, because the
    unread part may be their cause.

    Raises:
        ConfigError: with the given `mistakes`, and all mistakes of single keys. If there are none of these, with all
            mistakes between keys instead.
    """
    mistakes = mistakes or Problems()
    try:
        whole = kind.model_validate(yaml.plain(node))
    except ValidationError as error:
        every = [
            details
            for details in error.errors(include_url=False, include_input=False)
            if not mistakes.is_partial or details["type"] not in INCOMPLETE
        ]
        raise ConfigError([*mistakes.messages, *in_file_order(problems(node, every, kind))]) from None
    faults = [] if mistakes.is_partial else list(between(whole))
    if mistakes.found or faults:
        raise ConfigError([*mistakes.messages, *in_file_order(faults)])
    return whole


def has_key(source: ConfigSource, setting: str) -> bool:
    """Return True if the config's schema has the key of an override. Other mistakes are not reported here."""
    node = _read(source, [setting], Problems())
    try:
        Experiment.model_validate(yaml.plain(node))
    except ValidationError as error:
        unknown = [details for details in error.errors(include_url=False) if details["type"] == "extra_forbidden"]
        return not any(
            node_at(node, keys_of(node, details["loc"])).where == overrides.place(setting) for details in unknown
        )
    return True


def where(source: ConfigSource, settings: Sequence[str], key: str) -> str:
    """Return the file and line of a dotted key in a valid config, or of its section if the key is not set."""
    return node_at(_read(source, settings, Problems()), tuple(key.split("."))).where


def in_arm(source: ConfigSource, normalization: Any, kind: str, place: str) -> ConfigAtHand:
    """Return a config with another normalization, as a config file that extends it would be.

    If the config has this kind of normalization, its options stay, such as a momentum.
    `kind` is the normalization's name, which ends the name of the new config. Messages name `place` for it.

    Raises:
        ConfigError: with what cannot be read in the source, or in the files that it extends.
    """
    mistakes = Problems()
    node = _read(source, (), mistakes)
    mistakes.refuse()
    over: dict[str, Any] = {"model": {"normalization": normalization}}
    stem = yaml.plain(node.value["name"])
    if isinstance(stem, str):  # any other name is a mistake, which the schema reports
        over["name"] = stem = f"{stem[: LONGEST_NAME - len(kind) - 1]}-{kind}"
    merged = merging.merged(node, merging.expanded(node_of(over, place, {})), mistakes)
    mistakes.refuse()
    return ConfigAtHand(str(stem), merged)


def section_at_hand(source: ConfigSource, settings: Sequence[str], name: str) -> dict[str, Any]:
    """Return a section of a config that may be faulty, as far as it can be read; empty if there is none."""
    section = _read(source, settings, Problems()).value.get(name)
    found = None if section is None else yaml.plain(section)
    return found if isinstance(found, dict) else {}


def _read(source: ConfigSource, settings: Sequence[str], mistakes: Problems) -> Node:
    """Read a config, the files that it extends, and its overrides. Parts that cannot be read are left out."""
    if isinstance(source, ConfigAtHand):
        node, own_name = merging.expanded(source.node), source.name
    else:
        node = merging.read_extended(source, mistakes) or Node({}, str(source))
        own_name = _name_of(source)
    node = merging.overridden(node, settings, mistakes)
    name = node.value.get("name", Node(own_name, node.where))
    return Node({"name": name, **{key: value for key, value in node.value.items() if key != "name"}}, node.where)


def _name_of(path: Path) -> str:
    """Return the name that an experiment gets from its file. Bytes that are not UTF-8 become question marks.

    In a locale with few letters, such as ASCII, Python keeps other letters as escaped bytes. They are decoded here.
    """
    name = path.stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return name.replace("\N{REPLACEMENT CHARACTER}", "?")[:LONGEST_NAME]
