"""Mistakes are told all at once, and bad input that shows after the work has begun is failed work."""

from __future__ import annotations

import pytest

from bnexp.errors import ConfigError, Problems, RunError, StorageError, WorkError, work_begun


def test_one_mistake_keeps_its_kind_and_several_are_told_each_once() -> None:
    problems = Problems()
    problems.refuse()
    with problems.noted():
        raise RunError("no such run")
    with pytest.raises(RunError, match=r"^no such run$"):
        problems.refuse()
    other = Problems()
    for error in (ConfigError(["a.yaml:1: x", "a.yaml:2: y"]), ConfigError(["a.yaml:2: y"])):
        with other.noted():
            raise error
    problems.add(other)
    with pytest.raises(ConfigError) as caught:
        problems.refuse()
    assert str(caught.value).splitlines() == ["no such run", "a.yaml:1: x", "a.yaml:2: y"]


def test_what_is_no_bad_input_is_raised_at_once() -> None:
    problems = Problems()
    with pytest.raises(WorkError, match="out of memory"), problems.noted():
        raise WorkError("out of memory")
    with pytest.raises(ZeroDivisionError), problems.noted():
        raise ZeroDivisionError


def test_bad_input_is_failed_work_once_the_work_has_begun() -> None:
    with pytest.raises(WorkError, match=r"^the disk is full$") as caught, work_begun():
        raise StorageError("the disk is full")
    assert caught.value.exit_code == 1
    with pytest.raises(StorageError, match=r"^the disk is full$"), work_begun(when=False):
        raise StorageError("the disk is full")
    with pytest.raises(KeyboardInterrupt), work_begun():
        raise KeyboardInterrupt
