"""Images of one's own: one folder a class, or train/ and test/ with one folder a class each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.training.datasets.base import (
    DATASETS,
    ImageDataset,
    ImageSplit,
    halve,
    need_root,
    split_by_class,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = 64
_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


@DATASETS.register("folder")
def folder(root: Path | None = None) -> ImageDataset:
    """Return the images below `root` as RGB, 64 x 64: the shorter side scaled, the middle cut out.

    With folders ``train`` and ``test`` each holds one folder a class; otherwise `root` does, and the first
    half of the classes, by name, is for training.
    """
    base = need_root("folder", root)
    given = [part for part in ("train", "test") if (base / part).is_dir()]
    if len(given) == 1:
        message = f"{base} has {given[0]}/ but not the other of train/ and test/; give both or neither"
        raise InputError(message)
    classes = sorted({path.name for part in given or ["."] for path in _folders(base / part)})
    if not given:
        images, labels, items = _read(base, base, classes)
        splits = split_by_class(images, labels, items, train=halve(labels))
    else:
        splits = {part: ImageSplit(*_read(base / part, base, classes)) for part in given}
    return ImageDataset(splits, dict(enumerate(classes)), mirrored=True)


def _folders(base: Path) -> list[Path]:
    return sorted(path for path in base.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read(
    base: Path, root: Path, classes: list[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, list[str]]]:
    """Read one folder a class below `base`: images, labels (numbers in `classes`) and item columns."""
    files = [
        file
        for folder_ in _folders(base)
        for file in sorted(folder_.rglob("*"))
        if file.suffix.lower() in _ENDINGS and file.is_file()
    ]
    if not files:
        message = f"{base} holds no images in class folders ({', '.join(sorted(_ENDINGS))})"
        raise InputError(message)
    names = [file.relative_to(base).parts[0] for file in files]
    numbers = {name: number for number, name in enumerate(classes)}
    items = {"class": names, "path": [file.relative_to(root).as_posix() for file in files]}
    return (
        np.stack([_load(file) for file in files]),
        np.array([numbers[name] for name in names], dtype=np.int64),
        items,
    )


def _load(file: Path) -> NDArray[np.uint8]:
    """Read one image as RGB, uint8 [64, 64, 3]."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(ImageOps.fit(upright, (SIZE, SIZE), Image.Resampling.BICUBIC))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"{file} cannot be read as an image ({error}); mend or remove it"
        raise InputError(message) from error
