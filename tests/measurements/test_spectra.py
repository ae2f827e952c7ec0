"""Spectra and pruned Recall@1 of a snapshot and of its slices."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from support import blobs

from embedlens.analysis import spectrum as analysis
from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum.slices import slice_recalls, slices_of
from embedlens.measurements.spectra import decompose, prune
from embedlens.searches import SplitItems, search_in

Z, Y = blobs(60, dim=8, classes=6)
SLICES, _ = slices_of(8, 2)


def search(split="test", z=Z):
    return search_in(lambda name: SplitItems.of(name, z, Y), (split, None), place="here")


@pytest.mark.parametrize("center", [True, False])
def test_a_spectrum_of_the_whole_is_that_of_the_analysis(center):
    result = decompose(search(), center=center, normalize=False)
    expected = analysis.values.spectrum(Z, center, normalize=False)
    assert np.allclose(result.whole.deviations, expected.deviations)
    assert result.answer() == result.numbers
    (block,) = result.tables()
    assert np.array_equal(block["deviation"], result.whole.deviations)


def test_slices_have_spectra_and_recalls_of_their_own():
    result = decompose(search(), SLICES)
    recalls = slice_recalls(Z, Y, 2)
    numbers = result.answer()["slices"]
    assert (numbers["number"], numbers["dim"]) == (2, 4)
    assert numbers["recall_at_1"] == recalls.alone.tolist()
    assert numbers["recall_at_1_joined"] == recalls.joined.tolist()
    for slice_, (part, values) in zip(SLICES, result.slices, strict=True):
        own = analysis.values.spectrum(Z[:, slice_.columns])
        assert np.allclose(part.deviations, own.deviations)
        assert values == own.summary("pca")
    assert len(result.tables()) == 2


def test_each_slice_is_pruned_by_itself_and_within_its_dims():
    whole, *parts = prune(search(), partial(pruned_recall, basis="pca"), slices=SLICES, dims=[2, 4, 8])
    assert whole.fit == "test"
    assert whole.facts == {"fit": "test"}
    assert whole.spectrum is None
    assert list(whole.recalls) == [2, 4, 8]
    assert whole.answer()["recall_at_1"] == {str(n): recall for n, recall in whole.recalls.items()}
    for slice_, part in zip(SLICES, parts, strict=True):
        assert part.facts == {"fit": "test", "chunk": slice_.name}
        own = pruned_recall(Z[:, slice_.columns], Y, [2, 4], basis="pca")
        assert part.recalls == dict(zip([2, 4], own.recall.tolist(), strict=True))


def test_components_are_those_of_the_items_that_they_are_fitted_on():
    other = Z + np.linspace(0, 3, 8)
    (pruned,) = prune(search(), partial(pruned_recall, basis="svd"), dims=[3], fit=search("train", other))
    assert pruned.fit == "train"
    expected = pruned_recall(Z, Y, [3], basis="svd", fit=other)
    assert pruned.recalls[3] == expected.recall[0]
