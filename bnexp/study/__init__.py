"""A study: a grid of cells, what was measured in each, and the verdict on its hypotheses."""

from bnexp.study.document import document, endpoints, table
from bnexp.study.grid import Candidate, Cell, cells_of, design_digest, experiments, sources, tied_value, tuning_seeds
from bnexp.study.refusals import refuse_unanswerable
from bnexp.study.result import FORMAT, Result, Tuned, target_name
from bnexp.study.words import asks

__all__ = [
    "FORMAT",
    "Candidate",
    "Cell",
    "Result",
    "Tuned",
    "asks",
    "cells_of",
    "design_digest",
    "document",
    "endpoints",
    "experiments",
    "refuse_unanswerable",
    "sources",
    "table",
    "target_name",
    "tied_value",
    "tuning_seeds",
]
