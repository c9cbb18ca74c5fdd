"""A shifted test part: some classes alone, the same rows for a seed whoever else is trained, or a clear refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tables import prepared, refused, table


@pytest.mark.parametrize("resample", [False, "validation", True])
def test_a_test_part_of_some_classes_has_their_rows_alone_whoever_else_is_split(resample: bool | str) -> None:
    keys = {"name": "iris", "test_size": 0.25, "validation_size": 0.25, "resample": resample}
    left = {"shift": {"classes": ["setosa", "virginica"]}}
    whole, cut, fewer = prepared(4, **keys), prepared(4, **keys, **left), prepared(2, **keys, **left)
    for part in ("train", "val"):
        np.testing.assert_array_equal(cut.parts[part], whole.parts[part])
    np.testing.assert_array_equal(cut.parts["test"][:2], fewer.parts["test"])
    for held_out_R, cut_R in zip(whole.parts["test"], cut.parts["test"], strict=True):
        expected_R = held_out_R[whole.rows.y_N[held_out_R] != 1]
        assert [row for row in expected_R if row in cut_R] == list(cut_R)
        assert len(expected_R) - len(cut_R) <= (
            2 if resample is True else 0
        )  # a split may hold out one more of a class
        assert set(whole.rows.y_N[cut_R]) == {0, 2}
    assert cut.split.endswith("; of the test part only classes setosa, virginica")


@pytest.mark.parametrize(("labels", "name"), [(["true", "false"], True), (["1", "0"], 1), (["yes", "no"], "yes")])
def test_a_class_is_named_as_yaml_reads_it(labels: list[str], name: bool | int | str, tmp_path: Path) -> None:
    cut = prepared(1, **table(tmp_path, labels * 20), validation_size=0.25, shift={"classes": [name]})
    assert set(cut.rows.y_N[cut.parts["test"][0]]) == {1}
    assert cut.rows.classes is not None
    assert cut.rows.classes[1] == str(name)


def test_classes_that_are_not_there_or_not_the_same_for_all_seeds_are_refused(tmp_path: Path) -> None:
    test = {"validation_size": 0.25}
    assert refused(name="iris", **test, shift={"classes": ["setosa", "virginca"]}) == (
        "dataset.shift.classes has 'virginca'. Did you mean 'virginica'? Good names: setosa, versicolor, virginica."
    )
    assert "a regression has none" in refused(name="diabetes", **test, shift={"classes": [1]})
    drawn = {"name": "moons", **test, "resample": True, "shift": {"classes": [1]}}
    assert refused(**drawn) == (
        "dataset.shift.classes is given, and every seed has a split of its own. Without stratification, seeds hold out "
        "different numbers of rows of these classes; expected equal numbers. "
        "Use dataset.resample: false, or dataset.stratify: true."
    )
    assert prepared(2, **drawn, stratify=True).parts["test"].shape == (2, 100)
    grouped = table(tmp_path, [*"uv" * 20]) | {"group": "g"} | test | {"resample": True, "shift": {"classes": ["u"]}}
    path = Path(grouped["path"])
    path.write_text(
        "\n".join(f"{line},{number}" if number else "x,y,g" for number, line in enumerate(path.read_text().split("\n")))
    )
    assert refused(**grouped).endswith("Use dataset.resample: false.")
