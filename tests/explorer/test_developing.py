"""Pictures are made by one thread, many at a time, remembered up to a limit, and a fault is everybody's."""

import io
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from selfsup.explorer.developing import Darkroom
from selfsup.types import DataError


class Drawn:
    """Notes what it is asked for, and by how many threads."""

    def __init__(self, wait_s=0.0, edge_px=8):
        self.asked, self.threads, self.wait_s, self.edge_px = [], set(), wait_s, edge_px

    def some(self, rows):
        self.asked.append(list(rows))
        self.threads.add(threading.get_ident())
        time.sleep(self.wait_s)
        for row in rows:
            if row == 13:
                raise ValueError("a bug")
            yield None if row == 7 else np.full((self.edge_px, self.edge_px, 3), row, np.uint8)


@pytest.fixture
def opened():
    """Darkrooms that end with the test."""
    rooms = []

    def made(pictures, **settings):
        rooms.append(Darkroom(lambda: pictures, **{"edge_px": 8, "jpeg_quality": 90, "cache_bytes": 10**6, **settings}))
        return rooms[-1]

    yield made
    for room in rooms:
        room.close()


def test_who_waits_is_served_together_and_once(opened):
    drawn = Drawn(wait_s=0.05)
    room = opened(drawn)
    with ThreadPoolExecutor(40) as pool:
        pictures = list(pool.map(room.picture, [row % 200 for row in range(400) if row % 200 not in (7, 13)]))
    assert len(drawn.threads) == 1
    rows = [row for asked in drawn.asked for row in asked]
    assert len(rows) == len(set(rows)) == 198
    assert len(drawn.asked) < 60
    assert all(asked == sorted(asked) for asked in drawn.asked)
    assert np.asarray(Image.open(io.BytesIO(pictures[5]))).mean() == pytest.approx(5, abs=1)
    assert room.picture(7) is None
    assert room.some([4, 7]) == [pictures[4], None]


def test_what_was_used_last_is_remembered(opened):
    drawn = Drawn()
    room = opened(drawn, cache_bytes=3000)
    for row in (1, 2, 3, 1, 4, 5, 1):
        room.picture(row)
    assert drawn.asked.count([1]) == 1
    for row in range(20, 40):
        room.picture(row)
    room.picture(1)
    assert drawn.asked.count([1]) == 2


def test_large_pictures_are_made_smaller_and_small_ones_stay(opened):
    sizes = [Image.open(io.BytesIO(opened(Drawn(edge_px=edge)).picture(1))).size for edge in (50, 6)]
    assert sizes == [(8, 8), (6, 6)]


def test_a_bug_reaches_those_that_asked_and_the_next_ones_are_served(opened):
    room = opened(Drawn())
    with pytest.raises(ValueError, match="a bug"):
        room.picture(13)
    assert room.picture(12) is not None
    with pytest.raises(ValueError, match="a bug"):
        room.picture(13)


def test_why_there_are_none_is_known_after_the_listing():
    listed = threading.Event()

    def lost():
        listed.wait(10)
        raise DataError("the folder is gone")

    room = Darkroom(lost, 8, 90, 0)
    assert room.fault(wait=False) == ""
    listed.set()
    assert room.fault(wait=True) == room.fault(wait=False) == "the folder is gone"
    with pytest.raises(DataError, match="gone"):
        room.picture(1)
    room.close()


def test_at_the_end_nobody_waits_for_ever():
    room = Darkroom(lambda: Drawn(wait_s=0.3), 8, 90, 0)
    with ThreadPoolExecutor(2) as pool:
        being_made = pool.submit(room.picture, 1)
        time.sleep(0.1)
        queued = pool.submit(room.picture, 2)
        time.sleep(0.1)
        room.close()
        assert being_made.result(5) is not None
        with pytest.raises(CancelledError):
            queued.result(5)
