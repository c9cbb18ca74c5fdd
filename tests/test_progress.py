"""What a checkpoint holds of an engine is taken over whole, or refused with what was seen and expected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from bnexp.checkpoint import CheckpointError, Snapshot
from bnexp.history import History
from bnexp.training import progress
from bnexp.training.keras_progress import AtWork, Done, Remembers
from bnexp.training.record import Record

METRICS = ["loss", "val_loss"]
WEIGHTS = [np.arange(6, dtype="float32").reshape(2, 3), np.ones(3, "float32")]
MODEL: Any = SimpleNamespace(variables=[SimpleNamespace(numpy=lambda one=one: one) for one in WEIGHTS])


def done() -> Done:
    """Return two finished seeds: one that diverged in its second epoch, and one of three epochs, the first the best."""
    histories = [
        History((3,), {name: np.array([[0.5, np.nan]]) for name in METRICS}, (2,), {3: 2}),
        History((4,), {name: np.array([[0.25, 0.5, 0.75]]) for name in METRICS}, (3,), {}, {4: 1}),
    ]
    rows = [{"val": {"loss": np.full(2, seed, "float32")}} for seed in (3, 4)]
    return Done(histories, [WEIGHTS, [-one for one in WEIGHTS]], rows)


def gone_on(facts: dict[str, Any], arrays: dict[str, Any]) -> Done:
    whole, found = done(), Done()
    snapshot = Snapshot({**whole.facts([3, 4, 5], 5), **facts}, {**dict(whole.arrays()), **arrays})
    found.go_on(snapshot, seeds=[3, 4, 5], epochs=5, metrics=METRICS, model=MODEL, held_out={"val": 2})
    return found


def test_finished_seeds_of_the_reference_trainer_are_taken_over_from_a_checkpoint() -> None:
    whole, found = done(), gone_on({}, {})
    for one, other in zip(found.histories, whole.histories, strict=True):
        assert (one.seeds, one.epochs_S) == (other.seeds, other.epochs_S)
        assert (one.diverged_at, one.best_epoch) == (other.diverged_at, other.best_epoch)
        for name in METRICS:
            np.testing.assert_array_equal(one.metrics[name], other.metrics[name])
    np.testing.assert_equal([found.weights, found.rows], [whole.weights, whole.rows])


@pytest.mark.parametrize(
    ("facts", "arrays", "told"),
    [
        ({"engine": "many_seeds"}, {}, "the engine was many_seeds and is keras_fit"),
        ({"epochs": 4}, {}, "the number of epochs was 4 and is 5"),
        ({"seeds": [3]}, {}, "the wave of seeds that memory holds at once was [3] and is [3, 4, 5]"),
        ({"finished": 2}, {}, "it has no list of finished seeds"),
        ({"finished": [[2, 0, 0]] * 4}, {}, "it has no list of finished seeds"),
        ({"rows": None}, {}, "it has no list of finished seeds"),
        ({"finished": [[2, 0]]}, {}, "the epochs stored for seed 3 are [2, 0]; expected three whole numbers"),
        ({"finished": [[2, 0, "1"]]}, {}, "the epochs stored for seed 3 are [2, 0, '1']; expected three whole numbers"),
        ({"finished": [[6, 0, 0]]}, {}, "seed 3 has 6 epochs; expected 1 to 5"),
        ({"finished": [[0, 0, 0]]}, {}, "seed 3 has 0 epochs; expected 1 to 5"),
        ({"finished": [[3, 0, 0]]}, {}, "history-0 has float64 (2, 2); expected float64 (2, 3)"),
        ({}, {"weights-1/1": WEIGHTS[0]}, "weights-1/1 has float32 (2, 3); expected float32 (3,)"),
        ({}, {"rows-1/val/loss": np.ones(3)}, "rows-1/val/loss has (3,); expected rows of {'val': 2}"),
        ({"rows": [["test", "loss"]]}, {"rows-0/test/loss": np.ones(2)},
         "rows-0/test/loss has (2,); expected rows of {'val': 2}"),
        ({"rows": [["val", "accuracy"]]}, {}, "rows-0/val/accuracy is missing"),
    ],
)  # fmt: skip
def test_finished_seeds_that_are_not_these_are_refused(facts: Any, arrays: Any, told: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        gone_on(facts, arrays)
    assert str(raised.value) == told


def at_work(stopping: keras.callbacks.EarlyStopping | None) -> AtWork:
    model = SimpleNamespace(variables=[keras.Variable(one) for one in WEIGHTS], get_weights=lambda: WEIGHTS)
    model.trainable_variables = model.variables
    model.optimizer = keras.optimizers.SGD(momentum=0.9)
    model.optimizer.build(model.variables)
    return AtWork(model, stopping)


@pytest.mark.parametrize("best", [None, [WEIGHTS[0] + 1, WEIGHTS[1] + 1]])
def test_the_seed_at_work_goes_on_with_its_optimizer_and_what_early_stopping_remembers(best: Any) -> None:
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=9)
    stopping.wait, stopping.stopped_epoch, stopping.best_epoch = 2, 0, 1
    stopping.best, stopping.best_weights = 0.25, best
    one = at_work(stopping)
    for variable in one._variables():
        variable.assign(variable + 2)
    snapshot = Snapshot(one.facts(4), dict(one.arrays()))
    assert snapshot.facts["epoch"] == 4

    found = at_work(keras.callbacks.EarlyStopping("val_loss", patience=9))
    assert found.stopping is not None
    remembers = Remembers(found.stopping, snapshot, 5)
    remembers.set_model(found.model)
    found.go_on(snapshot)
    found.stopping.on_train_begin()
    remembers.on_train_begin()
    np.testing.assert_equal([v.numpy() for v in found._variables()], [v.numpy() for v in one._variables()])
    assert (found.stopping.wait, found.stopping.best_epoch, found.stopping.best) == (2, 1, 0.25)
    np.testing.assert_equal(found.stopping.best_weights, best)


def test_without_early_stopping_a_checkpoint_holds_the_epoch_and_the_variables_alone() -> None:
    one = at_work(None)
    assert one.facts(4) == {"epoch": 4}
    assert list(dict(one.arrays())) == [f"variable/{number}" for number in range(len(one._variables()))]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"seeds": [0]}, "the wave of seeds that memory holds at once was [0] and is [0, 1]"),
        ({"metrics": ["loss"]}, "metrics is ['loss']; expected ['loss', 'val_loss']"),
        ({"metrics": None}, "metrics is None; expected ['loss', 'val_loss']"),
        ({"epoch": 6}, "epoch is 6; expected a number of epochs from 0 to 5"),
        ({"diverged_at": [0]}, "diverged_at is no list of 2 epochs"),
        ({"best_epoch": 1}, "best_epoch is no list of 2 epochs"),
    ],
)
def test_a_record_of_other_seeds_metrics_or_epochs_is_refused(facts: dict[str, Any], told: str) -> None:
    record = Record((0, 1), None)
    for loss in (0.5, 0.25):
        record.add(dict.fromkeys(METRICS, np.array([loss, np.nan])))
    found = Record((0, 1), None)
    found.go_on(Snapshot(record.facts(), dict(record.arrays())), 5, METRICS)
    assert (found.epochs, found.diverged_at, found.training_S.tolist()) == (2, {1: 1}, [True, False])
    np.testing.assert_equal(found.history().metrics, record.history().metrics)
    with pytest.raises(CheckpointError) as raised:
        Record((0, 1), None).go_on(Snapshot({**record.facts(), **facts}, dict(record.arrays())), 5, METRICS)
    assert str(raised.value) == told


@pytest.mark.parametrize("found", [None, "val_loss", [1]])
def test_what_was_measured_of_rows_is_a_list_of_names(found: Any) -> None:
    with pytest.raises(CheckpointError, match=r"^the stored names of metrics are no list of texts$"):
        progress._names(found)
