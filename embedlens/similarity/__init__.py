"""Exact search of all pairs of rows, tile by tile: cosine similarities, Hamming distances of binary codes."""

from embedlens.similarity.engine import Nearest, SearchResult, engine_facts, nearest, search
from embedlens.similarity.exact import Neighbours
from embedlens.similarity.gallery import Gallery, GalleryLike
from embedlens.similarity.hamming import HammingResult, hamming_search
from embedlens.similarity.rows import pair_similarity
from embedlens.similarity.searchers import Found, Searcher

__all__ = [
    "Found", "Gallery", "GalleryLike", "HammingResult", "Nearest", "Neighbours", "SearchResult", "Searcher",
    "engine_facts", "hamming_search", "nearest", "pair_similarity", "search",
]  # fmt: skip
