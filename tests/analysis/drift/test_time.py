"""Time and memory of drift at a scaled-down size; tests/benchmarks/drift.py has the full size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

_SCRIPT = """
import json, sys, time
import numpy as np
from embedlens.analysis.drift import drift

files = sys.argv[1:]
drift([np.load(file, mmap_mode="r")[:600] for file in files[:2]])  # loops are compiled
started = time.process_time(), time.perf_counter()
drift([np.load(file, mmap_mode="r") for file in files])
# ru_maxrss would begin with the peak of the process that started this one.
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
memory = int(peak[0]) / 2**20
print(json.dumps({"seconds": time.process_time() - started[0], "gib": memory}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is that of Linux")
def test_time_and_memory(tmp_path):
    """A third of the rows and a quarter of the dims: 8 searches and 28 pairs take 12 s of processor time."""
    random = np.random.default_rng(0)
    z = random.standard_normal((20_000, 128), dtype=np.float32)
    files = []
    for epoch in range(8):
        z = z + 0.3 * random.standard_normal(z.shape, dtype=np.float32)
        files.append(str(tmp_path / f"{epoch}.npy"))
        np.save(files[-1], z)
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *files], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["seconds"] < 60  # of the processor, of all threads together
    assert found["gib"] < 1
