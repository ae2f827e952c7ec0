"""A fine-grained data set out of the glyphs: the class is the typeface and the script, not the character.

Characters, the largest differences, lie within the classes; typefaces differ in small details, as species of
birds and models of cars do.
"""

from __future__ import annotations

import csv
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRAIN = ("LATIN SMALL", "LATIN CAPITAL", "CYRILLIC SMALL", "ARMENIAN SMALL", "MODIFIER LETTER")
TEST = ("GREEK SMALL", "GREEK CAPITAL", "CYRILLIC CAPITAL", "ARMENIAN CAPITAL", "GEORGIAN LETTER")
"""Scripts by the first two words of the Unicode names of their characters."""
MOST = 40
"""Characters of a script, drawn at random once."""


def write_faces(folder: Path) -> None:
    """Write images and list.csv of the data set, for `--data csv --root FOLDER`; a finished one is kept."""
    if (folder / "list.csv").is_file():
        return
    drawn: dict[tuple[str, str], list[tuple[str, np.ndarray]]] = {}
    for character, face, image in sorted(_glyphs(), key=lambda glyph: glyph[:2]):
        script = script_of(character)
        if script in TRAIN + TEST:
            drawn.setdefault((script, face), []).append((character, image))
    rows = []
    for (script, face), images in sorted(drawn.items()):
        for number in np.random.default_rng(0).permutation(len(images))[:MOST].tolist():
            character, image = images[number]
            split = "train" if script in TRAIN else "test"
            rows.append((_save(folder, character, face, image), f"{script} {face}", split))
    _write_list(folder, ("path", "label", "split"), rows)


def write_characters(folder: Path) -> None:
    """Write the glyphs of all other scripts than those of the test split, with their characters as labels."""
    if (folder / "list.csv").is_file():
        return
    rows = [
        (_save(folder, character, face, image), f"{ord(character)}")
        for character, face, image in _glyphs()
        if script_of(character) not in TEST
    ]
    _write_list(folder, ("path", "label"), rows)


def _glyphs() -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield character, typeface and image of all glyphs."""
    from embedlens.training.datasets import load_dataset

    for part in load_dataset("glyphs").splits.values():
        yield from zip(part.items["class"], part.items["face"], part.images.pixels, strict=True)


def _save(folder: Path, character: str, face: str, image: np.ndarray) -> str:
    """Write an image; return the name of its file."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    name = f"{face}-{ord(character):05x}.png"
    Image.fromarray(np.asarray(image)).save(folder / name)
    return name


def _write_list(folder: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def script_of(character: str) -> str:
    """Return the first two words of a character's Unicode name."""
    return " ".join(unicodedata.name(character).split()[:2])
