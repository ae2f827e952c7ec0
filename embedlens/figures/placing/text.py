"""Names that fit and that the font can print, and the size of the smallest text."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties


def shorten(name: str, room: int) -> str:
    """Return a name of at most `room` letters; the middle is left out of a longer one."""
    return name if len(name) <= room else f"{name[: (room - 1) // 2]}…{name[-(room // 2) :]}"


def printable(text: str) -> str:
    """Return a text on one line, what the fonts lack as its code point."""
    paths = {font_manager.findfont(FontProperties(family=[name])) for name in mpl.rcParams["font.family"]}
    known = [font_manager.get_font(path).get_charmap() for path in sorted(paths)]
    return "".join(
        letter if any(ord(letter) in letters for letters in known) else f"U+{ord(letter):04X}"
        for letter in " ".join(text.split())
    )


def small_size() -> float:
    """Return the size of the smallest text, in points: one less than the numbers at the axes."""
    return float(FontProperties(size=mpl.rcParams["xtick.labelsize"]).get_size_in_points()) - 1
