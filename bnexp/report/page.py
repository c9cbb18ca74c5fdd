"""The page of `bnexp claims`: one HTML file that holds everything and loads nothing. All text in it is escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def claims_page(studies: Sequence[Mapping[str, Any]]) -> str:
    """Return the page: a table of all verdicts, then each study with its notes and its figures (bytes of PNG)."""
    page = Environment(autoescape=True, loader=PackageLoader("bnexp.report", "."), undefined=StrictUndefined)
    drawn = [{**one, "images": [_embedded(figure) for figure in one["figures"]]} for one in studies]
    text: str = page.get_template("claims.html").render(studies=drawn)
    return text


def _embedded(figure: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(figure).decode("ascii")
