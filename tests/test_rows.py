"""From tables to what each seed sees: columns, targets, repeated rows, limits, parts, groups; against references."""

from __future__ import annotations

import gzip
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from bnexp.config.dataset import Dataset, has_test_part
from bnexp.data import Data, prepare, splitting
from bnexp.data.facts import RowFacts
from bnexp.data.rows import Rows, chosen
from bnexp.data.split_rule import rule
from bnexp.errors import SettingError
from bnexp.experiment.data_facts import data_facts

SEEDS = (0, 1, 2)


def section(**keys: Any) -> Any:
    return TypeAdapter(Dataset).validate_python(keys)


def prepared(path: Path, table: pd.DataFrame | str, **keys: Any) -> Data:
    """Prepare a table that is written to the path first."""
    text = table if isinstance(table, str) else table.to_csv(index=False)
    path.write_text(text, encoding="utf-8")
    return prepare(section(**{"name": "csv", "path": str(path), "target": "y", **keys}), SEEDS)


def refused(path: Path, table: pd.DataFrame | str, **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        prepared(path, table, **keys)
    return str(raised.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    width = rng.normal(50, 9, 90).round(3)
    width[rng.choice(90, 12, replace=False)] = np.nan
    town = rng.choice(["Rome", "Oslo", "Bonn"], 90)
    return pd.DataFrame(
        {"width": width, "price": rng.lognormal(3, 1, 90).round(2), "town": town, "y": np.arange(90) % 3}
    )


# --- preprocessing ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler()), ("minmax", MinMaxScaler()), ("none", None)]
)
@pytest.mark.parametrize("missing", ["mean", "median"])
def test_numbers_are_scaled_then_filled_and_categories_stay_0_or_1(
    path: Path, frame: pd.DataFrame, scale: str, scaler: Any, missing: str
) -> None:
    data = prepared(path, frame, scale=scale, missing=missing, resample=True)
    numbers = frame[["width", "price"]].to_numpy()
    towns = OneHotEncoder(sparse_output=False).fit_transform(frame[["town"]])
    assert len({tuple(sorted(rows_R)) for rows_R in data.train_SR}) == len(SEEDS)
    for row in range(len(SEEDS)):
        filled = SimpleImputer(strategy=missing).fit(numbers[data.train_SR[row]]).transform(numbers)
        expected = filled if scaler is None else scaler.fit(numbers[data.train_SR[row]]).transform(filled)
        for rows_R in (data.train_SR[row], data.parts["val"][row]):
            seen = data.inputs(row, rows_R)
            np.testing.assert_allclose(seen[:, :2], expected[rows_R], rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(seen[:, 2:], towns[rows_R])


def test_nothing_of_the_test_part_reaches_the_view(path: Path, frame: pd.DataFrame) -> None:
    frame["y"] = frame["price"] * 2
    before = prepared(path, frame, missing="mean")
    frame.loc[before.parts["val"][0], ["width", "price", "y"]] = [[1e6, 1e6, 1e6]]
    frame.loc[before.parts["val"][0, 0], "y"] = 2e6  # a part of one target in all rows is refused
    after = prepared(path, frame, missing="mean", duplicates="keep")
    np.testing.assert_array_equal(before.train_SR, after.train_SR)
    for part, same in zip(before.preprocessing, after.preprocessing, strict=True):
        np.testing.assert_array_equal(part, same)


def test_a_regressions_target_is_scaled_by_each_seeds_training_part(path: Path, frame: pd.DataFrame) -> None:
    frame = frame.drop(columns="width").assign(y=frame["price"] * 3 + 1)
    data = prepared(path, frame, resample=True)
    for row in range(len(SEEDS)):
        y = frame[["y"]].to_numpy()
        expected = StandardScaler().fit(y[data.train_SR[row]]).transform(y[data.parts["val"][row]])[:, 0]
        np.testing.assert_allclose(data.targets(row, data.parts["val"][row]), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(prepared(path, frame, scale_target=False).targets(0, np.arange(90)), frame["y"])


def test_the_numbers_of_images_are_filled_with_their_channels_mean_and_padding_stays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(5, 2, (40, 3, 3, 2)), np.arange(40) % 2
    x[0, 0, 0, 0] = np.nan
    np.savez(tmp_path / "x.npz", x=x, y=y)
    keys: dict[str, Any] = {"name": "npz", "path": str(tmp_path / "x.npz"), "missing": "mean", "scale": "none"}
    image = prepare(section(**keys), SEEDS)
    expected = np.nanmean(x[image.train_SR[0]][..., 0])
    np.testing.assert_allclose(image.inputs(0, np.array([0], "int32"))[0, 0, 0, 0], expected, rtol=1e-5)
    x = np.where(np.arange(9)[:, None] < 7, np.nan_to_num(x).reshape(40, 9, 2), np.nan)
    np.savez(tmp_path / "x.npz", x=x, y=y)
    sequence = prepare(section(**keys | {"scale": "standard"}), SEEDS)
    assert np.isnan(sequence.inputs(0, sequence.train_SR[0])[:, 7:]).all()


def test_a_column_without_a_value_in_the_training_part_is_refused(path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(40), "b": np.nan, "y": np.arange(40) % 2})
    held_out = prepared(path, frame.drop(columns="b")).parts["val"][0]
    frame.loc[held_out, "b"] = 1.5
    assert refused(path, frame, missing="mean") == (
        "dataset.missing fills empty cells from the training part (32 rows), but column 2 of the inputs has no value "
        "there. Leave that column out, or use another dataset.seed."
    )


@pytest.mark.parametrize("vocabulary", [4, 1000])
def test_the_words_of_a_seed_are_those_of_its_training_texts(path: Path, vocabulary: int) -> None:
    import keras

    rng = np.random.default_rng(1)
    # each text has word n n times or not at all, so that no two words are equally common
    texts = [" ".join(f"Word{n}! " * n for n in range(1, 9) if rng.random() < 0.5) + f" only{k}" for k in range(60)]
    texts[5] = "?!"
    frame = pd.DataFrame({"text": texts, "y": np.arange(60) % 2})
    data = prepared(path, frame, name="text_csv", length=50, vocabulary=vocabulary, resample=True)
    assert (data.rows.x[5] == 0).all()
    for row in range(len(SEEDS)):
        reference = keras.layers.TextVectorization(max_tokens=vocabulary, output_sequence_length=50)
        reference.adapt(np.array(texts, object)[data.train_SR[row]])
        known = reference.get_vocabulary()
        ours = data.inputs(row, data.parts["val"][row])
        theirs = np.asarray(reference(np.array(texts, object)[data.parts["val"][row]]))
        common = [n for n, word in enumerate(known) if not word.startswith("only")]
        np.testing.assert_array_equal(np.isin(ours, common), np.isin(theirs, common))
        np.testing.assert_array_equal(
            np.where(np.isin(theirs, common), ours, 0), np.where(np.isin(theirs, common), theirs, 0)
        )
        assert ours.max() < data.vocabulary <= vocabulary and data.preprocessing.ids[row].max() == len(known) - 1


def test_texts_without_a_word_or_taken_for_their_own_target_are_refused(path: Path) -> None:
    table = "text,y\n" + "".join(f"{'!' * (n + 1)},{n % 2}\n" for n in range(20))
    assert refused(path, table, name="text_csv") == (
        "dataset.text names a column in which no text has a word. Name another column."
    )
    assert "dataset.text is 'y', which is dataset.target too" in refused(path, table, name="text_csv", text="y")
    with pytest.raises(SettingError, match=r"that number of words of 20 texts takes about 305\.2 MiB of memory"):
        prepare(section(name="text_csv", path=str(path), target="y", length=10**6), SEEDS, 10**8)


# --- which rows ---------------------------------------------------------------------


def rows_of(x: Any, y: Any, **more: Any) -> Rows:
    return Rows("table", np.asarray(x, "float32"), np.asarray(y, "float32"), ("a", "b"), **more)


def test_only_rows_equal_in_inputs_and_target_are_repeated_and_the_first_stays() -> None:
    rows = rows_of([[1, 2], [1, 2], [1, 2], [np.nan, 2], [np.nan, 2], [2, 1]], [0, 1, 0, 0, 0, 0], test=2)
    kept = chosen(section(name="wine"), rows)
    np.testing.assert_array_equal(kept.x, [[1, 2], [1, 2], [np.nan, 2], [2, 1]])
    assert (kept.y_N.tolist(), kept.test) == ([0, 1, 0, 0], 1)
    assert kept.facts == RowFacts(duplicates_dropped=2, rows_before_limit=4), "a known set needs no warning"
    assert len(chosen(section(name="wine", duplicates="keep"), rows).y_N) == 6


def test_many_repeated_rows_of_ones_own_are_told_with_the_cure() -> None:
    mine: dict[str, Any] = {"name": "csv", "path": "t.csv", "target": "y"}
    few, many = np.arange(100.0)[:, None], np.arange(100.0)[:, None]
    few[95:], many[94:] = 0, 0
    for x, warnings in (
        (few, None),
        (many, [
            "6 of 100 rows (6%) repeat an earlier row in all inputs and the target, and are dropped. If they are different "
            "cases that look alike, use dataset.duplicates: keep."
        ]),
    ):  # fmt: skip
        assert chosen(section(**mine), rows_of(x, np.zeros(100))).facts.warnings == warnings
        assert chosen(section(**mine, duplicates="keep"), rows_of(x, np.zeros(100))).facts.warnings is None


def test_repeated_rows_are_pandas_repeated_rows(path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 6, 300), "b": rng.integers(0, 6, 300), "y": rng.integers(0, 2, 300)})
    data = prepared(path, frame)
    np.testing.assert_array_equal(data.rows.x, frame.drop_duplicates()[["a", "b"]])
    assert data.rows.facts.duplicates_dropped == frame.duplicated().sum() > 0


@pytest.mark.parametrize("shape", [(3, 5, 7), (4,), (2, 3), (1,)])
@pytest.mark.parametrize("kind", ["uint8", "float32", "int32"])
def test_rows_that_differ_in_any_bit_are_no_repeated_rows(shape: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (200, *shape)).astype(kind), rng.integers(0, 2, 200).astype("float32")
    x[100:] = x[rng.integers(0, 100, 100)]
    seen: dict[bytes, int] = {}
    for row in range(200):
        seen.setdefault(x[row].tobytes() + y[row].tobytes(), row)
    kept = chosen(section(name="wine"), Rows("table", x, y, ("a", "b")))
    np.testing.assert_array_equal(kept.x, x[sorted(seen.values())])


def test_rows_of_one_hash_are_compared_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pandas.util.hash_array", np.zeros_like)
    kept = chosen(section(name="wine"), rows_of([[1, 2], [1, 3], [1, 2], [1, 3]], [0, 0, 0, 0]))
    np.testing.assert_array_equal(kept.x[:2], [[1, 2], [1, 3]])


def test_rows_are_not_copied_where_all_stay() -> None:
    rows = rows_of(np.arange(100)[:, None], np.arange(100) % 2)
    assert chosen(section(name="wine"), rows).x is rows.x


def test_limits_draw_from_each_part_in_order() -> None:
    rows = rows_of(np.arange(100)[:, None], np.arange(100) % 2, test=30)
    drawn = chosen(section(name="wine", limit=20, test_limit=5, seed=3), rows)
    assert (len(drawn.y_N), drawn.test) == (25, 5)
    assert (drawn.x[:20] < 70).all() and (drawn.x[20:] >= 70).all() and (np.diff(drawn.x[:, 0]) > 0).all()
    assert len(chosen(section(name="wine", limit=20, test_size=0.5), rows).y_N) == 20
    assert len(chosen(section(name="wine", limit=10**6), rows).y_N) == 100


def test_a_limit_on_a_test_part_that_is_not_there_is_refused() -> None:
    x, y = np.arange(20)[:, None], np.arange(20) % 2
    with pytest.raises(SettingError, match=r"dataset\.test_limit is 5; .* since wine has none\. Use dataset\.limit"):
        chosen(section(name="wine", test_limit=5), rows_of(x, y))
    with pytest.raises(SettingError, match=r"since dataset\.test_size splits all rows anew"):
        chosen(section(name="wine", test_limit=5, test_size=0.3), rows_of(x, y, test=8))


def test_a_sets_own_parts_are_kept_unless_a_test_size_is_given() -> None:
    rows = rows_of(np.arange(40)[:, None], np.arange(40) % 2, test=10)
    train_SR, test_SR = splitting.split(section(name="wine"), rows, SEEDS).values()
    for rows_SR, own in ((train_SR, range(30)), (test_SR, range(30, 40))):
        assert sorted(rows_SR[0]) == list(own) != rows_SR[0].tolist()  # in random order
        assert rows_SR.tolist() == [rows_SR[0].tolist()] * 3
    anew = section(name="wine", test_size=0.5, resample=True)
    assert splitting.split(anew, rows, SEEDS)["val"].shape == (3, 20)
    three = splitting.split(section(name="wine", validation_size=0.2), rows, SEEDS)
    assert {part: rows_SR.shape for part, rows_SR in three.items()} == {
        "train": (3, 24),
        "val": (3, 6),
        "test": (3, 10),
    }
    assert three["test"].tolist() == test_SR.tolist()
    assert sorted([*three["train"][0], *three["val"][0]]) == list(range(30))
    with pytest.raises(SettingError, match=r"dataset\.resample is true; wine has a test part of its own"):
        splitting.split(section(name="wine", resample=True), rows, SEEDS)


def test_a_validation_part_beside_a_test_part_is_scikit_learns_split_of_the_training_rows(
    path: Path, frame: pd.DataFrame
) -> None:
    keys: dict[str, Any] = {"missing": "mean", "test_size": 0.3, "seed": 7}
    two, three = prepared(path, frame, **keys), prepared(path, frame, **keys, validation_size=0.25)
    first = two.train_SR[0]
    expected = train_test_split(first, test_size=0.25, random_state=7, stratify=frame["y"].to_numpy()[first])
    assert three.train_SR[0].tolist() == expected[0].tolist() and three.parts["val"][0].tolist() == expected[1].tolist()
    assert three.parts["test"].tolist() == two.parts["val"].tolist()
    assert (data_facts("", three).test_rows, data_facts("", two).test_rows) == (27, None)


@pytest.mark.parametrize(
    "keys",
    [{}, {"validation_size": 0.25}, {"validation_path": 1}, {"test_path": 1}, {"validation_path": 1, "test_path": 1}],
)
def test_the_config_says_as_the_data_do_whether_there_is_a_test_part(
    path: Path, frame: pd.DataFrame, keys: dict[str, Any]
) -> None:
    for key in (one for one in keys if one.endswith("_path")):
        keys = {**keys, key: str(path.with_name(f"{key}.csv"))}
        frame.assign(price=frame["price"] + len(key)).to_csv(keys[key], index=False)
    data = prepared(path, frame, missing="mean", **keys)
    dataset = section(name="csv", path=str(path), target="y", missing="mean", **keys)
    assert has_test_part(dataset) == ("test" in data.parts)


def test_groups_stay_on_one_side_of_all_three_parts(path: Path, frame: pd.DataFrame) -> None:
    frame["who"] = np.repeat(np.arange(18), 5)
    keys: dict[str, Any] = {"missing": "mean", "test_size": 0.3, "validation_size": 0.3, "group": "who"}
    parts = prepared(path, frame, **keys, resample=True).parts
    for row in range(len(SEEDS)):
        who = [set(frame["who"].to_numpy()[rows_SR[row]]) for rows_SR in parts.values()]
        assert len(who) == 3 and not (who[0] & who[1] or who[0] & who[2] or who[1] & who[2])


@pytest.mark.parametrize("stratify", [True, False])
def test_the_split_is_scikit_learns_and_resampled_from_the_datasets_seed_and_the_seeds(
    path: Path, frame: pd.DataFrame, stratify: bool
) -> None:
    keys: dict[str, Any] = {"missing": "mean", "test_size": 0.3, "stratify": stratify, "seed": 7}
    by = frame["y"] if stratify else None
    expected = train_test_split(np.arange(90), test_size=0.3, random_state=7, stratify=by)
    data = prepared(path, frame, **keys)
    assert data.train_SR.tolist() == [expected[0].tolist()] * 3
    assert data.parts["val"].tolist() == [expected[1].tolist()] * 3
    anew = prepared(path, frame, **keys, resample=True)
    for row, seed in enumerate(SEEDS):
        state = int(np.random.SeedSequence([7, seed]).generate_state(1)[0])
        expected = train_test_split(np.arange(90), test_size=0.3, random_state=state, stratify=by)
        np.testing.assert_array_equal(anew.parts["val"][row], expected[1])


def grouped(sizes: list[int]) -> pd.DataFrame:
    """Return a table of groups of these sizes, one behind the other."""
    a = np.arange(sum(sizes))
    return pd.DataFrame({"who": np.repeat(np.arange(len(sizes)), sizes), "a": a, "y": a % 2})


def test_groups_are_split_as_scikit_learn_does_in_random_order(path: Path) -> None:
    frame = grouped([5, 6] * 10)
    data, again = (prepared(path, frame, group="who") for _ in range(2))
    splitter = GroupShuffleSplit(1, test_size=0.2, random_state=42)
    for rows_SR, same, theirs_R in zip(
        data.parts.values(), again.parts.values(), next(splitter.split(frame, groups=frame["who"])), strict=True
    ):
        assert sorted(rows_SR[0]) == sorted(theirs_R) != rows_SR[0].tolist()
        assert rows_SR.tolist() == [rows_SR[0].tolist()] * 3 == same.tolist()


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [([5, 6] * 10, (83, 22)), ([6] * 20, (96, 24)), ([4] * 12 + [30], (33, 16))],
    ids=["nearly equal", "equal", "unequal"],
)
def test_groups_split_for_each_seed_are_cut_to_one_count_whatever_other_seeds_there_are(
    path: Path, sizes: list[int], counts: tuple[int, int]
) -> None:
    frame = grouped(sizes)
    frame.to_csv(path, index=False)
    keys = {"name": "csv", "path": str(path), "target": "y", "group": "who", "resample": True, "stratify": False}
    dataset = section(**keys)
    many, alone = (prepare(dataset, seeds).parts for seeds in (tuple(range(20)), (1,)))
    for part, count in zip(("train", "val"), counts, strict=True):
        assert many[part].shape == (20, count)
        assert alone[part].tolist() == [many[part][1].tolist()]
        assert all(rows_R.tolist() != sorted(rows_R) for rows_R in many[part])
    who = frame["who"].to_numpy()
    for train_R, test_R in zip(many["train"], many["val"], strict=True):
        assert not set(who[train_R]) & set(who[test_R])
        assert len(set(train_R)) == counts[0] and len(set(test_R)) == counts[1]


def test_groups_too_unequal_to_be_cut_for_each_seed_are_refused(path: Path) -> None:
    assert refused(path, grouped([4] * 10 + [70]), group="who", resample=True, stratify=False) == (
        "dataset.resample asks for a split for each seed. 19 of 110 rows would be left to train: the rest of a group "
        "that is cut is left out, and the largest group has 70 rows. "
        "Use dataset.resample: false, or smaller groups."
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "the set's own training and test part"),
        ({"validation_size": 0.25}, "the set's own training and test part, then 0.25 of the rest for validation"),
        ({"test_size": 0.3}, "stratified by class, 0.3 held out"),
        ({"test_size": 0.3, "stratify": False, "resample": True}, "random, 0.3 held out, a new split for every seed"),
        (
            {"validation_size": 0.25, "resample": "validation"},
            "the set's own training and test part, then 0.25 of the rest for validation, anew for every seed",
        ),
        (
            {"test_size": 0.3, "validation_size": 0.25, "resample": True},
            "stratified by class, 0.3 held out, then 0.25 of the rest for validation, a new split for every seed",
        ),
    ],
)
def test_the_rule_of_a_split_names_every_part_and_what_is_drawn_anew(keys: dict[str, Any], said: str) -> None:
    rows = rows_of(np.arange(40)[:, None], np.arange(40) % 2, test=10)
    assert rule(section(name="wine", **keys), rows) == said


# --- targets and columns ------------------------------------------------------------


def table_of(values: list[Any], count: int = 60) -> str:
    return "x,y\n" + "".join(f"{n},{values[n % len(values)]}\n" for n in range(count))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["01", "1"], ("01", "1")),
        (["007", "008"], ("007", "008")),
        (["0", "10", "9"], ("0", "9", "10")),
        (["-1", "1"], ("-1", "1")),
        (["1.0", "2.0"], ("1", "2")),
        (["0.5", "0"], None),
        ([str(n) for n in range(21)], None),
        (["01", "b2"], ("01", "b2")),
        (["true", "false"], ("False", "True")),
        (["é", "a b"], ("a b", "é")),
    ],
)
def test_classes_keep_the_names_they_have_in_the_file(path: Path, values: list[str], classes: Any) -> None:
    data = prepared(path, table_of(values))
    assert data.rows.classes == classes
    if classes is not None:
        named = [classes[int(y)].lower().removesuffix(".0") for y in data.rows.y_N[: len(values)]]
        assert named == [value.removesuffix(".0") for value in values]


@pytest.mark.parametrize(
    ("table", "keys", "message"),
    [
        (table_of([0, 1]), {"drop": ["y"]}, "dataset.drop is 'y', which is dataset.target too. Name another column."),
        (table_of([0, 1]), {"group": "y"}, "dataset.group is 'y', which is dataset.target too."),
        (table_of([0, 1]).replace(",", ";"), {}, "dataset.separator is ','; t.csv has only one column with it, 'x;y'. Expected two or more. Its first line holds ';': use dataset.separator: \";\"."),
        ("y\n0\n1\n", {}, "dataset.path is 't.csv'; it has a single column, 'y', so there is nothing to learn from. Expected a target column, and one or more other columns."),
        ("x,x,y\n1,2,0\n", {}, "dataset.path is 't.csv'; two columns are called 'x'. Rename one."),
        ("x,y\n1,2,0\n3,4,1\n", {}, "it is no table: its lines have more fields than its first line has names."),
        ("x,y\n1,\"0\n3,4\n", {}, "dataset.path is 't.csv'; t.csv:2: a quote is opened and not closed. Close it, or take it out."),
        (",x,y\n0,5,0\n1,6,1\n", {}, "dataset.drop does not list column 1, which has no name. A column without a name mostly counts the rows."),
        (table_of([0, 1]).replace("\n3,", "\noops,"), {}, "dataset holds 'oops' in t.csv:5, column 'x'; most cells of the column are numbers."),
        (table_of([n / 2 for n in range(60)]).replace(",1.5\n", ",bad\n"), {}, "dataset.target holds 'bad' in t.csv:5, column 'y'; most cells of the column are numbers."),
        (table_of([0, 1, "inf"]), {}, "dataset.target holds 'inf' in t.csv:4, column 'y'; expected a finite number. 20 rows hold it. Fix the file, or take that row out."),
        (table_of(["u", "v"]), {"task": "regression"}, "dataset.target holds 'u' in t.csv:2, column 'y'; expected a finite number."),
        ("x,y\n" + "".join(f"{2**55 + n},{n % 2}\n" for n in range(40)), {}, "does not list column 'x'; its numbers, from 3.6028797018964e+16 to"),
        ("x,y\n" + "".join(f"{1.7e9 + n:.1f},{n % 2}\n" for n in range(40)), {}, "from 1700000000 to 1700000039, lie too close together for float32"),
        ("x,y\n" + "".join(f"{n},{1700000000 + 5 * n}\n" for n in range(50)), {}, "dataset.target is 'y'; its numbers, from 1700000000 to 1700000245, lie too close together for float32 to tell apart. Subtract the lowest from all."),
        ("x,y\n" + "".join(f"{n}e30,{n % 2}\n" for n in range(40)), {}, "dataset holds '1e+30' in t.csv:3, column 'x'; expected a finite number of at most 1e+18."),
        ("d,y\n" + "".join(f"2024-01-{n + 1:02d},{n % 2}\n" for n in range(28)), {}, "it holds dates or times with 28 different values, such as '2024-01-01' in t.csv:2; expected 20 or fewer."),
        ("x,y\n1,0\n2,1\n,0\n\n3,1\n4,0\n", {}, "dataset.missing is refuse; t.csv:4 has no value in column 'x' (1 row has none)."),
    ],
)  # fmt: skip
def test_a_table_that_would_mislead_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, keys: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(Path("t.csv"), table, **keys)


CULPRIT = [f"{n / 2}" for n in range(60)]
CULPRIT[1], CULPRIT[5] = "N/A", "unknown"
WITH_COMMA = [cell.replace(".", ",") for cell in CULPRIT]
COMMA = {"separator": ";", "decimal": ","}
CURE = (
    "Fix the file, with an empty cell for an unknown number, name the cell in dataset.na_values if it means a missing "
    "value, or name the column in"
)
CURE_OF_TARGET = "Fix the file, take that row out, or give dataset.task: classification."


@pytest.mark.parametrize(
    ("table", "keys", "message"),
    [
        ("x,y\n" + "".join(f"{cell},{n % 2}\n" for n, cell in enumerate(CULPRIT)), {"missing": "mean"},
         f"dataset holds 'unknown' in t.csv:7, column 'x'; most cells of the column are numbers. {CURE}"),
        ("x,y\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(CULPRIT)), {},
         f"dataset.target holds 'unknown' in t.csv:7, column 'y'; most cells of the column are numbers. {CURE_OF_TARGET}"),
        ("x,y\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(CULPRIT)), {"task": "regression"},
         "dataset.target holds 'unknown' in t.csv:7, column 'y'; expected a finite number."),
        ("x;y\n" + "".join(f"{cell};{n % 2}\n" for n, cell in enumerate(WITH_COMMA)), {**COMMA, "missing": "mean"},
         f"dataset holds 'unknown' in t.csv:7, column 'x'; most cells of the column are numbers. {CURE}"),
        ("x;y\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(WITH_COMMA)), COMMA,
         f"dataset.target holds 'unknown' in t.csv:7, column 'y'; most cells of the column are numbers. {CURE_OF_TARGET}"),
        ("x;y\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(WITH_COMMA)), {**COMMA, "task": "regression"},
         "dataset.target holds 'unknown' in t.csv:7, column 'y'; expected a finite number."),
        ("x;z;y\nkg;m;-\n" + "".join(f"{n},5;{n},25;{'ab'[n % 2]}\n" for n in range(60)), COMMA,
         "t.csv:2 holds no numbers above columns of numbers. It may be a second line of names or of units."),
    ],
)  # fmt: skip
def test_the_cell_that_is_no_number_is_named_and_not_a_word_for_a_missing_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, keys: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(Path("t.csv"), table, **keys)


@pytest.mark.parametrize(("mark", "keys"), [(".", {"separator": ";"}), (",", COMMA)])
def test_categories_that_seem_to_be_numbers_are_warned_of_with_the_culprit(
    path: Path, mark: str, keys: dict[str, Any]
) -> None:
    cells = ["N/A", "unknown", *(f"{n % 5}{mark}5" for n in range(60))]
    text = "x;y\n" + "".join(f"{cell};{n % 2}\n" for n, cell in enumerate(cells))
    data = prepared(path, text, duplicates="keep", **keys)
    assert data.rows.facts.warnings == [
        "column 'x' holds numbers, and in 1 row something else, such as 'unknown'; it is read as categories. Empty these "
        "cells, or name them in dataset.na_values, to have numbers, or name the column in dataset.categories."
    ]
    text = path.read_text()
    assert prepared(path, text, **keys, na_values=["unknown"], missing="mean").rows.columns == ("x",)


def test_a_byte_order_mark_quoted_lines_and_booleans_are_read(path: Path) -> None:
    lines = [f'{n},"a\nb{n % 2}",{n % 3 == 0},{n % 2}' for n in range(30)]
    data = prepared(path, "\ufeffx,text,flag,y\n" + "\n".join(lines))
    n = np.arange(30)
    expected = np.stack([n, n % 2 == 0, n % 2 == 1, n % 3 != 0, n % 3 == 0], axis=1).astype("float32")
    np.testing.assert_array_equal(data.rows.x, expected)
    assert data.rows.numeric == 1


def test_a_missing_category_is_a_value_of_its_own(path: Path) -> None:
    data = prepared(path, "town,y\n" + "Rome,1\n,0\nOslo,1\n" * 9, duplicates="keep")
    np.testing.assert_array_equal(data.rows.x[:3], [[0, 1, 0], [0, 0, 1], [1, 0, 0]])


# --- Parquet and OpenML -------------------------------------------------------------


def parquet(path: Path, **columns: Any) -> Data:
    frame = pd.DataFrame({"a": np.arange(40), "y": np.arange(40) % 2, **columns})
    frame.index = pd.Index(np.arange(40) * 7)
    frame.to_parquet(path)
    return prepare(section(name="parquet", path=str(path), target="y"), SEEDS)


def test_parquet_knows_decimals_and_categories_and_no_row_numbers(tmp_path: Path) -> None:
    money = [Decimal(n) / 4 for n in range(40)]
    data = parquet(
        tmp_path / "t.parquet", b=money, c=pd.Categorical(list("vu") * 20), d=pd.array([True, False] * 20, "boolean")
    )
    expected = [[0, 0, 0, 1, 0, 1], [1, 0.25, 1, 0, 1, 0]]
    np.testing.assert_array_equal(data.rows.x[:2], expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2]] * 40, "concerns column 'b', which holds ndarray in its first row; expected one number or text in each row."),
        (pd.date_range("2020", periods=40), "it holds dates or times with 40 different values, such as '2020-01-01 00:00:00' in "),
        (np.where(np.arange(40) == 3, np.inf, 1), "t.parquet (counted from 0), column 'b'; expected a finite number."),
    ],
)  # fmt: skip
def test_columns_that_are_no_numbers_are_refused(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(SettingError) as raised:
        parquet(tmp_path / "t.parquet", b=values)
    assert message in str(raised.value)


def test_a_set_of_openml_is_read_from_scikit_learns_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    lines = [f"{n},{'xyz'[n % 3]},{'no' if n % 2 else 'yes'}" for n in range(30)]
    arff = "@relation t\n@attribute a numeric\n@attribute b {x,y,z}\n@attribute c {yes,no}\n@data\n" + "\n".join(lines)
    address = "https://www.openml.org/data/v1/download/7/t.arff"
    about = {"name": "t", "status": "active", "format": "ARFF", "url": address, "licence": "CC0", "version": "1",
             "md5_checksum": hashlib.md5(arff.encode()).hexdigest(), "file_id": "7", "id": "7", "description": ""}  # fmt: skip
    kinds = {"a": "numeric", "b": "nominal", "c": "nominal"}
    columns = [
        {"index": str(n), "name": name, "data_type": kind, "is_target": str(name == "c").lower(), "is_ignore": "false",
         "is_row_identifier": "false", "number_of_missing_values": "0"} for n, (name, kind) in enumerate(kinds.items())
    ]  # fmt: skip
    listed = json.dumps({"data": {"dataset": [{"did": 7, "name": "t", "version": 1, "status": "active"}]}})
    for place, content in {
        "api/v1/json/data/list/data_name/t/limit/2/data_version/1": listed,
        "api/v1/json/data/list/data_name/t/limit/2/status/active/": listed,
        "api/v1/json/data/7": json.dumps({"data_set_description": about}),
        "api/v1/json/data/features/7": json.dumps({"data_features": {"feature": columns}}),
        "api/v1/json/data/qualities/7": json.dumps({"data_qualities": {"quality": []}}),
        "data/v1/download/7/t.arff": arff,
    }.items():
        file = tmp_path / "openml" / "openml.org" / f"{place}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content.encode()))
    data = prepare(section(name="openml", id=7), SEEDS)
    assert (data.rows.classes, data.rows.facts.licence, data.rows.facts.title) == (("no", "yes"), "CC0", "t")
    np.testing.assert_array_equal(data.rows.x[:3], [[0, 1, 0, 0], [1, 0, 1, 0], [2, 0, 0, 1]])
    assert prepare(section(name="openml", id=7, target="a", drop=["c"]), SEEDS).task == "regression"
    named = prepare(section(name="openml", data_name="t", version=1), SEEDS)
    np.testing.assert_array_equal(named.rows.x, data.rows.x)
    assert named.rows.facts.openml_id == data.rows.facts.openml_id == 7
    np.testing.assert_array_equal(prepare(section(name="openml", data_name="t"), SEEDS).rows.x, data.rows.x)


def test_a_set_that_openml_does_not_bring_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(request: Any) -> None:
        raise URLError("no network")

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr("sklearn.datasets._openml.urlopen", unreachable)
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)  # between its tries
    with pytest.warns(UserWarning, match="A network error"), pytest.raises(SettingError) as raised:
        prepare(section(name="openml", id=8), SEEDS)
    with (
        pytest.warns(UserWarning, match="A network error"),
        pytest.raises(SettingError, match=r"data_name is t; OpenML"),
    ):
        prepare(section(name="openml", data_name="t"), SEEDS)
    assert str(raised.value) == (
        "dataset.id is 8; OpenML did not deliver it: <urlopen error no network>. Look it up on openml.org. Its first use "
        "needs an internet connection."
    )


def test_text_dates_that_are_taken_for_categories_are_warned_of_and_all_cures_work(path: Path) -> None:
    lines = "".join(f"{n}.5,2024-01-{n * 7 % 12 + 1:02d},{n % 2}\n" for n in range(60))
    text = f"x,day,y\n{lines}"
    assert prepared(path, text).rows.facts.warnings == [
        "column 'day' holds dates or times, such as '2024-01-01'. Each of its 12 values is read as a category, without any "
        "order. Name it in dataset.dates to have its years, months, days and weekdays, leave it out (dataset.drop), or name "
        "it in dataset.categories."
    ]
    for keys in ({"drop": ["day"]}, {"categories": ["day"]}, {"dates": ["day"]}):
        assert prepared(path, text, **keys).rows.facts.warnings == []


def test_many_whole_numbers_that_are_taken_for_classes_are_warned_of_and_both_cures_work(path: Path) -> None:
    text = "x,age\n" + "".join(f"{n}.5,{20 + n % 15}\n" for n in range(150))
    keys = {"target": "age", "duplicates": "keep"}
    data = prepared(path, text, **keys)
    assert (data.task, data.rows.facts.warnings) == ("multiclass", [
        "dataset.target 'age' holds 15 different whole numbers. Each is read as a class, without any order. Use "
        "dataset.task: regression if they are quantities, or dataset.task: classification if they are classes."
    ])  # fmt: skip
    for task, found in (("regression", "regression"), ("classification", "multiclass")):
        told = prepared(path, text, task=task, **keys)
        assert (told.task, told.rows.facts.warnings) == (found, [])


def test_rows_of_more_numbers_than_a_piece_are_compared_and_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    from bnexp.data import preprocessing, stored_rows
    from bnexp.data import rows as rows_module

    for module in (rows_module, stored_rows, preprocessing):
        monkeypatch.setattr(module, "PIECE", 4)
    x_NF = np.arange(40, dtype="float32").reshape(5, 8)
    x_NF[3] = x_NF[1]
    given = Rows("image", x_NF.reshape(5, 2, 2, 2), np.array([0, 1, 0, 1, 0], "float32"), ("a", "b"))
    assert rows_module._first_equal(given).tolist() == [0, 1, 2, 1, 4]
    part = preprocessing._Part(given.x, np.array([0, 2], "int32"))
    assert [len(piece) for piece in part.pieces()] == [1, 1]


def test_the_channels_of_images_are_scaled_by_all_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they are gone through in pieces, some are missing, and a position has none."""
    from bnexp.data import preprocessing

    monkeypatch.setattr(preprocessing, "PIECE", 12)
    x_N = np.random.default_rng(0).normal([3, -200], [1, 30], (40, 2, 3, 2)).astype("float32")
    x_N[::3, 0, 1] = np.nan
    x_N[:, 1, 2, 0] = np.nan
    rows_R = np.arange(5, 40, dtype="int32")
    mean, deviation = preprocessing._moments(preprocessing._Part(x_N, rows_R))
    expected = x_N[rows_R].astype("float64")
    np.testing.assert_allclose(mean, np.nanmean(expected, axis=(0, 1, 2), keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(deviation, np.nanstd(expected, axis=(0, 1, 2), keepdims=True), rtol=1e-13)
