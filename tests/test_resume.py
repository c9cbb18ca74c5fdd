"""An interrupted run goes on from its checkpoint, and ends with the files of a run that was never stopped."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from experiments import experiment, weights_of_two

from bnexp import store
from bnexp.config import Experiment
from bnexp.experiment import run_checkpoint
from bnexp.experiment.resume import interrupted_run, resume
from bnexp.experiment.run import Finished, train_experiment
from bnexp.history import History

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
TIMES = ("id", "started", "duration_seconds", "seed_epoch_seconds", "resumed", "models")
"""What run.json says of when, and of files that hold a time."""

NOISY: dict[str, Any] = {"model": {"dropout": 0.3}, "training": {"epochs": 5, "save": "best"}}
STOPPING: dict[str, Any] = {"epochs": 8, "learning_rate": 0.05, "early_stopping": {"patience": 2}}
KINDS: dict[str, Experiment] = {
    "batch norm, dropout, Adam": experiment(**NOISY),
    "early stopping": experiment(model={"dropout": 0.3}, training={**STOPPING, "seeds": 4}),
    "waves": weights_of_two(epochs=3)[1],
}
SLOW_KINDS: dict[str, Experiment] = {
    "momentum, refreshed": experiment(
        model={"dropout": 0.3},
        training={"optimizer": {"name": "sgd", "momentum": 0.9}, "refresh_statistics": True, "epochs": 4},
    ),
    "each part": experiment(training={"refresh_statistics": "each_part", "epochs": 3}),
    "splits, schedule": experiment(
        dataset={"resample": True},
        training={"learning_rate": {"name": "cosine", "initial": 0.01}, "batch_order": "sorted", "seeds": 3},
    ),
    "diverging": experiment(training={"optimizer": "sgd", "learning_rate": 1e30, "seeds": 3, "epochs": 4}),
    "waves that stop early": weights_of_two(epochs=6, early_stopping={"patience": 0}, learning_rate=0.05)[1],
    "all models": experiment(training={"save": "all"}),
    "no rows": experiment(training={"keep_rows": False}),
    "keras_fit": experiment(model={"dropout": 0.3}, training={"trainer": "keras_fit"}),
    "keras_fit, early stopping": experiment(
        model={"dropout": 0.3},
        training={**STOPPING, "trainer": "keras_fit", "refresh_statistics": True, "optimizer": "sgd"},
    ),
    "keras_fit, mixing": experiment(training={"optimizer": {"name": "lamb"}, "early_stopping": {"patience": 5}}),
}


class Killed(BaseException):
    """Raised where a process is killed."""


@pytest.fixture(autouse=True)
def _checkpoint_at_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_checkpoint, "CHECKPOINT_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(run_checkpoint, "CHECKPOINT_SHARE", float("inf"))


def never(so_far: Sequence[History]) -> bool:
    return False


def kill_at(epoch: int) -> Callable[[Sequence[History]], bool]:
    """Return a watch that is killed at the end of this epoch, counted over all waves, before its checkpoint."""
    ended = 0

    def watch(so_far: Sequence[History]) -> bool:
        nonlocal ended
        ended += 1
        if ended == epoch:
            raise Killed
        return False

    return watch


def stop_at(epoch: int) -> Callable[[Sequence[History]], bool]:
    """Return a watch that asks to stop at the end of this epoch, as Ctrl-C does."""
    killed = kill_at(epoch)

    def watch(so_far: Sequence[History]) -> bool:
        try:
            return killed(so_far)
        except Killed:
            return True

    return watch


def newest(runs: Path) -> store.Run:
    return store.runs_in(runs)[0]


def killed(config: Experiment, runs: Path, epoch: int) -> store.Run:
    with pytest.raises(Killed):
        train_experiment(config, runs, watch=kill_at(epoch))
    return newest(runs)


def go_on(run: store.Run, watch: Callable[[Sequence[History]], bool] = never) -> Finished:
    return resume(interrupted_run(run.directory.parent, str(run.directory)), watch=watch)


def files_of(directory: Path) -> dict[str, Any]:
    """Return what stands in each file of a run, times aside."""
    return {path.name: _content(path) for path in sorted(directory.iterdir())}


def _content(path: Path) -> Any:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}
    if path.name == "run.json":
        return [(name, value) for name, value in json.loads(path.read_text()).items() if name not in TIMES]
    if path.name.startswith("inputs"):
        return {name: value for name, value in json.loads(path.read_text()).items() if name != "model_sha256"}
    return path.read_bytes()


def goes_on_from_every_epoch(config: Experiment, runs: Path) -> None:
    epochs = 0

    def count(so_far: Sequence[History]) -> bool:
        nonlocal epochs
        epochs += 1
        return False

    whole = files_of(train_experiment(config, runs, watch=count).run.directory)
    assert "checkpoint.npz" not in whole
    for epoch in range(2, epochs + 1):
        for how in (killed, stopped):
            run = how(config, runs, epoch)
            if run.status() == "finished":  # as nothing was left at that epoch
                continue
            done = go_on(run)
            assert (done.record.status, done.interrupted) == ("finished", False)
            found = files_of(run.directory)
            assert list(found) == list(whole)
            for name, content in whole.items():
                assert found[name] == content, (how.__name__, epoch, name)


def stopped(config: Experiment, runs: Path, epoch: int) -> store.Run:
    return train_experiment(config, runs, watch=stop_at(epoch)).run


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_stopped_after_any_epoch_ends_with_the_files_of_one_that_is_not(
    kind: str, tmp_path: Path
) -> None:
    goes_on_from_every_epoch(KINDS[kind], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_any_kind_of_training_goes_on(kind: str, tmp_path: Path) -> None:
    goes_on_from_every_epoch(SLOW_KINDS[kind], tmp_path)
