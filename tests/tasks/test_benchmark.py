"""Named benchmarks by the command line: scored once, embedded once, taken up where they were left."""

import csv
import json
import os
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch

from selfsup.embed import load_encoder
from selfsup.tasks import _scoring
from selfsup.tasks._benchmarks import read_benchmarks

CONF = Path(__file__).parents[2] / "conf"
BENCHMARKS = sorted(file.stem for file in (CONF / "benchmark").glob("*.yaml"))
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDERS = ("rings_decals", "efigi")
TINY = ["data.size_px=32", "encoder=tiny_resnet", "task.pixel_components=4"]


@pytest.fixture(scope="module")
def root(tmp_path_factory, galaxies):
    """The blobs as two data sets: every elongated one has a ring, every round one a T-type below 0."""
    folder = tmp_path_factory.mktemp("benchmarks")
    with (galaxies / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in FOLDERS:
        (folder / name / "images").mkdir(parents=True)
        for row in rows:
            os.link(galaxies / f"{row['id']}.jpg", folder / name / "images" / f"{name[0]}{row['id']}.jpg")
    write(folder / "rings_decals" / "labels.csv", ["id_str", "ring"], [(f"r{r['id']}", is_long(r)) for r in rows])
    rated = [(f"e{r['id']}", 10 * float(r["value"]) - 6, is_long(r), 0, 0) for r in rows]
    write(folder / "efigi" / "attributes.csv", ["PGC_name", "T", "Inner_Ring", "Outer_Ring", "Pseudo_Ring"], rated)
    return folder


def is_long(row):
    return int(row["label"] == "elongated")


def write(file, header, rows):
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(header)
        table.writerows(rows)


@pytest.fixture
def scored(selfsup, root, tmp_path, monkeypatch):
    """Arguments of task=benchmark -> how it ended, what the file says, how many galaxies were embedded."""
    monkeypatch.chdir(tmp_path)
    embedded = []

    def counting(encoder, loader, *rest):
        found = _embed(encoder, loader, *rest)
        embedded.append(len(found))
        return found

    _embed = _scoring.embed
    monkeypatch.setattr(_scoring, "embed", counting)

    def run(*arguments, output="out"):
        embedded.clear()
        where = [f"task.benchmark_folder={root}", f"task.output={output}", "hydra.run.dir=log"]
        ended = selfsup("task=benchmark", *TINY, *where, *arguments)
        file = tmp_path / output / "benchmark.json"
        return ended, json.loads(file.read_text()) if file.is_file() else None, sum(embedded)

    return run


def test_each_picture_is_embedded_once_and_each_benchmark_done_once(scored):
    ended, record, embedded = scored("benchmark=[efigi_ttype,efigi_ring]", "task.encoders=[untrained]")
    assert ended.code == 0, ended.err
    assert embedded == 120
    assert set(record["benchmarks"]) == {"efigi_ttype", "efigi_ring"}
    assert record["benchmarks"]["efigi_ring"]["scores"]["untrained"]["roc_auc"]["value"] > 0.5
    assert record["benchmarks"]["efigi_ring"]["size_px"] == 32

    ended, again, embedded = scored("benchmark=[efigi_ttype,efigi_ring]", "task.encoders=[untrained]")
    assert ended.code == 0, ended.err
    assert embedded == 0
    assert again == record

    ended, more, embedded = scored("benchmark=[efigi_ttype,rings_transfer]", "task.encoders=[untrained,pixels]")
    assert ended.code == 0, ended.err
    assert more["benchmarks"]["efigi_ring"] == record["benchmarks"]["efigi_ring"]
    assert set(more["benchmarks"]["efigi_ttype"]["scores"]) == {"untrained", "pixels"}
    transfer = more["benchmarks"]["rings_transfer"]
    assert transfer["fitted"] < transfer["scored"] == 120
    assert embedded == transfer["fitted"] + transfer["scored"]
    draws = transfer["scores"]["untrained"]["auc_n8"]
    assert draws["draws"] == 10
    assert draws["std"] >= 0  # these rings are easy


def test_other_weights_or_another_protocol_are_scored_again(scored):
    chosen = ["benchmark=[efigi_ttype]", "task.encoders=[untrained]"]
    _, first, _ = scored(*chosen)
    _, other, embedded = scored(*chosen, "seed=1")
    assert embedded == 120
    assert other["encoders"]["untrained"]["digest"] != first["encoders"]["untrained"]["digest"]
    protocol = [record["benchmarks"]["efigi_ttype"]["protocol"] for record in (first, other)]
    assert protocol[0] == protocol[1]
    ended, larger, embedded = scored(*chosen, "seed=1", "task.size_px=40")
    assert ended.code == 0, ended.err
    assert embedded == 120
    assert larger["benchmarks"]["efigi_ttype"]["protocol"] != protocol[0]


def test_a_checkpoint_is_scored_into_its_run_folder(scored, selfsup, tiny, root, tmp_path):
    asked = ["benchmark=[efigi_ttype]", f"task.benchmark_folder={root}"]
    ended = selfsup(*tiny, "trainer.max_epochs=1", *asked, "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    online = json.loads((tmp_path / "run" / "benchmark.json").read_text())
    chosen = ["benchmark=[efigi_ttype,rings_decals]", "task.output=null"]
    ended, record, _ = scored("task.checkpoint=run", *chosen, output="run")
    assert ended.code == 0, ended.err
    assert record["encoders"]["trained"]["digest"] == online["encoders"]["trained"]["digest"]
    first, again = (each["benchmarks"]["efigi_ttype"]["scores"]["trained"] for each in (online, record))
    assert first == again
    assert set(record["benchmarks"]["rings_decals"]["scores"]) == {"trained", "untrained", "pixels"}
    assert record["encoders"]["trained"]["config"]["objective"]["_target_"].endswith("NTXent")
    assert record["encoders"]["trained"]["parameters"] == sum(p.numel() for p in load_encoder(Path("run")).parameters())
    ended = selfsup("task=leaderboard", "task.runs=[run]", "hydra.run.dir=board")
    assert ended.code == 0, ended.err
    assert "ntxent · test_resnet" in (tmp_path / "board" / "leaderboard.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["benchmark=[gz2_votes]"], "has no folder gz2_challenge, which benchmark.gz2_votes needs"),
        (["benchmark=[rings_decal]"], "Could not load 'benchmark/rings_decal'"),
        (["benchmark=[]"], "benchmark: none is chosen"),
        (["task.encoders=[trained]"], "the first with task.checkpoint"),
        (["benchmark=[efigi_ring]", "+benchmark.efigi_ring.metrik=r2"], "metrik: no such key; did you mean `metric`?"),
        (["benchmark=[efigi_ring]", "benchmark.efigi_ring.metric=f2"], "probe=linear found no f2 here; it found"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_remedy(arguments, says, scored):
    ended, record, _ = scored(*arguments)
    assert ended.code == 1
    assert says in ended.err
    assert record is None


def test_the_digest_of_weights_tells_every_weight():
    torch.manual_seed(0)
    one = torch.nn.BatchNorm1d(3)
    before = _scoring.weights_digest(one)
    assert _scoring.weights_digest(one) == before
    one.running_mean += 1e-6
    assert _scoring.weights_digest(one) != before


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_every_benchmark_finds_its_labels_in_the_real_data(compose):
    cfg = compose("task=benchmark", f"benchmark=[{','.join(BENCHMARKS)}]", f"task.benchmark_folder={REAL}")
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        benchmarks = read_benchmarks(cfg, 8)
    assert len({each.digest for each in benchmarks}) == len(benchmarks)
    for each in benchmarks:
        if "Synthetic" in each.fit._target_:
            continue
        fit, scored, _ = each.build(())
        for data in (fit, scored):
            label = data.found.label
            assert np.isfinite(label).any() if label.dtype.kind == "f" else len(np.unique(label[label >= 0])) > 1
