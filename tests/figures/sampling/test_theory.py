from __future__ import annotations

import matplotlib as mpl
import numpy as np
from figure_support import artists_of_kind, legend_texts
from matplotlib.colors import to_hex

from embedlens.analysis.sampling import theory
from embedlens.figures.sampling.theory import plot_densities, plot_losses, plot_noise

D = np.linspace(0, 2, 41)


def test_losses_are_solid_for_positive_and_dashed_for_negative_pairs():
    curves = theory.loss_curves(D)
    axes = plot_losses(curves, notes={"triplet": "partner at 1"})
    for curve in curves:
        (positive,), (negative,) = (
            artists_of_kind(axes, f"{curve.loss} {kind}") for kind in ("positive", "negative")
        )
        np.testing.assert_array_equal(positive.get_xydata(), np.stack([D, curve.positive], axis=1))
        np.testing.assert_array_equal(negative.get_xydata(), np.stack([D, curve.negative], axis=1))
        assert positive.get_color() == negative.get_color()
        assert (positive.get_linestyle(), negative.get_linestyle()) == ("-", "--")
    assert len({line.get_color() for line in axes.lines}) == 3
    assert legend_texts(axes.get_legend()) == [
        "contrastive",
        "triplet, partner at 1",
        "margin",
        "positive pair",
        "negative pair",
    ]
    assert axes.get_xlim() == (0, 2)
    assert axes.get_ylim()[1] > 1.4


def test_legends_stand_clear_of_the_curves():
    """The negative pairs' losses, and the variance, end below the legend."""
    drawn = (
        (plot_losses(theory.loss_curves(D)), 1.4),
        (plot_noise([theory.gradient_noise(D, 64, scale) for scale in theory.SCALES]), 1.0),
    )
    for axes, highest in drawn:
        axes.figure.draw_without_rendering()
        box = axes.get_legend().get_window_extent()
        assert axes.transData.inverted().transform((box.x0, box.y0))[1] > 0.98 * highest


def test_densities_a_shade_for_each_dimension():
    densities = [theory.sphere_density(D, dim) for dim in theory.DIMS]
    axes = plot_densities(densities)
    lines = artists_of_kind(axes, "sphere")
    for line, density in zip(lines, densities, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), density.density)
    assert legend_texts(axes.get_legend()) == [f"D = {dim}" for dim in (4, 8, 16, 32, 64, 128, 256, 512)]
    brightness = [sum(mpl.colors.to_rgb(line.get_color())) for line in lines]
    assert brightness == sorted(brightness)
    (mark,) = artists_of_kind(axes, "orthogonal")
    assert mark.get_xdata()[0] == np.sqrt(2)
    assert np.isfinite(plot_densities([theory.sphere_density(D, 2)]).get_ylim()).all()


def test_noise_a_colour_for_each_scale_and_dashes_for_each_dimension():
    noise = [theory.gradient_noise(D, dim, scale) for dim in (16, 64) for scale in (0.01, 0.1)]
    axes = plot_noise(noise)
    lines = artists_of_kind(axes, "noise")
    for line, one in zip(lines, noise, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), one.variance)
    colours = [to_hex(line.get_color()) for line in lines]
    assert colours[:2] == colours[2:]
    assert len(set(colours)) == 2
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "--"]
    assert legend_texts(axes.get_legend()) == ["s = 0.1", "s = 0.01", "D = 16", "D = 64"]
    assert legend_texts(plot_noise(noise[:2]).get_legend()) == ["s = 0.1", "s = 0.01"]
    assert max(axes.get_yticks()) == 1
