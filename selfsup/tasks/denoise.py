"""Clean every image of a data set with a checkpoint that learned to, and say what that is worth."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torch import Tensor

from selfsup.checkpoint import read_checkpoint
from selfsup.config import build
from selfsup.data.datamodule import GalaxyData, part_of
from selfsup.data.progress import Work, reported
from selfsup.durable import replacing
from selfsup.embed import as_float, device_of, load_objective
from selfsup.objectives.denoise import Denoise
from selfsup.objectives.masks import STEP, background_scatter, foreground_ssim
from selfsup.objectives.noise import DetectorNoise
from selfsup.report.denoise_figures import View, before_after, restoration, sample_sheet
from selfsup.report.run_report import write_report
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.tasks._sizes import at_trained_size
from selfsup.tasks._training_report import pictures
from selfsup.types import Batch, ConfigError
from selfsup.views.multiview import MultiView

# The objective is the checkpoint's; the data node is checked when its size is known.
USES = ()
BATCH = 64
AS_TRAINED = "as trained"
LEAST_SCATTER = STEP / 12**0.5
"""What rounding to 8 bits leaves in the flattest sky."""
SAFE = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_+. -]{0,150}")
"""Ids that are a file's name as they are."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Restored:
    """Images as they are, with noise, and what was made of that, each (N, C, H, W); two masks (N, H, W).

    `mask` is where the galaxy is, `sources` where anything is that is no sky.
    """

    clean: Tensor
    noisy: Tensor
    denoised: Tensor
    mask: Tensor
    sources: Tensor


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `images/`, `catalogue.parquet`, `figures/` and a report into the folder `task.output`.

    The pictures are those of the data set, cleaned. The scores need a truth: for them noise is added to the images of
    the test part, as in the training and of the strengths `task.levels`, and what is made of these is compared with the
    images.

    Raises:
        ConfigError: a checkpoint of another objective, an output among the images, a noise that cannot be, or no galaxy
            to draw.
    """
    checkpoint, output = Path(cfg.task.checkpoint).expanduser(), Path(cfg.task.output).expanduser()
    trust = tuple(cfg.trust)
    if cfg.task.galaxies < 1:
        raise ConfigError(f"task.galaxies: {cfg.task.galaxies} on a figure; write 1 or more")
    objective = load_objective(checkpoint, trust)
    if not isinstance(objective, Denoise):
        what = type(objective).__name__
        raise ConfigError(f"task.checkpoint: {checkpoint} is of {what}, which cleans nothing; train objective=denoise")
    noises = {AS_TRAINED: objective.noise, **_levels(cfg.task.levels)}
    source = build(at_trained_size(cfg.data, checkpoint), "data", trust=trust)
    data = GalaxyData(source, batch_size=BATCH, workers=0, seed=cfg.seed, splits=("train",))
    _make_room(output, source.folder)
    _write_images(objective, data, output)
    rows, found = _scored(data), {}
    for name, noise in noises.items():
        torch.manual_seed(cfg.seed)
        found[name] = _scores(objective, noise, data, rows)
    config = OmegaConf.create(read_checkpoint(checkpoint)["config"])
    views = build(config.augmentation, "augmentation", trust=trust)
    figures = _figures(objective, views, data, rows[: cfg.task.galaxies], output / "figures")
    levels = output / "figures" / "restoration.png"
    restoration(found, levels)
    figures.append((levels, "Before and after, for each noise: electrons of a white pixel and sigma of the read-out."))
    scores = {f"denoise/{name}{_suffix(level)}": value for level, one in found.items() for name, value in one.items()}
    _report(cfg, data, scores, found, figures, output)
    show(scores)
    return scores


def _levels(levels: Sequence[Sequence[float]]) -> dict[str, DetectorNoise]:
    """Pairs of electrons and sigma -> name -> noise of that strength."""
    found = {}
    for level in levels:
        if len(level) != 2 or level[0] < 1 or level[1] < 0:
            what = "[electrons, sigma] with electrons >= 1 and sigma >= 0"
            raise ConfigError(f"task.levels: {list(level)} is not {what}; write e.g. [300, 0.03]")
        electrons, sigma = level
        found[f"{electrons:g}e_{sigma:g}"] = DetectorNoise([electrons, electrons], [sigma, sigma])
    return found


def _suffix(level: str) -> str:
    return "" if level == AS_TRAINED else f"_{level}"


def _make_room(output: Path, folder: str) -> None:
    """Make the folder of the pictures.

    Raises:
        ConfigError: it would lie among the images of the data set.
    """
    images = (output / "images").resolve()
    if images.is_relative_to(Path(folder).expanduser().resolve()):
        raise ConfigError(
            f"task.output: {output} is in data.folder, whose images it would mix with; name another folder"
        )
    images.mkdir(parents=True, exist_ok=True)


@torch.inference_mode()
def _write_images(objective: Denoise, data: GalaxyData, output: Path) -> None:
    """Every readable image, cleaned, as a PNG; and the table of which is whose."""
    rows = data.rows()
    with reported(len(rows), Work("cleaning", "cleaned", "images")) as advance:
        for batch in data.catalogue_loader(rows, BATCH):
            cleaned = pictures(objective.clean(as_float(batch["image"].to(device_of(objective)))))
            for galaxy, pixels in zip(batch["id"], cleaned, strict=True):
                with replacing(output / "images" / _file_name(galaxy)) as stream:
                    Image.fromarray(pixels).save(stream, "PNG")
            advance(len(cleaned))
    ids = [data.packed.ids[row] for row in rows]
    with replacing(output / "catalogue.parquet") as stream:
        pq.write_table(pa.table({"id": ids, "file": [f"images/{_file_name(galaxy)}" for galaxy in ids]}), stream)
    log.info("%s: %d images cleaned, %d unreadable", output, len(rows), len(data.packed.unreadable))


def _file_name(galaxy: str) -> str:
    """The galaxy's id where that can be a file's name, else its digest: an id is a stranger's text."""
    stem = galaxy if SAFE.fullmatch(galaxy) else hashlib.sha256(galaxy.encode()).hexdigest()[:32]
    return f"{stem}.png"


def _scored(data: GalaxyData) -> np.ndarray:
    """Rows of the test part; of a small data set that has none in it, all."""
    parts = np.array([part_of(data.source.galaxy_of(picture)) for picture in data.packed.ids])
    if not (parts == "test").any():
        log.info("none of the %d images is in the test part: all are scored", len(parts))
        return data.rows()
    return np.flatnonzero(parts == "test")


def _restored(objective: Denoise, noise: DetectorNoise, batch: Batch) -> Restored:
    clean = as_float(batch["image"].to(device_of(objective)))
    noisy = noise(clean)
    masks = objective.masks
    return Restored(clean, noisy, objective.clean(noisy), masks(clean), masks.everything(clean))


@torch.inference_mode()
def _scores(objective: Denoise, noise: DetectorNoise, data: GalaxyData, rows: np.ndarray) -> dict[str, float]:
    """Means over these galaxies, and how many times less the sky scatters."""
    found: dict[str, list[Tensor]] = {}
    for batch in data.catalogue_loader(rows, BATCH):
        one = _restored(objective, noise, batch)
        for name, image in (("denoised", one.denoised), ("noisy", one.noisy)):
            similar = foreground_ssim(image, one.clean, one.mask, objective.ssim_window_px)
            found.setdefault(f"ssim_{name}", []).append(similar)
            found.setdefault(f"scatter_{name}", []).append(background_scatter(image, one.sources))
    mean = {name: float(torch.cat(values).mean()) for name, values in found.items()}
    factor = mean["scatter_noisy"] / max(mean["scatter_denoised"], LEAST_SCATTER)
    return mean | {"scatter_falls_by": factor}


@torch.inference_mode()
def _figures(objective: Denoise, views: MultiView, data: GalaxyData, rows: np.ndarray, folder: Path) -> Figures:
    """Galaxies before and after, and the same galaxies as the objective learns from them."""
    triptychs, sample = folder / "before_after.png", folder / "sample.png"
    one = _restored(objective, objective.noise, next(iter(data.catalogue_loader(rows, len(rows)))))
    before_after(pictures(one.noisy), pictures(one.denoised), pictures(one.clean), triptychs)
    sample_sheet([_view(objective, clean) for clean in views(one.clean)["global"]], sample)
    return [
        (triptychs, "Galaxies of the test part: with noise, what was made of that, and as they are."),
        (sample, "What the objective learns from: two clean views C, noisy ones N, masks M of the galaxy."),
    ]


def _view(objective: Denoise, clean: Tensor) -> View:
    return pictures(clean), pictures(objective.noise(clean)), objective.masks(clean).cpu().numpy()


def _report(
    cfg: DictConfig,
    data: GalaxyData,
    scores: dict[str, float],
    found: dict[str, dict[str, float]],
    figures: Figures,
    output: Path,
) -> None:
    write_report(
        output,
        title=f"{HydraConfig.get().runtime.choices['data']}, cleaned by {cfg.task.checkpoint}",
        command=command(Path(HydraConfig.get().runtime.output_dir)),
        config=plain(cfg),
        metrics=scores,
        comparison={f"noise {level}": one for level, one in found.items()},
        figures=figures,
        facts={"galaxies": len(data.packed.ids)},
        unreadable=len(data.packed.unreadable),
    )
