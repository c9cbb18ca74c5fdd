"""Cells that a hypothesis averages: which way each points, and a verdict that does not average opposite answers."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import studies
from pydantic import ValidationError
from rich.console import Console

from bnexp import statistics
from bnexp.comparison.drawn_anew import DrawnAnew
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.comparison.new_rows import over_own_splits
from bnexp.config.study import Hypothesis
from bnexp.report.study_cells import cells_of
from bnexp.statistics import Levels
from bnexp.store.study_document import HypothesisRecord
from bnexp.study.across import Part, Parts, recorded
from bnexp.study.contrast import Contrast, contrast_of
from bnexp.study.grid import Cell
from bnexp.study.result import Result
from bnexp.study.verdict import judged, judged_difference
from bnexp.study.words import ClaimWording

SEEDS = 20
NOT_KEPT = (
    " What each row measured is not kept, so nothing is said of new rows. "
    "To have it, run the study with training.keep_rows: true, in another directory of runs."
)
SIX = (0.05, 0.06, -0.012, -0.01, -0.015, -0.02)
"""The mean over these cells is 0.9 points above 0, and four of them lie below."""


claim = partial(studies.claim, smallest=0.005)
WORDING = ClaimWording(claim(), None, (0, 0), lambda claimed: False)


def contrast(one: Hypothesis, gains: Any, *, noise: float = 0.004, seeds: int = SEEDS, **facts: Any) -> Contrast:
    """Return the contrast over cells in which bn gains this much; `gains` of two axes are of two factors."""
    generator, results, cells = np.random.default_rng(0), {}, []
    for number, (place, gain) in enumerate(np.ndenumerate(np.asarray(gains, float))):
        cells.append(Cell(number, dict(zip(("model.depth", "model.width"), place, strict=False)), {}))
        base_S = 0.6 + generator.normal(0, 0.01, seeds)
        for arm, value_S in (("none", base_S), ("bn", base_S + gain + noise * generator.standard_normal(seeds))):
            results[number, arm] = Result.model_validate(
                {
                    "trial": "t", "levels": {}, "arm": arm, "experiment": "e", "seeds": list(range(seeds)), "steps": 1,
                    "final": {"test_accuracy": value_S.tolist(), "test_loss": value_S.tolist()}, "epochs_to": {},
                    "budget_epochs": 10, "diverged": {}, "seconds": 0.1, **facts.get(arm, {}),
                }
            )  # fmt: skip
    return contrast_of(one, cells, results)


def judge(gains: Any, *, noise: float = 0.004, seeds: int = SEEDS, **keys: Any) -> HypothesisRecord:
    one = claim(**keys)
    (found,) = judged([one], [contrast(one, gains, noise=noise, seeds=seeds)])
    return found


def directions(found: HypothesisRecord) -> list[str | None]:
    assert found.across is not None
    return [cell.direction for cell in found.across.cells]


def printed(found: HypothesisRecord) -> list[str]:
    out = Console(file=io.StringIO(), width=250)
    for part in cells_of(found):
        out.print(part)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_cells_that_point_in_opposite_directions_have_no_single_answer() -> None:
    found = judge(SIX)
    assert found.difference is not None and found.difference.low is not None and found.difference.low > 0.005
    assert (found.verdict.word, found.verdict.about) == ("inconclusive", "these rows")
    assert found.verdict.sentence == (
        "No single answer on these rows: bn is higher in 2 cells and lower in 4, each beyond its noise. "
        "See the cells, or ask of each with `at`." + NOT_KEPT
    )
    assert directions(found) == ["higher", "higher", "lower", "lower", "lower", "lower"]


def test_the_same_mean_over_cells_that_agree_has_a_verdict() -> None:
    found = judge([0.008, 0.009, 0.01, 0.009, 0.008, 0.01])
    assert found.verdict.word == "supported"
    assert set(directions(found)) == {"higher"}


def test_a_claim_of_the_other_direction_names_its_own_direction_first() -> None:
    assert ": bn is lower in 4 cells and higher in 2, each" in judge(SIX, direction="lower").verdict.sentence


def test_cells_without_a_direction_are_counted() -> None:
    assert " 1 other cell shows no direction. " in judge([0.05, -0.03, 0.0]).verdict.sentence
    assert " 2 other cells show no direction. " in judge([0.05, -0.03, 0.0, 0.0]).verdict.sentence


def test_cells_that_differ_by_less_than_matters_have_a_single_answer() -> None:
    found = judge([0.002, -0.002], noise=0.001, smallest=0.01)
    assert found.verdict.word == "refuted" and "less than 1.00 either way" in found.verdict.sentence
    assert directions(found) == [None, None]


def test_one_cell_that_is_lower_by_noise_alone_leaves_the_verdict() -> None:
    assert judge([0.05, 0.06, -0.001]).verdict.word == "supported"


def test_each_cell_has_its_interval_at_bonferronis_level() -> None:
    found = judge(SIX)
    assert found.across is not None and found.across.about == "these rows"
    assert found.across.level == pytest.approx(1 - 0.05 / 6)
    part = contrast(claim(), SIX).parts[3]
    expected = statistics.over_seeds(part.difference_S).interval(1 - 0.05 / 6)
    cell = found.across.cells[3]
    assert (cell.levels, cell.mean, cell.low, cell.high) == (
        {"model.depth": 3}, pytest.approx(expected.mean), pytest.approx(expected.low), pytest.approx(expected.high)
    )  # fmt: skip


def test_cells_share_the_error_of_a_hypothesis_that_shares_it_with_others() -> None:
    claims = [claim(), claim(direction="lower")]
    one, _ = judged(claims, [contrast(each, [0.05, 0.05]) for each in claims])
    assert one.across is not None and one.across.level == pytest.approx(1 - 0.05 / 2 / 2)


def test_how_much_cells_differ_takes_into_account_that_they_share_seeds() -> None:
    one = claim()
    (found,), seen = judged([one], [contrast(one, SIX)]), contrast(one, SIX)
    assert found.across is not None and found.across.heterogeneity is not None
    expected = statistics.heterogeneity(
        [statistics.over_seeds(part.difference_S) for part in seen.parts],
        statistics.over_seeds(seen.difference_S),
    )
    assert expected is not None and expected.prediction is not None
    held = found.across.heterogeneity
    assert (held.q, held.tau, held.p_value) == pytest.approx((expected.q, expected.tau, expected.p_value))
    assert held.prediction is not None and held.prediction.high == pytest.approx(expected.prediction.high)
    assert held.tau == pytest.approx(np.std(SIX, ddof=1), rel=0.15)


@pytest.mark.parametrize("wins", [False, True])
def test_cells_that_are_alike_are_seldom_said_to_differ(wins: bool) -> None:
    """With wins, the mean over cells is judged by its own sign. Its error is not the one of the cells' mean wins."""
    generator, one, said = np.random.default_rng(3), claim(wins=wins), []
    for _ in range(200):
        difference_CS = generator.normal(0.003, 0.01, (4, SEEDS))
        parts = [Part(cell, judged_difference(one, cell), WORDING) for cell in map(Contrast, difference_CS)]
        whole = judged_difference(one, Contrast(difference_CS.mean(axis=0)))
        assert whole is not None
        found = recorded(one, Parts.of(parts, Levels()), whole)
        assert found is not None
        if (held := found.heterogeneity) is not None:
            said.append(held.p_value < 0.05)
            assert (held.prediction is None) == wins, "it would lie around the mean wins, which is not judged"
    assert len(said) > 190 and np.mean(said) <= 0.1


def test_a_single_cell_and_an_interaction_average_nothing() -> None:
    assert judge([0.05]).across is None
    one = claim(at={"model.depth": 0}, minus={"model.depth": 1})
    assert contrast(one, [0.05, -0.03]).parts == ()
    assert judge([0.05, -0.03], at={"model.depth": 0}).verdict.word == "supported"


def test_a_mean_that_is_asked_for_by_name_is_answered_and_the_groups_that_are_left_must_agree() -> None:
    over = {"factor": "model.depth", "take": "mean"}
    assert judge(SIX, over=over).verdict.word == "supported"
    assert judge([[0.05, 0.04], [-0.01, -0.02]], over=over).verdict.word == "supported"  # widths agree
    apart = judge([[0.05, -0.02], [0.04, -0.03]], over=over)
    assert apart.verdict.sentence.startswith(
        "No single answer on these rows: bn is higher in 1 group and lower in 1, each beyond its noise. See the groups,"
    )
    assert apart.across is not None and [one.levels for one in apart.across.cells] == [
        {"model.width": 0},
        {"model.width": 1},
    ]


def test_ratios_point_by_their_logs_and_wins_by_their_counts() -> None:
    loss = {"metric": {"metric": "test_loss", "ratio": True}, "direction": "lower", "smallest": 1.05}
    ratio = judge([-0.1, 0.2, 0.1], **loss)
    assert ": bn is lower in 1 cell and higher in 2, each beyond" in ratio.verdict.sentence
    assert printed(ratio)[1].startswith("model.depth  none / bn, these rows [98.33%]")
    wins = judge([0.35, -0.3, 0.3], wins=True, smallest=0.3)
    assert ": bn wins more seeds in 2 cells and wins fewer seeds in 1, each beyond" in wins.verdict.sentence
    assert wins.across is not None and wins.across.heterogeneity is None
    assert printed(wins)[0] == "mean over 3 cells; how much they differ is unknown, as a cell has no spread over seeds"


def test_warnings_come_first_where_cells_disagree() -> None:
    one = claim()
    (found,) = judged([one], [contrast(one, SIX, bn={"warnings": ["too few steps"]})])
    assert (
        found.verdict.word == "inconclusive" and "beyond its noise. Fix the warnings first." in found.verdict.sentence
    )


def test_a_cell_points_nowhere_if_its_arms_guess_or_if_censored_seeds_flatter_one() -> None:
    values_S = 0.05 + 0.001 * np.resize([-1.0, 1.0], SEEDS)
    ahead, behind = Contrast(values_S), Contrast(-values_S)
    mean_S = np.resize([0.03, 0.031], SEEDS)
    for other, keys in ((behind, {}), (Contrast(-values_S, guessing=0.5), {}), (behind, {"wins": True})):
        (found,) = judged([claim(**keys)], [Contrast(mean_S, parts=(ahead, other))])
        assert (found.verdict.word == "inconclusive") == (other is behind)
    timed = claim(metric={"metric": "val_accuracy", "epochs_to": 0.9}, smallest=1.01)
    for never, word in (((0, 0), "inconclusive"), ((3, 0), "supported")):
        (found,) = judged([timed], [Contrast(mean_S, parts=(ahead, Contrast(-values_S, never)))])
        assert found.verdict.word == word


@pytest.mark.parametrize("effect", [0.0, 0.005])
def test_cells_that_share_one_effect_are_seldom_said_to_disagree(effect: float) -> None:
    generator, one, count = np.random.default_rng(1), claim(smallest=0.001), 400
    drawn = effect + 0.01 * (generator.normal(size=(count, 1, 10)) + generator.normal(size=(count, 6, 10)))
    wording = ClaimWording(one, None, (0, 0), lambda claimed: False)
    found = [
        Parts.of(
            [Part(Contrast(each_S), JudgedDifference("test_accuracy", each_S, 0.001), wording) for each_S in each],
            Levels(),
        )
        for each in drawn
    ]
    assert np.mean([parts.disagree for parts in found]) <= 0.01


def test_an_open_question_over_cells_that_differ_names_no_number_of_seeds() -> None:
    apart = judge([0.029, 0.01, 0.019], smallest=0.02)
    assert (apart.verdict.word, apart.verdict.settled_by) == ("inconclusive", None)
    assert (
        " The cells differ beyond their noise (Cochran's Q, p <0.001), so more seeds may only show that there is no "
        "single answer. Ask of each with `at`." + NOT_KEPT
    ) in apart.verdict.sentence
    alike = judge([0.016, 0.0165, 0.017], noise=0.02, smallest=0.02)
    assert alike.verdict.word == "inconclusive" and alike.verdict.settled_by
    assert (
        f"With about {alike.verdict.settled_by} pairs of seeds (`seeds: {alike.verdict.settled_by}`) "
        "there is about a 50% chance to settle it." in alike.verdict.sentence
    )
    assert alike.verdict.sentence.endswith(
        f" `seeds: {alike.verdict.settled_by}`: that would be the second look; together, all looks err in about 8.9% of "
        "cases without a difference, not in 5%."
    )
    groups = judge([[0.05, 0.01], [0.02, 0.0]], smallest=0.0201, over={"factor": "model.depth", "take": "mean"})
    assert groups.verdict.word == "inconclusive" and " The groups differ beyond" in groups.verdict.sentence


def test_a_spread_of_cells_that_the_test_does_not_show_is_not_stated_as_found() -> None:
    found = judge([0.02, 0.024, 0.018], noise=0.01)
    assert found.across is not None and found.across.heterogeneity is not None
    held = found.across.heterogeneity
    assert held.tau and held.p_value > 0.05
    first = printed(found)[0]
    assert (
        f"; it is not shown that they differ beyond their noise (Cochran's Q, p {held.p_value:.2g}); they may differ by"
        in first
    )
    assert f" a standard deviation of about {100 * held.tau:.2f} (tau);" in first


def test_a_cell_in_which_seeds_never_arrive_is_a_bound_as_the_mean_over_cells_is() -> None:
    timed = claim(metric={"metric": "val_accuracy", "epochs_to": 0.9}, direction="lower", smallest=1.2)
    ahead_S = -np.log(2) + 0.01 * np.resize([-1.0, 1.0], SEEDS)
    parts = tuple(
        Contrast(ahead_S, never, levels={"model.depth": number})
        for number, never in enumerate(((0, 0), (0, 3), (2, 0)))
    )
    (found,) = judged([timed], [Contrast(ahead_S, (2, 3), parts=parts)])
    assert found.across is not None
    assert [one.reading for one in found.across.cells] == ["ratio", "at least", "at most"]
    *rows, note = printed(found)[-4:]
    assert note.startswith(
        "direction -: no direction is shown. This can be so although the interval lies on one side of 0 (of 1, for a ratio)"
    )
    assert [">= 2 [" in row for row in rows] == [False, True, False]
    assert ["<= 2 [" in row for row in rows] == [False, False, True]


# --- what is kept and shown ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gains", "word", "deviation"),
    [((0.05, 0.01, 0.02), "supported", "2.18"), ((-0.05, -0.01, -0.02), "refuted", "2.24")],
)
def test_a_settled_verdict_says_that_its_cells_differ_beyond_their_noise(
    gains: tuple[float, ...], word: str, deviation: str
) -> None:
    found = judge(gains)
    assert found.verdict.word == word
    assert found.verdict.sentence.endswith(
        f" This mean is over cells that differ beyond their noise, by a standard deviation of {deviation} (Cochran's Q, "
        "p <0.001): see each cell."
    )
    assert "differ" not in judge([sum(gains) / 3] * 3).verdict.sentence
    assert "differ" not in judge(SIX).verdict.sentence, "that they disagree says more"


def test_another_cell_is_not_predicted_beyond_what_is_possible() -> None:
    found = judge((0.3, -0.3, 0.1))
    assert " ".join(printed(found)[:2]).endswith(
        "another cell of this kind: [-100.00, +100.00] (95% prediction interval; these cells are too few to predict "
        "another one)"
    )
    one_side = judge((0.36, -0.1, 0.36, 0.36))
    assert "+100.00] (95% prediction interval, cut at the largest difference that is possible)" in " ".join(
        printed(one_side)[:2]
    )
    lossy = judge((0.3, -0.3, 0.1), metric="test_loss").across
    assert lossy is not None and lossy.heterogeneity is not None and lossy.heterogeneity.prediction is not None
    assert lossy.heterogeneity.prediction.low < -1, "a loss has no limit"


def test_cells_without_spread_beyond_their_noise_are_not_said_to_differ_by_a_number() -> None:
    found = judge((0.02, 0.02, 0.02))
    assert found.across is not None and found.across.heterogeneity is not None
    assert found.across.heterogeneity.tau == 0
    assert "; no spread of cells beyond their noise was found (tau 0; Cochran's Q, p " in printed(found)[0]


def test_the_table_has_a_line_for_how_much_cells_differ_and_a_row_for_each_cell() -> None:
    found = judge(SIX)
    assert found.across is not None and found.across.heterogeneity is not None
    first, head, *rows = printed(found)
    assert first == (
        "mean over 6 cells: the difference is above 0 in 2 of them and below 0 in 4; beyond their noise they differ by a standard deviation of 3.69 "
        "(tau; Cochran's Q, p <0.001); another cell of this kind: [-10.22, +11.91] (95% prediction interval)"
    )
    assert head == "model.depth  bn - none, these rows [99.17%]  direction"
    assert rows[0] == "0            +5.02 [+4.84, +5.21]            higher" and rows[5].endswith("lower")
    assert len(rows) == 6


def test_more_than_twelve_cells_are_left_to_the_figure() -> None:
    assert len(printed(judge([0.05] * 12))) == 2 + 12
    assert len(printed(judge([0.05] * 13))) == 1


def test_too_few_seeds_to_show_the_direction_of_a_cell_are_told() -> None:
    assert "7 seeds cannot show the direction of a single cell: that takes 8." in printed(judge(SIX, seeds=7))
    assert not any("cannot show" in line for line in printed(judge(SIX, seeds=8)))


def test_what_an_older_bnexp_kept_of_cells_is_still_shown() -> None:
    old = judge(SIX).model_dump(mode="json")
    del old["across"]
    assert printed(HypothesisRecord.model_validate(old)) == [
        "mean over 6 cells: the difference is above 0 in 2 of them and below 0 in 4"
    ]


def test_a_deviation_of_ratios_that_is_the_log_of_no_number_is_refused() -> None:
    loss = {"metric": {"metric": "test_loss", "ratio": True}, "direction": "lower", "smallest": 1.05}
    whole = judge([-0.1, 0.2, 0.1], **loss).model_dump(mode="json")
    assert HypothesisRecord.model_validate(whole).across is not None
    whole["across"]["heterogeneity"]["tau"] = 1e4
    with pytest.raises(ValidationError, match="a number is too large to be the log of a ratio"):
        HypothesisRecord.model_validate(whole)


def test_wins_over_cells_with_other_pairs_or_overlapping_splits_are_compared_too() -> None:
    """A seed without a value in one cell leaves unlike pairs; splits that overlap widen all errors alike."""
    one, draws = claim(wins=True), np.random.default_rng(1)
    difference_CS = draws.normal(0.003, 0.01, (3, SEEDS))
    cells = [Contrast(each_S) for each_S in difference_CS]
    whole = Contrast(difference_CS.mean(axis=0))

    def found(*several: Contrast) -> Any:
        parts = [Part(cell, judged_difference(one, cell), WORDING) for cell in several[1:]]
        judged_whole = judged_difference(one, several[0])
        assert judged_whole is not None
        across = recorded(one, Parts.of(parts, Levels()), judged_whole)
        assert across is not None
        return across.heterogeneity

    lossy = Contrast(np.where(np.arange(SEEDS) == 2, np.nan, difference_CS[0]))
    assert found(whole, lossy, *cells[1:]) is None

    def split_anew(cell: Contrast) -> Contrast:
        effect_S = np.sign(cell.difference_S) / 2
        return replace(
            cell, new_rows=over_own_splits(effect_S, DrawnAnew("splits", count=20, test_share=0.25), grouped=False)
        )

    plain, wide = found(whole, *cells), found(*map(split_anew, (whole, *cells)))
    assert wide.correlation == pytest.approx(plain.correlation) and wide.q == pytest.approx(plain.q / 6)
