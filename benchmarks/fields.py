"""Every comparison that configs/ ships, on real data of each field. Prints the table of docs/claims.md, keeps it as JSON.

From the repository's root, after `bnexp data fetch` of the sets:

    python benchmarks/fields.py [--only text]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent
BNEXP = str(Path(sys.executable).with_name("bnexp"))
OUT = HERE / "fields.json"
SEED_DIVERGED = 3
"""Exit code of a comparison that is finished, though a seed diverged."""

COMPARISONS = (
    ("tables/breast-cancer-bn", "tables/breast-cancer-none"),
    ("tables/segments-bn", "tables/segments-layer", "tables/segments-none"),
    ("images/digits-bn", "images/digits-group", "images/digits-none"),
    ("images/fashion-bn", "images/fashion-group", "images/fashion-none"),
    ("text/sentiment-bn", "text/sentiment-layer", "text/sentiment-none"),
    ("text/spam-bn", "text/spam-none"),
    ("speech/spoken-bn", "speech/spoken-layer", "speech/spoken-none"),
    ("speech/spoken-gru-bn", "speech/spoken-gru-none"),
    ("speech/languages-bn", "speech/languages-none"),
)
"""The arms of each comparison; the last one is the baseline."""


def main() -> None:
    """Run the comparisons, keep and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Only comparisons whose arms begin so; the others' rows are kept.")
    only = parser.parse_args().only
    kept = json.loads(OUT.read_text())["rows"] if OUT.exists() else []
    rows: list[dict[str, Any]] = []
    for arms in COMPARISONS:
        names = [Path(arm).name for arm in arms]
        rows += compared(arms) if arms[0].startswith(only) else [row for row in kept if row["arm"] in names]
        later = [row for row in kept if row["arm"] not in {one["arm"] for one in rows}]
        OUT.write_text(json.dumps({"rows": rows + later}, indent=1) + "\n")
    print(table(rows))


def compared(arms: tuple[str, ...]) -> list[dict[str, Any]]:
    """Compare with runs of its own; give a row for each arm."""
    begun = time.perf_counter()
    runs = tempfile.mkdtemp()
    command = [BNEXP, "compare", *arms, "--json", "--runs", runs]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, SEED_DIVERGED):
        raise SystemExit(done.returncode)
    seconds = time.perf_counter() - begun
    document = json.loads(done.stdout)
    contrasts = {contrast["arm"]: contrast for contrast in document["contrasts"]}
    rows: list[dict[str, Any]] = []
    for arm in document["arms"]:
        config = yaml.safe_load((Path(runs) / arm["run"] / "config.yaml").read_text())
        record = json.loads((Path(runs) / arm["run"] / "run.json").read_text())
        rows.append(
            {
                "arms": len(document["arms"]),
                "arm": arm["name"],
                "dataset": document["dataset"],
                "model": config["model"]["name"],
                "normalization": normalization(config["model"]),
                "seeds": arm["seeds"],
                "val_accuracy": arm["metrics"]["val_accuracy"],
                "contrast": found(contrasts.get(arm["name"])),
                "seconds": record["duration_seconds"],
                "comparison_seconds": seconds,
            }
        )
        print(f"{arm['name']}: {record['duration_seconds']:.0f} s", file=sys.stderr)
    return rows


def normalization(model: dict[str, Any]) -> str:
    """Return the name of the normalization."""
    value = model["normalization"]
    return str(value["name"] if isinstance(value, dict) else value)


def found(contrast: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the interval that decides, on these rows and for new ones, and the verdict; None for the baseline itself.

    Several arms share the error, so that their intervals are wider than 95%.
    """
    if contrast is None:
        return None
    verdict = contrast["verdict"]
    return {"judged": contrast["judged"], **{key: verdict[key] for key in ("word", "these_rows", "sentence")}}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of docs/claims.md."""
    lines = [
        "| data set (majority-class baseline, %) | model | normalization | seeds | val_accuracy % "
        "| difference from none, on these rows | for new rows | verdict | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        data, value, contrast = row["dataset"], row["val_accuracy"], row["contrast"]
        half = value["high"] - value["mean"]
        here, new, word = "", "", ""
        if contrast is not None:
            judged, word = contrast["judged"], contrast["word"]
            here, new = f"{100 * judged['mean']:+.2f} {bounds(judged)}", bounds(judged["new_rows"])
        lines.append(
            f"| {data['name']} ({100 * data['commonest_class_share']:.0f}) | {row['model']} | {row['normalization']} "
            f"| {row['seeds']} | {100 * value['mean']:.2f} ± {100 * half:.2f} | {here} | {new} | {word} "
            f"| {row['seconds']:.0f} |"
        )
    return "\n".join(lines)


def bounds(interval: dict[str, Any]) -> str:
    """Write the bounds of an interval in percentage points."""
    return f"[{100 * interval['low']:+.2f}, {100 * interval['high']:+.2f}]"


if __name__ == "__main__":
    main()
