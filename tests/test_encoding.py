"""Files that are no UTF-8 text: each is refused with what it is, the line, and the cure."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.sources.csv_tables import read_csv
from bnexp.data.sources.encoding import likely_encoding
from bnexp.errors import SettingError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(content: bytes) -> str:
    Path("t.csv").write_bytes(content)
    with pytest.raises(SettingError) as raised:
        prepare(TypeAdapter(Dataset).validate_python({"name": "csv", "path": "t.csv", "target": "y"}), (0,))
    return str(raised.value)


TEXTS = {
    "cp1252": (["München", "Zürich", "naïve", "Ångström"], "Windows-1252 (Latin-1)", "WINDOWS-1252"),
    "gb18030": (["München", "北京", "上海"], "GB18030 or GBK (Chinese)", "GB18030"),
    "big5": (["台北市", "高雄市"], "Big5 (Chinese)", "BIG5"),
    "shift_jis": (["とうきょう", "おおさか"], "Shift-JIS (Japanese)", "SHIFT-JIS"),
    "euc_kr": (["서울", "부산"], "EUC-KR (Korean)", "EUC-KR"),
    "cp1251": (["Москва", "Казань"], "Windows-1251 (Cyrillic)", "WINDOWS-1251"),
    "utf-16": (["a", "b"], "UTF-16", "UTF-16"),
}


@pytest.mark.parametrize("codec", TEXTS)
def test_another_encoding_is_named_with_the_line_and_the_command_that_helps(codec: str) -> None:
    towns, name, iconv = TEXTS[codec]
    text = "town,y\n" + "".join(f"{towns[n % len(towns)]},{n % 2}\n" for n in range(20))
    line = 1 if codec == "utf-16" else 2
    assert likely_encoding(text.encode(codec)) == (name, iconv)
    message = refused(text.encode(codec))
    assert message.startswith(f"dataset.path is 't.csv'; it is not UTF-8 (as t.csv:{line} shows); it ")
    reads = name if codec == "utf-16" else f"{name}, which reads '{' '.join(towns[:3])}'"
    assert f"it looks like {reads}. Save it as UTF-8, as a spreadsheet" in message or f" {reads}" in message
    assert f" iconv -f {iconv} -t UTF-8 OLD > NEW" in message
    Path("t.csv").write_bytes(text.encode(codec).decode(iconv).encode())
    assert pd.read_csv("t.csv")["town"][0] == towns[0]


@pytest.mark.parametrize(
    ("codec", "words", "reading"),
    [
        ("gb18030", ["是", "否"], "GB18030 or GBK (Chinese), which reads '否 是'"),
        ("gb18030", ["北京", "女"], "GB18030 or GBK (Chinese), which reads '女 北京'"),
        ("euc_kr", ["서울", "부산"], "EUC-KR (Korean), which reads '부산 서울'"),
        ("euc_jp", ["とうきょう", "東京"], "EUC-JP (Japanese), which reads '東京 とうきょう'"),
    ],
)
def test_a_text_that_makes_sense_in_several_encodings_is_told_with_how_it_reads_in_each(
    codec: str, words: list[str], reading: str
) -> None:
    message = refused("".join(["town,y\n", *(f"{words[(n + 1) % 2]},{n % 2}\n" for n in range(20))]).encode(codec))
    assert reading in message and "; it may be " in message and ", or " in message
    names = message.split("iconv -f ")[1].replace(" -t UTF-8 OLD > NEW (or, for -f", "").rstrip(")").split(", ")
    assert {"gb18030": "GB18030", "euc_kr": "EUC-KR", "euc_jp": "EUC-JP"}[codec] in names


@pytest.mark.parametrize(
    ("codec", "header", "told"),
    [
        ("latin-1", "größe,stadt,y", "it looks like Windows-1252 (Latin-1), which reads 'größe'. Save it"),
        ("latin-1", "âge,créée,y", "it looks like Windows-1252 (Latin-1), which reads 'âge créée'. Save it"),
        ("latin-1", "Ärzte,y", "it may be Windows-1252 (Latin-1), which reads 'Ärzte', or Big5 (Chinese), which reads "),
        ("cp1251", "имя,y", "it may be Windows-1251 (Cyrillic), which reads 'имя', or Windows-1252 (Latin-1), which reads "
         "'èìÿ'. Save it"),
        ("cp1251", "ИМЯ,y", "it may be Windows-1251 (Cyrillic), which reads 'ИМЯ', or "),
    ],
)  # fmt: skip
def test_a_few_letters_beyond_ascii_are_told_with_how_they_read(codec: str, header: str, told: str) -> None:
    message = refused((header + "\n" + "1,2,3\n" * 20).encode(codec))
    assert told in message
    first = message.split("iconv -f ")[1].split(" ")[0]
    assert "looks like" not in message or header.encode(codec).decode(first) == header


def test_files_of_other_kinds_are_named() -> None:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert refused(book.getvalue()) == (
        "dataset.path is 't.csv'; it is not UTF-8 (it is an Excel workbook). Save its table as CSV in UTF-8."
    )
    assert "(it is Parquet). Use dataset.name: parquet." in refused(b"PAR1" + bytes(20))
    assert "(it is packed with gzip). Unpack it" in refused(b"\x1f\x8b" + bytes(20))
    assert refused(b"\xef\xbb\xbf\n<!DOCTYPE html><html></html>") == (
        "dataset.path is 't.csv'; it is a page of the web (HTML). Download the table itself."
    )


def test_text_of_two_bytes_a_letter_without_its_mark_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for codec, name in (("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE")):
        path.write_bytes("a,y\n1,u\n2,v\n".encode(codec))
        with pytest.raises(SettingError, match=f"it looks like UTF-16. Save it .* iconv -f {name} -t UTF-8 OLD > NEW"):
            read_csv(path, ",", None)


def test_bytes_of_0_far_behind_in_a_text_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,y\n" + b"1,u\n" * 2**15 + bytes(2**20) + b"\xff")
    with pytest.raises(SettingError, match=r"t.csv:32770 holds a NUL byte, which is no text. Save it as UTF-8 text.$"):
        read_csv(path, ",", None)


def test_bytes_that_are_no_text_are_not_told_to_be_of_an_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,y\n" + bytes(range(256)) * 10)
    with pytest.raises(SettingError, match=r"t.csv:2 holds a NUL byte, which is no text. Save it as UTF-8 text.$"):
        read_csv(path, ",", None)
