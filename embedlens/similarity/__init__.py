"""The engine: exact cosine similarities of all pairs, without ever holding the matrix."""

from embedlens.similarity.engine import Nearest, engine_facts, nearest
from embedlens.similarity.rows import pair_similarity

__all__ = ["Nearest", "engine_facts", "nearest", "pair_similarity"]
