"""Stanford Cars, from either of the two annotations that it comes with.

Source: Krause, Stark, Deng, Fei-Fei, "3D Object Representations for Fine-Grained Categorization" (2013); the
split by classes is that of Oh Song, Xiang, Jegelka, Savarese, "Deep Metric Learning via Lifted Structured
Feature Embedding" (2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence
from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.datasets.lists import find_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LAYOUT = (
    "either cars_annos.mat and car_ims/, or cars_train/, cars_test/ and, in devkit/ or beside it, "
    "cars_meta.mat, cars_train_annos.mat and cars_test_annos_withlabels.mat"
)
_TRAINED = 98  # classes 1 to 98
_TOTAL = (16_185, 196)  # items and classes
_PUBLISHED = {"train": (8_054, 98), "test": (8_131, 98)}
_BOX = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


@DATASETS.register("cars196")
def cars196(root: Path | None = None) -> Catalogue:
    """Return the 16,185 images of 196 kinds of cars: classes 1 to 98 for training, the others for testing.

    Split by items, they are split as they were published for classification.

    Parameters
    ----------
    root
        Folder with ``cars_annos.mat`` and ``car_ims/``; or with ``cars_train/``, ``cars_test/`` and, in it or
        in ``devkit/``, ``cars_meta.mat``, ``cars_train_annos.mat`` and ``cars_test_annos_withlabels.mat``.
    """
    base = need_root("cars196", root)
    whole = base / "cars_annos.mat"
    parted = any((base / place).is_file() for place in _places("cars_train_annos.mat"))
    if whole.is_file() and ((base / "car_ims").is_dir() or not parted):
        names = _class_names(whole)
        tables, folders = [_Annotations(whole, "relative_im_path")], [""]
        tested = tables[0].whole("test", range(2)) == 1
    else:
        files = [find_file(base, _places("cars_train_annos.mat"), _LAYOUT), _labelled(base)]
        names = _class_names(find_file(base, _places("cars_meta.mat"), _LAYOUT))
        tables = [_Annotations(file, "fname") for file in files]
        folders = [_folder(base, part) for part in ("cars_train", "cars_test")]
        tested = np.repeat([False, True], [len(table.paths) for table in tables])
    labels = np.concatenate([table.whole("class", range(1, len(names) + 1)) for table in tables])
    paths = [folder + path for folder, table in zip(folders, tables, strict=True) for path in table.paths]
    return Catalogue(
        ImageFiles([base / path for path in paths]),
        labels,
        {"class": [names[label] for label in labels.tolist()], "path": paths},
        names,
        split=np.where(labels <= _TRAINED, "train", "test"),
        item_split=np.where(tested, "test", "train"),
        published=_PUBLISHED,
        total=_TOTAL,
        boxes=np.concatenate([table.boxes() for table in tables]),
    )


def _places(name: str) -> list[str]:
    """Return where a file of the devkit may be."""
    return [f"devkit/{name}", name]


def _labelled(base: Path) -> Path:
    """Return the annotations of the images for testing, which must have classes."""
    bare = next((place for place in _places("cars_test_annos.mat") if (base / place).is_file()), None)
    layout = "the file of that name from the web page of the data set"
    if bare is not None:
        layout += f"; {bare} has no classes"
    return find_file(base, _places("cars_test_annos_withlabels.mat")[::-1], layout)


def _folder(base: Path, part: str) -> str:
    """Return the folder of images, once or twice as deep (some archives repeat it)."""
    return f"{part}/{part}/" if (base / part / part).is_dir() else f"{part}/"


def _read(file: Path, variable: str) -> NDArray[Any]:
    """Return a variable of a MATLAB file, at least one-dimensional."""
    from scipy.io import loadmat

    try:
        content = loadmat(file, squeeze_me=True, variable_names=[variable])
    except Exception as error:  # a broken file raises errors of a dozen kinds
        message = f"{file} cannot be read as a MATLAB file ({first_sentence(error)})"
        raise InputError(message) from error
    if variable not in content:
        message = f"{file} has no variable {variable!r}; is it a file of Stanford Cars?"
        raise InputError(message)
    return np.atleast_1d(content[variable])


def _class_names(file: Path) -> dict[int, str]:
    """Return the names of the classes, numbered from 1."""
    return {number: str(name) for number, name in enumerate(_read(file, "class_names"), start=1)}


class _Annotations:
    """The annotations of some images.

    Parameters
    ----------
    file
        A MATLAB file with a struct array ``annotations``.
    name
        Its field that holds the names of the images.
    """

    def __init__(self, file: Path, name: str) -> None:
        self.file = file
        self._fields = _read(file, "annotations")
        self.paths = [str(path) for path in self._values(name)]
        rows: dict[str, int] = {}
        for row, path in enumerate(self.paths):
            if rows.setdefault(path, row) != row:
                message = f"{name} {path!r} is that of annotation {rows[path] + 1} already"
                raise self._error(row, message)

    def whole(self, field: str, allowed: range) -> NDArray[np.int64]:
        """Return a field of whole numbers."""
        values = self._values(field)
        for row, value in enumerate(values):
            if not isinstance(value, int | float) or value not in allowed:
                message = f"{field} is {value!r}; {allowed.start} to {allowed.stop - 1} is expected"
                raise self._error(row, message)
        return np.array(values, dtype=np.int64)

    def boxes(self) -> NDArray[np.float64]:
        """Return left, top, right, bottom; in the file pixels count from 1, and the last one is included."""
        columns = [self._values(field) for field in _BOX]
        boxes = np.empty((len(self.paths), 4))
        for row, corners in enumerate(zip(*columns, strict=True)):
            try:
                x1, y1, x2, y2 = map(float, corners)
            except (TypeError, ValueError):
                x1 = y1 = x2 = y2 = np.nan
            if not (1 <= x1 <= x2 < np.inf and 1 <= y1 <= y2 < np.inf):
                message = f"{corners} is not a box; {', '.join(_BOX)} from 1 are expected, pixels"
                raise self._error(row, message)
            boxes[row] = x1 - 1, y1 - 1, x2, y2
        return boxes

    def _values(self, field: str) -> list[Any]:
        """Return one value an image."""
        if field not in (self._fields.dtype.names or ()):
            message = f"{self.file} has annotations without {field!r}"
            raise InputError(message)
        values: list[Any] = self._fields[field].tolist()
        return values

    def _error(self, row: int, message: str) -> InputError:
        """Return an error that names the file and the annotation, counted from 1."""
        return InputError(f"{self.file}: annotation {row + 1}: {message}")
