from __future__ import annotations

import math

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.analysis.spectrum import power_law, spectrum


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 3.0])
def test_a_power_law_has_its_exponent_in_any_range(alpha):
    sigma = 7 * np.arange(1, 601) ** (-alpha / 2)
    for first, last in ((11, 500), (1, 2), (5, 10_000)):
        found = power_law(sigma, first=first, last=last)
        assert found.alpha == pytest.approx(alpha, abs=1e-9)
        assert (found.first, found.last) == (first, min(last, 600))


def test_the_fit_is_weighted_least_squares():
    sigma = np.sort(np.random.default_rng(0).uniform(0.1, 3, 60))[::-1]
    k = np.arange(11, 51)
    weights = np.sqrt(1 / k)
    design = np.stack([np.log(k), np.ones(k.size)], axis=1)
    expected = np.linalg.lstsq(design * weights[:, None], 2 * np.log(sigma[10:50]) * weights, rcond=None)[0]
    assert power_law(sigma, last=50).alpha == pytest.approx(-expected[0])


def test_dead_values_end_the_range_and_too_few_have_no_exponent():
    sigma = np.r_[np.arange(1, 21) ** -0.5, np.zeros(5)]
    assert power_law(sigma).last == 20
    assert power_law(sigma, least=sigma[14]).last == 14
    for few in (sigma[:11], sigma[:3], np.zeros(30)):
        assert math.isnan(power_law(few).alpha)
    assert not math.isnan(power_law(sigma[:12]).alpha)


def test_ranges_that_are_none_are_refused():
    for first, last in ((0, 5), (5, 5), (9, 3)):
        with pytest.raises(InputError, match="a range such as 11 to 500 is needed"):
            power_law(np.ones(20), first=first, last=last)


def test_scores_say_which_eigenvalues_were_there():
    z, y = blobs(n=90, dim=24, classes=5, spread=1.0)
    values = score(z, y, ["alpha"], settings=ScoreSettings(alpha_range=(2, 100)))
    expected = power_law(spectrum(z).singular_values, first=2, last=24)
    assert values == {"alpha_from": 2, "alpha_to": 24, "alpha": expected.alpha}
    narrow = score(z[:, :2], y, ["alpha"])
    assert math.isnan(narrow["alpha"])
    collapsed = score(np.ones((9, 20)), np.arange(9) % 2, ["alpha"])
    assert math.isnan(collapsed["alpha"])
    assert collapsed["alpha_to"] == 0
