"""What messages call data that were given in Python: their own files, and no other ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bnexp.system import given_data
from bnexp.system.given_data import as_given, call

FILE = "runs/data/ab.npz"


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given_data, "_CALLED", {})


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Let threads take turns as often as Python can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize("around", ["{}", "row 1 of {}.", "'{}'", "{}:3: y", "({})", "x={}, y", "{}; expected one"])
def test_a_file_that_keeps_what_was_given_is_called_by_it(around: str) -> None:
    call(FILE, r"(x, y) \1")
    assert as_given(around.format(FILE)) == around.format(r"(x, y) \1")


@pytest.mark.parametrize(
    "other", [f"/home/me/{FILE}", f"my{FILE}", f"../{FILE}", f"old-{FILE}", f"{FILE}.part", f"{FILE}2", f"{FILE}/a"]
)
def test_a_longer_path_keeps_its_name(other: str) -> None:
    call(FILE, "(x, y)")
    assert as_given(f"is {other}.") == f"is {other}."


@pytest.mark.usefixtures("quick_turns")
def test_data_may_be_given_by_another_thread_while_a_message_is_written() -> None:
    call(FILE, "(x, y)")
    with ThreadPoolExecutor(1) as pool:
        given = pool.submit(lambda: [call(f"runs/data/{number}.npz", "(x, y)") for number in range(500)])
        told = [as_given(f"row 1 of {FILE}")]
        while not given.done():
            told.append(as_given(f"row 1 of {FILE}"))
    assert set(told) == {"row 1 of (x, y)"}
