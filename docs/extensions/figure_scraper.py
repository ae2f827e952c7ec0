"""Pictures of gallery pages: the figures that a block of an example made, and the GIFs that it wrote."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

from embedlens.figures.style import paper

_DPI = 200
_shown: set[int] = set()
_kept: list[Figure] = []  # so that no second figure has the id of a first


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save what the block made, and return the text that shows it (see sphinx-gallery, image scrapers).

    embedlens makes figures without pyplot, so the scraper of sphinx-gallery does not see them: figures
    are the values of variables, those in lists and tuples among them.
    """
    names = block_vars["image_path_iterator"]
    saved = []
    for figure in _figures(block_vars["example_globals"].values()):
        if id(figure) not in _shown:
            _shown.add(id(figure))
            _kept.append(figure)
            saved.append(str(next(names)))
            with paper():
                figure.savefig(saved[-1], dpi=_DPI)
    for moving in sorted(Path().glob("**/*.gif")):
        saved.append(str(Path(next(names)).with_suffix(".gif")))
        shutil.move(moving, saved[-1])
    return figure_rst(saved, gallery_conf["src_dir"])


def _figures(values: Any) -> list[Figure]:
    found = []
    for value in values:
        if isinstance(value, Figure):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [item for item in value if isinstance(item, Figure)]
    return found
