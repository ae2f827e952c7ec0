"""Ranking of the losses of a sweep, each at one learning rate."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.experiments.sweep import Sweep
from embedlens.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranked(result: Sweep) -> Sweep:
    """Return the rows of a sweep from the highest mean to the lowest; losses without a value come last.

    Parameters
    ----------
    result
        A sweep of scores of embeddings [N, D], in which every loss has one learning rate and one dim.

    Raises
    ------
    InputError
        A loss with several learning rates or dims.
    """
    if result.axis != "loss":
        message = (
            f"a sweep over {result.axis}; losses are ranked where each has one learning rate and one dim"
        )
        raise InputError(message)
    order: NDArray[np.intp] = np.argsort(-result.mean, kind="stable")  # NaN stands last
    return Sweep(**{field.name: getattr(result, field.name)[order] for field in fields(Sweep)})
