"""Suggestions for a folder of images or recordings: its parts, one size for all images, and whether they are gray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter

from bnexp.config.real import ImageFolderDataset, WavFolderDataset
from bnexp.data.sources.folders import LabelledFiles, labelled_parts
from bnexp.data.sources.images import IMAGES
from bnexp.data.sources.picture import opened_image
from bnexp.data.sources.sound import length_and_rate
from bnexp.data.sources.speech import RECORDINGS
from bnexp.data.suggested.choice import Choice, Suggested
from bnexp.errors import SettingError

SIZES = (16, 32, 64)
"""Heights and widths to which images may be scaled: at most the median image's, but at least 16."""
PIXELS = 3_000_000
"""The most pixels of all scaled images together, so that a small network trains on them in about two minutes."""


def folder_choices(section: dict[str, Any], *, keeps_size: bool) -> Suggested:
    """Return the suggested config for a folder that has a folder for each class.

    `section` has the kind of dataset and the folders. With `keeps_size`, images that all have one size keep it unless
    it is large. A folder without files of its class, and a file that cannot be read, are skipped, because the check of
    the config reports them.

    Raises:
        SettingError: if the folders have faults, such as no classes. The message lists all of them.
    """
    dataset: Any = TypeAdapter(ImageFolderDataset | WavFolderDataset).validate_python(section)
    is_image = isinstance(dataset, ImageFolderDataset)
    files = labelled_parts(dataset, *(IMAGES if is_image else RECORDINGS))
    what = f"{'images' if is_image else 'recordings'} in a folder for each class"
    reasons = {"name": what, "validation_path": "a part of its own", "test_path": "a part of its own"}
    head = [Choice(key, value, reasons.get(key, "")) for key, value in section.items()]
    more = _of_images(files, keeps_size=keeps_size) if is_image else _of_recordings(files)
    return Suggested([*head, *more], rows=len(files.paths))


def _of_images(files: LabelledFiles, *, keeps_size: bool) -> Iterator[Choice]:
    sizes, modes = Counter[tuple[int, int]](), Counter[str]()
    for path in files.paths:
        with suppress(SettingError), opened_image(path) as image:
            sizes[image.height, image.width] += 1
            modes[image.mode] += 1
    pixels = sum(height * width * count for (height, width), count in sizes.items())
    if len(sizes) > 1 or max(map(max, sizes), default=0) > max(SIZES) or (pixels > PIXELS and not keeps_size):
        small = sorted(min(size) for size in sizes.elements())[sizes.total() // 2]
        side = max((one for one in SIZES if one <= small and sizes.total() * one**2 <= PIXELS), default=SIZES[0])
        least, most = min(sizes), max(sizes)
        seen = " to ".join(dict.fromkeys(f"{height} x {width}" for height, width in (least, most)))
        yield Choice("size", [side, side], f"the {sizes.total():,} images are {seen}; a larger size costs more time")
    if modes and set(modes) <= {"L", "1", "I;16", "I"}:
        yield Choice("color", "grayscale", f"all {modes.total():,} images are gray")


def _of_recordings(files: LabelledFiles) -> Iterator[Choice]:
    rates, lengths = set[int](), list[float]()
    for path in files.paths:
        with suppress(SettingError):
            samples, rate = length_and_rate(path)
            rates.add(rate)
            lengths.append(samples / rate)
    seen = f"{_range(rates, ',')} samples a second, {_range(lengths, '.1f')} s" if lengths else "no length"
    yield Choice("features", "log_mel", f"a spectrogram; the recordings have {seen}")


def _range(values: Collection[float], form: str) -> str:
    """Return the least and the greatest number as text, or one of them if both look the same.

    >>> _range([8000], ","), _range([0.52, 1.5], ".1f")
    ('8,000', '0.5 to 1.5')
    """
    return " to ".join(dict.fromkeys(format(value, form) for value in (min(values), max(values))))
