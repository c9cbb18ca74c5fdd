"""What a notebook or `print` shows of a result: the terminal's table as text, and that with a figure as HTML."""

from __future__ import annotations

import base64
import html
import io
from typing import Any, TypeVar

from rich.console import Console, RenderableType

from bnexp import store
from bnexp.report import comparison_table, console, study_table
from bnexp.store import ComparisonDocument
from bnexp.store.plan_document import ComparisonPlan
from bnexp.system.spelling import respelt
from bnexp.system.terminal import cleaned

Document = TypeVar("Document", ComparisonDocument, ComparisonPlan)
COLUMNS = 120
"""Letters of a line."""


def as_text(what: RenderableType) -> str:
    """Return what the terminal would print, without colours."""
    out = io.StringIO()
    Console(file=out, width=COLUMNS, highlight=False, color_system=None, force_jupyter=False).print(what)
    return cleaned("\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n")))


def in_python(document: Document) -> Document:
    """Return a comparison, or a plan of one, whose sentences name keywords of Python, unless a command runs.

    What is stored names options of the command.
    """
    return type(document).model_validate(_respelt(document.model_dump()))


def _respelt(value: Any) -> Any:
    """Return a value in which each text is respelt, however deep it stands."""
    match value:
        case str():
            return respelt(value)
        case dict():
            return {key: _respelt(one) for key, one in value.items()}
        case list() | tuple():
            return type(value)(map(_respelt, value))
    return value


def table_of(run: store.Run) -> RenderableType:
    """Return the table of a stored run, comparison or study.

    Raises:
        RunError: if its files are missing or damaged.
    """
    match run.kind:
        case "comparison":
            return comparison_table.comparison(in_python(run.comparison()))
        case "study":
            return study_table.study(run.study())
    record = run.record()
    return console.run_summary(record, run.history(record))


def as_html(text: str, picture: bytes | None) -> str:
    """Return a text as HTML, in which nothing of it is markup, with a PNG file below it.

    >>> as_html("a < b", None)
    '<pre>a &lt; b</pre>'
    """
    shown = f"<pre>{html.escape(text)}</pre>"
    if picture is None:
        return shown
    return f'{shown}<img alt="figure" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
