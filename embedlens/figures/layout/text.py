"""Names that fit and that the font can print, and the smallest font size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST = 8  # letters that are left of a name
_LETTER = 0.57  # width of a letter, of the size of type


def shorten(name: str, room: int) -> str:
    """Return a name of at most `room` letters; the middle is left out of a longer one."""
    return name if len(name) <= room else f"{name[: (room - 1) // 2]}…{name[-(room // 2) :]}"


def shorten_part(text: str, room: int) -> str:
    """Return a text of at most `room` letters whose longest part between commas loses its middle.

    So a name keeps its end, by which it differs from others, even if other parts follow it.
    """
    parts = text.split(", ")
    longest = max(range(len(parts)), key=lambda at: len(parts[at]))
    spare = room - (len(text) - len(parts[longest]))
    if len(text) <= room or spare < _FEWEST:
        return shorten(text, room)
    return ", ".join([*parts[:longest], shorten(parts[longest], spare), *parts[longest + 1 :]])


def in_lines(parts: Sequence[str], inches: float) -> str:
    """Join the parts of a heading by commas, in as many lines as the width requires.

    Parameters
    ----------
    parts
        Parts of the heading.
    inches
        Its width.
    """
    size = FontProperties(size=mpl.rcParams["figure.titlesize"]).get_size_in_points()
    room = inches * 72 / (_LETTER * size)
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]}, {part}" if lines[-1] else part
        if lines[-1] and len(longer) > room:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return a text on one line, with characters that the fonts lack replaced by their code points."""
    paths = {font_manager.findfont(FontProperties(family=[name])) for name in mpl.rcParams["font.family"]}
    known = [font_manager.get_font(path).get_charmap() for path in sorted(paths)]
    return "".join(
        letter if any(ord(letter) in letters for letters in known) else f"U+{ord(letter):04X}"
        for letter in " ".join(text.split())
    )


def fixed(value: float, digits: int) -> str:
    """Return a score as text with a number of decimal places; one below 1 is never rounded up to 1."""
    text = f"{value:.{digits}f}"
    return f"{1 - 10**-digits:.{digits}f}" if value < 1 and float(text) >= 1 else text


def small_size() -> float:
    """Return the size of the smallest text, in points: one less than the numbers at the axes."""
    return float(FontProperties(size=mpl.rcParams["xtick.labelsize"]).get_size_in_points()) - 1


def short_count(count: int) -> str:
    """Return a count with at most three figures and a unit: 48.1M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)
