from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_support import artist, artists, legend_texts
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.quiver import QuiverKey

from embedlens.analysis.triplets.flow import flow
from embedlens.analysis.triplets.nearest import Triplets, summarise
from embedlens.figures import style
from embedlens.figures.triplets.flow import figure as flow_figure
from embedlens.figures.triplets.flow import plot, stretch_of, window_of
from embedlens.figures.triplets.panels import ScatterPanel


def states(n=600, seed=0, low=0.0, shift=0.15):
    random = np.random.default_rng(seed)
    index = np.arange(n)
    before = random.uniform(low, 0.8, (2, n))
    after = before + random.normal(shift, 0.01, (2, n)) * [[1], [-1]]
    return tuple(Triplets(index, index, index, *place, 2) for place in (before, after))


def key_of(axes):
    (found,) = (child for child in axes.get_children() if isinstance(child, QuiverKey))
    return found


def pair(run="mine", split="test", first=0, last=6, **options):
    start, end = states(**options)
    return ScatterPanel(run, split, first, start), ScatterPanel(run, split, last, end)


def test_arrows_go_from_the_mean_place_to_the_mean_end():
    result = flow(*states())
    axes = plot(result)
    arrows = artist(axes, "flow")
    np.testing.assert_allclose(arrows.get_offsets(), np.stack([result.s_ap, result.s_an], axis=1))
    np.testing.assert_allclose(arrows.U, result.d_ap)
    np.testing.assert_allclose(arrows.V, result.d_an)
    assert (arrows.angles, arrows.scale, arrows.scale_units) == ("xy", 1, "xy")
    assert axes.get_xlim() == axes.get_ylim() == (-0.2, 1.0)
    assert artist(axes, "diagonal")


def test_opacity_grows_with_the_number_of_dots():
    result = flow(*states())
    opacity = artist(plot(result), "flow").get_facecolor()[:, 3]
    order = np.argsort(result.count)
    assert (np.diff(opacity[order]) >= 0).all()
    assert opacity.max() == 1
    assert opacity.min() >= 0.3
    assert artist(plot(result, most=10**6), "flow").get_facecolor()[:, 3].max() < 0.9


def test_the_key_says_what_a_length_means():
    result = flow(*states())
    axes = plot(result)
    assert float(key_of(axes).label) == key_of(axes).U == 0.2
    short = flow(*states(shift=0.002))
    axes = plot(short)
    arrows = artist(axes, "flow")
    times = arrows.U[0] / short.d_ap[0]
    assert times > 1
    assert f"(drawn {times:g} times as long)" in key_of(axes).label
    assert key_of(axes).U == pytest.approx(times * float(key_of(axes).label.split()[0]))


def test_arrows_are_to_scale_where_they_can_be_seen():
    assert stretch_of([flow(*states())], (-0.2, 1.0)) == 1
    assert stretch_of([flow(*states(shift=0.02))], (-0.2, 1.0)) == 2
    assert stretch_of([flow(*states(shift=0.02))], (0.6, 1.0)) == 1
    start, _ = states()
    assert stretch_of([flow(start, start)], (-0.2, 1.0)) == 1
    assert stretch_of([flow(start, start, minimum=10**6)], (-0.2, 1.0)) == 1


def test_no_arrow_is_no_key():
    start, end = states()
    axes = plot(flow(start, end, minimum=10**6), ax=Figure().add_subplot())
    assert not artists(axes, "flow")


def test_the_window_holds_the_dots_in_steps():
    start, end = states()
    assert window_of([start, end]) == (-0.2, 1.0)
    upper = replace(start, s_ap=0.6 + 0.4 * start.s_ap, s_an=0.62 + 0.4 * start.s_an)
    assert window_of([upper]) == (0.6, 1.0)
    ones = replace(start, s_ap=np.ones(600), s_an=np.ones(600))
    assert window_of([ones]) == (0.8, 1.04)


def test_panels_of_runs_and_splits_share_axes_arrows_and_colours():
    pairs = [
        pair(run, split, seed=seed, low=0.3)
        for seed, (run, split) in enumerate((r, s) for r in ("a", "b") for s in ("train", "test"))
    ]
    starts, ends = zip(*pairs, strict=True)
    flows = [flow(start.triplets, end.triplets) for start, end in pairs]
    with style.paper():
        figure = flow_figure(starts, ends, flows)
    assert [axes.get_title("left") for axes in figure.axes] == ["a, train", "b, train", "a, test", "b, test"]
    assert figure.get_suptitle() == "epoch 0 to 6"
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    placed = [flows[0], flows[2], flows[1], flows[3]]
    for axes, found in zip(figure.axes, placed, strict=True):
        np.testing.assert_allclose(artist(axes, "flow").U, found.d_ap)
        before, after = artists(axes, "dots")
        assert before.get_facecolor()[0, :3] == pytest.approx(to_rgb(style.INITIAL))
        assert not np.allclose(after.get_facecolor()[0, :3], before.get_facecolor()[0, :3])
        assert legend_texts(axes.get_legend()) == ["epoch 0", "epoch 6"]
    before, after = (summarise(panel.triplets).below_diagonal for panel in pairs[0])
    text = artist(figure.axes[0], "numbers").get_text()
    assert f"R@1 {before:.1%} to {after:.1%}" in text
    assert f"mean shift (+{flows[0].mean_d_ap:.3f}, \N{MINUS SIGN}{-flows[0].mean_d_an:.3f})" in text
    assert f"n = 600 ({flows[0].n_thin} in thin bins)" in text
    low, _ = figure.axes[0].get_xlim()
    hidden = sum(((p.triplets.s_ap < low) | (p.triplets.s_an < low)).sum() for p in pairs[0])
    assert (f"{hidden} out of sight" in text) == (hidden > 0)


def test_titles_tell_the_epochs_where_they_differ():
    pairs = [pair("a", last=6), pair("b", last=4, seed=1)]
    starts, ends = zip(*pairs, strict=True)
    with style.paper():
        figure = flow_figure(
            starts, ends, [flow(s.triplets, e.triplets) for s, e in pairs], note="same items"
        )
    assert [axes.get_title("left") for axes in figure.axes] == [
        "a, test, epoch 0 to 6",
        "b, test, epoch 0 to 4",
    ]
    assert figure.get_suptitle() == "same items"


@pytest.mark.parametrize(
    ("venue", "width", "inches"), [("cvpr", "column", 3.25), ("nature", "full", 183 / 25.4)]
)
def test_size_is_exact_and_text_stays_inside(venue, width, inches):
    start, end = pair(low=0.3)
    with style.paper(venue):
        note = "triplets of a run with a long name, epoch 6"
        figure = flow_figure(
            [start], [end], [flow(start.triplets, end.triplets)], venue=venue, width=width, note=note
        )
        figure.draw_without_rendering()
        assert figure.get_figwidth() == pytest.approx(inches)
        assert figure.get_figheight() <= style.max_height_of(venue)
        box = (
            figure.get_tightbbox(figure.canvas.get_renderer())
            if hasattr(figure.canvas, "get_renderer")
            else None
        )
    assert figure.get_suptitle().count("\n") == (1 if width == "column" else 0)
    if box is not None:
        assert box.x0 >= 0
        assert box.x1 <= inches
        assert box.y1 <= figure.get_figheight()
