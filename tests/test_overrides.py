"""Overrides: what YAML, a shell or a user of Hydra makes of them is told, with the cure as it has to be typed."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp import config
from bnexp.config.overrides import typed
from bnexp.config.yaml_text import quoted
from bnexp.errors import ConfigError

BASE = "dataset: {name: classification}\nmodel: {name: mlp}\ntraining: {optimizer: adam}\n"
CSV = "dataset={name: csv, path: a.csv, target: %s}"


def told(folder: Path, *overrides: str) -> str:
    """What is wrong with the overrides, each without itself at the beginning."""
    path = folder / "x.yaml"
    path.write_text(BASE)
    with pytest.raises(ConfigError) as caught:
        config.load(path, overrides)
    text = str(caught.value)
    for override in overrides:
        text = text.replace(f"override {override}: ".replace("\n", "\\n"), "", 1)
    return text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("name=Score #2", "YAML takes '#2' for a comment and drops it. If it is a text, quote it, and quote it again "
                          "for the shell: 'name=\"Score #2\"'."),
        ("name=#2", "YAML takes '#2' for a comment and drops it. If it is a text, quote it, and quote it again for "
                    "the shell: 'name=\"#2\"'."),
        (CSV % "Score #2", "YAML takes '#2}' for a comment and drops it. Quote the text in it, and the whole override "
                           "for the shell, as in 'dataset={target: \"a # b\"}'."),
        ("dataset.na_values=[NA, ?]", "the value is not YAML; a ? begins a key in YAML (column 6). Quote the text in it, and "
                                      "the whole override for the shell, as in 'dataset.na_values=[NA, \"?\"]'."),
        ("model.hidden=[8,#x\n16]", "YAML takes '#x' for a comment and drops it."),
        ("name=--- x", "YAML takes '---' for the start of a document and drops it. If it is a text, quote it, and quote "
                       "it again for the shell: 'name=\"--- x\"'."),
    ],
)  # fmt: skip
def test_an_override_of_which_yaml_would_drop_a_part_is_refused(tmp_path: Path, override: str, message: str) -> None:
    assert told(tmp_path, override).startswith(message)


LARGEST = "expected a finite number, 1.8e+308 at most."
LAYERS = "model={name: sequential, layers: [{Dense: {units: %s}}]}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.test_size=1e400", f"dataset.test_size is 1e400; {LARGEST} The default is 0.2."),
        ("model.l2=-1e400", f"model.l2 is -1e400; {LARGEST} The default is 0.0."),
        ("training.learning_rate={name: cosine, initial: 1e500}", f"training.learning_rate is 1e500; {LARGEST}"),
        ("training.learning_rate=.inf", "training.learning_rate is .inf; expected a finite number."),
        ("training.learning_rate=-.INF", "training.learning_rate is -.INF; expected a finite number."),
        ("training.learning_rate=.nan", "training.learning_rate is .nan; expected a finite number."),
        ("training.learning_rate=1e-999", "training.learning_rate is 1e-999; expected more than 0."),
        ("training.epochs=1e400", "training.epochs is 1e400; expected a whole number. The default is 50."),
        ("model.hidden=[1e400]", "model.hidden.0 is 1e400; expected a whole number."),
        ("training.epochs=" + "9" * 400, "has a number of 400 digits; expected 100 or fewer."),
        (LAYERS % "1e400", f"model.layers.0.Dense.units is 1e400; {LARGEST}"),
        (LAYERS % "[[.nan]]", "model.layers.0.Dense.units is [[.nan]]; expected a finite number."),
    ],
)
def test_a_number_that_no_float_holds_is_told_as_it_was_written(tmp_path: Path, override: str, message: str) -> None:
    assert told(tmp_path, override).rpartition("...: ")[2] == message


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{name: python, build: my_net.py}", "model.build is 'my_net.py' (text); expected FILE.py:FUNCTION or "
         "package.module:FUNCTION."),
        ("{name: python, build: 'my_net.py:a b'}", "model.build is 'my_net.py:a b' (text); expected FILE.py:FUNCTION or "
         "package.module:FUNCTION."),
        ('{name: keras_file, path: "a\\0b"}', "model.path is \"a\\u0000b\" (text); expected a path without a NUL character."),
        ("{name: python, build: 'n.py:b', arguments: {a: [{b: .inf}]}}", "model.arguments.a is [{b: .inf}]; expected a finite "
         "number."),
    ],
)  # fmt: skip
def test_a_network_of_the_users_own_that_cannot_be_is_told(tmp_path: Path, section: str, message: str) -> None:
    assert told(tmp_path, f"model={section}").rpartition("...: ")[2].startswith(message)


def test_an_empty_path_is_told_with_the_cure(tmp_path: Path) -> None:
    message = (
        "dataset.path is '' (text); expected at least 1 character. Give a file or folder, from the current directory."
    )
    assert told(tmp_path, "dataset={name: csv, path: '', target: y}") == message


@pytest.mark.parametrize("value", ['"Score #2"', "'#2'", "Score#2", '"---"'])
def test_a_hash_that_begins_no_comment_is_part_of_the_text(tmp_path: Path, value: str) -> None:
    (tmp_path / "x.yaml").write_text(BASE)
    assert config.load(tmp_path / "x.yaml", [f"name={value}"]).name == value.strip("'\"")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("name=", "has no value; expected KEY=VALUE. Use `name=null` for none, or 'name=\"\"' for empty text."),
        ("name=  ", "has no value; expected KEY=VALUE. Use `name=null`"),
        ("name==x", "has two = signs; expected KEY=VALUE. Write name=x, or 'name=\"=x\"' for a text."),
        ("name =x", "has a space before the =; expected KEY=VALUE. Write name=x."),
        (" name=x", "has a space before the =; expected KEY=VALUE. Write name=x."),
        ("=", "has no key; expected KEY=VALUE, as in `training.epochs=5`. Leave no spaces around the = sign."),
        ("training epochs=5", "has no key; expected KEY=VALUE"),
        ("+name=x", "begins with +, by which Hydra adds a key; here every key can be set. Write name=x."),
        ("++name=x", "begins with ++, by which Hydra adds a key; here every key can be set. Write name=x."),
        ("~training.seeds", "begins with ~, by which Hydra removes a key; expected KEY=VALUE. "
                            "Use `training.seeds=null` for none."),
    ],
)  # fmt: skip
def test_how_users_of_hydra_write_an_override_is_told_with_how_it_is_written_here(
    tmp_path: Path, override: str, message: str
) -> None:
    assert told(tmp_path, override).startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset={name: image_folder, path: x, size: 32}",
         "dataset.size is 32; expected a list. Write 'dataset.size=[32,32]'."),
        ("model.hidden=64,32", "model.hidden is '64,32' (text); expected a list. Write 'model.hidden=[64,32]'."),
        ("model.hidden=(64,32)", "model.hidden is '(64,32)' (text); expected a list. Write 'model.hidden=[64,32]'."),
        ("model.hidden=a, b", "model.hidden is 'a, b' (text); expected a list. Write 'model.hidden=[a,b]'."),
        ("model.hidden.1=8", "model.hidden is {1: 8}; expected a list. The config has no such list to change; give the "
                             "whole list: 'model.hidden=[64, 64]'."),
        ("training.learning_rate=0,01",
         "training.learning_rate is '0,01' (text); expected a number. Write training.learning_rate=0.01."),
        ("training.learning_rate=cosine", "training.learning_rate is 'cosine' (text); expected a number. "
                                          "Write 'training.learning_rate={name: cosine, initial: ...}'."),
        ("training.early_stopping=5", "training.early_stopping is 5; expected a mapping of keys. "
                                      "Write 'training.early_stopping={patience: 5}'."),
        ("training.early_stopping=val_loss", "training.early_stopping is 'val_loss' (text); expected a mapping of keys. "
                                             "Write 'training.early_stopping={monitor: val_loss}'."),
        ("training.early_stopping=true", "training.early_stopping is true; expected a mapping of keys. "
                                         "Write 'training.early_stopping={}'."),
        ("training.early_stopping=false", "training.early_stopping is false; expected a mapping of keys. "
                                          "Write training.early_stopping=null."),
        ("dataset.test_size=20%", "dataset.test_size is '20%' (text); expected a number. Write dataset.test_size=0.2."),
        ("training.epochs=5.0", "training.epochs is 5.0; expected a whole number. Write training.epochs=5."),
        ("training.epochs=1e3", "training.epochs is 1000.0; expected a whole number. Write training.epochs=1000."),
        ("training.epochs=5,000", "training.epochs is '5,000' (text); expected a whole number. Write training.epochs=5000."),
        ("training.epochs='5'", "training.epochs is '5' (text); expected a whole number. Write training.epochs=5."),
        ("training.epochs='1e999'", "training.epochs is '1e999' (text); expected a whole number. The default is 50."),
        ("training.epochs='.nan'", "training.epochs is '.nan' (text); expected a whole number. The default is 50."),
        ("training.epochs=1,2,3", "training.epochs is '1,2,3' (text); expected a whole number. One value is expected; "
                                  "to vary training.epochs, list the values in the `vary` of a study."),
        ("training.drop_last=yes", "training.drop_last is 'yes' (text); expected true or false. Write training.drop_last=true."),
        ("training.drop_last=off", "training.drop_last is 'off' (text); expected true or false. Write training.drop_last=false."),
        ("training.memory_limit=4GB", "training.memory_limit is '4GB' (text); expected a size, such as 4GiB or 500MiB. "
                                      "Write training.memory_limit=4GiB."),
        ("dataset={name: csv, path: a.csv, target: y, sep: ';'}", "dataset.sep is not a known key. Did you mean 'dataset.separator'? "),
        ("training.batch=4", "training.batch is not a known key. Did you mean 'training.batch_size'? Good names here: "),
        ("training.metrics=[val_auc]", "training.metrics.0 is 'val_auc'. Names here have no val_. Did you mean 'auc'? Good names: auc, "),
        ("training.metrics=[val_f1]", "training.metrics.0 is 'val_f1'. Names here have no val_. Did you mean 'f1'? Good names: auc, "),
        ("training.metrics=[roc_auc]", "training.metrics.0 is 'roc_auc'. Did you mean 'auc'? Good names: auc, "),
        ("training.early_stopping.monitor=f1", "training.early_stopping.monitor is 'f1'. Did you mean 'val_f1'? Good names: val_loss, "),
        ("training.lr=0.1", "training.lr is not a known key. Did you mean 'training.learning_rate'? Good names here: "),
        ("training.optimizer={name:sgd}", "training.optimizer.name:sgd is not a known key. "
                                          "Write a space after the colon: `name: sgd`."),
        ("training.class_weight={yes:-3}", "training.class_weight.yes:-3 is null; expected a number. "
                                           "Write a space after the colon: `yes: -3`."),
        ("training.class_weight={yes: 2, no:1}", "training.class_weight.no:1 is null; expected a number. Write a space after the colon: `no: 1`."),
        ("model.normalization={name:batch,momentum:0.5}", "model.normalization.name is missing; it has no default. Write a space after the colon: `name: batch`."),
        ("model.layers=[{Dense:{units:64}}]", "the value is not YAML; a key is not expected here (column 8). Write a space after each colon: 'model.layers=[{Dense: {units: 64}}]'."),
        ("training.optimizer={sgd}", "training.optimizer.sgd is not a known key. If it is the kind, write `name: sgd`."),
        ("training.optimizer=name:sgd",
         "training.optimizer is 'name:sgd'. Write 'training.optimizer={name: sgd}'."),
        ("dataset=iris", "dataset is 'iris' (text); expected a mapping of keys. Write 'dataset={name: iris}'."),
        (CSV % "8", "dataset.target is 8; expected text. Write 'dataset.target=\"8\"'."),
        (CSV % "x, separator: t", "dataset.separator is 't' (text); expected one ASCII character that is no letter, digit "
                                  "or quotation mark. Write 'dataset.separator=\"\\t\"'."),
        (CSV % "x, separator: é", "dataset.separator is 'é' (text); expected one ASCII character"),
        (CSV % 'x, separator: "\\n"', "dataset.separator is \"\\n\" (text); expected one ASCII character"),
        ("name=1e3", "name is 1000.0; expected text. Write 'name=\"1e3\"'."),
        ("name=a: b", "name is {a: 'b'}; expected text. Write 'name=\"a: b\"'."),
        ("name=? x", "name is {x: null}; expected text. Write 'name=\"? x\"'."),
        ("name=|+", "has a |, which begins a text of several lines, and no text follows. If it is a text, quote it, and "
                    "quote it again for the shell: 'name=\"|+\"'."),
        ("name=[", "the value is not YAML; the text ends where a value is expected. If the shell cut it"),
        ("name=*x", "has an anchor or alias (& or *); configs cannot use them. If it is a text, quote it, and "
                    "quote it again for the shell: 'name=\"*x\"'."),
        ("name=\"C:\\data\"", "the value is not YAML; in double quotes a backslash begins an escape, and this one is not "
                              "valid (column 4). If it is a text, quote it, and quote it again for the shell: 'name=\"C:\\\\data\"'."),
        ("model={name:", "the value is not YAML; the text ends where a value is expected. If the shell cut it at a space, "
                         "put the whole override in quotes, as in 'model={name: mlp, hidden: [64]}'."),
        ("name=a\nb: c", "the value is not YAML; a key is not expected here (column 2)."),
        ("name=a\x1bb", "is not YAML; it holds the character U+001B, which YAML does not allow. Leave it out."),
        ("name=a\udcffb", "holds a byte that is no letter in the locale's encoding, utf-8. Type it in UTF-8."),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_told_with_what_to_type(tmp_path: Path, override: str, message: str) -> None:
    assert told(tmp_path, override).startswith(message)


def test_in_a_file_the_cure_is_a_line_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(BASE.replace("adam", "adam, epochs: 5").replace("mlp", "mlp, hidden: 64"))
    with pytest.raises(
        ConfigError, match=r"x\.yaml:2: model\.hidden is 64; expected a list\. Write `hidden: \[64\]`\."
    ):
        config.load(tmp_path / "x.yaml")


def test_a_long_override_is_cut_short_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(BASE)
    for override in (f"name={'x' * 100_000}", f"{'a.' * 5_000}b=1", f"name={'[' * 50_000}", f"name=x #{'y' * 50_000}"):
        with pytest.raises(ConfigError) as caught:
            config.load(path, [override])
        assert str(caught.value).startswith(f"override {override[:97]}...: ")
        assert len(str(caught.value)) < 500


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_the_quoting_that_a_cure_shows_brings_any_text_through_shell_and_yaml(text: str) -> None:
    [override] = shlex.split(typed("name", quoted(text)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(BASE)
        assert config.load(path, [override]).name == text


KEY = st.sampled_from(
    ["name", "model", "model.hidden", "model.hidden.0", "training.optimizer", "training.epochs", "a.b"]
)
VALUE = st.text(alphabet=st.sampled_from("ab1:{}[]-?*&!|>'\"%@`#, \n\t=.~"), max_size=15) | st.text(max_size=10)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(KEY, VALUE).map("=".join), min_size=1, max_size=3))
def test_no_overrides_bring_anything_but_an_experiment_or_told_mistakes(overrides: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(BASE)
        try:
            config.load(path, overrides)
        except ConfigError as error:
            assert error.problems


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("decimal=,", ","), ("separator=;", ";"), ("separator=|", "|"), ("separator= ", " "), ("separator=\t", "\t"),
        (r"separator=\t", "\t"), (r'separator="\t"', "\t"), ("thousands=,", ","), ("thousands='", "'"), ("thousands=_", "_"),
        ("target=?", "?"), ("target=#", "#"), ("target=-", "-"), ("target=*", "*"), ("na_values=['?',-99]", ["?", -99]),
    ],
)  # fmt: skip
def test_one_sign_is_a_text_whatever_it_means_in_yaml(tmp_path: Path, override: str, value: object) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("dataset: {name: csv, path: a.csv, target: y}\nmodel: {name: mlp}\n")
    section = config.load(path, [f"dataset.{override}"]).dataset.model_dump()
    assert section[override.partition("=")[0]] == value


def test_a_tab_without_quotes_is_a_tab_in_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for written in (r"\t", r'"\t"', r"'\t'"):
        path.write_text(
            f"dataset:\n  name: csv\n  path: a.csv\n  target: y\n  separator: {written}\nmodel: {{name: mlp}}\n"
        )
        assert config.load(path).dataset.model_dump()["separator"] == "\t"


def test_signs_that_are_good_names_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("dataset: {name: csv, path: a.csv, target: y}\nmodel: {name: mlp}\n")
    for override, names in {"decimal=;": "'.', ','.", "thousands=;": """',', '.', ' ', "'", '_'."""}.items():
        with pytest.raises(ConfigError) as caught:
            config.load(path, [f"dataset.{override}"])
        assert str(caught.value).endswith(f" is ';'. Good names: {names}")
    with pytest.raises(
        ConfigError, match=r"""dataset.na_values is '-' .text.; expected a list. Write 'dataset.na_values=\["-"\]'."""
    ):
        config.load(path, ["dataset.na_values=-"])
    path.write_text("dataset:\n  decimal: ,\n")
    with pytest.raises(ConfigError, match=r"a text cannot begin with , \(column 12\). Quote the text."):
        config.load(path)
