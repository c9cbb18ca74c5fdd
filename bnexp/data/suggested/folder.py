"""A folder of images or recordings: its parts, the size that all images get, and whether they are gray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bnexp.config.real import ImageFolderDataset, WavFolderDataset
from bnexp.data.sources.folders import LabelledFiles, labelled_parts
from bnexp.data.sources.images import IMAGES
from bnexp.data.sources.picture import opened_image
from bnexp.data.sources.sound import length_and_rate
from bnexp.data.sources.speech import RECORDINGS
from bnexp.data.suggested.choice import Choice, Suggested
from bnexp.errors import Problems

SIZES = (16, 32, 64)
"""Heights and widths that images of different sizes are brought to: the largest that the smaller half has."""
LOOKED_AT = 200
"""Files that are opened, or a few more; evenly spread over all."""


def folder_choices(section: dict[str, Any]) -> Suggested:
    """Look at the files of a folder with a folder for each class, and return what a config should say of it.

    `section` names the kind and the folders.

    Raises:
        SettingError: with all that is wrong: folders that are no classes, files that cannot be read.
    """
    dataset: Any = TypeAdapter(ImageFolderDataset | WavFolderDataset).validate_python(section)
    is_image = isinstance(dataset, ImageFolderDataset)
    files = labelled_parts(dataset, *(IMAGES if is_image else RECORDINGS))
    head = [Choice(key, value, "a part of its own" if key.endswith("_path") else "") for key, value in section.items()]
    more = _of_images(files) if is_image else _of_recordings(files)
    return Suggested([*head, *more])


def _looked_at(files: LabelledFiles) -> Sequence[Path]:
    step = max(1, len(files.paths) // LOOKED_AT)
    return files.paths[::step]


def _of_images(files: LabelledFiles) -> Iterator[Choice]:
    problems, sizes, modes = Problems(), Counter[tuple[int, int]](), Counter[str]()
    for path in _looked_at(files):
        with problems.noted(), opened_image(path) as image:
            sizes[image.height, image.width] += 1
            modes[image.mode] += 1
    problems.refuse()
    if len(sizes) > 1 or max(max(sizes)) > max(SIZES):
        small = sorted(min(size) for size in sizes.elements())[len(_looked_at(files)) // 2]
        side = max((one for one in SIZES if one <= small), default=SIZES[0])
        least, most = min(sizes), max(sizes)
        seen = f"the images are {least[0]} x {least[1]} to {most[0]} x {most[1]}"
        yield Choice("size", [side, side], f"{seen}; a larger size costs more time")
    if set(modes) <= {"L", "1", "I;16", "I"}:
        yield Choice("color", "grayscale", f"all of the {modes.total():,} images that were opened are gray")


def _of_recordings(files: LabelledFiles) -> Iterator[Choice]:
    problems, rates, lengths = Problems(), Counter[int](), []
    for path in _looked_at(files):
        with problems.noted():
            samples, rate = length_and_rate(path)
            rates[rate] += 1
            lengths.append(samples / rate)
    problems.refuse()
    rate = max(rates)
    seen = f"{rate:,} samples a second, {min(lengths):.1f} to {max(lengths):.1f} s"
    yield Choice("features", "log_mel", f"a spectrogram; the recordings have {seen}")
