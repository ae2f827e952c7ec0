"""The run that tests of single commands read."""

from __future__ import annotations

import pytest
from support import write_run


@pytest.fixture
def run(folder, request):
    """A run of three epochs, or as many as `EPOCHS` of the test's module says."""
    return write_run(folder / "runs/mine", epochs=getattr(request.module, "EPOCHS", 3))
