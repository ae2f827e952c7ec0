"""Configuration of the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from embedlens import __version__

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "extensions"))

project = "embedlens"
author = "The embedlens maintainers"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = __version__

extensions = [
    "command_line",
    "example_links",
    "mathml",
    "python_api",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "work"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
suppress_warnings = ["config.cache"]  # the scraper below is a function, which is not kept between builds

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_math_renderer = "mathml"
smartquotes = False  # quotes and dashes of command lines stay as typed

html_theme = "pydata_sphinx_theme"
html_title = "embedlens"
html_static_path = ["_static"]
html_css_files = ["embedlens.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
}
html_sidebars: dict[str, list[str]] = {"index": []}
html_show_sourcelink = False

numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"

# Examples run in a folder of their own, so that what they write does not stand beside them. Their runs are
# those of one demonstration: of $EMBEDLENS_RUNS, or trained once for the build.
_BUILD = DOCS / "_build"
_EXAMPLES = _BUILD / "examples"
shutil.rmtree(_EXAMPLES, ignore_errors=True)
shutil.copytree(DOCS.parent / "examples", _EXAMPLES)
os.environ.setdefault("EMBEDLENS_RUNS", str(_BUILD / "runs"))

_SECTIONS = ["tutorial", "triplets", "spectrum", "maps", "scores", "experiments", "training"]
_ORDER = [
    "scatter", "animation", "flow", "field", "trajectory", "distances", "report",
    "spectrum", "epochs", "intra_class", "components", "pca_prune", "drift",
    "tsne", "tsne_forms",
    "evaluate", "multi_label", "item_columns", "diff", "verify", "thresholds", "identify",
    "compress", "curves", "collapse",
    "sampling", "sweep", "compare",
    "record", "losses", "samplers", "your_own_images", "heads_on_features", "concat", "ensembles",
    "divide_and_conquer", "dvml",
]  # fmt: skip


class _Places:
    """Sort sections and pages by the lists above; what they lack comes last, by name."""

    def __init__(self, *_: Any) -> None:
        names = _SECTIONS + _ORDER
        self.places = {name: names.index(name) for name in names}  # `spectrum` is a section and a page

    def __call__(self, path: str) -> tuple[int, str]:
        name = Path(path).stem
        return self.places.get(name, len(self.places)), name

    def __repr__(self) -> str:
        return "_Places()"


sphinx_gallery_conf = {
    "examples_dirs": str(_EXAMPLES),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "image_scrapers": ("figure_scraper.scrape",),
    "subsection_order": _Places(),
    "within_subsection_order": _Places,
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_", "__repr__"),
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,  # its pages load scripts from a network
    "show_signature": False,
    "min_reported_time": 20,
    "download_all_examples": False,
    "plot_gallery": os.environ.get("EMBEDLENS_DOCS_EXAMPLES", "1") != "0",  # 0: text alone, in seconds
}
