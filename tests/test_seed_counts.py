"""A number of seeds that was typed counts in every spelling: for looks, for stored runs, and beside a keyword."""

from __future__ import annotations

import pytest
from arms import BN, NOBN

from bnexp.api.names import with_keywords
from bnexp.api.seed_counts import refuse_other_seeds, typed_seeds
from bnexp.config.overrides import seeds_typed
from bnexp.errors import ComparisonError, Problems

SPELLINGS = ["training.seeds=2", "training.seeds= 2", "training.seeds=+2", "training.seeds=0x2", "training={seeds: 2}"]


@pytest.mark.parametrize("typed", SPELLINGS)
def test_seeds_count_however_they_are_typed(typed: str) -> None:
    asked = ["training.epochs=5", typed]
    assert {name: arm.history.seeds for name, arm in typed_seeds({"bn": BN, "nobn": NOBN}, asked).items()} == {
        "bn": (0, 1), "nobn": (0, 1)
    }  # fmt: skip
    with pytest.raises(ComparisonError, match=r"^training\.seeds \(seeds\) is 2, and question\.until_settled takes"):
        refuse_other_seeds(asked)
    problems = Problems()
    assert with_keywords(asked, 3, None, problems) == asked
    (told,) = problems.messages
    assert told == f"seeds is 3, and an override is {typed}; expected one of the two. Leave one out."


@pytest.mark.parametrize("typed", ["training.seeds=many", "training.seeds=2.5", "training.epochs=2", "seeds"])
def test_what_is_no_number_of_seeds_does_not_count(typed: str) -> None:
    assert seeds_typed([typed]) is None
    assert typed_seeds({"bn": BN}, [typed]) == {"bn": BN}
    refuse_other_seeds([typed])
