"""Arms that answer nearly every row of a table right: an input may give the answer away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from arms import SEEDS, arm
from pydantic import TypeAdapter

from bnexp.comparison import Question, compare
from bnexp.config.dataset import Dataset

TABLE = {"name": "csv", "path": "t.csv", "target": "y"}
TOLD = (
    "All seeds of both arms have val_accuracy (%) of 99.90 or more. An input may give the answer away: a copy of the target, "
    "or a value that is known only afterwards. Look at the columns. If one does, leave it out (dataset.drop)."
)


def cautions(treated_S: Any, base_S: Any, dataset: dict[str, Any]) -> list[str]:
    of_table = {"dataset": TypeAdapter(Dataset).validate_python(dataset)}
    arms = [
        arm("bn", treated_S, model={"normalization": "batch"}), arm("nobn", base_S, model={"normalization": "none"})
    ]  # fmt: skip
    arms = [replace(one, experiment=one.experiment.model_copy(update=of_table)) for one in arms]
    return compare(arms, Question()).contrasts[0].cautions


@pytest.mark.parametrize(
    ("least", "is_told"), [(1.0, True), (0.9995, True), (0.998, False)], ids=["all right", "nearly all", "some wrong"]
)
def test_two_arms_that_are_always_right_are_told_to_look_for_a_column_that_gives_the_answer_away(
    least: float, is_told: bool
) -> None:
    one_worse_S = np.array([least, *np.ones(SEEDS - 1)])
    for pair in ((np.ones(SEEDS), one_worse_S), (one_worse_S, np.ones(SEEDS))):
        assert (TOLD in cautions(*pair, TABLE)) is is_told


def test_drawn_data_that_are_easy_are_not_told() -> None:
    drawn = {"name": "moons"}
    assert TOLD not in cautions(np.ones(SEEDS), np.ones(SEEDS), drawn)
