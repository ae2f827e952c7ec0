"""Figures made without `ax` are pictures in a notebook, without pyplot."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

import embedlens.figures
from embedlens.analysis.triplets import nearest_triplets
from embedlens.figures.placing.canvas import Figure
from embedlens.figures.triplets import plot

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
                assert node.module == "embedlens.figures.placing.canvas" or typing_only, path


def test_pyplot_is_not_loaded():
    code = (
        "import numpy as np, sys; from embedlens.analysis.triplets import nearest_triplets as t;"
        "from embedlens.figures.triplets import plot;"
        "z = np.random.default_rng(0).normal(size=(9, 3));"
        "assert plot(t(z, np.arange(9) % 3))._repr_png_()[1:4] == b'PNG';"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
