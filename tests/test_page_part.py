"""The text of a result that `print` or a notebook shows: how wide its sentences and tables are."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from rich.console import Group
from rich.text import Text

from bnexp.report.console import plain_table
from bnexp.report.page_part import as_text

NAMES = [f"mobilenet_keras_file_{kind}_frozen" for kind in ("batch", "layer", "group", "instance")]


def result() -> Group:
    """A sentence and a table within a group, both of more than 120 characters."""
    table = plain_table("", *NAMES)
    table.add_row("val_accuracy (%)", *["+0.00114 [+0.00029, +0.00198]"] * 4)
    return Group(Text("a sentence of words " * 20), Group(table))


def test_without_a_terminal_sentences_are_wrapped_and_no_row_of_a_table_is_broken() -> None:
    *sentence, heads, row = as_text(result()).split("\n")
    assert len(sentence) == 4 and max(map(len, sentence)) <= 120
    assert heads.split() == NAMES and row.count("+0.00114 [+0.00029, +0.00198]") == 4


@pytest.mark.parametrize("columns", [60, 100, 250])
def test_a_terminal_shows_everything_in_its_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))
    longest = max(map(len, as_text(result()).split("\n")))
    assert columns - 20 < longest <= columns


def test_without_a_standard_output_the_text_is_that_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = as_text(result())
    monkeypatch.setattr(sys, "stdout", None)
    assert as_text(result()) == expected
