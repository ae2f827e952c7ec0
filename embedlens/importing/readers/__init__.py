"""Readers of arrays in files of other programs, one module per kind, found by the ending of the file."""

from embedlens.importing.readers import numpy_files, torch_files  # noqa: F401 - they enter their readers
from embedlens.importing.readers.base import READERS, Wanted, read_array

__all__ = ["READERS", "Wanted", "read_array"]
