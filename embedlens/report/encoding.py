"""Blocks of data in the page: arrays and texts, compressed, as text of base64.

An array is stored byte plane by byte plane: first the lowest byte of every number, then the next one. The
high bytes of similar numbers are alike, and alike bytes side by side compress well.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVEL = 6  # of gzip: 9 takes three times as long for 1 % less
CODES = 64_000
"""Codes of similarities from -1 to 1, so that 0, 0.8 and 0.95 are codes without rounding."""
MISSING = 65_535
"""The code of a triplet that is not there."""
STEP = 2 / CODES
LARGEST_ERROR = 2 * STEP
"""Largest difference of a decoded similarity from the stored one; see `encode_triplets`."""
_LIMITS = (0.8, 0.95)  # of the regions of the scatter


@dataclass(slots=True)
class Blocks:
    """Collects the blocks of a page.

    Attributes
    ----------
    texts
        Identifier of a block -> its text of base64.
    """

    texts: dict[str, str] = field(default_factory=dict)

    def array(self, values: NDArray[Any], *, delta: bool = False) -> dict[str, Any]:
        """Add an array of integers; return how the header describes it.

        Parameters
        ----------
        values
            uint8, uint16 or int32, of any shape.
        delta
            Whether each entry of the first axis is stored as the difference to the one before.
        """
        stored = values.copy() if delta else values
        if delta:
            stored[1:] = values[1:] - values[:-1]
        little = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))
        planes = little.reshape(-1).view(np.uint8).reshape(-1, little.itemsize).T
        return {
            "block": self._add(np.ascontiguousarray(planes).tobytes()),
            "dtype": values.dtype.name,
            "shape": list(values.shape),
            "delta": delta,
        }

    def text(self, value: object) -> dict[str, Any]:
        """Add what JSON can say; return how the header describes it."""
        return {"block": self._add(json.dumps(value, ensure_ascii=False).encode()), "dtype": "json"}

    def _add(self, data: bytes) -> str:
        name = f"block-{len(self.texts)}"
        self.texts[name] = base64.b64encode(gzip.compress(data, _LEVEL, mtime=0)).decode()
        return name


def encode_triplets(
    s_ap: NDArray[np.float64], s_an: NDArray[np.float64]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the codes of similarities to positives and negatives, uint16, of the same shape.

    A code c stands for c * `STEP` - 1. Codes keep what the page counts: which of the two similarities is
    larger, or that they are equal, and whether each is above 0.8 and 0.95. Where rounding would lose this, a
    code is moved by one or two. NaN becomes `MISSING`.

    Parameters
    ----------
    s_ap, s_an
        Similarities in [-1, 1], or NaN where there is no triplet.
    """
    first, second = _codes(s_ap), _codes(s_an)
    blurred = (first == second) & (s_ap != s_an) & ~np.isnan(s_ap)
    larger_is_first = s_ap > s_an
    limits = np.array([round((limit + 1) / STEP) for limit in _LIMITS])
    # The larger one goes up, unless it would pass a limit or the end; then the smaller one goes down.
    up = blurred & ~np.isin(first, limits) & (first < CODES)
    down = blurred & ~up
    first = first + (up & larger_is_first) - (down & ~larger_is_first)
    second = second + (up & ~larger_is_first) - (down & larger_is_first)
    missing = np.isnan(s_ap)
    codes = [np.where(missing, MISSING, code).astype(np.uint16) for code in (first, second)]
    return codes[0], codes[1]


def _codes(similarity: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the nearest codes, moved up where a similarity above a limit would come to stand on it."""
    inside = np.nan_to_num(np.clip(similarity, -1, 1))
    codes = np.rint((inside + 1) / STEP).astype(np.int64)
    for limit in _LIMITS:
        codes += (inside > limit) & (codes <= round((limit + 1) / STEP))
    return codes
