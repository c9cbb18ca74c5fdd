"""A network and data that are given in Python: what is trained, kept and returned, and what is left as it was."""

from __future__ import annotations

import ast
import functools
import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from cases import slow
from command import ENVIRONMENT
from command import bnexp as command

import bnexp
from bnexp.api.arrays_at_hand import dataset_given
from bnexp.api.observer import Observer
from bnexp.api.own_networks import OwnNetworks
from bnexp.errors import StoppedError, UserError
from bnexp.history import History
from bnexp.report.measured_frame import measured
from bnexp.report.page_part import STYLE
from bnexp.system import session_functions
from bnexp.system.code_digest import code_sha256
from bnexp.system.spelling import by_command

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
LABELS = np.where(ROWS[:, 0] > 0, "yes", "no")
DATA = (ROWS, LABELS)
KEPT = ["training.save=none"]
TINY: dict[str, Any] = {"seeds": 2, "epochs": 1, "overrides": KEPT}
"""Two seeds, one epoch, and no model kept."""

MODULE = """\
import keras
from keras import layers


def build():
    return keras.Sequential([
        layers.Dense(3), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2, activation="softmax")
    ])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def net(width: int = 3, wrap: Callable[[Any], Any] | None = None) -> Any:
    """Return a small network that knows its input."""
    import keras
    from keras import layers

    x = keras.Input((4,))
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width, use_bias=False)(x)))
    hidden = hidden if wrap is None else wrap(hidden)
    return keras.Model(x, layers.Dense(2, activation="softmax")(hidden))


def of_width(width: int) -> Callable[[], Any]:
    """Return a closure: no file says how wide its network is."""

    def build() -> Any:
        return net(width)

    return build


def module(folder: Path, name: str, text: str = MODULE) -> ModuleType:
    """Import a module of the user's, as a script beside it would."""
    (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(folder))


class Told(bnexp.Observer):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str) -> None:
        self.said.append(text)


def model_of(run: bnexp.StoredRun | Any) -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load((run.directory / "config.yaml").read_text())["model"])


def refusal(*names: Any, **options: Any) -> str:
    with pytest.raises(UserError) as error:
        bnexp.check(*names, **options)
    return str(error.value)


# --- from a function to the answer ----------------------------------------------------


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bnexp.Comparison]:
    """Compare a function of a file, and return where, and the result."""
    place = tmp_path_factory.mktemp("compared")
    with chdir(place):
        build = module(place, "my_net_of_a_file").build
        return place, bnexp.compare(build, KEPT, data=DATA, arms=["batch", "none"], seeds=2, epochs=2)


def test_a_function_of_a_file_and_arrays_give_an_answer_and_runs_that_the_command_line_repeats(
    compared: tuple[Path, bnexp.Comparison], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place, result = compared
    monkeypatch.chdir(place)
    build = sys.modules["my_net_of_a_file"].build
    again = bnexp.compare(build, KEPT, data=DATA, arms=["batch", "none"], seeds=2, epochs=2)
    assert again.run == result.run, "nothing is trained or kept twice"
    assert capfd.readouterr() == ("", ""), "a plain call prints nothing"
    assert [arm.name for arm in result.arms] == ["my_net_of_a_file-batch", "my_net_of_a_file-none"]
    assert result.verdict.word == result.document.contrasts[0].verdict.word
    assert result.verdict.word == "cannot tell yet"
    assert result.verdict.sentence.startswith("2 pairs are too few for a verdict")
    assert list(result.verdicts) == ["my_net_of_a_file-batch"]

    run = bnexp.load_run("my_net_of_a_file-none")
    assert model_of(run)["build"] == "my_net_of_a_file.py:build"
    command("train", str(run.directory / "config.yaml"), "--quiet", cwd=place)
    repeated = bnexp.load_run("my_net_of_a_file-none")
    assert repeated.id != run.id
    assert repeated.history().metrics["loss"].tolist() == run.history().metrics["loss"].tolist()


def test_the_frame_has_a_row_for_each_arm_seed_epoch_and_metric_and_the_figures_draw_the_same(
    compared: tuple[Path, bnexp.Comparison], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, result = compared
    monkeypatch.chdir(place)
    frame = result.frame()
    assert list(frame.columns) == ["arm", "seed", "epoch", "metric", "value"]
    assert len(frame) == 2 * 2 * 2 * len(result.arms[0].history.metrics)
    one = frame.query("arm == 'my_net_of_a_file-none' and seed == 1 and epoch == 1 and metric == 'val_loss'")
    assert one["value"].tolist() == [result.arms[1].history.metrics["val_loss"][1, 0]]
    stored = bnexp.load_run(result.run.directory)
    pd.testing.assert_frame_equal(stored.frame(), frame)

    lines = {line.get_label(): line for line in result.figure("val_accuracy").axes[0].lines}
    values = (
        frame.query("arm == 'my_net_of_a_file-batch' and metric == 'val_accuracy'").groupby("epoch")["value"].mean()
    )
    drawn = np.asarray(lines["my_net_of_a_file-batch, Validation"].get_ydata())
    assert drawn == pytest.approx(100 * values.to_numpy())
    assert result.figure("accuracy")._repr_png_()[:4] == b"\x89PNG"  # type: ignore[attr-defined]
    with pytest.raises(
        UserError, match=r"^There is no figure of 'acuracy'\. Did you mean 'accuracy'\? Good names: loss, "
    ):
        result.figure("acuracy")


def test_a_notebook_shows_the_answer_and_its_figure(
    compared: tuple[Path, bnexp.Comparison], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, result = compared
    monkeypatch.chdir(place)
    stored = bnexp.load_run(result.run.directory)
    shown = stored._repr_html_()
    assert shown == result._repr_html_()
    assert "my_net_of_a_file-batch vs my_net_of_a_file-none: 2 seed pairs" in html.unescape(shown)
    assert shown.startswith("<pre style")
    assert '<img alt="figure" src="data:image/png;base64,iVBOR' in shown
    assert str(result) == str(stored)
    assert repr(result) == f"<Comparison {result.run.id}: my_net_of_a_file-batch cannot tell yet>"
    assert str(result).splitlines()[-2].startswith("VERDICT  cannot tell yet  2 pairs are too few")


def test_a_frame_leaves_out_epochs_that_a_seed_did_not_reach() -> None:
    history = History((5, 7), {"loss": np.array([[1.0, 2.0], [3.0, np.nan]])}, (2, 1))
    frame = measured({"a": history})
    assert frame.to_numpy().tolist() == [["a", 5, 1, "loss", 1.0], ["a", 5, 2, "loss", 2.0], ["a", 7, 1, "loss", 3.0]]


def test_what_is_trained_has_a_frame_and_figures_of_one_run_or_of_several(folder: Path) -> None:
    config = {"dataset": {"name": "moons", "samples": 60}, "model": {"name": "mlp", "hidden": [3]}}
    trained = bnexp.train([{**config, "name": "<b>"}, {**config, "name": "c"}], **TINY)
    assert [one.record.name for one in trained] == ["<b>", "c"]
    assert trained.frame().groupby("arm").size().to_dict() == {"<b>": 2 * 6, "c": 2 * 6}
    labels = [line.get_label() for line in trained.figure("loss").axes[0].lines]
    assert labels == ["<b>, Validation", "<b>, Train", "c, Validation", "c, Train"]
    assert ">&lt;b&gt;: 2 seeds, 1 epoch" in trained._repr_html_()
    (alone,) = several = bnexp.train({**config, "name": "d"}, **TINY)
    assert several.figure("accuracy").axes[0].get_title() == "Model accuracy: d"
    assert isinstance(alone.run, bnexp.StoredRun) and alone.run == bnexp.load_run("runs/latest")
    assert alone.run.frame().equals(several.frame())
    assert alone.run.figure("accuracy").axes[0].get_title() == "Model accuracy: d"
    shown, html_shown = str(several), several._repr_html_()
    assert shown == str(bnexp.load_run(alone.run.directory))
    shutil.rmtree(alone.run.directory)
    assert (str(several), several._repr_html_()) == (shown, html_shown), "all is drawn from what is at hand"
    assert repr(several) == f"<Trained {alone.run.id}>"


def test_a_damaged_run_shows_why_nothing_is_shown(folder: Path) -> None:
    damaged = folder / "runs" / "a-20260101-000000"
    damaged.mkdir(parents=True)
    (damaged / "run.json").write_text("{")
    run = bnexp.load_run("a-2026")
    assert str(run).startswith(f"a-20260101-000000: {Path('runs/a-20260101-000000/run.json')}: ")
    assert run._repr_html_() == f'<pre style="{STYLE}">{html.escape(str(run))}</pre>'


# --- what is kept ---------------------------------------------------------------------


def test_arrays_are_kept_once_by_what_they_hold_and_are_no_runs(folder: Path) -> None:
    paths = set()
    for x, y in ((ROWS, LABELS), (ROWS.copy(), LABELS[:, None].astype(object)), (ROWS.tolist(), list(LABELS))):
        (checked,) = bnexp.check(net, data=(np.asarray(x, "float32"), y))
        paths.add(checked.experiment.dataset.path)  # type: ignore[union-attr]
    (path,) = paths
    before = Path(path).stat().st_mtime_ns
    bnexp.check(net, data=DATA)
    assert Path(path).stat().st_mtime_ns == before, "never written again"
    with np.load(path, allow_pickle=False) as kept:
        assert kept["x"].tolist() == ROWS.tolist() and kept["y"].tolist() == LABELS.tolist()
    (checked,) = bnexp.check(net, data=(ROWS + 1, LABELS))
    assert checked.facts.data.name == "(x, y)"
    assert len(list((folder / "runs" / "data").iterdir())) == 2
    assert bnexp.list_runs() == []
    assert command("runs", cwd=folder).stdout == "There are no runs in runs.\n"


def test_a_data_frame_is_kept_as_it_is_and_its_target_is_learned(folder: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=list("abcd")).assign(label=LABELS, note="007")
    (checked,) = bnexp.check({"model": {"name": "mlp", "hidden": [3]}, "dataset": {"name": "moons"}})
    (checked,) = bnexp.check(net, "dataset.drop=[note]", data=frame, target="label")
    facts, section = checked.facts.data, checked.experiment.dataset
    assert (facts.target, facts.rows, facts.classes) == ("label", 60, ["no", "yes"])
    assert facts.name == "DataFrame", "the user has no Parquet file"
    pd.testing.assert_frame_equal(pd.read_parquet(section.path), frame)  # type: ignore[union-attr]
    assert refusal(net, data=frame) == (
        "target is missing; expected the column that is to be learned. The columns are: a (numbers), b (numbers), "
        "c (numbers), d (numbers), label (text, 2 values), note (numbers)."
    )
    assert refusal(net, data=frame, target="labels") == (
        "target is 'labels'; no column has this name. Did you mean 'label'? Good names: a, b, c, d, label, note."
    )


def test_a_data_frame_is_kept_as_csv_where_nothing_writes_parquet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    frame = pd.DataFrame({"a": [0.25, 0.5, 0.75], "label": [1, 0, 1]})
    section, _ = dataset_given(frame, "label", folder)
    assert (section["name"], section["target"], Path(section["path"]).suffix) == ("csv", "label", ".csv")
    pd.testing.assert_frame_equal(pd.read_csv(section["path"]), frame)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"a": [[1], [2]]}, "column 'a' of the DataFrame holds list; "),
        ({"a": [1, "x"], "b": [1.0, 2.0], "c": [2.5, "y"]}, "column 'a' of the DataFrame holds int, str; expected only numbers, texts, "
         "booleans or dates. Convert it, for example with astype(str), or leave it out.\ncolumn 'c' of the DataFrame holds float, str; "),
        ({"z": [1j, 2j]}, "column 'z' of the DataFrame holds complex128; "),
        ({1: [0, 1], "1": [0, 1]}, "data is a DataFrame with several columns called '1' (as text); expected a name of its own for each. "
         "Rename them, or leave all but one out."),
    ],
)  # fmt: skip
def test_a_data_frame_that_cannot_be_kept_is_refused_with_its_columns(
    folder: Path, frame: dict[Any, Any], message: str
) -> None:
    with pytest.raises(UserError) as raised:
        dataset_given(pd.DataFrame({**frame, "label": ["u", "v"]}), "label", folder)
    assert str(raised.value).startswith(message)
    assert list(folder.iterdir()) == []


def test_two_columns_of_one_name_are_refused(folder: Path) -> None:
    frame = pd.DataFrame([[1, 2, 0], [3, 4, 1]], columns=["a", "a", "label"])
    with pytest.raises(UserError, match=r"^data is a DataFrame with several columns called 'a' \(as text\); expected"):
        dataset_given(frame, "label", folder)


def test_a_stream_of_rows_that_knows_no_length_is_refused_by_its_kind(folder: Path) -> None:
    class Dataset:
        def __len__(self) -> int:
            raise TypeError("The dataset length is unknown.")

    with pytest.raises(
        UserError, match=r"^data is Dataset; expected \(x, y\), \(\(x, y\), \(x_test, y_test\)\), a DataFrame"
    ):
        dataset_given(Dataset(), None, folder)


def test_the_second_of_two_pairs_is_the_test_part(folder: Path) -> None:
    section, _ = dataset_given(((ROWS, LABELS), (ROWS[:9], LABELS[:9])), None, folder)
    assert {key: section[key] for key in section if key != "path"} == {
        "name": "npz", "x_test": "x_test", "y_test": "y_test",
    }  # fmt: skip
    with np.load(section["path"]) as kept:
        assert {name: len(kept[name]) for name in kept} == {"x": 60, "y": 60, "x_test": 9, "y_test": 9}
    again, _ = dataset_given((ROWS, LABELS), None, folder)
    assert again["path"] != section["path"]


@pytest.mark.parametrize(("overrides", "rows"), [((), (60, 9, None)), ("dataset.validation_size=0.25", (45, 15, 9))])
def test_the_test_part_is_validated_on_unless_the_training_rows_have_a_validation_part(
    overrides: Any, rows: tuple[int | None, ...]
) -> None:
    (checked,) = bnexp.check(net, overrides, data=((ROWS, LABELS), (ROWS[:9] + 1, LABELS[:9])))
    facts = checked.facts.data
    assert (facts.training_rows, facts.validation_rows, facts.test_rows) == rows


def arms_of(*names: str, compared: bool = True) -> list[str]:
    """Return the arms in which networks of files are taken; none is built but one that is compared alone."""
    own = OwnNetworks("my.csv", "label")
    return [str(getattr(one, "name", one)) for one in own.arms_of(names, (), Observer(), compared=compared)]


def test_networks_beside_others_are_taken_as_they_are_written_and_are_not_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "my.csv").write_text("a,label\n1,u\n2,v\n")
    (folder / "nets.py").write_text("def build(): ...\ndef made(normalization): ...\n")
    assert arms_of("nets.py:build", "bn", "nets.py:made") == ["nets-as_written", "bn", "nets-made-batch"]
    (folder / "failing.py").write_text("build = 1 / 0\n")
    assert arms_of("failing.py:build", compared=False) == ["failing-as_written"], "building it reports why"
    monkeypatch.setattr("bnexp.api.own_networks.preflight", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(StoppedError, match=r"^Stopped before anything was trained; nothing is kept\.$"):
        arms_of("nets.py:build")


def test_a_file_that_asks_for_work_while_it_is_run_for_its_function_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.api.own_networks.imported_now", lambda: "nets.py:build")
    with pytest.raises(UserError) as raised:
        arms_of("nets.py:build")
    assert str(raised.value) == (
        "nets.py is run to get its function, but it calls bnexp itself; expected a file that defines functions. Put these "
        'calls under `if __name__ == "__main__":`.'
    )


def test_a_path_a_known_set_and_a_section_are_data_too(folder: Path) -> None:
    np.savez(folder / "my.npz", x=ROWS, y=LABELS)
    for data in ("my.npz", folder / "my.npz", {"name": "npz", "path": "my.npz"}):
        (checked,) = bnexp.check(net, data=data)
        assert (checked.facts.data.name, checked.facts.data.rows) == ("npz", 60)


def test_one_hot_targets_are_data_too() -> None:
    (checked,) = bnexp.check(net, data=(ROWS, np.eye(3)[[0, 2] * 30]))
    assert (checked.facts.data.classes, checked.facts.data.one_hot_classes) == (["0", "2"], 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((ROWS, LABELS[:9]), "data is (x, y) with 60 rows of x and 9 of y; expected one y for each row of x. Give both for the same rows, in the same order."),
        ((ROWS[:0], LABELS[:0]), "x has shape (0, 4); expected rank 2 (rows of numbers), 3 (sequences), 4 (images). The first axis counts rows, and no axis may be empty. Give one row or more, with one number or more in each."),
        ((ROWS[:, 0], LABELS), "x has shape (60,); expected rank 2 (rows of numbers), 3 (sequences), 4 (images). The first axis counts rows, and no axis may be empty. Give x[:, None] if each row is one number."),
        ((ROWS, np.full((60, 2), 0.5)), "y has shape (60, 2), and row 0 (counted from 0) holds 0.5; expected one 1 in each row, at its class, and else 0. No row is one-hot. Fix these rows, or give one of its columns."),
        ((ROWS, np.ones((60, 2, 2))), "y has shape (60, 2, 2); expected one value for each row, (N,) or (N, 1). Change its shape."),
        ((ROWS.astype(str), LABELS), "x is <U32 of shape (60, 4); expected numbers. Give a DataFrame with target= for columns of text."),
        ((ROWS, [None, *LABELS[1:]]), "y holds NoneType, str; expected only numbers, only booleans or only texts. Fix those rows."),
        ((ROWS, np.ones(60, complex)), "y is complex128; expected numbers, booleans or texts. Give y.astype(str) for classes."),
        (((ROWS, LABELS), (ROWS, LABELS[:9])), "data is (x_test, y_test) with 60 rows of x_test and 9 of y_test; expected one y_test for each row of x_test. "),
        (((ROWS, LABELS), (ROWS[:, 0], LABELS)), "x_test has shape (60,); expected rank 2"),
        (((ROWS, LABELS), (ROWS[:, :2], LABELS)), "x_test has rows of shape (2,), float32; x has (4,), float32. "),
        (7, "data is int; expected (x, y), ((x, y), (x_test, y_test)), a DataFrame with target=, a file,"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "x is list, which cannot be converted to an array ("),
        (ROWS, "data is ndarray of shape (60, 4); expected (x, y), ((x, y), (x_test, y_test)), a DataFrame with target=, a file, a folder, the name of a known set, or a config's `dataset`. Give arrays as data=(x, y)."),
    ],
)  # fmt: skip
def test_data_that_cannot_be_learned_from_are_refused_and_nothing_is_written(
    data: Any, message: str, folder: Path
) -> None:
    assert refusal(net, data=data).startswith(message)
    assert list(folder.iterdir()) == []


def test_a_target_is_refused_beside_arrays_and_a_section() -> None:
    assert refusal(net, data=DATA, target="y") == (
        "target is 'y'; the second array of (x, y) is what is to be learned. Leave it out."
    )
    assert refusal(net, data={"name": "digits"}, target="y") == (
        "target is 'y'; the section `dataset` has a key `target` of its own. Leave it out."
    )


def test_seeds_and_epochs_are_overrides_and_are_not_said_twice() -> None:
    (checked,) = bnexp.check({"dataset": {"name": "moons"}, "model": {"name": "mlp"}}, seeds=3, epochs=4)
    assert (checked.experiment.training.seeds, checked.experiment.training.epochs) == (3, 4)
    said, missing = refusal("bn", "training.seeds=5", seeds=3).splitlines()
    assert said == "seeds is 3, and an override is training.seeds=5; expected one of the two. Leave one out."
    assert missing.startswith("No config is called 'bn'")
    with pytest.raises(UserError, match=r"^seeds is 0; expected a whole number of 1 or more\.$"):
        bnexp.check({"dataset": {"name": "moons"}, "model": {"name": "mlp"}}, seeds=0)
    with pytest.raises(UserError) as several:
        bnexp.compare("no.py:build", data="no.csv", seeds=0, epochs=2.5, margin=0)
    assert [re.split("[;,]", line)[0] for line in str(several.value).splitlines()] == [
        "seeds is 0", "epochs is 2.5", "no.py:build: model.build names 'no.py'", "data is 'no.csv'", "margin is 0"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "seen", "cure"),
    [
        ({"name": "other", "dataset": {}}, "of type dict", "Give several configs or networks as a list, in the first argument."),
        (str, "of type type", "Give several configs or networks as a list, in the first argument."),
        ("nobn", "'nobn'", "Give several configs or networks as a list, in the first argument."),
        (["training.epochs=5", 3], "of type int", "Give several configs or networks as a list, in the first argument."),
        ({"training": {"epochs": 5}, "model.dropout": 0.1}, "of type dict",
         "Write overrides=['training.epochs=5', 'model.dropout=0.1']."),
    ],
)  # fmt: skip
def test_what_is_no_override_is_told_apart(overrides: Any, seen: str, cure: str) -> None:
    for function in (bnexp.compare, bnexp.train, bnexp.check):
        with pytest.raises(UserError) as error:
            function("bn", overrides)
        assert str(error.value) == f'overrides is {seen}; expected texts, such as "training.epochs=5". {cure}'


def test_a_cure_for_arrays_is_an_override_and_names_no_file() -> None:
    x = np.zeros((40, 3))
    x[12, 2] = np.nan
    with pytest.raises(UserError) as error:
        bnexp.check(of_width(3), data=(x, np.arange(40) % 2))
    assert str(error.value).endswith('Use overrides=["dataset.missing=mean"], or fix the data.')


# --- functions without a file ---------------------------------------------------------


def test_a_closure_is_trained_anew_if_what_it_builds_changes_and_its_runs_say_where_they_can_be_repeated(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = bnexp.train(of_width(3), data=DATA, arms=["none"], **TINY)
    assert first.record.network is not None
    assert first.record.network.notes[-1] == (
        "build is a function of a Python session; the run can be repeated only where it is defined."
    )
    assert planned(of_width(3)) == {"build-none": first.run.id, "build-layer": "no finished run was found"}
    changed = "the files of its network, or packages that it imports, have changed since its newest run"
    assert planned(of_width(5)) == {"build-none": changed, "build-layer": "no finished run was found"}
    monkeypatch.setattr(session_functions, "_KNOWN", {})  # as in another session
    done = command("train", str(first.run.directory / "config.yaml"), cwd=folder, code=2)
    assert "model.build is '<python>:build', a function of a Python session or a notebook" in done.stderr
    assert "move it to a file and name FILE.py:build." in done.stderr


def planned(network: Any) -> dict[str, str | None]:
    """Map each arm to the stored run that answers it, or to why it is to be trained."""
    plan = bnexp.plan_comparison(network, data=DATA, arms=["none", "layer"], **TINY)
    return {arm.name: arm.run or arm.reason for arm in plan.arms}


def test_two_functions_of_one_name_are_two_networks() -> None:
    one, other = bnexp.check([of_width(2), of_width(4)], data=DATA, arms=["none"])
    builds = [checked.experiment.model.build for checked in (one, other)]  # type: ignore[union-attr]
    assert builds == ["<python>:build", "<python>:build_2"]
    assert one.facts.network != other.facts.network


def test_a_lambda_and_a_partial_function_are_networks_and_a_number_is_none() -> None:
    (checked,) = bnexp.check(lambda: net(2), data=DATA)
    assert checked.experiment.model.build == "<python>:network"  # type: ignore[union-attr]
    (checked,) = bnexp.check(functools.partial(net, 2), data=DATA)
    assert checked.experiment.model.build == "<python>:net"  # type: ignore[union-attr]
    assert refusal(3, data=DATA) == (
        "3 is int; expected the name of a config or a run, a function that returns a keras.Model, a keras.Model, or a "
        "config as a dict."
    )
    assert refusal(of_width(3)).startswith(
        "build is a network of your own; expected its data. Give data=(x, y), a DataFrame"
    )


def test_a_function_that_makes_its_normalization_gets_the_arms_of_the_question() -> None:
    def build(normalization: Any, input_shape: Sequence[int], classes: int) -> Any:
        import keras

        x = keras.Input(input_shape)
        return keras.Model(x, keras.layers.Dense(classes)(normalization()(x)))

    told = Told()
    plan = bnexp.plan_comparison(build, data=DATA, observer=told, seeds=6)
    assert [arm.name for arm in plan.arms] == ["build-batch", "build-layer", "build-none"]
    assert told.said[0] == "build takes `normalization`; arms: batch, layer, none"


def test_a_plan_in_python_names_keywords_and_by_the_command_options() -> None:
    def sentence() -> str:
        plan = bnexp.plan_comparison(of_width(3), data=DATA, arms=["none", "layer"], **TINY)
        assert type(plan).model_validate_json(plan.model_dump_json()) == plan
        return plan.detectable.sentence

    assert sentence().endswith("2 seeds are too few for a verdict; 6 are the fewest. Use seeds=6 or more.")
    with by_command():
        assert sentence().endswith("Use --seeds 6 or more.")


def test_errors_of_a_function_without_a_file_are_its_own() -> None:
    def build() -> Any:
        return {}["no such layer"]

    told = refusal(build, data=DATA)
    assert told.startswith("build: model.build is your function build; it fails when it is called:\n")
    assert told.endswith("Fix it, and try it with `build()`.")


GLOBAL = 3


def reads_a_global() -> int:
    return GLOBAL


def calls_another() -> int:
    return reads_a_global() + 1


def test_a_digest_of_code_follows_globals_calls_closures_and_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_sha256(calls_another)
    assert code_sha256(calls_another) == before
    monkeypatch.setitem(globals(), "GLOBAL", 4)
    assert code_sha256(calls_another) != before
    assert code_sha256(of_width(3)) == code_sha256(of_width(3)) != code_sha256(of_width(4))
    assert code_sha256(lambda a=1: a) != code_sha256(lambda a=2: a)
    arrays = [np.arange(3), np.arange(3), np.array([0, 1, 3])]
    one, same, other = (code_sha256(functools.partial(max, array)) for array in arrays)
    assert one == same != other


def test_a_digest_of_what_cannot_be_read_stays_the_same_for_the_same_object_alone() -> None:
    one, other = (lock for lock in (__import__("threading").Lock(), __import__("threading").Lock()))
    assert code_sha256(functools.partial(id, one)) == code_sha256(functools.partial(id, one))
    assert code_sha256(functools.partial(id, one)) != code_sha256(functools.partial(id, other))


def test_code_of_equal_text_has_one_digest_in_every_process(folder: Path) -> None:
    text = "from bnexp.system.code_digest import code_sha256\nW = {'b', 'a'}\ndef f(x=1):\n    # {}\n    return [W, x]\nprint(code_sha256(f))"
    digests = [
        subprocess.run([sys.executable, "-c", text.replace("{}", note)], env={**ENVIRONMENT, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for note, seed in (("one", "1"), ("another\n    # line", "2"))
    ]  # fmt: skip
    assert digests[0] == digests[1] != ""


@pytest.mark.slow
def test_a_script_gives_its_own_function_and_is_not_run_again_for_it(folder: Path) -> None:
    script = (
        MODULE
        + f"""
import numpy as np
import bnexp
print("begun")
x = np.random.default_rng(0).normal(size=(60, 4))
result = bnexp.compare(build, {TINY["overrides"]!r}, data=(x, x[:, 0] > 0), arms=["batch", "none"], seeds=2, epochs=1)
print(result.verdict.word)
"""
    )
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "begun\ncannot tell yet\n"), done.stderr
    assert model_of(bnexp.load_run("script-batch"))["build"] == "<python>:build"
    told = refusal("script.py:build", data=DATA)
    assert "script.py is run to get its function, but it calls bnexp itself" in told
    assert 'Put these calls under `if __name__ == "__main__":`.' in told


# --- models ---------------------------------------------------------------------------


def test_a_model_is_kept_as_a_file_that_does_not_depend_on_what_was_built_before(folder: Path) -> None:
    import keras

    model = net()
    (checked,) = bnexp.check(model, data=DATA, arms=["none"])
    assert checked.experiment.name == "functional-none"
    path = Path(checked.experiment.model.path)  # type: ignore[union-attr]
    assert path.parent == Path("runs/models")
    assert keras.saving.load_model(path, compile=False, safe_mode=True).count_params() == model.count_params()
    before = path.stat().st_mtime_ns
    (again,) = bnexp.check(net(), data=DATA, arms=["none"])
    assert again.experiment == checked.experiment, "though its layers have other names, and its weights other values"
    assert path.stat().st_mtime_ns == before, "never written again"
    (other,) = bnexp.check(net(4), data=DATA, arms=["none"])
    assert other.experiment.model.path != str(path)  # type: ignore[union-attr]


COMPILED = """
import sys
import keras, numpy as np
import bnexp
from keras import layers

def given(optimizer, loss, wrap=None):
    x = keras.Input((4,))
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Dense(3)(x)))
    hidden = hidden if wrap is None else layers.Lambda(wrap)(hidden)
    model = keras.Model(x, layers.Dense(3, activation="softmax")(hidden))
    if optimizer is not None:
        model.compile(optimizer, loss)
    return model

def notes(*compiled, wrap=None):
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
    data = (rows, np.arange(60) % 3)
    both = bnexp.check(given(*compiled, wrap), data=data, arms=["batch", "none"])
    (told, *others) = [[one for one in arm.facts.network.notes if "compiled" in one] for arm in both]
    assert others == [told]
    return [arm.experiment.model for arm in both], told
"""
"""Checks a model that was compiled otherwise each time; `notes` returns the models as configs name them, and what is said of that."""
OF_SGD = [
    "The network was compiled with the loss mean_squared_error; bnexp trains with sparse_categorical_crossentropy, as a "
    "multiclass task needs.",
    "The optimizer that the network was compiled with is not used. To train with its settings, add "
    "training.optimizer=sgd training.learning_rate=0.01 training.optimizer.momentum=0.9.",
]
OF_ADAM = [
    "The optimizer that the network was compiled with is not used. To train with its settings, add "
    "training.learning_rate=0.0005."
]


@pytest.mark.parametrize("wrap", [None, slow(lambda x: 2 * x)])
def test_the_notes_are_about_the_model_that_was_given_and_not_about_one_that_was_compiled_otherwise(wrap: Any) -> None:
    import keras

    space: dict[str, Any] = {}
    exec(COMPILED, space)
    notes, adam = space["notes"], keras.optimizers.Adam
    first, told = notes(keras.optimizers.SGD(0.01, momentum=0.9), "mse", wrap=wrap)
    assert told == OF_SGD
    second, told = notes(adam(0.0005), "sparse_categorical_crossentropy", wrap=wrap)
    assert told == OF_ADAM
    assert notes(None, None, wrap=wrap)[1] == []
    assert notes(keras.optimizers.SGD(0.01, momentum=0.9), "mse", wrap=wrap) == (first, OF_SGD), "both models are known"
    renamed = adam(0.0005, name="adam_7")
    assert notes(renamed, "sparse_categorical_crossentropy", wrap=wrap) == (second, OF_ADAM)


@pytest.mark.slow
def test_a_new_process_gives_the_notes_of_its_own_model(folder: Path) -> None:
    (folder / "given.py").write_text(COMPILED + "print(notes(eval(sys.argv[1]), sys.argv[2])[1])\n")
    for optimizer, loss, told in (
        ("keras.optimizers.SGD(0.01, momentum=0.9)", "mse", OF_SGD),
        ("keras.optimizers.Adam(0.0005)", "sparse_categorical_crossentropy", OF_ADAM),
        ("keras.optimizers.SGD(0.01, momentum=0.9)", "mse", OF_SGD),
    ):
        called = [sys.executable, "given.py", optimizer, loss]
        done = subprocess.run(called, capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert ast.literal_eval(done.stdout) == told
    assert len([*(folder / "runs" / "models").iterdir()]) == 2


def test_a_model_whose_loss_has_no_text_is_refused_with_the_cure() -> None:
    space: dict[str, Any] = {}
    exec(COMPILED, space)
    model = space["given"]("adam", eval("lambda true, seen: true - seen"))
    assert refusal(model, data=DATA).endswith("Give a function that builds it: `def build(): ...; return model`.")


def test_the_weights_of_a_model_are_a_part_of_it_if_they_are_kept(folder: Path) -> None:
    model = net()
    arms = {"arms": ["as_written"], "data": DATA}
    before = [value.copy() for value in model.get_weights()]
    (one,) = bnexp.check(model, "model.weights=keep", **arms)
    model.set_weights([value + 1 for value in before])
    (other,) = bnexp.check(model, "model.weights=keep", **arms)
    assert one.experiment.model != other.experiment.model
    (drawn,) = bnexp.check(model, **arms)
    assert drawn.experiment.model.path not in (one.experiment.model.path, other.experiment.model.path)  # type: ignore[union-attr]


def test_a_model_with_code_in_it_is_copied_for_each_arm(folder: Path) -> None:
    import keras

    model = net(wrap=keras.layers.Lambda(lambda x: 2 * x))
    one, other = bnexp.check(model, "model.weights=keep", data=DATA, arms=["batch", "none"])
    assert one.experiment.model.build == "<python>:functional"  # type: ignore[union-attr]
    assert [checked.facts.network.normalizations for checked in (one, other) if checked.facts.network] == [
        {"BatchNormalization": 1},
        {},
    ]
    assert not (folder / "runs" / "models").exists()


def test_a_model_class_of_the_users_own_and_a_model_without_weights_are_refused_with_a_cure_that_works() -> None:
    import keras

    class Mine(keras.Model):  # type: ignore[misc]
        def __init__(self, width: int) -> None:
            super().__init__()
            self.last = keras.layers.Dense(width)

        def call(self, x: Any) -> Any:
            return self.last(x)

    mine, expected = (
        Mine(2),
        (
            "mine is of the class Mine with a `call` of its own, in which no layer can be swapped. Give a function "
            '`def build(normalization): ...; return model` that makes its layers with `normalization(name="norm_1")`, or make '
            "the model of keras.Sequential or keras.Model(inputs, outputs)."
        ),
    )
    assert refusal(mine, data=DATA) == expected
    mine(ROWS)
    assert refusal(mine, data=DATA) == expected
    assert refusal(keras.Sequential([keras.layers.Dense(2)], name="mine"), data=DATA) == (
        "mine has no weights yet: its input is not known. Begin it with keras.Input. "
        "Give a function that builds it: `def build(): ...; return model`."
    )


# --- the user's process ---------------------------------------------------------------

STATE = (
    MODULE
    + """
import gc, json, logging, os, random, signal, sys, warnings
import matplotlib
import numpy as np
import tensorflow as tf

def state():
    return {
        "keras": [keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(), keras.config.dtype_policy().name],
        "signals": [str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM)],
        "streams": [id(sys.stdout), id(sys.stderr), os.fstat(2).st_ino],
        "gc": [gc.get_threshold(), gc.isenabled()],
        "path": sys.path, "bytecode": sys.dont_write_bytecode, "cwd": os.getcwd(), "environ": dict(os.environ),
        "matplotlib": [matplotlib.get_backend(), sorted((key, str(value)) for key, value in matplotlib.rcParams.items())],
        "logging": [logging.getLogger(one).level for one in (None, "tensorflow", "absl")],
        "numpy": np.geterr(), "warnings": [str(one) for one in warnings.filters],
        "hooks": [id(sys.excepthook), id(sys.unraisablehook)],
    }

def drawn():
    return [
        random.random(), float(np.random.random()), float(keras.random.uniform(())), float(tf.random.uniform(())),
        float(keras.initializers.GlorotUniform()((1, 1))[0, 0]),
    ]

import bnexp
bnexp.compare  # loaded
keras.config.set_floatx("float64"); keras.config.set_epsilon(1e-5); keras.config.set_image_data_format("channels_first")
matplotlib.rcParams["font.size"] = 17
gc.set_threshold(701, 11, 12)
np.seterr(over="raise")
keras.utils.set_random_seed(3)
untouched = drawn()
keras.utils.set_random_seed(3)
before = json.loads(json.dumps(state()))
x = np.random.default_rng(0).normal(size=(60, 4))
result = bnexp.compare(build, data=(x, x[:, 0] > 0), arms=["batch", "none"], seeds=2, epochs=1)
after, then = json.loads(json.dumps(state())), drawn()
result._repr_html_(), result.figure("loss")
print(json.dumps([[key for key in before if before[key] != after[key]], untouched == then, [then, untouched], before == json.loads(json.dumps(state()))]))
"""
)


@pytest.mark.slow
def test_a_comparison_leaves_the_process_as_it_was(folder: Path) -> None:
    (folder / "script.py").write_text(STATE)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    changed, draws_equal, draws, after_showing = json.loads(done.stdout)
    assert changed == []
    assert draws_equal, draws
    assert after_showing


NOTEBOOK = Path(__file__).parent.parent / "docs" / "own-network.ipynb"


@pytest.mark.slow
def test_the_notebook_of_the_docs_gives_the_answer_that_stands_in_it(folder: Path) -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    shown = [run_cell("".join(cell["source"]), space) for cell in cells()]
    assert space["result"].verdict.word == "helps"
    printed = [output for cell in cells() for output in cell["outputs"] if output["output_type"] == "stream"]
    assert "".join(printed[0]["text"]) == f"{space['result'].verdict.word}\n{space['result'].verdict.sentence}\n"
    assert shown[2]._repr_html_().count("data:image/png;base64,") == 1
    assert shown[3].loc[10, "build-batch"] < shown[3].loc[10, "build-none"]
    assert shown[4]._repr_png_()[:4] == b"\x89PNG"


def cells() -> list[dict[str, Any]]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def run_cell(text: str, space: dict[str, Any]) -> Any:
    """Run a cell as a notebook does, and return the value of its last line."""
    *statements, last = ast.parse(text).body
    exec(compile(ast.Module(statements, []), "<cell>", "exec"), space)
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module([last], []), "<cell>", "exec"), space)
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)


def test_an_arm_may_be_a_mapping_with_options() -> None:
    def named(*arms: Any) -> list[str]:
        return [arm.name for arm in bnexp.plan_comparison(net(), data=DATA, arms=list(arms), **TINY).arms]

    slow = {"name": "batch", "momentum": 0.5}
    assert named(slow, "none") == ["functional-batch", "functional-none"]
    assert named(slow, "batch") == ["functional-batch (momentum 0.5)", "functional-batch (momentum null)"]
    with pytest.raises(UserError) as error:
        bnexp.compare(net(), data=DATA, arms={"name": "group", "groups": 4})
    assert str(error.value) == (
        "compare was given one arm, [{'name': 'group', 'groups': 4}]; expected two or more. Name several: "
        'arms=["batch", "none"].'
    )
    with pytest.raises(UserError, match=r"arms is .*; an arm is named twice\. Name each once\."):
        named(slow, dict(slow))
    with pytest.raises(UserError, match=r"model\.normalization\.momentun"):
        named({"name": "batch", "momentun": 0.5}, "none")


def test_a_network_of_another_shape_is_told_what_the_numbers_of_a_table_are() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((9,)), keras.layers.BatchNormalization(), keras.layers.Dense(1, "sigmoid")], name="nine"
    )
    frame = pd.DataFrame({"age": np.arange(40.0), "town": ["Rom", "Ulm"] * 20, "label": ["x", "y", "y", "x"] * 10})
    told = refusal(model, data=frame, target="label")
    assert told == (
        "nine: model takes inputs of shape (9,); the data are rows of 3 numbers, of shape (3,). Each row holds age, town=Rom, "
        "town=Ulm. Change the network's Input to (3,)."
    )
    small = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")], name="one")
    assert refusal(small, data=frame, target="label", arms=["as_written", "none"]).endswith(
        "or leave columns of a table out with dataset.drop."
    )
    assert "dataset.drop" not in refusal(
        small, data=(np.zeros((40, 2)), np.arange(40) % 2), arms=["as_written", "none"]
    )


def test_a_refused_call_leaves_no_file_of_arrays_or_models(folder: Path) -> None:
    import keras

    wide = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(7, "softmax")])
    for model, arms in ((net(), ["batch", "nope"]), (wide, ["batch", "none"])):
        for call in (bnexp.compare, bnexp.check, bnexp.train, bnexp.plan_comparison):
            with pytest.raises(UserError):
                call(model, data=DATA, arms=arms)  # type: ignore[operator]
            assert [*folder.iterdir()] == [], call
    (folder / "runs").mkdir()
    with pytest.raises(UserError):
        bnexp.compare(net(), data=DATA, arms=["batch", "nope"])
    assert [*folder.rglob("*")] == [folder / "runs"], "a folder of the user's"
    bnexp.check(net(), data=DATA, arms=["batch", "none"])
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(kept) == 2
    with pytest.raises(UserError):
        bnexp.compare(net(), data=DATA, arms=["batch", "nope"])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == kept, "files of an earlier call"
