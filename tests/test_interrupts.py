"""Ctrl-C while training: nothing that Python drops on the way is lost."""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

import pytest

from bnexp.interrupts import finishing_the_epoch, raised_again


class PressesCtrlC:
    """Is interrupted while it is being destroyed, where Python drops all exceptions."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_the_first_asks_and_the_second_interrupts() -> None:
    told: list[str] = []
    with finishing_the_epoch(told.append) as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        assert told == ["finishing the epoch; Ctrl-C once more stops at once"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_that_falls_into_a_finalizer_interrupts_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with raised_again(), finishing_the_epoch(lambda text: None):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            destroy_and_train(PressesCtrlC())
    assert capsys.readouterr().err == ""


def destroy_and_train(*last: Any) -> None:
    """Drop the last reference, then go on as an epoch does."""
    del last
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.001)


def test_what_else_python_drops_is_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ZeroDivisionError

    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: reported.append(dropped.exc_type))
    with raised_again():
        Fails()
    assert reported == [ZeroDivisionError]
