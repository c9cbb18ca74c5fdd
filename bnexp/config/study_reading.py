"""Reads a study's file, and finds every mistake that is visible before the grid is built."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bnexp.config import merging, yaml
from bnexp.config.files import read_text
from bnexp.config.loading import validated
from bnexp.config.mistakes import in_file_order
from bnexp.config.stand_ins import with_stand_ins
from bnexp.config.study import Study, StudyFile, keys_of
from bnexp.config.yaml import Keys, Node
from bnexp.errors import ConfigError, Problems
from bnexp.system.spelling import command

ARM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")


def read_study(path: Path) -> StudyFile:
    """Read a study's file. `extends` in its `experiment` names a file relative to the study's folder.

    Raises:
        ConfigError: with every mistake that is visible before the grid is built.
    """
    mistakes = Problems()
    file = read_in_part(path, mistakes)
    if mistakes.found:
        raise ConfigError(mistakes.messages)
    return file


def read_in_part(path: Path, mistakes: Problems) -> StudyFile:
    """Read a study's file, and note its mistakes. The rest of the study can then be checked, too.

    Raises:
        ConfigError: if the file cannot be read, or is no study.
    """
    root = yaml.read_mapping(read_text(path), str(path), mistakes)
    if root is None:
        raise ConfigError(mistakes.messages)
    if "dataset" in root.value and "experiment" not in root.value:
        cure = f"Use `{command('train', str(path))}`."
        raise ConfigError([f"{path}: is the config of an experiment; expected a study. {cure}"])
    is_partial = mistakes.is_partial
    faulty: set[Keys] = {()} if is_partial else set()
    entries = {"name": Node(path.stem, root.where), **root.value}
    base = entries.get("experiment")
    if base is not None and isinstance(base.value, dict):
        entries["experiment"] = _without_seeds(merging.extended(base, path, mistakes))
        faulty |= {("experiment",)} if mistakes.is_partial else set()
    node = Node(entries, root.where)
    with mistakes.noted():
        validated(node, Study, lambda study: (), Problems(is_partial=is_partial))
    node, refused = with_stand_ins(node)
    file = StudyFile(Study.model_validate(yaml.plain(node)), node, frozenset(faulty | refused))
    return _without_unfit_factors(file, mistakes)


def _without_unfit_factors(file: StudyFile, mistakes: Problems) -> StudyFile:
    """Note the mistakes between keys. Return the study without factors that no grid can be built from."""
    lines, unfit = [], set[Keys]()
    for keys, text in _faults(file.study):
        if not file.is_faulty(*keys):
            lines.append(f"{file.where(*keys)}: " + " ".join([file.key_text(*keys), text]).lstrip())
        if keys[0] == "vary" and (len(keys) > 2 or not file.study.vary[keys[1]]):
            unfit.add(keys[:2])
    mistakes.tell(*in_file_order(lines), leaves_out=False)
    vary = {name: levels for name, levels in file.study.vary.items() if ("vary", name) not in unfit}
    return replace(file, study=file.study.model_copy(update={"vary": vary}), faulty=file.faulty | unfit)


def _without_seeds(base: Node) -> Node:
    """Return the base without its number of seeds, because a study has its own."""
    training = base.value.get("training")
    if training is None or not isinstance(training.value, dict):
        return base
    rest = {key: entry for key, entry in training.value.items() if key != "seeds"}
    return Node({**base.value, "training": Node(rest, training.where)}, base.where)


def _faults(study: Study) -> Iterator[tuple[Keys, str]]:
    """Yield the mistakes between keys: names of arms, faulty factors, keys set twice, hypotheses in two places."""
    yield from _faulty_arms(study)
    yield from _faulty_factors(study)
    yield from _twice(study)
    if study.hypothesis is not None and study.hypotheses:
        seen = "is given beside hypothesis; expected only one of the two"
        yield ("hypotheses",), f"{seen}. Move the hypothesis into the list."


def _faulty_arms(study: Study) -> Iterator[tuple[Keys, str]]:
    if not study.arms:
        yield ("arms",), "is empty; expected one arm or more. Add one: `bn: {model.normalization: batch}`."
    elif len(study.arms) < 2 and study.claims():
        yield ("arms",), "has one arm; a contrast needs two or more. Add one, such as a baseline."
    for name in study.arms:
        if not ARM.fullmatch(name):
            cure = "Use letters, digits and . _ + -, at most 40."
            yield ("arms", name), f"is not a good name for an arm, because its files get this name. {cure}"


def _faulty_factors(study: Study) -> Iterator[tuple[Keys, str]]:
    for name, levels in study.vary.items():
        width = len(keys_of(name))
        if not levels:
            yield ("vary", name), "is empty; expected a list of levels. Give two or more, or leave the factor out."
        for number, level in enumerate(levels):
            if levels.index(level) < number:
                yield ("vary", name), f"has the level {merging.shown(level)} twice. Keep one of them."
            if width > 1 and (not isinstance(level, list) or len(level) != width):
                count = len(level) if isinstance(level, list) else 1
                seen = "one value" if count == 1 else f"{count} values"
                yield (
                    ("vary", name, str(number)),
                    f"is {merging.shown(level)}, {seen}; expected {width}, one for each key of the factor.",
                )


def _twice(study: Study) -> Iterator[tuple[Keys, str]]:
    """Yield a mistake for each key that two parts of the study set, or that only the study itself may set."""
    settings = list(_settings(study))
    for number, one in enumerate(settings):
        for own in ("training.seeds", "name"):
            if own in one.leaves:
                yield one.keys, f"sets {own}, as the study's own `{own.rpartition('.')[2]}` does. Leave it out."
        for other in settings[:number]:
            both = _in_both(one, other)
            if both and not (one.arm and other.arm and one.arm != other.arm):
                yield one.keys, f"sets {both}, and so does {'.'.join(other.keys)}; expected one of them. Leave one out."
                break


class _Setting(NamedTuple):
    """A dotted key that the study sets, and where."""

    keys: Keys
    """The place in the study that sets it."""
    key: str
    arm: str | None
    """The arm that sets it; None if another part of the study does."""
    leaves: list[str]
    """All dotted keys that its values set."""


def _settings(study: Study) -> Iterator[_Setting]:
    for name, levels in study.vary.items():
        several = keys_of(name)
        for place, key in enumerate(several):
            fit = [level for level in levels if isinstance(level, list) and len(level) == len(several)]
            values = levels if len(several) == 1 else [level[place] for level in fit]
            yield _Setting(("vary", name), key, None, _leaves(key, values))
    for key in study.tie:
        yield _Setting(("tie", key), key, None, _leaves(key, [1.0]))
    if study.tune is not None:
        yield _Setting(("tune", "key"), study.tune.key, None, _leaves(study.tune.key, study.tune.values))
    for arm, settings in study.arms.items():
        for key, value in settings.items():
            yield _Setting(("arms", arm, key), key, arm, _leaves(key, [value]))


def _leaves(key: str, values: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(leaf for value in values for leaf in merging.leaves(key, value)))


def _in_both(one: _Setting, other: _Setting) -> str | None:
    """Return a key that both settings set, at least in part; None if there is none.

    A tie multiplies the value that a level or an arm has set, so the two conflict only if they name the same key. With
    a tuned key or another tie, a tie also conflicts in part, because it would overwrite their value.
    """
    if one.key == other.key:
        return one.key
    if {one.keys[0], other.keys[0]} in ({"tie", "vary"}, {"tie", "arms"}):
        return None
    pairs = itertools.product(one.leaves, other.leaves)
    return next(
        (max(a, b, key=len) for a, b in pairs if f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.")), None
    )
