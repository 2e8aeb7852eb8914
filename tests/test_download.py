"""The script that fetches published data sets: what it knows, and what it says."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def download():
    spec = importlib.util.spec_from_file_location("download", ROOT / "scripts" / "download.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_checksum_is_one(download):
    for remotes in download.KNOWN.values():
        for remote in remotes:
            assert remote.url.startswith("https://")
            assert remote.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", remote.checksum), (
                remote
            )


def test_the_readme_names_every_data_set(download):
    readme = (ROOT / "selfsup" / "data" / "README.md").read_text(encoding="utf-8")
    for name in download.KNOWN:
        assert f"`{name}`" in readme, name


def test_a_local_file_is_no_address(download, tmp_path):
    for name in ("file:///etc/passwd", "no_such_set"):
        with pytest.raises(SystemExit, match="not known"):
            download.main([name, str(tmp_path), "--sha256", "0" * 64])


def test_a_checksum_is_of_one_file(download, tmp_path):
    with pytest.raises(SystemExit, match="--file"):
        download.main(["galaxy_mnist", str(tmp_path), "--sha256", "0" * 64])
    with pytest.raises(SystemExit, match="not a file of gz2"):
        download.main(["gz2", str(tmp_path), "--file", "no.zip"])


def test_without_a_name_it_lists_what_it_knows(download, capsys):
    download.main([])
    said = capsys.readouterr().out
    assert "galaxy10_decals" in said
    assert "gz_decals_dr5_png_part1.zip  (needs --sha256)" in said


def test_files_without_a_checksum_are_named_at_the_end(download, tmp_path, monkeypatch, capsys):
    fetched = []
    monkeypatch.setattr(download, "fetch", lambda remote, folder: fetched.append(remote.file_name) or folder)
    with pytest.raises(SystemExit, match=r"gz2_hart16\.csv\.gz; fetch each with --file"):
        download.main(["gz2", str(tmp_path)])
    assert fetched == ["images_gz2.zip", "gz2_filename_mapping.csv"]
