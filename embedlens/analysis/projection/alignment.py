"""Procrustes alignment of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_numbers
from embedlens.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def align(coordinates: ArrayLike, to: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Rotate or reflect a map onto another of the same items: orthogonal Procrustes alignment.

    Parameters
    ----------
    coordinates, to
        Maps [n, 2] of the same items, from embeddings [N, D].

    Returns
    -------
    aligned, residual
        The aligned map [n, 2], with the centre of `to`; and the root mean square distance between the two, in
        units of the root mean square distance of `to` from its centre.

    Raises
    ------
    InputError
        No maps of the same items, or values that are not finite.
    """
    place = check_numbers(coordinates, "coordinates", shape=(None, 2))
    other = check_numbers(to, "coordinates to align to", shape=(len(place), 2))
    if len(place) == 0:
        message = "a map without items cannot be aligned; one item or more is needed"
        raise InputError(message)
    centre = other.mean(axis=0)
    left, right = place - place.mean(axis=0), other - centre
    u, _, v = np.linalg.svd(left.T @ right)
    # The rotation that minimises the squared distances (Schoenemann, Psychometrika 1966).
    turned = left @ (u @ v)
    residual = np.sqrt(((turned - right) ** 2).sum() / (right**2).sum())
    return turned + centre, float(residual)
