"""A trained encoder as a step of a scikit-learn pipeline: pictures in, numbers out, nothing to fit.

It keeps scikit-learn's contract (clone, get_params, pickle, pipelines, names of features), not its idea of data: X are
pictures, so `check_estimator`, which sends tables of numbers, does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from selfsup.publishing.hub import PublishedEncoder
from selfsup.publishing.loading import Pictures, embed_images, load_encoder


class EncoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Files, or pixels (N, H, W, 3) uint8 -> embeddings (N, D) float32.

    The encoder is loaded when it is first asked. It is no part of what is pickled: the path is, and has to lead to the
    same encoder where it is unpickled; a revision of the hub ("hf://owner/name@COMMIT") does.
    """

    def __init__(
        self, path: str | PathLike[str], *, batch_size: int = 256, symmetries: int = 1, trust: Sequence[str] = ()
    ) -> None:
        """Keep the parameters, as scikit-learn asks.

        Args:
            path: of the encoder, as for `load_encoder`.
            batch_size: pictures at a time.
            symmetries: orientations of a picture over which it averages: 1, or 8.
            trust: packages whose classes it may name.
        """
        self.path, self.batch_size, self.symmetries, self.trust = path, batch_size, symmetries, trust

    def fit(self, X: Pictures, y: object = None) -> EncoderTransformer:
        """Nothing is learned; the encoder is loaded, so that a wrong path is told before a pipeline has begun."""
        del X, y
        self._load()
        return self

    def transform(self, X: Pictures) -> np.ndarray:
        """Pictures -> (N, D); errors as of `load_encoder` and `embed_images`."""
        return embed_images(self._load(), X, self.batch_size)

    @property
    def _n_features_out(self) -> int:
        """D: scikit-learn makes the names of the features from it."""
        return self._load().dim

    def _load(self) -> PublishedEncoder:
        """The encoder of these parameters, loaded once."""
        wanted = (str(self.path), self.symmetries, tuple(self.trust))
        if vars(self).get("_loaded", (None, None))[0] != wanted:
            self._loaded = (wanted, load_encoder(self.path, self.trust, self.symmetries))
        return self._loaded[1]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit, tags.no_validation = False, True
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_loaded"}
