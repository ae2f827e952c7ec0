"""Where the machine code of loops and times of products are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return where machine code is kept: ``embedlens`` in the user's folder for caches."""
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(named) if named else Path("~/.cache").expanduser()) / "embedlens"
