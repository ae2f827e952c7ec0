"""Singular values of one or several spaces."""

from __future__ import annotations
