"""The path of single triplets over the epochs."""

from __future__ import annotations
