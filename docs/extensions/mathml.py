"""Formulas as MathML, which browsers draw by themselves: pages need neither a network nor a script."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)


def mathml(text: str, *, block: bool, place: Any = None) -> str:
    """Return a LaTeX formula as MathML; a command that the converter does not know is a warning.

    Parameters
    ----------
    text
        The formula, without dollar signs.
    block
        Whether it stands on lines of its own.
    place
        Node or (document, line) that a warning names.
    """
    made = convert(text, display="block" if block else "inline")
    unknown = made.partition("\\")[2].partition("<")[0]
    if unknown:
        _LOGGER.warning("formula %r: \\%s is not converted to MathML", text, unknown, location=place)
    return str(made)


def _visit_inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext(), block=False, place=node))
    raise nodes.SkipNode


def _visit_block(translator: Any, node: nodes.math_block) -> None:
    ids = f' id="{escape(node["ids"][0])}"' if node["ids"] else ""
    formula = mathml(node.astext(), block=True, place=node)
    translator.body.append(f'<div class="formula"{ids}>{formula}</div>\n')
    raise nodes.SkipNode


def setup(sphinx: Any) -> dict[str, Any]:
    """Offer the renderer that `html_math_renderer = "mathml"` chooses."""
    sphinx.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
