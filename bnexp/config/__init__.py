"""Configs: the schema of a YAML file, and how a file is read and written."""

from bnexp.config.checks import unfit_for_rows
from bnexp.config.loading import in_arm, load, load_all, section_at_hand, where
from bnexp.config.schema import Experiment
from bnexp.config.writing import compact, differences, digest, dump, former_digest, parts_that_differ

__all__ = [
    "Experiment",
    "compact",
    "differences",
    "digest",
    "dump",
    "former_digest",
    "in_arm",
    "load",
    "load_all",
    "parts_that_differ",
    "section_at_hand",
    "unfit_for_rows",
    "where",
]
