"""A renderer that remembers letters: text of animations, bit for bit as matplotlib's agg draws it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matplotlib import ft2font
from matplotlib.backends.backend_agg import RendererAgg, get_hinting_flag

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties
    from numpy.typing import NDArray

    Letter = tuple[Any, int, float, float]  # font, number of the glyph, pixels to the right and upwards

_DIGITS = "0123456789"
_DIGIT = re.compile("[0-9]")
# Digits beside each other, and beside what stands beside numbers in statistics and headings.
_PAIRS = "".join(a + b for a in _DIGITS for b in _DIGITS)
_BESIDE = _PAIRS + "".join(f" {d}.{d}%,{d}:({d})={d} -{d}" for d in _DIGITS)
_NOTHING = [[0x10000, 0], [0, 0x10000]]  # as a transform of FreeType
# What places and draws single glyphs is no public part of matplotlib; 3.10 lacks it.
_AVAILABLE = all(hasattr(ft2font.FT2Font, name) for name in ("_layout", "_render_glyph", "_set_transform"))


class QuickRenderer(RendererAgg):
    """agg's renderer for pictures whose texts differ in numbers alone.

    Fonts take most of the time of a frame: they place the letters of a line, and make a picture of each. Here
    a line is placed once for all numbers of as many digits, which is checked to be the same for all digits of
    the font, and a letter is made once for each fraction of a pixel at which it stands. Text that is no plain
    ASCII, and text of fonts whose digits differ in width, is left to agg.
    """

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]
        self._pictures: dict[Any, tuple[NDArray[Any], int, int]] = {}
        self._lines: dict[tuple[FontProperties, str], list[Letter]] = {}
        self._sizes: dict[tuple[FontProperties, str], tuple[float, float, float]] = {}
        self._alike: dict[FontProperties, bool] = {}

    def draw_text(self, gc: Any, x: float, y: float, *line: Any, **options: Any) -> None:
        """Draw a line of text; after its place come text, font and angle (see matplotlib)."""
        s, prop, angle, *others = line
        source = options.get("mtext")
        plain = not (angle or others or options.get("ismath")) and gc.get_antialiased()
        if plain and _AVAILABLE and source is not None:
            plain = not (source.get_fontfeatures() or source.get_language())
        if not plain or not self._is_quick(s, prop):
            super().draw_text(gc, x, y, *line, **options)  # type: ignore[no-untyped-call]
            return
        size = prop.get_size_in_points()
        for letter, (font, glyph, right, up) in zip(s, self._line(s, prop), strict=True):
            number = font.get_char_index(ord(letter)) if letter in _DIGITS else glyph
            # in 64ths of a pixel, as FreeType has it, upwards
            across, high = round(64 * (x + right)), round(64 * (self.height - y + up))
            picture, left, top = self._picture((font, size, number, across & 63, high & 63))
            if picture.size:
                low = int(self.height) - top - (high >> 6) + picture.shape[0]
                self._renderer.draw_text_image(picture, left + (across >> 6), low, 0, gc)

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        """Return the size of a line of text, pixels (see matplotlib)."""
        if ismath or not self._is_quick(s, prop):
            return self._measured(s, prop, ismath)
        letters = [self._size(letter, prop) for letter in set(s)]
        descent = max(part[2] for part in letters)
        ascent = max(part[1] - part[2] for part in letters)
        return self._size(_DIGIT.sub("0", s), prop)[0], ascent + descent, descent

    def _measured(self, s: str, prop: FontProperties, ismath: Any = False) -> tuple[float, float, float]:
        found: tuple[float, float, float] = super().get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-untyped-call]
        return found

    def _size(self, s: str, prop: FontProperties) -> tuple[float, float, float]:
        """Return the size of a text that is measured once."""
        key = (prop.copy(), s)
        if key not in self._sizes:
            self._sizes[key] = self._measured(s, prop)
        return self._sizes[key]

    def _is_quick(self, s: str, prop: FontProperties) -> bool:
        """Return whether a text may be put together of letters that are remembered."""
        if not _AVAILABLE or not s.isascii() or not s.isprintable():
            return False
        if prop not in self._alike:
            zeros = _DIGIT.sub("0", _BESIDE)
            ways = [[letter[2:] for letter in self._placed(text, prop)] for text in (_BESIDE, zeros)]
            self._alike[prop.copy()] = ways[0] == ways[1] and len(zeros) == len(ways[0])
        return self._alike[prop] and len(self._line(s, prop)) == len(s)

    def _line(self, s: str, prop: FontProperties) -> list[Letter]:
        """Return the places of the letters of a line, whose digits count as zeros."""
        key = (prop.copy(), _DIGIT.sub("0", s))
        if key not in self._lines:
            self._lines[key] = self._placed(key[1], prop)
        return self._lines[key]

    def _placed(self, s: str, prop: FontProperties) -> list[Letter]:
        font: Any = self._prepare_font(prop)  # type: ignore[no-untyped-call]
        items = font._layout(s, flags=get_hinting_flag())  # type: ignore[no-untyped-call]
        return [(item.ft_object, item.glyph_index, item.x, item.y) for item in items]

    def _picture(self, key: tuple[Any, float, int, int, int]) -> tuple[NDArray[Any], int, int]:
        """Return the picture of a glyph, and the place of its top left corner beside the glyph's own."""
        if key not in self._pictures:
            font, size, glyph, across, high = key
            font.set_size(size, self.dpi)
            font._set_transform(_NOTHING, [across, high])
            made = font._render_glyph(glyph, get_hinting_flag(), ft2font.RenderMode.NORMAL)  # type: ignore[no-untyped-call]
            self._pictures[key] = made.buffer.copy(), made.left, made.top
        return self._pictures[key]
