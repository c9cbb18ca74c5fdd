"""Files that hold a table otherwise than CSV with one line of names does: what they are, and a line that converts them.

Bytes that are no text at all are `encoding`'s.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bnexp.data.sources.alike import shown
from bnexp.data.sources.csv_file import CsvFile
from bnexp.errors import SettingError, counted

FEW_LINES = 30
"""Lines at the beginning of a file that are looked at."""
COMMENTS = ("#", "%", "//")
"""What a line begins with that is a comment in other programs."""
SEPARATORS = ",;\t|"
"""Signs that separate fields."""
_FIELD = re.compile(r'"[^"]*"|\S+')
SPECIAL = '"$`!'
"""What a shell reads inside double quotes."""
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_TEXTS = "lambda cell: cell.decode() if isinstance(cell, bytes) else cell"
_READERS = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "pandas.read_excel({})"),
    **dict.fromkeys((".jsonl", ".ndjson"), "pandas.read_json({}, lines=True)"),
    **dict.fromkeys((".sas7bdat", ".xpt"), "pandas.read_sas({}, encoding='latin-1')"),
    ".json": "pandas.read_json({})",
    ".dta": "pandas.read_stata({})",
    ".sav": "pandas.read_spss({})",
    ".feather": "pandas.read_feather({})",
    ".arff": f"pandas.DataFrame(scipy.io.arff.loadarff({{}})[0]).map({_TEXTS})",
}
"""Ending of a file that holds a table -> what reads it."""


def conversion(path: Path) -> str | None:
    """Return a command that writes a file's table as CSV into the current folder; None for a file that holds none.

    >>> print(conversion(Path("data/a.csv.gz")))
    python -c "import pandas; pandas.read_csv('data/a.csv.gz').to_csv('a.csv', index=False)"
    >>> conversion(Path("a.pdf"))
    """
    endings = [one.lower() for one in path.suffixes]
    if endings[-1:] and endings[-1] in _PACKED and endings[-2:-1] in ([".csv"], [".tsv"], [".txt"], [".data"]):
        reader = "pandas.read_csv({}, sep='\\t')" if endings[-2] == ".tsv" else "pandas.read_csv({})"
        return _command(path, reader, Path(path.stem).stem)
    reader = _READERS.get(endings[-1] if endings else "", "")
    return _command(path, reader, path.stem) if reader else None


def _command(path: Path, reader: str, stem: str) -> str:
    modules = "pandas, scipy.io.arff" if "scipy" in reader else "pandas"
    written = f"{stem}-plain.csv" if path.suffix.lower() == ".csv" else f"{stem}.csv"
    return in_shell(f"import {modules}; {reader.format(repr(str(path)))}.to_csv({written!r}, index=False)")


def in_shell(code: str) -> str:
    """Return a command that runs a line of Python, to be pasted into a shell. No name of a file is run as a command.

    >>> print(in_shell("print('a')"), in_shell("print('$a')"))
    python -c "print('a')" python -c 'print('"'"'$a'"'"')'
    """
    return f"python -c {shlex.quote(code)}" if {*code} & {*SPECIAL} else f'python -c "{code}"'


def refuse_other_forms(file: CsvFile) -> None:
    """Raise SettingError for comments above a table, counts in the place of names, and fields between blanks.

    A first line of names may begin with a sign for comments.
    """
    with file.open("replace") as text:
        lines = [line.rstrip("\r\n") for line in itertools.islice(text, FEW_LINES)]
    seen = f"is {str(file.path)!r}; {file.path}:1"
    if comments := _comments(file, lines):
        which = "line 1" if comments == 1 else f"lines 1 to {comments}"
        given = _given(replace(file, separator=_sign_in(lines[comments], file)))
        convert = _command(file.path, f"pandas.read_csv({{}}, skiprows={comments}{given})", file.path.stem)
        raise SettingError(
            "dataset.path",
            f"{seen} is a comment ({shown(lines[0])}). Expected the names of the columns in the first line. "
            f"Take out {which}, as this does: {convert}",
        )
    if counts := _counts(file, lines):
        raise SettingError(
            "dataset.path",
            f"{seen} seems to hold no names: it counts {counted(counts[0], 'row')} and "
            f"{counted(counts[1], 'column')}, as files inside scikit-learn do. Write the names of the columns "
            f"in its place, or number them: {numbering(file, skipped=1)}",
        )
    is_separated = file.separator != " " and file.separator in "".join(lines[:1])
    if not is_separated and (sign := blanks_between(lines)) is not None and sign != file.separator:
        convert = _command(file.path, "pandas.read_csv({}, sep='\\s+')", file.path.stem)
        raise SettingError(
            "dataset.separator",
            f"is {json.dumps(file.separator)}; the fields of {file.path} stand between blanks. "
            + (f"Use dataset.separator: {json.dumps(sign)}." if sign else f"Put commas between them: {convert}"),
        )


def numbering(file: CsvFile, skipped: int = 0) -> str:
    """Return a command that names the columns of a file without names c0, c1, c2, ..."""
    skip = f", skiprows={skipped}" if skipped else ""
    reader = f"pandas.read_csv({{}}, header=None{skip}{_given(file)}).add_prefix('c')"
    return _command(file.path, reader, file.path.stem)


def _given(file: CsvFile) -> str:
    """Return the arguments of pandas that read a file as this one is read."""
    given = {"sep": file.separator, "encoding": file.encoding}
    return "".join(f", {key}={value!r}" for key, value in given.items() if value not in (",", "utf-8"))


def _comments(file: CsvFile, lines: Sequence[str]) -> int:
    """Count the lines of comments above a table. A single one with the separators of the next line holds the names."""
    above = [*itertools.takewhile(lambda line: line.startswith(COMMENTS), lines)]
    below = lines[len(above) :]
    if not above or not below:
        return 0
    sign = _sign_in(below[0], file)
    first, second = (re.sub('"[^"]*"', "", line).count(sign) for line in (above[0], below[0]))
    return 0 if len(above) == 1 and first == second else len(above)


def _sign_in(line: str, file: CsvFile) -> str:
    """Return the sign that separates the fields of a line, the file's if it does."""
    return file.separator if file.separator in line else max(SEPARATORS, key=line.count)


def _counts(file: CsvFile, lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the numbers of rows and columns that the first line begins with; None if it does not."""
    fields = [line.split(file.separator) for line in lines[:2]]
    if len(fields) < 2 or len(fields[0]) < 2 or not all(field.strip().isdecimal() for field in fields[0][:2]):
        return None
    rows, columns = map(int, fields[0][:2])
    if columns + 1 != len(fields[1]):  # the target beside them
        return None
    with file.open("replace") as text:
        there = sum(bool(line.strip()) for line in text) - 1
    return (rows, columns) if rows == there else None


def blanks_between(lines: Sequence[str]) -> str | None:
    """Return a blank if one stands between the fields of each line, "" if there are more, None if other signs do.

    >>> blanks_between(["a b", "1 2"]), blanks_between(["a  b", " 1 2"]), blanks_between(["a b", "1"])
    (' ', '', None)
    """
    filled = [line for line in lines if line.strip()]
    counts = {len(_FIELD.findall(line)) for line in filled}
    tabs = {line.count("\t") for line in filled}
    if len(filled) < 2 or len(counts) != 1 or min(counts) < 2 or (len(tabs) == 1 and 0 not in tabs):
        return None
    # a tab may be one of several blanks
    if any(sign in filled[0] for sign in SEPARATORS.replace("\t", "")):
        return None
    return " " if {len(line.split(" ")) for line in filled} == counts else ""
