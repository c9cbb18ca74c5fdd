"""inputs.json: with it and a saved model alone, raw rows give what bnexp measured."""

from __future__ import annotations

import hashlib
import json
import unicodedata
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.data.model_inputs import model_inputs
from bnexp.experiment.run import Finished, train_experiment

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it loads


def experiment(dataset: dict[str, Any], model: str = "mlp", **training: Any) -> Experiment:
    small = {"hidden": [8]} if model == "mlp" else {"filters": [4], "embedding": 4}
    parts = {"name": "x", "dataset": dataset, "model": {"name": model, **small, "normalization": "batch"}}
    return Experiment.model_validate(parts | {"training": {"epochs": 4, "seeds": 2, **training}})


def trained(config: Experiment, runs: Path) -> Finished:
    return train_experiment(config, runs, watch=lambda history: False)


def kept(finished: Finished, name: str = "inputs.json") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((finished.run.directory / name).read_text())
    return document


def model_of(finished: Finished, document: dict[str, Any]) -> keras.Model:
    import keras

    return keras.saving.load_model(finished.run.directory / document["model"], safe_mode=True)


@pytest.fixture
def raw(tmp_path: Path) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "town": rng.choice(["Rome", "Oslo", "Bonn"], 80),
            "age": rng.integers(20, 60, 80).astype(float),
            "zip": rng.integers(1, 4, 80),
            "income": rng.normal(1000, 300, 80).round(2),
            "member": rng.integers(0, 2, 80) == 1,
            "answer": rng.choice(["yes", "no", "perhaps"], 80),
        }
    )
    frame.loc[[3, 17, 40], "age"] = np.nan
    frame.loc[[5, 6], "town"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    return frame


def rebuilt(raw: pd.DataFrame, document: dict[str, Any]) -> np.ndarray:
    """Make a table's inputs of its raw rows, as the README says: pandas names the categories as inputs.json does."""
    written = [name for name in raw.columns if name not in document["columns"]]
    raw = raw.astype(dict.fromkeys(written, object))
    dummies = pd.get_dummies(raw, columns=written, prefix_sep="=", dummy_na=True, dtype=float)
    x = (dummies.reindex(columns=document["columns"], fill_value=0) - document["center"]) / document["width"]
    return x.fillna(dict(zip(document["columns"], document["fill"], strict=True))).to_numpy("float32")


def test_a_tables_raw_rows_give_the_measured_accuracy_with_inputs_json_alone(tmp_path: Path, raw: pd.DataFrame) -> None:
    dataset = {
        "name": "csv",
        "path": str(tmp_path / "t.csv"),
        "target": "answer",
        "missing": "median",
        "resample": True,
    }
    config = experiment({**dataset, "categories": ["zip"]}, save="all")
    finished = trained(config, tmp_path / "runs")
    data = prepare(config.dataset, (0, 1))
    for seed in (0, 1):
        document = kept(finished, f"inputs-{seed}.json")
        assert (document["model"], document["seed"]) == (f"model-{seed}.keras", seed)
        content = (finished.run.directory / document["model"]).read_bytes()
        assert (
            document["model_sha256"] == hashlib.sha256(content).hexdigest() == finished.record.models[document["model"]]
        )
        held_out = raw.iloc[data.parts["val"][seed]].drop(columns="answer")
        x = rebuilt(held_out, document)
        np.testing.assert_allclose(x, data.inputs(seed, data.parts["val"][seed]), rtol=1e-5, atol=1e-6)
        said = np.asarray(document["classes"])[model_of(finished, document).predict(x, verbose=0).argmax(axis=1)]
        accuracy = (said == raw["answer"].to_numpy()[data.parts["val"][seed]]).mean()
        assert accuracy == pytest.approx(finished.history.metrics["val_accuracy"][seed, -1])
    assert document["columns"] == [
        "age", "income", "town=Bonn", "town=Oslo", "town=Rome", "town=nan", "zip=1", "zip=2", "zip=3",
        "member=False", "member=True",
    ]  # fmt: skip


def test_a_regressions_outputs_are_turned_back_with_the_targets_center_and_width(
    tmp_path: Path, raw: pd.DataFrame
) -> None:
    dataset = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "income", "missing": "mean"}
    config = experiment({**dataset, "drop": ["answer", "town", "member"]}, seeds=1)
    finished = trained(config, tmp_path / "runs")
    document = kept(finished)
    rows_R = prepare(config.dataset, (0,)).parts["val"][0]
    said = model_of(finished, document).predict(rebuilt(raw.iloc[rows_R][["age", "zip"]], document), verbose=0)[:, 0]
    error = said * document["target_width"] + document["target_center"] - raw["income"].to_numpy()[rows_R]
    assert (error**2).mean() == pytest.approx(finished.history.metrics["val_mse"][0, -1], rel=1e-4)
    assert abs(error).mean() == pytest.approx(finished.history.metrics["val_mae"][0, -1], rel=1e-4)
    assert (document["classes"], document["columns"]) == (None, ["age", "zip"])


def test_recordings_become_a_models_inputs_by_inputs_json_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    waves = [(rng.normal(0, 3000, 700 + 90 * number)).astype("<i2") for number in range(20)]
    for number, samples in enumerate(waves):
        path = tmp_path / "wavs" / "ab"[number % 2] / f"{number:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, len(samples), "NONE", ""))
            file.writeframes(samples.tobytes())
    config = experiment(
        {"name": "wav_folder", "path": str(tmp_path / "wavs"), "mels": 8, "length": 12}, seeds=1, batch_size=8
    )
    finished = trained(config, tmp_path / "runs")
    document, data = kept(finished), prepare(config.dataset, (0,))
    import keras

    layer, most = keras.layers.MelSpectrogram(**document["log_mel"]), document["shape"][0]
    in_order = [*waves[0::2], *waves[1::2]]
    for row in data.parts["val"][0]:
        samples = in_order[row] / 2.0**15
        silent = np.pad(samples, (0, document["log_mel"]["sequence_length"] // 2))
        frames = np.asarray(layer(silent[None]))[0].T[: 1 + len(samples) // document["log_mel"]["sequence_stride"]][
            :most
        ]
        x = np.full((most, 8), np.nan)
        x[: len(frames)] = (frames - document["center"]) / document["width"]
        np.testing.assert_allclose(x, data.inputs(0, np.array([row]))[0], rtol=1e-2, atol=1e-2)
    assert document["samples_per_second"] == document["log_mel"]["sampling_rate"] == 8000


@pytest.mark.slow
def test_raw_texts_give_the_measured_accuracy_by_the_words_in_their_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = ["good", "bad", "ÜBEL", "„übel“", "So", "so!", "rare"]
    texts = [" ".join(rng.choice([*words, f"w{n}"], 6)) for n in range(60)]
    raw = pd.DataFrame({"text": texts, "y": rng.choice(["no", "yes"], 60)})
    raw.to_csv(tmp_path / "t.csv", index=False)
    dataset = {"name": "text_csv", "path": str(tmp_path / "t.csv"), "target": "y", "length": 5, "vocabulary": 12}
    config = experiment({**dataset, "duplicates": "keep"}, "conv1d", seeds=1)
    finished = trained(config, tmp_path / "runs")
    document = kept(finished)
    rows_R = prepare(config.dataset, (0,)).parts["val"][0]
    import keras

    layer = keras.layers.TextVectorization(
        vocabulary=document["words"][2:], output_sequence_length=document["shape"][0]
    )
    folded = [eval(document["fold"], {"unicodedata": unicodedata, "text": raw["text"][row]}) for row in rows_R]
    assert "übel" in document["words"] and "ÜBEL" not in document["words"]
    said = model_of(finished, document).predict(layer(np.asarray(folded, object)), verbose=0)[:, 0] > 0.5
    accuracy = (np.asarray(document["classes"])[said.astype(int)] == raw["y"].to_numpy()[rows_R]).mean()
    assert accuracy == pytest.approx(finished.history.metrics["val_accuracy"][0, -1])


def test_words_stand_at_their_numbers_and_only_those_that_a_seed_has_seen(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "text,y\n" + "".join(f"both w{n} W{n},{'no' if n % 2 else 'yes'}\n" for n in range(20))
    )
    dataset = {"name": "text_csv", "path": str(tmp_path / "t.csv"), "target": "y", "length": 3, "vocabulary": 12}
    data = prepare(experiment(dataset, "conv1d").dataset, (0, 1))
    for row in (0, 1):
        document = json.loads(json.dumps(model_inputs(data, row), allow_nan=False))
        assert (document["kind"], document["shape"]) == ("text", [3])
        words = document["words"]
        assert words[:3] == ["", "[UNK]", "both"] and len(words) == len(set(words)) == 12
        for number in (0, 7, 13):
            text = ["both", f"w{number}", f"w{number}"]
            ids = [words.index(word) if word in words else 1 for word in text]
            assert data.inputs(row, np.array([number], "int32"))[0].tolist() == ids
            assert ids[1] == 1 or number in data.train_SR[row]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((5, 5, 1), {"kind": "image", "shape": [5, 5, 1], "color": "grayscale"}),
        ((4, 3), {"kind": "sequence", "shape": [4, 3], "samples_per_second": None}),
        ((3,), {"kind": "table", "shape": [3], "columns": None}),
    ],
)
def test_arrays_tell_their_shape_and_what_each_channel_or_feature_went_through(
    tmp_path: Path, shape: tuple[int, ...], told: dict[str, Any]
) -> None:
    x = np.random.default_rng(0).normal(3, 2, (40, *shape))
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(40) % 2)
    data = prepare(experiment({"name": "npz", "path": str(tmp_path / "x.npz")}).dataset, (0, 1))
    document = json.loads(json.dumps(model_inputs(data, 1), allow_nan=False))
    assert told.items() <= document.items()
    assert (document["format"], document["task"], document["classes"]) == (1, "binary", ["0", "1"])
    np.testing.assert_allclose(document["center"], x[data.train_SR[1]].reshape(-1, shape[-1]).mean(axis=0), rtol=1e-5)
    assert document["fill"] is None
    seen = (x[:1] - document["center"]) / document["width"]
    np.testing.assert_allclose(seen, data.inputs(1, np.array([0], "int32")), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_without_a_saved_model_there_are_no_inputs_and_the_first_seed_has_them_beside_its_model(tmp_path: Path) -> None:
    moons = {"name": "moons", "samples": 80, "scale": "none"}
    none, first = (trained(experiment(moons, save=save), tmp_path / save) for save in ("none", "first"))
    assert not list(none.run.directory.glob("inputs*"))
    document = kept(first)
    assert (document["seed"], document["center"], document["columns"]) == (0, None, None)
    assert [path.name for path in first.run.directory.glob("inputs*")] == ["inputs.json"]
