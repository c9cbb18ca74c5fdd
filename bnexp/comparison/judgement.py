"""Why no verdict is given, whatever the difference is: one rule for a comparison and for a study's hypothesis.

A comparison and a study name different arms and advise different things. `Advice` holds their words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bnexp import statistics
from bnexp.comparison.metric_rules import (
    ROUNDING,
    judged_by_what_chose,
    lost_pairs,
    nothing_learned,
    score_of_guessing,
    undefined_pairs,
)
from bnexp.statistics import LEVEL
from bnexp.statistics.arrays import Floats


@dataclass(frozen=True)
class Evidence:
    """What a verdict about a metric would rest on; counts alone, so that it can be read from a stored document."""

    metric: str
    pairs: int
    lost: int = 0
    """Pairs without a value, since a seed diverged."""
    undefined: int = 0
    """Other pairs without a value: the metric is not defined for what a seed measured."""
    guessing: float | None = None
    """What a net scores that has learned nothing, if no arm beats it: `unbeaten`."""
    fair: str | None = None
    """The metric that is fair to all classes, where accuracy is asked for and is not."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Metric by which training chose -> what chose: `chosen_by`."""
    level: float = LEVEL
    """Of the interval that decides."""


@dataclass(frozen=True)
class Advice:
    """The words of a comparison or a study: which arms do not beat guessing, and what is advised."""

    who: str
    more_pairs: str
    read: str = "Read"
    """Stands before a metric that can answer."""
    undefined: str = ""
    """Why a metric may have no value though no seed diverged."""
    after_loss: str = ""
    after_choice: str = ""


@dataclass(frozen=True)
class Withheld:
    """Why there is no verdict, and how many pairs would be enough for one, if they are too few."""

    sentence: str
    settled_by: int | None = None
    seeds_could_settle: bool = False


def withheld(evidence: Evidence, words: Advice) -> Withheld | None:
    """Return why a verdict is withheld, the gravest reason first; None if it is not."""
    if evidence.lost:
        return Withheld(_joined(f"No verdict: {lost_pairs(evidence.lost)}", words.after_loss))
    if evidence.undefined:
        seen = undefined_pairs(evidence.undefined, evidence.metric, words.undefined)
        return Withheld(f"No verdict: {seen} Choose another metric.")
    for text in judged_by_what_chose(evidence.metric, evidence.chosen):
        return Withheld(_joined(f"No verdict: it {text}", words.after_choice))
    if evidence.pairs < (fewest := statistics.fewest_pairs(evidence.level)):
        return Withheld(_too_few(evidence, fewest, words), fewest, seeds_could_settle=True)
    if evidence.guessing is not None:
        sentence = nothing_learned(evidence.metric, evidence.guessing, words.who, read=words.read, fair=evidence.fair)
        return Withheld(sentence, seeds_could_settle=True)
    return None


def _joined(reason: str, cure: str) -> str:
    return f"{reason} {cure}" if cure else reason


def _too_few(evidence: Evidence, fewest: int, words: Advice) -> str:
    few = f"{evidence.pairs} pair{'s are' if evidence.pairs > 1 else ' is'} too few for a verdict, which needs {fewest}"
    chance = f"{100 * (1 - evidence.level):.3g}%"
    return f"{few}: fewer can all agree by chance in more than {chance} of cases. {words.more_pairs}"


def unbeaten(metric: str, arms: Iterable[tuple[Mapping[str, float], Floats]]) -> float | None:
    """Return what a net scores that has learned nothing, if no arm's interval lies above it; else None.

    `arms` holds two things for each arm: what guessing scores on each part, and the seeds' values, (S,). If the scores
    differ, the highest is returned. An arm whose score is not known may beat it.

    >>> import numpy as np
    >>> unbeaten("val_accuracy", [({"val": 0.5}, np.full(6, 0.5)), ({"val": 0.5}, np.full(6, 0.4))])
    0.5
    """
    scored = [(score_of_guessing(metric, guesses), values_S) for guesses, values_S in arms]
    known = [(score, values_S) for score, values_S in scored if score is not None]
    if len(known) < len(scored) or any(statistics.beats(values_S, score + ROUNDING) for score, values_S in known):
        return None
    return max((score for score, _ in known), default=None)
