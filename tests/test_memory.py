"""Memory: the estimate follows the model and the measured peak; a limit refuses, or only makes more shards."""

from __future__ import annotations

import gc
import itertools
import json
import os
import re
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tensorflow as tf
from experiments import build_for, experiment, train_many_seeds
from pydantic import TypeAdapter

from bnexp.config.model import Model
from bnexp.data import Data, prepare
from bnexp.errors import SettingError, UserError, WorkError
from bnexp.experiment.run import train_experiment
from bnexp.models import Built, build
from bnexp.models.inputs import Inputs
from bnexp.statistics.classification import METRICS
from bnexp.study import jobs
from bnexp.system import machine
from bnexp.training import devices, keras_fit, many_seeds, measures, memory, shards
from bnexp.training.epoch_metrics import of_part
from bnexp.training.memory import most_together, needs, plan_shards, refuse_too_large, row_bytes

SEEDS = tuple(range(6))
IMAGE = {"name": "cnn", "filters": [8], "pooling": "none"}


def bytes_of(inputs: Inputs, **model: Any) -> int:
    section = TypeAdapter(Model).validate_python(model)
    return row_bytes(build(section, inputs, task="multiclass", classes=3).model)


def prepared(**training: Any) -> tuple[Any, Built, Data]:
    config = experiment(model={"dropout": 0.2}, training={"seeds": len(SEEDS), **training})
    data = prepare(config.dataset, SEEDS)
    return config.training, build_for(config, data), data


def test_a_rows_bytes_follow_positions_filters_and_frames() -> None:
    small = bytes_of(Inputs("image", (8, 8, 2)), **IMAGE)
    assert bytes_of(Inputs("image", (16, 16, 2)), **IMAGE) == pytest.approx(4 * small, rel=0.05)
    assert bytes_of(Inputs("image", (8, 8, 2)), **{**IMAGE, "filters": [16]}) == pytest.approx(2 * small, rel=0.2)
    frames = [bytes_of(Inputs("sequence", (length, 4)), name="rnn") for length in (10, 20)]
    assert frames[1] == pytest.approx(2 * frames[0], rel=0.2)


def test_large_rows_are_evaluated_fewer_at_a_time_so_that_they_need_less_memory_to_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training, built, data = prepared(epochs=1)
    before, found = needs(built.model, data, training), []
    rows = sum(part_SR.shape[1] for part_SR in data.parts.values())
    numbers = data.rows.x.shape[1]
    for most in (rows, 50):
        monkeypatch.setattr(measures, "EVALUATED_NUMBERS", most * numbers)
        assert measures.evaluated_rows(data.rows.x.shape[1:]) == most
        found.append(
            train_many_seeds(built.model, data, training, SEEDS, built.initial.draw(SEEDS), lambda so_far: False)
        )
    spared = (0.25 * rows - training.batch_size) * memory.row_bytes(built.model)
    spared += 3 * 4 * numbers * (rows - max(50, training.batch_size))
    assert before.working - needs(built.model, data, training).working == pytest.approx(spared, abs=1)
    for name, value_SE in found[0].history.metrics.items():
        np.testing.assert_allclose(found[1].history.metrics[name], value_SE, rtol=1e-6)
    for measure, value_SR in found[0].rows["val"].items():
        np.testing.assert_allclose(found[1].rows["val"][measure], value_SR, rtol=1e-5, atol=1e-6)


def test_what_is_predicted_for_the_metrics_of_each_epoch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "side_by_side", lambda seeds: 2)
    training, built, data = prepared()
    asked = training.model_copy(update={"metrics": ["auc"]})
    before, with_metrics = (needs(built.model, data, one) for one in (training, asked))
    rows = data.parts["val"].shape[1]
    assert with_metrics.working - before.working == 9 * rows
    assert with_metrics.shared - before.shared == 2 * (90 + 28) * rows
    assert (with_metrics.kept, with_metrics.step) == (before.kept, before.step)


def test_the_metrics_of_an_epoch_take_no_more_memory_than_is_estimated() -> None:
    """Of each seed its answers in float64, one seed at a time."""
    for classes, outputs in ((2, 1), (10, 10)):
        rng, (seeds, rows) = np.random.default_rng(0), (8, 5_000)
        predicted = rng.random((seeds, rows, outputs)).astype("float32") / outputs
        y_SR = rng.integers(0, classes, (seeds, rows)).astype("float32")
        names = [name for name in METRICS if name not in (("top_5",) if classes == 2 else ("auc", "pr_auc"))]
        measured = {"predicted": predicted, "accuracy": np.ones((seeds, rows), "float32")}
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        of_part(names, y_SR, measured)
        taken = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        are_finite = seeds * rows * outputs
        estimate = are_finite + (memory.METRICS_BYTES + memory.METRICS_NUMBER_BYTES * outputs) * rows
        assert estimate / 2 < taken < estimate, (classes, taken / rows, estimate / rows)


@pytest.mark.parametrize(
    ("batch", "smaller"), [(32, "smaller rows (they are evaluated 200 at a time)"), (128, "training.batch_size")]
)
def test_a_limit_that_not_even_one_seed_fits_is_refused_with_the_numbers_before_training(
    batch: int, smaller: str
) -> None:
    training, built, data = prepared(memory_limit="1MiB", batch_size=batch)
    need = needs(built.model, data, training)
    total = (need.shared + need.kept + need.working) / 2**30
    with pytest.raises(SettingError) as caught:
        refuse_too_large(built.model, data, training)
    assert str(caught.value).startswith(
        f"training.memory_limit is 0.00 GiB; the estimate for this experiment is {total:.2f} GiB: "
        f"{need.shared / 2**30:.2f} GiB for the program and the data, "
    )
    assert str(caught.value).endswith(f"Use a smaller model or {smaller}, or a higher limit.")


@pytest.mark.parametrize(
    ("cores", "gibibytes", "workers"), [(64, 64, 21), (32, 32, 10), (2, 24, 2), (4, 8, 2), (2, 2, 1)]
)
def test_as_many_workers_as_cores_share_half_of_the_memory_or_as_many_as_it_is_enough_for(
    cores: int, gibibytes: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_memory_bytes", lambda: gibibytes * 2**30)
    monkeypatch.setenv("BNEXP_CORES", str(cores))
    assert machine.most_workers() == workers
    monkeypatch.setenv("BNEXP_WORKERS", str(workers))
    assert machine.memory_limit(None) == gibibytes * 2**30 // 2 // workers > 1.3 * machine.PROGRAM_BYTES
    assert machine.memory_limit(5) == 5


def test_a_worker_whose_share_is_too_small_says_that_fewer_would_have_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_memory_bytes", lambda: 8 * 2**30)
    monkeypatch.setenv("BNEXP_WORKERS", "8")
    training, built, data = prepared()
    with pytest.raises(SettingError, match=r"is 0\.50 GiB; .* one of 8 workers; fewer workers get more each\.$"):
        refuse_too_large(built.model, data, training)
    refuse_too_large(built.model, data, training.model_copy(update={"memory_limit": "4GiB"}))


@pytest.mark.slow
def test_a_small_limit_makes_more_shards_and_the_same_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "side_by_side", lambda seeds: 2)
    training, built, data = prepared()
    need = needs(built.model, data, training)
    four_at_once = (need.shared + len(SEEDS) * need.kept + 4.5 * need.working) / 2**20
    small = training.model_copy(update={"memory_limit": f"{four_at_once:.6f}MiB"})
    refuse_too_large(built.model, data, small)
    assert plan_shards(built.model, data, training, len(SEEDS)) == (2, 64)
    assert plan_shards(built.model, data, small, len(SEEDS)) == (2, 2)
    outcomes = [
        train_many_seeds(built.model, data, which, SEEDS, built.initial.draw(SEEDS), lambda history: False)
        for which in (training, small)
    ]
    assert [len(shards.cut(len(SEEDS), *limits)) for limits in ((2, 64), (2, 2))] == [2, 3]
    for name, expected in outcomes[0].history.metrics.items():
        np.testing.assert_allclose(outcomes[1].history.metrics[name], expected, rtol=1e-5, atol=1e-7, err_msg=name)
    for values, expected in zip(outcomes[1].weights, outcomes[0].weights, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
def test_memory_never_holds_the_old_and_the_new_weights_of_every_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    training, built, data = prepared(epochs=3)
    monkeypatch.setattr(many_seeds.memory, "plan_shards", lambda *_: (1, 1))
    made: list[weakref.ref[Any]] = []
    alive: list[int] = []
    train = many_seeds.Program.train

    def counted(program: Any, state: Any, *others: Any) -> Any:
        new, means = train(program, state, *others)
        made.append(weakref.ref(new.trainable[0]))
        alive.append(sum(kernel() is not None for kernel in made))
        return new, means

    monkeypatch.setattr(many_seeds.Program, "train", counted)
    initial = built.initial.draw(SEEDS)
    train_many_seeds(built.model, data, training, SEEDS, initial, lambda history: False)
    assert alive == [1, 2, 3, 4, 5, 6, *[7] * 12]


def test_memory_that_does_not_hold_the_rows_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    training, built, data = prepared()

    errors = {
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"): MemoryError,
        tf.errors.InternalError(None, None, "Failed copying input: Dst tensor is not initialized."): MemoryError,
        tf.errors.InternalError(None, None, "something else"): tf.errors.InternalError,
    }
    for raised, expected in errors.items():
        monkeypatch.setattr(many_seeds, "sources", Mock(side_effect=raised))
        with pytest.raises(expected):
            train_many_seeds(built.model, data, training, SEEDS, built.initial.draw(SEEDS), lambda history: False)


def test_a_model_too_large_to_be_built_is_refused_by_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exhausted = tf.errors.ResourceExhaustedError(None, None, "{{node x}} OOM when allocating tensor with shape[9,9]")
    monkeypatch.setattr("bnexp.models.build", Mock(side_effect=exhausted))
    said = r"^model does not fit in memory: OOM when allocating tensor with shape\[9,9\]\. Use a smaller one\.$"
    with pytest.raises(SettingError, match=said):
        train_experiment(experiment(model={"hidden": [901]}), tmp_path, watch=lambda history: False)
    assert list(tmp_path.iterdir()) == []


def test_a_job_fills_a_shard() -> None:
    assert jobs.MOST_TOGETHER == memory.LARGEST_SHARD


def test_rows_that_lie_beside_those_of_a_training_leave_less_room_for_others() -> None:
    training, built, data = prepared(memory_limit="1200MiB")
    need = needs(built.model, data, training)
    free = 1200 * 2**20 - need.shared - need.working
    assert most_together(built.model, data, training) == free // need.kept
    assert (
        most_together(built.model, data, training, beside=free // 4)
        == (free - 3 * (free // 4) - data.rows.x.nbytes) // need.kept
    )
    assert most_together(built.model, data, training, beside=free) == 1


def test_keras_out_of_memory_is_pythons_memory_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nwith more to say")

    monkeypatch.setattr(keras_fit, "_fit", exhausted)
    training, built, data = prepared()
    with pytest.raises(MemoryError, match=r"^OOM when allocating tensor$"):
        keras_fit.train_keras_fit(built.model, data, training, SEEDS, built.initial.draw(SEEDS), lambda history: False)


def test_who_trains_and_runs_out_of_memory_is_told_the_setting_and_the_run_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*arguments: Any, **options: Any) -> None:
        raise MemoryError("OOM when allocating tensor")

    monkeypatch.setattr("bnexp.training.many_seeds.train", exhausted)
    config = experiment(training={"memory_limit": "3GiB"})
    with pytest.raises(WorkError) as caught:
        train_experiment(config, tmp_path, watch=lambda history: False)
    assert str(caught.value) == (
        "small: training ran out of memory (OOM when allocating tensor); training.memory_limit is 3.00 GiB. "
        "Use a lower limit, so that fewer seeds are worked on at a time, or a smaller model or training.batch_size."
    )
    assert {json.loads(path.read_text())["status"] for path in tmp_path.glob("*/run.json")} == {"interrupted"}


def test_a_model_is_traced_once_for_all_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    training, built, data = prepared()
    before = needs(built.model, data, training)

    def traced_again(*arguments: Any, **options: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(tf, "function", traced_again)
    assert needs(built.model, data, training) == before


def test_of_a_gpu_no_more_memory_is_taken_than_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    grows: dict[str, bool] = {}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grows.__setitem__)
    devices.spread_over_cores(4)
    assert grows == {"GPU:0": True, "GPU:1": True}
    assert devices.side_by_side(4) == 1
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_cores_stay_as_they_are_once_tensorflow_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    said = RuntimeError("Intra op parallelism cannot be modified after initialization.")
    within, between = Mock(side_effect=said), Mock()
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", within)
    monkeypatch.setattr(tf.config.threading, "set_inter_op_parallelism_threads", between)
    devices.spread_over_cores(4)
    assert (within.call_count, between.call_count) == (1, 0)


def test_a_gpu_that_another_process_holds_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices.refuse_unusable_gpus()  # where there is none, or a good one

    def held(shape: Any) -> None:
        raise tf.errors.InternalError(None, None, "cudaSetDevice() on GPU:0 failed. Status: out of memory")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grows: None)
    monkeypatch.setattr(tf, "zeros", held)
    with pytest.raises(
        UserError, match=r"cannot use it: cudaSetDevice.* out of memory\. .*CUDA_VISIBLE_DEVICES= bnexp"
    ):
        train_experiment(experiment(), tmp_path, watch=lambda history: False)
    assert list(tmp_path.iterdir()) == []


def test_a_run_names_the_gpus_it_was_trained_on_and_none_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.gpus() == []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"] if kind == "GPU" else [])
    details = {"GPU:0": {"device_name": "NVIDIA H100 80GB HBM3"}}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.__getitem__)
    assert devices.gpus() == ["NVIDIA H100 80GB HBM3"]


SHORTAGE = """
from bnexp.system import backend
backend.load()
import tensorflow as tf
from bnexp.training import memory

def too_much(size):
    return tf.random.uniform((size, size, size))

for compute in (tf.function(too_much, autograph=False), too_much):
    try:
        with memory.memory_errors():
            compute(tf.constant(100_000))
    except MemoryError as error:
        print(error)
"""


@pytest.mark.slow
def test_of_a_long_message_what_does_not_fit_is_told() -> None:
    """In a process without oneDNN, whose allocator tries for 10 s before it says so."""
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-c", SHORTAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    compiled, eager = done.stdout.splitlines()
    said = r"OOM when allocating tensor with shape\[100000,100000,100000\] .* by allocator \w+"
    assert re.fullmatch(said, compiled) and re.fullmatch(said, eager)


def test_a_shortage_on_a_gpu_is_told_without_where_it_arose() -> None:
    on_a_gpu = "Graph execution error:\n\nDetected at node x\nDst tensor is not initialized.\n\t [[{{node x}}]]"
    with pytest.raises(MemoryError, match=r"^Dst tensor is not initialized$"), memory.memory_errors():
        raise tf.errors.InternalError(None, None, on_a_gpu)


@pytest.mark.slow
def test_the_model_and_its_data_leave_memory_once_plain_keras_has_trained() -> None:
    training, _, data = prepared(epochs=1)
    section = TypeAdapter(Model).validate_python({"name": "mlp", "hidden": [8]})
    built = build(section, Inputs("table", (20,)), task=data.task, classes=2)  # of its own: others are kept
    own, initial = data.of(slice(0, 1)), built.initial.draw(SEEDS[:1])
    held = [weakref.ref(one) for one in (built.model, own)]
    keras_fit.train_keras_fit(built.model, own, training, SEEDS[:1], initial, lambda history: False)
    del built, own, data, initial
    gc.collect()
    assert [one() for one in held] == [None, None]


PEAK = """
import math, re, sys
import bnexp.system.backend
bnexp.system.backend.load()
import numpy as np
from pydantic import TypeAdapter
sys.path.insert(0, sys.argv[1])
from experiments import build_for
from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.training import many_seeds, memory
name, seeds, place = sys.argv[2], int(sys.argv[3]), sys.argv[4]
shape = (40, 8) if name in ("rnn", "transformer") else (16, 16, 3)
np.savez(place, x=np.random.default_rng(0).random((320, *shape), "float32"), y=np.arange(320) % 2)
config = Experiment.model_validate({
    "name": "peak",
    "dataset": {"name": "npz", "path": place},
    "model": {"name": name, "normalization": "batch", **({"hidden": [768] * 3} if name == "mlp" else {})},
    "training": {"epochs": 3, "seeds": seeds, "batch_size": 256, "memory_limit": "60GiB"},
})
if name != "mlp":
    memory.plan_shards = lambda *_: (min(2, seeds), seeds)  # all seeds at once, side by side
rows = tuple(range(seeds))
data = prepare(config.dataset, rows)
built = build_for(config, data)
need = memory.needs(built.model, data, config.training)
many_seeds.train(built.model, data, [config.training], rows, built.initial.draw(rows), lambda history: False)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]  # ru_maxrss is the parent's if that had more
at_once = min(seeds, math.prod(memory.plan_shards(built.model, data, config.training, seeds)))
print(need.shared + seeds * need.kept + at_once * need.working, 1024 * int(peak))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "seeds"), [*itertools.product(["cnn", "resnet", "rnn", "transformer"], [1, 16]), ("mlp", 48)]
)
def test_the_estimate_is_within_a_factor_of_two_of_the_measured_peak(name: str, seeds: int, tmp_path: Path) -> None:
    """On the processor; what a GPU holds is not measured here."""
    arguments = [str(Path(__file__).parent), name, str(seeds), str(tmp_path / "x.npz")]
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    estimate, peak = map(int, done.stdout.split())
    print(f"{name}, {seeds} seeds: estimate {estimate / 2**20:.0f} MiB, peak {peak / 2**20:.0f} MiB")
    assert peak / 2 < estimate < 2 * peak
