"""run.json as a record: what older and newer bnexp wrote is read, and what is written again loses nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bnexp import store
from bnexp.errors import RunError
from bnexp.store.records import MOST_SEEDS
from bnexp.store.run_record import DataFacts, Machine

OLD: dict[str, Any] = {
    "format": 1, "id": "bn-20260101-000000", "name": "bn", "status": "finished", "config_digest": "8f2f", "seeds": 3,
    "started": "2026-01-01T00:00:00+00:00", "trainer": {"name": "many_seeds", "reason": None},
    "dataset": {"name": "classification", "task": "binary", "rows": 100, "features": 20, "digest": "d"},
    "parameters": {"trainable": 10, "non_trainable": 4}, "versions": {"keras": "3.15.1"}, "machine": {"system": "Linux x86_64", "cores": 2},
    "git": None, "duration_seconds": 5.7, "epoch_seconds": 0.07, "diverged": {"1": 2}, "warnings": [],
    "metrics": {"val_loss": {"final": 0.5, "best": 0.4}},
    "pairing": {"splits": {"0": "a"}, "batches": {"first_epoch": {"0": "b"}, "all_epochs": {"0": "c"}}, "kernels": {"k": {"0": "d"}}},
}  # fmt: skip
"""As the first bnexp wrote it, which knew fewer keys and others."""


def kept(place: Path, record: dict[str, Any]) -> store.Run:
    store.write_json(place / "run.json", record)
    return store.Run(place)


def test_an_older_record_reads_with_its_number_of_seeds_as_seeds_and_defaults_for_what_it_lacks(tmp_path: Path) -> None:
    record = kept(tmp_path, OLD).record()
    assert record.seeds == (0, 1, 2)
    assert (record.name, record.dataset.task, record.dataset.rows) == ("bn", "binary", 100)
    assert (record.dataset.guessing, record.dataset.one_class, record.dataset.warnings) == ({}, None, None)
    assert (record.overrides, record.models, record.not_kept, record.seed_epoch_seconds) == ([], {}, [], None)
    assert record.machine == Machine(system="Linux x86_64", cores=2) and record.machine.gpus is None


def test_a_record_that_is_written_again_keeps_its_keys_in_order_and_those_that_it_does_not_know(tmp_path: Path) -> None:
    newer = {**OLD, "seeds": [0, 1, 2], "probes": {"every": 5}}
    newer["dataset"] = {**OLD["dataset"], "encoding": "utf-8"}
    run = kept(tmp_path, newer)
    store.write_record(tmp_path / "run.json", run.record())
    again = json.loads((tmp_path / "run.json").read_text())
    assert again == newer
    known = [key for key in again if key not in ("epoch_seconds", "probes")]
    fields = [*store.RunRecord.model_fields]
    assert known == sorted(known, key=fields.index)
    assert list(again["dataset"]) == ["name", "task", "rows", "digest", "features", "encoding"]


@pytest.mark.parametrize("seeds", ["2", 0, -1, True, [], [0, 0], None, 2.0, {"0": 1}, MOST_SEEDS + 1, 10**40])
def test_what_is_no_list_of_different_seeds_is_damage(tmp_path: Path, seeds: Any) -> None:
    run = kept(tmp_path, {**OLD, "seeds": seeds})
    if seeds is None:  # not known
        assert run.record().seeds is None
        return
    with pytest.raises(RunError) as caught:
        run.record()
    assert str(caught.value) == (
        f"{tmp_path / 'run.json'}: seeds: expected a list of different seeds, such as [0, 1]. "
        "It is damaged, or of another bnexp. Restore the file, or train again."
    )


@pytest.mark.parametrize(
    ("seeds", "told"),
    [([0, "1"], "seeds.1: Input should be a valid integer"), ([-1], "seeds.0: Input should be greater")],
)
def test_what_is_no_seed_is_damage(tmp_path: Path, seeds: Any, told: str) -> None:
    with pytest.raises(RunError) as caught:
        kept(tmp_path, {**OLD, "seeds": seeds}).record()
    assert told in str(caught.value)


def test_facts_of_data_hold_whatever_a_source_records_of_itself() -> None:
    facts = DataFacts.model_validate({"name": "csv", "warnings": ["beware"], "dialect": ";", "digest": "d"})
    assert facts.as_json() == {"name": "csv", "warnings": ["beware"], "digest": "d", "dialect": ";"}


@pytest.mark.parametrize("name", ["../model.keras", "/tmp/model.keras", "..", "a\0b", ""])
def test_a_model_that_lies_elsewhere_is_damage(tmp_path: Path, name: str) -> None:
    """A run that goes on removes the models that its record names."""
    run = kept(tmp_path, {**OLD, "models": {name: "0" * 64}})
    with pytest.raises(RunError, match=r"run\.json: models\..* is no name in a directory; expected one without a path"):
        run.record()
