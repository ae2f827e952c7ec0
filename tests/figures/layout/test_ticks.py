"""Numbers at logarithmic axes and scales of colours are text, never the source of mathematics."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.text import Text

from embedlens.analysis.spectrum.values import spectrum
from embedlens.figures import style
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.ticks import number_log_axis, number_log_bar
from embedlens.figures.spectrum import values as spectra


def _texts(figure):
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("ratio", [3, 8, 60, 1e4])
def test_an_axis_and_a_bar_of_any_range(ratio):
    with style.paper("cvpr"):
        figure = Figure(figsize=(3, 2), layout="constrained")
        axes = figure.add_subplot()
        mesh = axes.pcolormesh(np.array([[0.02, 0.02 * ratio]]), norm=LogNorm())
        axes.set(yscale="log", ylim=(0.02, 0.02 * ratio))
        number_log_axis(axes.yaxis)
        number_log_bar(figure.colorbar(mesh))
        texts = _texts(figure)
    assert not any("$" in text or "mathdefault" in text for text in texts), texts
    assert any("10⁻" in text for text in texts)


def test_a_spectrum_of_less_than_a_decade():
    z = np.random.default_rng(0).normal(size=(60, 8)) * np.linspace(1, 0.2, 8)
    with style.paper("cvpr"):
        figure = spectra.figure({"a": spectrum(z), "b": spectrum(z[::2])}, log=True)
        texts = _texts(figure)
        assert figure.axes[0].get_window_extent().width > 0.6 * figure.bbox.width
    assert "4×10⁻¹" in texts
    assert not any("mathdefault" in text for text in texts)
