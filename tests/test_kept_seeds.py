"""More seeds for a finished run: only the new ones are trained, and all numbers are those of training all at once."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cases import slow
from experiments import experiment

from bnexp import config, held_out, store
from bnexp.config import Experiment
from bnexp.errors import StorageError
from bnexp.experiment import lookup, stale
from bnexp.experiment.copied_seeds import ROUNDING
from bnexp.experiment.kept_seeds import KeptSeeds, kept_seeds
from bnexp.experiment.run import Finished, train_experiment
from bnexp.history import History

pytestmark = [
    pytest.mark.usefixtures("seed_by_seed"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # Keras's own, while it writes
]
EQUAL_ROWS = {"name": "moons", "samples": 320}
"""All batches and parts have multiples of 64 rows, which any vector instruction takes whole."""
DENSE = {"name": "mlp", "hidden": [8]}
SMALL = {"name": "moons", "samples": 60}


def small(seeds: int, dataset: dict[str, Any] = SMALL, **training: Any) -> Experiment:
    return experiment(dataset=dataset, model=DENSE, training={"epochs": 1, "save": "none", **training, "seeds": seeds})


def train(one: Experiment, runs: Path, kept: KeptSeeds | None = None, stop: int = 99) -> Finished:
    """Train; ask to stop once there are so many epochs of all seeds together."""

    def watch(so_far: Sequence[History]) -> bool:
        return sum(sum(history.epochs_S) for history in so_far) >= stop

    return train_experiment(one, runs, watch=watch, kept=kept)


def with_more(few: Experiment, more: Experiment, runs: Path) -> tuple[Finished, list[str]]:
    """Train an experiment, then with more seeds; return the second run, and what was told."""
    told: list[str] = []
    train(few, runs)
    return train(more, runs, kept_seeds(more, runs, told.append)), told


def damaged(run: Finished, **facts: Any) -> None:
    """Write some facts of run.json otherwise."""
    path = run.run.directory / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def weights(model: Path) -> dict[str, bytes]:
    """Read the weights of a saved model's layers, whose archive holds the time."""
    found: dict[str, bytes] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name.startswith("layers/"):
            found[name] = item[()].tobytes()

    with zipfile.ZipFile(model) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(note)
    return found


# --- the numbers ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "model", "settings"),
    [
        (
            (2, 5),
            {"hidden": [16], "dropout": 0.3},
            {"early_stopping": {"patience": 1}, "epochs": 8, "optimizer": "sgd", "save": "best"},
        ),
        slow((1, 2), {"hidden": [4]}, {"trainer": "keras_fit", "save": "all", "epochs": 1}),
        slow((2, 5), {"hidden": [16], "normalization": "batch"}, {"refresh_statistics": True, "save": "none"}),
    ],
)
def test_seeds_that_are_added_give_the_files_of_training_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, int], model: dict[str, Any],
    settings: dict[str, Any],
) -> None:  # fmt: skip
    from bnexp.training import memory

    monkeypatch.setattr(memory, "WORKING_SET_BYTES", 2**25)
    monkeypatch.setenv(
        "BNEXP_CORES", "1"
    )  # 2, 3 and 5 seeds in a shard each; all arrays but the last have 16 n elements
    data = EQUAL_ROWS | {"resample": True}
    few, more = (
        experiment(dataset=data, model=model, training={"batch_size": 64, "epochs": 2, **settings, "seeds": count})
        for count in seeds
    )
    added, told = with_more(few, more, tmp_path / "added")
    at_once = train(more, tmp_path / "at_once")
    first = store.runs_in(tmp_path / "added")[-1].id
    assert told[0].startswith(f"small: {first} holds seed") and len(told) == 1
    for name in ("history.json", "rows.npz", "config.yaml"):
        assert (added.run.directory / name).read_bytes() == (at_once.run.directory / name).read_bytes(), name
    one, other = added.record.as_json(), at_once.record.as_json()
    rounding = one.pop("rounding", None)
    assert rounding == (None if settings.get("trainer") == "keras_fit" else ROUNDING)
    times = {"id", "started", "trained", "duration_seconds", "seed_epoch_seconds", "models"}
    assert {key: one[key] for key in one.keys() - times} == {key: other[key] for key in other.keys() - times}
    assert one.keys() == other.keys() and list(one["models"]) == list(other["models"])
    for model_file in at_once.record.models:
        inputs = model_file.replace("model", "inputs").replace(".keras", ".json")
        one, other = (json.loads((run.run.directory / inputs).read_text()) for run in (added, at_once))
        assert one["seed"] == other["seed"]
        assert weights(added.run.directory / model_file) == weights(at_once.run.directory / model_file)


@pytest.mark.slow
def test_the_best_model_is_copied_or_trained_whichever_seeds_it_is_of(tmp_path: Path) -> None:
    best = int(np.argmin(train(small(8), tmp_path / "all").history.final("val_loss")))
    assert 0 < best < 7
    for place, seeds in {"trained": best, "copied": best + 1}.items():
        added, _ = with_more(small(seeds, save="best"), small(8, save="best"), tmp_path / place)
        inputs = json.loads((added.run.directory / "inputs.json").read_text())
        assert (inputs["seed"], inputs["model_sha256"]) == (best, added.record.models["model.keras"])


# --- the record -----------------------------------------------------------------


@pytest.mark.slow
def test_the_record_says_which_seeds_were_trained_in_which_run_and_when(tmp_path: Path) -> None:
    runs = [train(small(2, save="first"), tmp_path)]
    before = {path: path.read_bytes() for path in runs[0].run.directory.iterdir()}
    for seeds in (3, 6):
        more = small(seeds, save="first")
        runs.append(train(more, tmp_path, kept_seeds(more, tmp_path, lambda text: None)))
    assert {path: path.read_bytes() for path in runs[0].run.directory.iterdir()} == before, "it stays as it is"
    trained = runs[-1].run.record().trained
    assert [one.seeds for one in trained] == [(0, 1), (2,), (3, 4, 5)]
    assert [one.run for one in trained] == [run.run.id for run in runs]
    assert [one.started for one in trained] == [run.record.started for run in runs]
    assert runs[-1].record.duration_seconds == sum(one.duration_seconds or 0 for one in trained)
    assert runs[-1].record.seeds == runs[-1].history.seeds == (0, 1, 2, 3, 4, 5)


@pytest.mark.slow
def test_a_run_of_before_times_of_seeds_were_kept_is_added_to(tmp_path: Path) -> None:
    first = train(small(2), tmp_path)
    record = {key: value for key, value in first.record.as_json().items() if key != "trained"}
    (first.run.directory / "run.json").write_text(json.dumps(record | {"seeds": 2}))
    more = small(4)
    added = train(more, tmp_path, kept_seeds(more, tmp_path, lambda text: None))
    whole, new = added.record.trained
    assert (whole.seeds, whole.run, whole.started) == ((0, 1), first.run.id, first.record.started)
    assert (whole.duration_seconds, whole.machine) == (first.record.duration_seconds, first.record.machine)
    assert (new.seeds, new.run) == ((2, 3), added.run.id)


@pytest.mark.slow
def test_a_run_that_is_stopped_while_seeds_are_added_keeps_the_first_ones(tmp_path: Path) -> None:
    train(small(3, epochs=2, save="all"), tmp_path)
    more = small(5, epochs=2, save="all")
    stopped = train(more, tmp_path, kept_seeds(more, tmp_path, lambda text: None), stop=8)
    assert stopped.interrupted and stopped.run.history().epochs_S == (2, 2, 2, 1, 1)
    rows = stopped.run.held_out()
    assert rows is not None and rows.seeds == (0, 1, 2, 3, 4)
    told: list[str] = []
    kept = kept_seeds(more, tmp_path, told.append)
    assert kept is not None and kept.seeds == (0, 1, 2), "an unfinished run is not added to"


def test_seeds_that_are_added_need_no_new_program(tmp_path: Path) -> None:
    from bnexp.training import many_seeds

    train(small(2), tmp_path)
    traced = many_seeds._program.cache_info().misses
    for more in (small(3), small(5, keep_rows=False)):
        train(more, tmp_path, kept_seeds(more, tmp_path, lambda text: None))
    assert many_seeds._program.cache_info().misses == traced


# --- which run is added to -------------------------------------------------------


def test_the_run_with_the_most_of_the_first_seeds_is_added_to_and_one_with_all_is_trained_again(tmp_path: Path) -> None:
    told: list[str] = []
    runs = [train(small(seeds), tmp_path) for seeds in (3, 2)]
    for seeds, told_run in ((4, runs[0]), (3, None), (2, None)):
        kept = kept_seeds(small(seeds), tmp_path, told.append)
        assert (None if kept is None else kept.directory) == (None if told_run is None else told_run.run.directory)
    assert told == [f"small: {runs[0].run.id} holds seeds 0 to 2; to be trained: seed 3"]
    assert kept_seeds(small(4, epochs=3), tmp_path, told.append) is None, "another config"


def test_seeds_behind_a_gap_are_trained_again(tmp_path: Path) -> None:
    first = train(small(4), tmp_path)
    keep = (0, 1, 3)
    rows = first.run.held_out()
    assert rows is not None
    store.write_json(first.run.directory / "history.json", first.history.of(keep).to_json())
    damaged(first, seeds=list(keep), rows_sha256=None)
    (first.run.directory / "rows.npz").write_bytes(rows.of(keep).to_npz())
    kept = kept_seeds(small(6), tmp_path, lambda text: None)
    assert kept is not None and kept.seeds == (0, 1)
    added = train(small(6), tmp_path, kept)
    assert [one.seeds for one in added.record.trained] == [(0, 1), (2, 3, 4, 5)]


def test_a_run_that_does_not_go_with_new_seeds_is_not_added_to_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(small(2, save="first"), tmp_path)
    record, files = first.record.as_json(), {path: path.read_bytes() for path in first.run.directory.iterdir()}
    kernels = {name: digests | {"0": "other"} for name, digests in record["pairing"]["kernels"].items()}

    def told_with(lost: str = "", save: str = "first", **facts: Any) -> str:
        """Damage the run; return what is told, and mend it again."""
        told: list[str] = []
        damaged(first, **facts)
        if lost:
            (first.run.directory / lost).unlink()
        assert kept_seeds(small(4, save=save), tmp_path, told.append) is None
        for path, content in files.items():
            path.write_bytes(content)
        (text,) = told
        return text

    begun = f"small: the training of seeds 0 to 1 in {first.run.id} cannot be used: "
    path = first.run.directory
    keras = record["versions"]["keras"]
    pairing = record["pairing"]
    for told, expected in (
        (told_with(versions=record["versions"] | {"keras": "3.0"}), f"keras was 3.0 and is {keras}"),
        (
            told_with(machine={"system": "Mars", "cores": 2, "gpus": ["H100"]}),
            f"the system was Mars and is {record['machine']['system']}; the GPU was H100 and is none",
        ),
        (told_with(trainer={"name": "keras_fit"}), "the engine was keras_fit and is many_seeds"),
        (told_with(dataset=record["dataset"] | {"digest": "x"}), "the rows or splits differ"),
        (told_with(pairing=pairing | {"splits": {"0": "x", "1": "x"}}), "the rows or splits differ"),
        (told_with(pairing=pairing | {"kernels": kernels}), "the initial weights differ"),
        (told_with(pairing=pairing | {"splits": {"0": "x"}}), f"{path.name}/run.json: pairing.splits has no seed 1"),
        (told_with("rows.npz"), "what each held-out row measured was not kept (training.keep_rows)"),
        (told_with("model.keras"), "the models that training.save: first asks for were not kept"),
        (told_with(save="all"), "the models that training.save: all asks for were not kept"),
    ):
        assert told == begun + expected
    few = {name: values for name, values in first.history.metrics.items() if name != "train_loss"}
    store.write_json(path / "history.json", replace(first.history, metrics=few).to_json())
    assert told_with() == f"{begun}other metrics were measured"
    longer = {name: np.pad(values, ((0, 0), (0, 1)), mode="edge") for name, values in first.history.metrics.items()}
    store.write_json(path / "history.json", replace(first.history, metrics=longer, epochs_S=(1, 2)).to_json())
    assert told_with() == f"{begun}seed 1 has 2 epochs, and training.epochs is 1"
    store.write_json(path / "history.json", first.history.of((1,)).to_json())
    assert told_with() == (
        f"{begun}{path}/history.json: lacks seed 0, which run.json names. Restore the file, or train again"
    )
    (path / "history.json").write_text("{}")
    assert told_with().startswith(f"{begun}{path}/history.json: not a history of bnexp")


def test_rows_of_another_run_are_none_to_add_seeds_to(tmp_path: Path) -> None:
    """By the digest in the record; in runs of before it was kept, by the numbers of rows, or by the rows themselves."""
    first, more = train(small(2), tmp_path), small(4)
    others = {"count": {"name": "moons", "samples": 80}, "rows": {**SMALL, "seed": 7}}
    contents = {
        kind: (train(small(2, data), tmp_path / kind).run.directory / "rows.npz").read_bytes()
        for kind, data in others.items()
    }
    own = (first.run.directory / "rows.npz").read_bytes()
    assert first.run.record().rows_sha256 == hashlib.sha256(own).hexdigest()
    path = first.run.directory / "rows.npz"

    def why_not_used(kind: str) -> str:
        path.write_bytes(contents[kind])
        told: list[str] = []
        assert kept_seeds(more, tmp_path, told.append) is None
        (text,) = told
        begun = f"small: the training of seeds 0 to 1 in {first.run.id} cannot be used: "
        assert text.startswith(begun)
        return text.removeprefix(begun)

    for kind in others:
        assert why_not_used(kind) == (
            f"{path}: is not the file that was kept with run.json. Restore the file, or train again"
        )
    damaged(first, rows_sha256=None)
    assert why_not_used("count") == (
        f"{path}: is of another run (it has 16 val rows, and run.json has 12). Restore the file, or train again"
    )
    assert why_not_used("rows") == "rows.npz is of other rows"
    path.write_bytes(own)
    assert kept_seeds(more, tmp_path, lambda text: None) is not None


def test_a_run_that_has_lost_its_rows_is_trained_again_from_all_seeds_that_it_lacks(tmp_path: Path) -> None:
    """A run with fewer seeds, whose rows are there, is added to; and a config that keeps no rows needs none."""
    few, whole = train(small(2), tmp_path), train(small(3), tmp_path)
    assert lookup.answering(tmp_path, small(3)) == (whole.run, (0, 1, 2))
    (whole.run.directory / "rows.npz").unlink()
    assert lookup.answering(tmp_path, small(3)) is None
    assert stale.reason(tmp_path, small(3), ()) == f"{whole.run.id} has lost its rows.npz"
    kept = kept_seeds(small(3), tmp_path, lambda text: None)
    assert kept is not None and (kept.directory, kept.seeds) == (few.run.directory, (0, 1))
    assert lookup.answering(tmp_path, small(3, keep_rows=False)) == (whole.run, (0, 1, 2))
    again = train(small(3), tmp_path, kept)
    assert lookup.answering(tmp_path, small(3)) == (again.run, (0, 1, 2))


def test_a_run_that_kept_no_rows_is_trained_again_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bnexp.training import kept_rows

    run = train(small(2, keep_rows=False), tmp_path).run
    assert lookup.answering(tmp_path, small(2)) is None and kept_seeds(small(2), tmp_path, print) is None
    assert stale.reason(tmp_path, small(2), ()) == f"{run.id} did not keep what each held-out row measured"
    monkeypatch.setattr(kept_rows, "MOST_BYTES", 1)
    too_large = train(small(2), tmp_path).run
    assert lookup.answering(tmp_path, small(2)) == (too_large, (0, 1)), "it is no smaller the next time"
    assert too_large.record().not_kept[0].endswith("Use fewer seeds, or a smaller dataset.limit or test part.")


@pytest.mark.parametrize(("limit", "kept"), [(3 * 12 * 9, ["loss", "accuracy"]), (3 * 12 * 5, None)])
def test_rows_that_all_seeds_together_would_be_too_large_for_are_not_kept_of_the_first_ones_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, kept: list[str] | None
) -> None:
    from bnexp.training import kept_rows

    monkeypatch.setattr(kept_rows, "MOST_BYTES", limit)
    added, _ = with_more(small(3), small(5), tmp_path)
    rows = added.run.held_out()
    assert (None if rows is None else list(rows.parts["val"].measures)) == kept
    assert len(added.record.not_kept) == 1 and added.record.trained[0].seeds == (0, 1, 2)


def test_a_run_without_rows_is_added_to_where_no_rows_are_asked_for(tmp_path: Path) -> None:
    added, told = with_more(small(2, keep_rows=False), small(4, keep_rows=False), tmp_path)
    assert added.run.held_out() is None and told[0].endswith("holds seeds 0 to 1; to be trained: seeds 2 to 3")
    with_rows, _ = with_more(small(2, save="all"), small(4, keep_rows=False), tmp_path / "rows")
    assert with_rows.run.held_out() is None and with_rows.record.models == {}


def test_a_model_that_could_not_be_saved_does_not_keep_seeds_from_being_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise StorageError("full")

    with monkeypatch.context() as broken:
        broken.setattr("bnexp.models.saving.model_bytes", fail)
        train(small(2, save="first"), tmp_path)
    more = small(4, save="first")
    kept = kept_seeds(more, tmp_path, lambda text: None)
    assert kept is not None
    said = "The model was not saved: full. Train again to have it; all numbers are kept."
    assert train(more, tmp_path, kept).record.not_kept == [said]


def test_a_model_that_is_lost_before_it_is_copied_loses_no_numbers(tmp_path: Path) -> None:
    first, more = train(small(2, save="first"), tmp_path), small(4, save="first")
    kept = kept_seeds(more, tmp_path, lambda text: None)
    (first.run.directory / "model.keras").unlink()
    added = train(more, tmp_path, kept)
    assert added.record.status == "finished" and added.history.seeds == (0, 1, 2, 3)
    assert added.record.not_kept == [
        f"The model was not saved: {first.run.directory}/model.keras: is missing. "
        "Restore the file, or train again. Train again to have it; all numbers are kept."
    ]


@pytest.mark.slow
def test_rows_of_a_wave_are_those_of_a_file_that_is_read_again(tmp_path: Path) -> None:
    run = train(small(3, EQUAL_ROWS), tmp_path).run
    content = (run.directory / "rows.npz").read_bytes()
    assert held_out.from_npz(content, "").to_npz() == content
    assert config.load(run.config).training.all_seeds() == (0, 1, 2)
