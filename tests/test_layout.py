"""Folders that are no classes: the parts of a split are refused with the cure, and what may be meant otherwise is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.source import source_sha256
from bnexp.errors import SettingError


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


def read(keys: dict[str, Any]) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0, 1))


def refused(keys: dict[str, Any]) -> str:
    with pytest.raises(SettingError) as raised:
        read(keys)
    return str(raised.value)


@pytest.mark.parametrize(("name", "what"), [("image_folder", "images"), ("wav_folder", "recordings")])
def test_folders_for_the_parts_of_a_split_are_no_classes(tmp_path: Path, name: str, what: str) -> None:
    keys = fill(tmp_path, name, *(f"{part}/{label}" for part in ("train", "val", "test") for label in ("cat", "dog")))
    assert refused(keys) == (
        f"dataset.path is '{tmp_path}'; its folders 'train', 'test', 'val' are named like parts of a split, and "
        "'train', 'test', 'val' hold the folders 'cat', 'dog'. Expected a folder for each class. "
        f"Use dataset.path: {tmp_path}/train, which bnexp splits itself; or copy the {what} of all parts into one "
        "folder for each class. If 'train', 'test', 'val' are classes, rename their folders."
    )
    assert source_sha256(TypeAdapter(Dataset).validate_python(keys)) is None
    assert read({**keys, "path": str(tmp_path / "train")}).rows.classes == ("cat", "dog")


def test_parts_without_folders_of_classes_are_told_to_be_sorted(tmp_path: Path) -> None:
    assert refused(fill(tmp_path, "image_folder", "training", "testing")).endswith(
        "'training', 'testing' are named like parts of a split, and the images lie in them without folders of classes. "
        "Expected a folder for each class. Sort them into a folder for each class. If 'training', 'testing' are "
        "classes, rename their folders."
    )


@pytest.mark.parametrize(
    "inner",
    [
        ("Train", "VALIDATION"), ("valid", "holdout"), ("dev", "eval"), ("seg_train/a", "seg_test/a"), ("hold-out", "TrainSet"),
        ("train2017", "val2017"), ("test_images", "train_images", "other"), ("train/a", "train/b", "extra/a"),
    ],
)  # fmt: skip
def test_parts_are_known_by_all_their_common_names(tmp_path: Path, inner: tuple[str, ...]) -> None:
    assert "named like parts of a split" in refused(fill(tmp_path, "image_folder", *inner))


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
    return list(read(keys).facts()["warnings"])


def test_what_may_be_meant_otherwise_is_a_warning(tmp_path: Path) -> None:
    assert warnings(fill(tmp_path / "plain", "image_folder", "cat", "dog/more")) == []
    assert warnings(fill(tmp_path / "folds", "image_folder", "1/cat", "1/dog", "2/cat", "2/dog")) == [
        f"Each class of '{tmp_path / 'folds'}' holds the folders 'cat', 'dog'; the classes are the outer folders "
        "'1', '2'. If the inner ones are the classes, make them the outer ones."
    ]
    assert warnings(fill(tmp_path / "split", "image_folder", "cat/train", "cat/test", "dog/train", "dog/test")) == [
        f"Each class of '{tmp_path / 'split'}' holds the folders 'train', 'test', as for a split. Their files are put "
        "together, and bnexp splits them anew. Move out of the folder what is not to take part."
    ]
    (alike,) = warnings(fill(tmp_path / "alike", "image_folder", "Cat", "cat", "dog"))
    assert "differ only by blanks, case or a final dot: 'Cat' (6 rows) and 'cat' (6 rows)" in alike
    speakers = fill(tmp_path / "speakers", "wav_folder", "no/anna", "no/bert", "hi/anna", "hi/bert")
    assert len(warnings(speakers)) == 1 and warnings({**speakers, "group": "file"}) == []


def test_all_that_is_wrong_with_the_files_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    keys = fill(tmp_path, "image_folder", "cat", "dog")
    for name in ("cat/x.png", "dog/y.png"):
        (tmp_path / name).symlink_to(tmp_path / "gone")
    assert all(
        f"holds '{tmp_path / name}', which is a broken link" in refused(keys) for name in ("cat/x.png", "dog/y.png")
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
