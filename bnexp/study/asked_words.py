"""Sentences on hypotheses that came after results, and on answers that came before."""

from __future__ import annotations

from collections.abc import Sequence

from bnexp import statistics
from bnexp.comparison.looks import error_in_words, ordinal, seeds_in_words
from bnexp.errors import counted

AFTER_RESULTS = "This hypothesis was added or changed after the results were known: treat it as exploratory."


def shares_with_later(after_results: Sequence[bool]) -> str | None:
    """Return a note that later hypotheses share the error with earlier ones; None if there are not both.

    `after_results` says for each hypothesis of a study whether results were known when it was asked.

    >>> shares_with_later([False, True, True]).partition(". ")[0]
    '2 hypotheses were added after the results and share the error'
    """
    later = sum(after_results)
    if not later or all(after_results):
        return None
    were = f"{counted(later, 'hypothesis')} {'was' if later == 1 else 'were'} added after the results and "
    shares = "shares" if later == 1 else "share"
    return f"{were}{shares} the error. So this hypothesis's interval can be wider than before."


def looked_before(earlier: Sequence[int], seeds: int) -> str:
    """Return a note on how earlier answers with fewer seeds change the error of the answer with these seeds.

    >>> looked_before([10, 20], 40).partition("; ")[0]
    'It had an answer at 10 and 20 seeds before, so the one at 40 seeds is the third look'
    """
    error = error_in_words(statistics.error_of([(count, statistics.LEVEL) for count in (*earlier, seeds)]))
    which = f"the one at {counted(seeds, 'seed')} is the {ordinal(len({*earlier, seeds}))} look"
    cure = "Decide on the number of seeds before the first answer."
    return f"It had an answer at {seeds_in_words(earlier)} before, so {which}; {error}. {cure}"


def first_answer_in_words(word: str) -> str:
    """Return a note on a first verdict whose word was another one than now."""
    changed = "Since then the hypotheses that share the error, or bnexp, have changed"
    return f'Its first answer from these trials was "{word}". {changed}. Report both answers.'
