"""The explorer by the command line: from nothing, over files, beside another catalogue, and with a campaign."""

import http.client
import json
import re
import signal
import socket
import threading
import time

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from selfsup.catalogue import Catalogue
from selfsup.tasks import explore
from selfsup.tasks._campaign import Campaign
from selfsup.tasks._explore_sky import voted
from selfsup.trees import tree
from selfsup.types import ConfigError, DataError
from selfsup.votes import Question, QuestionTree

ONE_SURVEY = [f"~task.surveys.{name}" for name in ("decals", "des", "hsc", "lsst", "euclid")]
FEW = ["task.maps=[pca]", "task.components=4", "task.image_px=48", "data.size_px=32", "task.sky_galaxies=12"]


@pytest.fixture
def run(compose, monkeypatch, tmp_path):
    """Overrides -> the scores; the page is a stand-in, the cache empty."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!doctype html>")
    monkeypatch.setattr(explore, "PAGE", tmp_path / "page")

    def ran(*overrides):
        return explore.run(compose("task=explore", f"data.cache={tmp_path / 'cache'}", *FEW, *overrides))

    return ran


@pytest.fixture
def catalogue(galaxies, compose, tmp_path):
    """Two thirds of the JPEGs, in another order, with a galaxy that has none; says where they are."""
    data = compose("data=images", f"data.folder={galaxies}", "data.size_px=32", f"data.cache={tmp_path / 'cache'}").data
    ids = [*[f"g{number:03}" for number in range(79, -1, -1)], "lost"]
    columns = {"ra": np.linspace(0, 9, 81), "dec": np.zeros(81), "map_x": np.arange(81.0), "map_y": np.ones(81)}
    provenance = {"data": OmegaConf.to_container(data, resolve=True)}
    embedding = np.random.default_rng(0).normal(size=(81, 5))
    Catalogue.from_arrays(ids, embedding, columns, provenance).save(tmp_path / "files.parquet")
    return tmp_path / "files.parquet"


def read(folder, path):
    return json.loads((folder / path).read_text())


def test_from_nothing_a_small_sky_is_made_kept_and_written(run, tmp_path, caplog):
    caplog.set_level("INFO")
    scores = run(f"task.static={tmp_path / 'first'}", "task.maps=[umap,pca]", *ONE_SURVEY)
    assert "no map by UMAP: 12 galaxies are too few" in caplog.text
    assert (scores["explore/galaxies"], "making one of 12 galaxies" in caplog.text) == (12, True)
    about = read(tmp_path / "first", "c/0/about.json")
    assert (about["galaxies"], about["dim"], about["pictures"], about["size_px"]) == (12, 4, True, 32)
    assert (about["surveys"], about["place"], about["tree"]["name"]) == (["hst"], None, "gz2")
    assert read(tmp_path / "first", "site.json")["title"] == "Synthetic sky, by its pixels"
    for path, edge in (("thumbs/11", 32), ("images/0", 48), ("views/5-hst", 48)):
        with Image.open(tmp_path / "first" / f"c/0/{path}.jpg") as image:
            assert image.size == (edge, edge)
            assert np.asarray(image).std() > 2
    values = read(tmp_path / "first", "c/0/values/0.json")
    assert np.add(values["bar_yes_mean"], values["bar_no_mean"]) == pytest.approx(np.ones(12))
    caplog.clear()
    run(f"task.static={tmp_path / 'again'}", *ONE_SURVEY)
    assert "making" not in caplog.text
    assert "prepar" not in caplog.text
    for file in (tmp_path / "first").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "again" / file.relative_to(tmp_path / "first")).read_bytes()
    with pytest.raises(DataError, match="there is something already"):
        run(f"task.static={tmp_path / 'first'}", *ONE_SURVEY)


def test_over_files_beside_another_catalogue(run, catalogue, galaxies, tmp_path):
    other = tmp_path / "other.parquet"
    Catalogue.from_arrays([f"g{i:03}" for i in range(50)], np.eye(50)[:, :9], {}, {}).save(other)
    more = ["task.packed=true", "task.exact_below=60"]  # of 81 galaxies, there is an index
    run(f"task.catalogue={catalogue}", f"task.compare={other}", f"task.static={tmp_path / 'out'}", *more)
    out = tmp_path / "out"
    about = read(out, "c/0/about.json")
    assert [each["name"] for each in about["maps"]] == ["map", "pca"]
    assert (about["pictures"], about["surveys"], about["place"]) == (True, [], {"ra": "ra", "dec": "dec"})
    assert (out / "c/0/thumbs/79.jpg").exists()
    assert not (out / "c/0/thumbs/80.jpg").exists()  # of the one without a file
    with Image.open(out / "c/0/images/0.jpg") as shown, Image.open(galaxies / "g079.jpg") as truth:
        wanted = np.asarray(truth.resize(shown.size)).astype(float)
        assert np.abs(np.asarray(shown).astype(float) - wanted).mean() < 6
    assert "does not say where its images are" in read(out, "c/1/about.json")["pictures"]
    assert not (out / "c/1/thumbs").exists()
    assert (tmp_path / "files.parquet.index").exists()
    assert not (tmp_path / "other.parquet.index").exists()
    assert len(read(out, "c/0/near/0.json")) == len(read(out, "c/1/near/0.json")) == 24
    match = np.fromfile(out / "c/1/match.bin", "<i4")
    assert [match[0], match[79], match[80], (match >= 0).sum()] == [-1, 0, -1, 50]
    assert read(out, "compare.json")["matched"] == 50


def test_pictures_that_are_gone_are_said(run, catalogue, tmp_path):
    run(f"task.catalogue={catalogue}", f"task.folder={tmp_path / 'gone'}", f"task.static={tmp_path / 'out'}")
    assert "no such folder of images" in read(tmp_path / "out", "c/0/about.json")["pictures"]


def test_what_cannot_be_is_said(run, catalogue, tmp_path):
    wrong = {
        "task.maps=[umpa]": "did you mean 'umap'",
        "task.maps=[]": "write one at least",
        "task.image_px=1": "task.image_px=1: write 8 or more",
        "task.host=0.0.0.0": "every network",
        "task.port=70000": "task.port=70000",
        f"task.campaign={tmp_path}": "holds no campaign",
        "data=images": "task.catalogue: write which",
    }
    for override, message in wrong.items():
        with pytest.raises(ConfigError, match=re.escape(message)):
            run("task.port=0", f"data.folder={tmp_path}" if override == "data=images" else "seed=0", override)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"task.port={port}: cannot listen there"):
            run(f"task.catalogue={catalogue}", f"task.port={port}")
    with pytest.raises(DataError, match="no such catalogue"):
        run(f"task.catalogue={tmp_path / 'nowhere'}", "task.port=0")


def test_what_votes_say_of_fractions():
    one = QuestionTree("t", (Question("bar", ("yes", "no")), Question("long", ("yes", "no"), ("bar_yes",))))
    said = voted(one, np.array([[9, 0, 3, 3], [0, 0, 0, 0]], dtype=np.float32))
    np.testing.assert_allclose(said["bar_yes_mean"], [10 / 11, 0.5], rtol=1e-6)
    np.testing.assert_allclose(said["long_asked"], [10 / 11, 0.5], rtol=1e-6)
    np.testing.assert_allclose(said["bar_yes_low"], [0.05 ** (1 / 10), 0.05], rtol=1e-3)  # of Beta(10, 1), Beta(1, 1)


@pytest.fixture
def campaign(tmp_path):
    """A round that asks about two galaxies of the catalogue, and one that is not in it."""
    made = Campaign(tmp_path / "campaign", tree("rings"), {"data": {"tree": "rings"}})
    made.round(0).ask(["g005", "elsewhere", "g000"], [3.0, 2.0, 1.0])
    return made


def client(port, told):
    """Waits for the server of this process, asks it, and ends it by Ctrl-C."""

    def ask(method, path, body=None):
        asked = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        headers = {"X-Selfsup-Token": "known", "Content-Type": "application/json"}
        asked.request(method, path, None if body is None else json.dumps(body), headers)
        told.append(json.loads(asked.getresponse().read()))
        asked.close()

    while True:
        try:
            ask("GET", "/site.json")
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    ask("GET", "/api/label")
    ask("POST", "/api/label/answer", {"row": 79, "answers": ["ring_yes"]})
    ask("POST", "/api/label/finish", {})
    ask("POST", "/api/hunt/rate", {"row": 3, "rating": 4})
    signal.raise_signal(signal.SIGINT)


def test_it_serves_hunts_and_labels_until_ctrl_c(
    run, catalogue, campaign, free_port, monkeypatch, tmp_path, capsys, caplog
):
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "known")
    opened, port, told = [], free_port(), []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    caplog.set_level("INFO")
    asking = threading.Thread(target=client, args=(port, told))
    asking.start()
    overrides = [f"task.catalogue={catalogue}", f"task.campaign={campaign.folder}", "task.who=eve"]
    assert run(*overrides, f"task.port={port}") == {"explore/galaxies": 81.0}
    asking.join()
    facts, label, answered, finished, rated = told
    assert (facts["live"], facts["hunt"], facts["label"], facts["title"]) == (True, True, True, "files.parquet")
    assert (label["round"], label["rows"], label["answered"]) == (0, [74, -1, 79], [])
    assert label["tree"]["questions"][0]["answers"] == ["ring_yes", "ring_no"]
    assert (answered["answered"], finished["state"]) == ([79], "nothing to ask")
    assert {name: votes.tolist() for name, votes in campaign.round(0).answers.items()} == {"g000": [1, 0]}
    assert rated["rated"][0][:2] == [3, 4.0]
    assert '"id": "g076", "rating": 4.0' in (tmp_path / "files.parquet.hunt" / "ratings.jsonl").read_text()
    address = f"http://127.0.0.1:{port}/#token=known"
    assert address in capsys.readouterr().out
    assert opened == [address]
    assert "token" not in caplog.text  # who reads the log need not be who may write
