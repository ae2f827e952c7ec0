"""Long names are wrapped or lose their middle, and never leave the figure or touch each other."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text

from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum.values import spectrum
from embedlens.analysis.triplets.nearest import nearest_triplets
from embedlens.analysis.verification.pairs import roc
from embedlens.figures import pruning, style
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.fitting import fit_texts, hide
from embedlens.figures.spectrum import values as spectra
from embedlens.figures.triplets import panels
from embedlens.figures.verification import pairs as rocs

LETTERS = (33, 46, 94)
RNG = np.random.default_rng(0)
Z, Y = RNG.normal(size=(60, 6)), np.arange(60) % 10


def _names(letters, count=2):
    word = "resnet50-epshn_lr=1e-3,augmented/"
    return [f"{number}{word * 3}"[: letters - 1] + str(number) for number in range(count)]


def _scatter(names):
    shown = nearest_triplets(Z, Y)
    return panels.figure([panels.ScatterPanel(name, "test", 3, shown) for name in names], width="full")


def _spectrum(names):
    return spectra.figure({name: spectrum(Z) for name in names}, title="test, epoch 3")


def _roc(names):
    scores = RNG.normal(size=200)
    return rocs.figure({name: roc(scores, np.arange(200) % 2 == 0) for name in names}, title="test")


def _pruning(names):
    curve = pruned_recall(Z, Y, [1, 2, 4])
    return pruning.figure(dict.fromkeys(names, curve), title="test")


def _titled(names):
    return spectra.figure({names[0]: spectrum(Z)}, title=", ".join([names[0], "test", "epoch 3"]))


def _shown(figure):
    """The boxes of all titles and legend labels that are drawn."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        texts += [axes.title, axes._left_title, axes._right_title]
        texts += axes.get_legend().get_texts() if axes.get_legend() else []
    texts += figure.texts
    kept = [text for text in texts if isinstance(text, Text) and text.get_text() and text.get_visible()]
    return [(text.get_text(), text.get_window_extent()) for text in kept]


@pytest.mark.parametrize("letters", LETTERS)
@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("draw", [_scatter, _spectrum, _roc, _pruning, _titled])
def test_names_stay_in_the_figure_and_apart(draw, letters, count):
    with style.paper("cvpr"):
        figure = draw(_names(letters, count))
        before = figure.get_size_inches()
        fit_texts(figure)
        figure.draw_without_rendering()
        shown = _shown(figure)
        assert shown
        for text, box in shown:
            assert box.x0 >= -1, text
            assert box.x1 <= figure.bbox.x1 + 1, text
        for place, (text, box) in enumerate(shown):
            for other, near in shown[place + 1 :]:
                apart = box.x1 <= near.x0 + 1 or near.x1 <= box.x0 + 1
                apart |= box.y1 <= near.y0 + 1 or near.y1 <= box.y0 + 1
                assert apart, (text, other)
        least = 0.25 * figure.bbox.width / max(1, len(figure.axes))
        assert all(axes.get_window_extent().width > least for axes in figure.axes)
        assert (figure.get_size_inches() == before).all()


def test_short_names_are_left_alone():
    with style.paper("cvpr"):
        figure = _scatter(["a", "b"])
        texts = [text for text, _ in _shown(figure)]
        fit_texts(figure)
        assert [text for text, _ in _shown(figure)] == texts


def test_a_title_breaks_before_it_is_cut():
    with style.paper("cvpr"):
        figure = Figure(figsize=(2, 2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title("one_name_of_some_length, another_part, test")
        fit_texts(figure)
        title = axes.get_title(loc="left")
        assert "\n" in title
        assert "…" not in title
        assert title.replace("\n", " ").replace(" ", "") == "one_name_of_some_length,another_part,test"


def test_hidden_titles_and_statistics():
    with style.paper("cvpr"):
        figure = _scatter(["a", "b"])
        hide(figure, title=True, text=False)
        assert not any(text.get_visible() for text in figure.texts)
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["a, test", "b, test"]
        numbers = [text for axes in figure.axes for text in axes.texts]
        assert all(text.get_visible() for text in numbers)
        hide(figure, title=False, text=True)
        assert not any(text.get_visible() for text in numbers)
        alone = _titled(["a"])
        hide(alone, title=True, text=False)
        assert alone.axes[0].get_title(loc="left") == ""


def test_a_figure_without_its_heading_is_lower_by_it():
    with style.paper("cvpr"):
        figure, kept = _scatter(["a"]), _scatter(["a"])
        hide(figure, title=True, text=False)
        figure.draw_without_rendering(), kept.draw_without_rendering()
    assert kept.get_figheight() - figure.get_figheight() == pytest.approx(0.1, abs=0.06)
    assert figure.axes[0].get_window_extent().width == pytest.approx(
        kept.axes[0].get_window_extent().width, abs=3
    )


def test_row_names_of_a_strip_do_not_overlap():
    shown = nearest_triplets(Z, Y)
    frames = {
        epoch: [panels.ScatterPanel(f"{name}-{'long-' * 12}", "test", epoch, shown) for name in "ab"]
        for epoch in range(4)
    }
    with style.paper("cvpr"):
        figure = panels.figure_of_epochs(frames)
        figure.draw_without_rendering()
    names = [axes.yaxis.label.get_window_extent() for axes in figure.axes if axes.get_ylabel()]
    assert len(names) == 2
    assert not names[0].overlaps(names[1])
