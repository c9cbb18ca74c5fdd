"""By which key more rows are held out: of drawn data, of files, of sets with parts of their own."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from arms import answered, changed
from pydantic import TypeAdapter
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from bnexp.comparison import Question, compare
from bnexp.comparison.more_rows import REDRAWN, how_to_hold_out
from bnexp.config.dataset import Dataset
from bnexp.data.builtin.synthetic import draw
from bnexp.store import DataFacts

CSV = {"name": "csv", "path": "a.csv", "target": "y"}
NPZ = {"name": "npz", "path": "a.npz"}


def how(factor: float, part: str, dataset: dict[str, Any], **facts: Any) -> str:
    known = {"rows": 1000, "training_rows": 800, "validation_rows": 200, **facts}
    read: Dataset = TypeAdapter(Dataset).validate_python(dataset)
    return how_to_hold_out(factor, part, read, DataFacts(**known))


TESTED = {"training_rows": 640, "validation_rows": 160, "test_rows": 200}


@pytest.mark.parametrize(
    ("said", "factor", "part", "dataset", "facts"),
    [
        ("dataset.samples=1200 dataset.test_size=0.34", 2, "val", {"name": "moons"}, {}),
        ("dataset.samples=1200 dataset.test_size=0.34", 2, "test", {"name": "moons", "validation_size": 0.2}, TESTED),
        ("a larger dataset.samples", 2, "val", {"name": "moons", "validation_size": 0.2}, TESTED),
        ("dataset.samples=1200 dataset.test_size=0.34; this generates similar but different data", 2, "val", {"name": "regression"}, {}),
        ("a larger dataset.samples; this generates similar but different data", 2, "val", {"name": "classification", "validation_size": 0.2}, TESTED),
        ("dataset.test_size=0.4, which leaves 600 to train on", 2, "val", CSV, {}),
        ("dataset.test_size=0.41, which leaves only 590 of 800 rows to train on, so the networks change; or collect more",
         2.03, "val", CSV, {}),
        ("dataset.test_size=0.6, which leaves only 400 of 800 rows to train on, so the networks change; or collect more",
         3, "val", CSV, {}),
        ("with as many training rows as now, that takes about 1,402 rows, and there are 1,000: collect more",
         3.01, "val", CSV, {}),
        ("dataset.test_size=0.4, which leaves 480 to train on", 2, "test", CSV | {"validation_size": 0.2}, TESTED),
        ("dataset.validation_size=0.4, which leaves 480 to train on", 2, "val", CSV | {"validation_size": 0.2}, TESTED),
        ("more rows in dataset.test_path", 2, "val", CSV | {"test_path": "b.csv"}, {}),
        ("more rows in dataset.test_path", 2, "test", CSV | {"test_path": "b.csv", "validation_size": 0.2}, TESTED),
        ("more rows in dataset.validation_path", 2, "val", CSV | {"validation_path": "b.csv"}, {}),
        ("more rows in dataset.x_test", 2, "val", NPZ | {"x_test": "a", "y_test": "b"}, {}),
        ("a larger dataset.limit", 2, "val", CSV | {"limit": 1000}, {"rows_before_limit": 5000}),
        ("dataset.test_size=0.4, which leaves 600 to train on", 2, "val", CSV | {"limit": 1000}, {"rows_before_limit": 1000}),
        ("a larger dataset.test_limit", 2, "val", {"name": "mnist", "limit": 800, "test_limit": 200}, {}),
        ("dataset.samples=8001800 dataset.test_size=0.999901", 40_005, "val", {"name": "moons"}, {}),
        ("", 50_001, "val", {"name": "moons"}, {}),
        ("", 2, "val", CSV, {"rows": None}),
        ("", 2, "test", CSV, {}),
    ],
)  # fmt: skip
def test_the_key_fits_the_data(
    said: str, factor: float, part: str, dataset: dict[str, Any], facts: dict[str, Any]
) -> None:
    assert how(factor, part, dataset, **facts) == said


@pytest.mark.parametrize("name", ["moons", "circles", "blobs", "classification", "regression"])
def test_more_rows_of_a_drawn_set_are_said_to_be_another_problem_only_if_they_are(name: str) -> None:
    """What a model learns from one draw holds for a larger draw, unless the problem is another one."""
    dataset: Any = TypeAdapter(Dataset).validate_python({"name": name, "samples": 400})
    fitted = KNeighborsRegressor() if name == "regression" else KNeighborsClassifier()
    few, many = draw(dataset, None), draw(dataset.model_copy(update={"samples": 700}), None)
    fitted.fit(few.x, few.y_N)
    loses = fitted.score(few.x, few.y_N) - fitted.score(many.x, many.y_N)
    assert (loses > 0.2) == isinstance(dataset, REDRAWN), loses


@pytest.mark.parametrize("needed", [299, 830, 3_000, 100_000])
def test_the_keys_of_a_drawn_set_hold_out_as_many_rows_and_leave_the_training_rows(needed: int) -> None:
    keys = dict(one.removeprefix("dataset.").split("=") for one in how(needed / 200, "val", {"name": "moons"}).split())
    trained, held_out = train_test_split(np.arange(int(keys["samples"])), test_size=float(keys["test_size"]))
    assert len(held_out) >= needed
    assert 0.97 * 800 <= len(trained) <= 800


def test_the_rows_of_a_set_with_parts_of_its_own_are_not_limited_by_what_is_trained_on() -> None:
    """`limit` draws from its training part alone."""
    of_before = {"split": "the set's own training and test part, then 0.2 of the rest for validation"}
    for facts in ({"has_own_parts": True}, of_before):
        told = how(2, "val", {"name": "mnist", "limit": 800}, rows_before_limit=5000, **facts)
        assert told.startswith("dataset.test_size=0.4,")
    all_anew = {"name": "mnist", "limit": 800, "test_size": 0.2}
    assert how(2, "val", all_anew, rows_before_limit=5000, has_own_parts=True) == "a larger dataset.limit"


def test_a_verdict_names_the_keys_beside_the_number_of_rows() -> None:
    target_R = (np.arange(200) < 20).astype("float32")
    draws = np.random.default_rng(0)
    facts = {"task": "binary", "digest": "data", "rows": 1000, "training_rows": 800, "validation_rows": 200}
    arms = [
        changed(answered(name, draws.random((20, 200)) < share, target_R), "dataset", to=facts)
        for name, share in (("a", 0.8), ("b", 0.83))
    ]
    sentence = compare(arms, Question("val_balanced_accuracy")).contrasts[0].verdict.sentence
    (needed,) = re.findall(
        r"With about ([\d,]+) held-out rows instead of [\d,]+ \(about [\d,]+ of the rarest class; dataset.samples=(\d+) dataset.test_size=",
        sentence,
    )
    assert int(needed[0].replace(",", "")) + 800 == int(needed[1])
