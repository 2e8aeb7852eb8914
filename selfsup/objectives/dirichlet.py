"""Volunteers' votes as draws from a Dirichlet-multinomial whose concentrations the network predicts.

The loss of Walmsley et al. 2022 (Galaxy Zoo DECaLS, MNRAS 509, 3966; arXiv:2102.08414): for each question with votes k,
N = sum k, and concentrations alpha, A = sum alpha,

    log p(k | alpha, N) = lgamma(N + 1) - sum lgamma(k_i + 1)
                          + lgamma(A) - lgamma(N + A) + sum [lgamma(k_i + alpha_i) - lgamma(alpha_i)]

Questions are independent given the image; a question that nobody was asked has N = 0 and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from selfsup import trees
from selfsup.encoders.base import Encoder
from selfsup.encoders.dihedral import require_symmetries, symmetric
from selfsup.objectives.base import Objective
from selfsup.objectives.ranks import mean_over_ranks
from selfsup.types import Batch, ConfigError, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


def dirichlet_multinomial_nll(votes: Tensor, alpha: Tensor, questions: Iterable[slice]) -> Tensor:
    """(B, A) counts, (B, A) concentrations > 0 -> (B, Q) negative log likelihood, multinomial coefficient included.

    Counts may be real numbers. A question without votes is exactly 0 and passes no gradient.
    """
    return torch.stack([_question_nll(votes[:, answers], alpha[:, answers]) for answers in questions], dim=1)


def _question_nll(votes: Tensor, alpha: Tensor) -> Tensor:
    """(B, a) counts and concentrations of one question's a answers -> (B,)."""
    n, total = votes.sum(1), alpha.sum(1)
    coefficient = torch.lgamma(n + 1) - torch.lgamma(votes + 1).sum(1)
    evidence = torch.lgamma(total) - torch.lgamma(n + total)
    answers = (torch.lgamma(votes + alpha) - torch.lgamma(alpha)).sum(1)
    nll = -(coefficient + evidence + answers)
    # Rounding leaves about 1e-5 where N = 0, hence the mask. A NaN count is not 0 and so stays visible in the loss.
    return torch.where(n != 0, nll, torch.zeros_like(nll))


class Dirichlet(Objective):
    """Encoder -> dropout -> linear -> alpha = alpha_max * sigmoid(x) + 1, trained on all questions of one tree."""

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (1, 1)}
    targets: ClassVar[tuple[str, ...]] = ("votes",)

    def __init__(
        self, encoder: Encoder, tree: str | None, dropout: float, alpha_max: float, symmetries: int = 1
    ) -> None:
        """Build the head.

        Args:
            encoder: image -> embedding.
            tree: name of the question tree that the votes follow.
            dropout: share of the embedding that is dropped in front of the head, in training.
            alpha_max: width of the range of the concentrations, which lie in (1, 1 + alpha_max).
            symmetries: flips and quarter turns over which `predict` averages the embedding: 1 (the image alone) or 8
                (all of them).

        Raises:
            ConfigError: no tree, or a number of symmetries that is neither 1 nor 8.
        """
        super().__init__(encoder)
        if tree is None:
            raise ConfigError("objective.tree is null: data without votes; set data.tree=... or take data with votes")
        if alpha_max <= 0:
            raise ConfigError(f"objective.alpha_max is {alpha_max}; write a positive number (Zoobot: 100)")
        schema = trees.tree(tree)
        self.tree, self.alpha_max = tree, alpha_max
        self.symmetries = require_symmetries(symmetries, "objective.symmetries")
        self.questions = list(schema.slices.values())
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.dim, len(schema.answers))

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Sum over questions, mean over the galaxies that have votes, of all processes; 0 where none has."""
        del progress
        alpha = self.concentrations(views["global"][0])
        votes = self._votes(batch).to(alpha)
        nll = dirichlet_multinomial_nll(votes, alpha, self.questions)
        asked = torch.stack([votes[:, answers].sum(1) != 0 for answers in self.questions], dim=1)
        galaxies = mean_over_ranks(asked.any(1).sum().to(nll.dtype))
        total = nll.sum() / torch.where(galaxies > 0, galaxies, 1)
        log = {
            "nll_per_question": nll.detach().sum() / asked.sum().clamp(min=1),
            "asked_share": asked.to(alpha.dtype).mean(),
            "alpha_mean": alpha.detach().mean(),
        }
        return Loss(total, log)

    def concentrations(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, A) alpha, float32 also under autocast: differences of lgamma need its mantissa."""
        return self.alpha(self.encoder(image))

    def predict(self, image: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) -> {"votes": (B, A)}, the expected share alpha_i / A of each answer, 1 in sum per question."""
        alpha = self.alpha(symmetric(self.encoder, self.symmetries)(image))
        shares = [alpha[:, q] / alpha[:, q].sum(1, keepdim=True) for q in self.questions]
        return {"votes": torch.cat(shares, dim=1)}

    def alpha(self, embedding: Tensor) -> Tensor:
        """(B, D) -> (B, A), as `concentrations`."""
        with torch.autocast(embedding.device.type, enabled=False):
            logits = self.head(self.dropout(embedding.to(self.head.weight.dtype)))
            wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
            return self.alpha_max * torch.sigmoid(wide) + 1

    def _votes(self, batch: Batch) -> Tensor:
        """The votes of the batch (B, A).

        Raises:
            ConfigError: there are none, or they are of another tree.
        """
        votes = batch.get("votes")
        if votes is None:
            raise ConfigError(
                f"objective.tree is {self.tree!r} but the data bring no votes; set data.tree=... or another objective"
            )
        if votes.shape[1] != self.head.out_features:
            raise ConfigError(
                f"objective.tree {self.tree!r} has {self.head.out_features} answers but the data's votes have"
                f" {votes.shape[1]} columns; set data.tree to the tree of these votes"
            )
        return votes
