"""How a notebook or `print` shows a result: the terminal's table as text, or text and figure as HTML."""

from __future__ import annotations

import base64
import html
import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from rich.console import Console, Group, RenderableType
from rich.table import Table

from bnexp import store
from bnexp.report import comparison_table, console, study_table
from bnexp.store import ComparisonDocument
from bnexp.store.plan_document import ComparisonPlan
from bnexp.store.records import Record
from bnexp.system.spelling import respelt
from bnexp.system.terminal import cleaned

Document = TypeVar("Document", ComparisonDocument, ComparisonPlan)
Stored = TypeVar("Stored", bound=Record)
COLUMNS, UNWRAPPED = 120, 100_000
"""Characters in a line of a sentence if there is no terminal, and in a line of a table, which is not wrapped then."""


def as_text(what: RenderableType) -> str:
    """Return the text that the terminal would print, in its width and without colours.

    Without a terminal, as in a notebook or a pipe, sentences are wrapped, and tables are as wide as they have to be.
    """
    out, is_terminal = io.StringIO(), sys.stdout is not None and sys.stdout.isatty()
    columns = shutil.get_terminal_size().columns if is_terminal else COLUMNS
    page = Console(file=out, width=UNWRAPPED, highlight=False, color_system=None, force_jupyter=False)
    for part in _parts(what):
        is_whole = isinstance(part, Table) and not is_terminal
        page.print(part, width=UNWRAPPED if is_whole else columns)
    return cleaned("\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n")))


def _parts(what: RenderableType) -> Iterator[RenderableType]:
    """Yield the parts of a group, at any depth."""
    if isinstance(what, Group):
        for part in what.renderables:
            yield from _parts(part)
    else:
        yield what


STYLE = "font-family: monospace; line-height: normal; white-space: pre; overflow-x: auto"
"""The style of a text in a notebook. Keras shows a summary in this way."""
SENTENCES = ("sentence", "these_rows", "cautions", "rule", "why_none")
"""Fields of a comparison or of its plan whose sentences may name options of the command line."""


def in_python(document: Document) -> Document:
    """Return a comparison or its plan with Python keywords in its sentences in place of command-line options.

    Stored sentences name the options. They stay as they are while a command runs.
    """
    return _respelt(document, [arm.name for arm in document.arms])


def _respelt(record: Stored, names: Sequence[str]) -> Stored:
    """Return a copy of a record in which each sentence is respelt, at any depth. Everything else is unchanged."""
    return record.model_copy(update={field: _value(value, names, field in SENTENCES) for field, value in record})


def _value(value: Any, names: Sequence[str], is_sentence: bool) -> Any:
    match value:
        case str() if is_sentence:
            return respelt(value, names)
        case Record():
            return _respelt(value, names)
        case list():
            return [_value(one, names, is_sentence) for one in value]
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
    """Return a text as escaped HTML, with a PNG picture below it if there is one.

    Its letters have one width, and its lines are not broken, so that the columns of a table stand below each other.

    >>> as_html("a < b", None).partition(">")[2]
    'a &lt; b</pre>'
    """
    shown = f'<pre style="{STYLE}">{html.escape(text)}</pre>'
    if picture is None:
        return shown
    return f'{shown}<img alt="figure" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
