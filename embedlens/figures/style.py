"""Widths and font sizes of venues, colours and line styles."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager, style
from matplotlib.colors import to_hex

from embedlens.arguments import check_integers
from embedlens.arrays import check_labels
from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike

_MM = 1 / 25.4
RASTERISE_ABOVE = 5_000
"""Dots above which their layer is not drawn as vectors."""
INITIAL = "#0072B2"
"""The colour of the initial state of a run, where it is drawn beside what training made of it."""

CLASS_COLORS = (
    INITIAL, "#D55E00", "#009E73", "#CC79A7", "#E69F00",
    "#56B4E9", "#F0E442", "#882255", "#332288", "#7F3C00",
)  # fmt: skip
"""The colours of up to ten classes of dots: Okabe-Ito without its black, Tol's wine and indigo, a brown.

No two are nearer than 26 in CIELAB, nor than 17 as people see them who lack red or green cones (the least of
Okabe-Ito's own), and none is near a grey, which is the colour of all other classes.
"""
HIGHLIGHTED = 8
"""How many classes are coloured where there are more than ten, unless they are named."""
# Okabe-Ito without its yellow, which is too faint for a line on white, and its blues: INITIAL is one of them.
_FEW = ("#009E73", "#D55E00", "#CC79A7", "#E69F00", "#000000")
_FONT = "DejaVu Sans"
_FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "SimHei", "Yu Gothic",
    "MS Gothic", "Malgun Gothic", "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew",
    "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Thai", "Noto Sans Symbols2", "FreeSans",
    "Unifont",
)  # fmt: skip
"""Fonts with letters that DejaVu Sans lacks, of the common systems."""
_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How one run or group is drawn in every panel: colour, and dashes where the colours do not suffice."""

    color: str
    dashes: Any = "-"


def line_styles(names: Iterable[str]) -> dict[str, LineStyle]:
    """Return colour and dashes of each run or group, by its position alone, so that all figures agree.

    Up to five: Okabe-Ito without its yellow and its blues; beyond that petroff10 without its blue, then the
    same nine, dashed. The blue is left to the initial state (`INITIAL`), which many figures draw beside runs.

    Parameters
    ----------
    names
        Names of the runs or groups; repeated ones count once.
    """
    known = list(dict.fromkeys(names))
    colors = list(_FEW) if len(known) <= len(_FEW) else list(mpl.color_sequences["petroff10"])[1:]
    return {
        name: LineStyle(
            mpl.colors.to_hex(colors[number % len(colors)]), _DASHES[number // len(colors) % len(_DASHES)]
        )
        for number, name in enumerate(known)
    }


def class_colors(labels: ArrayLike, highlight: Sequence[int] = ()) -> dict[int, str]:
    """Return the colour of each class that has one; the others are grey.

    Up to ten classes: all; of more, the eight largest (of equal ones those with the lowest labels), or those
    to highlight. A class to highlight keeps the colour that it has without `highlight`; one that has none
    takes one that no other has.

    Parameters
    ----------
    labels
        Labels of the items that are drawn, int64 [n].
    highlight
        Labels of classes to colour, up to ten; all others are grey then.

    Raises
    ------
    InputError
        A class to highlight that is not there, or more of them than there are colours.
    """
    known, counts = np.unique(check_labels(labels), return_counts=True)
    chosen = list(dict.fromkeys(check_integers(highlight, "classes to highlight").tolist()))
    for label in chosen:
        if label not in known:
            raise unknown(label, "class to highlight", [f"{known[0]} to {known[-1]}, of the items drawn"])
    most = len(CLASS_COLORS)
    if len(chosen) > most:
        message = f"{len(chosen):,} classes to highlight; there are {most} distinct colours; leave out some"
        raise InputError(message)
    default = known.tolist()
    if known.size > most:
        default = sorted(known[np.argsort(-counts, kind="stable")[:HIGHLIGHTED]].tolist())
    palette = [to_hex(color) for color in CLASS_COLORS]
    colors: dict[int, str] = dict(zip(default, palette, strict=False))
    if not chosen:
        return colors
    kept = {label: colors[label] for label in chosen if label in colors}
    # Colours that no class has without `highlight` come first, so that none stands for two classes in turn.
    spare = [*palette[len(default) :], *palette[: len(default)]]
    free = [color for color in spare if color not in kept.values()]
    added = dict(zip(sorted(set(chosen) - set(kept)), free, strict=False))
    return {label: (kept | added)[label] for label in chosen}


@dataclass(frozen=True, slots=True)
class Venue:
    """Requirements of a venue: widths in inches (no column width where it prints one column) and type.

    Sizes of type are in points: axis labels, and the smallest text.
    """

    column: float | None
    full: float
    text: float = 8.0
    small: float = 7.0
    max_height: float = 9.0


VENUES: dict[str, Venue] = {
    "aaai": Venue(3.3, 6.975),
    "cvpr": Venue(3.25, 6.875),
    "eccv": Venue(None, 4.8),
    "iccv": Venue(3.25, 6.875),
    "iclr": Venue(None, 5.5),
    "icml": Venue(3.25, 6.75),
    "jmlr": Venue(None, 6.0),
    "nature": Venue(89 * _MM, 183 * _MM, text=7.0, small=6.0, max_height=170 * _MM),
    "neurips": Venue(None, 5.5),
    "tmlr": Venue(None, 6.5),
}


def width_of(venue: str, width: str) -> float:
    """Return the width of a figure in inches.

    Parameters
    ----------
    venue
        A name in `VENUES`.
    width
        "column" or "full".

    Raises
    ------
    InputError
        Unknown venue or width, or a column width of a venue that prints one column.
    """
    entry = _venue(venue)
    if width not in ("column", "full"):
        raise unknown(width, "width", ("column", "full"))
    if width == "full":
        return entry.full
    if entry.column is None:
        message = f"venue {venue!r} prints one column; choose --width full"
        raise InputError(message)
    return entry.column


def max_height_of(venue: str) -> float:
    """Return the greatest height of a figure in inches."""
    return _venue(venue).max_height


@contextmanager
def paper(venue: str = "cvpr") -> Iterator[None]:
    """Apply the style of papers, with the sizes of type of `venue`, to what is drawn and saved inside."""
    entry = _venue(venue)
    _list_shipped_fonts()
    sheet = resources.files("embedlens.figures") / "paper.mplstyle"
    sizes = {
        "font.size": entry.text,
        "axes.titlesize": entry.text,
        "axes.labelsize": entry.text,
        "figure.titlesize": entry.text,
        "xtick.labelsize": entry.small,
        "ytick.labelsize": entry.small,
        "legend.fontsize": entry.small,
        "font.family": _families(),
    }
    with resources.as_file(sheet) as file, style.context([str(file), sizes]):
        yield


def _list_shipped_fonts() -> None:
    """Add the fonts that matplotlib ships to its list of fonts, where they are missing there.

    All environments of a user share the list. One that is removed while a program still runs in it leaves a
    list of the system's fonts alone, and figures would be drawn in other fonts than the style's.
    """
    listed = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(Path(mpl.get_data_path(), "fonts", "ttf").glob("*.ttf")):
        if str(path) not in listed:
            font_manager.fontManager.addfont(path)


def _families() -> list[str]:
    """Return the style's font, and those that have the letters that it lacks, as far as they are installed.

    The user's own fonts (matplotlibrc, rcParams) come before the others.
    """
    generic = {"serif", "sans-serif", "cursive", "fantasy", "monospace"}
    own: list[str] = []
    settings: Any = mpl.rcParams
    for family in settings["font.family"]:
        own += settings[f"font.{family}"] if family in generic else [family]
    installed = set(font_manager.fontManager.get_font_names())
    return list(dict.fromkeys([_FONT, *(name for name in (*own, *_FALLBACKS) if name in installed)]))


def _venue(name: str) -> Venue:
    if name not in VENUES:
        raise unknown(name, "venue", VENUES)
    return VENUES[name]
