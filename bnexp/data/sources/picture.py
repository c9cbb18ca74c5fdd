"""One image file: its header and its pixels. H height, W width, C channels."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import ImageFolderDataset
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.sources.column import LARGEST
from bnexp.errors import SettingError

if TYPE_CHECKING:
    from PIL.Image import Image

BYTES_OF_PIXEL = 12
"""Bytes of memory that a pixel takes while it is read: decoded, drawn on black, and converted."""
OF_16_BITS = 257
"""65,535 / 255. 16-bit numbers are divided by it, so that they range from 0 to 255 like 8-bit numbers."""
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")
"""Formats that Pillow may read. Some other formats, such as EPS, are programs, and reading a file would run it."""
PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG file."""
ORIENTATION = 0x0112
"""The EXIF tag that says how a picture must be turned."""
SIDEWAYS = (5, 6, 7, 8)
"""Values of the ORIENTATION tag that swap height and width."""

Depth = Literal["8 bits", "16 bits", "floats"]
Ground = Literal["black", "white"]


@dataclass(frozen=True)
class Header:
    """The properties of an image that are known before its pixels are read."""

    height: int
    width: int
    depth: Depth
    frames: int
    """Number of pictures in the file; only the first is read."""
    is_cut_to_8_bits: bool
    """True for colours of 16 bits: Pillow reads only the upper 8 bits of each."""


@dataclass(frozen=True)
class Picture:
    """The pixels of an image."""

    pixels_HWC: NDArray[Any]
    """Values from 0 to 255: bytes, or float32 for 16 bits. Images of floats keep their values."""
    is_hidden: bool
    """True if only its transparency shows the picture, so that it is invisible on this background."""


@contextmanager
def opened_image(path: Path) -> Iterator[Image]:
    """Yield an opened image without Pillow's warnings; turn Pillow's errors about a faulty file into a SettingError.

    The checksums of a PNG are compared first, because nothing checks them when its pixels are read.
    """
    import struct

    from PIL import Image, UnidentifiedImageError

    faults = (OSError, ValueError, SyntaxError, TypeError, EOFError, struct.error, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata, and about the size, which is checked against the limit
            with open(path, "rb") as file:
                _refuse_faulty_png(file)
                with Image.open(file, formats=FORMATS) as image:
                    yield image
    except faults as error:
        unknown = isinstance(error, UnidentifiedImageError)
        why = "its format is none of PNG, JPEG, BMP, GIF, WebP, TIFF and PPM" if unknown else str(error).rstrip(".")
        raise SettingError(
            "dataset.path",
            f"holds {path}, which cannot be read as an image: {why}. Fix it or remove it.",
        ) from error


def _refuse_faulty_png(file: BinaryIO) -> None:
    """Raise ValueError if the file is a PNG with an incomplete chunk or a wrong checksum; else rewind the file."""
    if file.read(len(PNG)) == PNG:
        left = os.fstat(file.fileno()).st_size - len(PNG)
        name = b""
        while name != b"IEND":
            head = file.read(8)
            length, name = int.from_bytes(head[:4], "big"), head[4:]
            left -= 12 + length
            if left < 0:
                raise ValueError("broken PNG file (it ends early)")
            body = file.read(length + 4)
            if zlib.crc32(body[:-4], zlib.crc32(name)) != int.from_bytes(body[-4:], "big"):
                raise ValueError(f"broken PNG file (bad checksum in {name!r})")
    file.seek(0)


def header_of(image: Image, path: Path, dataset: ImageFolderDataset, limit: int | None) -> Header:
    """Return the header of an opened image. How the image is turned matters only if images are not resized.

    Raises:
        SettingError: if the image would not fit in memory.
    """
    needed = BYTES_OF_PIXEL * image.width * image.height
    if limit is not None and needed > limit:
        refuse_too_large(path, path.stat().st_size, needed, limit)
    depth: Depth = "16 bits" if image.mode.startswith("I") else "floats" if image.mode == "F" else "8 bits"
    is_cut = depth == "8 bits" and any("16" in str(tile[-1]) for tile in getattr(image, "tile", ()))
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # the other pictures of an MPO are previews
    is_sideways = dataset.size is None and _orientation(image) in SIDEWAYS  # last, because it may load the image
    height, width = (image.width, image.height) if is_sideways else (image.height, image.width)
    return Header(height, width, depth, frames, is_cut)


def picture_of(image: Image, dataset: ImageFolderDataset, ground: Ground) -> Picture:
    """Return the pixels of an opened image, turned as its EXIF tag says, with `ground` behind transparency.

    Only the first picture of an animation is read.

    Raises:
        ValueError: if its pixels are not numbers, are above LARGEST, or are whole numbers of more than 16 bits.
    """
    from PIL.Image import Resampling

    plain, is_hidden = _plain(_turned(image), "L" if dataset.color == "grayscale" else "RGB", ground)
    if dataset.size is not None:
        height, width = dataset.size
        plain = plain.resize((width, height), Resampling.BILINEAR)
    pixels = np.asarray(plain)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 1 if dataset.color == "grayscale" else 3, axis=2)
    return Picture(pixels, is_hidden)


def _plain(image: Image, mode: str, ground: Ground) -> tuple[Image, bool]:
    """Return the image without transparency, in this mode or as floats, and whether it is invisible on the ground."""
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_floats(image)), False
    if not image.has_transparency_data:
        return image.convert(mode), False
    clear = image.convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", clear.size, ground), clear)
    is_hidden = _is_constant(opaque) and not _is_constant(clear.getchannel("A"))
    return opaque.convert(mode), is_hidden


def _floats(image: Image) -> NDArray[np.float32]:
    """Return gray levels as float32: 16-bit levels scaled to 0 to 255, and levels of floats unchanged."""
    gray_HW = np.asarray(image)
    if image.mode == "F":
        if not (np.abs(gray_HW) <= LARGEST).all():
            raise ValueError(f"its pixels are not numbers, or above {LARGEST:g}")
        return gray_HW.astype("float32")
    if gray_HW.min() < 0 or gray_HW.max() >= 2**16:
        raise ValueError("its pixels have more than 16 bits")
    return (gray_HW / OF_16_BITS).astype("float32")


def _is_constant(image: Image) -> bool:
    extrema = image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(low == high for low, high in bands)


def _turned(image: Image) -> Image:
    """Return the image, turned as its EXIF tag says."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image) -> int:
    """Return the EXIF orientation; 1 (not turned) if there is none or it cannot be read."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow's parsers can raise any error
        return 1
