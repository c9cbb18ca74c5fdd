"""Reasons to withhold a verdict, whatever the difference is: one rule for a comparison and for a study's hypothesis.

A comparison and a study name different arms and give different advice. `Advice` holds their words.
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
from bnexp.metrics import part_of
from bnexp.statistics import LEVEL
from bnexp.statistics.arrays import Floats
from bnexp.store.run_record import DataFacts

FEW_ROWS = 100
"""With fewer rows in a part, a net that has learned nothing may have had too few rows to learn from, or to show it."""


@dataclass(frozen=True)
class Evidence:
    """The facts that decide whether a verdict about a metric is withheld. All can be read from a stored document."""

    metric: str
    pairs: int
    """Pairs of seeds that have a value."""
    lost: int = 0
    """Pairs that have no value because a seed diverged."""
    undefined: int = 0
    """Pairs that have no value for another reason: the metric is not defined for a seed's results."""
    guessing: float | None = None
    """The score of a net that has learned nothing, if no arm beats it (`unbeaten`); else None."""
    fair: str | None = None
    """A metric that is fair to all classes, if the metric is an accuracy that is not; else None."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Metric -> what chose by this metric, such as early stopping (`chosen_by`)."""
    has_test: bool = False
    """Whether the arms are measured on a test part, on which nothing was chosen."""
    level: float = LEVEL
    """Level of the interval that decides."""
    few_rows: str = ""
    """That too few rows may be why no arm beats guessing (`few_rows`); empty if the parts are large enough."""


@dataclass(frozen=True)
class Advice:
    """The words with which a comparison or a study explains why it has no verdict, and what to do."""

    who: str
    """The arms as the subject of "beats guessing", such as "neither bn nor nobn"."""
    more_pairs: str
    """How to get more pairs."""
    read: str = "Read"
    """The words before the name of a metric that can answer."""
    undefined: str = ""
    """Why a metric may have no value although no seed diverged."""
    after_loss: str = ""
    """What to do if seeds diverged."""
    after_choice: str = ""
    """What to do after choosing a metric on other rows."""


@dataclass(frozen=True)
class Withheld:
    """Why there is no verdict. If there are too few pairs, `settled_by` is the number that would be enough."""

    sentence: str
    settled_by: int | None = None
    seeds_could_settle: bool = False


def withheld(evidence: Evidence, words: Advice) -> Withheld | None:
    """Return the most serious reason to withhold a verdict; None if there is no reason."""
    if evidence.lost:
        return Withheld(_joined(f"No verdict: {lost_pairs(evidence.lost)}", words.after_loss))
    if evidence.undefined:
        seen = undefined_pairs(evidence.undefined, evidence.metric, words.undefined)
        return Withheld(f"No verdict: {seen} Choose another metric.")
    for text in judged_by_what_chose(evidence.metric, evidence.chosen, has_test=evidence.has_test, read=words.read):
        return Withheld(_joined(f"No verdict: it {text}", "" if evidence.has_test else words.after_choice))
    if evidence.pairs < (fewest := statistics.fewest_pairs(evidence.level)):
        return Withheld(_too_few(evidence, fewest, words), fewest, seeds_could_settle=True)
    if evidence.guessing is not None:
        sentence = nothing_learned(evidence.metric, evidence.guessing, words.who, read=words.read, fair=evidence.fair)
        return Withheld(_joined(sentence, evidence.few_rows), seeds_could_settle=True)
    return None


def few_rows(metric: str, facts: DataFacts) -> str:
    """Return a sentence with the rows of the training part and of the part that judges, if one has few; else "".

    >>> few_rows("val_r2", DataFacts(training_rows=55, validation_rows=14))
    'Too few rows are a likely reason, too: 55 for training, and 14 in the validation part.'
    >>> few_rows("val_r2", DataFacts(training_rows=400, validation_rows=100))
    ''
    """
    held_out = {"val": ("validation", facts.validation_rows), "test": ("test", facts.test_rows)}
    part, judged = held_out.get(part_of(metric), ("", None))
    if not any(rows is not None and rows < FEW_ROWS for rows in (facts.training_rows, judged)):
        return ""
    seen = [] if facts.training_rows is None else [f"{facts.training_rows:,} for training"]
    seen += [] if judged is None else [f"{judged:,} in the {part} part"]
    return f"Too few rows are a likely reason, too: {', and '.join(seen)}."


def _joined(reason: str, cure: str) -> str:
    return f"{reason} {cure}" if cure else reason


def _too_few(evidence: Evidence, fewest: int, words: Advice) -> str:
    few = f"{evidence.pairs} pair{'s are' if evidence.pairs > 1 else ' is'} too few for a verdict, which needs {fewest}"
    chance = f"{100 * (1 - evidence.level):.3g}%"
    return f"{few}: fewer can all agree by chance in more than {chance} of cases. {words.more_pairs}"


def unbeaten(metric: str, arms: Iterable[tuple[Mapping[str, float], Floats]]) -> float | None:
    """Return the score of a net that has learned nothing, if no arm's interval lies above it; else None.

    `arms` holds two things for each arm: the score of guessing on each part, and the seeds' values, (S,). If the scores
    differ, the highest is returned. If a score is not known, the result is None, because that arm may beat guessing.

    >>> import numpy as np
    >>> unbeaten("val_accuracy", [({"val": 0.5}, np.full(6, 0.5)), ({"val": 0.5}, np.full(6, 0.4))])
    0.5
    """
    scored = [(score_of_guessing(metric, guesses), values_S) for guesses, values_S in arms]
    known = [(score, values_S) for score, values_S in scored if score is not None]
    if len(known) < len(scored) or any(statistics.beats(values_S, score + ROUNDING) for score, values_S in known):
        return None
    return max((score for score, _ in known), default=None)
