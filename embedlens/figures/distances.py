"""How far the dots are from the ideal point (1, 0): distributions, and a paired comparison of two runs."""

from __future__ import annotations
