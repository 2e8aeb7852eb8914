"""A representation that does not move scores everywhere as at home; one that is scrambled scores as chance."""

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.shift import accuracy_along, shifted
from selfsup.types import DataError

N, D = 200, 12


@pytest.fixture
def sky():
    """Three classes in twelve dimensions, as (train, reference, rng)."""
    rng = np.random.default_rng(0)

    def part(first):
        kind = rng.integers(3, size=N)
        centres = 3.0 * np.eye(3, D)
        embedding = (centres[kind] + rng.standard_normal((N, D))).astype(np.float32)
        columns = {"kind": np.array(["a", "b", "c"], dtype=object)[kind]}
        return Catalogue.from_arrays([f"g{first + i}" for i in range(N)], embedding, columns, {})

    return part(0), part(1000), rng


def moved(catalogue, embedding):
    return Catalogue.from_arrays(
        list(catalogue.ids), embedding.astype(np.float32), {"kind": catalogue.column("kind")}, {}
    )


def ask(train, reference, seen):
    return shifted(train, reference, seen, "kind", 0.1, 500)


def test_at_home_every_galaxy_is_itself(sky):
    train, reference, _ = sky
    found, classes = ask(train, reference, {"home": reference})
    assert classes == ("a", "b", "c")
    metrics = found["home"].metrics
    assert metrics["finds_itself"] == 1.0
    assert metrics["cosine_same"] == pytest.approx(1.0)
    assert metrics["cosine_other"] < 0.3
    assert metrics["balanced_accuracy"] > 0.9


def test_a_little_noise_costs_identity_before_class(sky):
    train, reference, rng = sky
    noisy = moved(reference, reference.embedding() + 0.7 * rng.standard_normal((N, D)))
    metrics = ask(train, reference, {"noisy": noisy})[0]["noisy"].metrics
    assert 0.2 < metrics["finds_itself"] < 1.0
    assert metrics["balanced_accuracy"] > 0.8


def test_scrambled_embeddings_are_chance(sky):
    train, reference, rng = sky
    other = moved(reference, reference.embedding()[rng.permutation(N)])
    metrics = ask(train, reference, {"other": other})[0]["other"].metrics
    assert metrics["finds_itself"] < 0.05
    assert metrics["roc_auc"] == pytest.approx(0.5, abs=0.12)
    assert metrics["cosine_same"] == pytest.approx(metrics["cosine_other"], abs=0.05)


def test_the_order_of_a_survey_does_not_matter(sky):
    train, reference, rng = sky
    order = rng.permutation(N)
    ids = [reference.ids[row] for row in order]
    shuffled = Catalogue.from_arrays(
        ids, reference.embedding()[order], {"kind": np.asarray(reference.column("kind"))[order]}, {}
    )
    a, b = ask(train, reference, {"a": reference, "b": shuffled})[0].values()
    assert a.metrics == pytest.approx(b.metrics)


def test_other_galaxies_are_refused(sky):
    train, reference, _ = sky
    with pytest.raises(DataError, match="des: its galaxies are not those"):
        ask(train, reference, {"des": train})


def test_accuracy_along_counts_what_is_right(sky):
    train, reference, _ = sky
    found = ask(train, reference, {"home": reference})[0]["home"]
    values = np.arange(N, dtype=float)
    curve = accuracy_along(found, values, np.array([0.0, 50.0, 195.0, 200.0]))
    assert curve["n"] == [50.0, 145.0]  # the last bin has 5, too few
    right = found.true == found.predicted
    assert curve["mean"] == pytest.approx([right[:50].mean(), right[50:195].mean()])
    assert curve["at"] == pytest.approx([24.5, 122.0])
