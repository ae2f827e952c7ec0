"""The engine: exact cosine similarities of all pairs, without ever holding the matrix."""

from embedlens.similarity.engine import Nearest, Survey, engine_facts, nearest, survey
from embedlens.similarity.exact import Neighbours
from embedlens.similarity.pairing import Gallery, GalleryLike
from embedlens.similarity.rows import pair_similarity

__all__ = [
    "Gallery", "GalleryLike", "Nearest", "Neighbours", "Survey", "engine_facts", "nearest", "pair_similarity",
    "survey",
]  # fmt: skip
