"""Archives of webdataset: galaxies by their names, columns beside them, pictures from their places."""

import io
import json
import re
import tarfile

import numpy as np
import pytest
from PIL import Image

from selfsup.data import tar_columns, tar_images
from selfsup.data.decode import Unreadable
from selfsup.data.packed import pack
from selfsup.data.tar_images import TarImages
from selfsup.types import DataError


def encoded(level, form="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (level, 0, 0)).save(stream, form)
    return stream.getvalue()


def write(file, parts):
    """Name in the archive -> bytes, text, or values for a .json."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, content in parts.items():
            data = json.dumps(content).encode() if isinstance(content, dict) else content
            data = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def reader(place, **keys):
    values = {"images": ["jpg", "jpeg", "png"], "id_key": None, "tree": None, "label": None, "classes": None}
    shared = {"folder": str(place), "size_px": 4, "cache": str(place / "cache"), "max_unreadable_share": 0.4}
    return TarImages(**{**shared, **values, **keys})


@pytest.fixture
def folder(tmp_path):
    one = {
        **{"./0001.png": encoded(10), "./0001.json": {"ra": 10.5, "objid": 587735344259727524, "ok": True}},
        **{"0002.json": {"ra": None, "kind": "spiral", "tags": [1]}, "0002.seg.png": b"", "0002.png": encoded(20)},
    }
    two = {"deep/0001.PNG": encoded(30), "deep/0001.cls": "2\n", "notes.txt": "x", "._0001.png": b"mac"}
    write(tmp_path / "train-0.tar", one)
    write(tmp_path / "more" / "train-1.tar", two)
    return tmp_path


def packed_by(source):
    return pack(source.pictures(source.read()), source.cache, source.max_unreadable_share)


def test_names_are_ids_and_files_beside_pictures_are_columns(folder):
    found = reader(folder).read()
    assert found.ids == ["deep/0001", "0001", "0002"]
    np.testing.assert_array_equal(found.columns["ra"], [np.nan, 10.5, np.nan])
    assert found.columns["objid"].tolist() == ["", "587735344259727524", ""]
    assert found.columns["kind"].tolist() == ["", "", "spiral"]
    np.testing.assert_array_equal(found.columns["ok"], [np.nan, 1, np.nan])
    np.testing.assert_array_equal(found.columns["cls"], [2, np.nan, np.nan])
    assert set(found.columns) == {"ra", "objid", "kind", "ok", "cls"}


def test_pictures_are_packed_from_their_places(folder):
    source = reader(folder)
    assert packed_by(source).images[:, 0, 0, 0].tolist() == [30, 10, 20]
    pictures = source.pictures(source.read())
    assert [picture[0, 0, 0] for picture in pictures.some([0, 2])] == [30, 20]
    assert "train-0.tar at byte" in pictures.origin(2)


def test_the_class_is_a_label(folder):
    write(folder / "train-0.tar", {"1.png": encoded(1), "1.cls": "0", "2.png": encoded(2), "2.cls": "1"})
    found = reader(folder, label="cls", classes=["round", "disc", "odd"]).read()
    assert found.label.tolist() == [2, 0, 1]


def test_votes_are_found_by_their_names(tmp_path):
    write(tmp_path / "a.tar", {"1.png": encoded(1), "1.json": {"ring_yes": 3, "ring_no": 1, "ra": 2.0}})
    found = reader(tmp_path, tree="rings").read()
    assert found.votes.tolist() == [[3, 1]]
    assert "ring_yes" not in found.columns


def test_an_id_may_lie_in_the_json(tmp_path):
    write(tmp_path / "a.tar", {"0.png": encoded(1), "0.json": {"id": "J0123.4+5", "z": 1}})
    write(tmp_path / "b.tar", {"0.png": encoded(2), "0.json": {"id": "007"}})
    assert reader(tmp_path, id_key="id").read().ids == ["J0123.4+5", "007"]
    with pytest.raises(DataError, match=r"'0' is there 2 times.*data\.id_key"):
        reader(tmp_path).read()
    with pytest.raises(DataError, match=r"'0' has no 'name' in its \.json"):
        reader(tmp_path, id_key="name").read()


def test_names_that_catalogues_have_are_renamed(tmp_path):
    write(
        tmp_path / "a.tar", {"0.png": encoded(1), "0.json": {"id": "x", "embedding": 2, "_offset": 9, "_galaxy": "y"}}
    )
    found = reader(tmp_path).read()
    assert found.ids == ["0"]
    assert found.columns["json_id"].tolist() == ["x"]
    assert set(found.columns) == {"json_id", "json_embedding"}
    assert packed_by(reader(tmp_path)).images[:, 0, 0, 0].tolist() == [1]


def test_damaged_and_empty_images_are_named(tmp_path):
    parts = {"1.png": encoded(10), "2.png": b"<html>", "3.png": b"", "4.jpg": encoded(9, "JPEG")[:-40]}
    write(tmp_path / "a.tar", parts)
    packed = packed_by(reader(tmp_path, max_unreadable_share=0.9))
    assert packed.ids == ["1"]
    assert [galaxy for galaxy, _, _ in packed.unreadable] == ["2", "3", "4"]


def test_headers_are_read_once_and_anew_when_an_archive_changes(folder, monkeypatch):
    reader(folder).read()
    monkeypatch.setattr(tar_images, "members", lambda shard: pytest.fail("read again"))
    assert len(reader(folder).read().ids) == 3
    monkeypatch.undo()
    before = list(reader(folder).pictures(reader(folder).read()).fingerprint())
    write(folder / "train-0.tar", {"9.png": encoded(1)})
    source = reader(folder)
    assert source.read().ids == ["deep/0001", "9"]
    assert list(source.pictures(source.read()).fingerprint()) != before


def test_an_archive_that_is_gone_is_a_fault_of_each_picture(folder):
    source = reader(folder)
    pictures = source.pictures(source.read())
    (folder / "train-0.tar").unlink()
    assert [isinstance(picture, Unreadable) for picture in pictures.drawn()] == [False, True, True]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"1.txt": "x"}, "no file in its archives ends in .jpg, .jpeg, .png"),
        ({"1.png": b"x", "1.json": "{"}, "'1.json' cannot be read"),
        ({"1.png": b"x", "1.json": "[1]"}, "not an object of names and values"),
        ({"1.png": b"x", "1.json": "[" * 100_000}, "'1.json' cannot be read"),
        ({"1.png": b"x", "1.json": '{"a": "\\ud800"}'}, "'1.json' cannot be read"),
        ({"1.png": b"x", "1.cls": b"\xff"}, "'1.cls' cannot be read"),
        ({"1.png": b"x", "1.json": {"a": "x" * 200_000}}, "'1.json' has more than"),
        ({"1.png": b"x", "1.json": {str(number): 1 for number in range(50)}}, "54 different names; 20 is the most"),
        ({"1.png": b"x", "./1.png": b"y"}, "'./1.png' is there twice"),
    ],
)
def test_what_does_not_fit_is_an_error(parts, said, tmp_path, monkeypatch):
    monkeypatch.setattr(tar_columns, "_MAX_BYTES", 150_000)
    monkeypatch.setattr(tar_images, "_MAX_COLUMNS", 20)
    write(tmp_path / "a.tar", parts)
    with pytest.raises(DataError, match=re.escape(said)):
        reader(tmp_path).read()


def test_there_is_a_limit_to_the_files_of_an_archive(folder, monkeypatch):
    monkeypatch.setattr(tar_images, "MAX_MEMBERS", 3)
    with pytest.raises(DataError, match="more than 3 files"):
        reader(folder).read()


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.tar"
    write(outside, {"1.png": encoded(1)})
    (folder / "link.tar").symlink_to(outside)
    with pytest.raises(DataError, match="a link that leads out"):
        reader(folder).read()
