"""What commands print: whole lines where no person reads them in a terminal."""

from __future__ import annotations

import io
import sys

import pytest
from arms import BN, NOBN
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bnexp.cli.output import print_answer
from bnexp.comparison import Question, compare
from bnexp.report import comparison_table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_nothing_is_wrapped_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "what", box=None, pad_edge=False)
    table.add_row("x" * 3000, "word " * 1000 + "end")
    print_answer(Group(Text("one " * 3000 + "end"), table, Text("批" * 2000)))
    lines = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in lines] == [3001, 2, 1002, 1]
    assert lines[2].rstrip().endswith("word end") and lines[0].endswith("one end")


def test_a_terminal_gets_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setenv("COLUMNS", "60")
    print_answer(Text("word " * 100))
    assert 2 < max(map(len, out.getvalue().splitlines())) <= 60


def test_a_verdict_is_one_line_whatever_its_length(capsys: pytest.CaptureFixture[str]) -> None:
    document = compare([BN, NOBN], Question())
    document.contrasts[0].verdict.sentence = "word " * 200 + "end."
    print_answer(comparison_table.comparison(document))
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("VERDICT"))
    assert line.endswith("end.")
