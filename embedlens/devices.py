"""Check of the torch device: cpu or cuda."""

from __future__ import annotations

from embedlens.errors import InputError, unknown

DEVICES = ("cpu", "cuda")


def check_device(name: str) -> str:
    """Return the device called `name` ("cpu", "cuda", or "cuda:N"); one that is not there is refused."""
    kind, _, number = name.partition(":")
    if kind not in DEVICES or (number and (kind == "cpu" or not number.isdecimal())):
        raise unknown(name, "device", DEVICES)
    if kind == "cuda":
        import torch

        count = torch.cuda.device_count()
        if count == 0:
            message = f"device {name!r} is not available: torch sees no CUDA GPU; use cpu"
            raise InputError(message)
        if number and int(number) >= count:
            message = (
                f"device {name!r} is not available: torch sees {count} CUDA GPUs, cuda:0 to cuda:{count - 1}"
            )
            raise InputError(message)
    return name
