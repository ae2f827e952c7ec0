from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning import miners as package
from pytorch_metric_learning.utils.loss_and_miner_utils import get_all_triplets_indices

from embedlens import InputError
from embedlens.objectives.miners import (
    MINERS,
    build_miner,
    distances,
    mining_options,
)
from embedlens.objectives.mining import log_density

NAMES = [
    "all", "distance-weighted", "easy-positive", "hard", "random", "semi-hard", "semi-hard-range",
]  # fmt: skip
BY_PAIR = ["all", "distance-weighted", "hard", "random", "semi-hard"]
BY_ANCHOR = ["easy-positive", "semi-hard-range"]
DETERMINISTIC = [
    ("all", {}),
    ("hard", {}),
    ("semi-hard", {}),
    ("semi-hard", {"margin": 0.05}),
    ("easy-positive", {}),
    ("easy-positive", {"negative": "hard"}),
]
DRAWN = ["random", "semi-hard-range", "distance-weighted"]


def batch(seed=0, n=14, dim=4, classes=4, shift=0.3):
    """Embeddings [n, dim] of unequal lengths in float64, and labels in no order, one class of one item."""
    random = np.random.default_rng(seed)
    z = (random.normal(size=(n, dim)) + shift) * random.uniform(0.3, 4, size=(n, 1))
    labels = random.permutation(np.append(np.arange(n - 1) % (classes - 1), 50))
    return torch.from_numpy(z), torch.from_numpy(labels)


def with_duplicate(z, y):
    """Make item 1 a duplicate of item 7, of another length; not quite equal, since rounding decides ties."""
    z[1], y[1] = 3 * z[7], y[7]
    z[1, 0] += 1e-3 * z[1].norm()


def loops(z, y):
    """Cosines by plain float64 loops; and for each row its positives and negatives."""
    rows = [[float(v) for v in row] for row in z]
    norms = [math.sqrt(sum(v * v for v in row)) for row in rows]
    s = [
        [sum(p * q for p, q in zip(a, b, strict=True)) / (m * n) for b, n in zip(rows, norms, strict=True)]
        for a, m in zip(rows, norms, strict=True)
    ]
    y = y.tolist()
    numbers = range(len(y))
    positives = [[j for j in numbers if j != i and y[j] == y[i]] for i in numbers]
    negatives = [[j for j in numbers if y[j] != y[i]] for i in numbers]
    return s, positives, negatives


def distance(s):
    return math.sqrt(max(0.0, 2 - 2 * s))


def plain_pairs(z, y, chosen):
    """Triplets by loops over positive pairs; `chosen(s, positive, negatives)` gives the negatives."""
    s, positives, negatives = loops(z, y)
    triplets, skipped = set(), 0
    for a in range(len(s)):
        for p in positives[a]:
            found = chosen(s[a], p, negatives[a])
            triplets |= {(a, p, n) for n in found}
            skipped += not found
    return triplets, skipped


def plain_all(z, y):
    return plain_pairs(z, y, lambda _s, _p, negatives: negatives)


def plain_hard(z, y):
    return plain_pairs(
        z, y, lambda s, _p, negatives: [max(negatives, key=lambda n: s[n])] if negatives else []
    )


def plain_semi_hard(z, y, margin=0.2):
    return plain_pairs(
        z, y, lambda s, p, negatives: [n for n in negatives if 0 < distance(s[n]) - distance(s[p]) < margin]
    )


def plain_easy_positive(z, y, negative="semi-hard"):
    s, positives, negatives = loops(z, y)
    triplets, skipped = set(), 0
    for a in range(len(s)):
        easy = [p for p in positives[a] if s[a][p] <= 0.9999]
        p = max(easy, key=lambda p: s[a][p], default=None)
        left = [n for n in negatives[a] if p is not None and (negative == "hard" or s[a][n] <= s[a][p])]
        if left:
            triplets.add((a, p, max(left, key=lambda n: s[a][n])))
        skipped += not left
    return triplets, skipped


PLAIN = {
    "all": plain_all,
    "hard": plain_hard,
    "semi-hard": plain_semi_hard,
    "easy-positive": plain_easy_positive,
}


def triplets_of(mined):
    """The triplets as a list of numbers; no triplet may be there twice."""
    listed = list(zip(*(part.tolist() for part in mined.indices), strict=True))
    assert len(set(listed)) == len(listed) == len(mined)
    return set(listed)


def test_names_and_options():
    assert MINERS.names() == NAMES
    assert mining_options("semi-hard") == {"margin": 0.2}
    assert mining_options("distance-weighted") == {"cutoff": 0.5, "furthest": 1.4}
    assert mining_options("easy-positive") == {"negative": "semi-hard"}
    assert all(mining_options(name) == {} for name in ("all", "random", "hard", "semi-hard-range", "pml:X"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("semihard", {}, "unknown mining 'semihard'.*choose one of: all, distance-weighted, easy-positive"),
        ("hard", {"margin": 1}, "mining 'hard' has no option 'margin'; its options: none"),
        ("semi-hard", {"margn": 1}, "mining 'semi-hard' has no option 'margn'; its options: margin"),
        ("semi-hard", {"margin": 0.0}, "margin of semi-hard mining is 0.0; a number above 0"),
        ("semi-hard", {"margin": math.nan}, "margin of semi-hard mining is nan; a number above 0"),
        ("distance-weighted", {"cutoff": 0.0}, "cutoff 0.0, furthest 1.4; 0 < cutoff < furthest <= 2"),
        ("distance-weighted", {"cutoff": 1.4}, "cutoff 1.4, furthest 1.4"),
        ("distance-weighted", {"furthest": 2.1}, "cutoff 0.5, furthest 2.1"),
        ("easy-positive", {"negative": "easy"}, "unknown negative 'easy'; choose one of: hard, semi-hard"),
        (
            "pml:TripletMiner",
            {},
            "unknown miner of pytorch-metric-learning 'pml:TripletMiner'; .*pml:Angular",
        ),
        ("pml:BaseMiner", {}, "unknown miner of pytorch-metric-learning 'pml:BaseMiner'"),
        ("pml:", {}, "unknown miner of pytorch-metric-learning 'pml:'"),
        ("pml:TripletMarginMiner", {"margn": 1}, "pml:TripletMarginMiner cannot be made with .*'margn'"),
        ("pml:HDCMiner", {"no": 1}, "pml:HDCMiner cannot be made with"),
    ],
)
def test_what_cannot_be_is_refused(name, options, message):
    with pytest.raises(InputError, match=message) as refused:
        build_miner(name, options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("name", "options"), DETERMINISTIC)
@pytest.mark.parametrize("dim", [2, 4, 64])
@pytest.mark.parametrize("seed", range(3))
def test_mining_is_a_plain_loop(name, options, dim, seed):
    z, y = batch(seed, dim=dim)
    with_duplicate(z, y)
    mined = build_miner(name, options)(z, y)
    expected, skipped = PLAIN[name](z, y, **options)
    assert triplets_of(mined) == expected
    assert mined.n_skipped == skipped
    assert expected


def test_duplicates_are_no_easy_positive():
    z, y = batch()
    with_duplicate(z, y)
    mined = build_miner("easy-positive", {"negative": "hard"})(z, y)
    assert not {(1, 7), (7, 1)} & {(a, p) for a, p, _ in triplets_of(mined)}


def test_skipped_pairs_and_anchors_are_counted():
    """A pair close together with no negative within the margin, and anchors that have no pair."""
    z = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0], [0.0, 1.0]])
    y = torch.tensor([0, 0, 1, 2])
    assert {name: (len(build_miner(name)(z, y)), build_miner(name)(z, y).n_skipped) for name in NAMES} == {
        "all": (4, 0),
        "random": (2, 0),
        "hard": (2, 0),
        "semi-hard": (0, 2),
        "semi-hard-range": (2, 2),
        "distance-weighted": (1, 1),  # from (1, 0), (0, 1) stands 1.414 away
        "easy-positive": (2, 2),
    }


@pytest.mark.parametrize("seed", range(3))
def test_sets_are_those_of_pytorch_metric_learning(seed):
    z, y = batch(seed, n=24, dim=8, classes=6)
    ours = {name: triplets_of(build_miner(name)(z, y)) for name in ("all", "semi-hard")}
    theirs = {
        "all": get_all_triplets_indices(y),
        "semi-hard": package.TripletMarginMiner(margin=0.2, type_of_triplets="semihard")(z, y),
    }
    for name, parts in theirs.items():
        assert ours[name] == set(zip(*(part.tolist() for part in parts), strict=True)) != set()


def assert_frequencies(counts, probabilities, draws):
    """Each count lies within 5 standard deviations of the binomial's mean; what cannot be drawn never is.

    A right sampler fails a bound of 5 with probability 6e-7 a number, below 1e-3 over all the numbers here.
    """
    counts, p = np.asarray(counts, dtype=float), np.asarray(probabilities, dtype=float)
    assert not counts[p == 0].any()
    bound = 5 * np.sqrt(draws * p * (1 - p)) + 1  # 1: the normal bound is too narrow for the rarest
    assert (np.abs(counts - draws * p) <= bound).all(), np.abs(counts - draws * p).max()


def drawn_counts(name, z, y, *, draws, options=None):
    """How often each (anchor, positive, negative) is drawn [B, B, B], and the numbers skipped."""
    counts = np.zeros((len(y),) * 3)
    miner = build_miner(name, options)
    torch.manual_seed(7)
    skipped = set()
    for _ in range(draws):
        mined = miner(z, y)
        np.add.at(counts, tuple(part.numpy() for part in mined.indices), 1)
        skipped.add(mined.n_skipped)
    assert len(skipped) == 1
    return counts, skipped.pop()


@pytest.mark.parametrize("classes", [3, 6])
def test_random_negatives_are_drawn_alike(classes):
    z, y = batch(3, n=10, classes=classes)
    _, positives, negatives = loops(z, y)
    counts, skipped = drawn_counts("random", z, y, draws=1000)
    expected = np.zeros_like(counts)
    for a, (ps, ns) in enumerate(zip(positives, negatives, strict=True)):
        for p in ps:
            expected[a, p, ns] = 1 / len(ns)
    assert_frequencies(counts, expected, 1000)
    assert skipped == 0


def range_probabilities(z, y):
    """Probabilities of seed 002's variant by its words, [B, B, B], and how many anchors draw among all."""
    s, positives, negatives = loops(z, y)
    expected, fallback, skipped = np.zeros((len(s),) * 3), [0, 0], 0
    for a, (ps, ns) in enumerate(zip(positives, negatives, strict=True)):
        if not ps or not ns:
            skipped += 1
            continue
        furthest, nearest = min(s[a][p] for p in ps), max(s[a][n] for n in ns)
        near = [n for n in ns if s[a][n] > furthest]
        far = [p for p in ps if s[a][p] < nearest]
        fallback[0] += not near
        fallback[1] += not far
        for p in far or ps:
            for n in near or ns:
                expected[a, p, n] = 1 / len(far or ps) / len(near or ns)
    return expected, fallback, skipped


@pytest.mark.parametrize(("seed", "apart"), [(1, False), (2, False), (0, True)])
def test_range_draws_are_alike_among_the_eligible(seed, apart):
    z, y = batch(seed, n=11, dim=3)
    if apart:  # classes that do not overlap: every anchor draws among all
        z = torch.eye(60, dtype=z.dtype)[y] + 0.01 * torch.randn(11, 60, dtype=z.dtype)
    expected, fallback, skipped = range_probabilities(z, y)
    assert fallback == [10, 10] if apart else fallback[0] < 10
    counts, found = drawn_counts("semi-hard-range", z, y, draws=1000)
    assert_frequencies(counts, expected, 1000)
    assert found == skipped == 1


def plain_log_density(d, dim):
    return (dim - 2) * math.log(d) + (dim - 3) / 2 * math.log(1 - d * d / 4)


def weighted_probabilities(z, y, cutoff=0.5, furthest=1.4):
    """Probabilities by 1 / q(d) in float64 loops [B, B, B], and how many pairs have no candidate."""
    s, positives, negatives = loops(z, y)
    expected, skipped = np.zeros((len(s),) * 3), 0
    for a, (ps, ns) in enumerate(zip(positives, negatives, strict=True)):
        d = {n: distance(s[a][n]) for n in ns}
        logs = {n: -plain_log_density(max(d[n], cutoff), z.shape[1]) for n in ns if d[n] < furthest}
        highest = max(logs.values(), default=0.0)
        total = sum(math.exp(v - highest) for v in logs.values())
        for p in ps:
            for n, v in logs.items():
                expected[a, p, n] = math.exp(v - highest) / total
            skipped += not logs
    return expected, skipped


@pytest.mark.parametrize(
    ("dim", "shift", "options"),
    [
        (2, 0.5, {}),
        (3, 0.5, {}),
        (8, 0.5, {}),
        (512, 0.4, {}),
        (8, 0.5, {"cutoff": 0.9, "furthest": 1.3}),
    ],
)
def test_distance_weights_are_those_of_the_density(dim, shift, options):
    z, y = batch(dim, n=10, dim=dim, shift=shift)
    expected, skipped = weighted_probabilities(z, y, **options)
    counts, found = drawn_counts("distance-weighted", z, y, draws=1000, options=options)
    assert_frequencies(counts, expected, 1000)
    assert found == skipped
    # The case can tell: some anchor has two candidates that are drawn unequally often.
    ordered = np.sort(expected.max(axis=1), axis=1)
    assert (ordered[:, -2] > 0.02).any() or options
    assert (expected > 0).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_of_512_dimensions_do_not_underflow(dtype):
    """Weights over the whole batch's largest are below e^-340 for half the rows (the package's issue 276).

    Rows 0 to 3 stand near each other, the others 1.3 and 1.35 away from each other: each row has candidates,
    and draws them by its own weights.
    """
    e = torch.eye(512, dtype=torch.float64)
    common = e[20] * math.sqrt(1 - 1.3**2 / 2)
    z = torch.stack([common + 1.3 / math.sqrt(2) * e[i] for i in range(8)])
    z[:4] = e[21] + 0.2 * e[:4]
    z[4:] = common + 1.3 / math.sqrt(2) * e[4:8]
    z[7] = torch.nn.functional.normalize(z[7], dim=0) - 0.03 * e[20]
    z, y = z.to(dtype), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    expected, skipped = weighted_probabilities(z.double(), y)
    s, _, _ = loops(z, y)
    logs = [plain_log_density(max(distance(s[0][2]), 0.5), 512), plain_log_density(distance(s[4][6]), 512)]
    assert logs[1] - logs[0] > 340  # beyond exp of float32 and of what a global maximum leaves
    counts, found = drawn_counts("distance-weighted", z, y, draws=1000)
    assert_frequencies(counts, expected, 1000)
    assert found == skipped == 0
    assert 0.6 < expected[4, 5].max() < 0.95
    mined = build_miner("distance-weighted")(z, y)
    assert sorted(mined.anchor.tolist()) == list(range(8))


def test_rows_without_candidates_are_skipped_and_counted():
    """Anchors 0 and 1 have all negatives on the other side; 2, 3 and 4 have each other's classes nearby."""
    z = torch.tensor([[1.0, 0.0], [1.0, 0.05], [-1.0, 0.1], [-1.0, 0.2], [-1.0, 0.3], [-1.0, 0.4]])
    y = torch.tensor([0, 0, 1, 1, 2, 2])
    mined = build_miner("distance-weighted")(z, y)
    assert mined.n_skipped == 2
    assert {(a, p) for a, p, _ in triplets_of(mined)} == {(2, 3), (3, 2), (4, 5), (5, 4)}
    assert all(n in {2: (4, 5), 3: (4, 5), 4: (2, 3), 5: (2, 3)}[a] for a, _, n in triplets_of(mined))


@given(
    d=st.lists(st.floats(0.01, 1.99), min_size=1, max_size=20), dim=st.sampled_from([2, 3, 4, 16, 128, 512])
)
@settings(max_examples=50, deadline=None)
def test_log_density_is_the_formula(d, dim):
    expected = [plain_log_density(v, dim) for v in d]
    found = log_density(torch.tensor(d, dtype=torch.float64), dim)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dim", [3, 4, 8])
def test_log_density_is_that_of_the_sphere(dim):
    """Distances of random unit vectors, in bins of equal width, against q(d) normalised to the same bins."""
    random = torch.Generator().manual_seed(dim)
    draws = 20000
    a, b = (torch.nn.functional.normalize(torch.randn(draws, dim, generator=random), dim=1) for _ in range(2))
    edges = np.linspace(0, 2, 11)
    counts, _ = np.histogram(distances((a * b).sum(1)).numpy(), edges)
    fine = torch.linspace(0, 2, 10001, dtype=torch.float64)
    q = log_density((fine[1:] + fine[:-1]) / 2, dim).exp().numpy().reshape(10, 1000).sum(1)
    assert_frequencies(counts, q / q.sum(), draws)


def test_distances_are_those_of_unit_vectors():
    s = torch.tensor([1.0, 0.0, -1.0, 0.5, 1.0000001])
    torch.testing.assert_close(distances(s), torch.tensor([0.0, 2**0.5, 2.0, 1.0, 0.0]))


def corner(case, dtype):
    z = batch(4, n=8, dim=2 if case == "two dimensions" else 4)[0].to(dtype)
    y = torch.arange(8) // 4
    if case == "one class":
        y = torch.zeros(8, dtype=torch.long)
    if case == "all singletons":
        y = torch.arange(8)
    if case == "duplicates":
        z = z[:1].repeat(8, 1)
    if case == "one item":
        z, y = z[:1], y[:1]
    if case == "one item a class but for two":
        y = torch.tensor([0, 0, 1, 2, 3, 4, 5, 6])
    return z, y


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "case",
    [
        "one class", "all singletons", "duplicates", "one item", "two dimensions",
        "one item a class but for two",
    ],
)  # fmt: skip
def test_corner_cases_give_valid_triplets(name, case, dtype):
    z, y = corner(case, dtype)
    mined = build_miner(name)(z, y)
    for part in mined.indices:
        assert part.dtype == torch.int64
        assert part.shape == (len(mined),)
    for a, p, n in triplets_of(mined):
        assert a != p
        assert y[a] == y[p]
        assert y[a] != y[n]
    pairs = int((y[:, None] == y).sum()) - len(y)
    units = {(a, p) if name in BY_PAIR else a for a, p, _ in triplets_of(mined)}
    assert len(units) + mined.n_skipped == (pairs if name in BY_PAIR else len(y))
    if case in ("one class", "all singletons", "one item"):
        assert len(mined) == 0


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows(name):
    """All similarities tie: all negatives are drawn alike, none is further, and none is an easy positive."""
    z, y = corner("duplicates", torch.float64)
    if name in DRAWN:
        counts, skipped = drawn_counts(name, z, y, draws=1000)
        same = (y[:, None] == y).numpy()
        per_pair = 1.0 if name in BY_PAIR else 1 / 3
        expected = per_pair * ((same & ~np.eye(8, dtype=bool))[:, :, None] * ~same[:, None, :]) / 4
        assert_frequencies(counts, expected, 1000)
        assert skipped == 0
    else:
        mined = build_miner(name)(z, y)
        found = {"all": (96, 0), "hard": (24, 0), "semi-hard": (0, 24), "easy-positive": (0, 8)}[name]
        assert (len(mined), mined.n_skipped) == found


@pytest.mark.parametrize("name", NAMES)
def test_mining_takes_no_gradient_and_changes_nothing(name):
    z, y = batch(dim=6)
    kept = z.clone(), y.clone()
    mined = build_miner(name)(z.requires_grad_(), y)
    assert torch.equal(z, kept[0])
    assert torch.equal(y, kept[1])
    assert len(mined)
    assert not any(part.requires_grad for part in mined.indices)


@pytest.mark.parametrize("name", [*NAMES, "pml:DistanceWeightedMiner", "pml:UniformHistogramMiner"])
def test_draws_are_torch_s_own(name):
    """The same torch seed gives the same triplets, whatever numpy's global state, which is left alone."""
    z, y = batch(n=20, dim=6)
    miner = build_miner(name)
    found = []
    for number in (0, 1):
        np.random.seed(number)  # noqa: NPY002 - the global state is what is tested
        state = np.random.get_state()[1].tobytes()  # noqa: NPY002
        torch.manual_seed(3)
        found.append([part.tolist() for part in miner(z, y).indices])
        assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002
    assert found[0] == found[1]
    if name in DRAWN:
        again = [[part.tolist() for part in miner(z, y).indices] for _ in range(5)]
        assert any(other != found[0] for other in again)


@given(
    choice=st.sampled_from(DETERMINISTIC),
    seed=st.integers(0, 10**6),
    n=st.integers(2, 16),
    dim=st.integers(2, 9),
)
@settings(max_examples=50, deadline=None)
def test_order_names_lengths_and_rotation_do_not_matter(choice, seed, n, dim):
    z, y = batch(seed, n=n, dim=dim)
    random = np.random.default_rng(seed)
    order = torch.from_numpy(random.permutation(n))
    rotation = torch.from_numpy(np.linalg.qr(random.normal(size=(dim, dim)))[0])
    scale = torch.from_numpy(random.uniform(0.5, 2, size=(n, 1)))
    miner = build_miner(*choice)
    first = miner(z, y)
    moved = miner((z * scale @ rotation)[order], (y * -3 + 2**40)[order])
    back = {tuple(int(order[row]) for row in triplet) for triplet in triplets_of(moved)}
    assert back == triplets_of(first)
    assert moved.n_skipped == first.n_skipped


@given(seed=st.integers(0, 10**6), n=st.integers(1, 14), dim=st.integers(2, 9), name=st.sampled_from(NAMES))
@settings(max_examples=50, deadline=None)
def test_every_triplet_is_one_and_every_pair_is_counted(seed, n, dim, name):
    z, y = batch(seed, n=n, dim=dim, classes=3)
    torch.manual_seed(seed)
    mined = build_miner(name)(z, y)
    found = triplets_of(mined)
    assert found <= triplets_of(build_miner("all")(z, y))
    pairs = int((y[:, None] == y).sum()) - n
    units = {(a, p) if name in BY_PAIR else a for a, p, _ in found}
    assert len(units) + mined.n_skipped == (pairs if name in BY_PAIR else n)


def test_large_labels_stay_apart():
    """2^24 and 2^24 + 1 are one number in float32."""
    z, _ = batch(n=4)
    y = torch.tensor([2**24, 2**24, 2**24 + 1, 2**24 + 1])
    assert len(build_miner("all")(z, y)) == 8
    assert len(build_miner("hard")(z, y)) == 4


def test_miners_of_the_package_by_name():
    z, y = batch(5, n=16, dim=5)
    mined = build_miner("pml:TripletMarginMiner", {"margin": 0.3, "type_of_triplets": "semihard"})(z, y)
    assert triplets_of(mined) == triplets_of(build_miner("semi-hard", {"margin": 0.3})(z, y))
    assert mined.n_skipped == 0
    hardest = triplets_of(build_miner("pml:BatchHardMiner")(z, y))
    s, positives, negatives = loops(z, y)
    assert hardest == {
        (a, min(ps, key=lambda p: s[a][p]), max(ns, key=lambda n: s[a][n]))
        for a, (ps, ns) in enumerate(zip(positives, negatives, strict=True))
        if ps and ns
    }


def test_pairs_of_the_package_become_the_triplets_that_they_allow():
    z, y = batch(5, n=16, dim=5)
    options = {"epsilon": 0.1}
    a1, p, a2, n = (part.tolist() for part in package.MultiSimilarityMiner(**options)(z, y))
    expected = {
        (a, b, c) for a, b in zip(a1, p, strict=True) for other, c in zip(a2, n, strict=True) if other == a
    }
    assert triplets_of(build_miner("pml:MultiSimilarityMiner", options)(z, y)) == expected != set()


@pytest.mark.parametrize("name", ["pml:MultiSimilarityMiner", "pml:TripletMarginMiner", "pml:BatchHardMiner"])
@pytest.mark.parametrize("case", ["one class", "all singletons", "one item"])
def test_miners_of_the_package_find_nothing_where_there_is_nothing(name, case):
    mined = build_miner(name)(*corner(case, torch.float32))
    assert len(mined) == 0
    assert all(part.dtype == torch.int64 for part in mined.indices)
