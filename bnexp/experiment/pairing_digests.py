"""Digests of what pairs the seeds of two runs: their splits, initial kernels and batch orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bnexp.experiment.batch import Wave
from bnexp.store.records import Seeds
from bnexp.store.run_record import Pairing

if TYPE_CHECKING:
    from bnexp.models import Built


def pairing_of(wave: Wave) -> Pairing:
    """Return the digests that pair the seeds of a wave with another run's seeds."""
    seeds, one = wave.trained.history.seeds, wave.prepared
    return Pairing.model_validate(
        {
            "splits": one.data.split_digests(seeds),
            "batches": wave.trained.batches,
            "kernels": kernel_digests(one.built, seeds, wave.initial),
        }
    )


def kernel_digests(built: Built, seeds: Seeds, initial: Sequence[NDArray[Any]]) -> dict[str, dict[str, str]]:
    """Map the name of each randomly drawn weight to the digest of its initial values for each seed.

    `initial` holds the initial values of `model.variables`, each stacked over these seeds.
    """
    from bnexp.data import short_digest

    return {
        name: {str(seed): short_digest(initial[position][row]) for row, seed in enumerate(seeds)}
        for position, name in built.initial.kernel_names().items()
    }


def joined_pairing(before: Pairing, wave: Pairing) -> Pairing:
    """Join the digests of the seeds so far with another wave's digests.

    >>> joined_pairing(Pairing(splits={"0": "ab"}), Pairing(splits={"1": "cd"})).splits
    {'0': 'ab', '1': 'cd'}
    """
    return Pairing(
        splits=before.splits | wave.splits,
        batches={span: before.batches.get(span, {}) | digests for span, digests in wave.batches.items()},
        kernels={name: before.kernels.get(name, {}) | digests for name, digests in wave.kernels.items()},
    )
