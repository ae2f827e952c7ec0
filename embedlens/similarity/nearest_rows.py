"""The k most similar rows of each row, whatever their labels: exact, for long lists too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import to_numpy
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.similarity.exact import exact_neighbours
from embedlens.similarity.hardware import chosen_type
from embedlens.similarity.negatives import GroupMaxima
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.screen import Screen
from embedlens.similarity.threads import full_precision

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def nearest_rows(z: ArrayLike, k: int, *, device: str = "cpu") -> NDArray[np.int32]:
    """Return the k most similar other rows of each row by cosine similarity, best first.

    Ties go to the lower row number. All rows are compared in one pass over tiles, in bounded memory.

    Parameters
    ----------
    z
        Embeddings [N, D], any floating type, not necessarily normalised.
    k
        Number of neighbours, from 1 to N - 1.
    device
        Torch device that screens; the answer does not depend on it.

    Returns
    -------
    ndarray
        int32 [N, k]: row numbers.

    Raises
    ------
    InputError
        NaN, infinity, a zero vector, a number of neighbours out of range, or a device that is not available.
    """
    check_device(device)
    array = to_numpy(z)
    n = array.shape[0] if array.ndim else 0
    pairing = Pairing(array, np.arange(max(n, 1)))  # a label for each row: all others are negatives
    if not 1 <= k < n:
        message = f"{k} neighbours of each row; of {n} rows, 1 to {n - 1} can be listed"
        raise InputError(message)
    found = np.empty((n, k), np.int32)
    with full_precision():
        screen = Screen(pairing, chosen_type(None, device, pairing.library), device)
        group, bands = screen.plan(depth=k)
        for band in bands:
            maxima = GroupMaxima(screen, band, group)
            screen.sweep(band, [maxima])
            top = maxima.most_similar(np.full(band.stop - band.start, k))
            found[band] = top.index
            rows = np.flatnonzero(top.undecided) + band.start
            for some in exact_neighbours(pairing, rows, np.full(rows.size, k), kind="all"):
                found[some.rows] = some.index
    return found
