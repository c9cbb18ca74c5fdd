"""Sets of OpenML, through scikit-learn's own loader and cache."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import URLError

from bnexp.config.real import OpenmlDataset
from bnexp.data.rows import Rows
from bnexp.data.table import Columns, from_frame
from bnexp.errors import SettingError


def openml_rows(dataset: OpenmlDataset, limit: int | None) -> Rows:
    """Read the rows of a set of OpenML; it is downloaded once, then scikit-learn's cache has it.

    Raises:
        SettingError: if there is no such set, or it is not in the cache and the network does not bring it.
    """
    from sklearn.datasets import fetch_openml

    try:
        found = fetch_openml(data_id=dataset.id, as_frame=True, n_retries=1, delay=0.5, parser="auto")
    except (URLError, HTTPException, OSError, EOFError, ValueError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise SettingError(
            "dataset.id",
            f"is {dataset.id}; OpenML does not bring it: {reason}. "
            "Look it up on openml.org, and mind that its first use needs a network.",
        ) from error
    named = [dataset.target] if dataset.target else list(found.target_names)
    if len(named) != 1:
        raise SettingError(
            "dataset.target", f"is null; OpenML names {len(named)} targets of set {dataset.id}. Name the column."
        )
    columns = Columns(named[0], dataset.task, dataset.drop, dataset.categories, missing=dataset.missing)
    rows = from_frame(found.frame, columns, lambda row: f"OpenML set {dataset.id}, row {row + 1}", limit)
    facts = {"title": str(found.details.get("name")), "licence": str(found.details.get("licence", "not stated"))}
    rows.facts.update(facts)
    return rows
