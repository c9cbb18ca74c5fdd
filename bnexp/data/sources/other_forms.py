"""Files with a table in another form than CSV with one line of names, and commands that convert them.

Files that are no text at all are handled in `encoding`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from bnexp.data.sources.alike import shown
from bnexp.data.sources.blanks import FIELD, GAP, SEPARATORS, blanks_between, stand_between_gaps
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.header import is_row
from bnexp.errors import SettingError, counted
from bnexp.system.shell import in_shell

FEW_LINES = 30
"""Lines at the beginning of a file that are checked."""
COMMENTS = ("#", "%", "//")
"""Characters with which a comment line begins in other programs."""
NUMBERED = "c"
"""Prefix of the number that becomes the name of a column without a name."""
_BLANKS = r"\s+"
"""The separator with which pandas reads fields between any number of blanks and tabs."""
_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}
"""Ending of a packed file -> the module that unpacks it. `tarfile` also reads archives packed in these ways."""
_ARCHIVES = {".zip": "zipfile", ".tar": "tarfile", ".tgz": "tarfile"}
"""Ending of an archive -> the module that extracts its files."""
_TEXTS = "lambda cell: cell.decode() if isinstance(cell, bytes) else cell"
_READERS = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "pandas.read_excel({})"),
    **dict.fromkeys((".jsonl", ".ndjson"), "pandas.read_json({}, lines=True)"),
    **dict.fromkeys((".sas7bdat", ".xpt"), "pandas.read_sas({}, encoding='latin-1')"),
    ".json": "pandas.read_json({})",
    ".dta": "pandas.read_stata({})",
    **dict.fromkeys((".parquet", ".pq"), "pandas.read_parquet({})"),
    ".sav": "pandas.read_spss({})",
    ".feather": "pandas.read_feather({})",
    ".arff": f"pandas.DataFrame(scipy.io.arff.loadarff({{}})[0]).map({_TEXTS})",
}
"""Ending of a file that holds a table -> the expression that reads it."""


_PACKAGES = {
    **dict.fromkeys((".xlsx", ".xlsm"), ("openpyxl", "openpyxl")),
    ".xls": ("xlrd", "xlrd"),
    ".ods": ("odf", "odfpy"),
    ".sav": ("pyreadstat", "pyreadstat"),
    ".feather": ("pyarrow", "pyarrow"),
    ".arff": ("scipy", "scipy"),
}
"""Ending of a file -> the module that reads it beside pandas, and the package that holds the module."""
_BEGINS = {".zip": b"PK", ".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ"}
"""Ending of a packed file -> its first bytes."""


def cure_of_form(path: Path) -> str | None:
    """Return a sentence with a command that unpacks a file, or writes its table as CSV, into the current folder.

    Return None for other files. Unpacking keeps every byte, including separators and repeated names. No command
    overwrites a file: the files of an archive, which may have any name, are written to a new folder.

    >>> print(cure_of_form(Path("a.csv.gz")))
    This unpacks it: python -c "import gzip, shutil; shutil.copyfileobj(gzip.open('a.csv.gz'), open('a.csv', 'xb'))"
    >>> cure_of_form(Path("a.pdf"))
    """
    *others, ending = ["", *(one.lower() for one in path.suffixes)]
    if ending in _BEGINS and path.is_file():
        with path.open("rb") as file:
            if not file.read(8).startswith(_BEGINS[ending]):
                return f"It is no {ending} file, despite its name. If it is a table, rename it to {path.stem}."
    if others[-1:] == [".tar"] and ending in _PACKED:
        return _extracted(path, "tarfile", len(others[-1] + ending))
    if ending in _ARCHIVES:
        return _extracted(path, _ARCHIVES[ending], len(ending))
    if (module := _PACKED.get(ending)) is not None:
        unpacked = f"shutil.copyfileobj({module}.open({str(path)!r}), open({free_name(path.stem)!r}, 'xb'))"
        return f"This unpacks it: {in_shell(f'import {module}, shutil; {unpacked}')}"
    if ending == ".zst":
        return f"This unpacks it: zstd -d {shlex.quote(str(path))} -o {shlex.quote(free_name(path.stem))}"
    if ending == ".npy":
        return "It holds one array. Save inputs and targets in one file: numpy.savez('data.npz', x=..., y=...)."
    reader = _READERS.get(ending)
    if reader is None:
        return None
    module, package = _PACKAGES.get(ending, ("pandas", "pandas"))
    needs = "" if find_spec(module) else f"First install {package}, which reads it: pip install {package}. Then "
    return f"{needs}{'this' if needs else 'This'} converts it: {_command(path, reader)}"


def _extracted(path: Path, module: str, ending: int) -> str:
    """Return a sentence with a command that writes the files of an archive to a new folder."""
    folder = free_name(f"{Path(path.name[:-ending]).stem}-unpacked")
    opened, guard = ("ZipFile", "") if module == "zipfile" else ("open", ", filter='data'")
    extracted = f"{module}.{opened}({str(path)!r}).extractall({folder!r}{guard})"
    command = in_shell(f"import os, {module}; os.mkdir({folder!r}); {extracted}")
    return f"This unpacks it into the folder {folder}: {command}"


def free_name(name: str) -> str:
    """Return a name that no file or folder in the current folder has: `name`, or `name` with a number.

    Commands create their file exclusively (mode "x"), too, because the file may appear before they are run.
    """
    path = Path(name)
    numbered = (f"{path.stem}-{number}{path.suffix}" for number in itertools.count(2))
    return next(one for one in (name, *itertools.islice(numbered, 999)) if not os.path.lexists(one))


def _command(path: Path, reader: str) -> str:
    modules = "pandas, scipy.io.arff" if "scipy" in reader else "pandas"
    read = reader.replace("{}", repr(str(path)))
    return in_shell(f"import {modules}; {read}.to_csv({_written(path)!r}, index=False, mode='x')")


def _written(path: Path) -> str:
    """Return the name of the converted CSV file, which no file has."""
    return free_name(f"{path.stem}-plain.csv" if path.suffix.lower() == ".csv" else f"{path.stem}.csv")


def refuse_other_forms(file: CsvFile) -> None:
    """Raise SettingError for comments above a table, counts instead of names, and fields separated by blanks.

    A first line of names may begin with the character of a comment.
    """
    with file.open("replace") as text:
        lines = [line.rstrip("\r\n") for line in itertools.islice(text, FEW_LINES)]
    seen = f"is {str(file.path)!r}; {file.path}:1"
    if comments := _comments(file, lines):
        which = "line 1" if comments == 1 else f"lines 1 to {comments}"
        table = replace(file, separator=_sign_in(lines[comments], file))
        cure = f"Remove {which}. This command does it: "
        cure += _command(file.path, f"pandas.read_csv({{}}, skiprows={comments}{pandas_arguments(table)})")
        if _begins_with_row(table, lines[comments:]):
            cure = f"Remove {which}, and name the columns. This command numbers them: {numbering(table, comments)}"
        raise SettingError(
            "dataset.path",
            f"{seen} is a comment ({shown(lines[0])}). Expected the names of the columns in the first line. {cure}",
        )
    if counts := _counts(file, lines):
        raise SettingError(
            "dataset.path",
            f"{seen} seems to hold no names but two counts, {counted(counts[0], 'row')} and "
            f"{counted(counts[1], 'column')}, as in the files of scikit-learn. Replace it by the names of the columns, "
            f"or number them: {numbering(file, skipped=1)}",
        )
    is_separated = file.separator != " " and file.separator in "".join(lines[:1])
    if is_separated:
        _refuse_rows_unlike_names(file, lines)
    if not is_separated and (sign := blanks_between(lines)) is not None and sign != file.separator:
        raise SettingError(
            "dataset.separator",
            f"is {json.dumps(file.separator)}; the fields of {file.path} are separated by blanks. "
            + (f"Use dataset.separator: {json.dumps(sign)}." if sign else _without_blanks(file, lines)),
        )
    if not is_separated and sign is None and stand_between_gaps(lines):
        raise SettingError(
            "dataset.separator",
            f"is {json.dumps(file.separator)}; the fields of {file.path} are separated by two or more blanks, "
            f"and contain single blanks. Put commas between them: {_with_commas(file)}",
        )


def _without_blanks(file: CsvFile, lines: Sequence[str]) -> str:
    """Return a cure that puts commas between the fields of a table, and names columns whose first line is a row."""
    file = replace(file, separator=_BLANKS)
    if _begins_with_row(file, lines):
        return f"Put commas between them, and number the columns, which have no names: {numbering(file)}"
    return f"Put commas between them: {_command(file.path, f'pandas.read_csv({{}}{pandas_arguments(file)})')}"


def _begins_with_row(file: CsvFile, lines: Sequence[str]) -> bool:
    """Return True if the first of these lines that is not blank is surely a row of data, and holds no names."""
    first, *rows = [_split(line, file.separator) for line in lines if line.strip()]
    return is_row([field.strip('"') for field in first], rows, file.decimal)


def _refuse_rows_unlike_names(file: CsvFile, lines: Sequence[str]) -> None:
    """Raise SettingError if all rows are separated otherwise than the names above them, so that none is complete."""
    above, *rows = [line for line in lines if line.strip()] or [""]
    if (
        len(rows) < 2
        or file.separator not in above
        or _are_as_many(_split(above, file.separator), rows, file.separator)
    ):
        return
    for sign in (_BLANKS, *SEPARATORS):
        counts = {len(_split(row, sign)) for row in rows}
        there = [names for names in (_split(above, _BLANKS), _split(above, file.separator)) if {len(names)} == counts]
        is_there = sign != _BLANKS or all(re.search(r"\s", row.strip()) for row in rows)
        if sign == file.separator or not there or counts == {1} or not is_there:
            continue
        names = [name.strip().strip('"') for name in there[0]]
        given = f", skiprows=1, names={names}{pandas_arguments(replace(file, separator=sign))}"
        between = "blanks" if sign == _BLANKS else json.dumps(sign)
        raise SettingError(
            "dataset.separator",
            f"is {json.dumps(file.separator)}; it separates the names in {file.path}:1, and the rows below are "
            f"separated by {between}. Separate both by commas. This command does it: "
            + _command(file.path, f"pandas.read_csv({{}}{given})"),
        )


def _split(line: str, sign: str) -> list[str]:
    """Return the fields of a line. A separator inside quotes separates nothing."""
    if sign == _BLANKS:
        return FIELD.findall(line)
    return re.split(f'{re.escape(sign)}(?=(?:[^"]*"[^"]*")*[^"]*$)', line.strip("\r\n"))


def _are_as_many(names: Sequence[str], rows: Sequence[str], sign: str) -> bool:
    """Return True if any row has as many fields as there are names."""
    return any(len(_split(row, sign)) == len(names) for row in rows)


def numbering(file: CsvFile, skipped: int = 0) -> str:
    """Return a command that adds column names to a file without names: c0, c1, c2, ..."""
    skip = f", skiprows={skipped}" if skipped else ""
    reader = f"pandas.read_csv({{}}, header=None{skip}{pandas_arguments(file)}).add_prefix({NUMBERED!r})"
    return _command(file.path, reader)


def without_records(file: CsvFile, numbers: Sequence[int]) -> str:
    """Return a command that writes a table without these records, with all other cells unchanged.

    `numbers` count records and blank lines from 0. A record with line breaks in quotes counts once.
    """
    skipped = f"skiprows={[*numbers]}{pandas_arguments(file)}"
    return _command(file.path, f"pandas.read_csv({{}}, dtype=str, keep_default_na=False, {skipped})")


def pandas_arguments(file: CsvFile) -> str:
    """Return the arguments of pandas for this file's separator and encoding."""
    separator = "" if file.separator == "," else f", sep={file.separator!r}"
    separator = f", sep=r'{_BLANKS}'" if file.separator == _BLANKS else separator
    return separator + ("" if file.encoding == "utf-8" else f", encoding={file.encoding!r}")


def _comments(file: CsvFile, lines: Sequence[str]) -> int:
    """Count the comment lines above a table, and the blank lines between and below them.

    A single comment line with as many separators as the next filled line holds the names, and does not count.
    """
    above = [*itertools.takewhile(lambda line: line.startswith(COMMENTS) or not line.strip(), lines)]
    below = lines[len(above) :]
    if not above or not above[0].strip() or not below:
        return 0
    sign = _sign_in(below[0], file)
    first, second = (re.sub('"[^"]*"', "", line).count(sign) for line in (above[0], below[0]))
    return 0 if sum(line.strip() != "" for line in above) == 1 and first == second else len(above)


def _sign_in(line: str, file: CsvFile) -> str:
    """Return the file's separator if the line contains it; else the commonest separator in the line."""
    return file.separator if file.separator in line else max(SEPARATORS, key=line.count)


def _counts(file: CsvFile, lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the numbers of rows and columns if the first line begins with them; else None."""
    fields = [line.split(file.separator) for line in lines[:2]]
    if len(fields) < 2 or len(fields[0]) < 2 or not all(field.strip().isdecimal() for field in fields[0][:2]):
        return None
    rows, columns = map(int, fields[0][:2])
    if columns + 1 != len(fields[1]):  # the target is one column more
        return None
    with file.open("replace") as text:
        there = sum(bool(line.strip()) for line in text) - 1
    return (rows, columns) if rows == there else None


def _with_commas(file: CsvFile) -> str:
    """Return a command that converts a table whose fields are separated by two or more blanks to CSV."""
    rows = f"re.split('{GAP.pattern}', line.strip()) for line in open({str(file.path)!r}, encoding={file.encoding!r})"
    written = f"open({_written(file.path)!r}, 'x', encoding='utf-8', newline='')"
    return in_shell(f"import csv, re; csv.writer({written}).writerows({rows} if line.strip())")
