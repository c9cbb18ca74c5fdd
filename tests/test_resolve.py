"""Names behave like targets of make: what a name means, and when it has to be trained first."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arms import arm, measured, rows_right, spread
from stored_runs import CONFIG, GONE, RUNS, trained

from bnexp import comparison, config, store
from bnexp.comparison import Question
from bnexp.data.fingerprint import source_sha256
from bnexp.errors import ComparisonError, ConfigError, RunError
from bnexp.experiment import lookup, resolve, stale
from bnexp.experiment.prepare import Checked
from bnexp.history import History
from bnexp.metrics import names
from bnexp.store import DataFacts


def test_an_override_that_only_some_arms_have_a_key_for_is_theirs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    for name, normalization in (("bn", "batch"), ("nobn", "none")):
        text = f"dataset: {{name: moons}}\nmodel: {{name: mlp, normalization: {normalization}}}\n"
        (tmp_path / "configs" / f"{name}.yaml").write_text(text)
    momentum, epochs, typo = "model.normalization.momentum=0.9", "training.epochs=x", "model.normalization.momentun=0.9"
    assert resolve.fitting_overrides(["bn", "nobn"], [momentum, epochs]) == {"bn": [momentum, epochs], "nobn": [epochs]}
    assert resolve.fitting_overrides(["bn", "nobn"], [typo]) == {"bn": [typo], "nobn": [typo]}
    planned = resolve.plan_arm("bn", tmp_path / "runs", [momentum])
    assert planned.experiment is not None and planned.experiment.model.normalization.momentum == 0.9


def test_a_config_without_a_run_is_to_be_trained(place: Path) -> None:
    planned = resolve.plan_arm("a", RUNS, [])
    assert (planned.name, planned.run, planned.reason) == ("a", None, "no finished run was found")
    assert planned.config == Path("configs/a.yaml")


def test_a_name_means_the_newest_finished_run_of_its_config(place: Path) -> None:
    trained("a")
    newest = trained("a")
    trained("a", status="interrupted")
    assert resolve.plan_arm("a", RUNS, []).run == newest
    assert resolve.plan_arm("configs/a.yaml", RUNS, []).run == newest


def test_a_run_of_another_config_is_stale_and_says_so(place: Path) -> None:
    trained("a", config_text=CONFIG + "training: {epochs: 7}\n")
    planned = resolve.plan_arm("a", RUNS, [])
    reason = "it differs from its newest run: training.epochs was 7, now 50 (the config has changed)"
    assert (planned.run, planned.reason) == (None, reason)
    assert resolve.plan_arm("a", RUNS, ["training.epochs=7"]).run is not None


def test_what_was_overridden_is_no_change_of_the_config(place: Path) -> None:
    trained("a", config_text=CONFIG + "training: {epochs: 7}\n", overrides=["training.epochs=7"])
    now, then = "(set on the command line)", "(that run had an override)"
    for overrides, told in (
        ([], f"training.epochs was 7, now 50 {then}"),
        (["training.epochs=3"], f"training.epochs was 7, now 3 {now}"),
        (
            ["training={epochs: 3}", "model.hidden=[8]"],
            f"model.hidden was [64, 64], now [8] {now}; training.epochs was 7, now 3 {now}",
        ),
        (["dataset.noise=0.5"], f"dataset.noise was 0.2, now 0.5 {now}; training.epochs was 7, now 50 {then}"),
    ):
        assert resolve.plan_arm("a", RUNS, overrides).reason == f"it differs from its newest run: {told}"


def test_a_newest_run_whose_config_or_record_is_damaged_is_stale(place: Path) -> None:
    run = trained("a", config_text=CONFIG + "training: {epochs: 7}\n", overrides=["training.epochs=7"])
    record = json.loads((run.directory / "run.json").read_text())
    told = "it differs from its newest run: training.epochs was 7, now 50"
    assert stale.reason(RUNS, config.load(Path("configs/a.yaml")), ()) == f"{told} (that run had an override)"
    store.write_json(run.directory / "run.json", {**record, "versions": 3})
    assert stale.reason(RUNS, config.load(Path("configs/a.yaml")), ()) == f"{told} (the config has changed)"
    assert not lookup.has_older_unit(run, config.load(Path("configs/a.yaml")))
    (run.directory / "config.yaml").write_text("{")
    assert stale.reason(RUNS, config.load(Path("configs/a.yaml")), ()) == "its newest run cannot be read"


def test_a_run_without_rows_whose_record_is_damaged_is_not_taken_for_one_that_lost_them(place: Path) -> None:
    run = trained("a")
    (run.directory / "rows.npz").unlink()
    assert lookup.lacks_rows(run, config.load(Path("configs/a.yaml")))
    (run.directory / "run.json").write_text("{")
    assert not lookup.lacks_rows(run, config.load(Path("configs/a.yaml"))), "reading it reports why"
    assert stale._why_no_rows(run) == "did not keep what each held-out row measured"


def test_of_two_lists_of_layers_only_what_differs_is_told(place: Path) -> None:
    layers = "model: {name: sequential, layers: [Dense: {units: 8}, %sReLU, Dense: {units: 1, activation: sigmoid}]}\n"
    with_bn, without = (f"dataset: {{name: moons}}\n{layers % text}" for text in ("BatchNormalization, ", ""))
    trained("a", config_text=with_bn)
    Path("configs/a.yaml").write_text(without)
    reason = (
        "it differs from its newest run: model.layers.1 was BatchNormalization, now nothing (the config has changed)"
    )
    assert resolve.plan_arm("a", RUNS, []).reason == reason


@pytest.mark.parametrize("has_run", [False, True])
def test_without_a_folder_of_configs_a_message_says_where_names_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_run: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if has_run:
        trained("layer")
    runs = " Good names: layer." if has_run else ""
    with pytest.raises(RunError) as raised:
        resolve.plan_arm("bn", RUNS, [])
    assert str(raised.value) == (
        "No run, experiment or config is called 'bn'. Names of experiments come from configs/ of the current folder. "
        f"There is no configs/ in {tmp_path}.{runs} Go to a folder that has one, such as bnexp's repository, or give the "
        "path of a config."
    )


def test_a_run_with_more_seeds_answers_a_config_and_one_with_fewer_does_not(place: Path) -> None:
    seeds = ["training={seeds: 3}"]
    run = trained("a")
    planned = resolve.plan_arm("a", RUNS, seeds)
    assert (planned.run, planned.reason) == (
        run,
        f"{run.id} holds 20 seeds, more than the 3 asked for; its first 3 are used",
    )
    few = trained("a", seeds=[0, 1, 2])
    assert (resolve.plan_arm("a", RUNS, seeds).run, resolve.plan_arm("a", RUNS, seeds).reason) == (few, "")
    assert resolve.plan_arm("a", RUNS, []).run == run, "the newest with all seeds"
    more = resolve.plan_arm("a", RUNS, ["training.seeds=40"])
    assert (more.run, more.experiment is not None) == (None, True)


def test_a_run_of_other_seeds_does_not_answer_a_config_though_it_has_enough_of_them(place: Path) -> None:
    trained("a", seeds=[0, 1, 5, 6])
    assert resolve.plan_arm("a", RUNS, ["training.seeds=3"]).run is None
    assert resolve.plan_arm("a", RUNS, ["training.seeds=2"]).run is not None


def test_an_older_run_is_found_by_the_digest_that_held_its_number_of_seeds(place: Path) -> None:
    experiment = config.load(Path("configs/a.yaml"), ["training.seeds=7"])
    run = trained("a", seeds=7, config_digest=config.former_digest(experiment, 7))
    for asked in (7, 5):
        assert resolve.plan_arm("a", RUNS, [f"training.seeds={asked}"]).run == run
    assert resolve.plan_arm("a", RUNS, ["training.seeds=8"]).run is None
    assert resolve.plan_arm("a", RUNS, ["training.seeds=7", "training.epochs=7"]).run is None


def test_the_reason_to_train_names_the_seeds_only_if_more_are_asked_for(place: Path) -> None:
    trained("a", config_text=CONFIG + "training: {epochs: 7, seeds: 5}\n")
    told = [resolve.plan_arm("a", RUNS, [f"training={{seeds: {asked}}}"]).reason for asked in (3, 9)]
    assert told == [
        "it differs from its newest run: training.epochs was 7, now 50 (the config has changed)",
        "it differs from its newest run: training.epochs was 7, now 50 (the config has changed); "
        "training.seeds was 5, now 9 (set on the command line)",
    ]


def test_a_run_of_a_bnexp_with_other_keys_is_not_told_to_be_of_other_data(place: Path) -> None:
    trained("a", config_digest="0" * 64)
    assert resolve.plan_arm("a", RUNS, []).reason == "its newest run is of an older bnexp, whose configs had other keys"
    trained("a", config_digest="0" * 64, dataset={"source_sha256": "of another file"})
    assert resolve.plan_arm("a", RUNS, []).reason == "its data have changed since its newest run"


def test_configs_that_are_to_be_trained_from_other_seeds_are_different_arms(place: Path) -> None:
    planned = [resolve.plan_arm("a", RUNS, []), replace(resolve.plan_arm("a", RUNS, ["training.seeds=3"]), name="b")]
    resolve.refuse_twice(planned)


def test_an_experiment_without_a_config_is_known_by_its_runs(place: Path) -> None:
    run = trained("layer")
    assert resolve.plan_arm("layer", RUNS, []).run == run


def test_a_run_is_known_by_its_directory_its_id_and_the_beginning_of_it(place: Path) -> None:
    run = trained("layer")
    for name in (str(run.directory), run.id, run.id[:-2], f".{os.sep}{run.directory}"):
        found = resolve.plan_arm(name, RUNS, []).run
        assert found is not None
        assert found.directory.resolve() == run.directory.resolve()


def test_latest_is_a_run_but_not_a_comparison(place: Path) -> None:
    run = trained("layer")
    latest = resolve.plan_arm("latest", RUNS, []).run
    assert latest is not None
    assert latest.id == run.id
    store.write_json(run.directory / "comparison.json", {})
    with pytest.raises(RunError, match=r"is a comparison; expected a run\. Name one of the runs it compares\."):
        resolve.plan_arm("latest", RUNS, [])


def test_unknown_names_list_what_exists_the_nearest_first(place: Path) -> None:
    trained("layer")
    with pytest.raises(RunError) as caught:
        resolve.plan_arm("leyer", RUNS, [])
    assert str(caught.value) == (
        "No run, experiment or config is called 'leyer'. Did you mean 'layer'? Good names: layer, a."
    )


def test_an_ambiguous_beginning_lists_its_candidates(place: Path) -> None:
    runs = [trained("one"), trained("only")]
    with pytest.raises(RunError, match=r"'on' is the beginning of 2 runs; expected one of: ") as caught:
        resolve.plan_arm("on", RUNS, [])
    assert all(run.id in str(caught.value) for run in runs)


def test_a_run_that_is_not_finished_is_refused(place: Path) -> None:
    run = trained("layer", status="interrupted")
    with pytest.raises(RunError, match=f"{run.id} is interrupted; expected a finished run. Train it again."):
        resolve.plan_arm(run.id, RUNS, [])


def test_one_run_or_one_config_under_two_names_is_refused_before_training(place: Path) -> None:
    untrained = [resolve.plan_arm(name, RUNS, []) for name in ("a", "configs/a.yaml")]
    with pytest.raises(ComparisonError, match=r"a takes part 2 times; expected different arms\. Name each arm once\."):
        resolve.refuse_twice(untrained)
    run = trained("layer")
    with pytest.raises(ComparisonError, match="layer takes part 2 times"):
        resolve.refuse_twice([resolve.plan_arm(name, RUNS, []) for name in ("layer", run.id)])
    resolve.refuse_twice([resolve.plan_arm(name, RUNS, []) for name in ("layer", "a")])


def facts(**changed: Any) -> Checked:
    return replace(Checked("binary", 3, digest="d", splits={"0": "s"}), **changed)


@pytest.mark.usefixtures("by_command")
def test_what_arms_will_measure_is_known_before_they_are_trained(place: Path) -> None:
    planned = [
        resolve.plan_arm("a", RUNS, []),
        replace(resolve.plan_arm("a", RUNS, ["training.evaluate_train=false"]), name="b"),
    ]
    checked = {"a": facts(), "b": facts()}
    resolve.refuse_unanswerable(Question("val_loss"), planned, {}, checked)
    with pytest.raises(ComparisonError) as caught:
        resolve.refuse_unanswerable(Question("train_loss", baseline="c", margin=3), planned, {}, checked)
    assert str(caught.value) == (
        "--baseline is 'c'; expected one of the arms. Good names: a, b.\n"
        "--metric is 'train_loss'; the training part is not evaluated. Set training.evaluate_train: true."
    )


def test_arms_that_would_not_share_their_rows_are_refused_before_they_are_trained(place: Path) -> None:
    planned = [resolve.plan_arm("a", RUNS, []), replace(resolve.plan_arm("a", RUNS, ["dataset.seed=7"]), name="b")]
    with pytest.raises(ComparisonError) as caught:
        resolve.refuse_unanswerable(Question(), planned, {}, {"a": facts(digest="x"), "b": facts()})
    assert str(caught.value) == (
        "a (to be trained) and b (to be trained) would not be trained on the same data: dataset.seed is 42 and 7. "
        "Train both on one dataset, then compare."
    )
    with pytest.raises(ComparisonError, match=r"would not be trained on the same split: dataset\.seed is 42 and 7"):
        resolve.refuse_unanswerable(Question(), planned, {}, {"a": facts(splits={"0": "x"}), "b": facts()})
    assert not resolve.needs_digests([planned[0], planned[0]])


def test_all_names_that_mean_nothing_are_told_at_once(place: Path) -> None:
    (place / "bad.yaml").write_text("dataset: {name: moons}\nmodel: {name: mlp, hiden: [4]}\n")
    with pytest.raises(ConfigError) as caught:
        resolve.plan_arms(["a", "nope", "bad.yaml"], RUNS, {"a": [], "nope": [], "bad.yaml": []})
    first, second = str(caught.value).splitlines()
    assert first == "No run, experiment or config is called 'nope'. Good names: a."
    assert second.startswith("bad.yaml:2: model.hiden is not a known key. Did you mean 'hidden'?")


def test_overrides_need_a_config(place: Path) -> None:
    run = trained("layer")
    with pytest.raises(RunError) as caught:
        resolve.plan_arm("layer", RUNS, ["training.epochs=5"])
    assert str(caught.value) == (
        "layer is a stored run; overrides (training.epochs=5) need a config. "
        f"Name its config: {run.directory}/config.yaml."
    )


@pytest.mark.parametrize("overrides", [[], ["training.epochs=1"]])
def test_a_name_that_nothing_has_is_no_stored_run_with_overrides_either(place: Path, overrides: list[str]) -> None:
    for name in ("nonsense", "x" * 300):
        with pytest.raises(RunError, match=r"No run, experiment or config is called '.*\. Good names: a\."):
            resolve.plan_arm(name, RUNS, overrides)


def test_what_is_wrong_with_all_arms_is_told_at_once(place: Path) -> None:
    (place / "b.yaml").write_text(CONFIG + "foo: 1\n")
    names = ["nonsense", "b.yaml", "a"]
    with pytest.raises(ConfigError) as caught:
        resolve.plan_arms(names, RUNS, {name: ["training.epochs=0"] for name in names})
    assert [line.partition(" is ")[0] for line in str(caught.value).splitlines()] == [
        "No run, experiment or config",
        "override training.epochs=0: training.epochs",
        "b.yaml:3: foo",
    ]


def test_a_faulty_config_is_told_before_any_run_is_looked_for(place: Path) -> None:
    (place / "configs" / "a.yaml").write_text(CONFIG + "training: {epoch: 5}\n")
    with pytest.raises(ConfigError, match=r"configs/a\.yaml:3: training\.epoch is not a known key"):
        resolve.plan_arm("a", RUNS, [])


def test_a_damaged_run_hides_no_other(place: Path) -> None:
    run = trained("a")
    with store.new_directory(RUNS, "a") as directory:
        (directory / "run.json").write_text(json.dumps({"status": "finished"})[:-3])
    assert resolve.plan_arm("a", RUNS, []).run == run


def test_a_record_that_lacks_what_a_comparison_needs_is_refused_by_name(place: Path) -> None:
    run = trained("layer", seeds=3)
    with pytest.raises(RunError, match=r"run\.json: trainer: Field required\. Train layer again\."):
        resolve.arm("layer", run)


def run_of_arm(name: str, one: comparison.Arm, history: History) -> store.Run:
    """Write a finished run with the record of an arm, and a history that need not go with it."""
    loss = history.metrics["loss"]
    more = dict.fromkeys(names("binary", one.experiment.evaluated_parts()), loss)
    history = replace(history, metrics={**more, **history.metrics})
    run = trained(name, **one.record.as_json())
    store.write(run.directory / "config.yaml", config.dump(one.experiment))
    store.write_json(run.directory / "history.json", history.to_json())
    (run.directory / "rows.npz").unlink()
    return run


@pytest.mark.parametrize(
    ("seeds", "named", "seen"),
    [
        (6, 8, "lacks seeds 6, 7, which run.json names"),
        (8, 6, "holds seeds 6, 7, which run.json does not name"),
    ],
)
def test_a_history_of_other_seeds_than_the_runs_is_refused(place: Path, seeds: int, named: int, seen: str) -> None:
    """Else a history that was cut would change a verdict in silence."""
    whole = arm("a", spread(0.8, count=8), seeds=8)
    one = replace(whole, record=whole.record.model_copy(update={"seeds": tuple(range(named))}))
    run = run_of_arm("a", one, whole.history.of(tuple(range(seeds))))
    with pytest.raises(RunError) as caught:
        resolve.arm("a", run)
    assert str(caught.value) == f"{run.directory}/history.json: {seen}. Restore the file, or train again."
    assert resolve.arm("b", run_of_arm("b", whole, whole.history)).history.seeds == tuple(range(8))


def test_a_history_of_other_epochs_than_the_configs_is_refused(place: Path) -> None:
    whole = arm("a", spread(0.8, count=8), seeds=8)
    first = {name: values[:, :1] for name, values in whole.history.metrics.items()}
    run = run_of_arm("a", whole, replace(whole.history, metrics=first, epochs_S=(1,) * 8))
    with pytest.raises(RunError) as caught:
        resolve.arm("a", run)
    assert str(caught.value) == (
        f"{run.directory}/history.json: seed 0 has 1 epoch, and training.epochs is 2. Train a again."
    )


def test_rows_of_other_seeds_than_the_runs_are_refused(place: Path) -> None:
    one = measured("a", rows_right(0.8, seeds=8))
    assert one.held_out is not None
    run = run_of_arm("a", one, one.history)
    (run.directory / "rows.npz").write_bytes(one.held_out.of(tuple(range(7))).to_npz())
    with pytest.raises(RunError, match=r"rows\.npz: lacks seed 7, which run\.json names\. Restore the file"):
        resolve.arm("a", run)
    (run.directory / "rows.npz").write_bytes(one.held_out.to_npz())
    found = resolve.arm("a", run).held_out
    assert found is not None and found.seeds == tuple(range(8))


def test_a_record_with_a_key_that_is_nested_deeper_than_any_of_bnexps_is_refused_by_name(place: Path) -> None:
    nested: Any = 1
    for _ in range(300):
        nested = {"a": nested}
    run = trained("layer", probes=nested)
    with pytest.raises(RunError, match=r"run\.json: is nested too deeply to be kept\. Train layer again\."):
        resolve.arm("layer", run)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (["splits"], "splits"),
        (["batches", "all_epochs"], "batches.all_epochs"),
        (["kernels", "output/kernel"], "kernels.output/kernel"),
    ],
)
def test_a_seed_without_one_of_its_digests_is_refused(place: Path, path: list[str], key: str) -> None:
    whole = arm("a", spread(0.9))
    lossy = whole.record.as_json()
    digests = lossy["pairing"]
    for step in path:
        digests = digests[step]
    del digests["3"]
    run = trained("a", **{name: lossy[name] for name in lossy if name not in ("name", "status")})
    store.write_json(run.directory / "history.json", whole.history.to_json())
    (run.directory / "rows.npz").unlink()
    with pytest.raises(RunError, match=rf"run\.json: pairing\.{re.escape(key)} has no seed 3\. Train a again\.$"):
        resolve.arm("a", run)


def test_a_run_whose_rows_have_another_accuracy_than_its_history_is_refused(place: Path) -> None:
    """Both files hold the number that is judged. A diverged seed has none."""
    whole = measured("a", rows_right(0.9, seeds=6, rows=50))
    assert whole.held_out is not None
    content = whole.held_out.to_npz()
    facts = whole.record.as_json() | {"rows_sha256": hashlib.sha256(content).hexdigest(), "seeds": 6}
    run = trained("a", **{name: facts[name] for name in facts if name not in ("name", "status")})
    store.write(run.directory / "rows.npz", content)
    final_S = whole.history.final("val_accuracy")
    history = whole.history.with_final("val_accuracy", np.where(np.arange(6) == 3, 0.5, final_S))
    store.write_json(run.directory / "history.json", history.to_json())
    with pytest.raises(RunError) as caught:
        run.measured(run.record())
    assert str(caught.value) == (
        f"{run.directory}/rows.npz: the rows of seed 3 have {final_S[3]:.6g} in val_accuracy, and its final value is "
        "0.5. Restore the file, or train again."
    )
    for fitting in (whole.history, replace(history, diverged_at={3: 2})):
        store.write_json(run.directory / "history.json", fitting.to_json())
        assert run.measured(run.record())[1] is not None


def test_a_config_whose_newest_run_has_lost_a_file_is_trained_and_the_reason_says_so(place: Path) -> None:
    run = trained("a")
    (run.directory / "history.json").unlink()
    planned = resolve.plan_arm("a", RUNS, [])
    assert (planned.run, planned.reason) == (None, f"{run.id} is damaged ({GONE})")


def test_a_config_whose_run_has_lost_its_rows_is_trained_again_unless_it_keeps_none(place: Path) -> None:
    run = trained("a", rows_sha256="0" * 64)
    assert resolve.plan_arm("a", RUNS, []).run == run
    (run.directory / "rows.npz").unlink()
    planned = resolve.plan_arm("a", RUNS, [])
    assert (planned.run, planned.reason) == (None, f"{run.id} has lost its rows.npz")
    assert resolve.plan_arm("a", RUNS, ["training.keep_rows=false"]).run == run
    assert resolve.plan_arm(run.id, RUNS, []).run == run, "a run that is named is that run"


def test_overrides_of_what_is_no_finished_run_are_not_told_to_name_its_config(place: Path) -> None:
    run = trained("b")
    (run.directory / "config.yaml").unlink()
    with pytest.raises(RunError, match=r"^b-\S+ is damaged \(config\.yaml: is missing"):
        resolve.plan_arm(run.id, RUNS, ["training.epochs=1"])


def test_a_damaged_run_is_refused_with_the_reason(place: Path) -> None:
    run = trained("b")
    (run.directory / "run.json").write_text('{"status": "fini')
    with pytest.raises(
        RunError, match=r"^b-\S+ is damaged \(run\.json: the text: Invalid JSON: .*\); expected a finished run\."
    ):
        resolve.plan_arm(run.id, RUNS, [])


def test_a_run_whose_errors_are_in_standard_deviations_is_trained_anew_and_stands_beside_no_new_one(
    place: Path,
) -> None:
    """An older bnexp kept mae and mse of a scaled target so; one number would be 50 times the other."""
    Path("t.csv").write_text("x,y\n" + "\n".join(f"{number},{3 * number}" for number in range(60)))
    text = "dataset: {name: csv, path: t.csv, target: y}\nmodel: {name: mlp}\n"
    Path("configs/r.yaml").write_text(text)
    source = source_sha256(config.load(Path("configs/r.yaml")).dataset)
    facts = {"task": "regression", "source_sha256": source, "digest": "rows"}
    trained("r", config_text=text, dataset=facts)
    reason = "its newest run is of an older bnexp, which kept mae and mse of a scaled target in standard deviations"
    assert resolve.plan_arm("r", RUNS, []).reason == reason
    new = trained("r", config_text=text, dataset={**facts, "error_unit": "target"})
    assert resolve.plan_arm("r", RUNS, []).run == new
    experiment = config.load(Path("configs/r.yaml"))
    units = [
        comparison.error_unit_of(experiment, DataFacts.model_validate(facts | more))
        for more in ({}, {"error_unit": "target"})
    ]
    arms = [
        comparison.Basis("r", name, experiment, "rows", {"0": "s"}, unit)
        for name, unit in zip("ab", units, strict=True)
    ]
    with pytest.raises(
        ComparisonError, match=r"the same unit of mae and mse: mae and mse are in standard deviations and in target"
    ):
        comparison.refuse_other_data(arms[:1], arms[1])
    comparison.refuse_other_data(arms[:1], arms[0])
    plain = config.load(Path("configs/r.yaml"), ["dataset.scale_target=false"])
    assert comparison.error_unit_of(plain, DataFacts.model_validate(facts)) is None
