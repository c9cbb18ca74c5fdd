"""The page of `bnexp claims`: one HTML file that holds everything and loads nothing. All text in it is escaped."""

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
    """What the page shows of a study."""

    name: str
    notes: Sequence[str]
    """The comment at the head of its file, line by line."""
    rows: Sequence[ClaimRow]
    directory: str
    versions: dict[str, list[str]] = field(default_factory=dict)
    figures: Sequence[bytes] = ()
    """PNG files, one for each hypothesis."""

    @property
    def images(self) -> list[str]:
        """Return the figures as addresses that hold all of them."""
        return ["data:image/png;base64," + base64.b64encode(figure).decode("ascii") for figure in self.figures]


def claims_page(studies: Sequence[StudyOnPage]) -> str:
    """Return the page: a table of all verdicts, then each study with its notes and its figures."""
    page = Environment(autoescape=True, loader=PackageLoader("bnexp.report", "."), undefined=StrictUndefined)
    text: str = page.get_template("claims.html").render(studies=studies)
    return text


def on_page(one: Answer) -> StudyOnPage:
    """Return what the page shows of a study's answer."""
    shown = StudyOnPage(one.name, _notes(one.path), list(rows_of(one)), one.path.stem)
    if one.planned is None:
        return shown
    directory = one.planned.directory
    if one.document is None:
        return StudyOnPage(shown.name, shown.notes, shown.rows, directory.name)
    figures = _figures(directory, one.document)
    return StudyOnPage(shown.name, shown.notes, shown.rows, directory.name, one.document.versions, figures)


def _figures(directory: Path, document: StudyDocument) -> list[bytes]:
    """Return the figures of a finished study, one for each hypothesis; those that are not there are left out."""
    found = []
    for number in range(1, len(document.hypotheses) + 1):
        try:
            found.append(store.content(directory / (f"figure-{number}.png" if number > 1 else "figure.png")))
        except RunError:  # drawing has already reported why it is not there
            continue
    return found


def _notes(path: Path) -> list[str]:
    """Return the comment at the head of a study's file, line by line."""
    notes: list[str] = []
    if not path.is_file():
        return notes
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        notes.append(line.lstrip("# "))
    return notes
