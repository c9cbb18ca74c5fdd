"""Finds arms of the user's own network that are equal, or that differ in more than normalization, by digest.

Nothing is trained before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnexp import comparison, config
from bnexp.config import Experiment
from bnexp.errors import ComparisonError, listed
from bnexp.experiment import resolve
from bnexp.experiment.prepare import Checked
from bnexp.store.network_record import Network

MOST_NAMED = 5
"""The most weights that a message names."""


def refuse_unfit_arms(
    planned: Sequence[resolve.Planned], trained: Mapping[str, comparison.Arm], checked: Mapping[str, Checked]
) -> None:
    """Raise ComparisonError if two arms of the user's own network have the same layers, or other weights.

    Both are possible if the configs differ in more than `model.normalization`.
    """
    experiments = resolve.experiments_of(planned, trained)
    seen: list[tuple[str, Experiment, Network]] = []
    for item, experiment in zip(planned, experiments, strict=True):
        network = trained[item.name].record.network if item.name in trained else _network(item, checked)
        if network is None or network.architecture is None:
            continue
        for name, other, before in seen:
            if not all(key.startswith("model.normalization") for key in config.differences(other, experiment)):
                continue
            if before.architecture == network.architecture:
                raise ComparisonError(
                    f"{item.name} and {name} have the same layers; expected arms that differ. Leave one of them out."
                )
            if (seen_in_one := _other_weights(before, network)) is not None:
                raise ComparisonError(
                    f"{item.name} and {name} differ in more than their normalization: {seen_in_one}. Let your function "
                    "build the same network in each call, except for its normalization layers."
                )
        seen.append((item.name, experiment, network))


def _other_weights(one: Network, other: Network) -> str | None:
    """Return how the weights of two networks differ outside normalization; None if they do not.

    A weight that only one network has, such as the bias that a layer gets back, is no difference.
    """
    if one.kernels is not None and other.kernels not in (None, one.kernels):
        return "the kernels of one have other names or shapes"
    common = one.origins.keys() & other.origins.keys()
    differ = sorted(name for name in common if one.origins[name] != other.origins[name])
    return f"they begin with other values of {listed(differ, MOST_NAMED)}" if differ else None


def _network(item: resolve.Planned, checked: Mapping[str, Checked]) -> Network | None:
    return checked[item.name].network if item.name in checked else None
