"""How a campaign chooses whom to ask about, as its configuration says."""

from __future__ import annotations

from collections.abc import Mapping

from omegaconf import DictConfig

from selfsup.analysis.acquisition import Acquisition


def acquisition(cfg: DictConfig, way: str, settled: Mapping[str, float], seed: int) -> Acquisition:
    """The acquisition of `task`, for the next questions or for a look at what they would tell.

    Raises:
        ConfigError: an unknown way.
    """
    return Acquisition(
        way=way,
        questions=cfg.task.questions,
        settled=settled,
        volunteers=cfg.task.volunteers,
        exact_up_to=cfg.task.exact_up_to,
        draws=cfg.task.draws,
        seed=seed,
    )
