"""Shell commands that write a CSV file anew, into the current folder. Every cell that they keep stays as it is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.other_forms import free_name, pandas_arguments
from bnexp.system.shell import in_shell

CLASS = "target"
"""The column that takes the place of one-hot columns, unless the table has one of this name."""
ONES = ("1", "1.0", "true", "True", "TRUE")
"""How programs write the 1 of a one-hot column."""


def without_gaps(file: CsvFile, target: str, words: Sequence[str], key: str = "path") -> str:
    """Return a command that leaves out the rows whose target is one of these words for a missing value.

    The text begins with what the new file is for. `key` names the file in the config, such as `test_path`.
    """
    return _rewritten(file, f".loc[lambda rows: ~rows[{target!r}].isin({[*words]})]", "whole", key)


def with_one_column(file: CsvFile, names: Sequence[str], columns: Sequence[str]) -> str:
    """Return a command that writes one column with the name of the class in place of the one-hot columns `names`.

    The text begins with what the new file is for.
    """
    column = CLASS if CLASS not in columns else f"{CLASS}_name"
    classes = f"lambda rows: rows[{[*names]}].isin({[*ONES]}).idxmax(axis=1)"
    change = f".assign({column}={classes}).drop(columns={[*names]})"
    name = _free(file, "classes")
    return f"for `bnexp init {shlex.quote(name)}`: {_command(file, change, file, name)}"


def with_decimals(file: CsvFile, names: Sequence[str], mark: str, key: str = "path") -> str:
    """Return a command that writes the numbers of these columns with the file's decimal mark instead of `mark`.

    `key` is as in `without_gaps`.
    """
    rewritten = f"cells.str.replace({mark!r}, {file.decimal!r}) if cells.name in {[*names]} else cells"
    return _rewritten(file, f".apply(lambda cells: {rewritten})", "decimals", key)


def without_signs(file: CsvFile, sign_of: Mapping[str, str], key: str = "path") -> str:
    """Return a command that writes the cells of columns without their sign, such as %, and the blanks beside it.

    `sign_of` maps each column to its sign. `key` is as in `without_gaps`.
    """
    signs = set(sign_of.values())
    sign = repr(*signs) if len(signs) == 1 else f"{dict(sign_of)}[cells.name]"
    change = f"cells.str.replace({sign}, '', regex=False).str.strip() if cells.name in {[*sign_of]} else cells"
    return _rewritten(file, f".apply(lambda cells: {change})", "numbers", key)


def written_like(file: CsvFile, other: CsvFile) -> tuple[str, str]:
    """Return the name of a new file, and the command that writes `file` into it as `other` is written.

    Its encoding and its separator are the other file's.
    """
    name = _free(file, "converted")
    return name, _command(file, "", replace(other, path=file.path), name)


def _rewritten(file: CsvFile, change: str, what: str, key: str) -> str:
    name = _free(file, what)
    use = f"`bnexp init {shlex.quote(name)}`" if key == "path" else f"dataset.{key}={name}"
    return f"for {use}: {_command(file, change, file, name)}"


def _free(file: CsvFile, what: str) -> str:
    """Return a free name in the current folder: the name of the file with a word behind it."""
    return free_name(f"{file.path.stem}-{what}{file.path.suffix}")


def _command(file: CsvFile, change: str, written: CsvFile, name: str) -> str:
    read = f"pandas.read_csv({str(file.path)!r}, dtype=str, keep_default_na=False{pandas_arguments(file)})"
    arguments = f"index=False{pandas_arguments(written)}, mode='x'"
    return in_shell(f"import pandas; {read}{change}.to_csv({name!r}, {arguments})")
