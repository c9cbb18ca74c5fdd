"""Arguments: which are names and which are overrides, and what is said of a name that no config has."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from command import refused

from bnexp import config, store
from bnexp.cli.app import app
from bnexp.cli.arguments import refuse_changes, refuse_several_studies, sorted_arguments
from bnexp.config.study_reading import read_study
from bnexp.errors import ConfigError, UserError
from bnexp.experiment.config_names import config_paths

CONFIG = "dataset: {name: moons}\nmodel: {name: mlp}\n"
RUNS = Path("runs")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with configs/a.yaml and configs/text/b.yaml, in which the test runs."""
    (tmp_path / "configs" / "text").mkdir(parents=True)
    (tmp_path / "configs" / "a.yaml").write_text(CONFIG)
    (tmp_path / "configs" / "text" / "b.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def finished_run(name: str) -> store.Run:
    """A run as it stands after training."""
    experiment = config.load(Path("configs/a.yaml"), [f"name={name}"])
    with store.new_directory(RUNS, name) as directory:
        store.write(directory / "config.yaml", config.dump(experiment))
        store.write(directory / "history.json", "")
        record = {"name": name, "status": "finished", "seeds": 2, "metrics": {"val_loss": {"final": 0.5}}}
        store.write_json(directory / "run.json", record)
    return store.Run(directory)


def refusal(*names: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_paths(names, [], RUNS)
    return str(caught.value)


def test_an_argument_with_an_equals_sign_is_an_override_unless_there_is_such_a_file(place: Path) -> None:
    (place / "lr=0.1.yaml").write_text(CONFIG)
    (place / "configs" / "noise=1.yaml").write_text(CONFIG)
    arguments = [
        "a",
        "training.epochs=5",
        "lr=0.1.yaml",
        "lr=0.1",
        "noise=1",
        "x=1/y.yaml",
        "dir/x=1.yaml",
        "~name",
        "~/c.yaml",
    ]
    assert sorted_arguments(arguments) == (
        ["a", "lr=0.1.yaml", "noise=1", "dir/x=1.yaml", "~/c.yaml"],
        ["training.epochs=5", "lr=0.1", "x=1/y.yaml", "~name"],
    )


@pytest.mark.parametrize(
    "argument", ["x" * 300, "x" * 300 + ".yaml", f"name={'x' * 300}", "x" * 100_000, "a\0b", "\udcff"]
)
def test_an_argument_that_no_file_system_takes_is_sorted_all_the_same(place: Path, argument: str) -> None:
    names, overrides = sorted_arguments([argument])
    assert names + overrides == [argument]
    assert bool(overrides) is ("=" in argument)
    assert "is called" in refusal(argument) or "is missing" in refusal(argument)


@pytest.mark.parametrize("argument", ["", "  "])
def test_an_empty_argument_is_refused(argument: str) -> None:
    with pytest.raises(
        UserError, match=r"An argument is empty; expected names and KEY=VALUE\. Is a variable of the shell"
    ):
        sorted_arguments(["a", argument])


@pytest.mark.parametrize("command", ["check", "train", "compare"])
def test_an_option_and_an_override_of_one_key_are_refused_whatever_their_values(command: str, tmp_path: Path) -> None:
    given = ["bn", "training.epochs=20", "training={seeds: 3, batch_size: 8}"]
    assert sorted_arguments(given) == (["bn"], given[1:])
    assert refused(command, *given, "--seeds", "3", "--epochs", "10", cwd=tmp_path).splitlines()[:2] == [
        "--seeds is 3, and an override is training={seeds: 3, batch_size: 8}; expected one of the two. Leave one out.",
        "--epochs is 10, and an override is training.epochs=20; expected one of the two. Leave one out.",
    ]


def test_a_name_stands_for_a_config_in_the_folder_of_configs(place: Path) -> None:
    assert config_paths(["a", "text/b"], [], RUNS) == [Path("configs/a.yaml"), Path("configs/text/b.yaml")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "No config is called 'nonsense'; expected a .yaml file. Good names: a, text/b."),
        ("text/c", "No config is called 'text/c'; expected a .yaml file. Did you mean 'text/b'? Good names: a, text/b."),
        ("confgs/a", "No config is called 'confgs/a'; expected a .yaml file. Did you mean 'a'? Good names: a, text/b."),
        ("training.epochs:5", "No config is called 'training.epochs:5'; expected a .yaml file. If an override is meant, "
                              "write KEY=VALUE without spaces, as in training.epochs=5"),
        ('dataset.separator: ";"', "No config is called 'dataset.separator: \";\"'; expected a .yaml file. If an override is "
                                   "meant, write KEY=VALUE without spaces, as in 'dataset.separator=\";\"'"),
        ("training.epochs", "No config is called 'training.epochs'; expected a .yaml file. If an override is meant, "
                            "write KEY=VALUE without spaces, as in training.epochs=..."),
        ("training/epochs=5", "No config is called 'training/epochs=5'; expected a .yaml file. If an override is meant, "
                              "write KEY=VALUE without spaces, as in training.epochs=..."),
        ("a.yaml", "a.yaml: is missing; expected a config file. Did you mean 'configs/a.yaml'?"),
        ("A", "No config is called 'A'; expected a .yaml file. Did you mean 'a'? Good names: a, text/b."),
        ("configs", "configs: is a directory; expected a config file. Good names: a.yaml."),
    ],
)  # fmt: skip
def test_a_name_that_no_config_has_is_told_with_the_nearest(place: Path, name: str, message: str) -> None:
    assert refusal(name) == message


def test_a_runs_name_is_told_with_the_config_that_trains_it_again(place: Path) -> None:
    run = finished_run("layer")
    again = f"is a run; expected a config. To train it again, name its config: {run.directory}/config.yaml."
    assert refusal(run.id) == f"{run.id}: {again}"
    assert refusal("layer") == f"layer: {again}"
    for name in ("latest", "runs/latest", str(run.directory)):
        assert refusal(name).startswith(f"{name}: is a run; expected a config. To train it again, name its config: ")


def test_a_study_that_lies_in_the_folder_of_studies_is_offered(place: Path) -> None:
    (place / "configs" / "studies").mkdir()
    (place / "configs" / "studies" / "depth.yaml").write_text("")
    with pytest.raises(ConfigError) as caught:
        read_study(Path("depth"))
    assert str(caught.value) == "depth: is missing; expected a config file. Did you mean 'configs/studies/depth.yaml'?"


def test_all_names_that_mean_nothing_are_told_at_once_and_a_config_named_twice(place: Path) -> None:
    assert [line.partition(";")[0] for line in refusal("a", "x", "configs/a.yaml", "y").splitlines()] == [
        "No config is called 'x'",
        "configs/a.yaml: is named twice",
        "No config is called 'y'",
    ]


def test_an_override_that_the_shell_cut_at_a_blank_is_told_beside_the_name_that_its_end_became(place: Path) -> None:
    names, overrides = sorted_arguments(["a", "model.hidden=[64,", "64]"])
    with pytest.raises(ConfigError) as caught:
        config_paths(names, overrides, RUNS)
    assert str(caught.value).splitlines() == [
        "No config is called '64]'; expected a .yaml file. Good names: a, text/b.",
        "override model.hidden=[64,: the value is not YAML; the text ends where a value is expected. "
        "If the shell cut it at a space, put the whole override in quotes, as in 'model={name: mlp, hidden: [64]}'.",
    ]


def test_in_a_folder_that_has_been_deleted_a_name_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "There is no configs/ in this folder, which has been deleted." in refusal("x")


@pytest.mark.parametrize("command", ["study", "claims"])
@pytest.mark.parametrize("spelling", ["--workers", "-j", "--jobs"])
def test_the_number_of_workers_is_also_taken_by_its_older_name(command: str, spelling: str) -> None:
    commands = typer.main.get_group(app).commands
    given = commands[command].make_context(command, ["a.yaml", spelling, "3"], resilient_parsing=True)
    assert given.params["workers"] == 3


def test_a_study_takes_no_overrides_and_each_is_told_with_its_place_in_the_file() -> None:
    with pytest.raises(UserError) as caught:
        refuse_changes(["s.yaml", "training.epochs=3", "~model.dropout"], 10)
    assert str(caught.value) == (
        "training.epochs=3 is an override, which a study does not take. Write it in the study's file: "
        "`experiment: {training: {epochs: 3}}`.\n"
        "~model.dropout is an override, which a study does not take. Take model.dropout out of the `experiment` of the "
        "study's file.\n"
        "--seeds is not an option of a study. Write `seeds: 10` in the study's file."
    )
    refuse_changes(["s.yaml"], None)


def test_several_studies_are_refused_with_the_command_that_takes_them() -> None:
    with pytest.raises(UserError, match=r"^study was given 2 names \(a, b\); expected one study. .* bnexp claims a b$"):
        refuse_several_studies(["a", "b"])


@pytest.mark.parametrize("command", ["study", "claims"])
def test_overrides_and_seeds_of_a_study_are_refused_on_the_command_line(tmp_path: Path, command: str) -> None:
    told = refused(command, "s.yaml", "training.epochs=3", "--seeds", "10", cwd=tmp_path)
    beside = ["s.yaml:"] if command == "study" else []
    assert [line.partition(" is ")[0] for line in told.splitlines()] == ["training.epochs=3", "--seeds", *beside]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["compare", "a", "b", "--about", "new_rows"],
         "--about is 'new_rows'; expected one of the good names. Did you mean 'new-rows'? Good names: new-rows, these-rows."),
        (["plot", "a", "--format", "gif"],
         "--format is 'gif'; expected one of the good names. Good names: png, svg, pdf."),
        (["study", "a", "--launcher", "rai"],
         "--launcher is 'rai'; expected one of the good names. Did you mean 'ray'? Good names: local, ray."),
    ],
)  # fmt: skip
def test_an_option_of_good_names_is_refused_like_any_other_name(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    assert refused(*arguments, cwd=tmp_path) == told


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        (["compare", "n.py:buid", "--data", "no.csv", "--seeds", "0", "--margin", "-1", "--max-seeds", "3"],
         ["--seeds is 0; expected a whole number of 1 or more.", "n.py:buid", "--data is 'no.csv'", "--max-seeds is 3 without", "--max-seeds is 3, and", "--margin is -1;"]),
        (["compare", "n.py:build", "--data", "d.csv", "--target", "lable", "--epochs", "0", "--metric", "val_acc", "--margin", "nan"],
         ["--epochs is 0; expected", "--target: dataset.target is 'lable'", "--metric is 'val_acc'", "--margin is nan"]),
        (["compare", "one", "--runs", "d.csv"], ["compare was given 1 arm", "d.csv is a file; expected a directory"]),
        (["compare", "one", "--margin", "-1"], ["compare was given 1 arm", "No run, experiment or config is called 'one'", "--margin is -1"]),
        (["train", "n.py:build", "--data", "d.csv", "--target", "y", "--runs", "d.csv", "--seeds", "-2", "--epochs", "0"],
         ["--seeds is -2; expected", "--epochs is 0; expected", "d.csv is a file; expected a directory"]),
        (["study", "no", "other", "--workers", "0"], ["--workers is 0", "study was given 2 names", "No study is called 'no'"]),
    ],
)  # fmt: skip
def test_a_bad_value_of_an_option_is_told_with_all_other_mistakes(
    tmp_path: Path, arguments: list[str], places: list[str]
) -> None:
    (tmp_path / "n.py").write_text("def build():\n    return None\n")
    (tmp_path / "d.csv").write_text("a,y\n1,2\n")
    told = refused(*arguments, cwd=tmp_path).splitlines()
    assert [line.startswith(place) for line, place in zip(told, places, strict=True)] == [True] * len(places), told
