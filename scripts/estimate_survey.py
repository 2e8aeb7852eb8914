"""What a survey of 10^7 or 10^8 galaxies would take, on paper: from measured growth, hours, disk and money.

    uv run python scripts/estimate_survey.py growth.json --embedding embedding.json --scaling scaling.json

Each step's seconds for a further galaxy are those between the two largest surveys of growth.json, on its machine; they
are carried on as far as the step's own law says (the assumptions, printed below the table). Embedding is counted from
embedding.json, whose pictures have the size that a survey's have; scaling.json says what is lost to sharing the work.
"""

import argparse
import json
from pathlib import Path

from benchmark_growth import slope
from omegaconf import OmegaConf

from selfsup.analysis.indexing import Settings

SURVEYS = (10**7, 10**8)
INDEXED = OmegaConf.load(Path(__file__).parents[1] / "conf" / "task" / "indexed" / "default.yaml")
INDEX = Settings(INDEXED.cells_factor, INDEXED.train_rows, 0)
"""More galaxies have more cells, until the sample they are fitted on is used up."""
AGAIN = ("search", "explore")
"""Steps that use what another one left on the disk."""
ASSUMPTIONS = """\
- Embedding needs nothing of its neighbours: N galaxies cost N times one, and each of several processes does {share:.2f}
  of what one alone does (measured from 1 to 2, of one thread each). Each core reads {read_mb:.1f} MB/s of JPEG files of
  {jpeg_kb:g} kB, which the disks must give.
- An index compares each galaxy with all cells, 4 sqrt(N) up to {full:.1e} galaxies and {most:,.0f} beyond. One machine
  builds it.
- A search, groups and the explorer read the rows of all galaxies once or twice: in proportion.
- Disk and memory grow in proportion too. What an index and a search map from the disk counts as memory here, and is
  given back where it is scarce; an embedding's is of one process, and most of it the list of files: beyond 10^7,
  embed a survey in parts, and explore a sample of it.
- An hour of a core costs {core:g}, a TB on disk {disk:g} a month: assumed, in any currency.
- Not counted: fetching pictures, queues, and what is done again (of a killed worker, the shard it was at)."""


def seconds(step: str, of: dict[str, dict[str, float]], rows: int) -> float:
    """Of the machine that was measured, for a survey of so many galaxies."""
    largest = max(map(int, of))
    _, each = slope(of)
    more = INDEX.cells(rows) / INDEX.cells(largest) if step == "index" else 1
    return of[str(largest)]["seconds"] + more * each * (rows - largest)


def memory(of: dict[str, dict[str, float]], rows: int) -> float:
    """GB of one process, as between the two largest surveys."""
    before, largest = sorted(map(int, of))[-2:]
    low, high = (of[str(n)]["peak_gb"] for n in (before, largest))
    return high + max(0.0, high - low) * (rows - largest) / (largest - before)


def row(name: str, hours: float, memory_gb: float, disk_gb: float, given: argparse.Namespace) -> str:
    """Core hours, hours on the cluster or the machine, memory, disk, money."""
    spread = given.cores if name.startswith("embed") else given.measured_cores
    money = hours * given.core_hour + disk_gb / 1000 * given.terabyte_month
    where = f"{hours / spread:,.2f} on {spread}"
    return f"| {name} | {hours:,.1f} | {where} | {memory_gb:,.0f} | {disk_gb:,.0f} | {money:,.1f} |"


def main() -> None:
    """Print the table and what it assumes."""
    given = parse()
    growth, embedding = (json.loads(file.read_text()) for file in (given.growth, given.embedding))
    scaling = json.loads(given.scaling.read_text())["embedding"]
    given.measured_cores, share = growth["cores"], scaling["ratio"] / 2
    rate = embedding["galaxies_per_s"]["embed, files"] / growth["cores"] * share
    for rows in SURVEYS:
        print(
            f"\n| {rows:.0e} galaxies".replace("e+0", "e")
            + " | core hours | hours on cores | memory, GB | disk, GB | money |"
        )
        print("|---|---:|---:|---:|---:|---:|")
        for step, of in growth["steps"].items():
            largest = max(map(int, of))
            disk = 0.0 if step in AGAIN else of[str(largest)].get("disk_gb", 0.0) * rows / largest
            hours = seconds(step, of, rows) * growth["cores"] / 3600
            named = f"embed, {embedding['network']}" if step == "embed" else step.replace("_", ", ")
            print(row(named, rows / rate / 3600 if step == "embed" else hours, memory(of, rows), disk, given))
    values = {"core": given.core_hour, "disk": given.terabyte_month, "share": share, "jpeg_kb": given.jpeg_kb}
    values |= {"most": (most := INDEX.cells(max(SURVEYS))), "full": (most / INDEX.cells_factor) ** 2}
    values |= {"read_mb": rate * given.jpeg_kb / 1000}
    print("\n" + ASSUMPTIONS.format(**values))


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("growth", type=Path)
    parser.add_argument("--embedding", type=Path, required=True)
    parser.add_argument("--scaling", type=Path, required=True)
    parser.add_argument("--cores", type=int, default=256, help="that embed together")
    parser.add_argument("--core-hour", type=float, default=0.05)
    parser.add_argument("--terabyte-month", type=float, default=20)
    parser.add_argument("--jpeg-kb", type=float, default=6)
    return parser.parse_args()


if __name__ == "__main__":
    main()
