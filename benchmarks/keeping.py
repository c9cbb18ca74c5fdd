"""How benchmarks keep what they measured: rows of a table in a JSON file, each replaced when it is measured again."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from speed import machine, table

Row = dict[str, Any]


def row(what: str, measured: tuple[float, float, float], unit: str, *, at_most: float) -> Row:
    """Return a row of the table, from both medians and the median ratio."""
    ours, plain, ratio = measured
    form = ".2f" if plain < 10 else ".0f"
    return {
        "what": what,
        "measured": f"{ours:{form}} {unit} / {plain:{form}} {unit}",
        "ratio": ratio,
        "at_most": at_most,
    }


def row_of_seconds(what: str, seconds: float, *, at_most: float) -> Row:
    """Return a row of the table for a time that has a limit in seconds."""
    limit = f"{what} / {at_most:g} s"
    return {"what": limit, "measured": f"{seconds:.2f} s", "ratio": seconds / at_most, "at_most": 1.0}


def keep(out: Path, new: list[Row]) -> list[Row]:
    """Write rows that were just measured; return them with those that were kept before."""
    kept = json.loads(out.read_text())["rows"] if out.exists() else []
    rows = {one["what"]: one for one in [*kept, *(one | {"met": one["ratio"] <= one["at_most"]} for one in new)]}
    out.write_text(json.dumps({"machine": machine(), "rows": list(rows.values())}, indent=1) + "\n")
    return list(rows.values())


def measure(about: str | None, out: Path, measures: Mapping[str, Callable[[int], list[Row]]], *, rounds: int) -> None:
    """Measure what the command line asks for, keep it and print the table; rows that were not measured are kept."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--only", default="", choices=["", *measures], help="One of the measures.")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or bnexp alone would be compiled anew each time
    new = [one for name, rows in measures.items() if options.only in ("", name) for one in rows(options.rounds)]
    print(table(keep(out, new)))
