"""The class scatter of single components of a spectrum."""

from __future__ import annotations
