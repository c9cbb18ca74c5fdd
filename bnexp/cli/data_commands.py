"""What `data list` and `data fetch` do: work, print, and return the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from bnexp.cli.output import print_answer, print_json
from bnexp.errors import DONE, UserError, nearest
from bnexp.report import console
from bnexp.system.terminal import plain


def list_data(*, as_json: bool) -> int:
    """Print all known data sets and whether they are here."""
    from bnexp.data.builtin.catalogue import KNOWN
    from bnexp.data.builtin.known import is_here

    rows = [
        {
            "name": one.name, "kind": one.kind, "rows": one.rows, "classes": one.classes, "here": is_here(one),
            "what": one.what, "licence": one.licence, "attribution": one.attribution,
        }
        for one in KNOWN.values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        print_answer(console.data_list(rows))
    return DONE


def fetch_data(names: Sequence[str]) -> int:
    """Bring the data sets named here, one after the other; print a line for each."""
    from bnexp.data.builtin.catalogue import KNOWN
    from bnexp.data.builtin.known import bring, is_here

    for name in names:
        if name not in KNOWN:
            raise UserError(f"No data set is called {name!r}. {nearest(name, KNOWN)}")
    for name in names:
        bring(KNOWN[name], partial(_print_step, name))
        print(f"{name}: {'here' if is_here(KNOWN[name]) else 'missing'}")
    return DONE


def _print_step(name: str, step: str) -> None:
    print(f"{name}: {plain(step)}", file=sys.stderr)
