"""Score a trained encoder on any data set, with the probes that its training ran at the end."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.config import build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.embed import load_objective, load_untrained
from selfsup.evaluate import TEST, TRAIN, evaluate, evaluate_pixels, require_maps
from selfsup.evaluate_head import score_head
from selfsup.report.run_report import write_report
from selfsup.tasks._plain import plain
from selfsup.tasks._predictions import save_predictions
from selfsup.tasks._report import command, show
from selfsup.tasks._sizes import at_trained_size
from selfsup.tasks._training_report import draw_evaluations

# The encoder is the checkpoint's; the data node is checked when its size is known.
USES = ("probe",)


def run(cfg: DictConfig) -> dict[str, float]:
    """Fit the probes on train and val, score them on test; writes a report like a training's."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    checkpoint = Path(cfg.task.checkpoint).expanduser()
    trust = tuple(cfg.trust)
    objective = load_objective(checkpoint, trust, cfg.task.symmetries)
    probes = build_all(cfg.probe, "probe", trust=trust)
    source = build(at_trained_size(cfg.data, checkpoint), "data", trust=trust)
    require_maps(source, probes)
    data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=TRAIN)
    found = {
        "trained": evaluate(objective.online_encoder(), data, probes, TRAIN, TEST),
        "untrained": evaluate(load_untrained(checkpoint, trust, cfg.task.symmetries), data, probes, TRAIN, TEST),
        "pixels": evaluate_pixels(data, probes, TRAIN, TEST, cfg.task.pixel_components),
    }
    head = score_head(objective, data, TEST)
    title = f"{checkpoint} on {HydraConfig.get().runtime.choices['data']}"
    save_predictions(folder, title, data, found["trained"], head.predictions)
    scores = found["trained"].metrics | head.metrics
    write_report(
        folder,
        title=title,
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison={name: evaluation.metrics for name, evaluation in found.items()},
        figures=draw_evaluations(folder / "figures", found, data),
        facts={"galaxies": len(data.packed.ids), "scored": len(found["trained"].test)},
        unreadable=len(data.packed.unreadable),
    )
    show(scores)
    return scores
