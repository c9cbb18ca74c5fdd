"""Why no verdict is given: the gravest reason first, in the words of who asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnexp.comparison.judgement import Advice, Evidence, Withheld, unbeaten, withheld

WORDS = Advice("neither a nor b", "Use more.", "Read", " (a 0 has none)", "Lower the rate.", "Train again.")
LOST = "No verdict: in 1 pair a seed diverged, so that pair has no value. Leaving it out would bias the result."
UNDEFINED = (
    "No verdict: in 2 pairs val_accuracy has no value, though no seed diverged (a 0 has none). "
    "Leaving them out would bias the result. Choose another metric."
)
CHOSEN = (
    "No verdict: it reads val_accuracy, and training.early_stopping chooses by val_loss, on the same rows; expected rows that chose "
    "nothing. Read a test_ metric (dataset.validation_size makes a test part; so do dataset.validation_path and dataset.test_path)."
)
ALL: dict[str, Any] = {
    "lost": 1,
    "undefined": 2,
    "chosen": {"val_loss": "training.early_stopping"},
    "pairs": 1,
    "guessing": 0.5,
}


@pytest.mark.parametrize(
    ("mended", "expected"),
    [
        ({}, Withheld(LOST + " Lower the rate.")),
        ({"lost": 0}, Withheld(UNDEFINED)),
        ({"lost": 0, "undefined": 0}, Withheld(CHOSEN + " Train again.")),
        ({"lost": 0, "undefined": 0, "chosen": {}}, Withheld(
            "1 pair is too few for a verdict, which needs 6: fewer can all agree by chance in more than 5% of cases. Use more.", 6, seeds_could_settle=True)),
        ({"lost": 0, "undefined": 0, "chosen": {}, "pairs": 6}, Withheld(
            "No verdict: neither a nor b beats always answering the commonest class of these rows (50.00%) in val_accuracy by its 95% interval. "
            "Nets that guess cannot be told apart by accuracy. Read val_loss, or train longer.", seeds_could_settle=True)),
        ({"lost": 0, "undefined": 0, "chosen": {}, "pairs": 6, "guessing": None}, None),
    ],
)  # fmt: skip
def test_the_gravest_reason_is_told_first(mended: dict[str, Any], expected: Withheld | None) -> None:
    assert withheld(Evidence("val_accuracy", **{**ALL, **mended}), WORDS) == expected


def test_nets_that_guess_are_sent_to_the_metric_that_is_fair_to_all_classes_or_to_the_loss() -> None:
    for fair, read in (("val_auc", "val_auc"), (None, "val_loss")):
        found = withheld(Evidence("val_accuracy", 6, guessing=0.9, fair=fair), WORDS)
        assert found is not None and found.sentence.endswith(f" Read {read}, or train longer.")


def test_a_stricter_level_asks_for_more_pairs_and_an_asker_without_advice_gives_none() -> None:
    found = withheld(Evidence("val_loss", 7, level=0.99), WORDS)
    assert found is not None and found.settled_by == 8
    assert found.sentence == (
        "7 pairs are too few for a verdict, which needs 8: fewer can all agree by chance in more than 1% of cases. Use more."
    )
    assert withheld(Evidence("val_loss", 7, lost=1), Advice("", "")) == Withheld(LOST)


HALF: dict[str, float] = {"val": 0.5}
GUESS, LEARNS = np.full(6, 0.5), np.full(6, 0.9)


@pytest.mark.parametrize(
    ("metric", "arms", "score"),
    [
        ("val_accuracy", [(HALF, GUESS), ({"val": 0.6}, GUESS)], 0.6),
        ("val_accuracy", [(HALF, GUESS), (HALF, LEARNS)], None),
        ("val_accuracy", [(HALF, GUESS), ({}, GUESS)], None),
        ("val_accuracy", [], None),
        ("val_loss", [(HALF, GUESS), (HALF, GUESS)], None),
        ("val_r2", [({}, -GUESS), ({}, np.array([np.nan] * 6))], 0.0),
    ],
)
def test_guessing_is_unbeaten_if_it_is_known_of_all_arms_and_no_arm_is_above_it(
    metric: str, arms: Any, score: float | None
) -> None:
    assert unbeaten(metric, arms) == score
