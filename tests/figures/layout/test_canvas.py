"""The layout of a figure is found once for all its files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.style import paper


@pytest.fixture
def rounds(monkeypatch):
    """Count the rounds of the layout engine."""
    ran, execute = [], ConstrainedLayoutEngine.execute

    def counted(engine, figure):
        ran.append(figure)
        return execute(engine, figure)

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", counted)
    return ran


def drawn():
    figure = Figure(figsize=(3, 2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], label="a line")
    axes.set_xlabel("epoch")
    axes.legend()
    return figure, axes


def save(figure, ending, **options):
    file = io.BytesIO()
    metadata = {"CreationDate": None} if ending == "pdf" else {}
    figure.savefig(file, format=ending, metadata=metadata, **options)
    return file.getvalue()


def test_formats_share_one_layout(rounds):
    figure, _ = drawn()
    pdf = save(figure, "pdf")
    assert 1 <= len(rounds) <= 4
    rounds.clear()
    png = save(figure, "png")
    assert rounds == []
    assert (save(figure, "pdf"), save(figure, "png")) == (pdf, png)
    assert isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)


def test_the_first_format_does_not_change_the_others():
    one, other = drawn()[0], drawn()[0]
    save(one, "pdf")
    assert save(one, "png") == save(other, "png")


@pytest.mark.parametrize("change", ["label", "size", "dpi"])
def test_a_change_is_laid_out(rounds, change):
    figure, axes = drawn()
    save(figure, "png")
    rounds.clear()
    if change == "label":
        axes.set_ylabel("a label\nof two lines")
    elif change == "size":
        figure.set_figheight(3)
    save(figure, "png", **({"dpi": 300} if change == "dpi" else {}))
    assert rounds
    fresh, _ = drawn()
    fresh.axes[0].set_ylabel(axes.get_ylabel())
    fresh.set_size_inches(figure.get_size_inches())
    save(fresh, "png", **({"dpi": 300} if change == "dpi" else {}))
    np.testing.assert_allclose(axes.get_position().bounds, fresh.axes[0].get_position().bounds, atol=1e-3)


def test_an_error_of_writing_leaves_the_layout_engine():
    figure, _ = drawn()
    with pytest.raises(ValueError, match="nonsense"):
        figure.savefig(io.BytesIO(), format="nonsense")
    assert isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
    assert save(figure, "png")


def test_the_layout_of_other_engines_is_theirs():
    figure = Figure(figsize=(3, 2), layout="tight")
    figure.add_subplot().set_xlabel("epoch")
    engine = figure.get_layout_engine()
    assert save(figure, "png")
    assert figure.get_layout_engine() is engine


@pytest.mark.parametrize("dpi", [100, 150, 300])
def test_the_layout_is_that_of_the_resolution_of_the_file(dpi):
    """Letters are wider at a low resolution, by up to 6 %: those of another one would be cut."""
    with paper("cvpr"):
        figure = Figure(figsize=(3.25, 2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_yticks([0, 1], ["a bird of man…ers, number 33", "a bird of man…ers, number 26"])
        save(figure, "png", dpi=dpi)
        assert axes.get_tightbbox().x0 >= 0.02 * dpi
