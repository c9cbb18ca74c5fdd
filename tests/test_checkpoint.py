"""A checkpoint is read back whole, or refused: nothing that is damaged becomes a number."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from bnexp.checkpoint import CheckpointError, Head, Snapshot, read, read_head, write_to

HEAD = Head(
    run="a-1",
    config_digest="ab",
    processor="cd",
    finished=[],
    epoch=2,
    epochs=5,
    seeds_finished=0,
    seeds=3,
    together=3,
    seconds=1.5,
    engine={"engine": "many_seeds", "epoch": 2},
)
ARRAYS: dict[str, Any] = {
    "weights/0": np.arange(6, dtype="float32").reshape(2, 3),
    "weights/1": np.array([True, False]),
    "count": np.array(7, "int64"),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "none": np.empty((0, 4)),
}


def content(head: Head = HEAD, arrays: dict[str, Any] | None = None) -> bytes:
    file = io.BytesIO()
    write_to(file, head, (ARRAYS if arrays is None else arrays).items())
    return file.getvalue()


def test_a_checkpoint_is_read_back_as_it_was_written_and_numpy_reads_it_too(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content())
    head, arrays = read(path)
    assert head == HEAD and read_head(path) == HEAD
    assert list(arrays) == list(ARRAYS)
    with np.load(path, allow_pickle=False) as loaded:
        for name, expected in ARRAYS.items():
            for found in (arrays[name], loaded[name]):
                assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
                np.testing.assert_array_equal(found, expected)
    assert content() == path.read_bytes(), "equal numbers are equal bytes"


def test_numbers_that_numpy_does_not_know_come_back_as_they_were() -> None:
    value = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    file = io.BytesIO(content(arrays={"a": value}))
    with zipfile.ZipFile(file) as archive:
        bits = np.load(io.BytesIO(archive.read("a.npy")), allow_pickle=False)
    assert bits.dtype == np.dtype("uint16")
    found = Snapshot({}, {"a": bits}).take("a", value)
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


def test_an_array_that_is_not_there_and_a_number_of_epochs_that_is_none_are_told() -> None:
    snapshot = Snapshot({"wait": 3, "odd": True, "text": "3"}, {"a": np.ones(2)})
    assert snapshot.taken("a").tolist() == [1, 1]
    with pytest.raises(CheckpointError, match=r"^a is missing$"):
        snapshot.taken("a")
    assert snapshot.epochs("wait", 3) == 3
    for name, most, seen in (("wait", 2, "3"), ("odd", 3, "True"), ("text", 3, "'3'"), ("none", 3, "None")):
        with pytest.raises(CheckpointError) as raised:
            snapshot.epochs(name, most)
        assert str(raised.value) == f"{name} is {seen}; expected a number of epochs from 0 to {most}"


def test_whatever_byte_is_damaged_no_number_changes(tmp_path: Path) -> None:
    path, whole = tmp_path / "checkpoint.npz", content()
    refusals = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            head, arrays = read(path)
        except CheckpointError:
            refusals += 1
            continue
        assert head == HEAD, "as where the archive tells a time"
        for name, expected in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], expected)
    assert refusals > len(whole) / 3 / 2


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_part_of_a_checkpoint_is_refused(tmp_path: Path, share: float) -> None:
    path, whole = tmp_path / "checkpoint.npz", content()
    path.write_bytes(whole[: int(share * len(whole))])
    for reading in (read, read_head):
        with pytest.raises(CheckpointError, match=r"^it is not a complete checkpoint \("):
            reading(path)


def rewritten(path: Path, replaced: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a checkpoint in which some members have another content, and the digest is as before."""
    with zipfile.ZipFile(io.BytesIO(content())) as old, zipfile.ZipFile(path, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, replaced.get(name, old.read(name)))
    return path


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    return file.getvalue()


def huge() -> bytes:
    return with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }")


def with_header(header: bytes) -> bytes:
    """Return an array with this header and no numbers."""
    return b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"count.npy": pickled()},
            "it is not a complete checkpoint (Object arrays cannot be loaded when allow_pickle=False)",
        ),
        ({"count.npy": b"no array"}, "it is not a complete checkpoint"),
        ({"count.npy": huge()}, "it takes more memory than there is"),
        ({"count.npy": with_header(b"{'shape': (0L, 5")}, "it is not a complete checkpoint"),
        (
            {"sha256": b"0" * 64},
            "it is not a complete checkpoint (the sha256 of its content differs from the stored one)",
        ),
        ({"head.json": b"{}"}, "head.json has a wrong run: Field required"),
        ({"head.json": b"[" * 100_000}, "head.json has a wrong text: Invalid JSON"),
        ({"head.json": b'{"format": 2}'}, "head.json has a wrong format: Input should be 1"),
    ],
)
def test_what_no_bnexp_wrote_is_refused(tmp_path: Path, replaced: dict[str, bytes], message: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        read(rewritten(tmp_path / "checkpoint.npz", replaced))
    assert str(raised.value).startswith(message)


def test_a_compressed_one_which_could_take_any_amount_of_memory_is_refused(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "checkpoint.npz", {}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"'weights/0\.npy' in it is compressed"):
        read(path)
    with pytest.raises(CheckpointError, match=r"head\.json is compressed or too large"):
        read_head(path)


@pytest.mark.parametrize(
    ("together", "finished", "epoch", "place"),
    [
        (3, 0, 2, "epoch 2 of 5"),
        (1, 2, 2, "epoch 2 of 5, with 2 of 3 seeds finished"),
        (1, 1, 0, "epoch 0 of 5, with 1 of 3 seeds finished"),
    ],
)
def test_a_head_says_how_far_the_training_is(together: int, finished: int, epoch: int, place: str) -> None:
    changed = {"together": together, "seeds_finished": finished, "epoch": epoch}
    assert HEAD.model_copy(update=changed).place == place
