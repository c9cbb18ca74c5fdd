"""`bnexp init`: configs for files as people have them, which run as they are written."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from PIL import Image

import bnexp
from bnexp.api.first_configs import FirstConfigs, init
from bnexp.errors import UserError

CHANCE, NUMBERS = random.Random(0), np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(found: FirstConfigs) -> dict[str, object]:
    """Return the dataset of the first config, which has to be good as it was written."""
    (first, second) = bnexp.check([str(path) for path in found.paths])
    assert first.experiment.dataset == second.experiment.dataset
    assert first.experiment.model != second.experiment.model
    dataset = yaml.safe_load(found.paths[0].read_text(encoding="utf-8"))["dataset"]
    assert isinstance(dataset, dict)
    return dataset


def german(rows: int = 60) -> str:
    lines = ["Kunde;Name;Größe;Alter;Datum;Stadt;leer;immer;Umsatz;Survived"]
    for row in range(rows):
        age = "" if row % 9 == 0 else f"{CHANCE.gauss(40, 9):.1f}".replace(".", ",")
        size, day = f"{CHANCE.gauss(1.7, 0.1):.2f}".replace(".", ","), f"{13 + row % 9:02d}.0{1 + row % 9}.2023"
        lines.append(
            f"{1000 + row};Müller-{row};{size};{age};{day};{'Köln' if row % 2 else 'Rom'};;x;"
            f"{1 + row % 8}.{100 + row};{'yes' if row % 3 else 'no'}"
        )
    return "\n".join(lines) + "\n"


def test_a_messy_table_is_read_with_a_reason_for_each_choice(folder: Path) -> None:
    (folder / "messy.csv").write_text(german(), encoding="cp1252")
    found = init("messy.csv", None, None)
    assert written(found) == {
        "name": "csv",
        "path": "messy.csv",
        "encoding": "cp1252",
        "separator": ";",
        "decimal": ",",
        "thousands": ".",
        "target": "Survived",
        "drop": ["Kunde", "Name", "leer", "immer"],
        "dates": ["Datum"],
        "missing": "median",
    }
    text = found.paths[0].read_text(encoding="utf-8")
    for line in (
        "  encoding: cp1252  # its bytes are no UTF-8, and make sense in this encoding\n",
        "  target: Survived  # its name says so; --target names another\n",
        "    - Kunde  # another whole number in every row, as an id has\n",
        "    - Name  # 60 different values of text, as names, ids and notes have\n",
        "    - leer  # no value in any row\n",
        "    - immer  # the same value in all rows: x\n",
        "  missing: median  # empty cells: Alter (7); the median of the training part stands in\n",
    ):
        assert line in text
    assert found.command == "bnexp compare messy-batch.yaml messy-none.yaml"


def test_a_parquet_table_is_looked_at_as_a_csv_table_is(folder: Path) -> None:
    rows = {
        "id": range(100, 160),
        "a": np.where(np.arange(60) % 7, np.arange(60) / 3, np.nan),
        "label": ["x", "y"] * 30,
    }
    pd.DataFrame(rows).to_parquet(folder / "t.parquet")
    assert written(init("t.parquet", None, None)) == {
        "name": "parquet",
        "path": "t.parquet",
        "target": "label",
        "drop": ["id"],
        "missing": "median",
    }


def test_files_that_are_named_like_parts_are_the_parts(folder: Path) -> None:
    for name, first in (("train", 0), ("valid", 100), ("test", 200)):
        rows = "".join(f"{n}.5,{n % 2}\n" for n in range(first, first + 40))
        (folder / f"my_{name}.csv").write_text(("a,label\n" if name != "test" else "a,other\n") + rows)
    found = written(init("my_train.csv", None, None))
    assert found["validation_path"] == "my_valid.csv"
    assert "test_path" not in found, "it has no labels"


def test_the_target_is_the_one_that_is_named(folder: Path) -> None:
    (folder / "a.csv").write_text("a,b,c\n" + "".join(f"{n}.5,{n % 2},{n % 3}\n" for n in range(40)))
    assert written(init("a.csv", "b", None))["target"] == "b"
    with pytest.raises(UserError, match=r"dataset\.target is 'd'; no column has this name\. Good names: a, b, c\."):
        init("a.csv", "d", None)


def test_unequal_classes_are_judged_by_another_metric(folder: Path) -> None:
    for classes, metric in ((2, "val_auc"), (3, "val_balanced_accuracy")):
        rows = [
            f"{CHANCE.random()},{CHANCE.random()},{0 if n % 20 else 1 + (n // 20) % (classes - 1)}" for n in range(200)
        ]
        (folder / f"rare{classes}.csv").write_text("a,b,label\n" + "\n".join(rows) + "\n")
        found = init(f"rare{classes}.csv", None, None)
        assert found.command.endswith(f" --metric {metric}")
        assert found.metric_reason == "95% of the rows are of one class, so that accuracy says little"


def test_texts_alone_are_read_word_by_word(folder: Path) -> None:
    rows = [f"{n},{'good' if n % 2 else 'bad'} thing number {n} here,{'pos' if n % 2 else 'neg'}" for n in range(40)]
    (folder / "texts.csv").write_text("id,review,label\n" + "\n".join(rows) + "\n")
    found = init("texts.csv", None, None)
    assert written(found) == {"name": "text_csv", "path": "texts.csv", "target": "label", "text": "review"}
    assert found.checked.experiment.model.name == "conv1d"


def test_images_of_many_sizes_get_one_and_gray_ones_one_channel(folder: Path) -> None:
    for part in ("train", "val", "test"):
        for row in range(8):
            (folder / "photos" / part / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
            pixels = NUMBERS.integers(0, 256, (30 + row, 40)).astype("uint8")
            Image.fromarray(pixels).save(folder / "photos" / part / f"c{row % 2}" / f"{part}{row}.png")
    assert written(init("photos", None, None)) == {
        "name": "image_folder",
        "path": "photos/train",
        "validation_path": "photos/val",
        "test_path": "photos/test",
        "size": [32, 32],
        "color": "grayscale",
    }


def test_recordings_are_described_by_their_rate_and_length(folder: Path) -> None:
    for row in range(12):
        (folder / "sounds" / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
        wave = NUMBERS.normal(0, 0.1, 4000)
        soundfile.write(folder / "sounds" / f"c{row % 2}" / f"{row}.flac", wave, 8000)
    found = init("sounds", None, None)
    assert written(found) == {"name": "wav_folder", "path": "sounds", "features": "log_mel"}
    assert "the recordings have 8,000 samples a second, 0.5 to 0.5 s" in found.paths[0].read_text()


def test_arrays_get_a_network_of_their_kind(folder: Path) -> None:
    rng, y = np.random.default_rng(0), np.arange(40) % 2
    np.savez(folder / "images.npz", x=rng.normal(size=(40, 8, 8, 1)), y=y)
    np.savez(folder / "table.npz", x=rng.normal(size=(40, 8)), y=y)
    assert init("images.npz", None, None).checked.experiment.model.name == "cnn"
    assert init("table.npz", None, None).checked.experiment.model.name == "mlp"


def test_a_network_of_ones_own_is_named(folder: Path) -> None:
    (folder / "net.py").write_text(
        "import keras\n"
        "def build(normalization, input_shape, classes):\n"
        "    x = inputs = keras.Input(input_shape)\n"
        "    x = normalization()(keras.layers.Dense(4)(x))\n"
        "    return keras.Model(inputs, keras.layers.Dense(1, activation='sigmoid')(x))\n"
    )
    (folder / "a.csv").write_text("a,b,label\n" + "".join(f"{n % 7},{n}.5,{n % 2}\n" for n in range(40)))
    found = init("a.csv", None, "net.py:build")
    written(found)
    assert yaml.safe_load(found.paths[0].read_text())["model"] == {
        "name": "python",
        "build": "net.py:build",
        "normalization": "batch",
    }


def test_what_is_there_is_not_overwritten_and_what_is_wrong_writes_nothing(folder: Path) -> None:
    (folder / "a.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(40)))
    (folder / "a-none.yaml").write_text("mine\n")
    with pytest.raises(UserError, match=r"a-none\.yaml: there already; expected no file of that name\. Move it"):
        init("a.csv", None, None)
    (folder / "c.csv").write_bytes((folder / "a.csv").read_bytes())
    assert init("c.csv", None, None).paths == init("c.csv", None, None).paths, "the same is written again"
    for path in ("c.csv", "c-batch.yaml", "c-none.yaml"):
        (folder / path).unlink()
    (folder / "b.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2 if n else ''}\n" for n in range(40)))
    with pytest.raises(UserError, match=r"dataset\.target"):
        init("b.csv", None, None)
    assert sorted(path.name for path in folder.iterdir()) == ["a-none.yaml", "a.csv", "b.csv"]


@pytest.mark.parametrize("rows", [20, 21, 30, 162])
def test_no_number_of_rows_leaves_a_batch_of_one(rows: int, folder: Path) -> None:
    (folder / "a.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(rows)))
    written(init("a.csv", None, None))
    np.savez(folder / "b.npz", x=np.arange(2.0 * rows).reshape(rows, 2), y=np.arange(rows) % 2)
    written(init("b.npz", None, None))


def test_names_of_files_are_quoted(folder: Path) -> None:
    (folder / "#my data.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(40)))
    found = init("#my data.csv", None, None)
    assert found.command == "bnexp compare '#my data-batch.yaml' '#my data-none.yaml'"
    written(found)
