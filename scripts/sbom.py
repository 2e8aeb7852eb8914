"""Write a bill of materials: each installed package, its version and licence, and what needs it (CycloneDX 1.6).

    python scripts/sbom.py [FILE.json]

What is listed is what is installed in this environment and reached from selfsup, extras that are there included.
"""

import argparse
import json
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = "selfsup"


def main() -> None:
    """Write to the file that is named, or to the terminal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="to write; none: the terminal")
    text = json.dumps(bill(reached(ROOT), datetime.now(UTC)), indent=1) + "\n"
    file = parser.parse_args().file
    if file is None:
        sys.stdout.write(text)
    else:
        file.write_text(text)


def reached(root: str) -> dict[str, Distribution]:
    """Name -> each installed package that the root needs, directly or not, itself first."""
    found: dict[str, Distribution] = {}
    waiting = [root]
    while waiting:
        name = normal(waiting.pop(0))
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of an extra, or of another system
            continue
        waiting += needed(found[name])
    return found


def needed(package: Distribution) -> Iterator[str]:
    """Names of what a package says it needs, under whatever condition."""
    for line in package.requires or ():
        yield re.split(r"[\s\[;(<>=!~]", line, maxsplit=1)[0]


def normal(name: str) -> str:
    """As the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(packages: dict[str, Distribution], when: datetime) -> dict[str, Any]:
    """The document: https://cyclonedx.org/docs/1.6/json."""
    parts = {name: component(name, package) for name, package in packages.items()}
    root, *others = parts.values()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {"timestamp": when.isoformat(timespec="seconds"), "component": {**root, "type": "application"}},
        "components": others,
        "dependencies": [
            {
                "ref": parts[name]["bom-ref"],
                "dependsOn": sorted({parts[n]["bom-ref"] for n in map(normal, needed(package)) if n in parts}),
            }
            for name, package in packages.items()
        ],
    }


def component(name: str, package: Distribution) -> dict[str, Any]:
    """One package."""
    purl = f"pkg:pypi/{name}@{package.version}"
    found = {"type": "library", "bom-ref": purl, "name": name, "version": package.version, "purl": purl}
    said = package.metadata.get("License-Expression")
    return found | ({"licenses": [{"expression": said}]} if said else {})


if __name__ == "__main__":
    main()
