from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve
from support import blobs, cosine

from embedlens import InputError
from embedlens.analysis.verification.negatives import many_negatives, standard_error
from embedlens.analysis.verification.pairs import _best_threshold, roc, verify_pairs
from embedlens.pairs import ItemNames, Pairs, Queries, class_numbers, draw_pairs, read_pairs

# --- drawing pairs


def check_pairs(pairs, y, folds, n):
    """Every promise of drawn pairs."""
    assert pairs.n_folds == folds
    assert pairs.a.size == 2 * folds * n
    assert (
        len({frozenset(pair) for pair in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)})
        == pairs.a.size
    )
    assert (pairs.a != pairs.b).all()
    np.testing.assert_array_equal(y[pairs.a] == y[pairs.b], pairs.same)
    for fold in range(folds):
        assert pairs.same[pairs.fold == fold].sum() == (~pairs.same[pairs.fold == fold]).sum() == n
    places = {}
    for row, fold in zip([*pairs.a, *pairs.b], [*pairs.fold, *pairs.fold], strict=True):
        places.setdefault(int(y[row]), set()).add(int(fold))
    assert pairs.disjoint == all(len(folds) == 1 for folds in places.values())


def test_folds_have_classes_of_their_own_where_there_are_enough():
    y = np.repeat(np.arange(60), 30)
    pairs = draw_pairs(y)
    check_pairs(pairs, y, 10, 300)
    assert pairs.disjoint
    assert pairs.source == "drawn by seed 0"


def test_few_classes_are_shared_by_folds():
    y = np.arange(600) % 5
    pairs = draw_pairs(y, folds=10, per_fold=40)
    check_pairs(pairs, y, 10, 40)
    assert not pairs.disjoint


def test_fewer_pairs_than_asked_use_all_that_there_are():
    y = np.arange(30) % 3  # 135 pairs of one class, 300 of two
    pairs = draw_pairs(y, folds=5)
    check_pairs(pairs, y, 5, 27)
    assert pairs.same.sum() == 135


def test_one_giant_class_does_not_starve_the_other_folds():
    y = np.concatenate([np.zeros(1000, int), np.repeat(np.arange(1, 20), 2)])
    pairs = draw_pairs(y, per_fold=50)
    check_pairs(pairs, y, 10, 50)
    assert not pairs.disjoint


def test_classes_are_drawn_before_items():
    y = np.concatenate([np.zeros(900, int), np.repeat(np.arange(1, 10), 100)])
    pairs = draw_pairs(y, folds=2, per_fold=2000)
    large = np.mean(y[pairs.a[pairs.same]] == 0)
    assert 0.05 < large < 0.15  # one of ten classes, although it has 90 % of such pairs


@given(
    st.lists(st.integers(0, 6), min_size=4, max_size=40),
    st.integers(2, 4),
    st.integers(1, 9),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_drawn_pairs_keep_their_promises_or_are_refused(labels, folds, per_fold, seed):
    y = np.array(labels)
    same = sum(a == b for a, b in itertools.combinations(labels, 2))
    other = len(labels) * (len(labels) - 1) // 2 - same
    if min(same, other) < folds:
        with pytest.raises(InputError, match="fold|needs"):
            draw_pairs(y, folds=folds, per_fold=per_fold, seed=seed)
        return
    pairs = draw_pairs(y, folds=folds, per_fold=per_fold, seed=seed)
    together = min(per_fold, same // folds, other // folds)
    n = int(pairs.same.sum()) // folds
    assert n == together or (pairs.disjoint and 2 * n >= together)
    check_pairs(pairs, y, folds, n)


def test_pairs_depend_on_the_seed_and_not_on_the_names_of_labels():
    y = np.random.default_rng(0).integers(0, 12, 200)
    one, again, other = (draw_pairs(y, seed=seed) for seed in (3, 3, 4))
    renamed = draw_pairs(np.array([7, 2**40, -3, 5, 11, 0, 9, 8, 100, 6, 4, 1])[y], seed=3)
    for pairs in (again, renamed):
        np.testing.assert_array_equal(pairs.a, one.a)
        np.testing.assert_array_equal(pairs.b, one.b)
    assert not np.array_equal(other.a, one.a)


def test_classes_are_numbered_by_first_appearance():
    assert class_numbers(np.array([5, 2**53 + 1, 5, -1, 2**53])).tolist() == [0, 1, 0, 2, 3]


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (np.zeros(5, int), {}, "all items have one label"),
        (np.arange(5), {}, "no label has two items"),
        (np.array([0, 0, 1]), {"folds": 2}, "1 pairs of a kind, too few for 2 folds; more items"),
        (np.arange(12) % 2, {"folds": 31}, "30 pairs of a kind, too few for 31 folds; use 30 folds"),
        (np.arange(12) % 2, {"folds": 1}, "2 folds"),
        (np.arange(12) % 2, {"per_fold": 0}, "0 pairs"),
        (np.arange(12) % 2, {"seed": -1}, "seed -1"),
    ],
)
def test_what_cannot_be_drawn(y, options, message):
    with pytest.raises(InputError, match=message):
        draw_pairs(y, **options)


# --- pairs files


@pytest.fixture
def names():
    labels = np.array([4, 4, 4, 9, 9, 2])
    return ItemNames(labels, ["Ann Lee", "Ann Lee", "Ann Lee", "Bo", "Bo", "Cy"], by_order=True)


def write(tmp_path, text):
    file = tmp_path / "pairs.txt"
    file.write_text(text)
    return file


def test_a_file_of_folds(tmp_path, names):
    file = write(tmp_path, "2\t1\nAnn Lee\t1\t3\nAnn Lee\t2\tCy\t1\nBo\t1\t2\nBo\t2\tCy\t1\n\n")
    pairs = read_pairs(file, names)
    assert pairs.a.tolist() == [0, 1, 3, 4]
    assert pairs.b.tolist() == [2, 5, 4, 5]
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert not pairs.disjoint  # Cy stands in both
    assert pairs.source == str(file)
    apart = write(tmp_path, "2\t1\nAnn Lee\t1\t3\nAnn Lee\t2\tCy\t1\nBo\t1\t2\nBo\t2\tBo\t1\n")
    with pytest.raises(
        InputError, match=r"pairs.txt:5: .* names items of one class: Bo \(label 9\) and Bo \(label 9\)"
    ):
        read_pairs(apart, names)


def test_one_set_is_cut_into_folds(tmp_path):
    names = ItemNames(np.repeat([0, 1], 4), ["a"] * 4 + ["b"] * 4, by_order=True)
    same = ["a 1 2", "a 1 3", "a 2 3", "b 1 2", "b 1 3"]
    other = [f"a {i} b {i}" for i in (1, 2, 3, 4)] + ["a 1 b 2"]
    file = write(tmp_path, "\n".join(["5", *same, *other]))
    assert read_pairs(file, names, folds=2).fold.tolist() == [0, 0, 0, 1, 1] * 2
    assert read_pairs(file, names, folds=5).fold.tolist() == [0, 1, 2, 3, 4] * 2
    with pytest.raises(InputError, match="one set of 5 and 5 pairs; it can be cut into 2 to 5 folds, not 10"):
        read_pairs(file, names)


def test_numbers_are_those_of_the_files():
    paths = [
        "x/Bo/Bo_0007.jpg", "x/Bo/Bo_0002.jpg", "x/Cy/Cy_0004.jpg", "x/Cy/cy.jpg", "x/Di/Di_3.png",
        "x/Di/Di_03.png",
    ]  # fmt: skip
    classes = ["Bo", "Bo", "Cy", "Cy", "Di", "Di"]
    names = ItemNames(np.array([0, 0, 1, 1, 2, 2]), classes, paths)
    assert (names.row("Bo", "7"), names.row("Bo", "2"), names.row("Cy", "4")) == (0, 1, 2)
    for name, number in (("Bo", "1"), ("Cy", "2")):
        with pytest.raises(InputError, match=f"class '{name}' has no item {number}"):
            names.row(name, number)
    with pytest.raises(
        InputError, match=r"item 3 of class 'Di' may be 2 items: x/Di/Di_3.png and x/Di/Di_03"
    ):
        names.row("Di", "3")
    ordered = ItemNames(np.array([0, 0, 1, 1, 2, 2]), classes, paths, by_order=True)
    assert [ordered.row(name, "2") for name in ("Bo", "Cy", "Di")] == [1, 3, 5]


VARIANTS = {
    "LFW": "d/{name}/{name}_{i:04d}.jpg",
    "Windows": "C:\\d\\{name}\\{name}_{i:04d}.jpg",
    "suffix": "{name}_{i:04d}_crop.jpg",
    "suffix with a size": "{name}/{name}_{i:04d}_crop160.aligned.png",
    "number alone": "d/{name}/{i}.jpg",
    "jp2": "{name}_{i}.jp2",
}


def verified_by(tmp_path, text, paths, **options):
    """AUC of pairs whose items, `Ann Lee` 1 to 3 and `Bo` 1 to 3, stand in a mixed order; 1 is right."""
    items = [("Bo", 3), ("Ann Lee", 2), ("Ann Lee", 3), ("Bo", 1), ("Bo", 2), ("Ann Lee", 1)]
    places = {  # items 1 and 2 of a class agree, and item 3 with item 3 of the other class does not
        ("Ann Lee", 1): (1, 0.1), ("Ann Lee", 2): (1, 0.2), ("Ann Lee", 3): (-1, 0.1),
        ("Bo", 1): (0.1, 1), ("Bo", 2): (0.2, 1), ("Bo", 3): (0.1, -1),
    }  # fmt: skip
    labels = np.array([int(name == "Bo") for name, _ in items])
    files = None if paths is None else [paths.format(name=name, i=i) for name, i in items]
    names = ItemNames(labels, [name for name, _ in items], files)
    file = tmp_path / "pairs.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    pairs = read_pairs(file, names, folds=2, **options)
    result = verify_pairs(np.array([places[item] for item in items]), pairs)
    return pairs, roc(result.similarity, pairs.same).auc


LFW = "2\t1\nAnn Lee\t1\t2\nAnn Lee\t1\tBo\t3\nBo\t1\t2\nAnn Lee\t3\tBo\t2\n"


@pytest.mark.parametrize("paths", VARIANTS.values(), ids=VARIANTS)
def test_the_pairs_named_are_verified_however_files_are_named(tmp_path, paths):
    assert verified_by(tmp_path, LFW, paths)[1] == 1


def test_pairs_by_path_and_lists_without_a_header(tmp_path):
    first, *lines = LFW.splitlines()
    paths = [
        "Ann Lee/Ann Lee_0001.jpg", "Ann Lee/Ann Lee_0002.jpg", "Bo/Bo_0003.jpg", "Bo/Bo_0001.jpg",
        "Bo/Bo_0002.jpg", "Ann Lee/Ann Lee_0003.jpg",
    ]  # fmt: skip
    a1, a2, b3, b1, b2, a3 = paths
    wanted = [(a1, a2, 1), (a1, b3, 0), (b1, b2, 1), (a3, b2, 0)]
    texts = {
        "no header": "\n".join(lines),
        "BOM": b"\xef\xbb\xbf" + LFW.encode(),
        "blank lines": LFW.replace("\n", "\n\n") + "\n \n",
        "line ends of Windows": LFW.replace("\n", "\r\n"),
        "paths, tabs": "\n".join(f"{a}\t{b}\t{flag}" for a, b, flag in wanted),
        "paths, commas": "\n".join(f"{a},{b},{flag}" for a, b, flag in wanted),
        "titles": "\n".join(["file1,file2,same", *(f'"{a}","{b}",{flag}' for a, b, flag in wanted)]),
        "number first": "\n".join(f"{flag}\t{a}\t{b}" for a, b, flag in wanted),
        "longer paths": "\n".join(f"/data/d/{a}\td/{b}\t{flag}" for a, b, flag in wanted),
        "backslashes": "\n".join(f"{a}\t{b}\t{flag}".replace("/", "\\") for a, b, flag in wanted),
        "file names": "\n".join(f"{a[a.index('/') + 1 :]}\t{b}\t{flag}" for a, b, flag in wanted),
    }
    for kind, text in texts.items():
        pairs, auc = verified_by(tmp_path, text, VARIANTS["LFW"])
        assert (auc, pairs.same.sum(), pairs.n_folds) == (1, 2, 2), kind
    assert first == "2\t1"


def test_items_without_a_plain_number_are_numbered_by_order_only_where_that_is_said(tmp_path):
    for paths in (None, "{name}_{i} (1).jpg", "{name}_2020_{i}.jpg", "img-{name}.{i}.jpg"):
        with pytest.raises(InputError, match="items of class 'Ann Lee' have no numbers.*--pairs-by order"):
            verified_by(tmp_path, LFW, paths, skip_missing=True)
    with pytest.raises(InputError, match="is to be found by its file name, but the items have no paths"):
        verified_by(tmp_path, "a.jpg b.jpg 1\na.jpg b.jpg 1\na.jpg c.jpg 0\na.jpg c.jpg 0\n", None)
    with pytest.raises(InputError, match="names items of two classes"):
        verified_by(tmp_path, "Bo_0001.jpg\tAnn Lee_0001.jpg\t1\n" + LFW[4:], VARIANTS["LFW"])


def test_missing_items_are_skipped_and_counted_where_that_is_said(tmp_path):
    text = LFW.replace("2\t1\n", "") + "Ann Lee\t1\t9\nNobody\t1\tBo\t1\nx.jpg\ty.jpg\t0\n"
    with pytest.raises(InputError, match=r":5: class 'Ann Lee' has no item 9.*--skip-missing"):
        verified_by(tmp_path, text, VARIANTS["LFW"])
    pairs, auc = verified_by(tmp_path, text, VARIANTS["LFW"], skip_missing=True)
    assert (auc, pairs.n_skipped, pairs.a.size, pairs.n_folds) == (1, 3, 4, 2)
    with pytest.raises(InputError, match="fold 1 has no pair left"):
        verified_by(tmp_path, LFW.replace("Ann Lee", "Nobody", 3), VARIANTS["LFW"], skip_missing=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no pairs: 'name i j'"),
        ("ten 300\n", ":1: the first line is 'ten 300'"),
        ("1 2 3 4 5\n", ":1: the first line is '1 2 3 4 5'"),
        ("0 300\n", ":1: the first line"),
        ("2 1\nBo 1 2\n", "states 4 pairs, but 1 lines follow"),
        ("2 1\nBo 1 2\nBo 1 Cy 1\nBo 1 2\nBo 1 Cy 1\nBo 1 2\n", "states 4 pairs, but 5 lines follow"),
        ("2 1\nBo 1 Cy 1\n", r":2: 'Bo 1 Cy 1' stands where 'name i j'"),
        ("2 1\nBo 1 2\nBo 1 2\n", r":3: 'Bo 1 2' stands where 'name1 i name2 j'"),
        ("2 1\nBo 1 2\n\nBo 1 2\nBo 1 Cy 1\n", r":4: 'Bo 1 2' stands where"),
        ("2 1\nBob 1 2\n", r":2: no item is of class 'Bob'; the classes are Ann Lee, Bo, Cy; --skip"),
        ("2 1\nBo 1 3\n", r":2: class 'Bo' has no item 3; its numbers go from 1 to 2"),
        ("2 1\nBo 1 0\n", r":2: class 'Bo' has no item 0"),
        ("2 1\nBo 1 x\n", r":2: 'Bo 1 x' stands where"),
        ("2 1\nBo 1 1\n", r":2: 'Bo 1 1' pairs an item with itself"),
    ],
)
def test_broken_files_are_refused_with_the_line(tmp_path, names, text, message):
    with pytest.raises(InputError, match=message):
        read_pairs(write(tmp_path, text), names)


def test_files_that_cannot_be_read(tmp_path, names):
    with pytest.raises(InputError, match="none.txt: no such file"):
        read_pairs(tmp_path / "none.txt", names)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"binary is not UTF-8 text, nor UTF-16 .*line 1"):
        read_pairs(tmp_path / "binary", names)
    file = write(tmp_path, "2 1\n")
    with pytest.raises(InputError, match="has 2 folds, so 10 are not available"):
        read_pairs(file, names, folds=10)


def test_two_names_of_one_class_and_one_name_of_two(tmp_path):
    names = ItemNames(np.array([0, 0, 1, 2]), ["a", "a", "b", "b"], by_order=True)
    with pytest.raises(
        InputError, match=r":2: 'b 1 2' names items of two classes: b \(label 1\) and b \(label 2\)"
    ):
        read_pairs(write(tmp_path, "2 1\nb 1 2\n"), names)


# --- accuracy in folds


def plain_threshold(similarity, same):
    """All thresholds tried one after another; the middle one of the best."""
    values = sorted(set(similarity))
    tried = [values[0] - 1e-9, *((a + b) / 2 for a, b in itertools.pairwise(values)), values[-1]]
    correct = [sum((s > t) == bool(o) for s, o in zip(similarity, same, strict=True)) for t in tried]
    best = [t for t, c in zip(tried, correct, strict=True) if c == max(correct)]
    return best[(len(best) - 1) // 2]


def test_accuracy_is_that_of_a_plain_loop():
    z, y = blobs(n=90, classes=9, spread=1.2)
    pairs = draw_pairs(y, folds=3, per_fold=40)
    result = verify_pairs(z, pairs)
    s = [cosine(z, i, j) for i, j in zip(pairs.a, pairs.b, strict=True)]
    np.testing.assert_allclose(result.similarity, s, atol=1e-12)
    accuracies = []
    for fold in range(3):
        others = [k for k in range(len(s)) if pairs.fold[k] != fold]
        threshold = plain_threshold([s[k] for k in others], pairs.same[others])
        assert result.threshold[fold] == pytest.approx(threshold, abs=1e-8)
        mine = [k for k in range(len(s)) if pairs.fold[k] == fold]
        accuracies.append(sum((s[k] > threshold) == pairs.same[k] for k in mine) / len(mine))
    np.testing.assert_allclose(result.fold_accuracy, accuracies)
    assert 0.5 < result.accuracy < 1
    assert result.accuracy == pytest.approx(sum(accuracies) / 3)
    spread = math.sqrt(sum((a - result.accuracy) ** 2 for a in accuracies) / 2)
    assert result.accuracy_se == pytest.approx(spread / math.sqrt(3))
    assert {name: column.size for name, column in result.columns().items()} == dict.fromkeys(
        ("fold", "threshold", "accuracy"), 3
    )


def test_the_threshold_is_not_chosen_on_its_own_fold():
    cosines = np.array([1.0, 0.9, 0.5, 0.6, 0.2])
    z = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1)
    same, fold = np.array([True, False, True, False]), np.array([0, 0, 1, 1])
    result = verify_pairs(z, Pairs(np.zeros(4, int), np.arange(1, 5), same, fold, False, ""))
    np.testing.assert_allclose(result.threshold, [0.4, 0.7])
    assert result.fold_accuracy.tolist() == [0.5, 0.5]  # with its own threshold each would reach 1


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_threshold_with_ties_equals_the_plain_loop(pairs):
    s, same = np.array([p[0] / 3 for p in pairs]), np.array([p[1] for p in pairs])
    ours, plain = _best_threshold(s, same), plain_threshold(s.tolist(), same)
    np.testing.assert_array_equal(s > ours, s > plain)


def test_neighbouring_numbers_are_still_separated():
    low = 0.5
    high = np.nextafter(low, 1)
    threshold = _best_threshold(np.array([low, high]), np.array([False, True]))
    assert low <= threshold < high


def test_pairs_of_one_fold_are_refused():
    z, y = blobs()
    pairs = draw_pairs(y, folds=2, per_fold=3)
    one = Pairs(pairs.a, pairs.b, pairs.same, np.zeros_like(pairs.fold), False, "")
    with pytest.raises(InputError, match="the pairs have 1 fold"):
        verify_pairs(z, one)


def test_accuracy_does_not_depend_on_rotation_or_scale():
    z, y = blobs(n=90, classes=9, spread=1.0)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    pairs = draw_pairs(y)
    one, other = verify_pairs(z, pairs), verify_pairs(3 * z.astype(np.float64) @ turn, pairs)
    np.testing.assert_array_equal(one.fold_accuracy, other.fold_accuracy)
    np.testing.assert_allclose(one.threshold, other.threshold, atol=1e-6)


# --- ROC


scored = st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=40).filter(
    lambda pairs: len({same for _, same in pairs}) == 2
)


@given(scored)
@settings(max_examples=60, deadline=None)
def test_roc_and_auc_are_scikit_learn_s(pairs):
    s, same = np.array([p[0] / 4 for p in pairs]), np.array([p[1] for p in pairs])
    curve = roc(s, same)
    assert curve.auc == pytest.approx(roc_auc_score(same, s), abs=1e-12)
    far, tar, threshold = roc_curve(same, s, drop_intermediate=False)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_array_equal(curve.threshold, threshold)
    wins = [np.sign(a - b) for a in s[same] for b in s[~same]]
    assert curve.auc == pytest.approx(0.5 + 0.5 * np.mean(wins))


@given(scored, st.sampled_from([1.0, 0.5, 0.3, 0.25, 0.1, 0.05]))
@settings(max_examples=60, deadline=None)
def test_tar_at_far_is_the_best_of_all_thresholds(pairs, far):
    s, same = np.array([p[0] / 4 for p in pairs]), np.array([p[1] for p in pairs])
    curve = roc(s, same)
    shares = [(np.mean(s[~same] >= t), np.mean(s[same] >= t)) for t in [*s, np.inf]]
    if curve.n_impostor * far < 1 - 1e-9:
        assert math.isnan(curve.tar_at(far))
    else:
        assert curve.tar_at(far) == pytest.approx(max(tar for f, tar in shares if f <= far + 1e-12))


def test_a_far_that_the_pairs_just_resolve():
    s = np.linspace(0, 1, 2000)
    same = np.arange(2000) % 2 == 1
    curve = roc(s, same)
    assert curve.n_impostor == 1000
    assert curve.tar_at(0.001) == pytest.approx(0.002)  # above the second impostor from the top
    assert math.isnan(curve.tar_at(0.0009))


@pytest.mark.parametrize(
    ("genuine", "impostor", "eer"),
    [
        ([0.9, 0.8], [0.1, 0.2], 0.0),
        ([0.1, 0.2], [0.9, 0.8], 1.0),
        ([0.5], [0.5], 0.5),  # a tie: the line from (0, 0) to (1, 1)
        ([0.9, 0.3], [0.5, 0.1], 0.5),
        ([0.9, 0.8, 0.2, 0.7], [0.1, 0.5, 0.3, 0.75], 0.25),
        # FAR 0, FRR 1/2, then (1/3, 0): they meet where FAR = 1/2 - 3/2 FAR, at 1/5.
        ([0.9, 0.5], [0.5, 0.1, 0.2], 0.2),
    ],
)
def test_equal_error_rate(genuine, impostor, eer):
    same = np.repeat([True, False], [len(genuine), len(impostor)])
    assert roc(np.array(genuine + impostor), same).eer == pytest.approx(eer)


@given(scored)
@settings(max_examples=60, deadline=None)
def test_equal_error_rate_lies_on_the_curve_where_both_errors_are_equal(pairs):
    s, same = np.array([p[0] / 4 for p in pairs]), np.array([p[1] for p in pairs])
    curve = roc(s, same)
    segments = zip(itertools.pairwise(curve.far), itertools.pairwise(curve.tar), strict=True)
    for (f0, f1), (t0, t1) in segments:
        if f0 - 1e-12 <= curve.eer <= f1 + 1e-12:
            on = t0 + (t1 - t0) * ((curve.eer - f0) / (f1 - f0)) if f1 > f0 else None
            if on is None and min(t0, t1) - 1e-12 <= 1 - curve.eer <= max(t0, t1) + 1e-12:
                return
            if on is not None and abs(1 - on - curve.eer) < 1e-9:
                return
    pytest.fail(f"{curve.eer} is not on the curve")


def test_a_roc_needs_both_kinds():
    with pytest.raises(InputError, match="2 genuine and 0 impostor pairs"):
        roc(np.array([0.1, 0.2]), np.array([True, True]))


# --- many negatives


def plain_vrf(z, y, negatives, draws, seed):
    """VRF from the same draws, one query after another."""
    numbers = class_numbers(y)
    anchors = np.array([i for i in range(len(y)) if list(y).count(y[i]) > 1])
    shares = np.zeros((draws, len(negatives)))
    for draw in range(draws):
        queries = Queries(numbers, anchors, [seed, 1, draw])
        chosen = queries.negatives(np.arange(anchors.size), np.arange(max(negatives)))
        for column, m in enumerate(negatives):
            won = 0
            for q, i in enumerate(anchors):
                positive = cosine(z, i, queries.positive[q])
                won += all(cosine(z, i, j) < positive for j in chosen[q, :m])
            shares[draw, column] = won / anchors.size
    return shares


@pytest.mark.slow
def test_vrf_is_that_of_a_plain_loop():
    z, y = blobs(n=50, classes=9, spread=1.5)
    y[7] = 100  # a class of one item
    result = many_negatives(z, y, (1, 3, 9), draws=3, seed=5)
    plain = plain_vrf(z, y, (1, 3, 9), 3, 5)
    np.testing.assert_allclose(result.fraction, plain)
    assert (np.diff(plain.mean(axis=0)) < 0).all()
    assert result.n == 49
    np.testing.assert_allclose(result.mean, plain.mean(axis=0))
    np.testing.assert_allclose(result.se, plain.std(axis=0, ddof=1) / math.sqrt(3))
    assert list(result.columns()) == ["negatives", "vrf", "vrf_se"]


def test_queries_draw_one_item_of_each_of_other_classes():
    y = class_numbers(np.random.default_rng(2).integers(0, 7, 60))
    queries = Queries(y, np.arange(60), [0])
    chosen = queries.negatives(np.arange(60), np.arange(6))
    for i in range(60):
        assert sorted(y[chosen[i]]) == [c for c in range(7) if c != y[i]]
    np.testing.assert_array_equal(y[queries.positive], y)
    assert (queries.positive != np.arange(60)).all()


def test_all_positives_and_negatives_are_equally_likely():
    y = np.array([0, 0, 0, 1, 1, 2, 3])
    positives, classes, items, both = np.zeros(7), np.zeros(4), np.zeros(7), np.zeros((4, 4))
    n = 4000
    for draw in range(n):
        queries = Queries(y, np.arange(5), [9, draw])
        positives[queries.positive[0]] += 1
        first, second, _ = queries.negatives(np.array([0]), np.arange(3))[0]
        items[first] += 1
        classes[y[first]] += 1
        both[y[first], y[second]] += 1
    spread = 4 * math.sqrt(n / 4)
    assert positives[0] == classes[0] == 0
    np.testing.assert_allclose(positives[1:3], n / 2, atol=spread)
    np.testing.assert_allclose(classes[1:], n / 3, atol=spread)
    np.testing.assert_allclose(items[3:5], n / 6, atol=spread)
    np.testing.assert_allclose(both[1:, 1:][~np.eye(3, dtype=bool)], n / 6, atol=spread)


def test_a_number_of_negatives_means_the_same_whatever_else_is_asked():
    z, y = blobs(n=80, classes=10, spread=1.5)
    alone, together = many_negatives(z, y, [2]), many_negatives(z, y, [1, 2, 5, 9])
    np.testing.assert_array_equal(alone.fraction[:, 0], together.fraction[:, 1])


def test_the_work_is_cut_into_parts_without_a_trace(monkeypatch):
    z, y = blobs(n=80, classes=20, spread=1.5)
    whole = many_negatives(z, y, [1, 7, 19])
    for limit in (80 * 3, 50):
        monkeypatch.setattr("embedlens.analysis.verification.negatives._PAIRS_AT_ONCE", limit)
        np.testing.assert_array_equal(many_negatives(z, y, [1, 7, 19]).fraction, whole.fraction)


def test_ties_count_against():
    z, y = np.ones((6, 3)), np.arange(6) % 2
    assert many_negatives(z, y, [1]).mean.tolist() == [0.0]
    assert many_negatives(np.eye(2)[np.arange(6) % 2], y, [1]).mean.tolist() == [1.0]


def test_vrf_does_not_depend_on_rotation_or_the_names_of_labels():
    z, y = blobs(n=80, classes=8, spread=1.5)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    one = many_negatives(z, y, [1, 4])
    other = many_negatives(z.astype(np.float64) @ turn, 2**53 + (y * 5) % 8, [1, 4])
    np.testing.assert_array_equal(one.fraction, other.fraction)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_types_and_one_dimension(dtype):
    z = np.array([[1], [2], [-1], [-3]], dtype=dtype)
    assert many_negatives(z, np.array([0, 0, 1, 1]), [1], draws=2).mean.tolist() == [1.0]


@pytest.mark.parametrize(
    ("y", "negatives", "options", "message"),
    [
        ([0, 0, 0], [1], {}, "all items have one label"),
        ([0, 1, 2], [1], {}, "no label has two items"),
        ([0, 0, 1], [2], {}, "negatives 2; with 2 classes each number may be 1 to 1"),
        ([0, 0, 1], [0, 1], {}, "negatives 0, 1;"),
        ([0, 0, 1], [], {}, "negatives none;"),
        ([0, 0, 1], [1], {"draws": 0}, "0 draws"),
        ([0, 0, 1], [1], {"seed": -2}, "seed -2"),
    ],
)
def test_what_many_negatives_refuse(y, negatives, options, message):
    with pytest.raises(InputError, match=message):
        many_negatives(np.eye(3), np.array(y), negatives, **options)


def test_a_single_value_has_no_standard_error():
    assert math.isnan(standard_error(np.array([0.5])))
    assert standard_error(np.array([0.0, 1.0])) == pytest.approx(0.5)
