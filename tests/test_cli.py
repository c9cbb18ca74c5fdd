"""The command line: what it writes, prints, refuses and survives; in real processes where a process is the point."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from command import COMMAND, ENVIRONMENT, REPOSITORY, Done, bnexp, bnexp_process, imported, refused
from typer.testing import CliRunner

from bnexp import __version__, store
from bnexp.cli.app import app
from bnexp.cli.exit_code import leave
from bnexp.config.training import Training
from bnexp.experiment.run_files import RunFiles
from bnexp.history import History, from_json
from bnexp.report import run_list

SMALL = ["--seeds", "3", "training.epochs=4"]
Compared = tuple[Path, Done]
"""A folder in which `bnexp compare bn nobn` has been run, and what it said."""


def project(place: Path) -> Path:
    """Return a folder with the tutorial's two configs."""
    (place / "configs").mkdir()
    for name in ("bn", "nobn"):
        shutil.copy(REPOSITORY / "configs" / f"{name}.yaml", place / "configs")
    return place


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """A folder in which `bnexp compare bn nobn` has been run, and what it said."""
    place = project(tmp_path_factory.mktemp("compared"))
    return place, bnexp_process("compare", "bn", "nobn", *SMALL, cwd=place)


def run_of(place: Path, name: str) -> Path:
    (directory,) = (path for path in (place / "runs").glob(f"{name}-2*"))
    return directory


# --- the main job -------------------------------------------------------------------


def test_compare_trains_both_arms_says_so_and_answers_on_stdout(
    compared: Compared,
) -> None:
    _, done = compared
    assert "training bn: no finished run was found" in done.stderr
    assert "training nobn: no finished run was found" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "classification: 800 training rows, 200 for validation (random, 0.2 held out); majority-class baseline (always the training rows' commonest class): 46.50% on the validation rows"
    )
    assert lines[1] == "2 classes: 0 (500 rows), 1 (500)"
    assert lines[2] == "bn vs nobn: 3 seed pairs; checked by digest: splits equal, kernels equal, batch orders equal"
    assert "varied: model.normalization (batch / none)" in lines
    assert "also checked, and equal: every other key of the config, engine, versions, machine" in lines
    warned = "WARNING  bn: BatchNormalization's moving averages have not converged: after 100 steps with momentum 0.99 they still hold 37%"
    assert any(line.startswith(warned) for line in lines)
    assert any(line.startswith("VERDICT  cannot tell yet  3 pairs are too few for a verdict,") for line in lines)
    assert lines[-1].startswith("kept: runs/bn-vs-nobn-")
    assert "Traceback" not in done.stderr
    assert "oneDNN" not in done.stderr, "TensorFlow's greetings are held back"


def test_a_run_directory_holds_what_the_design_says(compared: Compared) -> None:
    place, _ = compared
    run = run_of(place, "bn")
    assert sorted(path.name for path in run.iterdir()) == [
        "accuracy.png", "config.yaml", "history.json", "inputs.json", "loss.png", "model.keras", "rows.npz", "run.json",
    ]  # fmt: skip
    history = json.loads((run / "history.json").read_text())
    assert (history["format"], [entry["seed"] for entry in history["seeds"]]) == (1, [0, 1, 2])
    assert list(history["seeds"][0]["history"]) == [
        "loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy",
    ]  # fmt: skip
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["seeds"], record["name"]) == ("finished", [0, 1, 2], "bn")
    assert record["dataset"]["training_rows"] == 800
    assert record["parameters"]["trainable"] == 20 * 64 + 64 + 64 * 64 + 64 + 64 + 1 + 2 * 2 * 64
    assert (
        "moving averages have not converged: after 100 steps with momentum 0.99 they still hold 37%"
        in record["warnings"][0]
    )
    assert str(Path.home()) not in (run / "run.json").read_text()


def test_compare_keeps_its_numbers_and_figures(compared: Compared) -> None:
    place, _ = compared
    kept = run_of(place, "bn-vs-nobn")
    assert sorted(path.name for path in kept.iterdir()) == [
        "accuracy.png", "comparison.json", "difference.png", "histories.json", "loss.png",
    ]  # fmt: skip
    document = json.loads((kept / "comparison.json").read_text())
    values = {}
    for name in ("bn", "nobn"):
        text = (run_of(place, name) / "history.json").read_text()
        values[name] = from_json(text, name).metrics["val_accuracy"][:, -1]
    difference = document["contrasts"][0]["metrics"]["val_accuracy"]
    assert difference["mean"] == pytest.approx((values["bn"] - values["nobn"]).mean())
    assert difference["pairs"] == 3


def test_a_second_compare_trains_nothing_and_imports_only_what_it_needs(
    compared: Compared,
) -> None:
    place, first = compared
    done = bnexp_process("compare", "bn", "nobn", *SMALL, cwd=place, options=("-X", "importtime"))
    assert "training bn" not in done.stderr
    modules = imported(done)
    assert "numpy" in modules
    assert modules & {"tensorflow", "keras", "pandas", "sklearn", "scipy", "urllib.request"} == set()
    assert done.stdout.splitlines()[:-1] == first.stdout.splitlines()[:-1]


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert bnexp("--version", cwd=tmp_path).stdout == f"bnexp {__version__}\n"


@pytest.mark.parametrize("command", ["train", "check", "compare"])
def test_each_option_says_its_default_or_what_happens_without_it(command: str) -> None:
    options = {
        option.name: option
        for option in typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
        if option.param_type_name == "option" and not option.is_flag
    }
    told = {name: str(option.help) for name, option in options.items()}
    silent = [name for name, option in options.items() if option.default is None]
    assert [name for name in silent if not re.search("(?i)if not given|required", told[name])] == []
    training = Training()
    assert told["seeds"].endswith(f"and {training.seeds} if it sets none.")
    assert told["epochs"].endswith(f"and {training.epochs} if it sets none.")
    if command != "compare":
        assert told["arms"].endswith("If not given: as_written. For a function that takes `normalization`: batch.")


def test_the_help_of_the_target_says_how_a_percentage_is_written() -> None:
    printed = CliRunner().invoke(app, ["compare", "--help"]).output
    assert "0.9 means 90%" in " ".join(re.sub("[│ ]+", " ", printed).split())


@pytest.mark.slow
def test_a_changed_config_is_trained_anew_and_compare_says_why(compared: Compared, tmp_path: Path) -> None:
    shutil.copytree(compared[0], tmp_path, dirs_exist_ok=True, symlinks=True)
    before = {run.id for run in store.runs_in(tmp_path / "runs")}
    done = bnexp("compare", "bn", "nobn", "--seeds", "2", "training.epochs=1", cwd=tmp_path)
    now = "(set on the command line)"
    assert f"training bn: it differs from its newest run: training.epochs was 4, now 1 {now}\n" in done.stderr
    rows = [run_list.row(run) for run in store.runs_in(tmp_path / "runs") if run.id not in before]
    assert [row.overrides for row in rows] == ["training.epochs=1 training.seeds=2"] * 3
    assert done.stdout.splitlines()[2].startswith("bn vs nobn: 2 seed pairs;")


def test_json_is_one_document_and_nothing_else(compared: Compared) -> None:
    place, _ = compared
    done = bnexp("compare", "bn", "nobn", *SMALL, "--json", cwd=place)
    assert json.loads(done.stdout)["contrasts"][0]["arm"] == "bn"
    assert done.stderr == ""


def test_quiet_prints_only_the_place(compared: Compared) -> None:
    place, _ = compared
    done = bnexp("compare", "bn", "nobn", *SMALL, "--quiet", cwd=place)
    assert re.fullmatch(r"runs/bn-vs-nobn-\d{8}-\d{6}(-\d+)?\n", done.stdout)
    assert done.stderr == ""


def test_plot_redraws_from_json_alone_in_any_format(compared: Compared, tmp_path: Path) -> None:
    place, _ = compared
    command = ["plot", "runs/latest", "--format", "svg", "--out", str(tmp_path)]
    done = bnexp_process(*command, cwd=place, options=("-X", "importtime"))
    assert sorted(done.stdout.split()) == [str(tmp_path / f"{name}.svg") for name in ("accuracy", "difference", "loss")]
    assert "<svg" in (tmp_path / "accuracy.svg").read_text()
    assert "tensorflow" not in imported(done)
    run = run_of(place, "bn")
    before = (run / "accuracy.png").read_bytes()
    (run / "accuracy.png").unlink()
    bnexp("plot", str(run), cwd=tmp_path)
    assert (run / "accuracy.png").read_bytes() == before


def test_runs_lists_everything_and_a_damaged_directory_hides_nothing(compared: Compared, tmp_path: Path) -> None:
    shutil.copytree(compared[0], tmp_path, dirs_exist_ok=True, symlinks=True)
    broken = tmp_path / "runs" / "broken-20260101-000000"
    broken.mkdir()
    (broken / "run.json").write_text('{"status": "fin')
    done = bnexp("runs", cwd=tmp_path)
    assert re.search(r"broken-20260101-000000 +run +damaged", done.stdout)
    assert re.search(r"nobn-\S+ +run +finished +3 +val_accuracy \(%\) \d\d\.\d\d", done.stdout)
    assert len(json.loads(bnexp("runs", "--json", cwd=tmp_path).stdout)) == len(done.stdout.splitlines()) - 1


@pytest.mark.slow
def test_a_finished_runs_config_retrains_to_the_same_history_from_any_folder(
    compared: Compared, tmp_path: Path
) -> None:
    run = run_of(compared[0], "bn")
    done = bnexp("train", str(run / "config.yaml"), "--quiet", "--runs", "kept", cwd=tmp_path)
    again = tmp_path / done.stdout.strip()
    histories = [from_json((directory / "history.json").read_text(), "") for directory in (run, again)]
    for name, values in histories[0].metrics.items():
        np.testing.assert_allclose(histories[1].metrics[name], values, rtol=1e-6)


def test_the_saved_model_loads_in_safe_mode_and_is_made_of_kerass_own_layers(compared: Compared) -> None:
    import keras

    model = keras.saving.load_model(run_of(compared[0], "bn") / "model.keras", safe_mode=True)
    assert model.count_params() == 6081
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["runs", "--runs", ""], "--runs"),
        (["train", "c.yaml", "--runs", " "], "--runs"),
        (["compare", "a", "b", "--runs", ""], "--runs"),
        (["study", "s.yaml", "--runs", ""], "--runs"),
        (["study", ""], "STUDY"),
        (["claims", "--runs", ""], "--runs"),
        (["plot", "a", "--runs", ""], "--runs"),
        (["plot", "a", "--out", ""], "--out"),
    ],
)
def test_an_empty_path_is_refused_and_not_taken_for_the_current_directory(arguments: list[str], option: str) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output
    assert "it is empty; expected a path. Is a variable of the shell not set?" in " ".join(result.output.split())


@pytest.mark.parametrize("option", ["--margin", "--reach"])
def test_a_number_that_no_float_holds_is_told_as_it_was_written(option: str) -> None:
    result = CliRunner().invoke(app, ["compare", "a", "b", option, "-1e400"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': -1e400 is too large for a float; expected 1.8e+308 at most." in result.output
    result = CliRunner().invoke(app, ["compare", "a", "b", option, "x"])
    assert f"Invalid value for '{option}': 'x' is not a valid float." in result.output


def test_dry_run_shows_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    place = project(tmp_path)
    done = bnexp("train", "configs/bn.yaml", "training.epochs=5", "--dry-run", cwd=place)
    assert "  epochs: 5\n" in done.stdout
    assert "# 20 seeds x 5 epochs; nothing was trained or written" in done.stdout
    assert not (place / "runs").exists()


def test_a_dry_run_prints_one_json_document_where_it_is_asked_for_and_nothing_where_all_is_to_be_quiet(
    tmp_path: Path,
) -> None:
    place = project(tmp_path)
    command = ("train", "bn", "training.epochs=5", "training.seeds=3", "--dry-run")
    told = json.loads(bnexp(*command, "--json", cwd=place).stdout)
    assert list(told) == [
        "config", "data", "warnings", "seeds", "seeds_kept", "kept_in", "seeds_not_used", "interrupted", "epochs",
        "steps_per_epoch",
    ]  # fmt: skip
    assert (told["seeds"], told["epochs"], told["config"]["training"]["epochs"]) == (3, 5, 5)
    assert told["data"]["training_rows"] > 0
    steps = 5 * told["steps_per_epoch"]
    assert told["warnings"][0].startswith(f"BatchNormalization's moving averages have not converged: after {steps} ")
    several = json.loads(bnexp(*command, "nobn", "--json", cwd=place).stdout)
    assert several[0] == told
    assert (several[1]["config"]["name"], several[1]["warnings"]) == ("nobn", [])
    assert bnexp(*command, "--quiet", cwd=place).stdout == ""
    assert json.loads(bnexp(*command, "--quiet", "--json", cwd=place).stdout) == told
    assert not (place / "runs").exists()


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "configs/bm.yaml"],
         "configs/bm.yaml: is missing; expected a config file. Did you mean 'bn.yaml'? Good names: bn.yaml, nobn.yaml."),
        (["train", "configs/bn.yaml", "training.epoch=5"],
         "override training.epoch=5: training.epoch is not a known key. Did you mean 'epochs'? Good names: batch_order, batch_size, "
         "class_weight, drop_last, early_stopping, epochs, evaluate_train, keep_rows, learning_rate, memory_limit, metrics, "
         "optimizer, refresh_statistics, "
         "save, seeds, "
         "trainer."),
        (["train", "training.epochs=5"],
         "No config is named; expected one or more. Name one, such as bn for configs/bn.yaml."),
        (["compare", "bn"],
         "compare was given 1 arm (bn); expected two or more. For example: bnexp compare bn nobn, "
         "or one config with several normalizations: --arms batch,none"),
        (["compare", "bn", "nobm"],
         "No run, experiment or config is called 'nobm'. Did you mean 'nobn'? Good names: bn, nobn."),
        (["plot", "runs/latest"],
         "runs/latest: there is no latest run. Train one with `bnexp train CONFIG`."),
        (["plot", "configs"],
         "configs: is no run; expected a directory with run.json or comparison.json in it. "
         "Name a directory under runs/, or train one with `bnexp train CONFIG`."),
        (["train", "configs/bn.yaml", "--runs", "configs/bn.yaml"],
         "configs/bn.yaml is a file; expected a directory for runs. Move it, or use --runs DIR."),
    ],
)  # fmt: skip
def test_bad_input_is_one_message_and_nothing_is_written(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert refused(*arguments, cwd=project(tmp_path)) == message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("dataset:\n  name: blobs\n  samples: 10\nmodel: {name: mlp}\ntraining: {batch_size: 4}\n",
         r"x\.yaml:1: dataset is too small: its test part \(2 rows\) has no row of class \d; rows per class: 0 \(\d\), .*; "
         r"expected 1 or more of each\. Use more dataset\.samples, or a larger dataset\.test_size\."),
        ("dataset: {name: moons}\nmodel:\n  name: sequential\n  layers:\n    - Dense: {unitz: 3}\n",
         r"x\.yaml:5: model\.layers\.0 is Dense with \{'unitz': 3\}; Keras refuses it: .* 'units'\. "
         r"Add units, or correct its spelling\."),
        ("dataset: {name: moons}\nmodel:\n  name: sequential\n  layers:\n    - Dense: {units: 3}\n",
         r"x\.yaml:4: model\.layers ends in shape \(None, 3\) with linear activation; a binary task needs \(None, 1\) with "
         r"sigmoid\. End with `Dense: \{units: 1, activation: sigmoid\}`\."),
        ("dataset: {name: moons}\nmodel: {name: mlp}\ntraining:\n  optimizer: {name: adam, momentum: 0.9}\n",
         r"x\.yaml:4: training\.optimizer is adam with \{'momentum': 0\.9\}; Keras refuses it: .*\{'momentum': 0\.9\}\. Use the options of "
         r"keras\.optimizers\.Adam\."),
    ],
)  # fmt: skip
def test_what_only_the_data_or_keras_can_tell_is_refused_before_anything_is_written(
    tmp_path: Path, config: str, message: str
) -> None:
    (tmp_path / "x.yaml").write_text(config)
    assert re.fullmatch(message, refused("train", "x.yaml", cwd=tmp_path))


@pytest.mark.slow
def test_arms_trained_on_other_data_are_refused_naming_both(compared: Compared, tmp_path: Path) -> None:
    shutil.copytree(compared[0], tmp_path, dirs_exist_ok=True, symlinks=True)
    bnexp("train", "nobn", "name=other", "dataset.seed=7", *SMALL, "-q", cwd=tmp_path)
    message = refused("compare", run_of(tmp_path, "bn").name, "other", cwd=tmp_path)
    assert re.fullmatch(
        r"bn \(bn-\S+\) and other \(other-\S+\) were not trained on the same data: dataset\.seed is 42 and 7\. "
        r"Train both on one dataset, then compare\.",
        message,
    )


@pytest.mark.parametrize("text", ['{"format": 1, "seeds": [', '{"loss": [1, 2]}', "[]", '{"format": 9, "seeds": []}'])
def test_a_truncated_or_foreign_history_is_refused_by_name(compared: Compared, tmp_path: Path, text: str) -> None:
    shutil.copytree(compared[0], tmp_path, dirs_exist_ok=True, symlinks=True)
    run = run_of(tmp_path, "bn")
    (run / "history.json").write_text(text)
    message = refused("plot", run.name, cwd=tmp_path)
    assert message.startswith(f"runs/{run.name}/history.json: not a history of bnexp (")
    assert message.endswith("Train again, or restore the file.")


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refused("plot", "./empty", cwd=tmp_path)
    assert message.startswith("empty: is no run; expected a directory with run.json")


WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all"] if os.name == "posix" and os.geteuid() == 0 else []
"""How root runs a command that may not write what only root may."""


@pytest.mark.skipif(
    os.name != "posix" or bool(WITHOUT_RIGHTS and not shutil.which("setpriv")), reason="root may write anywhere"
)
def test_a_runs_directory_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    place = project(tmp_path)
    (place / "runs").mkdir(mode=0o555)
    command = [*WITHOUT_RIGHTS, *COMMAND, "train", "configs/bn.yaml"]
    done = subprocess.run(command, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("runs is not writable;") and "Traceback" not in done.stderr
    assert not list((place / "runs").iterdir())


def test_a_place_that_may_not_be_written_is_told_before_training_whoever_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    message = refused("train", "configs/bn.yaml", cwd=project(tmp_path))
    assert message == f"{tmp_path} is not writable; expected a place to keep runs. Use --runs DIR."


def test_a_full_disk_is_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: full)
    message = refused("train", "configs/bn.yaml", cwd=project(tmp_path))
    assert re.search(r"has 0\.0 MiB free; a run needs about 16 MiB\. Free some space, or use --runs DIR\.", message)


def test_a_disk_that_fills_up_while_training_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def fill_up(descriptor: int) -> None:
        if "history.json" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fill_up)
    done = bnexp("train", "bn", *SMALL, cwd=project(tmp_path), code=1)  # the work has begun
    assert re.search(r"history\.json: cannot be written \(No space left on device\)\. The disk is full", done.stderr)
    run = run_of(tmp_path, "bn")
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert not [path for path in run.iterdir() if path.name.endswith(".tmp")]
    assert "interrupted" in bnexp("runs", cwd=tmp_path).stdout


def test_a_command_ends_without_a_search_for_cycles_in_all_that_is_left() -> None:
    try:
        with pytest.raises(SystemExit) as leaving:
            leave(3)
        assert leaving.value.code == 3
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()


def test_a_bug_shows_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.cli.commands.list_runs", lambda *arguments, **options: 1 / 0)
    done = bnexp("runs", cwd=tmp_path, code=1, bug=True)
    assert done.stderr.startswith("Traceback") and "ZeroDivisionError" in done.stderr


# --- what is survived ------------------------------------------------------------------


@pytest.mark.slow
def test_a_diverged_seed_stops_alone_and_the_exit_code_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "dataset: {name: regression, noise: 5}\nmodel: {name: mlp, hidden: [16]}\n"
        "training: {optimizer: sgd, learning_rate: 0.005, epochs: 12, seeds: 12}\n"
    )
    done = bnexp("train", "x.yaml", cwd=tmp_path, code=3)
    run = run_of(tmp_path, "x")
    record = json.loads((run / "run.json").read_text())
    assert 0 < len(record["diverged"]) < 12, "some diverge and some do not"
    seed, epoch = next(iter(record["diverged"].items()))
    assert f"DIVERGED  x: seed {seed} at epoch {epoch}" in done.stdout
    history = from_json((run / "history.json").read_text(), "history")
    assert {str(seed): epoch for seed, epoch in history.diverged_at.items()} == record["diverged"]
    assert (run / "loss.png").exists()
    assert (run / "r2.png").exists()


KEPT_OFTEN = (
    "import bnexp.experiment.run_files as files; files.KEEP_EVERY_SECONDS = 0.1; from bnexp.cli import main; main()"
)


def training(place: Path, *options: str) -> subprocess.Popen[str]:
    """Start a long training in a process of its own, which keeps its history every tenth of a second."""
    command = [sys.executable, "-c", KEPT_OFTEN, "train", "configs/bn.yaml", "training.epochs=100000", "--seeds", "2"]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *options], cwd=place, env=ENVIRONMENT, **piped)


def wait_for(process: subprocess.Popen[str], place: Path, name: str) -> None:
    """Wait until a training has written a file of its run."""
    deadline = time.monotonic() + 120
    while not list((place / "runs").glob(f"bn-2*/{name}")):
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < deadline, f"no {name} was kept while training"
        time.sleep(0.02)


def epochs_kept(run: Path) -> int:
    """The epochs that the stored history of a run holds, of the seed with the fewest."""
    return min(from_json((run / "history.json").read_text(), "history").epochs_S)


def interrupt(place: Path, times: int) -> tuple[int, str, Path]:
    """Press Ctrl-C several times once two epochs of a training are kept; return exit code, stderr and its run."""
    with training(place) as process:
        wait_for(process, place, "history.json")
        while epochs_kept(run_of(place, "bn")) < 2:
            assert process.poll() is None, "it has ended"
            time.sleep(0.02)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.001)
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors, run_of(place, "bn")


def is_interrupted(place: Path, run: Path) -> None:
    """Check a run in which Ctrl-C was pressed once."""
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert (run / "loss.png").exists()
    assert not (place / "runs" / "latest").exists(), "it is not complete"
    message = refused("compare", run.name, run.name, cwd=place)
    assert (
        message
        == f"{run.name} is interrupted; expected a finished run. To go on with it: bnexp train --resume runs/{run.name}"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_first_ctrl_c_finishes_the_epoch_and_keeps_all_epochs(tmp_path: Path) -> None:
    code, errors, run = interrupt(project(tmp_path), times=1)
    assert code == 130
    assert "Traceback" not in errors
    is_interrupted(tmp_path, run)
    assert epochs_kept(run) >= 2


def test_a_ctrl_c_while_an_epoch_ends_keeps_the_epochs_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, end = list[int](), RunFiles.epoch_ended

    def pressed_at_the_second(files: RunFiles, so_far: Sequence[History]) -> bool:
        ended.append(so_far[-1].epochs_S[0])
        if ended[-1] == 2:
            signal.raise_signal(signal.SIGINT)
        return end(files, so_far)

    monkeypatch.setattr(RunFiles, "epoch_ended", pressed_at_the_second)
    bnexp("train", "bn", *SMALL, cwd=project(tmp_path), code=130)
    run = run_of(tmp_path, "bn")
    is_interrupted(tmp_path, run)
    assert ended == [1, 2] and epochs_kept(run) == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_second_ctrl_c_stops_at_once_and_leaves_no_half_file(tmp_path: Path) -> None:
    code, errors, run = interrupt(project(tmp_path), times=2)
    assert code == 130
    assert "Traceback" not in errors
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    from_json((run / "history.json").read_text(), "history")
    assert not list(run.glob(".*.tmp"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_kill_at_any_instant_leaves_whole_files_and_a_run_marked_interrupted(tmp_path: Path) -> None:
    place = project(tmp_path)
    with training(place, "-q") as process:
        wait_for(process, place, "run.json")
        assert re.search(r"bn-\S+ +run +running", bnexp("runs", cwd=place).stdout)
        process.kill()
        process.wait(timeout=30)
    assert re.search(r"bn-\S+ +run +interrupted", bnexp("runs", cwd=place).stdout)
    json.loads((run_of(place, "bn") / "run.json").read_text())


def test_python_m_bnexp_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr("bnexp.cli.main", lambda: called.append(True))
    runpy.run_module("bnexp", run_name="__main__")
    assert called == [True]
