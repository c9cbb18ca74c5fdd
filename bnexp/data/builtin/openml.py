"""Data sets of OpenML, read with scikit-learn's loader and cache."""

from __future__ import annotations

from dataclasses import replace
from http.client import HTTPException
from urllib.error import URLError

from bnexp.config.real import OpenmlDataset
from bnexp.data.rows import Rows, row_of
from bnexp.data.sources.table import Columns, from_frame
from bnexp.errors import SettingError


def openml_rows(dataset: OpenmlDataset, limit: int | None) -> Rows:
    """Read the rows of an OpenML data set. It is downloaded once, and later read from scikit-learn's cache.

    Raises:
        SettingError: if there is no such set, or if it is not in the cache and cannot be downloaded.
    """
    from sklearn.datasets import fetch_openml

    key, asked = "data_name", {"name": dataset.data_name, "version": dataset.version or "active"}
    if dataset.data_name is None:
        key, asked = "id", {"data_id": dataset.id}
    try:
        found = fetch_openml(**asked, as_frame=True, n_retries=1, delay=0.5, parser="auto")
    except (URLError, HTTPException, OSError, EOFError, ValueError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise SettingError(
            f"dataset.{key}",
            f"is {getattr(dataset, key)}; OpenML did not deliver it: {reason}. "
            "Look it up on openml.org. Its first use needs an internet connection.",
        ) from error
    number = int(found.details["id"])
    named = [dataset.target] if dataset.target else list(found.target_names)
    if len(named) != 1:
        raise SettingError(
            "dataset.target", f"is null; OpenML names {len(named)} targets of set {number}. Name the column."
        )
    columns = Columns(named[0], dataset.task, dataset.drop, dataset.categories, dataset.dates, missing=dataset.missing)
    rows = from_frame(found.frame, columns, row_of(f"OpenML set {number}"), limit)
    title, licence = (str(found.details.get(*key)) for key in (("name",), ("licence", "not stated")))
    return replace(rows, facts=replace(rows.facts, title=title, licence=licence, openml_id=number))
