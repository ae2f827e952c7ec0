"""The base of all results of analyses."""

from embedlens.results import Result

__all__ = ["Result"]
