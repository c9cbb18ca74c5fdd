"""What a name means among stored runs: the newest finished one, a directory, or nothing that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import CONFIG, GONE, RUNS, trained

from bnexp import store
from bnexp.errors import RunError
from bnexp.experiment import lookup, resolve
from bnexp.experiment.run_to_read import run_to_read


def test_a_damaged_run_of_the_same_name_stands_in_no_other_runs_way(place: Path) -> None:
    good = trained("a")
    bad = trained("a", pairing={"splits": 5})
    assert store.runs_in(RUNS)[0].id == bad.id
    planned = resolve.plan_arm("a", RUNS, [])
    assert planned.run is not None and planned.run.id == good.id


def test_an_experiments_name_passes_over_a_newer_damaged_run_and_says_so(place: Path) -> None:
    old, new = trained("b"), trained("b")
    (new.directory / "history.json").unlink()
    told: list[str] = []
    assert resolve.plan_arm("b", RUNS, [], told.append).run == old
    assert told == [f"{new.id} is damaged ({GONE}); the newest finished run of b is used: {old.id}."]
    (old.directory / "config.yaml").unlink()
    with pytest.raises(RunError) as caught:
        resolve.plan_arm("b", RUNS, [])
    assert str(caught.value) == (
        f"b has no finished run: {new.id} is damaged ({GONE}); {old.id} is damaged ({GONE.replace('history.json', 'config.yaml')}). "
        "Name another, or train it again."
    )


def test_a_damaged_run_of_which_no_record_tells_the_name_is_known_by_its_directory(place: Path) -> None:
    run = trained("b")
    (run.directory / "run.json").unlink()
    assert lookup.damage(RUNS, "b") == [
        f"{run.id} is damaged (run.json: is missing, though history.json is there. Restore the file, or train again)"
    ]
    assert lookup.damage(RUNS, "a") == []


def test_a_run_is_found_by_the_name_that_its_directory_was_given(place: Path) -> None:
    run = store.Run(trained("b").directory.rename(RUNS / "best"))
    for name in ("best", "b", str(RUNS / "best")):
        planned = resolve.plan_arm(name, RUNS, [])
        assert planned.run is not None and (planned.run.id, planned.name) == (run.id, "b")


def read(name: str) -> tuple[store.Run | None, list[str], list[str]]:
    """The run that a name means where it is read, what is warned of, and what else is said."""
    warned: list[str] = []
    said: list[str] = []
    return run_to_read(RUNS, name, warn=warned.append, info=said.append), warned, said


def test_the_name_of_a_config_means_its_own_newest_run_also_where_it_is_read(place: Path) -> None:
    fitting, other = trained("a"), trained("a", config_text=CONFIG + "training: {epochs: 3}\n")
    told = (
        f"{fitting.id} is used, the newest finished run that fits configs/a.yaml; {other.id} is newer and does not fit"
    )
    assert read("a") == (fitting, [], [told])
    assert read("configs/a.yaml") == (fitting, [], [told])
    assert resolve.plan_arm("a", RUNS, []).run == fitting, "as in a comparison"
    newest = trained("a")
    assert read("a") == (newest, [], [])
    assert read(other.id) == (other, [], [])


def test_where_no_run_fits_a_config_the_newest_is_read_and_the_difference_is_told(place: Path) -> None:
    other = trained("a", config_text=CONFIG + "training: {epochs: 3}\n", overrides=["training.epochs=3"])
    told = (
        "No finished run of a fits configs/a.yaml; it differs from its newest run: "
        f"training.epochs was 3, now 50 (that run had an override). {other.id} is used, the newest one."
    )
    assert read("a") == (other, [told], [])
    few = trained("a", seeds=[0, 1, 2])
    trained("a", config_text=CONFIG + "training: {epochs: 4}\n")
    run, warned, _ = read("a")
    assert (run, warned) == (few, []), "fewer seeds of the same settings fit"


def test_a_newer_damaged_run_of_a_config_is_told_where_its_run_is_read(place: Path) -> None:
    run, damaged = trained("a"), trained("a")
    (damaged.directory / "history.json").unlink()
    assert read("a") == (run, [f"{damaged.id} is damaged ({GONE}); {run.id} is used."], [])


def test_a_config_that_cannot_be_read_hides_no_run(place: Path) -> None:
    run = trained("a")
    Path("configs/a.yaml").write_text("dataset: {name: moonz}\n")
    told = (
        'configs/a.yaml cannot be read, so a means the newest finished run of that name. `bnexp.train("a")` tells why.'
    )
    assert read("a") == (run, [told], [])
    Path("configs/a.yaml").unlink()
    assert read("a") == (run, [], [])


def test_without_a_config_the_newest_run_is_read_and_keys_are_told_in_which_older_ones_differ(place: Path) -> None:
    oldest = trained("x", config_text=CONFIG + "training: {epochs: 3}\n")
    trained("x", config_text=CONFIG + "training: {epochs: 4, seeds: 7}\n")
    newest = trained("x", config_text=CONFIG.replace("moons", "blobs"))
    told = f"{newest.id} is used, the newest finished run of x; older ones differ in dataset, training.epochs."
    assert read("x") == (newest, [told], [])
    warned: list[str] = []
    assert resolve.plan_arm("x", RUNS, [], warned.append).run == newest
    assert warned == [told], "a comparison tells it, too"
    assert read(newest.id) == (newest, [], [])
    oldest.config.write_text("dataset: {name: moonz}\n")
    assert read("x") == (newest, [told], []), "a config that cannot be read hides no other one"


def test_a_name_of_an_experiment_and_of_another_runs_directory_is_refused(place: Path) -> None:
    trained("b").directory.rename(RUNS / "c")
    newest = trained("c")
    with pytest.raises(RunError) as caught:
        resolve.plan_arm("c", RUNS, [])
    assert str(caught.value) == (
        "'c' is the name of an experiment and of the directory runs/c; expected a name with one meaning. "
        f"Name runs/c, or {newest.id} for the experiment's newest run."
    )
