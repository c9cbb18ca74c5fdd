"""Arms that still improve when their training ends, or were better before, are told of, and no others."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arms import SEEDS, arm, changed, spread
from pydantic import TypeAdapter

from bnexp import config
from bnexp.comparison import Arm, Question, compare, refuse_judged_by_what_chose, training_length
from bnexp.comparison.pairing import PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.config.dataset import Dataset
from bnexp.config.own_model import PythonNetwork
from bnexp.errors import ComparisonError
from bnexp.store.network_record import Network
from bnexp.warning_kinds import STALE_STATISTICS

EPOCHS = 20
RISING_E = np.linspace(0.5, 0.9, EPOCHS)
"""By 2.1 points an epoch: the last four epochs are 8.4 points better than the four before."""
LEVEL_E = np.minimum(RISING_E, 0.7)


def trained(name: str, accuracy_E: Any, *, noise: float = 0.01, draw: int = 0, **training: Any) -> Arm:
    """An arm whose seeds follow these accuracies."""
    one = arm(name, spread(0.8), training={"epochs": EPOCHS, **training})
    noise_SE = np.random.default_rng(draw).normal(0, noise, (SEEDS, len(accuracy_E)))
    values_SE = accuracy_E + noise_SE
    metrics = {"loss": 1 - values_SE, "val_loss": 1 - values_SE, "val_accuracy": values_SE}
    history = replace(one.history, metrics=metrics, epochs_S=(len(accuracy_E),) * SEEDS)
    return replace(one, history=history)


def cautions(*arms: Arm, **question: Any) -> list[str]:
    return compare(list(arms), Question(**question)).contrasts[0].cautions


@pytest.mark.usefixtures("by_command")
def test_an_arm_that_still_improves_is_named_with_its_gain_and_more_epochs() -> None:
    (told,) = cautions(trained("bn", LEVEL_E), trained("nobn", RISING_E, noise=0, draw=1))
    gain = 100 * (RISING_E[-4:].mean() - RISING_E[-8:-4].mean())
    assert told == (
        f"nobn still improves: its last 4 epochs are better than the 4 before, by {gain:.2f} in val_accuracy (%) on "
        "average. The answer may change with more than 20 epochs. Try --epochs 40."
    )


@pytest.mark.parametrize(
    ("accuracy_E", "noise", "training"),
    [
        (LEVEL_E, 0.01, {}),
        (0.8 + 0.001 * np.arange(EPOCHS), 0.001, {}),  # by 0.4 points, which is less than the margin
        (0.8 + 0.003 * np.arange(EPOCHS), 0.5, {}),  # by 1.2 points, which noise hides
        (RISING_E, 0.001, {"learning_rate": {"name": "cosine", "initial": 0.01}}),  # as a falling rate should
        (RISING_E[:2], 0.001, {"epochs": 2}),  # too few to see it
        (RISING_E[:12], 0.001, {}),  # it was stopped, and says so elsewhere
    ],
    ids=["level", "less than the margin", "noise", "falling rate", "two epochs", "stopped"],
)
def test_others_are_not_named(accuracy_E: np.ndarray, noise: float, training: dict[str, Any]) -> None:
    other = trained("nobn", LEVEL_E[: len(accuracy_E)], draw=1, **training)
    assert cautions(trained("bn", accuracy_E, noise=noise, **training), other) == []


def test_three_epochs_show_it_and_the_verdict_names_the_warnings_and_what_would_settle_it() -> None:
    arms = [trained(name, np.array([0.5, 0.6, 0.7]), noise=0.02, draw=draw, epochs=3) for draw, name in enumerate("ab")]
    contrast = compare(arms, Question()).contrasts[0]
    assert [text.partition(",")[0] for text in contrast.cautions] == [
        f"{name} still improves: its last epoch is better than epoch 1" for name in "ab"
    ]
    assert contrast.verdict.word == "cannot tell yet"
    told = r"read them first\. With about (\d+) pairs of seeds \(.*\) there is about"
    assert (found := re.search(told, contrast.verdict.sentence)) is not None
    assert contrast.verdict.settled_by == int(found[1])
    assert "Fix the warnings first." not in contrast.verdict.sentence
    stale = changed(arms[0], "warnings", to=[f"{STALE_STATISTICS}: ..."])
    assert "Fix the warnings first." in compare([stale, arms[1]], Question()).contrasts[0].verdict.sentence


def share_named(accuracy_E: np.ndarray, noise: float, *, draws: int) -> float:
    """The share of noisy arms with these mean accuracies that are said to still improve."""
    epochs, question = len(accuracy_E), ResolvedQuestion("val_accuracy", 0.01, None)
    other = trained("nobn", np.full(epochs, 0.8), noise=0, epochs=epochs)
    named = 0
    for draw in range(draws):
        one = trained("bn", accuracy_E, noise=noise, draw=draw, epochs=epochs)
        arms = PairedArms(one, one.history, other, other.history)
        named += any(True for _ in training_length.still_improving(arms, question))
    return named / draws


def test_a_short_training_that_is_far_from_its_end_is_nearly_always_named() -> None:
    """The last epoch alone gains 4.9 points. By that gain, 63% of these arms were named, and 43% with a noise of 0.065."""
    mean_E = np.array([0.211, 0.312, 0.511, 0.610, 0.735, 0.784])
    assert share_named(mean_E, 0.05, draws=100) >= 0.95
    assert share_named(mean_E, 0.065, draws=100) >= 0.9


@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize("mean_E", [[0.8] * 3, [0.8] * 6, [0.4, 0.6, 0.7, 0.8, 0.8, 0.8]])
def test_short_trainings_that_have_levelled_off_are_seldom_named(mean_E: list[float], noise: float) -> None:
    """A 95% interval errs upwards in 2.5% of arms."""
    assert share_named(np.array(mean_E), noise, draws=200) < 0.05


def test_a_last_epoch_without_a_gain_is_not_named_however_much_the_epoch_before_gained() -> None:
    assert share_named(np.array([0.2, 0.4, 0.6, 0.7, 0.8, 0.8]), 0.005, draws=20) == 0


def test_a_loss_improves_by_falling_and_a_margin_says_what_matters() -> None:
    arms = trained("bn", RISING_E, noise=0.001), trained("nobn", LEVEL_E, draw=1)
    (told,) = cautions(*arms, metric="val_loss")
    gain = 1 - np.exp(np.mean(np.log(1 - RISING_E[-4:].mean()) - np.log(1 - RISING_E[-8:-4].mean())))
    assert told.startswith("bn still improves: ") and f", by {100 * gain:.2g}% of val_loss on average" in told
    assert cautions(*arms, metric="val_accuracy", margin=0.2) == []


def test_a_metric_that_only_the_final_weights_have_tells_nothing() -> None:
    one = trained("bn", RISING_E, noise=0.001)
    known = np.full((SEEDS, EPOCHS), np.nan)
    known[:, -1] = 0.9
    history = replace(one.history, metrics={**one.history.metrics, "val_auc": known})
    assert (
        cautions(replace(one, history=history), replace(one, name="b", run="b-run", history=history), metric="val_auc")
        == []
    )


def test_a_small_loss_that_still_falls_is_told_beside_a_large_one_and_a_large_one_that_hardly_falls_is_not() -> None:
    """As the verdict reads ratios: 0.02 that falls to 0.01 is half, and 1.0 that falls to 0.99 is one percent."""
    halving_E, hardly_E = 1 - 0.02 * 0.5 ** (np.arange(EPOCHS) / 4), 1 - np.linspace(1.0, 0.96, EPOCHS)
    small, large = trained("small", halving_E, noise=0), trained("large", hardly_E, noise=0)
    assert [text.split()[0] for text in cautions(small, large, metric="val_loss")] == ["small"]
    assert [text.split()[0] for text in cautions(large, small, metric="val_loss")] == ["small"]


def test_early_stopping_that_never_stopped_is_told_and_a_seed_that_stopped_is_not() -> None:
    rule = {"early_stopping": {"monitor": "loss"}}
    whole, level = trained("bn", RISING_E, noise=0.001, **rule), trained("nobn", LEVEL_E, draw=1, **rule)
    (told,) = cautions(whole, level)
    assert told.startswith("bn still improves")
    stopped = replace(whole, history=replace(whole.history, epochs_S=(EPOCHS - 1,) * SEEDS))
    assert cautions(stopped, level) == []


def test_the_test_part_is_not_read_for_advice() -> None:
    """A test accuracy that rises, beside a validation accuracy that does not."""
    arms = []
    for name in ("bn", "nobn"):
        one = trained(name, LEVEL_E)
        history = replace(one.history, metrics={**one.history.metrics, "test_accuracy": np.tile(RISING_E, (SEEDS, 1))})
        arms.append(replace(one, history=history))
    assert cautions(*arms, metric="test_accuracy") == []


def test_values_that_are_not_finite_in_other_epochs_do_not_count() -> None:
    """A first epoch that overflowed, in every seed or in one, hides neither that an arm improves nor that it overfits."""
    for loss_E, told in ((1 - RISING_E, "still improves"), (1 - OVERFITTING_E, "was better at epoch 5")):
        one = trained("bn", 1 - loss_E, noise=0.001)
        values_SE = one.history.metrics["val_loss"].copy()
        values_SE[:, 0] = np.inf
        values_SE[0, 1] = np.nan
        bn = replace(one, history=replace(one.history, metrics={**one.history.metrics, "val_loss": values_SE}))
        assert told in cautions(bn, trained("nobn", LEVEL_E, draw=1), metric="val_loss")[0]


def test_infinite_values_of_some_seeds_are_left_out() -> None:
    one = trained("bn", RISING_E, noise=0.001)
    values_SE = one.history.metrics["val_loss"].copy()
    values_SE[0] = np.inf
    history = replace(one.history, metrics={**one.history.metrics, "val_loss": values_SE})
    told = cautions(replace(one, history=history), trained("nobn", LEVEL_E, draw=1), metric="val_loss")
    assert any(text.startswith("bn still improves") for text in told)


# --- better before ------------------------------------------------------------------

OVERFITTING_E = np.concatenate([np.linspace(0.6, 0.8, 5), np.linspace(0.795, 0.77, 15)])
"""Best after epoch 5, and 3 points worse at the end."""


AT_THEIR_BEST = (
    "The verdict is about the last epoch. To compare the arms at their best epochs, add dataset.validation_size=0.25 "
    "training.early_stopping.monitor=val_loss training.refresh_statistics=true. Early stopping then chooses the epoch on a new "
    "validation part. The validation part of this comparison becomes the test part, which alone decides the verdict."
)


def test_an_arm_that_was_better_before_is_named_with_its_best_epoch_and_what_it_lost() -> None:
    assert cautions(trained("bn", LEVEL_E, noise=0.002), trained("nobn", OVERFITTING_E, noise=0, draw=1)) == [
        f"nobn was better at epoch 5 than at its last epoch (20), by 3.00 in val_accuracy (%) on average. {AT_THEIR_BEST}"
    ]


def test_moving_averages_in_a_network_of_the_users_own_are_refreshed_too() -> None:
    """Its config does not show them; the record of its run does."""
    plain, own = (trained("nobn", OVERFITTING_E, noise=0, draw=1), trained("bn", LEVEL_E, noise=0.002))
    network = PythonNetwork(name="python", build="my_net.py:build")
    facts = Network(normalizations={"BatchNormalization": 2})
    without = [replace(one, experiment=one.experiment.model_copy(update={"model": network})) for one in (own, plain)]
    (told,) = cautions(*without)
    assert "refresh_statistics" not in told
    own = replace(without[0], record=own.record.model_copy(update={"network": facts}))
    (told,) = cautions(own, without[1])
    assert "training.refresh_statistics=true. Early" in told


def test_two_arms_that_were_better_before_share_the_cure() -> None:
    """In one caution: a cure that is printed alone would be without its reason."""
    later_E = np.concatenate([np.linspace(0.6, 0.8, 8), np.linspace(0.795, 0.78, 12)])
    assert cautions(trained("bn", later_E, noise=0), trained("nobn", OVERFITTING_E, noise=0, draw=1)) == [
        "bn was better at epoch 8 than at its last epoch (20), by 2.00 in val_accuracy (%) on average. nobn was better at "
        f"epoch 5 than at its last epoch (20), by 3.00 in val_accuracy (%) on average. {AT_THEIR_BEST}"
    ]


def test_the_cure_is_taken_and_no_epoch_is_advised_that_was_chosen_by_the_rows_that_judge(tmp_path: Path) -> None:
    """Early stopping by validation rows is refused where these judge, and is not where a test part does."""
    (tmp_path / "bn.yaml").write_text("dataset: {name: moons}\nmodel: {name: mlp}\n")
    added = AT_THEIR_BEST.partition("epochs, add ")[2].partition(". Early")[0].split()
    one = config.load(tmp_path / "bn.yaml", added)
    refuse_judged_by_what_chose(Question(), one.measured("binary"), [one])
    with pytest.raises(ComparisonError, match="chooses by val_loss, on the same rows"):
        refuse_judged_by_what_chose(Question(metric="val_accuracy"), one.measured("binary"), [one])


def test_a_metric_that_was_asked_for_is_asked_of_the_test_part_too() -> None:
    arms = trained("bn", OVERFITTING_E, noise=0.001), trained("nobn", LEVEL_E, draw=1, noise=0.001)
    (told,) = cautions(*arms, metric="val_loss")
    assert "training.early_stopping.monitor=val_loss training.refresh_statistics=true --metric test_loss. Early" in told


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"name": "csv", "path": "a.csv", "target": "y", "validation_path": "b.csv"}, "test_path"),
        ({"name": "npz", "path": "a.npz", "x_validation": "x_val", "y_validation": "y_val"}, "x_test"),
    ],
)
def test_where_the_validation_part_is_ones_own_a_test_part_is_to_be_named(keys: dict[str, Any], key: str) -> None:
    """`dataset.validation_size` is refused beside it."""
    dataset = TypeAdapter[Any](Dataset).validate_python(keys)
    arms = trained("bn", OVERFITTING_E, noise=0.001), trained("nobn", LEVEL_E, draw=1, noise=0.001)
    own = [replace(one, experiment=one.experiment.model_copy(update={"dataset": dataset})) for one in arms]
    assert cautions(*own)[0].partition("average. ")[2] == (
        "The verdict is about the last epoch. To compare the arms at their best epochs, name a test part of your own as "
        f"dataset.{key}, and add training.early_stopping.monitor=val_loss training.refresh_statistics=true. Early stopping then "
        "chooses the epoch on the validation part, and the test part decides the verdict."
    )


def test_a_test_part_that_judges_needs_early_stopping_alone() -> None:
    arms = []
    for draw, (name, accuracy_E) in enumerate((("bn", OVERFITTING_E), ("nobn", LEVEL_E))):
        one = trained(name, accuracy_E, noise=0.001, draw=draw)
        metrics = {**one.history.metrics, "test_accuracy": one.history.metrics["val_accuracy"]}
        arms.append(replace(one, history=replace(one.history, metrics=metrics)))
    (told,) = cautions(*arms, metric="test_accuracy")
    assert told.startswith("bn was better at epoch 5 than at its last epoch (20), by ")
    assert told.partition("average. ")[2] == (
        "The verdict is about the last epoch. To compare the arms at their best epochs, add "
        "training.early_stopping.monitor=val_loss training.refresh_statistics=true. Early stopping then chooses the epoch on the "
        "validation part."
    )


def test_losses_of_a_test_part_that_judges_are_set_against_their_own_margin() -> None:
    """5% of a test loss of 1.0, or of 0.2: a validation loss that grows by 9% is told alike."""
    loss_E = np.concatenate([np.linspace(0.9, 0.5, 5), np.linspace(0.5, 0.545, 15)])
    for test_loss in (0.2, 1.0):
        arms = []
        for draw, name in enumerate(("bn", "nobn")):
            one = trained(name, 1 - loss_E, noise=0.0001, draw=draw)
            tests = np.full((SEEDS, EPOCHS), test_loss) + np.random.default_rng(draw).normal(0, 0.001, (SEEDS, EPOCHS))
            arms.append(replace(one, history=replace(one.history, metrics={**one.history.metrics, "test_loss": tests})))
        (told,) = cautions(*arms, metric="test_loss")
        assert all(f"{name} was better at epoch 5 than" in told for name in ("bn", "nobn"))


def test_level_arms_ask_for_no_quantile_that_loads_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_length, "mean_interval", lambda values_S, level: pytest.fail("not needed"))
    bn, nobn = (trained(name, LEVEL_E, noise=0.001, draw=draw) for draw, name in enumerate(("bn", "nobn")))
    question = ResolvedQuestion("val_accuracy", 0.01, None)
    assert [*training_length.better_before(PairedArms(bn, bn.history, nobn, nobn.history), question)] == []


@pytest.mark.parametrize(
    ("accuracy_E", "noise", "training"),
    [
        (LEVEL_E, 0.03, {}),  # the best of 20 noisy epochs is better by chance
        (OVERFITTING_E + 0.8 * (0.77 - OVERFITTING_E), 0.0001, {}),  # by 0.6 points, which is less than the margin
        (OVERFITTING_E, 0.2, {}),  # noise hides it
        (OVERFITTING_E, 0.001, {"early_stopping": {"monitor": "loss"}}),  # it chose the best epoch
        (OVERFITTING_E[:12], 0.001, {}),  # it was stopped, and says so elsewhere
    ],
    ids=["level", "less than the margin", "noise", "early stopping", "stopped"],
)
def test_others_were_not_better_before(accuracy_E: np.ndarray, noise: float, training: dict[str, Any]) -> None:
    other = trained("nobn", LEVEL_E[: len(accuracy_E)], draw=1, noise=0, **training)
    assert cautions(trained("bn", accuracy_E, noise=noise, **training), other) == []


def test_a_falling_rate_does_not_excuse_overfitting() -> None:
    falling = {"learning_rate": {"name": "cosine", "initial": 0.01}}
    (told,) = cautions(trained("bn", OVERFITTING_E, noise=0.001, **falling), trained("nobn", LEVEL_E, **falling))
    assert told.startswith("bn was better at epoch 5")


def test_a_loss_is_better_before_where_it_was_lower_and_the_verdict_does_not_wait_for_it() -> None:
    arms = trained("bn", OVERFITTING_E, noise=0.001), trained("nobn", LEVEL_E, draw=1, noise=0.001)
    contrast = compare(list(arms), Question(metric="val_loss")).contrasts[0]
    (told,) = contrast.cautions
    assert told.startswith(
        "bn was better at epoch 5 than at its last epoch (20), by 13% of val_loss on average."
    )  # 0.23 to 0.20
    assert "Fix the warnings first." not in contrast.verdict.sentence


def test_epochs_that_are_all_alike_are_seldom_called_better() -> None:
    """The best of 50 epochs is chosen, and the interval allows for it: about one arm of forty errs by chance."""
    level = np.full(50, 0.7)
    arms = [trained("a", level, noise=0.05, draw=draw, epochs=50) for draw in range(40)]
    told = [
        text for one, other in itertools.pairwise(arms) for text in cautions(one, replace(other, name="b", run="b-run"))
    ]
    assert sum("was better at" in text for text in told) <= 2
