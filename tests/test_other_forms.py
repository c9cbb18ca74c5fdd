"""Tables in other forms than CSV with one line of names: refused with a line that converts them, which does."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cases import slow
from command import run_line
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.other_forms import cure_of_form
from bnexp.data.sources.rewriting import with_decimals, without_gaps
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
    run_line(command)
    written = re.search(r"to_csv\('(.*?)'", command)
    assert written is not None
    return pd.read_csv(written[1])


def test_comments_above_a_table_are_told_with_what_takes_them_out() -> None:
    message = refused(joined(",", "# made by me", "# in 2024, in May, here", "x,y"))
    assert message.startswith(
        "dataset.path is 't.csv'; t.csv:1 is a comment ('# made by me'). Expected the names of the columns in the first "
        "line. Remove lines 1 to 2. This command does it: python -c"
    )
    pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), FRAME)
    for keys in ({"separator": ";"}, {}):
        assert "skiprows=1, sep=';'" in refused(joined(";", "% note", "x;y"), **keys)


@pytest.mark.parametrize(("above", "lines"), [("# a\n\n", 2), ("# a\n\n# b\n", 3), ("# a\n# b\n\n \n", 4)])
def test_blank_lines_beside_comments_go_with_them(above: str, lines: int) -> None:
    message = refused(above + joined(";", "x;y"))
    assert f"Remove lines 1 to {lines}. This command does it: python -c" in message
    pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), FRAME)


def test_comments_above_nothing_but_blank_lines_are_no_table() -> None:
    assert "it has a single column, '# made by me', so there" in refused("# made by me\n# twice\n" + "\n" * 4)
    assert "it is no table" in refused("# made by me\n# twice\n" + "\n" * 40 + joined(",", "x,y"))


def test_names_may_begin_with_a_sign_for_comments() -> None:
    dataset = TypeAdapter(Dataset).validate_python({"name": "csv", "path": "t.csv", "target": "y"})
    for text in (joined(",", "#x,y"), joined(",", "#x,y", ""), joined(",", "#x,y", '7.5,"u"')):
        Path("t.csv").write_text(text)
        assert prepare(dataset, (0,)).rows.columns == ("#x",)


@pytest.mark.parametrize("names", ["40,1,u,v", "40,1"])
def test_a_line_of_counts_is_no_line_of_names(names: str) -> None:
    message = refused(joined(",", names))
    assert message.startswith(
        "dataset.path is 't.csv'; t.csv:1 seems to hold no names but two counts, 40 rows and 1 column, as in the "
        "files of scikit-learn. Replace it by the names of the columns, or number them: python -c"
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
        'dataset.separator is ","; the fields of t.csv are separated by blanks. Use dataset.separator: " ".'
    )
    for text, keys in ((joined("   ", "x  y"), {}), (joined("  ", "x y"), {"separator": " "})):
        message = refused(text, **keys)
        assert "the fields of t.csv are separated by blanks. Put commas between them: python -c" in message
        pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), FRAME)


@pytest.mark.parametrize("above", ["", "# made by me\n"], ids=["blanks", "below a comment"])
def test_a_first_row_of_whole_numbers_is_no_line_of_names_in_the_new_file(above: str) -> None:
    """pandas would make the row 0 0 0 the names 0, 0.1 and 0.2."""
    sign = "," if above else "   "
    message = refused(above + "".join(sign.join([str(n), str(n**2), str(n**3)]) + "\n" for n in range(11)))
    assert ("Remove line 1, and name the columns. This command numbers them" if above else "which have no names") in (
        message
    )
    frame = converted(message[message.index("python -c") :])
    assert list(frame.columns) == ["c0", "c1", "c2"] and frame.iloc[[0, 2]].to_numpy().tolist() == [
        [0, 0, 0],
        [2, 4, 8],
    ]


def test_a_table_as_r_writes_it_gets_commas_and_loses_the_names_of_rows() -> None:
    rows = "".join(f'"row {n}" {n}.5 "{"uv"[n % 2]}"\n' for n in range(40))
    message = refused(f'"x" "y"\n{rows}')
    assert "the fields of t.csv are separated by blanks. Put commas between them: python -c" in message
    pd.testing.assert_frame_equal(converted(message[message.index("python -c") :]), FRAME)


def test_fields_that_hold_blanks_between_wider_gaps_get_commas() -> None:
    rows = "".join(f"  {n:>4}   {('< 12 years', '12-15 years')[n % 2]:>12}     {'uv'[n % 2]}\n" for n in range(40))
    message = refused(f"    id      education   y\n\n{rows}")
    assert message.startswith(
        'dataset.separator is ","; the fields of t.csv are separated by two or more blanks, and contain single blanks. '
        "Put commas between them: python -c"
    )
    run(message[message.index(": python") :])
    frame = pd.read_csv("t-plain.csv")
    assert list(frame.columns) == ["id", "education", "y"]
    assert frame.iloc[38].tolist() == [38, "< 12 years", "u"] and len(frame) == 40


def test_lines_of_types_below_the_names_are_taken_out_by_one_line() -> None:
    """Tables of Orange have two of them, of which the second is nearly empty."""
    types, roles = "c\tc\td\n", "\t\tclass\n"
    rows = "".join(f"{n}.50\t{n or ''}\t{'uv'[n % 2]}\n" for n in range(40))
    message = refused(f"a\tb\ty\n{types}{roles}{rows}", separator="\t")
    assert (
        "t.csv:2 holds no numbers above columns of numbers" in message
        and " Remove lines 2 to 3. This command does it: " in message
    )
    run(message[message.index(": python") :])
    assert Path("t-plain.csv").read_text() == "a,b,y\n" + rows.replace("\t", ",")


def run(cure: str | None) -> None:
    """Run the command that a cure ends in."""
    assert cure is not None
    run_line(cure.partition(": ")[2])


NAMES_FOR_SHELLS = [r"a\nu", r"a\\u", "a$u", "a`u", "a!u", 'a"u', "a'u", "a%u", r"\s+'$"]


@pytest.mark.parametrize("name", NAMES_FOR_SHELLS)
def test_a_command_keeps_each_sign_of_a_name_in_a_shell(name: str) -> None:
    """Names of columns and files stand in the code, which a shell reads first: `run_line` lets it."""
    path = Path(f"{name}.csv")
    pd.DataFrame({name: ["1,5", "2.5"], "y": ["u", "?"]}).to_csv(path, index=False)
    file = CsvFile(path)
    for command in (with_decimals(file, [name], ","), without_gaps(file, "y", ["?"])):
        run_line(command[command.index("python -c ") :])
    assert list(pd.read_csv(f"{name}-decimals.csv", dtype=str)[name]) == ["1.5", "2.5"]
    assert list(pd.read_csv(f"{name}-whole.csv", dtype=str)[name]) == ["1,5"]


@pytest.mark.slow
def test_tables_of_other_programs_are_converted_by_one_line() -> None:
    FRAME.to_json("b.jsonl", orient="records", lines=True)
    FRAME.to_stata("c.dta", write_index=False)
    Path("d.arff").write_text("@relation r\n@attribute x numeric\n@attribute y {u,v}\n@data\n" + joined(","))
    for name in ("b.jsonl", "c.dta", "d.arff"):
        run(cure_of_form(Path(name)))
        pd.testing.assert_frame_equal(pd.read_csv(Path(name).with_suffix(".csv")), FRAME)
    assert cure_of_form(Path("a.txt")) is None


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.xlsx", "openpyxl"), ("a.xls", "xlrd"), ("a.ods", "odfpy"), ("a.sav", "pyreadstat"), ("a.feather", "pyarrow")],
)
def test_the_package_that_reads_a_form_is_named_first_unless_it_is_there(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there, first in (
        (None, f"First install {package}, which reads it: pip install {package}. Then t"),
        (object(), "T"),
    ):
        monkeypatch.setattr("bnexp.data.sources.other_forms.find_spec", lambda module, there=there: there)
        cure = cure_of_form(Path(name))
        assert cure is not None and cure.startswith(f"{first}his converts it: python -c ")


TWICE_0 = b"5;0;0;1,5\n007;0;0;2,5\n"
"""Rows without names, among them equal ones, with separators and numbers that pandas would write otherwise."""


@pytest.mark.parametrize(("ending", "packs"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_what_is_packed_is_unpacked_to_the_byte_and_replaces_no_file(ending: str, packs: Any) -> None:
    path = Path("in a folder", f"a.csv{ending}")
    path.parent.mkdir()
    path.write_bytes(packs(TWICE_0))
    cure = cure_of_form(path)
    assert cure is not None and cure.startswith("This unpacks it: ")
    run(cure)
    assert Path("a.csv").read_bytes() == TWICE_0
    Path("a.csv").write_text("mine")
    with pytest.raises(FileExistsError):
        run(cure)
    assert Path("a.csv").read_text() == "mine"


def test_the_files_of_an_archive_are_taken_out_into_a_new_folder() -> None:
    Path("a.csv").write_bytes(TWICE_0)
    with zipfile.ZipFile("a b.zip", "w") as one:
        one.write("a.csv", "one.csv")
    for name, mode in (("a.csv.tar.gz", "w:gz"), ("b.tgz", "w:gz"), ("c.tar", "w")):
        with tarfile.open(name, mode) as other:  # type: ignore[call-overload]
            other.add("a.csv", "one.csv")
    for name, folder in (("a b.zip", "a b"), ("a.csv.tar.gz", "a"), ("b.tgz", "b"), ("c.tar", "c")):
        cure = cure_of_form(Path(name))
        assert cure is not None and cure.startswith(f"This unpacks it into the folder {folder}-unpacked: python -c")
        run(cure)
        assert Path(f"{folder}-unpacked", "one.csv").read_bytes() == TWICE_0
    assert cure_of_form(Path("a.csv.zst")) == "This unpacks it: zstd -d a.csv.zst -o a-2.csv", "a.csv is there"
    assert cure_of_form(Path("a.tar.zst")) == "This unpacks it: zstd -d a.tar.zst -o a.tar", "Python 3.11 cannot"
    assert cure_of_form(Path("a.tar.lz4")) is None


def kept(names: Sequence[str]) -> dict[str, bytes]:
    return {name: Path(name).read_bytes() for name in names}


def test_no_command_overwrites_a_file_even_if_an_archive_holds_its_own_name() -> None:
    for name in ("train.csv", "t.csv"):
        Path(name).write_bytes(b"mine")
    with zipfile.ZipFile("s.csv.zip", "w") as one:
        one.writestr("s.csv.zip", TWICE_0)
        one.writestr("train.csv", TWICE_0)
    with tarfile.open("s.tar", "w") as other:
        for name in ("s.tar", "train.csv"):
            member = tarfile.TarInfo(name)
            member.size = len(TWICE_0)
            other.addfile(member, io.BytesIO(TWICE_0))
    Path("t.csv.gz").write_bytes(gzip.compress(TWICE_0))
    before = kept(["train.csv", "t.csv", "s.csv.zip", "s.tar", "t.csv.gz"])
    for name in ("s.csv.zip", "s.tar", "t.csv.gz"):
        for _ in range(2):  # the second command finds the files of the first
            run(cure_of_form(Path(name)))
        assert kept([*before]) == before
    for made in ("s-unpacked/s.csv.zip", "s-unpacked-2/train.csv", "s-unpacked-3/s.tar", "t-2.csv", "t-3.csv"):
        assert Path(made).read_bytes() == TWICE_0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(joined(",", "# made by me", "x,y"), id="comment"),
        slow(joined(",", "40,1"), id="counts"),
        slow(joined("   ", "x  y"), id="blanks"),
        slow("".join(f"  {n}   < {n} years     {'uv'[n % 2]}\n" for n in range(40)), id="wide gaps"),
        slow("a,b,y\nkg,cm,class\n" + "".join(f"{n}.5,{n},{'uv'[n % 2]}\n" for n in range(40)), id="units"),
        slow(joined(" ", "x,y"), id="rows unlike names"),
    ],
)
def test_no_command_that_converts_a_table_overwrites_a_file(text: str) -> None:
    Path("t-plain.csv").write_bytes(b"mine")
    for written in ("t-plain-2.csv", "t-plain-3.csv"):
        command = refused(text)
        command = command[command.index(": python -c") :]
        assert not Path(written).exists()
        run(command)
        assert Path(written).exists()
        with pytest.raises(FileExistsError):
            run(command)
    assert Path("t-plain.csv").read_bytes() == b"mine"
    assert Path("t.csv").read_text() == text


@pytest.mark.parametrize(
    ("names", "separator", "keys", "seen"),
    [
        ("x\ty of it", "  ", {"separator": "\t"}, None),
        ("x\ty", "  ", {"separator": "\t"}, "separated by blanks"),
        ("x,y", " ", {}, "separated by blanks"),
        ("x,y", ";", {}, 'separated by ";"'),
        ("x\ty", ",", {"separator": "\t"}, 'separated by ","'),
    ],
)
def test_rows_that_are_separated_unlike_the_names_get_commas(
    names: str, separator: str, keys: dict[str, str], seen: str | None
) -> None:
    """As in Auto.data of UCI: tabs between the names, and runs of blanks between the cells."""
    message = refused(joined(separator, names), **keys)
    given = '"\\t"' if keys else '","'
    assert message.startswith(
        f"dataset.separator is {given}; it separates the names in t.csv:1, and the rows below are "
    )
    assert (seen or "separated by blanks") in message
    run(message[message.index(": python") :])
    frame = pd.read_csv("t-plain.csv")
    assert frame.to_numpy().tolist() == FRAME.to_numpy().tolist()
    assert frame.columns.tolist() == ["x", names[2:]]


def test_names_between_tabs_and_a_blank_are_all_found() -> None:
    rows = "".join(f'{n}.5   {n % 7}     {"?" if n == 9 else n}.\t"name of {n}"\n' for n in range(40))
    message = refused(f"x\ty z\tname\n{rows}", separator="\t")
    run(message[message.index(": python") :])
    frame = pd.read_csv("t-plain.csv")
    assert frame.columns.tolist() == ["x", "y", "z", "name"] and len(frame) == 40
    assert frame.iloc[9].tolist() == [9.5, 2, "?.", "name of 9"]


@pytest.mark.parametrize("ending", ["zip", "gz", "bz2", "xz"])
def test_a_table_that_is_named_like_an_archive_is_to_be_renamed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.csv.{ending}"
    path.write_text("a,y\n1,0\n")
    told = cure_of_form(path)
    assert told == f"It is no .{ending} file, despite its name. If it is a table, rename it to a.csv."
