"""Letters and numbers drawn from the fonts that matplotlib ships: a retrieval problem with no download.

A class is a character; its items are its forms in sixteen faces. Serif, sans-serif and monospaced forms of
one letter look different, so a class is several clusters: what easy positives are about.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedlens.training.datasets.base import DATASETS, Catalogue, refuse_root
from embedlens.training.datasets.images import ImageArray

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont

SIZE = 32
_POINTS = 24
_MIN_FACES = 12
_SPLIT_SEED = 0  # of the data, not of a run: all runs see the same classes in train and test
_FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)


@DATASETS.register("glyphs")
def glyphs(root: Path | None = None) -> Catalogue:
    """Draw the data set; nothing is read but the fonts, `root` must be None.

    Classes are the letters and numbers (Unicode categories L and N) that 12 of the 16 faces cover;
    characters drawn alike in DejaVu Sans are kept once. Half of the classes, at random but the same for
    ever, is for training.
    """
    refuse_root("glyphs", root)
    from fontTools.ttLib import TTFont
    from matplotlib import get_data_path
    from PIL import ImageFont

    paths = [Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf" for face in _FACES]
    covered = []
    for path in paths:
        with TTFont(path, lazy=True) as font:
            covered.append(set(font.getBestCmap()))
    faces = [ImageFont.truetype(path, _POINTS, layout_engine=ImageFont.Layout.BASIC) for path in paths]
    drawn, labels, face_names, class_names = [], [], [], {}
    for label, code in enumerate(_classes(covered, faces[0])):
        class_names[label] = chr(code)
        for name, face, codes in zip(_FACES, faces, covered, strict=True):
            if code in codes:
                drawn.append(_draw(chr(code), face))
                labels.append(label)
                face_names.append(name)
    images, numbers = np.stack(drawn), np.array(labels, dtype=np.int64)
    items = {"class": [class_names[label] for label in labels], "face": face_names}
    return Catalogue(ImageArray(images), numbers, items, class_names, mirrored=False, halves_seed=_SPLIT_SEED)


def _classes(covered: list[set[int]], reference: FreeTypeFont) -> list[int]:
    """Return the code points that are classes, ascending."""
    counts = Counter(code for codes in covered for code in codes)
    kept: dict[bytes, int] = {}
    for code in sorted(counts):
        if counts[code] >= _MIN_FACES and unicodedata.category(chr(code))[0] in "LN":
            kept.setdefault(_draw(chr(code), reference).tobytes(), code)
    return list(kept.values())


def _draw(character: str, face: FreeTypeFont) -> NDArray[np.uint8]:
    """Draw one character white on black, its box in the middle, uint8 [32, 32]."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (SIZE, SIZE))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = pen.textbbox((0, 0), character, font=face)
    corner = ((SIZE - right - left) / 2, (SIZE - bottom - top) / 2)
    pen.text(corner, character, font=face, fill=255)
    return np.asarray(image)
