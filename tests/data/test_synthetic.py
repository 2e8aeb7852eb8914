"""A data set without files: a function of its configuration, whoever draws it and in which order."""

import dataclasses
import logging
from functools import partial

import numpy as np
import pytest
import torch

from selfsup.config import build
from selfsup.data import parallel, rendering
from selfsup.data.datamodule import GalaxyData
from selfsup.data.packed import pack
from selfsup.data.rendering import chunks
from selfsup.sky import streams, volunteers
from selfsup.sky.galaxy import FAMILIES
from selfsup.sky.maps import structure_maps
from selfsup.sky.observe import observe
from selfsup.sky.population import draw
from selfsup.sky.truth import parameters
from selfsup.trees import tree
from selfsup.types import ConfigError, DataError

COUNT = 24


@pytest.fixture
def source(compose, tmp_path):
    """Overrides -> the source of a few small galaxies, its cache its own."""

    def made(*overrides):
        few = [f"data.count={COUNT}", "data.size_px=16", "data.tree=gz2", f"data.cache={tmp_path / 'cache'}"]
        return build(compose("data=synthetic", *few, *overrides).data, "data")

    return made


@pytest.fixture
def packed(source):
    """Overrides -> the packed set of that source."""

    def made(*overrides):
        here = source(*overrides)
        return pack(here.pictures(here.read()), here.cache, 0.0)

    return made


def test_galaxies_come_with_images_truth_votes_and_shares(source, packed):
    here = source()
    found, images = here.read(), packed().images
    assert images.shape == (COUNT, 16, 16, 3)
    for row in (0, 7, COUNT - 1):
        galaxy = draw(0, row, "balanced")
        assert found.ids[row] == galaxy.name
        np.testing.assert_array_equal(images[row], observe([galaxy], here.sky.view)[0])
        np.testing.assert_array_equal(found.votes[row], volunteers.vote(galaxy, here.sky.view, tree("gz2")))
        for name, value in parameters(galaxy, here.sky.view).items():
            assert found.columns[name][row] == value or np.isnan(value)
    assert found.votes.dtype == np.float32
    assert {f"{answer}_share" for answer in tree("gz2").answers} < set(found.columns)
    assert {found.columns[name].dtype.kind for name in found.columns} == {"O", "f"}


def test_the_label_is_the_family(source):
    found = source().read()
    assert found.classes == FAMILIES
    assert [FAMILIES[label] for label in found.label] == found.columns["family"].tolist()


@pytest.mark.parametrize("processes", [0, 2])
def test_processes_and_threads_change_nothing(processes, source):
    sky, parts = source().sky, [range(3), range(3, 10), range(10, 12)]
    threads = torch.get_num_threads()
    state = torch.get_rng_state()
    drawn = list(parallel.in_order(partial(rendering._draw, sky, parts), len(parts), processes))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert [len(images) for images in drawn] == [3, 7, 2]
    np.testing.assert_array_equal(np.concatenate(drawn)[::-1], sky.images(range(11, -1, -1)))


def test_chunks_cover_every_position_once():
    assert [position for part in chunks(37) for position in part] == list(range(37))
    assert max(map(len, chunks(37))) == rendering.CHUNK


OTHERS = {
    "the seed": ["data.seed=1"],
    "the mix": ["data.mix=natural"],
    "the survey": ["survey=des"],
    "a number of the survey": ["survey.noise_levels=9"],
    "the frame": ["data.crop=0.7"],
    "the redshift": ["data.redshift=0.3"],
}


@pytest.mark.parametrize("overrides", OTHERS.values(), ids=OTHERS)
def test_another_sky_is_another_set(overrides, source, packed):
    one, other = packed(), packed(*overrides)
    assert one.folder != other.folder
    assert not np.array_equal(one.images, other.images)


def test_another_generator_is_another_set(packed, monkeypatch):
    before = packed().folder
    monkeypatch.setattr(streams, "GENERATOR", streams.GENERATOR + 1)
    assert packed().folder != before


def test_more_galaxies_begin_with_the_same(packed):
    np.testing.assert_array_equal(packed("data.count=30").images[:COUNT], packed().images)


def test_questions_are_not_part_of_the_images(packed, source):
    assert packed().folder == packed("data.tree=rings").folder == packed("data.tree=null").folder
    assert source("data.tree=null").read().votes is None


def test_nothing_is_worked_out_twice(source, packed, monkeypatch):
    first, images = source().read(), packed()
    monkeypatch.setattr(rendering, "observe", lambda *given: pytest.fail("rendered"))
    monkeypatch.setattr(rendering.population, "draw", lambda *given: pytest.fail("drawn"))
    again = source().read()
    assert again.ids == first.ids
    np.testing.assert_array_equal(again.votes, first.votes)
    for name, values in first.columns.items():
        np.testing.assert_array_equal(again.columns[name], values)
    assert packed().folder == images.folder


def test_a_damaged_table_is_named(source, tmp_path):
    source().read()
    [table] = (tmp_path / "cache").glob("*-sky.parquet")
    table.write_bytes(table.read_bytes()[:200])
    with pytest.raises(DataError, match=r"damaged table of a sky.*delete it"):
        source().read()


def test_exposures_are_the_same_galaxy_in_the_same_part(source, compose):
    here = source("data.exposures=3", "data.count=8")
    data = GalaxyData(here, 4, 0, seed=0, splits=("train",))
    assert data.packed.ids[:4] == ["sky0-000000000", "sky0-000000000-e1", "sky0-000000000-e2", "sky0-000000001"]
    assert not np.array_equal(data.packed.images[0], data.packed.images[1])
    assert data.columns["pitch_deg"].tolist() == pytest.approx(data.columns["pitch_deg"][::3].repeat(3), nan_ok=True)
    for part in ("train", "val", "test"):
        rows = np.flatnonzero([here.galaxy_of(name) in parted(data, part) for name in data.packed.ids])
        if len(rows):
            assert data.rows(part).tolist() == rows.tolist()
            assert len(rows) % 3 == 0


def parted(data, part):
    from selfsup.data.datamodule import part_of

    return {name for name in map(data.source.galaxy_of, data.packed.ids) if part_of(name) == part}


def test_progress_speaks_of_what_is_done(source, packed, caplog):
    caplog.set_level(logging.INFO)
    packed()
    assert f"described {COUNT} of {COUNT} galaxies" in caplog.text
    assert f"rendered {COUNT} of {COUNT} images" in caplog.text


FAULTS = {
    "a folder": (["data.folder=DIR"], r"data\.folder=DIR: the synthetic sky has no files; write data=images"),
    "no galaxies": (["data.count=0"], r"data\.count=0: write 1 or more"),
    "no exposure": (["data.exposures=0"], r"data\.exposures=0: write 1 or more"),
    "a negative seed": (["data.seed=-1"], r"data\.seed=-1: write 0 or more"),
    "a mix": (["data.mix=even"], r"data\.mix: 'even' is not"),
    "a tree": (["data.tree=gz3"], r"no question tree 'gz3'"),
    "a redshift": (["data.redshift=9"], "redshift=9"),
    "an odd size": (["data.size_px=33"], "size_px=33"),
    "a survey": (["survey.stretch=linear"], r"survey\.stretch=linear"),
}


@pytest.mark.parametrize(("overrides", "says"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_drawn_is_refused_before_anything_is(overrides, says, source):
    with pytest.raises(ConfigError, match=says):
        source(*overrides)


def test_a_label_that_is_no_column_is_named(source):
    with pytest.raises(DataError, match=r"no column 'famly'.*did you mean .?family"):
        source("data.label=famly").read()


def test_an_interrupted_rendering_goes_on_where_it_stopped(source, monkeypatch):
    """Three blocks of a chunk each; cut while the second is drawn."""
    monkeypatch.setattr(rendering, "BLOCK_BYTES", 16 * 16**2 * 3)
    here = source("data.count=40")
    found = here.read()
    whole = here.sky.images(range(40))
    done = []

    def draw_until_cut(sky, parts, task, stop=1):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(parts[task].start)
        return sky.images(parts[task])

    monkeypatch.setattr(rendering, "_draw", draw_until_cut)
    with pytest.raises(KeyboardInterrupt):
        pack(here.pictures(found), here.cache, 0.0)
    assert done == [0]
    done.clear()
    monkeypatch.setattr(rendering, "_draw", partial(draw_until_cut, stop=-1))
    images = pack(here.pictures(found), here.cache, 0.0).images
    assert done == [16, 32]
    np.testing.assert_array_equal(images, whole)
    assert not here.pictures(found).blocks.exists()


def test_maps_of_structure_follow_the_ids(source):
    here = source("data.first=100", "data.exposures=2", "data.size_px=32")
    ids = here.read().ids
    maps = here.structure_maps([ids[5], ids[0]])
    assert maps.shape == (2, len(here.structures), 32, 32)
    np.testing.assert_array_equal(maps[1], structure_maps([draw(0, 100, "balanced")], here.sky.view)[0])
    again = dataclasses.replace(here.sky.view, epoch=1)
    np.testing.assert_array_equal(maps[0], structure_maps([draw(0, 102, "balanced")], again)[0])


def test_another_stretch_of_the_same_sky(source):
    assert source("data.first=8").read().ids[:4] == source().read().ids[8:12]
