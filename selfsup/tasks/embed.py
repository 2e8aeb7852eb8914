"""Embed every readable image of a data set into a catalogue of Parquet shards; killed and started again, it goes on."""

from pathlib import Path

from omegaconf import DictConfig

from selfsup.embed import embed, load_encoder
from selfsup.inference.folded import folded
from selfsup.inference.precision import in_precision
from selfsup.inference.shards import require_folder
from selfsup.inference.survey import Said
from selfsup.tasks._scoring import weights_digest
from selfsup.tasks._sizes import at_trained_size
from selfsup.tasks._surveying import accelerated, survey

# The encoder is the checkpoint's; the data node is checked when its size is known.
USES = ()


def run(cfg: DictConfig) -> dict[str, float]:
    """One row per readable image: `id`, `embedding`, the columns of the data set, and `colour`.

    Raises:
        ConfigError: the output is no folder of this catalogue, or no such precision.
        DataError: too many images are unreadable.
    """
    checkpoint = Path(cfg.task.checkpoint).expanduser()
    require_folder(Path(cfg.task.output))
    encoder = load_encoder(checkpoint, tuple(cfg.trust), cfg.task.symmetries)
    made_of = {"encoder": weights_digest(encoder), "symmetries": cfg.task.symmetries, "precision": cfg.task.precision}
    data = at_trained_size(cfg.data, checkpoint)
    encoder = in_precision(folded(encoder, data.size_px), cfg.task.precision)
    accelerated(encoder)
    return survey(cfg, data, lambda batches: Said(embed(encoder, batches).embedding(), {}), made_of)
