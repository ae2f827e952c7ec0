"""Readers of arrays in files of other programs, one module per kind, found by the ending of the file."""

from embedlens.importing.readers import (  # noqa: F401 - they enter their readers
    arrow_files,
    hdf5_files,
    numpy_files,
    projector_logs,
    safetensors_files,
    text_tables,
    torch_files,
    zarr_files,
)
from embedlens.importing.readers.base import READERS, read_array
from embedlens.importing.readers.wanted import Wanted

__all__ = ["READERS", "Wanted", "read_array"]
