"""Training on rows that lie on disk: the same numbers, to the bit, as with all rows in memory."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from cases import slow
from experiments import build_for
from PIL import Image

from bnexp.checkpoint import Keeper, Snapshot
from bnexp.cli import commands
from bnexp.config import Experiment
from bnexp.data import Data, prepare, row_cache
from bnexp.data.stored_rows import StoredRows
from bnexp.system.machine import PROGRAM_BYTES
from bnexp.training import devices, keras_fit, many_seeds, measures, memory, pieces
from bnexp.training.record import Trained

SEEDS = (0, 1, 2)
PIECE_BYTES, EVALUATED_ROWS = pieces.PIECE_BYTES, measures.EVALUATED_ROWS
LIMIT = 4 * 2**30
RNG = np.random.default_rng(0)
CNN = {"name": "cnn", "filters": [4], "normalization": "batch"}
MLP = {"name": "mlp", "hidden": [6], "normalization": "batch"}
SHIFTED = {"validation_size": 0.3, "shift": {"scale": 0.5, "offset": 0.1}, "scale": "standard"}


@pytest.fixture(autouse=True)
def small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(pieces, "PIECE_BYTES", 3000)
    monkeypatch.setattr(memory, "PIECE_BYTES", 3000)
    monkeypatch.setattr(measures, "EVALUATED_ROWS", 16)


def image_folder(tmp_path: Path, classes: int = 2) -> dict[str, Any]:
    for number in range(50 * classes):
        folder = tmp_path / "images" / f"class {number % classes}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(40 * (number % classes), 256, (5, 4, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return {"name": "image_folder", "path": str(tmp_path / "images")}


def arrays(tmp_path: Path) -> dict[str, Any]:
    x, y = RNG.normal(size=(103, 7)), RNG.normal(size=103)
    x[RNG.random(x.shape) < 0.1] = np.nan
    np.savez_compressed(tmp_path / "a.npz", x=x, y=y)
    return {"name": "npz", "path": str(tmp_path / "a.npz"), "missing": "median"}


def recordings(tmp_path: Path) -> dict[str, Any]:
    for number in range(60):
        (tmp_path / "sounds" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        wave_T = np.sin(np.arange(RNG.integers(900, 2000)) * (0.1 + 0.1 * (number % 2) + 0.001 * number))
        soundfile.write(tmp_path / "sounds" / "ab"[number % 2] / f"{number}.wav", 0.5 * wave_T, 8000)
    return {"name": "wav_folder", "path": str(tmp_path / "sounds"), "mels": 5}


def data_twice(config: Experiment, monkeypatch: pytest.MonkeyPatch) -> tuple[Data, Data]:
    """Return the data with their rows in memory, and on disk."""
    in_memory = prepare(config.dataset, SEEDS, LIMIT)
    with monkeypatch.context() as patch:
        patch.setattr(row_cache, "SHARE", 2**40)
        patch.setattr(row_cache, "IN_MEMORY_BYTES", 0)
        stored = prepare(config.dataset, SEEDS, LIMIT)
    assert isinstance(in_memory.rows.x, np.ndarray) and isinstance(stored.rows.x, StoredRows)
    return in_memory, stored


def trained(
    config: Experiment, data: Data, *, engine: Any = many_seeds, seeds: tuple[int, ...] = SEEDS, **more: Any
) -> Trained:
    built = build_for(config, data)
    watch = more.pop("watch", lambda histories: False)
    (found,) = engine.train(built.model, data, [config.training], seeds, built.initial.draw(seeds), watch, **more)
    assert isinstance(found, Trained)
    return found


def assert_same_bits(found: Trained, expected: Trained) -> None:
    assert found.history.metrics.keys() == expected.history.metrics.keys()
    for name, values in expected.history.metrics.items():
        assert found.history.metrics[name].tobytes() == values.tobytes(), name
    assert [values.tobytes() for values in found.weights] == [values.tobytes() for values in expected.weights]
    for part, measured in expected.rows.items():
        assert {name: one.tobytes() for name, one in found.rows[part].items()} == {
            name: one.tobytes() for name, one in measured.items()
        }


@pytest.mark.parametrize(
    ("source", "dataset", "model", "training"),
    [
        slow(image_folder, {}, CNN, {"refresh_statistics": True}, id="images"),
        slow(
            image_folder, {"resample": True, "duplicates": "keep"}, CNN, {"drop_last": True, "evaluate_train": True},
            id="images split anew"),
        slow(
            image_folder, SHIFTED, CNN, {"refresh_statistics": "each_part", "batch_size": 7}, id="images with a shift"),
        slow(
            image_folder, SHIFTED | {"resample": True, "duplicates": "keep"}, CNN,
            {"refresh_statistics": "each_part", "drop_last": True, "evaluate_train": True, "epochs": 2},
            id="images split anew, with a shift"),
        pytest.param(arrays, {}, MLP, {"batch_size": 10, "early_stopping": {"patience": 1}}, id="numbers"),
        slow(
            recordings, {"limit": 50}, {"name": "rnn", "units": [4], "normalization": "batch"}, {"batch_size": 9},
            id="recordings"),
    ],
)  # fmt: skip
def test_rows_on_disk_train_to_the_same_bits_as_in_memory(
    source: Any, dataset: Any, model: Any, training: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sections = {
        "dataset": source(tmp_path) | dataset,
        "model": model,
        "training": {"seeds": 3, "epochs": 3, **training},
    }
    config = Experiment.model_validate({"name": "a", **sections})
    in_memory, stored = data_twice(config, monkeypatch)
    assert stored.digest == in_memory.digest and stored.split_digests(SEEDS) == in_memory.split_digests(SEEDS)
    assert stored.rows.facts == in_memory.rows.facts
    for side, expected in zip(stored.preprocessing, in_memory.preprocessing, strict=True):
        assert (side is None and expected is None) or side.tobytes() == expected.tobytes()
    assert_same_bits(trained(config, stored), trained(config, in_memory))


class KeepsOne(Keeper):
    """Keeps the checkpoint after the first epoch."""

    def __init__(self) -> None:
        self.kept: Snapshot | None = None

    def checkpoint_due(self, size: Callable[[], int]) -> bool:
        return self.kept is None

    def keep_checkpoint(self, facts: Mapping[str, Any], arrays: Iterable[tuple[str, np.ndarray]]) -> None:
        self.kept = Snapshot(dict(facts), {name: np.array(values) for name, values in arrays})


@pytest.mark.slow
def test_training_on_rows_on_disk_goes_on_from_a_checkpoint_and_is_traced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"seeds": 3, "epochs": 4, "batch_size": 10}
    dataset = arrays(tmp_path) | {"limit": 97}
    config = Experiment.model_validate({"name": "a", "dataset": dataset, "model": MLP, "training": training})
    in_memory, stored = data_twice(config, monkeypatch)
    many_seeds._program.cache_clear()
    keeper = KeepsOne()
    stopped = trained(config, stored, keeper=keeper, watch=lambda histories: True)
    assert stopped.interrupted and stopped.history.epochs_S == (1, 1, 1)
    built = build_for(config, stored)
    initial = built.initial.draw(SEEDS)
    assert keeper.kept is not None
    (found,) = many_seeds.train(
        built.model, stored, [config.training], SEEDS, initial, lambda histories: False, before=keeper.kept
    )
    steps = 97 - 97 // 5
    assert steps % 10, "so that a smaller batch is left over"
    program = many_seeds._program(built.model, stored.task, many_seeds._but_the_rate(config.training), 8, 2)
    assert program._epoch.experimental_get_tracing_count() == 4, "whole batches and what is left over, of two shards"
    assert_same_bits(found, trained(config, in_memory))


@pytest.mark.slow
def test_the_reference_trains_on_rows_on_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = {"seeds": 3, "epochs": 2, "batch_size": 20, "refresh_statistics": True}
    config = Experiment.model_validate(
        {"name": "a", "dataset": image_folder(tmp_path), "model": CNN, "training": training}
    )
    in_memory, stored = data_twice(config, monkeypatch)
    found, expected = (
        trained(config, data.of(slice(1, 3)), engine=keras_fit, seeds=SEEDS[1:]) for data in (stored, in_memory)
    )
    assert_same_bits(found, expected)


def test_memory_counts_the_pieces_in_the_place_of_rows_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "side_by_side", lambda seeds: 2)
    for keys, of_a_seed in ({}, 10), ({"resample": True}, 16):
        config = Experiment.model_validate(
            {"name": "a", "dataset": arrays(tmp_path) | keys, "model": MLP, "training": {"seeds": 3, "batch_size": 10}}
        )
        in_memory, stored = data_twice(config, monkeypatch)
        model = build_for(config, stored).model
        expected, found = (memory.needs(model, data, config.training) for data in (in_memory, stored))
        assert expected.shared - PROGRAM_BYTES == 2 * 103 * 7 * 4
        assert found.shared - PROGRAM_BYTES == 3 * 2 * 3000
        assert found.working - expected.working == 3 * of_a_seed * 7 * 4 + expected.kept
    monkeypatch.setattr(memory, "PIECE_BYTES", 1)
    assert memory.needs(model, stored, config.training).shared - PROGRAM_BYTES == 3 * 2 * 16 * 7 * 4


@pytest.mark.parametrize("cores", [1, 2, 16])
@pytest.mark.parametrize("shape", [(20,), (32, 32, 3), (16_000,), (224, 224, 3)])
def test_no_rows_are_put_on_disk_that_need_less_in_memory(
    shape: tuple[int, ...], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PIECE_BYTES", PIECE_BYTES)
    monkeypatch.setattr(measures, "EVALUATED_ROWS", EVALUATED_ROWS)
    monkeypatch.setattr(devices, "side_by_side", lambda seeds: cores)
    monkeypatch.setattr(row_cache, "cores", lambda: cores)
    config = Experiment.model_validate({"name": "a", "dataset": arrays(tmp_path), "model": MLP})
    in_memory, stored = data_twice(config, monkeypatch)
    model, numbers = build_for(config, stored).model, math.prod(shape)
    cache = row_cache.RowCache(config.dataset, "", PROGRAM_BYTES, lambda text: None, lambda: None)
    least = next(
        rows for rows in itertools.count(cores * 2**24 // numbers) if not cache.fits_in_memory(4 * numbers * rows)
    )
    x = StoredRows(tmp_path / "rows", np.dtype("float32"), (least, *shape))
    parts = dict.fromkeys(("train", "val"), np.broadcast_to(np.int32(0), (3, least)))
    in_memory, stored = (
        dataclasses.replace(data, rows=dataclasses.replace(data.rows, x=rows), parts=parts)
        for data, rows in ((in_memory, np.broadcast_to(np.float32(0), x.shape)), (stored, x))
    )
    for_memory, for_disk = (memory.needs(model, data, config.training) for data in (in_memory, stored))
    assert for_disk.shared + for_disk.working <= for_memory.shared + for_memory.working


def test_an_epoch_is_cut_into_pieces_of_one_number_of_steps_that_hold_no_more_than_they_may() -> None:
    rows_SR = np.zeros((2, 103), "int32")
    assert [cut.stop for cut in pieces.cuts_of_steps(rows_SR, 10, row_bytes=37)] == [40, 80, 100, 103]
    assert [cut.stop for cut in pieces.cuts_of_steps(rows_SR, 10, row_bytes=25)] == [50, 100, 103]
    assert [cut.stop for cut in pieces.cuts_of_steps(rows_SR[:, :100], 10, row_bytes=10**9)] == list(range(10, 101, 10))
    assert pieces.cuts_of_steps(rows_SR[:, :7], 10, row_bytes=1) == [slice(0, 7)]


def test_check_says_where_rows_on_disk_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(row_cache, "SHARE", 2**40)
    monkeypatch.setattr(row_cache, "IN_MEMORY_BYTES", 0)
    monkeypatch.chdir(tmp_path)
    dataset = arrays(tmp_path)
    (tmp_path / "a.yaml").write_text(
        f"dataset: {{name: npz, path: {dataset['path']}, missing: mean}}\n"
        "model: {name: mlp, hidden: [4]}\ntraining: {epochs: 1, seeds: 2}\n"
    )
    assert commands.check(["a.yaml"], seeds=None, epochs=None, runs=tmp_path / "runs", as_json=True) == 0
    (file,) = (tmp_path / "cache" / "rows").glob("*.rows")
    assert json.loads(capsys.readouterr().out)["rows_on_disk"] == {"path": str(file), "bytes": 103 * 7 * 4}
    assert commands.check(["a.yaml"], seeds=None, epochs=None, runs=tmp_path / "runs", as_json=False) == 0
    said = "".join(capsys.readouterr().out.split())
    assert f"rows:0.00GiB,ondiskin{file},astheytakemorethan1/4ofthememory" in said
