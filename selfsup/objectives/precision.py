"""Where half precision is not enough: exponentials of similarities over a temperature."""

from __future__ import annotations

import torch
from torch import Tensor


def widen(tensor: Tensor) -> Tensor:
    """Any shape; half precision -> float32, wider stays as it is."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
