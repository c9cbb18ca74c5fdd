"""`dataset.positive`: the positive class, which metrics such as F1 are about. It comes second of two classes."""

from __future__ import annotations

import dataclasses

from bnexp.config.real import RealDataset
from bnexp.data.rows import Rows
from bnexp.errors import SettingError, nearest


def with_positive(dataset: RealDataset, rows: Rows) -> Rows:
    """Return the rows with the order of the two classes changed, if needed, so that `dataset.positive` is second.

    Raises:
        SettingError: if there is no class of this name, or if there are not two classes.
    """
    if dataset.positive is None:
        return rows
    name, key = str(dataset.positive), "dataset.positive"
    if rows.classes is None:
        raise SettingError(key, f"is {name!r}; a regression has no classes. Leave it out.")
    if name not in rows.classes:
        raise SettingError(key, f"is {name!r}; no class has this name. {nearest(name, rows.classes)}")
    if len(rows.classes) != 2:
        seen = f"is {name!r}, and there are {len(rows.classes)} classes; expected two"
        raise SettingError(key, f"{seen}, because metrics of more classes are about all of them. Leave it out.")
    if name == rows.classes[1]:
        return rows
    first, second = rows.classes
    return dataclasses.replace(rows, y_N=1 - rows.y_N, classes=(second, first))
