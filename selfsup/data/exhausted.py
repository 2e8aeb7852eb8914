"""Memory that runs out is named, with what to lower."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from selfsup.types import DataError

_OF_THE_PROCESSOR = re.compile(r"DefaultCPUAllocator: .*|Cannot allocate memory|std::bad_alloc")
"""PyTorch has no class of its own for it."""


@contextmanager
def memory_named(remedy: str) -> Iterator[None]:
    """What does not fit into memory within, on a GPU or off it, is an error with a remedy.

    Args:
        remedy: what to do, beginning with a verb.

    Raises:
        DataError: there is no memory left.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        wanted = ". ".join(str(error).split(". ")[:2]).rstrip(".")
        raise DataError(f"out of memory ({wanted or 'of this machine'}); {remedy}") from error
    except RuntimeError as error:
        found = _OF_THE_PROCESSOR.search(str(error))
        if not found:
            raise
        raise DataError(f"out of memory ({found[0].rstrip('.')}); {remedy}") from error
