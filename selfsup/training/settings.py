"""How long, how fast, on what: the numbers of the training loop."""

from dataclasses import dataclass
from typing import Literal

from selfsup.types import ConfigError


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """Values in conf/trainer.

    Args:
        max_epochs: passes over the galaxies.
        batch_size: galaxies per step and device.
        splits: parts of the data that the objective learns from.
        accumulate: batches per optimizer step.
        warmup_share: share of the training during which the learning rate rises linearly.
        final_lr_share: learning rate at the end of the cosine, as a share of its peak.
        clip_norm: largest norm of the whole gradient; None for none.
        ema_decay: decay of the moving average of the weights; None for none.
        layer_decay: learning rate of each block of the encoder as a share of the next one's; None for the same.
        frozen_blocks: blocks of the encoder, from the image on, that stay as they are; all of them: the whole encoder.
        accelerator: Lightning's: auto, cpu, gpu.
        devices: of this machine, a process for each; 1 where torchrun or srun starts the processes, and counts them.
        strategy: Lightning's, where there are several processes: auto (ddp), ddp, ddp_find_unused_parameters_true.
        precision: auto, or Lightning's name.
        channels_last: memory format of images and weights.
        workers: loader processes.
        log_every_steps: steps between two rows of metrics.
        probe_every_epochs: epochs between two probings of the validation part; None for never.
        checkpoint_every_steps: steps between two checkpoints besides every epoch's end; None for none.
        on_collapse: what follows when the representation collapses.
    """

    max_epochs: int
    batch_size: int
    splits: list[str]
    accumulate: int
    warmup_share: float
    final_lr_share: float
    clip_norm: float | None
    ema_decay: float | None
    layer_decay: float | None
    frozen_blocks: int
    accelerator: str
    devices: int
    strategy: str
    precision: str
    channels_last: bool
    workers: int
    log_every_steps: int
    probe_every_epochs: int | None
    checkpoint_every_steps: int | None
    on_collapse: Literal["warn", "stop"]

    def __post_init__(self) -> None:
        """Refuse what cannot run.

        Raises:
            ConfigError: a number out of its range, or an unknown part of the data.
        """
        for key in ("max_epochs", "batch_size", "accumulate", "devices", "log_every_steps"):
            if getattr(self, key) < 1:
                raise ConfigError(f"trainer.{key}: {getattr(self, key)} is not at least 1")
        if not 0 <= self.warmup_share < 1:
            raise ConfigError(f"trainer.warmup_share: {self.warmup_share} is not in [0, 1)")
        if self.layer_decay is not None and not 0 < self.layer_decay <= 1:
            raise ConfigError(f"trainer.layer_decay: {self.layer_decay} is not in (0, 1]; write 0.65 to 0.9, or null")
        if self.frozen_blocks < 0:
            raise ConfigError(f"trainer.frozen_blocks: {self.frozen_blocks} is not at least 0")
        unknown = set(self.splits) - {"train", "val", "test"}
        if unknown or not self.splits:
            raise ConfigError(f"trainer.splits: {self.splits} is not a choice of train, val, test")
