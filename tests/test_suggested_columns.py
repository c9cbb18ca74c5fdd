"""What `bnexp init` makes of a table with a few mistakes: its target and its good columns stay what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from command import run_line
from tables import prepared

from bnexp.api.first_configs import init
from bnexp.data.suggested.choice import Suggested
from bnexp.data.suggested.table import csv_choices
from bnexp.errors import SettingError, UserError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def suggested(names: str, row: Callable[[int], str], changed: dict[int, str] | None = None) -> Suggested:
    """Return what is suggested for a table of 60 rows, some of them `changed`."""
    lines = [(changed or {}).get(n, row(n)) for n in range(60)]
    Path("t.csv").write_text("\n".join([names, *lines, ""]))
    return csv_choices(Path("t.csv"), "t.csv", None)


def reasons(found: Suggested) -> dict[str, str | Sequence[str]]:
    return {one.key: one.why for one in found.choices}


def month(n: int) -> str:
    return ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[n % 12]


def kind(n: int) -> str:
    return f"{n % 7}.5,{n * 11 % 13}.25,{'red' if n % 2 else 'blue'}"


@pytest.mark.parametrize(
    "last",
    [",", ",Red", ",?"],
    ids=["an empty cell", "a class of one row", "a word for a missing value"],
)
def test_a_mistake_in_the_last_column_does_not_change_the_target(last: str) -> None:
    found = suggested("a,b,kind", kind, {5: f"1.5,2.25{last}", 6: f"2.5,3.25{last}"})
    assert found.section["target"] == "kind"
    assert reasons(found)["target"] == "the last column; --target names another"


@pytest.mark.parametrize("cell", ["", "abc", "1,234.5"])
def test_a_mistake_among_the_numbers_of_the_last_column_does_not_change_the_target(cell: str) -> None:
    found = suggested("a,b,cost", lambda n: f"{n % 7}.5,{n % 5}.25,{n * 17}.75", {5: f'1.5,2.25,"{cell}"'})
    assert found.section["target"] == "cost"


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (lambda n: f"note {n}", "60 of its 60 values are in 1 row only"),
        (lambda n: f"2024-01-{n % 28 + 1:02d}", "it holds dates"),
        (lambda n: "xy"[n % 2] if n < 20 else "", "40 rows of 60 without a value"),
        (lambda n: "x", "the same value in all rows"),
        (lambda n: "none" if n > 7 else f"note {n}", "8 of its 9 values are in 1 row only"),
    ],
)
def test_why_the_last_column_is_passed_over_is_told(cell: Callable[[int], str], why: str) -> None:
    found = suggested("a,b,kind,more", lambda n: f"{kind(n)},{cell(n)}")
    seen = f"the last column that can be learned; passed over: more ({why}); --target names another"
    assert found.learned[0] == f"to be learned: kind ({seen})"


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e30"])
def test_one_infinite_or_huge_number_is_told_and_its_column_kept(cell: str) -> None:
    suggested("a,b,kind", kind, {5: f"{cell},2.25,red"})
    with pytest.raises(UserError, match=rf"dataset holds '{cell.replace('30', '.30')}' in t\.csv:7, column 'a'"):
        init("t.csv", None, None)
    found = suggested("a,b,kind", lambda n: f"{'inf' if n % 3 else n},{n % 5}.25,{'red' if n % 2 else 'blue'}")
    assert found.section["drop"] == ["a"]
    assert reasons(found)["drop"] == ["numbers, and in 40 rows infinity or a number above 1e+18"]


def day(n: int) -> str:
    return f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}"


@pytest.mark.parametrize("word", ["", "?", "NA"])
def test_a_word_for_a_missing_value_is_an_empty_cell_among_dates(word: str) -> None:
    found = suggested("when,b,kind", lambda n: f"{day(n)},{n % 5}.25,{n % 2}", {0: f"{word},1.25,0"})
    assert (found.section["dates"], found.section["missing"]) == (["when"], "median")
    assert str(reasons(found)["missing"]).startswith("missing values: when (1);")
    init("t.csv", None, None)


@pytest.mark.parametrize("row", [0, 7])
def test_a_few_cells_that_are_no_dates_are_told(row: int) -> None:
    suggested("when,b,kind", lambda n: f"{day(n)},{n % 5}.25,{n % 2}", {row: "2024-02-30,1.25,0"})
    with pytest.raises(UserError, match=rf"t\.csv:{row + 2} holds '2024-02-30', which is no date"):
        init("t.csv", None, None)


@pytest.mark.parametrize(
    ("date", "why"),
    [
        (lambda n: f"0{n % 9 + 1}/0{n // 9 + 1}/2024", "holds '02/01/2024', which is 2024-01-02 or 2024-02-01: no row"),
        (lambda n: day(n) if n % 3 else f"later {n}", "dates, and in 20 rows something else, such as 'later 0'"),
        (lambda n: f"{n % 28 + 1}.{n % 12 + 1}.24", "dates or times in a form that is not read, such as '1.1.24'"),
        (lambda n: f"{month(n)}-{10 + n // 12}", "dates or times in a form that is not read, such as 'Jan-10'"),
        (lambda n: f"{month(n // 20)} {n % 20 + 1:02}", "dates or times in a form that is not read, such as 'Jan 01'"),
        (lambda n: f"{2000 + n // 4}Q{n % 4 + 1}", "dates or times in a form that is not read, such as '2000Q1'"),
        (
            lambda n: f"{'SEP' if n % 2 else 'DEC'}-{n + 10}",
            "60 different values of text, as names, ids and notes have",
        ),
        (lambda n: f"{n % 28 + 1} Jan {1990 + n % 30}", "in a form that is not read, such as '1 Jan 1990'"),
        (lambda n: f"{n % 28 + 1}-Sep-{n % 30:02}", "in a form that is not read, such as '1-Sep-00'"),
        (lambda n: f"Sep {1900 + n}", "in a form that is not read, such as 'Sep 1900'"),
    ],
)
def test_dates_that_cannot_be_read_are_left_out_with_the_true_reason(date: Callable[[int], str], why: str) -> None:
    found = suggested("when,b,kind", lambda n: f"{date(n)},{n % 5}.25,{n % 2}")
    assert found.section["drop"] == ["when"]
    assert why in reasons(found)["drop"][0]
    assert found.learned[1] == "left out: when. The first config gives the reason for each."


def test_whole_numbers_that_are_all_dates_are_read_as_dates() -> None:
    found = suggested("when,b,kind", lambda n: f"{day(n).replace('-', '')},{n % 5}.25,{n % 2}")
    assert found.section["dates"] == ["when"]
    assert "dates" not in suggested("when,b,kind", lambda n: f"{20240100 + n},{n % 5}.25,{n % 2}").section


def one_hot(n: int) -> str:
    return f"{n % 7}.5,{n % 5}.25," + ",".join("1" if n % 3 == place else "0" for place in range(3))


def test_one_hot_columns_beside_the_target_are_left_out_and_become_one_column() -> None:
    found = suggested("a,b,red,green,blue", one_hot)
    assert (found.section["target"], found.section["drop"]) == ("blue", ["red", "green"])
    (note,) = found.notes
    assert note.startswith("exactly one of 'red', 'green', 'blue' is 1 in each row: they are one-hot. Only 'blue' is")
    (line,) = re.findall(r'python -c ".*"', note)
    run_line(line)
    assert Path("t-classes.csv").read_text().splitlines()[:3] == ["a,b,target", "0.5,0.25,red", "1.5,1.25,green"]
    assert "drop" not in suggested("a,b,red,green,blue", one_hot, {3: "1.5,2.5,0,0,0"}).section


def test_one_hot_inputs_are_warned_of() -> None:
    suggested("a,b,red,green,blue", one_hot)
    told = prepared(name="csv", path="t.csv", target="green").rows.facts.warnings
    assert told == [
        "exactly one of 'red', 'blue', 'green' is 1 in each row: together they are one-hot, so that the inputs give "
        'dataset.target \'green\' away. Use dataset.drop: ["red", "blue"]. To learn which of them is 1, write its name into '
        "one column."
    ]
    assert not prepared(name="csv", path="t.csv", target="green", drop=["red"]).rows.facts.warnings


def pointed(n: int) -> str:
    return f"{n * 7 % 59}.25"


def comma(n: int) -> str:
    return pointed(n + 3).replace(".", ",")


@pytest.mark.parametrize(
    ("names", "row", "decimal", "left_out"),
    [
        ("a;b;c;kind", lambda n: f"{pointed(n)};{pointed(n + 1)};{comma(n)};{'uv'[n % 2]}", ".", ["c"]),
        ("a;b;c;kind", lambda n: f"{comma(n)};{comma(n + 9)};{pointed(n)};{'uv'[n % 2]}", ",", ["c"]),
        ("a;b;kind", lambda n: f"{n % 7};{pointed(n) if n % 5 else comma(n)};{'uv'[n % 2]}", ".", ["b"]),
        ("a,b,kind", lambda n: f'{n % 7},"{comma(n)}",{"uv"[n % 2]}', ".", ["b"]),
        ("a,b,kind", lambda n: f'"{comma(n + 8)}","{comma(n)}",{"uv"[n % 2]}', ",", []),
    ],
)
def test_a_column_with_the_other_decimal_mark_is_left_out_with_that_reason_and_a_command_that_mends_it(
    names: str, row: Callable[[int], str], decimal: str, left_out: list[str]
) -> None:
    found = suggested(names, row)
    assert found.section.get("decimal", ".") == decimal and found.section.get("drop", []) == left_out
    if not left_out:
        assert not found.notes
        return
    (why,) = reasons(found)["drop"]
    other = {".": ",", ",": "."}[decimal]
    assert f"numbers with {other!r} as their decimal mark, such as '" in why
    assert why.endswith(f"the file is read with {decimal!r}")
    (note,) = found.notes
    assert note.startswith(
        f"t.csv has numbers with {other!r} as their decimal mark in column {left_out[0]!r}, which is "
    )
    run_line(note.split(": ", 2)[2])
    mended = csv_choices(Path("t-decimals.csv"), "t-decimals.csv", None)
    assert "drop" not in mended.section and not mended.notes


@pytest.mark.parametrize("varying", [60, 3])
@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (lambda n: f"${n}.50", "numbers with a currency sign, such as '$0.50'"),
        (lambda n: f"{n}.5 EUR", "numbers with a currency sign, such as '0.5 EUR'"),
        (lambda n: f"{n}.5%", "numbers with a percent sign, such as '0.5%'"),
    ],
)
def test_a_column_of_numbers_with_a_sign_is_left_out_with_that_reason_and_a_command_that_takes_the_sign_out(
    cell: Callable[[int], str], why: str, varying: int
) -> None:
    found = suggested("a,b,kind", lambda n: f"{n % 7},{cell(n % varying)},{'uv'[n % 2]}")
    assert reasons(found)["drop"] == [why]
    sign, such = ("%" if "percent" in why else "$" if "$" in why else "EUR"), why.split("such as ")[1]
    (note,) = found.notes
    told, command = note.split(": ", 1)
    assert told == (
        f"t.csv has numbers with {sign!r} in column 'b' (such as {such}), which is left out. This writes them without it, for `bnexp init t-numbers.csv`"
    )
    run_line(command)
    mended = csv_choices(Path("t-numbers.csv"), "t-numbers.csv", None)
    assert "drop" not in mended.section and not mended.notes


def test_a_target_whose_numbers_all_have_a_sign_has_the_command_too() -> None:
    found = suggested("a,price", lambda n: f"{n % 7},${n * 7 % 59}.50")
    (note,) = found.notes
    assert note.startswith(
        "t.csv has numbers with '$' in column 'price' (such as '$0.50'). This writes them without it, for "
    )


def test_numbers_with_several_signs_are_left_out_with_a_note_and_no_command() -> None:
    found = suggested("a,b,kind", lambda n: f"{n % 7},{n}.5{(' EUR', '$')[n % 2]},{'uv'[n % 2]}")
    assert found.notes == [
        "t.csv has numbers with a sign, or marks, that no key of the config reads in column 'b' (such as '0.5 EUR'), which is "
        "left out. Write the numbers without them in the file, to use them as inputs."
    ]


@pytest.mark.parametrize("odd", ["12,5 EUR", "45%", "$5", "abc"])
def test_one_odd_cell_does_not_leave_out_a_column_of_numbers(odd: str) -> None:
    found = suggested("a,b,kind", lambda n: f'{n % 7},"{odd if n == 20 else n * 7 % 59 + 0.5}",{"uv"[n % 2]}')
    assert "drop" not in found.section


def test_the_new_file_of_a_held_out_part_has_its_key_beside_the_command() -> None:
    row = "{},{}.5,{}".format
    lines = ["a,b,kind", *(row(n % 7, n, "uv"[n % 2]) for n in range(40)), ""]
    Path("train.csv").write_text("\n".join(lines))
    Path("test.csv").write_text("\n".join([*lines[:-1], '5,"10,8",u', '5,"10,9",', ""]))
    notes = csv_choices(Path("train.csv"), "train.csv", None).notes
    uses = [note.partition(": python")[0].rpartition(", ")[2] for note in notes]
    assert uses == [f"for dataset.test_path=test-{what}.csv" for what in ("whole", "decimals")]


def car(n: int) -> str:
    return f"{('ford', 'amc', 'dodge')[n % 3]} model {n}"


def test_the_first_of_numbered_columns_is_the_target_only_for_a_true_reason() -> None:
    found = suggested("c0,c1,c2,c3", lambda n: f"{14 + n % 9},{n * 7 % 59}.5,{'uv'[n % 2]},{car(n)}")
    assert found.section["target"] == "c2"
    found = suggested("c0,c1,c2", lambda n: f"{car(n)[:4]},{n * 7 % 59}.5,{car(n)}")
    assert found.section["target"] == "c0"
    assert reasons(found)["target"].startswith("the first column: it holds few classes, and the last one texts;")
    found = suggested("c0,c1,c2", lambda n: f"{n % 3},{n * 7 % 59}.5,{n * 11 % 59}.5")
    assert reasons(found)["target"].startswith("the first column: it holds few classes, and the last one quantities;")


def test_a_table_in_which_no_column_can_be_learned_is_refused_with_the_reason_for_each() -> None:
    with pytest.raises(SettingError) as raised:
        suggested("car,note,one", lambda n: f"{car(n)},note {n},x")
    assert str(raised.value) == (
        "dataset.target is not known; no column of the table looks like one that can be learned: one (the same value in all "
        "rows), note (60 of its 60 values are in 1 row only), car (60 of its 60 values are in 1 row only). If one is, name it "
        "with --target."
    )
    found = suggested("car,day", lambda n: f"{car(n)},{n % 7}")
    assert reasons(found)["target"].startswith(
        "no other column can be learned, and this one only perhaps: its name means"
    )


def test_blanks_between_numbers_and_a_tab_before_the_name_separate_all_fields() -> None:
    lines = [f'{18 + n % 9}.0   8   307.0      130.0\t"{car(n)}"' for n in range(60)]
    Path("auto.data").write_text("\n".join([*lines, ""]))
    with pytest.raises(
        SettingError, match=r"the fields of auto\.data are separated by blanks\. Put commas between them"
    ):
        csv_choices(Path("auto.data"), "auto.data", None)


@pytest.mark.parametrize("reasons", [["because"], ["ill", "moved", "tired"]])
def test_a_column_whose_empty_cells_reveal_the_target_is_left_out(
    reasons: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def left_out(also_with_no: int) -> list[str]:
        rows = []
        for number in range(80):
            has_left = (number % 2 == 0 and number % 10 > 0) or number < 2 * also_with_no
            rows.append(
                f"{reasons[number // 2 % len(reasons)] if has_left else ''},{number % 7}.5,{'no' if number % 2 else 'yes'}"
            )
        Path("t.csv").write_text("\n".join(["reason,x,y", *rows]))
        found = {choice.key: choice.value for choice in csv_choices(Path("t.csv"), "t.csv", "y").choices}
        return list(found.get("drop", []))

    assert "reason" in left_out(0)
    assert "reason" not in left_out(10), "it stands with both classes"
