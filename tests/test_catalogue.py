import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfsup.catalogue import About, Catalogue
from selfsup.catalogue_files import GROUP_ROWS
from selfsup.types import ConfigError, DataError

PROVENANCE: dict[str, Any] = {
    "encoder": "resnet18",
    "seed": 3,
    "splits": ["train", "test"],
    "config": {"lr": 1e-3, "limit": None},
}


def made(n: int = 7, dim: int = 3) -> Catalogue:
    rng = np.random.default_rng(n)
    return Catalogue.from_arrays(
        [f"{i:05d}" for i in range(n)],
        rng.normal(size=(n, dim)),
        {"Class1.1": rng.random(n), "label": np.arange(n), "survey": ["sdss", "décals"] * (n // 2) + ["hst"] * (n % 2)},
        PROVENANCE,
    )


def assert_same(found: Catalogue, wanted: Catalogue) -> None:
    assert found.ids == wanted.ids
    np.testing.assert_array_equal(found.embedding(), wanted.embedding())
    assert found.columns == wanted.columns
    for name in wanted.columns:
        np.testing.assert_array_equal(found.column(name), wanted.column(name))
        assert found.column(name).dtype == wanted.column(name).dtype
    assert found.provenance == wanted.provenance


def write_plain(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_from_arrays_keeps_what_it_is_given() -> None:
    catalogue = made()
    assert len(catalogue) == 7
    assert catalogue.dim == 3
    assert catalogue.ids == ["00000", "00001", "00002", "00003", "00004", "00005", "00006"]
    assert catalogue.columns == ["Class1.1", "label", "survey"]
    assert catalogue.embedding().dtype == np.float32
    np.testing.assert_array_equal(
        catalogue.embedding(), np.random.default_rng(7).normal(size=(7, 3)).astype(np.float32)
    )
    assert catalogue.column("label").dtype == np.int64
    assert catalogue.column("survey").dtype == object
    assert catalogue.column("survey").tolist()[-2:] == ["décals", "hst"]
    assert catalogue.has("label")
    assert not catalogue.has("id")
    assert catalogue.provenance == PROVENANCE


@pytest.mark.parametrize("rows_per_file", [None, 1, 3, 7, 100])
def test_round_trip(tmp_path: Path, rows_per_file: int | None) -> None:
    made().save(tmp_path / "c", rows_per_file)
    assert_same(Catalogue.open(tmp_path / "c"), made())
    if rows_per_file:
        assert len(list((tmp_path / "c").iterdir())) == -(-7 // rows_per_file)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("rows_per_file", [None, 5])
def test_round_trip_of_nothing(tmp_path: Path, rows_per_file: int | None) -> None:
    empty = made().filter(np.zeros(7, dtype=bool))
    empty.save(tmp_path / "c", rows_per_file)
    found = Catalogue.open(tmp_path / "c")
    assert_same(found, empty)
    assert found.embedding().shape == (0, 3)
    assert list(found.batches(2)) == []


def test_other_programs_read_it(tmp_path: Path) -> None:
    made().append({"cluster": [0, 1, 2, 3, 4, 5, 6]}).save(tmp_path / "c.parquet")
    table = pq.read_table(tmp_path / "c.parquet")
    assert table.column_names == ["id", "embedding", "Class1.1", "label", "survey", "cluster"]
    assert table.schema.field("id").type == pa.string()
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 3)
    np.testing.assert_array_equal(np.array(table["embedding"].to_pylist(), dtype=np.float32), made().embedding())
    assert json.loads(table.schema.metadata[b"selfsup"]) == PROVENANCE


def test_missing_values(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "count": [1, None, 3],
        "share": [0.5, None, float("nan")],
        "name": ["M 31", None, ""],
        "ring": [True, None, False],
        "unknown": [None, None, None],
    }
    catalogue = Catalogue.from_arrays(["a", "b", "c"], np.eye(3), columns, {})
    catalogue.save(tmp_path / "c.parquet")
    for found in (catalogue, Catalogue.open(tmp_path / "c.parquet")):
        np.testing.assert_array_equal(found.column("count"), [1, np.nan, 3])
        np.testing.assert_array_equal(found.column("share"), [0.5, np.nan, np.nan])
        assert found.column("name").tolist() == ["M 31", "", ""]
        np.testing.assert_array_equal(found.column("ring"), [1, np.nan, 0])
        np.testing.assert_array_equal(found.column("unknown"), [np.nan] * 3)


def test_columns_of_other_programs(tmp_path: Path) -> None:
    path = write_plain(
        tmp_path / "c.parquet",
        id=pa.array(["a", "b"], pa.large_string()),
        embedding=pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)),
        survey=pa.array(["sdss", None]).dictionary_encode(),
    )
    found = Catalogue.open(path)
    assert found.ids == ["a", "b"]
    assert found.column("survey").tolist() == ["sdss", ""]
    assert found.provenance == {}


def test_is_not_changed_through_its_arrays() -> None:
    embedding, label = np.ones((2, 2), dtype=np.float32), np.zeros(2)
    provenance: dict[str, Any] = {"seeds": [1]}
    catalogue = Catalogue.from_arrays(["a", "b"], embedding, {"label": label}, provenance)
    embedding[:] = 5
    label[:] = 5
    provenance["seeds"].append(2)
    catalogue.embedding()[:] = 6
    catalogue.column("label")[:] = 6
    catalogue.provenance["seeds"].append(3)
    np.testing.assert_array_equal(catalogue.embedding(), np.ones((2, 2)))
    np.testing.assert_array_equal(catalogue.column("label"), [0, 0])
    assert catalogue.provenance == {"seeds": [1]}


def test_append_leaves_the_original(tmp_path: Path) -> None:
    made().save(tmp_path / "c", 2)
    stored = Catalogue.open(tmp_path / "c")
    more = stored.append({"x": np.arange(7.0)}).append({"label": ["seven"] * 7, "x": np.arange(7) * 2})
    assert stored.columns == ["Class1.1", "label", "survey"]
    assert more.columns == ["Class1.1", "survey", "x", "label"]
    np.testing.assert_array_equal(more.column("x"), np.arange(7) * 2)
    assert set(more.column("label")) == {"seven"}
    more.save(tmp_path / "more", 3)
    assert_same(Catalogue.open(tmp_path / "more"), more)
    np.testing.assert_array_equal(stored.column("label"), np.arange(7))


SAID = {"ra": About("deg", "right ascension, J2000"), "z": About(description="décalage"), "ra.err": About("arcsec")}


def with_units() -> Catalogue:
    columns = {"ra": np.arange(7.0), "z": np.arange(7.0) / 7, "ra.err": np.ones(7)}
    return made().append(columns, SAID)


def said_of(catalogue: Catalogue) -> dict[str, About]:
    return {name: catalogue.about(name) for name in catalogue.columns if catalogue.about(name) != About()}


@pytest.mark.parametrize("rows_per_file", [None, 3])
def test_columns_say_what_they_are_wherever_they_go(tmp_path: Path, rows_per_file: int | None) -> None:
    with_units().save(tmp_path / "c", rows_per_file)
    found = Catalogue.open(tmp_path / "c")
    (batch, *_) = found.batches(5)
    more = found.append({"cluster": np.arange(7)})
    more.save(tmp_path / "again")
    for catalogue in (found, batch, more, found.filter(np.arange(7) > 2), Catalogue.open(tmp_path / "again")):
        assert said_of(catalogue) == SAID
    field = pq.read_schema(next(iter((tmp_path / "c").iterdir())) if rows_per_file else tmp_path / "c").field("ra")
    assert field.metadata == {b"unit": b"deg", b"description": b"right ascension, J2000"}


def test_a_column_that_is_replaced_is_said_anew() -> None:
    assert said_of(with_units().append({"ra": np.arange(7)})) == {name: SAID[name] for name in ("z", "ra.err")}
    assert with_units().append({"ra": np.arange(7)}, {"ra": About("rad")}).about("ra") == About("rad")


def test_about_is_about_columns_that_are_there() -> None:
    with pytest.raises(DataError, match=r"about 'raa' \(did you mean 'ra'\?\)"):
        made().append({"ra": np.arange(7)}, {"raa": About("deg")})
    with pytest.raises(DataError, match="no column 'x'"):
        made().about("x")


def test_shards_share_units_and_may_be_worded_differently(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    with_units().save(tmp_path / "c" / "a.parquet")
    made().append({"ra": np.ones(7), "z": np.ones(7), "ra.err": np.ones(7)}, SAID | {"z": About("", "redshift")}).save(
        tmp_path / "c" / "b.parquet"
    )
    assert Catalogue.open(tmp_path / "c").about("z") == SAID["z"]
    with_units().append({"z": np.ones(7)}, {"z": About("km/s")}).save(tmp_path / "c" / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: other units than a\.parquet"):
        Catalogue.open(tmp_path / "c")


@pytest.mark.parametrize("rows_per_file", [None, 3])
def test_tables_are_some_columns_as_they_are_kept(tmp_path: Path, rows_per_file: int | None) -> None:
    with_units().append({"n": [None, *range(6)]}).save(tmp_path / "c", rows_per_file)
    catalogue = Catalogue.open(tmp_path / "c").append({"x": np.arange(7)}, {"x": About("mag")})
    tables = list(catalogue.tables(2, ["x", "ra.err", "n", "embedding"]))
    assert [len(table) for table in tables] == [2, 2, 2, 1]
    whole = pa.concat_tables(tables)
    assert whole.column_names == ["id", "x", "ra.err", "n", "embedding"]
    assert whole["id"].to_pylist() == catalogue.ids
    assert whole["n"].to_pylist() == [None, *range(6)]
    assert whole["x"].to_pylist() == list(range(7))
    np.testing.assert_array_equal(np.stack(whole["embedding"].to_numpy()), catalogue.embedding())
    assert [field.metadata for field in whole.schema][1:3] == [{b"unit": b"mag"}, {b"unit": b"arcsec"}]
    with pytest.raises(DataError, match="no column 'y'"):
        catalogue.tables(2, ["y"])


def test_tables_read_only_what_is_asked_for(tmp_path: Path) -> None:
    embedding = np.random.default_rng(0).normal(size=(20_000, 64))
    columns = {"ra": np.arange(20_000.0)}
    Catalogue.from_arrays([str(i) for i in range(20_000)], embedding, columns, {}).save(tmp_path / "c")
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in Catalogue.open(tmp_path / "c").tables(GROUP_ROWS, ["ra"]))
    assert most < GROUP_ROWS * 64 * 4 / 2


def test_append_reads_big_endian_columns() -> None:
    found = made().append({"ra": np.arange(7, dtype=">f4")})
    np.testing.assert_array_equal(found.column("ra"), np.arange(7))


@pytest.mark.parametrize("stored", [False, True])
def test_filter(tmp_path: Path, stored: bool) -> None:
    catalogue = made()
    if stored:
        catalogue.save(tmp_path / "c", 2)
        catalogue = Catalogue.open(tmp_path / "c")
    mask = np.array([True, False, False, True, True, False, True])
    kept = catalogue.append({"x": np.arange(7)}).filter(mask)
    assert kept.ids == ["00000", "00003", "00004", "00006"]
    np.testing.assert_array_equal(kept.column("x"), [0, 3, 4, 6])
    np.testing.assert_array_equal(kept.embedding(), made().embedding()[mask])
    assert kept.provenance == PROVENANCE


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 50])
def test_batches_are_the_catalogue(tmp_path: Path, rows: int) -> None:
    made().save(tmp_path / "c", 3)
    catalogue = Catalogue.open(tmp_path / "c").append({"x": np.arange(7)})
    parts = list(catalogue.batches(rows))
    assert [len(part) for part in parts] == [min(rows, 7 - start) for start in range(0, 7, rows)]
    assert [name for part in parts for name in part.ids] == catalogue.ids
    np.testing.assert_array_equal(np.concatenate([part.embedding() for part in parts]), catalogue.embedding())
    np.testing.assert_array_equal(np.concatenate([part.column("x") for part in parts]), np.arange(7))
    assert parts[-1].provenance == PROVENANCE


@pytest.mark.parametrize("rows_per_file", [None, 16_000])
def test_batches_do_not_load_everything(tmp_path: Path, rows_per_file: int | None) -> None:
    n, dim = 160_000, 32
    embedding = np.random.default_rng(0).random((n, dim), dtype=np.float32)
    Catalogue.from_arrays([str(i) for i in range(n)], embedding, {}, {}).save(tmp_path / "c", rows_per_file)
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in Catalogue.open(tmp_path / "c").batches(1000))
    assert most < embedding.nbytes / 2  # a row group of 16,384, compressed and not; measured, 0.29


def test_a_dot_in_a_name_is_just_a_dot(tmp_path: Path) -> None:
    made().append({"Class1": np.arange(7), "Class1.1.x": np.arange(7) * 2}).save(tmp_path / "c.parquet")
    found = Catalogue.open(tmp_path / "c.parquet")
    (part,) = found.batches(7)
    for catalogue in (found, part):
        assert catalogue.columns == ["Class1.1", "label", "survey", "Class1", "Class1.1.x"]
        np.testing.assert_array_equal(catalogue.column("Class1.1"), made().column("Class1.1"))
        np.testing.assert_array_equal(catalogue.column("Class1"), np.arange(7))
        np.testing.assert_array_equal(catalogue.column("Class1.1.x"), np.arange(7) * 2)


def test_open_reads_no_rows(tmp_path: Path) -> None:
    made().save(tmp_path / "c.parquet")
    data = bytearray((tmp_path / "c.parquet").read_bytes())
    data[4:60] = bytes(56)  # the first pages, not the footer
    (tmp_path / "c.parquet").write_bytes(data)
    found = Catalogue.open(tmp_path / "c.parquet")
    assert len(found) == 7
    assert found.dim == 3
    with pytest.raises(DataError, match=r"column 'id': cannot be read as Parquet"):
        _ = found.ids


def test_save_replaces_a_file_it_reads_from(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    made().save(path)
    Catalogue.open(path).append({"x": np.arange(7)}).save(path)
    assert_same(Catalogue.open(path), made().append({"x": np.arange(7)}))


def test_save_makes_folders_with_ordinary_permissions(tmp_path: Path) -> None:
    made().save(tmp_path / "a" / "b" / "c", 3)
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    shard = tmp_path / "a" / "b" / "c" / "part-00000.parquet"
    assert shard.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert shard.parent.stat().st_mode == (tmp_path / "folder").stat().st_mode


@pytest.mark.parametrize("rows_per_file", [None, 3])
def test_save_that_fails_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_file: int | None
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    if rows_per_file is None:
        made().save(tmp_path / "c")
    before = sorted(tmp_path.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            made(9).save(tmp_path / "c", rows_per_file)
    assert sorted(tmp_path.rglob("*")) == before
    if rows_per_file is None:
        assert_same(Catalogue.open(tmp_path / "c"), made())


def test_save_never_mixes_shards(tmp_path: Path) -> None:
    made().save(tmp_path / "c", 3)
    with pytest.raises(DataError, match="is there already"):
        made(2).save(tmp_path / "c", 3)
    with pytest.raises(DataError, match="is a folder"):
        made(2).save(tmp_path / "c")
    assert_same(Catalogue.open(tmp_path / "c"), made())


def test_unfinished_files_are_not_opened(tmp_path: Path) -> None:
    made().save(tmp_path / "c", 3)
    (tmp_path / "c" / ".part-00009.parquet").write_bytes(b"PAR1")
    (tmp_path / "c" / "ledger.json").write_text("{}")
    assert_same(Catalogue.open(tmp_path / "c"), made())


def test_missing_column_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"did you mean 'label'.*Class1\.1, label, survey"):
        made().column("lable")
    with pytest.raises(DataError, match="the catalogue has: none"):
        Catalogue.from_arrays(["a"], np.ones((1, 1)), {}, {}).column("x")


@pytest.mark.parametrize(
    ("ids", "embedding", "columns", "complaint"),
    [
        (["a"], np.ones((2, 2)), {}, "1 ids for 2 embeddings"),
        (["a", "b"], np.ones(2), {}, "not (2,)"),
        (["a", "b"], np.ones((2, 0)), {}, "not (2, 0)"),
        (["a", 5], np.ones((2, 2)), {}, "row 1: id 5 is int"),
        (["a", "b"], np.array([[1, 2], [np.nan, 1]]), {}, "1 galaxies (b)"),
        (["a", "b"], np.array([[np.inf, 2], [np.nan, 1]]), {}, "2 galaxies (a, b)"),
        (["a", "b"], np.ones((2, 2)), {"x": [1, 2, 3]}, "'x' has shape (3,)"),
        (["a", "b"], np.ones((2, 2)), {"x": np.ones((2, 2))}, "'x' has shape (2, 2)"),
        (["a", "b"], np.ones((2, 2)), {"x": [[1], [1, 2]]}, "'x' holds list"),
        (["a", "b"], np.ones((2, 2)), {"x": [1, "two"]}, "'x': "),
        (["a", "b"], np.ones((2, 2)), {"x": [1, 2**70]}, "'x': "),
        (["a", "b"], np.ones((2, 2)), {"embedding": [1, 2]}, "'embedding'"),
    ],
)
def test_what_is_no_catalogue_is_refused(
    ids: list[str], embedding: np.ndarray, columns: dict[str, list[int]], complaint: str
) -> None:
    with pytest.raises(DataError, match=re.escape(complaint)):
        Catalogue.from_arrays(ids, embedding, columns, {})


@pytest.mark.parametrize("provenance", [{"path": Path("x")}, {"loss": float("nan")}])
def test_provenance_is_plain(provenance: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="JSON"):
        Catalogue.from_arrays(["a"], np.ones((1, 1)), {}, provenance)


def test_long_lists_of_bad_galaxies_are_cut() -> None:
    with pytest.raises(DataError, match=r"30 galaxies \(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\)"):
        Catalogue.from_arrays([str(i) for i in range(30)], np.full((30, 2), np.nan), {}, {})


@pytest.mark.parametrize("mask", [np.ones(6, dtype=bool), np.arange(7), [True] * 6, np.ones((7, 1), dtype=bool)])
def test_filter_wants_a_mask(mask: np.ndarray) -> None:
    with pytest.raises(DataError, match="7 booleans"):
        made().filter(mask)


def test_counts_are_positive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rows = 0"):
        made().batches(0)
    with pytest.raises(ConfigError, match="rows_per_file = -1"):
        made().save(tmp_path / "c", -1)


def test_open_refuses_what_is_no_catalogue(tmp_path: Path) -> None:
    ids, vectors = pa.array(["a"]), pa.array([[1.0]], pa.list_(pa.float32(), 1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("id,embedding\n")
    write_plain(tmp_path / "no_id.parquet", name=ids, embedding=vectors)
    write_plain(tmp_path / "no_embedding.parquet", id=ids, vector=vectors)
    write_plain(tmp_path / "numbers.parquet", id=pa.array([1]), embedding=vectors)
    write_plain(tmp_path / "lists.parquet", id=ids, embedding=pa.array([[1.0]]))
    for name, complaint in {
        "nowhere": "no such catalogue",
        "empty": "no *.parquet",
        "text.parquet": "cannot be read as Parquet",
        "no_id.parquet": "no column `id`, only name, embedding",
        "no_embedding.parquet": "no column `embedding`, only id, vector",
        "numbers.parquet": "`id` is int64, not text",
        "lists.parquet": "`embedding` is list<",
    }.items():
        with pytest.raises(DataError, match=re.escape(complaint)) as caught:
            Catalogue.open(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("stranger", "complaint"),
    [
        (made().append({"x": [0] * 7}), "other columns or types"),
        (made(dim=4), "other columns or types"),
        (made().append({"label": ["a"] * 7}), "other columns or types"),
        (Catalogue.from_arrays(["a"], np.ones((1, 3)), {"Class1.1": [0.5], "label": [1], "survey": ["s"]}, {}), "prov"),
    ],
)
def test_open_refuses_shards_of_different_catalogues(tmp_path: Path, stranger: Catalogue, complaint: str) -> None:
    made().save(tmp_path / "c", 3)
    stranger.save(tmp_path / "c" / "part-00099.parquet")
    with pytest.raises(DataError, match=complaint) as caught:
        Catalogue.open(tmp_path / "c")
    assert "part-00099.parquet" in str(caught.value)


def test_missing_ids_and_embeddings_of_other_programs_are_refused(tmp_path: Path) -> None:
    vectors = pa.array([[1, 2], [3, None], [None, 4], [5, 6]], pa.list_(pa.float32(), 2))
    named = write_plain(tmp_path / "a.parquet", id=pa.array(["a", "b", "c", "d"]), embedding=vectors)
    with pytest.raises(DataError, match=r"2 galaxies \(b, c\)"):
        Catalogue.open(named).embedding()
    nameless = write_plain(tmp_path / "b.parquet", id=pa.array(["a", None, "c", "d"]), embedding=vectors)
    with pytest.raises(DataError, match="1 of 4 galaxies"):
        _ = Catalogue.open(nameless).ids
