"""Figures made without `ax` are pictures in a notebook, without pyplot."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from support import write_run

import embedlens.figures
from embedlens.analysis.triplets.nearest import nearest_triplets
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.triplets.nearest import plot

FOLDER = Path(embedlens.figures.__file__).parent


def _triplets():
    z = np.random.default_rng(0).normal(size=(40, 5))
    return nearest_triplets(z, np.arange(40) % 4)


def test_axes_show_the_picture_of_their_figure():
    before = dict(mpl.rcParams)
    axes = plot(_triplets())
    picture = Image.open(io.BytesIO(axes._repr_png_()))
    assert picture.format == "PNG"
    assert picture.size == (468, 468)  # 3.25 inches at 144 dpi
    assert len(picture.convert("RGB").getcolors(maxcolors=1 << 20)) > 10
    assert axes.get_figure()._repr_png_() == axes._repr_png_()
    assert dict(mpl.rcParams) == before


def test_axes_of_a_grid_show_their_figure_too():
    figure = Figure()
    grid = figure.subplots(1, 2)
    assert all(axes._repr_png_() == figure._repr_png_() for axes in grid)


def test_an_axes_given_stays_the_user_s():
    other = mpl.figure.Figure().add_subplot()
    assert plot(_triplets(), other) is other
    assert not hasattr(other, "_repr_png_")


def test_every_figure_module_makes_such_figures():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and "Figure" in [name.name for name in node.names]:
                typing_only = path.stem == "animation"  # names the type alone
                assert node.module == "embedlens.figures.layout.canvas" or typing_only, path


def test_ipython_shows_the_picture_and_short_text(monkeypatch, tmp_path):
    """What a cell shows of its last expression, by IPython's own formatters and display hook."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell_of = pytest.importorskip("IPython.core.interactiveshell", reason="the extra dev has IPython")
    capture = pytest.importorskip("IPython.utils.capture")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of IPython's own parts
        shell = shell_of.InteractiveShell()
    try:
        shell.user_ns.update(triplets=_triplets(), plot=plot)
        with capture.capture_output() as shown:
            done = shell.run_cell("plot(triplets)", store_history=False)
        done.raise_error()
        data, _ = shell.display_formatter.format(done.result)
        assert data["image/png"] == done.result.get_figure()._repr_png_()
        assert Image.open(io.BytesIO(data["image/png"])).size == (468, 468)
        figures, _ = shell.display_formatter.format(done.result.get_figure())
        assert figures["image/png"] == data["image/png"]
        tables, _ = shell.display_formatter.format(write_run(tmp_path / "run"))
        assert tables["text/html"].startswith("<div><table>")
        assert tables["text/plain"].startswith("Run(")
        with capture.capture_output() as shown:
            shell.run_cell("triplets", store_history=False).raise_error()
        assert shown.outputs == []
        assert "Triplets(" in shown.stdout
        assert len(shown.stdout.splitlines()) <= 3
    finally:
        shell.history_manager.end_session()
        shell.reset(new_session=False)


def test_pyplot_is_not_loaded():
    code = (
        "import numpy as np, sys; from embedlens.analysis.triplets import nearest_triplets as t;"
        "from embedlens.figures.triplets import plot;"
        "z = np.random.default_rng(0).normal(size=(9, 3));"
        "assert plot(t(z, np.arange(9) % 3))._repr_png_()[1:4] == b'PNG';"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
