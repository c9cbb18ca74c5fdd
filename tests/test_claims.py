"""`bnexp claims`: several studies, one table, one page that escapes what it is given and loads nothing."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command import bnexp
from rich.console import Console
from tasks import HereAndNow
from test_study import ARMS, BASE, CLAIM

from bnexp.cli import study_commands
from bnexp.errors import ConfigError, UserError
from bnexp.report.page import claims_page
from bnexp.report.progress import StudyReporter
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


def test_all_studies_are_run_and_their_answers_stand_in_a_table_and_on_a_page(tmp_path: Path) -> None:
    place = project(tmp_path)
    backend.load()
    done = bnexp("claims", "--json", "--jobs", "1", cwd=place)
    assert done.stderr == "", "workers are quiet even if this process has loaded TensorFlow"
    told = [(row["study"], row["verdict"], row["seeds"]) for row in json.loads(done.stdout)]
    assert told == [("one", "inconclusive", 2), ("two", "inconclusive", 2)]
    (row,) = json.loads(bnexp("claims", "two", "--json", cwd=place).stdout)
    assert row["study"] == "two"
    done = bnexp("claims", cwd=place)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:] if "inconclusive" in line] == ["one", "two"]
    assert done.stdout.splitlines()[-1] == "kept: runs/claims.html"
    assert "finished already: 2 of 2 cells and arms" in done.stderr
    page = Page((place / "runs" / "claims.html").read_text())
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe"} == set()
    assert "<script>alert(1)</script> &" in page.text
    assert "S1. A note & more." in page.text
    embedded = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    figures = sorted((place / "runs").glob("*-study-*/figure.png"))
    assert [base64.b64decode(source.partition(",")[2]) for source in embedded] == [
        path.read_bytes() for path in figures
    ]


def test_a_name_that_is_no_study_is_told_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = bnexp("claims", "oen", cwd=project(tmp_path), code=2)
    assert "No study is called 'oen'. Did you mean 'one'? Good names: one, two. Or give a .yaml file." in done.stderr
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(UserError, match="holds no study"):
        claims.files([])
    with pytest.raises(UserError, match=r"^No study is called 'one'\. .* holds none; give a \.yaml file\.$"):
        claims.files(["one"])
    assert claims.files(["a.yaml", "b.yaml", "a.yaml"]) == [Path("a.yaml"), Path("b.yaml")]


def test_a_study_that_cannot_be_trained_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))

    def failing(*arguments: object, **options: object) -> None:
        raise FloatingPointError("never")

    answers = []
    for path in claims.files([]):
        with monkeypatch.context() as patch:
            if path.stem == "one":
                patch.setattr(work, "measured", failing)
            (planned,) = claims.planned([path], Path("runs"))
            answers.append(claims.answered(planned, HereAndNow(), StudyReporter(Console(), quiet=True)))
    rows = claims.rows(answers)
    assert [row["verdict"] for row in rows] == ["failed", "inconclusive"]
    assert "FloatingPointError: never" in rows[0]["sentence"]
    page = Page(study_commands.keep_page(Path("runs"), answers).read_text())
    assert page.text.count("failed") == 2


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


def test_a_study_whose_data_are_not_here_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "s.yaml").write_text(TINY.replace("{name: moons, samples: 80,", "{name: mnist5k,"))
    with pytest.raises(ConfigError, match="Get it: bnexp data fetch mnist5k") as caught:
        claims.planned([tmp_path / "s.yaml"], tmp_path / "runs")
    assert caught.value.exit_code == 2


def test_the_page_escapes_all_that_it_is_given() -> None:
    texts = ("study", "claim", "verdict", "sentence", "about", "effect", "speaks_of", "seeds")
    row = {**dict.fromkeys(texts, HOSTILE), "level": 0.975, "seconds": 12.3}
    study = {
        "name": HOSTILE,
        "notes": [HOSTILE],
        "rows": [row],
        "directory": HOSTILE,
        "figures": [],
        "versions": {HOSTILE: [HOSTILE]},
    }
    page = Page(claims_page([study]))
    assert {tag for tag, _ in page.tags} & {"script", "img"} == set()
    assert sum("<script>alert(1)</script> &" in text for text in page.text) >= 8
    assert "97.5% interval" in page.text
    assert "12" in page.text


def test_the_page_is_kept_where_no_study_got_as_far_as_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("# S1. A note.\n" + TINY)
    page = study_commands.keep_page(tmp_path / "new" / "runs", [claims.Answer(path, failure="no such optimizer")])
    assert "no such optimizer" in page.read_text()
