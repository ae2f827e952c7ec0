"""Makes a data set of drawings from the icon themes of Debian: a class is an icon name, its items are themes.

    python docs/make_icons.py OUT
    embedlens compare --data folder --root OUT --image-size 32

An icon such as `document-save` is drawn by many themes, each in its own style: embeddings of drawings are to
be near by subject, not by style. The script writes OUT/NAME/THEME.png, 48 x 48 pixels, on white. It reads the
themes that are installed below /usr/share/icons (`--icons DIR`) and needs `rsvg-convert` for themes in SVG:

    apt-get install --no-install-recommends librsvg2-bin PACKAGE ...

The packages, as of Debian 12, and the licences of their drawings (nothing of them is shipped with embedlens):

    adwaita-icon-theme         LGPL-3 or CC-BY-SA-3.0      moka-icon-theme        CC-BY-SA-4.0 or GPL-3+
    breeze-icon-theme          LGPL-3+ (parts LGPL-2.1+)   numix-icon-theme       GPL-3+
    deepin-icon-theme          LGPL-3+                     obsidian-icon-theme    GPL-3
    elementary-xfce-icon-theme GPL-2+, CC-BY-SA-2.0        oxygen-icon-theme      LGPL-3+
    faba-icon-theme            CC-BY-SA-4.0 or GPL-3       papirus-icon-theme     GPL-3 (parts LGPL-3)
    faenza-icon-theme          GPL-3+                      suru-icon-theme        CC-BY-SA-3.0, GPL-3
    gnome-colors-common        GPL-2                       tango-icon-theme       public domain
    gnome-icon-theme           GPL-2+, GPL-3+              yaru-theme-icon        CC-BY-SA-4.0, GPL-3+
    gnome-icon-theme-gartoon   GPL-2+                      mint-y-icons           GPL-3+, CC-BY-SA-3.0, 4.0
    gnome-icon-theme-nuovo     GPL-2+                      lxde-icon-theme        GPL-3+, LGPL-3+
    gnome-icon-theme-suede     GPL-2+                      mate-icon-theme        LGPL-3+ or CC-BY-SA
    numix-icon-theme-circle    GPL-3+

Two names that are one drawing in at least half of the themes that have both (links to one file, or files that
look alike, also mirrored) are one class. A drawing that still stands for two classes, in one theme or in two,
is left out of both; a link leaves it to the class of the file's own name. Of copies of a drawing in a class,
also in another shade, one is kept. Classes have at least 6 drawings (`--fewest`).
"""

from __future__ import annotations

import argparse
import configparser
import io
import subprocess
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

THEMES = (
    "oxygen breeze Papirus Tango gnome mate elementary-xfce Faenza Numix Adwaita Numix-Circle Moka suru Yaru "
    "nuoveXT2 bloom bloom-classic Vintage Sea Mint-Y Obsidian Faba gnome-colors-common gartoon Nuovo Suede"
).split()
"""Themes that are read, without those that only colour another's anew; of copies the first is kept."""
SIZE = 48
ALIKE = 2.0
"""Drawings are equal where their mean difference at 16 x 16 pixels is below this, of 255."""
COPIED = 0.95
"""Drawings of a class are copies where the correlation of their shapes, at 16 x 16 pixels, is above this."""
_FLAT = 8.0
"""Standard deviation of the grey values below which a drawing is not seen on white."""
_FORMS = ("-symbolic", "-rtl", "-ltr")
"""Endings of the names of other forms: in one colour, and mirrored."""

Drawings = dict[tuple[str, str], Path]
"""(Theme, name) -> file, links resolved."""


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write, which must not exist")
    parser.add_argument("--icons", type=Path, default=Path("/usr/share/icons"), help="folder of the themes")
    parser.add_argument("--fewest", type=int, default=6, help="drawings of a class (6)")
    options = parser.parse_args()
    if options.out.exists():
        message = f"{options.out} exists; remove it or choose another path"
        raise SystemExit(message)
    files = find_drawings(options.icons, fewest=options.fewest)
    pictures = render_all(sorted(set(files.values())))
    chosen = choose(files, pictures, fewest=options.fewest)
    for (theme, name), path in chosen.items():
        (options.out / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[path]).save(options.out / name / f"{theme}.png")
    sizes = Counter(Counter(name for _, name in chosen).values())
    print(f"{len(chosen):,} drawings of {sum(sizes.values()):,} classes in {options.out}")
    print("drawings of a class: classes ", ", ".join(f"{size}: {sizes[size]}" for size in sorted(sizes)))


def find_drawings(icons: Path, *, fewest: int) -> Drawings:
    """Return the files of the names that at least `fewest` themes have; symbolic forms are left out."""
    found = {theme: _theme(icons / theme) for theme in THEMES if (icons / theme / "index.theme").is_file()}
    counts = Counter(name for files in found.values() for name in files)
    return {
        (theme, name): path
        for theme, files in found.items()
        for name, path in files.items()
        if counts[name] >= fewest
    }


def _theme(folder: Path) -> dict[str, Path]:
    """Return the file of each name of a theme: of the smallest size from SIZE on, else of the largest."""
    index = configparser.RawConfigParser(strict=False)
    index.read(folder / "index.theme", encoding="utf-8")
    ranked: dict[str, tuple[int, str]] = {}
    for section in index.sections():
        part = index[section]
        if "size" not in part or part.get("scale", "1") != "1" or not (folder / section).is_dir():
            continue
        size = _pixels(part["size"])
        if part.get("type", "Threshold").lower() == "scalable":
            fewest, most = (_pixels(part.get(key, str(size))) for key in ("minsize", "maxsize"))
            size = min(max(SIZE, fewest), most)
        rank = size - SIZE if size >= SIZE else 10_000 - size
        for file in (folder / section).iterdir():
            if file.suffix in {".png", ".svg"} and not file.stem.endswith(_FORMS) and file.is_file():
                pair = (rank, str(file))
                ranked[file.stem] = min(ranked.get(file.stem, pair), pair)
    return {name: Path(file).resolve() for name, (_, file) in ranked.items()}


def _pixels(text: str) -> int:
    """Read a size, also one that is written as 12px."""
    return int(text.strip().removesuffix("px"))


def render_all(paths: list[Path]) -> dict[Path, np.ndarray]:
    """Return the pictures, uint8 [SIZE, SIZE, 3], of the files that can be read and are seen on white."""
    rendered = {path: _render(path) for path in paths}
    return {path: picture for path, picture in rendered.items() if picture is not None}


def _render(path: Path) -> np.ndarray | None:
    """Return a drawing on white, scaled to fit; None: it cannot be read, or nothing is seen."""
    try:
        content = path.read_bytes()
        if path.suffix == ".svg":
            command = ["rsvg-convert", "-w", str(SIZE), "-h", str(SIZE), "--keep-aspect-ratio", str(path)]
            content = subprocess.run(command, capture_output=True, check=True).stdout
        with Image.open(io.BytesIO(content)) as image:
            drawing = image.convert("RGBA")
    except (OSError, subprocess.CalledProcessError):
        return None
    scale = SIZE / max(drawing.size)
    if scale != 1:
        width, height = (max(round(scale * side), 1) for side in drawing.size)
        drawing = drawing.resize((width, height), Image.Resampling.LANCZOS)
    page = Image.new("RGBA", (SIZE, SIZE), "white")
    page.alpha_composite(drawing, ((SIZE - drawing.width) // 2, (SIZE - drawing.height) // 2))
    return None if np.asarray(page.convert("L")).std() < _FLAT else np.asarray(page.convert("RGB"))


def choose(files: Drawings, pictures: dict[Path, np.ndarray], *, fewest: int) -> Drawings:
    """Return one file per theme and class, without drawings that stand for two classes or occur twice."""
    seen = {key: path for key, path in files.items() if path in pictures}
    paths = sorted(set(seen.values()))
    equal = {path: {path} for path in paths}
    for one, other in equal_pairs([pictures[path] for path in paths]):
        equal[paths[one]].add(paths[other])
        equal[paths[other]].add(paths[one])
    heads = _heads(seen, equal)
    chosen = _enough(_merged(seen, heads), fewest)
    users = defaultdict(set)
    for (_, name), path in chosen.items():
        users[path].add(name)
    for path, names in users.items():
        if (own := heads.get(path.stem)) in names:  # links of other names lead to it
            users[path] = {own}
    kept: Drawings = {}
    shapes: dict[str, list[np.ndarray]] = defaultdict(list)
    for (theme, name), path in chosen.items():
        owners = {owner for other in equal[path] for owner in users.get(other, ())}
        shape = _shape(pictures[path])
        if owners == {name} and all(np.vdot(shape, other) < COPIED for other in shapes[name]):
            shapes[name].append(shape)
            kept[theme, name] = path
    return dict(sorted(_enough(kept, fewest).items(), key=lambda item: item[0][::-1]))


def equal_pairs(pictures: list[np.ndarray]) -> set[tuple[int, int]]:
    """Return the pairs of places of pictures that look alike, or one like the other mirrored."""
    small = np.stack([_scaled(Image.fromarray(picture)) for picture in pictures])
    flat = np.concatenate([small, small[:, :, ::-1]]).reshape(2 * len(small), -1)
    order = np.argsort(flat.mean(1), kind="stable")
    flat = flat[order]
    means = flat.mean(1)
    ends = np.searchsorted(means, means + ALIKE)  # the means of equal pictures differ by less
    pairs = set()
    for row, end in enumerate(ends):
        near = row + 1 + np.flatnonzero(np.abs(flat[row + 1 : end] - flat[row]).mean(1) < ALIKE)
        one, others = order[row] % len(small), order[near] % len(small)
        pairs |= {(int(min(one, other)), int(max(one, other))) for other in others if other != one}
    return pairs


def _scaled(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((16, 16), Image.Resampling.BOX), dtype=np.float32)


def _shape(picture: np.ndarray) -> np.ndarray:
    """Return the grey values of what is drawn, of mean 0 and length 1: the same in other shades and sizes."""
    grey = Image.fromarray(picture).convert("L")
    values = _scaled(grey.crop(grey.point(lambda value: 255 * (value < 250)).getbbox()))
    values -= values.mean()
    return np.asarray(values / max(np.linalg.norm(values), 1e-6))


def _heads(files: Drawings, equal: dict[Path, set[Path]]) -> dict[str, str]:
    """Return the class of each name: names that are one drawing in half of their common themes are one."""
    by_theme: dict[str, dict[str, Path]] = defaultdict(dict)
    for (theme, name), path in files.items():
        by_theme[theme][name] = path
    shared: Counter[tuple[str, str]] = Counter()
    for of_theme in by_theme.values():
        names = defaultdict(list)
        for name, path in of_theme.items():
            names[path].append(name)
        for path, group in names.items():
            others = [name for other in equal[path] if other > path for name in names.get(other, ())]
            shared.update((min(pair), max(pair)) for pair in combinations(group, 2))
            shared.update((min(one, other), max(one, other)) for one in group for other in others)
    beside: dict[str, list[str]] = defaultdict(list)
    for one, other in shared:
        both = sum(one in of_theme and other in of_theme for of_theme in by_theme.values())
        if 2 * shared[one, other] >= both:
            beside[one].append(other)
            beside[other].append(one)
    counts = Counter(name for _, name in files)
    heads: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        if name not in heads:  # no chains: the names of a class are one drawing with its first
            heads |= dict.fromkeys([name, *(other for other in beside[name] if other not in heads)], name)
    return heads


def _merged(files: Drawings, heads: dict[str, str]) -> Drawings:
    """Return one file per theme and class, that of the name which most themes have."""
    counts = Counter(name for _, name in files)
    merged: Drawings = {}
    for theme, name in sorted(files, key=lambda key: (THEMES.index(key[0]), -counts[key[1]], key[1])):
        merged.setdefault((theme, heads[name]), files[theme, name])
    return merged


def _enough(files: Drawings, fewest: int) -> Drawings:
    """Return the drawings of classes with at least `fewest`."""
    counts = Counter(name for _, name in files)
    return {key: path for key, path in files.items() if counts[key[1]] >= fewest}


if __name__ == "__main__":
    main()
