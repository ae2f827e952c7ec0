from __future__ import annotations

import io
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import artists_of_kind, legend_texts
from matplotlib.colors import to_hex
from support import blobs

from embedlens import InputError
from embedlens.analysis.experiments.monitoring import fixed_batches
from embedlens.analysis.sampling import theory
from embedlens.analysis.sampling.distances import histogram, pair_distances
from embedlens.analysis.sampling.mining import (
    STRATEGIES,
    NonzeroFraction,
    SelectedNegatives,
    selected_negatives,
)
from embedlens.figures import style
from embedlens.figures.layout.covering import covers
from embedlens.figures.sampling import distances as sampling
from embedlens.figures.sampling import mining as mining_figures
from embedlens.figures.sampling.distances import PANELS, Contents, check_panels, grid_of, plot
from embedlens.figures.sampling.distances import figure as sampling_figure

D = np.linspace(0, 2, 41)


def mined(seed=0, spread=0.9):
    z, y = blobs(n=120, classes=6, seed=seed, spread=spread)
    batches = fixed_batches(y, count=3, classes=4, items=3)
    return [selected_negatives(z, y, name, batches=batches) for name in STRATEGIES]


def contents(runs=("one",), epochs=3):
    made = {
        run: (pair_distances(*blobs(n=60, seed=number), pairs=500), mined(number))
        for number, run in enumerate(runs)
    }
    shares = {
        run: [NonzeroFraction.of(dict.fromkeys(range(epochs), one)) for one in found]
        for run, (_, found) in made.items()
    }
    return Contents(
        losses=theory.loss_curves(D),
        spheres=[theory.sphere_density(D, dim) for dim in theory.DIMS],
        noise=[theory.gradient_noise(D, 8, scale) for scale in theory.SCALES],
        pairs={run: pairs for run, (pairs, _) in made.items()},
        beside=[theory.sphere_density(D, 8.0), theory.sphere_density(D, 4.25)],
        negatives={run: found for run, (_, found) in made.items()},
        nonzero=shares,
        note="3 batches",
    )


@pytest.fixture(scope="module")
def one():
    return contents()


@pytest.fixture(scope="module")
def two():
    return contents(("one", "other"))


def test_distances_of_one_run_in_two_colours(one):
    axes = plot(one.pairs, beside=one.beside)
    pairs = one.pairs["one"]
    colours = set()
    for kind in ("positive", "negative"):
        (outline,) = artists_of_kind(axes, f"{kind} one")
        values, edges, _ = outline.get_data()
        shown = getattr(pairs, kind).merged(100)
        np.testing.assert_array_equal(values, shown.density)
        np.testing.assert_array_equal(edges, shown.edges)
        colours.add(to_hex(outline.get_edgecolor()))
    assert len(colours) == 2
    for curve, line in zip(one.beside, artists_of_kind(axes, "sphere"), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([curve.distance, curve.density], axis=1))
    assert legend_texts(axes.get_legend()) == [
        f"positive, n = {pairs.n_positive:,}", f"negative, n = 500 of {pairs.n_negative / 1000:.3g}k",
        "q(d), D = 8", "q(d), effective D = 4.2",
    ]  # fmt: skip
    assert axes.get_xlim() == (0, 2)
    top = max(line.get_ydata()[1:-1].max() for line in artists_of_kind(axes, "sphere"))
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 1.2 * top


def test_distances_of_several_runs_a_colour_each(two):
    axes = plot(two.pairs)
    styles = style.line_styles(two.pairs)
    for run in two.pairs:
        outlines = [artists_of_kind(axes, f"{kind} {run}")[0] for kind in ("positive", "negative")]
        assert {to_hex(outline.get_edgecolor()) for outline in outlines} == {styles[run].color.lower()}
        assert outlines[0].get_linestyle() != outlines[1].get_linestyle()
    assert legend_texts(axes.get_legend()) == ["positive, n = 270", "negative, n = 500"]


def test_a_kind_without_pairs_is_not_drawn():
    z, y = blobs(n=20)
    axes = plot({"one": pair_distances(z, np.arange(20))})
    assert not artists_of_kind(axes, "positive")
    assert legend_texts(axes.get_legend()) == ["negative, n = 190"]
    mixed = plot({"one": pair_distances(z, np.arange(20)), "other": pair_distances(z, y)})
    assert legend_texts(mixed.get_legend())[0] == "positive, n = 0 to 24"


def test_a_figure_of_everything_has_the_size_of_the_venue(one):
    for venue, width, grid in (
        ("cvpr", "full", (2, 3)),
        ("neurips", "full", (3, 2)),
        ("eccv", "full", (3, 2)),
    ):
        assert grid_of(PANELS, venue=venue, width=width) == grid
        with style.paper(venue):
            figure = sampling_figure(one, venue=venue, width=width, title="one, test, epoch 2")
            figure.draw_without_rendering()
        assert figure.get_figwidth() == style.width_of(venue, width)
        assert figure.get_figheight() <= style.max_height_of(venue)
        assert len(figure.axes) == 6
        assert [axes.get_title(loc="left")[:4] or axes.get_title()[:4] for axes in figure.axes] == [
            f"({letter}) " for letter in "abcdef"
        ]
        # Nothing overlaps: neither titles, nor panels with what stands around them, nor the legend.
        boxes = [axes.get_tightbbox() for axes in figure.axes]
        boxes.append(figure.legends[0].get_window_extent())
        for number, box in enumerate(boxes):
            assert box.x0 >= -1
            assert box.x1 <= figure.bbox.x1 + 1
            for other in boxes[number + 1 :]:
                overlap = mpl.transforms.Bbox.intersection(box, other)
                assert overlap is None or min(overlap.width, overlap.height) < 2


def test_the_legend_below_tells_strategies_of_one_run_and_names_of_several(one, two):
    with style.paper():
        assert legend_texts(sampling_figure(one).legends[0]) == [
            f"{found.mining}, n = {found.n:,}" for found in one.negatives["one"]
        ]
        assert legend_texts(sampling_figure(one, ["nonzero"], width="column").legends[0]) == list(STRATEGIES)
        assert legend_texts(sampling_figure(two).legends[0]) == ["one", "other"]
        named = replace(two, run_labels={"one": "one, 3 batches"})
        assert legend_texts(sampling_figure(named, ["picked"], width="column").legends[0]) == [
            "one, 3 batches",
            "other",
        ]
        for show in (["losses"], ["sphere", "noise"]):
            assert not sampling_figure(two, show).legends
        assert not sampling_figure(one, ["distances"], width="column").legends


def test_panels_asked_for_stand_in_their_order(one):
    with style.paper():
        figure = sampling_figure(one, ["noise", "losses", "noise"])
        (alone,) = sampling_figure(one, ["sphere"], width="column").axes
    assert len(figure.axes) == 2
    assert artists_of_kind(figure.axes[0], "margin")
    assert artists_of_kind(figure.axes[1], "noise")
    assert not alone.get_title(loc="left").startswith("(")
    titled = replace(one, titles={"noise": ", D = 8"})
    with style.paper():
        assert sampling_figure(titled, ["noise"]).axes[0].get_title(loc="left") == "gradient noise, D = 8"


def test_refused(one):
    with pytest.raises(InputError, match="unknown panel 'los'; choose one of: losses"):
        sampling_figure(one, ["los"])
    with pytest.raises(InputError, match="no panel"):
        check_panels([])
    with pytest.raises(InputError, match="6 panels do not fit a width of 3.25 inches"):
        grid_of(PANELS, width="column")
    with pytest.raises(InputError, match="unknown venue"):
        sampling_figure(one, venue="cvrp")


def test_picks_of_one_run_are_histograms(one):
    found = one.negatives["one"]
    axes = mining_figures.plot(one.negatives, note="3 batches")
    outlines = artists_of_kind(axes, "picked")
    assert len(outlines) == len(STRATEGIES)
    for outline, result in zip(outlines, found, strict=True):
        values, edges, _ = outline.get_data()
        np.testing.assert_array_equal(values, result.distances.merged(50).density)
        assert edges[-1] == 2
    styles = {(to_hex(outline.get_edgecolor()), str(outline.get_linestyle())) for outline in outlines}
    assert len(styles) == len(STRATEGIES)
    assert artists_of_kind(axes, "note")[0].get_text() == "3 batches"


def test_the_note_stands_in_the_freer_corner():
    for distance, side in ((0.3, "right"), (1.4, "left"), (1.0, "left")):
        found = SelectedNegatives("hard", histogram(np.full(5, distance)), 1.0, 0)
        (note,) = artists_of_kind(mining_figures.plot({"one": [found]}, note="x"), "note")
        assert note.get_horizontalalignment() == side
        assert note.get_position()[0] == (0.03 if side == "left" else 0.97)


def test_picks_of_several_runs_are_ranges(two):
    axes = mining_figures.plot(two.negatives)
    styles = style.line_styles(two.negatives)
    for run, found in two.negatives.items():
        for row, result in enumerate(found):
            (line,), (median,) = (
                [one for one in axes.lines if one.get_gid() == f"{part} {run} {result.mining}"]
                for part in ("range", "median")
            )
            d = result.distances
            np.testing.assert_array_equal(line.get_xdata(), [d.quantile(0.05), d.quantile(0.95)])
            assert median.get_xdata()[0] == d.quantile(0.5)
            assert abs(line.get_ydata()[0] - row) < 0.5
            assert line.get_color() == styles[run].color
    assert [label.get_text().replace("\n", "") for label in axes.get_yticklabels()] == list(STRATEGIES)
    assert axes.get_ylim() == (5.5, -0.5)


def test_shares_of_one_run_a_line_a_strategy_of_several_a_line_a_run(one, two):
    axes = mining_figures.plot_nonzero(one.nonzero)
    lines = artists_of_kind(axes, "nonzero")
    for line, share in zip(lines, one.nonzero["one"], strict=True):
        assert line.get_label() == share.mining
        np.testing.assert_array_equal(line.get_xydata(), np.stack([share.epoch, share.fraction], axis=1))
    assert not artists_of_kind(axes, "mining") + artists_of_kind(axes, "alone")
    axes = mining_figures.plot_nonzero(two.nonzero)
    for line, (run, shares) in zip(artists_of_kind(axes, "nonzero"), two.nonzero.items(), strict=True):
        assert line.get_label() == run
        np.testing.assert_array_equal(line.get_ydata(), shares[0].fraction)
    assert artists_of_kind(axes, "mining")[0].get_text() == "random mining"
    assert axes.get_ylim()[0] == 0


def test_a_line_is_broken_where_nothing_is_picked_and_the_axis_goes_on():
    nan = float("nan")
    share = NonzeroFraction("hard", np.arange(30), np.array([nan, 0.5, nan, *[0.4] * 25, nan, nan]))
    axes = mining_figures.plot_nonzero({"one": [share]})
    (line,) = artists_of_kind(axes, "nonzero hard")
    np.testing.assert_array_equal(line.get_xdata(), np.arange(30))
    np.testing.assert_array_equal(line.get_ydata(), share.fraction)
    assert line.get_markevery() == [1]  # no line goes to it
    low, high = axes.get_xlim()
    assert low <= 0
    assert high >= 29


def test_a_single_epoch_is_said_to_be_one():
    axes = mining_figures.plot_nonzero(contents(epochs=1).nonzero)
    assert artists_of_kind(axes, "alone")[0].get_text() == "one epoch\nrecorded"
    assert list(axes.get_xticks()) == [0]
    assert all(line.get_marker() == "o" for line in artists_of_kind(axes, "nonzero"))


def test_a_run_that_bears_the_name_of_a_strategy_looks_like_a_run(two):
    nonzero = {"easy-positive": two.nonzero["one"], "other": two.nonzero["other"]}
    axes = mining_figures.plot_nonzero(nonzero)
    with style.paper():
        figure = sampling_figure(Contents(nonzero=nonzero), ["nonzero"], width="column")
    for lines in (artists_of_kind(axes, "nonzero"), figure.legends[0].get_lines()):
        assert [line.get_linestyle() for line in lines] == ["-", "-"]
    lines = artists_of_kind(mining_figures.plot_nonzero({"one": two.nonzero["one"]}), "nonzero")
    assert [line.get_linestyle() for line in lines] == ["-", "-", "-", "--", "-", "--"]


def test_every_panel_of_the_figure_is_known():
    assert list(PANELS) == list(sampling._TITLES)


@pytest.mark.parametrize("width", ["full", "column"])
def test_no_legend_nor_note_covers_a_curve(one, two, width):
    """At print size, as it is saved."""
    for contents in (one, two):
        for show in (["losses", "sphere", "distances"], ["picked", "nonzero", "noise"]):
            with style.paper():
                figure = sampling_figure(contents, show, width=width)
                figure.savefig(io.BytesIO(), format="png", dpi=100)
                figure.draw_without_rendering()
            for axes in figure.axes:
                boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
                boxes += [axes.get_legend().get_window_extent()] if axes.get_legend() else []
                assert not any(covers(axes, box) for box in boxes), axes.get_title(loc="left")
