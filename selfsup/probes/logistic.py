"""Multinomial logistic regression along a path of penalties, each fit started from the one before it.

Minimises C * sum_i w_i * CE(softmax(W x_i + b), y_i) + |W|^2 / 2 with scikit-learn's L-BFGS. From the strongest penalty
to the weakest the optimum moves little from one C to the next, so the whole path costs about as much as two cold fits:
a second for 2000 galaxies and 768 features on one core.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

_log = logging.getLogger(__name__)


def logistic_path(
    features: np.ndarray, target: np.ndarray, cs: Sequence[float], balanced: bool, max_iter: int
) -> Iterator[tuple[float, LogisticRegression]]:
    """(N, D) standardised features and (N,) classes -> each C with its fit.

    It is one model, refitted: use it before taking the next. A fit that has not settled after `max_iter` steps is
    usable and is logged. One that ends before, because its loss no longer falls within float64, counts as settled.
    """
    model = LogisticRegression(warm_start=True, max_iter=max_iter, class_weight="balanced" if balanced else None)
    for c in cs:
        with warnings.catch_warnings():
            # scikit-learn says it by a warning; the line below says it in the log, with the C and the remedy.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(C=c).fit(features, target)
        if model.n_iter_.max() >= max_iter:
            _log.warning("Logistic regression with C=%g stopped after max_iter=%d steps: raise it.", c, max_iter)
        yield c, model
