"""Looks at a growing number of seeds: what each look found, whether another is needed, and how often they err."""

from __future__ import annotations

from collections.abc import Sequence

from bnexp import statistics
from bnexp.comparison.verdict import OPEN
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import Verdict
from bnexp.store.looks import EarlierLook, Look, Looks

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def look_of(document: ComparisonDocument, planned: Sequence[int] = ()) -> Look:
    """Return a comparison as a look: its seeds, level and words. Planned looks share the error by higher levels."""
    level = 1 - statistics.share_of_each(planned) if planned else document.level
    words = {contrast.arm: contrast.verdict.word for contrast in document.contrasts}
    return Look(seeds=len(document.seeds), level=level, words=words)


def is_over(document: ComparisonDocument) -> bool:
    """Return True if each contrast is settled, or cannot be settled by more seeds."""
    verdicts = [contrast.verdict for contrast in document.contrasts]
    return all(one.word != OPEN or one.seeds_could_settle is False for one in verdicts)


def with_looks(
    document: ComparisonDocument,
    taken: Sequence[Look],
    planned: Sequence[int],
    earlier: Sequence[EarlierLook],
    *,
    stored: Sequence[EarlierLook] = (),
) -> ComparisonDocument:
    """Return the comparison of the last look, with how the looks ended and the probability that any of them errs.

    If a verdict advises more seeds, its sentence also says how often any look errs after that further one. For this,
    every look in `stored` counts. If this comparison repeats a stored one, `stored` also has the looks after that one.
    Earlier looks do not matter to an arm about which nothing is answered now.
    """
    document = document.model_copy(deep=True)
    without = {contrast.arm for contrast in document.contrasts if contrast.verdict.is_silent}
    earlier = [look for look in earlier if planned or look.arm not in without]
    now = [*((look.seeds, look.level) for look in taken), *((count, taken[-1].level) for count in planned)]
    errors = []
    for contrast in document.contrasts:
        before = [(look.seeds, look.level) for look in earlier if look.arm == contrast.arm]
        errors.append(statistics.error_of([*before, *now]))
        if planned:
            contrast.verdict.sentence += f" {_end(contrast.verdict, taken)}"
        elif contrast.verdict.settled_by is not None and not contrast.verdict.is_withheld:
            looks = [*((look.seeds, look.level) for look in stored or earlier if look.arm == contrast.arm), *now]
            more = contrast.verdict.settled_by
            contrast.verdict.sentence += f" {next_look(f'--seeds {more}', more, looks)}"
        if before:
            seeds = [count for count, _ in before]
            contrast.cautions.append(caution(seeds, taken[-1].seeds, errors[-1], is_planned=bool(planned)))
    if planned or earlier:
        document.looks = Looks(planned=list(planned), taken=list(taken), earlier=list(earlier), error=max(errors))
    return document


def _end(verdict: Verdict, taken: Sequence[Look]) -> str:
    """Return how the looks ended for one contrast."""
    look, seeds = ordinal(len(taken)), taken[-1].seeds
    if verdict.word != OPEN:
        return f"Settled at the {look} look ({seeds:,} seeds)."
    if verdict.seeds_could_settle is False:
        return f"Stopped at the {look} look ({seeds:,} seeds): more seeds will not settle this."
    return f"Not settled after {seeds:,} seeds."


def caution(before: Sequence[int], seeds: int, error: float, *, is_planned: bool) -> str:
    """Return a caution on how much looks outside a plan raise the risk of an error."""
    seen = f"Stored comparisons looked at these arms at {seeds_in_words(before)} before"
    if is_planned:
        return f"{seen}, outside this plan of looks; {error_in_words(error)}."
    number = ordinal(len({*before, seeds}))
    planned = "Looks that --until-settled plans before the first one share the 5% risk of an error"
    cure = f"{planned}. Confirm this answer on other data."
    return f"{seen}, so this is the {number} look; {error_in_words(error)}. {cure}"


def error_in_words(error: float) -> str:
    """Return a clause on how often at least one of several looks errs.

    >>> error_in_words(0.1144)
    'together, all looks err in about 11% of cases without a difference, not in 5%'
    """
    return f"together, all looks err in about {100 * error:.2g}% of cases without a difference, not in 5%"


def next_look(option: str, seeds: int, looks: Sequence[tuple[int, float]]) -> str:
    """Return a sentence on what a further look costs. `looks` are the looks so far: (seeds, level).

    >>> next_look("--seeds 40", 40, [(10, 0.95), (20, 0.95)]).partition(" of cases")[0]
    '--seeds 40: that would be the third look; together, all looks err in about 11%'
    """
    number = len({*(count for count, _ in looks), seeds})
    error = statistics.error_of([*looks, (seeds, statistics.LEVEL)])
    return f"{option}: that would be the {ordinal(number)} look; {error_in_words(error)}."


def seeds_in_words(counts: Sequence[int]) -> str:
    """Return numbers of seeds as a list in words.

    >>> seeds_in_words([10, 20, 40]), seeds_in_words([20])
    ('10, 20 and 40 seeds', '20 seeds')
    """
    *others, last = map(str, counts)
    return f"{', '.join(others)} and {last} seeds" if others else f"{last} seeds"


def ordinal(number: int) -> str:
    """Return the ordinal of a number: a word up to ten, else digits with their ending.

    >>> ordinal(3), ordinal(11), ordinal(21), ordinal(112)
    ('third', '11th', '21st', '112th')
    """
    if number <= len(ORDINALS):
        return ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
