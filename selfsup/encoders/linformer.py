"""A vision transformer whose attention costs O(n k), not O(n^2): keys and values are projected along the sequence.

Wang et al. 2020, Linformer, arXiv 2006.04768, equation 7: head_i = softmax(Q (E_i K)^T / sqrt(d)) (F_i V), with learned
E, F of shape k x n; the ways of sharing them are those of its section 4. As an encoder of galaxies: Lin et al. 2021,
arXiv 2110.01024.

Beyond the paper, the projections live on the grid of patches: images may have another size and patches be left out.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from selfsup.encoders.base import Layer
from selfsup.encoders.dropout import Dropout, drop
from selfsup.encoders.transformer import Grid, PatchTransformer, require_tiling
from selfsup.types import ConfigError

Sharing = Literal["none", "headwise", "key-value", "layerwise"]
FFN_RATIO = 4  # Vaswani et al. 2017, section 3.3


class Linformer(PatchTransformer):
    """A pre-norm transformer over patches with Linformer attention; the embedding is the class token."""

    def __init__(  # noqa: PLR0913  (each is a hyper-parameter of the paper, and a key of the YAML)
        self,
        *,
        channels: int,
        image_size_px: int,
        patch_px: int,
        depth: int,
        dim: int,
        heads: int,
        k: int,
        sharing: Sharing,
        dropout: float,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        """Build the transformer.

        Args:
            channels: C of the images.
            image_size_px: side of the images for which positions and projections are made; others are interpolated.
            patch_px: side of a patch.
            depth: number of blocks.
            dim: D.
            heads: attention heads; they divide D.
            k: length to which the 1 + T keys and values are projected; at most 1 + T.
            sharing: "none": E and F for each head and block; "headwise": for each block; "key-value": E = F for each
                block; "layerwise": one E = F for all.
            dropout: share of attention weights and of hidden units dropped in training, in [0, 1).
            mean: per-channel mean of the images in [0, 1].
            std: per-channel standard deviation.

        Raises:
            ConfigError: patch and image, heads and D, or k and T do not fit, or no such sharing.
        """
        _check(image_size_px, patch_px, dim, heads, k, sharing)
        super().__init__(channels, mean=tuple(mean), std=tuple(std))
        self.dim, self.patch_px, self.depth = dim, patch_px, depth
        self.built_grid = (image_size_px // patch_px,) * 2
        n = 1 + math.prod(self.built_grid)
        self.patch = nn.Conv2d(channels, dim, patch_px, stride=patch_px)  # a linear map of each patch
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = nn.Parameter(torch.zeros(1, n, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(depth))
        self.per_block = {"none": 2, "headwise": 2, "key-value": 1, "layerwise": 0}[sharing]
        rows = heads if sharing == "none" else 1
        self.projections = nn.ModuleList(
            Projection(self.built_grid, k, rows) for _ in range(max(1, self.per_block * depth))
        )
        self.norm = nn.LayerNorm(dim)
        self.apply(_initialise)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def patches(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D)."""
        patches: Tensor = self.patch(image)
        return patches.flatten(2).transpose(1, 2)

    def positions_on(self, grid: Grid) -> Tensor:
        """(1, T, D)."""
        return _resize(self.positions[:, 1:], self.built_grid, grid)

    def states(self, tokens: Tensor, keep: Tensor | None, grid: Grid | None, ends: set[int]) -> list[Tensor]:
        """(B, T', D) -> (B, 1 + T', D) after each number of blocks in `ends`."""
        first = (self.class_token + self.positions[:, :1]).expand(len(tokens), -1, -1)
        x = torch.cat([first.to(tokens.dtype), tokens], dim=1)
        made = [projection(grid or self.built_grid, keep) for projection in self.projections]
        states = []
        for index, block in enumerate(self.blocks):
            pair = made[index * self.per_block :][: max(1, self.per_block)]
            x = block(x, pair[0], pair[-1])  # E, F: one and the same where keys and values share
            if index + 1 in ends:
                states.append(self.norm(x))
        return states

    def by_depth(self) -> list[Layer]:
        """Patches and positions, then each block with its projections; one that all blocks share is the first's."""
        n = self.per_block
        blocks = [[block, *self.projections[i * n : (i + 1) * n]] for i, block in enumerate(self.blocks)]
        if not n:
            blocks[0] += self.projections
        return [[self.patch, self.class_token, self.positions], *blocks]


class Projection(nn.Module):
    """E or F: the weights with which tokens are summed into k, one row for the class token and for each patch."""

    def __init__(self, grid: Grid, k: int, heads: int) -> None:
        """Draw the weights from U(-1/sqrt(k), 1/sqrt(k)).

        Args:
            grid: (h, w) of the patches.
            k: the projected length.
            heads: how many heads have weights of their own; 1 where they share.
        """
        super().__init__()
        self.grid = grid
        self.weight = nn.Parameter(torch.empty(heads, 1 + math.prod(grid), k).uniform_(-(k**-0.5), k**-0.5))

    def forward(self, grid: Grid, keep: Tensor | None) -> Tensor:
        """The rows of the tokens there are, (1, heads, 1 + T, k) or, with `keep` (B, T'), (B, heads, 1 + T', k).

        A constant sequence of patches is projected to the same whatever the grid and however many are kept: more
        patches weigh less each, and those that are kept stand for those that are not, as in dropout.
        """
        first, patches = self.weight[:, :1], _resize(self.weight[:, 1:], self.grid, grid)
        patches = patches * (math.prod(self.grid) / math.prod(grid))
        if keep is None:
            return torch.cat([first, patches], dim=1)[None]
        visible = patches[:, keep].transpose(0, 1) * (patches.shape[1] / keep.shape[1])
        return torch.cat([first.expand(len(keep), -1, -1, -1), visible], dim=2)


class Attention(nn.Module):
    """Equation 7: every token attends to k projected keys."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        """Queries, keys and values without bias, as in the published galaxy encoder.

        Args:
            dim: D.
            heads: they divide D.
            dropout: share of attention weights dropped in training.
        """
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, e: Tensor, f: Tensor) -> Tensor:
        """(B, n, D) with E and F (1 or B, 1 or heads, n, k) -> (B, n, D)."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        key = torch.einsum("bhnk,bhnd->bhkd", e.to(key.dtype), key)  # dimensions of size 1 are not copied
        value = torch.einsum("bhnk,bhnd->bhkd", f.to(value.dtype), value)
        x = _attend(query, key, value, self.dropout if self.training else 0.0)
        mixed: Tensor = self.out(x.transpose(1, 2).flatten(2))
        return mixed


class Block(nn.Module):
    """x + Attention(LN(x)), then x + FFN(LN(x))."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        """Build both branches; arguments as for `Attention`."""
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dropout)
        hidden = FFN_RATIO * dim
        self.ffn = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, dim))

    def forward(self, x: Tensor, e: Tensor, f: Tensor) -> Tensor:
        """(B, n, D) -> (B, n, D)."""
        x = x + self.attention(self.norm1(x), e, f)
        return torch.add(x, self.ffn(self.norm2(x)))


def _attend(query: Tensor, key: Tensor, value: Tensor, dropout: float) -> Tensor:
    """(B, heads, n, d), twice (B, heads, k, d) -> (B, heads, n, d); torch's own, but for dropout on a CPU."""
    if dropout == 0 or query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
    weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    return drop(weights.softmax(-1).to(value.dtype), dropout) @ value


def _check(image_size_px: int, patch_px: int, dim: int, heads: int, k: int, sharing: str) -> None:
    require_tiling(image_size_px, patch_px)
    if dim % heads:
        raise ConfigError(f"encoder.heads: {heads} heads do not divide encoder.dim = {dim}. Choose a divisor.")
    n = 1 + (image_size_px // patch_px) ** 2
    if not 1 <= k <= n:
        raise ConfigError(f"encoder.k: {k} is not between 1 and the {n} tokens there are. Lower k or patch_px.")
    if sharing not in get_args(Sharing):
        raise ConfigError(f"encoder.sharing: {sharing!r} is none of {', '.join(get_args(Sharing))}.")


def _initialise(module: nn.Module) -> None:
    """The start of timm's ViT, so that the two transformers differ in their attention only."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _resize(rows: Tensor, old: Grid, new: Grid) -> Tensor:
    """(G, h * w, D) on the grid `old` -> (G, h' * w', D) on the grid `new`."""
    if old == new:
        return rows
    maps = rows.float().transpose(1, 2).reshape(len(rows), -1, *old)
    maps = F.interpolate(maps, size=new, mode="bilinear", antialias=True)
    return maps.flatten(2).transpose(1, 2).to(rows.dtype)
