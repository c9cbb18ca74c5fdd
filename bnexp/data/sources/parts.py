"""Names of folders and arrays that mean a part of a split: training, validation or test."""

from __future__ import annotations

import re
from collections.abc import Iterable

PARTS = {
    **dict.fromkeys(("train", "training"), "training"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "holdout"), "test"),
}
"""Word in lower case -> the part of a split that it means."""
KEYS = {"training": "path", "validation": "validation_path", "test": "test_path"}
"""Part of a split -> the key of a dataset that names its folder."""
_ABOUT = frozenset(("data", "dataset", "set", "split", "part", "seg", "files", "samples")) | frozenset(
    ("image", "images", "img", "imgs", "photos", "pictures", "sound", "sounds", "audio", "clips", "wav", "wavs")
)
"""Words that may accompany a word of PARTS in the name of a folder, as in `test_images`."""
_WORD = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\\W\\d_a-zA-Z]+")


def is_part(name: str) -> bool:
    """Return True if the name of a folder means a part of a split, and probably not a class.

    >>> [is_part(name) for name in ("Train", "test_images", "val2017", "TrainSet", "hold-out", "test tube")]
    [True, True, True, True, True, False]
    """
    words = _words(name)
    return any(word in PARTS for word in words) and all(word in PARTS or word in _ABOUT for word in words)


def which_part(name: str) -> str | None:
    """Return the part of a split that the name of a folder means; None if it means no part.

    >>> which_part("valid"), which_part("test_images"), which_part("cats")
    ('validation', 'test', None)
    """
    return next(PARTS[word] for word in _words(name) if word in PARTS) if is_part(name) else None


def part_of(name: str) -> str | None:
    """Return the part of a split that the name of an array means; None if it means no part.

    >>> [part_of(name) for name in ("x_train", "testX", "val_labels", "ytest", "x", "latest")]
    ['training', 'test', 'validation', 'test', None, None]
    """
    words = _words(name)
    candidates = (*words, *(word[1:] for word in words), name.lower()[:-1])
    return next((PARTS[word] for word in candidates if word in PARTS), None)


def is_training(name: str) -> bool:
    """Return True if a folder or array of this name belongs to the training part."""
    return "train" in name.lower()


def parts_first(names: Iterable[str]) -> list[str]:
    """Return the names in alphabetical order, with names of the training part first."""
    return sorted(names, key=lambda name: (not is_training(name), name))


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, without numbers and separators.

    >>> _words("hold-out"), _words("XTrain_2"), _words("trainset")
    (['holdout'], ['x', 'train'], ['train', 'set'])
    """
    joined = re.sub("(?i)hold[-_ ]?out", "holdout", name)
    words = [word.lower() for word in _WORD.findall(joined)]
    return [part for word in words for part in _halves(word)]


def _halves(word: str) -> list[str]:
    for end in ("dataset", "data", "set", "images"):
        if word.endswith(end) and word.removesuffix(end) in PARTS:
            return [word.removesuffix(end), end]
    return [word]
