"""`Level`: a level of a study's factor, as it is stored in JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from bnexp.metrics import LARGEST


def _plain(level: Any) -> Any:
    """Return the level unchanged. Raise ValueError if it has a number that is too large for a config."""
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
