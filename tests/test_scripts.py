"""Texts in every script: how they are folded, and which have no blanks between words."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.rows import Rows
from bnexp.data.sources.scripts import FOLD, folded
from bnexp.errors import SettingError
from bnexp.experiment.prepare import prepared as experiment_prepared

NO_BLANKS = (
    "in a script without spaces between words. Words are cut at spaces, so a whole sentence becomes one word, which no "
    "other text has. Put a space between the words, or between all characters, in the file."
)


def read(path: Path, texts: list[str], **keys: Any) -> Rows:
    """Read 60 texts, each with a number behind it."""
    lines = [f'"{texts[n % len(texts)]} {n}",{n % 2}' for n in range(60)]
    path.write_text("\n".join(["text,y", *lines]), encoding="utf-8")
    keys = {"name": "text_csv", "path": str(path), "target": "y", "length": 12, **keys}
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0,)).rows


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Übel", "ÜBEL"),
        ("Übel", unicodedata.normalize("NFD", "übel")),
        ("Straße", "STRASSE"),
        ("ΟΔΟΣ", "οδος"),
        ("ПРИВЕТ", "привет"),
        ("„Gut“,", "gut"),
        ("don\u2019t", "don't"),
        ("so\u00a0gut", "so gut"),
        ("とても\u3000面白い。", "とても 面白い"),
    ],
)
def test_two_spellings_of_a_word_are_one_word(tmp_path: Path, one: str, other: str) -> None:
    assert folded(one) == folded(other) == eval(FOLD, {"unicodedata": unicodedata, "text": other})
    rows = read(tmp_path / "t.csv", [one, other])
    assert set(rows.words) == {"", "[UNK]", *folded(one).split(), *map(str, range(60))}


@pytest.mark.parametrize(
    "text",
    ["这部电影太难看。非常讨厌这个演员", "この映画はとても面白かったです。", "ภาพยนตร์เรื่องนี้สนุกมากครับ", "iPhone手机很好用我非常喜欢"],
)  # fmt: skip
def test_texts_without_blanks_are_refused_with_the_cure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(SettingError) as raised:
        read(path, [text])
    assert str(raised.value) == (
        f"dataset.text names a column that cannot be cut into words: 60 of 60 texts, such as {path}:2, are {NO_BLANKS}"
    )


def test_a_few_texts_without_blanks_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    texts = ["bad film"] * 9 + ["这部电影太难看。非常讨厌这个演员"]
    assert read(path, texts).facts.warnings == [f"6 of 60 texts, such as {path}:11, are {NO_BLANKS}"]
    texts = ["bad film"] * 59 + ["这部电影太难看。非常讨厌这个演员"]
    assert read(path, texts).facts.warnings == [f"1 of 60 texts, such as {path}:61, is {NO_BLANKS}"]


@pytest.mark.parametrize(
    "text",
    ["这部 电影 太 难看", "这 部 电 影 太 难 看", "很好", "이 영화 정말 재미있어요", "यह फिल्म बहुत अच्छी थी", "هذا الفيلم رائع جدا", "ภาพยนตร์ เรื่อง นี้ สนุก มาก"],
)  # fmt: skip
def test_texts_with_blanks_are_read_without_a_word(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "t.csv", [text]).facts.warnings == []


def test_texts_of_which_no_word_is_in_another_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,y\n" + "".join(f'"good,film,{n}",{n % 2}\n' for n in range(60)))
    keys = {"name": "text_csv", "path": str(path), "target": "y"}
    assert prepare(TypeAdapter(Dataset).validate_python(keys), (0,)).rows.facts.warnings == [
        "60 of 60 texts share no word with another text. What a network learns from them helps with no other text. "
        "Words are cut at spaces: put spaces between them, or name another column."
    ]


def test_a_text_without_a_word_is_told_and_refused_where_a_layer_masks_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    texts = [f"good film {n}" if n % 20 else "!? …" for n in range(60)]
    path.write_text("text,y\n" + "".join(f'"{text}",{n % 2}\n' for n, text in enumerate(texts)), encoding="utf-8")
    dataset = {"name": "text_csv", "path": str(path), "target": "y", "length": 12}
    rows = prepare(TypeAdapter(Dataset).validate_python(dataset), (0,)).rows
    assert rows.facts.warnings == [
        f"{path}:2 has a text without a word (3 rows have none): nothing but spaces and punctuation. A network sees only "
        "padding there. Remove these rows from the file."
    ]
    layers: list[Any] = [
        {"Embedding": {"input_dim": 200, "output_dim": 4, "mask_zero": True}},
        "GlobalAveragePooling1D",
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ]
    sections = {"name": "x", "dataset": dataset, "model": {"name": "sequential", "layers": layers}}
    with pytest.raises(SettingError) as raised:
        experiment_prepared(Experiment.model_validate(sections))
    assert str(raised.value) == (
        f"dataset.text names a column in which {path}:2 has no word (3 rows have none). mask_zero of the Embedding masks "
        "all of it, and the loss becomes NaN. Remove these rows, or leave out mask_zero."
    )
    layers[0]["Embedding"]["mask_zero"] = False
    assert experiment_prepared(Experiment.model_validate(sections)).rows.x.shape == (58, 12)
