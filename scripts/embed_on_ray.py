"""Share the shards of task=embed or task=predict among the machines of a Ray cluster: each task is the same command.

    uv run --extra ray python scripts/embed_on_ray.py --workers 16 --gpus 1 -- task=embed task.checkpoint=RUN ...

Without --address, Ray is started on this machine alone. The machines must share a file system, paths included. A worker
that dies is started again; its shard is made by whoever comes to it first.
"""

import argparse
import subprocess
from pathlib import Path

import ray

from selfsup.interpreter import running


def worker(command: list[str], folder: str) -> int:
    """Run the command in a folder, to the end of the catalogue -> 0.

    Raises:
        RuntimeError: it failed; the end of what it said is the message.
    """
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"exit code {ended.returncode}\n{(ended.stdout + ended.stderr)[-2000:]}")
    return ended.returncode


def main() -> None:
    """Start the workers and wait for them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="of a running cluster, such as auto; without, Ray is started here")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cpus", type=float, default=1.0, help="of each worker")
    parser.add_argument("--gpus", type=float, default=0.0, help="of each worker")
    parser.add_argument("--retries", type=int, default=3, help="how often a worker that died is started again")
    parser.add_argument("overrides", nargs="+", help="after --, as for selfsup")
    given = parser.parse_args()
    # No dashboard: it would answer whoever can reach its port (CVE-2023-48022).
    ray.init(given.address, **({} if given.address else {"include_dashboard": False}))
    start = ray.remote(num_cpus=given.cpus, num_gpus=given.gpus, max_retries=given.retries, retry_exceptions=True)(
        worker
    )
    command = [*running("selfsup"), *given.overrides]
    waiting = [start.remote(command, str(Path.cwd())) for _ in range(given.workers)]
    for done in range(given.workers):
        [ended], waiting = ray.wait(waiting)
        ray.get(ended)
        print(f"{done + 1} of {given.workers} workers have ended", flush=True)


if __name__ == "__main__":
    main()
