"""Can synthetic galaxies be told from real ones? The accuracy of a classifier that tries: 0.5 is a perfect sky.

    uv run python scripts/sky_realism.py REAL_IMAGES --crop 0.604 --out DIR [--checkpoint RUN]

Real and synthetic pictures at the same size, as many of each; logistic regression, five folds, on nine photometric
summaries, on the principal components of the pixels, and on a trained encoder's frozen features. Writes three sheets
into DIR: real, synthetic, and a blind mix with its solution in blind.txt.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
from benchmark_sky import survey
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selfsup.data.decode import read_image
from selfsup.data.parallel import in_order
from selfsup.embed import as_float, load_encoder
from selfsup.sky.observe import observe
from selfsup.sky.population import draw
from selfsup.sky.view import View

NINE = ("sky level", "sky scatter", "centre", "half light px", "concentration", "axis ratio", "g-r", "r-i", "texture")


def summaries(images: np.ndarray) -> np.ndarray:
    """(N, n, n, 3) uint8 -> (N, 9) the photometric summaries `NINE`."""
    x = images.astype(np.float32) / 255
    size = x.shape[1]
    axis = np.arange(size) - (size - 1) / 2
    radius = np.hypot(axis[:, None], axis[None, :])
    grey = x.mean(3)
    sky = x[:, radius > 0.45 * size]
    light = np.clip(grey - np.median(sky.mean(2), axis=1)[:, None, None], 0, None)
    within = np.stack([(light * (radius < r)).sum((1, 2)) for r in range(1, size // 2)], axis=1)
    share = within / np.maximum(within[:, -1:], 1e-6)
    half, fifth, most = (1 + (share < level).sum(1) for level in (0.5, 0.2, 0.8))
    inner = light * (radius < 0.35 * size)
    total = np.maximum(inner.sum((1, 2)), 1e-6)
    xx, yy, xy = (
        (inner * w).sum((1, 2)) / total for w in (axis[None, :] ** 2, axis[:, None] ** 2, np.outer(axis, axis))
    )
    root = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    ratio = np.sqrt(np.clip((xx + yy) / 2 - root, 1e-6, None) / ((xx + yy) / 2 + root + 1e-6))
    colour = (x * (light > 0.1)[..., None]).sum((1, 2)) / np.maximum((light > 0.1).sum((1, 2)), 1)[:, None]
    texture = np.abs(np.diff(grey, axis=1)).mean((1, 2))
    centre = grey[:, radius < 2].mean(1)
    columns = [np.median(sky.mean(2), 1), sky.std((1, 2)), centre, half, most / fifth, ratio]
    return np.stack([*columns, colour[:, 2] - colour[:, 1], colour[:, 1] - colour[:, 0], texture], axis=1)


def embedded(images: np.ndarray, checkpoint: Path) -> np.ndarray:
    """Frozen features of a trained encoder."""
    encoder = load_encoder(checkpoint)
    with torch.inference_mode():
        parts = [torch.from_numpy(images[i : i + 128]).permute(0, 3, 1, 2) for i in range(0, len(images), 128)]
        return torch.cat([encoder(as_float(part)) for part in parts]).numpy()


def told_apart(features: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """Accuracy and area under the ROC curve of a classifier that tells synthetic from real, cross-validated."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    chance = cross_val_predict(model, features, synthetic, cv=folds, method="predict_proba")[:, 1]
    return float(accuracy_score(synthetic, chance > 0.5)), float(roc_auc_score(synthetic, chance))


def sheet(images: np.ndarray, out: Path, columns: int = 12, scale: int = 2) -> None:
    """A plain table of pictures."""
    n, gap = images.shape[1] * scale, 2
    rows = -(-len(images) // columns)
    page = np.full((rows * (n + gap), columns * (n + gap), 3), 60, dtype=np.uint8)
    for k, image in enumerate(images):
        y, x = (k // columns) * (n + gap), (k % columns) * (n + gap)
        page[y : y + n, x : x + n] = image.repeat(scale, 0).repeat(scale, 1)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page).save(out)


def rendered(view: View, seed: int, mix: str, start: int) -> np.ndarray:
    """Sixteen galaxies."""
    return observe([draw(seed, 16 * start + k, mix) for k in range(16)], view)


def pictures(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """As many real as synthetic ones, (N, n, n, 3) uint8 each."""
    files = np.random.default_rng(0).permutation(sorted(args.real.glob("*.jpg")))[: args.count]
    real = np.stack([np.asarray(read_image(file, args.size_px)) for file in files])
    view = View(survey(args.survey), args.size_px, args.crop)
    tasks = -(-len(real) // 16)
    made = np.concatenate(list(in_order(partial(rendered, view, args.seed, args.mix), tasks)))[: len(real)]
    return real, made


def draw_sheets(real: np.ndarray, made: np.ndarray, out: Path) -> None:
    """Real, synthetic, and 48 of each mixed; the solution as text, r or s for each picture."""
    sheet(real[:96], out / "real.png")
    sheet(made[:96], out / "synthetic.png")
    order = np.random.default_rng(1).permutation(96)
    sheet(np.concatenate([real[-48:], made[-48:]])[order], out / "blind.png")
    answer = ["s" if k >= 48 else "r" for k in order]
    rows = [" ".join(answer[start : start + 12]) for start in range(0, 96, 12)]
    (out / "blind.txt").write_text("\n".join(rows) + "\n")


def main() -> None:
    """Read the arguments, render, classify, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--crop", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--survey", default="sdss")
    parser.add_argument("--mix", default="natural")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--count", type=int, default=1600)
    parser.add_argument("--size-px", type=int, default=64)
    args = parser.parse_args()
    real, made = pictures(args)
    images, synthetic = np.concatenate([real, made]), np.repeat([0, 1], len(real))
    nine, flat = summaries(images), images.reshape(len(images), -1) / 255.0
    found = {"nine summaries": nine, "64 components of the pixels": PCA(64, random_state=0).fit_transform(flat)}
    if args.checkpoint is not None:
        found["frozen features"] = embedded(images, args.checkpoint)
    for name, features in found.items():
        accuracy, area = told_apart(features, synthetic)
        print(f"told apart by {name}: accuracy {accuracy:.3f}, ROC AUC {area:.3f}")
    for k, name in enumerate(NINE):
        a, b = (np.percentile(nine[synthetic == which, k], [16, 50, 84]).round(3) for which in (0, 1))
        print(f"{name:14} real {a}  synthetic {b}  alone: ROC AUC {roc_auc_score(synthetic, nine[:, k]):.3f}")
    draw_sheets(real, made, args.out)


if __name__ == "__main__":
    main()
