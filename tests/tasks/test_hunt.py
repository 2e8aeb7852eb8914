"""A hunt over several calls: rated by file and on a terminal, remembered in its folder, ranked and drawn."""

import csv
import io
import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
from omegaconf import OmegaConf

from selfsup.analysis.journal import OFFERED, Journal
from selfsup.catalogue import Catalogue
from selfsup.tasks import hunt
from selfsup.tasks._asking import ask
from selfsup.types import ConfigError, DataError

COUNT = 60


def made(ids, provenance):
    """Galaxies of which the first tenth are alike and unlike the others."""
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(len(ids), 6))
    embedding[: len(ids) // 10] += 8
    return Catalogue.from_arrays(ids, embedding, {"share": embedding[:, 0] > 4}, provenance)


@pytest.fixture
def catalogue(tmp_path):
    made([f"g{i:02}" for i in range(COUNT)], {}).save(tmp_path / "galaxies.parquet")
    return tmp_path / "galaxies.parquet"


@pytest.fixture
def pictured(tmp_path, compose):
    """The same of the synthetic sky, whose pictures can be drawn."""
    few = ["data=synthetic", "data.count=24", "data.size_px=32", f"data.cache={tmp_path / 'cache'}"]
    node = OmegaConf.to_container(compose(*few).data, resolve=True)
    from selfsup.config import build

    made(build(OmegaConf.create(node), "data").read().ids, {"data": node}).save(tmp_path / "sky.parquet")
    return tmp_path / "sky.parquet"


@pytest.fixture
def run(compose, monkeypatch, tmp_path):
    """Overrides -> the scores; the run folder is `outputs`, the hunt's is `hunt`."""
    monkeypatch.chdir(tmp_path)

    def ran(*overrides):
        return hunt.run(compose("task=hunt", "task.hunt=hunt", "task.components=4", *overrides))

    return ran


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rated_by_file_until_the_strange_ones_are_found(run, catalogue, tmp_path):
    scores = run(f"task.catalogue={catalogue}")
    assert scores == {"hunt/rated": 0.0}
    batch = [row["id"] for row in table(tmp_path / "outputs" / "batch.csv")]
    assert len(set(batch)) == 10
    asked, outputs = set(batch), tmp_path / "outputs"
    assert not (outputs / "ranking.csv").exists()
    interesting = {f"g{i:02}" for i in range(COUNT // 10)}
    for _ in range(3):
        filled = "".join(f"{galaxy},{5 if galaxy in interesting else 0}\n" for galaxy in batch)
        (tmp_path / "mine.csv").write_text(f"id,rating\n{filled}")
        scores = run(f"task.catalogue={catalogue}", "task.ratings=mine.csv")
        batch = [row["id"] for row in table(outputs / "batch.csv")]
        assert not asked & set(batch)
        asked |= set(batch)
    assert scores["hunt/rated"] == 30
    found = {galaxy for galaxy, rating in Journal(tmp_path / "hunt" / hunt.JOURNAL).ratings().items() if rating == 5}
    assert found == interesting
    ranking = table(outputs / "ranking.csv")
    assert len(ranking) == COUNT
    assert {row["id"] for row in ranking[:6]} == interesting
    assert [row["rating"] for row in ranking[:7]] == [*["5"] * 6, ""]
    columns = Catalogue.open(outputs / "catalogue.parquet")
    assert {"rating", "interest", "interest_std", "expected_improvement", "share"} == set(columns.columns)
    assert np.isnan(columns.column("rating")).sum() == COUNT - 30
    assert columns.column("interest")[:6].min() > 2
    report = json.loads((outputs / "report.json").read_text())
    assert report["metrics"]["hunt/best"] == 5
    assert [name.rpartition("/")[2] for name in report["figures"]] == ["interest.png"]
    assert "does not say where its images are" in (outputs / "report.md").read_text()


def test_only_the_shown_are_ranked_and_pictures_are_drawn(run, pictured, tmp_path):
    ids = Catalogue.open(pictured).ids
    (tmp_path / "mine.csv").write_text(f"id,rating\n{ids[0]},5\n{ids[20]},1\n")
    run(f"task.catalogue={pictured}", "task.ratings=mine.csv", "task.shown=4", "task.batch=3")
    assert len(table(tmp_path / "outputs" / "ranking.csv")) == 4
    for name in ("batch", "interest"):
        assert (tmp_path / "outputs" / "figures" / f"{name}.png").stat().st_size > 3000


def test_what_cannot_be_is_refused(run, catalogue, tmp_path):
    (tmp_path / "mine.csv").write_text("id,rating\nnobody,5\n")
    with pytest.raises(DataError, match="nobody"):
        run(f"task.catalogue={catalogue}", "task.ratings=mine.csv")
    for setting, match in (("batch=0", "batch"), ("shown=0", "shown"), ("tradeoff=-1", "tradeoff")):
        with pytest.raises(ConfigError, match=match):
            run(f"task.catalogue={catalogue}", f"task.{setting}")
    with pytest.raises(ConfigError, match="images"):
        run(f"task.catalogue={catalogue}", "task.ask=true")


@pytest.fixture
def answers(monkeypatch):
    """What is typed."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_questions_are_repeated_until_answered_and_skips_are_kept(answers, tmp_path, capsys):
    journal = Journal(tmp_path / "ratings.jsonl")
    answers("7\nx\n 4.5\nS\n0\n")
    assert ask(journal, ["a", "b", "c"], "me")
    assert [(entry.id, entry.rating) for entry in journal.entries()] == [("a", 4.5), ("b", OFFERED), ("c", 0.0)]
    told = capsys.readouterr().out
    assert told.count("1/3  a:") == 3
    assert "'7' is none of these" in told


@pytest.mark.parametrize("end", ["q\n", ""])
def test_quitting_and_silence_leave_the_others_for_next_time(end, answers, tmp_path):
    journal = Journal(tmp_path / "ratings.jsonl")
    answers(f"3\n{end}")
    assert not ask(journal, ["a", "b"], "me")
    assert journal.seen() == {"a"}


def test_on_a_real_terminal_an_answer_is_kept_before_the_next_question(tmp_path):
    """A process on a pseudo-terminal, answered when it asks, and killed in the middle."""
    path = tmp_path / "ratings.jsonl"
    code = (
        "import sys; from pathlib import Path; from selfsup.analysis.journal import Journal;"
        "from selfsup.tasks._asking import ask; ask(Journal(Path(sys.argv[1])), ['a', 'b', 'c'], 'eve')"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = b""
    for name, answer in ((b"1/3  a", b"5\n"), (b"2/3  b", b"s\n"), (b"3/3  c", b"2")):
        while name not in told:
            told += os.read(ours, 1000)
        os.write(ours, answer)
    process.kill()
    process.wait()
    os.close(ours)
    assert [(entry.id, entry.rating, entry.who) for entry in Journal(path).entries()] == [
        *(("a", 5.0, "eve"), ("b", OFFERED, "eve"))
    ]


def test_asked_on_the_terminal_batch_after_batch(run, pictured, answers, tmp_path, capsys):
    answers("5\ns\n2\nq\n")
    scores = run(f"task.catalogue={pictured}", "task.ask=true", "task.batch=2", "task.who=eve")
    assert scores["hunt/rated"] == 2
    entries = Journal(tmp_path / "hunt" / hunt.JOURNAL).entries()
    assert [(entry.rating, entry.who) for entry in entries] == [(5.0, "eve"), (OFFERED, "eve"), (2.0, "eve")]
    told = capsys.readouterr().out
    assert f"1/2  {entries[2].id}: 0 to 5" in told
    for name in ("asked_1.png", "asked_2.png"):
        assert str(tmp_path / "outputs" / "figures" / name) in told
        assert (tmp_path / "outputs" / "figures" / name).is_file()
    assert len(table(tmp_path / "outputs" / "batch.csv")) == 2
    assert len(Journal(tmp_path / "hunt" / hunt.JOURNAL).entries()) == 3  # the batch will be asked about next time
