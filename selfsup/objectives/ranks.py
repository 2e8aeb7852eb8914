"""What a mean over the galaxies of all processes needs to know of the other processes.

Distributed training averages the gradients of W processes. Where each divides its own sum by its own number of galaxies
with a label, that average is not the gradient of one process with all of them, unless the numbers are equal.
"""

from __future__ import annotations

from lightly.utils.dist import world_size
from torch import Tensor, distributed


def mean_over_ranks(number: Tensor) -> Tensor:
    """() floating -> (), its mean over all processes, without gradient; the number itself where there is one process.

    With n_r galaxies that count and the sum s_r of their losses on process r, s_r / mean(n) has the mean over processes
    sum(s) / sum(n), in value and in gradient.
    """
    total = number.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(total)
        total /= world_size()
    return total
