"""What is written as YAML is read back the same: in a file, on one line, and in an override that a sentence advises."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnexp.api.first_files import for_init
from bnexp.config.overrides import said_of
from bnexp.config.yaml import plain, read
from bnexp.config.yaml_text import in_a_sentence, in_one_line, quoted, written
from bnexp.system.spelling import SETTING, as_overrides, by_command

SCALARS = ["True", "Null", "TRUE", "null", "~", "", "1e3", "0x10", ".5", "a\\b", "a\\nb", "a\nb", "it's \"x\"", "a, b]", "}", "#",
           "a: b", "- a", "...", "x.", "\x85", "\ufeff", "a" * 500 + " " + "b" * 600, "my pics, which are, or. x"]  # fmt: skip
TEXTS = st.sampled_from(SCALARS) | st.text(max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers(-99, 99) | st.floats() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(lambda key: len(key) < 99), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("write", [in_one_line, in_a_sentence, written])
def test_a_value_on_one_line_is_read_back_the_same(write: Callable[[Any], str]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(VALUES)
    def check(value: Any) -> None:
        text = write(value)
        assert "\n" not in text
        assert repr(plain(read(f"key: {text}", "x"))["key"]) == repr(value)
        assert repr(plain(read(f"key: [{text}, 1]", "x"))["key"]) == repr([value, 1])

    check()


@settings(max_examples=100, deadline=None)
@given(TEXTS.filter(lambda text: "\n" not in text), TEXTS)
@example("my pics/photos", "x")
@example("pics/photos", "my pics, which are, or. x")
def test_a_setting_in_a_sentence_keeps_its_value_as_an_override_and_as_a_command(one: str, other: str) -> None:
    section = {"path": other, "shift": {"classes": [one, 1]}}
    advice = (
        f"Use dataset.path: {in_a_sentence(one)}, which bnexp splits. Or use dataset.target: {in_a_sentence(other)} "
        f"(of its own), or dataset: {in_a_sentence(section)}."
    )
    assert [found[2] for found in SETTING.finditer(advice)] == ["dataset.path", "dataset.target", "dataset"]
    with by_command():
        path, target, whole = (found[3] for found in SETTING.finditer(advice))
        assert as_overrides(advice) == (
            f"Use {shlex.quote(f'dataset.path={path}')}, which bnexp splits. Or use {shlex.quote(f'dataset.target={target}')} "
            f"(of its own), or {shlex.quote(f'dataset={whole}')}."
        )
    assert said_of(f"dataset.path={path}", "dataset", "path") == one
    assert said_of(f"dataset.target={target}", "dataset", "target") == other
    assert said_of(f"dataset={whole}", "dataset") == section
    command = re.match(
        r"Use `(bnexp init .*)`, which bnexp splits\. Or use dataset\.target: ", for_init(advice), re.DOTALL
    )
    assert command is not None and shlex.split(command[1]) == ["bnexp", "init", one]


def test_a_text_of_one_word_has_no_quotes_in_a_sentence() -> None:
    for text in ("a", "a/b.csv", "/tmp/x-1", "my_net.py", "./a", "../a", "/", "é"):
        assert in_a_sentence(text) == text
    for text in ("True", "5", "a b", "a.", "..", "-a", "a,b", ""):
        assert in_a_sentence(text) == quoted(text)
