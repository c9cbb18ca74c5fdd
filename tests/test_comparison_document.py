"""comparison.json as a record: what is built is what is stored and what is read, key by key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arms import BN, NOBN, SEEDS, arm, changed
from printed import lines

from bnexp import store
from bnexp.comparison import Question, compare
from bnexp.errors import RunError
from bnexp.report.comparison_table import comparison

KEYS = ["format", "baseline", "seeds", "level", "task", "dataset", "primary", "asked", "target", "arms", "contrasts"]
OF_ARM = [
    "name", "run", "parameters", "seeds", "overrides", "warnings", "weighted_by", "diverged", "metrics", "to_target",
    "network", "one_by_one",
]  # fmt: skip
OF_CONTRAST = [
    "arm", "baseline", "pairing", "metrics", "pairs", "to_target", "diverged_p_value", "varied", "confounders", "cautions",
    "judged", "verdict",
]  # fmt: skip
OF_DIFFERENCE = ["mean", "low", "high", "standard_deviation", "pairs", "p_value", "positive", "ties", "negative"]


def kept(place: Path, document: dict[str, Any]) -> store.Run:
    store.write_json(place / "comparison.json", document)
    return store.Run(place)


def test_an_arm_that_was_trained_seed_by_seed_is_told_with_the_reason() -> None:
    slow = changed(BN, "trainer", to={"name": "keras_fit", "reason": "lamb mixes"})
    document = compare([slow, NOBN], Question())
    assert [arm.one_by_one for arm in document.arms] == ["lamb mixes", None]
    assert "bn: trained by keras_fit, one seed after the other: lamb mixes" in lines(comparison(document))


def test_inputs_that_are_codes_are_told_once_or_for_the_arms_that_have_them() -> None:
    told = "the inputs are not scaled: words (Embedding) reads them as whole-number codes"
    with_codes = [changed(one, "dataset", "codes", to=told) for one in (BN, NOBN)]
    for arms, expected in (([BN, NOBN], None), (with_codes, told), ([with_codes[0], NOBN], f"bn: {told}")):
        assert compare(arms, Question()).dataset.codes == expected


def test_what_is_compared_is_stored_in_this_order_and_read_as_the_same(tmp_path: Path) -> None:
    document = compare([BN, NOBN], Question())
    store.write_record(tmp_path / "comparison.json", document)
    stored = json.loads((tmp_path / "comparison.json").read_text())
    contrast = stored["contrasts"][0]
    assert list(stored) == KEYS
    assert list(stored["dataset"])[:3] == ["name", "rows", "training_rows"] and "guessing" not in stored["dataset"]
    assert list(stored["arms"][0]) == OF_ARM and list(contrast) == OF_CONTRAST
    assert list(contrast["metrics"]["val_loss"]) == [*OF_DIFFERENCE, "left_out"]
    assert list(contrast["to_target"]["epochs"]) == OF_DIFFERENCE
    assert list(contrast["verdict"]) == ["word", "settled_by", "sentence", "about", "these_rows"]
    assert stored["seeds"] == list(range(SEEDS)) and stored["arms"][0]["seeds"] == SEEDS
    read = store.Run(tmp_path).comparison()
    assert read.as_json() == stored and read == document
    assert read.arm("bn") is read.arms[0]


def test_where_no_pair_has_a_value_nothing_but_their_number_is_stored() -> None:
    lost = dict.fromkeys(range(SEEDS), 1)
    arms = [arm(name, [np.nan] * SEEDS, diverged=lost) for name in ("a", "b")]
    found = compare(arms, Question()).as_json()["contrasts"][0]
    assert found["metrics"]["val_loss"] == {"mean": None, "low": None, "high": None, "pairs": 0, "left_out": SEEDS}
    assert found["pairs"] == [0.0] * SEEDS and found["to_target"] is None


def test_an_older_document_and_one_with_newer_keys_are_read(tmp_path: Path) -> None:
    document = compare([BN, NOBN], Question()).as_json()
    for key in ("task", "dataset", "arms"):
        del document[key]
    del document["contrasts"][0]["cautions"]
    read = kept(tmp_path, {**document, "probes": 1}).comparison()
    assert (read.task, read.dataset.as_json(), read.arms, read.contrasts[0].cautions) == (None, {}, [], [])
    assert "probes" not in read.as_json()


def test_a_contrast_without_the_metric_that_decides_is_damage(tmp_path: Path) -> None:
    document = compare([BN, NOBN], Question()).as_json()
    del document["contrasts"][0]["metrics"]["val_accuracy"]
    with pytest.raises(RunError) as caught:
        kept(tmp_path, document).comparison()
    assert str(caught.value) == (
        f"{tmp_path / 'comparison.json'}: contrasts: the contrast of 'bn' lacks val_accuracy, the metric that decides. "
        "It is damaged, or of another bnexp. Restore the file, or compare again."
    )


def test_differences_as_large_as_no_training_gives_are_stored_and_read(tmp_path: Path) -> None:
    arms = [arm(name, sign * np.full(SEEDS, 9e99)) for name, sign in (("a", 1), ("b", -1))]
    document = compare(arms, Question(metric="val_loss", margin=0.1, reach=0.5))
    assert kept(tmp_path, document.as_json()).comparison() == document
