"""Errors and printed lines of the user's own code while its network is built and trained."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cases import slow
from command import bnexp, bnexp_process, refused

from bnexp.api import experiments
from bnexp.api.observer import Observer

NET = """
import keras
import tensorflow as tf
from keras import layers

class Lazy(layers.Layer):
    def call(self, x):
        if x.shape[0] == 20:
            raise ValueError("only while training")
        return x

def fails(x):
    if len(x) == 20:
        raise ValueError("only at run time")
    return x

class Late(layers.Layer):
    def call(self, x):
        return tf.ensure_shape(tf.numpy_function(fails, [x], tf.float32), x.shape)

class Large(keras.regularizers.Regularizer):
    def __call__(self, x):
        raise RuntimeError("only in the loss")

    def get_config(self):
        return {}

def net(*between, **options):
    return keras.Sequential([
        keras.Input((3,)), layers.Dense(4, **options), layers.BatchNormalization(), *between,
        layers.Dense(1, activation="sigmoid"),
    ])

def lazy(): return net(Lazy())
def late(): return keras.Sequential([keras.Input((3,)), Late(), layers.BatchNormalization(), layers.Dense(1, "sigmoid")])
def loss(): return net(kernel_regularizer=Large())
def good(): return net()
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with networks and data."""
    (tmp_path / "net.py").write_text(NET)
    draws = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", x=draws.normal(size=(60, 3)), y=np.arange(60) % 2)
    return tmp_path


SHORT = ("--data", "rows.npz", "training.epochs=1", "training.seeds=2", "training.batch_size=20")


@pytest.mark.parametrize(
    ("run", "network", "line", "cause"),
    [
        (bnexp, "lazy", 'raise ValueError("only while training")', "only while training"),
        # In this process TensorFlow may have been loaded with its own messages: it prints some for "late", even after it.
        slow(bnexp_process, "late", "in fails", "ValueError: only at run time"),
    ],
)
def test_an_error_that_comes_only_while_training_is_shown_with_the_users_lines_alone(folder, run, network, line, cause):
    done = run("train", f"net.py:{network}", *SHORT, cwd=folder, code=1)
    told = done.stderr[done.stderr.index(f"net-{network}-as_written: The training fails; your own code fails:") :]
    assert line in told
    assert cause in told.splitlines()
    assert told.rstrip().endswith("Fix that code.")
    assert "/bnexp/" not in told and "site-packages" not in told and "\x1b" not in told and "?[1m" not in told
    (run,) = (folder / "runs").glob("net-*")
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
    assert " failed " in bnexp("runs", cwd=folder).stdout
    told = bnexp("train", "--resume", run.name, cwd=folder, code=2).stderr
    assert "is failed; expected an interrupted run. Your own code failed in it. Train it again: bnexp train" in told


def test_a_regularizer_that_fails_is_refused_before_training_with_the_users_lines(folder):
    told = refused("train", "net.py:loss", *SHORT, cwd=folder)
    assert "your own code fails" in told and 'raise RuntimeError("only in the loss")' in told
    assert told.splitlines()[-2:] == ["RuntimeError: only in the loss", "Fix that code."]


def test_an_error_of_an_observer_is_not_changed(folder, monkeypatch):
    monkeypatch.chdir(folder)

    class Fails(Observer):
        """An observer with a mistake."""

        @contextmanager
        def training(self, experiment):
            """Yield a function that fails at the end of an epoch."""
            yield lambda so_far: {}["of the observer"], lambda text: None

    Path("net.yaml").write_text(
        'dataset: {name: npz, path: rows.npz}\nmodel: {name: python, build: "net.py:good"}\ntraining: {epochs: 1, seeds: 2}\n'
    )
    with pytest.raises(KeyError, match="of the observer"):
        experiments.train(["net.yaml"], observer=Fails())


LOUD = """
import keras
print("hello")

def build():
    print("hello")
    layers = keras.layers
    return keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(1, activation="sigmoid")])
"""


@pytest.mark.parametrize("command", [("train",), slow(("compare", "--arms", "batch,none"))])
def test_what_own_code_prints_goes_to_stderr_so_that_the_answer_stands_alone(folder, command):
    (folder / "loud.py").write_text(LOUD)
    told = []
    for dry in ((), ("--dry-run",)):
        done = bnexp(*command, "loud.py:build", *SHORT, *dry, "--json", cwd=folder)
        assert isinstance(json.loads(done.stdout), dict)
        told.append(done.stderr)
    assert "hello" in told[0]  # later commands in this process do not build the network again
    done = bnexp("train", "loud.py:build", *SHORT, "-q", cwd=folder)
    assert (folder / done.stdout.strip() / "run.json").is_file()


def test_python_leaves_what_own_code_prints_where_it_is(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    Path("loud.py").write_text(LOUD.replace("hello", "good day"))
    Path("loud.yaml").write_text(
        'dataset: {name: npz, path: rows.npz}\nmodel: {name: python, build: "loud.py:build"}\n'
    )
    experiments.check(["loud.yaml"])
    assert "good day" in capsys.readouterr().out
