"""The page that is shipped is the one that its source says."""

import hashlib
from pathlib import Path

from selfsup import explorer

FRONT = Path(explorer.__file__).parent / "front"


def test_the_page_was_built_from_its_source():
    total = hashlib.sha256()
    for folder in ("src", "../page"):
        under = FRONT / folder
        names = sorted(f"{folder}/{file.relative_to(under).as_posix()}" for file in under.rglob("*") if file.is_file())
        for name in names:
            total.update(f"{name}\n".encode() + (FRONT / name).read_bytes())
    assert total.hexdigest() == (FRONT / "built.sha256").read_text().strip(), "npm run build in selfsup/explorer/front"
