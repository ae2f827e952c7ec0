"""Choice of the screening floating-point type by processor and device."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.errors import unknown
from embedlens.files import write_text
from embedlens.similarity.kept import cache_folder

if TYPE_CHECKING:
    import torch

    from embedlens.similarity.products import Library

VARIABLE = "EMBEDLENS_SCREEN"
"""Environment variable that names the type, whatever a measurement says."""
_TYPES = ("float32", "bfloat16")
_PROBE = 96  # rows and columns of the product that is tried
_TILE = (512, 512)  # rows and dims of the product that is timed: 0.5 to 8 ms
_ROUNDS = 5
# bfloat16 leaves more pairs undecided, which float32 computes; it pays where it is clearly faster.
_CLEARLY_FASTER = 1.5


def is_named() -> bool:
    """Return whether ``EMBEDLENS_SCREEN`` names a type."""
    return bool(os.environ.get(VARIABLE))


@cache
def screen_type(device: str) -> str:
    """Return the floating type in which similarities are screened on a device: "float32" or "bfloat16".

    bfloat16 where its products are clearly faster than those of float32, and a small product shows that they
    accumulate in float32, which the engine's bound counts on; float32 elsewhere. On a processor a product of
    each type is timed once, and what was found is kept beside the compiled loops; a CUDA device of compute
    capability 8 or more is known to have units for bfloat16. ``EMBEDLENS_SCREEN`` names the type instead.

    Raises
    ------
    InputError
        ``EMBEDLENS_SCREEN`` names another type.
    """
    if is_named():
        named = os.environ[VARIABLE]
        if named not in _TYPES:
            raise unknown(named, VARIABLE, _TYPES)
        return named
    if device == "cpu":
        found = _processor()
        is_faster = found["seconds"]["float32"] / found["seconds"]["bfloat16"] >= _CLEARLY_FASTER
        return "bfloat16" if is_faster and found["accumulates"] else "float32"
    import torch

    is_faster = torch.cuda.get_device_capability(device)[0] >= 8
    return "bfloat16" if is_faster and _accumulates_in_float32(device) else "float32"


def chosen_type(dtype: torch.dtype | str | None, device: str, library: Library) -> str:
    """Return the type that screens: the one requested, float32 for small matrices, or the fastest."""
    if dtype is not None:
        return str(dtype).removeprefix("torch.")
    small = device == "cpu" and library == "numpy" and not is_named()
    return "float32" if small else screen_type(device)


def cpu_name() -> str:
    """Return the processor's instruction set, as torch names it."""
    return str(_processor()["instructions"])


@cache
def _processor() -> dict[str, Any]:
    """Return what is known of the processor: times of products, how they accumulate, its instructions.

    Torch is loaded only where that is not kept from an earlier process on this machine.
    """
    file, machine = cache_folder() / "processor.json", _machine()
    with suppress(OSError, ValueError, KeyError, TypeError, ZeroDivisionError):  # none, or damaged
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["machine"] == machine and _is_whole(kept):
            return dict(kept)
    import torch

    found = {
        "machine": machine,
        "seconds": {name: _seconds(getattr(torch, name)) for name in _TYPES},
        "accumulates": _accumulates_in_float32("cpu"),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
    with suppress(OSError):  # the measurement is repeated where it cannot be kept
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(found) + "\n")
    return found


def _is_whole(kept: dict[str, Any]) -> bool:
    """Return whether a file holds all that is asked of it; a `KeyError` or `TypeError` says no as well."""
    times = [kept["seconds"][name] for name in _TYPES]
    known = {"accumulates", "instructions"} <= kept.keys()
    return known and all(isinstance(one, float) and one > 0 for one in times)


def _machine() -> list[str]:
    """Return what the times depend on: the computer, its processor, and torch."""
    model = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        wanted = ("model name", "flags")
        found = {name: line for line in lines for name in wanted if line.startswith(name)}
        model = "; ".join(line.partition(":")[2].strip() for line in found.values())
    isa = os.environ.get("ATEN_CPU_CAPABILITY", "")
    return [platform.node(), platform.machine(), model, isa, metadata.version("torch")]


def _seconds(dtype: torch.dtype) -> float:
    """Return the least time of a product of two tiles; the first product, which prepares, does not count."""
    import torch

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
    import torch

    ones = torch.ones(_PROBE, 1024, dtype=torch.bfloat16, device=device)
    ones[:, 0] = 256
    left = torch.ones_like(ones)
    return bool(((left @ ones.T).float() == 1280).all())
