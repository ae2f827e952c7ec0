"""Choice of the screening floating-point type by processor and device."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch

from embedlens.errors import unknown
from embedlens.files import write_text
from embedlens.similarity.jit import cache_folder

VARIABLE = "EMBEDLENS_SCREEN"
"""Environment variable that names the type, whatever a measurement says."""
_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PROBE = 96  # rows and columns of the product that is tried
_TILE = (512, 512)  # rows and dims of the product that is timed: 0.5 to 8 ms
_ROUNDS = 5
# bfloat16 leaves more pairs undecided, which float32 computes; it pays where it is clearly faster.
_CLEARLY_FASTER = 1.5


@cache
def screen_dtype(device: str) -> torch.dtype:
    """Return the floating type in which similarities are screened on a device.

    bfloat16 where its products are clearly faster than those of float32, and a small product shows that they
    accumulate in float32, which the engine's bound counts on; float32 elsewhere. On a processor a product of
    each type is timed once, and the times are kept beside the compiled loops; a CUDA device of compute
    capability 8 or more is known to have units for bfloat16. ``EMBEDLENS_SCREEN`` names the type instead.

    Raises
    ------
    InputError
        ``EMBEDLENS_SCREEN`` names another type.
    """
    if named := os.environ.get(VARIABLE):
        if named not in _TYPES:
            raise unknown(named, VARIABLE, _TYPES)
        return _TYPES[named]
    if torch.device(device).type == "cuda":
        is_faster = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        is_faster = _bfloat16_gain() >= _CLEARLY_FASTER
    return torch.bfloat16 if is_faster and _accumulates_in_float32(device) else torch.float32


def _bfloat16_gain() -> float:
    """Return how many times faster the processor multiplies in bfloat16 than in float32."""
    file = cache_folder() / "screen.json"
    with suppress(OSError, ValueError, KeyError, TypeError, ZeroDivisionError):  # none, or damaged
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["machine"] == _machine():
            return float(kept["seconds"]["float32"] / kept["seconds"]["bfloat16"])
    seconds = {name: _seconds(dtype) for name, dtype in _TYPES.items()}
    with suppress(OSError):  # the measurement is repeated where it cannot be kept
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps({"machine": _machine(), "seconds": seconds}) + "\n")
    return seconds["float32"] / seconds["bfloat16"]


def _machine() -> list[str]:
    """Return what the times depend on: the computer, its processor, its instructions, and torch."""
    model = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return [platform.node(), platform.machine(), model, cpu_name(), torch.__version__]


def _seconds(dtype: torch.dtype) -> float:
    """Return the least time of a product of two tiles; the first product, which prepares, does not count."""
    left, right = (torch.randn(_TILE, generator=torch.Generator().manual_seed(0)).to(dtype) for _ in range(2))
    out = torch.empty(_TILE[0], _TILE[0], dtype=dtype)
    least = float("inf")
    for number in range(_ROUNDS + 1):
        start = time.perf_counter()
        torch.mm(left, right.T, out=out)
        if number:
            least = min(least, time.perf_counter() - start)
    return least


def _accumulates_in_float32(device: str) -> bool:
    """Return whether sums of bfloat16 products are float32: in bfloat16, 256 + 1 + 1 + ... stays 256."""
    ones = torch.ones(_PROBE, 1024, dtype=torch.bfloat16, device=device)
    ones[:, 0] = 256
    left = torch.ones_like(ones)
    return bool(((left @ ones.T).float() == 1280).all())


def cpu_name() -> str:
    """Return the processor's instruction set, as torch names it."""
    return torch.backends.cpu.get_cpu_capability()
