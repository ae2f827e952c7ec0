"""The data set of drawings: names that are one drawing are one class, and a drawing is in one class once."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "docs" / "make_icons.py"
INDEX = "[Icon Theme]\n[16/actions]\nSize=16\n[48/actions]\nSize=48px\n[48@2/actions]\nSize=48\nScale=2\n"


@pytest.fixture
def make_icons(monkeypatch):
    spec = importlib.util.spec_from_file_location("make_icons", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "THEMES", ("one", "two", "three"))
    return module


def draw(theme: Path, name: str, picture: np.ndarray, folder: str = "48") -> Path:
    """Write a drawing of a theme."""
    if not theme.exists():
        theme.mkdir(parents=True)
        (theme / "index.theme").write_text(INDEX)
    path = theme / folder / "actions" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def drawing(seed: int, size: int = 48) -> np.ndarray:
    """Return blocks of random shades, uint8 [size, size]."""
    shades = np.random.default_rng(seed).integers(0, 200, (8, 8), dtype=np.uint8)
    return np.kron(shades, np.ones((size // 8, size // 8), np.uint8))


def chosen(module, icons: Path) -> set[str]:
    files = module.find_drawings(icons, fewest=2)
    pictures = module.render_all(sorted(set(files.values())))
    return {f"{name}/{theme}" for theme, name in module.choose(files, pictures, fewest=2)}


def test_drawings_of_a_name_are_a_class(make_icons, tmp_path):
    for seed, theme in enumerate(("one", "two")):
        draw(tmp_path / theme, "disc", drawing(seed))
        draw(tmp_path / theme, "disc-symbolic", drawing(10 + seed))
        draw(tmp_path / theme, "blank", np.full((48, 48), 255, np.uint8))
    draw(tmp_path / "one", "rare", drawing(5))
    assert chosen(make_icons, tmp_path) == {"disc/one", "disc/two"}


@pytest.mark.parametrize("how", ["link", "mirrored"])
def test_names_of_one_drawing_are_one_class(make_icons, tmp_path, how):
    for seed, theme in enumerate(("one", "two", "three")):
        path = draw(tmp_path / theme, "next", drawing(seed))
        if how == "link":
            path.with_name("forward.png").symlink_to(path)
        else:
            draw(tmp_path / theme, "forward", drawing(seed)[:, ::-1])
    assert chosen(make_icons, tmp_path) == {"forward/one", "forward/two", "forward/three"}


def test_a_drawing_of_two_classes_is_in_neither(make_icons, tmp_path):
    for seed, theme in enumerate(("one", "two", "three")):
        draw(tmp_path / theme, "disc", drawing(seed))
        draw(tmp_path / theme, "tape", drawing(10 + seed))
    draw(tmp_path / "three", "tape", drawing(0))  # the disc of the first theme
    assert chosen(make_icons, tmp_path) == {"disc/two", "disc/three", "tape/one", "tape/two"}


def test_a_copy_in_another_shade_and_size_is_left_out(make_icons, tmp_path):
    for seed, theme in enumerate(("one", "two")):
        draw(tmp_path / theme, "disc", drawing(seed))
    copy = np.full((48, 48), 255, np.uint8)
    copy[8:40, 4:36] = 40 + drawing(1, 32) // 2
    draw(tmp_path / "three", "disc", copy)
    assert chosen(make_icons, tmp_path) == {"disc/one", "disc/two"}


def test_the_size_nearest_above_is_read(make_icons, tmp_path):
    for theme in ("one", "two"):
        draw(tmp_path / theme, "disc", drawing(0, 16), "16")
        wanted = draw(tmp_path / theme, "disc", drawing(1), "48")
        draw(tmp_path / theme, "disc", drawing(2, 96), "48@2")
    assert make_icons.find_drawings(tmp_path, fewest=2)["two", "disc"] == wanted


def test_the_program_writes_a_folder_per_class_once(make_icons, tmp_path, capsys, monkeypatch):
    for seed, theme in enumerate(("one", "two")):
        draw(tmp_path / "icons" / theme, "disc", drawing(seed, 16), "16")
    words = ["make_icons", str(tmp_path / "out"), "--icons", str(tmp_path / "icons"), "--fewest", "2"]
    monkeypatch.setattr("sys.argv", words)
    make_icons.main()
    assert "2 drawings of 1 classes" in capsys.readouterr().out
    with Image.open(tmp_path / "out" / "disc" / "two.png") as image:
        assert (image.size, image.mode) == ((48, 48), "RGB")
    with pytest.raises(SystemExit, match="exists; remove it"):
        make_icons.main()
