"""Initial weights of a backbone, taken from the checkpoint of another run."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from embedlens.errors import InputError, count_text, first_sentence
from embedlens.store import Run, open_run
from embedlens.store.checks import fingerprint
from embedlens.store.integrity import check_archive
from embedlens.store.ownership import CHECKPOINT_NAME
from embedlens.training.backbones import Backbone, build_backbone, check_backbone
from embedlens.training.config import TrainConfig
from embedlens.training.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedlens.training.datasets import ImageDataset
    from embedlens.training.distributed import Team

_COUNTER = "num_batches_tracked"  # of batch norm; frozen layers have none, and it changes no output


@dataclass(frozen=True, slots=True, eq=False)
class InitialWeights:
    """The backbone in the checkpoint of a run.

    Attributes
    ----------
    path
        Absolute path, or address, of the run.
    sha256
        SHA-256 of its checkpoint.
    config
        What it was trained with.
    items
        Fingerprint of the items that it was trained on.
    tensors
        Name in the state of the backbone -> tensor, on the CPU.
    """

    path: str
    sha256: str
    config: TrainConfig
    items: str
    tensors: Mapping[str, torch.Tensor]

    def load_into(self, backbone: Backbone, config: TrainConfig) -> Backbone:
        """Return the backbone with these weights; the random state is not touched.

        Raises
        ------
        InputError
            Tensors of other names or shapes.
        """
        own = {name: value for name, value in backbone.module.state_dict().items() if not _counts(name)}
        taken = {name: value for name, value in self.tensors.items() if not _counts(name)}
        wrong = [
            name for name in dict.fromkeys([*own, *taken])
            if name not in own or name not in taken or own[name].shape != taken[name].shape
        ]  # fmt: skip
        if wrong:
            message = (
                f"the backbone of run {self.path} does not fit in {count_text(len(wrong), 'tensor')}, the "
                f"first {wrong[0]}, which is {_shape(taken, wrong[0])} there, {_shape(own, wrong[0])} here; "
                f"that run trained on {_images(self.config, taken)}, this one is on {_images(config, own)}"
            )
            raise InputError(message)
        backbone.module.load_state_dict(self.tensors, strict=False)  # counters as far as both have them
        return replace(backbone, pretrained=True, replaced=not backbone.pretrained)

    def warnings(self, config: TrainConfig, data: ImageDataset) -> tuple[str, ...]:
        """Return a message if the backbone was trained on other items of the same data, else none."""
        part = data.splits["train"]
        same = fingerprint(part.labels, part.items) == self.items
        if same or (self.config.data, self.config.root) != (config.data, config.root):
            return ()
        text = (
            f"run {self.path} was trained on other items of {config.data} than this run; where they are "
            "tested here, scores are optimistically biased, so give both runs the same --split-by"
        )
        return (text,)


def _counts(name: str) -> bool:
    return name.rpartition(".")[2] == _COUNTER


def _shape(tensors: Mapping[str, torch.Tensor], name: str) -> str:
    return str(tuple(tensors[name].shape)) if name in tensors else "missing"


def _images(config: TrainConfig, tensors: Mapping[str, torch.Tensor]) -> str:
    """Return what images a network takes, in words; the first convolution knows their channels."""
    size = "their own size" if config.image_size is None else f"{config.image_size} pixels"
    channels = [value.shape[1] for value in tensors.values() if value.ndim == 4][:1]
    text = f"{config.data} at {size}"
    return f"{text} with {count_text(channels[0], 'channel')}" if channels else text


def read_initial(config: TrainConfig) -> InitialWeights:
    """Read the backbone that a configuration starts from.

    Parameters
    ----------
    config
        Its `init` is a run of any method; where it names the SHA-256 of the checkpoint, that must agree.

    Raises
    ------
    InputError
        What `check_backbone` refuses; no run, one without a checkpoint, one that this program did not train,
        a damaged checkpoint, another backbone, or another checkpoint than before.
    """
    assert config.init is not None
    check_backbone(config)
    run = open_run(config.init)
    content = _checkpoint(run)
    try:
        trained = TrainConfig.from_method(run.method)
        trunk = METHODS.get(trained.method).trunk
    except InputError as error:
        place = f"run {run.path}"
        raise error.within(place) from error
    if trained.backbone != config.backbone:
        message = (
            f"run {run.path} has the backbone {trained.backbone!r}, not {config.backbone!r}; choose the same "
            "--backbone, or another run for --init"
        )
        raise InputError(message)
    sha256 = hashlib.sha256(content).hexdigest()
    if config.init_sha256 not in (None, sha256):
        message = (
            f"the checkpoint of run {run.path} has changed since it was first taken (SHA-256 {sha256[:12]}, "
            f"not {str(config.init_sha256)[:12]}); put the former one back, or train under another name"
        )
        raise InputError(message)
    tensors = _backbone_of(_state(run, content), f"{trunk}.")
    return InitialWeights(
        str(run.path.resolve()), sha256, trained, run.info.splits["train"].fingerprint, tensors
    )


def _checkpoint(run: Run) -> bytes:
    """Return the bytes of the checkpoint of a run."""
    try:
        with (run.path / CHECKPOINT_NAME).open("rb") as file:
            return file.read()
    except FileNotFoundError as error:
        message = (
            f"run {run.path} has no {CHECKPOINT_NAME}, whose weights --init takes; only runs of `embedlens "
            "train` have one"
        )
        raise InputError(message) from error


def _state(run: Run, content: bytes) -> Mapping[str, Any]:
    """Return the state of the network in a checkpoint."""
    try:
        check_archive(io.BytesIO(content))
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        state = loaded["network"] if isinstance(loaded, dict) and "network" in loaded else None
        if not isinstance(state, dict):
            reason = "it is no checkpoint of `embedlens train`"
            raise ValueError(reason)
        return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    except Exception as error:  # a damaged file fails anywhere in torch's reader, with any exception
        message = (
            f"{run.path / CHECKPOINT_NAME} cannot be read ({first_sentence(error)}); put back a copy of it, "
            "or choose another run for --init"
        )
        raise InputError(message) from error


def _backbone_of(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def initial_of_run(config: TrainConfig, path: Path, *, resume: bool, team: Team) -> InitialWeights | None:
    """Return what a run starts from, read once for all its processes; None where it takes no other weights.

    A run with a checkpoint of its own resumes from that, and needs no other.
    """
    if config.init is None:
        return None

    def read() -> InitialWeights | None:
        resumed = resume and (path / CHECKPOINT_NAME).is_file()
        return None if resumed else read_initial(config)

    found: InitialWeights | None = team.broadcast(team.led(read))
    return found


def start_backbone(
    config: TrainConfig, data: ImageDataset, *, initial: InitialWeights | None, workers: int = 0
) -> Backbone:
    """Return the backbone of a run, with its inputs and its initial weights.

    Parameters
    ----------
    config
        The configuration.
    data
        The data set.
    initial
        Weights of another run; None: there are none, or a checkpoint replaces them later.
    workers
        Number of processes that read images, where all are read at once.

    Raises
    ------
    InputError
        As `embedlens.training.backbones.build_backbone`, and weights that do not fit.
    """
    built = build_backbone(config, data, workers=workers)
    if config.init is None:
        return built
    if initial is None:
        return replace(built, pretrained=True, replaced=not built.pretrained)
    started = initial.load_into(built, config)
    return replace(started, messages=(*built.messages, *initial.warnings(config, data)))
