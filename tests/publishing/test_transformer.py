"""scikit-learn's contract: what of `check_estimator` makes sense for pictures, by hand, and a real pipeline."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from selfsup.publishing.loading import embed_images
from selfsup.publishing.transformer import EncoderTransformer
from selfsup.types import ConfigError


@pytest.fixture
def files(galaxies):
    return sorted(galaxies.glob("*.jpg"))


def test_it_says_what_the_encoder_says_and_fits_nothing(published, folder, files):
    step = EncoderTransformer(folder)
    expected = embed_images(published, files[:6])
    assert np.array_equal(step.transform(files[:6]), expected)  # without fit: it has no state
    assert step.fit(files) is step
    assert np.array_equal(step.fit_transform(files[:6]), expected)
    check_is_fitted(step)
    assert list(step.get_feature_names_out()) == [f"encodertransformer{n}" for n in range(published.dim)]


def test_parameters_are_kept_as_they_were_given(folder):
    given = {"path": folder, "batch_size": 3, "symmetries": 8, "trust": ("a",)}
    step = EncoderTransformer(**given)
    assert step.get_params() == given
    copy = clone(step)
    assert copy is not step
    assert copy.get_params() == given
    assert not vars(step).keys() - given.keys()  # __init__ does nothing else
    assert repr(step).startswith("EncoderTransformer(")


def test_another_parameter_is_another_encoder(folder, files):
    step = EncoderTransformer(folder).fit(files)
    upright = step.transform(files[:2])
    step.set_params(symmetries=8)
    assert not np.allclose(step.transform(files[:2]), upright)
    with pytest.raises(ConfigError, match="nothing there"):
        step.set_params(path=folder / "nowhere").fit(files)


def test_a_pickle_holds_the_path_and_not_the_weights(folder, files):
    step = EncoderTransformer(str(folder)).fit(files)
    expected, parameters = step.transform(files[:3]), dict(step.get_params())
    content = pickle.dumps(step)
    assert len(content) < 1000
    again = pickle.loads(content)  # noqa: S301  (our own)
    assert again.get_params() == parameters == step.get_params()
    assert np.array_equal(again.transform(files[:3]), expected)


def test_a_pipeline_learns_from_pictures(folder, files):
    round_or_not = np.arange(len(files)) % 2
    pipeline = make_pipeline(EncoderTransformer(folder), StandardScaler(), LogisticRegression(max_iter=1000))
    with pytest.raises(NotFittedError):
        pipeline.predict(files[:1])
    pipeline.fit(files[:80], round_or_not[:80])
    assert pipeline.score(files[80:], round_or_not[80:]) > 0.9
    assert pipeline[:-1].get_feature_names_out()[0] == "encodertransformer0"
    assert cross_val_score(pipeline, files[:20], round_or_not[:20], cv=2).shape == (2,)
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2)
    assert search.fit(files[:20], round_or_not[:20]).predict(files[:3]).shape == (3,)


def test_pixels_do_too(published, folder):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(EncoderTransformer(folder).fit_transform(pixels), embed_images(published, pixels))
