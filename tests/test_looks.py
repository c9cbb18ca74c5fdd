"""Looks at more and more seeds: the level that all share, where they end, and what is said of looks by hand."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from arms import arm, measured
from command import REPOSITORY, Done, bnexp, refused
from scipy import stats

from bnexp.comparison import Arm, Question, compare
from bnexp.comparison.drawn_anew import DrawnAnew
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.comparison.looks import is_over, look_of, ordinal, with_looks
from bnexp.comparison.new_rows import NewRowsEstimate, over_own_splits, over_rows
from bnexp.comparison.question import planned_looks
from bnexp.statistics import (
    LEVEL,
    Interval,
    Levels,
    error_of,
    share_of_each,
    shared_levels,
    within_reach,
)
from bnexp.statistics.significance import holm_levels
from bnexp.store import ComparisonDocument
from bnexp.store.looks import EarlierLook, Look

LOOKS = (10, 20, 40, 80, 160)


def test_looks_beyond_the_tenth_are_counted_in_english() -> None:
    counted = [ordinal(number) for number in (1, 10, 11, 12, 13, 20, 21, 22, 23, 24, 101, 111, 112)]
    assert counted == [
        "first", "tenth", "11th", "12th", "13th", "20th", "21st", "22nd", "23rd", "24th", "101st", "111th", "112th",
    ]  # fmt: skip


# --- levels ---------------------------------------------------------------------------


def test_pocock_s_levels_are_those_of_his_table() -> None:
    """Pocock 1977, Table 1: nominal levels of 2 to 5 and 10 looks at equal steps, for an error of 5% in all."""
    table = {1: 0.05, 2: 0.0294, 3: 0.0221, 4: 0.0182, 5: 0.0158, 10: 0.0106}
    for looks, share in table.items():
        assert share_of_each(range(1, looks + 1)) == pytest.approx(share, abs=6e-5)


@pytest.mark.parametrize("error", [0.05, 0.05 / 3])
@pytest.mark.parametrize("seeds", [LOOKS, (10, 11, 100), (10, 20, 40, 50)])
def test_the_shares_of_all_looks_err_together_as_often_as_asked_for(seeds: tuple[int, ...], error: float) -> None:
    share = share_of_each(seeds, error)
    assert error / len(seeds) < share < error
    correlation = np.sqrt([[min(a, b) / max(a, b) for b in seeds] for a in seeds])
    bound_L = np.full(len(seeds), stats.norm.isf(share / 2))
    inside = stats.multivariate_normal(cov=correlation, seed=0).cdf(bound_L, lower_limit=-bound_L)
    assert 1 - inside == pytest.approx(error, abs=5e-4)
    assert error_of([(count, 1 - share) for count in seeds]) == pytest.approx(error, abs=1e-6)


def test_looks_by_hand_err_as_often_as_was_measured_and_one_look_of_two_levels_as_often_as_the_lower() -> None:
    assert error_of([(count, 0.95) for count in (10, 20, 40)]) == pytest.approx(0.114, abs=0.002)
    assert error_of([(40, 0.95), (10, 0.95), (20, 0.95)]) == error_of([(10, 0.95), (20, 0.95), (40, 0.95)])
    assert error_of([(20, 0.99), (20, 0.95)]) == error_of([(20, 0.95)]) == pytest.approx(0.05)
    assert error_of([(1000, 0.95), (1001, 0.95)]) == pytest.approx(0.0513, abs=2e-4)
    assert error_of([(100_000, 0.95), (100_001, 0.95)]) == pytest.approx(0.0501, abs=2e-4)


@pytest.mark.parametrize("level", [math.nextafter(0, 1), 1e-17, 0.5, 1 - 1e-9, math.nextafter(1, 0)])
def test_looks_of_any_level_and_number_of_seeds_err_as_often_as_one_of_them_or_more(level: float) -> None:
    for seeds in ([1], [99_999, 100_000], [1, 2, 3, 100_000], range(1, 200)):
        error = error_of([(count, level) for count in seeds])
        assert max(0.0, 1 - level - 1e-9) <= error <= min(1.0, (1 - level) * len(seeds) + 1e-9)


def test_several_arms_share_the_error_of_each_look() -> None:
    """Holm's rule at each look: an arm that has a third of the error has looks that share this third."""
    each = [share_of_each(LOOKS, 0.05 / count) for count in (3, 2, 1)]
    assert each[0] < 0.05 / 3 < 0.05
    levels = shared_levels([each[0], 0.9, 0.8], LOOKS)
    assert [one.sign for one in levels] == pytest.approx([1 - each[0], 1 - each[1], 1 - each[1]])
    assert [one.margin for one in levels] == pytest.approx([1 - each[0]] * 3)
    assert shared_levels([0.3], LOOKS) == [Levels(1 - share_of_each(LOOKS), 1 - share_of_each(LOOKS))]
    assert [one.sign for one in shared_levels([0.01, 0.5])] == holm_levels([0.01, 0.5])


@pytest.mark.parametrize(
    ("low", "high", "least", "reaches"),
    [
        (-0.5, 0.5, 0.5, True),  # the mean may be 0: 1.96 * 0.5 is inside the margin of 1
        (0.5, 0.9, 0.3, False),  # at best 0.5: a half-width of 0.5 needs an error of 0.255
        (0.5, 0.9, 0.25, True),
        (0.9, 1.4, 0.7, True),  # at best 1.4, which lies apart from 0
        (0.9, 1.4, 0.72, False),
        (-1.4, -0.9, 0.7, True),
        (1.0, 1.2, 0.0, True),
    ],
)
def test_more_seeds_are_worth_while_if_some_mean_that_is_left_can_be_settled(
    low: float, high: float, least: float, *, reaches: bool
) -> None:
    mean = Interval((low + high) / 2, low, high)
    assert within_reach(mean, least, margin=1.0, levels=Levels()) == reaches


def test_where_rows_lack_no_seeds_show_that_a_difference_is_small() -> None:
    near, far = Interval(0.0, -0.5, 0.5), Interval(0.0, -1.5, 1.5)
    found = [within_reach(mean, 0.1, margin=1.0, levels=Levels(), can_be_small=False) for mean in (near, far)]
    assert found == [False, True]


def test_very_many_seeds_leave_the_error_of_the_rows_or_of_the_overlap_of_splits_and_none_on_these_rows() -> None:
    draws = np.random.default_rng(2)
    difference_SR = 0.1 * draws.normal(size=(12, 1)) + 0.5 * draws.normal(size=150) + draws.normal(size=(12, 150))
    difference_S = difference_SR.mean(axis=1)
    of_rows = over_rows(difference_SR, None)
    assert isinstance(of_rows, NewRowsEstimate) and of_rows.components is not None
    splits = over_own_splits(difference_S, DrawnAnew("splits", count=50, test_share=0.25), grouped=False)
    left = [
        JudgedDifference("val_accuracy", difference_S, 0.01, new_rows=new_rows).error_beyond_seeds
        for new_rows in (of_rows, splits, None)
    ]
    assert left == pytest.approx([math.sqrt(of_rows.components.row / 150), difference_S.std(ddof=1) / 2, 0.0])


# --- simulation -----------------------------------------------------------------------


Simulated = Callable[[str, str, int, int], dict[str, Any]]


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    """Return `benchmarks/looks.py` for a world by its name and what is counted, with few draws and looks."""
    with patch.object(sys, "path", [str(REPOSITORY / "benchmarks"), *sys.path]):
        import looks  # type: ignore[import-not-found]

    def run(name: str, counts: str, draws: int, most: int) -> dict[str, Any]:
        (world,) = (one for one in looks.WORLDS if (one.name, one.counts) == (name, counts))
        found: dict[str, Any] = looks.simulated(world, draws, most)
        return found

    return run


@pytest.mark.slow
def test_neither_error_grows_with_the_looks_and_by_hand_they_do(simulated: Simulated) -> None:
    direction = simulated("these rows, no difference", "an error: a direction", 400, 40)
    assert direction["looks"] == [10, 20, 40]
    assert direction["until_settled"] <= 0.072  # 5%, and twice the standard error of 400 draws
    assert direction["by_hand"] > 1.4 * direction["until_settled"]
    small = simulated("these rows, the margin's difference", "an error: no difference that matters", 300, 20)
    assert small["until_settled"] <= 0.043  # one side of 5%


def test_looks_stop_early_where_rows_are_too_few_and_find_what_is_large(simulated: Simulated) -> None:
    few = simulated("new rows (200), no difference", "an answer: no difference that matters", 60, 40)
    assert few["stopped"] > 0.8 and few["mean_seeds"] < 30
    assert few["until_settled"] == 0
    large = simulated("new rows (200), 4 points", "an answer: better", 60, 20)
    assert large["until_settled"] > 0.7 and large["mean_seeds"] < 15


# --- a comparison as one of several looks ---------------------------------------------


def pair(seeds: int, gain: float, deviation: float = 0.01) -> list[Arm]:
    """Return two arms of which one is better by `gain`; each seed is the same however many there are."""
    draws = np.random.default_rng(5).normal(0, deviation, (2, 160))[:, :seeds]
    return [arm("bn", 0.8 + gain + draws[0], seeds=seeds), arm("nobn", 0.8 + draws[1], seeds=seeds)]


def looked(gain: float, deviation: float = 0.01, most: int = 160) -> tuple[ComparisonDocument, list[Look]]:
    """Look at pairs of arms as `compare --until-settled` does; return the last comparison, and the looks."""
    question, taken = Question(until_settled=True, max_seeds=most), list[Look]()
    for seeds in question.looks:
        document = compare(pair(seeds, gain, deviation), question)
        taken.append(look_of(document, question.looks))
        if is_over(document):
            break
    document = with_looks(document, taken, question.looks, [])
    return document, taken


def test_looks_end_where_the_answer_is_clear_and_the_sentence_says_at_which() -> None:
    document, taken = looked(0.05)
    share = share_of_each(LOOKS)
    assert [(one.seeds, one.level, one.words) for one in taken] == [(10, 1 - share, {"bn": "helps"})]
    judged, verdict = document.contrasts[0].judged, document.contrasts[0].verdict
    assert judged is not None and judged.level == judged.margin_level == 1 - share
    assert "This is a 98.7% interval, because several looks share the 5% risk of an error." in verdict.sentence
    assert verdict.sentence.endswith(" Settled at the first look (10 seeds).")
    looks = document.looks
    assert looks is not None and looks.planned == list(LOOKS) and looks.error == pytest.approx(0.05, abs=1e-6)
    assert ComparisonDocument.model_validate_json(json.dumps(document.as_json())).looks == looks


def test_looks_go_on_while_more_seeds_could_settle_it_and_say_if_none_did() -> None:
    document, taken = looked(0.0, 0.01)
    assert [one.words["bn"] for one in taken] == ["cannot tell yet", "no difference that matters"]
    assert document.contrasts[0].verdict.sentence.endswith(" Settled at the second look (20 seeds).")
    document, taken = looked(0.0, 0.2, most=40)
    assert [one.seeds for one in taken] == [10, 20, 40]
    assert document.contrasts[0].verdict.word == "cannot tell yet"
    assert document.contrasts[0].verdict.sentence.endswith(" Not settled after 40 seeds.")


def rows_alike(draw: int) -> np.ndarray:
    """Return which of 200 rows are right, nearly the same ones in each of 10 seeds."""
    right_R = np.random.default_rng(7).random(200) < 0.85
    changed_R = np.random.default_rng(draw).random(200) < 0.1
    noise_SR = np.random.default_rng(draw + 10).random((10, 200)) < 0.02
    return (right_R ^ changed_R) ^ noise_SR


def test_looks_end_early_where_only_more_rows_would_settle_it() -> None:
    arms = [measured(name, rows_alike(draw)) for draw, name in enumerate("ab")]
    question = Question(until_settled=True)
    document = compare(arms, question)
    verdict = document.contrasts[0].verdict
    assert (verdict.word, verdict.seeds_could_settle, is_over(document)) == ("cannot tell yet", False, True)
    verdict = with_looks(document, [look_of(document, question.looks)], question.looks, []).contrasts[0].verdict
    assert (
        " held-out rows instead of 200 there is about a 50% chance to settle it. More seeds alone would not settle it."
        in verdict.sentence
    )
    assert verdict.sentence.endswith(" Stopped at the first look (10 seeds): more seeds will not settle this.")
    about_these = compare(arms, Question(until_settled=True, about="these-rows")).contrasts[0].verdict
    assert about_these.seeds_could_settle is not False
    alone = compare(arms, Question()).contrasts[0].verdict
    assert alone.seeds_could_settle is None and "look" not in alone.sentence


def test_looks_end_at_once_where_a_pair_has_no_value() -> None:
    arms = pair(10, 0.0)
    values = np.full(10, 0.8)
    values[3] = np.nan
    lost = arm("bn", values, diverged={3: 1})
    document = compare([lost, arms[1]], Question(metric="val_loss", until_settled=True))
    assert document.contrasts[0].verdict.sentence.startswith("No verdict: in 1 pair a seed diverged")
    assert is_over(document)


def test_several_arms_are_looked_at_until_all_are_settled() -> None:
    draws = np.random.default_rng(5).normal(0, 0.01, (3, 10))
    far, near, base = (arm(n, 0.8 + g + d) for n, g, d in zip("abc", (0.08, 0.008, 0.0), draws, strict=True))
    document = compare([far, near, base], Question(until_settled=True))
    assert [one.verdict.word for one in document.contrasts] == ["helps", "cannot tell yet"]
    assert not is_over(document)
    assert "because several arms and looks share the 5% risk of an error." in document.contrasts[0].verdict.sentence


# --- looks by hand --------------------------------------------------------------------


def test_a_third_look_by_hand_is_told_and_what_it_does_to_the_error() -> None:
    document = compare(pair(40, 0.05), Question())
    earlier = [EarlierLook(seeds=seeds, level=LEVEL, arm="bn") for seeds in (10, 20)]
    document = with_looks(document, [look_of(document)], (), earlier)
    assert document.contrasts[0].cautions == [
        "Stored comparisons looked at these arms at 10 and 20 seeds before, so this is the third look; together, all "
        "looks err in about 11% of cases without a difference, not in 5%. Looks that --until-settled plans before the first one share the 5% risk of an error. Confirm this answer on other data."
    ]
    assert "look" not in document.contrasts[0].verdict.sentence
    assert document.looks is not None and document.looks.error == pytest.approx(0.1135, abs=1e-3)


def test_the_advice_of_more_seeds_counts_the_looks_before() -> None:
    document = compare(pair(20, 0.01), Question())
    seeds = document.contrasts[0].verdict.settled_by
    assert document.contrasts[0].verdict.word == "cannot tell yet" and seeds is not None and seeds > 20
    alone = with_looks(document, [look_of(document)], (), ()).contrasts[0]
    assert (
        f" --seeds {seeds}: that would be the second look; together, all looks err in about " in alone.verdict.sentence
    )
    earlier = [EarlierLook(seeds=10, level=LEVEL, arm="bn")]
    after = with_looks(document, [look_of(document)], (), earlier).contrasts[0]
    assert "so this is the second look" in after.cautions[0]
    error = 100 * error_of([(10, LEVEL), (20, LEVEL), (seeds, LEVEL)])
    cost = f" --seeds {seeds}: that would be the third look; together, all looks err in about {error:.2g}% of cases "
    cost += "without a difference, not in 5%."
    assert after.verdict.sentence == document.contrasts[0].verdict.sentence + cost
    repeated = with_looks(document, [look_of(document)], (), (), stored=earlier).contrasts[0]
    assert repeated.verdict.sentence == after.verdict.sentence, (
        "a repeated comparison has no caution, its advice counts"
    )
    assert repeated.cautions == []
    withheld = compare(pair(3, 0.0), Question())
    told = with_looks(withheld, [look_of(withheld)], (), ()).contrasts[0].verdict
    assert told.settled_by is not None and "look" not in told.sentence, "3 pairs have no verdict, so none can err"


def test_looks_by_hand_before_a_plan_of_looks_add_to_its_error() -> None:
    document = compare(pair(10, 0.05), Question(until_settled=True))
    document = with_looks(document, [look_of(document, LOOKS)], LOOKS, [EarlierLook(seeds=20, level=LEVEL, arm="bn")])
    assert document.contrasts[0].cautions == [
        "Stored comparisons looked at these arms at 20 seeds before, outside this plan of looks; together, all looks err "
        "in about 7.9% of cases without a difference, not in 5%."
    ]


def test_a_comparison_without_a_verdict_says_nothing_of_earlier_looks() -> None:
    document = compare(pair(3, 0.05), Question())
    assert document.contrasts[0].verdict.is_withheld, "3 pairs are too few"
    document = with_looks(document, [look_of(document)], (), [EarlierLook(seeds=20, level=LEVEL, arm="bn")])
    assert (document.looks, document.contrasts[0].cautions) == (None, [])


def test_only_the_arm_that_was_looked_at_is_told_of_earlier_looks() -> None:
    seen, base = pair(40, 0.05)
    document = compare([seen, arm("cn", 0.82 + np.linspace(-0.01, 0.01, 40), seeds=40), base], Question())
    taken = [look_of(document)]
    document = with_looks(document, taken, (), [EarlierLook(seeds=20, level=LEVEL, arm="bn")])
    told, untold = (contrast.cautions for contrast in document.contrasts)
    assert len(told) == 1 and told[0].startswith("Stored comparisons looked at these arms at 20 seeds before, so this")
    assert untold == []
    assert document.looks is not None and document.looks.error == pytest.approx(error_of([(20, 0.95), (40, 0.95)]))
    assert ComparisonDocument.model_validate_json(json.dumps(document.as_json())).looks == document.looks


def test_a_comparison_stays_as_it_is_where_another_is_made_of_it_that_tells_of_looks() -> None:
    document = compare(pair(40, 0.05), Question())
    untold = document.as_json()
    told = with_looks(document, [look_of(document)], (), [EarlierLook(seeds=10, level=LEVEL, arm="bn")])
    assert document.as_json() == untold and told.looks is not None and len(told.contrasts[0].cautions) == 1


def test_a_first_look_says_nothing_of_looks() -> None:
    document = compare(pair(10, 0.05), Question())
    document = with_looks(document, [look_of(document)], (), [])
    assert document.looks is None and document.contrasts[0].cautions == []
    assert "looks" not in document.as_json()


def test_the_last_look_has_the_seeds_that_are_allowed() -> None:
    assert planned_looks(160) == LOOKS
    assert (planned_looks(10), planned_looks(11), planned_looks(100)) == ((10,), (10, 11), (10, 20, 40, 80, 100))


# --- the command ----------------------------------------------------------------------

CONFIG = """\
dataset: {{name: moons, samples: 60, noise: 0.3}}
model: {{name: mlp, hidden: [4], normalization: {normalization}}}
training: {{epochs: 1, seeds: 12, batch_size: 24, save: none}}
"""


SETTLED = ("compare", "bn", "nobn", "--until-settled", "--about", "these-rows", "--margin", "0.001")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A folder in which two configs were looked at, with 10 and with 20 seeds, and what was said."""
    place = tmp_path_factory.mktemp("settled")
    (place / "configs").mkdir()
    for name, normalization in (("bn", "batch"), ("nobn", "none")):
        (place / "configs" / f"{name}.yaml").write_text(CONFIG.format(normalization=normalization))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bnexp.training.memory.WORKING_SET_BYTES", 1)  # seed by seed, so that one program serves all
        return place, bnexp(*SETTLED, "--max-seeds", "20", "--json", cwd=place)


def test_the_command_takes_more_seeds_at_each_look(settled: tuple[Path, Done]) -> None:
    place, done = settled
    document = json.loads(done.stdout)
    assert len(document["seeds"]) == 20
    assert [(one["seeds"], one["words"]) for one in document["looks"]["taken"]] == [
        (10, {"bn": "cannot tell yet"}), (20, {"bn": "cannot tell yet"})
    ]  # fmt: skip
    assert document["contrasts"][0]["verdict"]["sentence"].endswith(" Not settled after 20 seeds.")
    kept = [json.loads(path.read_text()) for path in sorted((place / "runs").glob("nobn-2*/run.json"))]
    assert [[len(one["seeds"]) for one in record.get("trained", [])] for record in kept] == [[10], [10, 10]]


def test_the_same_looks_once_more_train_nothing_and_are_no_other_looks(settled: tuple[Path, Done]) -> None:
    place, done = settled
    again = bnexp(*SETTLED, "--max-seeds", "20", cwd=place)
    assert "training" not in again.stderr
    assert "more than" not in again.stderr, "each look has its own number of seeds"
    assert [line for line in again.stderr.splitlines() if line.startswith("look")] == [
        "look 1 of 2 at most, 10 seeds: bn cannot tell yet",
        "look 2 of 2 at most, 20 seeds: bn cannot tell yet",
    ]
    assert "Stored comparisons" not in again.stdout
    verdict = json.loads(done.stdout)["contrasts"][0]["verdict"]["sentence"]
    assert f"VERDICT  cannot tell yet  {verdict}" in again.stdout.splitlines()


def test_a_stored_run_is_looked_at_as_far_as_it_goes(settled: tuple[Path, Done]) -> None:
    place, _ = settled
    ids = [sorted((place / "runs").glob(f"{name}-2*"))[-1].name for name in ("bn", "nobn")]
    assert refused("compare", *ids, "--until-settled", cwd=place).splitlines() == [
        f"{name} is the stored run {run} of 20 seeds; expected 160, the seeds of the last look. A stored run gets no "
        "more seeds: name its config instead, or use --max-seeds 20."
        for name, run in zip(("bn", "nobn"), ids, strict=True)
    ]
    done = bnexp("compare", *ids, "--until-settled", "--max-seeds", "11", "--about", "these-rows", cwd=place)
    assert "look 1 of 2 at most, 10 seeds" in done.stderr


def test_a_dry_run_tells_the_looks_and_what_the_last_one_detects_at_its_level(settled: tuple[Path, Done]) -> None:
    command = ("compare", "bn", "nobn", "--until-settled", "--max-seeds", "20", "--dry-run")
    told = bnexp(*command, cwd=settled[0]).stdout
    assert "looks at 10 and 20 seeds, until one settles the question\n" in told
    level = 1 - share_of_each((10, 20))
    assert "detect a difference of" in told and f"({100 * level:.3g}% interval)" in told
    plan = json.loads(bnexp(*command, "--json", cwd=settled[0]).stdout)
    assert (plan["looks"], plan["seeds"]) == ([10, 20], 20)
    one = ("compare", "bn", "nobn", "--until-settled", "--max-seeds", "10", "--dry-run")
    assert "looks at 10 seeds: there is one look\n" in bnexp(*one, cwd=settled[0]).stdout


def test_seeds_of_the_user_are_refused_beside_those_of_the_looks_with_all_else(settled: tuple[Path, Done]) -> None:
    place, _ = settled
    found = refused("compare", "bn", "nobm", "--until-settled", "--seeds", "30", cwd=place).splitlines()
    assert found[0] == (
        "training.seeds (--seeds) is 30, and --until-settled takes more seeds at each look; expected one of the two. "
        "Leave --seeds out, or use --max-seeds 30 for the last look."
    )
    assert found[1].startswith("No run, experiment or config is called 'nobm'. Did you mean 'nobn'?")


def test_options_that_no_arms_could_answer_are_refused_beside_faulty_configs(settled: tuple[Path, Done]) -> None:
    again = ("compare", "bn", "nobn", "training.epohcs=2", "--max-seeds", "40")
    metric, margin = ((*again, "--metric", name, "--margin", "5") for name in ("val_acuracy", "val_accuracy"))
    for command, option in ((metric, "--metric is 'val_acuracy'"), (margin, "--margin is 5, and the metric is")):
        config, looks, last = refused(*command, cwd=settled[0]).splitlines()
        assert config.startswith("override training.epohcs=2: training.epohcs is not a known key.")
        assert looks.startswith("--max-seeds is 40 without --until-settled") and last.startswith(option)


def test_options_that_contradict_are_refused_before_anything_is_trained(settled: tuple[Path, Done]) -> None:
    place, again = settled[0], ("compare", "bn", "nobn", "training.epochs=2")
    assert refused(*again, "--max-seeds", "40", "--margin", "3", cwd=place).splitlines() == [
        "--max-seeds is 40 without --until-settled; expected both or neither. Add --until-settled.",
        "--margin is 3, and the metric is val_accuracy; expected a share below 1, as accuracies are shares. Write "
        "--margin 0.03 for 3 points.",
    ]
    assert refused(*again, "--until-settled", "--max-seeds", "5", cwd=place) == (
        "--max-seeds is 5, and the first look has 10 seeds; expected 10 or more. Use --max-seeds 160, for example."
    )
