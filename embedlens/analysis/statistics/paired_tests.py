"""McNemar's test of two outcomes, right or wrong, of the same items."""

from __future__ import annotations

from dataclasses import dataclass

from embedlens.errors import InputError
from embedlens.results import Result

EXACT_UP_TO = 1_000
"""Items won and lost up to which the test is exact; beyond, the approximation is as good."""
MCNEMAR = (
    "McNemar's test, two-sided; exact (binomial) for up to 1,000 items won and lost, else chi-square of one "
    "degree of freedom with continuity correction"
)


@dataclass(frozen=True, slots=True, repr=False)
class McNemar(Result):
    """McNemar's test of a difference between two fractions of the same items.

    Attributes
    ----------
    n_won, n_lost
        Items that are right in the second alone, and in the first alone.
    p_value
        Two-sided p value; 1 where no item is won or lost.
    exact
        Whether it is that of the binomial distribution, not of the chi-square approximation.
    """

    n_won: int
    n_lost: int
    p_value: float
    exact: bool

    def summary(self) -> dict[str, int | float | str]:
        """Return the numbers by name."""
        return {
            "n_won": self.n_won,
            "n_lost": self.n_lost,
            "mcnemar_p": self.p_value,
            "mcnemar": "exact" if self.exact else "chi-square",
        }


def mcnemar(n_won: int, n_lost: int) -> McNemar:
    """Test whether as many items are won as lost.

    Parameters
    ----------
    n_won, n_lost
        Number of items of embeddings [N, D] that only the second of two runs retrieves, and only the first.

    Raises
    ------
    InputError
        A number below 0.

    Notes
    -----
    McNemar, Psychometrika 12, 1947: without a difference the items won are Binomial(b + c, 1/2),
    with b won and c lost. Exact: p = min(1, 2 P(X <= min(b, c))). Else chi-square with Edwards' continuity
    correction (Psychometrika 13, 1948): (abs(b - c) - 1)^2 / (b + c). Items count as independent; those of
    one class share neighbours, so p tends to be too small: read it with the interval that resamples classes.
    """
    from scipy.stats import binom, chi2

    if min(n_won, n_lost) < 0:
        message = f"{n_won} items won and {n_lost} lost; a number of items is 0 or more"
        raise InputError(message)
    n = n_won + n_lost
    exact = n <= EXACT_UP_TO
    if n_won == n_lost:  # twice the probability exceeds 1; the correction would go below 0
        p_value = 1.0
    elif exact:
        p_value = min(1.0, 2 * float(binom.cdf(min(n_won, n_lost), n, 0.5)))
    else:
        p_value = float(chi2.sf((abs(n_won - n_lost) - 1) ** 2 / n, 1))
    return McNemar(n_won, n_lost, p_value, exact)
