"""What is recorded and shown of a network of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnexp.config import Experiment
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.experiment.own_files import network_sha256
from bnexp.store.network_record import Network, SwappedLayer

if TYPE_CHECKING:
    from bnexp.models import Built


def network_facts(experiment: Experiment, built: Built) -> Network | None:
    """Return what run.json records of a network of the user's own; None for one of bnexp's networks."""
    if not isinstance(experiment.model, OWN_NETWORKS):
        return None
    from bnexp.models.architecture import architecture, kernels, normalization_counts, origins

    return Network(
        sha256=network_sha256(experiment.model),
        normalizations=normalization_counts(built.model),
        architecture=architecture(built.model),
        kernels=kernels(built.model),
        origins=origins(built.model, built.initial),
        swapped=[SwappedLayer(path=one.path, was=one.was, now=one.now) for one in built.swapped],
        notes=[*built.notes],
        adds_penalty=built.adds_penalty,
    )
