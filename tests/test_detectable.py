"""The sentence on what a comparison can detect: by an earlier one, by the worst case of an accuracy, or not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnexp.comparison.detectable import Design, detectable_by
from bnexp.comparison.earlier import Earlier
from bnexp.config.synthetic import MoonsDataset
from bnexp.statistics.held_out_rows import Components
from bnexp.statistics.power import detectable, error_over_rows, error_over_seeds, error_over_splits
from bnexp.store import ComparisonDocument, DataFacts

ROWS = {"drawn": "rows", "count": 200, "seed_variance": 1e-5, "row_variance": 0.004, "rest_variance": 0.08}
UNITS = {"mean": 0.0, "low": -0.1, "high": 0.1}


def design(metric: str = "val_accuracy", **facts: Any) -> Design:
    data = DataFacts(training_rows=800, validation_rows=200)
    known: dict[str, Any] = {"seeds": 20, "about": "new-rows", "data": data, "own_splits": False, "grouped": False}
    return Design(metric, **{**known, **facts})


def earlier(metric: str = "val_accuracy", rows: dict[str, Any] | None = None, deviation: float = 0.02) -> Earlier:
    new_rows = None if rows is None else {**UNITS, **rows}
    difference = {**UNITS, "standard_deviation": deviation, "pairs": 20, "new_rows": new_rows}
    contrast = {
        "arm": "bn", "baseline": "nobn", "pairs": [0.0], "metrics": {metric: difference},
        "verdict": {"word": "cannot tell yet"},
    }  # fmt: skip
    document = {
        "baseline": "nobn", "seeds": [0], "level": 0.95, "primary": {"metric": metric, "margin": 0.01},
        "contrasts": [contrast],
    }  # fmt: skip
    return Earlier("bn-vs-nobn", ComparisonDocument.model_validate(document))


def test_an_earlier_comparison_of_the_data_predicts_it_from_its_variances() -> None:
    found = detectable_by(design(), earlier(rows=ROWS))
    assert found.difference == pytest.approx(detectable(error_over_rows(Components(1e-5, 0.004, 0.08), 20, 200)))
    assert found.rests_on == "bn-vs-nobn"
    assert found.sentence == (
        f"For new rows, 20 seeds and 200 held-out rows detect a difference of {100 * found.difference:.2f} in "
        "val_accuracy (%) with about 80% probability (95% interval), by the variances of bn-vs-nobn."
    )
    more = detectable_by(design(seeds=80), earlier(rows=ROWS)).difference
    assert more is not None
    assert more < found.difference


def test_what_is_said_of_groups_of_splits_and_of_these_rows_fits_them() -> None:
    groups = detectable_by(design(grouped=True), earlier(rows={**ROWS, "drawn": "groups", "count": 40}))
    assert groups.sentence.startswith("For new groups, 20 seeds and 40 groups of held-out rows detect a difference of ")
    splits = detectable_by(design(own_splits=True), earlier(rows={"drawn": "splits", "count": 200}))
    assert splits.difference == pytest.approx(detectable(error_over_splits(0.02, 20, 0.25)))
    assert splits.sentence.startswith("For other splits, 20 seeds detect a difference of ")
    for these in (
        detectable_by(design(about="these-rows"), earlier(rows=ROWS)),
        detectable_by(design(), earlier()),  # whose rows were not kept
    ):
        assert these.difference == pytest.approx(detectable(error_over_seeds(0.02, 20)))
        assert these.sentence.startswith("On these rows, 20 seeds detect a difference of 1.32 in val_accuracy (%)")


def test_before_the_first_comparison_the_worst_case_of_an_accuracy_is_assumed_and_said() -> None:
    found = detectable_by(design(), None)
    assert found.difference == pytest.approx(detectable(error_over_rows(Components(0.0, 0.2, 0.0), 20, 200)))
    assert found.rests_on is None
    assert found.sentence == (
        "At worst, 20 seeds detect a difference of 8.90 in val_accuracy (%) with about 80% probability (95% interval), if in "
        "every seed the arms answer differently on the same 40 of the 200 held-out rows. The true limit is usually much "
        "lower, and is known once these data have been compared."
    )
    other = detectable_by(design(), earlier(metric="val_loss", rows=ROWS))
    assert other == found, "the earlier one did not measure the metric"
    equal = {**ROWS, "seed_variance": 0.0, "row_variance": 0.0, "rest_variance": 0.0}
    alike = detectable_by(design(margin=0.01), earlier(rows=equal, deviation=0.0))
    assert (alike.difference, alike.rests_on) == (found.difference, None)
    assert (
        "In bn-vs-nobn all seeds and rows differed alike, so the true limit is probably much lower." in alike.sentence
    )
    assert alike.sentence.endswith(
        " It takes at least 299 held-out rows to show that a difference is too small to matter."
    )
    assert "once these data have been compared" not in alike.sentence
    these = detectable_by(design(about="these-rows"), earlier(rows=equal, deviation=0.0)).sentence
    assert these.startswith("On these rows, ") and "all seeds and rows differed alike" in these


def test_the_difference_is_set_against_the_margin_and_few_rows_are_told() -> None:
    plain = detectable_by(design(), earlier(rows=ROWS))
    assert plain.difference is not None
    size = 100 * plain.difference
    for margin, said in (
        (0.01, f"The margin is 1.00, and a difference between 1.00 and {size:.2f} may stay undetected."),
        (0.05, "The margin is 5.00."),
    ):
        found = detectable_by(design(margin=margin), earlier(rows=ROWS)).sentence
        assert 1 < size < 5
        few = (
            " With about 710 held-out rows there is about a 50% chance to settle the question, if the difference is as in "
            "bn-vs-nobn."
        ) * (margin == 0.01)
        assert found == f"{plain.sentence} {said}{few}"
    others = replace(earlier(rows=ROWS), is_of_these=False)
    assert detectable_by(design(margin=0.01), others).sentence.endswith(
        " With about 590 held-out rows there is about a 50% chance to show that a difference is too small to matter, if the "
        "arms are equal."
    )
    unknown = detectable_by(design(margin=0.01), earlier(metric="val_loss")).sentence
    assert unknown.endswith(
        " It takes at least 299 held-out rows to show that a difference is too small to matter, and often more: how many "
        "is known after the first comparison."
    )
    not_kept = detectable_by(design(margin=0.01), earlier()).sentence
    assert not_kept.startswith("On these rows, ") and "too small" not in not_kept
    tiny = detectable_by(design(margin=1e-9), earlier(rows=ROWS)).sentence
    assert tiny.endswith("too small to matter. Use a larger margin.")
    enough = DataFacts(training_rows=800, validation_rows=710)
    for other in (
        {"data": enough},
        {"about": "these-rows"},
        {"own_splits": True},
        {"grouped": True},
        {"metric": "val_loss"},
    ):
        said = detectable_by(design(**{"margin": 0.01, **other}), earlier(rows=ROWS)).sentence
        assert "too small" not in said and "held-out rows there is about" not in said


def test_the_most_fitting_comparison_has_these_arms_a_spread_and_enough_pairs() -> None:
    def fitness(pairs: int, *, is_of_these: bool = True, rows: dict[str, Any] = ROWS, deviation: float = 0.02) -> Any:
        found = replace(earlier(rows=rows, deviation=deviation), is_of_these=is_of_these)
        found.document.contrasts[0].metrics["val_accuracy"].pairs = pairs
        return found.fitness("val_accuracy")

    none = {**ROWS, "seed_variance": 0.0, "row_variance": 0.0, "rest_variance": 0.0}
    alike, unknown = fitness(9, rows=none, deviation=0.0), fitness(5, rows=none, deviation=0.0)
    assert fitness(6) > fitness(5) == alike > fitness(9, is_of_these=False) > unknown
    assert not unknown[0], "five equal pairs show nothing"


def test_equal_pairs_without_variances_over_rows_do_not_say_that_all_differed_alike() -> None:
    lost = {**ROWS, "seed_variance": None, "row_variance": None, "rest_variance": None}
    said = detectable_by(design(margin=0.01), earlier(rows=lost, deviation=0.0)).sentence
    assert "differed alike" not in said and "is known once these data have been compared" in said


def test_what_more_seeds_than_before_change_is_taken_into_account_and_too_few_rows_are_told() -> None:
    """With 6 seeds no number of rows settles it, and with 20 seeds there is one."""
    wide = {**ROWS, "count": 200, "seed_variance": 4e-4, "row_variance": 0.004, "rest_variance": 0.04}
    few, many = (detectable_by(design(seeds=seeds, margin=0.014), earlier(rows=wide)).sentence for seeds in (6, 20))
    assert few.endswith(" It takes at least 213 held-out rows to show that a difference is too small to matter.")
    assert "there is about a 50% chance to settle the question" in many
    settled = detectable_by(design(seeds=20, margin=0.02), earlier(rows=wide)).sentence
    assert "held-out rows there is about" not in settled and "too small" not in settled


SPREAD = "The spread is known once these data have been compared by"
NEW_ROWS = " For new rows it must be larger, as the spread over the held-out rows counts, too."


@pytest.mark.parametrize(
    ("facts", "start", "size", "end"),
    [
        ({"metric": "val_loss"}, "On these rows, 20 seeds detect the log ratio in val_loss", "0.66", NEW_ROWS),
        ({"metric": "val_auc"}, "On these rows, 20 seeds detect the difference in val_auc", "0.66", NEW_ROWS),
        ({"metric": "test_accuracy"}, "On these rows, 20 seeds detect the difference in test_accuracy (%)", "0.66", ""),
        ({"own_splits": True}, "For other splits, which overlap, 20 seeds detect the difference in val_", "1.62", ""),
        ({"grouped": True}, "On these rows, 20 seeds detect the difference in val_accuracy (%)", "0.66", NEW_ROWS),
        ({"about": "these-rows"}, "On these rows, 20 seeds detect the difference in val_accuracy (%)", "0.66", ""),
        ({"about": "these-rows", "own_splits": True, "metric": "val_loss"}, "On these splits, 20 seeds", "0.66", ""),
    ],
)
def test_where_no_variance_is_known_the_difference_is_told_in_deviations_over_seeds(
    facts: dict[str, Any], start: str, size: str, end: str
) -> None:
    found = detectable_by(design(**facts), None)
    assert found.difference is None
    assert found.sentence.startswith(start)
    assert found.sentence.endswith(
        f" with about 80% probability (95% interval) if it is at least {size} times its standard deviation over "
        f"seeds.{end} {SPREAD} {facts.get('metric', 'val_accuracy')}."
    )


def of_loss(**facts: Any) -> Earlier:
    """Return a comparison of losses whose baseline has the mean 0.5, judged as `facts` say."""
    found = earlier("val_loss", {**ROWS, "seed_variance": 1e-4, "row_variance": 0.0025, "rest_variance": 0.0})
    known = found.document.model_dump()
    known["arms"] = [
        {
            "name": "nobn",
            "parameters": {"trainable": 1, "non_trainable": 0},
            "seeds": 20,
            "metrics": {"val_loss": {"mean": 0.5, "low": 0.4, "high": 0.6}},
        }
    ]
    known["contrasts"][0]["judged"] = facts or None
    return Earlier(found.run, ComparisonDocument.model_validate(known))


def test_a_loss_is_told_as_the_ratio_by_which_it_is_judged() -> None:
    rows = {"drawn": "rows", "count": 200, "seed_variance": 1e-4, "row_variance": 0.04, "rest_variance": 0.0}
    judged = {
        "mean": 0.0, "low": -0.02093, "high": 0.02093, "scale": "ratio", "level": 0.95, "margin": 0.05,
        "margin_level": 0.95, "p_value": 0.5, "new_rows": {**UNITS, **rows},
    }  # fmt: skip
    found = detectable_by(design("val_loss"), of_loss(**judged))
    log = detectable(error_over_rows(Components(1e-4, 0.04, 0.0), 20, 200))
    assert found.difference == pytest.approx(0.5 * np.expm1(log))
    assert found.sentence == (
        f"For new rows, 20 seeds and 200 held-out rows detect a ratio of {np.exp(log):.3g} or {np.exp(-log):.3g} in "
        "val_loss with about 80% probability (95% interval), by the variances of bn-vs-nobn. A ratio between 0.952 and "
        "1.05 does not matter."
    )
    these = detectable_by(design("val_loss", about="these-rows"), of_loss(**judged))
    log = detectable(error_over_seeds(0.01 * np.sqrt(20), 20))  # 0.02093 is 2.093 standard errors
    assert these.difference == pytest.approx(0.5 * np.expm1(log), rel=1e-3)
    fine = detectable_by(design("val_loss", margin=0.01), of_loss(**judged)).sentence
    assert " A ratio between 0.98 and 1.02 does not matter, and one between 1.02 and 1." in fine


def test_the_spread_of_a_loss_that_was_not_judged_is_taken_relative_to_its_mean() -> None:
    found = detectable_by(design("val_loss"), of_loss())
    log = detectable(error_over_rows(Components(1e-4 / 0.25, 0.0025 / 0.25, 0.0), 20, 200))
    assert found.difference == pytest.approx(0.5 * np.expm1(log))
    over_splits = detectable_by(design("val_loss", own_splits=True), of_loss()).sentence
    assert "detect a difference of 0.0" in over_splits and " The margin is 0.025" in over_splits


def test_too_few_seeds_for_any_verdict_are_told_first() -> None:
    found = detectable_by(design(seeds=5), earlier(rows=ROWS))
    assert (found.difference, found.rests_on) == (None, None)
    assert found.sentence == "5 seeds are too few for a verdict; 6 are the fewest. Use --seeds 6 or more."
    single = detectable_by(design(seeds=1), earlier(rows=ROWS))
    assert single.sentence == "1 seed is too few for a verdict; 6 are the fewest. Use --seeds 6 or more."


def test_the_fewest_seeds_and_the_difference_follow_the_level_that_several_arms_share() -> None:
    shared = detectable_by(design(seeds=6, level=0.975), earlier(rows=ROWS))
    assert shared.sentence == "6 seeds are too few for a verdict; 7 are the fewest. Use --seeds 7 or more."
    alone, several = (detectable_by(design(level=level), earlier(rows=ROWS)).difference for level in (0.95, 0.975))
    assert alone is not None and several is not None and several > alone * 1.05


def test_a_margin_that_takes_more_rows_than_can_be_held_out_names_no_key() -> None:
    facts = DataFacts(rows=1000, training_rows=800, validation_rows=200)
    said = detectable_by(design(data=facts, margin=1e-9, dataset=MoonsDataset(name="moons")), None).sentence
    takes = "It takes more rows than can be held out to show that a difference is too small to matter."
    assert said.endswith(f" {takes} Use a larger margin.")


def test_variances_of_few_seeds_are_called_rough() -> None:
    few = earlier()
    difference = few.document.contrasts[0].metrics["val_accuracy"]
    difference.pairs = 2
    said = detectable_by(design(), few).sentence
    assert "by the variances of bn-vs-nobn (2 seeds, so this is a rough estimate)" in said
    difference.pairs = 6
    assert "rough estimate" not in detectable_by(design(), few).sentence
