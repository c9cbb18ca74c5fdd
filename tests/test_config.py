"""Configs: what they mean, how they are merged, and that every mistake is told with its place, its cure and its kin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp import config
from bnexp.config.yaml import plain, read
from bnexp.errors import ConfigError

CONFIGS = Path(__file__).parent.parent / "configs"
BASE = "dataset: {name: classification}\nmodel: {name: mlp}\n"


def loaded(tmp_path: Path, text: str, *overrides: str) -> config.Experiment:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return config.load(path, overrides)


def problems(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, *overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{tmp_path}/", "")


# --- what a config means -----------------------------------------------------------


def test_bn_yaml_is_the_tutorials_example() -> None:
    bn = config.load(CONFIGS / "bn.yaml")
    assert bn.model_dump(include={"name": True, "dataset": {"name", "samples", "features", "classes", "seed"}}) == {
        "name": "bn",
        "dataset": {"name": "classification", "samples": 1000, "features": 20, "classes": 2, "seed": 42},
    }
    assert (bn.dataset.test_size, bn.dataset.scale) == (0.2, "none")
    assert (bn.model.hidden, bn.model.activation, bn.model.normalization.name) == ([64, 64], "relu", "batch")
    assert (bn.model.placement, bn.training.optimizer.name) == ("after", "adam")
    assert (bn.training.epochs, bn.training.batch_size, bn.training.learning_rate.initial) == (50, 32, 0.001)


def test_nobn_differs_from_bn_in_its_normalization_alone() -> None:
    arms = [config.load(CONFIGS / name) for name in ("bn.yaml", "nobn.yaml")]
    assert config.differences(*arms) == {"model.normalization": ("batch", "none")}
    assert config.digest(arms[0]) != config.digest(arms[1])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 100000.0), (".5", 0.5), ("5.", 5.0), ("010", 10), ("0o10", 8), ("0x1F", 31),
        ("-7", -7), ("on", "on"), ("no", "no"), ("yes", "yes"), ("2026-11-23", "2026-11-23"), ("12:30", "12:30"),
        ("1_000", "1_000"), ("~", None), ("null", None), ("", None), ("true", True), ("False", False),
        ("'1'", "1"), ('"true"', "true"), (".inf", float("inf")), ("=", "="), ("[1, a]", [1, "a"]),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    assert plain(read(f"key: {text}\n", "x")) == {"key": value}


def test_a_learning_rate_written_1e_minus_3_is_a_number(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE + "training: {learning_rate: 1e-3}\n").training.learning_rate.initial == 0.001


def test_without_a_name_an_experiment_is_called_as_its_file_even_when_it_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE + "name: base\n")
    assert loaded(tmp_path, "extends: base.yaml\n").name == "x"


def test_sgd_has_keras_own_default_rate(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE, "training.optimizer=sgd").training.learning_rate.initial == 0.01


def test_extending_goes_over_several_files_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BASE + "training: {epochs: 5, seeds: 3}\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\ntraining: {epochs: 6}\nmodel: {hidden: [8]}\n")
    experiment = loaded(tmp_path, "extends: b.yaml\nmodel: {normalization: batch}\n")
    assert (experiment.training.epochs, experiment.training.seeds) == (6, 3)
    assert (experiment.model.hidden, experiment.model.normalization.name) == ([8], "batch")


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        (["training.epochs=5"], "training.epochs", 5),
        (["model.normalization=batch", "model.normalization.momentum=0.9"], "model.normalization.momentum", 0.9),
        (["model.normalization={name: batch, epsilon: 1e-5}"], "model.normalization.epsilon", 1e-5),
        (["training.early_stopping.patience=3"], "training.early_stopping.patience", 3),
        (["training.optimizer.beta_1=0.5"], "training.optimizer.beta_1", 0.5),
        (["training.learning_rate={name: cosine, initial: 0.1}"], "training.learning_rate.initial", 0.1),
        (["dataset.noise=0.3", "dataset.name=moons"], "dataset.noise", 0.3),
        (["training.epochs=5", "training.epochs=6"], "training.epochs", 6),
        (["name=other"], "name", "other"),
    ],
)
def test_overrides_reach_every_key(tmp_path: Path, overrides: list[str], path: str, value: Any) -> None:
    found: Any = loaded(tmp_path, BASE + "training: {optimizer: adam}\n", *overrides)
    for key in path.split("."):
        found = getattr(found, key)
    assert found == value


def test_an_override_reaches_an_entry_of_a_list(tmp_path: Path) -> None:
    text = "dataset: {name: classification}\nmodel: {name: mlp, hidden: [8, 16]}\n"
    assert loaded(tmp_path, text, "model.hidden.1=4").model.hidden == [8, 4]
    assert problems(tmp_path, text, "model.hidden.2=4") == (
        "override model.hidden.2=4: there is no entry 2; the list has 2, counted from 0."
    )


def test_another_kind_of_section_does_not_inherit_what_the_old_kind_was_told(tmp_path: Path) -> None:
    text = "dataset: {name: classification, features: 5}\nmodel: {name: mlp, normalization: {name: batch, momentum: 0.5}}\n"
    experiment = loaded(tmp_path, text, "dataset.name=moons", "model.normalization=layer")
    assert (experiment.dataset.name, experiment.model.normalization.name) == ("moons", "layer")


def test_a_base_may_leave_the_kind_open(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("dataset: {samples: 500}\nmodel: {name: mlp}\n")
    assert loaded(tmp_path, "extends: base.yaml\ndataset: {name: moons}\n").dataset.samples == 500


LAYERS = [{"Dense": {"units": 3, "activation": None}}, "Flatten", {"Dense": {"units": 1, "activation": "sigmoid"}}]


@pytest.mark.parametrize(
    "overrides",
    [
        [], ["name='1e3'"], ["name=no", "model.normalization=layer"], ["dataset.weights=[0.3, 0.7]"],
        ["training.learning_rate={name: step, initial: 0.1, every_epochs: 3}", "training.early_stopping={}"],
        ["training.optimizer={name: sgd, momentum: 0.9, nesterov: true}"], ["dataset={name: blobs, classes: 4}"],
        [f"model={{name: sequential, layers: {LAYERS!r}}}".replace("None", "null")],
    ],
)  # fmt: skip
def test_what_is_dumped_loads_to_the_same_experiment(tmp_path: Path, overrides: list[str]) -> None:
    experiment = loaded(tmp_path, BASE, *overrides)
    (tmp_path / "dumped.yaml").write_text(config.dump(experiment))
    assert config.load(tmp_path / "dumped.yaml") == experiment
    assert config.digest(config.load(tmp_path / "dumped.yaml")) == config.digest(experiment)


def test_differences_name_the_kind_where_the_kind_differs_and_else_the_key(tmp_path: Path) -> None:
    one = loaded(tmp_path, BASE, "model.normalization=batch")
    other = loaded(tmp_path, BASE, "model.normalization={name: batch, momentum: 0.9}", "training.learning_rate=0.1")
    assert config.differences(one, other) == {
        "model.normalization.momentum": (0.99, 0.9),
        "training.learning_rate.initial": (0.001, 0.1),
    }
    layer = loaded(tmp_path, BASE, "model.normalization=layer", "training.early_stopping={patience: 3}")
    assert list(config.differences(one, layer)) == ["model.normalization", "training.early_stopping"]


# --- mistakes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\n\tb: 1\n", "x.yaml:2: is not YAML; there is a tab where it wants spaces. Indent with spaces."),
        ("name: [1\n", "x.yaml:2: is not YAML; expected ',' or ']'"),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: the key a is repeated; it stands in line 1 already. Keep one of them."),
        ("a: !!python/object/apply:os.system [ls]\n", "x.yaml:1: has the tag tag:yaml.org,2002:python/object/apply:os"),
        ("a: !x 1\n", "x.yaml:1: has the tag !x; configs hold plain values only. Leave the tag out."),
        ("a: &b [1]\nc: [*b, *b]\n", "x.yaml:1: has an anchor or alias (& or *)"),
        ("a: {b: 1}\nc:\n  <<: {d: 1}\n", "x.yaml:3: has a merge key (<<)"),
        ("a: 1\n---\nb: 1\n", "x.yaml:2: begins a second document; expected one. Leave out the `---`."),
        (
            "a:\n  b: c\n   d: 1\n",
            "x.yaml:3: is not YAML; mapping values are not allowed here (column 5). "
            "Indent the keys of one section alike, and quote a text that holds a colon.",
        ),
        ("- 1\n", "x.yaml:1: holds a list; expected a mapping of keys, as in `name: bn`."),
        ("text\n", "x.yaml:1: holds one value; expected a mapping of keys"),
        ("", "x.yaml:1: holds nothing; expected a mapping of keys"),
        ("? [a]\n: 1\n", "x.yaml:1: a key is a list; expected a word."),
        ("a: " + "[" * 40 + "]" * 40, "x.yaml:1: is nested 31 levels deep; expected 30 or fewer."),
        ("a: \x01\n", "x.yaml:1: is not YAML; it holds a character that YAML does not allow."),
        ("a: \x00\n", "x.yaml:1: is not YAML; it holds a character that YAML does not allow."),
    ],
)
def test_what_is_not_plain_safe_yaml_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert problems(tmp_path, text).startswith(message)


def test_an_alias_bomb_is_refused_before_it_is_built(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert problems(tmp_path, "\n".join(lines)).startswith("x.yaml:1: has an anchor or alias")


def test_bytes_that_are_not_utf_8_and_files_too_large_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: a\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"x\.yaml:2: is not UTF-8 text\. Save it as UTF-8\."):
        config.load(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match=r"has 1000001 bytes; expected 1000000 or fewer"):
        config.load(path)


def test_a_missing_file_names_the_nearest_one_beside_it() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(CONFIGS / "bm.yaml")
    assert str(caught.value).endswith(
        "configs/bm.yaml: is missing; expected a config file. Did you mean 'bn.yaml'? Good names: bn.yaml, nobn.yaml."
    )


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = """\
dataset:
  name: classificaton
model:
  name: mlp
  hiden: [64]
  activation: rellu
training:
  epochs: five
  seeds: 0
  optimizer: adamm
"""
    assert problems(tmp_path, text).splitlines() == [
        "x.yaml:2: dataset.name is 'classificaton'. Did you mean 'classification'? "
        "Good names: classification, regression, moons, circles, blobs, csv, parquet, npz, image_folder, text_csv, "
        "wav_folder, openml, breast_cancer, wine, iris, diabetes, image_segments, penguins, digits, mnist5k, "
        "fashion_mnist, mnist, cifar10, cifar100, spam_assassin, sentiment_sentences, imdb, reuters, spoken_digits, "
        "asterisk_lang.",
        "x.yaml:6: model.activation is 'rellu'. Did you mean 'relu'? Good names: relu, sigmoid, tanh, linear, elu, selu, "
        "gelu, silu, swish, softplus, softsign, leaky_relu, relu6, mish, hard_sigmoid, hard_silu, exponential.",
        "x.yaml:5: model.hiden is not a known key. Did you mean 'hidden'? Good names: activation, dropout, hidden, "
        "initializer, l2, name, normalization, placement, repeat.",
        "x.yaml:10: training.optimizer is 'adamm'. Did you mean 'adam'? Good names: sgd, adam, adamw, rmsprop, nadam, "
        "adamax, adagrad, adadelta, lion, ftrl, adafactor, lamb, muon.",
        "x.yaml:8: training.epochs is 'five' (text); expected a whole number. The default is 50.",
        "x.yaml:9: training.seeds is 0; expected 1 or more. The default is 20.",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=", "override training.epochs=: has no value; expected KEY=VALUE."),
        ("=5", "override =5: has no key; expected KEY=VALUE, as in `training.epochs=5`."),
        ("training..epochs=5", "override training..epochs=5: has no key;"),
        ("training.epochs=[1", "override training.epochs=[1: the value is not YAML;"),
        (
            "training.epochs=!!python/name:os.system x",
            "override training.epochs=!!python/name:os.system x:1: has the tag",
        ),
        (
            "name=[bold]x[/bold]",
            "override name=[bold]x[/bold]: the value is not YAML; expected '<document start>', but found '<scalar>'. "
            """If it is a text, quote it, and once more for the shell: "name='[bold]x[/bold]'".""",
        ),
        (
            "dataset={name: csv, path: t.csv, target: y, separator: ;;}",
            "dataset.separator is ';;' (text); expected at most 1 character. The default is ','.",
        ),
        (
            "dataset.name=parquet",
            "override dataset.name=parquet: dataset.target is missing; it has no default. Write it: `target: ...`; "
            "docs/keys.md of bnexp's repository tells what it is. Another kind of dataset starts from its own defaults.",
        ),
        ("training.epoch=5", "override training.epoch=5: training.epoch is not a known key. Did you mean 'epochs'?"),
        (
            "model.initializer=he_norm",
            "override model.initializer=he_norm: model.initializer is 'he_norm'. Did you mean 'he_normal'?",
        ),
        (
            "dataset.shift.scale=0.5",
            "override dataset.shift.scale=0.5: dataset.shift is given, and there is no test part that it could set apart.",
        ),
        (
            "training.refresh_statistics=always",
            "override training.refresh_statistics=always: training.refresh_statistics is 'always'. "
            "Good names: true, false, each_part.",
        ),
        ("epochs=5", "override epochs=5: epochs is not a known key. Did you mean 'training.epochs'?"),
        ("training.epochs=5.0", "override training.epochs=5.0: training.epochs is 5.0; expected a whole number."),
        ("training.epochs=true", "override training.epochs=true: training.epochs is true; expected a whole number."),
        ("training.epochs.x=5", "override training.epochs.x=5: training.epochs is {x: 5}; expected a whole number."),
        (
            "training.learning_rate=-1",
            "override training.learning_rate=-1: training.learning_rate is -1; expected more",
        ),
        (
            "training.learning_rate=.inf",
            "override training.learning_rate=.inf: training.learning_rate is inf; expected",
        ),
        ("training.optimizer.beta_1=1", "training.optimizer.beta_1 is 1; expected less than 1."),
        ("training.seeds=0", "training.seeds is 0; expected 1 or more. The default is 20."),
        ("training=5", "override training=5: training is 5; expected a mapping of keys."),
        ("model.hidden=[]", "model.hidden is []; expected at least 1. The default is [64, 64]."),
        ("model.hidden=[0]", "model.hidden.0 is 0; expected 1 or more."),
        ("model.hidden=64", "model.hidden is 64; expected a list, as in [64]. The default is [64, 64]."),
        ("model.dropout=1", "model.dropout is 1; expected less than 1."),
        (
            "model.normalization=bach",
            "model.normalization is 'bach'. Did you mean 'batch'? Good names: none, batch, layer, group, ",
        ),
        (
            "model.normalization.momentum=0.9",
            "model.normalization.name is missing; it has no default. Good names: none, ",
        ),
        ("model.placement=behind", "model.placement is 'behind'. Good names: before, after."),
        ("dataset.test_size=1", "dataset.test_size is 1; expected less than 1."),
        ("dataset.scale=log", "dataset.scale is 'log'. Good names: none, standard, minmax."),
        ("name=5", "name is 5; expected text."),
    ],
)
def test_a_mistaken_override_is_told_as_it_was_typed(tmp_path: Path, override: str, message: str) -> None:
    assert message in problems(tmp_path, BASE + "training: {optimizer: adam}\n", override)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.batch_size=1", "model.normalization=batch"],
         "training.batch_size is 1; batch normalization needs at least 2 rows to have a variance. "
         "Use 2 or more, or another normalization."),
        (["training.batch_size=17", "model.normalization=batch"],
         "the last batch of 800 training rows holds a single row, and batch normalization needs at least 2 to have a "
         "variance. Use training.drop_last: true, or another batch size."),
        (["training.batch_size=1", "model={name: rnn, normalization: batch}"],
         "training.batch_size is 1; batch normalization needs at least 2 rows to have a variance."),
        (["training.batch_size=17", "model={name: rnn, normalization: ghost}"],
         "the last batch of 800 training rows holds a single row"),
        (["training.batch_size=801"], "training.batch_size is 801; the training part has 800 rows. Use 800 or fewer."),
        (["model={name: transformer, heads: 3}"], "model.heads is 3, which does not divide model.width, 32;"),
        (["dataset.features=3"], "dataset.features is 3; informative + redundant + repeated are 4 (2 + 2 + 0)."),
        (["dataset.classes=3"], "2 informative features have 4 corners for 6 clusters. Use dataset.informative: 3 or more"),
        (["dataset.weights=[0.5, 0.6]"], "dataset.weights is [0.5, 0.6]; expected one share for each of the 2 classes"),
        (["dataset={name: regression, features: 5}"], "dataset.informative is 10 of 5 features; expected no more than"),
        (["dataset={name: blobs, center_box: [1, 1]}"], "dataset.center_box is [1, 1]; expected the lower bound first."),
        (["dataset={name: openml}"], "dataset is openml without a set; expected its number, dataset.id, or its name, dataset.data_name."),
        (["dataset={name: openml, id: 61, data_name: iris}"], "dataset.data_name is iris, and dataset.id is 61; expected one of them. Leave one out."),
        (["dataset={name: openml, id: 61, version: 2}"], "dataset.version is 2; a set's number, dataset.id, says its version too."),
        (["dataset.samples=4", "dataset.test_size=0.9"], "no row is left for training. Use a smaller one."),
        (["training.early_stopping.monitor=val_r2"],
         "training.early_stopping.monitor is val_r2; a binary task does not measure it. "
         "Good names: val_loss, val_accuracy, loss, accuracy."),
    ],
)  # fmt: skip
def test_keys_that_disagree_are_refused_with_the_cure(tmp_path: Path, overrides: list[str], message: str) -> None:
    assert message in problems(tmp_path, BASE, *overrides)


def test_single_rows_do_no_harm_where_nothing_needs_a_variance(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE, "training.batch_size=1").training.batch_size == 1
    assert loaded(tmp_path, BASE, "training.batch_size=17", "model.normalization=batch", "training.drop_last=true")
    frames = "model={name: rnn, placement: before, normalization: batch}"  # statistics over all frames of the row
    assert loaded(tmp_path, BASE, frames, "training.batch_size=1")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("Dens: {units: 3}", "x.yaml:5: model.layers.0 is 'Dens'. Did you mean 'Dense'? Good names: Activation,"),
        ("Dense: [3]", "x.yaml:5: model.layers.0 is {Dense: [3]}; expected a mapping of keys."),
        ("3", "x.yaml:5: model.layers.0 is 3; expected a mapping of keys."),
        ("Lambda: {function: x}", "x.yaml:5: model.layers.0 is 'Lambda'. Good names:"),
        ("Dense: {units: 3, kernel_initializer: {module: os, class_name: system}}",
         "expected numbers, text, true, false, null, or lists of them."),
    ],
)  # fmt: skip
def test_a_layer_that_keras_has_not_or_that_could_build_an_object_is_refused(
    tmp_path: Path, layer: str, message: str
) -> None:
    text = f"dataset: {{name: moons}}\nmodel:\n  name: sequential\n  layers:\n    - {layer}\n"
    assert message in problems(tmp_path, text)


def test_extends_that_is_missing_or_goes_in_a_loop_is_told_where_it_stands(tmp_path: Path) -> None:
    assert problems(tmp_path, BASE + "extends: nothere.yaml\n") == (
        "x.yaml:3: extends is 'nothere.yaml'; nothere.yaml: is missing; expected a config file. Good names: x.yaml."
    )
    (tmp_path / "b.yaml").write_text("extends: x.yaml\n")
    loop = "b.yaml:1: extends goes in a loop: x.yaml -> b.yaml -> x.yaml. Let one of them extend nothing."
    assert problems(tmp_path, "extends: b.yaml\n") == loop
    assert (
        problems(tmp_path, "extends: [b.yaml]\n") == "x.yaml:1: extends is ['b.yaml']; expected a file beside this one."
    )
    assert problems(tmp_path, 'extends: "a\\0b"\n') == (
        "x.yaml:1: extends is 'a\\x00b'; expected a file beside this one."
    )


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 101, "0x" + "f" * 5000])
def test_a_number_of_more_digits_than_python_reads_is_refused_where_it_stands(tmp_path: Path, number: str) -> None:
    seen = f"has a number of {len(number)} digits; expected 100 or fewer."
    assert problems(tmp_path, BASE + f"training: {{epochs: {number}}}\n") == f"x.yaml:3: {seen}"
    assert problems(tmp_path, BASE, f"training.epochs={number}").endswith(f": {seen}")
    assert "training.epochs is 999" in problems(tmp_path, BASE, f"training.epochs={'9' * 100}")


def test_where_tells_the_line_of_a_key_or_of_the_section_it_would_stand_in() -> None:
    path = CONFIGS / "bn.yaml"
    line = path.read_text().splitlines().index("  test_size: 0.2 # the test part serves as validation data") + 1
    assert config.where(path, [], "dataset.test_size") == f"{path}:{line}"
    assert config.where(path, ["dataset.test_size=0.3"], "dataset.test_size") == "override dataset.test_size=0.3"
    assert config.where(path, [], "dataset.scale") == f"{path}:3"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("abc:{}[]-?*&!|>'\"%@`#, \n\t0159.e~=<"), max_size=60))
def test_no_text_at_all_brings_anything_but_an_experiment_or_a_told_mistake(text: str) -> None:
    try:
        read(text, "x.yaml")
    except ConfigError as error:
        assert str(error).startswith("x.yaml:")
