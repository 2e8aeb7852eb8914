"""A step's loss over all ranks: what is logged is its mean over all galaxies, and one that is no number stops them all.

The decision is taken together, before the optimizer uses the loss: a rank that stopped alone would leave the others
waiting for it.
"""

from collections.abc import Sequence

import torch
from lightly.utils.dist import world_size
from torch import Tensor, distributed

from selfsup.training.ranks import said_by_all
from selfsup.types import Loss

NAMED = 32
"""Galaxies of a batch that a message names."""


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite."""


def check_finite(loss: Tensor, step: int, ids: Sequence[str]) -> None:
    """Stop on a loss that is not a number, naming the batch; on all ranks, if that of any is none.

    Raises:
        NonFiniteLossError: with the step and the galaxy ids; the same on all ranks.
    """
    finite = torch.isfinite(loss).float()
    if world_size() > 1:
        distributed.all_reduce(finite, distributed.ReduceOp.MIN)
    if finite:
        return
    place = f"at step {step}" + (f" on rank {distributed.get_rank()}" if world_size() > 1 else "")
    raise NonFiniteLossError(said_by_all(_fault(loss, place, ids)))


def mean_over_galaxies(loss: Loss, galaxies: int) -> Loss:
    """The loss of a batch and all that it logs -> their means over the galaxies of all ranks, detached, to be logged.

    Args:
        loss: with the same names on all ranks.
        galaxies: in this rank's batch.
    """
    values = [loss.total, *loss.log.values()]
    if world_size() > 1:
        flat = torch.stack([value.detach().to(loss.total.device, torch.float32) for value in values])
        summed = torch.cat([flat * galaxies, flat.new_tensor([galaxies])])
        distributed.all_reduce(summed)
        values = list(summed[:-1] / summed[-1])
    return Loss(values[0].detach(), dict(zip(loss.log, values[1:], strict=True)))


def _fault(loss: Tensor, place: str, ids: Sequence[str]) -> str:
    """What is wrong with this rank's loss, and its galaxies; nothing where it is a number."""
    if torch.isfinite(loss):
        return ""
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return f"the loss is {loss.item()} {place}; galaxies of this batch: {', '.join(ids[:NAMED])}{more}"
