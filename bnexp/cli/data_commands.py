"""What `data list` and `data fetch` do, with plain arguments: call the API, print, and return the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bnexp.api import data_sets
from bnexp.cli.output import print_answer, print_json
from bnexp.cli.terminal import Fetching
from bnexp.errors import DONE
from bnexp.report import console


def list_data(*, as_json: bool) -> int:
    """Print all known data sets and whether they are here."""
    rows = [asdict(one) for one in data_sets.list_data()]
    if as_json:
        print_json(rows)
    else:
        print_answer(console.data_list(rows))
    return DONE


def fetch_data(names: Sequence[str]) -> int:
    """Bring the data sets named here, one after the other; print a line for each."""
    data_sets.fetch_data(names, observer=Fetching(quiet=False))
    return DONE
