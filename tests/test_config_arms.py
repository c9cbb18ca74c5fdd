"""One config in several arms: `bnexp compare a --arms batch,none`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command import bnexp as bnexp_command
from command import refused

import bnexp
from bnexp import config
from bnexp.errors import UserError

ARMS = ["batch", "none"]
DEEP = {
    "name": "deep",
    "dataset": {"name": "moons"},
    "model": {"name": "mlp", "hidden": [3, 3], "normalization": {"name": "batch", "momentum": 0.9}},
}


def models(found: list[Any]) -> list[tuple[str, Any]]:
    return [(one.experiment.name, one.experiment.model.normalization) for one in found]


def test_a_config_is_trained_with_each_normalization_and_else_as_it_is(place: Path) -> None:
    (place / "configs" / "b.yaml").write_text("extends: a.yaml\nmodel: {normalization: {name: batch, momentum: 0.9}}\n")
    checked = bnexp.check("b", arms=[*ARMS, "layer"])
    assert [name for name, _ in models(checked)] == ["b-batch", "b-none", "b-layer"]
    assert [kind.name for _, kind in models(checked)] == [*ARMS, "layer"]
    assert checked[0].experiment.model.normalization.momentum == 0.9, "the options of the config's own kind stay"
    plain = config.load(Path("configs/b.yaml"))
    for one, arm in zip(checked, [*ARMS, "layer"], strict=True):
        expected = config.load(Path("configs/b.yaml"), [] if arm == "batch" else [f"model.normalization={arm}"])
        assert config.digest(one.experiment) == config.digest(expected)
    assert config.digest(checked[0].experiment) == config.digest(plain)
    assert models(bnexp.check(DEEP, arms=[{"name": "batch", "momentum": 0.5}, None])) == [
        ("deep-batch", plain.model.normalization.model_copy(update={"momentum": 0.5})),
        ("deep-none", checked[1].experiment.model.normalization),
    ]


@pytest.mark.parametrize("name", ["a", "configs/a.yaml"])
def test_the_command_compares_the_arms_of_a_config(name: str, place: Path) -> None:
    done = bnexp_command("compare", name, "--arms", "batch,layer,none", "--dry-run", "dataset.noise=0.2", cwd=place)
    for arm in ("batch", "layer", "none"):
        assert f"a-{arm}: 20 seeds x 50 epochs, to be trained: no finished run was found\n" in done.stdout
    of_batch = bnexp_command(
        "compare", name, "--arms", "batch,none", "--dry-run", "model.normalization.momentum=0.5", cwd=place
    )
    assert "a-none: model.normalization.momentum=0.5 does not apply there\n" in of_batch.stderr


def test_the_name_of_a_config_is_checked_and_a_long_one_keeps_its_arm(place: Path) -> None:
    with pytest.raises(UserError, match=r"^config: name is 5; expected text"):
        bnexp.check({**DEEP, "name": 5}, arms=ARMS)
    long = bnexp.check({**DEEP, "name": "n" * 200}, arms=ARMS)
    assert [one.experiment.name for one in long] == ["n" * 194 + "-batch", "n" * 195 + "-none"]


def test_what_is_wrong_with_the_arms_of_a_config_is_told(place: Path) -> None:
    (place / "configs" / "b.yaml").write_text("dataset: {name: moons}\nmodel: [\n")
    for arguments, told in (
        (("a", "--arms", "batch,lyer"), "--arms: model.normalization is 'lyer'. Did you mean 'layer'?"),
        (("a", "--arms", "batch"), "compare was given one arm, batch; expected two or more. Name several: --arms batch,none."),
        (("a", "--arms", "batch,batch"), "--arms is batch,batch; an arm is named twice. Name each once."),
        (("a", "--arms", "batch,none", "model.normalization=layer"), "--arms is batch,none, and model.normalization= sets"),
        (("a", "--arms", "batch,none", "--data", "x.csv"), "--data, --arms can be given for a network of your own, and not for a."),
        (("a", "configs/b.yaml", "--arms", "batch,none"), "--arms can be given for a network of your own, and not for a, configs/b.yaml."),
        (("b", "--arms", "batch,none"), "configs/b.yaml:3: is not YAML"),
        (("c", "--arms", "batch,none"), "--arms can be given for a network of your own, and not for c."),
    ):  # fmt: skip
        assert told in refused("compare", *arguments, cwd=place), arguments
    with pytest.raises(UserError, match=r'or one config with several normalizations: arms=\["batch", "none"\]$'):
        bnexp.compare("a")
    assert not (place / "runs").exists()
