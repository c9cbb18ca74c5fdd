"""Rules for metrics: the same for a comparison and for a study's hypothesis.

They say which values a margin or a target can have, which part of the data may judge, and which score a net has that
has learned nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from bnexp import statistics
from bnexp.comparison.metric_names import NEEDS_TEST_PART
from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.config.layers import every_layer
from bnexp.config.model import Sequential
from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.config.real import RealDataset
from bnexp.config.section import Resample
from bnexp.config.yaml_text import in_a_sentence
from bnexp.errors import counted
from bnexp.metrics import (
    HELD_OUT_PARTS,
    higher_is_better,
    is_computed,
    number,
    part_of,
    quantity,
    traits,
    two_digits,
    with_unit,
)
from bnexp.statistics.classification import METRICS, is_about_second
from bnexp.store import DataFacts

ROUNDING = 1e-6
"""A score that is above guessing by no more than this counts as guessing. Older runs store accuracies in float32."""
RELATIVE_MARGIN = 0.05
"""The default margin of a loss or an error, as a share of the baseline's mean."""
TINY_MARGIN = 0.001
"""A margin of a loss or an error below this share of the baseline's mean gets a warning."""
TINY_SHARE = 0.0001
"""A margin below this gets a warning for an accuracy, or for another metric that is 1 at most."""


def holds_out_own_rows(metric: str, resample: Resample) -> bool:
    """Return True if the metric is measured on held-out rows, and each seed has its own held-out rows.

    It is False for a metric of the training part, also if each seed trains on its own rows (`drawn_anew.has_own_rows`).

    >>> [holds_out_own_rows(metric, "validation") for metric in ("val_loss", "test_loss", "loss")]
    [True, False, False]
    """
    part = part_of(metric)
    return part in HELD_OUT_PARTS and (resample is True or (resample == "validation" and part == "val"))


def impossible_margin(metric: str, value: float, *, as_option: Callable[[str], str] = str) -> str | None:
    """Return what a margin should be, and the cure, if this value is not possible; else None.

    `as_option` formats the value that the cure names, such as `--margin 0.01`.

    >>> impossible_margin("val_accuracy", 1, as_option="--margin {}".format)
    'expected a share below 1, as accuracies are shares. Write --margin 0.01 for 1 point.'
    >>> impossible_margin("val_loss", 1), impossible_margin("val_loss", 0)
    (None, 'expected a number above 0. Use the smallest difference that matters, such as 0.01.')
    """
    if value <= 0:
        return f"expected a number above 0. Use the smallest difference that matters, such as {as_option('0.01')}."
    if traits(metric).margin is None or value < 1:
        return None
    if not traits(metric).in_percent:
        return f"expected less than 1, as {quantity(metric)} is 1 at most. Use {as_option('0.01')}, for example."
    return (
        "expected a share below 1, as accuracies are shares. "
        f"Write {as_option(f'{value / 100:g}')} for {value:g} point{'s' if value != 1 else ''}."
    )


def is_margin_of_all(metric: str, margin: float, mean: float) -> bool:
    """Return True if the margin of a loss or an error is at least its whole mean, such as a margin in percent.

    >>> is_margin_of_all("val_loss", 5, 0.8), is_margin_of_all("val_loss", 0.04, 0.8), is_margin_of_all("r2", 0.5, 0.1)
    (True, False, False)
    """
    return not higher_is_better(metric) and margin >= mean > 0


def perfect_net_would_not_matter(metric: str, margin: float, baseline: str, mean: float, *, key: str) -> str:
    """Return the problem of a margin as large as the baseline's whole mean, and the cure; `key` sets the margin.

    >>> perfect_net_would_not_matter("val_loss", 5, "nobn", 0.8, key="--margin ")  # doctest: +ELLIPSIS
    'the margin is 5 and the mean val_loss of nobn is 0.8, so that even a perfect net would not matter. Use a ...'
    """
    seen = f"the margin is {number(metric, margin)} and the mean {metric} of {baseline} is {number(metric, mean)}"
    cure = f"Use a smaller one, such as {key}{two_digits(RELATIVE_MARGIN * mean)}."
    return f"{seen}, so that even a perfect net would not matter. {cure}"


def tiny_margin(metric: str, margin: float, baseline: str, mean: float | None, *, key: str) -> Iterator[str]:
    """Yield a warning for a margin that is so small that nearly any difference matters; `key` sets the margin.

    A loss or an error has its own unit. There a tiny margin was probably meant as a share, or for another metric.

    >>> list(tiny_margin("val_mae", 0.05, "nobn", 16500.0, key="--margin "))  # doctest: +ELLIPSIS
    ["the margin is 0.05, in val_mae's own unit, and the mean val_mae of nobn is 16500. So nearly any difference ..."]
    """
    if traits(metric).margin is not None and margin < TINY_SHARE:
        yield f"the margin is {margin:g}, so that nearly any difference matters. Use a larger one, such as {key}0.01."
    if higher_is_better(metric) or mean is None or not margin < TINY_MARGIN * mean:
        return
    seen = f"the margin is {number(metric, margin)}, in {metric}'s own unit, and the mean {metric} of {baseline}"
    larger = f"Use a larger margin, such as {key}{two_digits(RELATIVE_MARGIN * mean)} for {RELATIVE_MARGIN:.0%} of it."
    yield f"{seen} is {number(metric, mean)}. So nearly any difference matters. {larger}"


def impossible_value(metric: str, value: float, *, as_option: Callable[[str], str] = str) -> str | None:
    """Return what a value to reach should be, and the cure, if the metric cannot have this value; else None.

    >>> impossible_value("val_accuracy", 90, as_option="--reach {}".format)
    'expected a share above 0 and at most 1. Write --reach 0.9 for 90%.'
    >>> impossible_value("val_r2", -0.5), impossible_value("val_loss", -1)
    (None, 'expected 0 or more, as a loss or an error is never lower. Use 0.5, for example.')
    """
    if not higher_is_better(metric):
        expected = "expected 0 or more, as a loss or an error is never lower"
        return f"{expected}. Use {as_option('0.5')}, for example." if value < 0 else None
    is_share = traits(metric).low == 0
    if value <= 1 and (value > 0 or not is_share):
        return None
    meant = (
        f"Write {as_option(f'{value / 100:g}')} for {value:g}%."
        if 1 < value <= 100
        else f"Use {as_option('0.9')}, for example."
    )
    bounds = "a share above 0 and at most 1" if is_share else f"1 or less, as no {quantity(metric)} is higher"
    return f"expected {bounds}. {meant}"


def chosen_by(experiments: Iterable[Experiment]) -> dict[str, str]:
    """Map each metric that early stopping monitors in an experiment to the config key of early stopping."""
    rules = [one.training.early_stopping for one in experiments]
    return {rule.monitor: "training.early_stopping" for rule in rules if rule is not None}


def judged_by_what_chose(
    metric: str, chosen: Mapping[str, str], *, has_test: bool, timed: bool = False, read: str = "Read"
) -> Iterator[str]:
    """Yield a sentence for each choice that was made on the part of the data that `metric` is measured on.

    `chosen` maps a metric to what chooses by it. A part that was used to choose must not judge, because the choice
    favours results that were lucky on it. With early stopping, epochs to a value (`timed`) may be read there.

    >>> list(judged_by_what_chose("test_accuracy", {"val_loss": "tune"}, has_test=True))
    []
    """
    cure = f"{read} test_{quantity(metric)}." if has_test else NEEDS_TEST_PART
    for by, what in chosen.items():
        if part_of(metric) == part_of(by) and (what == "tune" or not timed):
            seen = f"reads {metric}, and {what} chooses by {by}, on the same rows"
            yield f"{seen}; expected rows that chose nothing. {cure}"


def score_of_guessing(metric: str, guesses: Mapping[str, float]) -> float | None:
    """Return the score of a net that has learned nothing; None if it is not known for this metric.

    For an accuracy it is the best score of always answering one class. For a computed metric it is `Metric.of_guess`.
    `guesses` maps each part to this score. For r2 it is 0, because the net predicts the mean.

    >>> score_of_guessing("val_accuracy", {"val": 0.92}), score_of_guessing("r2", {}), score_of_guessing("loss", {})
    (0.92, 0.0, None)
    """
    if quantity(metric) == "r2":
        return 0.0
    is_known = quantity(metric) == "accuracy" or is_computed(metric)
    return guesses.get(part_of(metric)) if is_known else None


def adds_penalty(experiment: Experiment) -> bool:
    """Return True if the config adds a penalty to the loss, by `l2` or by a layer's regularizer.

    It is False for the user's own network: its penalties are known only after it is built.
    """
    match experiment.model:
        case Sequential(layers=layers):
            every = list(every_layer(layers))
            given = [one for layer in every for one in layer.arguments.items()]
            named = any(key.endswith("_regularizer") and value is not None for key, value in given)
            return named or any(layer.name == "ActivityRegularization" for layer in every)
        case PythonNetwork() | KerasFile():
            return False
        case network:
            return network.l2 > 0


def of_common_class(metric: str, data: DataFacts, dataset: Dataset) -> Iterator[str]:
    """Yield a warning if a metric about one of two classes is by default about the commoner class."""
    names, counts = data.classes or [], data.rows_per_class or []
    if not is_about_second(quantity(metric)) or len(names) != 2 or len(counts) != 2 or counts[1] <= counts[0]:
        return
    if isinstance(dataset, RealDataset) and dataset.positive is not None:
        return
    share = f"{counts[1] / sum(counts):.0%}"
    key = f"dataset.positive: {in_a_sentence(names[0])}, or " if isinstance(dataset, RealDataset) else ""
    seen = f"{metric} is about the class {names[1]!r}, the second by name, which has {share} of the rows"
    cure = f"If you mean {names[0]!r}, use {key}auc or mcc. That is another question: its verdict is exploratory"
    yield f"{seen}. {cure}."


def penalty_in_loss(metric: str, measured: Collection[str], arms: Mapping[str, bool]) -> Iterator[str]:
    """Yield a warning if `metric` is a loss that includes a penalty from an arm's model, as Keras's losses do.

    `arms` maps each arm to whether its model adds a penalty.

    >>> list(penalty_in_loss("val_accuracy", ["val_loss", "val_accuracy"], {}))
    []
    """
    names = [name for name, adds in arms.items() if adds]
    if quantity(metric) != "loss" or not names:
        return
    part = metric.removesuffix("loss")
    said = f"{metric} includes the penalty that the model of {' and of '.join(names)} adds (l2 or a regularizer)"
    without = next((name for name in (f"{part}accuracy", f"{part}mse") if name in measured), None)
    yield f"{said}." if without is None else f"{said}; {without} does not."


def nothing_learned(metric: str, score: float, who: str, *, read: str = "Read", fair: str | None = None) -> str:
    """Return why there is no verdict if no arm beats a net that has learned nothing.

    `who` names the arms ("neither a nor b"). `read` is put before the metric that can answer: `fair`, or the loss.
    """
    cure = f"{read} {fair or metric.removesuffix(quantity(metric)) + 'loss'}, or train longer."
    if quantity(metric) == "r2":  # the loss gives no other answer: both use the squared error
        guess, title = "predicting the mean", "r2"
        cure = "Train longer, or with another training.learning_rate."
    elif is_computed(metric):
        guess, title = METRICS[quantity(metric)].guess, METRICS[quantity(metric)].title
    else:
        guess, title = "always answering the commonest class of these rows", "accuracy"
    scored = number(metric, score) + "%" * (with_unit(metric) != metric)
    seen = f"No verdict: {who} beats {guess} ({scored}) in {metric} by its 95% interval"
    return f"{seen}. Nets that guess cannot be told apart by {title}. {cure}"


def of_one_class(metric: str, data: DataFacts) -> str | None:
    """Return why a metric that compares classes has no value on a part with only one class, and the cure; else None.

    >>> of_one_class("test_auc", DataFacts(one_class={"test": 1.0}))
    'the test part has only one class, and AUC needs two or more. Read test_accuracy, or keep more classes in it.'
    >>> of_one_class("test_auc", DataFacts(one_class={"test": 0.9}))
    >>> of_one_class("test_f1", DataFacts(one_class={"test": 1.0}))
    """
    part, known = part_of(metric), METRICS.get(quantity(metric))
    if known is None or not known.compares_classes or (data.one_class or {}).get(part) != 1.0:
        return None
    where = "validation" if part == "val" else part
    seen = f"the {where} part has only one class, and {known.title} needs two or more"
    return f"{seen}. Read {part}_accuracy, or keep more classes in it."


def rows_to_show_small(needed: int, drawn: str = "rows", each: str = "", how: str = "") -> str:
    """Return how many held-out rows are needed to call a difference too small to matter, and `how` to get them.

    >>> rows_to_show_small(299, each=" of each class")
    'It takes at least 299 held-out rows of each class to show that a difference is too small to matter.'
    """
    if needed > statistics.MOST_ROWS:
        takes = "It takes more rows than can be held out"
        return f"{takes} to show that a difference is too small to matter. Use a larger margin."
    rows = f"{needed:,} held-out {drawn}{each}{in_brackets(how)}"
    return f"It takes at least {rows} to show that a difference is too small to matter."


def in_brackets(*notes: str) -> str:
    """Return the notes in one pair of brackets, after a space; "" if there are no notes.

    >>> in_brackets("", "a larger dataset.limit"), in_brackets("")
    (' (a larger dataset.limit)', '')
    """
    known = "; ".join(note for note in notes if note)
    return f" ({known})" if known else ""


def lost_pairs(count: int) -> str:
    """Return why diverged seeds prevent a verdict: their pairs have no value, and the others alone are biased."""
    if count == 1:
        return "in 1 pair a seed diverged, so that pair has no value. Leaving it out would bias the result."
    return f"in {count:,} pairs a seed diverged, so those pairs have no value. Leaving them out would bias the result."


def undefined_pairs(count: int, metric: str, why: str = "") -> str:
    """Return why there is no verdict if the metric has no value in pairs in which no seed diverged.

    >>> undefined_pairs(1, "val_auc")
    'in 1 pair val_auc has no value, though no seed diverged. Leaving it out would bias the result.'
    """
    it = "it" if count == 1 else "them"
    seen = f"in {counted(count, 'pair')} {metric} has no value, though no seed diverged{why}"
    return f"{seen}. Leaving {it} out would bias the result."
