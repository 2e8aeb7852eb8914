"""Put the learner, the data and Lightning's trainer together, and run."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import Logger

from selfsup.checkpoint import LAST, finished
from selfsup.data.attended import deaths_named
from selfsup.data.datamodule import GalaxyData
from selfsup.data.exhausted import memory_named
from selfsup.probes.base import Probe
from selfsup.stopping import deaf_children
from selfsup.training.alone import alone_in
from selfsup.training.batch_norm import synchronised
from selfsup.training.checkpoints import AtomicCheckpointIO, FiniteWeights
from selfsup.training.curves import Curves
from selfsup.training.health import CollapseWatch
from selfsup.training.interruption import Interruption
from selfsup.training.learner import Learner
from selfsup.training.optim import best_precision
from selfsup.training.probing import OnlineProbes
from selfsup.training.progress_bar import GalaxyProgressBar
from selfsup.training.ranks import Ranks
from selfsup.training.settings import TrainerSettings


def fit(
    learner: Learner,
    data: GalaxyData,
    probes: Mapping[str, Probe],
    loggers: list[Logger],
    folder: Path,
    watchers: Sequence[Callback] = (),
    ranks: Ranks | None = None,
) -> L.Trainer:
    """Train to the end, from the folder's checkpoint where there is one; the trained weights are left in `learner`.

    Args:
        learner: what is trained.
        data: what it is trained on.
        probes: scored on the validation part on the way.
        loggers: where metrics go.
        folder: where checkpoints go.
        watchers: further callbacks.
        ranks: those that train together; None for this process alone.

    Raises:
        Interrupted: a signal asked to stop, and the state is saved.
        DataError: no checkpoint of the folder is whole, or a new one could not be written; memory ran out, or a process
            of the loader died or hangs.
        ConfigError: another number of ranks trained the checkpoint, or another process trains in the folder.
        NonFiniteLossError: with the galaxies at fault; the last checkpoint is from before.
        NonFiniteWeightsError: at a checkpoint; the last one is from before.
        CollapseError: where the settings ask to stop on a collapse.
    """
    settings, ranks = learner.settings, ranks or Ranks()
    precision = best_precision(settings.accelerator) if settings.precision == "auto" else settings.precision
    strategy = "auto" if ranks.size == 1 else "ddp" if settings.strategy == "auto" else settings.strategy
    _quieten()
    if settings.channels_last:
        learner.to(memory_format=torch.channels_last)
    trainer = L.Trainer(
        max_epochs=settings.max_epochs,
        accelerator=settings.accelerator,
        devices=ranks.size // ranks.nodes,
        num_nodes=ranks.nodes,
        strategy=strategy,
        precision=precision,  # type: ignore[arg-type]
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip_norm,
        log_every_n_steps=settings.log_every_steps,
        use_distributed_sampler=False,  # the data module deals the galaxies out itself
        plugins=[AtomicCheckpointIO(ranks), *([ranks.environment] if ranks.environment else [])],
        callbacks=[
            *_callbacks(learner, data, probes, ranks),
            *watchers,
            *_savers(folder, settings.checkpoint_every_steps),
        ],
        logger=loggers,
        default_root_dir=folder,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    with (
        alone_in(folder, ranks),
        deaf_children(),
        deaths_named(),
        memory_named(_remedy(settings)),
        synchronised(learner, ranks.size, trainer.strategy.root_device),
    ):
        resumed = ranks.agree(lambda: "yes" if finished(folder) else "no") == "yes"
        trainer.fit(learner, datamodule=data, ckpt_path=folder if resumed else None, weights_only=True)
    return trainer


def _remedy(settings: TrainerSettings) -> str:
    size = settings.batch_size
    half = f"with trainer.batch_size={size // 2} trainer.accumulate={2 * settings.accumulate} a step sees as many"
    return f"lower trainer.batch_size ({size} now; {half}), data.size_px, or the encoder, and start again"


def _callbacks(learner: Learner, data: GalaxyData, probes: Mapping[str, Probe], ranks: Ranks) -> list[Callback]:
    settings = learner.settings
    callbacks: list[Callback] = [
        GalaxyProgressBar(),
        Curves(settings.log_every_steps),
        CollapseWatch(settings.log_every_steps, settings.on_collapse),
    ]
    if settings.probe_every_epochs and probes:
        callbacks.append(OnlineProbes(data, probes, settings.probe_every_epochs, ranks))
    if settings.ema_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=settings.ema_decay))
    return callbacks


class _WithinEpochs(ModelCheckpoint):
    """Every few steps but an epoch's last: who went on from there would not score the epoch, as Lightning counts."""

    def on_train_batch_end(self, trainer: L.Trainer, *named: Any) -> None:
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *named)


def _savers(folder: Path, every_steps: int | None) -> list[Callback]:
    """At every epoch's end, every few steps, and when asked to stop; each writes a new number, the newest wins."""
    last = folder / LAST
    place: Any = {"dirpath": last.parent, "filename": last.stem, "enable_version_counter": False}
    savers = [FiniteWeights(), ModelCheckpoint(**place, every_n_epochs=1, save_on_train_epoch_end=True)]
    if every_steps:
        savers.append(_WithinEpochs(**place, every_n_train_steps=every_steps))
    return [*savers, Interruption(folder)]


def _quieten() -> None:
    """Lightning's banner and its advice that does not hold here."""
    for room in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(room).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # of Lightning, to Lightning
    warnings.filterwarnings("ignore", ".*`srun` command is available.*")  # who wants it, uses it
    warnings.filterwarnings("ignore", ".*does not have many workers.*")  # packed images need no worker
    warnings.filterwarnings("ignore", ".*sync_dist=True.*")  # what is logged is of all ranks already
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")  # a resumed run's own
    warnings.filterwarnings(
        "ignore", ".*your dataloader is not resumable.*"
    )  # the data module's state_dict is its place
