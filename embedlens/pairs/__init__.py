"""Pairs of items to verify: drawn by seed, or read from a file."""

from embedlens.pairs.names import ItemNames
from embedlens.pairs.random_pairs import Pairs, Queries, class_numbers, draw_pairs
from embedlens.pairs.reading import read_pairs

__all__ = ["ItemNames", "Pairs", "Queries", "class_numbers", "draw_pairs", "read_pairs"]
