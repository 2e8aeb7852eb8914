"""Images are shown to a trained encoder at the size that it was trained at, unless another is named."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from selfsup.checkpoint import read_checkpoint


def at_trained_size(data: DictConfig, checkpoint: Path) -> DictConfig:
    """The data node with `size_px` filled in from the checkpoint where it is null."""
    if data.size_px is not None:
        return data
    trained = read_checkpoint(checkpoint)["config"]["data"]["size_px"]
    merged = OmegaConf.merge(data, {"size_px": trained})
    if not isinstance(merged, DictConfig):
        raise TypeError("the data node is not a mapping")
    return merged
