"""Comparisons on hand-made runs: who may be compared, what is paired, what is answered, and in which words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from arms import BN, NOBN, SEEDS, arm, changed, spread
from experiments import experiment
from scipy import stats

from bnexp import comparison
from bnexp.comparison import Arm, Question, place_of_baseline, refuse_impossible, refuse_judged_by_what_chose
from bnexp.comparison.looks import look_of, with_looks
from bnexp.comparison.metric_names import Predictions
from bnexp.comparison.new_rows import NOT_KEPT
from bnexp.errors import ComparisonError
from bnexp.experiment.warnings import cautions
from bnexp.warning_kinds import CAVEATS, DISTORTING


def compare(arms: Any, question: Question) -> dict[str, Any]:
    """Return what comparison.json holds."""
    return comparison.compare(arms, question).as_json()


# --- what is answered -----------------------------------------------------------------


def test_the_difference_is_paired_by_seed_with_scipys_interval() -> None:
    document = compare([BN, NOBN], Question())
    found = document["contrasts"][0]["metrics"]["val_accuracy"]
    difference_S = BN.history.final("val_accuracy") - NOBN.history.final("val_accuracy")
    expected = stats.ttest_1samp(difference_S, 0).confidence_interval(0.95)
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((difference_S.mean(), *expected))
    assert (found["pairs"], found["positive"], found["negative"], found["left_out"]) == (10, 10, 0, 0)
    assert found["p_value"] == 2 / 2**10


def test_each_arms_mean_has_its_own_interval() -> None:
    facts = compare([BN, NOBN], Question())["arms"][0]
    values_S = BN.history.final("val_accuracy")
    expected = stats.t.interval(0.95, SEEDS - 1, values_S.mean(), stats.sem(values_S))
    interval = facts["metrics"]["val_accuracy"]
    assert (interval["low"], interval["high"], interval["seeds"]) == pytest.approx((*expected, 10))


def test_the_document_is_strict_json() -> None:
    lonely = arm("one", [0.9], seeds=1), arm("two", [0.8], seeds=1)
    for arms in ([BN, NOBN], list(lonely)):
        json.dumps(compare(arms, Question()), allow_nan=False)


@pytest.mark.parametrize(
    ("treated", "base", "word", "sentence"),
    [
        (spread(0.9), spread(0.8, seed=1), "helps",
         "On these rows, a - b in val_accuracy (%) is {mean:+.2f} {interval}: better, and the mean lies outside the margin of ±1.00."),
        (spread(0.8, seed=1), spread(0.9), "hurts",
         "On these rows, a - b in val_accuracy (%) is {mean:+.2f} {interval}: worse, and the mean lies outside the margin of ±1.00."),
        (spread(0.9, 0.001), spread(0.9, 0.001, seed=1), "no difference that matters",
         "On these rows, a - b in val_accuracy (%) is {mean:+.2f} {interval}, inside the margin of ±1.00."),
        (spread(0.9, 0.1), spread(0.9, 0.1, seed=1), "cannot tell yet",
         "On these rows, a - b in val_accuracy (%) is {mean:+.2f} {interval}, and the margin is ±1.00."),
    ],
)  # fmt: skip
def test_the_verdict_is_one_of_four_words_and_a_sentence_with_its_numbers(
    treated: Any, base: Any, word: str, sentence: str
) -> None:
    verdict = compare([arm("a", treated), arm("b", base)], Question())["contrasts"][0]["verdict"]
    low, high = stats.ttest_rel(100 * treated, 100 * base).confidence_interval(0.95)
    mean = 100 * (treated - base).mean()
    assert verdict["word"] == word
    assert verdict["sentence"].startswith(sentence.format(mean=mean, interval=f"[{low:+.2f}, {high:+.2f}]"))


def test_more_of_a_loss_hurts() -> None:
    arms = [arm("a", 1 - spread(0.9)), arm("b", 1 - spread(0.8, seed=1))]
    assert compare(arms, Question(metric="val_loss"))["contrasts"][0]["verdict"]["word"] == "hurts"


def test_cannot_tell_yet_says_how_many_pairs_would_settle_it() -> None:
    noisy = [arm("a", spread(0.9, 0.02)), arm("b", spread(0.9, 0.02, seed=1))]
    document = comparison.compare(noisy, Question())
    verdict = with_looks(document, [look_of(document)], (), ()).as_json()["contrasts"][0]["verdict"]
    assert verdict["word"] == "cannot tell yet"
    assert verdict["settled_by"] > SEEDS
    pairs = verdict["settled_by"]
    correlation, z = np.sqrt(SEEDS / pairs), stats.norm.ppf(0.975)
    means = stats.multivariate_normal(cov=[[1, correlation], [correlation, 1]])
    error = 100 * (1 - means.cdf([z, z], lower_limit=[-z, -z]))
    assert 5 < error < 10
    cost = f"--seeds {pairs}: that would be the second look; together, all looks err in about {error:.2g}% of cases "
    cost += "without a difference, not in 5%."
    chance = f"With about {pairs} pairs of seeds (--seeds {pairs}) there is about a 50% chance to settle it."
    assert verdict["sentence"].endswith(f"{chance} {NOT_KEPT} {cost}")


def test_a_verdict_points_at_warnings_where_there_are_any() -> None:
    warned = compare([changed(BN, "warnings", to=["beware"]), NOBN], Question())["contrasts"][0]["verdict"]
    plain = compare([BN, NOBN], Question())["contrasts"][0]["verdict"]
    first = "It rests on trainings that have warnings; read them first."
    assert warned["word"] == plain["word"] == "helps"
    assert warned["sentence"] == plain["sentence"].replace(NOT_KEPT, f"{first} {NOT_KEPT}")


def test_an_open_verdict_of_small_batches_says_what_would_settle_it_too() -> None:
    """The trainings are as asked for. A user who cannot have larger batches needs the number of seeds."""
    training = {"batch_size": 4, "optimizer": {"name": "adam", "gradient_accumulation_steps": 2}}
    small = cautions(experiment(training=training, model={"name": "mlp", "normalization": "batch"}), steps=10_000)
    assert len(small) == 2
    treated, base = arm("a", spread(0.9, 0.02)), arm("b", spread(0.9, 0.02, seed=1))
    plain, warned, stale = (
        compare([changed(treated, "warnings", to=told), base], Question())["contrasts"][0]["verdict"]
        for told in ([], small, [*small, "BatchNormalization's moving averages have not converged: after 9 steps"])
    )
    rest = plain["sentence"].partition("With about ")[2]
    assert rest and warned["settled_by"] == plain["settled_by"]
    assert f"It rests on trainings that have warnings; read them first. With about {rest}" in warned["sentence"]
    assert "Fix the warnings first." in stale["sentence"] and "With about" not in stale["sentence"]


@pytest.mark.parametrize("kind", [*CAVEATS, *DISTORTING])
def test_an_open_verdict_names_the_seeds_that_settle_it_unless_a_warning_says_that_the_values_are_wrong(
    kind: str,
) -> None:
    arms = [changed(arm("a", spread(0.9, 0.02)), "warnings", to=[f"{kind}: ..."]), arm("b", spread(0.9, 0.02, seed=1))]
    sentence = compare(arms, Question())["contrasts"][0]["verdict"]["sentence"]
    of_caveat = "It rests on trainings that have warnings; read them first. With about "
    assert (of_caveat in sentence) == (kind in CAVEATS)
    assert ("Fix the warnings first. More seeds will not remove them." in sentence) == (kind in DISTORTING)


@pytest.mark.parametrize(
    ("treated", "base"),
    [(spread(0.9, 0.02), spread(0.9, 0.02, seed=1)), ([0.9] * 8, [0.9] * 8)],
)
def test_an_open_verdict_with_warnings_promises_nothing_of_more_pairs(treated: Any, base: Any) -> None:
    arms = [changed(arm("a", treated, seeds=len(treated)), "warnings", to=["beware"]), arm("b", base, seeds=len(base))]
    verdict = compare(arms, Question())["contrasts"][0]["verdict"]
    assert (verdict["word"], verdict["settled_by"]) == ("cannot tell yet", None)
    assert verdict["sentence"].endswith(f"Fix the warnings first. More seeds will not remove them. {NOT_KEPT}")
    assert "would settle" not in verdict["sentence"] and "it takes" not in verdict["sentence"]


def test_a_comparison_keeps_what_was_overridden_in_each_arm() -> None:
    arms = [changed(BN, "overrides", to=["training.epochs=3"]), NOBN]
    assert [one["overrides"] for one in compare(arms, Question())["arms"]] == [["training.epochs=3"], []]


HELD = "val_loss includes the penalty that the model of {} adds (l2 or a regularizer); val_accuracy does not."


def layers(**arguments: Any) -> dict[str, Any]:
    return {"name": "sequential", "layers": [{"Dense": {"units": 4, **arguments}}, {"Dense": {"units": 1}}]}


@pytest.mark.parametrize(
    ("one", "other", "who"),
    [
        ({"l2": 0.1}, {}, "bn"),
        ({"l2": 0.1}, {"l2": 0.2}, "bn and of nobn"),
        (layers(kernel_regularizer="l2"), layers(), "bn"),
        (layers(), layers(activity_regularizer="l1"), "nobn"),
        (layers(kernel_regularizer=None), {"l2": 0.0}, None),
    ],
)
def test_a_loss_that_holds_a_penalty_is_told_before_the_verdict(
    one: dict[str, Any], other: dict[str, Any], who: str | None
) -> None:
    arms = [arm("bn", spread(0.9), model=one), arm("nobn", spread(0.8, seed=1), model=other)]
    (found,) = compare(arms, Question("val_loss"))["contrasts"]
    assert found["cautions"] == ([] if who is None else [HELD.format(who)])
    (by_accuracy,) = compare(arms, Question("val_accuracy"))["contrasts"]
    assert by_accuracy["cautions"] == []


@pytest.mark.parametrize(("seeds", "few"), [(1, "1 pair is"), (5, "5 pairs are")])
def test_few_pairs_tell_nothing_even_if_they_all_agree(seeds: int, few: str) -> None:
    arms = [arm("a", [0.9] * seeds, seeds=seeds), arm("b", [0.5] * seeds, seeds=seeds)]
    assert compare(arms, Question())["contrasts"][0]["verdict"] == {
        "word": "cannot tell yet",
        "is_withheld": True,
        "settled_by": 6,
        "sentence": f"{few} too few for a verdict, which needs 6: fewer can all agree by chance in more than 5% of cases. "
        "Use --seeds 20.",
    }


def test_a_diverged_seed_has_not_reached_the_target_though_the_epoch_in_which_it_diverged_looks_so() -> None:
    whole, base = arm("a", [0.9] * SEEDS), arm("b", [0.9] * SEEDS)
    lost = arm("a", [0.9] * SEEDS, diverged={3: 2, 4: 2})
    found = [compare([one, base], Question(reach=0.85))["arms"][0]["to_target"] for one in (whole, lost)]
    assert [one["reached"] for one in found] == [10, 8]
    assert found[1]["epochs"][2:6] == [2.0, None, None, 2.0]


def test_few_pairs_that_are_all_equal_do_not_show_that_no_difference_matters() -> None:
    few, enough = (
        compare([arm("a", [1.0] * n, seeds=n), arm("b", [1.0] * n, seeds=n)], Question())["contrasts"][0]["verdict"]
        for n in (6, 14)
    )
    assert (few["word"], few["settled_by"]) == ("cannot tell yet", 14)
    assert few["sentence"] == (
        "On these rows, a - b in val_accuracy (%) is 0.00 [0.00, 0.00], and the margin is ±1.00. All 6 pairs are "
        f"equal; it takes 14 equal pairs to say that no difference matters. {NOT_KEPT}"
    )
    assert enough["word"] == "no difference that matters"


def test_a_diverged_seed_counts_as_chance_in_accuracy_and_withholds_the_verdict_elsewhere() -> None:
    accuracy_S = spread(0.9)
    broken = arm("a", accuracy_S, diverged={3: 2})
    base = arm("b", spread(0.8, seed=1))
    contrast = compare([broken, base], Question())["contrasts"][0]
    counted_S = np.where(np.arange(SEEDS) == 3, 0.5, accuracy_S)
    expected = (counted_S - base.history.final("val_accuracy")).mean()
    assert contrast["metrics"]["val_accuracy"]["mean"] == pytest.approx(expected)
    means = [facts["metrics"]["val_accuracy"]["mean"] for facts in compare([broken, base], Question())["arms"]]
    assert means[0] - means[1] == pytest.approx(expected), "the arms' means and their difference tell one story"
    assert contrast["metrics"]["val_loss"]["left_out"] == 1
    verdict = compare([broken, base], Question(metric="val_loss"))["contrasts"][0]["verdict"]
    assert verdict["word"] == "cannot tell yet"
    assert verdict["sentence"].startswith("No verdict: in 1 pair a seed diverged, so that pair has no value.")


def test_the_target_is_a_share_of_the_baselines_median_best_and_nobody_who_misses_it_is_dropped() -> None:
    half = [0.9] * 5 + [0.6] * 5
    document = compare([arm("a", half), arm("b", [0.8] * 10)], Question())
    assert document["target"] == {
        "metric": "val_accuracy",
        "value": pytest.approx(0.76),
        "rule": "95% of b's best val_accuracy (median over its seeds)",
        "why_none": None,
    }
    reach = document["arms"][0]["to_target"]
    assert (reach["reached"], reach["seeds"], reach["mean_epochs"]) == (5, 10, 2.0)
    assert reach["epochs"] == [2.0] * 5 + [None] * 5
    assert reach["mean_seconds"] == pytest.approx(2 * 0.1)


def test_a_seed_that_stopped_early_without_reaching_the_target_counts_with_all_configured_epochs() -> None:
    """By the two epochs that it ran, an arm that gives up soon would look fast."""
    stopped = arm("bn", [0.6] * SEEDS, training={"epochs": 30})
    reached = arm("nobn", [0.9] * SEEDS, training={"epochs": 30})
    assert set(stopped.history.epochs_S) == {2}
    document = compare([stopped, reached], Question(reach=0.8))
    assert [side["to_target"]["mean_epochs"] for side in document["arms"]] == [30.0, 2.0]
    found = document["contrasts"][0]["to_target"]
    assert (found["epochs"]["mean"], found["speed_up"]["reading"]) == (28.0, "at most")
    assert found["speed_up"]["ratio"] == pytest.approx(2 / 30)


def test_where_there_is_a_test_part_it_decides_and_the_target_is_of_the_validation_part() -> None:
    def with_test(made: Arm, accuracy_S: Any) -> Arm:
        last_S = np.asarray(accuracy_S, float)
        metrics = {**made.history.metrics, "test_accuracy": np.stack([last_S, last_S], axis=1)}
        return replace(made, history=replace(made.history, metrics=metrics))

    document = compare([with_test(BN, spread(0.5)), with_test(NOBN, spread(0.6, seed=2))], Question())
    assert document["primary"]["metric"] == "test_accuracy"
    assert document["contrasts"][0]["verdict"]["word"] == "hurts"  # though it helps on validation
    assert document["target"]["metric"] == "val_accuracy"
    assert document["target"]["rule"] == "95% of nobn's best val_accuracy (median over its seeds)"


def test_a_baseline_that_does_not_beat_the_mean_has_no_target_in_r2_unless_one_is_asked_for() -> None:
    """The best of its epochs can lie a little above 0 by chance: 95% of that is nothing to reach."""
    arms = [with_r2("a", spread(0.4)), with_r2("b", spread(0.0, 0.02))]
    document = compare(arms, Question())
    assert np.median(arms[1].history.best("val_r2")) > 0 and document["target"] == {
        "metric": "val_r2",
        "value": None,
        "rule": "",
        "why_none": "b does not beat predicting the mean (0) in val_r2 by its 95% interval; --reach sets one",
    }
    assert document["contrasts"][0]["to_target"] is None
    assert compare(arms, Question(reach=0.1))["arms"][0]["to_target"]["reached"] == SEEDS


def test_the_target_of_a_baseline_that_beats_the_mean_is_a_share_of_its_best() -> None:
    document = compare([with_r2("a", [0.5] * SEEDS), with_r2("b", [0.4] * SEEDS)], Question())
    assert document["target"]["value"] == pytest.approx(0.38)
    assert document["target"]["rule"] == "95% of b's best val_r2 (median over its seeds)"


def test_a_target_of_a_loss_is_a_little_above_the_baselines() -> None:
    document = compare([BN, NOBN], Question(metric="val_loss"))
    assert document["target"]["value"] == pytest.approx(1.05 * np.median(NOBN.history.best("val_loss")))
    assert document["target"]["rule"] == "105% of nobn's best val_loss (median over its seeds)"


def reached(name: str, epochs: list[int]) -> Arm:
    """An arm of 10 seeds and 5 epochs that reaches 0.9 from these epochs on; 0 stands for never."""
    epoch_E, from_S = np.arange(1, 6), np.array([one or 99 for one in epochs])
    values_SE = np.where(epoch_E >= from_S[:, None], 0.95, 0.6)
    made = arm(name, values_SE[:, -1], training={"epochs": 5})
    metrics = dict.fromkeys(("loss", "val_loss"), 1 - values_SE) | {"val_accuracy": values_SE}
    return replace(made, history=replace(made.history, metrics=metrics, epochs_S=(5,) * SEEDS))


@pytest.mark.parametrize(
    ("arm_epochs", "base_epochs", "ratio", "reading"),
    [
        ([0] * 10, [0] * 10, None, None),
        ([0] * 10, [3] * 5 + [0] * 5, None, None),
        ([3] * 5 + [0] * 5, [0] * 10, None, None),
        ([1] * 10, [0] * 10, 5.0, "at least"),
        ([0] * 10, [1] * 10, 0.2, "at most"),
        ([3] * 5 + [0] * 5, [2] * 5 + [0] * 5, 3.5 / 4, "restricted means"),
    ],
)
def test_no_speed_up_is_told_where_no_seed_of_an_arm_arrives_and_not_all_of_the_other(
    arm_epochs: list[int], base_epochs: list[int], ratio: float | None, reading: str | None
) -> None:
    arms = [reached("a", arm_epochs), reached("b", base_epochs)]
    found = compare(arms, Question(reach=0.9))["contrasts"][0]["to_target"]["speed_up"]
    if ratio is None:
        assert found is None
    else:
        assert (found["ratio"], found["reading"]) == (pytest.approx(ratio), reading)


def test_without_a_known_pace_there_are_epochs_but_no_seconds() -> None:
    document = compare([changed(BN, "seed_epoch_seconds", to=None), NOBN], Question())
    assert document["arms"][0]["to_target"]["mean_seconds"] is None
    assert document["contrasts"][0]["to_target"]["epochs"]["mean"] == 0.0


def test_a_target_that_guessing_reaches_is_none_unless_it_is_asked_for() -> None:
    arms = [arm("a", [0.52] * SEEDS), arm("b", [0.51] * SEEDS)]
    found = compare(arms, Question())["target"]
    assert found["value"] is None
    assert found["why_none"] == (
        "95% of b's best val_accuracy (median over its seeds) is no more than guessing scores; --reach sets one"
    )
    assert compare(arms, Question(reach=0.4))["target"]["value"] == 0.4


def test_a_best_epoch_of_a_baseline_that_guesses_is_no_target() -> None:
    """Of many epochs on few rows, the best one is above guessing by chance. In the end it is not."""
    facts = {"task": "binary", "digest": "data", "guessing": {"val": 0.5}, "one_class": {"val": 0.5}}
    guesses = np.resize([0.4, 0.6, 0.45, 0.55, 0.5], SEEDS)
    arms = []
    for name in ("a", "b"):
        one = changed(arm(name, list(guesses)), "dataset", to=facts)
        values_SE = np.stack([np.full(SEEDS, 0.58), guesses], axis=1)
        history = replace(one.history, metrics={"val_accuracy": values_SE}, epochs_S=(2,) * SEEDS)
        arms.append(replace(one, history=history))
    target = compare(arms, Question(metric="val_accuracy"))["target"]
    assert target["why_none"] == (
        "b does not beat guessing (50.00) in val_accuracy (%) by its 95% interval; --reach sets one"
    )


def test_a_target_that_a_constant_answer_reaches_is_none_though_the_commonest_training_class_does_not() -> None:
    """The verdict is withheld by the best single answer, too."""
    facts = {"task": "binary", "digest": "data", "guessing": {"val": 0.45}, "one_class": {"val": 0.55}}
    arms = [changed(arm(name, [0.56] * SEEDS), "dataset", to=facts) for name in ("a", "b")]
    for metric in (None, "val_accuracy"):
        assert compare(arms, Question(metric=metric))["target"] == {
            "metric": "val_accuracy", "value": None, "rule": "",
            "why_none": "95% of b's best val_accuracy (median over its seeds) is no more than guessing scores; --reach sets one",
        }  # fmt: skip
    better = [changed(arm(name, [0.6] * SEEDS), "dataset", to=facts) for name in ("a", "b")]
    assert compare(better, Question())["target"]["value"] == pytest.approx(0.57)


def test_where_nothing_finite_was_measured_there_is_no_target() -> None:
    lost = {seed: 1 for seed in range(SEEDS)}
    arms = [arm("a", [np.nan] * SEEDS, diverged=lost), arm("b", [np.nan] * SEEDS, diverged=lost)]
    document = compare(arms, Question())
    assert document["target"]["value"] is None
    assert document["contrasts"][0]["to_target"] is None
    json.dumps(document, allow_nan=False)


def test_a_given_target_metric_margin_and_baseline_are_used() -> None:
    document = compare([BN, NOBN], Question(metric="val_loss", margin=0.5, reach=0.3, baseline="bn"))
    assert document["primary"] == {"metric": "val_loss", "margin": 0.5}
    assert document["target"] == {"metric": "val_loss", "value": 0.3, "rule": "given", "why_none": None}
    assert [(c["arm"], c["baseline"]) for c in document["contrasts"]] == [("nobn", "bn")]


def test_a_baseline_that_no_arm_is_called_is_refused_and_never_the_last_arm_instead() -> None:
    arms = [("bn", "bn-2026"), ("nobn", None)]
    assert [place_of_baseline(Question(baseline=name), arms) for name in (None, "nobn", "bn", "bn-2026")] == [
        1,
        1,
        0,
        0,
    ]
    with pytest.raises(ComparisonError, match=r"^question\.baseline is 'nbn'; expected one of the arms\. Did you mean"):
        place_of_baseline(Question(baseline="nbn"), arms)


def test_a_losss_margin_is_a_share_of_the_baselines_mean() -> None:
    document = compare([BN, NOBN], Question(metric="val_loss"))
    assert document["primary"]["margin"] == pytest.approx(0.05 * NOBN.history.final("val_loss").mean())


# --- what no verdict rests on -------------------------------------------------------------


def verdict_of(*arms: Arm, **question: Any) -> dict[str, Any]:
    found: dict[str, Any] = compare(list(arms), Question(**question))["contrasts"][0]["verdict"]
    return found


@pytest.mark.parametrize("guess_S", [[0.5] * 14, [0.5 + 1e-7] * 14, [0.49] * 14, [0.5] * 13 + [0.6]])
def test_two_arms_that_guess_are_not_judged_by_accuracy_and_the_loss_is_named(guess_S: list[float]) -> None:
    """Equal pairs, rounding above the baseline, below it, and one lucky seed: all were "no difference" or "hurts"."""
    assert verdict_of(arm("bn", guess_S, seeds=14), arm("nobn", [0.5] * 14, seeds=14)) == {
        "word": "cannot tell yet",
        "is_withheld": True,
        "settled_by": None,
        "sentence": "No verdict: neither bn nor nobn beats always answering the commonest class of these rows (50.00%) in val_accuracy by its "
        "95% interval. Nets that guess cannot be told apart by accuracy. Use --metric val_loss, or train longer.",
    }


def test_where_accuracy_is_not_fair_a_verdict_and_the_lines_on_the_data_name_the_same_metric() -> None:
    for counts, read in (([90, 10], "val_auc"), ([60, 40], "val_loss")):
        facts = {"task": "binary", "digest": "data", "guessing": {"val": 0.5}, "rows_per_class": counts}
        arms = [changed(arm(name, [0.5] * 14, seeds=14), "dataset", to=facts) for name in ("bn", "nobn")]
        assert verdict_of(*arms)["sentence"].endswith(f" Use --metric {read}, or train longer.")


def test_where_one_arm_beats_guessing_the_verdict_stands_and_so_it_does_for_a_loss() -> None:
    guessing = arm("nobn", [0.5] * SEEDS)
    assert verdict_of(BN, guessing)["word"] == "helps"
    assert verdict_of(guessing, replace(BN, name="b", run="b"))["word"] == "hurts"
    loss = verdict_of(guessing, arm("b", [0.5] * SEEDS), metric="val_loss")
    assert loss["sentence"].startswith(
        "On these rows, the ratio nobn / b of val_loss is 1.00 [1.00, 1.00]; a ratio between 0.952 and 1.05 does not matter."
    )


def test_a_margin_as_large_as_the_whole_loss_shows_no_difference_but_may_show_harm() -> None:
    low, high = arm("a", spread(0.9)), arm("b", spread(0.88, seed=1))
    verdict = verdict_of(low, high, metric="val_loss", margin=5)
    mean = high.history.final("val_loss").mean()
    assert (verdict["word"], verdict["sentence"]) == (
        "cannot tell yet",
        f"No verdict: the margin is 5 and the mean val_loss of b is {mean:.3g}, so that even a perfect net would not matter. "
        f"Use a smaller one, such as --margin {0.05 * mean:.2g}.",
    )
    assert verdict_of(arm("a", spread(0.1)), high, metric="val_loss", margin=0.5)["word"] == "hurts"


def test_an_arm_that_learns_does_not_speak_for_two_others_that_guess() -> None:
    arms = [BN, arm("a", [0.5] * SEEDS), arm("b", [0.5] * SEEDS)]
    words = [one["verdict"]["word"] for one in compare(arms, Question())["contrasts"]]
    assert words == ["helps", "cannot tell yet"]


def test_nets_that_always_answer_the_other_class_guess_too() -> None:
    """The commonest class of the training part may be the rarer one of the part that is judged."""
    facts = {"task": "binary", "digest": "data", "guessing": {"val": 0.465}, "one_class": {"val": 0.535}}
    arms = [changed(arm(name, [0.535] * 14, seeds=14), "dataset", to=facts) for name in ("bn", "nobn")]
    assert verdict_of(*arms)["sentence"].startswith(
        "No verdict: neither bn nor nobn beats always answering the commonest class of these rows (53.50%) in val_accuracy"
    )


def test_a_run_that_does_not_tell_what_guessing_scores_is_judged_as_before() -> None:
    old = [changed(one, "dataset", "guessing", to={}) for one in (BN, NOBN)]
    assert verdict_of(*old)["word"] == "helps"


def test_of_the_same_rows_what_one_run_tells_of_guessing_holds_for_the_other_too() -> None:
    old = changed(BN, "dataset", "guessing", to={})
    assert verdict_of(old, arm("nobn", [0.5] * SEEDS))["word"] == "helps"
    lost = [changed(arm("a", [0.5] * SEEDS), "dataset", "guessing", to={}), arm("b", [0.5] * SEEDS)]
    assert verdict_of(*lost)["sentence"].startswith(
        "No verdict: neither a nor b beats always answering the commonest class of these rows"
    )


def with_r2(name: str, r2_S: Any) -> Arm:
    made = changed(arm(name, [0.5] * SEEDS), "dataset", to={"task": "regression", "digest": "data", "guessing": {}})
    values_S = np.asarray(r2_S, float)
    metrics = {"loss": made.history.metrics["loss"], "val_r2": np.stack([values_S, values_S], axis=1)}
    return replace(made, history=replace(made.history, metrics=metrics))


def test_two_arms_no_better_than_the_mean_are_not_judged_by_r2() -> None:
    verdict = verdict_of(with_r2("a", spread(-0.001, 0.001)), with_r2("b", spread(-0.4, seed=1)))
    assert (verdict["word"], verdict["sentence"]) == (
        "cannot tell yet",
        "No verdict: neither a nor b beats predicting the mean (0) in val_r2 by its 95% interval. Nets that guess "
        "cannot be told apart by r2. Train longer, or with another training.learning_rate.",
    )
    few = [changed(with_r2(name, spread(-0.4, seed=seed)), "dataset", to={
        "task": "regression", "digest": "data", "guessing": {}, "training_rows": 1055, "validation_rows": 14,
    }) for seed, name in enumerate("ab")]  # fmt: skip
    assert verdict_of(*few)["sentence"].endswith(
        "Train longer, or with another training.learning_rate. Too few rows are a likely reason, too: 1,055 for training, "
        "and 14 in the validation part."
    )
    assert verdict_of(with_r2("a", spread(0.4)), with_r2("b", spread(-0.4, seed=1)))["word"] == "helps"


STOPPED: dict[str, Any] = {"training": {"early_stopping": {"monitor": "val_loss", "restore_best": False}}}


def test_stored_runs_are_not_judged_by_the_part_on_which_early_stopping_chose() -> None:
    for one, other in (({}, STOPPED), (STOPPED, {}), (STOPPED, STOPPED)):
        verdict = verdict_of(arm("a", spread(0.9), **one), arm("b", spread(0.8, seed=1), **other))
        assert verdict["word"] == "cannot tell yet"
        assert verdict["sentence"] == (
            "No verdict: it reads val_accuracy, and training.early_stopping chooses by val_loss, on the same rows; expected "
            "rows that chose nothing. Read a test_ metric (dataset.validation_size makes a test part; so do dataset.validation_path and dataset.test_path). Then train both again."
        )
    by_training = verdict_of(arm("a", spread(0.9), **STOPPED), arm("b", spread(0.8, seed=1)), metric="loss")
    assert by_training["word"] == "helps"


def test_where_a_test_part_is_measured_the_cure_is_its_metric_and_no_training() -> None:
    """With only one arm's test part there is no such metric in both."""

    def stopped(name: str, *, test_part: bool = True) -> Arm:
        one = arm(name, spread(0.9), **STOPPED)
        metrics = {**one.history.metrics, "test_loss": one.history.metrics["val_loss"]}
        return replace(one, history=replace(one.history, metrics=metrics)) if test_part else one

    seen = "No verdict: it reads val_loss, and training.early_stopping chooses by val_loss, on the same rows; expected rows that chose nothing."
    verdict = verdict_of(stopped("a"), stopped("b"), metric="val_loss")
    assert (verdict["word"], verdict["sentence"]) == ("cannot tell yet", f"{seen} Use --metric test_loss.")
    mixed = verdict_of(stopped("a"), stopped("b", test_part=False), metric="val_loss")
    assert mixed["sentence"].endswith("Then train both again.")


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_what_is_to_be_trained_is_refused_by_the_same_rule(monitor: str) -> None:
    stopping = experiment(training={"early_stopping": {"monitor": monitor}})
    measured = ["loss", "val_loss", "val_accuracy"]
    with pytest.raises(ComparisonError) as caught:
        refuse_judged_by_what_chose(Question(), measured, [experiment(), stopping])
    assert str(caught.value) == (
        f"small: the verdict reads val_accuracy, and training.early_stopping chooses by {monitor}, on the same rows; expected "
        "rows that chose nothing. Read a test_ metric (dataset.validation_size makes a test part; so do dataset.validation_path and dataset.test_path)."
    )
    refuse_judged_by_what_chose(Question(), [*measured, "test_accuracy"], [experiment(), stopping])
    with pytest.raises(ComparisonError, match=r"rows that chose nothing\. Use metric test_loss\.$"):
        refuse_judged_by_what_chose(Question("val_loss"), [*measured, "test_accuracy"], [experiment(), stopping])
    refuse_judged_by_what_chose(Question("loss"), measured, [experiment(), stopping])


def test_every_arm_is_compared_with_the_last_one() -> None:
    document = compare([BN, arm("layer", spread(0.85)), NOBN], Question())
    assert [(c["arm"], c["baseline"]) for c in document["contrasts"]] == [("bn", "nobn"), ("layer", "nobn")]


def test_only_common_seeds_are_paired() -> None:
    document = compare([BN, arm("few", spread(0.8, count=4), seeds=4)], Question())
    assert document["seeds"] == [0, 1, 2, 3]
    assert document["contrasts"][0]["metrics"]["val_accuracy"]["pairs"] == 4


# --- what else differs -----------------------------------------------------------------


def test_what_was_varied_and_what_differs_besides_are_told_apart() -> None:
    other = arm("other", spread(0.8), model={"normalization": "none"}, training={"batch_size": 16})
    other = changed(other, "versions", "keras", to="3.14.0")
    contrast = compare([BN, other], Question())["contrasts"][0]
    assert contrast["varied"] == {"model.normalization": ["batch", "none"]}
    assert contrast["confounders"] == {
        "training.batch_size": [32, 16],
        "version of keras": ["3.15.1", "3.14.0"],
    }


def test_where_the_normalization_is_the_same_whatever_differs_is_what_was_varied() -> None:
    other = arm("other", spread(0.8), model={"normalization": "batch"}, training={"batch_size": 16, "save": "none"})
    contrast = compare([BN, other], Question())["contrasts"][0]
    assert contrast["varied"] == {"training.batch_size": [32, 16]}
    assert contrast["confounders"] == {}


def test_more_seeds_in_one_arm_are_no_confounder() -> None:
    assert (
        compare([BN, arm("few", spread(0.8, count=4), seeds=4, model={"normalization": "none"})], Question())[
            "contrasts"
        ][0]["confounders"]
        == {}
    )


def test_a_run_cannot_be_compared_with_itself() -> None:
    message = r"bn \(bn-run\) takes part 2 times; expected different runs\. Name each run once\."
    with pytest.raises(ComparisonError, match=message):
        compare([BN, NOBN, replace(BN, name="again")], Question())


def test_pairing_is_told_by_digest() -> None:
    equal = {"splits": True, "kernels": True, "batch orders": True}
    assert compare([BN, NOBN], Question())["contrasts"][0]["pairing"] == equal
    other = changed(NOBN, "pairing", "kernels", "output/kernel", to={str(seed): "x" for seed in range(SEEDS)})
    assert compare([BN, other], Question())["contrasts"][0]["pairing"] == {**equal, "kernels": False}
    other = changed(NOBN, "pairing", "batches", "all_epochs", "3", to="x")
    assert compare([BN, other], Question())["contrasts"][0]["pairing"] == {**equal, "batch orders": False}
    other = changed(NOBN, "pairing", "kernels", to={})
    assert compare([BN, other], Question())["contrasts"][0]["pairing"] == {**equal, "kernels": None}


# --- what is refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arms", "question", "message"),
    [
        ([BN], Question(), "compare was given 1 arm (bn); expected two or more. For example: bnexp compare bn nobn, "
         "or one config with several normalizations: --arms batch,none"),
        ([BN, NOBN], Question(baseline="bm"),
         "--baseline is 'bm'; expected one of the arms. Did you mean 'bn'? Good names: bn, bn-run, nobn, nobn-run."),
        ([BN, NOBN], Question(metric="val_acuracy"),
         "--metric is 'val_acuracy'; it is not measured. Did you mean 'val_accuracy'? "
         "Good names: loss, val_loss, val_accuracy."),
        ([BN, NOBN], Question(metric="test_accuracy"), "--metric is 'test_accuracy'; there is no test part beside the "
         "validation part. Set dataset.validation_size, such as 0.25, or name both parts: dataset.validation_path, dataset.test_path."),
        ([BN, NOBN], Question(margin=float("nan")), "--margin is nan; expected a finite number in the metric's own unit. Use 0.01, for example."),
        ([BN, NOBN], Question(reach=float("inf")), "--reach is inf; expected a finite number in the metric's own unit. Use 0.01, for example."),
        ([BN, NOBN], Question(margin=1), "--margin is 1, and the metric is val_accuracy; expected a share below 1, as accuracies are shares. "
         "Write --margin 0.01 for 1 point."),
        ([BN, NOBN], Question(margin=0), "--margin is 0, and the metric is val_accuracy; expected a number above 0. "
         "Use the smallest difference that matters, such as --margin 0.01."),
        ([BN, NOBN], Question("val_loss", margin=-1), "--margin is -1, and the metric is val_loss; expected a number above 0. "
         "Use the smallest difference that matters, such as --margin 0.01."),
        ([BN, NOBN], Question(reach=90, margin=2), "--margin is 2, and the metric is val_accuracy; expected a share below 1, as accuracies are shares. "
         "Write --margin 0.02 for 2 points.\n"
         "--reach is 90, and the metric is val_accuracy; expected a share above 0 and at most 1. Write --reach 0.9 for 90%."),
        ([BN, NOBN], Question("val_loss", reach=-0.5), "--reach is -0.5, and the metric is val_loss; expected 0 or more, as a loss or an "
         "error is never lower. Use --reach 0.5, for example."),
        ([with_r2("a", [0.5] * SEEDS), with_r2("b", [0.4] * SEEDS)], Question(margin=1, reach=1.5), "--margin is 1, and the metric is val_r2; "
         "expected less than 1, as r2 is 1 at most. Use --margin 0.01, for example.\n--reach is 1.5, and the metric is val_r2; "
         "expected 1 or less, as no r2 is higher. Write --reach 0.015 for 1.5%."),
        ([BN, changed(NOBN, "dataset", "digest", to="x")], Question(),
         "bn (bn-run) and nobn (nobn-run) were not trained on the same data: the configs agree, but the digests of the "
         "rows differ. Train both on one dataset, then compare."),
        ([BN, changed(NOBN, "pairing", "splits", "2", to="x")], Question(),
         "bn (bn-run) and nobn (nobn-run) were not trained on the same split: the configs agree, but the digests of the "
         "rows differ. Train both on one dataset, then compare."),
        ([BN, arm("scaled", spread(0.8), dataset={"scale": "standard"})], Question(),
         "bn (bn-run) and scaled (scaled-run) were not trained on the same inputs and targets: dataset.scale is none "
         "and standard. Train both on one dataset, then compare."),
        ([BN, arm("moved", spread(0.8), dataset={"validation_size": 0.25, "shift": {"scale": 0.5}})], Question(),
         "bn (bn-run) and moved (moved-run) were not trained on the same inputs and targets: dataset.validation_size is "
         "null and 0.25; dataset.shift is null and {scale: 0.5, offset: 0.0}. "
         "Train both on one dataset, then compare."),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("by_command")
def test_what_cannot_be_compared_is_refused_naming_both_and_the_cure(
    arms: list[Arm], question: Question, message: str
) -> None:
    with pytest.raises(ComparisonError) as caught:
        compare(arms, question)
    assert str(caught.value) == message


def test_arms_without_a_common_seed_are_refused() -> None:
    history = replace(BN.history, seeds=tuple(range(100, 110)))
    with pytest.raises(ComparisonError, match="The arms have no seed in common: bn"):
        compare([replace(BN, history=history), NOBN], Question())


def test_a_single_arm_needs_no_p_value_that_orders_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading SciPy for one takes a tenth of the time of a comparison."""
    asked: list[float] = []

    def tail(ratio: float, degrees: float) -> float:
        asked.append(degrees)
        return 0.5 * float(stats.t.sf(ratio, degrees))

    monkeypatch.setattr("bnexp.statistics.estimate.t_tail", tail)
    assert comparison.compare([BN, NOBN], Question()).contrasts[0].verdict.word == "helps"
    assert asked == []
    comparison.compare([BN, arm("cn", spread(0.85, seed=2)), NOBN], Question())
    assert len(asked) == 2


def test_the_document_holds_what_was_asked_where_it_is_not_the_default() -> None:
    def asked(**question: Any) -> str:
        return comparison.compare([BN, NOBN], Question(**question)).asked.options

    assert asked() == asked(margin=0.01) == asked(baseline="nobn") == ""
    assert asked(margin=0.02, reach=0.9) == "--margin 0.02 --reach 0.9"
    assert asked(baseline="bn", about="these-rows") == "--baseline bn --about these-rows"


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("val_acc", "it is not measured. Did you mean 'val_accuracy'? Good names: "),
        ("val_average_precision", "it is not measured. Did you mean 'val_pr_auc'? Good names: "),
        ("val_ece", "it is not measured. Did you mean 'val_calibration_error'? Good names: "),
        ("val_mean_absolute_error", "it is not measured. Did you mean 'val_mae'? Good names: "),
        ("val_auc", "AUC needs two classes, and these data have more. Good names: "),
    ],
)
@pytest.mark.usefixtures("by_command")
def test_a_metric_that_is_not_there_is_refused_with_the_name_that_was_meant(metric: str, told: str) -> None:
    measured = ["val_loss", "val_accuracy", "val_mae", "val_f1", "val_pr_auc", "val_calibration_error"]
    with pytest.raises(ComparisonError) as caught:
        refuse_impossible(Question(metric=metric), ["a", "b"], measured, measured, Predictions(frozenset({3}), True))
    assert str(caught.value).startswith(f"--metric is {metric!r}; {told}")
