"""Which numbers of seeds were judged before: by stored comparisons of the same two experiments."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments import experiment

from bnexp import comparison, config, statistics, store
from bnexp.comparison import Arm, Question
from bnexp.comparison.first_question import JudgedBy
from bnexp.config import Experiment
from bnexp.experiment.comparison_plan import _of_before
from bnexp.experiment.earlier_looks import Before, Known, known_arms
from bnexp.experiment.kept_seeds import kept_seeds
from bnexp.experiment.resolve import arm
from bnexp.experiment.run import train_experiment
from bnexp.store import ComparisonDocument, DataFacts
from bnexp.store.looks import Look

pytestmark = [
    pytest.mark.usefixtures("seed_by_seed"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # Keras's own, while it writes
]


def trained(name: str, seeds: int, runs: Path, normalization: str, samples: int = 60) -> Arm:
    """Train an experiment, but for seeds that are kept; return the arm."""
    one: Experiment = experiment(
        dataset={"name": "moons", "samples": samples},
        model={"hidden": [4], "normalization": normalization},
        training={"epochs": 1, "batch_size": 8, "save": "none", "seeds": seeds},
    ).model_copy(update={"name": name})
    kept = kept_seeds(one, runs, lambda text: None)
    finished = train_experiment(one, runs, watch=lambda so_far: False, kept=kept)
    return arm(name, finished.run, finished)


def look(runs: Path, arms: Sequence[Arm], question: Question | None = None, *, is_withheld: bool = False) -> Path:
    """Compare, and keep the comparison as `bnexp compare` does, as if it had a verdict or, if `is_withheld`, none."""
    document = comparison.compare(arms, question or Question(metric="val_accuracy"))
    for contrast in document.contrasts:
        contrast.verdict.is_withheld = is_withheld
    with store.new_directory(runs, "-vs-".join(one.name for one in arms)) as directory:
        store.write_histories(directory, {one.name: one.history for one in arms})
        store.write_record(directory / "comparison.json", document)
    return directory


def before(runs: Path, arms: Sequence[Arm], document: ComparisonDocument) -> Before:
    return Before(runs, known_arms(arms), [(one.arm, one.baseline) for one in document.contrasts])


def looks_of_each(runs: Path, arms: Sequence[Arm], metric: str = "val_accuracy") -> dict[str, list[int]]:
    """Return the numbers of seeds of earlier looks at each arm, for a plain comparison of all seeds that they share."""
    now = len(set.intersection(*(set(one.history.seeds) for one in arms)))
    document = comparison.compare(arms, Question(metric=metric))
    found = before(runs, arms, document).looks(document.primary.metric, [Look(seeds=now, level=0.95)])
    assert all(one.level == 0.95 for one in found)
    return {one.name: [look.seeds for look in found if look.arm == one.name] for one in arms[:-1]}


def earlier_looks(runs: Path, arms: Sequence[Arm]) -> tuple[int, ...]:
    """Return the numbers of seeds of earlier looks at two arms."""
    (found,) = looks_of_each(runs, arms).values()
    return tuple(found)


@pytest.mark.slow
def test_comparisons_of_the_same_experiments_at_other_numbers_of_seeds_are_earlier_looks(tmp_path: Path) -> None:
    pairs = {
        seeds: [trained("bn", seeds, tmp_path, "batch"), trained("nobn", seeds, tmp_path, "none")]
        for seeds in (2, 4, 6)
    }
    assert earlier_looks(tmp_path, pairs[6]) == ()
    look(tmp_path, pairs[4], is_withheld=True)
    assert earlier_looks(tmp_path, pairs[6]) == (), "a look without a verdict cannot have erred"
    look(tmp_path, pairs[4])
    first = look(tmp_path, pairs[2])
    look(tmp_path, pairs[2])
    look(tmp_path, pairs[6])
    assert earlier_looks(tmp_path, pairs[6]) == (2, 4), "the same seeds again are no other look"
    assert earlier_looks(tmp_path, pairs[6][::-1]) == (2, 4)
    assert earlier_looks(tmp_path, [pairs[6][0], pairs[4][1]]) == (), "the 4 seeds that are shared were the first look"
    layer = trained("layer", 6, tmp_path, "layer")
    assert earlier_looks(tmp_path, [pairs[6][0], layer]) == (), "this pair was never judged"
    assert looks_of_each(tmp_path, [*pairs[6], layer]) == {"bn": [], "nobn": []}, "nor was either beside this baseline"
    assert looks_of_each(tmp_path, [pairs[6][0], layer, pairs[6][1]]) == {"bn": [2, 4], "layer": []}
    assert looks_of_each(tmp_path, pairs[6], "val_loss") == {"bn": []}, "by another metric"
    document = comparison.compare(pairs[6], Question(metric="val_accuracy"))
    for level, counted in ((0.99, [2, 4, 6]), (0.9, [2, 4])):
        found = before(tmp_path, pairs[6], document).looks("val_accuracy", [Look(seeds=6, level=level)])
        assert [one.seeds for one in found] == counted, "the same seeds count again if their level was lower"
    for damaged in ("{", "[]", "{}"):
        (first / "comparison.json").write_text(damaged)
        assert earlier_looks(tmp_path, pairs[6]) == (2, 4), "the other comparison of 2 seeds is still there"


def test_a_comparison_that_repeats_an_older_one_counts_the_looks_before_that_one_alone(tmp_path: Path) -> None:
    """Its answer was seen then, and nothing is new. What was looked at later cannot have changed it."""
    arms = [trained("bn", 4, tmp_path, "batch"), trained("nobn", 4, tmp_path, "none")]
    of = {seeds: [replace(one, history=one.history.of(tuple(range(seeds)))) for one in arms] for seeds in (2, 3, 4)}
    look(tmp_path, of[4])
    look(tmp_path, of[2])
    assert (earlier_looks(tmp_path, of[4]), earlier_looks(tmp_path, of[2])) == ((), (4,))
    assert earlier_looks(tmp_path, of[3]) == (2, 4)
    look(tmp_path, of[3])
    look(tmp_path, of[4])
    assert [earlier_looks(tmp_path, of[seeds]) for seeds in (4, 2, 3)] == [(), (4,), (2, 4)]


@pytest.mark.slow
def test_a_comparison_of_other_rows_or_of_runs_that_are_gone_is_no_earlier_look(tmp_path: Path) -> None:
    few = [trained("bn", 2, tmp_path, "batch"), trained("nobn", 2, tmp_path, "none")]
    look(tmp_path, few)
    more = [trained("bn", 3, tmp_path, "batch"), trained("nobn", 3, tmp_path, "none")]
    others = [trained("bn", 3, tmp_path, "batch", 80), trained("nobn", 3, tmp_path, "none", 80)]
    assert (earlier_looks(tmp_path, more), earlier_looks(tmp_path, others)) == ((2,), ())
    shutil.rmtree(tmp_path / few[0].run)
    assert earlier_looks(tmp_path, more) == ()


def of_file(name: str, runs: Path, path: Path) -> Arm:
    """Train an arm on a CSV file."""
    training = {"epochs": 1, "batch_size": 8, "save": "none", "seeds": 2}
    plain = experiment(model={"hidden": [4], "normalization": name}, training=training).model_dump()
    dataset = {"name": "csv", "path": str(path), "target": "y"}
    one = Experiment.model_validate(plain | {"name": name, "dataset": dataset})
    finished = train_experiment(one, runs, watch=lambda so_far: False)
    return arm(name, finished.run, finished)


def test_a_copy_of_the_data_file_is_no_new_data(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x,y\n" + "".join(f"{n * 37 % 101},{'uv'[n % 2]}\n" for n in range(60)))
    arms = [of_file(name, tmp_path, file) for name in ("batch", "none")]
    look(tmp_path, arms)

    def told(keys: dict[str, object], **facts: str) -> tuple[list[int], bool]:
        """Return the earlier looks at arms with other keys and rows, and whether answers on other rows are told."""
        others = []
        for one in known_arms(arms):
            dataset = one.experiment.dataset.model_copy(update=keys)
            changed = one.experiment.model_copy(update={"dataset": dataset})
            others.append(replace(one, experiment=changed, data=one.data.model_copy(update=facts)))
        found, now = Before(tmp_path, others, [("batch", "none")]), [Look(seeds=3, level=0.95)]
        return [one.seeds for one in found.looks("val_accuracy", now)], bool(found.on_other_rows("val_accuracy", now))

    copy = {"path": "copy.csv"}
    assert told({}) == told(copy) == ([2], False)
    assert told({**copy, "scale": "none"}) == ([], False), "other inputs"
    assert told({**copy, "test_size": 0.3}, digest="other rows") == ([], True), "another split is a second try"
    assert told(copy, digest="other rows", source_sha256="other") == ([], False), "other data"
    assert told({}, digest="other rows", source_sha256="other") == ([], True), "the same file, which was changed"


def changed_source(record: Any) -> Any:
    """Return a record whose rows come from another state of the data file."""
    facts = record.dataset.model_copy(update={"source_sha256": "other", "digest": "other"})
    return record.model_copy(update={"dataset": facts})


def test_an_answer_about_other_rows_of_the_same_data_is_told_with_what_a_second_try_costs(tmp_path: Path) -> None:
    """The second comparison is told of the first, not the other way round; another network is another question."""

    def pair(samples: int, base: str = "none") -> list[Arm]:
        return [trained(name, 2, tmp_path, name, samples) for name in ("batch", base)]

    def told(arms: list[Arm]) -> dict[str, str]:
        document = comparison.compare(arms, Question(metric="val_accuracy"))
        return before(tmp_path, arms, document).on_other_rows("val_accuracy", [Look(seeds=2, level=0.95)])

    few, many, other = pair(60), pair(80), pair(80, "layer")
    assert told(few) == told(many) == {}
    look(tmp_path, few)
    assert told(few) == {} and told(other) == {}
    assert told(many) == {
        "batch": "Stored comparisons judged these networks on other rows of these data before. Whoever takes other rows "
        "until an answer is clear errs more often: all answers together err in up to 10% of cases without a "
        "difference, not in 5%."
    }
    asked = JudgedBy.of("val_accuracy", None, "new-rows")
    planned = _of_before(tmp_path, known_arms(many), "none", asked, [2], is_planned=False)
    assert planned == list(told(many).values()), "the plan says so before the second one is trained"
    look(tmp_path, many)
    look(tmp_path, few, Question(metric="val_accuracy", margin=0.05))
    assert told(few) == {} and "up to 10%" in told(many)["batch"], "another margin is no other look"
    assert re.search(r" on 2 other sets of rows .* up to 15% of ", told(pair(70))["batch"])
    asked = [Look(seeds=2, level=0.95)]
    more = [trained(name, 4, tmp_path, name, 60) for name in ("batch", "none")]
    now = [Look(seeds=4, level=0.95)]
    document = comparison.compare(more, Question(metric="val_accuracy"))
    both = before(tmp_path, more, document)
    assert [look.seeds for look in both.looks("val_accuracy", now)] == [2]
    error = statistics.error_of([(2, 0.95), (4, 0.95)])
    assert f" up to {0.05 + error:.0%} of " in both.on_other_rows("val_accuracy", now)["batch"], (
        "two looks at these rows"
    )
    changed = [replace(arm, record=changed_source(arm.record)) for arm in few]
    said = before(tmp_path, changed, document).on_other_rows("val_accuracy", asked)["batch"]
    assert "when the data files were other ones. If rows of then are still held out, this is a second try." in said


@pytest.mark.parametrize(("these_rows", "counts"), [(None, []), ("cannot tell yet", [1])])
def test_an_answer_for_these_rows_alone_is_a_look(tmp_path: Path, these_rows: str | None, counts: list[int]) -> None:
    for seeds in (1, 2):
        arms = [trained(name, seeds, tmp_path, name) for name in ("batch", "none")]
        found = looks_of_each(tmp_path, arms)
        (stored,) = [look(tmp_path, arms, is_withheld=True)]
        document = json.loads((stored / "comparison.json").read_text())
        document["contrasts"][0]["verdict"]["these_rows"] = these_rows
        (stored / "comparison.json").write_text(json.dumps(document))
    assert found == {"batch": counts}


def test_a_metric_or_a_margin_that_was_not_asked_first_is_told_as_exploratory(tmp_path: Path) -> None:
    bn, nobn = (trained(name, 2, tmp_path, kind) for name, kind in (("bn", "batch"), ("nobn", "none")))
    layer = trained("layer", 2, tmp_path, "layer")

    def first(*arms: Arm, **asked: Any) -> list[str]:
        """Ask now, and return what is told of the questions before."""
        document = comparison.compare(arms, Question(**asked))
        now = JudgedBy.of(document.primary.metric, document.asked.margin, document.asked.about)
        return list(before(tmp_path, arms, document).exploratory(now).values())

    assert first(bn, nobn, margin=0.05) == [], "nothing was asked before"
    look(tmp_path, [bn, nobn], Question(margin=0.02))
    look(tmp_path, [bn, nobn], Question(metric="val_loss"))
    assert first(bn, nobn, margin=0.02) == [], "the first question again"
    for other, now in (
        ({}, "val_accuracy (margin 1.00 points, new rows)"),
        ({"metric": "val_loss"}, "val_loss (default margin, new rows)"),
        ({"margin": 0.02, "about": "these-rows"}, "val_accuracy (margin 2.00 points, these rows)"),
    ):
        assert first(bn, nobn, **other) == [
            f"bn and nobn were first judged by val_accuracy (margin 2.00 points, new rows), and now by {now}. A question that is "
            "chosen after a result was seen makes the verdict exploratory. Confirm it on other data."
        ]
    look(tmp_path, [bn, layer])
    assert first(bn, layer, margin=0.01) == [], "the default one of an accuracy"
    assert len(first(nobn, bn)) == 1, "with the other one as the baseline"
    assert len(first(bn, layer, nobn)) == 1, "of three arms, the one that was judged"
    assert first(bn, layer) == []


def test_a_document_that_does_not_hold_what_was_asked_tells_of_its_margin_where_that_is_known(tmp_path: Path) -> None:
    """An older bnexp did not keep whether a margin was given. That of an accuracy tells; that of a loss does not."""
    arms = [trained(name, 2, tmp_path, kind) for name, kind in (("bn", "batch"), ("nobn", "none"))]
    for metric, told in (("val_accuracy", ["bn"]), ("val_loss", [])):
        kept = look(tmp_path, arms, Question(metric=metric, margin=0.05)) / "comparison.json"
        older = json.loads(kept.read_text())
        del older["asked"]
        kept.write_text(json.dumps(older))
        document = comparison.compare(arms, Question(metric=metric))
        known = before(tmp_path, arms, document)
        assert list(known.exploratory(JudgedBy.of(metric, None, "new-rows"))) == told
        assert list(known.exploratory(JudgedBy.of(metric, 0.05, "new-rows"))) == []
        shutil.rmtree(kept.parent)


def test_the_other_class_as_the_positive_one_is_another_question_of_a_metric_that_is_about_it(tmp_path: Path) -> None:
    def known(positive: object, name: str, kind: str, path: str = "t.csv") -> Known:
        dataset = {"name": "csv", "path": path, "target": "y", "positive": positive}
        plain = experiment(model={"normalization": kind}).model_dump()
        one = Experiment.model_validate(plain | {"dataset": dataset})
        rows = DataFacts(digest=f"rows, {positive}", source_sha256="file", classes=["0", "1"])
        return Known(name, one, rows)

    def asked(
        positive: object, metric: str, classes: list[str], source: str = "file", path: str = "t.csv"
    ) -> list[str]:
        arms = [known(positive, "bn", "batch", path), known(positive, "nobn", "none", path)]
        arms = [replace(one, data=one.data.model_copy(update={"source_sha256": source})) for one in arms]
        found = Before(tmp_path, arms, [("bn", "nobn")])
        assert found.looks(metric, []) == [], "other targets are other trainings"
        return list(found.exploratory(JudgedBy.of(metric, None, "new-rows", classes)).values())

    for one in (known("0", "bn", "batch"), known("0", "nobn", "none")):
        (tmp_path / one.name).mkdir()
        rows = {"digest": one.data.digest, "source_sha256": one.data.source_sha256}
        run = {"config_digest": config.digest(one.experiment), "dataset": rows}
        (tmp_path / one.name / "run.json").write_text(json.dumps(run))
    judged: dict[str, Any] = {
        "seeds": [0, 1],
        "primary": {"metric": "val_f1", "margin": 0.01},
        "asked": {},
        "dataset": {"classes": ["1", "0"]},
        "arms": [{"name": "bn", "run": "bn"}, {"name": "nobn", "run": "nobn"}],
        "contrasts": [{"arm": "bn", "baseline": "nobn"}],
    }
    (tmp_path / "bn-vs-nobn").mkdir()
    (tmp_path / "bn-vs-nobn" / "comparison.json").write_text(json.dumps(judged))
    for positive in ("1", 1, None):
        assert asked(positive, "val_f1", ["0", "1"]) == [
            "bn and nobn were first judged by val_f1 of class '0' (margin 0.01, new rows), and now by val_f1 of class "
            "'1' (margin 0.01, new rows). A question that is chosen after a result was seen makes the verdict "
            "exploratory. Confirm it on other data."
        ]
    assert asked(0, "val_f1", ["1", "0"]) == [], "the same class, spelt as a number"
    assert len(asked("1", "val_accuracy", ["0", "1"])) == 1
    assert asked("1", "val_f1", ["0", "1"], source="another file") == []
    for one in ("bn", "nobn"):
        (tmp_path / one / "config.yaml").write_text(
            config.dump(known("0", one, "batch" if one == "bn" else "none").experiment)
        )
    assert len(asked("1", "val_f1", ["0", "1"], path="copy.csv")) == 1, "a copy of the file"
    assert asked("1", "val_f1", ["0", "1"], path="copy.csv", source="another file") == []
    judged["primary"]["metric"] = "val_auc"
    (tmp_path / "bn-vs-nobn" / "comparison.json").write_text(json.dumps(judged))
    assert asked("1", "val_auc", ["0", "1"]) == [], "which is the same for both classes"
