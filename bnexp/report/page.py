"""The page of `bnexp claims`: one HTML file with embedded figures, which loads no other file. All text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from bnexp import store
from bnexp.errors import RunError
from bnexp.store.study_document import StudyDocument
from bnexp.study.claims import Answer, ClaimRow, rows_of


@dataclass(frozen=True)
class StudyOnPage:
    """The content of the page about one study."""

    name: str
    notes: Sequence[str]
    """The comment at the start of the study's file, line by line."""
    rows: Sequence[ClaimRow]
    directory: str
    versions: dict[str, list[str]] = field(default_factory=dict)
    figures: Sequence[bytes] = ()
    """PNG files, one for each hypothesis."""

    @property
    def images(self) -> list[str]:
        """Return the figures as data URLs, which hold the whole files."""
        return ["data:image/png;base64," + base64.b64encode(figure).decode("ascii") for figure in self.figures]


def claims_page(studies: Sequence[StudyOnPage]) -> str:
    """Return the page as HTML: a table of all verdicts, then each study with its notes and its figures."""
    page = Environment(autoescape=True, loader=PackageLoader("bnexp.report", "."), undefined=StrictUndefined)
    text: str = page.get_template("claims.html").render(studies=studies)
    return text


def on_page(one: Answer) -> StudyOnPage:
    """Return the content of the page about a study's answer; without figures if the study is not finished."""
    shown = StudyOnPage(one.name, _notes(one.path), list(rows_of(one)), one.path.stem)
    if one.planned is None:
        return shown
    directory = one.planned.directory
    if one.document is None:
        return StudyOnPage(shown.name, shown.notes, shown.rows, directory.name)
    figures = _figures(directory, one.document)
    return StudyOnPage(shown.name, shown.notes, shown.rows, directory.name, one.document.versions, figures)


def _figures(directory: Path, document: StudyDocument) -> list[bytes]:
    """Return the figures of a finished study, one for each hypothesis. Missing figures are left out."""
    found = []
    for number in range(1, len(document.hypotheses) + 1):
        try:
            found.append(store.content(directory / (f"figure-{number}.png" if number > 1 else "figure.png")))
        except RunError:  # drawing has already reported why the figure is missing
            continue
    return found


def _notes(path: Path) -> list[str]:
    """Return the comment at the start of a study's file, line by line."""
    notes: list[str] = []
    if not path.is_file():
        return notes
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        notes.append(line.lstrip("# "))
    return notes
