"""rows.npz: what is written is read back, and what is damaged or hostile is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnexp import held_out
from bnexp.errors import RunError
from bnexp.held_out import HeldOut, PartRows, from_npz, joined

SEEDS, ROWS = 3, 5
DRAWS = np.random.default_rng(0)


def part(*, seeds: int = SEEDS, shared: bool = True, classes: int = 2) -> PartRows:
    rows_SR = np.array([np.arange(ROWS) + (0 if shared else seed) for seed in range(seeds)], "int32")
    shape = (seeds, ROWS) if classes == 2 else (seeds, ROWS, classes)
    measures: dict[str, Any] = {
        "loss": DRAWS.random((seeds, ROWS)).astype("float32"),
        "accuracy": DRAWS.random((seeds, ROWS)) > 0.5,
        "predicted": DRAWS.random(shape).astype("float32" if classes == 2 else "float16"),
    }
    return PartRows(rows_SR, (rows_SR % 2).astype("float32"), rows_SR // 2, rows_SR % 2 == 0, measures)


def assert_equal(one: HeldOut, other: HeldOut) -> None:
    assert (one.seeds, one.parts.keys()) == (other.seeds, other.parts.keys())
    for name, rows in one.parts.items():
        for kind in ("rows_SR", "target_SR", "groups_SR", "guessed_SR"):
            np.testing.assert_array_equal(getattr(rows, kind), getattr(other.parts[name], kind))
        assert rows.measures.keys() == other.parts[name].measures.keys()
        for kind, values in rows.measures.items():
            np.testing.assert_array_equal(values, other.parts[name].measures[kind])
            assert values.dtype == other.parts[name].measures[kind].dtype


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("classes", [2, 4])
def test_what_is_written_is_read_back_and_the_same_numbers_are_the_same_bytes(shared: bool, classes: int) -> None:
    whole = HeldOut((4, 0, 7), {"val": part(shared=shared, classes=classes), "test": part(classes=classes)})
    assert_equal(from_npz(whole.to_npz(), "x"), whole)
    assert whole.to_npz() == whole.to_npz()


def test_rows_that_all_seeds_share_are_written_once() -> None:
    with np.load(io.BytesIO(HeldOut((0, 1, 2), {"val": part()}).to_npz())) as file:
        assert file["val_rows"].shape == file["val_target"].shape == (1, ROWS)
        assert file["val_loss"].shape == (SEEDS, ROWS)


def test_seeds_are_chosen_by_name_in_the_order_asked_for_and_waves_are_joined() -> None:
    first, second = HeldOut((0, 1, 2), {"val": part()}), HeldOut((3, 4, 5), {"val": part()})
    both = joined([first, second])
    assert both.seeds == (0, 1, 2, 3, 4, 5)
    chosen = both.of((4, 0))
    np.testing.assert_array_equal(chosen.parts["val"].measures["loss"][0], second.parts["val"].measures["loss"][1])
    np.testing.assert_array_equal(chosen.parts["val"].measures["loss"][1], first.parts["val"].measures["loss"][0])


def test_a_metric_is_the_mean_of_what_its_rows_measured() -> None:
    whole = HeldOut((0, 1, 2), {"val": part()})
    rows = whole.parts["val"]
    error_SR = rows.measures["predicted"].astype("float64") - rows.target_SR
    for metric, expected in (
        ("val_loss", rows.measures["loss"]),
        ("val_accuracy", rows.measures["accuracy"]),
        ("val_mse", error_SR**2),
        ("val_mae", abs(error_SR)),
    ):
        np.testing.assert_allclose(whole.values(metric), expected)
    for metric in ("val_r2", "test_loss", "loss", "train_accuracy"):
        assert whole.values(metric) is None


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return the content of a good file with its arrays changed."""
    with np.load(io.BytesIO(HeldOut((0, 1, 2), {"val": part()}).to_npz())) as file:
        arrays = dict(file)
    change(arrays)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("seeds"), "seeds is not a list of different whole numbers"),
        (lambda arrays: arrays.update(seeds=np.array([0, 0, 1])), "seeds is not a list of different whole numbers"),
        (lambda arrays: arrays.pop("val_loss"), "val_loss is missing"),
        (lambda arrays: arrays.update(val_loss=arrays["val_loss"][:2]), r"val_loss has the shape \(2, 5\)"),
        (lambda arrays: arrays.update(val_rows=arrays["val_rows"][:, :2]), r"val_rows has the shape \(1, 2\)"),
        (
            lambda arrays: arrays.update(val_accuracy=arrays["val_loss"]),
            "val_accuracy is no known array, or has the wrong type of numbers",
        ),
        (lambda arrays: arrays.update(val_loss=np.array([[None] * ROWS] * SEEDS)), "Object arrays cannot be loaded"),
        (
            lambda arrays: arrays.update(nonsense=np.arange(3)),
            "nonsense is no known array, or has the wrong type of numbers",
        ),
        (lambda arrays: arrays.update(val_loss=np.float32(1)), r"val_loss has the shape \(\); expected seeds x rows"),
        (lambda arrays: arrays.update(val_loss=np.ones(SEEDS, "f4")), r"val_loss has the shape \(3,\); expected"),
        (
            lambda arrays: arrays.update({name: values[:, :0] for name, values in arrays.items() if "_" in name}),
            r"has the shape \(1, 0\); expected seeds x rows",
        ),
        (
            lambda arrays: arrays.update(val_loss=np.full((SEEDS, ROWS), 1e300)),
            "val_loss has float64 numbers; expected float32 or float16",
        ),
        (
            lambda arrays: [arrays.pop("val_accuracy"), arrays.update(val_predicted=np.ones((SEEDS, ROWS, 4), "f2"))],
            r"val_predicted has the shape \(3, 5, 4\)",
        ),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(change: Callable[[dict[str, Any]], Any], message: str) -> None:
    with pytest.raises(RunError, match=rf"^rows\.npz: not the rows of a run \(.*{message}") as caught:
        from_npz(changed(change), "rows.npz")
    assert str(caught.value).endswith("Restore the file, or train again.")


@pytest.mark.parametrize("content", [b"", b"no zip", HeldOut((0,), {"val": part(seeds=1)}).to_npz()[:-40]])
def test_what_is_no_npz_or_cut_off_is_refused(content: bytes) -> None:
    with pytest.raises(RunError, match=r"^rows\.npz: not the rows of a run"):
        from_npz(content, "rows.npz")


def archive(member: bytes, compression: int = zipfile.ZIP_STORED, name: str = "val_loss.npy") -> bytes:
    """Return an archive of one member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        file.writestr(name, member)
    return content.getvalue()


def array(shape: str) -> bytes:
    """Return an array as NumPy writes it, with this text as its shape and no numbers."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def marked(content: bytes, at: int, value: int) -> bytes:
    """Return an archive with two bytes of both headers of its first member changed, `at` counted in the local one."""
    central = content.index(b"PK\x01\x02") + 2
    changed = bytearray(content)
    for place in (at, central + at):
        changed[place : place + 2] = value.to_bytes(2, "little")
    return bytes(changed)


GOOD = array("(0, 5)}")
LZMA = archive(GOOD, zipfile.ZIP_LZMA)
HOSTILE = {
    "compressed in an unknown way": (marked(archive(GOOD), 8, 99), "That compression method is not supported"),
    "encrypted": (marked(archive(GOOD), 6, 1), "File 'val_loss.npy' is encrypted, password required for extraction"),
    "broken LZMA": (LZMA[:46] + b"\xff" + LZMA[47:], "Invalid or unsupported options"),
    "terabytes": (archive(array(f"({2**50}, 5)}}")), "it takes more memory than there is"),
    "more than there are addresses": (archive(array(f"({10**30}, 5)}}")), ""),
    "a broken header": (archive(array("(0L, 5")), ""),
    "no array": (archive(b"hello"), "val_loss is no array"),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE)
def test_an_archive_that_no_bnexp_wrote_is_refused_whatever_is_wrong_with_it(content: bytes, message: str) -> None:
    with pytest.raises(RunError) as caught:
        from_npz(content, "rows.npz")
    assert str(caught.value).startswith(f"rows.npz: not the rows of a run ({message}")


def test_whatever_bytes_are_damaged_the_file_is_read_or_refused() -> None:
    whole, draws = HeldOut((0, 1, 2), {"val": part()}).to_npz(), np.random.default_rng(1)
    for _ in range(300):
        content = bytearray(whole)
        for place in draws.integers(0, len(whole), int(draws.integers(1, 4))):
            content[place] = draws.integers(0, 256)
        try:
            from_npz(bytes(content), "rows.npz")
        except RunError as error:
            assert str(error).startswith("rows.npz: not the rows of a run (")


def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("val_loss.npy", bytes(2**20))
    monkeypatch.setattr(held_out, "MOST_BYTES", 2**20 - 1)
    with pytest.raises(RunError, match="it would take 1 MiB of memory"):
        from_npz(content.getvalue(), "rows.npz")


def test_rows_contradict_a_final_accuracy_that_is_more_than_a_row_away() -> None:
    """A single row may be rounded otherwise. A seed without a value, or without rows, says nothing."""
    rows = HeldOut((4, 0, 7), {"val": part()})
    means = rows.values("val_accuracy")
    assert means is not None
    whole = means.mean(axis=1).tolist()
    finals = {"val_accuracy": [*whole, 0.123], "val_loss": [9.0] * 4, "train_accuracy": [0.5] * 4}
    assert rows.contradiction((4, 0, 7, 8), finals) is None
    for off, is_told in ((0.9 / ROWS, False), (1.1 / ROWS, True)):
        seen = rows.contradiction((4, 0, 7), {"val_accuracy": [whole[0], whole[1] - off, whole[2]]})
        said = f"the rows of seed 0 have {whole[1]:.6g} in val_accuracy, and its final value is {whole[1] - off:.6g}"
        assert seen == (said if is_told else None)
    for missing in (None, float("nan")):
        assert rows.contradiction((4, 0, 7), {"val_accuracy": [whole[0], missing, whole[2]]}) is None
