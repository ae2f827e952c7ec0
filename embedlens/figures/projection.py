"""t-SNE maps of the embeddings, of one epoch or of a series."""

from __future__ import annotations
