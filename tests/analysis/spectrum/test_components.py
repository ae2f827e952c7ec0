from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.spectrum.components import (
    align_signs,
    class_scatter,
    component_numbers,
    score_correlations,
)
from embedlens.analysis.spectrum.values import spectrum


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_values_are_the_coordinates_of_what_the_mean_leaves(center, normalize):
    z, y = blobs(dim=5)
    names = np.array([40, 7, -3, 9, 12, 11])[y]
    found = class_scatter(z, names, [1, 3, -1], center=center, normalize=normalize)
    rows = unit(z) if normalize else np.asarray(z, float)
    basis = spectrum(z, center, normalize=normalize)
    mean = rows.mean(axis=0)
    for item, row in enumerate(rows):
        for place, number in enumerate((1, 3, 5)):
            expected = sum(
                (a - m) * v for a, m, v in zip(row, mean, basis.components[number - 1], strict=True)
            )
            assert found.values[item, place] == pytest.approx(expected, abs=1e-12)
    assert found.components.tolist() == [1, 3, 5]
    assert found.deviations == pytest.approx(basis.deviations[[0, 2, 4]])
    assert found.classes.tolist() == [-3, 7, 9, 11, 12, 40]
    np.testing.assert_array_equal(found.classes[found.rank], names)
    assert (found.dim, found.kind, found.normalized) == (5, "pca" if center else "svd", normalize)
    if center:
        assert found.values.std(axis=0, ddof=1) == pytest.approx(found.deviations)


def test_known_axes():
    random = np.random.default_rng(0)
    z = np.stack([5 * random.normal(size=300), random.normal(size=300), 0.01 * random.normal(size=300)], 1)
    found = class_scatter(z, np.arange(300) % 3, normalize=False)
    assert np.abs(np.corrcoef(found.values[:, 0], z[:, 0])[0, 1]) > 0.999
    assert np.abs(np.corrcoef(found.values[:, 1], z[:, 2])[0, 1]) > 0.99
    assert not found.dead.any()


def test_rotation_changes_no_value_but_for_signs():
    z, y = blobs(dim=5)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    one, other = (class_scatter(rows, y, [1, 2, 3, 4, 5]) for rows in (z, np.asarray(z, float) @ turn))
    assert np.abs(other.values) == pytest.approx(np.abs(one.values), abs=1e-7)


def test_renamed_labels_keep_their_order_and_values():
    z, y = blobs()
    one, other = class_scatter(z, y), class_scatter(z, 10 * y + 3)
    np.testing.assert_array_equal(one.rank, other.rank)
    np.testing.assert_array_equal(one.values, other.values)


def test_a_basis_of_other_embeddings_and_in_blocks(monkeypatch):
    z, y = blobs()
    other, _ = blobs(seed=3)
    basis = spectrum(other)
    found = class_scatter(z, y, [2], basis=basis)
    assert found.values[:, 0] == pytest.approx((unit(z) - basis.mean) @ basis.components[1])
    monkeypatch.setattr("embedlens.analysis.spectrum.components._ROWS", 7)
    np.testing.assert_allclose(class_scatter(z, y, [2], basis=basis).values, found.values, atol=1e-14)
    with pytest.raises(InputError, match="the basis has 8 dims, but the embeddings have 4"):
        class_scatter(z[:, :4], y, basis=basis)


def test_the_smallest_component_may_be_dead():
    z, y = blobs()
    z[:, 4] = 0
    assert class_scatter(z, y).dead.tolist() == [False, True]


def test_one_class_is_enough_and_the_table():
    z, _ = blobs()
    found = class_scatter(z, np.full(60, 7), [1, -1, 8])
    columns = found.columns()
    assert list(columns) == ["row", "label", "class", "component_1", "component_8"]
    assert set(columns["label"].tolist()) == {7}
    assert set(columns["class"].tolist()) == {0}
    np.testing.assert_array_equal(columns["component_8"], found.values[:, 1])


def test_numbers_of_components():
    assert component_numbers([1, -1, 4, -1], 4) == [1, 4]
    assert component_numbers([-4], 4) == [1]
    for wrong in (0, 5, -5):
        with pytest.raises(InputError, match=f"unknown component {wrong}; choose from 1 to 4"):
            component_numbers([wrong], 4)
    with pytest.raises(InputError, match="no component given"):
        component_numbers([], 4)


def test_signs_follow_the_scores_of_the_epoch_before():
    z, y = blobs()
    random = np.random.default_rng(1)
    epochs = [
        z,
        -z,
        z + 0.01 * random.normal(size=z.shape),
        -z,
        z @ np.linalg.qr(random.normal(size=(8, 8)))[0],
    ]
    found = [class_scatter(part, y, [1, 2, 3], normalize=False) for part in epochs]
    # A decomposition may give v or -v: here every second one gives the other.
    found = [
        replace(one, values=one.values * ([1, -1, 1] if at % 2 else [1, 1, -1]))
        for at, one in enumerate(found)
    ]
    aligned = align_signs(found)
    assert aligned[0] is found[0]
    for before, one, raw in zip(aligned, aligned[1:], found[1:], strict=False):
        for place in range(3):
            told = float(np.corrcoef(before.values[:, place], raw.values[:, place])[0, 1])
            expected = raw.values[:, place] * (-1 if told < 0 else 1)
            np.testing.assert_array_equal(one.values[:, place], expected)
            found_there = score_correlations(before, raw)[place]
            assert found_there == pytest.approx(told, abs=1e-12)
            assert abs(told) > 0.9
    # -z has the scores of z, negated, so it is what it was.
    np.testing.assert_allclose(aligned[1].values, aligned[0].values, atol=1e-6)
    assert align_signs([]) == []


def test_scores_that_are_all_the_same_or_tiny_keep_their_sign():
    z, y = blobs()
    one = class_scatter(z, y, [1, 2])
    flat = replace(one, values=one.values * [0, -1e-200])
    told = score_correlations(one, flat)
    assert np.isnan(told[0])
    assert told[1] == pytest.approx(-1)
    np.testing.assert_array_equal(align_signs([one, flat])[1].values[:, 1], -flat.values[:, 1])


def test_signs_of_other_items_or_components_are_refused():
    z, y = blobs()
    one = class_scatter(z, y, [1, 2])
    with pytest.raises(InputError, match="components 1, 2, the other 1, 3"):
        align_signs([one, class_scatter(z, y, [1, 3])])
    with pytest.raises(InputError, match="60 items, the other 59"):
        align_signs([one, class_scatter(z[1:], y[1:], [1, 2])])
    with pytest.raises(InputError, match="the same items"):
        score_correlations(one, class_scatter(z, y + 1, [1, 2]))


def test_numbers_of_each_component():
    z, y = blobs()
    one = class_scatter(z, y, [1, -1])
    numbers = one.by_component()
    assert list(numbers) == ["1", str(z.shape[1])]
    assert numbers["1"]["greatest"] == one.values[:, 0].max()
    assert numbers["1"]["least"] == one.values[:, 0].min()
    assert [values["deviation"] for values in numbers.values()] == one.deviations.tolist()
    assert one.summary() == {"n": len(y), "n_classes": len(set(y.tolist())), "dim": z.shape[1]}
