"""Spells options in messages as the caller would: `--arms batch,none` at the command line, `arms=[...]` in Python.

A context variable records whether a command runs. A new thread does not inherit it. If the thread's work can raise a
message, run it in `contextvars.copy_context()`. A worker process does not inherit it either, but its messages name no
option.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_BY_COMMAND = ContextVar("by_command", default=False)
QUESTION = {
    "reach": "reach", "baseline": "baseline", "about": "about",
    "until-settled": "until_settled", "max-seeds": "max_seeds",
}  # fmt: skip
"""Options of a command -> the fields of `bnexp.Question`. Its metric and its margin are keywords of `compare`, too."""
KEYWORDS = {"max-trainings": "most_trainings"}
"""Options of a command that have another name in Python."""
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
PLACE = {"launcher": "launcher", "workers": "workers", "address": "address"}
"""Options of a command -> the fields of `bnexp.Place`."""
NUMBERS = {"seeds", "epochs", "margin", "reach", "max-seeds", "max-trainings", "workers"}
"""Options whose values are numbers, so that they get no quotes in Python."""


class Placeholder(str):
    """A word that the user replaces. In Python it gets no quotes."""

    __slots__ = ()


DIR, CONFIG = Placeholder("DIR"), Placeholder("CONFIG")


@contextmanager
def by_command() -> Iterator[None]:
    """Make messages name options of the command line in this block. Elsewhere, they name keywords of Python."""
    token = _BY_COMMAND.set(True)
    try:
        yield
    finally:
        _BY_COMMAND.reset(token)


def is_by_command() -> bool:
    """Return True while a command runs."""
    return _BY_COMMAND.get()


def spelt(option: str, value: str | bool | Sequence[str] | None = None) -> str:
    """Return an option as the caller would write it, alone or with a value.

    >>> spelt("arms"), spelt("arms", ["batch", "none"]), spelt("runs", DIR), spelt("target", "AGE")
    ('arms', 'arms=["batch", "none"]', 'runs=DIR', 'target="AGE"')
    >>> spelt("max-seeds"), spelt("until-settled", True), spelt("reach", "0.9")
    ('question.max_seeds', 'Question(until_settled=True)', 'Question(reach=0.9)')
    >>> spelt("max-seeds", "80")  # max_seeds is refused without until_settled
    'Question(until_settled=True, max_seeds=80)'
    >>> with by_command():
    ...     spelt("arms"), spelt("arms", ["batch", "none"]), spelt("until-settled", True), spelt("baseline", "my net")
    ('--arms', '--arms batch,none', '--until-settled', "--baseline 'my net'")
    """
    if is_by_command():
        shown = value if isinstance(value, str) else "" if value is None or value is True else ",".join(value or ())
        return f"--{option} {shlex.quote(shown) if shown else ''}".rstrip()
    shown = str(value) if option in NUMBERS else _in_python(value)
    for kind, fields in (("Question", QUESTION), ("Place", PLACE)):
        if option in fields:
            name = fields[option]
            needed = "until_settled=True, " if option == "max-seeds" else ""
            return f"{kind.lower()}.{name}" if value is None else f"{kind}({needed}{name}={shown})"
    name = KEYWORDS.get(option, option)
    return name if value is None else f"{name}={shown}"


FUNCTIONS = {"study": "run_study", "runs": "list_runs", "data fetch": "fetch_data"}
"""Commands -> the functions of bnexp that do the same under another name."""


def command(name: str, given: str = "", *, option: str | None = None, then: str | None = None) -> str:
    """Return a command with its argument or option, or the Python call that does the same.

    `then` is an option that follows, whose number the user chooses.

    >>> command("train", "runs/BN", option="resume"), command("train", CONFIG), command("runs")
    ('bnexp.train(resume="runs/BN")', 'bnexp.train(CONFIG)', 'bnexp.list_runs()')
    >>> with by_command():
    ...     command("train", "runs/BN", option="resume"), command("data fetch", "iris"), command("runs")
    ('bnexp train --resume runs/BN', 'bnexp data fetch iris', 'bnexp runs')
    >>> command("train", "BN", then="epochs")
    'bnexp.train("BN", epochs=N)'
    """
    last = [] if then is None else [spelt(then, "N")]
    if is_by_command():
        shown_given = shlex.quote(given) if given else ""
        return " ".join([f"bnexp {name} {f'--{option} ' if option else ''}{shown_given}".rstrip(), *last])
    shown = [] if not given else [_in_python(given) if option is None else spelt(option, given)]
    return f"bnexp.{FUNCTIONS.get(name, name)}({', '.join([*shown, *last])})"


_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
_LIST = rf"""[\[{{](?:[^\[\]{{}}"']|{_QUOTED})*[\]}}]"""
_LISTS = rf"""[\[{{](?:[^\[\]{{}}"']|{_QUOTED}|{_LIST})*[\]}}]"""
_NESTED = rf"""[\[{{](?:[^\[\]{{}}"']|{_QUOTED}|{_LISTS})*[\]}}]"""
SETTING = re.compile(
    r"\b((?:[Uu]se|[Ss]et|[Gg]ive|or|with) )((?:dataset|model|training)(?:\.[a-z_]+)*): "
    rf"([\w./-]*[\w/]|{_QUOTED}|{_NESTED})"
)
"""Matches a setting that a sentence advises, as a line of a config file: `Use dataset.missing: mean`.

Its value is one word, a text in quotes, or a list or mapping, as `in_a_sentence` of `config/yaml_text.py` writes it.
"""


def override(key: str, value: str) -> str:
    """Return an override as the caller would write it: quoted for a shell, or as an argument in Python.

    >>> print(override("model.arguments", "{width: 64}"), override("dataset.separator", '";"'))
    overrides=["model.arguments={width: 64}"] overrides=["dataset.separator=\\";\\""]
    >>> with by_command():
    ...     print(override("training.epochs", "5"), override("model.arguments", "{width: 64}"))
    training.epochs=5 'model.arguments={width: 64}'
    """
    return shlex.quote(f"{key}={value}") if is_by_command() else f"overrides=[{_in_python(f'{key}={value}')}]"


def as_overrides(text: str) -> str:
    """Return a message for a user without a config file: the settings that it advises are written as overrides.

    >>> as_overrides("Use dataset.missing: mean, or fix the data.")
    'Use overrides=["dataset.missing=mean"], or fix the data.'
    >>> with by_command():
    ...     as_overrides("Use dataset.missing: mean, or fix the data.")
    'Use dataset.missing=mean, or fix the data.'
    >>> with by_command():
    ...     print(as_overrides('Use dataset.path: my/photos. Or use dataset.path: "my pics, or/b".'))
    ...     as_overrides("use dataset: {text: a, shift: {classes: [1, 2]}}.")
    Use dataset.path=my/photos. Or use 'dataset.path="my pics, or/b"'.
    "use 'dataset={text: a, shift: {classes: [1, 2]}}'."
    """
    return SETTING.sub(lambda found: found[1] + override(found[2], found[3]), text)


STORED = re.compile(
    r"(?<![\w-])--(seeds|until-settled|max-seeds|metric|margin|reach|baseline)(?![\w-])"
    r"(?: (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|(?<=--metric )\w+))?"
)
"""Matches an option in a sentence of a comparison, and its value, if one follows."""


def respelt(text: str, names: Sequence[str] = ()) -> str:
    """Return a stored sentence with its options of `bnexp compare` written as the caller would write them.

    `names` are the names of arms. They stay unchanged in the sentence.

    >>> respelt("with about 27 seeds (--seeds 27, or --until-settled)")
    'with about 27 seeds (seeds=27, or Question(until_settled=True))'
    >>> respelt("net --seeds 5 is better. Use --seeds 20.", ["net --seeds 5"])
    'net --seeds 5 is better. Use seeds=20.'
    """
    kept = [re.escape(name) for name in sorted(names, key=len, reverse=True) if STORED.search(name)]
    parts = re.split(f"({'|'.join(kept)})", text) if kept else [text]  # every second part is a name
    return "".join(part if at % 2 else STORED.sub(_found, part) for at, part in enumerate(parts))


def _found(option: re.Match[str]) -> str:
    return spelt(option[1], True if option[1] == "until-settled" else option[2])


def _in_python(value: str | bool | Sequence[str] | None) -> str:
    """Return a value as Python code."""
    is_bare = isinstance(value, bool | Placeholder)
    return str(value) if is_bare else json.dumps(value, ensure_ascii=False)


def is_number(text: str) -> bool:
    """Return True if a text is a finite number, as Python and a command both take it.

    >>> [is_number(text) for text in ("5", "-0.9", ".5", "1e-3")], [is_number(text) for text in ("nan", "007", "1_000")]
    ([True, True, True, True], [False, False, False])
    """
    return _NUMBER.fullmatch(text) is not None
