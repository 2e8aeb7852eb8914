"""What travels between the rooms: a batch, its views, a loss, the errors that a user can cause, and a wish to stop.

Shape alphabet: B batch, C channels, H W pixels, h w map cells, P pixels per patch edge, T tokens, D width, A answers,
Q questions, V views, N catalogue rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from torch import Tensor

    Views = dict[str, list[Tensor]]
    """Name of a kind of view -> its copies, each (B, C, size, size) float32 in [0, 1]."""

RESUMABLE = 75
"""Exit code EX_TEMPFAIL of sysexits.h: a temporary failure, try again."""


class Batch(TypedDict):
    """Galaxies on their way to the objective."""

    id: list[str]
    image: Tensor  # (B, C, H, W) uint8, or float32 in [0, 1]
    votes: NotRequired[Tensor]  # (B, A) float32 counts; a question nobody answered has zeros
    label: NotRequired[Tensor]  # (B,) int64 class, -1 unknown; or float32 value, NaN unknown


@dataclass(frozen=True)
class Loss:
    """What an objective returns.

    Args:
        total: () the scalar to minimise.
        log: further scalars worth a curve, detached.
    """

    total: Tensor
    log: dict[str, Tensor] = field(default_factory=dict)


class ConfigError(Exception):
    """The configuration cannot run: says which key, what is wrong with it, and what to write instead."""


class DataError(Exception):
    """The data cannot be used: says which file, row or column, what is wrong with it, and what to do."""


class Interrupted(SystemExit):
    """A training or a sweep was asked to stop, and has; the message says how to go on.

    Not an error of any job, so a sweep that waits for this one stops too.
    """

    def __init__(self, message: str, code: int = RESUMABLE) -> None:
        super().__init__(code)
        self.message = message

    def __str__(self) -> str:
        return self.message
