"""The kinds of warnings about trainings: each warning of the package begins with one, and says whether values stand."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from experiments import experiment

from bnexp import warning_kinds
from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.experiment import kept_weights
from bnexp.experiment.prepare import built_for
from bnexp.experiment.warnings import cautions
from bnexp.warning_kinds import CAVEATS, DISTORTING, are_caveats, kind_of

PACKAGE = Path(warning_kinds.__file__).parent
WRITERS = (
    "experiment/warnings.py",
    "experiment/kept_weights.py",
    "experiment/scaled_inputs.py",
    "models/dry_step.py",
    "models/own_doubts.py",
    "models/own_network.py",
)


def of_trainings() -> list[str]:
    optimizer = {"name": "adam", "gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 9}
    training = {"batch_size": 4, "optimizer": optimizer, "class_weight": {"0": 0.0}}
    return cautions(experiment(training=training, model={"name": "mlp", "normalization": "batch"}), steps=9)


def of_kept_weights(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    one = experiment()
    data = prepare(one.dataset, (0,))
    y_R = data.rows.y_N[data.train_SR[0][: kept_weights.TRIED_ROWS]].astype(int)
    told = []
    for answers_R in (1 - y_R, np.full_like(y_R, np.bincount(y_R).argmin())):
        monkeypatch.setattr(kept_weights, "_answers", lambda *given, found=answers_R: found)
        told += kept_weights._doubtful_answers(None, data, one)  # type: ignore[arg-type]
    return told


def of_scaled_inputs(tmp_path: Path) -> list[str]:
    np.savez(tmp_path / "a.npz", x=np.eye(24).reshape(8, 9, 8), y=np.arange(8) % 2)
    model = {
        "name": "sequential",
        "layers": [
            "Masking",
            {"Rescaling": {"scale": 2.0}},
            "GlobalAveragePooling1D",
            {"Dense": {"units": 1, "activation": "sigmoid"}},
        ],
    }
    one = Experiment.model_validate(
        {"name": "a", "dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}, "model": model}
    )
    computed = [
        {"Dense": {"units": 3}},
        {"Embedding": {"input_dim": 9, "output_dim": 2}},
        "GlobalAveragePooling1D",
        model["layers"][-1],
    ]
    np.savez(tmp_path / "b.npz", x=np.arange(80).reshape(16, 5), y=np.arange(16) % 2)
    codes = {
        "dataset": {"name": "npz", "path": str(tmp_path / "b.npz")},
        "model": {"name": "sequential", "layers": computed},
    }
    other = Experiment.model_validate({"name": "b", **codes, "training": {"trainer": "keras_fit"}})
    return [text for each in (one, other) for text in built_for(each, prepare(each.dataset, (0,))).warnings]


def test_each_warning_of_the_package_has_a_kind_that_is_a_whole_clause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warned_networks import of_networks

    told = [*of_trainings(), *of_networks(), *of_kept_weights(monkeypatch), *of_scaled_inputs(tmp_path)]
    assert {kind_of(text) for text in told} == {*DISTORTING, *CAVEATS}
    for text in told:
        kind = kind_of(text)
        rest = text.removeprefix(kind)
        assert rest.startswith((":", ". ", ", ", "; ", " (", " is ", " of ")), text
        assert kind.count("(") == kind.count(")"), text


def test_a_warning_says_that_values_distort_or_is_a_caveat_and_never_both() -> None:
    assert not {*DISTORTING} & {*CAVEATS}
    assert not any(
        one != other and one.startswith(other) for one in DISTORTING + CAVEATS for other in DISTORTING + CAVEATS
    )
    assert are_caveats([]) and are_caveats(CAVEATS)
    assert not any(are_caveats([*CAVEATS, kind]) for kind in DISTORTING)
    assert not are_caveats(["what a newer bnexp may write"])


def test_those_who_write_warnings_begin_each_with_its_kind() -> None:
    used = []
    for name in WRITERS:
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        every = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        used += [kind for one in every if (kind := _kind_in(one.values[0])) is not None]
        lists = [
            node.value.elts
            for node in ast.walk(tree)
            if isinstance(node, ast.Return) and isinstance(node.value, ast.List)
        ]
        texts = [one for elements in lists for one in elements if isinstance(one, ast.JoinedStr | ast.Constant)]
        for text in texts if name in ("experiment/warnings.py", "models/own_doubts.py") else []:  # others list notes
            begins = text.values[0] if isinstance(text, ast.JoinedStr) else text
            assert _kind_in(begins) is not None, f"{name}:{text.lineno}: {ast.unparse(text)[:80]}"
    names = [
        name for name, value in vars(warning_kinds).items() if isinstance(value, str) and value in DISTORTING + CAVEATS
    ]
    assert sorted(used) == sorted(names), "each kind begins one warning"


def _kind_in(node: ast.AST) -> str | None:
    """Return the name of the kind that a part of a text is."""
    value = node.value if isinstance(node, ast.FormattedValue) else None
    is_kind = (
        isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "warning_kinds"
    )
    return value.attr if is_kind else None  # type: ignore[union-attr]


def test_a_text_of_an_older_bnexp_is_cut_at_its_first_clause() -> None:
    old = "As written and before training, the network answers yes for all 160 training rows. See dataset.scale, which is none."
    assert kind_of(old) == "As written and before training, the network answers yes for all 160 training rows"
    assert kind_of("batch_size of 0.5 is odd; see there") == "batch_size of 0.5 is odd"
