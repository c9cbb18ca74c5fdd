"""Cases of parametrized tests: those that every check runs, and those that run by `-m slow` alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def slow(*values: Any, id: str | None = None) -> Any:
    """Return a case that every check leaves out."""
    return pytest.param(*values, id=id, marks=pytest.mark.slow)


def quick(names: Collection[str], cases: Iterable[str]) -> list[Any]:
    """Return all cases; every check runs those with these names and leaves the others out."""
    cases = list(cases)
    assert set(names) <= set(cases), set(names) - set(cases)
    return [case if case in names else slow(case) for case in cases]
