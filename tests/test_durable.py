"""Whatever happens to the writer, a reader finds the old content or the new one, never a part."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfsup import durable
from selfsup.durable import replacing, replacing_folder, sync_folder, synced

BLOCKS = 200
WRITER = f"""
import sys
from pathlib import Path
from selfsup.durable import replacing
turn = 0
while True:
    turn += 1
    with replacing(Path(sys.argv[1])) as stream:
        for _ in range({BLOCKS}):
            stream.write(bytes([turn % 256]) * 1024)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.promise("kills", faults=8)
def test_a_writer_killed_at_any_moment_never_leaves_a_torn_file(tmp_path: Path) -> None:
    target, torn, attempt = tmp_path / "file.bin", 0, 0
    target.write_bytes(bytes(BLOCKS * 1024))
    while attempt < 8 or not (torn or attempt == 80):  # a busy machine kills late: until one was met while it wrote
        attempt += 1
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(target)])
        with writer:
            before = target.stat().st_ino
            while target.stat().st_ino == before and writer.poll() is None:
                time.sleep(0.001)
            time.sleep(0.0013 * attempt)
            writer.send_signal(signal.SIGKILL)
        content = target.read_bytes()
        assert len(content) == BLOCKS * 1024
        assert len(set(content)) == 1
        torn += sum(entry.name != "file.bin" for entry in tmp_path.iterdir())
    assert content[0] != 0, "the writer died before it was killed"
    assert torn, "the writer was never killed while it wrote: the test shows nothing"
    assert all(name.startswith(".") and name.endswith(".partial") for name in names(tmp_path) if name != "file.bin")


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for content in (b"a longer first", b"second"):
        with replacing(tmp_path / "file") as stream:
            stream.write(content)
        assert (tmp_path / "file").read_bytes() == content
    assert names(tmp_path) == ["file"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "file"):
        pass
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.promise("disk")
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_content_and_no_trace(tmp_path: Path, failure: BaseException) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def write() -> None:
        with replacing(tmp_path / "file") as stream:
            stream.write(b"half of the ne")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.promise("disk")
def test_a_disk_that_is_full_at_the_flush_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="No space left"), replacing(tmp_path / "file") as stream:
        stream.write(b"new")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.promise("disk")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_device_is_an_error_of_the_writer() -> None:
    with pytest.raises(OSError, match="No space left"), synced(Path("/dev/full")) as stream:
        stream.write(b"new")


@pytest.mark.promise("kills")
def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, rename = os.fsync, Path.replace

    def watched_sync(descriptor: int) -> None:
        where = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append("folder" if where == tmp_path.resolve() else f"{where.stat().st_size} bytes")
        sync(descriptor)

    def watched_rename(self: Path, target: Path) -> Path:
        events.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_rename)
    with replacing(tmp_path / "file") as stream:
        stream.write(b"12345")
    assert events == ["5 bytes", "rename", "folder"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()  # an empty one is taken over
    with replacing_folder(tmp_path / "place") as folder:
        for name in ("a", "b"):
            with synced(folder / name) as stream:
                stream.write(name.encode())
        assert names(tmp_path / "place") == []
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["a", "b"]


@pytest.mark.promise("disk", faults=2)
def test_a_folder_that_fails_or_would_replace_another_leaves_no_trace(tmp_path: Path) -> None:
    def fill() -> None:
        with replacing_folder(tmp_path / "new") as folder:
            (folder / "a").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert names(tmp_path) == []
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "kept").touch()
    with pytest.raises(OSError, match="not empty"), replacing_folder(tmp_path / "place"):
        pass
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["kept"]


def test_a_folder_that_is_not_there_cannot_be_synced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "absent")


def leftover(folder: Path, writer: int, *, whole_folder: bool = False) -> Path:
    """What this process would leave if it were killed now, under the name of another one."""
    partial = durable._beside(folder / "file")
    partial = partial.with_name(partial.name.replace(f"-{os.getpid()}-", f"-{writer}-"))
    if whole_folder:
        partial.mkdir()
        (partial / "part").touch()
    else:
        partial.touch()
    return partial


@pytest.fixture
def ended() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def write_in_another_process(folder: Path) -> None:
    command = "import sys; from pathlib import Path; from selfsup.durable import replacing as r\n"
    subprocess.run([sys.executable, "-c", f"{command}with r(Path(sys.argv[1])): pass", folder / "new"], check=True)


@pytest.mark.promise("kills", faults=2)
def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path, ended: int) -> None:
    leftover(tmp_path, ended)
    leftover(tmp_path, ended, whole_folder=True)
    write_in_another_process(tmp_path)
    assert names(tmp_path) == ["new"]


@pytest.mark.promise("writers")
def test_what_a_living_writer_writes_stays(tmp_path: Path) -> None:
    """However long ago it last wrote."""
    with replacing(tmp_path / "file") as stream:
        stream.write(b"whole")
        [partial] = tmp_path.iterdir()
        os.utime(partial, (0, 0))
        write_in_another_process(tmp_path)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert names(tmp_path) == ["file", "new"]


@pytest.mark.promise("kills", faults=3)
def test_of_another_machine_only_what_is_a_day_old_goes(
    tmp_path: Path, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(durable, "_here", lambda: "elsewhere+1")
        old, young = leftover(tmp_path, ended, whole_folder=True), leftover(tmp_path, ended)
    nameless = tmp_path / ".file.0123456789abcdef0123456789abcdef.partial"
    nameless.touch()
    for entry in (old / "part", old, nameless):
        os.utime(entry, (0, 0))
    write_in_another_process(tmp_path)
    assert names(tmp_path) == sorted(["new", young.name])


def test_a_link_points_to_its_target_and_takes_the_place_of_a_file(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).write_text(name)
    (tmp_path / "last").write_text("a file")
    for name in ("1", "2"):
        durable.point(tmp_path / "last", tmp_path / name)
        assert (tmp_path / "last").read_text() == name
    assert (tmp_path / "last").readlink() == Path("2")
    assert names(tmp_path) == ["1", "2", "last"]
