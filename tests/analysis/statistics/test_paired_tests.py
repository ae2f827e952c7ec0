"""McNemar's test against scipy's tests and a plain sum."""

from __future__ import annotations

from math import comb

import pytest
from scipy.stats import binomtest, chi2

from embedlens import InputError
from embedlens.analysis.statistics import mcnemar
from embedlens.analysis.statistics.paired_tests import EXACT_UP_TO


@pytest.mark.parametrize(("won", "lost"), [(0, 1), (0, 6), (3, 9), (9, 3), (12, 13), (400, 500)])
def test_few_items_are_tested_exactly(won, lost):
    found = mcnemar(won, lost)
    n, k = won + lost, min(won, lost)
    assert found.exact
    assert found.p_value == pytest.approx(binomtest(won, n, 0.5).pvalue, rel=1e-10)
    plain = sum(comb(n, i) for i in range(k + 1)) / 2**n  # integers, divided once
    assert found.p_value == pytest.approx(min(1.0, 2 * plain), rel=1e-10)


def test_many_items_are_tested_by_the_corrected_chi_square():
    found = mcnemar(900, 1000)
    assert not found.exact
    assert found.p_value == pytest.approx(chi2.sf((100 - 1) ** 2 / 1900, 1), rel=1e-12)
    assert found.p_value == pytest.approx(binomtest(900, 1900, 0.5).pvalue, rel=2e-3)
    assert found.summary()["mcnemar"] == "chi-square"


def test_the_two_forms_agree_where_they_meet():
    half = EXACT_UP_TO // 2
    exact, approximate = mcnemar(half - 40, half + 40), mcnemar(half - 40, half + 41)
    assert (exact.exact, approximate.exact) == (True, False)
    assert approximate.p_value == pytest.approx(exact.p_value, rel=0.1)


def test_no_difference_has_p_1():
    assert mcnemar(0, 0).p_value == mcnemar(7, 7).p_value == mcnemar(700, 700).p_value == 1.0


def test_the_order_of_the_two_does_not_matter():
    assert mcnemar(3, 9).p_value == mcnemar(9, 3).p_value


def test_fewer_than_none_is_refused():
    with pytest.raises(InputError, match="-1 items won and 3 lost"):
        mcnemar(-1, 3)
