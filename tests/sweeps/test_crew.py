"""Jobs die of everything there is, each alone; what is done stays done, whoever dies. The jobs are real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from selfsup.locks import claim
from selfsup.sweeps import crew
from selfsup.sweeps.crew import Crew, Task
from selfsup.sweeps.devices import Devices
from selfsup.sweeps.ledger import LOCK, Ledger
from selfsup.sweeps.process import OUTPUT
from selfsup.sweeps.result import RESULT

DONE = f"""
import json, pathlib, sys
(pathlib.Path(sys.argv[1]) / "{RESULT}").write_text(json.dumps(dict(value=0.5)))
"""
WAIT = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "begun").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
"""
KILL = "import os, signal; os.kill(os.getpid(), signal.{})"
DEATHS = {
    "exception": ("raise ValueError('no such galaxy')", "ValueError: no such galaxy"),
    "message": ("import sys; sys.exit('\\nselfsup: trainer.lr: no such key;\\n  write optimizer.lr')",
                "trainer.lr: no such key;; write optimizer.lr"),
    "exit code": ("import os; os._exit(9)", "exit code 9, without a message"),
    "a shell's exit code": ("import os; os._exit(137)", "killed (SIGKILL), probably out of memory"),
    "SIGKILL": (KILL.format("SIGKILL"), "killed (SIGKILL), probably out of memory"),
    "SIGSEGV": (KILL.format("SIGSEGV"), "killed (SIGSEGV: Segmentation fault)"),
    "memory": ("import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); bytearray(2**30)",
               "MemoryError"),
    "full disk": ("open('/dev/full', 'w', buffering=1).write('much\\n')",
                  "OSError: [Errno 28] No space left on device"),
    "no result": ("pass", "ended without a result; see output.log"),
    "two tracebacks": ("try:\n 1 / 0\nexcept ZeroDivisionError as e:\n raise RuntimeError('second') from e",
                       "RuntimeError: second"),
    "a long one": ("raise RuntimeError('x' * 1000)", "RuntimeError: " + "x" * 286 + "..."),
}  # fmt: skip


def work(folder, codes, n_jobs=2, gpus=(), timeout_s=None, grace_s=10.0, per_job=1, show=lambda: None):
    """Run these programs as the jobs of a sweep: name -> code; returns what stopped it, and the records."""
    ledger = Ledger(folder)
    records = {name: ledger.find(name, place, [name], str(place)) for place, name in enumerate(codes)}
    tasks = [
        Task(records[name], lambda at, code=code: [sys.executable, "-c", code, str(at)], per_job)
        for name, code in codes.items()
    ]
    by = Crew(ledger, Devices(list(gpus)), n_jobs, timeout_s, grace_s, show).run(tasks)
    return by, records


def on_disk(folder):
    return {record.key: record for record in Ledger(folder).records.values()}


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.promise("sweeps", faults=11)
def test_whatever_kills_a_job_leaves_the_others(tmp_path):
    codes = {name: code for name, (code, _) in DEATHS.items()}
    by, records = work(tmp_path, {"first": DONE, **codes, "last": DONE}, n_jobs=4)
    assert by is None
    for name, (_, reason) in DEATHS.items():
        assert (records[name].state, records[name].reason) == ("failed", reason), name
        assert records[name].value is None
    for name in ("first", "last"):
        assert (records[name].state, records[name].value) == ("done", 0.5)
    assert on_disk(tmp_path) == records


@pytest.mark.promise("sweeps")
def test_the_second_time_only_what_is_missing_runs(tmp_path):
    work(tmp_path, {"a": DONE, "b": "raise ValueError"})
    (tmp_path / "0" / RESULT).unlink()
    by, records = work(tmp_path, {"b": DONE, "new": DONE, "a": "raise ValueError"})
    assert by is None
    assert [record.state for record in records.values()] == ["done"] * 3
    assert [records[name].attempts for name in ("a", "b", "new")] == [1, 2, 1]
    assert [records[name].folder for name in ("a", "b")] == ["0", "1"]
    assert records["new"].folder == "1-new"  # its place is the second, where b has been
    assert (tmp_path / "1-new" / RESULT).is_file()


@pytest.mark.promise("sweeps")
def test_a_job_that_ended_with_75_can_go_on(tmp_path):
    said = "import sys; sys.stderr.write('\\nselfsup: stopped by SIGTERM after step 3\\n'); sys.exit(75)"
    _, records = work(tmp_path, {"a": said})
    assert (records["a"].state, records["a"].reason) == ("interrupted", "stopped by SIGTERM after step 3")


def test_output_is_kept_in_the_folder_and_only_the_last_attempt_explains(tmp_path):
    work(tmp_path, {"a": "print('hello'); raise ValueError('before')"})
    _, records = work(tmp_path, {"a": "import os; os._exit(3)"})
    assert records["a"].reason == "exit code 3, without a message"
    output = (tmp_path / "0" / OUTPUT).read_text()
    assert "hello" in output
    assert "ValueError: before" in output


def test_jobs_share_the_processors_and_take_turns_at_the_gpus(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(crew, "processors", lambda: 9)
    told = DONE + (
        "import os, time; begun = time.time(); time.sleep(0.2)\n"
        "said = [os.environ['CUDA_VISIBLE_DEVICES'], os.environ['OMP_NUM_THREADS'], begun, time.time()]\n"
        "(pathlib.Path(sys.argv[1]) / 'told').write_text(json.dumps(said))"
    )
    work(tmp_path, dict.fromkeys("abcd", told), n_jobs=4, gpus=["GPU-1", "GPU-2"])
    told = [json.loads((tmp_path / str(place) / "told").read_text()) for place in range(4)]
    assert {threads for _, threads, _, _ in told} == {"2"}
    assert {gpu for gpu, *_ in told} == {"GPU-1", "GPU-2"}
    for gpu, _, begun, end in told:
        others = [(b, e) for other, _, b, e in told if other == gpu and b != begun]
        assert not [other for other in others if other[0] < end and begun < other[1]]


@pytest.mark.promise("sweeps")
def test_more_gpus_than_there_are_is_a_reason(tmp_path):
    _, records = work(tmp_path, {"a": DONE}, gpus=["0"], per_job=2)
    assert (records["a"].state, records["a"].reason) == ("failed", "needs 2 GPUs, and there are 1")


@pytest.mark.promise("sweeps")
def test_where_a_job_cannot_be_started_the_others_are(tmp_path):
    ledger = Ledger(tmp_path)
    records = [ledger.find("a", 0, [], "x" * 300), ledger.find("b", 1, [], "1")]
    tasks = [Task(record, lambda at: [sys.executable, "-c", DONE, str(at)], 1) for record in records]
    Crew(ledger, Devices([]), 2, None, 1.0, lambda: None).run(tasks)
    assert records[0].reason.startswith("cannot be started: [Errno 36] File name too long")
    assert records[1].state == "done"


@pytest.mark.promise("sweeps")
def test_a_job_whose_folder_is_gone_does_not_stop_the_sweep(tmp_path):
    _, records = work(tmp_path, {"a": "import shutil, sys; shutil.rmtree(sys.argv[1]); sys.exit(3)", "b": DONE})
    assert records["a"].reason.startswith("exit code 3; what it said cannot be read: [Errno 2]")
    assert records["b"].state == "done"


@pytest.mark.promise("writers")
def test_a_job_never_runs_where_another_has_been(tmp_path):
    (tmp_path / "0").mkdir()  # of a job whose record is lost
    assert work(tmp_path, {"a": DONE})[1]["a"].folder == "0-a"


@pytest.mark.promise("sweeps", faults=2)
def test_a_job_that_takes_too_long_is_asked_and_then_killed(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    _, records = work(tmp_path, {"deaf": deaf, "polite": WAIT}, timeout_s=0.5, grace_s=0.3)
    assert records["deaf"].reason == "took longer than 0.5 s; killed, for it did not end when it was asked to"
    assert records["polite"].reason == "took longer than 0.5 s; killed (SIGTERM: Terminated)"
    assert {record.state for record in records.values()} == {"failed"}


@pytest.mark.promise("sweeps")
def test_what_a_job_leaves_behind_ends_with_it(tmp_path):
    left = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    _, records = work(tmp_path, {"a": left + "; sys.stdout.flush(); raise ValueError"})
    assert records["a"].state == "failed"
    child = int((tmp_path / "0" / OUTPUT).read_text().split()[0])
    wait_for(lambda: not alive(child))


def alive(process):
    """A zombie, whose new parent has not looked, is none."""
    stat = Path(f"/proc/{process}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.promise("sweeps")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_stops_the_sweep_and_every_job_saves(number, tmp_path):
    hear = "import signal; signal.signal(signal.SIGTERM, lambda *_: (print('selfsup: saved'), sys.exit(75)))"
    saves = WAIT.replace("(folder", f"{hear}; (folder", 1)

    def ask():
        if (tmp_path / "0" / "begun").exists() and (tmp_path / "1" / "begun").exists() and not asked:
            asked.append(os.kill(os.getpid(), number))

    asked = []
    handlers = [signal.getsignal(each) for each in crew.SIGNALS]
    by, records = work(tmp_path, {"a": saves, "b": WAIT, "c": DONE}, show=ask)
    assert by == number
    assert (records["a"].state, records["a"].reason) == ("interrupted", "saved")
    assert records["b"].state == "interrupted"  # it had not learnt to save yet
    assert records["c"].state == "pending"
    assert on_disk(tmp_path) == records
    assert [signal.getsignal(each) for each in crew.SIGNALS] == handlers


@pytest.mark.promise("sweeps")
def test_a_second_signal_kills(tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "HURRY_AFTER_S", 0.2)
    deaf = WAIT.replace("(folder", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); (folder", 1)
    asked = []

    def ask():
        if (tmp_path / "0" / "begun").exists() and (not asked or time.monotonic() - asked[0] > 0.3):
            asked.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)

    _, records = work(tmp_path, {"a": deaf}, grace_s=1000.0, show=ask)
    assert records["a"].reason == "killed, for it did not end when it was asked to"


SWEEP = """
import sys
from pathlib import Path
from selfsup.sweeps.crew import Crew, Task
from selfsup.sweeps.devices import Devices
from selfsup.sweeps.ledger import Ledger
folder, *codes = sys.argv[1:]
ledger = Ledger(Path(folder))
tasks = [
    Task(ledger.find(str(place), place, [], str(place)), lambda at, code=code: [sys.executable, "-c", code, str(at)], 1)
    for place, code in enumerate(codes)
]
Crew(ledger, Devices([]), 2, None, 10.0, lambda: None).run(tasks)
"""


@pytest.fixture
def killed(tmp_path):
    """A sweep of three that was killed, not asked, while the second was at work."""
    sweep = subprocess.Popen([sys.executable, "-c", SWEEP, tmp_path, DONE, WAIT + DONE, WAIT + DONE])
    wait_for((tmp_path / "1" / "begun").exists)
    wait_for((tmp_path / "2" / "begun").exists)
    sweep.kill()
    sweep.wait()
    yield tmp_path
    for place in "12":
        (tmp_path / place / "go").touch()


@pytest.mark.promise("sweeps")
def test_a_killed_sweep_goes_on_and_starts_no_job_twice(killed):
    """Of the two at work, one ends while nobody looks, the other still works when the sweep goes on."""
    assert {key: record.state for key, record in on_disk(killed).items()} == {
        "0": "done",
        "1": "running",
        "2": "running",
    }
    (killed / "1" / "go").touch()
    wait_for((killed / "1" / RESULT).exists)
    assert claim(killed / "2" / LOCK) is None
    looks = []

    def look():
        looks.append(on_disk(killed)["2"])
        if len(looks) == 3:
            (killed / "2" / "go").touch()

    twice = dict.fromkeys(["0", "1", "2"], "raise ValueError('started twice')")
    by, records = work(killed, twice, show=look)
    assert by is None
    assert {(record.state, record.value, record.attempts) for record in records.values()} == {("done", 0.5, 1)}
    assert looks[0].state == "running"


@pytest.mark.promise("sweeps")
def test_a_job_that_died_with_its_sweep_is_started_again(killed):
    for place in "12":
        (killed / place / "go").touch()
        wait_for((killed / place / RESULT).exists)
        (killed / place / RESULT).unlink()
    _, records = work(killed, dict.fromkeys(["0", "1", "2"], DONE))
    assert [records[key].attempts for key in "012"] == [1, 2, 2]
    assert {record.state for record in records.values()} == {"done"}


@pytest.mark.promise("disk")
def test_a_record_that_cannot_be_written_does_not_stop_the_sweep(tmp_path, caplog):
    record = Ledger(tmp_path).find("a", 0, [], "0")
    (tmp_path / "jobs").rename(tmp_path / "gone")
    (tmp_path / "jobs").write_text("in the way")
    Ledger(tmp_path).write(replace(record, state="done"))
    assert "its state (done) cannot be written: [Errno 17]" in caplog.text


BEREFT = """
import os, signal, subprocess, sys, time
from pathlib import Path
from selfsup.sweeps.result import Result
if sys.argv[2:]:
    signal.signal(signal.SIGTERM, lambda *_: (Path(sys.argv[1]) / "saved").touch())
    Result(int(sys.argv[2])).on_run_start(None)
    (Path(sys.argv[1]) / "begun").touch()
    time.sleep(60)
else:
    subprocess.Popen([sys.executable, "-c", os.environ["CODE"], sys.argv[1], str(os.getpid())], start_new_session=True)
    time.sleep(60)
"""


@pytest.mark.promise("sweeps")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process of its parent's death")
def test_a_job_hears_of_the_death_of_its_sweep(tmp_path, monkeypatch):
    monkeypatch.setenv("CODE", BEREFT)
    sweep = subprocess.Popen([sys.executable, "-c", BEREFT, tmp_path])
    wait_for((tmp_path / "begun").exists)
    sweep.kill()
    sweep.wait()
    wait_for((tmp_path / "saved").exists)
