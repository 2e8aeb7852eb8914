"""The whole encoder, fine-tuned on samples of labels and scored as a probe of frozen features is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from selfsup.data.datamodule import GalaxyData
from selfsup.embed import as_float
from selfsup.encoders.base import Encoder
from selfsup.evaluate import TEST, TRAIN
from selfsup.objectives.supervised import Supervised
from selfsup.probes.draws import affordable, balanced_draw
from selfsup.probes.label_efficiency import FEWEST_DRAWS, scores_of
from selfsup.tasks._plain import digest
from selfsup.training.finetune import FineTuning, fine_tune
from selfsup.types import ConfigError, DataError
from selfsup.views.multiview import MultiView

HEAD = ("dropout", "label_smoothing")


class FineTuned:
    """Samples of a data set to fine-tune on, and its test part.

    Args:
        data: with classes.
        views: what is learned from.
        numbers: of `FineTuning`, and of the head.

    Raises:
        DataError: the label is no class.
    """

    def __init__(self, data: GalaxyData, views: MultiView, numbers: dict[str, Any]) -> None:
        if data.label is None or data.label.dtype.kind == "f":
            raise DataError(f"{data.source.folder}: the label is no class; set data.label and data.classes")
        self.data, self.views, self.classes = data, views, list(data.found.classes)
        self.head = {key: numbers[key] for key in HEAD}
        self.settings = FineTuning(**{key: value for key, value in numbers.items() if key not in HEAD})
        self.rows, self.target = self._labelled(TRAIN)
        self.asked, self.true = self._labelled(TEST)

    @property
    def galaxies(self) -> str:
        """Digest of those that are learned from and asked about, and of their classes."""
        parts = ((self.rows, self.target), (self.asked, self.true))
        return digest([[[self.data.packed.ids[row] for row in rows], label.tolist()] for rows, label in parts])

    def points(
        self,
        start: Callable[[int], Encoder],
        n_per_class: Sequence[int],
        draws: int,
        known: Collection[tuple[int, int]],
    ) -> Iterator[dict[str, float]]:
        """Fine-tune on every sample from a fresh start; yields each fit's labels, draw and scores.

        Args:
            start: number of the draw -> the encoder.
            n_per_class: labels of each class.
            draws: of each.
            known: labels and draws that are left out.

        Raises:
            ConfigError: too few draws.
            DataError: a class has fewer galaxies than every n.
        """
        if draws < FEWEST_DRAWS:
            raise ConfigError(f"task.draws: {draws} is too few to know the scatter; write {FEWEST_DRAWS} or more")
        counts = affordable(self.target, n_per_class)
        if not counts:
            raise DataError(f"the smallest class has fewer galaxies than each of task.n_per_class={list(n_per_class)}")
        ids = [self.data.packed.ids[row] for row in self.rows]
        for draw, n in ((draw, n) for draw in range(draws) for n in counts if (n, draw) not in known):
            sample = balanced_draw(ids, self.target, n, draw)
            yield {"labels": n, "draw": draw, **self._score(start(draw), sample, draw)}

    def _score(self, encoder: Encoder, sample: np.ndarray, draw: int) -> dict[str, float]:
        torch.manual_seed(draw)  # of the head's first weights
        objective = Supervised(encoder.requires_grad_(True), self.classes, "balanced", **self.head)
        image = torch.from_numpy(np.ascontiguousarray(self.data.packed.images[self.rows[sample]])).permute(0, 3, 1, 2)
        fine_tune(objective, self.views, image, torch.from_numpy(self.target[sample]), self.settings, draw)
        chances = []
        with torch.inference_mode():
            for batch in self.data.catalogue_loader(self.asked):
                chances.append(objective.predict(as_float(batch["image"]))["label"].softmax(1).numpy())
        return scores_of(self.true, np.concatenate(chances))

    def _labelled(self, parts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of these parts whose class is known, and their classes."""
        rows = self.data.rows(*parts)
        label = np.asarray(self.data.label)[rows]
        return rows[label >= 0], label[label >= 0]
