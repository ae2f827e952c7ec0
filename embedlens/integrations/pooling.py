"""Embeddings in the outputs of models of Hugging Face transformers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    import torch

NOT_INPUTS = {"labels", "label", "label_ids"}
"""What a batch has besides the inputs of a model."""
POOLED = ("embeddings", "sentence_embedding", "text_embeds", "image_embeds", "pooler_output")
"""Outputs of a model that are embeddings, the first ones first."""


def pooled_output(model: torch.nn.Module, batch: Any) -> torch.Tensor:
    """Return one embedding per item from the output of a model of transformers.

    It is the first of these that there is: an output of the model named embeddings, sentence_embedding,
    text_embeds, image_embeds or pooler_output; the output itself, if it is [n, D]; the mean of
    last_hidden_state over the tokens of the attention mask; and the same of the model's ``base_model``, where
    a head is on top, such as that of a classifier.

    Parameters
    ----------
    model
        The model; it is called once.
    batch
        Its inputs by name, and labels, which are left out where the model does not need them.

    Raises
    ------
    InputError
        None of these outputs.
    """
    import torch

    if not isinstance(batch, Mapping):
        message = f"a batch is of type {type(batch).__name__}; give embed=, a function of model and batch"
        raise InputError(message)
    inner = getattr(model, "base_model", None)
    outputs: list[Any] = []
    hook = None
    if isinstance(inner, torch.nn.Module) and inner is not model:
        hook = inner.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        output = model(**_inputs(model, batch))
    finally:
        if hook is not None:
            hook.remove()
    for one in (output, *outputs):
        pooled = _pooled(one, batch.get("attention_mask"))
        if pooled is not None:
            return pooled
    names = ", ".join(output) if isinstance(output, Mapping) else type(output).__name__
    message = (
        f"the output of {type(model).__name__} ({names}) has no embeddings; give embed=, a function of model "
        "and batch"
    )
    raise InputError(message)


def _inputs(model: torch.nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model is called with: a batch without labels, but for those that it needs."""
    parameters = inspect.signature(getattr(model, "forward", model)).parameters.values()
    needed_ones = {one.name for one in parameters if one.default is one.empty}
    return {name: value for name, value in batch.items() if name not in NOT_INPUTS - needed_ones}


def _pooled(output: Any, mask: torch.Tensor | None) -> torch.Tensor | None:
    """Return the embeddings [n, D] of an output, or None."""
    found: torch.Tensor
    if getattr(output, "ndim", None) == 2:
        found = output
        return found
    if not isinstance(output, Mapping):
        return None
    for name in POOLED:
        if output.get(name) is not None:
            found = output[name].flatten(1)
            return found
    hidden: torch.Tensor | None = output.get("last_hidden_state")
    if hidden is None or hidden.ndim != 3:
        return None
    if mask is None or mask.shape != hidden.shape[:2]:
        return hidden.mean(1)
    weights = mask.to(hidden.dtype)[..., None]
    return (hidden * weights).sum(1) / weights.sum(1)
