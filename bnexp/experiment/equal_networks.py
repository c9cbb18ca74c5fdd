"""Finds arms with the same layers in networks of the user's own, by digest, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnexp import comparison, config
from bnexp.config import Experiment
from bnexp.errors import ComparisonError
from bnexp.experiment import resolve
from bnexp.experiment.prepare import Checked
from bnexp.store.run_record import Network


def refuse_equal_networks(
    planned: Sequence[resolve.Planned], trained: Mapping[str, comparison.Arm], checked: Mapping[str, Checked]
) -> None:
    """Raise ComparisonError if two arms of the user's own network have the same layers, so that nothing is compared.

    Arms may have the same layers if their configs differ in more than `model.normalization`.
    """
    experiments = resolve.experiments_of(planned, trained)
    seen: list[tuple[str, Experiment, str]] = []
    for item, experiment in zip(planned, experiments, strict=True):
        network = trained[item.name].record.network if item.name in trained else _network(item, checked)
        if network is None or network.architecture is None:
            continue
        for name, other, architecture in seen:
            differing = config.differences(other, experiment).keys()
            if architecture == network.architecture and all(key.startswith("model.normalization") for key in differing):
                raise ComparisonError(
                    f"{item.name} and {name} have the same layers; expected arms that differ. Leave one of them out."
                )
        seen.append((item.name, experiment, network.architecture))


def _network(item: resolve.Planned, checked: Mapping[str, Checked]) -> Network | None:
    return checked[item.name].network if item.name in checked else None
