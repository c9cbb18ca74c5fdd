"""Images of every depth and mode against NumPy and Pillow: nothing is lost in silence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.errors import SettingError

RNG = np.random.default_rng(0)


def read(folder: Path, **keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python({"name": "image_folder", "path": str(folder), **keys}), (0, 1))


def refused(folder: Path, **keys: Any) -> list[str]:
    with pytest.raises(SettingError) as raised:
        read(folder, **keys)
    return [f"{key} {text}" for key, text in raised.value.problems]


def warnings(data: Data) -> list[str]:
    return list(data.rows.facts.warnings or ())


def fill(folder: Path, drawn: Callable[[int], Image.Image], ending: str = "png", count: int = 14) -> list[Image.Image]:
    """Images in two classes, in the order in which they are read."""
    images = []
    for number in range(2 * count):
        (folder / "ab"[number // count]).mkdir(parents=True, exist_ok=True)
        images.append(drawn(number))
        images[-1].save(folder / "ab"[number // count] / f"{number:03d}.{ending}")
    return images


def test_images_of_16_bits_keep_all_their_levels_however_few_bits_are_used(tmp_path: Path) -> None:
    levels = RNG.integers(0, 4096, (28, 6, 5)).astype("u2")
    fill(tmp_path, lambda number: Image.fromarray(levels[number]))
    data = read(tmp_path, color="grayscale")
    assert data.rows.x.shape == (28, 6, 5, 1) and warnings(data) == []
    np.testing.assert_array_equal(np.rint(data.rows.x[..., 0] * 257), levels)
    seen = data.inputs(0, data.train_SR[0])
    assert seen.min() == 0 and seen.max() == 1 and len(np.unique(seen)) == len(np.unique(levels[data.train_SR[0]]))
    np.testing.assert_array_equal(read(tmp_path).rows.x, np.repeat(data.rows.x, 3, axis=3))
    assert read(tmp_path, size=[3, 3]).rows.x.shape == (28, 3, 3, 3)


def test_images_of_8_bits_stay_bytes_and_beside_16_bits_keep_their_values(tmp_path: Path) -> None:
    bytes_NHW = RNG.integers(0, 256, (28, 6, 5)).astype("u1")
    fill(tmp_path, lambda number: Image.fromarray(bytes_NHW[number]))
    assert read(tmp_path).rows.x.dtype == np.dtype("uint8")
    Image.fromarray(bytes_NHW[3].astype("u2") * 257).save(tmp_path / "a" / "003.png")
    data = read(tmp_path, color="grayscale", duplicates="keep")
    np.testing.assert_array_equal(data.rows.x[..., 0], bytes_NHW)
    assert warnings(data) == [
        "1 of 28 images have 16 bits and the others 8. Both are read as 0 to 255; they look alike only if the 16 bits are "
        "used in full."
    ]


def test_images_of_floats_are_read_as_they_are(tmp_path: Path) -> None:
    floats = RNG.normal(size=(28, 6, 5)).astype("f4")
    fill(tmp_path, lambda number: Image.fromarray(floats[number]), "tif")
    np.testing.assert_array_equal(read(tmp_path, color="grayscale").rows.x[..., 0], floats)
    floats[5, 1, 2] = np.nan
    Image.fromarray(floats[5]).save(tmp_path / "a" / "005.tif")
    assert refused(tmp_path) == [
        f"dataset.path holds {tmp_path}/a/005.tif, which cannot be read as an image: its pixels are not numbers, "
        "or above 1e+18. Fix it or remove it."
    ]


def glyph(number: int, ink: int, *, mode: str = "RGBA") -> Image.Image:
    alpha = np.random.default_rng(number).choice([0, 255], (6, 5)).astype("u1")
    image = Image.fromarray(np.dstack([np.full((6, 5, 3), ink, "u1"), alpha]))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_images_that_are_black_on_transparent_are_put_on_white_and_that_is_told(tmp_path: Path, mode: str) -> None:
    fill(tmp_path, lambda number: glyph(number, 0, mode=mode))
    data = read(tmp_path, color="grayscale")
    alpha = np.stack([np.asarray(glyph(number, 0).getchannel("A")) for number in range(28)])
    np.testing.assert_array_equal(data.rows.x[..., 0], 255 - alpha)
    assert warnings(data) == [
        f"28 of 28 images, such as {tmp_path}/a/000.png, are black on a transparent background, so that they are "
        "invisible on black. All transparent images are put on white instead."
    ]


def test_images_that_show_on_black_stay_on_black(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: glyph(number, 255))
    data = read(tmp_path, color="grayscale")
    np.testing.assert_array_equal(data.rows.x[7, ..., 0], np.asarray(glyph(7, 255).getchannel("A")))
    assert warnings(data) == []


def test_images_that_show_on_no_one_ground_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: glyph(number, 255 * (number % 2)))
    assert refused(tmp_path) == [
        f"dataset.path holds {tmp_path}/a/000.png, black on a transparent background, and {tmp_path}/a/001.png, white on a "
        "transparent background. No single background shows both. Give each file an opaque background, for example with `mogrify -background gray -flatten FILE`."
    ]


def test_a_palette_with_a_transparent_colour_is_put_on_black(tmp_path: Path) -> None:
    def drawn(number: int) -> Image.Image:
        image = Image.fromarray(np.random.default_rng(number).integers(0, 3, (6, 5)).astype("u1"), "L").convert("P")
        image.putpalette([200, 100, 50, 10, 20, 30, 0, 0, 255])
        return image

    images = fill(tmp_path / "whole", drawn)
    for number, image in enumerate(images):
        place = tmp_path / "clear" / "ab"[number // 14]
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{number:03d}.png", transparency=0)
    whole, clear = read(tmp_path / "whole").rows.x, read(tmp_path / "clear").rows.x
    ground = (whole == [200, 100, 50]).all(axis=3, keepdims=True)
    np.testing.assert_array_equal(clear, np.where(ground, 0, whole))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_their_exif_says(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    images = fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (6, 4, 3)).astype("u1")))
    for number, image in enumerate(images):
        image.save(tmp_path / "ab"[number // 14] / f"{number:03d}.png", exif=exif)
    seen = read(tmp_path).rows.x
    assert seen.shape[1:3] == ((4, 6) if orientation > 4 else (6, 4))
    with Image.open(tmp_path / "a" / "003.png") as image:
        np.testing.assert_array_equal(seen[3], np.asarray(ImageOps.exif_transpose(image)))


def test_exif_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (6, 4, 3)).astype("u1")), "jpg")
    before = read(tmp_path).rows.x
    content = (tmp_path / "a" / "003.jpg").read_bytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(9)
    (tmp_path / "a" / "003.jpg").write_bytes(
        content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:]
    )
    np.testing.assert_array_equal(read(tmp_path).rows.x, before)


def test_pictures_that_are_not_read_are_told(tmp_path: Path) -> None:
    drawn = lambda number: Image.fromarray(RNG.integers(0, 256, (6, 4)).astype("u1"))  # noqa: E731
    fill(tmp_path, drawn)
    drawn(0).save(tmp_path / "b" / "x.gif", save_all=True, append_images=[drawn(1), drawn(2)])
    assert warnings(read(tmp_path)) == [
        f"1 of 29 files hold several pictures, such as {tmp_path}/b/x.gif with 3. Only the first of each is read. Save the "
        "others as separate files if you want to use them."
    ]


def test_colours_of_16_bits_are_told(tmp_path: Path) -> None:
    import struct
    import zlib

    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (6, 4, 3)).astype("u1")))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RNG.integers(0, 4096, (6, 12)))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 4, 6, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    written = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    (tmp_path / "b" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + written)
    (told,) = warnings(read(tmp_path))
    assert told == (
        f"1 of 29 images, such as {tmp_path}/b/x.png, have colours of 16 bits, and only the upper 8 are read. If their values "
        "are small, most of their information is lost. Save them scaled to 8 bits, or as 16-bit gray."
    )


def test_images_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: Image.new("RGB", (5, 6), (0, 0, 7)))
    assert refused(tmp_path) == [
        f"dataset.path is '{tmp_path}'; all of its 28 images are the same, pixel by pixel, from 0 to 7. Expected images that "
        "differ. Look at the files."
    ]


def test_all_faulty_images_are_told_at_once(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (60, 40, 3)).astype("u1")))
    (tmp_path / "a" / "x.png").write_text("hello")
    (tmp_path / "b" / "y.jpg").touch()
    Image.new("RGB", (9, 9)).save(tmp_path / "b" / "z.png")
    unknown = "which cannot be read as an image: its format is none of PNG, JPEG, BMP, GIF, WebP, TIFF and PPM. Fix it or remove it."
    assert refused(tmp_path) == [
        f"dataset.path holds {tmp_path}/a/x.png, {unknown}",
        f"dataset.path holds {tmp_path}/b/y.jpg, {unknown}",
        f"dataset.size is null; {tmp_path}/b/z.png is 9 x 9 and {tmp_path}/a/000.png is 60 x 40. Give the [height, width] to "
        "resize all images to.",
    ]
    for name in ("a/x.png", "b/y.jpg", "b/z.png"):
        (tmp_path / name).unlink()
    for name in ("a/003.png", "b/020.png"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert [one.partition(",")[0] for one in refused(tmp_path)] == [
        f"dataset.path holds {tmp_path}/a/003.png", f"dataset.path holds {tmp_path}/b/020.png",
    ]  # fmt: skip


def test_an_image_is_never_taken_for_a_program(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (6, 5, 3)).astype("u1")))
    Image.new("RGB", (5, 6)).save(tmp_path / "a" / "x.png", format="EPS")
    Image.fromarray(RNG.integers(0, 256, (6, 5, 3)).astype("u1")).save(tmp_path / "a" / "y.png", format="MPO")
    assert refused(tmp_path) == [
        f"dataset.path holds {tmp_path}/a/x.png, which cannot be read as an image: its format is none of PNG, JPEG, BMP, "
        "GIF, WebP, TIFF and PPM. Fix it or remove it."
    ]


def test_images_of_one_colour_are_told(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (6, 5, 3)).astype("u1")))
    for number in (3, 5):
        Image.new("RGB", (5, 6), (number, 0, 7)).save(tmp_path / "b" / f"x{number}.png")
    assert warnings(read(tmp_path)) == [
        f"2 of 30 images, such as {tmp_path}/b/x3.png, have only one colour. Check that they are complete."
    ]


def test_a_png_with_any_byte_changed_is_refused_also_where_pixels_could_be_read(tmp_path: Path) -> None:
    pixels = np.add.outer(np.arange(32), np.arange(32)).astype("u1")
    fill(tmp_path, lambda number: Image.fromarray(pixels + np.uint8(number)))
    path = tmp_path / "a" / "000.png"
    content = path.read_bytes()
    readable = 0
    for place in range(41, len(content) - 16):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with contextlib.suppress(OSError):
            Image.open(path).load()
            readable += 1
        (problem,) = refused(tmp_path)
        assert problem.startswith(f"dataset.path holds {path}, which cannot be read as an image: broken PNG file")
    assert readable


def test_each_file_is_opened_once_unless_it_has_to_be_put_on_white(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (6, 5, 3)).astype("u1")))
    opened = []
    plain_open = Image.open
    monkeypatch.setattr(Image, "open", lambda file, **keys: (opened.append(file.name), plain_open(file, **keys))[1])
    read(tmp_path)
    assert len(opened) == len(set(opened)) == 28


def test_faulty_pixels_and_faulty_headers_are_told_at_once(tmp_path: Path) -> None:
    fill(tmp_path, lambda number: Image.fromarray(RNG.integers(0, 256, (60, 50, 3)).astype("u1")), "jpg")
    cut, none = tmp_path / "a" / "003.jpg", tmp_path / "b" / "020.jpg"
    cut.write_bytes(cut.read_bytes()[:-400])
    none.write_bytes(b"none")
    first, second = refused(tmp_path)
    assert first.startswith(f"dataset.path holds {cut}, which cannot be read as an image: image file is truncated")
    assert second.startswith(f"dataset.path holds {none}, which cannot be read as an image: its format is none of")


def test_images_of_16_bits_behind_those_of_8_keep_what_was_read_before(tmp_path: Path) -> None:
    levels = RNG.integers(0, 2**16, (28, 6, 5)).astype("u2")
    fill(
        tmp_path, lambda number: Image.fromarray(levels[number] if number > 20 else (levels[number] >> 8).astype("u1"))
    )
    data = read(tmp_path, color="grayscale")
    expected = np.where(np.arange(28)[:, None, None] > 20, levels / 257, levels >> 8)
    np.testing.assert_allclose(data.rows.x[..., 0], expected, rtol=1e-6)
