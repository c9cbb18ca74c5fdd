"""Arms that share a name are called by what differs between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiments import experiment

from bnexp.comparison import Question
from bnexp.experiment.arm_names import distinctly_named, with_baseline
from bnexp.experiment.resolve import Planned


def arm(given: str, name: str = "exp1", **sections: Any) -> Planned:
    return Planned(name, None, experiment(**sections), Path(given), given=given)


BATCH: dict[str, Any] = {"model": {"normalization": "batch"}}
NONE: dict[str, Any] = {"model": {"normalization": "none"}}


def names(*arms: Planned) -> list[str]:
    return [item.name for item in distinctly_named(arms)]


def test_arms_of_one_name_are_called_by_their_normalization() -> None:
    assert names(arm("bn", **BATCH), arm("nobn", **NONE)) == ["exp1 (batch)", "exp1 (none)"]
    assert names(arm("bn", "a", **BATCH), arm("nobn", "b", **NONE)) == ["a", "b"]
    both = {"training": {"batch_size": 16}}
    assert names(arm("bn", **BATCH), arm("nobn", **NONE, **both)) == ["exp1 (batch)", "exp1 (none)"], "one will do"


def test_other_keys_stand_with_their_last_word_and_several_where_one_does_not_tell_all_apart() -> None:
    sizes = [{"training": {"batch_size": size}} for size in (8, 16)]
    assert names(*(arm("a", **size) for size in sizes)) == ["exp1 (batch_size 8)", "exp1 (batch_size 16)"]
    four = [arm("a", **kind, **size) for kind in (BATCH, NONE) for size in sizes]
    assert names(*four) == [
        "exp1 (batch, batch_size 8)", "exp1 (batch, batch_size 16)", "exp1 (none, batch_size 8)", "exp1 (none, batch_size 16)",
    ]  # fmt: skip
    slow = {"model": {"normalization": {"name": "batch", "momentum": 0.999}}}
    assert names(arm("a", **BATCH), arm("b", **slow), arm("c", **NONE)) == [
        "exp1 (batch, momentum 0.99)", "exp1 (batch, momentum 0.999)", "exp1 (none)",
    ]  # fmt: skip


def test_where_no_short_value_differs_they_are_called_by_what_was_named() -> None:
    layers = [[{"Dense": {"units": units}}] * 9 for units in (8, 9)]
    arms = [arm(f"{n}.yaml", model={"name": "sequential", "layers": each}) for n, each in enumerate(layers)]
    assert names(*arms) == ["exp1 (0.yaml)", "exp1 (1.yaml)"]


def test_no_name_is_given_twice() -> None:
    arms = [arm("bn", **BATCH), arm("nobn", **NONE), arm("x", "exp1 (none)")]
    assert len(set(names(*arms))) == 3


@pytest.mark.parametrize(
    ("asked", "meant"), [("nobn", "exp1 (none)"), ("exp1 (batch)", "exp1 (batch)"), ("exp1", "exp1")]
)
def test_a_baseline_may_be_called_by_its_new_name_or_by_what_was_named(asked: str, meant: str) -> None:
    arms = distinctly_named([arm("bn", **BATCH), arm("nobn", **NONE)])
    assert with_baseline(Question(baseline=asked), arms).baseline == meant
