"""A folder of malformed and odd images through a training, a catalogue and the explorer, by the command line."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from selfsup.catalogue import Catalogue
from selfsup.data.decode import Unreadable, decode_image, read_image
from selfsup.spreadsheet import unguarded
from tests.data.malformed import FAULTS, PICTURES, SIZE_PX, TRUTH, encoded, id_of, write_all

COUNT = len(PICTURES) + len(FAULTS)
pytestmark = pytest.mark.promise("hostile")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, galaxies):
    """The odd ones among ordinary ones, enough to learn from."""
    folder = tmp_path_factory.mktemp("odd") / "images"
    shutil.copytree(galaxies, folder, ignore=shutil.ignore_patterns("*.csv"))
    write_all(folder)
    return folder


def require_reasons(file):
    """Each fault has its one row in a list of what was set aside, which no spreadsheet runs."""
    with file.open(newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream)
    assert head == ["id", "file", "reason"]
    assert not [cell for row in rows for cell in row if cell[:1] in {*"=+-@\t\r"}]
    reasons = {unguarded(galaxy): reason for galaxy, _, reason in rows}
    assert len(rows) == len(reasons)
    assert {*reasons} == {id_of(name) for name in FAULTS}
    for name, case in FAULTS.items():
        assert case.shows in reasons[id_of(name)], name


def require_picture(name, pixels):
    case = PICTURES[name]
    away = np.abs(pixels.astype(float) - case.shows)
    assert away.mean() <= case.off_by, name
    assert away.max() <= 4 * case.off_by, name


def require_jpeg(name, file):
    """What the explorer sends is the picture as JPEG keeps it."""
    case = PICTURES[name]
    kept = Image.open(io.BytesIO(encoded(case.shows.astype(np.uint8), "JPEG", quality=95)))
    away = np.abs(np.asarray(Image.open(file), dtype=float) - np.asarray(kept))
    assert away.mean() <= 1.5 * case.off_by, name


@pytest.mark.promise("hostile", faults=3 * COUNT)
def test_each_is_a_right_picture_or_a_row_with_the_reason(folder, tiny, selfsup, compose, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = [each for each in tiny if not each.startswith("data")] + ["trainer.max_epochs=1"]
    data = ["data=images", f"data.folder={folder}", "data.max_unreadable_share=0.5", f"data.size_px={SIZE_PX}"]
    data += [f"data.cache={tmp_path / 'cache'}"]

    ended = selfsup(*few, *data, "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    (packed,) = (tmp_path / "cache").glob(f"*-{SIZE_PX}px")
    require_reasons(packed / "unreadable.csv")
    images = dict(zip(json.loads((packed / "ids.json").read_text()), np.load(packed / "images.npy"), strict=True))
    for name in PICTURES:
        require_picture(name, images[id_of(name)])

    ended = selfsup("task=embed", "task.checkpoint=run", "task.output=seen", *data)
    assert ended.code == 0, ended.err
    require_reasons(tmp_path / "seen" / "_unreadable.csv")
    assert sorted(Catalogue.open(tmp_path / "seen").ids) == sorted(images)

    require_shown(data, compose, selfsup, tmp_path)


def require_shown(data, compose, selfsup, tmp_path):
    """The explorer has a picture of each galaxy that has one, also where a catalogue names the others."""
    names = [*PICTURES, *FAULTS]
    embedding = np.random.default_rng(0).normal(size=(COUNT, 4))
    provenance = {"data": OmegaConf.to_container(compose(*data).data, resolve=True)}
    Catalogue.from_arrays([id_of(name) for name in names], embedding, {}, provenance).save(tmp_path / "all.parquet")
    few = ["task.maps=[pca]", "task.image_px=32", "task.thumbnail_px=32", "task.jpeg_quality=95"]
    ended = selfsup("task=explore", "task.catalogue=all.parquet", "task.static=site", *few, *data)
    assert ended.code == 0, ended.err
    assert json.loads((tmp_path / "site/c/0/about.json").read_text())["pictures"] is True
    for row, name in enumerate(names):
        for kind in ("thumbs", "images"):
            file = tmp_path / f"site/c/0/{kind}/{row}.jpg"
            assert file.exists() == (name in PICTURES), name
            if file.exists():
                require_jpeg(name, file)


@pytest.mark.parametrize("name", FAULTS)
def test_each_reason_is_told_alone(name, tmp_path):
    if "leads out" in FAULTS[name].shows:
        pytest.skip("a file that somebody names may be a link")
    FAULTS[name].write(tmp_path / name)
    with pytest.raises(Unreadable, match=FAULTS[name].shows):
        read_image(tmp_path / name, SIZE_PX)


@pytest.mark.promise("hostile", faults=400)
def test_no_cut_of_a_jpeg_passes_for_the_whole():
    """Whatever is put behind the place where it broke off."""
    content = encoded(np.kron(TRUTH, np.ones((3, 3, 1), np.uint8)), "JPEG", quality=90)
    whole = decode_image(content, SIZE_PX)
    start = content.index(b"\xff\xda") + 14
    cuts = np.linspace(start, len(content) - 40, 100).astype(int)
    for cut in cuts:
        for end in (b"", b"\xff\xd9", bytes(2000), bytes(2000) + b"\xff\xd9"):
            try:
                pixels = decode_image(content[:cut] + end, SIZE_PX)
            except Unreadable:
                continue
            assert np.abs(pixels.astype(int) - whole).max() == 0, (cut, end[:2])


@pytest.mark.promise("hostile", faults=600)
def test_any_damage_to_any_part_is_a_reason_or_a_picture():
    rng = np.random.default_rng(1)
    noted = Image.Exif()
    noted[0x010E], noted[0x0112] = "x" * 50, 6
    wholes = [
        encoded(TRUTH, "JPEG", exif=noted, icc_profile=bytes(100), comment=b"x" * 50),
        encoded(Image.fromarray(TRUTH).quantize(16), exif=noted, transparency=bytes(16), icc_profile=bytes(100)),
        encoded(Image.fromarray(TRUTH).convert("CMYK"), "JPEG", progressive=True),
    ]
    for whole in wholes:
        for _ in range(200):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), rng.integers(1, 5)):
                damaged[place] = rng.integers(0, 256)
            try:
                assert decode_image(bytes(damaged), SIZE_PX).shape == (SIZE_PX, SIZE_PX, 3)
            except Unreadable:
                continue


def test_the_list_of_faults_reads_back_as_it_was_written(tmp_path):
    from selfsup.data.packing import listed

    told = [("=cmd()", "+a,b", "'=x"), ("a\nb", "\tc", "''-"), ("plain", "p", "q")]
    rows = list(csv.reader(io.StringIO(listed(told), newline="")))[1:]
    assert [tuple(map(unguarded, row)) for row in rows] == told
    assert not [cell for row in rows for cell in row if cell[:1] in {*"=+-@\t"}]
