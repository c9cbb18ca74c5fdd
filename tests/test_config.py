"""Configs: what they mean, how they are merged, and that every mistake is told with its place, its cure and its kin."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp import config
from bnexp.config import yaml
from bnexp.config.study_reading import read_study
from bnexp.config.yaml import plain, read
from bnexp.config.yaml_text import dump_plain
from bnexp.errors import ConfigError, Problems

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


def test_the_number_of_seeds_is_no_part_of_the_digest_as_it_was_in_older_runs() -> None:
    few, many = (config.load(CONFIGS / "bn.yaml", [f"training.seeds={seeds}"]) for seeds in (3, 20))
    assert config.digest(few) == config.digest(many)
    assert config.digest(few) != config.digest(config.load(CONFIGS / "bn.yaml", ["training.epochs=3"]))
    assert config.former_digest(few, 20) == config.former_digest(many, 20) != config.former_digest(many, 3)
    facts = many.model_dump(mode="json", exclude={"name": True, "training": {"save", "memory_limit", "keep_rows"}})
    del facts["training"]["class_weight"], facts["training"]["metrics"]  # unset keys that came later
    written = json.dumps(facts, sort_keys=True).encode()
    assert config.former_digest(few, 20) == hashlib.sha256(written).hexdigest()


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{b: churned?}", {"b": "churned?"}), ("{b: churned?, c: 1}", {"b": "churned?", "c": 1}),
        ("{b: Größe (cm)?}", {"b": "Größe (cm)?"}), ("{b: x?y}", {"b": "x?y"}), ("[x?, y]", ["x?", "y"]),
        ("{b: http://x.org/a?b=c&d}", {"b": "http://x.org/a?b=c&d"}), ("[http://x.org:80/a, b]", ["http://x.org:80/a", "b"]),
        ("{b: C:\\data\\x.csv}", {"b": "C:\\data\\x.csv"}), ("{b: C:/data}", {"b": "C:/data"}), ("{b: 12:30}", {"b": "12:30"}),
        ("{b: 50%}", {"b": "50%"}), ("{b: x@y.org}", {"b": "x@y.org"}), ("{b: x#y}", {"b": "x#y"}), ("{b: x!}", {"b": "x!"}),
        ("{b: x|y}", {"b": "x|y"}), ("{b: x&y*z}", {"b": "x&y*z"}), ("{b: -x}", {"b": "-x"}), ("{b: ;}", {"b": ";"}),
        ("{b: ','}", {"b": ","}), ('{b: "\\t"}', {"b": "\t"}), ("{b: it's}", {"b": "it's"}), ("?b", "?b"), (":b", ":b"),
        ("b\tc", "b\tc"), ("b\t", "b"), ("b # c", "b"), ("{b: c\t}", {"b": "c"}), ("\n- b: c\n- d: e", [{"b": "c"}, {"d": "e"}]),
    ],
)  # fmt: skip
def test_texts_with_special_characters_are_read_as_yaml_1_2_has_them(text: str, value: Any) -> None:
    assert plain(read(f"a: {text}\n", "x")) == {"a": value}


def test_without_libyaml_a_question_mark_in_braces_is_refused_with_the_cure(tmp_path: Path) -> None:
    with patch.object(yaml, "LOADER", pyyaml.SafeLoader):
        assert problems(tmp_path, "a: 1\nb: {c: churned?}\n").startswith(
            "x.yaml:2: is not YAML; expected , or } before ?, since the { of line 2 is not closed (column 15). "
            "Close it, or quote a text that holds one of , : ? # [ ] { }"
        )


def test_a_section_that_is_missing_is_shown_in_a_form_that_can_be_pasted(tmp_path: Path) -> None:
    told = problems(tmp_path, "name: a\n")
    for key in ("dataset", "model"):
        (example,) = re.findall(rf"`({key}: .*?)`", told)
        told_then = problems(tmp_path, f"name: a\n{example}\n")
        assert f": {key}" not in told_then and "is missing; it has no default" in told_then


def test_a_wrong_weight_of_a_class_is_told_with_its_class_and_line(tmp_path: Path) -> None:
    weights = BASE + "training:\n  class_weight:\n    no: 1\n    yes: -5\n    2: x\n"
    line = BASE.count("\n") + 4
    assert problems(tmp_path, weights).splitlines() == [
        f"x.yaml:{line}: training.class_weight.yes is -5; expected 0 or more.",
        f"x.yaml:{line + 1}: training.class_weight.2 is 'x' (text); expected a number.",
    ]


def test_a_learning_rate_written_1e_minus_3_is_a_number(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE + "training: {learning_rate: 1e-3}\n").training.learning_rate.initial == 0.001


def test_without_a_name_an_experiment_is_called_as_its_file_even_when_it_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE + "name: base\n")
    assert loaded(tmp_path, "extends: base.yaml\n").name == "x"


def test_an_optimizer_without_a_name_is_the_default_one_with_these_options(tmp_path: Path) -> None:
    for text, overrides in (
        (BASE, ["training.optimizer.clipnorm=1"]),
        (BASE + "training: {optimizer: {clipnorm: 1}}\n", []),
    ):
        optimizer = loaded(tmp_path, text, *overrides).training.optimizer
        assert (optimizer.name, optimizer.clipnorm) == ("adam", 1)
    sgd = BASE + "training: {optimizer: sgd}\n"
    assert loaded(tmp_path, sgd, "training.optimizer.clipnorm=1").training.optimizer.name == "sgd"


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
        (["model.hidden=[8, 16]", "model.hidden.1=4"], "model.hidden", [8, 4]),
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
        "override model.hidden.2=4: there is no entry 2; the list has 2, counted from 0. "
        "Use 0 to 1, or give the whole list."
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
        ("name: a\n\tb: 1\n", "x.yaml:2: is not YAML; there is a tab where YAML needs spaces. Indent with spaces."),
        (
            "name: [1\n",
            "x.yaml:1: is not YAML; the [ is not closed (column 7). Close it, or quote a text that holds one of ",
        ),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: the key a is repeated; line 1 already has it. Keep one of them."),
        ("a: !!python/object/apply:os.system [ls]\n", "x.yaml:1: has the tag tag:yaml.org,2002:python/object/apply:os"),
        ("a: !x 1\n", "x.yaml:1: has the tag !x; configs hold plain values only. Leave the tag out."),
        ("a: &b [1]\nc: [*b, *b]\n", "x.yaml:1: has an anchor or alias (& or *)"),
        ("a: {b: 1}\nc:\n  <<: {d: 1}\n", "x.yaml:3: has a merge key (<<)"),
        ("a: 1\n---\nb: 1\n", "x.yaml:2: begins a second document; expected one. Leave out the `---`."),
        (
            "a:\n  b: c\n   d: 1\n",
            "x.yaml:3: is not YAML; a key is not expected here (column 5). "
            "Indent the keys of one section alike, and quote a text that holds a colon.",
        ),
        ("- 1\n", "x.yaml:1: holds a list; expected a mapping of keys, as in `name: bn`."),
        ("text\n", "x.yaml:1: holds one value; expected a mapping of keys"),
        ("", "x.yaml:1: holds nothing; expected a mapping of keys"),
        ("? [a]\n: 1\n", "x.yaml:1: a key is a list; expected a word."),
        ("a: " + "[" * 40 + "]" * 40, "x.yaml:1: is nested 31 levels deep; expected 30 or fewer."),
        ("a: \x01\n", "x.yaml:1: is not YAML; it holds the character U+0001, which YAML does not allow. Leave it out."),
        ("a: \x00\n", "x.yaml:1: is not YAML; it holds the character U+0000, which YAML does not allow. Leave it out."),
        (
            "a: b\nc: d\u2028e\n",
            "x.yaml:2: is not YAML; it holds the character U+2028 (line separator), which YAML does not allow. "
            'Leave it out, or write it as "\\u2028" in double quotes.',
        ),
        ("a: {?b: 1}\n", 'x.yaml:1: has a ?, which begins a key in YAML. If it is a text, quote it: "?b".'),
        (
            "a:\n  separator: |\n",
            "x.yaml:2: has a |, which begins a text of several lines, and no text follows. "
            'If it is a text, quote it: "|".',
        ),
        ("a: @b\n", "x.yaml:1: is not YAML; a text cannot begin with @ (column 4). Quote the text."),
        ("a: {b: %c}\n", "x.yaml:1: is not YAML; a text cannot begin with % (column 8). Quote the text."),
        ("a: [`b`]\n", "x.yaml:1: is not YAML; a text cannot begin with ` (column 5). Quote the text."),
        ("a: {b: ?}\n", "x.yaml:1: is not YAML; a text cannot begin with ? (column 8). Quote the text."),
        ("a: [?]\n", 'x.yaml:1: is not YAML; a ? begins a key in YAML (column 5). If it is a text, quote it: "?".'),
        (
            "a:\n  b: [x, ?]\nc: 1\n",
            "x.yaml:2: is not YAML; a ? begins a key in YAML (column 10). If it is a text, quote",
        ),
        (
            "a: {b: [\n  x,\n  ?, y]}\n",
            "x.yaml:3: is not YAML; a ? begins a key in YAML (column 3). If it is a text, quote",
        ),
        ('a: ["x, ?, y", b\n', "x.yaml:1: is not YAML; the [ is not closed (column 4)."),
        (
            'a: "C:\\data"\n',
            "x.yaml:1: is not YAML; in double quotes a backslash begins an escape, and this one is not valid (column 7). "
            "Use single quotes, or / in a path.",
        ),
        ("a: 1\nb: 'c\nd: 1\n", "x.yaml:2: is not YAML; a quote is not closed (column 4). Close it."),
        (
            "a: - b\n",
            "x.yaml:1: is not YAML; a list with dashes cannot begin beside its key (column 4). "
            "Begin it in the next line, or write [a, b]; quote a text that begins with a dash.",
        ),
        (
            "a: 'it's'\n",
            "x.yaml:1: is not YAML; expected `key: value` here (column 8). Indent the keys of one section alike, "
            "write a space after each colon, and put quotes around the whole of a text that holds quotes or brackets.",
        ),
        (
            "a: {b: c]d}\n",
            "x.yaml:1: is not YAML; expected , or } before ], since the { of line 1 is not closed (column 9). Close it, or quote a text",
        ),
        (
            "a: [\n1,\n",
            "x.yaml:3: is not YAML; the text ends where a value is expected. Close the brackets that are open.",
        ),
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
    with pytest.raises(ConfigError, match=r"has more than 1000000 bytes; expected a config file\. Shorten it\."):
        config.load(path)


def test_a_missing_file_names_the_nearest_one_beside_it() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(CONFIGS / "bm.yaml")
    assert str(caught.value).endswith(
        "configs/bm.yaml: is missing; expected a config file. Did you mean 'bn.yaml'? Good names: bn.yaml, nobn.yaml."
    )


def test_mistakes_of_what_a_config_extends_and_of_overrides_are_told_with_its_own(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("dataset: {name: moons, nois: 1}\nmodel: &m {name: mlp}\nseed: 1\nseed: 2\n")
    text = "extends: base.yaml\ntraining:\n  epochs: five\n  epochs: 5\n"
    told = problems(tmp_path, text, "training.seeds=0", "=5", "model.hidden=64", "training.epochs=[")
    assert [line.split(";")[0].split("Good")[0] for line in told.splitlines()] == [
        "x.yaml:4: the key epochs is repeated",
        "base.yaml:2: has an anchor or alias (& or *)",
        "base.yaml:4: the key seed is repeated",
        "override =5: has no key",
        "override training.epochs=[: the value is not YAML",
        "base.yaml:1: dataset.nois is not a known key. Did you mean 'noise'? ",
        "base.yaml:3: seed is not a known key. Did you mean 'dataset.seed'? ",
        "override model.hidden=64: model.hidden is 64",
        "x.yaml:3: training.epochs is 'five' (text)",
        "override training.seeds=0: training.seeds is 0",
    ]


def test_a_repeated_key_hides_no_mistake_between_keys_and_no_missing_key(tmp_path: Path) -> None:
    repeated = "x.yaml:4: the key epochs is repeated; line 3 already has it. Keep one of them."
    training = "training:\n  epochs: 2\n  epochs: 3\n  batch_size: 1\n"
    text = f"dataset: {{name: moons}}\nmodel: {{name: mlp, normalization: batch}}\n{training}"
    assert problems(tmp_path, text).splitlines() == [
        repeated.replace(":4", ":5").replace("line 3", "line 4"),
        "x.yaml:6: training.batch_size is 1; batch normalization needs at least 2 rows to have a variance. "
        "Use 2 or more, or another normalization.",
    ]
    without, missing = problems(tmp_path, f"dataset: {{name: moons}}\n{training}").splitlines()
    assert without == repeated and missing == (
        "x.yaml:1: model is missing; it has no default. Write it, as in `model: {name: mlp}`. "
        "`bnexp keys model.` lists what it may hold."
    )
    left_out = problems(tmp_path, text.replace("{name: moons}", "{name: moons, samples: !!int 3}"))
    assert "batch_size" not in left_out, "it may be for want of what was left out"


def test_where_a_base_is_missing_only_what_is_there_is_told(tmp_path: Path) -> None:
    text = "extends: nothere.yaml\nmodel: {hidden: 8}\ntraining: {epochs: 0}\n"
    assert problems(tmp_path, text).splitlines() == [
        "x.yaml:1: extends is 'nothere.yaml'; nothere.yaml: is missing; expected a config file. Good names: x.yaml.",
        "x.yaml:3: training.epochs is 0; expected 1 or more. The default is 50.",
    ]


def test_the_mistakes_of_several_configs_are_told_together_and_each_once(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / f"{name}.yaml").write_text(BASE + f"{name}: 1\n")
    with pytest.raises(ConfigError) as caught:
        config.load_all([tmp_path / "x.yaml", tmp_path / "y.yaml"], ["training.epochs=0"])
    assert [line.split(" is")[0].replace(f"{tmp_path}/", "") for line in caught.value.problems] == [
        "override training.epochs=0: training.epochs", "x.yaml:3: x", "y.yaml:3: y",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first", "more"),
    [
        (BASE + "".join(f"key{n}: 1\n" for n in range(300)), "x.yaml:3: key0 is not a known key. Good names: dataset,", 280),
        (
            BASE.replace("mlp", f"mlp, hidden: [{', '.join(['a'] * 20_000)}]"),
            "x.yaml:2: model.hidden.0 is 'a' (text); expected a whole number.",
            19_980,
        ),
        (
            f"dataset: {{name: moons, shift: {{classes: [{', '.join(['1.5'] * 5_000)}]}}}}\nmodel: {{name: mlp}}\n",
            'x.yaml:1: dataset.shift.classes.0 is 1.5; expected text or true or false or a whole number. Write "1.5".',
            4_980,
        ),
        ("a: 1\n" * 5_001, "x.yaml:2: the key a is repeated; line 1 already has it. Keep one of them.", 4_983),
        (BASE + "k: [" * 5_000, "x.yaml:3: is nested 31 levels deep; expected 30 or fewer.", 0),
        (BASE + f"{'k' * 1000}: 1\n", f"x.yaml:3: {'k' * 60}... is not a known key.", 0),
    ],
    ids=["unknown keys", "entries", "entries of two kinds", "repeated keys", "nested", "long"],
)  # fmt: skip
def test_of_very_many_mistakes_the_first_twenty_are_told_in_little_time(
    tmp_path: Path, text: str, first: str, more: int
) -> None:
    begun = time.process_time()
    list(pyyaml.scan(text, Loader=pyyaml.SafeLoader))
    scanned = time.process_time()
    told = problems(tmp_path, text).splitlines()
    # The second term is for slow machines: PyYAML needs as long only to split the text into words.
    assert time.process_time() - scanned < 1 + 3 * (scanned - begun)
    assert told[0].startswith(first)
    if more:
        assert (len(told), told[-1]) == (21, f"and {more} more mistakes. Fix these first.")


def test_what_is_no_file_is_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    told = {}
    for name in (
        "pipe.yaml",
        "folder.yaml",
        "loop.yaml",
        f"{'x' * 300}.yaml",
        "a\0b.yaml",
        "fodler.yaml",
        "folder/x/y.yaml",
    ):
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path / name)
        told[name[:20]] = str(caught.value).replace(f"{tmp_path}/", "").split(": ", 1)[1]
    assert told == {
        "pipe.yaml": "is a pipe, socket or device; expected a config file. Save it as a file.",
        "folder.yaml": "is a directory; expected a config file. Give the path of a YAML file.",
        "loop.yaml": "is a link that leads to itself; expected a config file. Give the path of a YAML file.",
        "x" * 20: "is missing; its name is too long for a file; expected a config file. Give the path of a YAML file.",
        "a\0b.yaml": "is missing; its name holds a character that file names cannot have; expected a config file. "
        "Give the path of a YAML file.",
        "fodler.yaml": "is missing; expected a config file. Give the path of a YAML file.",
        "folder/x/y.yaml": "is missing; expected a config file. There is no folder folder. "
        "Did you mean 'folder.yaml'? Good names: folder.yaml.",
    }
    with pytest.raises(ConfigError, match=r"The ~ was not replaced by the home directory; write it out: /"):
        config.load(Path("~nobody/x.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\nepochs: 5\n", "x.yaml:3: training is null; expected a mapping of keys. "
                                  "Indent the keys that belong to it, or leave it out."),
        ("training:\n  epochs:5\n", "x.yaml:3: training is 'epochs:5' (text); expected a mapping of keys. "
                                    "Write `training: {epochs: 5}`."),
        ("training:\n  epochs\uff1a5\n", "Write `training: {epochs: 5}`."),
        ("training:\n\xa0 epochs: 5\n", "is not a known key. It holds the character U+00A0, which looks like a space. "),
        ("name = x: 1\n", "x.yaml:3: name = x is not a known key. Write a colon and a space after a key, not an ="),
        ("training.epochs: 5\n", "x.yaml:3: training.epochs is not a known key. In a file, write `epochs: ...` below "
                                 "`training:`, indented."),
        ("training:\n  early_stopping.patience: 5\n", "x.yaml:4: training.early_stopping.patience is not a known key. In a "
                                                      "file, write `patience: ...` below `training.early_stopping:`, indented."),
        ("Training: {}\n", "x.yaml:3: Training is not a known key. Did you mean 'training'?"),
        ("TRAINING: {}\n", "x.yaml:3: TRAINING is not a known key. Did you mean 'training'?"),
        ("name:\n", "x.yaml:3: name is null; expected text."),
    ],
)  # fmt: skip
def test_a_slip_in_indenting_or_colons_is_told_with_the_cure(tmp_path: Path, text: str, message: str) -> None:
    assert message in problems(tmp_path, BASE + text)


def test_a_file_that_may_not_be_read_is_told_with_the_systems_reason(tmp_path: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    with patch("os.stat", side_effect=denied), pytest.raises(ConfigError) as caught:
        config.load(tmp_path / "x.yaml")
    assert "x.yaml: cannot be read (Permission denied); expected a config file." in str(caught.value)


def test_a_folder_with_a_typo_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with pytest.raises(
        ConfigError, match=r"There is no folder .*/confgs\. Did you mean 'configs'\? Good names: configs\."
    ):
        config.load(tmp_path / "confgs" / "bn.yaml")


def test_a_file_whose_name_is_no_text_or_very_long_gives_a_name_all_the_same(tmp_path: Path) -> None:
    for stem, name in ((b"caf\xe9", "caf?"), (b"x" * 240, "x" * 200)):
        path = Path(os.fsdecode(bytes(tmp_path) + b"/" + stem + b".yaml"))
        path.write_text(BASE)
        assert config.load(path).name == name


def test_a_study_is_not_taken_for_a_config_nor_a_config_for_a_study(tmp_path: Path) -> None:
    tutorial = CONFIGS / "studies" / "tutorial.yaml"
    with pytest.raises(
        ConfigError, match=r"tutorial\.yaml: is a study; expected the config of an experiment\. Use `bnexp\.run_study\("
    ):
        config.load(tutorial)
    with pytest.raises(
        ConfigError, match=r"bn\.yaml: is the config of an experiment; expected a study\. Use `bnexp\.train\("
    ):
        read_study(CONFIGS / "bn.yaml")


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
        "x.yaml:5: model.hiden is not a known key. Did you mean 'hidden'? Good names: activation, dropout, hidden, "
        "initializer, l2, name, normalization, placement, repeat.",
        "x.yaml:6: model.activation is 'rellu'. Did you mean 'relu'? Good names: relu, sigmoid, tanh, linear, elu, selu, "
        "gelu, silu, swish, softplus, softsign, leaky_relu, relu6, mish, hard_sigmoid, hard_silu, exponential.",
        "x.yaml:8: training.epochs is 'five' (text); expected a whole number. The default is 50.",
        "x.yaml:9: training.seeds is 0; expected 1 or more. The default is 20.",
        "x.yaml:10: training.optimizer is 'adamm'. Did you mean 'adam'? Good names: sgd, adam, adamw, rmsprop, nadam, "
        "adamax, adagrad, adadelta, lion, ftrl, adafactor, lamb, muon.",
    ]


def test_the_keys_of_a_section_whose_name_is_misspelt_are_read_as_those_of_the_nearest_kind(tmp_path: Path) -> None:
    text = "dataset: {name: moons}\nmodel:\n  name: mpl\n  hiden: [3]\n  dropout: 2\n"
    assert [line.split(";")[0].split(" Good")[0] for line in problems(tmp_path, text).splitlines()] == [
        "x.yaml:3: model.name is 'mpl'. Did you mean 'mlp'?",
        "x.yaml:4: model.hiden is not a known key. Did you mean 'hidden'?",
        "x.yaml:5: model.dropout is 2",
    ]
    (far,) = problems(tmp_path, text.replace("mpl", "zzz")).splitlines()
    assert far.startswith("x.yaml:3: model.name is 'zzz'. Good names: mlp, ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=", "override training.epochs=: has no value; expected KEY=VALUE."),
        ("=5", "override =5: has no key; expected KEY=VALUE, as in `training.epochs=5`."),
        ("training..epochs=5", "override training..epochs=5: has no key;"),
        ("training.epochs=[1", "override training.epochs=[1: the value is not YAML;"),
        (
            "training.epochs=!!python/name:os.system x",
            "override training.epochs=!!python/name:os.system x: has the tag",
        ),
        (
            "name=[bold]x[/bold]",
            "override name=[bold]x[/bold]: the value is not YAML; expected `key: value` here (column 7). "
            """If it is a text, quote it, and quote it again for the shell: 'name="[bold]x[/bold]"'.""",
        ),
        (
            "dataset={name: csv, path: t.csv, target: y, separator: ;;}",
            "dataset.separator is ';;' (text); expected one ASCII character that is no letter, digit or quotation mark. The "
            "default is ','.",
        ),
        (
            "dataset.name=parquet",
            "override dataset.name=parquet: dataset.target is missing; it has no default. Write it: `target: ...`; "
            "`bnexp keys target` explains it. Another kind of dataset starts from its own defaults.",
        ),
        ("training.epoch=5", "override training.epoch=5: training.epoch is not a known key. Did you mean 'epochs'?"),
        (
            "model.initializer=he_norm",
            "override model.initializer=he_norm: model.initializer is 'he_norm'. Did you mean 'he_normal'?",
        ),
        (
            "dataset.shift.scale=0.5",
            "override dataset.shift.scale=0.5: dataset.shift is given, but there is no test part that it could change.",
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
            "override training.learning_rate=.inf: training.learning_rate is .inf; expected",
        ),
        ("training.optimizer.beta_1=1", "training.optimizer.beta_1 is 1; expected less than 1."),
        ("training.seeds=0", "training.seeds is 0; expected 1 or more. The default is 20."),
        ("training=5", "override training=5: training is 5; expected a mapping of keys."),
        ("model.hidden=[]", "model.hidden is []; expected 1 or more entries. The default is [64, 64]."),
        ("model.hidden=[0]", "model.hidden.0 is 0; expected 1 or more."),
        ("model.hidden=64", "model.hidden is 64; expected a list. Write 'model.hidden=[64]'."),
        ("model.dropout=1", "model.dropout is 1; expected less than 1."),
        (
            "model.normalization=bach",
            "model.normalization is 'bach'. Did you mean 'batch'? Good names: none, batch, layer, group, ",
        ),
        (
            "model.normalization.momentum=0.9",
            "override model.normalization.momentum=0.9: model.normalization.name is missing; it has no default. "
            "Good names: batch, renorm, ghost.",
        ),
        ("model.placement=behind", "model.placement is 'behind'. Good names: before, after."),
        ("dataset.test_size=1", "dataset.test_size is 1; expected less than 1."),
        (
            'dataset={name: parquet, path: "a\\0b", target: x}',
            'dataset.path is "a\\u0000b" (text); expected a path; no file\'s name holds the character U+0000.',
        ),
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
        (["dataset={name: openml, id: 61, version: 2}"], "dataset.version is 2, but a set's number, dataset.id, already fixes its version."),
        (["training.optimizer=lion", "training.optimizer.use_ema=true"],
         "override training.optimizer=lion: training.optimizer is {name: 'lion', use_ema: true}; expected "
         "ema_overwrite_frequency beside use_ema, a number of steps such as 100. Without it, Keras uses the averaged "
         "weights only after the last epoch, so that no epoch would measure them."),
        (["dataset.samples=4", "dataset.test_size=0.9"], "no row is left for training. Use a smaller one."),
        (["training.early_stopping.monitor=val_r2"],
         "training.early_stopping.monitor is val_r2; a binary task does not measure it. "
         "Good names: val_loss, val_accuracy, loss, accuracy, val_auc, val_f1,"),
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
        ("Dense: [3]", "x.yaml:5: model.layers.0 is {Dense: [3]}; expected `Dense: {units: ...}`."),
        ("BatchNormalization: 0.9", "x.yaml:5: model.layers.0.BatchNormalization is 0.9; expected a mapping of keys."),
        ("Activation: gelu", "model.layers.0 is {Activation: 'gelu'}; expected `Activation: {activation: 'gelu'}`."),
        ("Reshape: [4, 16]", "model.layers.0 is {Reshape: [4, 16]}; expected `Reshape: {target_shape: [4, 16]}`."),
        ("Conv1D: 4", "model.layers.0 is {Conv1D: 4}; expected `Conv1D: {kernel_size: 3, filters: 4}`."),
        ("TimeDistributed: {Dense: {units: 5}}", "expected `TimeDistributed: {layer: {Dense: {units: 5}}}`."),
        ("Bidirectional: {GRU: {units: 3}, merge_mode: sum}",
         "expected `Bidirectional: {layer: {GRU: {units: 3}}, merge_mode: 'sum'}`."),
        ("RNN: {GRUCell: {units: 3}}", "expected `RNN: {cell: {GRUCell: {units: 3}}}`."),
        ("TimeDistributed: {layer: {Dense: 3}}",
         "model.layers.0.TimeDistributed.layer is {Dense: 3}; expected `Dense: {units: 3}`."),
        ("Dense: {units: 3, kernel_regularizer: {L2: 0.01}}",
         "model.layers.0.Dense.kernel_regularizer is {L2: 0.01}; expected `L2: {l2: 0.01}`."),
        ("3", "x.yaml:5: model.layers.0 is 3; expected a mapping of keys."),
        ("Lambda: {function: x}",
         "x.yaml:5: model.layers.0 is {Lambda: {function: 'x'}}; expected another layer: it holds code, and a config "
         "cannot hold code. Use model: {name: python, build: FILE:FUNCTION}."),
        ("Add", "model.layers.0 is 'Add' (text); expected another layer: it joins several inputs, and a layer in a "
         "chain has one. Use Residual: [layers], which adds a shortcut."),
        ("LSTMCell: {units: 3}", "it is one step of a recurrent layer. Use RNN: {cell: {LSTMCell: ...}}."),
        ("Dense: {units: 3, kernel_initializer: {module: os, class_name: system}}",
         "model.layers.0.Dense.kernel_initializer is {module: 'os', class_name: 'system'}; "
         "expected one name with its arguments, `NAME: {...}`."),
        ("Dense: {units: 3, kernel_initializer: {system: {command: ls}}}",
         "model.layers.0.Dense.kernel_initializer is 'system'. Good names: Constant,"),
        ("Dense: {units: {L2: {}}}",
         "model.layers.0.Dense.units is {L2: {}}; expected numbers, text, true, false, null, or lists of them."),
        ("Dense: {kernel_regularizer: {L2: {l2: {Lambda: {}}}}}", "model.layers.0.Dense.kernel_regularizer.L2.l2 is {L"),
        ("Dense: {activation: {LeakyReLU: {}}}",
         "expected a name; write an activation with options as a separate layer after this one."),
        ("Residual", "expected Residual: [layers], or Residual: {layers: [...], shortcut: projection}."),
        ("Residual: {layers: [ReLU], trainable: false}", "expected Residual: [layers], or Residual: {layers: [...]"),
        ("Residual: [{Dens: {units: 3}}]", "model.layers.0.Residual.0 is 'Dens'. Did you mean 'Dense'?"),
        ("Residual: []", "model.layers.0.Residual is []; expected 1 or more entries."),
        ("Bidirectional: {layer: {LSTN: {units: 3}}}", "model.layers.0.Bidirectional.layer is 'LSTN'. Did you mean 'LSTM'?"),
        ("RNN: {cell: [{GRUCel: {units: 3}}]}", "model.layers.0.RNN.cell.0 is 'GRUCel'. Did you mean 'GRUCell'?"),
        ("RNN: {cell: {StackedRNNCells: {cells: [{GRUCel: {units: 3}}]}}}",
         "model.layers.0.RNN.cell.StackedRNNCells.cells.0 is 'GRUCel'. Did you mean 'GRUCell'?"),
    ],
)  # fmt: skip
def test_a_layer_that_keras_has_not_or_that_could_build_an_object_is_refused(
    tmp_path: Path, layer: str, message: str
) -> None:
    text = f"dataset: {{name: moons}}\nmodel:\n  name: sequential\n  layers:\n    - {layer}\n"
    assert message in problems(tmp_path, text)


def test_all_mistakes_in_the_arguments_of_layers_are_reported_at_once_each_with_its_line(tmp_path: Path) -> None:
    layers = """
    - Dense:
        units: 3
        kernel_regularizer: l3
        bias_initializer: {zeroes: {}}
    - TimeDistributed:
        layer:
          Dens: {units: 3}
"""
    found = problems(tmp_path, f"dataset: {{name: moons}}\nmodel:\n  name: sequential\n  layers:{layers}").splitlines()
    assert [line.split(". ")[0] for line in found] == [
        "x.yaml:7: model.layers.0.Dense.kernel_regularizer is 'l3'",
        "x.yaml:8: model.layers.0.Dense.bias_initializer is 'zeroes'",
        "x.yaml:10: model.layers.1.TimeDistributed.layer is 'Dens'",
    ]
    assert "Did you mean 'l1'" in found[0] or "Did you mean 'l2'" in found[0]
    assert "Did you mean 'zeros'" in found[1] and "Did you mean 'Dense'" in found[2]


def test_layers_in_layers_read_the_same_from_their_resolved_form_and_second_names_become_the_first(
    tmp_path: Path,
) -> None:
    residual = "Residual: {layers: [MaxPool1D: {pool_size: 1}], shortcut: projection}"
    dense = "Dense: {units: 3, kernel_regularizer: {L2: {l2: 0.01}}, kernel_initializer: he_normal}"
    text = f"dataset: {{name: moons}}\nmodel:\n  name: sequential\n  layers:\n    - {residual}\n    - {dense}\n"
    model = loaded(tmp_path, text).model
    assert model.model_dump() == {
        "name": "sequential",
        "layers": [
            {
                "name": "Residual",
                "arguments": {
                    "layers": [{"name": "MaxPooling1D", "arguments": {"pool_size": 1}}],
                    "shortcut": "projection",
                },
            },
            {
                "name": "Dense",
                "arguments": {
                    "units": 3,
                    "kernel_regularizer": {"name": "L2", "arguments": {"l2": 0.01}},
                    "kernel_initializer": "he_normal",
                },
            },
        ],
    }
    assert type(model).model_validate_json(model.model_dump_json()) == model


def test_extends_that_is_missing_or_goes_in_a_loop_is_told_where_it_stands(tmp_path: Path) -> None:
    assert problems(tmp_path, BASE + "extends: nothere.yaml\n") == (
        "x.yaml:3: extends is 'nothere.yaml'; nothere.yaml: is missing; expected a config file. Good names: x.yaml."
    )
    (tmp_path / "b.yaml").write_text("extends: x.yaml\n")
    loop = "b.yaml:1: extends goes in a loop: x.yaml -> b.yaml -> x.yaml. Remove `extends` from one of them."
    assert problems(tmp_path, "extends: b.yaml\n") == loop
    assert (
        problems(tmp_path, "extends: [b.yaml]\n") == "x.yaml:1: extends is ['b.yaml']; expected a file beside this one."
    )
    assert problems(tmp_path, 'extends: "a\\0b"\n') == (
        'x.yaml:1: extends is "a\\u0000b"; expected a file beside this one.'
    )
    assert problems(tmp_path, f"extends: {'x' * 300}.yaml\n").startswith("x.yaml:1: extends is 'xxxxx")
    for number in range(30):
        (tmp_path / f"c{number}.yaml").write_text(f"extends: c{number + 1}.yaml\n")
    assert problems(tmp_path, "extends: c0.yaml\n").startswith(
        "c18.yaml:1: extends leads through more than 20 files. Remove `extends` from one of them."
    )


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 101, "0x" + "f" * 5000])
def test_a_number_of_more_digits_than_python_reads_is_refused_where_it_stands(tmp_path: Path, number: str) -> None:
    seen = f"has a number of {len(number)} digits; expected 100 or fewer."
    assert problems(tmp_path, BASE + f"training: {{epochs: {number}}}\n") == f"x.yaml:3: {seen}"
    assert problems(tmp_path, BASE, f"training.epochs={number}").endswith(f": {seen}")
    assert "training.epochs is 999" in problems(tmp_path, BASE, f"training.epochs={'9' * 100}")


def test_where_tells_the_line_of_a_key_or_of_the_section_it_would_stand_in() -> None:
    path = CONFIGS / "bn.yaml"
    line = path.read_text().splitlines().index("  test_size: 0.2 # held out for validation") + 1
    assert config.where(path, [], "dataset.test_size") == f"{path}:{line}"
    assert config.where(path, ["dataset.test_size=0.3"], "dataset.test_size") == "override dataset.test_size=0.3"
    assert config.where(path, [], "dataset.scale") == f"{path}:3"


SIGNS = st.text(alphabet=st.sampled_from("abc:{}[]-?*&!|>'\"%@`#, \n\t0159.e~=<"), max_size=60)


@settings(max_examples=100, deadline=None)
@given(SIGNS)
def test_no_text_at_all_brings_anything_but_an_experiment_or_a_told_mistake(text: str) -> None:
    try:
        read(text, "x.yaml")
    except ConfigError as error:
        assert str(error).startswith("x.yaml:")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_no_file_at_all_brings_anything_but_an_experiment_or_a_told_mistake(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"^.*x\.yaml"):
            config.load(path)


VALUES = st.one_of(
    st.text(max_size=20), SIGNS, st.integers(-(10**20), 10**20), st.floats(), st.booleans(), st.none(),
    st.sampled_from(["classification", "mlp", "cnn", "sequential", "batch", "sgd", "cosine", "5", "1,5", "20%"]),
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "name",
        "hidden",
        "layers",
        "normalization",
        "optimizer",
        "learning_rate",
        "epochs",
        "early_stopping",
        "shift",
        "0",
    ]
)
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@settings(max_examples=25, deadline=None)
@given(st.fixed_dictionaries({"dataset": TREES, "model": TREES, "training": TREES}, optional={"name": TREES}))
def test_no_value_at_any_key_brings_anything_but_an_experiment_or_a_told_mistake(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(dump_plain(document), encoding="utf-8")
        try:
            config.load(path)
        except ConfigError as error:
            assert "x.yaml:" in str(error)


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    assert repr(plain(read(dump_plain({"key": value}), "x"))["key"]) == repr(value)


WORDS = st.text(alphabet="abc0159.e~=<", max_size=4)
BETWEEN = st.text(alphabet=":{}[]-?*&!|>'\"%@`#, \n\t", max_size=2)
FEW_SIGNS = st.builds("".join, st.tuples(WORDS, BETWEEN, WORDS, BETWEEN, WORDS))
FORMS = ["key: x%s\n", "key: {a: x%s}\n", "key: [x%s]\n", "key:\n  %s\n", "key: {%s: 1}\n", "x%s: 1\n", "key:\n- %s\n"]
ONE_READS = re.compile(r"[\t?]|:[,\]}]")
"""What one of the two may refuse: PyYAML a tab or a question mark, libyaml a colon before the end of an item."""


def test_libyaml_and_pyyaml_read_no_text_as_different_values() -> None:
    are_read: list[bool] = []

    def value(text: str, loader: Any) -> str | None:
        with patch.object(yaml, "LOADER", loader):
            mistakes = Problems()
            node = yaml.read_mapping(text, "x", mistakes)
        return None if mistakes.found else repr(node)

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(FORMS), FEW_SIGNS)
    def read_alike(form: str, part: str) -> None:
        text = form % part
        found = [value(text, loader) for loader in (pyyaml.CSafeLoader, pyyaml.SafeLoader)]
        are_read.append(None not in found)
        assert found[0] == found[1] or (None in found and ONE_READS.search(text)), text

    read_alike()
    assert sum(are_read) > len(are_read) / 2


def test_a_path_that_the_locale_does_not_hold_is_refused_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsencode", lambda text: text.encode("ascii", "surrogateescape"))
    reason = (
        "the locale's encoding, ascii, cannot encode the character U+6279. Use a UTF-8 locale, such as LC_ALL=C.UTF-8, "
        "or set PYTHONUTF8=1."
    )
    dataset = "dataset: {name: csv, path: 批.csv, target: y}\nmodel: {name: mlp}\n"
    assert problems(tmp_path, dataset) == f"x.yaml:1: dataset.path is '批.csv' (text); expected a path; {reason}"
    assert problems(tmp_path, "model: {name: mlp}\nextends: 批.yaml\n") == (f"x.yaml:2: extends is '批.yaml'; {reason}")


def test_a_file_is_called_by_its_letters_where_the_locale_has_only_bytes_for_them(tmp_path: Path) -> None:
    for stem, name in (("批", "批"), ("\udce6\udc89\udcb9", "批"), ("a\udce6", "a?")):
        path = tmp_path / f"{stem}.yaml"
        path.write_text("dataset: {name: moons}\nmodel: {name: mlp}\n")
        assert config.load(path).name == name
