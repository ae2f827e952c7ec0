"""Backbones of timm, pretrained by default, with the input size and normalisation of each."""

from __future__ import annotations

import math
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from embedlens.errors import InputError, first_sentence
from embedlens.training.backbones.base import BACKBONES, Backbone, Stages
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.inputs import ArrayInputs, FileInputs, Inputs, View
from embedlens.training.thumbnails import the_images

if TYPE_CHECKING:
    from embedlens.training.choices import NetworkChoice
    from embedlens.training.datasets import ImageDataset

_SHOWN_NAMES = 5
_INSTALL = "pip install 'embedlens[vision]'"


class TimmStages(Stages):
    """A network of timm with the features of its stages, averaged over the image; its own are the last.

    Parameters
    ----------
    network
        A network that has `forward_intermediates`.
    size
        Height and width of its images, pixels.
    """

    def __init__(self, network: Any, size: int) -> None:
        super().__init__()
        self.network = network
        self.widths = tuple(found.shape[1] for found in _tried(self, size))

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the features [B, width] of every stage."""
        last, maps = self.network.forward_intermediates(inputs)
        own = self.network.forward_head(last, pre_logits=True)
        return [*(one.mean(dim=(2, 3)) for one in maps[:-1]), own.flatten(1)]


@BACKBONES.register("timm")
def timm_network(choice: NetworkChoice, data: ImageDataset, workers: int) -> Backbone:
    """Return a network of timm without its classifier, with its own input size, mean and deviation.

    Images in files are read for every batch, with the size and crop of the network; images in memory are
    scaled to that size.

    Raises
    ------
    InputError
        timm or torchvision is missing or broken; an unknown name; weights that are not available or do not
        fit; an image size that the network cannot take.
    """
    timm = _timm()
    images = the_images(choice.data, data)
    module, messages = _create(timm, choice)
    given = timm.data.resolve_model_data_config(module)
    size = choice.image_size or int(given["input_size"][-1])
    view = View(3, size, float(given["crop_pct"]), tuple(given["mean"]), tuple(given["std"]))
    if choice.freeze_bn:
        module = timm.layers.freeze_batch_norm_2d(module)
    # The layout in which convolutions are fastest.
    module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs: dict[str, Inputs] = {}
    for split, pictures in images.items():
        if isinstance(pictures, ImageFiles):
            inputs[split] = FileInputs(pictures, view, mirrored=data.mirrored)
        else:
            inputs[split] = ArrayInputs(pictures.pixels, view, mirrored=data.mirrored)
    width = _width(module, size, choice.backbone)
    trained_before = choice.pretrained or choice.weights is not None
    stages = (lambda: TimmStages(module, size)) if hasattr(module, "forward_intermediates") else None
    return Backbone(module, width, inputs, pretrained=trained_before, messages=messages, stages=stages)


def _timm() -> Any:
    """Import timm; `InputError` says what to install if it or torchvision is missing."""
    try:
        import timm
        import timm.data
        import timm.layers
        import timm.models
    except ImportError as error:
        message = f"timm backbones need the extra vision ({first_sentence(error)}): {_INSTALL}"
        raise InputError(message) from error
    except RuntimeError as error:
        message = (
            f"torchvision does not fit this torch, {torch.__version__} ({first_sentence(error)}); install "
            "the builds of torch and torchvision that belong together, for CPU or CUDA"
        )
        raise InputError(message) from error
    return timm


def _create(timm: Any, choice: NetworkChoice) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the network with the chosen weights, and messages for the user about them."""
    name = choice.backbone.partition(":")[2]
    if not timm.is_model(name):
        near = get_close_matches(name.split(".")[0], timm.list_models(), n=_SHOWN_NAMES)
        hint = f"; is it one of {', '.join(near)}?" if near else ""
        message = f"unknown timm network {name!r}{hint} (timm.list_models() lists all)"
        raise InputError(message)
    fetched = choice.pretrained and choice.weights is None and choice.init is None
    options: dict[str, Any] = {"pretrained": fetched, "num_classes": 0}
    if choice.image_size and getattr(timm.models.get_pretrained_cfg(name), "fixed_input_size", False):
        options["img_size"] = choice.image_size
    try:
        module: nn.Module = timm.create_model(name, **options)
    except Exception as error:  # each hub, cache and network has its own
        if not fetched:
            message = f"timm network {name!r} cannot be made: {first_sentence(error)}"
            raise InputError(message) from error
        message = (
            f"weights of timm network {name!r} are not available ({first_sentence(error)}); give a file of "
            "them with --weights FILE, or start from random ones with --no-pretrained"
        )
        raise InputError(message) from error
    messages = () if choice.weights is None else _load(timm, module, Path(choice.weights))
    return module, messages


def _load(timm: Any, module: nn.Module, file: Path) -> tuple[str, ...]:
    """Load weights from a file by name, or by order if no name but every shape agrees; return messages.

    Other packages name the layers of a network differently, but list them in the same order.
    """
    if not file.is_file():
        message = f"no such file of weights: {file}"
        raise InputError(message)
    try:
        # Explicitly: older versions of timm unpickle any content by default.
        loaded: dict[str, Any] = timm.models.load_state_dict(str(file), weights_only=True)
    except Exception as error:  # a damaged file fails anywhere in torch's reader, with any exception
        message = f"{file} cannot be read as weights: {first_sentence(error)}"
        raise InputError(message) from error
    found = {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    own = module.state_dict()
    by_order = not own.keys() & found.keys()
    if by_order:
        values = list(found.values())[: len(own)]  # the classifier comes last, and is left out
        found = dict(zip(own, values, strict=False))
    wrong = [
        name for name, value in own.items()
        if name not in found or found[name].shape != value.shape
    ]  # fmt: skip
    if wrong:
        have = tuple(found[wrong[0]].shape) if wrong[0] in found else "nothing"
        message = (
            f"{file} does not fit the network: {len(wrong)} of {len(own)} tensors, the first {wrong[0]}, "
            f"which is {tuple(own[wrong[0]].shape)}; the file has {have}"
        )
        raise InputError(message)
    module.load_state_dict({name: found[name] for name in own})
    text = f"{file} names its tensors differently; all {len(own)} were taken in their order, every shape fits"
    return (text,) if by_order else ()


def _width(module: nn.Module, size: int, backbone: str) -> int:
    """Return the dimensions of the features, by one image of the size."""
    try:
        features = _tried(module, size)
    except Exception as error:  # networks refuse sizes in their own ways
        message = f"backbone {backbone!r} cannot take images of {size} pixels: {first_sentence(error)}"
        raise InputError(message) from error
    return math.prod(features.shape[1:])


def _tried(module: nn.Module, size: int) -> Any:
    """Return the output of a network for one black image of the size, without changing the network."""
    was = module.training
    module.eval()
    try:
        with torch.no_grad():
            return module(torch.zeros(1, 3, size, size))
    finally:
        module.train(was)
