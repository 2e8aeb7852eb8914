"""Dropout left on when trained networks predict: one network becomes T, several become a posterior of T x M.

Monte Carlo dropout (Gal and Ghahramani 2016, arXiv:1506.02142) over an ensemble (Lakshminarayanan et al. 2017,
arXiv:1612.01474), as in Galaxy Zoo DECaLS (Walmsley et al. 2022, arXiv:2102.08414: 5 passes of 3 networks). A pass is
one network: its mask is the same for every galaxy, as in BatchBALD (Kirsch et al. 2019, arXiv:1906.08158). So what is
predicted for a galaxy depends on the seed alone, not on the batch it is in, its place there, or the number of passes.

Everything but dropout layers evaluates: BatchNorm, and also stochastic depth and the dropout of attention weights,
which are no layers of their own and are off in the published posteriors too.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from selfsup import trees
from selfsup.embed import as_float, device_of, evaluation_mode
from selfsup.objectives.base import Objective
from selfsup.objectives.dirichlet import Dirichlet
from selfsup.posteriors.posterior import Posterior
from selfsup.types import Batch, ConfigError
from selfsup.votes import QuestionTree


def posterior(objectives: Sequence[Objective], loader: Iterable[Batch], passes: int, seed: int) -> Posterior:
    """What T passes of each of M trained objectives say of every galaxy of the loader; all as in `describe`."""
    return describe(objectives, loader, passes, seed)[1]


@torch.inference_mode()
def describe(
    objectives: Sequence[Objective], loader: Iterable[Batch], passes: int, seed: int
) -> tuple[np.ndarray, Posterior]:
    """What T passes of each of M trained objectives say of every galaxy of the loader, in its order.

    Args:
        objectives: trained `Dirichlet` ones of one tree, alone or as a part; left in the mode in which they came. The
            encoder sees the image as it is unless it is `Symmetric`: a head's own `symmetries` is for `predict`.
        loader: batches of galaxies.
        passes: T, dropout passes of each objective; 0 asks it once, without dropout.
        seed: of the masks.

    Returns:
        The embedding (N, D) of the first objective, without dropout.
        The posterior of S = T x M networks (M without dropout), all passes of the first objective first.

    Raises:
        ConfigError: no objective, one that predicts no votes, of several trees, or passes of a network without dropout.
    """
    tree, embeddings, found = tree_of(objectives), [], []
    with ExitStack() as stack:
        networks = [
            stack.enter_context(Passes(objective, passes, (seed, place))) for place, objective in enumerate(objectives)
        ]
        for batch in loader:
            image = as_float(batch["image"])
            embedding = networks[0].embedding(image)
            alphas = [
                networks[0].concentrations(image, embedding),
                *(each.concentrations(image) for each in networks[1:]),
            ]
            embeddings.append(embedding.float().cpu().numpy())
            found.append(torch.cat([alpha.float().cpu() for alpha in alphas]).numpy())
    nobody = np.empty((0, head_of(objectives[0]).encoder.dim), dtype=np.float32)
    nothing = np.empty((len(objectives) * max(1, passes), 0, len(tree.answers)), dtype=np.float32)
    return np.concatenate([nobody, *embeddings]), Posterior(tree, np.concatenate([nothing, *found], axis=1))


class Passes:
    """Context in which a vote head and its encoder answer as several networks, each with dropout masks of its own."""

    def __init__(self, objective: Objective, passes: int, seed: tuple[int, ...]) -> None:
        """Find the layers that drop; nothing changes before the context is entered.

        Args:
            objective: the head, or what it is a part of, in any mode.
            passes: T; 0 leaves dropout off.
            seed: of the masks.

        Raises:
            ConfigError: no vote head, fewer than 0 passes, or passes of a network that drops nothing, all the same.
        """
        if passes < 0:
            raise ConfigError(f"task.passes = {passes}: write how often each network is asked, 0 for without dropout")
        self.head = head_of(objective)
        inside = {f"encoder.{name}": layer for name, layer in self.head.encoder.named_modules()}
        layers = {"dropout": self.head.dropout, **inside}
        dropping = {name: layer for name, layer in layers.items() if isinstance(layer, nn.Dropout) and layer.p > 0}
        if passes and not dropping:
            raise ConfigError(
                f"task.passes = {passes}, but a checkpoint has no dropout (objective.dropout = 0), so that all passes"
                " would be the same; write task.passes=0, or train with objective.dropout=0.2"
            )
        self.passes, self.seed = passes, seed
        self.layers = dropping if passes else {}
        self.mode = evaluation_mode(objective)
        self._masks: dict[tuple[str, torch.Size], Tensor] = {}
        self._hooks: list[RemovableHandle] = []
        self._asked: int | slice | None = None

    def __enter__(self) -> Passes:
        """Evaluation mode; dropout layers, which then let everything through, are followed by the masks."""
        self.mode.__enter__()
        self._hooks = [layer.register_forward_hook(partial(self._drop, name)) for name, layer in self.layers.items()]
        return self

    def __exit__(self, *error: object) -> None:
        """As it came."""
        for hook in self._hooks:
            hook.remove()
        self.mode.__exit__(*error)

    def embedding(self, image: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> (B, D), without dropout."""
        self._asked = None
        embedding: Tensor = self.head.encoder(image.to(device_of(self.head)))
        return embedding

    def concentrations(self, image: Tensor, embedding: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [0, 1] -> (T, B, A) alpha of each pass; (1, B, A) without dropout.

        Args:
            image: the pictures.
            embedding: of them, where it is known: without dropout in the encoder it is not made again.
        """
        if list(self.layers) in ([], ["dropout"]):
            # Only the head drops: the encoder's work is done once, and the masks add an axis in front of the batch.
            embedding = self.embedding(image) if embedding is None else embedding
            self._asked = slice(None)
            return self.head.alpha(embedding if self.passes else embedding[None])
        image, alphas = image.to(device_of(self.head)), []
        for t in range(self.passes):
            self._asked = t
            alphas.append(self.head.concentrations(image))
        return torch.stack(alphas)

    def _drop(self, name: str, layer: nn.Dropout, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        """(B, ...) -> (B, ...) of one pass or none, (T, B, ...) of all."""
        del inputs
        if self._asked is None:
            return output
        key = name, output.shape[1:]
        if key not in self._masks:
            self._masks[key] = self._mask(name, layer.p, output)
        return output * self._masks[key][self._asked]

    def _mask(self, name: str, share: float, output: Tensor) -> Tensor:
        """(T, 1, ...) zeros and 1 / (1 - share), drawn layer by layer and pass by pass from generators of their own."""
        shape = (1, *output.shape[1:])
        draws = [np.random.default_rng((*self.seed, zlib.crc32(name.encode()), t)) for t in range(self.passes)]
        kept = np.stack([draw.random(shape) >= share for draw in draws])
        return torch.from_numpy(kept).to(output) / max(1 - share, torch.finfo(output.dtype).tiny)


def head_of(objective: Objective) -> Dirichlet:
    """The vote head: the objective, or its first part that is one.

    Raises:
        ConfigError: it has none.
    """
    for part in objective.modules():
        if isinstance(part, Dirichlet):
            return part
    raise ConfigError(
        f"task.checkpoints: {type(objective).__name__} predicts no votes; name runs of objective=dirichlet, or with it"
    )


def tree_of(objectives: Sequence[Objective]) -> QuestionTree:
    """The question tree that all of them answer.

    Raises:
        ConfigError: none, one that predicts no votes, or several trees.
    """
    if not objectives:
        raise ConfigError("task.checkpoints: none; write 'task.checkpoints=[RUN1,RUN2]', runs of objective=dirichlet")
    names = dict.fromkeys(head_of(objective).tree for objective in objectives)
    if len(names) > 1:
        raise ConfigError(f"task.checkpoints are of the trees {', '.join(names)}; name runs of one tree")
    return trees.tree(next(iter(names)))
