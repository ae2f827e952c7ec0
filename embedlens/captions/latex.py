"""Figure environments of LaTeX, and a document of them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from embedlens.text import for_latex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNREADABLE = frozenset("%#{}\\~^$&")
"""Characters of a path that `\\includegraphics` does not read as they are."""

_FLOATS = 18  # that LaTeX holds without more registers


def environment(path: str, caption: str, *, wide: bool = False) -> str:
    r"""Return the environment of a figure: its PDF at its natural size, caption and label.

    Parameters
    ----------
    path
        The PDF, as LaTeX is to read it; the label is ``fig:`` and its name without the ending.
    caption
        The caption, in plain text.
    wide
        Whether the figure takes both columns of a page: ``figure*``.
    """
    name = "figure*" if wide else "figure"
    return "\n".join(
        [
            rf"\begin{{{name}}}",
            r"  \centering",
            rf"  \includegraphics{{{path}}}",
            rf"  \caption{{{for_latex(caption)}}}",
            rf"  \label{{fig:{PurePosixPath(path).stem}}}",
            rf"\end{{{name}}}",
        ]
    )


def document(environments: Sequence[str], *, full: float, column: float | None = None) -> str:
    """Return a document of figures that compiles as it stands, with pdfLaTeX, XeLaTeX and LuaLaTeX.

    Parameters
    ----------
    environments
        The environments of the figures.
    full, column
        Width of the text and of a column in inches; None: the venue prints one column.
    """
    columns = "" if column is None else "[twocolumn]"
    apart = "" if column is None else f", columnsep={full - 2 * column:.4f}in"
    page = f"paperwidth={full + 1.5:.4f}in, paperheight=12in, textheight=10.5in"
    lines = [
        "% Compile it in its folder: pdflatex figures.tex",
        rf"\documentclass{columns}{{article}}",
        r"\usepackage{graphicx}",
        rf"\usepackage[{page}, textwidth={full:.4f}in{apart}]{{geometry}}",
        *_declared("".join(environments)),
        *([rf"\extrafloats{{{len(environments)}}}"] if len(environments) > _FLOATS else []),
        r"\renewcommand{\topfraction}{1}",
        r"\renewcommand{\dbltopfraction}{1}",
        r"\renewcommand{\textfraction}{0}",
        r"\renewcommand{\floatpagefraction}{0.8}",
        r"\renewcommand{\dblfloatpagefraction}{0.8}",
        r"\begin{document}",
    ]
    return "\n\n".join(["\n".join(lines), *environments, r"\end{document}"]) + "\n"


def _declared(text: str) -> list[str]:
    """Return declarations of the letters that pdfLaTeX may lack: their numbers stand for them."""
    letters = sorted({letter for letter in text if not letter.isascii()})
    return [*_only_in_pdflatex(map(_declaration, letters))] if letters else []


def _only_in_pdflatex(lines: Iterable[str]) -> list[str]:
    return [r"\ifdefined\DeclareUnicodeCharacter", *lines, r"\fi"]


def _declaration(letter: str) -> str:
    number = f"{ord(letter):04X}"
    known = rf"\ifcsname u8:\detokenize{{{letter}}}\endcsname"
    return rf"{known}\else\DeclareUnicodeCharacter{{{number}}}{{\texttt{{[U+{number}]}}}}\fi"
