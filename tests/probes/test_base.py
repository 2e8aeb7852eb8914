"""The contract of every probe that has a YAML, over one catalogue with all that any of them reads."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, MapProbe, PictureProbe
from selfsup.types import DataError

CONF = Path(__file__).parents[2] / "conf" / "probe"
# A file of another name than its probe is a variant of one of these.
YAMLS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem in OmegaConf.load(path))
# Settings that suit a hundred galaxies, where the YAML's suit thousands.
SMALL = {
    "knn": {"ks": [1, 5, 10]},
    "rings": {"n_per_class": [4, 8], "draws": 5},
    "parameters": {"columns": ["smooth_share", "label"]},
    "clusters": {"colour": "smooth_share", "kmeans_starts": 2},
}


def build(name):
    node = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))[name]
    module, _, cls = node.pop("_target_").rpartition(".")
    return getattr(import_module(module), cls)(**(node | SMALL.get(name, {})))


NAMES = [name for name in YAMLS if isinstance(build(name), CatalogueProbe)]


def arrays(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    label = (x[:, 0] + 0.7 * rng.normal(size=n) > 0).astype(np.float64)
    share = 1 / (1 + np.exp(-x[:, 1] + 0.5 * rng.normal(size=n)))
    columns = {"label": label, "smooth_share": share, "disc_share": 1 - share}
    return [f"{seed}-{i:04d}" for i in range(n)], x, columns


def catalogue(ids, x, columns):
    return Catalogue.from_arrays(ids, x, columns, {})


def chosen(scores):
    return {name: scores.metrics.get(name) for name in ("k", "c", "alpha")}


@pytest.fixture(scope="module")
def train():
    return arrays(120, 1)


@pytest.fixture(scope="module")
def test():
    return arrays(90, 2)


def test_every_yaml_is_found():
    assert {"knn", "linear", "regression", "rings", "votes"} <= set(NAMES)


@pytest.mark.parametrize("name", YAMLS)
def test_every_probe_says_what_it_asks_for(name):
    assert sum(isinstance(build(name), kind) for kind in (CatalogueProbe, MapProbe, PictureProbe)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_finite_floats(name, train, test):
    probe = build(name)
    assert isinstance(probe, CatalogueProbe)
    scores = probe(catalogue(*train), catalogue(*test))
    assert scores.metrics
    assert all(type(value) is float and np.isfinite(value) for value in scores.metrics.values())
    assert len({len(values) for values in scores.curve.values()}) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_order_of_rows_changes_nothing(name, train, test):
    def shuffled(ids, x, columns):
        order = np.random.default_rng(0).permutation(len(ids))
        return [ids[i] for i in order], x[order], {k: v[order] for k, v in columns.items()}

    before = build(name)(catalogue(*train), catalogue(*test))
    after = build(name)(catalogue(*shuffled(*train)), catalogue(*shuffled(*test)))
    assert after.metrics == before.metrics
    assert after.curve == before.curve


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_a_label_are_as_if_absent(name, train, test):
    def spoiled(ids, x, columns):
        gone = np.full(30, np.nan)
        far = np.full((30, x.shape[1]), 1e4, dtype=np.float32)
        names = [f"unlabelled-{ids[0]}-{i}" for i in range(30)]
        return ids + names, np.concatenate([x, far]), {k: np.concatenate([v, gone]) for k, v in columns.items()}

    before = build(name)(catalogue(*train), catalogue(*test))
    after = build(name)(catalogue(*spoiled(*train)), catalogue(*spoiled(*test)))
    assert after.metrics == before.metrics


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_chosen_on_test(name, train, test):
    ids, x, columns = test
    before = build(name)(catalogue(*train), catalogue(*test))
    shifted = build(name)(catalogue(*train), catalogue(ids, 1e3 + 50 * x, columns))
    others = {k: np.roll(v, 7) for k, v in columns.items()}  # labels of other galaxies
    mislabelled = build(name)(catalogue(*train), catalogue(ids, x, others))
    assert chosen(shifted) == chosen(before)
    assert chosen(mislabelled) == chosen(before)
    assert shifted.metrics != before.metrics
    assert mislabelled.metrics != before.metrics


@pytest.mark.parametrize("name", NAMES)
def test_missing_column_names_those_there_are(name, train, test):
    ids, x, _ = train
    bare = catalogue(ids, x, {"redshift": np.linspace(0, 1, len(ids))})
    with pytest.raises(DataError, match=rf"(?s)redshift.*probe\.{name}\."):
        build(name)(bare, catalogue(*test))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "parameters"])  # leaves such a column out
@pytest.mark.parametrize("spoiled", ["train", "test"])
def test_a_single_value_is_refused(name, spoiled, train, test):
    parts = {"train": train, "test": test}
    ids, x, columns = parts[spoiled]
    parts[spoiled] = (ids, x, {k: np.zeros(len(ids)) for k in columns})
    with pytest.raises(DataError, match=rf"(?s){spoiled} catalogue.*Columns there are.*probe\.{name}\."):
        build(name)(catalogue(*parts["train"]), catalogue(*parts["test"]))


@pytest.mark.parametrize("name", NAMES)
def test_galaxies_in_both_parts_are_logged(name, train, caplog):
    build(name)(catalogue(*train), catalogue(*train))
    assert "120 galaxies are in both train and test" in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_a_collapsed_encoder_scores_chance(name, train, test):
    (ids, x, columns), (test_ids, test_x, test_columns) = train, test
    scores = build(name)(
        catalogue(ids, np.ones_like(x), columns), catalogue(test_ids, np.ones_like(test_x), test_columns)
    ).metrics
    if "map_chance" in scores:
        assert scores["map"] == pytest.approx(scores["map_chance"], abs=0.05)
    elif "mae_constant" in scores:
        assert scores["mae"] == pytest.approx(scores["mae_constant"])
    elif any(metric.startswith("r2_") for metric in scores):
        assert all(value < 0.05 for metric, value in scores.items() if metric.startswith("r2_"))
    else:
        balanced = [
            value for metric, value in scores.items() if re.fullmatch(r"balanced_accuracy(_all|_n\d+_mean)?", metric)
        ]
        assert balanced == pytest.approx([0.5] * len(balanced))
        assert balanced
