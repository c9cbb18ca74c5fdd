"""What is refused in Python is told in Python's words: keywords and what was given, no options and no hidden files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bnexp
from bnexp.report.page_part import in_python
from bnexp.store import DataFacts
from bnexp.store.plan_document import ComparisonPlan, Detectable, PlannedArm
from bnexp.system.spelling import CONFIG, DIR, by_command, command, respelt, spelt

DATA = (np.arange(80.0).reshape(40, 2), np.arange(40) % 2)
FRAME = pd.DataFrame({"a": [*np.arange(39.0), np.nan], "b": np.arange(40.0), "label": ["x", "y"] * 20})
TOGETHER = pd.DataFrame({f"column_{number}": np.arange(9.0) for number in range(500)})


def in_session(build: Callable[..., Any], name: str = "build") -> Callable[..., Any]:
    """Return a function as a cell of a notebook defines it: no file holds it."""

    def defined(normalization: Callable[..., Any], input_shape: tuple[int, ...], classes: int) -> Any:
        return build(normalization, input_shape, classes)

    defined.__name__ = name
    return defined


def built(normalization: Callable[..., Any], input_shape: tuple[int, ...], classes: int) -> Any:
    import keras

    x = keras.Input(input_shape)
    return keras.Model(x, keras.layers.Dense(classes, "softmax")(normalization(name="norm_1")(x)))


def failing(normalization: Callable[..., Any], input_shape: tuple[int, ...], classes: int) -> Any:
    return {}["width"]


def nothing(normalization: Callable[..., Any], input_shape: tuple[int, ...], classes: int) -> Any:
    return None


def refusal(network: Any = None, **options: Any) -> str:
    with pytest.raises(bnexp.UserError) as error:
        bnexp.compare(
            in_session(built) if network is None else network, **({"data": DATA, "epochs": 1, "seeds": 2} | options)
        )
    assert error.value.exit_code == 2
    assert sorted(Path.cwd().glob("runs/*-2*")) == [], "nothing is trained"
    return str(error.value)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("my.csv", index=False)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": None}, "build is a network of your own; expected its data. Give data=(x, y), a DataFrame or the path of a table "
         "with target=\"COLUMN\", or a folder or a known set, as data=\"digits\"."),
        ({"data": "digts"}, "data is 'digts'; it is not there (in "),
        ({"data": "my.csv"}, "target is missing; expected the column of my.csv that is to be learned. Its columns: a (numbers), b (numbers), label (text, "
         "2 values)."),
        ({"data": "my.csv", "target": "labl"}, "target: dataset.target is 'labl'; no column has this name. Did you mean 'label'? "),
        ({"data": "digits", "target": "0.9"}, "target is '0.9'; digits already defines what is to be learned. A value of the metric to "
         "reach is `Question(reach=0.9)`."),
        ({"data": "digits", "target": "1e-3"}, "target is '1e-3'; digits already defines what is to be learned. A value of the metric to "
         "reach is `Question(reach=1e-3)`."),
        ({"data": "digits", "target": "007"}, "target is '007'; digits already defines what is to be learned. Leave it out."),
        ({"arms": ["none"]}, "compare was given one arm, ['none']; expected two or more. Name several: arms=[\"batch\", \"none\"]."),
        ({"arms": ["none", "none"]}, "arms is ['none', 'none']; an arm is named twice. Name each once."),
        ({"arms": []}, "arms is []; expected names of normalizations. Use arms=[\"batch\", \"none\"], or leave it out."),
        ({"arms": 3}, "arms is 3; expected names of normalizations. Use arms=[\"batch\", \"none\"], or leave it out."),
        ({"arms": ["batch", 3]}, "arms is ['batch', 3]; expected names of normalizations. Use arms=[\"batch\", \"none\"], or leave it out."),
        ({"arms": ["none", None]}, "arms is ['none', 'none']; an arm is named twice. Name each once."),
        ({"arms": ["bach", "none"]}, "arms: model.normalization is 'bach'. Did you mean 'batch'? "),
        ({"arms": ["batch", "none"], "overrides": ["model.normalization=layer"]}, "arms is ['batch', 'none'], and model.normalization= "
         "sets one normalization for all arms. Leave one of the two out."),
        ({"network": "bn"}, "data can be given for a network of your own, and not for bn. Name one, such as my_net.py:build or "
         "my_net.keras, or give a function or a keras.Model. In a config, `dataset` and `model` say the same."),
        ({"network": "bn", "data": None}, "compare was given 1 arm (bn); expected two or more. For example: bnexp.compare([\"bn\", \"nobn\"]), "
         "or one config with several normalizations: arms=[\"batch\", \"none\"]"),
        ({"metric": "val_acuracy"}, "metric is 'val_acuracy'; it is not measured. Did you mean "
         "'val_accuracy'? "),
        ({"question": bnexp.Question(margin=1)}, "margin is 1, and the metric is val_accuracy; expected a share below 1, as "
         "accuracies are shares. Write margin=0.01 for 1 point."),
        ({"question": bnexp.Question(reach=90)}, "question.reach is 90, and the metric is val_accuracy; expected a share above 0 and "
         "at most 1. Write Question(reach=0.9) for 90%."),
        ({"question": bnexp.Question(max_seeds=20)}, "question.max_seeds is 20 without question.until_settled; expected both or neither. "
         "Write Question(until_settled=True, max_seeds=20)."),
        ({"question": bnexp.Question(max_seeds=2)}, "question.max_seeds is 2 without question.until_settled; expected both or neither. "
         "Write Question(until_settled=True, max_seeds=10).\nquestion.max_seeds is 2, and the first look has 10 seeds; expected 10 or "
         "more. Use Question(until_settled=True, max_seeds=160), for example."),
        ({"question": bnexp.Question(until_settled=True)}, "training.seeds (seeds) is 2, and question.until_settled takes more seeds at "
         "each look; expected one of the two. Leave seeds out."),
        ({"question": bnexp.Question(until_settled=True), "seeds": 10}, "training.seeds (seeds) is 10, and question.until_settled takes "
         "more seeds at each look; expected one of the two. Leave seeds out, or use Question(until_settled=True, max_seeds=10) for the "
         "last look."),
        ({"epochs": 0}, "epochs is 0; expected a whole number of 1 or more."),
        ({"seeds": "many"}, "seeds is 'many'; expected a whole number of 1 or more."),
        ({"network": in_session(failing)}, "build: model.build is your function build; it fails when it is called:\n"),
        ({"network": in_session(nothing, "net")}, "net: model.build is your function net; it returns nothing. Return a keras.Model."),
        ({"overrides": ["model.arguments={width: 3}"]}, "override model.arguments={width: 3}: model.arguments is {'width': 3}; your function build takes build("),
        ({"data": FRAME, "target": "label"}, "data: dataset.missing is refuse; row 39 of the DataFrame (counted from 0) has no value in "
         "column 'a' (1 row has none). "),
        ({"data": (np.where(DATA[0] == 3, np.nan, DATA[0]), DATA[1])}, "data: dataset.x is 'x'; row 1 of "
         "(x, y) (counted from 0) holds nan in column 1, expected finite numbers"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_the_keywords_of_python(options: dict[str, Any], message: str) -> None:
    told = refusal(**options)
    assert told.startswith(message)
    assert re.findall(r"--\w+|<python>|runs/data|runs/models", told) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"about": "new"}, "question.about is 'new'; expected one of the good names. Good names: new-rows, these-rows."),
        ({"metric": 3, "baseline": 1}, "metric is 3; expected a text.\nquestion.baseline is 1; expected a text."),
        ({"margin": "0.01"}, "margin is '0.01'; expected a number."),
        ({"reach": True}, "question.reach is True; expected a number."),
        ({"max_seeds": 20.5, "until_settled": True}, "question.max_seeds is 20.5; expected a whole number."),
    ],
)  # fmt: skip
def test_a_question_of_other_kinds_is_refused_when_it_is_asked(values: dict[str, Any], message: str) -> None:
    with pytest.raises(bnexp.UserError) as error:
        bnexp.Question(**values)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"question": "val_loss"}, "question is 'val_loss'; expected a bnexp.Question. Give metric= or margin= by itself, or "
         'question=bnexp.Question(baseline="bn"), for example.'),
        ({"question": bnexp.Question("val_auc"), "metric": "val_loss"}, "metric is 'val_loss', and the question has "
         "metric='val_auc'; expected one of the two. Leave one out."),
        ({"question": bnexp.Question(margin=0.1), "margin": 0.1}, "margin is 0.1, and the question has margin=0.1; expected "
         "one of the two. Leave one out."),
        ({"margin": "0.01"}, "margin is '0.01'; expected a number."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [bnexp.compare, bnexp.plan_comparison])
def test_a_metric_and_a_margin_may_stand_beside_the_question_and_each_only_once(
    function: Callable[..., Any], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(bnexp.UserError) as error:
        function(["bn", "nobn"], **given)
    assert str(error.value) == message


def test_a_result_in_python_says_in_the_words_of_python_what_would_help(capsys: pytest.CaptureFixture[str]) -> None:
    found = bnexp.compare(in_session(built), data=DATA, arms=["batch", "none"], seeds=2, epochs=1)
    assert found.document.contrasts[0].verdict.sentence.endswith("Use --seeds 20."), "the file is for all readers"
    for sentence in (found.verdict.sentence, found.verdicts["build-batch"].sentence, str(found), str(found.run)):
        assert "Use seeds=20." in " ".join(sentence.split())
        assert "--" not in sentence


def test_what_a_stored_text_says_of_options_is_respelt_and_nothing_else_is() -> None:
    told = "27 seeds (--seeds 27, or --until-settled). Use --metric val_loss, --max-seeds 40 or --margin 0.02. --reach sets one"
    assert respelt(told) == (
        '27 seeds (seeds=27, or Question(until_settled=True)). Use metric="val_loss", '
        "Question(until_settled=True, max_seeds=40) or margin=0.02. question.reach sets one"
    )
    assert (
        respelt("a--seeds 3, --seedsman, bnexp train --resume runs/a")
        == "a--seeds 3, --seedsman, bnexp train --resume runs/a"
    )
    with by_command():
        assert respelt(told) == told


@pytest.mark.parametrize(
    ("told", "in_words_of_python"),
    [
        ("such as --margin 8.2e+02.", "such as margin=8.2e+02."),
        ("such as --margin 8.2e-05 for 5% of it", "such as margin=8.2e-05 for 5% of it"),
        ("Use --metric loss.", 'Use metric="loss".'),
        ("Use --metric train_accuracy, --seeds 20", 'Use metric="train_accuracy", seeds=20'),
        ("--reach -0.5, or --seeds of all", "Question(reach=-0.5), or seeds of all"),
    ],
)
def test_each_value_that_a_stored_text_gives_an_option_is_respelt_whole(told: str, in_words_of_python: str) -> None:
    assert respelt(told) == in_words_of_python


def test_an_arm_that_is_called_like_an_option_keeps_its_name() -> None:
    name = "net --seeds 5"
    plan = ComparisonPlan(
        arms=[PlannedArm(name=name, seeds=6, run=None, epochs=1, reason="--seeds 5")],
        baseline=name,
        metric="val_loss",
        about="new-rows",
        seeds=6,
        data=DataFacts(),
        detectable=Detectable(difference=None, rests_on=name, sentence=f"{name} has 6. Use --seeds 7 or more."),
        cautions=["Looks that --until-settled plans"],
    )
    told = in_python(plan)
    assert told.detectable.sentence == f"{name} has 6. Use seeds=7 or more."
    assert told.cautions == ["Looks that Question(until_settled=True) plans"]
    assert (told.arms, told.baseline, told.detectable.rests_on) == (plan.arms, name, name)
    with by_command():
        assert in_python(plan) == plan


def test_a_notebook_shows_the_line_that_called_and_the_message_and_no_line_within_bnexp() -> None:
    with pytest.raises(bnexp.UserError) as error:
        bnexp.compare(in_session(built), data="digts")
    called, message = error.value._render_traceback_()
    assert called.splitlines()[1].strip() == 'bnexp.compare(in_session(built), data="digts")'
    assert message.startswith("UserError: data is 'digts'; ")
    assert bnexp.UserError("never raised")._render_traceback_() == ["UserError: never raised"]


def test_a_notebook_shows_the_line_that_asked_a_wrong_question_and_not_what_python_wrote_for_the_class() -> None:
    with pytest.raises(bnexp.UserError) as error:
        bnexp.Question(about="new")  # type: ignore[arg-type]
    called, _ = error.value._render_traceback_()
    assert called.splitlines()[1].strip().startswith('bnexp.Question(about="new")')


def test_a_file_beside_a_cloned_bnexp_whose_name_begins_alike_is_the_users_own() -> None:
    from bnexp.system.own_errors import own_traceback

    beside = f"{Path(bnexp.__file__).parent}_notes.py"
    with pytest.raises(bnexp.UserError) as error:
        exec(compile("bnexp.Question(about='new')", beside, "exec"), {"bnexp": bnexp})
    called, _ = error.value._render_traceback_()
    assert called.startswith(f'  File "{beside}", line 1, in <module>')
    with pytest.raises(ZeroDivisionError) as failure:
        exec(compile("1 / 0", beside, "exec"))
    assert f'File "{beside}", line 1, in <module>' in own_traceback(failure.value)


def test_a_place_for_runs_is_told_by_its_keyword(folder: Path) -> None:
    place = folder / "my.csv"
    assert refusal(runs=place) == f"{place} is a file; expected a directory for runs. Move it, or use runs=DIR."


def test_a_model_is_called_by_its_name() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(1, "sigmoid")], name="mine"
    )
    assert refusal(model).startswith("mine: model takes inputs of shape (3,); the data are rows of 2 numbers, of shape")


def test_of_a_wide_table_a_message_lists_only_some_columns() -> None:
    told = refusal(data=TOGETHER, target="colum_499")
    assert told.startswith("target is 'colum_499'; no column has this name. Did you mean 'column_499'? Good names: ")
    assert told.endswith(", column_39 and 460 more.")


def test_a_command_speaks_of_options_and_python_of_keywords_again_when_it_has_ended() -> None:
    with by_command():
        assert spelt("max-trainings") == "--max-trainings"
    assert spelt("max-trainings") == "most_trainings"
    with pytest.raises(ValueError, match="a bug"), by_command():
        raise ValueError("a bug")
    assert spelt("address", "auto") == 'Place(address="auto")'


def test_each_option_that_messages_name_is_a_keyword_or_a_field_of_the_interface() -> None:
    from dataclasses import fields
    from inspect import signature

    from bnexp.system.spelling import KEYWORDS, PLACE, QUESTION

    beside = {"metric", "margin"}
    assert {one.name for one in fields(bnexp.Question)} - beside == set(QUESTION.values())
    assert {one.name for one in fields(bnexp.Place)} == set(PLACE.values())
    taken = {
        *signature(bnexp.compare).parameters,
        *signature(bnexp.train).parameters,
        *signature(bnexp.plot).parameters,
    }
    assert beside | {"arms", "data", "target", "seeds", "runs", "resume", "out"} <= taken
    assert set(KEYWORDS.values()) <= set(signature(bnexp.plan_study).parameters)


@pytest.mark.parametrize("text", ["AGE", "DIR", "nan", "inf", "5", "1e3", "N", 'my "net"'])
def test_a_name_in_a_message_is_a_text_of_python_however_it_is_written(text: str) -> None:
    quoted = json.dumps(text)
    assert [spelt(one, text) for one in ("target", "runs", "metric")] == [
        f"target={quoted}", f"runs={quoted}", f"metric={quoted}"
    ]  # fmt: skip
    assert spelt("baseline", text) == f"Question(baseline={quoted})"
    assert command("train", text, then="epochs") == f"bnexp.train({quoted}, epochs=N)"
    assert command("train", text, option="resume") == f"bnexp.train(resume={quoted})"


def test_a_baseline_that_is_called_like_a_number_is_a_text_and_a_number_of_seeds_is_none() -> None:
    told = "Use --baseline 5, --reach 0.90, --margin 1e-3 or --seeds 20."
    assert respelt(told) == 'Use Question(baseline="5"), Question(reach=0.90), margin=1e-3 or seeds=20.'


def test_a_word_that_the_user_replaces_has_no_quotes() -> None:
    assert (spelt("runs", DIR), command("train", CONFIG)) == ("runs=DIR", "bnexp.train(CONFIG)")
    with by_command():
        assert (spelt("runs", DIR), command("train", CONFIG)) == ("--runs DIR", "bnexp train CONFIG")
