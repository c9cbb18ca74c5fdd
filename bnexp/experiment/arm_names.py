"""Names of the arms of a comparison: the experiment's name, and what differs if experiments share a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bnexp import config
from bnexp.comparison import INTENDED, NEUTRAL, Question
from bnexp.config import Experiment
from bnexp.config.merging import shown
from bnexp.experiment.resolve import Planned, experiment_of

LONGEST_VALUE = 30
"""Most characters of a config value that an arm's name contains."""


def distinctly_named(planned: Sequence[Planned]) -> list[Planned]:
    """Return the arms with unique names: `exp1 (batch)` and `exp1 (none)` if two are called exp1.

    If the configs do not tell two arms apart, what the user typed for each arm is used, or its run's id.
    """
    named = list(planned)
    for name in {item.name for item in planned}:
        places = [place for place, item in enumerate(planned) if item.name == name]
        if len(places) > 1:
            arms = [planned[place] for place in places]
            for place, label in zip(places, _labels(arms), strict=True):
                named[place] = replace(planned[place], name=f"{name} ({label})")
    return named if len({item.name for item in named}) == len(named) else _numbered(named)


def _numbered(named: Sequence[Planned]) -> list[Planned]:
    """Return the arms with their positions appended to their names, because only positions are sure to be unique."""
    return [replace(item, name=f"{item.name} ({place})") for place, item in enumerate(named, 1)]


def _labels(arms: Sequence[Planned]) -> list[str]:
    """Return a short label for each of these arms; the labels differ if the configs or the typed names do."""
    experiments = [experiment_of(item) for item in arms]
    keys = _differing(experiments)
    choices = [[key] for key in keys] + [keys[:count] for count in range(2, len(keys) + 1)]
    for chosen in choices:
        labels = [_label(experiment, chosen) for experiment in experiments]
        if all(labels) and len(set(labels)) == len(labels):
            return labels
    return [item.given if item.run is None or item.given != item.name else item.run.id for item in arms]


def _differing(experiments: Sequence[Experiment]) -> list[str]:
    """List the keys in which these experiments differ: first the intended differences, last the neutral keys."""
    found = {key for one in experiments[1:] for key in config.differences(experiments[0], one)}
    return sorted(found, key=lambda key: (key in NEUTRAL, not key.startswith(INTENDED), key.count("."), key))


def _label(experiment: Experiment, keys: Sequence[str]) -> str:
    """Write an experiment's values of these keys, as in `batch, momentum 0.9`; missing and long values are left out."""
    found = [(key, _value(experiment, key)) for key in keys]
    return ", ".join(_written(key, value) for key, value in found if value is not None)


def _value(experiment: Experiment, key: str) -> str | None:
    value: Any = experiment
    for part in key.split("."):
        if not hasattr(value, part):
            return None
        value = getattr(value, part)
    text = config.compact(value)
    text = text.get("name", text) if isinstance(text, dict) else text
    written = text if isinstance(text, str) else shown(text)
    return written if len(written) <= LONGEST_VALUE else None


def _written(key: str, value: str) -> str:
    """Write a value behind the last word of its key, or alone if the key is one that comparisons are meant to vary.

    >>> _written("model.normalization", "batch"), _written("training.batch_size", "32")
    ('batch', 'batch_size 32')
    """
    return value if key in INTENDED else f"{key.rpartition('.')[2]} {value}"


def with_baseline(question: Question, planned: Sequence[Planned]) -> Question:
    """Return the question; if its baseline is what the user typed for one arm, replace it by that arm's name."""
    known = {name for item in planned for name in item.known_as}
    meant = [item.name for item in planned if item.given == question.baseline]
    return replace(question, baseline=meant[0]) if question.baseline not in known and len(meant) == 1 else question
