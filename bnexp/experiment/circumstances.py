"""The circumstances of a training that can change its numbers: versions, engine, system, number of cores, GPU.

They are compared before seeds are trained that belong to seeds of an earlier training. Resuming compares all of them.
More seeds of a run may have another number of cores, which changes only rounding. A study records versions and GPU.
The config, the data and the code of a network are compared elsewhere, by their digests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bnexp.store import RunRecord
from bnexp.store.run_record import Machine
from bnexp.system.machine import changed_versions

ENGINE, SYSTEM, CORES, GPU = "the engine", "the system", "the number of cores", "the GPU"
UNKNOWN = "not recorded"


def circumstances_of(record: RunRecord) -> dict[str, str]:
    """Return the circumstances of a run's training besides versions: name -> value."""
    return {ENGINE: UNKNOWN if record.trainer is None else record.trainer.name, **machine_of(record.machine)}


def machine_of(machine: Machine) -> dict[str, str]:
    """Return the circumstances that are facts about a machine: name -> value."""
    cores = None if machine.cores is None else str(machine.cores)
    return {SYSTEM: machine.system or UNKNOWN, CORES: cores or UNKNOWN, GPU: gpu_text(machine.gpus)}


def gpu_text(gpus: Sequence[str] | None) -> str:
    """Return the names of the GPUs as a text.

    >>> gpu_text(["H100", "H100"]), gpu_text(None)
    ('H100, H100', 'none')
    """
    return ", ".join(gpus or ["none"])


def changed_circumstances(
    versions: Mapping[str, str], then: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[str]:
    """Yield each difference from earlier `versions`, then each circumstance of `now` that was different `then`."""
    yield from changed_versions(versions)
    yield from changes(then, now)


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield a clause for each circumstance of `now` that was different.

    >>> list(changes({GPU: "H100", CORES: "8"}, {GPU: "none"}))
    ['the GPU was H100 and is none']
    """
    for name, value in now.items():
        if (was := then.get(name, UNKNOWN)) != value:
            yield f"{name} was {was} and is {value}"
