"""Networks of the user's own on the command line: from a Python file or a saved model, and data, to a verdict."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cases import slow
from command import bnexp, refused

from bnexp import plan_comparison

NET = """
import keras
from widths import WIDTH

def build(width: int = WIDTH):
    layers = keras.layers
    inputs = keras.Input((3,))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width, use_bias=False)(inputs)))
    x = layers.Add()([x, layers.Dense(width)(x)])
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))

def made(normalization, input_shape):
    layers = keras.layers
    return keras.Sequential([
        keras.Input(input_shape), layers.Dense(4), normalization(), layers.ReLU(), layers.Dense(1, activation="sigmoid"),
    ])

class Block(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.norm = keras.layers.BatchNormalization(name="batch_normalization")

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x):
        return self.norm(x)

def hidden():
    inputs = keras.Input((3,))
    x = keras.layers.BatchNormalization()(Block(name="block")(inputs))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))

def plain():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])

def broken():
    return keras.layers.Dense(1)(None).shape[7]
"""
SHARED = """
import keras
from keras.layers import BatchNormalization, Conv1D, Dense, ReLU

relu = ReLU()

def build():
    return keras.Sequential([Dense(4), BatchNormalization(), relu, ReLU(), Conv1D(3, 3), Dense(1)])

def good():
    inputs = keras.Input((3,))
    outputs = ReLU()(Dense(3)(relu(BatchNormalization()(Dense(4)(inputs)))))
    return keras.Model(inputs, Dense(1)(outputs))
"""

pytestmark = pytest.mark.usefixtures("seed_by_seed")
SHORT = ("training.epochs=1", "--seeds", "2", "training.batch_size=20")

KINDS = "a (numbers), b (numbers), c (numbers), label (text, 2 values)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network, what it imports, and a table of 60 rows."""
    (tmp_path / "my_net.py").write_text(NET)
    (tmp_path / "widths.py").write_text("WIDTH = 4\n")
    rows = np.random.default_rng(0).normal(size=(60, 3)).round(3)
    lines = [",".join([*map(str, row), "yes" if row[0] > 0 else "no"]) for row in rows.tolist()]
    np.savez(tmp_path / "other.npz", x=rows, labels=rows[:, 0] > 0)
    (tmp_path / "my.csv").write_text("\n".join(["a,b,c,label", *lines]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compared(folder: Path, *arguments: str) -> Any:
    """Compare a network on the table; return the document."""
    done = bnexp("compare", *arguments, "--data", "my.csv", "--target", "label", *SHORT, "--json", cwd=folder)
    return json.loads(done.stdout)


def run_of(folder: Path, name: str) -> Any:
    (record,) = [json.loads(path.read_text()) for path in folder.glob(f"runs/{name}-2*/run.json")]
    return record


@pytest.mark.slow
def test_a_function_is_compared_with_itself_in_three_arms_and_run_json_lists_what_was_swapped(folder: Path) -> None:
    document = compared(folder, "my_net.py:build")
    assert [arm["name"] for arm in document["arms"]] == ["my_net-as_written", "my_net-layer", "my_net-none"]
    assert document["baseline"] == "my_net-none"
    network = run_of(folder, "my_net-none")["network"]
    assert network["swapped"] == [
        {"path": "dense", "was": "Dense without bias", "now": "with bias"},
        {"path": "batch_normalization", "was": "BatchNormalization", "now": "nothing"},
    ]
    assert run_of(folder, "my_net-as_written")["network"]["normalizations"] == {"BatchNormalization": 1}
    assert document["arms"][2]["network"] == network
    kernels = [run_of(folder, f"my_net-{arm}")["pairing"]["kernels"] for arm in ("as_written", "layer", "none")]
    assert kernels[0] == kernels[1] == kernels[2]
    assert sorted(kernels[0]) == ["dense/kernel", "dense_1/kernel", "dense_2/kernel"]


def test_the_plan_says_what_is_compared_and_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = bnexp("compare", "my_net.py:build", "--data", "my.csv", "--target", "label", "--dry-run", cwd=folder)
    assert "my_net-layer: 20 seeds x 50 epochs, to be trained: no finished run was found" in done.stdout
    assert done.stderr == "my_net.py:build: 1 BatchNormalization layer; arms: as_written, layer, none\n"
    assert sorted(folder.rglob("*")) == before


@pytest.mark.slow
def test_a_second_comparison_trains_nothing_until_a_file_of_the_network_changes(folder: Path) -> None:
    arms = ("my_net.py:build", "--arms", "batch,none")
    compared(folder, *arms)
    again = bnexp("compare", *arms, "--data", "my.csv", "--target", "label", *SHORT, cwd=folder)
    assert "training " not in again.stderr
    (folder / "widths.py").write_text("WIDTH = 5\n")
    changed = bnexp("compare", *arms, "--data", "my.csv", "--target", "label", *SHORT, cwd=folder)
    assert (
        "training my_net-batch: the files of its network, or packages that it imports, have changed since its newest run"
        in changed.stderr
    )


def test_a_function_that_takes_normalization_makes_the_layers_of_each_arm(folder: Path) -> None:
    plan = plan_comparison(f"{folder}/my_net.py:made", data=f"{folder}/my.csv", target="label")
    assert [arm.name for arm in plan.arms] == ["my_net-made-batch", "my_net-made-layer", "my_net-made-none"]
    assert [one.model_dump() for one in plan.arms[1].network.swapped] == [
        {"path": "layer_normalization", "was": "normalization", "now": "LayerNormalization"}
    ]


@pytest.mark.parametrize(
    "line",
    ["from my_net import made", "import my_net\nmade = my_net.made", "import functools, my_net\nmade = functools.partial(my_net.made)"],
)  # fmt: skip
def test_a_function_that_is_imported_or_assigned_is_asked_for_its_parameter(line: str, folder: Path) -> None:
    (folder / "nets.py").write_text(line)
    done = bnexp("compare", "nets:made", "--data", "my.csv", "--target", "label", "--dry-run", cwd=folder)
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if "seeds x" in line] == [
        f"nets-made-{arm}" for arm in ("batch", "layer", "none")
    ]


def test_a_network_with_an_override_of_its_normalization_is_named_by_it(folder: Path) -> None:
    arguments = ("my_net.py:build", "--data", "my.csv", "--target", "label", "model.normalization=layer")
    bnexp("train", *arguments, "--seeds", "2", "--epochs", "1", cwd=folder)
    assert run_of(folder, "my_net-layer")["network"]["normalizations"] == {"LayerNormalization": 1}
    (run,) = folder.glob("runs/my_net-layer-2*")
    assert "\n  epochs: 1\n" in (run / "config.yaml").read_text()


def test_a_normalization_layer_with_other_options_is_told_with_them(folder: Path) -> None:
    arguments = ("my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "batch", "--dry-run")
    done = bnexp("train", *arguments, "model.normalization.momentum=0.9", cwd=folder)
    assert "BatchNormalization, momentum 0.99 -> BatchNormalization, momentum 0.9, 1 layer" in done.stdout


@pytest.mark.parametrize(
    ("arms", "override", "expected"),
    [
        ("batch,none", "model.normalization.momentum=0.8", {"batch": 0.8}),
        slow("none,batch", "model={normalization: {momentum: 0.8}}", {"batch": 0.8}),
        slow("as_written,group", "model.normalization.groups=2", {"group": 2}),
        slow("ghost,batch", "model.normalization.virtual_batch_size=4", {"ghost": 4}),
    ],
)
def test_an_override_of_an_option_is_of_the_arms_that_have_it(
    arms: str, override: str, expected: dict[str, float], folder: Path
) -> None:
    compared(folder, "my_net.py:build", "--arms", arms, override)
    found = {one: run_of(folder, f"my_net-{one}")["overrides"] for one in arms.split(",")}
    assert {one for one, overrides in found.items() if override in overrides} == expected.keys()
    (config,) = folder.glob(f"runs/my_net-{next(iter(expected))}-2*/config.yaml")
    assert set(expected.values()) <= set(yaml.safe_load(config.read_text())["model"]["normalization"].values())


def test_an_override_of_an_option_is_possible_with_the_default_arms_and_in_python(folder: Path) -> None:
    momentum, data = "model.normalization.momentum=0.8", {"data": "my.csv", "target": "label", "seeds": 2, "epochs": 1}
    plan = plan_comparison(f"{folder}/my_net.py:made", momentum, **data)
    assert [arm.name for arm in plan.arms] == ["my_net-made-batch", "my_net-made-layer", "my_net-made-none"]
    plan = plan_comparison(f"{folder}/my_net.py:build", [momentum], arms=["batch", "none"], **data)
    assert [arm.name for arm in plan.arms] == ["my_net-batch", "my_net-none"]


def test_only_what_may_be_data_is_offered(folder: Path) -> None:
    for name in ("runs", "code", ".hidden", "pictures"):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes(b"")
    (folder / "code" / "a.png").rename(folder / "code" / "a.py")
    message = refused("compare", "my_net.py:build", "--data", "a", cwd=folder)
    assert "Good names: my.csv, other.npz, pictures, breast_cancer, " in message


@pytest.mark.slow
def test_a_trained_run_is_repeated_from_its_config_and_gets_more_seeds(folder: Path) -> None:
    bnexp("train", "my_net.py:build", "--data", "my.csv", "--target", "label", *SHORT, cwd=folder)
    (first,) = folder.glob("runs/my_net-as_written-2*")
    bnexp("train", str(first / "config.yaml"), "training.seeds=3", cwd=folder)
    (second,) = set(folder.glob("runs/my_net-as_written-2*")) - {first}
    seeds = [json.loads((run / "history.json").read_text())["seeds"] for run in (first, second)]
    assert seeds[1][:2] == seeds[0]
    assert len(seeds[1]) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
def test_a_saved_model_is_compared_and_its_own_loss_is_not_used(folder: Path) -> None:
    import keras

    layers = [
        keras.Input((3,)),
        keras.layers.Dense(4),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, "sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    model.save(folder / "my.keras")
    document = compared(folder, "my.keras", "--arms", "as_written,none")
    assert [arm["name"] for arm in document["arms"]] == ["my-as_written", "my-none"]


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
@pytest.mark.usefixtures("workers_here")
def test_a_study_varies_the_arguments_of_a_network(folder: Path) -> None:
    (folder / "study.yaml").write_text(
        """
name: widths
experiment:
  dataset: {name: csv, path: my.csv, target: label}
  model: {name: python, build: "my_net.py:build", arguments: {width: 4}}
  training: {epochs: 1, batch_size: 20}
vary: {model.arguments.width: [3, 4]}
arms:
  written: {}
  none: {model.normalization: none}
seeds: 2
"""
    )
    done = bnexp("study", "study.yaml", "--json", cwd=folder)
    document = json.loads(done.stdout)
    assert [cell["levels"] for cell in document["cells"]] == [
        {"model.arguments.width": 3},
        {"model.arguments.width": 4},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my_net.py:build"], "my_net.py:build is a network of your own; expected its data. Add `--data FILE --target COLUMN`, "
         "or `--data` and a folder or a known set, such as digits."),
        (["my_net.py", "--data", "digits"], "my_net.py names no function; expected FILE.py:FUNCTION. It has "
         "my_net.py:build, my_net.py:made, my_net.py:hidden, my_net.py:plain, my_net.py:broken."),
        (["my_net.py:", "--data", "digits"], "my_net.py names no function; expected FILE.py:FUNCTION. It has "
         "my_net.py:build, my_net.py:made, my_net.py:hidden, my_net.py:plain, my_net.py:broken."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "none,layer", "model.normalization=batch"],
         "--arms is none,layer, and model.normalization= sets one normalization for all arms. Leave one of the two out."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "layer,none", "model.normalization.momentum=0.9"],
         "override model.normalization.momentum=0.9: no arm has this key (layer has center, epsilon, scale; none has no options). "
         "Arms that have it: batch, renorm, ghost. For example: --arms batch,none."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "model.normalization.momentum=0.9"],
         "override model.normalization.momentum=0.9: no arm has this key (as_written has no options; layer has center, "),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "batch,none", "model.normalization.momentun=0.9"],
         "override model.normalization.momentun=0.9: no arm has this key (batch has epsilon, momentum; none has no options). "
         "Did you mean 'momentum'? Good names: "),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "batch,none", "model.normalization.momentum=2"],
         "override model.normalization.momentum=2: model.normalization.momentum is 2; expected "),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "batch,none", "model.freeze=[*]"],
         "override model.freeze=[*]: the value is not YAML; a text cannot begin with * (column 3). Quote the text in it, and the "
         "whole override for the shell, as in 'model.freeze=[\"*\"]'."),
        (["my_net.py:plain", "--data", "my.csv", "--target", "label"],
         "my_net.py:plain has no normalization layer, so that all arms would be equal. Write it with BatchNormalization, or as "
         "a function with a parameter `normalization`."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "none"],
         "compare was given one arm, none; expected two or more. Name several: --arms batch,none."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "model.normalization={name: group, groups: 2}"],
         "compare was given one arm, group; expected two or more. Leave out model.normalization={{name: group, groups: 2}}, and "
         "name several: --arms batch,none."),
        (["my_net.py:build", "--data", "other.npz", "--arms", "batch,none"],
         "--data: dataset.y is 'y'; no array has this name. Good names: labels."),
        (["my_nt.py:build", "--data", "digits"],
         "my_nt.py:build: model.build names 'my_nt.py'; there is no such file in {folder}. Did you mean 'my_net.py'? Good names: "),
        (["my_nt.keras", "--data", "my.csv", "--arms", "none,none"],
         "my_nt.keras: model.path is 'my_nt.keras'; there is no such file in {folder}. Name a .keras file.\n"
         "--arms is none,none; an arm is named twice. Name each once.\n"
         "--target is missing; expected the column of my.csv that is to be learned. Its columns: {kinds}."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", ""],
         "--arms is ['']; expected names of normalizations. Use --arms batch,none, or leave it out."),
        (["my_net.py:build", "--data", "my.csv"],
         "--target is missing; expected the column of my.csv that is to be learned. Its columns: {kinds}."),
        (["my_net.py:build", "--data", "digits", "--target", "label"],
         "--target is 'label'; digits already defines what is to be learned. Leave it out."),
        (["my_net.py:build", "--data", "digits", "--target", "0.9"],
         "--target is '0.9'; digits already defines what is to be learned. A value of the metric to reach is `--reach 0.9`."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "batch,nonne"],
         "--arms: model.normalization is 'nonne'. Did you mean 'none'? Good names: as_written, none, batch, layer, group, "
         "instance, rms, renorm, ghost, frozen."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "none,none"],
         "--arms is none,none; an arm is named twice. Name each once."),
        (["my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "frozen,none"],
         "--arms: model.normalization is frozen, but model.weights is draw, so there are no learned statistics to keep. "
         "Set model.weights: keep, with a network that comes with trained weights."),
        (["my_net.py:build", "--data", "no.csv", "--target", "label"],
         "--data is 'no.csv'; it is not there (in {folder}), and no known set has this name. Good names: my.csv, other.npz, "),
        (["my_net.py:build", "--data", "mi.csv", "--target", "label"],
         "--data is 'mi.csv'; it is not there (in {folder}), and no known set has this name. Did you mean 'my.csv'? Good names: "),
        (["a", "b", "--data", "my.csv"],
         "--data can be given for a network of your own, and not for a, b. Name one, such as my_net.py:build or my_net.keras. In a "
         "config, `dataset` and `model` say the same."),
        (["my_net.py:hidden", "--data", "my.csv", "--target", "label"],
         "my_net.py:hidden: model.normalization cannot swap block/batch_normalization: it is made inside a layer"),
        (["my_net.py:hidden", "--data", "my.csv", "--target", "label", "--arms", "batch,none"],
         "--arms: model.normalization cannot swap block/batch_normalization: it is made inside a layer"),
        (["my_net.h5", "--data", "my.csv", "--target", "label", "--arms", "batch,none"],
         "my_net.h5: model.path is 'my_net.h5'; there is no such file in {folder}. Name a .keras file."),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_cure_and_nothing_is_written(
    arguments: list[str], message: str, folder: Path
) -> None:
    assert refused("compare", *arguments, cwd=folder).startswith(message.format(folder=folder, kinds=KINDS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "--seeds is 0; expected a whole number of 1 or more."),
        (["--dry-run", "--epochs", "0"], "--epochs is 0; expected a whole number of 1 or more."),
        (
            ["training.epochs=0"],
            "override training.epochs=0: training.epochs is 0; expected 1 or more. The default is 50.",
        ),
        (["--arms", "none,batch", "--seeds", "0"], "--seeds is 0; expected a whole number of 1 or more."),
        (["--until-settled", "--seeds", "0"], "--seeds is 0; expected a whole number of 1 or more."),
        (["--until-settled", "--max-seeds", "3"], "--max-seeds is 3"),
    ],
)
def test_a_refusal_comes_without_notes_on_the_arms(arguments: list[str], message: str, folder: Path) -> None:
    found = refused("compare", "my_net.py:build", "--data", "my.csv", "--target", "label", *arguments, cwd=folder)
    assert found.startswith(message) and "\n" not in found


@pytest.mark.parametrize("name", ["folder.keras", "exported"])
def test_a_folder_is_no_model_and_is_not_offered_as_one(name: str, folder: Path) -> None:
    (folder / name).mkdir()
    if name == "exported":
        (folder / name / "saved_model.pb").touch()
    asked = ("--data", "my.csv", "--target", "label")
    for arms in ([], ["--arms", "batch,none"]):
        assert refused("compare", name, *asked, *arms, cwd=folder) == (
            f"{name}: model.path is '{name}', a folder; expected a .keras file. A SavedModel cannot be trained further: "
            "build the network in Python, load its weights, and write it with `model.save('my.keras')`."
        )
    assert refused("compare", "folder2.keras", *asked, cwd=folder).endswith(f"in {folder}. Name a .keras file.")


def test_data_alone_are_not_checked(folder: Path) -> None:
    assert refused("check", "--data", "my.csv", "--target", "label", cwd=folder).startswith(
        "--data, --target can be given for a network of your own. Name one, such as my_net.py:build"
    )


MISSPELT = """\
my_net.py:biuld: model.build is 'my_net.py:biuld'; my_net.py has no function biuld. Did you mean 'build'? Good names: \
NAMES.
override trainin.epochs=2: trainin is not a known key. Did you mean 'training'? Good names: dataset, model, name, training.
--arms: model.normalization is 'nome'. Did you mean 'none'? Good names: as_written, none, batch, layer, group, instance, \
rms, renorm, ghost, frozen.
"""
UNKNOWN_TARGET = "--target: dataset.target is 'lable'; no column has this name. Did you mean 'label'?"


def test_mistakes_of_the_function_the_target_an_override_and_an_arm_are_told_at_once(folder: Path) -> None:
    asked = ("compare", "my_net.py:biuld", "--arms", "batch,nome", "trainin.epochs=2", "--data")
    message = refused(*asked, "my.csv", "--target", "lable", "dataset.scale=none", cwd=folder)
    names = message.partition("Good names: ")[2].partition(".\n")[0]
    assert message.startswith(MISSPELT.replace("NAMES", names) + UNKNOWN_TARGET)
    message = refused(*asked, "my.csv", "--target", "lable", "dataset.target=label", cwd=folder)
    assert "override trainin" in message and "--target" not in message, "the override names a column that exists"
    message = refused(*asked, "no.csv", "--target", "label", cwd=folder)
    first, second, *others = message.splitlines()
    assert second.startswith("--data is 'no.csv'; it is not there")
    assert "\n".join([first, *others]) + "\n" == MISSPELT.replace("NAMES", names), "no missing key of `dataset`"


def test_a_mistake_that_all_arms_share_is_told_once_though_a_layer_was_made_before(folder: Path) -> None:
    (folder / "shared.py").write_text(SHARED)
    options = ("--data", "my.csv", "--target", "label", "--arms", "layer,batch,none")
    message = refused("compare", "shared.py:build", *options, cwd=folder)
    assert message.startswith("shared.py:build: model does not take inputs of shape (3,): Input 0 with name 'None' of ")
    assert len(message.splitlines()) == 1, message
    message = refused("compare", "shared.py:good", *options, "model.freeze=[first]", cwd=folder)
    assert "names 'first'; no layer is called so." in message and len(message.splitlines()) == 1, message


def test_a_misspelt_target_names_the_column_that_was_meant(folder: Path) -> None:
    message = refused(
        "compare", "my_net.py:build", "--data", "my.csv", "--target", "labl", "--arms", "batch,none", cwd=folder
    )
    assert message.startswith("--target: dataset.target is 'labl'")
    assert "Did you mean 'label'?" in message


def test_a_comparison_whose_baseline_is_not_none_says_how_to_make_it_none(folder: Path) -> None:
    def noted(*arguments: str) -> str:
        data = ("--data", "my.csv", "--target", "label", *SHORT)
        return bnexp("compare", "my_net.py:build", *data, *arguments, cwd=folder).stderr

    assert (
        "The baseline is batch, the last arm. To compare each arm with none, name it last: --arms batch,none."
    ) in noted("--arms", "none,batch")
    for others in (("batch,none",), ("none,batch", "--baseline", "my_net-none")):
        assert "The baseline is" not in noted("--arms", *others)


def test_an_error_in_the_users_code_shows_their_traceback(folder: Path) -> None:
    arguments = ("my_net.py:broken", "--data", "my.csv", "--target", "label", "--arms", "batch,none")
    before = sorted(folder.rglob("*"))
    done = bnexp("compare", *arguments, cwd=folder, code=2)
    assert "your code in my_net.py fails when it is called:" in done.stderr
    assert "return keras.layers.Dense(1)(None).shape[7]" in done.stderr
    alone = "import my_net; my_net.broken()"
    assert f'The error is in that code, and not in bnexp. Fix it, and try it with `python -c "{alone}"`.' in done.stderr
    assert sorted(folder.rglob("*")) == before


GRAY = """
import keras
from keras import layers

def build(input_shape):
    x = keras.Input(input_shape)
    hidden = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(2, 3)(x)))
    return keras.Model(x, layers.Dense(1, "sigmoid")(layers.Flatten()(hidden)))

def fixed():
    return build((8, 8, 1))
"""


def test_gray_images_without_a_channel_are_asked_about_and_the_cure_works(tmp_path: Path) -> None:
    (tmp_path / "gray.py").write_text(GRAY)
    np.savez(tmp_path / "gray.npz", x=np.random.default_rng(0).random((60, 8, 8)), y=np.arange(60) % 2)
    data = ("--data", "gray.npz", "--arms", "batch,none", "--dry-run")
    called = refused("compare", "gray.py:build", *data, cwd=tmp_path)
    assert (
        "If the rows are gray images, set dataset.kind=image, a key of npz: then input_shape is (8, 8, 1). If they are "
        "not, fix the code, and try it with "
    ) in called
    assert "not in bnexp" not in called
    fixed = refused("compare", "gray.py:fixed", *data, cwd=tmp_path)
    assert "set dataset.kind=image if the rows of an npz file are gray images." in fixed
    for name in ("build", "fixed"):
        assert (
            "48 training rows" in bnexp("compare", f"gray.py:{name}", *data, "dataset.kind=image", cwd=tmp_path).stdout
        )


def test_two_arms_with_the_same_layers_are_refused(folder: Path) -> None:
    message = refused(
        "compare", "my_net.py:build", "--data", "my.csv", "--target", "label", "--arms", "as_written,batch", cwd=folder
    )
    assert message.splitlines()[-1] == (
        "my_net-batch and my_net-as_written have the same layers; expected arms that differ. Leave one of them out."
    )


def test_inputs_that_an_arm_cannot_normalize_are_no_error_of_the_users_code(folder: Path) -> None:
    plan = ("--data", "my.csv", "--target", "label", "--arms", "batch,instance", "--dry-run")
    message = refused("compare", "my_net.py:made", *plan, cwd=folder)
    assert "model.normalization is instance; inputs in my_net.py:made cannot be normalized like that: " in message
    assert "your code" not in message


@pytest.mark.parametrize(
    "words",
    [
        "train {}", "train {}.py:build", "train {}.keras", "compare {} {}", "compare {}.keras --data {}.npz", "check {}",
        "init {}.csv", "init {}",
    ],
)  # fmt: skip
def test_names_that_are_longer_than_names_of_files_can_be_are_refused(words: str, folder: Path) -> None:
    message = refused(*words.format("x" * 300, "y" * 300).split(), cwd=folder)
    assert "x" * 20 in message and "Traceback" not in message


CHANGING = """
import itertools
from my_net import build as built

widths = itertools.count(4)

def counted():
    return built(next(widths))

def wider(normalization):
    import keras
    width = 5 if "Batch" in type(normalization()).__name__ else 4
    hidden = keras.layers.Dense(width)
    return keras.Sequential([keras.Input((3,)), hidden, normalization(), keras.layers.Dense(1, activation="sigmoid")])

def begun(normalization):
    import keras
    is_batch = "Batch" in type(normalization()).__name__
    zeros = keras.layers.Dense(4, kernel_initializer="glorot_uniform" if is_batch else "zeros", name="hidden")
    ones = keras.layers.Dense(1, activation="sigmoid", bias_initializer="zeros" if is_batch else "ones", name="last")
    return keras.Sequential([keras.Input((3,)), zeros, normalization(), ones])
"""


def test_options_that_a_function_gives_normalization_are_refused_with_where_they_belong(folder: Path) -> None:
    code = "def build(normalization):\n    return normalization(name='a', momentum=0.9, axis=1)\n"
    (folder / "options.py").write_text(code)
    message = refused("compare", "options.py:build", "--data", "my.csv", "--target", "label", cwd=folder)
    assert (
        "model.build is 'options.py:build'; it calls normalization with momentum, axis; expected `name` alone"
        in message
    )
    assert "set options of an arm in its config, such as model.normalization.momentum=0.9." in message


OTHER_SHAPES = "the kernels of one have other names or shapes"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("counted", OTHER_SHAPES),
        ("wider", OTHER_SHAPES),
        ("begun", "they begin with other values of hidden/kernel, last/bias"),
    ],
)
def test_a_function_that_builds_other_weights_in_each_arm_is_refused(folder: Path, name: str, seen: str) -> None:
    (folder / "changing.py").write_text(CHANGING)
    arms = ("--data", "my.csv", "--target", "label", "--arms", "batch,none")
    message = refused("compare", f"changing.py:{name}", *arms, cwd=folder)
    assert message.splitlines()[-1] == (
        f"changing-{name}-none and changing-{name}-batch differ in more than their normalization: {seen}. "
        "Let your function build the same network in each call, except for its normalization layers."
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
def test_trained_weights_on_scaled_inputs_are_warned_of_until_they_are_not_scaled(folder: Path) -> None:
    import keras

    layers = [
        keras.Input((3,)),
        keras.layers.Dense(4),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, "sigmoid"),
    ]
    keras.Sequential(layers).save(folder / "my.keras")
    plan = ("train", "my.keras", "--data", "my.csv", "--target", "label", "model.weights=keep", "--dry-run")
    warned = bnexp(*plan, cwd=folder).stdout
    assert "# network: The network's weights are kept, and its inputs are scaled (dataset.scale is standard)." in warned
    assert "its inputs are scaled" not in bnexp(*plan, "dataset.scale=none", cwd=folder).stdout
    drawn = bnexp(*plan[:-2], "model.freeze=[dense]", "--dry-run", cwd=folder).stdout
    assert "WARNING  Frozen before they learned anything: dense. model.weights is draw, and they keep" in drawn
    assert "# network: The network's present weights are not used: each seed draws its own." in drawn


WORDS = """
import keras

def build(width, input_shape):
    layers = keras.layers
    first = [layers.Embedding(10_000, width), layers.GlobalAveragePooling1D()]
    first = first if len(input_shape) == 1 and input_shape[0] > 10 else [layers.Dense(width)]
    return keras.Sequential([keras.Input(input_shape), *first, layers.BatchNormalization(), layers.Dense(1)])
"""


@pytest.mark.parametrize(
    ("data", "cures"),
    [
        ("semi.csv", ["model.arguments={width: 64}", 'dataset.separator=";"']),
        ("the text.csv", ['dataset={name: text_csv, path: "the text.csv", target: label, text: "a, b"}']),
    ],
)
def test_a_cure_that_is_an_override_works_when_it_is_pasted(folder: Path, data: str, cures: list[str]) -> None:
    (folder / "words.py").write_text(WORDS)
    rows = range(40)
    (folder / "semi.csv").write_text("a;label\n" + "".join(f"{row};{row % 2}\n" for row in rows))
    texts = "".join(f"this is text number {row} of all,{row % 2}\n" for row in rows)
    (folder / "the text.csv").write_text(f'"a, b",label\n{texts}')
    asked = ["compare", "words.py:build", "--data", data, "--target", "label", "--dry-run"]
    found: list[str] = []
    width = ["model.arguments={width: 3}"]
    for _ in cures:
        told = refused(*asked, *found, *(width if "text" in data else []), cwd=folder)
        pasted = shlex.split(re.findall(r"[Uu]se ('.*')\.", told)[0])
        assert len(pasted) == 1, told
        found += pasted
    assert sorted(found) == sorted(cures)
    assert "words-none" in bnexp(*asked, *found, *(width if "text" in data else []), cwd=folder).stdout
