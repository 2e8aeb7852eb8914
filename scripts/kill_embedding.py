"""Kill task=embed again and again, at random moments and with several workers, and see that its bytes are the same.

    uv run python scripts/kill_embedding.py --kills 20 --workers 1,2,3 -- task.checkpoint=RUN data=... data.folder=DIR

The catalogue is made once without interruption, then once for each number of workers: after a random time one of them
gets SIGKILL and is started again, until so many have been killed and all are done. Ends with 1 where a shard's SHA-256
differs, or an id is there twice.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from selfsup.catalogue import Catalogue


def start(overrides: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """A worker, its words in a log beside the catalogue."""
    command = [sys.executable, "-m", "selfsup", "task=embed", *overrides, f"task.output={output}"]
    command += [f"hydra.run.dir={output}.logs/{time.time_ns()}"]
    with (output.parent / f"{output.name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def with_kills(overrides: Sequence[str], output: Path, workers: int, kills: int, longest_s: float) -> int:
    """Make the catalogue while workers are killed -> how often one was that had begun to work."""
    done, alive = 0, [start(overrides, output) for _ in range(workers)]
    while not output.is_dir():
        time.sleep(random.uniform(0, longest_s))
        begun = output.with_name(f"{output.name}.unfinished").is_dir()
        if done < kills and begun and not output.is_dir():
            victim = random.randrange(workers)
            if alive[victim].poll() is None:
                alive[victim].send_signal(signal.SIGKILL)
                done += 1
        for place, worker in enumerate(alive):
            if worker.poll() is not None and not output.is_dir():
                alive[place] = start(overrides, output)
    for worker in alive:
        worker.wait()
    return done


def digests(output: Path) -> list[str]:
    """SHA-256 of each shard."""
    return [part["sha256"] for part in json.loads((output / "_manifest.json").read_text())["parts"]]


def main() -> None:
    """Compare, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", default="1,2,3", help="numbers of them, one after the other")
    parser.add_argument("--longest", type=float, default=20.0, help="seconds between kills, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("overrides", nargs="+", help="after --, as for selfsup")
    given = parser.parse_args()
    random.seed(given.seed)
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        begun = time.monotonic()
        if code := start(given.overrides, whole).wait():
            sys.exit(f"exit code {code}: {(Path(place) / 'whole.log').read_text()[-2000:]}")
        print(f"uninterrupted: {len(digests(whole))} shards, {time.monotonic() - begun:.0f} s", flush=True)
        for workers in map(int, given.workers.split(",")):
            output = Path(place) / f"of_{workers}"
            killed = with_kills(given.overrides, output, workers, given.kills, given.longest)
            ids = Catalogue.open(output).ids
            same, once = digests(output) == digests(whole), len(ids) == len(set(ids))
            said = "the same bytes" if same else "OTHER BYTES"
            print(f"{workers} workers, {killed} killed: {said}, {len(ids)} ids, each once: {once}", flush=True)
            if not (same and once):
                sys.exit(1)


if __name__ == "__main__":
    main()
