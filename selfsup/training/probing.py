"""Probes during the training: on the validation part, with the same `evaluate` that scores the test part afterwards."""

from collections.abc import Mapping

import lightning as L

from selfsup.data.datamodule import GalaxyData
from selfsup.evaluate import evaluate
from selfsup.objectives.base import Objective
from selfsup.probes.base import Probe
from selfsup.training.ranks import Ranks


class OnlineProbes(L.Callback):
    """Every few epochs: fit the probes on the training part, score them on the validation part, log the scores.

    Of several ranks the first does it, with all galaxies, and the others wait: each galaxy counts once.
    """

    def __init__(
        self, data: GalaxyData, probes: Mapping[str, Probe], every_epochs: int, ranks: Ranks | None = None
    ) -> None:
        self.data, self.probes, self.every_epochs = data, probes, every_epochs
        self.ranks = ranks or Ranks()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score the encoder as it is now; the last epoch is left to the final evaluation."""
        epoch = trainer.current_epoch + 1
        if epoch % self.every_epochs or epoch == trainer.max_epochs:
            return
        objective = pl_module.get_submodule("objective")
        if not isinstance(objective, Objective):
            return
        encoder = objective.online_encoder()
        found = self.ranks.only_first(lambda: evaluate(encoder, self.data, self.probes, ("train",), ("val",)))
        if found is not None:
            pl_module.log_dict({f"val/{name}": value for name, value in found.metrics.items()}, rank_zero_only=True)
