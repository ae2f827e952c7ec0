"""Scores of pairs of snapshots against plain float64 formulas, their invariances, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import blobs, unit

from embedlens import InputError
from embedlens.analysis.drift import KS as DEFAULT_KS
from embedlens.analysis.drift import SCORES, alignment, drift, neighbours, spaces

KS = (1, 5, 20)
NAMES = ["overlap_at_1", "overlap_at_5", "overlap_at_20", "cka", "procrustes", "angle"]


def plain(a, b, ks=KS, normalize=True):
    """All scores of two snapshots, by the formulas as they are written, in float64."""
    found, lists = {}, []
    for z in (a, b):
        similarity = unit(z) @ unit(z).T
        np.fill_diagonal(similarity, -np.inf)
        lists.append(np.argsort(-similarity, axis=1, kind="stable"))
    for k in ks:
        shared = [len({*one[:k]} & {*other[:k]}) / k for one, other in zip(*lists, strict=True)]
        found[f"overlap_at_{k}"] = np.mean(shared)
    x, y = (unit(z) if normalize else np.asarray(z, np.float64) for z in (a, b))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    found["cka"] = np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    dim = max(x.shape[1], y.shape[1])
    x, y = (np.pad(z, ((0, 0), (0, dim - z.shape[1]))) for z in (x, y))
    left, _, right = np.linalg.svd(x.T @ y)
    turned = x @ left @ right
    found["procrustes"] = np.linalg.norm(turned - y) ** 2
    u, v = unit(turned), unit(y)
    angles = 2 * np.arctan2(np.linalg.norm(u - v, axis=1), np.linalg.norm(u + v, axis=1))
    found["angle"] = np.degrees(angles.mean())
    return found


def snapshots(n=90, dim=8, seed=0):
    """Snapshots of the same items: as given, a step further, another space of fewer dims, in float16."""
    random = np.random.default_rng(seed)
    z = (random.normal(size=(n, dim)) + 1).astype(np.float32)
    other = random.normal(size=(n, dim // 2 + 1))
    return [z, z + 0.2 * random.normal(size=z.shape).astype(np.float32), other, z.astype(np.float16)]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("n", "dim"), [(90, 8), (30, 40), (25, 2)])
def test_all_pairs_are_those_of_the_plain_formulas(n, dim, normalize):
    given_ = snapshots(n, dim)
    found = drift(given_, ks=KS, normalize=normalize)
    assert (found.n, found.size, list(found.values)) == (n, 4, NAMES)
    for a in range(4):
        for b in range(4):
            wanted = plain(given_[a], given_[b], normalize=normalize)
            for name in NAMES:
                if a == b:
                    wanted[name] = 1.0 if name[0] in "oc" else 0.0
                assert found.values[name][a, b] == pytest.approx(wanted[name], abs=1e-9), (name, a, b)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_rotation_and_the_order_of_rows_change_nothing(seed):
    random = np.random.default_rng(seed)
    a, b = snapshots(40, 6, seed)[:2]
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    order = random.permutation(40)
    first = drift([a, b], ks=(3,)).values
    for one, other in ((a.astype(np.float64) @ turn, b), (a[order], b[order]), (3 * a, 0.5 * b)):
        again = drift([one, other], ks=(3,)).values
        for name, matrix in first.items():
            np.testing.assert_allclose(again[name], matrix, atol=1e-6, err_msg=name)


def test_a_shift_and_a_scale_change_nothing_of_what_is_centred():
    a, b = snapshots(50, 6)[:2]
    scores = ("cka", "procrustes", "angle")
    first = drift([a, b], scores=scores, normalize=False).values
    again = drift([a * 4.0 + 2.0, b.astype(np.float64)], scores=scores, normalize=False).values
    for name in scores:
        np.testing.assert_allclose(again[name], first[name], atol=1e-5)


def test_ties_go_to_the_lower_row():
    z = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    found = drift([z, z[:, ::-1].copy()], ks=(1, 3, 5), scores=("overlap",))
    assert [found.values[f"overlap_at_{k}"][0, 1] for k in (1, 3, 5)] == [1.0, 1.0, 1.0]
    moved = z.copy()
    moved[1] = [0.9, 0.1, 0]  # row 0 has rows 1, 2, 3 as equal neighbours, then 2, 3 before 1
    for k in (1, 2):
        wanted = plain(z, moved, ks=(k,))[f"overlap_at_{k}"]
        assert drift([z, moved], ks=(k,), scores=("overlap",)).values[f"overlap_at_{k}"][0, 1] == wanted < 1


def test_items_all_in_one_point_have_an_overlap_alone():
    z, _ = blobs(20, dim=4)
    point = np.tile(z[:1], (20, 1))
    found = drift([z, point, z], ks=(2,))
    for name in ("cka", "procrustes", "angle"):
        assert np.isnan(found.values[name][1]).all()
        assert not np.isnan(found.values[name][[0, 2]][:, [0, 2]]).any()
    assert not np.isnan(found.values["overlap_at_2"]).any()


def test_an_item_at_the_mean_has_no_angle():
    z = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], np.float32) + [3, 0]
    moved = z.copy()
    moved[1:3] = [[4, 0.5], [2, -0.5]]
    found = drift([z, moved], scores=("angle",), normalize=False).values["angle"][0, 1]
    assert found == pytest.approx(plain(z[1:], moved[1:], normalize=False)["angle"], abs=1e-9)


def test_large_spaces_are_rotated_in_float32_within_1e_9(monkeypatch):
    given_ = [z.astype(np.float32) for z in snapshots(4000, 64)[:3]]
    wanted = plain(given_[0], given_[1], ks=())
    monkeypatch.setattr(alignment, "_LARGE", 1)
    found = drift(given_[:2], scores=("cka", "procrustes", "angle")).values
    assert found["cka"][0, 1] == pytest.approx(wanted["cka"], abs=1e-12)
    assert found["procrustes"][0, 1] == pytest.approx(wanted["procrustes"], abs=1e-12)
    assert np.radians(found["angle"][0, 1]) == pytest.approx(np.radians(wanted["angle"]), abs=1e-9)
    near = [given_[0], given_[0] * np.float32(1 + 1e-7)]  # so near that float32 would show
    assert drift(near, scores=("angle",)).values["angle"][0, 1] < 1e-5


def test_tiles_blocks_and_mapped_files_change_nothing(monkeypatch, tmp_path):
    given_ = snapshots(70, 6)
    whole = drift(given_, ks=KS)
    files = []
    for number, z in enumerate(given_):
        np.save(tmp_path / f"{number}.npy", z)
        files.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
    assert spaces.Source.of(files[0]).array is spaces.Source.of(np.asarray(files[0])).array is None
    assert all(
        spaces.Source.of(part).array is not None for part in (files[0][1:], files[0].T, files[0][:, :2])
    )
    monkeypatch.setattr(alignment, "_SUMS", 70)
    monkeypatch.setattr(alignment, "_BLOCK_VALUES", 100)
    monkeypatch.setattr(spaces, "_BLOCK_VALUES", 100)
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", 500)
    again = drift(files, ks=KS)
    assert (
        len(alignment.Tile.cover([spaces.space_of(z) for z in files], [(0, 1)], procrustes=True, angles=True))
        > 1
    )
    for name in NAMES:
        np.testing.assert_allclose(again.values[name], whole.values[name], atol=1e-12)


def test_only_what_is_asked_for():
    given_ = snapshots(30, 5)[:2]
    whole = drift(given_, ks=(2,))
    for name in ("cka", "procrustes", "angle", "overlap"):
        one = drift(given_, ks=(2,), scores=(name,))
        (found,) = one.values
        assert found.startswith(name)
        np.testing.assert_allclose(one.values[found], whole.values[found], atol=1e-12)


def test_columns_hold_each_pair_once_and_the_line_is_against_the_last():
    found = drift(snapshots(30, 5), ks=(2,), scores=("overlap", "cka"))
    columns = found.columns()
    pairs = list(zip(columns["first"].tolist(), columns["second"].tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert columns["cka"].tolist() == [found.values["cka"][pair] for pair in pairs]
    assert found.against()["cka"].tolist() == found.values["cka"][:, 3].tolist()
    assert found.summary() == {
        "n": 30, "overlap_at_2": found.values["overlap_at_2"][0, 3], "cka": found.values["cka"][0, 3],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arrays", "options", "text"),
    [
        ([np.ones((3, 2))], {}, "1 snapshot to compare; at least two are needed"),
        ([np.ones((3, 2)), np.ones((4, 2))], {}, "snapshots of 3 and of 4 items"),
        ([np.ones((1, 2)), np.ones((1, 2))], {}, "items to compare: 1; at least two are needed"),
        ([np.ones((3, 2))] * 2, {"ks": (3,)}, "of 3 items, numbers in 1 to 2 are needed"),
        ([np.ones((3, 2))] * 2, {"ks": ()}, "numbers of neighbours: none"),
        ([np.ones((3, 2))] * 2, {"scores": ("cca",)}, "unknown score of drift 'cca'"),
        ([np.ones((3, 2))] * 2, {"scores": ()}, "no score is named"),
        ([np.zeros((3, 2))] * 2, {}, "row 0 is a zero vector"),
        ([np.full((3, 2), 1e300)] * 2, {"normalize": False}, "squares do not fit float64"),
    ],
)
def test_what_is_refused(arrays, options, text):
    with pytest.raises(InputError, match=text):
        drift(arrays, **options)


def test_default_scores_and_neighbours():
    assert DEFAULT_KS == (1, 10, 100)
    assert SCORES == ("overlap", "cka", "procrustes", "angle")
