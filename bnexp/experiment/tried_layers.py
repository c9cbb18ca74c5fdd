"""Layers that the user chose, tried on a few rows before any training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bnexp.config.model import Model, Sequential
from bnexp.config.own_model import OWN_NETWORKS

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built


def tried(model: Model, built: Built, data: Data) -> Built:
    """Return what was built, with warnings about layers that the user chose; they process rows of the first seed.

    Raises:
        SettingError: if a layer cannot process these rows, or cannot be trained.
    """
    if isinstance(model, Sequential):
        from bnexp.models.dry_step import TRIED_ROWS, doubts_of_layers

        rows = data.inputs(0, data.train_SR[0][:TRIED_ROWS])
        doubts = doubts_of_layers(built.model, len(model.layers), rows)
        return replace(built, warnings=(*built.warnings, *doubts)) if doubts else built
    if isinstance(model, OWN_NETWORKS):
        from bnexp.models.weight_rules import refuse_rules_of_own

        refuse_rules_of_own(built.model, model)
    return built
