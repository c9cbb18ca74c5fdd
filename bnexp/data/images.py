"""Images in a folder for each class, as arrays of bytes: N rows, H height, W width, C channels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import ImageFolderDataset
from bnexp.data.files import existing
from bnexp.data.folders import files_left_out, labelled_files
from bnexp.data.layout import warnings_of_layout
from bnexp.data.limit import refuse_too_large
from bnexp.data.rows import Rows, numbered
from bnexp.errors import SettingError

if TYPE_CHECKING:
    from PIL.Image import Image

BYTES_OF_PIXEL = 12
"""Memory that a pixel takes while it is read: decoded, put on black, and in its new form."""
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"), "images"
"""What `labelled_files` is to list: the endings, and what such files are called."""


def image_folder_rows(dataset: ImageFolderDataset, limit: int | None) -> Rows:
    """Read the images of a folder; each of its folders is a class.

    Raises:
        SettingError: if there are fewer than two classes, an image cannot be
            read, sizes differ, or all of them would not fit.
    """
    folder = existing(dataset.path, folder=True)
    paths = labelled_files(folder, *IMAGES)
    first = _pixels(paths[0], dataset, limit)
    refuse_too_large(folder, sum(path.stat().st_size for path in paths), 2 * first.nbytes * len(paths), limit)
    x_NHWC = np.empty((len(paths), *first.shape), "uint8")
    for row, path in enumerate(paths):
        pixels_HWC = _pixels(path, dataset, limit)
        if pixels_HWC.shape != first.shape:
            raise SettingError(
                "dataset.size",
                f"is null; {path} is {_size(pixels_HWC)} and {paths[0]} is {_size(first)}. "
                "Give the [height, width] to resize all images to.",
            )
        x_NHWC[row] = pixels_HWC
    y_N, classes = numbered([path.relative_to(folder).parts[0] for path in paths])
    facts = {"files_left_out": files_left_out(folder, paths), "warnings": list(warnings_of_layout(folder, paths))}
    return Rows("image", x_NHWC, y_N, classes, where=lambda row: str(paths[row]), facts=facts)


def _pixels(path: Path, dataset: ImageFolderDataset, limit: int | None) -> NDArray[np.uint8]:
    """Read an image as (H, W, C), the first of an animation; what lies behind transparency is black."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _no_warnings(), open(path, "rb") as file, Image.open(file) as image:
            refuse_too_large(path, path.stat().st_size, BYTES_OF_PIXEL * image.width * image.height, limit)
            plain = _opaque(image).convert("L" if dataset.color == "grayscale" else "RGB")
            if dataset.size is not None:
                height, width = dataset.size
                plain = plain.resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(plain, "uint8")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        unknown = isinstance(error, UnidentifiedImageError)
        why = "its format is none that Pillow knows" if unknown else str(error).rstrip(".")
        raise SettingError(
            "dataset.path",
            f"holds {path}, which is no image that can be read: {why}. Mend it or take it away.",
        ) from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence Pillow's warnings, of metadata and of a size that is checked against the limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _opaque(image: Image) -> Image:
    """Give an image of 8 bits a channel without transparency; Pillow's `convert` would clip 16 bits, and drop alpha."""
    from PIL import Image

    if image.mode.startswith("I"):
        gray_HW = np.asarray(image).astype("int64")
        if gray_HW.min() < 0 or gray_HW.max() >= 2**16:
            raise ValueError("its pixels have more than 16 bits")
        return Image.fromarray((gray_HW >> 8).astype("uint8"))
    if image.mode == "F":
        raise ValueError("its pixels are no whole numbers")
    if image.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    return image


def _size(pixels_HWC: NDArray[np.uint8]) -> str:
    height, width = pixels_HWC.shape[:2]
    return f"{height} x {width}"
