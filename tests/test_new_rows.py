"""What a comparison says of new rows: its interval, the word that rests on it, and which is missing, seeds or rows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from arms import answered, arm, changed, measured, rows_right
from pydantic import TypeAdapter

from bnexp.comparison import Arm, Question, compare
from bnexp.comparison.answer import _is_at_the_edge
from bnexp.comparison.failures import failures_in_words
from bnexp.comparison.new_rows import of_r2
from bnexp.config.dataset import Dataset
from bnexp.held_out import HeldOut, PartRows
from bnexp.report.comparison_notes import is_unbounded, new_column, notes
from bnexp.statistics import Interval, mean_interval, over_splits
from bnexp.statistics.held_out_rows import by_group, new_rows
from bnexp.store.comparison_document import Contrast, NewRowsInterval

SEEDS, ROWS = 12, 400
OPEN, SMALL = "cannot tell yet", "no difference that matters"


def contrast_of(treated: Arm, base: Arm, **question: Any) -> Contrast:
    return compare([treated, base], Question(**question)).contrasts[0]


def anew(contrast: Contrast, metric: str = "val_accuracy") -> NewRowsInterval:
    found = contrast.metrics[metric].new_rows
    assert found is not None
    return found


def test_the_interval_is_that_of_the_differences_of_each_seed_and_row() -> None:
    treated, base = rows_right(0.9), rows_right(0.8, draw=1)
    found = anew(contrast_of(measured("a", treated), measured("b", base)))
    expected = new_rows(treated.astype(float) - base)
    interval = expected.estimate.interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((interval.mean, interval.low, interval.high))
    assert (found.drawn, found.count, found.effective) == ("rows", ROWS, pytest.approx(expected.effective_rows))
    assert found.row_variance == pytest.approx(expected.components.row)


def test_the_mean_is_the_very_one_of_the_difference_on_these_rows() -> None:
    """Noise in the last bit would round a tie otherwise, so that table and verdict disagree."""
    for draw in range(20):
        found = contrast_of(measured("a", rows_right(0.9, draw=draw)), measured("b", rows_right(0.8, draw=draw + 50)))
        assert anew(found).mean == found.metrics["val_accuracy"].mean
        assert found.judged is not None and found.judged.new_rows is not None
        assert found.judged.new_rows.mean == found.judged.mean


def test_a_large_difference_helps_on_new_rows_and_on_these() -> None:
    verdict = contrast_of(measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))).verdict
    assert (verdict.word, verdict.about, verdict.these_rows) == ("helps", "new rows", "helps")
    assert verdict.sentence.startswith("For new rows of this kind, a - b in val_accuracy (%) is +")
    assert (
        ": better, and the mean lies outside the margin of ±1.00. For these 400 rows alone: helps [+"
        in verdict.sentence
    )


def test_what_holds_on_these_rows_may_be_open_for_new_ones_and_rows_are_what_is_missing() -> None:
    """Both arms always fail on rows of their own: seeds agree, and a few rows decide."""
    base = np.ones((SEEDS, 200), bool)
    treated = base.copy()
    treated[:, :4], base[:, 4:7] = False, False
    generator = np.random.default_rng(0)
    treated &= generator.random(treated.shape) < 0.999
    base &= generator.random(base.shape) < 0.999
    verdict = contrast_of(measured("a", treated), measured("b", base)).verdict
    assert (verdict.word, verdict.these_rows) == ("cannot tell yet", "no difference that matters")
    pairs = len(treated)
    assert verdict.sentence.endswith(f" {failures_in_words(pairs)}"), "these rows alone say nothing of rare failures"
    assert "just inside" not in verdict.sentence
    assert (
        "held-out rows instead of 200 there is about a 50% chance to settle it. More seeds alone would not settle it. For these 200 rows alone: no difference"
        in verdict.sentence
    )


def test_the_old_question_can_be_asked() -> None:
    treated, base = measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))
    verdict = contrast_of(treated, base, about="these-rows").verdict
    assert (verdict.word, verdict.about) == ("helps", "these rows")
    assert verdict.sentence.startswith("On these rows, a - b in val_accuracy (%) is +")
    assert "new rows" not in verdict.sentence


@pytest.mark.parametrize("which", [0, 1])
def test_why_nothing_is_said_of_new_rows_names_the_run_and_a_cure_that_helps(which: int) -> None:
    whole = [measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))]

    def sentence(**facts: Any) -> str:
        arms = [*whole]
        for key, value in facts.items():
            arms[which] = changed(arms[which], key, to=value)
        arms[which] = replace(arms[which], held_out=None)
        return compare(arms, Question()).contrasts[0].verdict.sentence

    run, name = whole[which].run, whole[which].name
    assert sentence().endswith(" so nothing is said of new rows. Train again with training.keep_rows: true.")
    assert sentence(rows_sha256="0" * 64).endswith(
        f"{run} has lost rows.npz, so nothing is said of new rows. Restore the file, or train {name} again."
    )
    note = "The measures of each held-out row are not kept: 9 seeds x 9 held-out rows would take more than 512 MiB."
    assert sentence(not_kept=["The model was not saved: full.", note]).endswith(note)


def test_no_difference_names_the_share_of_seeds_that_could_still_fail() -> None:
    treated, base = rows_right(0.9, seeds=20, rows=20_000), rows_right(0.9, seeds=20, rows=20_000, draw=1)
    verdict = contrast_of(measured("a", treated), measured("b", base)).verdict
    assert verdict.word == "no difference that matters"
    assert (
        "Rare failed trainings may be missed: even if up to 14% of one arm's trainings failed, all 20 pairs could succeed by chance."
        in verdict.sentence
    )


def test_a_direction_needs_the_agreement_of_the_sign_flip_test() -> None:
    """One pair of six points the other way, by little: the t interval excludes zero, the exact test has p 0.06."""
    accuracies = [0.9, 0.91, 0.92, 0.93, 0.94, 0.799]
    treated, base = arm("a", accuracies, seeds=6), arm("b", [0.8] * 6, seeds=6)
    contrast = contrast_of(treated, base)
    difference = contrast.metrics["val_accuracy"]
    assert difference.low is not None and difference.low > 0
    assert difference.p_value == 0.0625
    assert contrast.verdict.word == "cannot tell yet"
    assert (
        "The sign-flip test over seeds does not exclude zero (p 0.062, above 5%). Use more seeds."
        in contrast.verdict.sentence
    )


def test_groups_of_rows_are_what_is_drawn_anew() -> None:
    treated, base = rows_right(0.9), rows_right(0.8, draw=1)
    groups = np.repeat(np.arange(ROWS // 4), 4)
    found = anew(contrast_of(measured("a", treated, groups=groups), measured("b", base, groups=groups)))
    document = compare([measured("a", treated, groups=groups), measured("b", base, groups=groups)], Question())
    assert new_column(document.contrasts[0]) == "new groups"
    expected = new_rows(by_group(treated.astype(float) - base, groups)).estimate.interval(0.95)
    assert (found.drawn, found.count) == ("groups", ROWS // 4)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("rows", "groups", "one", "said"),
    [(4, [0, 0, 0, 0], "group", "groups"), (1, None, "row", "rows")],
)
def test_a_single_group_or_row_says_nothing_of_new_ones(rows: int, groups: Any, one: str, said: str) -> None:
    """Nothing is known of the spread between groups, so that no interval lies inside any margin."""
    right = {"a": np.ones((SEEDS, rows), bool), "b": np.ones((SEEDS, rows), bool)}
    right["a"][0, 0] = right["b"][1, 0] = False
    arms = [measured(name, right_SR, groups=groups and np.array(groups)) for name, right_SR in right.items()]
    for metric, margin in (("val_accuracy", 0.9), ("val_loss", None)):
        contrast = contrast_of(*arms, metric=metric, margin=margin)
        assert contrast.metrics[metric].new_rows is None
        assert contrast.verdict.about == "these rows"
        why = f"Nothing is said of new {said}: 1 {one} is held out, and that takes two or more. Hold out more {said}."
        assert contrast.verdict.sentence.endswith(why)


@pytest.mark.parametrize(
    ("shift", "margin", "says"),
    [
        (0.0, 0.02, "More seeds alone would not settle it. It takes more rows; how many is not estimated, as more rows "
                    "would also train other networks."),
        (0.19, 0.02, r"With about (\d+) pairs of seeds \(--seeds \1\) there is about a 50% chance to settle it."),
    ],
)  # fmt: skip
def test_an_open_question_about_splits_names_the_seeds_that_settle_it_or_says_that_it_takes_more_rows(
    shift: float, margin: float, says: str
) -> None:
    right = {name: rows_right(0.6 + part, draw=draw, rows=40) for name, part, draw in (("a", shift, 0), ("b", 0.0, 1))}
    arms = [split_anew(measured(name, values, own_rows=True), 160, 40) for name, values in right.items()]
    verdict = contrast_of(*arms, margin=margin).verdict
    found = re.search(says, verdict.sentence)
    assert found and verdict.settled_by == (int(found[1]) if found.groups() else None)


def test_splits_of_their_own_have_nadeau_and_bengios_interval() -> None:
    right = {name: rows_right(share, draw=draw, rows=40) for name, share, draw in (("a", 0.9, 0), ("b", 0.6, 1))}
    arms = [split_anew(measured(name, values, own_rows=True), 160, 40) for name, values in right.items()]
    contrast = contrast_of(*arms)
    difference_S = right["a"].mean(axis=1) - right["b"].mean(axis=1)
    expected = over_splits(difference_S, 40 / 160).interval(0.95)
    found = anew(contrast)
    assert (found.drawn, found.low, found.high) == ("splits", pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.high - found.low > mean_interval(difference_S, 0.95).high - mean_interval(difference_S, 0.95).low
    assert contrast.verdict.sentence.startswith("For other splits and rows of this kind, ")
    assert contrast.measured_on == "these splits"
    kept_none = anew(contrast_of(*(replace(one, held_out=None) for one in arms)))
    assert (kept_none.low, kept_none.high) == (found.low, found.high), "the numbers of rows are all that it needs"


@pytest.mark.parametrize(
    ("arm_of", "question", "why"),
    [
        (lambda one: split_anew(one, 40, 160), Question(), " Nothing is said of new rows: each seed holds out rows of its own, and most rows are held out."),
        (lambda one: split_anew(one, None, 40), Question(), " Nothing is said of other splits: the numbers of training rows and held-out rows are not recorded. Train again."),
        (lambda one: split_anew(one, 160, 40), Question(about="these-rows"), ""),
        (lambda one: split_anew(one, 160, 40), Question(metric="loss"), " Nothing is said of new rows: the metric is not measured on held-out rows."),
    ],
)  # fmt: skip
def test_without_an_estimate_for_other_splits_the_verdict_speaks_of_these_splits_and_says_why(
    arm_of: Callable[[Arm], Arm], question: Question, why: str
) -> None:
    arms = [
        arm_of(measured(name, rows_right(share, draw=draw))) for name, share, draw in (("a", 0.9, 0), ("b", 0.6, 1))
    ]
    contrast = compare(arms, question).contrasts[0]
    verdict = contrast.verdict
    assert contrast.measured_on == "these splits"
    assert verdict.sentence.startswith(("On these splits, a - b in ", "On these splits, the ratio a / b of "))
    assert "these rows" not in verdict.sentence and verdict.about == "these splits"
    assert verdict.sentence.endswith(why)


def split_anew(one: Arm, training_rows: int | None, held_out: int) -> Arm:
    """The arm, trained with a split of its own for each seed, of these numbers of rows."""
    sizes = {"training_rows": training_rows, "validation_rows": held_out}
    dataset = one.experiment.dataset.model_copy(update={"resample": True})
    record = one.record.model_copy(update={"dataset": one.record.dataset.model_copy(update=sizes)})
    return replace(one, experiment=one.experiment.model_copy(update={"dataset": dataset}), record=record)


@pytest.mark.parametrize(("group", "units"), [(None, "rows"), ("patient", "groups")])
def test_splits_of_groups_take_more_groups_and_not_more_rows(group: str | None, units: str) -> None:
    """A user who adds rows of the same patients gains nothing."""
    arms = [split_anew(measured(name, rows_right(0.9, draw=draw)), 1600, 400) for name, draw in (("a", 0), ("b", 1))]
    keys = {"name": "csv", "path": "a.csv", "target": "y", "group": group, "resample": True}
    csv: Dataset = TypeAdapter(Dataset).validate_python(keys)
    arms = [replace(one, experiment=one.experiment.model_copy(update={"dataset": csv})) for one in arms]
    document = compare(arms, Question(margin=0.0001))
    (contrast,) = document.contrasts
    drawn = f"For other splits and {units} of this kind, a - b in val_accuracy (%) is "
    assert contrast.verdict.sentence.startswith(drawn)
    assert f"It takes more {units}; how many is not estimated, as more {units} would" in contrast.verdict.sentence
    told = [*notes(document, contrast, document.arms[0], document.arms[1])]
    assert any(f"confidence interval for other splits and {units} of this kind" in text for text in told)
    assert new_column(contrast) == f"new {units}"


@pytest.mark.parametrize(
    ("split", "trained_on"),
    [
        (
            "random, 0.2 held out",
            "these training rows. With dataset.resample=true, a comparison is about other training rows, too",
        ),
        ("the set's own training and test part", "these training rows"),
        ("0.25 of the rest, anew for every seed", "other splits of these training rows"),
    ],
)
def test_a_note_says_for_which_training_rows_an_interval_is(split: str, trained_on: str) -> None:
    document = compare([measured("a", rows_right(0.9)), measured("b", rows_right(0.8, draw=1))], Question())
    document.dataset.split = split
    told = [*notes(document, document.contrasts[0], document.arms[0], document.arms[1])]
    assert sum(f"Both intervals are for networks trained on {trained_on}." in text for text in told) == 1


def test_a_loss_that_a_few_rows_carry_has_no_verdict_for_new_rows() -> None:
    treated, base = np.ones((SEEDS, 200), bool), np.ones((SEEDS, 200), bool)
    base[:, 3] = np.arange(SEEDS) % 3 > 0
    base[:, 9] = np.arange(SEEDS) % 4 > 0
    verdict = contrast_of(measured("a", treated), measured("b", base), metric="val_loss", margin=0.0001).verdict
    assert verdict.word == "cannot tell yet"
    assert "No verdict for new rows: about 2 of 200 rows carry the difference in val_loss" in verdict.sentence


def test_where_a_ratio_is_judged_it_is_the_ratio_that_few_rows_carry() -> None:
    """The difference in the table may rest on many rows."""
    treated, base = np.ones((SEEDS, 200), bool), np.ones((SEEDS, 200), bool)
    treated[:, 0] = base[:, 0] = False
    base[:, 3] = np.arange(SEEDS) % 3 > 0
    base[:, 9] = np.arange(SEEDS) % 4 > 0
    contrast = contrast_of(measured("a", treated), measured("b", base), metric="val_loss", margin=0.0001)
    assert contrast.judged is not None and contrast.judged.scale == "ratio"
    assert re.search(
        r"No verdict for new rows: about \d of 200 rows carry the ratio of val_loss, so", contrast.verdict.sentence
    )


def test_the_cure_for_a_difference_that_few_rows_carry_names_their_number_and_the_size_of_the_file() -> None:
    """10 rows should carry it, and 1.9 of 200 do: that takes 1,100 held-out rows, beside 800 for training."""
    treated, base = np.ones((SEEDS, 200), bool), np.ones((SEEDS, 200), bool)
    base[:, 3] = np.arange(SEEDS) % 3 > 0
    base[:, 9] = np.arange(SEEDS) % 4 > 0
    facts = {"task": "binary", "digest": "data", "rows": 1000, "training_rows": 800, "validation_rows": 200}
    csv: Dataset = TypeAdapter(Dataset).validate_python({"name": "csv", "path": "a.csv", "target": "y"})
    arms = []
    for name, right_SR in (("a", treated), ("b", base)):
        one = changed(measured(name, right_SR), "dataset", to=facts)
        arms.append(replace(one, experiment=one.experiment.model_copy(update={"dataset": csv})))
    verdict = contrast_of(*arms, metric="val_loss", margin=0.0001).verdict
    assert (
        "so others like them may be missing. About 1,100 held-out rows instead of 200 (with as many training rows as "
        "now, that takes about 1,900 rows, and there are 1,000: collect more) may be enough." in verdict.sentence
    )


def test_a_diverged_seed_guesses_the_commonest_class_row_by_row() -> None:
    treated, base = measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))
    history = replace(base.history, diverged_at={2: 1})
    facts = base.record.dataset.model_copy(update={"guessing": {"val": 1.0, "train": 1.0}})
    diverged = replace(base, history=history, record=base.record.model_copy(update={"dataset": facts}))
    found = anew(contrast_of(treated, diverged))
    assert treated.held_out is not None and base.held_out is not None
    values = base.held_out.parts["val"].measures["accuracy"].copy()
    values[2] = True
    assert found.mean == pytest.approx(
        (treated.held_out.parts["val"].measures["accuracy"].astype(float) - values).mean()
    )


def test_rows_of_other_numbers_say_nothing_of_new_rows() -> None:
    treated, base = measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))
    assert base.held_out is not None
    part = base.held_out.parts["val"]
    moved = replace(base, held_out=HeldOut(base.held_out.seeds, {"val": replace(part, rows_SR=part.rows_SR + 1)}))
    contrast = contrast_of(treated, moved)
    assert contrast.metrics["val_accuracy"].new_rows is None
    assert contrast.verdict.sentence.endswith(
        "Nothing is said of new rows: rows.npz of a-run and of b-run are of different rows. Train both again."
    )


def test_a_row_that_measured_nothing_finite_is_why_nothing_is_said_of_new_rows() -> None:
    """The run's mean is what the history says; nothing was lost or not kept."""
    treated, base = measured("a", rows_right(0.9)), measured("b", rows_right(0.7, draw=1))
    assert treated.held_out is not None
    part = treated.held_out.parts["val"]
    loss_SR = part.measures["loss"].copy()
    loss_SR[0, 0] = np.inf
    odd = replace(part, measures={**part.measures, "loss": loss_SR})
    damaged = replace(treated, held_out=HeldOut(treated.held_out.seeds, {"val": odd}))
    sentence = contrast_of(damaged, base, metric="val_loss").verdict.sentence
    assert sentence.endswith(
        "Nothing is said of new rows: what some row measured is not finite. Choose another metric."
    )


def test_the_error_of_a_difference_in_r2_is_that_of_a_bootstrap_over_seeds_and_rows() -> None:
    """r2 is no mean over rows: its linearized error against Owen's pigeonhole bootstrap, which linearizes nothing.

    That bootstrap counts the variance of both together about three times, so it may be somewhat larger.
    """
    generator, seeds, rows = np.random.default_rng(0), 12, 250
    target_R = generator.normal(0, 1, rows)
    hard_R = generator.gamma(1.0, 1.0, rows)
    predicted = {
        name: target_R + hard_R * generator.normal(0, spread, rows) + generator.normal(0, 0.15, (seeds, rows))
        + generator.normal(0, 0.1, (seeds, 1))
        for name, spread in (("a", 0.4), ("b", 0.6))
    }  # fmt: skip
    rows_SR = np.broadcast_to(np.arange(rows, dtype="int32"), (seeds, rows))
    target_SR = np.broadcast_to(target_R.astype("float32"), (seeds, rows))
    parts = [
        PartRows(rows_SR, target_SR, None, None, {"loss": np.zeros((seeds, rows)), "predicted": predicted[name]})
        for name in ("a", "b")
    ]

    def r2(name: str, seeds_S: Any, rows_R: Any) -> float:
        """Return the mean r2 over these seeds, on these rows."""
        error_SR = np.square(predicted[name][np.ix_(seeds_S, rows_R)] - target_R[rows_R])
        return float(np.mean(1 - error_SR.mean(axis=1) / np.var(target_R[rows_R])))

    drawn = []
    for _ in range(1000):
        seeds_S, rows_R = generator.integers(0, seeds, seeds), generator.integers(0, rows, rows)
        drawn.append(r2("a", seeds_S, rows_R) - r2("b", seeds_S, rows_R))
    linear_SR = of_r2(*parts)
    assert linear_SR is not None
    whole = np.arange(seeds), np.arange(rows)
    assert linear_SR.mean() == pytest.approx(r2("a", *whole) - r2("b", *whole), abs=1e-6)
    components = new_rows(linear_SR).components  # without the rows that an interval adds
    assert np.sqrt(components.variance(seeds, rows)) == pytest.approx(float(np.std(drawn)), rel=0.15)


def test_a_word_on_these_rows_that_only_the_sign_flip_test_leaves_open_says_so() -> None:
    """Five seeds gain 4 or 5 rows of 40, always the same ones, and one loses a row."""
    right = {name: np.broadcast_to(np.arange(40) < 30, (6, 40)).copy() for name in ("bn", "none")}
    for seed, gained in enumerate((4, 4, 5, 4, 5, -1)):
        right["bn"][seed] = np.arange(40) < 30 + gained
    verdict = contrast_of(measured("bn", right["bn"]), measured("none", right["none"])).verdict
    assert (verdict.word, verdict.these_rows) == ("cannot tell yet", "cannot tell yet")
    assert " For these 40 rows alone: cannot tell yet [+" in verdict.sentence
    assert verdict.sentence.endswith(", as the sign-flip test does not exclude zero (p 0.062, above 5%).")


def test_arms_that_agree_on_every_row_say_how_many_equal_pairs_it_takes() -> None:
    """No interval is narrower than [0, 0]: what 8 pairs cannot exclude is a failure that is rare."""
    right = np.ones((8, 300), bool)
    contrast = compare([measured("a", right), measured("b", right)], Question()).contrasts[0]
    assert contrast.verdict.word == "cannot tell yet"
    assert (
        "All 8 pairs are equal; it takes 14 equal pairs to say that no difference matters." in contrast.verdict.sentence
    )


# --- rows of a kind that is not among these ---------------------------------------------


@pytest.mark.parametrize(("rows", "word"), [(3, OPEN), (12, OPEN), (298, OPEN), (299, SMALL)])
def test_few_rows_on_which_the_arms_agree_do_not_speak_of_new_ones(rows: int, word: str) -> None:
    """Exactly: 0.99**298 is above 5% and 0.99**299 below, so 299 rows exclude a kind that is 1% of all rows."""
    right = np.broadcast_to(np.arange(rows) % 5 > 0, (20, rows))
    verdict = contrast_of(measured("a", right), measured("b", right)).verdict
    assert (verdict.word, verdict.these_rows) == (word, SMALL)
    share = "The arms agree on all these 299 rows. They may still differ on up to 1% of new rows. Rare failed trainings"
    assert (share in verdict.sentence) == (word == SMALL)


@pytest.mark.parametrize("margin", [None, 0.005, 0.05])
@pytest.mark.parametrize("rows", [50, 200, 400, 700])
def test_the_table_has_an_interval_for_new_rows_exactly_where_the_verdict_rests_on_one(
    rows: int, margin: float | None
) -> None:
    right = np.ones((20, rows), bool)
    right[:, 0] = False
    document = compare([measured("a", right), measured("b", right)], Question(margin=margin))
    contrast = document.contrasts[0]
    assert is_unbounded(document, "val_accuracy", anew(contrast)) == (contrast.verdict.word == OPEN)


def test_the_sentence_names_the_share_of_new_rows_that_none_of_these_shows() -> None:
    right = np.ones((20, 12), bool)
    right[:, 0] = False
    sentence = contrast_of(measured("a", right), measured("b", right)).verdict.sentence
    assert (
        "These 12 rows may miss a kind of rows that makes up as much as 22% of new rows. It takes at least 299 held-out "
        "rows to show that a difference is too small to matter. More seeds do not help." in sentence
    )
    assert pytest.approx(0.05, rel=0.05) == 0.78**12


def test_where_all_rows_are_alike_nothing_is_known_of_new_ones() -> None:
    """And no interval of [0, 0] is told of them."""
    right = np.ones((20, 12), bool)
    sentence = contrast_of(measured("a", right), measured("b", right)).verdict.sentence
    assert sentence.startswith(
        "For new rows of this kind, nothing is known yet: the arms measure the same on all 12 held-out rows. "
    )


def test_too_few_rows_and_too_few_pairs_are_told_at_once() -> None:
    right = np.ones((8, 120), bool)
    sentence = contrast_of(measured("a", right), measured("b", right)).verdict.sentence
    assert (
        "at least 299 held-out rows to show that a difference is too small to matter. It also takes at least 14 pairs of seeds that are all equal."
        in sentence
    )


def test_warnings_and_too_few_rows_are_told_at_once() -> None:
    right = np.broadcast_to(np.arange(12) % 5 > 0, (20, 12))
    warned = changed(measured("a", right), "warnings", to=["odd"])
    sentence = contrast_of(warned, measured("b", right)).verdict.sentence
    assert (
        "takes at least 299 held-out rows to show that a difference is too small to matter. Fix the warnings first."
        in sentence
    )


def test_one_row_of_few_on_which_one_seed_differs_does_not_speak_of_new_ones() -> None:
    base = np.broadcast_to(np.arange(40) % 5 > 0, (20, 40)).copy()
    treated = base.copy()
    treated[3, 1] = False
    contrast = contrast_of(measured("a", treated), measured("b", base))
    assert max(abs(anew(contrast).low or 1), abs(anew(contrast).high or 1)) < 0.01  # narrow enough
    assert contrast.verdict.word == OPEN
    assert "as much as 7.2% of new rows" in contrast.verdict.sentence


def test_few_rows_may_show_a_difference_that_is_large() -> None:
    base = np.zeros((20, 12), bool)
    base[:, :4] = True
    assert contrast_of(measured("a", np.ones((20, 12), bool)), measured("b", base)).verdict.word == "helps"


def test_losses_that_are_equal_on_few_rows_come_from_equal_arms() -> None:
    right = np.broadcast_to(np.arange(12) % 5 > 0, (20, 12))
    verdict = contrast_of(measured("a", right), measured("b", right), metric="val_loss").verdict
    assert (verdict.word, verdict.about) == (SMALL, "new rows")


def test_a_metric_of_classes_takes_enough_rows_of_the_rarest_class() -> None:
    """400 rows of which 6 are of one class: 294 more of the other say nothing of it, and 299 of each are enough."""
    for rare, word in ((6, OPEN), (298, OPEN), (299, SMALL)):
        target_R = (np.arange(600) < rare).astype("float32")
        arms = [answered(name, np.ones((20, 600), bool), target_R) for name in ("a", "b")]
        for metric in ("val_balanced_accuracy", "val_f1", "val_auc"):
            verdict = contrast_of(*arms, metric=metric).verdict
            assert (metric, rare, verdict.word) == (metric, rare, word)
        assert contrast_of(*arms, metric="val_accuracy").verdict.word == SMALL
    rare_R = (np.arange(600) < 6).astype("float32")
    arms = [answered(name, np.ones((20, 600), bool), rare_R) for name in ("a", "b")]
    sentence = contrast_of(*arms, metric="val_balanced_accuracy").verdict.sentence
    assert (
        "The 6 held-out rows of the rarest class may miss a kind of rows that makes up as much as 39% of this"
        in sentence
    )
    assert (
        "takes at least 299 held-out rows of each class to show that a difference is too small to matter. More seeds do"
        in sentence
    )
    assert pytest.approx(0.05, rel=0.05) == 0.61**6


def test_what_a_metric_of_classes_needs_is_told_in_rows_of_the_rarest_class() -> None:
    target_R = (np.arange(200) < 20).astype("float32")
    draws = np.random.default_rng(0)
    arms = [answered(name, draws.random((20, 200)) < share, target_R) for name, share in (("a", 0.8), ("b", 0.83))]
    contrast = contrast_of(*arms, metric="val_balanced_accuracy")
    (needed,) = re.findall(
        r"With about ([\d,]+) held-out rows instead of [\d,]+ \(about (\d+) of the rarest class\)",
        contrast.verdict.sentence,
    )
    assert int(needed[1]) == math.ceil(int(needed[0].replace(",", "")) / 10)
    rows = contrast.metrics["val_balanced_accuracy"].new_rows
    assert rows is not None
    assert rows.rarest == 20
    assert anew(contrast).rarest is None, "accuracy counts all rows alike"
    assert "rarest class" not in contrast_of(*arms).verdict.sentence


def test_a_correlation_reaches_twice_as_far_and_takes_twice_the_rows() -> None:
    for rare, word in ((597, OPEN), (598, SMALL)):
        target_R = (np.arange(1300) < rare).astype("float32")
        arms = [answered(name, np.ones((20, 1300), bool), target_R) for name in ("a", "b")]
        assert contrast_of(*arms, metric="val_mcc").verdict.word == word


def test_a_margin_that_no_number_of_rows_can_show_says_so() -> None:
    right = np.broadcast_to(np.arange(60) % 5 > 0, (20, 60))
    sentence = contrast_of(measured("a", right), measured("b", right), margin=1e-300).verdict.sentence
    assert (
        "takes more rows than can be held out to show that a difference is too small to matter. Use a larger margin."
        in sentence
    )
    tiny, usual = (contrast_of(measured("a", right), measured("b", right), margin=margin) for margin in (1e-6, 0.01))
    assert tiny.cautions == [
        "the margin is 1e-06, so that nearly any difference matters. Use a larger one, such as --margin 0.01."
    ]
    assert usual.cautions == []


def test_a_wider_margin_takes_fewer_rows() -> None:
    right = np.broadcast_to(np.arange(60) % 5 > 0, (20, 60))
    arms = measured("a", right), measured("b", right)
    assert [contrast_of(*arms, margin=margin).verdict.word for margin in (0.04, 0.05)] == [OPEN, SMALL]


def test_looks_stop_where_only_more_rows_would_settle_it() -> None:
    right = np.broadcast_to(np.arange(100) % 5 > 0, (20, 100))
    document = compare([measured("a", right), measured("b", right)], Question(until_settled=True, max_seeds=40))
    assert document.contrasts[0].verdict.seeds_could_settle is False


def test_f1_of_the_commoner_class_is_warned_of() -> None:
    """The second class by name is what F1 and PR-AUC are about; that is seldom meant where it is the commoner one."""
    target_R = (np.arange(400) >= 40).astype("float32")
    right = rows_right(0.9)
    for names, warned in ((["sick", "well"], True), (["a", "sick"], False)):
        counts = [50, 450] if warned else [450, 50]
        facts = {"task": "binary", "digest": "data", "classes": names, "rows_per_class": counts}
        arms = [changed(answered(name, right, target_R), "dataset", to=facts) for name in ("a", "b")]
        told = [text for text in contrast_of(*arms, metric="val_f1").cautions if "is about the class" in text]
        expected = "val_f1 is about the class 'well', the second by name, which has 90% of the rows. "
        assert [text.startswith(expected) for text in told] == ([True] if warned else [])


@pytest.mark.parametrize(
    ("low", "high", "margin", "edge"),
    [(-0.9956, 0.5, 1.0, True), (-0.5, 0.9956, 1.0, True), (-0.98, 0.98, 1.0, False), (0.1, 0.2, 0.5, False)],
)
def test_a_bound_that_is_written_like_the_margin_is_said_to_be_inside(
    low: float, high: float, margin: float, edge: bool
) -> None:
    assert _is_at_the_edge(Interval(0.0, low, high), margin) is edge
