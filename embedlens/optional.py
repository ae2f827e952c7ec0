"""Libraries that only some uses need, each named with the extra that installs it where it is missing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType


def needed(library: str, extra: str, use: str) -> ModuleType:
    """Return an optional library, imported now.

    Parameters
    ----------
    library
        Name of the module, for example "h5py" or "pyarrow.parquet".
    extra
        Extra of this package that installs it.
    use
        What needs it, for the message: "reading .h5 files".

    Raises
    ------
    InputError
        The library is not installed.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != library.partition(".")[0]:
            raise  # the library is there, but something that it needs is not
        package = library.partition(".")[0]
        message = (
            f"{use} needs {package}; install it by: "
            f"pip install 'embedlens[{extra}]' (in a clone: '.[{extra}]')"
        )
        raise InputError(message) from error
