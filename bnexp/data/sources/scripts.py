"""How a text is folded before it is cut into words at its blanks, and which texts have no blanks to cut at.

Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan put no blanks between words. A whole sentence
would be one word.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from bnexp.errors import SettingError

FOLD = (
    '" ".join("".join(c for c in unicodedata.normalize("NFC", text.casefold()) '
    'if not unicodedata.category(c).startswith("P")).split())'
)
"""What `folded` does, as a Python expression. It is stored in inputs.json."""
LONGEST_WORD = {
    r"[\u2e80-\u2fdf\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]": 4,  # Chinese and Japanese
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]": 10,  # Thai, Lao, Tibetan, Burmese, Khmer
}
"""Pattern for letters of scripts without blanks -> the longest plausible mean length of words, in letters.

It is about twice the usual mean length.
"""
FEW = 0.01
"""Texts without blanks are not reported up to this share, because an accuracy cannot lose more through them.

It is the default margin of a comparison.
"""


def folded(text: str) -> str:
    """Return the text that Keras gets: without case and punctuation of any script, with one blank between words.

    >>> folded("\\u201eStra\\u00dfe\\u201c,\\u00a0U\\u0308BEL!")
    'strasse übel'
    """
    if text.isascii():
        return " ".join(text.lower().translate(_punctuation()).split())
    return " ".join(unicodedata.normalize("NFC", text.casefold()).translate(_punctuation()).split())


@functools.cache
def _punctuation() -> dict[int, None]:
    """Return the table with which `str.translate` removes every punctuation character."""
    return {code: None for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith("P")}


def has_no_blanks(text: str) -> bool:
    """Return True if a folded text is in a script without blanks, and no blanks were put between its words.

    >>> has_no_blanks("这部电影太难看非常讨厌这个演员"), has_no_blanks("这部 电影 太 难看"), has_no_blanks("bad film")
    (True, False, False)
    """
    for letters, longest in LONGEST_WORD.items():
        lengths = [count for word in text.split() if 2 * (count := len(re.findall(letters, word))) > len(word)]
        if sum(lengths) > longest * len(lengths):
            return True
    return False


def warnings_of_scripts(texts: Sequence[str], where: Callable[[int], str]) -> Iterator[str]:
    """Yield a warning if more than a share FEW of the texts have no blanks between words (see `has_no_blanks`).

    Raises:
        SettingError: if more than half of the texts have none.
    """
    found = [row for row, text in enumerate(texts) if not text.isascii() and has_no_blanks(text)]
    if len(found) <= FEW * len(texts):
        return
    warning = (
        f"{len(found):,} of {len(texts):,} texts, such as {where(found[0])}, {'is' if len(found) == 1 else 'are'} in a "
        "script without spaces between words. Words are cut at spaces, so a whole sentence becomes one word, which no "
        "other text has. Put a space between the words, or between all characters, in the file."
    )
    if 2 * len(found) > len(texts):
        raise SettingError("dataset.text", f"names a column that cannot be cut into words: {warning}")
    yield warning
