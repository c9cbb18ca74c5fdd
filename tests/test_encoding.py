"""Files that are no UTF-8 text: each is refused with what it is, the line, and the cure."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.config.loading import load
from bnexp.data import Data, prepare
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import read_csv
from bnexp.data.sources.encoding import warnings_of_encoding
from bnexp.data.sources.likely_encodings import candidates, decodes
from bnexp.data.sources.odd_words import likelier_encoding
from bnexp.data.sources.rare_characters import is_rare
from bnexp.errors import ConfigError, SettingError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def prepared(content: bytes, **keys: Any) -> Data:
    Path("t.csv").write_bytes(content)
    section = {"name": "csv", "path": "t.csv", "target": "y", **keys}
    return prepare(TypeAdapter(Dataset).validate_python(section), (0,))


def refused(content: bytes, **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        prepared(content, **keys)
    return str(raised.value)


TEXTS = {
    "cp1252": (["München", "Zürich", "naïve", "Ångström"], "Windows-1252 (Latin-1)"),
    "gb18030": (["München", "北京", "上海"], "GB18030 or GBK (Chinese)"),
    "big5": (["台北市", "高雄市"], "Big5 (Chinese)"),
    "shift_jis": (["とうきょう", "おおさか"], "Shift-JIS (Japanese)"),
    "cp932": (["①とうきょう", "髙い"], "Shift-JIS of Windows (Japanese)"),
    "euc_kr": (["서울", "부산"], "EUC-KR (Korean)"),
    "cp1251": (["Москва", "Казань"], "Windows-1251 (Cyrillic)"),
    "koi8_r": (["Москва", "Казань", "Омск"], "KOI8-R (Cyrillic)"),
    "iso8859_5": (["Москва", "Казань", "Омск"], "ISO 8859-5 (Cyrillic)"),
    "cp866": (["Москва", "Казань", "Омск"], "DOS 866 (Cyrillic)"),
    "cp1253": (["Αθήνα", "Πάτρα", "Ρόδος"], "Windows-1253 (Greek)"),
    "utf-16": (["a", "b"], "UTF-16"),
    "utf-16-le": (["Zürich", "b"], "UTF-16"),
    "utf-16-be": (["a", "Zürich"], "UTF-16"),
    "utf-32": (["a", "b"], "UTF-32"),
    "utf-32-be": (["a", "b"], "UTF-32"),
}


def test_a_reading_with_symbols_inside_words_is_less_likely() -> None:
    content = "name,town\nMüller,北京\n王伟,广州\n王伟,北京\n".encode("gbk")
    assert "㉨" in content.decode("euc_kr"), "both can read it"
    assert candidates(content, "utf-8")[0].codec == "gb18030"


@pytest.mark.parametrize("codec", TEXTS)
def test_another_encoding_is_named_with_the_line_and_read_with_the_key_that_the_message_names(codec: str) -> None:
    towns, name = TEXTS[codec]
    text = "town,y\n" + "".join(f"{towns[n % len(towns)]},{n % 2}\n" for n in range(20))
    message = refused(text.encode(codec))
    is_wide = codec.startswith("utf")
    reads = name if is_wide else f"{name}, which reads '{' '.join(towns[:3])}'"
    assert message.startswith("dataset.path is 't.csv'; it is not UTF-8 (as t.csv:")
    if codec not in ("utf-16-le", "utf-16-be", "utf-32-be"):  # each of their bytes is a sign of UTF-8, if it is ASCII
        assert f"(as t.csv:{1 if is_wide else 2} shows); it " in message
    assert f"it looks like {reads}. Use dataset" in message or f" {reads}" in message
    assert f"dataset.encoding: {codec}" in message
    keys = {"categories": ["town"], "duplicates": "keep", "encoding": codec}
    data = prepared(text.encode(codec), **keys)
    assert data.rows.columns == tuple(f"town={town}" for town in sorted(towns))
    assert not any("likelier" in one for one in data.rows.facts.warnings or ())
    names = [f"town={towns[n % len(towns)]}" for n in range(20)]
    assert [data.rows.columns[place] for place in data.rows.x.argmax(axis=1)] == names


@pytest.mark.parametrize(
    ("codec", "given"),
    [
        ("shift_jis", "latin-1"),
        ("gb18030", "latin-1"),
        ("cp1251", "latin-1"),
        ("cp1251", "koi8-r"),
        ("cp1252", "cp1251"),
        ("cp1252", "mac-roman"),
    ],
)
def test_a_wrong_encoding_that_can_be_decoded_is_told_with_the_likely_one(codec: str, given: str) -> None:
    towns, name = TEXTS[codec]
    towns = towns if codec != "gb18030" else ["北京", "上海"]
    content = ("town,y\n" + "".join(f"{towns[n % len(towns)]},{n % 2}\n" for n in range(20))).encode(codec)
    (told,) = prepared(content, categories=["town"], duplicates="keep", encoding=given).rows.facts.warnings
    assert told.startswith(f"t.csv is read with dataset.encoding: {given}, which reads ")
    assert told.endswith(f" {name}, which reads '{' '.join(towns[:3])}', is likelier: use dataset.encoding: {codec}.")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Łódź,Gdańsk,Żagań", "cp1250"),
        ("Ångström,Ærø,à la", "mac-roman"),
        ("Αθήνα,Πάτρα,Ρόδος", "cp1253"),
        ("5°C,10 µm²,«Ähre»", "latin-1"),
        ("Москва,Казань,Тверь", "koi8-r"),
    ],
)
def test_a_right_encoding_is_not_doubted(text: str, codec: str) -> None:
    cells = text.split(",")
    content = ("town,y\n" + "".join(f"{cells[n % 3]},{n % 2}\n" for n in range(20))).encode(codec)
    data = prepared(content, categories=["town"], duplicates="keep", encoding=codec)
    assert not [one for one in data.rows.facts.warnings or () if "likelier" in one]


def test_a_target_that_is_not_found_is_told_with_the_doubt_about_the_encoding() -> None:
    content = ("颜色,类别\n" + "".join(f"{n},{n % 2}\n" for n in range(20))).encode("gbk")
    assert refused(content, target="类别", encoding="latin-1").splitlines()[1] == (
        "dataset.encoding is probably wrong. t.csv is read with dataset.encoding: latin-1, which reads 'ÑÕÉ Àà ð'. GB18030 or GBK "
        "(Chinese), which reads '颜色 类别', is likelier: use dataset.encoding: gb18030."
    )


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "cp1252", "utf-8-sig", "cp037"])
def test_whatever_is_wrong_with_a_table_is_told_with_its_line_in_any_encoding(codec: str) -> None:
    rows = "".join(f"{n / 2},Ä,{'uv'[n % 2]}\n" for n in range(60))
    for text, told in {
        f"x,z,y\n{rows}oops,Ä,u\n": "dataset holds 'oops' in t.csv:62, column 'x'",
        f"x,z,y\n{rows}1,Ä\n": "t.csv:62 has 2 fields, and the first line names 3 columns",
        f"x,z,y\n{rows}1,Ä,u,7\n": "t.csv:62 has 4 fields, and the first line 3",
        f"x,z,y\n{rows}1,\0,u\n": "t.csv:62 holds a NUL byte",
        f'x,z,y\n{rows}1,"Ä,u\n{rows}': "t.csv:62: a quote is opened and not closed",
        f'x,z,y\n1,"Ä\nÄ",u\n,Ä,u\n{rows}': "t.csv:4 has no value in column 'x'",
        f'x,z,y\n{rows}1,"Ä,u\n2,"Ä,u\n': "t.csv:62: a quote is opened, and everything up to line 63",
        f"sep=,\nx,z,y\n{rows}": "t.csv:1 is 'sep=,', a note for Excel",
        f"x,z,y\n{rows}".replace(",", ";"): "t.csv has only one column with it, 'x;z;y'",
    }.items():
        assert told in refused(text.encode(codec), encoding=codec)


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        ("x,y\nä,1\nÜ,2\n".encode(), "utf-16", "it is not UTF-16 (as t.csv:1 shows); it looks like UTF-8, which reads 'ä Ü'. Use dataset.encoding: utf-8."),
        (b"x,y\n1,1\n2,2\n", "utf-16-le", "it is not UTF-16-LE (as t.csv:1 shows); it looks like UTF-8. Use dataset.encoding: utf-8."),
        ("x,y\n1,1\n".encode("utf-16"), "latin-1", "it is not LATIN-1 (as t.csv:1 shows); it looks like UTF-16. Use dataset.encoding: utf-16."),
        ("x,y\n1,1\n".encode("utf-8-sig"), "cp1252", "it is not CP1252 (as t.csv:1 shows); it looks like UTF-8. Use dataset.encoding: utf-8."),
        ("x,y\n1,1\n".encode("utf-16-le"), "utf-16", "it is not UTF-16 (as t.csv:1 shows); it looks like UTF-16. Use dataset.encoding: utf-16-le."),
        ("x,y\n1,1\n".encode("utf-16-le"), "cp1252", "it looks like UTF-16. Use dataset.encoding: utf-16-le."),
        ("x,y\n1,1\nÜber,2\n".encode("latin-1"), "ascii", "it is not ASCII (as t.csv:3 shows); it looks like Windows-1252 (Latin-1), which reads 'Über'. Use dataset.encoding: cp1252."),
        (b"x,y\n1,1\n\x81ber,2\n", "cp1252", "it is not CP1252 (as t.csv:3 shows); it looks like Latin-1"),
        ("x,y\n1,1\n否,2\n".encode(), "gb2312", "it is not GB2312 (as t.csv:3 shows); it looks like UTF-8, which reads '否'. Use dataset.encoding: utf-8."),
        ("x,y\n1,1\nÜber,2\n".encode() + bytes([0xD8, 0]), "utf-16-be", "it is not UTF-16-BE (as t.csv:1 shows)"),
        ("x,y\n1,1\nÜ,2\n".encode("utf-16-le") + b"\x00\xdc1\x00", "utf-16-le", "it is not UTF-16-LE (as t.csv:4 shows)"),
    ],
)  # fmt: skip
def test_an_encoding_that_does_not_fit_the_bytes_is_refused_with_the_likely_one(
    content: bytes, encoding: str, told: str
) -> None:
    assert told in refused(content, encoding=encoding)


@pytest.mark.parametrize(
    ("towns", "codec", "named"),
    [
        (["東京", "大阪府", "札幌"], "shift_jis", ["shift_jis", "gb18030"]),
        (["東京", "さいたま", "札幌市", "横浜市"], "shift_jis", ["shift_jis"]),
        (["東京タワー", "名古屋"], "shift_jis", ["shift_jis"]),
        (["北京", "上海"], "gb18030", ["gb18030", "big5"]),
        (["don\u2019t", "\u201cHello\u201d \u2013 he said", "it\u2019s"], "cp1252", ["cp1252"]),
        (["Москва", "Казань"], "cp1251", ["cp1251"]),
        (["München", "Zürich"], "cp1252", ["cp1252"]),
    ],
)
def test_japanese_is_named_first_and_chinese_beside_it_only_if_no_kana_decide(
    towns: list[str], codec: str, named: list[str]
) -> None:
    content = ("town,y\n" + "".join(f"{towns[n % len(towns)]},{n % 2}\n" for n in range(20))).encode(codec)
    *others, last = named
    cure = "".join(f"dataset.encoding: {one}, or " for one in others) + f"dataset.encoding: {last}."
    message = refused(content)
    assert message.endswith(f"Use {cure}")
    assert f"reads '{' '.join(towns[:3])}'" in message or codec == "cp1252"


def test_utf_8_that_is_read_in_another_encoding_is_told_with_how_it_reads_in_both() -> None:
    content = ("town,y\n" + "".join(f"{('München', 'Zürich')[n % 2]},{n % 2}\n" for n in range(9))).encode()
    warnings = prepared(content, encoding="latin-1", duplicates="keep").rows.facts.warnings
    assert warnings == [
        "t.csv is read with dataset.encoding: latin-1, which reads 'MÃ¼nchen ZÃ¼rich'. UTF-8, which reads 'München Zürich', is "
        "likelier: use dataset.encoding: utf-8."
    ]
    assert not prepared(content, duplicates="keep").rows.facts.warnings
    bare = content.replace("ü".encode(), b"u")
    assert not prepared(bare, encoding="latin-1", duplicates="keep").rows.facts.warnings


@pytest.mark.parametrize("codec", ["cp1252", "utf-16", "utf-16-le"])
def test_all_that_is_wrong_with_a_table_in_another_encoding_is_told_at_once_and_one_config_mends_it(codec: str) -> None:
    rows = [f"{n},5;1.{n:03d},50;{n % 28 + 1}.{n % 12 + 1}.2020;{'uv'[n % 2]}" for n in range(60)]
    content = "\n".join(["Größe;Preis;seit;Lage", *rows]).encode(codec)
    told = [
        f"dataset.encoding: {codec}.", 'dataset.separator: ";".', 'dataset.decimal: ",", or',
        'dataset.thousands: "." with dataset.decimal: ","', "Name it in dataset.dates",
    ]  # fmt: skip
    lines = refused(content, target="Lage").splitlines()
    assert len(lines) == len(told) and all(cure in line for cure, line in zip(told, lines, strict=True))
    keys = {"encoding": codec, "separator": ";", "decimal": ",", "thousands": ".", "dates": ["seit"]}
    rows_read = prepared(content, target="Lage", **keys).rows
    assert rows_read.columns == ("Größe", "Preis", "seit.month", "seit.day", "seit.weekday")
    assert rows_read.x[1].tolist() == [1.5, 1001.5, 2, 2, 6]


def test_texts_and_labels_of_a_text_csv_are_read_in_the_encoding_that_is_named() -> None:
    lines = [f"{'好 电影' if n % 2 else '坏 电影'}\t0{n % 2}" for n in range(12)]
    Path("t.csv").write_bytes("\n".join(["text\ty", *lines]).encode("utf-16"))
    section = {"name": "text_csv", "path": "t.csv", "target": "y", "separator": r"\t", "encoding": "utf-16"}
    rows = prepare(TypeAdapter(Dataset).validate_python({**section, "duplicates": "keep"}), (0,)).rows
    assert rows.classes == ("00", "01") and {"好", "坏", "电影"} <= set(rows.words)
    np.testing.assert_array_equal(rows.y_N, np.arange(12) % 2)


def test_a_name_that_is_no_encoding_is_refused_with_the_nearest() -> None:
    for name in ("cp12522", "rot13", "base64", "idna", "utf 16 x", "a.b"):
        Path("c.yaml").write_text(f"dataset: {{name: csv, path: t.csv, target: y, encoding: {name}}}\n")
        with pytest.raises(ConfigError) as raised:
            load(Path("c.yaml"))
        message = str(raised.value)
        assert f"c.yaml:1: dataset.encoding is '{name}'. " in message and "Good names: utf-8, utf-16, " in message
        assert name != "cp12522" or "Did you mean 'cp1252'? " in message


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
    assert f"dataset.encoding: {codec}" in message


@pytest.mark.parametrize(
    ("codec", "header", "told"),
    [
        ("latin-1", "größe,stadt,y", "it looks like Windows-1252 (Latin-1), which reads 'größe'. Use dataset.encoding: cp1252."),
        ("latin-1", "âge,créée,y", "it looks like Windows-1252 (Latin-1), which reads 'âge créée'. Use dataset.encoding: cp1252."),
        ("latin-1", "Ärzte,y", "it may be Windows-1252 (Latin-1), which reads 'Ärzte', or Big5 (Chinese), which reads "),
        ("cp1251", "имя,y", "it may be Windows-1251 (Cyrillic), which reads 'имя', or Windows-1252 (Latin-1), which reads "
         "'èìÿ'. Use dataset.encoding: cp1251, or dataset.encoding: cp1252."),
        ("cp1251", "ИМЯ,y", "it may be Windows-1251 (Cyrillic), which reads 'ИМЯ', or "),
    ],
)  # fmt: skip
def test_a_few_letters_beyond_ascii_are_told_with_how_they_read(codec: str, header: str, told: str) -> None:
    message = refused((header + "\n" + "1,2,3\n" * 20).encode(codec))
    assert told in message
    first = message.splitlines()[0].split("dataset.encoding: ")[1].split(",")[0].rstrip(".")
    assert "looks like" not in message or header.encode(codec).decode(first) == header


def test_files_of_other_kinds_are_named() -> None:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert refused(book.getvalue()) == (
        "dataset.path is 't.csv'; it is not UTF-8 (it is an Excel workbook). Save its table as CSV in UTF-8."
    )
    assert "(it is Parquet). Use dataset.name: parquet if all files of the data are Parquet." in refused(
        b"PAR1" + bytes(20)
    )
    assert "(it is packed with gzip). Unpack it" in refused(b"\x1f\x8b" + bytes(20))
    assert refused(b"\xef\xbb\xbf\n<!DOCTYPE html><html></html>") == (
        "dataset.path is 't.csv'; it is a web page (HTML). Download the table itself."
    )


def test_bytes_of_0_far_behind_in_a_text_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,y\n" + b"1,u\n" * 2**15 + bytes(2**20) + b"\xff")
    with pytest.raises(SettingError, match=r"t.csv:32770 holds a NUL byte, which is no text. Save it as UTF-8 text.$"):
        read_csv(CsvFile(path), None)


def test_bytes_that_are_no_text_are_not_told_to_be_of_an_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,y\n" + bytes(range(256)) * 10)
    with pytest.raises(SettingError, match=r"t.csv:2 holds a NUL byte, which is no text. Save it as UTF-8 text.$"):
        read_csv(CsvFile(path), None)


TRADITIONAL = ["台北市", "高雄市", "台中市", "新竹市", "基隆市", "桃園市", "嘉義市", "宜蘭縣", "花蓮縣"]
JAPANESE = ["とても良い製品です", "普通", "配送が遅い", "満足しています", "もう買わない", "東京", "大阪"]
KOREAN = [
    "제품이 아주 좋아요", "보통입니다", "배송이 너무 느려요", "매우 만족합니다", "다시는 안 살 거예요",
    "품질이 좋지 않습니다", "추천합니다", "가격이 비싸요", "서울 부산 대구 인천",
]  # fmt: skip
ACCENTED = ["Vélo", "crème", "München", "Düsseldorf", "niño", "mañana"]


def table_of(words: list[str], codec: str) -> bytes:
    return ("t,y\n" + "".join(f"{words[n % len(words)]},{n % 2}\n" for n in range(40))).encode(codec)


@pytest.mark.parametrize(
    ("words", "codec", "given"),
    [
        (["北京", "上海", "广州", "泉州", "郑州", "海口"], "gb18030", "cp932"),
        (TRADITIONAL, "big5", "gb18030"),
        (TRADITIONAL, "big5", "cp932"),
        (JAPANESE, "shift_jis", "gbk"),
        (JAPANESE, "shift_jis", "cp949"),
        (JAPANESE, "euc_jp", "gbk"),
        (JAPANESE, "euc_jp", "big5"),
        (KOREAN, "euc_kr", "gbk"),
        (KOREAN, "euc_kr", "euc_jp"),
        (ACCENTED, "cp1252", "gbk"),
        (["Vélo", "crème", "fenêtre", "forêt"], "cp1252", "shift_jis"),
        (["Vélo", "crème", "fenêtre", "forêt"], "cp1252", "big5"),
        (["Москва", "Казань", "Самара", "Тула", "Омск", "Сочи", "Липецк", "Чита", "Калуга", "Сургут"], "cp1251", "gbk"),
    ],
)
def test_a_wrong_encoding_of_two_bytes_that_decodes_is_told_by_its_rare_characters(
    words: list[str], codec: str, given: str
) -> None:
    content = table_of(words, codec)
    assert content.decode(given) != content.decode(codec), "the case: it decodes, and wrongly"
    found = likelier_encoding(content, given)
    assert found is not None and content.decode(found.codec) == content.decode(codec)


@pytest.mark.parametrize(
    ("words", "codec"),
    [
        ("iPhone手机 T恤 vivo手机 K歌 USB线 用app 小case iPhone和iPad a型 b型", "gbk"),
        ("氢 氦 锂 铍 硼 碳 氮 氧 氟 氖 钠 镁 铝 硅 磷 硫 氯 氩 钾 钙 钪 钛 钒 铬 锰 铁 钴 镍 铜 锌 镓 锗", "gbk"),
        ("鲤鱼 鲫鱼 鲢鱼 鳙鱼 鲈鱼 鳜鱼 鲶鱼 鳗鱼 鳕鱼 鲑鱼 鳟鱼 麻雀 喜鹊 鸳鸯 鹦鹉 鹌鹑 鸬鹚", "gb18030"),
        ("臺灣 韓國 國家 電腦 學校 醫院 車站 飛機 書店 銀行 風景 頭髮 開關 點數", "gbk"),
        ("蝙蝠 琥珀 菡萏", "gbk"),
        ("iPhone和iPad vivo手機 用app a型 b型 蜻蜓 蝴蝶 蟑螂", "big5"),
        ("ｵｽ ﾒｽ", "shift_jis"),
        ("東京ｶﾞｽ 大阪ｶﾞｽ 女性ﾊﾟﾝﾂ 1LDKｱﾊﾟｰﾄ ﾏﾝｼｮﾝ(賃貸) Aｺｰｽ", "cp932"),
        ("iPhoneケース usbケーブル Tシャツ aコース", "shift_jis"),
        ("鮪 鮭 鯖 鰯 鰹 鯛 鰻 鱈 渡邊 齋藤 薔薇 檸檬", "euc_jp"),
        ("とうきょう おおさか", "euc_jp"),
        ("iPhone케이스 a형 金氏 李氏 서울市", "euc_kr"),
        ("똠방각하 펲시콜라 햏햏 ㅋㅋㅋ", "cp949"),
        ("Vélo crème İstanbul Şişli", "cp1254"),
    ],
)
def test_the_right_encoding_of_names_of_rare_characters_and_of_mixed_words_is_not_doubted(
    words: str, codec: str
) -> None:
    for several in (words.split(), *([one] for one in words.split())):
        assert likelier_encoding(table_of(several, codec), codec) is None


@pytest.mark.parametrize(
    ("codec", "common", "rare"),
    [
        ("gb18030", "北京的", "癆癇ö서の閘"),  # added with an ASCII byte; of four bytes; in later rows
        ("cp949", "서울한국", "캚캛똠北"),
        ("big5", "台北市", "乂"),
        ("shift_jis", "東京とうｱ鮪", "鬱"),
        ("euc_jp", "東京とう鮪", "鬱ö"),  # ö has three bytes
        ("cp1252", "äö", ""),
    ],
)
def test_characters_are_rare_that_a_standard_sorts_behind_or_that_were_added_later(
    codec: str, common: str, rare: str
) -> None:
    assert [one for one in common + rare if is_rare(one, codec)] == [*rare]


HEADLINES = [
    "美대선",
    "文대통령",
    "日정부",
    "中정부",
    "北미사일",
    "韓경제",
    "英총리",
    "獨총선",
    "佛대선",
    "與지도부",
    "경제성장",
    "부동산",
]
PLAIN = [
    "제품",
    "아주",
    "좋아요",
    "보통",
    "배송",
    "너무",
    "느려요",
    "매우",
    "만족",
    "다시는",
    "거예요",
    "품질",
    "않습니다",
    "추천합니다",
    "가격",
    "비싸요",
    "서울",
    "부산",
    "대구",
    "인천",
    "광주",
    "대전",
    "울산",
    "세종",
    "경기",
    "강원",
    "충북",
    "충남",
    "전북",
    "전남",
    "경북",
    "경남",
    "제주",
    "사과",
    "바나나",
    "포도",
    "수박",
    "딸기",
    "참외",
    "감자",
    "고구마",
]


@pytest.mark.parametrize("codec", ["euc_kr", "cp949"])
def test_headlines_with_a_chinese_character_before_korean_ones_are_not_doubted(codec: str) -> None:
    for words in (
        HEADLINES,
        *([*HEADLINES[n:], *PLAIN[:n]] for n in range(1, 12)),
        [f"{one[0]}은행" for one in HEADLINES[:10]],
    ):
        assert likelier_encoding(table_of(words, codec), codec) is None


@pytest.mark.parametrize("given", ["gb18030", "gbk", "euc_jp"])
@pytest.mark.parametrize("more", [[], ["美대선"], ["美대선", "北京"], ["文대통령", "日정부", "中정부"]])
def test_a_few_other_words_do_not_hide_that_a_text_is_korean(more: list[str], given: str) -> None:
    found = likelier_encoding(("t,y\n" + "".join(f"{one},1\n" for one in [*PLAIN, *more])).encode("euc_kr"), given)
    assert found is not None and found.codec == "euc_kr"


def test_a_chinese_text_is_not_taken_for_korean() -> None:
    words = [
        "北京",
        "泉州",
        "美国",
        "日本",
        "政府",
        "新闻",
        "公司",
        "市场",
        "股票",
        "价格",
        "质量",
        "喜欢",
        "不错",
        "快递",
        "态度",
        "手机",
        "颜色",
        "材料",
        "推荐",
        "速度",
        "便宜",
        "好看",
    ]
    words = [one for one in words if decodes(one.encode("gb18030"), "euc_kr")]
    assert len({*"".join(words)}) >= 30
    content = table_of(words, "gb18030")
    assert likelier_encoding(content, "gb18030") is None
    found = likelier_encoding(content, "euc_kr")
    assert found is not None and found.codec == "gb18030"


def test_a_file_in_utf_8_is_not_compared_with_other_encodings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.data.sources.encoding.likelier_encoding", lambda *_: pytest.fail("a wasted search"))
    Path("t.csv").write_text("x,y\nä,1\n", encoding="utf-8")
    assert not list(warnings_of_encoding(CsvFile(Path("t.csv"))))
