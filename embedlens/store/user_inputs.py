"""Conversion of labels, class names, items and method from the forms that training code uses."""

from __future__ import annotations

import argparse
import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import to_numpy
from embedlens.errors import InputError, shortened
from embedlens.label_set_inputs import numbered_sets
from embedlens.label_sets import LabelSets
from embedlens.labels import number_labels
from embedlens.store.checks import check_mapping
from embedlens.store.schema import VERSION, WITH_SETS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_DEPTH = 32


def plain_method(method: object) -> dict[str, Any]:
    """Return a method given as dict, namespace or dataclass, nested or not, as a dict of plain data.

    Raises
    ------
    InputError
        Any other object.
    """
    if method is None:
        return {}
    plain = _plain(method, _DEPTH)
    if not isinstance(plain, dict):
        message = f"method is {type(method).__name__}; a dict, a namespace or a dataclass is needed"
        raise InputError(message)
    return plain


def _plain(value: object, depth: int) -> Any:
    """Return namespaces, dataclasses and mappings as dicts; other values unchanged."""
    if depth == 0:
        message = f"method is nested more than {_DEPTH} levels deep"
        raise InputError(message)
    if isinstance(value, argparse.Namespace | SimpleNamespace):
        value = vars(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, depth - 1) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(one, depth - 1) for one in value), key=str)
    return value


def integer_labels(labels: Mapping[str, Any], class_names: object) -> tuple[dict[str, Any], dict[int, str]]:
    """Return labels and class names; labels that are text are numbered.

    Parameters
    ----------
    labels
        Split name -> one integer, text or byte string per item, or sets of them (`numbered_sets`).
    class_names
        List of names in the order of labels, label -> name, name -> label, split -> list of names, or None.

    Returns
    -------
    labels
        Split name -> integers, unchanged if they are not text; or label sets.
    names
        Label -> name.
    """
    check_mapping(labels, "labels", "y")
    names = names_by_label(class_names, labels)
    sets = numbered_sets(labels, names)
    if sets is not None:
        return sets
    arrays = {split: _texts(split, values) for split, values in labels.items()}
    if all(array is None for array in arrays.values()):
        return dict(labels), names
    texts = {
        split: [str(value) for value in (to_numpy(labels[split]) if array is None else array)]
        for split, array in arrays.items()
    }
    if not names:
        return _numbered(texts)
    numbers = {name: label for label, name in names.items()}
    for split, column in texts.items():
        unnamed = next((text for text in column if text not in numbers), None)
        if unnamed is not None:
            message = (
                f"split {split!r}: label {shortened(unnamed)!r} is not among the class_names; "
                "give every label a name"
            )
            raise InputError(message)
    return {split: [numbers[text] for text in column] for split, column in texts.items()}, names


def format_version(labels: Iterable[Any]) -> int:
    """Return the version of the run format that the labels of its splits need."""
    return WITH_SETS if any(isinstance(one, LabelSets) for one in labels) else VERSION


def _numbered(texts: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], dict[int, str]]:
    """Return labels and names of texts, numbered alike in all splits."""
    labels, names = number_labels(texts)
    return dict(labels), names


def _texts(split: str, values: ArrayLike) -> NDArray[np.str_] | None:
    """Return labels [N] that are text or byte strings; None for any others."""
    try:
        array: NDArray[Any] = to_numpy(values)
    except ValueError:  # lists of several lengths; the check of labels refuses them
        return None
    if array.dtype.kind == "O" and array.ndim == 1 and any(isinstance(one, str | bytes) for one in array):
        odd = next((row for row, one in enumerate(array) if not isinstance(one, str | bytes)), None)
        if odd is not None:
            message = (
                f"split {split!r}: the label of row {odd} is {shortened(repr(array[odd]))}, others are text; "
                "give every item a text, or every item an integer"
            )
            raise InputError(message)
        array = np.array(
            [one.decode() if isinstance(one, bytes) else one for one in array.tolist()], dtype=str
        )
    if array.ndim != 1 or array.dtype.kind not in "US":
        return None
    try:
        texts = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except UnicodeDecodeError as error:
        message = f"split {split!r}: labels are byte strings that are not UTF-8; give text or integers"
        raise InputError(message) from error
    empty = np.flatnonzero(texts == "")
    if empty.size:
        message = f"split {split!r}: the label of row {int(empty[0])} is empty; give every item a label"
        raise InputError(message)
    return np.asarray(texts, dtype=str)


def names_by_label(given: object, splits: Mapping[str, object]) -> dict[int, str]:
    """Return class names by label; see `integer_labels`."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        lists = {key: value for key, value in given.items() if _is_list(value)}
        if lists and len(lists) == len(given) and set(given) <= set(splits):
            found = [names_by_label(value, {}) for value in given.values()]
            if any(one != found[0] for one in found):
                message = "class_names differ between splits; one list for all labels of the run is needed"
                raise InputError(message)
            return found[0]
        if given and all(isinstance(key, str) and _is_whole(value) for key, value in given.items()):
            return _inverted(given)
        return {_label(key): _name(key, value) for key, value in given.items()}
    if isinstance(given, Sequence | np.ndarray) and _is_list(given):
        return {label: _name(label, name) for label, name in enumerate(given)}
    message = (
        f"class_names are {type(given).__name__}; a list in the order of the labels, or a dict of label: "
        'name, is needed, e.g. ["cat", "dog"]'
    )
    raise InputError(message)


def _inverted(given: Mapping[str, Any]) -> dict[int, str]:
    """Return name -> label (torchvision's class_to_idx) as label -> name."""
    names: dict[int, str] = {}
    for name, label in given.items():
        if names.setdefault(int(label), name) != name:
            message = (
                f"class_names give label {int(label)} to {names[int(label)]!r} and to {name!r}; "
                "give each name its own label"
            )
            raise InputError(message)
    return names


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _label(key: object) -> int:
    """Return a key of class_names as a label."""
    text = str(key.decode() if isinstance(key, bytes) else key)
    if _is_whole(key) or (isinstance(key, str) and text.removeprefix("-").isdecimal() and len(text) <= 20):
        return int(text)
    message = (
        f"class_names have the label {shortened(text)!r}; a list of names, or a dict of integer label: name, "
        "is needed"
    )
    raise InputError(message)


def _name(label: object, value: object) -> str:
    """Return a class name as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str) or _is_whole(value):
        return str(value)
    message = f"class_names: the name of label {shortened(label)!r} is {type(value).__name__}; text is needed"
    raise InputError(message)
