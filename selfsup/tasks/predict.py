"""The votes of every readable galaxy of a data set, as several trained networks see them: a catalogue of shards."""

from collections.abc import Iterable
from pathlib import Path

from omegaconf import DictConfig

from selfsup.dropout import describe, head_of
from selfsup.inference.folded import folded
from selfsup.inference.precision import in_precision
from selfsup.inference.shards import require_folder
from selfsup.inference.survey import Said
from selfsup.posteriors.columns import Columns
from selfsup.tasks._networks import read_networks
from selfsup.tasks._scoring import weights_digest
from selfsup.tasks._surveying import accelerated, survey
from selfsup.types import Batch

# The networks are the checkpoints'; the data node is checked when its size is known.
USES = ()
SAYS = ("symmetries", "precision", "passes", "level", "volunteers", "exact_up_to", "draws")
"""What the columns depend on, beside the networks and the seed."""


def run(cfg: DictConfig) -> dict[str, float]:
    """One row per readable image: `id`, the first network's `embedding`, the data set's columns, and `Columns`.

    Raises:
        ConfigError: no checkpoints, of several sizes or trees, or not of votes; no folder of this catalogue.
        DataError: too many images are unreadable.
    """
    task = cfg.task
    require_folder(Path(task.output))
    columns = Columns(
        level=task.level, volunteers=task.volunteers, exact_up_to=task.exact_up_to, draws=task.draws, seed=cfg.seed
    )
    networks = read_networks(cfg)
    made_of = {"networks": [weights_digest(one) for one in networks.objectives], "seed": cfg.seed}
    for head in map(head_of, networks.objectives):
        head.encoder = in_precision(folded(head.encoder, networks.data.size_px), task.precision)
    accelerated(*networks.objectives)

    def say(batches: Iterable[Batch]) -> Said:
        embedding, found = describe(networks.objectives, batches, task.passes, cfg.seed)
        return Said(embedding, columns(found))

    return survey(cfg, networks.data, say, {**made_of, **{name: task[name] for name in SAYS}})
