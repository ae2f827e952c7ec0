"""Networks of checkpoints, and their embeddings of all items, checked batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from embedlens.errors import InputError, shortened
from embedlens.experiments.checkpoints.user_code import reported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlens.experiments.checkpoints.files import Checkpoint
    from embedlens.experiments.checkpoints.items import Items, Reading
    from embedlens.experiments.checkpoints.user_code import UserFunction


def outputs(
    function: UserFunction, checkpoint: Checkpoint, items: Items, *, reading: Reading
) -> Iterator[tuple[str, int, torch.Tensor]]:
    """Yield split, first row and embeddings [n, D] of each batch of all splits.

    Raises
    ------
    InputError
        An error in the user's code; no network, one without parameters; outputs that are not [n, D]; other
        items than before.
    """
    network = _network(function, checkpoint, reading.device)
    for split, size in items.sizes.items():
        start = 0
        place = f"{checkpoint.path}: {function.name}'s model, split {split!r}"
        for count, batch in items.batches(split, reading):
            with torch.inference_mode(), reported(f"{place}, a batch {_shape(batch)}"):
                output = network(batch)
            yield split, start, _checked(output, count, place)
            start += count
        if start < size:
            message = (
                f"split {split!r} has {start:,} items in this pass, {size:,} before; a loader must give the "
                "same items each time"
            )
            raise InputError(message)


def _network(function: UserFunction, checkpoint: Checkpoint, device: torch.device) -> torch.nn.Module:
    """Return the network of a checkpoint, in evaluation mode on the device."""
    with reported(f"{checkpoint.path}: {function.name}"):
        network = function.function(checkpoint.path)
    if not isinstance(network, torch.nn.Module):
        message = (
            f"{function.name} returned {_kind(network)} for {checkpoint.path}; a torch.nn.Module with the "
            "weights of the checkpoint is needed"
        )
        raise InputError(message)
    if next(network.parameters(), None) is None and next(network.buffers(), None) is None:
        message = (
            f"{function.name} returned a module without parameters ({type(network).__name__}) for "
            f"{checkpoint.path}; a network with the weights of the checkpoint is needed"
        )
        raise InputError(message)
    return network.to(device).eval()


def _checked(output: Any, count: int, place: str) -> torch.Tensor:
    """Return the output of a model if it is a tensor [n, D]."""
    if not isinstance(output, torch.Tensor):
        message = f"{place}: the output is {_kind(output)}; a tensor of embeddings [n, D] is needed"
        raise InputError(message)
    if output.ndim != 2 or len(output) != count:
        message = (
            f"{place}: the output has shape {tuple(output.shape)} for {count} items; embeddings [n, D], one "
            "row per item, are needed"
        )
        raise InputError(message)
    return output


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _shape(batch: Any) -> str:
    """Return the shape of a batch, or its type where it has none."""
    shape = getattr(batch, "shape", None)
    return shortened(type(batch).__name__ if shape is None else f"of shape {tuple(shape)}")
