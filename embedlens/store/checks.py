"""What may be stored beside embeddings and labels: items and thumbnails; and the fingerprint of a split."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import shape_text, to_numpy
from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


def check_thumbnails(values: ArrayLike, rows: int) -> NDArray[np.uint8]:
    """Return thumbnails as uint8 [rows, h, w] or [rows, h, w, 3]."""
    images = to_numpy(values)
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if images.dtype != np.uint8 or not fits or images.shape[0] != rows:
        message = (
            f"thumbnails are {images.dtype} of shape {shape_text(images)}; "
            f"uint8 of shape ({rows}, h, w) or ({rows}, h, w, 3) is needed"
        )
        raise InputError(message)
    return np.ascontiguousarray(images, dtype=np.uint8)


def check_items(columns: Mapping[str, Sequence[object]], rows: int) -> dict[str, list[str]]:
    """Return the columns that describe the items, one text an item."""
    for name, column in columns.items():
        if len(column) != rows:
            message = f"items column {name!r} has {len(column)} rows, but the split has {rows} items"
            raise InputError(message)
    return {name: [str(value) for value in column] for name, column in columns.items()}


def fingerprint(labels: NDArray[np.int64], items: Mapping[str, Sequence[str]]) -> str:
    """Return a digest of a split's labels and items; equal digests mean the same item in every row."""
    digest = hashlib.sha256(labels.astype("<i8").tobytes())
    digest.update(json.dumps(dict(items), sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()
