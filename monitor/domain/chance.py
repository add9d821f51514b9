"""How likely it is that something is chance: two exact tests, in plain arithmetic.

    Fisher's exact test     so many of the failing are in one group: does belonging to it matter?
    a scan of coincidences  so many fail within one window: how often do they, each by itself?

Both are upper tails, summed from their first term by the ratio of neighbours, so that a fleet of a hundred thousand costs
no more than one of a hundred.
"""

from math import exp, lgamma, log

YEAR = 365.25 * 86_400.0
NEVER = float("inf")
_LEAST = -700.0  # exp() of less is nought
_ENOUGH = 1e-12  # terms smaller than this part of the sum change nothing that is said


def log_choose(of: int, taken: int) -> float:
    """Return the logarithm of how many ways there are to take so many of so many."""
    return lgamma(of + 1) - lgamma(taken + 1) - lgamma(of - taken + 1)


def log_tail(inside: int, members: int, failing: int, everybody: int) -> float:
    """Return log P(at least ``inside`` of the ``failing`` are among ``members`` of ``everybody``), if it does not matter who is.

    The upper tail of the hypergeometric distribution: Fisher's exact test, one-sided.
    """
    most = min(members, failing)
    if inside > most:
        return -NEVER
    if inside * everybody <= members * failing:  # no more than anywhere else
        return 0.0
    first = (
        log_choose(members, inside)
        + log_choose(everybody - members, failing - inside)
        - log_choose(everybody, failing)
    )
    total = term = 1.0
    for one in range(inside, most):
        term *= (members - one) * (failing - one)
        term /= (one + 1) * (everybody - members - failing + one + 1)
        total += term
        if term < _ENOUGH * total:
            break
    return min(0.0, round(first + log(total), 9))  # so that what is equally likely is equal


def at_least(count: int, expected: float) -> float:
    """Return how likely ``count`` or more are where ``expected`` are, each by itself (Poisson's upper tail).

    An upper bound of it, 1, where no fewer are expected.
    """
    if count <= expected or count <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    first = count * log(expected) - expected - lgamma(count + 1)
    total = term = 1.0
    place = count
    while term > _ENOUGH * total:
        place += 1
        term *= expected / place
        total += term
    logged = first + log(total)
    return exp(logged) if logged > _LEAST else 0.0


def years_between(count: int, expected: float, window: float) -> float:
    """Return once in how many years ``count`` begin within ``window`` seconds, if ``expected`` do in each by themselves.

    Every one that begins opens a window; the others have to fall into it.
    """
    a_year = expected * (YEAR / window) * at_least(count - 1, expected)
    return 1 / a_year if a_year > 0 else NEVER
