"""Runs docs/own-network.ipynb again, cell by cell, and writes what each cell prints and shows.

`make examples` runs it. The cells run in an empty folder.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parent / "own-network.ipynb"


def main() -> None:
    """Run all cells of code in one space of names, as a notebook does."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    space: dict[str, Any] = {"__name__": "__main__"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        for number, cell in enumerate(code, 1):
            cell["execution_count"], cell["outputs"] = number, outputs("".join(cell["source"]), space, number)
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def outputs(text: str, space: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Run a cell; return what it printed, and the value of its last line, as a notebook keeps them."""
    statements = ast.parse(text).body
    last = statements.pop() if statements and isinstance(statements[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(statements, []), "<cell>", "exec", dont_inherit=True), space)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval", dont_inherit=True), space)
    found = [{"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())}] if printed.tell() else []
    if value is not None:
        shown = {"data": data_of(value), "execution_count": number, "metadata": {}, "output_type": "execute_result"}
        found.append(shown)
    return found


def data_of(value: Any) -> dict[str, Any]:
    """Return how a notebook shows a value: as a picture or as HTML, if it can be shown so, and as its printed text.

    Its `repr` would hold the time of a run.
    """
    if (picture := getattr(value, "_repr_png_", None)) is not None:
        return {"image/png": base64.b64encode(picture()).decode("ascii"), "text/plain": ["<Figure>"]}
    page = getattr(value, "_repr_html_", None)
    return {**({} if page is None else {"text/html": lines(page())}), "text/plain": lines(str(value))}


def lines(text: str) -> list[str]:
    """Return the lines of a text, each with its end, as notebooks keep texts."""
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    os.environ.pop("BNEXP_RUNS_DIR", None)
    main()
