"""An interrupted run goes on from its checkpoint, and ends with the files of a run that was never stopped."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import numpy as np
import pytest
from cases import slow
from command import COMMAND, ENVIRONMENT, bnexp, refused
from experiments import experiment, weights_of_two

import bnexp as bnexp_api
from bnexp import checkpoint, config, store
from bnexp.config import Experiment
from bnexp.errors import RunError, StoppedError
from bnexp.experiment import lookup, run_checkpoint
from bnexp.experiment.kept_seeds import kept_seeds
from bnexp.experiment.resume import _differences, interrupted_run, resume
from bnexp.experiment.run import Finished, train_experiment
from bnexp.held_out import HeldOut
from bnexp.history import History, Watch
from bnexp.store.network_record import Network
from bnexp.store.run_record import DataFacts, RunRecord
from bnexp.system.listeners import Note
from bnexp.system.machine import processor, versions

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
TIMES = ("id", "started", "duration_seconds", "seed_epoch_seconds", "resumed", "models", "git")
"""What run.json says of when and in which folder, and of files that hold a time."""

STOPPING: dict[str, Any] = {"epochs": 8, "learning_rate": 0.3, "early_stopping": {"patience": 1}}
KINDS: dict[str, Experiment] = {
    "batch norm, dropout, Adam, early stopping": experiment(
        model={"dropout": 0.3}, training={**STOPPING, "epochs": 5, "save": "best"}
    ),
}
SLOW_KINDS: dict[str, Experiment] = {
    "waves": weights_of_two(epochs=2)[1],
    "momentum, refreshed": experiment(
        model={"dropout": 0.3},
        training={"optimizer": {"name": "sgd", "momentum": 0.9}, "refresh_statistics": True, "epochs": 4},
    ),
    "each part": experiment(training={"refresh_statistics": "each_part", "epochs": 3}),
    "splits, schedule": experiment(
        dataset={"resample": True},
        training={"learning_rate": {"name": "cosine", "initial": 0.01}, "batch_order": "sorted", "seeds": 3},
    ),
    "three of four seeds diverge": experiment(
        dataset={"name": "regression"},
        model={"normalization": "none"},
        training={"optimizer": "sgd", "learning_rate": 0.1, "seeds": 4, "epochs": 4},
    ),
    "early stopping": experiment(model={"dropout": 0.3}, training={**STOPPING, "seeds": 4}),
    "waves that stop early": weights_of_two(epochs=6, early_stopping={"patience": 0}, learning_rate=0.05)[1],
    "all models": experiment(training={"save": "all"}),
    "no rows": experiment(training={"keep_rows": False}),
    "keras_fit": experiment(model={"dropout": 0.3}, training={"trainer": "keras_fit"}),
    "keras_fit, early stopping": experiment(
        model={"dropout": 0.3},
        training={**STOPPING, "trainer": "keras_fit", "refresh_statistics": True, "learning_rate": 0.3},
    ),
    "keras_fit, mixing": experiment(training={"optimizer": {"name": "lamb"}, "early_stopping": {"patience": 5}}),
}


class Killed(BaseException):
    """Raised where a process is killed."""


@pytest.fixture(autouse=True)
def _checkpoint_at_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_checkpoint, "CHECKPOINT_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(run_checkpoint, "CHECKPOINT_SHARE", float("inf"))


def again(run: store.Run) -> str:
    return f'Train it again: bnexp.train("{run.directory / "config.yaml"}").'


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


def killed(kind: Experiment, runs: Path, epoch: int) -> store.Run:
    with pytest.raises(Killed):
        train_experiment(kind, runs, watch=kill_at(epoch))
    return newest(runs)


def go_on(run: store.Run, watch: Callable[[Sequence[History]], bool] = never) -> Finished:
    return resume(interrupted_run(run.directory.parent, str(run.directory)), watch=watch)


def files_of(directory: Path) -> dict[str, Any]:
    """Return what stands in each file of a run, times aside."""
    return {path.name: _content(path) for path in sorted(directory.iterdir())}


def _content(path: Path) -> Any:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}
        described = members.pop("config.json").decode()  # with addresses in memory, and a count of input layers
        return members, re.sub(r'("shared_object_id": |"input_layer)_?\d*', r"\1", described)
    if path.name == "run.json":
        record = json.loads(path.read_text())
        record["trained"] = [one["seeds"] for one in record["trained"]]  # the rest says where and when
        return [(name, value) for name, value in record.items() if name not in TIMES]
    if path.name.startswith("inputs"):
        return {name: value for name, value in json.loads(path.read_text()).items() if name != "model_sha256"}
    return path.read_bytes()


Way = Callable[[Experiment, Path, int], store.Run]


def goes_on_from_every_epoch(kind: Experiment, runs: Path, ways: Callable[[int], Sequence[Way]]) -> None:
    """Interrupt a run at each of its epochs, and compare what it ends with to a run that was never stopped."""
    epochs = 0

    def count(so_far: Sequence[History]) -> bool:
        nonlocal epochs
        epochs += 1
        return False

    whole = files_of(train_experiment(kind, runs, watch=count).run.directory)
    assert "checkpoint.npz" not in whole
    for epoch in range(2, epochs + 1):
        for how in ways(epoch):
            run = how(kind, runs, epoch)
            if run.status() == "finished":  # as nothing was left at that epoch
                continue
            done = go_on(run)
            assert (done.record.status, done.interrupted) == ("finished", False)
            found = files_of(run.directory)
            assert list(found) == list(whole)
            for name, content in whole.items():
                assert found[name] == content, (how.__name__, epoch, name)


def stopped(kind: Experiment, runs: Path, epoch: int) -> store.Run:
    return train_experiment(kind, runs, watch=stop_at(epoch)).run


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_stopped_after_any_epoch_ends_with_the_files_of_one_that_is_not(
    kind: str, tmp_path: Path
) -> None:
    goes_on_from_every_epoch(KINDS[kind], tmp_path, lambda epoch: [(killed, stopped)[epoch % 2]])


@pytest.mark.slow
def test_model_fit_goes_on_within_a_seed_with_its_optimizer_and_early_stopping(tmp_path: Path) -> None:
    """The seed at work is the second one, and its first epoch is behind it."""
    kind = experiment(
        model={"dropout": 0.3},
        training={"trainer": "keras_fit", "epochs": 2, "seeds": 2, "early_stopping": {"patience": 3}},
    )
    whole = files_of(train_experiment(kind, tmp_path, watch=never).run.directory)
    run = killed(kind, tmp_path, 4)
    assert checkpoint.read(run.checkpoint_file)[0].seeds_finished == 1
    go_on(run)
    assert files_of(run.directory) == whole


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS | SLOW_KINDS)
def test_any_kind_of_training_goes_on(kind: str, tmp_path: Path) -> None:
    goes_on_from_every_epoch((KINDS | SLOW_KINDS)[kind], tmp_path, lambda epoch: [killed, stopped])


def with_seeds(kind: Experiment, seeds: int) -> Experiment:
    return kind.model_copy(update={"training": kind.training.model_copy(update={"seeds": seeds})})


ADDED: dict[str, tuple[Experiment, int]] = {
    "at once": (experiment(model={"dropout": 0.3}, training={"epochs": 2, "seeds": 4, "save": "best"}), 2),
    "in waves": (weights_of_two(epochs=1, save="all")[1], 1),
    "one by one": (experiment(training={"trainer": "keras_fit", "epochs": 1, "seeds": 3, "save": "first"}), 1),
}
"""Kind -> what is trained, and how many of its seeds another run keeps."""


@pytest.mark.parametrize("kind", [slow("at once"), "in waves", slow("one by one")])
def test_a_run_that_adds_seeds_to_another_goes_on_to_the_files_of_one_that_is_not_stopped(
    kind: str, tmp_path: Path
) -> None:
    more, before = ADDED[kind]
    first = train_experiment(with_seeds(more, before), tmp_path, watch=never)
    epochs = 0

    def count(so_far: Sequence[History]) -> bool:
        nonlocal epochs
        epochs += 1
        return False

    kept = kept_seeds(more, tmp_path, str)
    whole = files_of(train_experiment(more, tmp_path, watch=count, kept=kept).run.directory)
    for epoch in range(2, epochs + 1):
        with pytest.raises(Killed):
            train_experiment(more, tmp_path, watch=kill_at(epoch), kept=kept)
        run = newest(tmp_path)
        offered = lookup.resumable(tmp_path, more)
        assert offered is not None and (offered[0], offered[1].seeds) == (run, more.training.seeds)
        done = go_on(run)
        assert done.record.seeds == tuple(range(more.training.seeds))
        own, resumed = done.record.trained[-1], done.record.resumed
        assert [one.run for one in done.record.trained] == [first.run.id, run.id]
        assert (own.started, len(resumed)) == (done.record.started, 1)
        assert done.record.duration_seconds == first.record.duration_seconds + own.duration_seconds
        assert files_of(run.directory) == whole, epoch


def test_rows_of_finished_seeds_that_are_lost_are_no_rows_that_were_not_kept(tmp_path: Path) -> None:
    more, before = ADDED["in waves"]
    train_experiment(with_seeds(more, before), tmp_path, watch=never)
    with pytest.raises(Killed):
        train_experiment(more, tmp_path, watch=kill_at(2), kept=kept_seeds(more, tmp_path, str))
    run = newest(tmp_path)
    (run.directory / "rows.npz").unlink()
    with pytest.raises(RunError, match=r"rows\.npz: is missing\. Restore the file, or train again\."):
        go_on(run)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda metrics, epochs: ({"loss": metrics["loss"]}, epochs), "other metrics were measured"),
        (lambda metrics, epochs: ({**metrics, "val_mse": metrics["loss"]}, epochs), "other metrics were measured"),
        (
            lambda metrics, epochs: (
                {name: np.pad(one, ((0, 0), (0, 1)), mode="edge") for name, one in metrics.items()},
                [2] * len(epochs),
            ),
            "seed 0 has 2 epochs, and training.epochs is 1",
        ),
    ],
)
def test_finished_seeds_that_measured_something_else_are_refused_before_the_run_goes_on(
    tmp_path: Path, change: Callable[[Any, Any], Any], seen: str
) -> None:
    more, before = ADDED["in waves"]
    train_experiment(with_seeds(more, before), tmp_path, watch=never)
    with pytest.raises(Killed):
        train_experiment(more, tmp_path, watch=kill_at(2), kept=kept_seeds(more, tmp_path, str))
    run = newest(tmp_path)
    path, whole = run.directory / "history.json", run.history()
    metrics, epochs_S = change(whole.metrics, whole.epochs_S)
    store.write_json(path, replace(whole, metrics=metrics, epochs_S=tuple(epochs_S)).to_json())
    with pytest.raises(RunError) as caught:
        go_on(run)
    assert str(caught.value) == f"{path}: is of another training ({seen}). Restore the file, or train again."


def test_rows_of_other_rows_are_refused_before_the_run_goes_on(tmp_path: Path) -> None:
    more, before = ADDED["in waves"]
    train_experiment(with_seeds(more, before), tmp_path, watch=never)
    with pytest.raises(Killed):
        train_experiment(more, tmp_path, watch=kill_at(2), kept=kept_seeds(more, tmp_path, str))
    run = newest(tmp_path)
    path, record = run.directory / "rows.npz", (run.directory / "run.json").read_bytes()
    rows = run.held_out()
    assert rows is not None
    val = rows.parts["val"]
    for other in (replace(val, rows_SR=val.rows_SR[:, ::-1]), val.without_predictions()):
        path.write_bytes(HeldOut(rows.seeds, {**rows.parts, "val": other}).to_npz())
        with pytest.raises(RunError, match=re.escape(f"{path}: is of other rows or measures. Train it again: bnexp")):
            go_on(run)
        assert (run.directory / "run.json").read_bytes() == record, "nothing was trained"


SMALL = experiment(training={"epochs": 4, "save": "none"})


@pytest.fixture
def left(tmp_path: Path) -> store.Run:
    """Return a run of two seeds that was killed at epoch 4 of 4, in its directory `runs`."""
    (tmp_path / "a.yaml").write_text(config.dump(SMALL))
    return killed(SMALL, tmp_path / "runs", 4)


@pytest.mark.slow
def test_the_run_says_when_it_went_on_and_can_be_stopped_again(tmp_path: Path) -> None:
    run = killed(SMALL, tmp_path, 2)
    again = go_on(run, stop_at(1))
    assert again.interrupted and run.status() == "interrupted"
    done = go_on(run)
    assert [(one.epoch, one.seeds_finished, one.changed) for one in done.record.resumed] == [(1, 0, []), (2, 0, [])]
    assert done.history.epochs_S == (4, 4)
    assert sorted(path.name for path in run.directory.iterdir()) == [
        "config.yaml", "history.json", "rows.npz", "run.json",
    ]  # fmt: skip


def test_a_refused_checkpoint_leaves_the_run_as_it_was(left: store.Run) -> None:
    before = {path.name: path.read_bytes() for path in left.directory.iterdir() if path.name != store.LOCK}
    head, arrays = checkpoint.read(left.checkpoint_file)
    assert head.engine is not None
    shards = {**head.engine, "shards": [[2, 2], [2, 2]]}
    _rewrite(left, head.model_copy(update={"engine": shards}), arrays)
    before["checkpoint.npz"] = left.checkpoint_file.read_bytes()
    with pytest.raises(RunError) as raised:
        go_on(left)
    found = [[shard[0], shard[1]] for shard in head.engine["shards"]]  # type: ignore[union-attr, index]
    assert str(raised.value) == (
        f"{left.checkpoint_file}: how many seeds are worked on at a time (by the memory limit and the cores) was "
        f"[[2, 2], [2, 2]] and is {found}. {again(left)}"
    )
    assert {path.name: path.read_bytes() for path in left.directory.iterdir()} == before


def _rewrite(run: store.Run, head: checkpoint.Head, arrays: dict[str, Any]) -> None:
    content = io.BytesIO()
    checkpoint.write_to(content, head, arrays.items())
    run.checkpoint_file.write_bytes(content.getvalue())


@pytest.mark.parametrize("name", ["shard-0/trainable/0", "record/0", "metric/0"])
def test_an_array_of_another_shape_is_refused(left: store.Run, name: str) -> None:
    head, arrays = checkpoint.read(left.checkpoint_file)
    kept = arrays[name]
    _rewrite(left, head, {**arrays, name: kept[:0]})
    with pytest.raises(RunError, match=rf"{name} has {kept.dtype} \(0.*\); expected {kept.dtype} \({kept.shape[0]},"):
        go_on(left)


def test_all_that_could_change_a_number_is_refused_at_once(left: store.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.system.machine.versions", lambda: {**versions(), "keras": "9.9", "python": "4.0"})
    monkeypatch.setattr("bnexp.experiment.resume.processor", lambda: "another")
    monkeypatch.setenv("BNEXP_CORES", "77")
    record = left.record()
    with pytest.raises(RunError) as raised:
        go_on(left)
    assert str(raised.value) == (
        f"{left.id} cannot go on: keras was {record.versions['keras']} and is 9.9; the number of cores was "
        f"{record.machine.cores} and is 77; the processor is of another kind. Expected no difference: otherwise the "
        "numbers could differ from an uninterrupted run's. " + again(left)
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"run": "b-1"}, "its checkpoint belongs to b-1"),
        ({"finished": [1]}, "its checkpoint lists [1] as finished seeds"),
        ({"finished": [0, 1]}, "its checkpoint lists [0, 1] as finished seeds"),
    ],
)
def test_a_checkpoint_of_another_run_or_of_other_seeds_is_refused(
    left: store.Run, changed: dict[str, Any], message: str
) -> None:
    head, arrays = checkpoint.read(left.checkpoint_file)
    _rewrite(left, head.model_copy(update=changed), arrays)
    with pytest.raises(RunError) as raised:
        go_on(left)
    assert str(raised.value).startswith(f"{left.id} cannot go on: {message}. Expected no difference:")


def test_changed_data_and_a_changed_network_are_named() -> None:
    head = checkpoint.Head(
        run="a-1", config_digest="ab", processor=processor(), finished=[], epoch=2, epochs=5, seeds_finished=0, seeds=3,
        together=3, seconds=1.5, engine=None,
    )  # fmt: skip
    record = RunRecord(id="a-1", config_digest="ab", seeds=(0, 1, 2), versions=versions(), network=Network(sha256="12"))
    assert list(_differences(head, record, record)) == []
    for change, told in (
        ({"dataset": DataFacts(digest="34")}, "its data have changed"),
        ({"dataset": DataFacts(source_sha256="34")}, "its data have changed"),
        ({"network": Network(sha256="34")}, "the files of its network, or packages that it imports, have changed"),
        ({"network": None}, "the files of its network, or packages that it imports, have changed"),
    ):
        now = record.model_copy(update=change)
        assert list(_differences(head, record, now)) == [told] == list(_differences(head, now, record))


def test_what_is_no_interrupted_run_is_refused_by_what_it_is(tmp_path: Path) -> None:
    with store.new_directory(tmp_path, "a") as directory:
        store.write_json(directory / "run.json", {"status": "running"})
        told = {directory.name: "is running; expected an interrupted run. Wait for it, or stop it."}
        (tmp_path / "a-vs-b-20260101-000000").mkdir()
        (tmp_path / "a-vs-b-20260101-000000" / "histories.json").touch()
        told["a-vs-b"] = "is a comparison; expected an interrupted run. `bnexp.list_runs()` lists them."
        (tmp_path / "bad-20260101-000000").mkdir()
        (tmp_path / "bad-20260101-000000" / "history.json").touch()
        told["bad"] = (
            "is damaged; expected an interrupted run. run.json: is missing, though history.json is there. Restore the "
            "file, or train again."
        )
        for name, reason in told.items():
            with pytest.raises(RunError) as raised:
                interrupted_run(tmp_path, name)
            assert str(raised.value).partition(" ")[2] == reason


def test_a_changed_config_is_refused(left: store.Run) -> None:
    path = left.directory / "config.yaml"
    path.write_text(path.read_text().replace("epochs: 4", "epochs: 5"))
    with pytest.raises(RunError, match=r"cannot go on: its config\.yaml was changed\. "):
        go_on(left)


def test_a_damaged_checkpoint_is_refused_and_no_longer_offered(left: store.Run, tmp_path: Path) -> None:
    path, whole = left.checkpoint_file, left.checkpoint_file.read_bytes()
    place = whole.index(b"NUMPY") + 200
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(RunError) as raised:
        go_on(left)
    assert str(raised.value).startswith(
        f"{path}: it is not a complete checkpoint (Bad CRC-32 for file 'shard-0/trainable/0.npy'"
    )
    assert str(raised.value).endswith(f"). {again(left)}")
    path.write_bytes(whole[:-100])
    assert refused("train", "--resume", left.id, cwd=tmp_path).startswith(
        f"runs/{left.id}/checkpoint.npz: it is not a complete"
    )
    assert "resumed" not in bnexp("runs", cwd=tmp_path).stdout
    path.unlink()
    path.mkdir()
    assert refused("train", "--resume", left.id, cwd=tmp_path) == (
        f"runs/{left.id}/checkpoint.npz: is a directory; expected a regular file. Move it away. "
        "Restore the file, or train again."
    )


def test_a_run_in_which_another_process_is_at_work_or_was_to_its_end_is_refused(
    left: store.Run, tmp_path: Path
) -> None:
    found = interrupted_run(tmp_path / "runs", left.id)
    with (
        store.own_directory(left.directory),
        pytest.raises(RunError, match="another process is at work in it") as raised,
    ):
        resume(found, watch=never)
    assert str(raised.value).startswith(str(left.directory))
    record = json.loads((left.directory / "run.json").read_text())
    store.write_json(left.directory / "run.json", {**record, "status": "finished"})
    with pytest.raises(RunError) as raised:
        resume(found, watch=never)
    assert str(raised.value) == f"{left.id} was finished meanwhile. All its seeds are trained."


def test_another_python_changes_no_number_and_is_named(left: store.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.system.machine.versions", lambda: {**versions(), "python": "4.0"})
    assert go_on(left).record.resumed[0].changed == [f"python was {versions()['python']} and is 4.0"]


def test_a_full_disk_stops_no_training_and_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, kept = checkpoint.write_to, 0

    def fill(file: Any, head: checkpoint.Head, arrays: checkpoint.Arrays) -> None:
        nonlocal kept
        kept += 1
        write(file, head, arrays)
        if kept > 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_checkpoint, "write_to", fill)
    done = train_experiment(SMALL, tmp_path, watch=stop_at(3))
    path = done.run.directory / "checkpoint.npz"
    assert done.record.not_kept == [
        f"The newest checkpoint was not kept: {path}: cannot be written (No space left on device). "
        "The disk is full: free some space, or use runs=DIR."
    ]
    assert checkpoint.read_head(path).epoch == 1
    assert [path.name for path in done.run.directory.glob(".*")] == []
    assert go_on(done.run).history.epochs_S == (4, 4)


def test_a_short_run_keeps_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    run = killed(SMALL, tmp_path, 3)
    with pytest.raises(RunError) as raised:
        go_on(run)
    assert str(raised.value) == (
        f"{run.id} keeps no checkpoint: it was stopped before the first one was due. " + again(run)
    )


def test_a_large_checkpoint_waits_until_it_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    one = run_checkpoint.RunCheckpoint(tmp_path, RunRecord())
    due = []
    for size in (0, 2 * 10**8):
        for now in (59.0, 60.0, 99.0, 100.0):  # noqa: B007
            due.append(one.is_due(lambda: size))  # noqa: B023
    assert due == [False, True, True, True, False, False, False, True]


# --- the command ---------------------------------------------------------------------


def test_the_same_command_offers_to_go_on_and_the_list_marks_the_run(left: store.Run, tmp_path: Path) -> None:
    listed = bnexp("runs", cwd=tmp_path).stdout.splitlines()[1].split()
    assert " ".join(listed) == f"{left.id} run interrupted 2 at epoch 3 of 4; can be resumed - -"
    offer = (
        "small: an interrupted run of this config is at epoch 3 of 4; it is trained anew. To go on instead: "
        f"bnexp train --resume runs/{left.id}\n"
    )
    assert f"# {offer}" in bnexp("train", "a.yaml", "--dry-run", cwd=tmp_path).stdout
    assert offer in bnexp("check", "a.yaml", cwd=tmp_path).stdout
    assert offer in bnexp("train", "a.yaml", cwd=tmp_path).stderr
    assert "interrupted run" not in bnexp("train", "a.yaml", cwd=tmp_path).stderr, "a newer run is finished"


def test_compare_offers_it_too_and_takes_the_run_once_it_is_finished(left: store.Run, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text((tmp_path / "a.yaml").read_text().replace("name: small", "name: other"))
    bnexp("train", "--resume", left.id, cwd=tmp_path)
    assert "training small" not in bnexp("compare", "a.yaml", "b.yaml", cwd=tmp_path).stderr
    stopped(SMALL.model_copy(update={"name": "third"}), tmp_path / "runs", 2)
    (tmp_path / "c.yaml").write_text((tmp_path / "a.yaml").read_text().replace("name: small", "name: third"))
    resume = f"bnexp train --resume runs/{newest(tmp_path / 'runs').id}"
    offer = (
        "third: an interrupted run of this config is at epoch 2 of 4; it is trained anew. To go on instead: first "
        f"`{resume}`, then the same again.\n"
    )
    assert offer in bnexp("compare", "a.yaml", "c.yaml", "--dry-run", cwd=tmp_path).stdout
    plan = json.loads(bnexp("compare", "a.yaml", "c.yaml", "--dry-run", "--json", cwd=tmp_path).stdout)
    assert [arm.get("interrupted") for arm in plan["arms"]] == [None, offer.strip()]
    assert offer in bnexp("compare", "a.yaml", "c.yaml", cwd=tmp_path).stderr


def test_a_run_that_was_stopped_before_its_history_was_kept_says_how_it_goes_on(
    left: store.Run, tmp_path: Path
) -> None:
    (left.directory / "history.json").unlink(missing_ok=True)
    assert refused("plot", left.id, cwd=tmp_path) == (
        f"{left.id} was stopped before its history was kept, so there is nothing to read. "
        f"To go on with it: bnexp train --resume runs/{left.id}"
    )


def test_an_interrupted_run_is_not_the_latest_and_compare_and_plot_say_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnexp.experiment.run_files.KEEP_EVERY_SECONDS", 0.0)
    (tmp_path / "a.yaml").write_text(config.dump(SMALL))
    left = killed(SMALL, tmp_path / "runs", 4)
    assert not (tmp_path / "runs" / "latest").exists()
    assert (
        refused("compare", left.id, "a.yaml", cwd=tmp_path)
        .strip()
        .endswith(
            f"{left.id} is interrupted; expected a finished run. To go on with it: bnexp train --resume runs/{left.id}"
        )
    )
    bnexp("plot", left.id, "--format", "svg", cwd=tmp_path)
    assert "interrupted at epoch 3 of 4" in (left.directory / "loss.svg").read_text()
    bnexp("train", "--resume", left.id, cwd=tmp_path)
    latest = store.find(tmp_path / "runs", "latest")
    assert latest is not None and latest.id == left.id


def test_who_stops_a_training_hears_how_it_goes_on(tmp_path: Path) -> None:
    class Stops(bnexp_api.Observer):
        said: ClassVar[list[str]] = []

        def info(self, text: str) -> None:
            self.said.append(text)

        @contextmanager
        def training(self, experiment: Experiment) -> Iterator[tuple[Watch, Note]]:
            yield stop_at(2), str

    (tmp_path / "a.yaml").write_text(config.dump(SMALL))
    (done,) = bnexp_api.train(tmp_path / "a.yaml", runs=tmp_path / "runs", observer=Stops())
    assert done.interrupted
    assert Stops.said == [f'small is at epoch 2 of 4. To go on: bnexp.train(resume="{done.run.directory}")']
    with pytest.raises(StoppedError) as raised:
        bnexp_api.compare([tmp_path / "a.yaml", _other(tmp_path)], runs=tmp_path / "runs", observer=Stops())
    kept = newest(tmp_path / "runs").directory
    assert str(raised.value) == f"Interrupted: {kept} keeps the epochs so far. Nothing was compared."
    assert Stops.said[-1] == f'small is at epoch 2 of 4. To go on: bnexp.train(resume="{kept}")'
    (done,) = bnexp_api.train(resume=kept)
    assert done.record.status == "finished"


def _other(place: Path) -> Path:
    path = place / "b.yaml"
    path.write_text(config.dump(SMALL).replace("name: small", "name: other").replace("epochs: 4", "epochs: 3"))
    return path


def test_a_full_disk_names_the_command_that_goes_on_once_there_is_space(
    left: store.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def fill_up(descriptor: int) -> None:
        if "history.json" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    cure = f"Free some space, or make the directory writable. Then go on: bnexp train --resume runs/{left.id}\n"
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill_up)
        said = bnexp("train", "--resume", left.id, cwd=tmp_path, code=1).stderr
        assert f"history.json: cannot be written (No space left on device). {cure}" in said
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda place: Mock(free=1000))
        said = bnexp("train", "--resume", left.id, cwd=tmp_path, code=2).stderr
        assert f"has 0.0 MiB free; a run needs about 16 MiB. {cure}" in said
    assert bnexp("train", "--resume", left.id, cwd=tmp_path).stdout.endswith(f"finished: runs/{left.id}\n")
    assert "expected an interrupted run. No run in runs can go on." in refused("train", "--resume", "x", cwd=tmp_path)


def test_an_interrupted_run_with_fewer_seeds_is_offered_and_not_added_to(left: store.Run, tmp_path: Path) -> None:
    runs, more = tmp_path / "runs", with_seeds(SMALL, 4)
    assert kept_seeds(more, runs, pytest.fail) is None
    said = bnexp("train", "a.yaml", "--seeds", "3", "training.epochs=4", cwd=tmp_path).stderr
    assert (
        "small: an interrupted run of this config is at epoch 3 of 4, with 2 of the 3 seeds, which are trained "
        f"anew. To keep them: first `bnexp train --resume runs/{left.id}`, then the same again, which trains only the 1 "
        "missing seed.\n"
    ) in said
    assert lookup.resumable(runs, more) is None, "a newer run has finished its seeds"
    assert lookup.resumable(runs, with_seeds(SMALL, 1)) is None, "it has more seeds than that"
    go_on(left)
    kept = kept_seeds(more, runs, lambda text: None)
    assert kept is not None and kept.seeds == (0, 1, 2)


def test_resume_goes_on_in_the_directory_of_the_run(left: store.Run, tmp_path: Path) -> None:
    planned = bnexp("train", "--resume", f"runs/{left.id}", "--dry-run", cwd=tmp_path).stdout
    told = f"# 2 seeds x 4 epochs; {left.id} goes on at epoch 3 of 4; nothing was trained or written\n"
    assert planned.endswith(told)
    done = bnexp("train", "a.yaml", "--resume", f"runs/{left.id}", cwd=tmp_path)
    assert f"small: {left.id} goes on at epoch 3 of 4\n" in done.stderr
    assert done.stdout.endswith(f"finished: runs/{left.id}\n")
    assert [run.id for run in store.runs_in(tmp_path / "runs")] == [left.id]
    assert store.find(tmp_path / "runs", "latest") == store.Run((tmp_path / "runs" / left.id).resolve())
    assert refused("train", "--resume", left.id, cwd=tmp_path) == (
        f"{left.id} is finished; expected an interrupted run. All its seeds are trained. With other epochs it is trained "
        f"anew: bnexp train runs/{left.id}/config.yaml --epochs N. For more seeds: bnexp train "
        f"runs/{left.id}/config.yaml --seeds N."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", "nothing"], "No run is called 'nothing'; expected an interrupted run. Good names: {run}."),
        (
            ["training.epochs=5", "--resume", "{run}"],
            "--resume takes all settings from {run}, and got overrides (training.epochs=5). Name the run alone.",
        ),
        (
            ["--resume", "{run}", "--data", "other.csv", "--target", "y", "--arms", "batch", "training.epochs=5"],
            "--resume takes all settings from {run}, and got overrides (training.epochs=5), --data, --target, --arms. "
            "Name the run alone.",
        ),
        (
            ["a.yaml", "a.yaml", "--data", "other.csv", "--resume", "{run}", "--dry-run"],
            "--resume takes all settings from {run}, and got 2 configs, --data. Name the run alone.",
        ),
        (
            ["a.yaml", "--seeds", "3", "--resume", "{run}"],
            "{run} was begun with another config: training.seeds was 2 and is 3. Name the run alone to go on with its "
            "own, or leave out --resume to train this config.",
        ),
        ([], "No config is named; expected one or more. Name one, such as bn for configs/bn.yaml."),
    ],
)
def test_what_cannot_go_on_is_refused(left: store.Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    asked = [argument.format(run=left.id) for argument in arguments]
    assert refused("train", *asked, cwd=tmp_path) == message.format(run=left.id)


# --- real processes ------------------------------------------------------------------


LONG = experiment(model={"dropout": 0.3}, training={"epochs": 60, "seeds": 3, "early_stopping": {"patience": 60}})
AT_EACH_EPOCH = """
from bnexp.experiment import run_checkpoint
run_checkpoint.CHECKPOINT_EVERY_SECONDS, run_checkpoint.CHECKPOINT_SHARE = 0.0, float("inf")
from bnexp.cli import main
main()
"""


def killed_processes(place: Path, delays: Sequence[float], signal_number: int) -> list[store.Run]:
    """Train in as many processes at once; end each after a time, counted from its first checkpoint; return the runs."""
    (place / "a.yaml").write_text(config.dump(LONG))
    begun = []
    for number in range(len(delays)):
        command = [COMMAND[0], "-c", AT_EACH_EPOCH, "train", "a.yaml", "--quiet", "--runs", str(number)]
        begun.append(subprocess.Popen(command, cwd=place, env=ENVIRONMENT, stderr=subprocess.DEVNULL))
    for number, (process, delay) in enumerate(zip(begun, delays, strict=True)):
        while process.poll() is None and not list((place / str(number)).glob("*/checkpoint.npz")):
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal_number)
        process.wait()
    return [newest(place / str(number)) for number in range(len(delays))]


def ends_as(whole: dict[str, Any], run: store.Run) -> None:
    """Go on with a run if it is not finished; its files are then those of a run that was never stopped."""
    if run.status() != "finished":
        go_on(run)
    found = files_of(run.directory)
    for name, content in whole.items():
        assert found[name] == content, name


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_a_process_that_is_killed_at_any_time_goes_on(tmp_path: Path) -> None:
    (run,) = killed_processes(tmp_path, [random.uniform(0, 0.5)], signal.SIGKILL)
    ends_as(files_of(train_experiment(LONG, tmp_path / "whole", watch=never).run.directory), run)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_fifty_processes_that_are_stopped_at_any_time_go_on(tmp_path: Path, number: int) -> None:
    whole = files_of(train_experiment(LONG, tmp_path / "whole", watch=never).run.directory)
    for batch in range(25):
        (tmp_path / f"{batch}").mkdir()
        for run in killed_processes(tmp_path / f"{batch}", [random.uniform(0, 2) for _ in range(2)], number):
            ends_as(whole, run)
