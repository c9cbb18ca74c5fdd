"""Splits that cannot be: which class is too small, where its rows stand, and cures that cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter
from tables import prepared, refused, table

from bnexp.config.dataset import Dataset
from bnexp.data import splitting
from bnexp.data.rows import Rows
from bnexp.errors import SettingError


def told(tmp_path: Path, text: str) -> str:
    return text.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("more", [{}, {"stratify": False}, {"test_size": 0.3}])
def test_a_class_of_one_row_is_told_with_its_line_whatever_the_split(tmp_path: Path, more: dict[str, Any]) -> None:
    keys = table(tmp_path, [*"uv" * 20, "blu"])
    enough = {0: " (5 will do)", 1: "" if "stratify" in more else " (4 will do)"}[bool(more)]
    assert told(tmp_path, refused(**keys, **more)) == (
        "dataset has 1 row of class 'blu' (t.csv:42); each of the 2 parts needs one. "
        f"Correct that row or take it out, or give more rows of it{enough}."
    )


def test_many_classes_of_one_row_are_asked_whether_the_target_is_the_right_one(tmp_path: Path) -> None:
    assert refused(**table(tmp_path, [f"n{n}" for n in range(40)])).endswith(
        " Most classes have a single row, as ids and names have: is 'y' the right target?"
    )


def test_small_classes_in_three_parts_are_told_together_and_repeated_rows_too(tmp_path: Path) -> None:
    keys = table(tmp_path, [*"uv" * 20, *"wwz"]) | {"validation_size": 0.25}
    assert told(tmp_path, refused(**keys)) == (
        "dataset has 2 rows of class 'w' (t.csv:42, t.csv:43), and 1 row of class 'z' (t.csv:44); each of the 3 parts "
        "needs one of each class. Correct those rows or take them out, or give more rows of each (5 will do)."
    )
    message = refused(**table(tmp_path, [*"uvw" * 20], same=True))
    assert ":2), repeated rows not counted, and 1 row of class 'v' (" in message
    assert ":4), repeated rows not counted; each of the 2 parts needs one of each class." in message
    named = [f"c{number}" for number in range(12)]
    assert "of class 'c7' (" in (message := refused(**table(tmp_path, [*"uv" * 20, *named])))
    assert "and too few of 2 other classes; each" in message


@pytest.mark.parametrize("keys", [{}, {"validation_size": 0.25}, {"test_size": 0.4, "validation_size": 0.5}])
def test_as_many_rows_of_a_class_as_the_message_names_will_do(tmp_path: Path, keys: dict[str, Any]) -> None:
    message = refused(**table(tmp_path, [*"uv" * 50, "w"]), **keys)
    enough = int(message.rpartition("(")[2].partition(" will do")[0])
    labels = [*"uv" * 50, *"w" * enough]
    data = prepared(seeds=20, **table(tmp_path, labels), **keys, resample=True)
    for part, rows_SR in data.parts.items():
        assert all((data.rows.y_N[rows_R] == 2).any() for rows_R in rows_SR), part


def test_a_rare_class_that_is_nearly_spelt_as_another_is_told_so(tmp_path: Path) -> None:
    message = told(tmp_path, refused(**table(tmp_path, [*("dog", "cat") * 20, "Dog", "cat "])))
    assert (
        "1 row of class 'Dog' (t.csv:42), which may be 'dog' in another spelling, and 1 row of class 'cat ' (t.csv:43), "
        "which may be 'cat' in another spelling; each"
    ) in message


def test_a_class_folder_of_one_image_is_told_with_the_image(tmp_path: Path) -> None:
    for number, label in enumerate("aaaaaabbbbbbc"):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.new("L", (2, 2), number).save(tmp_path / label / f"{number}.png")
    message = refused(name="image_folder", path=str(tmp_path))
    assert told(tmp_path, message).startswith(
        "dataset has 1 row of class 'c' (c/12.png); each of the 2 parts needs one."
    )


def test_a_class_in_one_group_cannot_be_on_both_sides(tmp_path: Path) -> None:
    lines = [f"{n},{n // 5},{'uv'[n < 5]}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,who,y", *lines]))
    keys = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y", "group": "who"}
    assert told(tmp_path, refused(**keys)) == (
        "dataset has 1 group of class 'v' (t.csv:2, t.csv:3, t.csv:4, ...); each of the 2 parts needs one. "
        "Correct that group or take it out, or give more groups of it."
    )


def test_a_part_too_small_for_all_classes_is_told_with_the_sizes_and_the_way_out() -> None:
    keys = {"name": "blobs", "samples": 10, "stratify": True}
    assert refused(**keys) == (
        "dataset.test_size is 0.2 of 10 rows, which makes parts of 8 and 2; expected 3 or more in each, one of every "
        "class. Use a larger dataset.test_size, or more dataset.samples."
    )
    assert refused(**keys, test_size=0.8).endswith("Use a smaller dataset.test_size, or more dataset.samples.")
    assert refused(**keys | {"samples": 6, "classes": 4}) == (
        "dataset has 1 row of class '2', and 1 row of class '3'; each of the 2 parts needs one of each class. "
        "Use more dataset.samples."
    )
    assert prepared(**keys, test_size=0.3) and prepared(**keys | {"samples": 15})


def rows_of(y: list[int], **more: Any) -> Rows:
    return Rows("table", np.arange(len(y), dtype="float32")[:, None], np.asarray(y, "float32"), ("a", "b"), **more)


def missing(rows: Rows, **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        splitting.split(TypeAdapter(Dataset).validate_python({"name": "wine", **keys}), rows, (0,))
    return str(raised.value)


def test_what_a_part_lacks_is_told_with_a_cure_of_its_own() -> None:
    own = rows_of([0, 1] * 10 + [0] * 5, test=5)
    counted = "rows per class: a (5), b (0); expected 1 or more of each. "
    assert missing(own) == (
        f"dataset cannot be used: its test part (5 rows) has no row of class b; {counted}"
        "Use a dataset.test_size, such as 0.2, to split all rows anew."
    )
    assert missing(own, test_limit=5).endswith(
        "Use a higher dataset.test_limit, or a dataset.test_size, such as 0.2, to split all rows anew."
    )
    assert splitting.split(TypeAdapter(Dataset).validate_python({"name": "wine", "test_size": 0.2}), own, (0,))
    rare = rows_of([0] * 58 + [1, 1])
    assert missing(rare, stratify=False, seed=3).endswith(
        "Use dataset.stratify: true, more rows, a larger dataset.test_size, or another dataset.seed."
    )
    assert missing(rare).endswith("Use more rows of that class (5 will do), or a larger dataset.test_size.")
    assert splitting.split(TypeAdapter(Dataset).validate_python({"name": "wine", "test_size": 0.5}), rare, (0,))


def test_a_class_of_too_few_rows_is_counted_among_those_that_are_split() -> None:
    own = rows_of([0] * 19 + [1] + [0, 1] * 5, test=10)
    assert missing(own, validation_size=0.25).startswith(
        "dataset has 1 row of class 'b' among those not held out; each of the 3 parts needs one. "
    )


def test_no_cure_of_a_resampled_validation_part_is_refused_next() -> None:
    own = rows_of([0, 1] * 10, test=6)
    assert missing(own, resample="validation").endswith(
        "Give dataset.validation_size, such as 0.25, or use dataset.resample: false."
    )
    assert missing(rows_of([0, 1] * 10), resample="validation").endswith("or use dataset.resample: true.")


@pytest.mark.parametrize(
    ("targets", "more", "message"),
    [
        ([1.5] + [0.25] * 29, {"seed": 1}, "its test part (6 rows) has the target 0.25 in all rows; r2 is measured "
         "there, and needs two different targets. Use more rows, another dataset.seed, or a larger dataset.test_size."),
        ([n / 4 for n in range(6)], {"test_size": 0.1}, "its test part (1 row) has the target 0 in all rows; r2 is "
         "measured there, and needs two different targets. Use more rows, another dataset.seed, or a larger "
         "dataset.test_size."),
    ],
)  # fmt: skip
def test_a_part_of_one_target_in_all_rows_is_refused_since_r2_divides_by_its_variance(
    tmp_path: Path, targets: list[float], more: dict[str, Any], message: str
) -> None:
    keys = table(tmp_path, [str(target) for target in targets]) | {"task": "regression"}
    assert refused(**keys, **more) == f"dataset is too small: {message}"
    prepared(**table(tmp_path, ["0.25", "1.5"] * 15) | {"task": "regression"})


REGRESSION = " If the target holds quantities and no classes, use dataset.task: regression."


def test_a_rare_class_that_is_a_number_is_told_with_the_task_that_would_take_it_for_one(tmp_path: Path) -> None:
    keys = table(tmp_path, [*"345" * 20, "9"])
    assert told(tmp_path, refused(**keys)) == (
        "dataset has 1 row of class '9' (t.csv:62); each of the 2 parts needs one. Correct that row or take it out, or "
        f"give more rows of it (5 will do).{REGRESSION}"
    )
    assert prepared(**keys, task="regression").task == "regression"
    few = table(tmp_path, [*"1234567" * 2])
    assert refused(**few).endswith(f"Use a larger dataset.test_size, or more rows.{REGRESSION}")
    missing = refused(**table(tmp_path, [*"345" * 9, "9", "9"]), stratify=False, resample=True, seeds=20)
    assert "has no row of class 9" in missing and missing.endswith(REGRESSION)


@pytest.mark.parametrize("labels", [[*"01" * 20, "1"], [*"uvw" * 20, "x"], [*"012u" * 20, "x"]])
def test_classes_that_are_no_numbers_or_only_two_are_not_told_to_be_a_regression(
    tmp_path: Path, labels: list[str]
) -> None:
    keys = table(tmp_path, labels) | ({"test_size": 0.02} if "u" not in labels else {})
    assert "regression" not in refused(**keys)
