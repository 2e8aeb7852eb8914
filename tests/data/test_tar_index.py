"""Headers of archives: whole ones are listed, and hostile ones are errors, never short lists."""

import io
import os
import tarfile

import pytest

from selfsup.data.tar_index import Member, content_of, members
from selfsup.types import DataError

BLOCK = tarfile.BLOCKSIZE


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.tar"


def header(name="x", size=0, kind=tarfile.REGTYPE, **more):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def write(file, infos, form=tarfile.PAX_FORMAT):
    with tarfile.open(file, "w", format=form) as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(info.name.encode() * info.size))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_regular_files_are_listed_with_their_places(form, file):
    long = "d/" * 40 + "é.jpg"
    write(file, [header("a.jpg", 700), header("d", kind=tarfile.DIRTYPE), header(long, 3), header("e", 0)], form)
    found = list(members(file))
    assert [(member.name, member.size) for member in found] == [("a.jpg", 700), (long, 3), ("e", 0)]
    with tarfile.open(file) as archive:
        for member in found:
            assert content_of(file, member) == archive.extractfile(member.name).read()


def test_what_is_no_regular_file_is_passed_over(file):
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
    links = [header(f"{number}.jpg", kind=kind, linkname="/etc/passwd") for number, kind in enumerate(kinds)]
    write(file, [*links, header("ok.jpg", 1), header("../../up.jpg", 2)])
    assert [member.name for member in members(file)] == ["ok.jpg", "../../up.jpg"]


def test_names_that_are_no_text_are_spelt_out(file):
    write(file, [header("ab", 1)], tarfile.USTAR_FORMAT)
    data = bytearray(file.read_bytes())
    data[0:2] = b"\xff\xfe"
    data[148:156] = b"        "
    data[148:156] = b"%06o\0 " % sum(data[:BLOCK])
    file.write_bytes(data)
    (member,) = members(file)
    assert member.name == r"\xff\xfe"


def damaged(data, kind):
    if kind == "header":  # the second one
        data[2 * BLOCK + 200 : 2 * BLOCK + 210] = b"\x01" * 10
    elif kind == "inside":
        return data[: 2 * BLOCK + 100]
    elif kind == "data":
        return data[: BLOCK + 100]
    elif kind == "gzip":
        data[:2] = b"\x1f\x8b"
    return data


@pytest.mark.parametrize("kind", ["header", "inside", "data", "gzip"])
def test_a_damaged_archive_is_an_error_and_not_a_shorter_one(kind, file):
    write(file, [header("a", 500), header("b", 500)])
    file.write_bytes(damaged(bytearray(file.read_bytes()), kind))
    with pytest.raises(DataError, match=r"a\.tar: not a whole tar archive"):
        list(members(file))


def test_an_archive_without_its_empty_blocks_is_whole(file):
    write(file, [header("a", 500)])
    file.write_bytes(file.read_bytes()[: 2 * BLOCK])
    assert list(members(file)) == [Member("a", BLOCK, 500)]


def forged(size_field, kind):
    """A header with any bytes as its size."""
    block = bytearray(header("x", 0, kind).tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size_field
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize(
    "size", [b"\xff" * 11 + b"\x00", b"\x80" + b"\0" * 4 + b"\x7f" + b"\xff" * 6, b"77777777777\0"]
)
def test_a_forged_length_is_an_error_and_costs_nothing(kind, size, file):
    write(file, [header("a", 1)])
    file.write_bytes(file.read_bytes()[: 2 * BLOCK] + forged(size, kind) + b"\0" * 4 * BLOCK)
    with pytest.raises(DataError, match="not a whole tar archive"):
        list(members(file))


def test_a_chain_of_headers_about_headers_is_an_error(file):
    file.write_bytes(forged(b"00000000000\0", tarfile.XHDTYPE) * 3000 + b"\0" * 2 * BLOCK)
    with pytest.raises(DataError, match="not a whole tar archive"):
        list(members(file))


def test_a_pipe_is_not_waited_for(file):
    os.mkfifo(file)
    with pytest.raises(DataError, match="not a regular file"):
        list(members(file))
