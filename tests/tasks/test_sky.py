"""A piece of the sky on disk: complete, restartable, and read back as the same data set."""

import shlex

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from selfsup.config import build
from selfsup.data.packed import pack
from selfsup.tasks import sky
from selfsup.types import ConfigError, DataError

COUNT = 20


@pytest.fixture
def write(compose, tmp_path):
    """Overrides -> what the task returns; it writes into `out`."""

    def written(*overrides):
        few = [f"data.count={COUNT}", "data.size_px=16", f"task.output={tmp_path / 'out'}"]
        given = ["task=sky", "data=synthetic", *few, f"data.cache={tmp_path / 'cache'}", *overrides]
        return sky.run(compose(*given))

    return written


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def packed(cfg):
    source = build(cfg.data, "data")
    found = source.read()
    return found, pack(source.pictures(found), source.cache, 0.0)


def test_the_folder_is_read_back_by_the_command_that_it_names(write, compose, tmp_path):
    assert write("survey=des", "data.redshift=0.2", "data.tree=gz_decals5") == {"galaxies": COUNT, "rendered": COUNT}
    readme = (tmp_path / "out" / "README.md").read_text()
    [command] = [line for line in readme.splitlines() if "data=images" in line]
    few = [f"data.count={COUNT}", "data.size_px=16", "data.tree=gz_decals5", "survey=des", "data.redshift=0.2"]
    made, rendered = packed(compose("data=synthetic", *few))
    read, decoded = packed(compose(*shlex.split(command)[1:]))
    assert read.ids == made.ids == decoded.ids
    np.testing.assert_array_equal(decoded.images, rendered.images)
    np.testing.assert_array_equal(read.votes, made.votes)
    np.testing.assert_array_equal(read.label, made.label)
    assert read.classes == made.classes
    assert set(made.columns) < set(read.columns)
    for name in set(made.columns):
        np.testing.assert_array_equal(read.columns[name], made.columns[name], err_msg=name)


def test_the_catalogue_names_each_file_with_truth_votes_and_shares(write, tmp_path):
    write()
    table = pq.read_table(tmp_path / "out" / "catalogue.parquet")
    assert table.column_names[:2] == ["id", "file"]
    for column in ("ra", "dec", "family", "pitch_deg", "bar_yes", "bar_yes_share"):
        assert column in table.column_names
    for row in table.to_pylist():
        with Image.open(tmp_path / "out" / row["file"]) as image:
            assert image.size == (16, 16)
        assert row["file"] == f"images/{row['id']}.png"


def test_what_is_there_is_kept_and_the_rest_is_the_same_bytes(write, tmp_path):
    write()
    whole = contents(tmp_path / "out")
    lost = sorted((tmp_path / "out" / "images").iterdir())[3:19:5]
    for file in lost:
        file.unlink()
    (tmp_path / "out" / "catalogue.parquet").unlink()
    assert write() == {"galaxies": COUNT, "rendered": len(lost)}
    assert contents(tmp_path / "out") == whole
    assert write("data.count=22") == {"galaxies": 22, "rendered": 2}


def test_another_sky_is_not_mixed_in(write, tmp_path):
    write()
    whole = contents(tmp_path / "out")
    for other in ("survey=des", "data.seed=1", "task.format=jpg", "data.size_px=32"):
        with pytest.raises(DataError, match=r"holds another sky, see survey\.yaml there.*task\.output"):
            write(other)
    assert contents(tmp_path / "out") == whole


def test_jpeg_is_close_to_what_was_rendered(write, compose, tmp_path):
    write("task.format=jpg", "data.size_px=32")
    _, rendered = packed(compose("data=synthetic", f"data.count={COUNT}", "data.size_px=32"))
    for name, pixels in zip(rendered.ids, rendered.images, strict=True):
        with Image.open(tmp_path / "out" / "images" / f"{name}.jpg") as image:
            assert image.format == "JPEG"
            assert np.abs(np.asarray(image, dtype=int) - pixels).mean() < 4


def test_the_contact_sheet_has_a_row_for_each_family(write, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sky, "contact_sheet", lambda *given: drawn.append(given))
    write("task.families=true")
    write()
    [(rows, names, *_), (grid, *_)] = drawn
    kinds = pq.read_table(tmp_path / "out" / "catalogue.parquet")["family"].to_pylist()
    assert len(rows) == len(names) == len(set(kinds))
    assert [len(row) for row in rows] == [min(8, kinds.count(name)) for name in names]
    assert [len(row) for row in grid] == [8, 8, 4]


def test_the_contact_sheet_is_a_picture(write, tmp_path):
    write("task.families=true")
    with Image.open(tmp_path / "out" / "contact_sheet.png") as sheet:
        assert len(sheet.convert("RGB").resize((64, 64)).getcolors(4096)) > 10


def test_what_cannot_be_written_is_refused(write, compose, galaxies, tmp_path):
    with pytest.raises(ConfigError, match=r"task\.format=tif: write png or jpg"):
        write("task.format=tif")
    with pytest.raises(ConfigError, match="write data=synthetic"):
        sky.run(compose("task=sky", "data=images", f"data.folder={galaxies}", "task.output=x"))
