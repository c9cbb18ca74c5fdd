"""Rows of all seeds: kept once where they are shared, and what follows from them worked out once for each split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, joined_data, prepare, preprocessing
from bnexp.data.seeds import for_each, for_seeds, is_shared, joined_seeds

SYNTHETIC = {"name": "classification", "samples": 60, "validation_size": 0.25, "scale": "minmax"}


def prepared(seeds: int, **keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python({**SYNTHETIC, **keys}), tuple(range(seeds)))


@pytest.mark.parametrize(
    ("resample", "shared"),
    [(False, {"train", "val", "test"}), ("validation", {"test"}), (True, set())],
)
def test_parts_that_all_seeds_share_are_in_memory_once(resample: object, shared: set[str]) -> None:
    data = prepared(5, resample=resample)
    assert {part for part, rows_SR in data.parts.items() if is_shared(rows_SR)} == shared
    for part, rows_SR in data.parts.items():
        assert np.shares_memory(rows_SR[0], rows_SR[4]) is (part in shared)
        assert np.array_equal(rows_SR[0], rows_SR[4]) is (part in shared)
        assert np.shares_memory(data.of(slice(1, 3)).parts[part], rows_SR)


@pytest.mark.parametrize(("resample", "fits"), [(False, 1), ("validation", 4), (True, 4)])
def test_a_view_is_fitted_once_for_each_split(monkeypatch: pytest.MonkeyPatch, resample: object, fits: int) -> None:
    fitted: list[int] = []
    one = preprocessing._fitted_to_one
    monkeypatch.setattr(preprocessing, "_fitted_to_one", lambda *given: fitted.append(1) or one(*given))
    data = prepared(4, resample=resample)
    assert len(fitted) == fits
    lowest_SF = [data.rows.x[rows_R].min(axis=0) for rows_R in data.train_SR]
    assert np.array_equal(data.preprocessing.center, lowest_SF)


def test_joined_experiments_with_one_split_still_share_it_and_others_keep_their_own() -> None:
    one, moved = prepared(2), prepared(3, seed=7)
    together = joined_data([one, one])
    assert is_shared(together.train_SR)
    assert together.train_SR.shape == (4, one.train_SR.shape[1])
    apart = joined_data([one, moved])
    assert not is_shared(apart.train_SR)
    assert apart.train_SR.dtype == "int32"
    assert np.array_equal(apart.rows.x[apart.train_SR[4]], moved.rows.x[moved.train_SR[2]])


def test_equal_rows_are_found_where_they_are_not_known_to_be_shared() -> None:
    seen: list[list[int]] = []
    rows_SR = np.array([[3, 1], [1, 3], [3, 1]], "int32")
    results = for_each(rows_SR, lambda rows_R: seen.append(rows_R.tolist()) or len(seen))
    assert results == [1, 2, 1]
    assert seen == [[3, 1], [1, 3]]


def test_seeds_of_one_split_join_without_a_copy_only_if_their_rows_are_equal() -> None:
    three, two = for_seeds([np.arange(4, dtype="int32")], 3), for_seeds([np.arange(4, dtype="int32")], 2)
    assert is_shared(joined_seeds([three, two]))
    assert joined_seeds([three, two]).tolist() == [[0, 1, 2, 3]] * 5
    assert joined_seeds([three, two + 1]).tolist() == [[0, 1, 2, 3]] * 3 + [[1, 2, 3, 4]] * 2


def test_guessing_is_the_mean_over_seeds_of_the_commonest_training_class() -> None:
    data = prepared(6, resample=True, weights=[0.6, 0.4])
    y_N = data.rows.y_N.astype(int)
    commonest = [np.bincount(y_N[rows_R]).argmax() for rows_R in data.train_SR]
    for part, rows_SR in data.parts.items():
        hits = [y_N[rows_R] == guess for rows_R, guess in zip(rows_SR, commonest, strict=True)]
        assert data.guessing[part] == float(np.mean(hits))
