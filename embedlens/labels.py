"""Class names as integer labels: one numbering for recording, importing and training."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError, InputWarning, shortened
from embedlens.tables import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

_LARGEST = 2**63 - 1


def number_labels(
    texts: Mapping[str, Sequence[str]],
) -> tuple[dict[str, NDArray[np.int64]], dict[int, str]]:
    """Return labels for class names, numbered alike in all splits, and the name of each.

    Whole numbers stand as they are, also where they are written ``3.0``. Other numbers are numbered from 0 in
    their order. Names are numbered from 0 in sorted order, numbers among them first, which is warned of.

    Parameters
    ----------
    texts
        Split name -> one text per item.

    Returns
    -------
    labels
        Split name -> int64 [N].
    names
        Label -> text, of those whose text is not the label itself.

    Raises
    ------
    InputError
        Two texts that are one whole number (``1`` and ``01``).
    """
    numbers = label_numbers(text for column in texts.values() for text in column)
    labels = {
        split: np.array([numbers[text] for text in column], dtype=np.int64) for split, column in texts.items()
    }
    names: dict[int, str] = {}
    for text, number in sorted(numbers.items(), key=lambda pair: (pair[1], len(pair[0]))):
        names.setdefault(number, text)
    return labels, {number: text for number, text in names.items() if text != str(number)}


def label_numbers(texts: Iterable[str]) -> dict[str, int]:
    """Return the label of every distinct text; see `number_labels`."""
    distinct = sorted(set(texts))
    values = {text: Decimal(text) for text in distinct if is_number(text)}
    if len(values) == len(distinct):
        return _numeric(values)
    order = sorted(distinct, key=lambda text: (text not in values, values.get(text, Decimal(0)), text))
    if values:
        name = next(text for text in distinct if text not in values)
        message = (
            f"labels are numbers and names, e.g. {shortened(next(iter(values)))!r} and {shortened(name)!r}; "
            f"all are taken as names and numbered 0 to {len(order) - 1} in sorted order"
        )
        warnings.warn(message, InputWarning, stacklevel=4)
    return {text: number for number, text in enumerate(order)}


def _numeric(values: Mapping[str, Decimal]) -> dict[str, int]:
    """Return the labels of numbers: themselves where all are whole, else their ranks."""
    if all(value == value.to_integral_value() and abs(value) <= _LARGEST for value in values.values()):
        numbers = {text: int(value) for text, value in values.items()}
        seen: dict[int, str] = {}
        for text, number in numbers.items():
            if text.lstrip("+-").isdecimal() and seen.setdefault(number, text) != text:
                message = f"labels {seen[number]!r} and {text!r} are one number; write them alike"
                raise InputError(message)
        return numbers
    ranks = {value: rank for rank, value in enumerate(sorted(set(values.values())))}
    first = next(text for text, value in values.items() if abs(value) > _LARGEST or value % 1)
    message = (
        f"labels are numbers that are not whole or not int64, e.g. {shortened(first)!r}; they are numbered "
        f"0 to {len(ranks) - 1} in numeric order, and kept as class names"
    )
    warnings.warn(message, InputWarning, stacklevel=5)
    return {text: ranks[value] for text, value in values.items()}
