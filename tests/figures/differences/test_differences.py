"""Figures of differences: what stands where, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, artists_of_kind, legend_texts, title_of
from support import blobs

from embedlens import InputError
from embedlens.analysis.differences import (
    class_changes,
    compare,
    confusions_of,
    retrieval_outcomes,
    worst_losses,
)
from embedlens.figures.differences import anchors, classes, confusions, losses
from embedlens.figures.style import VENUES

N, CLASSES = 120, 12
FIRST, Y = blobs(n=N, dim=6, classes=CLASSES, spread=0.6)
SECOND = FIRST + 0.7 * blobs(n=N, dim=6, classes=N, seed=9)[0]
NAMES = {label: f"class {label}" for label in range(CLASSES)} | {
    3: "a very long name of a class that has no end"
}
PICTURES = np.random.default_rng(0).integers(256, size=(N, 8, 6), dtype=np.uint8)


@pytest.fixture(scope="module")
def result():
    outcomes = [[retrieval_outcomes(z, Y)] for z in (FIRST, SECOND)]
    return compare(*outcomes, names=("before", "after"), resamples=50)


def test_ranks_are_counted_in_bins_of_powers_of_2(result):
    ax = anchors.plot(result)
    (mesh,) = artists(ax, "counts")
    edges = mesh.get_coordinates()[0, :, 0]
    assert edges.tolist() == [2**k for k in range(edges.size)]
    counts = np.ma.filled(mesh.get_array(), 0)
    first, second = result.first.rank[0], result.second.rank[0]
    for row, column in np.ndindex(counts.shape):
        inside = (edges[column] <= first) & (first < edges[column + 1])
        inside &= (edges[row] <= second) & (second < edges[row + 1])
        assert counts[row, column] == inside.sum()
    assert counts.sum() == N
    assert counts[1:, 0].sum() == result.lost.sum()
    assert counts[0, 1:].sum() == result.won.sum()
    assert {text.get_text() for text in artists(ax, "n")} == {
        f"lost: {result.lost.sum()}",
        f"won: {result.won.sum()}",
    }
    assert ax.get_xlabel().endswith("before")
    assert ax.get_ylabel().endswith("after")


def test_ranks_of_groups_have_no_outline_since_mean_ranks_do_not_say_what_is_won(result):
    sides = [[retrieval_outcomes(z, Y) for z in pair] for pair in ((FIRST, SECOND), (SECOND, SECOND))]
    found = compare(*sides, resamples=5)
    ax = anchors.plot(found)
    counts = np.ma.filled(artists(ax, "counts")[0].get_array(), 0)
    assert counts[1:, 0].sum() != found.lost.sum()  # what an outline would have shown
    assert artists(ax, "lost") == artists(ax, "won") == []
    assert {text.get_text() for text in artists(ax, "n")} == {
        f"lost: {found.lost.sum()}",
        f"won: {found.won.sum()}",
    }
    assert len(artists(anchors.plot(result), "lost")) == len(artists(anchors.plot(result), "won")) == 1


def test_the_title_has_the_difference_with_its_interval(result):
    text = title_of(anchors.figure(result, title="test").axes[0])
    low, high = 100 * result.interval.low, 100 * result.interval.high
    assert text.startswith("test\nR@1 ")
    assert text.endswith(f"[{low:+.1f}, {high:+.1f}]".replace("-", "−"))


def test_anchors_that_are_all_right_are_one_cell():
    sure = retrieval_outcomes(np.eye(4)[[0, 0, 1, 1]], [0, 0, 1, 1])
    ax = anchors.plot(compare([sure], [sure], resamples=5))
    assert np.ma.filled(artists(ax, "counts")[0].get_array(), 0).tolist() == [[4]]
    assert artists(ax, "lost") == []


def test_classes_are_rows_with_two_dots(result):
    changes = class_changes(result)
    ax = classes.plot(changes, most=3, class_names=NAMES)
    gained, lost = changes.largest(3)
    rows = [*gained.tolist(), *lost.tolist()]
    assert len(ax.get_yticks()) == len(rows)
    for side, values in (("first", changes.first), ("second", changes.second)):
        assert [dot.get_xdata()[0] for dot in artists(ax, side)] == values[rows].tolist()
    for tick, row in zip(ax.get_yticklabels(), rows, strict=True):
        name = NAMES[int(changes.label[row])]
        assert tick.get_text() == name or ("…" in tick.get_text() and len(tick.get_text()) <= 28)
    (right,) = ax.child_axes
    assert [one.get_text() for one in right.get_yticklabels()] == [f"n = {n}" for n in changes.n[rows]]
    headings = [one.get_text() for one in artists(ax, "heading of rows")]
    assert len(headings) == (gained.size > 0) + (lost.size > 0)
    assert headings[-1].startswith("lost")
    made = classes.figure(changes, most=3, class_names=NAMES, title="test")
    assert legend_texts(made.legends[0]) == ["before", "after"]


def test_confusions_are_rows_with_two_dots(result):
    found = confusions_of(result)
    ax = confusions.plot(found, most=4, class_names=NAMES)
    rows = [*found.largest(4)[0].tolist(), *found.largest(4)[1].tolist()]
    assert [dot.get_xdata()[0] for dot in artists(ax, "second")] == found.second[rows].tolist()
    label, nearest = int(found.label[rows[0]]), int(found.nearest_label[rows[0]])
    texts = [tick.get_text() for tick in ax.get_yticklabels()]
    if {label, nearest}.isdisjoint({3}):
        assert texts[0] == f"{NAMES[label]} → {NAMES[nearest]}"
    assert all(" → " in text for text in texts)
    assert confusions.figure(found).get_figheight() < 9


def test_a_sheet_has_five_pictures_for_each_loss(result):
    worst = worst_losses(result, 3)
    made = losses.figure(worst, PICTURES, class_names=NAMES, title="test")
    (ax,) = made.axes
    assert [len(artists(ax, f"picture {kind}")) for kind in losses.BORDERS] == [3, 6, 6]
    shown = [np.asarray(one.get_array()) for one in artists(ax, "picture anchor")]
    assert all(np.array_equal(one, PICTURES[row]) for one, row in zip(shown, worst.anchor, strict=True))
    captions = [one.get_text() for one in artists_of_kind(ax, "caption positive")]
    assert captions[0].endswith(f"{worst.s_ap[0, 0]:.3f}")  # first side, then second
    assert captions[1].endswith(f"{worst.s_ap[0, 1]:.3f}")
    extent = artists(ax, "picture anchor")[0].get_extent()
    assert abs(extent[1] - extent[0]) / abs(extent[3] - extent[2]) == pytest.approx(6 / 8)  # not stretched
    x = {kind: artists(ax, f"picture {kind}")[0].get_extent()[0] for kind in losses.BORDERS}
    assert x["anchor"] < x["positive"] < x["negative"]  # it was right on the first side
    after = {kind: artists(ax, f"picture {kind}")[1].get_extent()[0] for kind in ("positive", "negative")}
    assert after["negative"] < after["positive"]
    assert title_of(ax) == "test"


def test_pictures_of_a_gallery_are_those_of_positives_and_negatives(result):
    worst = worst_losses(result, 1)
    ax = losses.figure(worst, PICTURES, gallery=255 - PICTURES).axes[0]
    nearest = np.asarray(artists(ax, "picture positive")[0].get_array())
    assert np.array_equal(nearest, 255 - PICTURES[worst.positive[0, 0]])


@pytest.mark.parametrize("venue", VENUES)
def test_as_many_losses_as_are_named_fit_a_page(venue):
    most = losses.most_of_page(venue, "full")
    losses.check_count(most, venue, "full")
    with pytest.raises(InputError, match=f"{most + 1} losses requested; 1 to {most} fit"):
        losses.check_count(most + 1, venue, "full")


def test_where_nothing_changed_there_is_nothing_to_draw():
    same = compare(*[[retrieval_outcomes(FIRST, Y)]] * 2, resamples=5)
    with pytest.raises(InputError, match="no class gained or lost"):
        classes.plot(class_changes(same))
    with pytest.raises(InputError, match="no confusion increased or decreased"):
        confusions.figure(confusions_of(same))
    with pytest.raises(InputError, match="0 losses requested"):
        losses.figure(worst_losses(same, 3), PICTURES)
