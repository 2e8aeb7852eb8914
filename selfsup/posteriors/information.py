"""How much of the doubt about a crowd's votes is disagreement between models: mutual information of votes and model.

    I[k; w] = H[ E_w p(k | w) ] - E_w H[ p(k | w) ]        in nats

(BALD: Houlsby et al. 2011, arXiv:1112.5745; for counts of volunteers Walmsley et al. 2020, arXiv:1905.07424, there with
a binomial, here with the Dirichlet-multinomial of each model). It is 0 where the models agree, however unsure they are
of the votes, and ln S where votes of N volunteers would tell which of S models is right: label those galaxies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp

from selfsup.posteriors.dirichlet_multinomial import Table, compositions, draw, log_rising, number_of_compositions
from selfsup.types import ConfigError

BUDGET = 1_000_000
"""Numbers in memory at a time, about: small enough for a processor's cache."""


class Information(NamedTuple):
    """I of each galaxy, how far off it may be, and the whole doubt that it is a part of.

    Args:
        value: (N,) nats.
        standard_error: (N,) of its Monte Carlo estimate; 0 where it is exact.
        entropy: (N,) nats, H[ E_w p(k | w) ]: of the votes, whichever model is right.
    """

    value: Table
    standard_error: Table
    entropy: Table


def mutual_information(alpha: Table, total: int, exact_up_to: int, draws: int, seed: int) -> Information:
    """(S, N, a) concentrations of one question -> I between the model and the votes of `total` volunteers.

    Args:
        alpha: of S models.
        total: volunteers asked.
        exact_up_to: outcomes C(total + a - 1, a - 1) that are enumerated at most; above, votes are drawn.
        draws: crowds drawn from each model.
        seed: of the draws.
    """
    if number_of_compositions(total, alpha.shape[-1]) > exact_up_to:
        return drawn(alpha, total, draws, seed)
    return enumerated(alpha, total)


def enumerated(alpha: Table, total: int) -> Information:
    """(S, N, a) -> the definition, over every outcome."""
    half = alpha.shape[-1] // 2
    each = alpha.shape[-1] * (total + 1) + number_of_compositions(total, alpha.shape[-1] - half)
    found = [np.empty((2, 0)), *(_enumerated(part, total) for part in _parts(alpha, each))]
    value, entropy = np.concatenate(found, axis=1)
    return Information(np.maximum(value, 0.0), np.zeros_like(value), entropy)  # rounding leaves -1e-16


def _enumerated(alpha: Table, total: int) -> Table:
    """(S, G, a) -> (2, G): I, and the entropy of the mixture.

    log p(k | w) is a sum over the answers. So its mean needs each answer's own distribution alone; and with the answers
    in two halves, p is a product of what each half has to do with it, and its mean over S a product of matrices.
    """
    counts = np.arange(total + 1)
    table = log_rising(alpha, total)
    rest = log_rising(alpha.sum(-1, keepdims=True) - alpha, total)[..., ::-1]
    whole = log_rising(alpha.sum(-1), total)[..., -1]
    choose = gammaln(total + 1) - gammaln(counts + 1) - gammaln(total - counts + 1)
    own = np.exp(choose + table + rest - whole[..., None, None])  # (S, G, a, N + 1), beta-binomial
    table = table - gammaln(counts + 1)
    scale = gammaln(total + 1) - whole
    mean_log = scale + np.einsum("sgak,sgak->sg", own, table)
    entropy = _entropy(own[:, :, 0].mean(0)) if table.shape[2] == 2 else _entropy_of_mixture(table, scale)
    return np.stack([mean_log.mean(0) + entropy, entropy])


def _entropy_of_mixture(table: Table, scale: Table) -> Table:
    """(S, G, a, N + 1) what each count of each answer adds to log p, (S, G) what is always added -> (G,)."""
    models, galaxies, answers, most = table.shape
    first, second = table[:, :, : answers // 2], table[:, :, answers // 2 :]
    entropy = np.zeros(galaxies)
    for votes in range(most):
        ones, others = _sums(first, votes), _sums(second, most - 1 - votes)
        # Largest numbers are 1 in each half, lest one overflows; what they were is the log of a probability.
        tops = ones.max(-1, keepdims=True), others.max(-1, keepdims=True)
        weight = np.exp(ones - tops[0] + (tops[0] + tops[1] + scale[..., None] - np.log(models)))
        mixed = np.matmul(weight.transpose(1, 2, 0), np.exp(others - tops[1]).transpose(1, 0, 2))
        entropy += _entropy(mixed.reshape(galaxies, -1))
    return entropy


def _entropy(p: Table) -> Table:
    """(G, K) -> (G,) the sum of -p ln p; what is below the smallest number counts as 0."""
    found: Table = -np.einsum("gk,gk->g", p, np.log(np.maximum(p, np.finfo(float).tiny)))
    return found


def _sums(table: Table, votes: int) -> Table:
    """(S, G, a, N + 1) -> (S, G, K), the sum over the answers for each way in which so many votes fall on them."""
    outcomes = compositions(votes, table.shape[2])
    found = np.zeros((*table.shape[:2], len(outcomes)))
    for answer, counts in enumerate(outcomes.T):
        found += table[..., answer, :][..., counts]
    return found


def drawn(alpha: Table, total: int, draws: int, seed: int) -> Information:
    """(S, N, a) -> I as the mean of log p(k | w) - log E_w p(k | w) over votes drawn from each model, unbiased.

    The same number of crowds from every model leaves only the spread within each; an estimate may lie below 0.

    Raises:
        ConfigError: fewer than 2 draws, of which no standard error can be had.
    """
    if draws < 2:
        raise ConfigError(f"draws = {draws}: a standard error needs at least 2 crowds from each model")
    rng = np.random.default_rng(seed)
    models, _, answers = alpha.shape
    found = [np.zeros((3, 0))]
    for part in _parts(alpha, draws * models * answers):
        gain, surprise = _gain(part, total, draws, rng)
        error = np.sqrt(gain.var(axis=2, ddof=1).sum(0) / draws) / models
        found.append(np.stack([gain.mean((0, 2)), error, surprise.mean((0, 2))]))
    return Information(*np.concatenate(found, axis=1))


def _gain(alpha: Table, total: int, draws: int, rng: np.random.Generator) -> tuple[Table, Table]:
    """(S, G, a) -> (S, G, draws) each, of votes k drawn from model w.

    log p(k | w) - log E_w p(k | w), and -log E_w p(k | w).
    """
    models, galaxies, answers = alpha.shape
    votes = draw(np.broadcast_to(alpha, (draws, *alpha.shape)), total, rng)
    index = votes.transpose(2, 3, 0, 1).reshape(galaxies, answers, draws * models)
    table, whole = log_rising(alpha, total), log_rising(alpha.sum(-1), total)[..., -1]
    # The multinomial coefficient is the same for every model and cancels.
    log_p = np.stack([np.take_along_axis(t, index, -1).sum(1) - w[:, None] for t, w in zip(table, whole, strict=True)])
    mixed = logsumexp(log_p, axis=0) - np.log(models)
    shape = (galaxies, draws, models)
    own = np.einsum("sgds->sgd", log_p.reshape(models, *shape))
    coefficient = gammaln(total + 1) - gammaln(index + 1).sum(1)
    gain: Table = own - mixed.reshape(shape).transpose(2, 0, 1)
    surprise: Table = -(mixed + coefficient).reshape(shape).transpose(2, 0, 1)
    return gain, surprise


def _parts(alpha: Table, each: int) -> list[Table]:
    """(S, N, a) cut along the galaxies, so that `each` numbers per model and galaxy fit the budget."""
    size = max(1, BUDGET // (alpha.shape[0] * each))
    return [alpha[:, at : at + size] for at in range(0, alpha.shape[1], size)]
