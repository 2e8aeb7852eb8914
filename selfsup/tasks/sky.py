"""Write a piece of the synthetic sky as a folder of images with a catalogue, as a data set of one's own would be."""

import logging
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from selfsup.config import build
from selfsup.data.parallel import in_order
from selfsup.data.progress import Work, reported
from selfsup.data.rendering import Sky, chunks
from selfsup.data.source import Galaxies
from selfsup.data.synthetic import Synthetic
from selfsup.durable import replacing
from selfsup.report.figures import contact_sheet
from selfsup.sky.galaxy import FAMILIES
from selfsup.types import ConfigError, DataError

USES = ("data",)
FORMATS = {"png": "PNG", "jpg": "JPEG"}
COLUMNS, ROWS = 8, 6
"""Galaxies across and down the contact sheet."""
log = logging.getLogger(__name__)

_README = """# {count} galaxies of the synthetic sky

Galaxies that do not exist, rendered by selfsup as {survey} would publish them, {size_px} pixels on a side.

- `images/`: one picture per galaxy.
- `catalogue.parquet`: `id`, `file`, the truth of each galaxy, and with a question tree the votes of made-up volunteers
  (a column per answer) and their shares (`_share`: of all volunteers).
- `contact_sheet.png`: some of them.
- `survey.yaml`: the survey and all other settings. Equal settings give equal pixels, with equal versions.

Written by

    {wrote}

and read back with

    {reads}
"""


def run(cfg: DictConfig) -> dict[str, float]:
    """Write the folder `task.output`; pictures that an interrupted run left there are kept.

    Raises:
        ConfigError: the data are not synthetic, or the format is unknown.
        DataError: the folder holds another sky.
    """
    if cfg.task.format not in FORMATS:
        raise ConfigError(f"task.format={cfg.task.format}: write {' or '.join(FORMATS)}")
    source = build(cfg.data, "data", trust=tuple(cfg.trust))
    if not isinstance(source, Synthetic):
        raise ConfigError("task=sky writes galaxies of the synthetic sky: write data=synthetic")
    folder = Path(cfg.task.output).expanduser().resolve()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    _settle(folder, source.sky, cfg.task)
    found = source.read()
    files = [folder / "images" / f"{picture}.{cfg.task.format}" for picture in found.ids]
    written = _write_images(source.sky, files, cfg.task.jpeg_quality)
    _write_catalogue(folder, found, files)
    _draw_sheet(folder, found, files, cfg.task.families)
    _write_readme(folder, source, len(files))
    log.info("%s: %d galaxies, %d of them were there", folder, len(files), len(files) - written)
    return {"galaxies": float(len(files)), "rendered": float(written)}


def _settle(folder: Path, sky: Sky, task: DictConfig) -> None:
    """Leave a note of what the pictures are, or compare with the one that is there."""
    settings = sky.describe() | {"format": task.format, "jpeg_quality": task.jpeg_quality}
    view = settings.pop("view")
    text = OmegaConf.to_yaml(OmegaConf.create({"survey": view.pop("survey"), "view": view, **settings}))
    note = folder / "survey.yaml"
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise DataError(f"{folder}: holds another sky, see survey.yaml there; name another folder with task.output=...")
    _write(note, text.encode())


def _write_images(sky: Sky, files: list[Path], quality: int) -> int:
    """Render and write the pictures that are not there -> how many."""
    parts = [part for part in chunks(len(files)) if not all(files[position].is_file() for position in part)]
    missing = [[position for position in part if not files[position].is_file()] for part in parts]
    count = sum(map(len, missing))
    with reported(count, Work("rendering", "rendered", "images")) as advance:
        for done in in_order(partial(_write_part, sky, missing, files, quality), len(missing)):
            advance(done)
    return count


def _write_part(sky: Sky, missing: list[list[int]], files: list[Path], quality: int, task: int) -> int:
    for position, pixels in zip(missing[task], sky.images(missing[task]), strict=True):
        file = files[position]
        with replacing(file) as stream:
            Image.fromarray(pixels).save(stream, FORMATS[file.suffix[1:]], quality=quality, subsampling=0)
    return len(missing[task])


def _write_catalogue(folder: Path, found: Galaxies, files: list[Path]) -> None:
    columns = {"id": np.array(found.ids, dtype=object)}
    columns["file"] = np.array([str(file.relative_to(folder)) for file in files], dtype=object)
    columns |= {name: values for name, values in found.columns.items() if name != "label"}
    if found.votes is not None and found.tree is not None:
        columns |= dict(zip(found.tree.answers, found.votes.T, strict=True))
    with replacing(folder / "catalogue.parquet") as stream:
        pq.write_table(pa.table(columns), stream)


def _draw_sheet(folder: Path, found: Galaxies, files: list[Path], families: bool) -> None:
    if families:
        kinds = found.columns["family"]
        rows = {name: np.flatnonzero(kinds == name)[:COLUMNS].tolist() for name in FAMILIES if name in kinds}
    else:
        first = range(min(len(files), COLUMNS * ROWS))
        rows = {str(start): list(first[start : start + COLUMNS]) for start in first[::COLUMNS]}
    sheet = [[np.asarray(Image.open(files[position])) for position in row] for row in rows.values()]
    contact_sheet(sheet, list(rows) if families else [], [], folder / "contact_sheet.png")


def _write_readme(folder: Path, source: Synthetic, count: int) -> None:
    reads = ["selfsup", "data=images", f"data.folder={folder / 'images'}", "data.table=../catalogue.parquet"]
    reads += [f"data.size_px={source.size_px}"] + ([f"data.tree={source.tree}"] if source.tree else [])
    if source.label is not None:
        reads.append(f"data.label={source.label}")
    if source.classes is not None:
        reads.append(f"data.classes=[{','.join(source.classes)}]")
    wrote = shlex.join(["selfsup", *HydraConfig.get().overrides.task])
    survey = source.sky.view.survey.name
    text = _README.format(count=count, survey=survey, size_px=source.size_px, wrote=wrote, reads=shlex.join(reads))
    _write(folder / "README.md", text.encode())


def _write(file: Path, content: bytes) -> None:
    with replacing(file) as stream:
        stream.write(content)
