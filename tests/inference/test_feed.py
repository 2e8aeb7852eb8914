"""Pictures on their way to a network: made ahead, in order, and what cannot be read is noted, not shown."""

import threading

import pytest
from PIL import Image

from selfsup.data.pictures import FilePictures
from selfsup.inference.feed import Feed, ahead

COUNT, SIZE_PX = 9, 8


@pytest.fixture
def pictures(tmp_path):
    """Picture i is of level 20 i, redder with i; the fourth is text."""
    for number in range(COUNT):
        level = 20 * number
        Image.new("RGB", (SIZE_PX, SIZE_PX), (level + 30, level, level)).save(tmp_path / f"{number}.png")
    (tmp_path / "4.png").write_text("<html>")
    files = [tmp_path / f"{number}.png" for number in range(COUNT)]
    return FilePictures([f"g{number}" for number in range(COUNT)], files, SIZE_PX)


def test_batches_hold_the_readable_pictures_of_the_rows_in_order(pictures):
    feed = Feed(pictures, range(2, 9), 4)
    batches = list(feed)
    assert [batch["id"] for batch in batches] == [["g2", "g3", "g5", "g6"], ["g7", "g8"]]
    assert [image[1, 0, 0].item() for batch in batches for image in batch["image"]] == [40, 60, 100, 120, 140, 160]
    assert feed.kept == [2, 3, 5, 6, 7, 8]
    assert [(galaxy, origin) for galaxy, origin, _ in feed.unreadable] == [("g4", str(pictures.files[4]))]
    assert feed.colour.shape == (6,)


def test_rows_of_which_none_can_be_read_make_no_batch(pictures):
    feed = Feed(pictures, [4], 4)
    assert list(feed) == []
    assert feed.kept == []
    assert feed.colour.shape == (0,)


def test_items_are_made_ahead_of_the_one_asked_for_by_another_thread():
    made, third = [], threading.Event()

    def items():
        for number in range(5):
            made.append((number, threading.current_thread()))
            if number == 2:
                third.set()
            yield number

    waiting = ahead(items(), 2)
    assert next(waiting) == 0
    assert third.wait(5)  # the next two are made, with nobody asking
    assert list(waiting) == [1, 2, 3, 4]
    assert threading.current_thread() not in {thread for _, thread in made}


@pytest.mark.promise("hostile")
def test_what_goes_wrong_there_goes_wrong_here():
    def items():
        yield 1
        raise ValueError("torn")

    waiting = ahead(items(), 2)
    assert next(waiting) == 1
    with pytest.raises(ValueError, match="torn"):
        next(waiting)


def test_the_maker_is_closed_when_nobody_wants_more():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    waiting = ahead(items(), 2)
    next(waiting)
    waiting.close()
    assert closed.is_set()
