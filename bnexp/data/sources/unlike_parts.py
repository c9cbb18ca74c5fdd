"""Held-out parts in another encoding, or with another separator, than the training part. One config reads them all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.encoding import fitting_encoding
from bnexp.data.sources.line_numbers import likely_separator
from bnexp.data.sources.rewriting import written_like


def unlike(file: CsvFile, training: Path) -> tuple[str, str] | None:
    """Return what a part's file has that the training part has not, with a command, and the name of the new file.

    `file` has the encoding and the separator of the training part. None is returned if the part's file fits them, or
    nothing likelier is known.
    """
    try:
        own = replace(file, encoding=fitting_encoding(file) or file.encoding)
        own = replace(own, separator=likely_separator(own) or own.separator)
    except UnicodeError:
        return None
    differ = [
        f"{key} {json.dumps(here)}, and {training} {json.dumps(there)}"
        for key, here, there in (
            ("encoding", own.encoding, file.encoding),
            ("separator", own.separator, file.separator),
        )
        if here != there
    ]
    if not differ:
        return None
    name, command = written_like(own, file)
    seen = f"{file.path} has the {'; it has the '.join(differ)}. Both are read with the same keys"
    return f"{seen}. This command writes it like the other, into {name}: {command}", name
