"""Captions of scores against the bytes of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.captions.places import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

_CODES = {
    "dims": "the first dimensions",
    "pca": "the leading principal components",
    "int8": "int8 (a byte per dimension, float queries)",
    "binary": "binary (signs, Hamming distance)",
    "rescored": "binary with at least {candidates:,} candidates rescored by the float query",
    "pq": "product quantisation ({bits} bits per group of dimensions, asymmetric distances)",
}


def compression(
    codes: Sequence[str],
    metrics: Sequence[str],
    fits: Sequence[str],
    *,
    bits: int = 8,
    candidates: int = 100,
) -> str:
    """Return what scores by code show.

    Parameters
    ----------
    codes
        Names of the codes drawn, as `embedlens compress --codes` knows them.
    metrics
        The scores, as papers print them.
    fits
        Splits that components, ranges and centroids were fitted on.
    bits, candidates
        Of product quantisation, and of rescoring.
    """
    kinds = listed(_CODES[code].format(bits=bits, candidates=candidates) for code in codes)
    fitted = f" Fitted on the {listed(fits)} split{'s'[: len(fits) - 1]}." if fits else ""
    return (
        f"{listed(metrics)} against the bytes that an item takes, on a logarithmic axis, by code: {kinds}. "
        f"The dashed line is the float32 embedding.{fitted}"
    )
