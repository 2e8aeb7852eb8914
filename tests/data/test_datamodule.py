"""Parts, order and batches: functions of ids, seed and epoch alone."""

import csv
import itertools
import logging
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from selfsup.config import build
from selfsup.data.datamodule import GalaxyData, part_of
from selfsup.data.order import EpochOrder
from selfsup.types import DataError

TEXT = ["data=images", "data.table=labels.csv", "data.label=label", "data.classes=[round,elongated]", "data.size_px=16"]


@pytest.fixture
def make(compose, galaxies):
    """Overrides -> the data module of the made-up galaxies, or of another folder."""

    def made(*overrides, folder=galaxies, batch_size=16, splits=("train",), workers=0):
        source = build(compose(f"data.folder={folder}", *TEXT, *overrides).data, "data")
        return GalaxyData(source, batch_size, workers, seed=0, splits=splits)

    return made


def test_parts_are_pinned():
    ids = ["g000", "588017703996096547", "J103406.88+010527.5", "a", "galaxy 1"]
    assert [part_of(galaxy) for galaxy in ids] == ["train", "test", "val", "val", "train"]


def test_parts_are_seven_one_and_two_tenths():
    ids = [f"galaxy {number}" for number in range(20_000)]
    parts = np.array([part_of(galaxy) for galaxy in ids])
    shares = [float((parts == part).mean()) for part in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    assert all((part_of(i) == "val") == (zlib.crc32(i.encode()) % 10 == 7) for i in ids[:1000])


def test_parts_are_disjoint_and_complete(make):
    data = make()
    parts = [set(data.rows(part).tolist()) for part in ("train", "val", "test")]
    assert all(not a & b for a, b in itertools.combinations(parts, 2))
    assert set.union(*parts) == set(range(120)) == set(data.rows().tolist())
    assert data.rows("train", "val").tolist() == sorted(parts[0] | parts[1])


def batches(order, epoch):
    order.set_epoch(epoch)
    return list(order)


def test_order_is_a_function_of_seed_and_epoch():
    rows = np.arange(100, 150)
    one, again, other = (EpochOrder(rows, 8, seed) for seed in (0, 0, 1))
    for epoch in range(3):
        assert batches(one, epoch) == batches(again, epoch) != batches(other, epoch)
    assert batches(one, 0) != batches(one, 1)
    assert batches(one, 2) == batches(again, 2)  # whatever was drawn before
    drawn = [row for batch in batches(one, 0) for row in batch]
    assert len(drawn) == len(set(drawn)) == 48 == 8 * len(one)
    assert set(drawn) < set(rows.tolist())


def test_what_an_epoch_leaves_out_another_draws():
    order = EpochOrder(np.arange(11), 8, seed=0)
    assert set().union(*(batches(order, epoch)[0] for epoch in range(20))) == set(range(11))


def test_ranks_share_the_batch_of_one():
    rows = np.arange(50)
    whole = batches(EpochOrder(rows, 8, 3), 5)
    shares = [batches(EpochOrder(rows, 4, 3, rank, ranks=2), 5) for rank in range(2)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole


def test_an_epoch_starts_where_it_was_left_and_the_next_at_its_start():
    order, whole = EpochOrder(np.arange(50), 8, 0), EpochOrder(np.arange(50), 8, 0)
    order.resume_at = (1, 4)
    assert batches(order, 1) == batches(whole, 1)[4:]
    assert batches(order, 2) == batches(whole, 2)
    assert len(order) == 6  # Lightning counts from the epoch's start


def test_batches_hold_bytes_in_channels_last_order_beside_their_labels(make):
    data = make("data.tree=gz2")
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (16, 3, 16, 16)
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    rows = [data.packed.ids.index(galaxy) for galaxy in batch["id"]]
    assert torch.equal(batch["label"], torch.tensor([int(galaxy[1:]) % 2 for galaxy in batch["id"]]))
    assert torch.equal(batch["image"], torch.from_numpy(data.packed.images[rows]).permute(0, 3, 1, 2))
    assert torch.equal(batch["votes"], torch.from_numpy(data.votes[rows]))
    assert batch["votes"].dtype == torch.float32


def test_a_batch_holds_what_there_is(compose, galaxies):
    cfg = compose("data=images", f"data.folder={galaxies}", "data.size_px=16")
    data = GalaxyData(build(cfg.data, "data"), 16, 0, seed=0, splits=("train",))
    assert set(next(iter(data.train_dataloader()))) == {"id", "image"}


def test_loader_processes_change_nothing(make):
    alone, helped = (list(make(workers=workers).train_dataloader()) for workers in (0, 1))
    assert [batch["id"] for batch in alone] == [batch["id"] for batch in helped]
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(alone, helped, strict=True))


def test_the_catalogue_loader_goes_through_its_rows_in_order(make):
    data = make()
    rows = data.rows("test")
    loaded = [galaxy for batch in data.catalogue_loader(rows, batch_size=10) for galaxy in batch["id"]]
    assert loaded == [data.packed.ids[row] for row in rows]


@pytest.fixture
def damaged(tmp_path):
    """20 images of which the eleventh is torn and every fourth has no label; the value is the image's number."""
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "label", "value"])
        for number in range(20):
            path = tmp_path / f"d{number:02}.png"
            Image.new("RGB", (16, 16), (number * 10, 0, 0)).save(path)
            if number == 10:
                path.write_bytes(path.read_bytes()[:40])
            label = "" if number % 4 == 0 else ("round", "elongated")[number % 2]
            table.writerow([f"d{number:02}", label, number])
    return tmp_path


def test_an_unreadable_image_shifts_no_label(damaged, make, caplog):
    data = make("data.max_unreadable_share=0.1", folder=damaged)
    with caplog.at_level(logging.WARNING):
        assert len(data.packed.ids) == 19
    assert "1 of 20 images are unreadable" in caplog.text
    assert "d10" not in data.packed.ids
    assert [fault[0] for fault in data.packed.unreadable] == ["d10"]
    numbers = [int(galaxy[1:]) for galaxy in data.packed.ids]
    assert data.columns["value"].tolist() == numbers
    assert data.label.tolist() == [-1 if number % 4 == 0 else number % 2 for number in numbers]
    assert data.packed.images[:, 0, 0, 0].tolist() == [number * 10 for number in numbers]


def test_too_many_unreadable_images_stop(damaged, make):
    with pytest.raises(DataError, match=r"1 of 20 .*unreadable"):
        _ = make("data.max_unreadable_share=0.01", folder=damaged).packed


def test_a_supervised_objective_draws_labelled_galaxies_alone(damaged, make):
    parts = ("train", "val", "test")
    data = make("data.max_unreadable_share=0.1", folder=damaged, batch_size=2, splits=parts)
    assert len(data.train_dataloader()) == 9
    data.narrow_to(("label",))
    drawn = [batch["label"] for batch in data.train_dataloader()]
    assert len(drawn) == 7  # 14 of 19 have a label
    assert all((label >= 0).all() for label in drawn)


def test_a_target_that_is_welcome_narrows_nothing(damaged, make):
    parts = ("train", "val", "test")
    data = make("data.max_unreadable_share=0.1", folder=damaged, batch_size=2, splits=parts)
    data.narrow_to((), ("label",))
    drawn = [batch["label"] for batch in data.train_dataloader()]
    assert len(drawn) == 9
    assert any((label < 0).any() for label in drawn)
    with pytest.raises(DataError, match="no votes, which the objective learns from"):
        data.narrow_to((), ("votes",))


def test_targets_that_are_not_there_are_named_with_a_remedy(compose, galaxies):
    cfg = compose("data=images", f"data.folder={galaxies}", "data.size_px=16")
    data = GalaxyData(build(cfg.data, "data"), 16, 0, seed=0, splits=("train",))
    with pytest.raises(DataError, match=r"no votes, which the objective learns from; name data.tree"):
        data.narrow_to(("votes",))
    with pytest.raises(DataError, match=r"no label, which the objective learns from; name data.label=COLUMN"):
        data.narrow_to(("label",))


def test_fewer_galaxies_than_a_batch_are_named_with_a_remedy(make):
    data = make(batch_size=1000)
    count = len(data.rows("train"))
    with pytest.raises(DataError, match=rf"{count} galaxies to learn from in train, .* trainer.batch_size={count}"):
        data.train_dataloader()


def test_hardly_any_galaxies_are_too_few_whatever_the_batch(damaged, make):
    data = make("data.max_unreadable_share=0.1", folder=damaged, splits=("val",))
    with pytest.raises(DataError, match="learn from in val, fewer than one batch of 16: too few to learn from"):
        data.train_dataloader()


def test_an_empty_part_is_named(tmp_path, make):
    train = [name for name in (f"x{number}" for number in range(100)) if part_of(name) == "train"][:4]
    for name in train:
        Image.new("RGB", (16, 16)).save(tmp_path / f"{name}.png")
    data = make("data.table=null", "data.label=null", "data.classes=null", folder=tmp_path)
    with pytest.raises(DataError, match="none of the 4 images is in test"):
        data.rows("test")
