"""A level of a study's factor, as JSON holds it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from bnexp.metrics import LARGEST


def _plain(level: Any) -> Any:
    """Return a level of a factor; what it holds are texts, and numbers that a config can hold."""
    match level:
        case bool() | str() | None:
            return level
        case int() | float():
            if not abs(level) <= LARGEST:
                raise ValueError(f"a level is no number within ±{LARGEST:g}")
        case list():
            for inner in level:
                _plain(inner)
        case dict():
            for inner in level.values():
                _plain(inner)
    return level


Level = Annotated[Any, AfterValidator(_plain)]
