"""Arrays as people save them: what is read, what may be meant otherwise, and refusals whose cure works."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import run_line
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.errors import SettingError

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = np.arange(N) % 2


def read(path: Path, keys: dict[str, Any] | None = None, **arrays: np.ndarray) -> Data:
    np.savez(path / "a.npz", **arrays)
    return prepare(
        TypeAdapter(Dataset).validate_python({"name": "npz", "path": str(path / "a.npz"), **(keys or {})}), (0,)
    )


def refused(path: Path, keys: dict[str, Any] | None = None, **arrays: np.ndarray) -> list[str]:
    with pytest.raises(SettingError) as raised:
        read(path, keys, **arrays)
    return [f"{key} {text}" for key, text in raised.value.problems]


def test_only_arrays_that_fit_a_key_are_offered_for_it(tmp_path: Path) -> None:
    assert refused(tmp_path, topo=np.zeros((9, 12)), longitude=np.arange(12), latitude=np.arange(9)) == [
        "dataset.x is 'x'; no array has this name. Good names: topo.",
        "dataset.y is 'y'; no array has this name. Good names: latitude.",
    ]
    prices = np.zeros(9, [("open", "f8"), ("close", "f8")])
    for only in (prices, np.zeros((9, 2)), np.zeros(9)):
        assert refused(tmp_path, price_data=only) == [
            "dataset.x is 'x'; no array has this name. Good names: price_data.",
            "dataset.y is 'y'; no array has this name. No array has one value for each row of another one, so the file "
            "holds no targets. Save all in one file: numpy.savez(FILE, x=x, y=y).",
        ]
    assert refused(tmp_path, images=np.zeros((9, 4, 4)), kinds=np.eye(9))[1] == (
        "dataset.y is 'y'; no array has this name. Good names: kinds."
    )
    assert refused(tmp_path, x=X, lable=Y, more=X) == ["dataset.y is 'y'; no array has this name. Good names: lable."]


@pytest.mark.parametrize("y", [Y, Y / 2, np.where(Y, "yes", "no"), RNG.normal(size=N)])
def test_targets_and_groups_of_one_column_are_read_as_one_value_a_row(tmp_path: Path, y: np.ndarray) -> None:
    flat = read(tmp_path, {"group": "who"}, x=X, y=y, who=np.arange(N) // 4)
    column = read(tmp_path, {"group": "who"}, x=X, y=y[:, None], who=(np.arange(N) // 4)[:, None])
    assert column.rows.classes == flat.rows.classes
    np.testing.assert_array_equal(column.rows.y_N, flat.rows.y_N)
    np.testing.assert_array_equal(column.rows.groups_N, flat.rows.groups_N)
    np.testing.assert_array_equal(column.train_SR, flat.train_SR)


@pytest.mark.parametrize("word", ["unknown", None])
def test_a_target_of_text_names_the_cell_that_is_no_number(tmp_path: Path, word: str | None) -> None:
    cells = [f"{n / 2}" for n in range(N)]
    cells[1], cells[5] = "N/A", word or cells[5]
    seen = "dataset.y holds 'unknown' in row 5" if word else "dataset.y holds 'N/A' in row 1"
    cure = (
        "most cells of the column are numbers. Fix the file, take that row out, or give dataset.task: classification."
    )
    assert refused(tmp_path, x=X, y=np.array(cells)) == [
        f"{seen} of {tmp_path}/a.npz (counted from 0), column 'y'; {cure}"
    ]


def test_a_refused_target_is_read_once_the_cure_is_followed(tmp_path: Path) -> None:
    expected = f"expected one value for each of the {N} rows of x."
    objects = np.where(Y, "yes", "no").astype(object)
    several = RNG.normal(size=(N, 2))
    assert refused(tmp_path, {"task": "regression"}, x=X, y=several) == [
        f"dataset.y is 'y' with shape (40, 2); {expected} Save one column of it, as y[:, 0]."
    ]
    assert read(tmp_path, {"task": "regression"}, x=X, y=several[:, 0]).task == "regression"
    assert refused(tmp_path, x=X, y=objects) == [
        "dataset.y is 'y', object; expected numbers, booleans or texts. If its values are texts, save y.astype(\"U\"); if "
        'numbers, y.astype("float64").'
    ]
    assert read(tmp_path, x=X, y=objects.astype("U")).rows.classes == ("no", "yes")
    assert refused(tmp_path, x=X, y=Y[None]) == [f"dataset.y is 'y' with shape (1, 40); {expected} Save y.reshape(-1)."]
    assert refused(tmp_path, x=X, y=Y[:30]) == [
        f"dataset.y is 'y' with shape (30,); {expected} Name another array, or save one with as many values."
    ]
    fields = np.array([(1, 2.0)] * N, [("label", "i4"), ("weight", "f4")])
    assert refused(tmp_path, x=X, y=fields)[0].endswith('booleans or texts. Save one of its fields, as y["label"].')
    assert refused(tmp_path, x=X, y=Y + 1j)[0].endswith("booleans or texts. Save y.real or abs(y).")
    assert refused(tmp_path, x=X, y=Y.astype("S"))[0].startswith("dataset.y is 'y', |S21; expected numbers")


@pytest.mark.parametrize("kind", ["float32", "bool", "int8"])
@pytest.mark.parametrize("classes", [2, 3, 25])
def test_one_hot_targets_are_classes_by_the_place_of_their_1(tmp_path: Path, kind: str, classes: int) -> None:
    y = np.arange(4 * N) % classes
    x = np.arange(4.0 * N)[:, None]
    data = read(tmp_path, x=x, y=np.eye(classes, dtype=kind)[y])
    assert data.rows.classes == tuple(map(str, range(classes))) and data.rows.facts.one_hot_classes == classes
    np.testing.assert_array_equal(data.rows.y_N, y)
    assert not data.rows.facts.warnings


def test_a_class_without_a_row_is_none_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    rows = read(tmp_path, x=X, y=np.eye(5)[3 * Y + 1]).rows
    assert rows.classes == ("1", "4")
    np.testing.assert_array_equal(rows.y_N, Y)


@pytest.mark.parametrize(
    ("row", "seen"),
    [([0, 0, 0], "no 1"), ([1, 0, 1], "1 at 2 places"), ([0.2, 0.8, 0], "0.2"), ([1, np.nan, 0], "nan")],
)
def test_a_row_that_is_not_one_hot_is_refused_with_its_number(tmp_path: Path, row: list[float], seen: str) -> None:
    y = np.eye(3)[Y]
    y[7] = row
    assert refused(tmp_path, x=X, y=y) == [
        f"dataset.y is 'y' with shape (40, 3); row 7 of {tmp_path}/a.npz (counted from 0) holds {seen}; expected one 1 in "
        "each row, at its class, and else 0. Fix that row, or save one column, as y[:, 0]."
    ]


def test_all_rows_that_are_not_one_hot_are_named(tmp_path: Path) -> None:
    y = np.eye(3)[Y]
    y[4], y[6] = [1, 1, 0], [0, 0, 0]
    assert refused(tmp_path, x=X, y=y) == [
        f"dataset.y is 'y' with shape (40, 3); row 4 of {tmp_path}/a.npz (counted from 0) holds 1 at 2 places; expected one "
        "1 in each row, at its class, and else 0. 2 rows are wrong: 4, 6. Fix these rows, or save one column, as y[:, 0]."
    ]
    assert "and else 0. No row is one-hot. Fix these rows, or save one column" in refused(tmp_path, x=X, y=X)[0]
    y[7:20] = 0
    assert "15 rows are wrong: 4, 6, 7, 8, 9, 10, 11, 12, 13, 14 and 5 more. Fix" in refused(tmp_path, x=X, y=y)[0]


def refusal(keys: dict[str, Any]) -> str:
    with pytest.raises(SettingError) as raised:
        prepare(TypeAdapter(Dataset).validate_python(keys), (0,))
    return str(raised.value)


def test_the_command_beside_a_bad_value_writes_the_other_rows_of_all_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x, y, kept = RNG.normal(size=(N, 3)), np.arange(N) % 2 + 0.5, {"of": np.zeros(2)}
    x[3, 1], y[5] = np.inf, np.nan
    np.savez("a.npz", x=x, y=y, **kept)
    for _ in range(2):  # one command for y, one for x
        command = refusal({"name": "npz", "path": "a.npz"}).partition(": python ")[2].splitlines()[0]
        run_line(f"python {command}")
        Path("a-whole.npz").replace("a.npz")
    with np.load("a.npz") as found:
        rows = [row for row in range(N) if row not in (3, 5)]
        np.testing.assert_array_equal(found["x"], x[rows])
        np.testing.assert_array_equal(found["y"], y[rows])
        assert found["of"].shape == (2,)


@pytest.mark.parametrize("rows", [N, 2**14])
def test_missing_and_infinite_numbers_are_told_at_once_because_one_cure_does_not_mend_both(
    rows: int, tmp_path: Path
) -> None:
    """An array of many rows is read in pieces; the two may stand in different ones."""
    x, y = RNG.normal(size=(rows, 3)), np.arange(rows) % 2
    x[3, 1], x[9, 2], x[rows - 1, 0], x[11, 0] = np.nan, np.inf, -1e30, np.nan
    place = f"of {tmp_path}/a.npz (counted from 0)"
    finite = "expected finite numbers, up to 1e+18."
    infinite = f"dataset.x is 'x'; row 9 {place} holds inf in column 2, as 1 more row does, {finite} Fix the file."
    assert [line.partition(" This writes")[0] for line in refused(tmp_path, x=x, y=y)] == [
        f"dataset.x is 'x'; row 3 {place} holds nan in column 1, as 1 more row does, {finite} Use dataset.missing: mean, or fix the file.",
        infinite,
    ]
    (told,) = refused(tmp_path, {"missing": "mean"}, x=x, y=y)
    assert told.startswith(f"{infinite} This writes the other rows into a-whole.npz: python -c ")
    x[9, 2], x[rows - 1, 0] = 0, 0
    assert read(tmp_path, {"missing": "mean"}, x=x, y=y)


def test_one_hot_targets_of_a_split_are_found_and_read_alike(tmp_path: Path) -> None:
    keys = {"x": "x_train", "y": "y_train", "x_test": "x_test", "y_test": "y_test"}
    arrays = {"x_train": X, "y_train": np.eye(3)[Y], "x_test": X + 9, "y_test": np.eye(3)[Y]}
    rows = read(tmp_path, keys, **arrays).rows
    assert rows.test == N and rows.classes == ("0", "1")
    told = ", ".join(f"dataset.{key}: {name}" for key, name in keys.items())
    assert f"Use {told}." in refused(tmp_path, x_train=X, y_train=np.eye(3)[Y], x_test=X, y_test=np.eye(3)[Y])[0]
    for other, seen in ((np.eye(4)[Y], "one-hot in 4 classes"), (Y, "single values")):
        assert refused(tmp_path, keys, **{**arrays, "y_test": other}) == [
            f"dataset.x_test is 'x_test', whose y_test is {seen}, and one-hot in 3 classes in the training part. Expected the "
            "same. Save them alike."
        ]


def test_refused_inputs_are_read_once_the_cure_is_followed(tmp_path: Path) -> None:
    table = "expected numbers of rank 2 (table)."
    assert refused(tmp_path, x=X[:, 0], y=Y)[0].endswith(
        "no axis may be empty. Save x[:, None] if each row is one number."
    )
    assert read(tmp_path, x=X[:, 0][:, None], y=Y).rows.x.shape == (N, 1)
    assert refused(tmp_path, x=X.astype(object), y=Y) == [
        f"dataset.x is 'x', object of shape (40, 3); {table} If its values are numbers, save x.astype(\"float32\"). Words "
        "are for dataset.name: csv."
    ]
    x = X + 1j
    assert refused(tmp_path, x=x, y=Y) == [
        f"dataset.x is 'x', complex128 of shape (40, 3); {table} Save its parts side by side: "
        "numpy.concatenate([x.real, x.imag], axis=-1)."
    ]
    assert read(tmp_path, x=np.concatenate([x.real, x.imag], axis=-1), y=Y).rows.x.shape == (N, 6)
    ragged = np.array([np.zeros((1 + row % 3, 2)) for row in range(N)], object)
    assert refused(tmp_path, x=ragged, y=Y)[0].endswith(
        "frames of NaN at the end), and save them as one float32 array. If they are texts, pandas.DataFrame({'text': x, "
        "'label': y}).to_csv('texts.csv', index=False) writes them for dataset.name: text_csv."
    )
    texts = np.array([f"row {row}" for row in range(N)])
    assert refused(tmp_path, x=texts, y=Y)[0].endswith(
        "If they are texts, pandas.DataFrame({'text': x, 'label': y}).to_csv('texts.csv', index=False) writes them for "
        'dataset.name: text_csv. If its values are numbers, save x.astype("float32").'
    )
    fields = np.zeros((N,), [("a", "f4"), ("day", "M8[D]")])
    told = refused(tmp_path, x=fields, y=Y)[0]
    assert told.endswith(
        "It is a table: pandas.DataFrame(x).to_csv('table.csv', index=False) writes it for dataset.name: csv."
    )
    assert list(pd.DataFrame(fields)) == ["a", "day"]
    dates = np.arange(2 * N).reshape(N, 2).astype("M8[ns]")
    assert refused(tmp_path, x=dates, y=Y)[0].endswith(
        'Save the time as numbers, for example with x.astype("int64") / 1e9.'
    )
    assert refused(tmp_path, {"kind": "image"}, x=X, y=Y)[0].endswith("or use dataset.kind: table.")
    assert refused(tmp_path, x=np.zeros((N, 1, 1, 1, 1)), y=Y)[0].endswith("Save another array, or name one.")


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    found = refused(tmp_path, {"group": "who"}, x=X.astype(object), y=np.eye(2)[Y][:9], who=Y[:9] + 1j)
    assert [one.partition(";")[0] for one in found] == [
        "dataset.x is 'x', object of shape (40, 3)", "dataset.y is 'y' with shape (9, 2)",
        "dataset.group is 'who' with shape (9,)", "dataset.group is 'who', complex128",
    ]  # fmt: skip
    holed = X.copy()
    holed[3, 1] = np.nan
    found = refused(tmp_path, x=holed, y=np.where(Y, 1.0, np.nan))
    assert [one.partition(" (counted")[0] for one in found] == [
        f"dataset.x is 'x'; row 3 of {tmp_path / 'a.npz'}", f"dataset.y is 'y'; row 0 of {tmp_path / 'a.npz'}",
    ]  # fmt: skip
    found = refused(tmp_path, x=holed, y=np.ones((N, 2)))
    assert [one.partition(" of ")[0] for one in found] == [
        "dataset.y is 'y' with shape (40, 2); row 0", "dataset.x is 'x'; row 3",
    ]  # fmt: skip
    assert len(refused(tmp_path, {"x": "a", "y": "b", "group": "c"}, z=X)) == 3


def test_a_file_with_a_split_of_its_own_names_the_training_part(tmp_path: Path) -> None:
    parts = {"x_train": X, "y_train": Y[:, None], "x_test": X[:9], "y_test": Y[:9]}
    assert refused(tmp_path, **parts) == [
        "dataset.x is 'x'; no array has this name. The file holds parts of a split: x_train, y_train, x_test, y_test. "
        "Use dataset.x: x_train, dataset.y: y_train, dataset.x_test: x_test, dataset.y_test: y_test."
    ]
    data = read(tmp_path, {"x": "x_train", "y": "y_train"}, **parts)
    assert len(data.rows.y_N) == N
    assert data.rows.facts.arrays_left_out == ["x_test", "y_test"] and data.rows.facts.warnings == []
    medical = {"train_images": np.zeros((N, 4, 4, 3), "u1"), "train_labels": Y, "val_images": X, "val_labels": Y}
    assert "dataset.x_validation: val_images, dataset.y_validation: val_labels." in refused(tmp_path, **medical)[0]
    assert refused(tmp_path, trainA=X, trainB=X, testA=X)[0].endswith(
        "trainA, trainB, testA. Name the arrays of one part as dataset.x and dataset.y, or join the parts "
        "(numpy.concatenate)."
    )


def test_inputs_and_targets_are_two_arrays_of_one_part(tmp_path: Path) -> None:
    parts = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
    assert refused(tmp_path, {"x": "x_train", "y": "y_test"}, **parts) == [
        "dataset.y is 'y_test', of the test part, and dataset.x is 'x_train', of the training part. Name arrays of one "
        "part."
    ]
    assert read(tmp_path, {"x": "x_test", "y": "y_test"}, **parts).rows.x.shape == X.shape
    assert refused(tmp_path, {"y": "x"}, x=X[:, :1]) == ["dataset.y is 'x', as dataset.x is. Name another array."]


def test_a_sparse_matrix_is_told_to_be_saved_as_an_array(tmp_path: Path) -> None:
    sparse = {name: X for name in ("indices", "indptr", "format", "shape", "data")}
    assert refused(tmp_path, **sparse)[0] == (
        "dataset.x is 'x'; no array has this name. Good names: indices, indptr, format, shape, data. The file holds a "
        "sparse matrix: save it as x with matrix.toarray()."
    )


def test_parts_beside_the_arrays_that_are_read_are_told(tmp_path: Path) -> None:
    data = read(tmp_path, x=X, y=Y, x_test=X, Y_val=Y, note=np.zeros(1))
    assert data.rows.facts.arrays_left_out == ["Y_val", "note", "x_test"]
    assert data.rows.facts.warnings == [
        "The file holds parts of a split that are not read: Y_val, x_test. bnexp splits the rows of 'x' itself. Join them "
        "(numpy.concatenate) if you want to use them."
    ]
    data = read(tmp_path, x=X, y=Y, x_test=X, y_test=Y)
    assert data.rows.facts.warnings[0].endswith(
        " Use dataset.x_test: x_test, dataset.y_test: y_test if you want to use them."
    )


def test_axes_that_may_be_meant_otherwise_are_told(tmp_path: Path) -> None:
    gray, first = RNG.integers(0, 256, (N, 8, 8)).astype("u1"), RNG.normal(size=(N, 3, 8, 9))
    assert read(tmp_path, x=gray, y=Y).rows.facts.warnings == [
        "dataset.x 'x' holds bytes of shape (40, 8, 8) and is read as sequences. If they are gray images, use "
        "dataset.kind: image; else dataset.kind: sequence."
    ]
    assert read(tmp_path, x=first, y=Y).rows.facts.warnings == [
        "dataset.x 'x' has shape (40, 3, 8, 9), which looks like images with channels first. bnexp reads (rows, height, "
        "width, channels): save x.transpose(0, 2, 3, 1)."
    ]
    for keys, x in (
        ({"kind": "image"}, gray),
        ({"kind": "sequence"}, gray),
        ({}, first.transpose(0, 2, 3, 1)),
        ({}, X),
    ):
        assert read(tmp_path, keys, x=x, y=Y).rows.facts.warnings == []


def test_texts_that_differ_only_in_how_they_are_written_are_told(tmp_path: Path) -> None:
    (alike,) = read(tmp_path, x=X, y=np.array(["yes", "no", "no ", "no"] * 10)).rows.facts.warnings
    assert alike.startswith("dataset.y 'y' holds values that differ only in blanks")
    (missing,) = read(tmp_path, x=X, y=np.array(["nan", "no"] * 20)).rows.facts.warnings
    assert "class whose name usually means a missing value: 'nan' (20 rows)" in missing


def test_texts_with_what_is_no_character_are_refused_by_their_row(tmp_path: Path) -> None:
    y, who = np.where(Y, "yes", "no").astype("<U9"), np.where(Y, "yes", "no").astype(">U9")
    y[7] = "a\ud800"
    who.view(">u4")[18] = 0x7FFFFFFF
    told = "which is not a Unicode character. Fix that row, or take it out."
    assert refused(tmp_path, {"group": "who"}, x=X, y=y, who=who) == [
        f"dataset.y is 'y'; row 7 of {tmp_path / 'a.npz'} (counted from 0) holds the code D800, {told}",
        f"dataset.group is 'who'; row 2 of {tmp_path / 'a.npz'} (counted from 0) holds the code 7FFFFFFF, {told}",
    ]


@pytest.mark.parametrize(
    "header",
    [
        "{" * 3000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 3), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 3), }",
    ],
)
def test_a_faulty_header_is_refused(tmp_path: Path, header: str) -> None:
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(SettingError, match=r"it is no NPZ file: .*Write one with numpy\.savez\."):
        prepare(TypeAdapter(Dataset).validate_python({"name": "npz", "path": str(tmp_path / "a.npz")}), (0,))


def test_a_broken_compression_is_refused_whichever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", bytes(100))
    content = path.read_bytes()
    path.write_bytes(content[:39] + b"\xff" + content[40:])
    with pytest.raises(SettingError, match=r"it is no NPZ file: Invalid or unsupported options\. Write one with"):
        prepare(TypeAdapter(Dataset).validate_python({"name": "npz", "path": str(path)}), (0,))


@pytest.mark.parametrize(("kind", "shape", "scaled_over"), [("auto", (8, 8), (0, 1)), ("image", (8, 8, 1), (0, 1, 2))])
def test_images_without_channels_are_sequences_unless_the_config_says_images(
    tmp_path: Path, kind: str, shape: tuple[int, ...], scaled_over: tuple[int, ...]
) -> None:
    images = RNG.integers(0, 200, (N, 8, 8)) + 7 * np.arange(8)  # each column has another mean
    data = read(tmp_path, {"kind": kind, "stratify": False}, x=images.astype("uint8"), y=Y)
    rows = data.inputs(0, data.train_SR[0])
    assert rows.shape[1:] == shape
    np.testing.assert_allclose(rows.mean(axis=scaled_over), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=scaled_over), 1, atol=1e-5)
    if kind == "image":
        assert np.ptp(rows.mean(axis=(0, 1))) > 0.1, "the columns keep their differences"
