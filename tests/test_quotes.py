"""Quotes that swallow rows are refused with their line; quoted fields that hold line ends are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.rows import Rows
from bnexp.errors import SettingError

QUOTE = '"'
CURE = (
    " is read as one row. Remove this quote, or close it where the field ends. To keep a quote inside a quoted text, write "
    'it twice ("").'
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, **keys: Any) -> Rows:
    Path("t.csv").write_bytes(text.encode())
    keys = {"name": "csv", "path": "t.csv", "target": "y", "duplicates": "keep", **keys}
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0,)).rows


def refused(text: str, **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        read(text, **keys)
    return str(raised.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quote_that_a_later_row_closes_is_told_with_its_line(end: str) -> None:
    lines = ["text\ty", *(f"{QUOTE if n % 30 == 0 else ''}good film {n}\t{n % 2}" for n in range(120))]
    text = end.join(lines) + end
    message = f"dataset.path is 't.csv'; t.csv:2: a quote is opened, and everything up to line 32{CURE}"
    assert refused(text, name="text_csv", separator="\t") == message
    assert refused(text, separator="\t") == message


@pytest.mark.parametrize(
    ("first", "last"),
    [('"foo,1', 'bar",1'), ('foo,"1', 'bar,1"'), ('"foo,1', 'b"ar,1')],
    ids=["first", "last", "inner"],
)
@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_a_quote_that_a_quote_at_a_fields_end_closes_is_told_too(first: str, last: str, kind: str) -> None:
    lines = ["t,y", *(f"word{n % 3},{n % 2}" for n in range(40))]
    lines[5], lines[9] = first, last
    text = "\n".join(lines)
    if kind == "classes":
        text = text.replace(",0", ",no").replace(",1", ",yes").replace(',"1', ',"yes')
    assert refused(text) == f"dataset.path is 't.csv'; t.csv:6: a quote is opened, and everything up to line 10{CURE}"


def test_the_first_of_several_quotes_is_told_where_the_last_is_open() -> None:
    lines = ["text,y", *(f"{QUOTE if n in (3, 9, 20) else ''}good film {n},{n % 2}" for n in range(40))]
    assert "t.csv:5: a quote is opened, and everything up to line 11 is read as one row" in refused("\n".join(lines))
    lines = ["text,y", *(f"{QUOTE if n == 20 else ''}good film {n},{n % 2}" for n in range(40))]
    assert "t.csv:22: a quote is opened and not closed." in refused("\n".join(lines))


@pytest.mark.parametrize(
    "field",
    ["line one, yes\nline two, no", "1,2\n3,4\n5,6", "a\n\nb", 'he said ""no"",\nand left', "one\rtwo\r\nthree", "x" * 200_000 + "\ny"],
)  # fmt: skip
def test_a_quoted_field_with_line_ends_is_read(field: str) -> None:
    cells = [field, "other"] * 20
    rows = read("t,a,y\n" + "".join(f'"{cell}",{n},{n % 2}\n' for n, cell in enumerate(cells)) + "\n\n")
    assert rows.x.shape == (40, 3)
    assert rows.columns[1:] == tuple(sorted(("t=" + field.replace('""', QUOTE), "t=other")))
