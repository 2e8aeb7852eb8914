"""The stream: new galaxies in every epoch, the same ones whoever draws them and wherever the training was cut."""

import itertools

import numpy as np
import pytest
import torch

from selfsup.checkpoint import LAST
from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.data.order import StreamOrder
from selfsup.sky.galaxy import FAMILIES
from selfsup.sky.observe import observe
from selfsup.sky.population import draw
from selfsup.tasks.pretrain import assemble
from selfsup.training.learner import Learner
from selfsup.training.loop import fit
from selfsup.types import DataError

COUNT = 40
FEW = [f"data.count={COUNT}", "data.size_px=16", "data.stream=true", "data.stream_count=10"]


@pytest.fixture
def make(compose):
    """Overrides -> the data module of a small stream."""

    def made(*overrides, batch_size=4, workers=0):
        source = build(compose("data=synthetic", *FEW, *overrides).data, "data")
        return GalaxyData(source, batch_size, workers, seed=0, splits=("train",))

    return made


def batches(order, epoch):
    order.set_epoch(epoch)
    return list(order)


def test_every_epoch_goes_on_where_the_last_one_ended():
    order = StreamOrder(10, 4)
    drawn = [row for epoch in range(5) for batch in batches(order, epoch) for row in batch]
    assert drawn == list(range(5 * 8))
    assert len(order) == 2


def test_ranks_share_the_batch_of_one():
    whole = batches(StreamOrder(50, 8), 5)
    shares = [batches(StreamOrder(50, 4, rank, 2), 5) for rank in range(2)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole


def test_an_epoch_starts_where_it_was_left_and_the_next_at_its_start():
    order, whole = StreamOrder(50, 8), StreamOrder(50, 8)
    order.resume_at = (1, 4)
    assert batches(order, 1) == batches(whole, 1)[4:]
    assert batches(order, 2) == batches(whole, 2)


def test_batches_are_like_those_of_the_packed_set(make):
    streamed = next(iter(make("data.tree=gz2").train_dataloader()))
    data = make("data.tree=gz2", "data.stream=false", f"data.count={COUNT + 4}")
    rows = data.packed.index_of(streamed["id"])
    assert rows.tolist() == [COUNT, COUNT + 1, COUNT + 2, COUNT + 3]
    [packed] = data.catalogue_loader(rows)
    assert packed["id"] == streamed["id"]
    for key in ("image", "votes", "label"):
        assert torch.equal(packed[key], streamed[key]), key
        assert packed[key].dtype == streamed[key].dtype
    assert streamed["image"].is_contiguous(memory_format=torch.channels_last)


def test_the_stream_is_beyond_the_packed_set_and_never_repeats(make):
    data, seen = make(), []
    for epoch in range(2):
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)
        seen += [galaxy for batch in loader for galaxy in batch["id"]]
    assert seen == [draw(0, COUNT + position, "balanced").name for position in range(16)]
    assert not set(seen) & set(data.packed.ids)


def test_loader_processes_change_nothing(make):
    alone, helped = (list(make(workers=workers).train_dataloader()) for workers in (0, 2))
    assert [batch["id"] for batch in alone] == [batch["id"] for batch in helped]
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(alone, helped, strict=True))


def test_exposures_are_of_the_packed_set_alone(make):
    batch = next(iter(make("data.exposures=2").train_dataloader()))
    assert batch["id"] == [f"sky0-{COUNT + position:09}" for position in range(4)]


def test_an_epoch_is_as_long_as_without_the_stream(make):
    without = make("data.stream=false").train_dataloader()
    assert len(make("data.stream_count=null").train_dataloader()) == len(without) > 2


def test_a_label_may_be_a_value_or_a_share(make):
    value = next(iter(make("data.label=redshift", "data.classes=null").train_dataloader()))["label"]
    assert value.tolist() == pytest.approx([draw(0, COUNT + k, "balanced").redshift for k in range(4)])
    share = next(iter(make("data.label=has-spiral-arms_yes_share", "data.classes=null").train_dataloader()))
    assert ((share["label"] >= 0) & (share["label"] <= 1)).all()
    family = next(iter(make().train_dataloader()))
    assert [FAMILIES[k] for k in family["label"]] == [draw(0, COUNT + k, "balanced").family for k in range(4)]


def test_without_labels_and_votes_a_batch_is_ids_and_images(make):
    batch = next(iter(make("data.tree=null", "data.label=null", "data.classes=null").train_dataloader()))
    assert set(batch) == {"id", "image"}


def test_nothing_of_the_stream_touches_the_disk(make, tmp_path):
    list(make(f"data.cache={tmp_path}", "data.tree=null").train_dataloader())
    assert list(tmp_path.iterdir()) == []


def test_fewer_galaxies_than_a_batch_are_named_with_a_remedy(make):
    with pytest.raises(DataError, match=r"10 galaxies to learn from .* trainer.batch_size=10"):
        make(batch_size=11).train_dataloader()


class Killed(Exception):
    pass


def train(cfg, folder, kill_at=None):
    """Train in this folder, from its checkpoint where there is one; returns the ids of each step."""
    parts, seen = assemble(cfg, folder), []
    original = Learner.training_step

    def step(self, batch, batch_idx):
        if self.global_step == kill_at:
            raise Killed
        seen.append(batch["id"])
        return original(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "training_step", step)
        if kill_at is None:
            fit(parts.learner, parts.data, parts.probes, parts.loggers, folder)
        else:
            with pytest.raises(Killed):
                fit(parts.learner, parts.data, parts.probes, parts.loggers, folder)
    return seen


@pytest.mark.parametrize(("workers", "every", "kill_at"), [(0, 2, 5), (1, 2, 5), (1, 3, 3), (1, "null", 4)])
def test_a_training_resumes_wherever_it_is_cut(workers, every, kill_at, tiny, compose, tmp_path):
    """In the middle of an epoch, after the checkpoint of its last step, and after that of its end."""
    sky = [choice for choice in tiny if not choice.startswith(("data.table", "data.folder", "data="))]
    sky += ["data=synthetic", *FEW, "data.label=family", f"data.classes=[{','.join(FAMILIES)}]", "trainer.batch_size=4"]
    cfg = compose(*sky, "data.stream_count=13", f"trainer.workers={workers}", f"trainer.checkpoint_every_steps={every}")
    whole = train(cfg, tmp_path / "whole")
    assert [name for ids in whole for name in ids] == [f"sky0-{COUNT + k:09}" for k in range(24)]
    before = train(cfg, tmp_path / "cut", kill_at)
    saved = torch.load(tmp_path / "cut" / LAST, weights_only=True)["global_step"]
    assert 0 < saved <= kill_at
    assert before[:saved] + train(cfg, tmp_path / "cut") == whole
    ends = [torch.load(tmp_path / name / LAST, weights_only=True)["state_dict"] for name in ("whole", "cut")]
    assert all(torch.equal(a, b) for a, b in zip(*(end.values() for end in ends), strict=True))


def test_images_of_the_stream_are_those_of_the_sky(make):
    data = make()
    batch = next(iter(data.train_dataloader()))
    drawn = observe([draw(0, COUNT + k, "balanced") for k in range(4)], data.source.sky.view)
    np.testing.assert_array_equal(batch["image"].permute(0, 2, 3, 1).numpy(), drawn)
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(batch["image"], 2))
