"""Labeled Faces in the Wild: one folder per person, and the pairs that faces are verified on.

Source: Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild: A Database for Studying Face
Recognition in Unconstrained Environments" (2007).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.pairs import ItemNames, read_pairs
from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageFiles

if TYPE_CHECKING:
    from pathlib import Path

_FOLDERS = ("lfw", "lfw_funneled", "lfw-deepfunneled")
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")


@DATASETS.register("lfw")
def lfw(root: Path | None = None) -> Catalogue:
    """Return the 13,233 faces of 5,749 persons; those whom ``pairs.txt`` names are for testing.

    The pairs may so be verified on the test split: it has all images that they name.

    Parameters
    ----------
    root
        Folder that holds one folder per person, as in ``Ann_Lee/Ann_Lee_0001.jpg``, itself or in ``lfw/``,
        ``lfw_funneled/`` or ``lfw-deepfunneled/``; and ``pairs.txt``, in it or beside it.
    """
    base = need_root("lfw", root)
    home = _home(base)
    places = [base / "pairs.txt", home / "pairs.txt", base.absolute().parent / "pairs.txt"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        message = (
            f"{base} has no pairs.txt (nor has the folder above), which lists the people for testing; "
            "put it there, or use the data set 'folder', which splits the people in half"
        )
        raise InputError(message)
    persons = {entry.name: _faces(entry) for entry in _sorted(home) if entry.is_dir()}
    names = [name for name, faces in persons.items() if faces]
    if not names:
        message = f"{home} holds no folders of people with images, as in Ann_Lee/Ann_Lee_0001.jpg"
        raise InputError(message)
    counts = [len(persons[name]) for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), counts)
    classes = [name for name in names for _ in persons[name]]
    images = [home / name / face for name in names for face in persons[name]]
    paths = [image.relative_to(base).as_posix() for image in images]
    pairs = read_pairs(file, ItemNames(labels, classes, paths))
    tested = np.isin(labels, labels[np.concatenate([pairs.a, pairs.b])])
    return Catalogue(
        ImageFiles(images),
        labels,
        {"class": classes, "path": paths},
        dict(enumerate(names)),
        split=np.where(tested, "test", "train"),
        total=(13_233, 5_749),
    )


def _home(base: Path) -> Path:
    """Return the folder that holds the folders of persons."""
    inside = [base / folder for folder in _FOLDERS if (base / folder).is_dir()]
    if len(inside) > 1:
        found = ", ".join(folder.name for folder in inside)
        message = f"{base} holds {found}; say which is meant with --root"
        raise InputError(message)
    return _home(inside[0]) if inside else base


def _sorted(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """Return what a folder holds, by name, but what is hidden."""
    with os.scandir(folder) as entries:
        return sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name
        )


def _faces(person: os.DirEntry[str]) -> list[str]:
    """Return the names of the images of a person, by their numbers."""
    faces: dict[int, str] = {}
    for entry in _sorted(person):
        stem, ending = os.path.splitext(entry.name)
        if ending.lower() not in _ENDINGS:
            continue
        name, _, number = stem.rpartition("_")
        if name != person.name or not number.isdecimal() or int(number) in faces:
            message = (
                f"{entry.path} is not named {person.name}_NUMBER{ending}, or is the second of its number"
            )
            raise InputError(message)
        faces[int(number)] = entry.name
    return [faces[number] for number in sorted(faces)]
