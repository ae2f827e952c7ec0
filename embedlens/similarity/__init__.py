"""Exact cosine similarities of all pairs of rows, computed tile by tile in bounded memory."""

from embedlens.similarity.engine import Nearest, SearchResult, engine_facts, nearest, search
from embedlens.similarity.exact import Neighbours
from embedlens.similarity.gallery import Gallery, GalleryLike
from embedlens.similarity.rows import pair_similarity

__all__ = [
    "Gallery", "GalleryLike", "Nearest", "Neighbours", "SearchResult", "engine_facts", "nearest",
    "pair_similarity", "search",
]  # fmt: skip
