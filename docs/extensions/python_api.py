"""Reference pages of the Python API, made from the packages themselves while the documentation is built.

A page is that of a package, its sections are those of its modules: what a module says of itself, a table of
its public names with a line for each, and their documentation. Public is what stands in the `__all__` of a
package, and what a module that stands there defines. `pages` makes the text without Sphinx.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

FOLDER = Path("reference/python")
"""Where the pages stand below the folder of the documentation."""
GROUPS = {
    "Runs": [
        "embedlens",
        "embedlens.store",
        "embedlens.exporting",
        "embedlens.integrations",
        "embedlens.importing",
        "embedlens.importing.readers",
        "embedlens.errors",
        "embedlens.selection",
        "embedlens.searches",
        "embedlens.measurements",
        "embedlens.execution",
    ],
    "Analyses": [
        "embedlens.analysis.triplets",
        "embedlens.analysis.spectrum",
        "embedlens.analysis.pruning",
        "embedlens.analysis.compression",
        "embedlens.analysis.drift",
        "embedlens.analysis.projection",
        "embedlens.analysis.scores",
        "embedlens.analysis.retrieval",
        "embedlens.analysis.collapse",
        "embedlens.analysis.verification",
        "embedlens.analysis.open_set",
        "embedlens.analysis.sampling",
        "embedlens.analysis.experiments",
        "embedlens.analysis.differences",
        "embedlens.analysis.statistics",
    ],
    "Figures": [
        "embedlens.figures.style",
        "embedlens.figures.triplets",
        "embedlens.figures.spectrum",
        "embedlens.figures.pruning",
        "embedlens.figures.compression",
        "embedlens.figures.drift",
        "embedlens.figures.projection",
        "embedlens.figures.verification",
        "embedlens.figures.open_set",
        "embedlens.figures.sampling",
        "embedlens.figures.differences",
        "embedlens.figures.experiments",
        "embedlens.figures.export",
        "embedlens.figures.layout",
        "embedlens.artifacts",
    ],
    "Reports": ["embedlens.report"],
    "Training": [
        "embedlens.objectives",
        "embedlens.training",
        "embedlens.training.datasets",
        "embedlens.training.backbones",
        "embedlens.training.methods",
        "embedlens.experiments",
        "embedlens.experiments.checkpoints",
    ],
    "Search": ["embedlens.similarity", "embedlens.pairs"],
}
"""The pages, by purpose."""
MODULES = {
    "embedlens.figures.export": ["animation", "film"],
    "embedlens.figures.layout": [
        "limits",
        "legends",
        "ticks",
        "thumbnails",
        "item_pictures",
        "text",
        "fitting",
    ],
    "embedlens.training": ["config", "choices", "loop", "samplers", "hard_classes", "progress"],
}
"""Public modules of packages that have no `__all__`."""
FIRST = {
    "embedlens.analysis.triplets": ["nearest"],
    "embedlens.analysis.spectrum": ["values"],
    "embedlens.analysis.projection": ["maps", "parameters", "items"],
    "embedlens.analysis.retrieval": ["neighbours", "clustering"],
    "embedlens.analysis.verification": ["pairs"],
    "embedlens.analysis.open_set": ["ranking"],
    "embedlens.figures.triplets": ["panels", "nearest"],
    "embedlens.figures.spectrum": ["values"],
    "embedlens.figures.verification": ["pairs"],
    "embedlens.objectives": ["losses", "base", "triplet_losses"],
    "embedlens.experiments": ["trainer", "demonstration"],
}
"""Sections that come first on their page: what most readers look for."""
_NOTE = "<!-- Made from the packages by docs/extensions/python_api.py; changes here are overwritten. -->"


@dataclass(frozen=True, slots=True)
class Entry:
    """A public object.

    Attributes
    ----------
    path
        The name that it is imported by, e.g. ``embedlens.analysis.triplets.nearest_triplets``.
    directive
        What documents it: autofunction, autoclass, autoexception or py:data.
    line
        The first sentence of its documentation.
    """

    path: str
    directive: str
    line: str


def entries(package: str) -> dict[str, list[Entry]]:
    """Return the public objects of a package, or of a module: name of the module that holds them -> objects.

    What another page has, for it stands in the `__all__` of two packages, is that page's alone.
    """
    module = importlib.import_module(package)
    found: dict[str, list[Entry]] = {}
    seen: set[int] = set()
    for path, value, home in _objects(module):
        if id(value) not in seen and _owner(value, home) in (package, ""):
            seen.add(id(value))
            found.setdefault(home, []).append(Entry(path, _directive(value), _line(value, path)))
    first = [f"{package}.{name}" for name in FIRST.get(package, ())]
    return {home: found[home] for home in [*first, *(home for home in found if home not in first)]}


def pages() -> dict[str, str]:
    """Return every page: file name -> Markdown (MyST)."""
    every = [name for names in GROUPS.values() for name in names]
    return {"index.md": _index(), **{f"{name}.md": _page(name) for name in every}}


def _objects(module: ModuleType) -> Iterator[tuple[str, Any, str]]:
    """Give the public objects of a package: path, object, and the module that defines it."""
    name = module.__name__
    public = getattr(module, "__all__", None) or MODULES.get(name)
    if public is None:
        yield from _defined(module)
        return
    named = {one: _member(module, one) for one in public if not one.startswith("__")}
    for one, value in named.items():
        if not inspect.ismodule(value):
            yield f"{name}.{one}", value, _home(f"{name}.{one}", value)
    for value in named.values():
        if inspect.ismodule(value) and not hasattr(value, "__path__"):
            yield from _defined(value)


def _member(module: ModuleType, name: str) -> Any:
    if name in MODULES.get(module.__name__, ()):
        return importlib.import_module(f"{module.__name__}.{name}")
    return getattr(module, name)


def _defined(module: ModuleType) -> Iterator[tuple[str, Any, str]]:
    """Give the public functions and classes that a module defines, in its order."""
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if own and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
            yield f"{module.__name__}.{name}", value, module.__name__


def _home(path: str, value: Any) -> str:
    """Return the module that defines a public object."""
    return value.__module__ if _directive(value) != "py:data" else _constant(path)[0]


def _owner(value: Any, home: str) -> str:
    """Return the page that has an object of a module: the root's for what stands there, else the nearest."""
    root = importlib.import_module("embedlens")
    if any(getattr(root, name) is value for name in root.__all__):
        return "embedlens"
    every = [name for names in GROUPS.values() for name in names if name != "embedlens"]
    return max((name for name in every if f"{home}.".startswith(f"{name}.")), key=len, default="")


def _directive(value: Any) -> str:
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if inspect.isfunction(value) else "py:data"


def _line(value: Any, path: str) -> str:
    """Return the first sentence of an object's documentation."""
    text = inspect.getdoc(value) if _directive(value) != "py:data" else _constant(path)[1]
    paragraph = " ".join((text or "").split("\n\n", 1)[0].split())
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", paragraph, maxsplit=1)[0]


def _constant(path: str) -> tuple[str, str]:
    """Return the module that assigns a constant, and the text below the assignment."""
    module, _, name = path.rpartition(".")
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return _constant(f"{node.module}.{name}")
    for node, after in pairwise(tree.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            below = after.value if isinstance(after, ast.Expr) else None
            return module, inspect.cleandoc(str(below.value)) if isinstance(below, ast.Constant) else ""
    return module, ""


def _index() -> str:
    lines = [
        _NOTE, "", "# Python", "",
        "Analyses take arrays and return small frozen results; figures take results and axes. Packages load "
        "what they need when it is first used, so `import embedlens` is cheap.", "",
    ]  # fmt: skip
    for group, names in GROUPS.items():
        lines += [f"## {group}", "", "| package | what it has |", "|---|---|"]
        lines += [f"| [`{name}`]({name}.md) | {_text(name)[0]} |" for name in names]
        lines.append("")
    every = [name for names in GROUPS.values() for name in names]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *every, "```", ""])


def _text(module: str) -> list[str]:
    """Return the paragraphs of what a module says of itself."""
    text = inspect.cleandoc(importlib.import_module(module).__doc__ or "")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def _page(name: str) -> str:
    lines = [_NOTE, "", f"# {name}", ""]
    for paragraph in _text(name):
        lines += [paragraph.replace("``", "`"), ""]
    sections = entries(name)
    for home, several in sections.items():
        if home != name:
            short = home.removeprefix(f"{name}.").removeprefix("embedlens.")
            lines += [f"## {short}", "", _text(home)[0].replace("``", "`"), ""]
        lines += [*_documented(several), ""]
    return "\n".join(lines)


def _documented(several: list[Entry]) -> list[str]:
    """Return the table of some objects, and what documents each of them."""
    lines = ["```{eval-rst}", ".. list-table::", "   :widths: 30 70", ""]
    for one in several:
        lines += [f"   * - :py:obj:`~{one.path}`", f"     - {one.line}"]
    for one in several:
        lines += ["", f".. {one.directive}:: {one.path}"]
        if one.directive == "autoclass":
            lines.append("   :members:")
        if one.directive == "py:data":
            lines += ["", *(f"   {line}" for line in _constant(one.path)[1].splitlines())]
    return [*lines, "```"]


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write pages below a folder of documentation, those alone that differ."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for path in target.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = target / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(sphinx: Any) -> dict[str, Any]:
    """Let Sphinx write the pages before it reads the documents."""
    sphinx.connect("builder-inited", lambda app: write(Path(app.srcdir), pages()))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
