"""Validation and test parts that a user has: in files, folders or arrays of their own, read as they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from pydantic import TypeAdapter

import bnexp
from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.fingerprint import source_sha256
from bnexp.data.sources.column_names import misspelt
from bnexp.errors import ConfigError, SettingError, UserError
from bnexp.experiment.data_facts import data_facts
from bnexp.report.about_data import left_out

SIZES = {"train": 12, "val": 6, "test": 8}
KEYS = {"train": "path", "val": "validation_path", "test": "test_path"}
RNG = np.random.default_rng(0)


def table(rows: int, first: int, cities: tuple[str, ...] = ("Oslo", "Rome")) -> pd.DataFrame:
    """A table whose rows differ from all others: `number` counts on from `first`."""
    number = np.arange(first, first + rows)
    return pd.DataFrame(
        {"number": number**2 / 7, "city": [cities[n % len(cities)] for n in number], "label": number % 3 > 0}
    )


def csv(folder: Path) -> dict[str, Any]:
    for name, first in (("train", 0), ("val", 20), ("test", 40)):
        table(SIZES[name], first).to_csv(folder / f"{name}.csv", index=False)
    return {"name": "csv", "target": "label"} | {key: str(folder / f"{name}.csv") for name, key in KEYS.items()}


def parquet(folder: Path) -> dict[str, Any]:
    for name, first in (("train", 0), ("val", 20), ("test", 40)):
        table(SIZES[name], first).to_parquet(folder / f"{name}.parquet")
    paths = {key: str(folder / f"{name}.parquet") for name, key in KEYS.items()}
    return {"name": "parquet", "target": "label"} | paths


def text_csv(folder: Path) -> dict[str, Any]:
    for name, first in (("train", 0), ("val", 20), ("test", 40)):
        texts = [f"word{n} and {n % 5}" for n in range(first, first + SIZES[name])]
        rows = {"text": texts, "label": [f"c{n % 2}" for n in range(SIZES[name])]}
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return {"name": "text_csv", "target": "label"} | {key: str(folder / f"{name}.csv") for name, key in KEYS.items()}


def arrays(name: str, first: int) -> dict[str, Any]:
    y = np.arange(SIZES[name]) % 2
    return {"x": np.arange(first, first + SIZES[name])[:, None] * [1.0, 0.5], "y": y}


def npz_files(folder: Path) -> dict[str, Any]:
    for name, first in (("train", 0), ("val", 20), ("test", 40)):
        np.savez(folder / f"{name}.npz", **arrays(name, first))
    return {"name": "npz"} | {key: str(folder / f"{name}.npz") for name, key in KEYS.items()}


def npz(folder: Path) -> dict[str, Any]:
    parts = {"train": arrays("train", 0), "val": arrays("val", 20), "test": arrays("test", 40)}
    np.savez(folder / "all.npz", **{f"{side}_{name}": one[side] for name, one in parts.items() for side in "xy"})
    keys = {"x": "x_train", "y": "y_train", "x_validation": "x_val", "y_validation": "y_val"}
    return {"name": "npz", "path": str(folder / "all.npz"), **keys, "x_test": "x_test", "y_test": "y_test"}


def images(folder: Path) -> dict[str, Any]:
    for name, rows in SIZES.items():
        for row in range(rows):
            (folder / name / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
            pixels = RNG.integers(0, 256, (4, 4, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / name / f"c{row % 2}" / f"{row}.png")
    return {"name": "image_folder"} | {key: str(folder / name) for name, key in KEYS.items()}


def recordings(folder: Path) -> dict[str, Any]:
    for name, rows in SIZES.items():
        for row in range(rows):
            (folder / name / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / name / f"c{row % 2}" / f"{row}.flac", RNG.normal(0, 0.1, 40), 8000)
    return {"name": "wav_folder", "features": "wave"} | {key: str(folder / name) for name, key in KEYS.items()}


KINDS = [csv, parquet, text_csv, npz_files, npz, images, recordings]
Kind = Callable[[Path], dict[str, Any]]


def read(keys: dict[str, Any], seeds: tuple[int, ...] = (0, 1)) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), seeds)


def refused(keys: dict[str, Any]) -> str:
    with pytest.raises(SettingError) as raised:
        read(keys)
    return str(raised.value)


def without(keys: dict[str, Any], part: str) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if part not in key}


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_has_the_rows_that_it_was_given_with(kind: Kind, tmp_path: Path) -> None:
    data = read(kind(tmp_path))
    sizes = {name: rows_SR.shape for name, rows_SR in data.parts.items()}
    assert sizes == {name: (2, size) for name, size in SIZES.items()}
    begins = np.cumsum([0, *SIZES.values()])
    for place, rows_SR in enumerate(data.parts.values()):
        assert {*rows_SR[0]} == {*rows_SR[1]} == {*range(begins[place], begins[place + 1])}
    assert data.split == "the set's own training, validation and test part"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("left_out", "held_out"), [("test", "validation"), ("validation", "test")])
def test_one_part_that_is_given_is_what_is_validated_on(
    kind: Kind, left_out: str, held_out: str, tmp_path: Path
) -> None:
    keys = without(kind(tmp_path), left_out)
    data = read(keys)
    assert list(data.parts) == ["train", "val"]
    assert data.parts["val"].shape[1] == SIZES["val" if held_out == "validation" else "test"]
    assert data.split == f"the set's own training and {held_out} part"
    if held_out == "test":
        both = read({**keys, "validation_size": 0.25})
        assert {name: part.shape[1] for name, part in both.parts.items()} == {"train": 9, "val": 3, "test": 8}


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_of_any_part_is_other_data(kind: Kind, tmp_path: Path) -> None:
    dataset = TypeAdapter(Dataset).validate_python(kind(tmp_path))
    digests = {source_sha256(dataset)}
    for file in sorted(file for file in tmp_path.rglob("*") if file.is_file())[-2:]:
        file.write_bytes(file.read_bytes() + b"\n")
        digests.add(source_sha256(dataset))
    assert len(digests) == 2 + (kind is not npz) and None not in digests


def test_numbers_and_categories_are_fitted_to_the_training_part(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    table(6, 20, ("Oslo", "Bern", "Rome")).to_csv(keys["validation_path"], index=False)
    data = read(keys)
    training, held_out = pd.read_csv(keys["path"]), pd.read_csv(keys["validation_path"])
    rows_R = data.parts["val"][0]
    x_RF = data.inputs(0, rows_R, "val")[np.argsort(rows_R)]
    scaled = (held_out.number - training.number.mean()) / training.number.std(ddof=0)
    assert data.rows.columns == ("number", "city=Bern", "city=Oslo", "city=Rome")
    np.testing.assert_allclose(x_RF[:, 0], scaled, rtol=1e-5)
    np.testing.assert_array_equal(x_RF[:, 1], 0)  # Bern, which no training row has
    np.testing.assert_array_equal(x_RF[:, 2], held_out.city == "Oslo")
    count = list(held_out.city).count("Bern")
    first = f"{count} rows, first {keys['validation_path']}:{2 + list(held_out.city).index('Bern')}"
    assert data_facts("csv", data).warnings == [
        f"city=Bern ({first}) is in held-out rows only. It is encoded as an unknown value of the column."
    ]


@pytest.mark.parametrize("scale", ["standard", "none"])
def test_a_category_that_a_seed_does_not_train_on_is_zero_for_that_seed(scale: str, tmp_path: Path) -> None:
    rows = table(20, 0)
    rows.loc[0, "city"] = "Bern"
    rows.to_csv(tmp_path / "all.csv", index=False)
    keys = {"name": "csv", "path": str(tmp_path / "all.csv"), "target": "label", "resample": True, "scale": scale}
    data = read(keys, tuple(range(12)))
    trained = [bool((rows_R == 0).any()) for rows_R in data.train_SR]
    assert {True, False} == {*trained}
    for seed, is_known in enumerate(trained):
        (bern,) = data.inputs(seed, np.array([0], "int32"))[:, data.rows.columns.index("city=Bern")]
        assert bern == float(is_known)
    assert not data_facts("csv", data).warnings


def test_labels_are_read_alike_in_all_files(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    for name, labels in (("train", ["01", "1"]), ("val", ["1", "01"]), ("test", ["01", "1"])):
        rows = table(SIZES[name], 10 * len(name) * len(labels[0]))
        rows["label"] = labels * (len(rows) // 2)
        if name == "val":  # here alone nothing shows that labels are texts
            rows["label"] = "1"
            rows.loc[0, "label"] = "01"
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    assert read(keys).rows.classes == ("01", "1")


def test_long_ids_are_not_blurred_by_a_part_without_any(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    for name, size in SIZES.items():
        rows = table(size, 10 * len(name))
        rows["who"] = "" if name == "test" else [str(2**56 + row) for row in range(size)]
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    groups_N = read({**keys, "group": "who"}).rows.groups_N
    assert groups_N is not None
    assert len(np.unique(groups_N[: SIZES["train"]])) == SIZES["train"]


def test_texts_may_have_other_columns_beside_them_in_each_part(tmp_path: Path) -> None:
    for name, more in (("train", "n"), ("val", "note"), ("test", "n")):
        lines = [f"{name} text number {row},{'ab'[row % 2]},{row if name != 'test' else 'x'}\n" for row in range(8)]
        (tmp_path / f"{name}.csv").write_text(f"text,label,{more}\n" + "".join(lines))
    keys = {"path": "train", "validation_path": "val", "test_path": "test"}
    paths = {key: str(tmp_path / f"{name}.csv") for key, name in keys.items()}
    assert read({"name": "text_csv", "target": "label", **paths}).rows.own_ends == [8, 16]
    (tmp_path / "val.csv").write_text("words,label\na b,a\n")
    assert "it lacks the column 'text' of" in refused({"name": "text_csv", "target": "label", **paths})


def test_rows_are_named_by_their_own_file_and_line(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    held_out = table(6, 20).astype({"number": object})
    held_out.loc[2, "number"] = "many"
    held_out.to_csv(keys["validation_path"], index=False)
    assert f"holds 'many' in {keys['validation_path']}:4, column 'number'" in refused({**keys, "categories": ["city"]})


def test_files_with_other_columns_are_refused_with_all_of_them(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    table(6, 20).rename(columns={"city": "town"}).to_csv(keys["validation_path"], index=False)
    table(8, 40).drop(columns="number").to_csv(keys["test_path"], index=False)
    found = refused(keys)
    assert f"dataset.validation_path is '{keys['validation_path']}'; it lacks the column 'city' of" in found
    assert f"it has the column 'town', and {keys['path']} does not. Expected the same. Leave it out" in found
    assert f"dataset.test_path is '{keys['test_path']}'; it lacks the column 'number' of {keys['path']}" in found
    table(6, 20).assign(note="x").to_csv(keys["validation_path"], index=False)
    table(8, 40).to_csv(keys["test_path"], index=False)
    assert read({**keys, "drop": ["note"]}, (0,)).rows.columns == ("number", "city=Oslo", "city=Rome")


@pytest.mark.parametrize(
    ("name", "other"),
    [("t-1", "t+1"), ("t-1", "t1"), ("feature_1", "feature_2"), ("sensor_a", "sensor_b"), ("sensor", "sensor_b"),
     ("x_position", "y_position"), ("positionX", "positionY"), ("length_mm", "length_cm"), ("male", "female"),
     ("CD4+", "CD4-"), ("price+cost", "price-cost"), ("t\u22121", "t+1")],
)  # fmt: skip
def test_columns_that_differ_in_a_number_a_sign_or_an_axis_are_not_the_same_column(name: str, other: str) -> None:
    assert misspelt([name], [other]) == misspelt([other], [name]) == {}


@pytest.mark.parametrize(
    ("name", "other"),
    [("label", "lable"), ("number", "nubmer"), ("length_1", "lenght_1"), ("year-of-birth", "Year_of_birth"),
     ("2024-01", "2024_01"), ("temperature", "temprature"), ("t+1", "T +1"), ("t-1", "t\u22121")],
)  # fmt: skip
def test_a_slip_of_the_pen_within_a_word_is_seen(name: str, other: str) -> None:
    assert misspelt([name], [other]) == {other: name} and misspelt([other], [name]) == {name: other}


def test_all_misspelt_columns_are_paired_if_only_one_can_be_meant() -> None:
    assert misspelt(["length", "width", "Size", "y"], ["widht", "lenght", "size", "z"]) == {
        "widht": "width", "lenght": "length", "size": "Size"
    }  # fmt: skip
    assert misspelt(["weight", "y"], ["weigth", "wieght"]) == {}
    assert misspelt(["lenght", "lengtth"], ["length"]) == {}


def test_a_misspelt_column_of_a_part_is_to_be_renamed(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    table(6, 20).rename(columns={"city": "City ", "number": "Number"}).to_csv(keys["validation_path"], index=False)
    table(8, 40).rename(columns={"number": "nubmer"}).to_csv(keys["test_path"], index=False)
    assert refused(keys) == (
        f"dataset.validation_path is '{keys['validation_path']}'; it has 'Number' where {keys['path']} has 'number', "
        f"'City ' where {keys['path']} has 'city'. Expected the same names. If they are the same columns, rename them in "
        f"this file.\ndataset.test_path is '{keys['test_path']}'; it has 'nubmer' where {keys['path']} has 'number'. "
        "Expected the same names. If it is the same column, rename it in this file."
    )
    paths = {key: str(tmp_path / f"{key}.csv") for key in ("path", "validation_path")}
    for key, label in zip(paths, ("label", "Label"), strict=True):
        Path(paths[key]).write_text(f"text,{label},note\n" + "".join(f"number {n},{'ab'[n % 2]},\n" for n in range(8)))
    assert "it has 'Label' where" in refused({"name": "text_csv", "target": "label", **paths})


@pytest.mark.parametrize("wrong", ["validation_path", "test_path"])
def test_a_wrong_file_hides_no_mistake_of_the_other_one(wrong: str, tmp_path: Path) -> None:
    keys = csv(tmp_path)
    for key, rows in {"path": table(12, 0), "validation_path": table(6, 20), "test_path": table(8, 40)}.items():
        rows["label"] = ["a", "b"] * (len(rows) // 2)
        if key != "path":
            rows = rows.drop(columns="city") if key == wrong else rows.assign(label=["c", "a", *rows["label"][2:]])
        rows.to_csv(keys[key], index=False)
    found = refused(keys)
    other = "test_path" if wrong == "validation_path" else "validation_path"
    assert f"dataset.{wrong} is '{keys[wrong]}'; it lacks the column 'city' of {keys['path']}." in found
    assert f"its training part (12 rows) has no row of class c ({keys[other]}:2); rows per class" in found


@pytest.mark.parametrize("kind", [csv, parquet])
def test_other_columns_hide_no_mistake_in_the_columns_that_all_parts_have(kind: Kind, tmp_path: Path) -> None:
    keys = kind(tmp_path)
    held_out = table(6, 20).rename(columns={"city": "town"}).assign(label=["a", *["b"] * 5])
    held_out["number"] = ["many", *held_out["number"][1:].astype(str)]
    write = held_out.to_csv if kind is csv else held_out.to_parquet
    write(keys["validation_path"], index=False)
    found = refused({**keys, "task": "classification"})
    assert f"dataset.validation_path is '{keys['validation_path']}'; it lacks the column 'city' of" in found
    assert "holds 'many' in" in found or "has a column 'number' with numbers in" in found
    held_out.drop(columns="number").assign(other=1).to_csv(keys["validation_path"], index=False)
    if kind is csv:  # no input is left, which is no mistake of its own
        assert "leaves no column" not in refused(keys)


def test_a_column_of_two_kinds_is_refused(tmp_path: Path) -> None:
    keys = parquet(tmp_path)
    table(6, 20).assign(city=np.arange(6)).to_parquet(keys["validation_path"])
    assert "dataset has a column 'city' with texts in" in refused(keys)
    assert f"and numbers in {keys['validation_path']}" in refused(keys)


def test_missing_files_are_told_at_once_by_their_keys(tmp_path: Path) -> None:
    keys = csv(tmp_path) | {"validation_path": "no.csv", "test_path": "nor.csv"}
    found = refused(keys)
    assert "dataset.validation_path is 'no.csv'; it is not there" in found
    assert "dataset.test_path is 'nor.csv'; it is not there" in found


@pytest.mark.parametrize("kind", [images, recordings])
def test_folders_with_other_classes_are_refused(kind: Kind, tmp_path: Path) -> None:
    keys = kind(tmp_path)
    (tmp_path / "val" / "c1").rename(tmp_path / "val" / "cat")
    found = refused(keys)
    assert (
        f"dataset.validation_path is '{tmp_path / 'val'}'; it has no folder 'c1', and {tmp_path / 'train'} has" in found
    )
    assert f"{tmp_path / 'train'} has no folder 'cat'. Expected the same classes" in found


@pytest.mark.parametrize(
    ("part", "labels", "seen"),
    [("val", "new", "its training part (12 rows) has no row of class new"),
     ("test", "a", "its test part (8 rows) has no row of class b")],
)  # fmt: skip
def test_a_class_that_a_part_lacks_is_refused(part: str, labels: str, seen: str, tmp_path: Path) -> None:
    keys = csv(tmp_path)
    for name, size in SIZES.items():
        rows = table(size, 0 if name == "train" else 20 if name == "val" else 40)
        rows["label"] = ["a", "b"] * (size // 2)
        if name == part:
            rows["label"] = [labels, *rows["label"][1:]] if labels == "new" else labels
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    found = refused(keys)
    assert seen in found
    assert (
        "se parts that each have all classes, or leave out dataset.validation_path and dataset.test_path, so" in found
    )


@pytest.mark.parametrize("part", ["val", "test"])
@pytest.mark.parametrize("alone", [False, True])
def test_classes_that_only_a_held_out_file_has_are_named_with_their_lines(
    part: str, alone: bool, tmp_path: Path
) -> None:
    keys = csv(tmp_path)
    for name, first in (("train", 0), ("val", 20), ("test", 40)):
        rows = table(SIZES[name], first)
        rows["label"] = ["dog", "cat"] * (SIZES[name] // 2)
        if name == part:
            rows["label"] = [*rows["label"][:2], "horse", "Dog", *rows["label"][4:]]
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    own = {"val": "validation_path", "test": "test_path"}
    if alone:
        keys = {key: value for key, value in keys.items() if key == own[part] or key not in own.values()}
    found = refused(keys).replace(f"{tmp_path}/", "")
    assert (
        f"its training part (12 rows) has no row of class Dog ({part}.csv:5), which may be 'dog' in another spelling, horse "
        f"({part}.csv:4); rows per class: Dog (0), cat (6), dog (6), horse (0); expected 1 or more of each. Correct these "
        "rows, or take them out. Or use parts that each have all classes, or leave out dataset."
    ) in found


def test_a_part_of_a_regression_with_equal_targets_is_refused_with_a_cure_that_fits(tmp_path: Path) -> None:
    keys = csv(tmp_path) | {"task": "regression"}
    for name, first in (("train", 0), ("val", 20), ("test", 40)):
        targets = 1.5 if name == "test" else np.arange(SIZES[name])
        table(SIZES[name], first).assign(label=targets).to_csv(tmp_path / f"{name}.csv", index=False)
    found = refused(keys)
    assert "its test part (8 rows) has the target 1.5 in all rows; r2 is measured there" in found
    assert "Use parts that each have two different targets, or leave out dataset.validation_path and" in found


def test_arrays_that_do_not_fit_the_training_part_are_refused(tmp_path: Path) -> None:
    x, y = np.zeros((6, 3)), np.arange(6) % 2
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:, :2], y_test=y.astype(str))
    keys = {"name": "npz", "path": str(tmp_path / "a.npz"), "x": "x_train", "y": "y_train"}
    found = refused({**keys, "x_test": "x_test", "y_test": "y_test"})
    assert "dataset.x_test is 'x_test', with rows of shape (2,), float32; the training part has (3,), float32" in found
    assert "dataset.x_test is 'x_test', whose y_test is <U21; the training part has int64" in found
    assert "dataset.x_test is 'no'; no array has this name" in refused({**keys, "x_test": "no", "y_test": "y_test"})


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (
            {"test_size": 0.3},
            "dataset.test_size is 0.3, but the held-out rows come from dataset.validation_path and dataset.test_path",
        ),
        (
            {"validation_size": 0.3},
            "dataset.validation_size is 0.3, but the held-out rows come from dataset.validation_path",
        ),
        (
            {"resample": True},
            "dataset.resample is true, but the held-out rows of every seed come from dataset.validation_path and",
        ),
        ({"resample": "validation"}, 'dataset.resample is "validation", but the held-out rows of every seed come from'),
    ],
)
def test_what_splits_rows_is_refused_beside_parts_that_are_given(more: Any, seen: str, tmp_path: Path) -> None:
    config = {"name": "a", "dataset": csv(tmp_path) | more, "model": {"name": "mlp"}}
    with pytest.raises(UserError) as raised:
        bnexp.check(config)
    assert seen in str(raised.value)


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({"x_test": "x"}, "dataset.x_test is given without dataset.y_test; expected both"),
        ({"y_validation": "y"}, "dataset.y_validation is given without dataset.x_validation; expected both"),
        ({"x_test": "x", "y_test": "y", "test_path": "b.npz"}, "dataset.x_test is given, and so is dataset.test_path"),
        (
            {"x_test": "x", "y_test": "y", "group": "g"},
            "dataset.group is 'g', but the rows of dataset.x_test have no groups",
        ),
    ],
)
def test_arrays_of_a_part_are_named_in_one_way(more: Any, seen: str) -> None:
    config = {"name": "a", "dataset": {"name": "npz", "path": "a.npz"} | more, "model": {"name": "mlp"}}
    with pytest.raises(ConfigError) as raised:
        bnexp.check(config)
    assert seen in str(raised.value)


@pytest.mark.parametrize("kind", [images, npz])
@pytest.mark.usefixtures("by_command")
def test_the_data_option_finds_the_parts(kind: Kind, tmp_path: Path) -> None:
    from bnexp.api.data_at_hand import dataset_of

    keys = kind(tmp_path)
    found, places = dataset_of(str(tmp_path if kind is images else tmp_path / "all.npz"), None)
    assert found == keys
    assert places["dataset.validation_path"] == "--data"


def test_a_file_of_arrays_has_its_target_as_it_is_named_and_a_broken_one_is_told_when_it_is_read(
    tmp_path: Path,
) -> None:
    from bnexp.api.data_at_hand import dataset_of

    path = tmp_path / "all.npz"
    np.savez(path, rows=np.zeros((4, 2)), labels=np.arange(4))
    assert dataset_of(str(path), "labels")[0] == {"name": "npz", "path": str(path), "y": "labels"}
    assert dataset_of(str(path), None)[0] == {"name": "npz", "path": str(path), "x": "rows", "y": "labels"}
    np.savez(path, x=np.zeros((4, 2)), y=np.arange(4), note=np.zeros(1))
    assert dataset_of(str(path), None)[0] == {"name": "npz", "path": str(path)}
    np.savez(path, x=np.zeros((4, 2)), y=np.arange(4), x_test=np.ones((4, 2)), y_test=np.arange(4))
    of_parts = {"x": "x", "y": "y", "x_test": "x_test", "y_test": "y_test"}
    assert dataset_of(str(path), None)[0] == {"name": "npz", "path": str(path), **of_parts}
    path.write_text("no archive")
    assert dataset_of(str(path), None)[0] == {"name": "npz", "path": str(path)}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("t.parquet", " Its columns: a (numbers), label (text, 1 value)."),
        ("t.tsv", " Its columns: a (numbers), label (text, 1 value)."),
        ("u.TSV", " Its columns: a (numbers), label (text, 1 value)."),
        ("semicolons.csv", " Its columns: a (numbers), label (text, 1 value)."),
        ("quoted.csv", " Its columns: 'a, b' (numbers), label (text, 1 value)."),
        ("latin.csv", " Its columns: größe (numbers), label (text, 1 value)."),
        ("broken.parquet", ""),
        ("empty.csv", ""),
    ],
)
def test_a_table_without_a_target_names_its_columns_if_they_can_be_read(
    name: str, columns: str, tmp_path: Path
) -> None:
    from bnexp.api.data_at_hand import dataset_of

    pd.DataFrame({"a": [1.0], "label": ["u"]}).to_parquet(tmp_path / "t.parquet")
    for tabs in ("t.tsv", "u.TSV"):
        (tmp_path / tabs).write_text("a\tlabel\n1\tu\n")
    (tmp_path / "semicolons.csv").write_text("a;label\n1;u\n")
    (tmp_path / "quoted.csv").write_text('"a, b",label\n1,u\n')
    (tmp_path / "latin.csv").write_bytes("größe,label\n1,süß\n".encode("latin-1"))
    for broken in ("broken.parquet", "empty.csv"):
        (tmp_path / broken).touch()
    with pytest.raises(UserError) as raised:
        dataset_of(str(tmp_path / name), None)
    assert str(raised.value) == (
        f"target is missing; expected the column of {tmp_path / name} that is to be learned.{columns}"
    )


def test_a_folder_with_more_than_parts_is_taken_as_it_is(tmp_path: Path) -> None:
    from bnexp.api.data_at_hand import dataset_of

    images(tmp_path)
    (tmp_path / "more" / "c0").mkdir(parents=True)
    assert dataset_of(str(tmp_path), None)[0] == {"name": "image_folder", "path": str(tmp_path)}


@pytest.mark.parametrize(("files", "seen"), [([], "no files"), (["a/x.txt", "b/y.TXT", "b/z"], "2 .txt, 1 z")])
def test_a_folder_without_data_is_told_that_recordings_are_read_too(
    files: list[str], seen: str, tmp_path: Path
) -> None:
    from bnexp.api.data_at_hand import dataset_of

    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError) as raised:
        dataset_of(str(tmp_path), None, called="PATH")
    assert str(raised.value) == (
        f"PATH is '{tmp_path}', a folder without images or recordings (it holds {seen}). Expected a folder for each "
        "class, two or more, with images (.png, .jpg, .jpeg, .bmp, .gif, .webp, .tif, .tiff, .ppm, .pgm) or recordings "
        "(.wav, .wave, .flac, .ogg, .oga, .opus, .mp3) in it."
    )


def test_a_run_measures_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    training = {"epochs": 1, "seeds": 2, "batch_size": 4}
    config = {"name": "a", "dataset": csv(tmp_path), "model": {"name": "mlp", "hidden": [2]}, "training": training}
    frame = bnexp.train(config).frame()
    assert {"val_accuracy", "test_accuracy", "train_accuracy"} <= {*frame.metric}


def test_rows_that_repeat_training_rows_are_told_and_a_part_of_nothing_else_is_refused(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    whole = pd.concat([table(4, 0), table(6, 20)])
    whole.to_csv(keys["validation_path"], index=False)
    data = read(keys)
    assert data.parts["val"].shape[1] == 6
    facts = data_facts("csv", data)
    assert facts.warnings == [
        "4 of 10 rows of the validation part repeat rows of the parts before it, and are left out."
    ]
    assert (facts.duplicates_dropped, facts.duplicates_of_parts, left_out(facts)) == (4, 4, ""), "they are told once"
    pd.concat([table(12, 0), table(3, 0)]).to_csv(keys["path"], index=False)
    assert left_out(data_facts("csv", read(keys))) == "3 repeated rows dropped"
    table(12, 0).to_csv(keys["path"], index=False)
    table(4, 0).to_csv(keys["validation_path"], index=False)
    table(4, 0).to_csv(keys["validation_path"], index=False)
    assert refused(keys) == (
        "dataset.validation_path holds the training rows: all its 4 rows are there, too. A net is not tested on rows that "
        "it was trained with. Give other rows."
    )
    assert "dataset.test_path holds the training rows" in refused({**csv(tmp_path), "test_path": keys["path"]})
    keys = csv(tmp_path)
    pd.concat([table(4, 0), table(4, 20)]).to_csv(keys["test_path"], index=False)
    assert "dataset.test_path holds the rows of the parts before it: all its 8 rows are there, too." in refused(keys)


def test_rows_of_another_part_are_not_offered_to_be_kept(tmp_path: Path) -> None:
    """Kept, they would be tested on although the net has learned them. Repeated rows of one part may be other cases."""
    keys = csv(tmp_path)
    pd.concat([table(11, 0), table(2, 20)]).to_csv(keys["validation_path"], index=False)
    told = data_facts("csv", read(keys)).warnings or []
    assert told == ["11 of 13 rows of the validation part repeat rows of the parts before it, and are left out."]
    pd.concat([table(8, 40)] * 2).to_csv(keys["test_path"], index=False)
    told = data_facts("csv", read(keys)).warnings or []
    assert [text.partition(" ")[0] for text in told] == ["8", "11"]
    assert told[0].startswith("8 of 41 rows (20%) repeat an earlier row") and "dataset.duplicates: keep" in told[0]


def test_a_batch_that_is_too_large_is_not_filled_with_rows_of_other_parts(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    pd.concat([table(11, 0), table(2, 20)]).to_csv(keys["validation_path"], index=False)
    config = {"name": "a", "dataset": keys, "model": {"name": "mlp"}, "training": {"batch_size": 13}}
    with pytest.raises(ConfigError, match=r"is 13; the training part has 12 rows\. Use 12 or fewer\."):
        bnexp.check(config)


def test_training_rows_that_a_held_out_part_keeps_are_warned_of(tmp_path: Path) -> None:
    keys = {**csv(tmp_path), "duplicates": "keep"}
    assert not data_facts("csv", read(keys)).warnings
    pd.concat([table(4, 0), table(6, 20)]).to_csv(keys["validation_path"], index=False)
    table(5, 0).to_csv(keys["test_path"], index=False)
    data = read(keys)
    assert [data.parts[part].shape[1] for part in ("val", "test")] == [10, 5]
    assert data_facts("csv", data).warnings == [
        "4 of 10 rows of the validation part are training rows, too. The net has learned them, so a verdict on them means "
        "little. Give other rows in dataset.validation_path, or leave them out with dataset.duplicates: drop.",
        "5 of 5 rows of the test part are training rows, too. The net has learned them, so a verdict on them means "
        "little. Give other rows in dataset.test_path.",
    ]


@pytest.mark.parametrize("kind", [csv, parquet])
@pytest.mark.parametrize("empty", [None, "NA"])
def test_a_column_that_a_part_has_no_value_in_is_of_the_other_parts_kind(
    kind: Kind, empty: str | None, tmp_path: Path
) -> None:
    keys = kind(tmp_path)
    held_out = table(6, 20).assign(number=pd.Series([empty] * 6, dtype=object))
    if kind is csv:
        held_out.to_csv(keys["validation_path"], index=False)
    else:
        held_out.to_parquet(keys["validation_path"])
    data = read({**keys, "missing": "mean"})
    assert data.rows.columns == ("number", "city=Oslo", "city=Rome")
    (column,) = {*data.inputs(0, data.parts["val"][0], "val")[:, 0].tolist()}
    assert column == pytest.approx(0, abs=1e-6), "the mean of the training part, scaled"


def test_groups_in_several_parts_are_told(tmp_path: Path) -> None:
    keys = csv(tmp_path)
    for name, first, who in (("train", 0, "abc"), ("val", 20, "bcd"), ("test", 40, "efg")):
        table(6, first).assign(who=[*who, *who]).to_csv(tmp_path / f"{name}.csv", index=False)
    warnings = data_facts("csv", read({**keys, "group": "who"})).warnings or []
    assert warnings[0].startswith(
        "2 groups of dataset.group have rows in the training part and in a part that is held out"
    )
    table(6, 40).assign(who=[*"deg", *"deg"]).to_csv(tmp_path / "test.csv", index=False)
    told = data_facts("csv", read({**keys, "group": "who"})).warnings or []
    assert "1 group of dataset.group has rows in both held-out parts, so the test part does not judge new" in told[1]


def test_a_part_that_is_no_text_is_told_by_its_kind_and_never_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("\n".join(["x,y", *(f"{n},{'uv'[n % 2]}" for n in range(40))]))
    pd.read_csv("t.csv").to_parquet("v.csv")
    with pytest.raises(SettingError) as told:
        prepare(
            TypeAdapter(Dataset).validate_python(
                {"name": "csv", "path": "t.csv", "target": "y", "validation_path": "v.csv"}
            ),
            (0,),
        )
    assert str(told.value) == (
        "dataset.validation_path is 'v.csv'; it is not UTF-8 (it is Parquet). Use dataset.name: parquet if "
        "all files of the data are Parquet."
    )


def test_a_folder_of_images_that_is_named_as_two_parts_is_refused_as_repeated_rows(tmp_path: Path) -> None:
    config = images(tmp_path)
    twice = {**config, "validation_path": config["test_path"]}
    with pytest.raises(SettingError, match=r"dataset\.test_path .*repeat|dataset\.test_path .*of the parts before it"):
        prepare(TypeAdapter(Dataset).validate_python(twice), (0,))
