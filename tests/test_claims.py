"""`bnexp claims`: several studies, one table, one page that escapes what it is given and loads nothing."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command import bnexp
from rich.console import Console
from studies import ARMS, BASE, CLAIM, planned
from study_documents import document
from tasks import HereAndNow

from bnexp.api import studies
from bnexp.cli import study_commands
from bnexp.errors import ConfigError, UserError
from bnexp.experiment.config_names import study_paths
from bnexp.report.page import StudyOnPage, claims_page, on_page
from bnexp.report.progress import StudyReporter
from bnexp.store.study_document import StudyDocument
from bnexp.study import claims, work
from bnexp.system import backend

TINY = BASE.replace("epochs: 10", "epochs: 1") + ARMS + CLAIM + "seeds: 2\n"
HOSTILE = "<script>alert(1)</script> & \x1b[31m"


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def project(place: Path) -> Path:
    (place / "configs" / "studies").mkdir(parents=True)
    (place / "configs" / "studies" / "one.yaml").write_text("# S1. A note & more.\n# Its end.\n" + TINY)
    loss = TINY.replace("claim: c, metric: test_accuracy", 'claim: "<script>alert(1)</script> & ", metric: test_loss')
    (place / "configs" / "studies" / "two.yaml").write_text(loss)
    return place


@pytest.mark.slow
def test_all_studies_are_run_and_their_answers_stand_in_a_table_and_on_a_page(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = project(tmp_path)
    backend.load()
    done = bnexp("claims", "two", "--json", "--workers", "1", cwd=place)
    assert done.stderr == "", "workers are quiet even if this process has loaded TensorFlow"
    (row,) = json.loads(done.stdout)
    assert row["study"] == "two"
    request.getfixturevalue("workers_here")  # of the other study, they are not the point
    told = [
        (row["study"], row["verdict"], row["seeds"]) for row in json.loads(bnexp("claims", "--json", cwd=place).stdout)
    ]
    assert told == [("one", "inconclusive", 2), ("two", "inconclusive", 2)]
    done = bnexp("claims", cwd=place)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:] if "inconclusive" in line] == ["one", "two"]
    assert done.stdout.splitlines()[-1] == "kept: runs/claims.html"
    assert "finished already: 2 of 2 trials" in done.stderr
    page = Page((place / "runs" / "claims.html").read_text())
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe"} == set()
    assert "<script>alert(1)</script> &" in page.text
    assert "S1. A note & more." in page.text
    embedded = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    figures = sorted((place / "runs").glob("*-study-*/figure.png"))
    assert [base64.b64decode(source.partition(",")[2]) for source in embedded] == [
        path.read_bytes() for path in figures
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one", "configs/studies/one.yaml:1: "),
        ("studies/one", "configs/studies/one.yaml:1: "),
        ("lr.v2", "configs/studies/lr.v2.yaml:1: "),
        ("own.study", "own.study:1: "),
        ("oen", "No study is called 'oen'. Did you mean 'one'? Good names: lr.v2, one. Or give a .yaml file."),
        ("oen.yaml", "oen.yaml: is missing; expected a config file."),
    ],
)
def test_study_takes_a_name_as_claims_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs/studies").mkdir(parents=True)
    Path("one").mkdir()  # neither this folder nor the experiment's config is the study
    for path in ("configs/studies/one.yaml", "configs/studies/lr.v2.yaml", "own.study", "configs/one.yaml"):
        Path(path).write_text("arm: {}\n")
    with pytest.raises(UserError) as raised:
        study_commands.study(
            Path(name),
            studies.Place(),
            runs=tmp_path / "runs",
            dry_run=True,
            most_trainings=None,
            quiet=True,
            as_json=False,
        )
    assert message in str(raised.value)


def test_a_name_that_is_no_study_is_told_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = bnexp("claims", "oen", cwd=project(tmp_path), code=2)
    assert "No study is called 'oen'. Did you mean 'one'? Good names: one, two. Or give a .yaml file." in done.stderr
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    told = (
        f"Names of studies come from configs/studies/ of the current folder. There is no configs/studies/ in {Path.cwd()}. "
        "Go to a folder that has one, such as bnexp's repository, or give the path of a study."
    )
    for names, refusal in (([], told), (["one"], f"No study is called 'one'. {told}")):
        with pytest.raises(UserError) as raised:
            study_paths(names)
        assert str(raised.value) == refusal
    Path("own.yaml").touch()
    with pytest.raises(
        UserError, match=r"^No study is called 'own'\. own\.yaml is a file of this folder: write own\.yaml\.$"
    ):
        study_paths(["own"])
    Path("configs/studies").mkdir(parents=True)
    with pytest.raises(UserError, match=r"^configs/studies/ in .*empty holds no study; expected \.yaml files there\."):
        study_paths([])
    Path("configs/studies/one.yaml").write_text("")
    assert study_paths(["one", "studies/one"]) == [Path("configs/studies/one.yaml")]
    assert study_paths(["a.yaml", "b.yaml", "a.yaml"]) == [Path("a.yaml"), Path("b.yaml")]


@pytest.mark.slow
def test_a_study_that_cannot_be_trained_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))

    def failing(*arguments: object, **options: object) -> None:
        raise FloatingPointError("never")

    answers = []
    for path in study_paths([]):
        with monkeypatch.context() as patch:
            if path.stem == "one":
                patch.setattr(work, "measured", failing)
            (planned,) = claims.plan_studies([path], Path("runs"))
            answers.append(claims.answer_study(planned, HereAndNow(), StudyReporter(Console(), quiet=True)))
    rows = claims.claim_rows(answers)
    assert [row.verdict for row in rows] == ["failed", "inconclusive"]
    assert "FloatingPointError: never" in rows[0].sentence
    page = Page(studies.keep_page(Path("runs"), answers).read_text())
    assert page.text.count("failed") == 2


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
def test_a_study_whose_data_are_not_here_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    place = project(tmp_path)
    (place / "configs" / "studies" / "two.yaml").write_text(
        TINY.replace("{name: moons, samples: 80,", "{name: mnist5k,")
    )
    done = bnexp("claims", cwd=place, code=1)
    assert "WARNING  two is left out: configs/studies/two.yaml:1: dataset.name is mnist5k, which is not" in done.stderr
    assert [line.split()[:1] for line in done.stdout.splitlines()[1:3]] == [["one"], ["test_accuracy"]]
    assert "WARNING  two: configs/studies/two.yaml:1: dataset.name is mnist5k" in done.stdout
    page = Page((place / "runs" / "claims.html").read_text())
    assert any("Get it: bnexp data fetch mnist5k" in text for text in page.text)
    assert sum("trained with" in text for text in page.text) == 1


@pytest.mark.parametrize(
    ("hypothesis", "bound"),
    [
        (CLAIM, "higher, by 1.00 or more"),
        (CLAIM.replace("higher", "lower"), "lower, by 1.00 or more"),
        (
            CLAIM.replace("metric: test_accuracy", "metric: {metric: val_accuracy, epochs_to: 0.9}")
            .replace("higher", "lower")
            .replace("0.01", "1.2"),
            "1.2 or more",
        ),
    ],
)
def test_a_row_says_which_effect_would_support_its_claim(tmp_path: Path, hypothesis: str, bound: str) -> None:
    answer = claims.Answer(tmp_path / "s.yaml", planned(tmp_path, BASE + ARMS + hypothesis))
    assert [row.supported_if for row in claims.rows_of(answer)] == [bound]


def test_a_study_whose_data_are_not_here_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "s.yaml").write_text(TINY.replace("{name: moons, samples: 80,", "{name: mnist5k,"))
    with pytest.raises(ConfigError, match=r"Get it: bnexp\.fetch_data\(.mnist5k.\)") as caught:
        claims.plan_studies([tmp_path / "s.yaml"], tmp_path / "runs")
    assert caught.value.exit_code == 2


def test_the_page_escapes_all_that_it_is_given() -> None:
    said: dict[str, Any] = dict.fromkeys(
        ("study", "claim", "verdict", "sentence", "about", "effect", "speaks_of"), HOSTILE
    )
    row = claims.ClaimRow(**said, level=0.975, seconds=12.3, seeds=20)
    page = Page(claims_page([StudyOnPage(HOSTILE, [HOSTILE], [row], HOSTILE, {HOSTILE: [HOSTILE]})]))
    assert {tag for tag, _ in page.tags} & {"script", "img"} == set()
    assert sum("<script>alert(1)</script> &" in text for text in page.text) >= 8
    assert "97.5% interval" in page.text
    assert "12" in page.text


def test_the_page_marks_a_hypothesis_that_was_asked_after_results_and_no_other() -> None:
    rows = [claims.ClaimRow("s", "supported", claim=name, asked_after_results=name == "late") for name in ("a", "late")]
    text = claims_page([StudyOnPage("s", [], rows, "s-study-0123456789")])
    told = "This hypothesis was added or changed after the results were known: treat it as exploratory."
    assert (text.count(told), text.count("exploratory")) == (1, 2)
    assert text.index("late") < text.index("exploratory") and text.rindex("late") < text.index(told)


def test_figures_of_an_earlier_answer_stand_on_no_page(tmp_path: Path) -> None:
    plan = planned(tmp_path, TINY)
    answer = StudyDocument.model_validate_json(json.dumps(document()))
    plan.directory.mkdir(parents=True)
    for name in ("figure", "figure-2"):
        (plan.directory / f"{name}.png").write_bytes(name.encode())
    shown = on_page(claims.Answer(tmp_path / "s.yaml", plan, answer))
    assert (shown.figures, shown.directory) == ([b"figure"], plan.directory.name)
    (plan.directory / "figure.png").unlink()
    assert on_page(claims.Answer(tmp_path / "s.yaml", plan, answer)).figures == []


def test_the_page_is_kept_where_no_study_got_as_far_as_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("# S1. A note.\n" + TINY)
    page = studies.keep_page(tmp_path / "new" / "runs", [claims.Answer(path, failure="no such optimizer")])
    assert "no such optimizer" in page.read_text()
