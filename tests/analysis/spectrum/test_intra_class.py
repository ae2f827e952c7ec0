from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs

from embedlens import InputError
from embedlens.analysis.spectrum.intra_class import class_spectra


def sized(sizes, dim=5, seed=0, scale=None):
    """Embeddings of classes of those sizes in mixed order, and their labels (3, 5, 7, ...)."""
    random = np.random.default_rng(seed)
    y = np.repeat(3 + 2 * np.arange(len(sizes)), sizes)
    z = random.normal(size=(y.size, dim)) * (1 if scale is None else scale)
    z += 4 * random.normal(size=(len(sizes), dim))[(y - 3) // 2]
    order = random.permutation(y.size)
    return z[order], y[order]


def covariances(z, y, *, normalize):
    """The covariance of each class of two items and more, by a plain loop."""
    found = {}
    for label in sorted({int(one) for one in y}):
        rows = [row / np.linalg.norm(row) if normalize else row for row in z[y == label].astype(np.float64)]
        if len(rows) > 1:
            mean = sum(rows) / len(rows)
            found[label] = sum(np.outer(row - mean, row - mean) for row in rows) / (len(rows) - 1)
    return found


@pytest.mark.parametrize("normalize", [True, False])
def test_every_number_by_plain_loops(normalize):
    z, y = sized([3, 1, 9, 2, 6, 20])
    found = class_spectra(z, y, normalize=normalize)
    wanted = covariances(z, y, normalize=normalize)
    assert found.labels.tolist() == [*wanted] == [3, 7, 9, 11, 13]
    assert found.counts.tolist() == [3, 9, 2, 6, 20]
    assert (found.n_alone, found.dim, found.normalized) == (1, 5, normalize)
    for row, matrix in zip(found.variances, wanted.values(), strict=True):
        np.testing.assert_allclose(row, np.linalg.eigvalsh(matrix)[::-1], atol=1e-12)
    totals = [np.trace(matrix) for matrix in wanted.values()]
    np.testing.assert_allclose(found.totals, totals)
    assert found.variation == pytest.approx(np.std(totals, ddof=1) / np.mean(totals))
    cosines = np.array(
        [
            [np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b) for b in wanted.values()]
            for a in wanted.values()
        ]
    )
    np.testing.assert_allclose(found.similarity, (cosines.sum(axis=1) - 1) / 4)
    assert found.mean_similarity == pytest.approx(cosines[np.triu_indices(5, 1)].mean())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_rotations_orders_and_names_change_nothing(seed, normalize):
    z, y = sized([4, 7, 2, 12], seed=seed)
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    order = random.permutation(y.size)
    one = class_spectra(z, y, normalize=normalize, permutations=1)
    other = class_spectra((z @ turn)[order], 100 + y[order], normalize=normalize, permutations=1)
    np.testing.assert_allclose(other.variances, one.variances, atol=1e-10)
    np.testing.assert_allclose(other.similarity, one.similarity, atol=1e-8)
    assert other.variation == pytest.approx(one.variation, abs=1e-8)


def test_a_scale_of_rows_as_given_scales_the_variances_alone():
    z, y = sized([5, 8, 6])
    one, other = (class_spectra(factor * z, y, normalize=False) for factor in (1, 3))
    np.testing.assert_allclose(other.variances, 9 * one.variances)
    assert other.variation == pytest.approx(one.variation)
    assert other.mean_similarity == pytest.approx(one.mean_similarity)
    assert other.variation_if_alike == pytest.approx(one.variation_if_alike)


def test_copies_of_one_class_are_alike_and_orthogonal_classes_are_not():
    shape = np.random.default_rng(0).normal(size=(6, 3))
    z = np.concatenate([shape + 5, shape - 5, shape + 9])
    same = class_spectra(z, np.repeat([0, 1, 2], 6), normalize=False)
    assert same.variation == pytest.approx(0, abs=1e-12)
    assert same.mean_similarity == pytest.approx(1)
    apart = np.zeros((12, 6))
    apart[:6, :3], apart[6:, 3:] = shape, 2 * shape
    other = class_spectra(apart, np.repeat([0, 1], 6), normalize=False)
    assert other.mean_similarity == pytest.approx(0, abs=1e-12)
    assert other.totals[1] == pytest.approx(4 * other.totals[0])


def test_what_chance_makes_of_classes_of_one_covariance_and_of_others():
    random = np.random.default_rng(1)
    alike, y = sized([12] * 150, dim=8, scale=0.7 ** np.arange(8))
    found = class_spectra(alike, y, normalize=False)
    assert found.variation == pytest.approx(found.variation_if_alike, rel=0.15)
    assert found.mean_similarity == pytest.approx(found.similarity_if_alike, rel=0.05)
    centres = np.array([alike[y == label].mean(axis=0) for label in np.unique(y)])[(y - 3) // 2]
    sizes = random.uniform(0.3, 3, 150)[(y - 3) // 2, None]
    larger = class_spectra(centres + sizes * (alike - centres), y, normalize=False)
    assert larger.variation > 1.5 * larger.variation_if_alike
    np.testing.assert_allclose(larger.similarity, found.similarity)
    turned = alike.copy()
    for label in np.unique(y):
        turned[y == label] = turned[y == label] @ np.linalg.qr(random.normal(size=(8, 8)))[0]
    different = class_spectra(turned, y, normalize=False)
    assert different.mean_similarity < 0.6 * found.mean_similarity
    assert different.similarity_if_alike > 1.2 * different.mean_similarity
    np.testing.assert_allclose(different.totals, found.totals)


def test_the_same_seed_gives_the_same_numbers():
    z, y = sized([4, 5, 6])
    one, two, other = (class_spectra(z, y, seed=seed).summary() for seed in (0, 0, 1))
    assert one == two
    assert one["similarity_if_alike"] != other["similarity_if_alike"]
    assert one["similarity"] == other["similarity"]


def test_classes_of_equal_items_have_no_similarity_and_one_class_no_variation():
    z, y = sized([5, 6, 4])
    z[y == 3] = z[y == 3][0]
    found = class_spectra(z, y)
    assert np.isnan(found.similarity).tolist() == [True, False, False]
    assert found.totals[0] == 0
    alone = class_spectra(*sized([5, 1]))
    assert np.isnan([alone.variation, alone.mean_similarity, alone.variation_if_alike]).all()
    assert alone.n_alone == 1


def test_the_table_has_a_row_for_each_direction_that_items_span():
    z, y = sized([3, 1, 9, 2])
    found = class_spectra(z, y)
    table = found.columns()
    assert table["class"].tolist() == [3] * 2 + [7] * 5 + [9]
    assert table["component"].tolist() == [1, 2, 1, 2, 3, 4, 5, 1]
    np.testing.assert_array_equal(table["variance"][2:7], found.variances[1])
    np.testing.assert_array_equal(table["mean_of_classes"][2:7], found.variances.mean(axis=0))
    for label, total in zip(found.labels, found.totals, strict=True):
        assert table["variance"][table["class"] == label].sum() == pytest.approx(total)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": np.arange(60)}, "every class has one item"),
        ({"y": np.zeros(59, int)}, "60 rows, but there are 59 labels"),
        ({"permutations": 0}, "0 permutations"),
        ({"z": np.full((60, 8), np.nan, np.float32)}, "row 0 holds NaN"),
    ],
)
def test_bad_input(changed, message):
    z, y = blobs()
    told = {"z": z, "y": y, **changed}
    with pytest.raises(InputError, match=message):
        class_spectra(told.pop("z"), told.pop("y"), **told)
