"""Images in a folder for each class, as arrays of numbers: N rows, H height, W width, C channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import ImageFolderDataset
from bnexp.data.facts import RowFacts
from bnexp.data.row_cache import RowCache, RowFile
from bnexp.data.rows import Rows, numbered
from bnexp.data.sources.folders import LabelledFiles, labelled_parts
from bnexp.data.sources.joined import with_parts
from bnexp.data.sources.layout import warnings_of_several_classes
from bnexp.data.sources.picture import Header, header_of, opened_image, picture_of
from bnexp.data.stored_rows import Inputs, pieces
from bnexp.errors import Problems, SettingError

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"), "images"
"""Arguments of `labelled_parts`: the endings of images, and the word for them in messages."""


def image_folder_rows(dataset: ImageFolderDataset, limit: int | None, cache: RowCache) -> Rows:
    """Return the images of a folder as rows, read from the files or from the cache. Each subfolder is a class.

    Raises:
        SettingError: with the mistakes of folders and images: fewer than two classes, folders without images, images
            that cannot be read, sizes that differ, images that are all the same, or that would not fit.
    """
    folder, found = Path(dataset.path).expanduser(), labelled_parts(dataset, *IMAGES)
    paths = found.paths
    with found.problems.noted():
        x_NHWC, warnings = cache.found(len(paths)) or _read(folder, found, dataset, limit, cache)
    found.problems.refuse()
    y_N, classes = numbered(found.labels)
    facts = RowFacts(**found.left_out_facts, warnings=[*found.warnings, *warnings])
    rows = Rows("image", x_NHWC, y_N, classes, where=lambda row: str(paths[row]), facts=facts)
    return with_parts(rows, found.counts)


def _read(
    folder: Path, found: LabelledFiles, dataset: ImageFolderDataset, limit: int | None, cache: RowCache
) -> tuple[Inputs, Sequence[str]]:
    """Return the rows of all images, and warnings about them."""
    paths = found.paths
    with cache:
        headers, x_NHWC, hidden = _pixels(paths, dataset, limit, cache)
        more = [_put_on_white(x_NHWC, paths, dataset, hidden)] if hidden else []

        def warnings(x_NHWC: Inputs) -> list[str]:
            _refuse_all_the_same(x_NHWC, folder)
            several = warnings_of_several_classes(x_NHWC, paths, found.labels)
            return [*_warnings(paths, headers), *more, *several, *_warnings_of_one_colour(x_NHWC, paths)]

        return cache.kept(x_NHWC, warnings)


def _pixels(
    paths: Sequence[Path], dataset: ImageFolderDataset, limit: int | None, cache: RowCache
) -> tuple[list[Header], NDArray[Any] | RowFile, list[Path]]:
    """Return the headers and pixels of all images, and the paths of images that are invisible on black.

    Each file is read once. After an image whose size or scale differs from the first, only headers are read.

    Raises:
        SettingError: with all files that cannot be read, and sizes or scales that differ; or if the images would not
            fit.
    """
    problems, hidden = Problems(), []
    headers: dict[Path, Header] = {}
    x_NHWC: NDArray[Any] | RowFile | None = None
    go_together = True
    for row, path in enumerate(paths):
        picture = None
        with problems.noted(), opened_image(path) as image:
            header = headers[path] = header_of(image, path, dataset, limit)
            go_together = go_together and _go_together(header, next(iter(headers.values())), dataset)
            if go_together:
                picture = picture_of(image, dataset, "black")
        if picture is not None:
            if x_NHWC is None or (header.depth != "8 bits" and x_NHWC.dtype == "uint8"):
                x_NHWC = _as_fine_as(picture.pixels_HWC, x_NHWC, len(paths), cache)
            x_NHWC[row] = picture.pixels_HWC
            if picture.is_hidden:
                hidden.append(path)
    _note_what_differs(headers, dataset, problems)
    problems.refuse()
    assert x_NHWC is not None  # each file has a picture or a problem
    return [headers[path] for path in paths], x_NHWC, hidden  # a path may be there twice: as two parts


def _go_together(header: Header, first: Header, dataset: ImageFolderDataset) -> bool:
    """Return True if two images can be rows of one array."""
    return (header.depth == "floats") == (first.depth == "floats") and (
        dataset.size is not None or _size(header) == _size(first)
    )


def _as_fine_as(
    pixels_HWC: NDArray[Any], x_NHWC: NDArray[Any] | RowFile | None, count: int, cache: RowCache
) -> NDArray[Any] | RowFile:
    """Return an array for `count` images with the type of this one, with the pixels that were read before.

    Raises:
        SettingError: if neither memory nor the disk has room for it.
    """
    finer = cache.rows((count, *pixels_HWC.shape), pixels_HWC.dtype)
    if x_NHWC is not None:
        before = x_NHWC.written() if isinstance(x_NHWC, RowFile) else x_NHWC
        for piece in pieces(before):
            finer[piece] = before[piece]
    return finer


def _note_what_differs(headers: Mapping[Path, Header], dataset: ImageFolderDataset, problems: Problems) -> None:
    """Note image sizes and scales of pixels that differ."""
    first = next(iter(headers), None)
    for path, header in headers.items():
        if first is not None and dataset.size is None and _size(header) != _size(headers[first]):
            problems.note(
                "dataset.size",
                f"is null; {path} is {_size(header)} and {first} is {_size(headers[first])}. "
                "Give the [height, width] to resize all images to.",
            )
            break
    floats = [path for path, header in headers.items() if header.depth == "floats"]
    others = [path for path, header in headers.items() if header.depth != "floats"]
    if floats and others:
        problems.note(
            "dataset.path",
            f"holds {floats[0]} with pixels of floats, and {others[0]} with pixels of whole numbers. Expected one "
            f"scale: save all as floats, or all as whole numbers ({len(floats)} of {len(headers)} are floats).",
        )


def _put_on_white(
    x_NHWC: NDArray[Any] | RowFile, paths: Sequence[Path], dataset: ImageFolderDataset, hidden: Sequence[Path]
) -> str:
    """Read all images again on a white background, because some are invisible on black; return a warning.

    Raises:
        SettingError: if some images are invisible on white, too.
    """
    still = []
    for row, path in enumerate(paths):
        with opened_image(path) as image:
            picture = picture_of(image, dataset, "white")
        x_NHWC[row] = picture.pixels_HWC
        if picture.is_hidden:
            still.append(path)
    if still:
        raise SettingError(
            "dataset.path",
            f"holds {hidden[0]}, black on a transparent background, and {still[0]}, white on a transparent background. "
            "No single background shows both. Give each file an opaque background, for example with `mogrify "
            "-background gray -flatten FILE`.",
        )
    return (
        f"{len(hidden)} of {len(paths)} images, such as {hidden[0]}, are black on a transparent background, so that "
        "they are invisible on black. All transparent images are put on white instead."
    )


def _refuse_all_the_same(x_NHWC: Inputs, folder: Path) -> None:
    """Raise SettingError if no image differs from the first."""
    if all(np.array_equal(x_HWC, x_NHWC[0]) for x_HWC in x_NHWC):
        raise SettingError(
            "dataset.path",
            f"is {str(folder)!r}; all of its {len(x_NHWC)} images are the same, pixel by pixel, from "
            f"{x_NHWC[0].min():g} to {x_NHWC[0].max():g}. Expected images that differ. Look at the files.",
        )


def _warnings(paths: Sequence[Path], headers: Sequence[Header]) -> Iterator[str]:
    """Yield warnings about files with several pictures, colours of 16 bits, or different numbers of bits."""
    many = [(path, header.frames) for path, header in zip(paths, headers, strict=True) if header.frames > 1]
    if many:
        yield (
            f"{len(many)} of {len(paths)} files hold several pictures, such as {many[0][0]} with {many[0][1]}. Only "
            "the first of each is read. Save the others as separate files if you want to use them."
        )
    cut = [path for path, header in zip(paths, headers, strict=True) if header.is_cut_to_8_bits]
    if cut:
        yield (
            f"{len(cut)} of {len(paths)} images, such as {cut[0]}, have colours of 16 bits, and only the upper 8 are "
            "read. If their values are small, most of their information is lost. Save them scaled to 8 bits, or as "
            "16-bit gray."
        )
    depths = Counter(header.depth for header in headers)
    if len(depths) > 1:
        yield (
            f"{depths['16 bits']} of {len(paths)} images have 16 bits and the others 8. Both are read as 0 to 255; "
            "they look alike only if the 16 bits are used in full."
        )


def _warnings_of_one_colour(x_NHWC: Inputs, paths: Sequence[Path]) -> Iterator[str]:
    """Yield a warning if some images have only one colour."""
    empty = [path for path, x_HWC in zip(paths, x_NHWC, strict=True) if (x_HWC == x_HWC[0, 0]).all()]
    if empty and x_NHWC[0][..., 0].size > 1:
        yield (
            f"{len(empty)} of {len(paths)} images, such as {empty[0]}, have only one colour. Check that they are "
            "complete."
        )


def _size(header: Header) -> str:
    return f"{header.height} x {header.width}"
