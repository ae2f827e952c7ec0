"""Choice of the screening floating-point type by processor and device."""

from __future__ import annotations

from functools import cache

import torch

_PROBE = 96  # rows and columns of the product that is tried


@cache
def screen_dtype(device: str) -> torch.dtype:
    """Return the floating type in which similarities are screened on a device.

    bfloat16 where the device has matrix units for it (AMX tiles; a CUDA device of compute capability 8 or
    more) and a small product shows that they accumulate in float32, which the engine's bound counts on;
    float32 elsewhere.
    """
    if torch.device(device).type == "cuda":
        has_units = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        has_units = _cpu_has_bf16_units()
    return torch.bfloat16 if has_units and _accumulates_in_float32(device) else torch.float32


def _cpu_has_bf16_units() -> bool:
    """Return whether the processor multiplies bfloat16 matrices several times faster than float32 ones."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def _accumulates_in_float32(device: str) -> bool:
    """Return whether sums of bfloat16 products are float32: in bfloat16, 256 + 1 + 1 + ... stays 256."""
    ones = torch.ones(_PROBE, 1024, dtype=torch.bfloat16, device=device)
    ones[:, 0] = 256
    left = torch.ones_like(ones)
    return bool(((left @ ones.T).float() == 1280).all())


def cpu_name() -> str:
    """Return the processor's instruction set, as torch names it."""
    return torch.backends.cpu.get_cpu_capability()
