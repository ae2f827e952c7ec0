"""Images of one's own: one folder per class, or train/ and test/ with one folder per class each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageFiles

if TYPE_CHECKING:
    from pathlib import Path

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


@DATASETS.register("folder")
def folder(root: Path | None = None) -> Catalogue:
    """Return the images below `root`.

    With folders ``train`` and ``test`` each holds one folder per class; otherwise `root` does, and the first
    half of the classes, by name, is for training.
    """
    base = need_root("folder", root)
    given = [part for part in ("train", "test") if (base / part).is_dir()]
    if len(given) == 1:
        message = f"{base} has {given[0]}/ but not the other of train/ and test/; give both or neither"
        raise InputError(message)
    parts = given or ["."]
    files = {part: _files(base / part) for part in parts}
    names = [file.relative_to(base / part).parts[0] for part in parts for file in files[part]]
    classes = sorted(set(names))
    if len(classes) == 1:
        message = f"{base} holds images in one folder alone, {classes[0]}/; one folder per class is needed"
        raise InputError(message)
    number = {name: label for label, name in enumerate(classes)}
    paths = [file for part in parts for file in files[part]]
    return Catalogue(
        ImageFiles(paths),
        np.array([number[name] for name in names], dtype=np.int64),
        {"class": names, "path": [file.relative_to(base).as_posix() for file in paths]},
        dict(enumerate(classes)),
        split=np.repeat(given, [len(files[part]) for part in given]) if given else None,
    )


def _files(base: Path) -> list[Path]:
    """Return the images in the class folders below `base`, class by class."""
    folders = sorted(path for path in base.iterdir() if path.is_dir() and not path.name.startswith("."))
    named = [
        file for folder_ in folders for file in sorted(folder_.rglob("*")) if file.suffix.lower() in _ENDINGS
    ]
    files = [file for file in named if not file.is_dir()]
    # `Path.is_file` follows links, and says False where one leads nowhere or in a circle.
    missing = [file for file in files if not _is_file(file)]
    if missing:
        message = (
            f"{len(missing):,} of {len(files):,} images below {base} cannot be read (links "
            f"that lead nowhere, pipes), the first: {missing[0]}; fix or remove them"
        )
        raise InputError(message)
    if not files:
        message = f"{base} holds no images in class folders ({', '.join(sorted(_ENDINGS))})"
        raise InputError(message)
    return files


def _is_file(path: Path) -> bool:
    """Return whether a path leads to a regular file; links in a circle do not."""
    try:
        return path.is_file()
    except (OSError, RuntimeError):
        return False
