"""What would settle an open question: the number of seeds or rows that is named settles it about half of the time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from cases import slow
from scipy import stats

from bnexp import statistics
from bnexp.statistics import Levels, Needed, OpenQuestion, needed, pairs_to_settle, rows_to_settle
from bnexp.statistics.estimate import Estimate, over_seeds
from bnexp.statistics.held_out_rows import Components, new_rows

AT_95 = Levels()
WORLDS = {
    "no difference": (0.0, 0.02, False),
    "a small difference": (0.004, 0.02, False),
    "a large difference": (0.012, 0.03, False),
    "a large one the other way": (-0.015, 0.035, False),
    "a claim that seems false": (-0.006, 0.02, True),
    "a claim that seems true": (0.012, 0.03, True),
}
"""Mean and standard deviation of 12 pairs, and whether a claim is judged; the margin is 0.01."""


def is_settled(estimate: Estimate, pairs: int, *, is_claim: bool) -> bool:
    """Return True if the rule of verdicts finds a word; the sign-flip test is taken to agree."""
    found = statistics.shown(estimate, margin=0.01, pairs=pairs, sign_flip_p=lambda: 0.0, levels=AT_95)
    if is_claim:
        return statistics.claim_word(found) != "inconclusive"
    return statistics.comparison_word(found, higher_is_better=True) != "cannot tell yet"


@pytest.mark.parametrize("world", WORLDS)
def test_the_pairs_that_are_named_settle_a_question_in_half_of_all_cases(world: str) -> None:
    """By simulation: 12 pairs are fixed. What the true mean may be is drawn around theirs, and then more pairs."""
    mean, deviation, is_claim = WORLDS[world]
    first = 12
    question = OpenQuestion(mean, 0.01, AT_95, is_claim)
    named = pairs_to_settle(question, pairs=first, deviation=deviation)
    assert named is not None and named > first + 1
    draws, known_S = np.random.default_rng(3), np.linspace(-1, 1, first)
    known_S = mean + known_S / known_S.std(ddof=1) * deviation

    def share_settled(count: int) -> float:
        """Return how often this many pairs settle it."""
        found = []
        for true_mean in draws.normal(mean, deviation / math.sqrt(first), 500):
            later_S = np.concatenate([known_S, draws.normal(true_mean, deviation, count - first)])
            found.append(is_settled(over_seeds(later_S), count, is_claim=is_claim))
        return float(np.mean(found))

    assert not is_settled(over_seeds(known_S), first, is_claim=is_claim)
    assert share_settled(named) == pytest.approx(0.5, abs=0.09)
    assert share_settled(first + (named - first) // 4) < 0.42


@pytest.mark.parametrize(("mean", "more"), [(0.0, "seeds"), (0.013, "rows"), slow(0.0, "rows"), slow(0.013, "seeds")])
def test_what_is_named_for_new_rows_settles_a_question_in_half_of_all_cases(more: str, mean: float) -> None:
    """By simulation, as above: 10 seeds and 300 rows are known, and more seeds or more rows are drawn.

    What is known has this mean, so the whole table is shifted until it does. The variances are the true ones.
    """
    parts = Components(0.0005, 0.001, 0.02) if more == "seeds" else Components(0.00005, 0.012, 0.02)
    seeds, rows = 10, 300
    most = (400, rows) if more == "seeds" else (seeds, 6000)
    draws, settled = np.random.default_rng(4), []
    for _ in range(150):
        effects_S, effects_R = draws.normal(0, parts.seed**0.5, most[0]), draws.normal(0, parts.row**0.5, most[1])
        whole_SR = effects_S[:, None] + effects_R + draws.normal(0, parts.rest**0.5, most)
        whole_SR += mean - whole_SR[:seeds, :rows].mean()
        question = OpenQuestion(mean, 0.01, AT_95)
        farthest = new_rows(whole_SR[:seeds, :rows]).components.farthest
        found = needed(question, replace(parts, farthest=farthest), seeds=seeds, rows=rows)
        count = found.seeds if more == "seeds" else found.rows
        if count is not None and count <= max(most):
            later_SR = whole_SR[:count] if more == "seeds" else whole_SR[:, :count]
            settled.append(is_settled(new_rows(later_SR).estimate, len(later_SR), is_claim=False))
    assert len(settled) > 100
    assert np.mean(settled) == pytest.approx(0.5, abs=0.13)


def test_rows_that_are_named_before_training_show_equal_arms_equal_in_half_of_all_cases() -> None:
    """By simulation: the mean of the differences is 0, and seeds and rows are drawn."""
    parts, margin, seeds = Components(0.00001, 0.008, 0.04), 0.01, 10
    asked = OpenQuestion(0.0, margin, AT_95, fewest_rows=299)

    def rows_for(parts: Components, least: int = 2) -> int | None:
        return rows_to_settle(asked, parts, seeds=seeds, least=least, known=None)

    named = rows_for(parts)
    assert named is not None and named > 600

    def share_shown(rows: int) -> float:
        """Return the share of drawn comparisons whose interval is within the margin."""
        draws, shown = np.random.default_rng(6), []
        for _ in range(300):
            effects_S, effects_R = draws.normal(0, parts.seed**0.5, seeds), draws.normal(0, parts.row**0.5, rows)
            table_SR = effects_S[:, None] + effects_R + draws.normal(0, parts.rest**0.5, (seeds, rows))
            interval = new_rows(table_SR).estimate.interval(0.95)
            shown.append(-margin < interval.low and interval.high < margin)
        return float(np.mean(shown))

    assert share_shown(named) == pytest.approx(0.5, abs=0.1)
    assert share_shown(named // 2) < 0.25
    assert rows_for(parts, 100_000) == 100_000
    assert rows_for(replace(parts, seed=0.01)) is None, "the seeds alone vary more"
    assert rows_for(replace(parts, row=1e200)) is None
    assert rows_for(Components(0.0, 1e-9, 0.0)) == 299, "a rare kind of row takes this number"


@pytest.mark.parametrize("later_seeds", [10, slow(30)])
def test_rows_that_are_named_for_other_seeds_settle_a_question_in_half_of_all_cases(later_seeds: int) -> None:
    """By simulation: 10 seeds and 300 rows are known, and more rows are drawn, perhaps with more seeds."""
    parts, mean, seeds, rows = Components(0.00005, 0.012, 0.02), 0.003, 10, 300
    question, draws, settled = OpenQuestion(mean, 0.01, AT_95), np.random.default_rng(7), []
    named = rows_to_settle(question, parts, seeds=later_seeds, least=rows, known=(seeds, rows))
    assert named is not None and named > rows
    for _ in range(200):
        effects_S, effects_R = draws.normal(0, parts.seed**0.5, later_seeds), draws.normal(0, parts.row**0.5, named)
        whole_SR = effects_S[:, None] + effects_R + draws.normal(0, parts.rest**0.5, (later_seeds, named))
        whole_SR += mean - whole_SR[:seeds, :rows].mean()
        settled.append(is_settled(new_rows(whole_SR).estimate, later_seeds, is_claim=False))
    assert np.mean(settled) == pytest.approx(0.5, abs=0.12)


def test_seeds_and_rows_that_are_named_together_settle_a_question_in_half_of_all_cases() -> None:
    """By simulation, as above. Neither more seeds nor more rows settle this question: both vary too much."""
    parts, mean, seeds, rows = Components(0.0012, 0.012, 0.02), 0.018, 10, 60
    draws, settled, asked = np.random.default_rng(5), [], []
    for _ in range(120):
        effects_S, effects_R = draws.normal(0, parts.seed**0.5, 640), draws.normal(0, parts.row**0.5, 2000)
        known_SR = effects_S[:seeds, None] + effects_R[:rows] + draws.normal(0, parts.rest**0.5, (seeds, rows))
        farthest = new_rows(known_SR).components.farthest
        found = needed(OpenQuestion(mean, 0.01, AT_95), replace(parts, farthest=farthest), seeds=seeds, rows=rows)
        assert found.rows is None and found.seeds is None
        assert found.both is not None and found.both[0] in {seeds * 2**power for power in range(1, 7)}
        asked.append(found.both)
        if found.both[1] <= 2000:
            later_SR = effects_S[: found.both[0], None] + effects_R[: found.both[1]]
            later_SR = later_SR + draws.normal(0, parts.rest**0.5, later_SR.shape)
            later_SR[:seeds, :rows] = known_SR
            later_SR += mean - known_SR.mean()
            settled.append(is_settled(new_rows(later_SR).estimate, len(later_SR), is_claim=False))
    assert len(settled) > 80, asked[:10]
    assert np.mean(settled) == pytest.approx(0.5, abs=0.13)


def test_both_are_named_only_where_neither_alone_is_enough() -> None:
    either = needed(OpenQuestion(0.013, 0.01, AT_95), Components(0.0005, 0.001, 0.02, 4.0), seeds=10, rows=300)
    assert either.seeds is not None and either.both is None
    few = needed(OpenQuestion(0.02, 0.01, AT_95), Components(0.002, 0.01, 0.02), seeds=10, rows=9)
    assert few.both is None, "so few rows tell hardly anything of their variance"


# --- one at a time ----------------------------------------------------------------------


def first_enough(is_enough: Callable[[int], bool], least: int) -> int:
    """Return the first number that is enough, counted up one by one."""
    return next(count for count in range(least, 20_000) if is_enough(count))


def test_seeds_settle_what_seeds_leave_open_and_rows_do_not() -> None:
    """A mean of twice the margin, without any variance between rows: half of the later means are nearer to 0."""
    found = needed(OpenQuestion(0.02, 0.01, AT_95), Components(seed=0.01, row=0.0, rest=0.0), seeds=20, rows=200)
    enough = first_enough(lambda n: bool(stats.t.ppf(0.975, n - 1) * math.sqrt(0.01 / n) <= 0.02), 21)
    assert found.rows is None
    assert found.seeds is not None and 0.8 * enough < found.seeds <= enough  # some small means count, too


def test_rows_settle_what_rows_leave_open_and_seeds_do_not() -> None:
    found = needed(OpenQuestion(0.02, 0.01, AT_95), Components(seed=0.0, row=0.04, rest=0.0), seeds=20, rows=200)
    enough = first_enough(lambda n: bool(stats.t.ppf(0.975, n - 1) * math.sqrt(0.04 / n) <= 0.02), 201)
    assert found.seeds is None
    assert found.rows is not None and 0.8 * enough < found.rows <= enough


def test_a_row_that_lies_far_out_raises_the_number_that_is_needed() -> None:
    parts = Components(seed=0.0, row=0.04, rest=0.0)
    question = OpenQuestion(0.02, 0.01, AT_95)
    counts = [
        needed(question, Components(parts.seed, parts.row, parts.rest, farthest), seeds=20, rows=200).rows
        for farthest in (0.0, 4.0, 100.0)
    ]
    assert None not in counts and counts == sorted(counts) and counts[2] > 1.2 * counts[0]  # type: ignore[operator,type-var]


def test_rows_that_a_small_difference_takes_are_asked_for_though_the_interval_is_narrow() -> None:
    narrow, question = Components(seed=0.0, row=1e-6, rest=1e-6), OpenQuestion(0.0, 0.01, AT_95, fewest_rows=299)
    assert needed(question, narrow, seeds=20, rows=100) == Needed(rows=299, seeds=None)


@pytest.mark.parametrize("size", [1e-100, 1e-3, 1e80])
def test_what_is_needed_does_not_depend_on_the_unit(size: float) -> None:
    parts = Components(0.0005 * size**2, 0.001 * size**2, 0.02 * size**2, 4.0)
    found = needed(OpenQuestion(0.013 * size, 0.01 * size, AT_95), parts, seeds=10, rows=300)
    assert found == needed(OpenQuestion(0.013, 0.01, AT_95), Components(0.0005, 0.001, 0.02, 4.0), seeds=10, rows=300)


def test_no_seeds_are_named_where_so_few_rows_tell_hardly_anything_of_their_variance() -> None:
    parts, question = Components(0.001, 0.0, 0.02), OpenQuestion(0.02, 0.01, AT_95)
    assert [needed(question, parts, seeds=10, rows=rows).seeds is None for rows in (2, 9, 10)] == [True, True, False]


def test_a_mean_at_the_margin_is_settled_once_it_moves_and_is_known_well() -> None:
    """Half of what it can be is small and half large; so the number is finite, but large."""
    found = pairs_to_settle(OpenQuestion(0.01, 0.01, AT_95), pairs=12, deviation=0.02)
    easy = pairs_to_settle(OpenQuestion(0.02, 0.01, AT_95), pairs=12, deviation=0.02)
    assert found is not None and easy is not None and found > easy


@pytest.mark.parametrize(
    ("mean", "is_claim", "expected"),
    [
        (0.0, False, stats.norm.cdf(0.4) * 2 - 1 + 2 * stats.norm.sf(1.0)),
        (0.7, False, stats.norm.cdf(-0.3) - stats.norm.cdf(-1.1) + stats.norm.sf(0.3) + stats.norm.cdf(-1.7)),
        (-0.7, True, stats.norm.cdf(1.1) + stats.norm.sf(1.7)),  # the way round that refutes reaches what is small
    ],
)
def test_the_chance_is_that_of_a_later_mean_that_is_small_or_large(
    mean: float, is_claim: bool, expected: float
) -> None:
    """A margin of 1, a spread of 1, and an interval of half the width 0.6; for the claim 0.3 from 0."""
    question = OpenQuestion(mean, 1.0, Levels(sign=0.9, margin=0.95), is_claim)
    widths = {0.95: 0.6, 0.9: 0.3}
    assert question.chance(1.0, widths.__getitem__) == pytest.approx(expected)


def test_without_a_spread_the_chance_is_all_or_nothing() -> None:
    question = OpenQuestion(0.2, 1.0, AT_95)
    assert [question.chance(0.0, lambda _, half=half: half) for half in (0.7, 0.9)] == [1.0, 0.0]
