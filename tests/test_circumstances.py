"""Which circumstances of an earlier training are told as different: those that are compared, all of them at once."""

from __future__ import annotations

from bnexp.experiment.circumstances import CORES, ENGINE, GPU, SYSTEM, changed_circumstances, changes, machine_of
from bnexp.store.run_record import Machine
from bnexp.system.machine import versions


def test_each_circumstance_that_differs_is_told_after_the_versions() -> None:
    then = {ENGINE: "keras_fit", **machine_of(Machine(system="Mars", cores=2, gpus=["H100"]))}
    now = {ENGINE: "many_seeds", **machine_of(Machine(system="Linux", cores=4))}
    assert list(changed_circumstances({**versions(), "keras": "3.0"}, then, now)) == [
        f"keras was 3.0 and is {versions()['keras']}",
        "the engine was keras_fit and is many_seeds",
        "the system was Mars and is Linux",
        "the number of cores was 2 and is 4",
        "the GPU was H100 and is none",
    ]
    assert list(changed_circumstances(versions(), then, then)) == []


def test_what_is_not_asked_is_not_compared_and_what_was_not_recorded_differs() -> None:
    then, now = machine_of(Machine()), machine_of(Machine(system="Linux", cores=4, gpus=["H100"]))
    assert list(changes(then, {GPU: now[GPU]})) == ["the GPU was none and is H100"]
    assert list(changes(then, {SYSTEM: now[SYSTEM], CORES: now[CORES], ENGINE: "many_seeds"})) == [
        "the system was not recorded and is Linux",
        "the number of cores was not recorded and is 4",
        "the engine was not recorded and is many_seeds",
    ]
