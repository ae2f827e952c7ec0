"""A checksum of a model's weights, which identifies a state of a training."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def weights_checksum(model: torch.nn.Module) -> int:
    """Return the CRC-32 of the bytes of all parameters and buffers, in the order of the model.

    Parameters
    ----------
    model
        The model, on any device; of tensors that are divided among processes, this process has its part.
    """
    import torch

    checksum = 0
    for tensor in itertools.chain(model.parameters(), model.buffers()):
        values: Any = tensor.detach()
        values = values.to_local() if hasattr(values, "to_local") else values
        if values.device.type != "meta":
            flat = values.cpu().contiguous().reshape(-1)
            checksum = zlib.crc32(flat.view(torch.uint8).numpy(), checksum)
    return checksum
