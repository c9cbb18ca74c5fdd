"""`bnexp init`: configs for files as people have them, which run as they are written."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from cases import slow
from command import bnexp as bnexp_command
from command import refused, run_line
from PIL import Image

import bnexp
from bnexp.api.first_configs import FirstConfigs, init, suggested_for
from bnexp.api.observer import Observer
from bnexp.cli import data_commands
from bnexp.config import Experiment
from bnexp.data.sources import ids
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


def test_a_row_with_too_many_fields_is_told_with_the_mistakes_of_all_other_rows() -> None:
    rows = [f"{row},{row / 7:.2f},{'no' if row % 2 else 'yes'}" for row in range(60)]
    rows[4], rows[9], rows[20] = "4,many,yes", "9,1,2,no", "20,3,"
    Path("a.csv").write_text("\n".join(["id,age,y", *rows]))
    with pytest.raises(UserError) as told:
        init("a.csv", "y", None)
    for seen in ("a.csv:11 has 4 fields, and the first line 3", "a.csv:22 has no value", "holds 'many' in a.csv:6"):
        assert seen in str(told.value)
    assert "a-batch.yaml and a-none.yaml are written with what is known so far" in str(told.value)
    assert "python -c" not in str(told.value), "no command reads this file before its rows are mended"


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
        "  encoding: cp1252  # its bytes are not UTF-8, but are valid in this encoding\n",
        "  target: Survived  # its name says so; --target names another\n",
        "    - Kunde  # a different whole number in every row, like an id\n",
        "    - Name  # 60 different values of text, as names, ids and notes have\n",
        "    - leer  # no value in any row\n",
        "    - immer  # the same value in all rows: x\n",
        "  missing: median  # missing values: Alter (7); the median of the training part stands in\n",
    ):
        assert line in text
    assert found.command == "bnexp compare messy-batch.yaml messy-none.yaml"


NET = """
import keras

def build(input_shape):
    x = keras.Input(input_shape)
    return keras.Model(x, keras.layers.Dense(1, "sigmoid")(keras.layers.BatchNormalization()(x)))

def narrow():
    return build((1,))
"""


def test_a_network_of_ones_own_stands_in_the_config_with_reasons_that_fit_it(folder: Path) -> None:
    (folder / "messy.csv").write_text(german(), encoding="cp1252")
    (folder / "net.py").write_text(NET)
    text = init("messy.csv", None, "net.py:build").paths[0].read_text(encoding="utf-8")
    assert (
        "model:\n"
        "  name: python  # your own, as --model names it\n"
        "  build: 'net.py:build'\n"
        "  normalization: batch  # what is compared; where the network sets none, Keras's momentum of 0.99 takes hundreds "
        "of steps to settle\n"
    ) in text
    bnexp.check([str(folder / "messy-batch.yaml"), str(folder / "messy-none.yaml")])


def test_what_is_wrong_with_a_network_of_ones_own_is_told_by_its_name_and_nothing_is_written(folder: Path) -> None:
    (folder / "messy.csv").write_text(german(), encoding="cp1252")
    (folder / "net.py").write_text(NET)
    with pytest.raises(UserError) as error:
        init("messy.csv", None, "net.py:narrow")
    assert str(error.value).startswith("net.py:narrow: model takes inputs of shape (1,); the data are rows of ")
    assert not list(folder.glob("*.yaml"))


@pytest.mark.parametrize("name", [slow("m.h5"), slow("m.hdf5"), "M.H5"])
def test_a_model_in_the_older_format_is_told_how_it_is_converted_by_init_and_by_compare(
    folder: Path, name: str
) -> None:
    (folder / "messy.csv").write_text(german(), encoding="cp1252")
    with h5py.File(folder / name, "w") as file:
        file.attrs["model_config"] = "{}"
    told = (
        f"{name}: model.path is {name!r}, in the older format HDF5; expected a .keras file. Convert it: "
        f"`keras.models.load_model({name!r}, compile=False).save('{Path(name).stem}.keras')`."
    )
    with pytest.raises(UserError) as error:
        init("messy.csv", None, name)
    assert str(error.value).startswith(told)
    assert not list(folder.glob("*.yaml"))
    init("messy.csv", None, None)  # says how the table is to be read
    section = yaml.safe_load((folder / "messy-batch.yaml").read_text(encoding="utf-8"))["dataset"]
    with pytest.raises(UserError) as error:
        bnexp.compare(name, data=section, arms=["batch", "none"])
    assert told in str(error.value)


def test_a_parquet_table_is_looked_at_as_a_csv_table_is(folder: Path) -> None:
    rows = {
        "id": range(100, 160),
        "a": np.where(np.arange(60) < 58, np.arange(60) / 3, np.nan),
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
    made = init("my_train.csv", None, None)
    found = written(made)
    assert found["validation_path"] == "my_valid.csv"
    assert "test_path" not in found
    note = (
        "my_test.csv is in the same folder, but is not used as the test part: it has no values of 'label', which is to be "
        "learned. Once that is corrected, write test_path: my_test.csv."
    )
    assert made.suggested.notes == [note]
    assert f"dataset:\n  # {note}\n" in made.paths[0].read_text()


def test_a_misspelt_column_of_a_file_beside_is_to_be_renamed(folder: Path) -> None:
    rows = "".join(f"{n}.5,{n % 2}\n" for n in range(40))
    (folder / "train.csv").write_text("a,label\n" + rows)
    (folder / "test.csv").write_text("A,Label \n" + rows)
    assert init("train.csv", None, None).suggested.notes == [
        "test.csv is in the same folder, but is not used as the test part: it lacks 'a', 'label' and also has 'A', "
        "'Label '; if they are the same, rename 'A' to 'a', 'Label ' to 'label'. Once that is corrected, write test_path: "
        "test.csv."
    ]


def test_what_is_wrong_with_a_file_beside_is_told_or_mended(folder: Path) -> None:
    rows = "".join(f"{n}.5,{n},{n % 2}\n" for n in range(40))
    (folder / "train.csv").write_text("a,b,label\n" + rows)
    (folder / "val.csv").write_text("a,b,label\n" + "100.5,,1\n,200,0\n" * 4 + "300.5,1,1\n" * 9)
    (folder / "test.csv").write_text("a,c,label\n" + rows)
    made = init("train.csv", None, None)
    assert written(made)["missing"] == "median"
    note = (
        "test.csv is in the same folder, but is not used as the test part: it lacks 'b' and also has 'c'; if they "
        "are the same, rename it. Once that is "
        "corrected, write test_path: test.csv."
    )
    assert made.suggested.notes == [note]
    assert f"dataset:\n  # {note}\n" in made.paths[0].read_text()


def test_parts_in_another_encoding_or_with_another_separator_are_converted_by_the_command(folder: Path) -> None:
    texts = [
        "a,b,label\n" + "".join(f"{n}.5,{n},{'weiß' if n % 2 else 'rosé'}\n" for n in range(40 * part, 40 * part + 40))
        for part in range(3)
    ]
    for name, text, codec in zip(("train", "val", "test"), texts, ("utf-8", "cp1252", "utf-8"), strict=True):
        (folder / f"{name}.csv").write_text(text.replace(",", ";" if name == "test" else ","), encoding=codec)
    made = init("train.csv", None, None)
    notes, config = made.suggested.notes, str(made.paths[0])
    assert config == f"{folder.name}-batch.yaml"
    seen = ('the encoding "cp1252", and train.csv "utf-8"', 'the separator ";", and train.csv ","')
    paths = {"validation_path": "val", "test_path": "test"}
    assert [has in note for has, note in zip(seen, notes, strict=True)] == [True, True]
    with pytest.raises(UserError) as raised:
        bnexp.check([config], [f"dataset.{key}={name}.csv" for key, name in paths.items()])
    for (key, name), note, line in zip(paths.items(), notes, str(raised.value).splitlines(), strict=True):
        (convert,) = re.findall(r'python -c ".*"', note)
        assert convert in line
        run_line(convert)
        assert note.endswith(f"Then write {key}: {name}-converted.csv.")
    bnexp.check([config], [f"dataset.{key}={name}-converted.csv" for key, name in paths.items()])
    assert (folder / "val-converted.csv").read_text("utf-8") == texts[1]


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
        assert found.metric_reason == "95% of the rows are of one class, so accuracy says little"
        written(found)
        reason = "measured at each epoch; most rows are of one class, so accuracy says little"
        assert f"  metrics: [{metric.removeprefix('val_')}]  # {reason}\n" in found.paths[0].read_text()


@pytest.mark.parametrize("command", ["check", "train --dry-run"])
def test_a_command_without_the_option_metric_advises_a_fair_metric_until_it_is_measured(
    command: str, folder: Path
) -> None:
    (folder / "r.csv").write_text("a,y\n" + "".join(f"{n}.5,{'yes' if n % 10 == 0 else 'no'}\n" for n in range(100)))
    init("r.csv", None, None)
    assert "accuracy says little" not in bnexp_command(*command.split(), "r-batch.yaml", cwd=folder).stdout
    told = bnexp_command(*command.split(), "r-batch.yaml", "training.metrics=[]", cwd=folder).stdout
    assert "training.metrics: [auc] adds a metric that is fair to all classes" in " ".join(told.split())


@pytest.mark.parametrize("is_comparison", [False, True])
def test_rare_classes_are_warned_of_before_the_training(is_comparison: bool, folder: Path) -> None:
    (folder / "r.csv").write_text("a,y\n" + "".join(f"{n}.5,{'yes' if n % 10 == 0 else 'no'}\n" for n in range(100)))
    init("r.csv", None, None)
    told: list[str] = []

    class Listening(Observer):
        """Lists the warnings, and when the training begins."""

        def warn(self, text: str) -> None:
            """List a warning."""
            told.append(text)

        def training(self, experiment: Experiment) -> Any:
            """List the beginning of a training."""
            told.append("training")
            return super().training(experiment)

    short = ["training.metrics=[]", "training.epochs=1", "training.seeds=2"]
    if is_comparison:
        bnexp.compare(["r-batch.yaml", "r-none.yaml"], short, metric="val_accuracy", observer=Listening())
    else:
        bnexp.train("r-batch.yaml", short, observer=Listening())
    assert told[0].startswith("90% of the rows are of class no, so accuracy says little.")
    assert "training" in told


def test_the_rarer_class_is_the_positive_one_whatever_its_name(folder: Path) -> None:
    for rarer, line in (
        (
            "bad",
            "  positive: bad  # the rarer class (25% of the rows): f1 and pr_auc are about it. Leave it out if you mean 'good'\n",
        ),
        ("yes", ""),
    ):
        rows = "".join(f"{n}.5,{rarer if n % 4 == 0 else 'good'}\n" for n in range(80))
        (folder / f"{rarer}.csv").write_text("a,label\n" + rows)
        found = init(f"{rarer}.csv", None, None)
        text = found.paths[0].read_text()
        assert (line in text) if line else ("positive" not in text)
        assert found.checked.facts.data.classes == ["good", rarer]


def test_texts_alone_are_read_word_by_word(folder: Path) -> None:
    rows = [f"{n},{'good' if n % 2 else 'bad'} thing number {n} here,{'pos' if n % 2 else 'neg'}" for n in range(40)]
    (folder / "texts.csv").write_text("id,review,label\n" + "\n".join(rows) + "\n")
    found = init("texts.csv", None, None)
    assert written(found) == {"name": "text_csv", "path": "texts.csv", "target": "label", "text": "review"}
    assert found.checked.experiment.model.name == "conv1d"


def test_short_texts_alone_are_read_word_by_word_unless_they_are_categories(folder: Path) -> None:
    for name, texts in (
        ("short", [f"{CHANCE.choice('abc')} {CHANCE.choice('def')} {n}" for n in range(60)]),
        ("cities", ["New York", "Los Angeles", "San Jose"] * 20),
    ):
        rows = "".join(f"{text},{n % 2}\n" for n, text in enumerate(texts))
        (folder / f"{name}.csv").write_text("what,label\n" + rows)
    assert suggested_for("short.csv", None).section["name"] == "text_csv"
    assert suggested_for("cities.csv", None).section["name"] == "csv"


def test_texts_without_blanks_between_words_are_known_as_texts(folder: Path) -> None:
    rows = "".join(f"剧情精彩值得推荐画面很美{n},{n % 2}\n" for n in range(60))
    (folder / "films.csv").write_text("what,label\n" + rows, encoding="utf-8")
    with pytest.raises(UserError) as raised:
        init("films.csv", None, None)
    learned, *told = str(raised.value).splitlines()
    assert told[0].startswith(
        "films-batch.yaml:6: dataset.text names a column that cannot be cut into words: 60 of 60 texts, such as "
    )
    assert learned == "to be learned: label (its name says so; --target names another)"
    assert told[1].startswith("films-batch.yaml and films-none.yaml are written") and len(told) == 2


def test_of_texts_beside_other_inputs_init_says_what_reads_them(folder: Path) -> None:
    rows = "".join(f"{n % 9},the text with number {n} of all,{n % 2}\n" for n in range(300))
    (folder / "a.csv").write_text("votes,review,label\n" + rows)
    text = init("a.csv", None, None).paths[0].read_text()
    reason = "300 different values of text, of 7 words on average; a dataset text_csv reads them alone, word by word"
    assert f"    - review  # {reason}\n" in text


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("drugsTrain", "drugsTest"), ("A_TRAIN", "A_TEST")])
def test_a_part_is_found_in_the_capitals_that_its_neighbour_has(train: str, test: str, folder: Path) -> None:
    for name, first in ((train, 0), (test, 100)):
        rows = "".join(f"{n}.5,{n % 2}\n" for n in range(first, first + 40))
        (folder / f"{name}.csv").write_text("a,label\n" + rows)
    assert written(init(f"{train}.csv", None, None))["test_path"] == f"{test}.csv"


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


def test_images_become_smaller_where_all_together_would_take_long(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in range(40):
        (folder / "photos" / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
        pixels = NUMBERS.integers(0, 256, (64, 64)).astype("uint8")
        Image.fromarray(pixels).save(folder / "photos" / f"c{row % 2}" / f"{row}.png")
    for most, size in ((40 * 64**2, None), (40 * 64**2 - 1, [32, 32]), (40 * 32**2 - 1, [16, 16]), (1, [16, 16])):
        monkeypatch.setattr("bnexp.data.suggested.folder.PIXELS", most)
        assert suggested_for("photos", None).section.get("size") == size
    reasons = {one.key: one.why for one in suggested_for("photos", None).choices}
    assert reasons["size"] == "the 40 images are 64 x 64; a larger size costs more time"
    assert "size" not in suggested_for("photos", None, keeps_size=True).section, "a network of one's own may need it"


def test_a_first_look_that_would_take_long_has_fewer_epochs_and_seeds_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(2000)))
    text = init("a.csv", None, None).paths[0].read_text()
    assert "  epochs: 31  # of 1,600 rows each, for a first look; more for harder data\n" in text
    assert "  seeds: 20  # trainings of each arm, from different random weights\n" in text
    monkeypatch.setattr("bnexp.api.first_training.ENOUGH_SECONDS", 1.0)
    found = init("a.csv", None, None)
    text = found.paths[0].read_text()
    takes = f"takes about {found.seconds:.0f} s by a rough estimate"
    assert f"  epochs: 9  # of 1,600 rows each, for a first look that {takes}; more for harder data\n" in text
    assert found.seconds > 1.0, "even the fewest epochs take longer"
    assert "  seeds: 10  # trainings of each arm, from different random weights; 20 would take longer\n" in text
    training = found.checked.experiment.training
    assert (training.epochs, training.seeds) == (9, 10)


def test_recordings_are_described_by_their_rate_and_length(folder: Path) -> None:
    for row in range(12):
        (folder / "sounds" / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
        wave = NUMBERS.normal(0, 0.1, 4000)
        soundfile.write(folder / "sounds" / f"c{row % 2}" / f"{row}.flac", wave, 8000)
    found = init("sounds", None, None)
    assert written(found) == {"name": "wav_folder", "path": "sounds", "features": "log_mel"}
    assert "the recordings have 8,000 samples a second, 0.5 s" in found.paths[0].read_text()


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


def test_what_is_there_is_not_overwritten(folder: Path) -> None:
    (folder / "a.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(40)))
    (folder / "a-none.yaml").write_text("mine\n")
    with pytest.raises(
        UserError,
        match=r"^a-none\.yaml: there already; expected no file of that name, or one that `bnexp init` wrote for a\.csv",
    ):
        init("a.csv", None, None)
    (folder / "c.csv").write_bytes((folder / "a.csv").read_bytes())
    assert init("c.csv", None, None).paths == init("c.csv", None, None).paths, "the same is written again"


def test_what_init_wrote_for_the_same_data_is_written_anew_unless_it_was_changed(folder: Path) -> None:
    rows = "".join(f"{n}.5,{n}.1,{n % 2}\n" for n in range(40))
    (folder / "a.csv").write_text("a,b,label\n7.5,,\n" + rows)
    with pytest.raises(UserError, match=r"a-batch\.yaml and a-none\.yaml are written"):
        init("a.csv", None, None)
    (folder / "a.csv").write_text("a,b,label\n" + rows)
    found = init("./a.csv", None, None)
    assert "missing" not in written(found)
    (folder / "more").mkdir()
    kept = found.paths[0].read_text()
    (folder / "more" / "more").mkdir()
    names = {"more/a.csv": "more-a", "a.tsv": "a-tsv", "more/a.tsv": "more-a-tsv", "more/more/a.csv": "more-a-2",
             "more/more/a.tsv": "more-a-tsv-2"}  # fmt: skip
    for other, name in names.items():
        (folder / other).write_text(("a,c,label\n" + rows).replace(",", "\t" if other.endswith(".tsv") else ","))
        for _ in range(2):
            assert init(other, None, None).paths == (Path(f"{name}-batch.yaml"), Path(f"{name}-none.yaml"))
    assert found.paths[0].read_text() == kept, "configs of other data of that name are kept"
    found.paths[0].write_text(found.paths[0].read_text().replace("[64, 64]", "[8]"))
    with pytest.raises(UserError, match=r"^a-batch\.yaml: there already"):
        init("a.csv", None, None)


def test_what_the_replaced_configs_held_is_said(folder: Path) -> None:
    table = pd.DataFrame({"a": range(40), "b": [0, 1] * 20, "c": [1, 1, 0, 0] * 10})
    table.assign(a=table.a + 0.5).to_csv("a.csv", index=False)
    told = [bnexp_command("init", "a.csv", "--target", target, cwd=folder).stdout for target in ("b", "c", "c")]
    names = "a-batch.yaml and a-none.yaml"
    assert f"\nwritten: {names}\n" in told[0] and f"\nwritten: {names}\n" in told[2]
    assert f"\nreplaced: {names}, which `bnexp init` wrote before with dataset.target: b\n" in told[1]
    assert "target: c" in Path("a-batch.yaml").read_text()
    table.assign(a=None, b=["", *table.b[1:]], c=["", *table.c[1:]]).to_csv("d.csv", index=False)
    for target, before in (("b", ""), ("c", " They replace what `bnexp init` wrote before with dataset.target: b.")):
        with pytest.raises(UserError) as raised:
            init("d.csv", target, None)
        assert f"d-none.yaml are written with what is known so far.{before} Fix the data" in str(raised.value)


def test_configs_are_written_for_data_that_must_be_mended_first(folder: Path) -> None:
    (folder / "b.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2 if n else ''}\n" for n in range(40)))
    with pytest.raises(UserError) as raised:
        init("b.csv", None, None)
    assert str(raised.value).splitlines() == [
        "to be learned: label (its name says so; --target names another)",
        "b-batch.yaml:6: dataset.target is 'label'; b.csv:2 has no value in it (1 row has none). Fill it in, or take "
        "those rows out.",
        "b.csv has 1 row without a value of 'label'. This writes the others, for `bnexp init b-whole.csv`: python -c \"import pandas; pandas.read_csv('b.csv', "
        "dtype=str, keep_default_na=False).loc[lambda rows: ~rows['label'].isin([''])].to_csv('b-whole.csv', index=False, mode='x')\"",
        "b-batch.yaml and b-none.yaml are written with what is known so far. Fix the data, or the first config, or choose "
        "another target (bnexp init b.csv --target COLUMN). Then: bnexp compare b-batch.yaml b-none.yaml",
    ]
    with pytest.raises(UserError) as raised:
        init("b.csv", "label", None)
    assert str(raised.value).startswith("to be learned: label (it was named by --target)\n")
    assert str(raised.value).endswith("Fix the data, or the first config. Then: bnexp compare b-batch.yaml b-none.yaml")
    table = pd.read_csv(folder / "b.csv")
    (convert,) = re.findall(r'python -c ".*"', str(raised.value))
    run_line(convert)
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "b-whole.csv"), table[1:].reset_index(drop=True), check_dtype=False
    )
    (folder / "b-whole.csv").replace(folder / "b.csv")
    first, second = bnexp.check(["b-batch.yaml", "b-none.yaml"])
    assert first.experiment.dataset == second.experiment.dataset


def test_a_valid_config_stays_where_init_finds_another_target_wrong(folder: Path) -> None:
    rows = [f"{n}.5,word{n} and more,{n % 2}\n" for n in range(40)]
    (folder / "b.csv").write_text("a,text,label\n" + "".join(rows))
    (config, _) = init("b.csv", "label", None).paths
    kept = config.read_text()
    with pytest.raises(
        UserError, match=r"Nothing is written: b-batch\.yaml is valid and stays as it is\. Delete it to"
    ):
        init("b.csv", "text", None)
    assert config.read_text() == kept
    (folder / "b.csv").write_text("a,text,label\n" + "".join(["1.5,word,\n", *rows]))
    with pytest.raises(UserError, match=r"b-batch\.yaml and b-none\.yaml are written with what is known so far"):
        init("b.csv", "label", None)


def test_rows_whose_target_is_a_word_for_a_missing_value_are_taken_out_and_no_other_cell_changes(folder: Path) -> None:
    rows = [f"{n:03},NA,{n * 1.5 if n % 9 else '?'}\n" for n in range(1, 41)]
    (folder / "b.csv").write_text("a,kind,price\n" + "".join(rows))
    with pytest.raises(UserError) as raised:
        init("b.csv", None, None)
    (convert,) = re.findall(r'python -c ".*"', str(raised.value))
    run_line(convert)
    kept = "".join(row for row in rows if "?" not in row)
    assert (folder / "b-whole.csv").read_text() == "a,kind,price\n" + kept


def test_nothing_is_written_where_the_network_is_wrong_or_mine_is_there(folder: Path) -> None:
    rows = "".join(f"{n}.5,{n % 2 if n else ''}\n" for n in range(40))
    (folder / "a.csv").write_text("a,label\n" + rows.replace("0.5,\n", "0.5,0\n", 1))
    with pytest.raises(UserError, match=r"model\.build names 'no\.py'"):
        init("a.csv", None, "no.py:build")
    (folder / "b.csv").write_text("a,label\n" + rows)
    (folder / "b-none.yaml").write_text("mine\n")
    with pytest.raises(UserError, match=r"dataset\.target is 'label'"):
        init("b.csv", None, None)
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b-none.yaml", "b.csv"]


def test_rows_that_differ_only_in_what_is_left_out_are_kept(folder: Path) -> None:
    """As passengers that are alike but for their names."""
    rows = [f"{n},Name {n},{n % 4},{'AB'[n % 2]},{n % 3 % 2}\n" for n in range(60)]
    (folder / "few.csv").write_text("PassengerId,Name,Age,Cabin,Survived\n" + "".join(rows))
    found = init("few.csv", None, None)
    assert written(found)["duplicates"] == "keep"
    assert found.checked.facts.data.duplicates_dropped == 0
    reason = "52 rows repeat another one in the columns that are used, but not in all: they are different cases"
    assert f"  duplicates: keep  # {reason}\n" in found.paths[0].read_text()


def test_rows_that_repeat_in_all_columns_are_dropped_unless_most_do(folder: Path) -> None:
    rows = [f"{n}.5,{n % 2}\n" for n in range(40)]
    (folder / "some.csv").write_text("a,label\n" + "".join([*rows, *rows[:3]]))
    found = init("some.csv", None, None)
    assert "duplicates" not in written(found), "it is the default"
    assert found.checked.facts.data.duplicates_dropped == 3
    (folder / "most.csv").write_text("a,b,label\n" + "".join(f"{n % 3},{n % 2},{n % 5 > 1}\n" for n in range(90)))
    assert written(init("most.csv", None, None))["duplicates"] == "keep"


def test_words_among_numbers_are_missing_values(folder: Path) -> None:
    ages = ["k.A." if n % 7 == 0 else "fehlt" if n % 11 == 0 else f"{20 + n}" for n in range(60)]
    rows = [f"{age};{n * 3 % 17},5;{'4+' if n % 4 else n % 3};{'uv'[n % 2]}\n" for n, age in enumerate(ages)]
    (folder / "a.csv").write_text("age;size;doors;label\n" + "".join(rows))
    found = init("a.csv", None, None)
    dataset = written(found)
    assert (dataset["na_values"], dataset["decimal"], dataset["missing"]) == (["k.A.", "fehlt"], ",", "median")
    assert (
        "  na_values: [k.A., fehlt]  # among numbers: k.A. in age, fehlt in age; read as" in found.paths[0].read_text()
    )
    (folder / "b.csv").write_text("age,label\n" + "".join(f"{n if n % 9 else '#'},{'u#'[n % 2]}\n" for n in range(60)))
    with pytest.raises(UserError, match=r"holds '#' in b\.csv:2, column 'age'; most cells of the column are numbers"):
        init("b.csv", None, None)
    assert "na_values" not in (folder / "b-batch.yaml").read_text(), "# is a class"


def test_a_column_of_numbers_and_many_other_words_is_left_out_and_one_with_mistakes_is_told(folder: Path) -> None:
    """As the tickets of passengers, and a slip of the pen."""
    tickets = [f"A/5 {n}" if n % 4 == 0 else f"{1000 + n * n}" for n in range(80)]
    rows = [f"{ticket},{n}.5,{n % 2}\n" for n, ticket in enumerate(tickets)]
    (folder / "a.csv").write_text("ticket,a,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert written(found)["drop"] == ["ticket"]
    assert "- ticket  # numbers, and in 20 rows something else, such as 'A/5 0'\n" in found.paths[0].read_text()
    (folder / "b.csv").write_text("a,label\n" + "".join(f"{n if n != 7 else '7o'},{n % 2}\n" for n in range(60)))
    with pytest.raises(
        UserError, match=r"b-batch\.yaml:2: dataset holds '7o' in b\.csv:9, column 'a'; most cells of the col"
    ):
        init("b.csv", None, None)


def test_a_number_such_as_minus_999_is_pointed_out(folder: Path) -> None:
    rows = [f"{-999 if n % 9 == 0 else 20 + n},{99 if n % 9 == 0 else 60 + n},{n % 2}\n" for n in range(60)]
    (folder / "a.csv").write_text("age,size,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    note = (
        "column 'age' holds -999 in 7 rows, and 21 to 79 in the others. If -999 stands for a missing value, use "
        "na_values: [-999]."
    )
    assert found.suggested.notes == [note]
    assert "na_values" not in written(found)
    assert f"  # {note}\n" in found.paths[0].read_text()


def test_the_cure_for_a_number_of_nines_keeps_the_words_that_are_listed(folder: Path) -> None:
    rows = "".join(f"{-999 if n % 20 == 3 else n},{'missing' if n % 20 == 5 else n + 0.5},{n % 2}\n" for n in range(60))
    (folder / "a.csv").write_text("age,size,label\n" + rows)
    (note,) = init("a.csv", None, None).suggested.notes
    assert note.endswith("If -999 stands for a missing value, use na_values: [missing, -999].")


def test_weights_of_rows_are_no_inputs_and_weights_of_bodies_may_be(folder: Path) -> None:
    rows = [f"{n % 7}.5,{200 + n % 9},{60 + n % 31}.5,{n % 2}\n" for n in range(60)]
    (folder / "a.csv").write_text("age,fnlwgt,weight,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert written(found)["drop"] == ["fnlwgt"]
    assert found.suggested.notes == [
        "column 'fnlwgt' is left out, because its name means how much each row counts. To weight the training loss by it, "
        "use weight_column: fnlwgt.",
        "column 'weight' is an input. If it says how much each row counts, use weight_column: weight.",
    ]
    (weighted,) = bnexp.check([str(found.paths[0])], overrides=["dataset.weight_column=fnlwgt"])
    assert weighted.facts.data.shape == [2]


def test_columns_that_say_the_target_are_left_out(folder: Path) -> None:
    rows = [f"{n % 7},{n % 2},{['no', 'yes'][n % 2]},{n % 2 + n % 3}\n" for n in range(60)]
    (folder / "a.csv").write_text("age,survived,alive,more\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert written(found)["drop"] == ["alive"]
    assert "    - alive  # it reveals the target: its values and the values of survived match one to one\n" in (
        found.paths[0].read_text()
    )
    prices = NUMBERS.normal(100, 9, 60).round(2)
    table = {"size": prices + NUMBERS.normal(0, 0.01, 60), "euro": prices * 0.9 + 3, "price": prices}
    pd.DataFrame(table).to_csv(folder / "b.csv", index=False)
    assert written(init("b.csv", None, None))["drop"] == ["euro"]
    (folder / "c.csv").write_text("a,label\n" + "".join(f"{n % 2},{n % 2}\n" for n in range(60)))
    assert "drop" not in written(init("c.csv", None, None)), "there is nothing else to learn from"


@pytest.mark.parametrize("cell", ["{n}.5", "why{n}", "2024-01-{d:02}"])
@pytest.mark.parametrize(
    ("filled", "why"),
    [
        (lambda n: n % 2, "all its 60 empty cells are in rows of one value of label, 'no'"),
        (lambda n: n % 2 and n % 3, "all its 40 filled cells are in rows of one value of label, 'yes'"),
        (lambda n: n % 2 or n % 3, "all its 20 empty cells are in rows of one value of label, 'no'"),
        (lambda n: n % 3, None),
        (lambda n: n % 2 or n % 30, None),
    ],
)
def test_a_column_with_gaps_or_values_in_one_class_alone_is_left_out_unless_they_are_few(
    cell: str, filled: Callable[[int], int], why: str | None, folder: Path
) -> None:
    shown = [cell.format(n=n % 7, d=n % 28 + 1) if filled(n) else "" for n in range(120)]
    rows = [f"{n % 11}.5,{text},{['no', 'yes'][n % 2]}\n" for n, text in enumerate(shown)]
    (folder / "a.csv").write_text("size,after,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert written(found).get("drop") == (None if why is None else ["after"])
    if why is not None and not ("why" in cell and "60" in why):  # then each text has one class
        assert f"    - after  # it reveals the target: {why}\n" in found.paths[0].read_text()


def test_gaps_reveal_no_quantity_and_no_class_that_nearly_all_rows_have(folder: Path) -> None:
    rows = [f"{n % 11}.5,{'' if n % 4 else n % 5},{n * 37 % 1009}.25\n" for n in range(120)]
    (folder / "a.csv").write_text("size,after,price\n" + "".join(rows))
    assert "drop" not in written(init("a.csv", None, None))
    rows = [f"{n % 11}.5,{n % 5 if n % 4 else ''},{['no', 'yes'][n % 40 == 1]}\n" for n in range(120)]
    (folder / "b.csv").write_text("size,after,label\n" + "".join(rows))
    assert "drop" not in written(init("b.csv", None, None)), "30 empty cells are of 'no', as 97% of the rows are"


def test_a_misspelt_target_is_told_with_all_other_mistakes_and_nothing_is_written(folder: Path) -> None:
    rows = [f"{n % 11}.5,{'many' if n == 7 else n},{'uv'[n % 2]}\n" for n in range(60)]
    (folder / "a.csv").write_text("size,size,age,label\n" + "".join(f"1,{row}" for row in rows))
    (folder / "net.py").write_text(NET)
    with pytest.raises(UserError) as raised:
        init("a.csv", "lable", "nets.py:build")
    told = str(raised.value).splitlines()
    assert [line.partition(";")[0] for line in told] == [
        "nets.py:build: model.build names 'nets.py'",
        "a.csv: dataset.path is 'a.csv'",
        "a.csv: dataset.target is 'lable'",
        "a.csv: dataset holds 'many' in a.csv:9, column 'age'",
    ]
    assert "two columns are called 'size'. Rename one." in told[1] and "Did you mean 'label'?" in told[2]
    assert not [*folder.glob("*.yaml")]
    (folder / "b.csv").write_text("size,age,label\n" + "".join(rows).replace("many", "3"))
    with pytest.raises(UserError, match=r"^b\.csv: dataset\.target is 'lable'; no column has this name\. .*label\.$"):
        init("b.csv", "lable", "net.py:build")


def test_a_kind_that_stands_with_one_class_alone_is_left_out_unless_it_is_rare(folder: Path) -> None:
    kinds = ["chairs", "desks", "paper"]
    rows = [f"{n}.5,{kinds[n % 3]},{'furniture' if n % 3 < 2 else 'office'}\n" for n in range(60)]
    (folder / "a.csv").write_text("width,kind,category\n" + "".join(rows))
    assert written(init("a.csv", None, None))["drop"] == ["kind"]
    (folder / "b.csv").write_text("width,kind,category\n" + "".join(rows[:24]))
    assert "drop" not in written(init("b.csv", None, None))
    mixed = [*rows, "60.5,desks,office\n"]
    (folder / "c.csv").write_text("width,kind,category\n" + "".join(mixed))
    assert "drop" not in written(init("c.csv", None, None))


def test_rows_are_compared_once_and_not_for_each_column(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    hashes = ids._row_hashes
    monkeypatch.setattr(ids, "_row_hashes", lambda frame: (compared.append(1), hashes(frame))[1])
    columns = {f"p{n}": NUMBERS.integers(0, 200, 400) for n in range(40)}
    pd.DataFrame({**columns, "label": [n % 2 for n in range(400)]}).to_csv(folder / "a.csv", index=False)
    init("a.csv", None, None)
    assert len(compared) < len(columns) / 2


def test_a_column_of_lists_does_not_hide_which_columns_are_ids(folder: Path) -> None:
    table = {"id": range(60), "a": [n // 2 for n in range(60)], "l": [[n] for n in range(60)]}
    pd.DataFrame({**table, "label": [n % 2 for n in range(60)]}).to_parquet(folder / "a.parquet")
    assert written(init("a.parquet", None, None))["drop"] == ["id", "l"]


@pytest.mark.parametrize("name", ["patient_id", "user", "Subject", "individual", "Sample ID", "pidnum"])
@pytest.mark.parametrize("begins", ["", "N"], ids=["numbers", "texts"])
def test_ids_that_repeat_are_groups(name: str, begins: str, folder: Path) -> None:
    rows = [f"{begins}{1000 + n // 3},{n}.5,{n % 4 > 0}\n" for n in range(81)]
    (folder / "a.csv").write_text(f"{name},a,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert written(found)["group"] == name
    assert f"  group: {name}  # 27 values in 81 rows: the rows of one stay in one part\n" in found.paths[0].read_text()


def test_a_group_needs_several_for_each_class_and_a_name(folder: Path) -> None:
    (folder / "a.csv").write_text("user,a,label\n" + "".join(f"{n // 20},{n}.5,{n // 20 % 2}\n" for n in range(80)))
    (folder / "b.csv").write_text("town,a,label\n" + "".join(f"{n // 4},{n}.5,{n % 3 > 0}\n" for n in range(80)))
    for name in ("a", "b"):
        assert "group" not in written(init(f"{name}.csv", None, None))


@pytest.mark.parametrize("name", ["identifier", "Sample Identifier", "ident", "customer_id", "patient"])
def test_different_whole_numbers_are_ids_by_their_name_even_with_wide_gaps(name: str, folder: Path) -> None:
    rows = [f"{n * n + 4},{n % 7}.5,{n % 2}\n" for n in range(60)]
    (folder / "a.csv").write_text(f"{name},a,label\n" + "".join(rows))
    assert written(init("a.csv", None, None))["drop"] == [name]
    (folder / "b.csv").write_text("price,a,label\n" + "".join(rows))
    assert "drop" not in written(init("b.csv", None, None))


def test_ids_that_repeat_are_left_out_with_a_note_if_a_class_has_too_few_of_them(folder: Path) -> None:
    rows = [f"{n // 4};{n % 4};{n}.5;{1 + (n < 40) + (n < 4)}\n" for n in range(240)]
    (folder / "a.csv").write_text("individual;mode;a;size\n" + "".join(rows))
    found = init("a.csv", None, None)
    section = written(found)
    assert (section["target"], section["drop"], section.get("group")) == ("size", ["individual"], None)
    assert found.suggested.notes == [
        "the rows of one 'individual' may be in the training part and in a held-out part, and then held-out rows are "
        "easier than new ones. `group: individual` keeps them together. It needs 3 values of 'individual' or more in "
        "each class of 'size'; too few: 3 (1). Join these classes with others, or take their rows out. Then run `bnexp "
        "init` again."
    ]
    (folder / "a.csv").write_text("individual;mode;a;size\n" + "".join(rows[4:]))
    found = init("a.csv", None, None)
    assert written(found)["group"] == "individual" and not found.suggested.notes


@pytest.mark.parametrize("values", [[*range(12)], ["cat", "dog", "cow", "pig", "hen", "emu"]], ids=["numbers", "words"])
def test_a_column_with_no_more_values_than_a_category_stays_an_input_though_its_name_means_someone(
    values: list[Any], folder: Path
) -> None:
    rows = [f"{values[n % len(values)]},{n}.5,{int(n % len(values) < 2 and n % 5 > 0)}\n" for n in range(240)]
    (folder / "a.csv").write_text("household,a,y\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert {"drop", "group"}.isdisjoint(written(found))
    (note,) = found.suggested.notes
    assert note.endswith(
        "too few: 1 (2). Add rows with other values of 'household' to these classes. Then run `bnexp init` again."
    )


@pytest.mark.parametrize(
    ("names", "target", "why"),
    [
        ("a,label,b", "label", "its name says so"),
        ("class,survived,b", "survived", "its name says so"),
        ("x,y,z", "z", "the last column"),
        ("x,b,y", "y", "its name says so"),
        ("y,x,b", "y", "its name says so"),
        ("risk,b,c", "risk", "its name says so"),
        ("mpg,cylinders,origin", "mpg", "its name says so"),
        ("age,default,deposit", "deposit", "its name says so"),
        ("b,species_label,c", "species_label", "its name says so"),
        (
            "b,c,user",
            "c",
            "the last column that can be learned; passed over: user (its name means an id, a person or a time)",
        ),
        (
            "b,c,year",
            "c",
            "the last column that can be learned; passed over: year (its name means an id, a person or a time)",
        ),
    ],
)
def test_the_likely_target_is_taken_and_the_reason_told(names: str, target: str, why: str, folder: Path) -> None:
    rows = "".join(f"{n % 2},{n * 7 % 3},{n % 4}\n" for n in range(60))
    (folder / "a.csv").write_text(f"{names}\n{rows}")
    found = init("a.csv", None, None)
    assert written(found)["target"] == target
    assert f"  target: {target}  # {why}; --target names another\n" in found.paths[0].read_text()


def test_of_numbered_columns_the_first_is_taken_if_it_alone_holds_classes(folder: Path) -> None:
    lasts: dict[str, Callable[[int], float]] = {"c0": lambda n: n + 0.5, "c2": lambda n: n % 3}
    for name, (target, last) in zip("ab", lasts.items(), strict=True):
        rows = "".join(f"{n % 3},{n * 0.7},{last(n)}\n" for n in range(60))
        (folder / f"{name}.csv").write_text("c0,c1,c2\n" + rows)
        assert written(init(f"{name}.csv", None, None))["target"] == target
    assert "first column: it holds few classes, and the last one quantities" in Path("a-batch.yaml").read_text()


def test_nothing_at_all_is_no_path(folder: Path) -> None:
    with pytest.raises(UserError, match=r"^PATH is ''; expected a file, a folder, or the name of a known set\.$"):
        init("", None, None)


def test_a_series_alone_has_nothing_to_be_learned_from(folder: Path) -> None:
    months = "".join(f"{2000 + n // 12}/{n % 12 + 1}x,{(n * 7) % 31}.5\n" for n in range(300))
    for name, text in (("a", "month,sold\n" + months), ("b", ",sold\n" + "".join(f"{n},{n}.5\n" for n in range(40)))):
        (folder / f"{name}.csv").write_text(text)
        with pytest.raises(UserError, match=r"every column but 'sold' is left out, so that there is nothing to learn"):
            init(f"{name}.csv", None, None)
    (folder / "c.csv").write_text(",sold,a\n" + "".join(f"{n},{n}.5,{n % 7}\n" for n in range(40)))
    assert "every column" not in init("c.csv", None, None).paths[0].read_text()


def test_many_numbers_are_no_classes_whatever_their_name(folder: Path) -> None:
    """As the classes of schools, which are ids, and incomes, which are inputs."""
    rows = "".join(f"{180 + n},{n % 7},{n % 2}\n" for n in range(60))
    for name in ("class", "income"):
        (folder / f"{name}.csv").write_text(f"{name},size,passed\n{rows}")
        assert written(init(f"{name}.csv", None, None))["target"] == "passed"
    rows = "".join(f"{'<=50K' if n % 3 else '>50K'},{n % 7},{n % 2}\n" for n in range(60))
    (folder / "adult.csv").write_text(f"income,size,sex\n{rows}")
    assert written(init("adult.csv", None, None))["target"] == "income"


def test_whole_numbers_too_rare_for_classes_are_quantities(folder: Path) -> None:
    (folder / "a.csv").write_text("a,b\n" + "".join(f"{n % 7},{n % 17 + n % 3}\n" for n in range(30)))
    found = init("a.csv", None, None)
    assert written(found)["task"] == "regression"
    assert found.checked.facts.task == "regression"


def test_arrays_of_other_names_are_found_or_the_keys_named(folder: Path) -> None:
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    np.savez(folder / "a.npz", images=rng.integers(0, 256, (40, 8, 8, 3), "uint8"), labels=labels)
    assert written(init("a.npz", None, None)) == {"name": "npz", "path": "a.npz", "x": "images", "y": "labels"}
    np.savez(folder / "c.npz", images=rng.normal(size=(40, 8, 8)), labels=labels)
    np.savez(folder / "d.npz", x=rng.integers(0, 256, (40, 8, 8), "uint8"), y=labels)
    np.savez(folder / "e.npz", x=rng.normal(size=(40, 8, 8)), y=labels)
    kinds = [init(f"{name}.npz", None, None) for name in "cde"]
    assert [written(one).get("kind") for one in kinds] == ["image", "image", None]
    assert [one.checked.experiment.model.name for one in kinds] == ["cnn", "cnn", "conv1d"]
    np.savez(folder / "b.npz", images=rng.normal(size=(40, 4)), more=rng.normal(size=(40, 4)), labels=labels)
    with pytest.raises(
        UserError, match=r"b-batch\.yaml:5: dataset\.x is 'x'; no array has this name\. Good names: images"
    ):
        init("b.npz", None, None)
    assert "  x: x  # inputs\n  y: y  # targets\n" in (folder / "b-batch.yaml").read_text()


def test_missing_numbers_of_arrays_get_a_rule_except_the_padding_of_sequences(folder: Path) -> None:
    rng, y = np.random.default_rng(0), np.arange(40) % 2

    def choices(**arrays: Any) -> dict[str, Any]:
        np.savez(folder / "a.npz", **arrays)
        return {one.key: (one.value, one.why) for one in init("a.npz", None, None).suggested.choices}

    def with_gaps(*shape: int) -> Any:
        x = rng.normal(size=shape)
        x[3, -2:] = np.nan
        return x

    reason = "missing values: x (2); the median of the training part stands in"
    assert choices(x=with_gaps(40, 4), y=y)["missing"] == ("median", reason)
    assert choices(x=np.asfortranarray(with_gaps(40, 4)), y=y)["missing"] == ("median", reason)
    reason = "missing values: x_test (2); the median of the training part stands in"
    parts = {"x_train": rng.normal(size=(40, 4)), "y_train": y, "x_test": with_gaps(40, 4), "y_test": y}
    assert choices(**parts)["missing"] == ("median", reason)
    reason = "missing values: images (16); the mean of the training part stands in"
    assert choices(images=with_gaps(40, 8, 8), labels=y)["missing"] == ("mean", reason)
    assert "missing" not in choices(x=with_gaps(40, 8, 8), y=y)
    assert "missing" not in choices(x=rng.normal(size=(40, 4)), y=y)


def test_one_odd_image_among_many_is_seen(folder: Path) -> None:
    for row in range(300):
        (folder / "photos" / f"c{row % 2}").mkdir(parents=True, exist_ok=True)
        pixels = NUMBERS.integers(0, 256, (8, 9 if row == 202 else 8, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / "photos" / f"c{row % 2}" / f"{row}.png")
    found = init("photos", None, None)
    assert written(found)["size"] == [16, 16]
    assert "the 300 images are 8 x 8 to 8 x 9; a larger size costs more time" in found.paths[0].read_text()


def test_texts_beside_numbers_with_a_decimal_comma_are_read_word_by_word(folder: Path) -> None:
    rows = [f"{n};{'good' if n % 2 else 'bad'} thing number {n} here;{n % 2},5\n" for n in range(40)]
    (folder / "texts.csv").write_text("id;review;label\n" + "".join(rows))
    assert written(init("texts.csv", None, None)) == {
        "name": "text_csv", "path": "texts.csv", "separator": ";", "target": "label", "text": "review",
    }  # fmt: skip


def test_tables_of_blanks_and_of_other_programs_are_read_or_converted(folder: Path) -> None:
    (folder / "a.txt").write_text("a label\n" + "".join(f"{n}.5 {n % 2}\n" for n in range(40)))
    assert written(init("a.txt", None, None))["separator"] == " "
    (folder / "a.csv.gz").write_bytes(gzip.compress(b"a,label\n1,2\n"))
    with pytest.raises(
        UserError, match=r"PATH is 'a\.csv\.gz'; expected a file that ends in .* This unpacks it: python -c"
    ):
        init("a.csv.gz", None, None)


def test_every_choice_has_its_reason_and_the_next_commands_are_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.csv").write_text("a,label\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(40)))
    assert data_commands.init("a.csv", None, None) == 0
    out = capsys.readouterr().out
    assert out.startswith("to be learned: label (its name says so; --target names another)\n")
    assert "  bnexp check a-batch.yaml  # the columns, the network, memory and time\n  bnexp compare a-batch" in out
    text = (folder / "a-batch.yaml").read_text()
    assert "  epochs: 50  # of 32 rows each, for a first look; more for harder data\n" in text
    bare = [line for line in text.splitlines()[1:] if line.startswith(" ") and "#" not in line]
    assert bare == ["  path: a.csv", "  hidden: [64, 64]"]


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


def test_a_folder_of_tables_is_answered_with_the_file_to_name(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name in ("test", "train", "val"):
        (tmp_path / "parts" / f"{name}.csv").write_text("a,label\n1,x\n2,y\n")
    expected = (
        "is 'parts', a folder with test.csv, train.csv, val.csv; expected a file, or a folder of images or recordings. "
        f"Name the file: {Path('parts', 'train.csv')}"
    )
    assert refused("init", "parts", "--target", "label", cwd=tmp_path) == f"PATH {expected}"
    told = refused("compare", "net.py:build", "--data", "parts", cwd=tmp_path)
    assert f"--data {expected}" in told


def test_a_target_of_lists_is_refused_in_one_message(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(30), "labels": [[row] for row in range(30)]})
    frame.to_parquet(tmp_path / "multi.parquet")
    assert "which holds" in refused("init", "multi.parquet", cwd=tmp_path)


def test_a_command_to_be_pasted_runs_no_name_of_a_file() -> None:
    from bnexp.data.sources.other_forms import cure_of_form

    command = cure_of_form(Path("$(touch x).xlsx"))
    assert command is not None
    assert "his converts it: python -c 'import pandas; " in command
    assert '"$' not in command.replace("'\"'\"'", "")


def pictures(*folders: str, rows: int = 12) -> None:
    for folder in map(Path, folders):
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(rows):
            Image.fromarray(NUMBERS.integers(0, 255, (8, 8, 3), "uint8")).save(folder / f"{number}.png")


def test_a_folder_above_the_classes_is_refused_with_the_command_for_the_right_one(folder: Path) -> None:
    pictures("m n/a/x", "m n/a/y", "p/data/train/x", "p/data/train/y", "p/data/test/x")
    told = (
        r"PATH is 'm n'; only a holds images\. .* look like classes: use `bnexp init 'm n/a'`\.\nNothing is written\.$"
    )
    with pytest.raises(UserError, match=told):
        suggested_for("m n", None)
    assert suggested_for("m n/a", None).section["path"] == "m n/a"
    with pytest.raises(UserError, match=r"'test', 'train' look like parts of a split: use `bnexp init p/data`\."):
        suggested_for("p", None)


def test_a_folder_of_no_images_names_a_table_in_it_and_a_few_recordings_do_not_hide_images(folder: Path) -> None:
    (folder / "t" / "sub").mkdir(parents=True)
    (folder / "t" / "sub" / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"\(it holds 1 \.csv\)\. .* Or name a table: t/sub/t\.csv$"):
        suggested_for("t", None)
    pictures("both/x", "both/y")
    soundfile.write(folder / "both" / "x" / "s.wav", NUMBERS.random(800), 8000)
    assert suggested_for("both", None).section["name"] == "image_folder"


def test_numbers_with_different_signs_are_written_without_them_by_one_command(folder: Path) -> None:
    rows = [f"${n}.5;{n % 9}%;{n % 7};{'ab'[n % 2]}" for n in range(60)]
    (folder / "units.csv").write_text("\n".join(["price;share;z;y", *rows]))
    (note,) = [one for one in init("units.csv", "y", None).suggested.notes if "without it, for " in one]
    assert note.startswith(
        "units.csv has numbers with '$' or '%' in columns 'price' (such as '$0.5'), 'share' (such as '0%')"
    )
    run_line(note.partition("units-numbers.csv`: ")[2])
    assert (folder / "units-numbers.csv").read_text().splitlines()[:3] == ["price;share;z;y", "0.5;0;0;a", "1.5;1;1;b"]
    assert written(init("units-numbers.csv", "y", None)).keys() >= {"target"}


def test_a_mark_for_thousands_in_every_number_above_999_is_set(folder: Path) -> None:
    numbers = [2468, 353, 1217, 24, 958, 3870, 12, 7001]
    (folder / "people.csv").write_text(
        "\n".join(["people;place;y", *(f"{numbers[n % 8]:,};{'AB'[n % 3 % 2]}{n};{'uv'[n % 2]}" for n in range(60))])
    )
    found = written(init("people.csv", "y", None))
    assert found["thousands"] == "," and "people" not in found.get("drop", [])


def test_numbers_with_a_unit_are_left_out_with_a_command_that_makes_them_numbers(folder: Path) -> None:
    rows = [f"{n * 7 % 60}.5 kg,{n % 13},{n % 7},{'uv'[n % 2]}\n" for n in range(60)]
    (folder / "a.csv").write_text("mass,price,size,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    assert "    - mass  # numbers with 'kg' behind them, such as '0.5 kg'\n" in found.paths[0].read_text()
    (note,) = [one for one in found.suggested.notes if "'kg'" in one]
    assert note.startswith(
        "a.csv has numbers with 'kg' in column 'mass' (such as '0.5 kg'), which is left out. This writes "
    )
    run_line(note[note.index("python -c") :])
    again = init("a-numbers.csv", None, None)
    assert "drop" not in written(again) and not again.suggested.notes


def test_a_column_without_a_name_is_left_out_with_the_true_reason(folder: Path) -> None:
    rows = [f"{n},{n * 7 % 11}.25,{n % 7},{'uv'[n % 2]}\n" for n in range(60)]
    (folder / "a.csv").write_text(",,size,label\n" + "".join(rows))
    found = init("a.csv", None, None)
    text = found.paths[0].read_text()
    assert re.search(r"- .?Unnamed: 0.?  # it has no name, and counts the rows\n", text), text
    assert re.search(r"- .?Unnamed: 1.?  # it has no name; to use it, name it in the file\n", text), text
