from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlens import InputError
from embedlens.training.hard_classes import hardest_classes
from embedlens.training.samplers import (
    CANDIDATES,
    SAMPLERS,
    PKSampler,
    Sampler,
    build_sampler,
)
from embedlens.training.streams import Purpose, stream

NAMES = ["hard-class", "n-pair", "pk", "tuplet"]
PAIRS = ["hard-class", "n-pair"]
SIZES = [1, 2, 2, 3, 5, 8, 9, 1, 4, 30, 2, 6]


def long_tailed(seed=0, sizes=SIZES):
    """Labels of classes of 1 to 30 items, in no order, with gaps and negative numbers among them."""
    names = np.arange(len(sizes)) * 7 - 10
    return np.random.default_rng(seed).permutation(np.repeat(names, sizes))


def embedding_of(labels, dim=5, seed=0):
    """A network that always gives an item the same embedding, and notes which rows it was asked for."""
    z = np.random.default_rng(seed).normal(size=(len(labels), dim)).astype(np.float32)
    asked = []

    def embed(rows):
        asked.append(rows)
        return z[rows]

    embed.asked, embed.z = asked, z
    return embed


def sampler_of(name, labels, *, classes=4, items=2, seed=1):
    return build_sampler(name, labels, classes=classes, items=items, seed=seed)


def epoch_of(sampler, labels, epoch=2):
    return np.stack(list(sampler.batches(epoch, embedding_of(labels))))


def test_names():
    assert SAMPLERS.names() == NAMES
    assert isinstance(sampler_of("pk", long_tailed()), PKSampler)
    with pytest.raises(
        InputError, match="unknown sampler 'npair'.*choose one of: hard-class, n-pair, pk, tuplet"
    ):
        sampler_of("npair", long_tailed())
    with pytest.raises(TypeError, match="abstract"):
        Sampler(long_tailed(), classes=2, items=2, seed=0)


def test_pk_batches_are_those_that_runs_were_trained_with():
    """Runs of earlier versions must resume with the same batches: the draws, in this order."""
    labels = long_tailed()
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    groups = [group for group in groups if len(group) > 1]
    sampler = PKSampler(labels, classes=4, items=3, seed=5)
    for step, batch in enumerate(sampler.batches(7)):
        random = stream(5, Purpose.BATCHES, epoch=7, step=step)
        expected = []
        for number in random.choice(len(groups), 4, replace=False):
            drawn = random.permutation(groups[number])
            expected += [drawn[k % len(drawn)] for k in range(3)]
        assert batch.tolist() == expected
    assert step + 1 == sampler.steps == sum(SIZES) // 12


def test_pk_batches_of_this_seed_are_these():
    first = next(PKSampler(np.arange(40) % 5, classes=3, items=2, seed=0).batches(1))
    assert first.tolist() == [39, 14, 18, 38, 27, 32]


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_n_classes(name):
    labels = long_tailed()
    sampler = sampler_of(name, labels)
    batches = epoch_of(sampler, labels)
    assert batches.dtype == np.int64
    assert batches.shape == (sampler.steps, 8) == (sum(SIZES) // 8, 8)
    assert (sampler.classes, sampler.items, sampler.items_per_class) == (4, 2, 2)
    for batch in batches:
        pairs = labels[batch].reshape(4, 2)
        assert (pairs[:, 0] == pairs[:, 1]).all()
        assert len(set(pairs[:, 0])) == 4
        assert len(set(batch)) == 8


def test_every_position_of_a_tuplet_has_its_label():
    labels = long_tailed()
    sampler = sampler_of("tuplet", labels, items=9)
    batches = epoch_of(sampler, labels)
    assert (sampler.classes, sampler.items, sampler.items_per_class) == (4, 5, None)
    assert batches.shape == (sampler.steps, 20) == (sum(SIZES) // 20, 20)
    for batch in batches:
        tuples = batch.reshape(4, 5)
        classes = [int(labels[row[0]]) for row in tuples]
        assert len(set(classes)) == 4
        for i, row in enumerate(tuples):
            others = classes[:i] + classes[i + 1 :]
            assert labels[row].tolist() == [classes[i], classes[i], *others]
            assert len(set(row)) == 5


def test_negatives_are_drawn_anew_for_each_tuplet():
    """Of 10 items of a class, the same one stands in two given tuplets of a batch once in 10 times."""
    labels = np.arange(40) % 4
    sampler = sampler_of("tuplet", labels)
    same = []
    for epoch in range(300):
        for batch in sampler.batches(epoch):
            tuples = batch.reshape(4, 5)
            same += [tuples[2, 2] == tuples[1, 2], tuples[0, 4] == tuples[1, 4]]  # of classes 0 and 3
    draws, p = len(same), 1 / 10
    assert abs(sum(same) - draws * p) < 4.5 * np.sqrt(draws * p * (1 - p))


def test_tuplets_draw_every_item_alike():
    """Each of a class's items is a negative equally often: 4 items, 3 negatives of the class a batch."""
    labels = np.arange(16) % 4
    sampler = sampler_of("tuplet", labels)
    counts = np.zeros(16)
    for epoch in range(400):
        for batch in sampler.batches(epoch):
            np.add.at(counts, batch.reshape(4, 5)[:, 2:], 1)
    assert counts.sum() == 400 * 12
    p, draws = 1 / 4, 1200
    assert np.abs(counts - draws * p).max() < 4.5 * np.sqrt(draws * p * (1 - p))


@pytest.mark.parametrize("name", NAMES)
def test_classes_of_one_item_are_never_drawn_and_all_others_are(name):
    labels = long_tailed()
    sampler = sampler_of(name, labels)
    embed = embedding_of(labels)
    seen = {
        int(label)
        for epoch in range(30)
        for batch in sampler.batches(epoch, embed)
        for label in labels[batch]
    }
    values, counts = np.unique(labels, return_counts=True)
    assert seen == set(values[counts > 1].tolist())
    assert all((labels == labels[row]).sum() > 1 for rows in embed.asked for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_where_classes_are_fewer_all_stand_in_every_batch(name):
    labels = np.array([3, 3, 5, 5, 9, 9, 4])
    sampler = sampler_of(name, labels, classes=32)
    assert (sampler.classes, sampler.steps) == (3, 1)
    for epoch in range(5):
        batch = epoch_of(sampler, labels, epoch)[0]
        assert len(batch) == 3 * sampler.items == (12 if name == "tuplet" else 6)
        assert set(labels[batch]) == {3, 5, 9}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_epoch_and_step_give_the_same_batch(name):
    labels = long_tailed()
    batches = epoch_of(sampler_of(name, labels), labels)
    np.testing.assert_array_equal(batches, epoch_of(sampler_of(name, labels), labels))
    for other in (
        epoch_of(sampler_of(name, labels), labels, 3),
        epoch_of(sampler_of(name, labels, seed=2), labels),
    ):
        assert not np.array_equal(batches, other)
    assert len({batch.tobytes() for batch in batches}) == len(batches)


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_and_numpy_s_own_state_do_not_matter(name):
    labels = long_tailed()
    whole = sampler_of(name, labels)
    before = [epoch_of(whole, labels, epoch) for epoch in range(4)]
    stopped = whole.batches(9, embedding_of(labels))
    next(stopped)  # an epoch left in the middle
    np.random.seed(0)  # noqa: NPY002 - the global state is what is tested
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    np.testing.assert_array_equal(epoch_of(sampler_of(name, labels), labels, 3), before[3])
    np.testing.assert_array_equal(epoch_of(whole, labels, 3), before[3])
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=12).filter(lambda s: sum(n > 1 for n in s) > 1),
    classes=st.integers(2, 8),
    name=st.sampled_from(NAMES),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_any_labels_give_batches_of_the_promised_form(sizes, classes, name, seed):
    labels = long_tailed(seed, sizes)
    sampler = sampler_of(name, labels, classes=classes, seed=seed)
    batches = epoch_of(sampler, labels, seed)
    usable = sum(size > 1 for size in sizes)
    assert sampler.classes == min(classes, usable)
    assert batches.shape == (sampler.steps, sampler.classes * sampler.items)
    assert sampler.steps == max(1, len(labels) // batches.shape[1])
    for batch in batches:
        assert len(set(labels[batch])) == sampler.classes
        blocks = batch.reshape(sampler.classes, sampler.items)
        assert (labels[blocks[:, 0]] == labels[blocks[:, 1]]).all()
        assert (blocks[:, 0] != blocks[:, 1]).all()
    # What labels are called does not matter.
    renamed = np.unique(labels, return_inverse=True)[1] * 3 + 2
    np.testing.assert_array_equal(
        epoch_of(sampler_of(name, renamed, classes=classes, seed=seed), labels, seed), batches
    )


@pytest.mark.parametrize("name", NAMES)
def test_batches_that_cannot_be(name):
    labels = long_tailed()
    with pytest.raises(InputError, match="a batch of 1 classes with 2 items each; two of each are the least"):
        sampler_of(name, labels, classes=1)
    if name != "tuplet":
        with pytest.raises(InputError, match="4 classes with 1 items each; two of each are the least"):
            sampler_of(name, labels, items=1)
    for empty in (np.arange(5), np.zeros(0, dtype=np.int64)):
        with pytest.raises(InputError, match="the labels have 0 classes of two items or more"):
            sampler_of(name, empty)
    one = np.zeros(6, dtype=np.int64)
    if name == "pk":
        assert sampler_of(name, one).classes == 1
    else:
        with pytest.raises(InputError, match="have 1 classes of two items or more; .* need 2"):
            sampler_of(name, one)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_two_items(name):
    with pytest.raises(
        InputError, match=f"4 items of each class; the sampler '{name}' takes 2; choose that number"
    ):
        sampler_of(name, long_tailed(), items=4)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hard-class"])
def test_samplers_that_need_no_network_ask_none(name):
    labels = long_tailed()
    embed = embedding_of(labels)
    sampler = sampler_of(name, labels)
    np.testing.assert_array_equal(
        np.stack(list(sampler.batches(2, embed))), np.stack(list(sampler.batches(2)))
    )
    assert embed.asked == []


def test_hard_classes_need_a_network_before_the_first_batch():
    with pytest.raises(InputError, match="hard-class needs embeddings"):
        sampler_of("hard-class", long_tailed()).batches(0)


def test_a_network_is_asked_anew_for_each_batch_for_pairs_of_four_times_the_classes():
    labels = np.arange(120) % 40
    embed = embedding_of(labels)
    sampler = sampler_of("hard-class", labels, classes=5)
    batches = sampler.batches(0, embed)
    assert embed.asked == []
    for step in range(1, 4):
        next(batches)
        assert len(embed.asked) == step
        asked = labels[embed.asked[-1]].reshape(-1, 2)
        assert asked.shape == (CANDIDATES * 5, 2)
        assert (asked[:, 0] == asked[:, 1]).all()
        assert len(set(asked[:, 0])) == len(asked)
    assert embed.asked[-1].dtype == np.int64


def test_hard_batches_hold_the_classes_that_are_nearest_to_each_other():
    """Six classes point one way, the rest each its own way: behind one of the six stand only such."""
    labels = np.arange(80) % 20
    z = np.eye(20, dtype=np.float32)[labels]
    z[labels < 6] = 3 * np.eye(20, dtype=np.float32)[0]
    begun = set()
    for batch in sampler_of("hard-class", labels, classes=6).batches(0, lambda rows: z[rows]):
        of_the_six = (labels[batch[::2]] < 6).tolist()
        assert of_the_six == sorted(of_the_six)
        begun.add(of_the_six[0])
    assert begun == {True, False}


def test_pairs_of_hard_batches_are_drawn_anew():
    labels = np.arange(200) % 4
    embed = embedding_of(labels)
    for step, batch in enumerate(sampler_of("hard-class", labels).batches(0, embed)):
        assert set(batch) != set(embed.asked[step])


def plain_choice(anchors, positives, n, first, pick):
    """Sohn's greedy choice by loops over all chosen and all left, in float64, from the definition alone."""
    f, g = anchors.astype(float).tolist(), positives.astype(float).tolist()

    def dot(a, b):
        return sum(p * q for p, q in zip(a, b, strict=True))

    chosen = [first]
    while len(chosen) < min(n, len(f)):
        left = [k for k in range(len(f)) if k not in chosen]
        worst = {k: max(dot(f[c], f[k]) - dot(f[c], g[c]) for c in chosen) for k in left}
        highest = max(worst.values())
        chosen.append(pick([k for k in left if worst[k] > highest - 1e-12]))
    return chosen


@given(c=st.integers(1, 15), n=st.integers(1, 17), dim=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=80, deadline=None)
def test_the_greedy_choice_is_a_plain_loop(c, n, dim, seed):
    random = np.random.default_rng(seed)
    anchors, positives = random.normal(size=(2, c, dim)).astype(np.float32)
    chosen = hardest_classes(anchors, positives, n=n, random=np.random.default_rng(seed))
    assert chosen.dtype == np.int64
    assert chosen.tolist() == plain_choice(anchors, positives, n, int(chosen[0]), lambda tied: tied[0])
    assert len(set(chosen.tolist())) == min(c, n)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_greedy_choice_takes_one_of_the_tied(seed):
    """Embeddings of small integers tie often; each choice must be one that the plain loop allows."""
    random = np.random.default_rng(seed)
    anchors, positives = random.integers(-1, 2, size=(2, 9, 2)).astype(np.float32)
    chosen = hardest_classes(anchors, positives, n=9, random=random).tolist()
    rest = iter(chosen[1:])

    def pick(tied):
        k = next(rest)
        assert k in tied
        return k

    assert plain_choice(anchors, positives, 9, chosen[0], pick) == chosen


def test_the_choice_has_the_terms_of_the_definition():
    """Lengths count; and the violation is by all that are chosen, each less its own pair's product."""
    anchors = np.array([[1, 0], [3, 0], [2, 9], [2, -9]], dtype=np.float32)
    assert _second(anchors)[0] == {1}  # 3 against 2 and 2: by cosines, too, but then by 1 against 0.2
    assert _second(anchors * np.array([[1], [0.5], [1], [1]], dtype=np.float32))[0] == {2, 3}  # by cosines: 1
    anchors = np.array([[5, 0], [0, 1], [1, 0], [0, 2]], dtype=np.float32)
    own = np.array([[9, 0], [0, 0], [0, 0], [0, 0]], dtype=np.float32)
    # 0 alone: 2 by 5 - 45 against -45. Then 2 gives 0 to 1 and 3: a tie, where 0 alone gives -45.
    orders = {tuple(_order(anchors, own, seed)) for seed in range(40)}
    assert {order for order in orders if order[0] == 0} == {(0, 2, 1, 3), (0, 2, 3, 1)}


def _order(anchors, positives, seed):
    return hardest_classes(anchors, positives, n=len(anchors), random=np.random.default_rng(seed)).tolist()


def _second(anchors):
    """What is chosen second, by what was chosen first, over many seeds."""
    found = {}
    for seed in range(60):
        first, second, *_ = _order(anchors, anchors, seed)
        found.setdefault(first, set()).add(second)
    return found


def test_first_class_and_ties_are_drawn_alike():
    """Six equal classes of 40 numbers a row: every order is as likely as any other."""
    z = np.repeat(np.random.default_rng(3).normal(size=(1, 40)), 6, axis=0).astype(np.float32)
    counts = np.zeros((6, 6))
    draws = 1500
    for seed in range(draws):
        chosen = _order(z, z, seed)
        counts[np.arange(6), chosen] += 1
    p = 1 / 6
    assert np.abs(counts - draws * p).max() < 4.5 * np.sqrt(draws * p * (1 - p))


@pytest.mark.parametrize("count", [2, 3, 5, 7, 9, 17])
def test_equal_embeddings_tie_wherever_they_stand(count):
    row = np.random.default_rng(count).normal(size=(1, 37)).astype(np.float32)
    z = np.repeat(row, count, axis=0)
    seen = {_order(z, z, seed)[1] for seed in range(20 * count)}
    assert seen == set(range(count))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_choice_that_cannot_be(value):
    z = np.ones((3, 2), dtype=np.float32)
    random = np.random.default_rng(0)
    for anchors, positives in ((z, z[:2]), (z[0], z[0]), (z[:0], z[:0])):
        with pytest.raises(InputError, match=r"two arrays \[C, D\] of one shape are needed"):
            hardest_classes(anchors, positives, n=2, random=random)
    broken = z.copy()
    broken[1, 0] = value
    for anchors, positives in ((broken, z), (z, broken)):
        with pytest.raises(InputError, match="are not finite; try a lower learning rate"):
            hardest_classes(anchors, positives, n=2, random=random)
    labels = np.arange(8) % 4
    with pytest.raises(InputError, match="are not finite"):
        next(
            sampler_of("hard-class", labels).batches(
                0, lambda rows: np.full((len(rows), 3), value, np.float32)
            )
        )
