"""`bnexp keys`: which keys a config has, found by a part of their name or of what is said of them."""

from __future__ import annotations

from pathlib import Path

from command import bnexp, refused

from bnexp.config.keys import keys


def test_a_key_is_found_by_its_name_and_else_by_what_is_said_of_it() -> None:
    assert [(key.name, key.of, key.default) for key in keys("POSITIVE")] == [
        ("dataset.positive", "every set of real rows", "null")
    ]
    assert [key.name for key in keys("PyTorch's is 1 minus")] == ["model.normalization.momentum"]
    assert [key.name for key in keys("text_csv")] == ["dataset.name", "dataset.text"], (
        "what it has, and where it stands"
    )
    (noise,) = keys("augmentation.noise")
    assert noise.what == "Standard deviation of Gaussian noise, in the unit of the scaled inputs. (0 or more)"
    filters = {key.of: key.what for key in keys("model.filters")}
    assert filters["cnn"] == "Filters of each block. (1 or more entries)", "how many a list needs"
    assert [key.what for key in keys("model.name")] == [
        "Good: mlp, cnn, resnet, conv1d, rnn, transformer, sequential, python, keras_file."
    ]
    inside = {key.name for key in keys("hypothesis")}
    assert inside >= {"hypothesis", "hypothesis.claim", "hypothesis.metric.ratio", "hypothesis.over.factor"}
    assert {"seeds", "training.seeds"} <= {key.name for key in keys("seeds")}, "of a study, too"


def test_keys_are_printed_with_default_owner_and_meaning_and_a_text_that_none_has_is_refused(tmp_path: Path) -> None:
    assert bnexp("keys", "test_path", cwd=tmp_path).stdout == (
        "dataset.test_path: null  # every file or folder of your own\n"
        "    Another file or folder: its rows are the test part, or the validation part if there is no other.\n"
    )
    told = "PATTERN is 'xyzzy'; no key contains it. Without PATTERN, all keys are listed."
    assert refused("keys", "xyzzy", cwd=tmp_path) == told
