"""Scores of compressed embeddings against the bytes that an item takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.compression import codes, curves, kinds, leading, points
    from embedlens.analysis.compression.codes import Int8Codec, ProductCodec, asymmetric
    from embedlens.analysis.compression.curves import Compression, compress
    from embedlens.analysis.compression.kinds import CODES, CodeOptions
    from embedlens.analysis.compression.leading import first_dims_recall

__all__ = [
    "CODES",
    "CodeOptions",
    "Compression",
    "Int8Codec",
    "ProductCodec",
    "asymmetric",
    "codes",
    "compress",
    "curves",
    "first_dims_recall",
    "kinds",
    "leading",
    "points",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "codes": ["Int8Codec", "ProductCodec", "asymmetric"],
        "curves": ["Compression", "compress"],
        "kinds": ["CODES", "CodeOptions"],
        "leading": ["first_dims_recall"],
    },
)
