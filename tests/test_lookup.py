"""What a name means among stored runs: the newest finished one, a directory, or nothing that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import GONE, RUNS, trained

from bnexp import store
from bnexp.errors import RunError
from bnexp.experiment import lookup, resolve


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
    assert told == [f"{new.id} is damaged ({GONE}); the newest finished run of b is taken: {old.id}."]
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


def test_a_name_of_an_experiment_and_of_another_runs_directory_is_refused(place: Path) -> None:
    trained("b").directory.rename(RUNS / "c")
    newest = trained("c")
    with pytest.raises(RunError) as caught:
        resolve.plan_arm("c", RUNS, [])
    assert str(caught.value) == (
        "'c' is the name of an experiment and of the directory runs/c; expected the name of one. "
        f"Name runs/c, or {newest.id} for the experiment's newest run."
    )
