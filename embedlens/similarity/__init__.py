"""The engine: exact cosine similarities of all pairs, without ever holding the matrix."""

from embedlens.similarity.engine import Nearest, nearest
from embedlens.similarity.rows import pair_similarity

__all__ = ["Nearest", "nearest", "pair_similarity"]
