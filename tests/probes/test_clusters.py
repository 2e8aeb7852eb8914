"""Embeddings of which it is known what they are made of: colour alone, form alone, both, or neither."""

import logging
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from sklearn.metrics import davies_bouldin_score, silhouette_score

from selfsup.catalogue import Catalogue
from selfsup.config import build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.evaluate import evaluate_pixels
from selfsup.probes.clusters import Clusters
from selfsup.tasks._training_report import draw_evaluations
from selfsup.types import ConfigError, DataError

FILE = Path(__file__).parents[2] / "conf" / "probe" / "clusters.yaml"
YAML = {k: v for k, v in OmegaConf.to_container(OmegaConf.load(FILE))["clusters"].items() if k != "_target_"}
FORMS = np.array(["disc", "elliptical", "merger"], dtype=object)


def made(n, seed, colour_weight, form_weight, noise=0.5):
    """Galaxies of three colours and, independently of these, three forms; an embedding that shows either, or both."""
    rng = np.random.default_rng(seed)
    tint, form = (rng.permutation(np.arange(n) % 3) for _ in range(2))
    embedding = noise * rng.normal(size=(n, 8))
    embedding[:, :3] += 10 * colour_weight * np.eye(3)[tint]
    embedding[:, 3:6] += 10 * form_weight * np.eye(3)[form]
    columns = {"colour": tint - 1 + 0.05 * rng.normal(size=n), "label": FORMS[form]}
    return Catalogue.from_arrays([f"{seed}-{i:04d}" for i in range(n)], embedding, columns, {"made": "up"})


def scored(colour_weight, form_weight, **settings):
    parts = [made(n, seed, colour_weight, form_weight) for n, seed in ((402, 1), (300, 2))]
    return Clusters(**YAML | settings)(*parts)


def test_an_embedding_of_colour_alone_is_found_out():
    found = scored(1, 0, kmeans_clusters=3).metrics
    assert found["hdbscan_clusters"] == 3.0
    assert found["kmeans_nmi_colour"] == pytest.approx(1.0)
    assert found["hdbscan_nmi_colour"] > 0.85  # its noise is a group too
    assert min(found["r2_colour"], found["kmeans_eta2_colour"], found["hdbscan_eta2_colour"]) > 0.95
    assert max(found["kmeans_nmi_label"], found["hdbscan_nmi_label"]) < 0.05


def test_an_embedding_of_form_alone_says_nothing_of_colour():
    found = scored(0, 1, kmeans_clusters=3).metrics
    assert found["kmeans_nmi_label"] == pytest.approx(1.0)
    assert found["hdbscan_nmi_label"] > 0.85
    for name in ("kmeans_nmi_colour", "hdbscan_nmi_colour", "kmeans_eta2_colour", "hdbscan_eta2_colour", "r2_colour"):
        assert found[name] < 0.05, name


def test_colour_that_is_there_but_does_not_group_is_seen_by_the_line_alone():
    """Colour as one faint direction beside loud forms: no group follows it, a linear map still reads it."""
    found = scored(0.4, 1, kmeans_clusters=3).metrics
    assert found["r2_colour"] > 0.9
    assert found["kmeans_eta2_colour"] < 0.05


def test_separation_is_that_of_known_blobs():
    found = scored(1, 0, kmeans_clusters=3)
    test = made(300, 2, 1, 0)
    points, tint = test.embedding(), np.round(test.column("colour"))
    assert found.metrics["kmeans_silhouette"] == pytest.approx(silhouette_score(points, tint), rel=1e-4)
    assert found.metrics["kmeans_davies_bouldin"] == pytest.approx(davies_bouldin_score(points, tint), rel=1e-4)


def test_leaving_out_the_noise_flatters():
    rng = np.random.default_rng(5)
    stray = Catalogue.from_arrays(
        [f"s{i}" for i in range(300)],
        np.concatenate([made(200, 2, 1, 0).embedding(), rng.uniform(-5, 15, (100, 8))]),
        {"colour": rng.normal(size=300)},
        {},
    )
    found = Clusters(**YAML)(made(402, 1, 1, 0), stray).metrics
    assert found["hdbscan_noise_share"] > 0.3
    assert found["hdbscan_silhouette_without_noise"] > found["hdbscan_silhouette"] + 0.2


def test_one_cloud_has_no_groups_and_their_scores_are_left_out(caplog):
    caplog.set_level(logging.INFO)
    found = scored(0, 0, min_cluster_shares=[0.2])
    assert found.metrics["hdbscan_clusters"] == 0.0
    assert found.metrics["hdbscan_noise_share"] == 1.0
    assert "hdbscan_silhouette" not in found.metrics
    assert found.metrics["hdbscan_nmi_colour"] == 0.0
    assert "no setting gives 3 HDBSCAN clusters; scored 0" in caplog.text


def test_the_scored_galaxies_come_back_with_their_groups():
    found = scored(1, 0, most_galaxies=100, kmeans_clusters=3)
    test = made(300, 2, 1, 0)
    assert len(found.galaxies) == 100
    assert found.galaxies.columns == ["kmeans", "hdbscan", "colour"]
    place = {galaxy: row for row, galaxy in enumerate(test.ids)}
    rows = [place[galaxy] for galaxy in found.galaxies.ids]
    np.testing.assert_array_equal(found.galaxies.embedding(), test.embedding()[rows])
    np.testing.assert_array_equal(found.galaxies.column("colour"), test.column("colour")[rows])
    tint = np.round(test.column("colour")[rows])
    assert all(len(np.unique(tint[found.galaxies.column("kmeans") == group])) == 1 for group in range(3))
    assert found.metrics["r2_colour"] == scored(1, 0).metrics["r2_colour"]  # of all of test


def test_without_a_column_of_form_nothing_is_compared_with_it(caplog):
    caplog.set_level(logging.INFO)
    assert not [name for name in scored(1, 0, column="morphology").metrics if "morphology" in name]
    assert "no column 'morphology'" in caplog.text
    assert not [name for name in scored(1, 0, column=None).metrics if "label" in name]


def test_grey_images_are_refused_with_the_remedy_and_grouped_with_it(caplog):
    parts = [made(n, seed, 0, 1) for n, seed in ((200, 1), (150, 2))]
    grey = [part.append({"colour": np.full(len(part), np.nan)}) for part in parts]
    with pytest.raises(DataError, match=r"write probe\.clusters\.colour=null"):
        Clusters(**YAML)(*grey)
    assert not caplog.text
    found = Clusters(**YAML | {"colour": None})(*grey)
    assert not [name for name in found.metrics if "colour" in name]
    assert found.metrics["hdbscan_nmi_label"] > 0.8
    assert len(found.galaxies) == 150
    with pytest.raises(DataError, match="has 1 galaxies; two are needed"):
        Clusters(**YAML | {"colour": None})(grey[0], grey[1].filter(np.arange(150) == 0))
    Clusters(**YAML | {"colour": None})(grey[0], grey[0])
    assert "200 galaxies are in both train and test" in caplog.text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("components", 0),
        ("kmeans_clusters", 1),
        ("hdbscan_clusters", 1),
        ("min_cluster_shares", []),
        ("min_cluster_shares", [0.1, 2.0]),
        ("min_samples", 0),
        ("most_galaxies", 1),
        ("alphas", [0.0]),
        ("validation_share", 1.0),
    ],
)
def test_a_number_that_groups_nothing_is_refused_by_its_key(key, value):
    with pytest.raises(ConfigError, match=rf"probe\.clusters\.{key}="):
        Clusters(**YAML | {key: value})


def test_pixels_of_the_sky_are_colour_and_the_report_shows_it(compose, tmp_path):
    cfg = compose("data.count=120", "data.size_px=16", "data.redshift=0.05", "probe=[clusters]")
    data = GalaxyData(build(cfg.data, "data"), 16, 0, seed=0, splits=("train",))
    found = evaluate_pixels(data, build_all(cfg.probe, "probe"), ("train", "val"), ("test",), components=8)
    assert found.metrics["probe/clusters/r2_colour"] > 0.5
    assert 0 <= found.metrics["probe/clusters/kmeans_nmi_label"] <= 1
    drawn = [path.name for path, _ in draw_evaluations(tmp_path, {"trained": found}, data)]
    assert {"comparison.png", "clusters_map.png", "clusters_kmeans.png"} <= set(drawn)
    assert all((tmp_path / name).is_file() for name in drawn)
