from __future__ import annotations

import numpy as np
import pytest
from support import blobs

from embedlens import InputError
from embedlens.analysis.projection.synthesis import synthesised, synthesised_map

QUICK = {"perplexity": 5, "early_exaggeration_iter": 20, "n_iter": 30}


def learnt(n=30, classes=3, dim=4):
    """Embeddings, labels, and a mu and sigma of each item that differ by item and dimension."""
    z, y = blobs(n, dim=dim, classes=classes)
    random = np.random.default_rng(5)
    mu, sigma = random.normal(size=(n, dim)), random.uniform(0.1, 2, (n, dim))
    return z, 7 * y - 3, mu.astype(np.float32), sigma.astype(np.float32)


def test_mean_and_covariance_are_those_of_the_mixture():
    z, y, mu, sigma = learnt()
    found = synthesised(z, y, mu=mu, sigma=sigma, per_class=200_000)
    for place, label in enumerate((-3, 4, 11)):
        rows = np.flatnonzero(y == label)
        points = found.points[found.label == label]
        np.testing.assert_allclose(found.centres[place], z[rows].astype(float).mean(axis=0))
        mean = found.centres[place] + mu[rows].mean(axis=0)
        spread = np.cov(mu[rows].T, bias=True) + np.diag((sigma[rows] ** 2).mean(axis=0))
        error = np.sqrt(np.diag(spread) / len(points))
        assert (np.abs(points.mean(axis=0) - mean) < 5 * error).all()
        np.testing.assert_allclose(np.cov(points.T), spread, atol=0.03)
        counts = np.bincount(found.item[found.label == label], minlength=y.size)
        assert set(np.flatnonzero(counts)) == set(rows)
        assert np.ptp(counts[rows]) < 0.05 * 200_000 / rows.size


def test_without_variance_points_are_class_mean_plus_mu():
    z, y, mu, sigma = learnt()
    found = synthesised(z, y, mu=mu, sigma=0 * sigma, per_class=5)
    centres = found.centres[np.searchsorted(found.classes, found.label)]
    np.testing.assert_allclose(found.points, centres + mu[found.item], rtol=1e-6)
    assert found.points.shape == (15, 4)
    assert found.classes.tolist() == [-3, 4, 11]
    assert (y[found.item] == found.label).all()


def test_a_class_s_points_depend_on_seed_and_class_alone_and_fewer_are_the_first_of_more():
    z, y, mu, sigma = learnt()
    more = synthesised(z, y, mu=mu, sigma=sigma, per_class=9)
    fewer = synthesised(z, y, mu=mu, sigma=sigma, per_class=4, classes=[11])
    np.testing.assert_array_equal(fewer.points, more.points[more.label == 11][:4])
    np.testing.assert_array_equal(fewer.item, more.item[more.label == 11][:4])
    other = synthesised(z, y, mu=mu, sigma=sigma, per_class=9, seed=1)
    assert (other.points != more.points).all()


def test_a_class_of_one_item():
    z, mu = np.array([[1.0, 2], [3, 1], [2, 2]]), np.zeros((3, 2))
    found = synthesised(z, [0, 0, 1], mu=mu, sigma=mu, per_class=2, classes=[1])
    np.testing.assert_array_equal(found.points, [[2, 2], [2, 2]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"per_class": 0}, "0 synthesised points per class; give a number from 1"),
        ({"mu": np.zeros((30, 3))}, r"mu has shape \(30, 3\), the embeddings \(30, 4\)"),
        ({"sigma": np.zeros(30)}, r"sigma has shape \(30,\)"),
        ({"sigma": np.full((30, 4), -1.0)}, "sigma of item [0-9]+ is below 0"),
        ({"mu": np.full((30, 4), np.nan)}, "mu holds NaN"),
        ({"classes": [4, 5]}, "unknown class '?5'?"),
        ({"y": np.zeros(29, int)}, "30 rows, but there are 29 labels"),
    ],
)
def test_what_cannot_be_drawn(changed, message):
    z, y, mu, sigma = learnt()
    told = {"y": y, "mu": mu, "sigma": sigma, "per_class": 2, **changed}
    with pytest.raises(InputError, match=message):
        synthesised(z, told.pop("y"), **told)


def test_one_map_of_items_points_and_means():
    z, y = blobs(40, classes=2, spread=0.1)
    mu = np.zeros_like(z)
    drawn = synthesised(z, y, mu=mu, sigma=mu + 0.05, per_class=6, classes=[1])
    rows = np.arange(0, 40, 2) + np.arange(20) % 2  # of both classes
    found = synthesised_map(z, drawn, rows=rows, n_jobs=1, **QUICK)
    assert found.items.item.tolist() == rows.tolist()
    assert found.items.coordinates.shape == (20, 2)
    assert found.drawn_at.shape == (6, 2)
    assert found.centres_at.shape == (1, 2)
    own, other = (found.items.coordinates[y[rows] == label].mean(axis=0) for label in (1, 0))
    for at in (*found.drawn_at, *found.centres_at):
        assert np.linalg.norm(at - own) < np.linalg.norm(at - other)
    table = found.columns()
    assert table["kind"].tolist() == ["item"] * 20 + ["synthesised"] * 6 + ["class mean"]
    assert found.labels(y).tolist() == [*y[rows], *[1] * 7]
    assert table["item"].tolist() == [*rows, *drawn.item, -1]
    np.testing.assert_array_equal(np.column_stack([table["x"], table["y"]]), found.coordinates)
    again = synthesised_map(z, drawn, rows=rows, n_jobs=1, **QUICK)
    np.testing.assert_array_equal(again.coordinates, found.coordinates)
