"""Whole-number codes among the inputs: which layers read them, that they are not scaled, and which are refused."""

import dataclasses
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from command import bnexp, refused
from keras import layers, ops

from bnexp.models.codes import codes_of

ALL = tuple(range(12))
CODES = np.random.default_rng(0).integers(1, 20, (60, 12))
NET = """
import keras
from keras import layers

def build():
    inputs = keras.Input((12,))
    x = layers.GlobalAveragePooling1D()(layers.BatchNormalization()(layers.Embedding(20, 4)(inputs)))
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(x))

def mixed():
    inputs = keras.Input((12,))
    x = layers.Flatten()(layers.Embedding(20, 4)(inputs[:, 2:4]))
    x = layers.BatchNormalization()(layers.Dense(4)(layers.Concatenate()([x, inputs[:, 4:]])))
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(x))
"""


class _Words(layers.Layer):
    """A layer of the user's own that holds an Embedding."""

    def __init__(self):
        super().__init__(name="words")
        self.table = layers.Embedding(9, 2)

    def call(self, inputs):
        """Look the words up."""
        return self.table(ops.cast(inputs, "int32"))


def _embedding():
    return layers.Embedding(20, 4, mask_zero=True, name="embedding")


@pytest.mark.parametrize(
    ("network", "layer", "size", "inputs"),
    [
        (lambda x: layers.LSTM(3)(_embedding()(x)), "embedding (Embedding)", 20, ALL),
        (lambda x: _embedding()(ops.cast(x[:, 2:4], "int32")), "embedding (Embedding)", 20, (2, 3)),
        (lambda x: layers.TimeDistributed(_embedding())(layers.Reshape((3, 4))(x)), "Embedding)", 20, ALL),
        (lambda x: _Words()(layers.Reshape((3, 4))(x)), "words/embedding", 9, ALL),
        (lambda x: ops.one_hot(ops.cast(x[:, 0], "int32"), 7), "(keras.ops.one_hot)", 7, (0,)),
        (lambda x: layers.CategoryEncoding(7, "multi_hot")(x), "(CategoryEncoding)", 7, ALL),
        (lambda x: layers.Hashing(5, output_mode="multi_hot")(ops.cast(x, "int32")), "(Hashing)", None, ALL),
        (lambda x: layers.IntegerLookup(vocabulary=[3, 4])(ops.cast(x, "int32")), "(IntegerLookup)", None, ALL),
        (lambda x: _embedding()(layers.Identity()(layers.Dropout(0.5)(x))), "embedding (Embedding)", 20, ALL),
        (lambda x: _embedding()(ops.clip(x, 0, 19)), "embedding (Embedding)", 20, ALL),
        (lambda x: _embedding()(ops.cast(ops.minimum(x, 19), "uint8")), "embedding (Embedding)", 20, ALL),
    ],
)
def test_a_layer_that_gets_inputs_unchanged_reads_codes(network, layer, size, inputs):
    given = keras.Input((12,))
    model = keras.Model(given, network(given))
    before = [variable.numpy() for variable in model.variables]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = codes_of(model)
    assert layer in found.layer
    assert (found.size, found.inputs) == (size, inputs)
    assert all(np.array_equal(old, new.numpy()) for old, new in zip(before, model.variables, strict=True))
    assert "call" not in vars(model.layers[-1])


@pytest.mark.parametrize(
    "between",
    [
        layers.Rescaling(255.0),
        layers.Discretization([-1.0, 0.0, 1.0]),
        layers.Dense(12),
        layers.Normalization(mean=1, variance=4),
    ],
)
def test_a_layer_that_gets_other_numbers_than_the_inputs_reads_no_codes_of_the_data(between):
    given = keras.Input((12,))
    assert codes_of(keras.Model(given, _embedding()(between(given)))) == ()


def test_numbers_that_are_inputs_only_if_they_are_cut_make_no_codes_of_the_data():
    """An Embedding cuts 1.05 to 1 and 3.15 to 3: to it, small inputs and 1.05 times these inputs look alike."""
    dense = layers.Dense(12, kernel_initializer=keras.initializers.Identity(gain=1.05))
    given = keras.Input((12,))
    assert codes_of(keras.Model(given, _embedding()(dense(given)))) == ()


def test_inputs_of_whole_numbers_that_are_small_are_read_as_codes():
    given = keras.Input((12,), dtype="uint8")
    (found,) = codes_of(keras.Model(given, _embedding()(given)))
    assert found.inputs == ALL


def test_a_network_without_layers_that_read_codes_has_none():
    given = keras.Input((12,))
    assert codes_of(keras.Model(given, layers.Dense(2)(given))) == ()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty current folder with a network and codes."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    np.savez("codes.npz", x=CODES, y=(CODES == 7).any(axis=1).astype(int))
    return tmp_path


TRAIN = ("--data", "codes.npz", "training.epochs=1", "training.seeds=2")


def test_codes_reach_an_embedding_as_they_are_in_the_file(folder):
    for scale in ((), ("dataset.scale=none",)):
        done = bnexp("train", "net.py:build", *TRAIN, *scale, f"name=scaled{len(scale)}", cwd=folder)
        line = "the inputs are not scaled: embedding (Embedding) reads them as whole-number codes"
        assert (line in done.stdout) == (not scale)
    (file,) = Path("runs").glob("scaled0-*/model.keras")
    assert b"bnexp" not in zipfile.ZipFile(file).read("config.json"), "it loads in Keras alone"
    scaled, unscaled = (next(Path("runs").glob(f"scaled{n}-*/history.json")).read_text() for n in (0, 1))
    assert scaled == unscaled


def test_the_other_inputs_are_scaled(folder):
    from bnexp import config
    from bnexp.experiment.codes import with_codes
    from bnexp.experiment.prepare import built_for, prepared

    Path("mixed.yaml").write_text(
        "dataset: {name: npz, path: codes.npz, shift: {offset: 3}, validation_size: 0.2}\n"
        'model: {name: python, build: "net.py:mixed"}\n'
    )
    experiment = config.load(Path("mixed.yaml"))
    data = prepared(experiment)
    got = with_codes(data, built_for(experiment, data))
    rows = data.parts["train"][0]
    np.testing.assert_array_equal(got.inputs(0, rows)[:, 2:4], CODES[rows, 2:4])
    np.testing.assert_array_equal(got.inputs(0, rows)[:, 4:], data.inputs(0, rows)[:, 4:])
    tested = data.parts["test"][0]
    np.testing.assert_array_equal(got.inputs(0, tested, "test")[:, 2:4], CODES[tested, 2:4])
    np.testing.assert_array_equal(got.inputs(0, tested, "test")[:, 4:], data.inputs(0, tested, "test")[:, 4:])
    assert got.codes == "not scaled: input 3, input 4, which embedding (Embedding) reads as whole-number codes"
    assert dataclasses.replace(got, codes=None).is_shifted


@pytest.mark.parametrize(
    ("value", "cure"),
    [(20, "Give the layer more entries"), (1.5, "Round it"), (-1, "Number the codes from 0 on")],
)
def test_a_number_that_is_no_code_is_refused_with_its_place(folder, value, cure):
    x = CODES.astype("float32")
    x[7, 3] = value
    np.savez("codes.npz", x=x, y=np.arange(60) % 2)
    assert refused("train", "net.py:build", *TRAIN, cwd=folder) == (
        "net.py:build: model has embedding (Embedding), which reads whole numbers from 0 to 19; input 4 of 12 holds "
        f"{value} in row 7 of codes.npz (counted from 0). {cure}, or use another layer there."
    )


def test_a_missing_code_is_refused_with_its_line_and_not_filled_with_a_mean(folder):
    rows = "\n".join(f"{n % 5},{n % 3},{n % 2}" for n in range(40))
    Path("codes.csv").write_text(f"word,size,y\n,1,0\n{rows}\n")
    Path("chain.yaml").write_text(
        "dataset: {name: csv, path: codes.csv, target: y, missing: mean, duplicates: keep}\n"
        "model: {name: sequential, layers: [{Embedding: {input_dim: 5, output_dim: 2}}, Flatten, "
        "{Dense: {units: 1, activation: sigmoid}}]}\n"
    )
    told = refused("train", "chain.yaml", "--dry-run", cwd=folder)
    assert "reads whole numbers from 0 to 4; column word is empty in codes.csv:2" in told


def test_an_embedding_with_fewer_entries_than_the_texts_have_words_is_refused(folder):
    Path("texts.csv").write_text("text,y\n" + "\n".join(f"word{n} word{n + 1} word,{n % 2}" for n in range(40)))
    Path("texts.yaml").write_text(
        "dataset: {name: text_csv, path: texts.csv, text: text, target: y, length: 12}\n"
        'model: {name: python, build: "net.py:build"}\n'
    )
    told = refused("train", "texts.yaml", cwd=folder)
    assert "model has embedding (Embedding) with 20 entries; the texts' words may be numbered from 0 to 4" in told
