"""Tables in other forms than CSV with one line of names: refused with a line that converts them, which does."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.sources.other_forms import conversion
from bnexp.errors import SettingError

ROWS = [(f"{n}.5", "uv"[n % 2]) for n in range(40)]
FRAME = pd.DataFrame({"x": [float(x) for x, _ in ROWS], "y": [y for _, y in ROWS]})


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def joined(separator: str, *above: str) -> str:
    return "\n".join([*above, *map(separator.join, ROWS)]) + "\n"


def refused(text: str, **keys: Any) -> str:
    Path("t.csv").write_text(text)
    dataset = TypeAdapter(Dataset).validate_python({"name": "csv", "path": "t.csv", "target": "y", **keys})
    with pytest.raises(SettingError) as raised:
        prepare(dataset, (0,))
    return str(raised.value)


def converted(command: str) -> pd.DataFrame:
    """Run a line that a message names, and return the table that it writes."""
    program, *arguments = shlex.split(command)
    assert program == "python"
    subprocess.run([sys.executable, *arguments], check=True)
    written = re.search(r"to_csv\('(.*?)'", command)
    assert written is not None
    return pd.read_csv(written[1])


def test_comments_above_a_table_are_told_with_what_takes_them_out() -> None:
    message = refused(joined(",", "# made by me", "# in 2024, in May, here", "x,y"))
    assert message.startswith(
        "dataset.path is 't.csv'; t.csv:1 is a comment ('# made by me'). Expected the names of the columns in the first "
        "line. Take out lines 1 to 2, as this does: python -c"
    )
    pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), FRAME)
    for keys in ({"separator": ";"}, {}):
        assert "skiprows=1, sep=';'" in refused(joined(";", "% note", "x;y"), **keys)


def test_names_may_begin_with_a_sign_for_comments() -> None:
    dataset = TypeAdapter(Dataset).validate_python({"name": "csv", "path": "t.csv", "target": "y"})
    for text in (joined(",", "#x,y"), joined(",", "#x,y", '7.5,"u"')):
        Path("t.csv").write_text(text)
        assert prepare(dataset, (0,)).rows.columns == ("#x",)


@pytest.mark.parametrize("names", ["40,1,u,v", "40,1"])
def test_a_line_of_counts_is_no_line_of_names(names: str) -> None:
    message = refused(joined(",", names))
    assert message.startswith(
        "dataset.path is 't.csv'; t.csv:1 seems to hold no names: it counts 40 rows and 1 column, as files inside "
        "scikit-learn do. Write the names of the columns in its place, or number them: python -c"
    )
    numbered = FRAME.set_axis(["c0", "c1"], axis=1)
    pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), numbered)
    assert "counts" not in refused(joined(",", "41,1"))


def test_a_table_without_names_gets_numbers_for_names() -> None:
    message = refused(joined(";"), separator=";")
    assert "If it holds names, put a letter before each number. This numbers the columns: python -c" in message
    numbered = FRAME.set_axis(["c0", "c1"], axis=1)
    pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), numbered)


def test_fields_between_blanks_are_told_with_what_reads_them() -> None:
    assert refused(joined(" ", "x y")) == (
        'dataset.separator is ","; the fields of t.csv stand between blanks. Use dataset.separator: " ".'
    )
    for text, keys in ((joined("   ", "x  y"), {}), (joined("  ", "x y"), {"separator": " "})):
        message = refused(text, **keys)
        assert "the fields of t.csv stand between blanks. Put commas between them: python -c" in message
        pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), FRAME)


@pytest.mark.slow
def test_tables_of_other_programs_are_converted_by_one_line() -> None:
    FRAME.to_csv("a.csv.gz", index=False)
    FRAME.to_json("b.jsonl", orient="records", lines=True)
    FRAME.to_stata("c.dta", write_index=False)
    Path("d.arff").write_text("@relation r\n@attribute x numeric\n@attribute y {u,v}\n@data\n" + joined(","))
    for name in ("a.csv.gz", "b.jsonl", "c.dta", "d.arff"):
        command = conversion(Path(name))
        assert command is not None
        pd.testing.assert_frame_equal(converted(command), FRAME)
    assert conversion(Path("a.txt")) is None
