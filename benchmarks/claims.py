"""What the studies that ship answer: runs `bnexp claims`, keeps its rows as JSON and prints the table of docs/claims.md.

From the repository's root; studies that are finished in runs/ are not trained again:

    python benchmarks/claims.py
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from speed import BNEXP, HERE, ROOT, machine

OUT = HERE / "claims.json"
DONE, DIVERGED = 0, 3


def main() -> None:
    """Run all studies, or what is left of them, and write the table."""
    done = subprocess.run([BNEXP, "claims", "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (DONE, DIVERGED):
        raise SystemExit(done.returncode)
    rows = json.loads(done.stdout)
    OUT.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    print(table(rows), short_table(rows), sep="\n\n")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of docs/claims.md; a study's seconds stand in its first row."""
    lines = [
        "| study | claim | measured | supported if | verdict | effect | about | seeds | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for before, row in zip([None, *rows], rows, strict=False):
        seconds = "" if before is not None and before["study"] == row["study"] else f"{row['seconds']:.0f}"
        effect = row["effect"] or "-"
        lines.append(
            f"| {row['study']} | {row['claim']} | {contrasted(row)} | {row['supported_if']} | **{row['verdict']}** "
            f"| {effect} | {about(row)} | {row['seeds']} | {seconds} |"
        )
    return "\n".join(lines)


def about(row: dict[str, Any]) -> str:
    """Return what the interval speaks of: new rows, other splits with their rows, or the rows or splits at hand."""
    told = row["speaks_of"] or ""
    these = "these splits" if "splits of these rows" in told else "these rows"
    return next((words for words in ("new rows", "other splits") if told.startswith(words)), these)


def contrasted(row: dict[str, Any]) -> str:
    """Return what is contrasted, in fewer words."""
    return str(row["about"]).replace(" (%)", "")


def with_unit(row: dict[str, Any]) -> str:
    """Return the effect with its unit behind the mean: times, decades, or percentage points."""
    mean, _, interval = str(row["effect"]).partition(" ")
    unit = "decades" if row["about"].startswith("decades") else "points" if mean[0] in "+-" else "times"
    return f"{mean} {unit} {interval}"


def short_table(rows: list[dict[str, Any]]) -> str:
    """Return the README's table: the first claim of each study."""
    first = {row["study"]: row for row in reversed(rows)}
    lines = ["| claim | verdict | effect |", "|---|---|---|"]
    return "\n".join(
        [
            *lines,
            *(f"| {row['claim']} | **{row['verdict']}** | {with_unit(row)} |" for row in reversed(first.values())),
        ]
    )


if __name__ == "__main__":
    main()
