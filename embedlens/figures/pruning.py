"""Recall@1 against the number of leading components that are kept."""

from __future__ import annotations
