"""Pictures to put before volunteers, with the manifest that Zooniverse takes: one row a subject, its file first.

As https://help.zooniverse.org/getting-started/glossary describes it; columns that begin with "#" are hidden from
volunteers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from selfsup.durable import replacing

FOLDER, MANIFEST = "subjects", "manifest.csv"


def write_subjects(folder: Path, ids: Sequence[str], images: np.ndarray) -> None:
    """Write `subjects/` with a PNG of each galaxy, and its manifest; again, they are the same.

    Args:
        folder: of the round.
        ids: of the galaxies: what their answers are found by. File names are numbers, since an id may be any text.
        images: (n, H, W, 3) uint8.
    """
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    rows = [["image", "#id"]]
    for number, (galaxy, image) in enumerate(zip(ids, images, strict=True)):
        name = f"{number:05d}.png"
        with replacing(place / name) as file:
            Image.fromarray(image).save(file, "PNG")
        rows.append([name, galaxy])
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    with replacing(place / MANIFEST) as file:
        file.write(text.getvalue().encode())
