"""Several objectives over one encoder: the weighted sum of their losses, L = sum_i w_i L_i.

Walmsley et al. 2022 (arXiv:2206.11927): a contrastive loss on every galaxy, and the volunteers' votes of those that
have votes. There one network feeds BYOL and a vote head; here any objectives do, each as it is alone, with its own pass
through the encoder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.types import Batch, ConfigError, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class Hybrid(Objective):
    """Named parts, each an objective of its own. What is probed and published is the encoder that all of them train.

    A target that every part reads is needed; one that only some read is welcome: galaxies without it teach the others.
    """

    def __init__(self, encoder: Encoder, parts: Mapping[str, Objective], weights: Mapping[str, float]) -> None:
        """Put the parts together.

        Args:
            encoder: the one that every part was built with.
            parts: name -> objective; of two that predict the same, the first one's prediction stands.
            weights: name of each part -> weight of its loss, above 0.

        Raises:
            ConfigError: no parts, something that is none, names that cannot be, or weights that do not fit the parts.
        """
        super().__init__(encoder)
        _check_parts(parts)
        _check_weights(weights, parts)
        for part in parts.values():
            _share(encoder, part)
        self.parts = nn.ModuleDict(parts)
        self.weights = {name: float(weights[name]) for name in parts}
        read = {target for part in parts.values() for target in (*part.targets, *part.optional_targets)}
        needed = set.intersection(*(set(part.targets) for part in parts.values()))
        # On the object: here it is the parts, and not the class, that decide.
        self.__dict__["views"] = _views(list(parts.values()))
        self.__dict__["targets"] = tuple(sorted(needed))
        self.__dict__["optional_targets"] = tuple(sorted(read - needed))
        self.__dict__["remedies"] = {
            f"parts.{name}.{key}": how for name, part in parts.items() for key, how in part.remedies.items()
        }

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """The weighted sum. Logs each part's loss, unweighted, under its name, and what the part logs as name/...

        Of each kind of view a part is handed as many copies as it can use, the first ones.
        """
        terms: list[Tensor] = []
        log: dict[str, Tensor] = {}
        for name, part in self._named():
            loss: Loss = part(_usable(views, part), batch, progress)
            terms.append(self.weights[name] * loss.total)
            log |= {name: loss.total.detach()} | {f"{name}/{key}": value for key, value in loss.log.items()}
        return Loss(torch.stack(terms).sum(), log)

    def observe_labels(self, label: Tensor) -> None:
        """Told to the parts that read labels."""
        for _, part in self._named():
            if "label" in (*part.targets, *part.optional_targets):
                part.observe_labels(label)

    def after_step(self, progress: float) -> None:
        """Told to every part."""
        for _, part in self._named():
            part.after_step(progress)

    def weight_decay_scale(self, progress: float) -> float:
        """The product of the parts' factors: there is one optimizer, and most parts leave its weight decay alone."""
        return math.prod(part.weight_decay_scale(progress) for _, part in self._named())

    def predict(self, image: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) in [0, 1] -> what the parts say, together."""
        said: dict[str, Tensor] = {}
        for _, part in self._named():
            said = part.predict(image) | said
        return said

    def _named(self) -> Iterator[tuple[str, Objective]]:
        for name, part in self.parts.items():
            yield name, cast(Objective, part)


def _share(encoder: Encoder, part: Objective) -> None:
    """Leave the encoder with the part, but not among its modules: the state dict is to hold it once."""
    if part.encoder is not encoder:
        raise ValueError(f"{type(part).__name__} was built with another encoder than the one that is shared")
    del part.encoder
    object.__setattr__(part, "encoder", encoder)


def _views(parts: list[Objective]) -> dict[str, tuple[int, int]]:
    """Kind -> (fewest, most) copies: what the most demanding part needs, and the most that any can use."""
    kinds = dict.fromkeys(kind for part in parts for kind in part.views)
    ranges = {kind: [part.views[kind] for part in parts if kind in part.views] for kind in kinds}
    return {kind: (max(low for low, _ in each), max(high for _, high in each)) for kind, each in ranges.items()}


def _usable(views: Views, part: Objective) -> Views:
    return {kind: views[kind][:most] for kind, (_, most) in part.views.items() if kind in views}


def _check_parts(parts: Mapping[str, Objective]) -> None:
    if not isinstance(parts, Mapping) or not parts:
        raise ConfigError("objective.parts: there are none; write +objective@objective.parts.NAME=OPTION")
    taken = nn.ModuleDict()
    for name, part in parts.items():
        if not isinstance(part, Objective):
            raise ConfigError(f"objective.parts.{name}: {part!r} is no objective; write its options, with a _target_")
        if not name.isidentifier() or hasattr(taken, name):
            raise ConfigError(f"objective.parts.{name}: a part cannot be called {name!r}; choose another name")


def _check_weights(weights: Mapping[str, float], parts: Mapping[str, Objective]) -> None:
    given = set(weights) if isinstance(weights, Mapping) else set()
    if given != set(parts):
        raise ConfigError(
            f"objective.weights: given for {', '.join(sorted(map(str, given))) or 'none'}, while the parts are"
            f" {', '.join(parts)}; write one weight for each part"
        )
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
            raise ConfigError(f"objective.weights.{name}: {weight!r} is not above 0; to leave a part out, remove it")
