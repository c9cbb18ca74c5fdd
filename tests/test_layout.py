"""Folders that are no classes: the parts of a split are refused with the cure, and what may be meant otherwise is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from pydantic import TypeAdapter

from bnexp.api.data_at_hand import dataset_of
from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.fingerprint import source_sha256
from bnexp.data.sources.layout import split_folders
from bnexp.errors import SettingError, UserError


def fill(folder: Path, name: str, *inner: str) -> dict[str, Any]:
    """Six files of random content in each of these folders."""
    for number, place in enumerate(inner):
        (folder / place).mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        for row in range(6):
            if name == "image_folder":
                Image.fromarray(rng.integers(0, 256, (4, 5, 3)).astype("u1")).save(folder / place / f"{row}.png")
            else:
                soundfile.write(folder / place / f"{row}.wav", rng.normal(0, 0.1, 50), 8000)
    return {"name": name, "path": str(folder)} | ({"features": "wave"} if name == "wav_folder" else {})


def add_run(place: Path, name: str = "bn-20260101-000000", *, file: str = "run.json") -> Path:
    """Write what a run directory holds: its records, and figures that could be taken for images."""
    (place / name).mkdir(parents=True, exist_ok=True)
    (place / name / file).write_text("{}")
    (place / name / "config.yaml").write_text("name: bn")
    Image.fromarray(np.zeros((90, 120, 3), "u1")).save(place / name / "loss.png")
    return place / name


def read(keys: dict[str, Any]) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0, 1))


def refused(keys: dict[str, Any]) -> str:
    with pytest.raises(SettingError) as raised:
        read(keys)
    return str(raised.value)


@pytest.mark.parametrize("name", ["image_folder", "wav_folder"])
def test_folders_for_the_parts_of_a_split_are_no_classes(tmp_path: Path, name: str) -> None:
    keys = fill(tmp_path, name, *(f"{part}/{label}" for part in ("train", "val", "test") for label in ("cat", "dog")))
    assert refused(keys) == (
        f"dataset.path is '{tmp_path}'; its folders 'train', 'test', 'val' are named like parts of a split; the classes "
        "may be the folders 'cat', 'dog' in them. Expected a folder for each class. "
        f"Use dataset.path: {tmp_path}/train, dataset.validation_path: {tmp_path}/val, dataset.test_path: {tmp_path}/test. "
        "If 'train', 'test', 'val' are classes, rename the folders."
    )
    assert source_sha256(TypeAdapter(Dataset).validate_python(keys)) is None
    assert read({**keys, "path": str(tmp_path / "train")}).rows.classes == ("cat", "dog")


def test_a_folder_beside_the_parts_is_named(tmp_path: Path) -> None:
    keys = fill(tmp_path, "image_folder", "train/cat", "train/dog", "val/cat", "val/dog", "other")
    move = f"Move 'other' (no part) out of the folder, to have the parts used; or use dataset.path: {tmp_path}/train, which"
    assert move in refused(keys)


def test_parts_without_folders_of_classes_are_told_to_be_sorted(tmp_path: Path) -> None:
    assert refused(fill(tmp_path, "image_folder", "training", "testing")).endswith(
        "its folders 'training', 'testing' are named like parts of a split. Expected a folder for each class. Sort their "
        "images into a folder for each class. If 'training', 'testing' are classes, rename the folders."
    )


def test_one_part_with_the_classes_inside_is_none_and_their_folder_is_found_at_any_depth(tmp_path: Path) -> None:
    keys = fill(tmp_path, "image_folder", "seg_train/seg_train/cat", "seg_train/seg_train/dog", "extra")
    assert refused(keys) == (
        f"dataset.path is '{tmp_path}'; its folder 'seg_train' is named like a part of a split; the classes may be the "
        "folders 'cat', 'dog' in it. Expected a folder for each class. "
        f"Use dataset.path: {tmp_path}/seg_train/seg_train, which bnexp splits itself; or name the folder of each part "
        "(dataset.path, dataset.validation_path, dataset.test_path). If 'seg_train' is one, rename the folder."
    )
    assert read({**keys, "path": str(tmp_path / "seg_train" / "seg_train")}).rows.classes == ("cat", "dog")


@pytest.mark.parametrize(
    "inner",
    [
        ("Train", "VALIDATION"), ("valid", "holdout"), ("dev", "eval"), ("seg_train/a", "seg_test/a"), ("hold-out", "TrainSet"),
        ("train2017", "val2017"), ("test_images", "train_images", "other"), ("train/a", "train/b", "extra/a"),
    ],
)  # fmt: skip
def test_parts_are_known_by_all_their_common_names(tmp_path: Path, inner: tuple[str, ...]) -> None:
    assert re.search("named like (parts|a part) of a split", refused(fill(tmp_path, "image_folder", *inner)))


@pytest.mark.parametrize(
    "inner", [("valid", "invalid"), ("test tube", "train station"), ("test", "cat"), ("train/1", "plane/1"), ("cat/train", "dog/train")]
)  # fmt: skip
def test_a_class_may_have_a_word_for_a_part_in_its_name(tmp_path: Path, inner: tuple[str, ...]) -> None:
    assert len(read(fill(tmp_path, "image_folder", *inner)).rows.classes or ()) == 2


def test_a_folder_that_holds_the_folders_of_the_classes_is_named(tmp_path: Path) -> None:
    keys = fill(tmp_path, "image_folder", "data/cat", "data/dog")
    assert refused(keys).endswith(
        f".ppm, .pgm). Its folders 'cat', 'dog' look like classes: use dataset.path: {tmp_path}/data."
    )
    keys = fill(tmp_path / "other", "image_folder", "cat")
    assert refused(keys).endswith(".ppm, .pgm).")


def warnings(keys: dict[str, Any]) -> list[str]:
    return list(read(keys).rows.facts.warnings or ())


def test_what_may_be_meant_otherwise_is_a_warning(tmp_path: Path) -> None:
    assert warnings(fill(tmp_path / "plain", "image_folder", "cat", "dog/more")) == []
    assert warnings(fill(tmp_path / "split", "image_folder", "cat/train", "cat/test", "dog/train", "dog/test")) == [
        f"The classes of '{tmp_path / 'split'}' hold the folders 'train', 'test', as for a split. Their files are "
        "joined, and bnexp splits them anew. Move files that you do not want to use out of the folder."
    ]
    assert warnings(fill(tmp_path / "test", "image_folder", "cat", "dog", "test")) == [
        f"The folder 'test' of '{tmp_path / 'test'}' is read as a class, though it is named like a part of a split. "
        "Move it out of the folder if it is not a class."
    ]
    (alike,) = warnings(fill(tmp_path / "alike", "image_folder", "Cat", "cat", "dog"))
    assert "differ only in case: 'Cat' (6 rows) and 'cat' (6 rows)" in alike


@pytest.mark.parametrize(("name", "what"), [("image_folder", "images"), ("wav_folder", "recordings")])
def test_folders_that_recur_in_several_classes_may_be_the_classes_themselves(
    tmp_path: Path, name: str, what: str
) -> None:
    keys = fill(tmp_path, name, "1/cat", "1/dog", "2/dog", "3/cat", "3/fox")
    assert refused(keys) == (
        f"dataset.path is '{tmp_path}'; its folders '1', '2', '3' hold the folders 'cat', 'dog', and either may be the "
        f"classes. Expected a folder for each class, with its {what} in it. If 'cat', 'dog' are the classes, use "
        f"dataset.path: {tmp_path}/1 (for its {what} alone), or copy the {what} of all, under names of their own, into one folder for each. If '1', '2', '3' are, move "
        f"the {what} up into them."
    )
    assert source_sha256(TypeAdapter(Dataset).validate_python(keys)) is None
    assert read({**keys, "path": str(tmp_path / "1")}).rows.classes == ("cat", "dog")


def test_the_folders_inside_are_names_where_files_are_grouped_by_name(tmp_path: Path) -> None:
    keys = fill(tmp_path, "wav_folder", "no/anna", "no/bert", "hi/anna", "hi/bert") | {"group": "file"}
    assert source_sha256(TypeAdapter(Dataset).validate_python(keys)) is not None
    data = read(keys)
    assert data.rows.classes == ("hi", "no") and data.rows.facts.warnings == []
    assert data.rows.groups_N is not None and len(np.unique(data.rows.groups_N)) == 12


def test_a_link_to_a_folder_of_files_inside_a_class_is_not_left_out_in_silence(tmp_path: Path) -> None:
    keys = fill(tmp_path / "folder", "image_folder", "cat", "dog")
    fill(tmp_path, "image_folder", "elsewhere")
    (tmp_path / "folder" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "cat" / "loop").symlink_to(tmp_path / "folder")
    assert refused(keys) == (
        f"dataset.path holds {tmp_path}/folder/cat/more, a symbolic link to a folder with images. The link is not followed. "
        "Copy the images, or remove the link."
    )


def test_all_that_is_wrong_with_the_files_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    keys = fill(tmp_path, "image_folder", "cat", "dog")
    for name in ("cat/x.png", "dog/y.png"):
        (tmp_path / name).symlink_to(tmp_path / "gone")
    assert all(
        f"holds {tmp_path / name}, which is a broken symbolic link" in refused(keys)
        for name in ("cat/x.png", "dog/y.png")
    )
    for name in ("cat/x.png", "dog/y.png"):
        (tmp_path / name).unlink()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert all(f"holds {tmp_path / name}, a folder without images" in refused(keys) for name in ("one", "two"))


@pytest.mark.parametrize("name", ["image_folder", "wav_folder"])
def test_files_of_one_content_in_several_classes_are_told(tmp_path: Path, name: str) -> None:
    keys = fill(tmp_path, name, "cat", "dog")
    assert warnings(keys) == []
    ending = {"image_folder": "png", "wav_folder": "wav"}[name]
    for number in (2, 4):
        (tmp_path / "dog" / f"{number}.{ending}").write_bytes(
            (tmp_path / "cat" / f"{number + 1}.{ending}").read_bytes()
        )
    assert warnings(keys) == [
        f"2 of 12 files hold the same as one of another class, such as {tmp_path}/dog/2.{ending} and "
        f"{tmp_path}/cat/3.{ending}. No network can tell them apart. Take one of each pair out of the folder."
    ]


def test_names_that_are_no_text_are_told_once_for_a_folder_and_folders_that_may_not_be_read_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = fill(tmp_path / "names", "image_folder", "a\x1b[31m", "dog")
    assert (
        refused(keys)
        == f"dataset.path holds '{tmp_path / 'names'}/a\\x1b[31m', whose name has characters that cannot be printed. Rename it."
    )
    keys = fill(tmp_path / "folders", "image_folder", "cat", "dog/more")
    closed = {tmp_path / "folders" / "cat", tmp_path / "folders" / "dog" / "more"}
    monkeypatch.setattr("os.access", lambda path, mode: path not in closed)
    assert refused(keys) == "\n".join(
        f"dataset.path holds {path}, a folder that may not be read. Change its permissions." for path in sorted(closed)
    )


@pytest.mark.parametrize("name", ["image_folder", "wav_folder"])
def test_runs_inside_the_data_are_no_class_at_any_depth_and_do_not_change_their_digest(
    name: str, tmp_path: Path
) -> None:
    keys = fill(tmp_path, name, "cat", "dog/1")
    before = source_sha256(TypeAdapter(Dataset).validate_python(keys))
    (tmp_path / "runs" / "data").mkdir(parents=True)
    (tmp_path / "runs" / "index.html").touch()
    (tmp_path / "runs" / "latest").symlink_to(add_run(tmp_path / "runs").name)
    for number, file in enumerate(("study.yaml", "comparison.json", "histories.json", ".lock", "history.json")):
        add_run(tmp_path / "runs", f"a-2026010{number}-000000-2", file=file)
    add_run(tmp_path / "runs", "renamed")
    add_run(tmp_path / "dog" / "1" / "old" / "kept")
    data = read(keys)
    assert data.rows.classes == ("cat", "dog") and data.rows_per_class == [6, 6]
    assert data.rows.facts.runs_left_out == ["dog/1/old", "runs"] and data.rows.facts.files_left_out == {}
    assert source_sha256(TypeAdapter(Dataset).validate_python(keys)) == before
    add_run(tmp_path / "runs", "new-20260102-000000")
    assert source_sha256(TypeAdapter(Dataset).validate_python(keys)) == before


def test_a_class_may_be_called_runs_and_a_class_may_hold_a_run(tmp_path: Path) -> None:
    keys = fill(tmp_path, "image_folder", "walks", "runs/fast-20260101-000000")
    (tmp_path / "runs" / "history.json").touch()
    add_run(tmp_path / "walks")
    data = read(keys)
    assert data.rows.classes == ("runs", "walks") and data.rows_per_class == [6, 6]
    assert data.rows.facts.runs_left_out == ["walks/bn-20260101-000000"]


def test_runs_beside_the_parts_of_a_split_are_no_part(tmp_path: Path) -> None:
    fill(tmp_path, "image_folder", "train/cat", "train/dog", "val/cat", "val/dog")
    add_run(tmp_path / "runs")
    assert split_folders(tmp_path) == {"training": tmp_path / "train", "validation": tmp_path / "val"}
    assert dataset_of(str(tmp_path), None)[0]["validation_path"] == str(tmp_path / "val")


def test_runs_beside_tables_and_texts_are_not_taken_for_a_folder_of_images(tmp_path: Path) -> None:
    add_run(tmp_path / "runs")
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "1.txt").write_text("good")
    with pytest.raises(UserError, match=r"a folder without images or recordings \(it holds 1 \.txt\)"):
        dataset_of(str(tmp_path), None)
    (tmp_path / "pos" / "1.txt").unlink()
    (tmp_path / "pos").rmdir()
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"Name the file: .*train\.csv"):
        dataset_of(str(tmp_path), None)
