"""Deep randomised ensembles: learners that each classify random meta-classes.

Xuan, Souvenir & Pless, "Deep randomized ensembles for metric learning", ECCV 2018.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from embedlens.errors import InputError, unknown
from embedlens.training.methods.base import METHODS, Batch, Method, MethodInputs
from embedlens.training.methods.slices import check_whole, unit_slices
from embedlens.training.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from embedlens.training.backbones import Backbone
    from embedlens.training.samplers import Embed

TRUNKS = ("own", "shared")


class Learners(nn.Module):
    """One network per learner, or one for all, and a linear layer per learner.

    Parameters
    ----------
    trunks
        One network from inputs to features [B, width], or one per learner.
    width, outputs, learners
        Dimensions of the features and of the output of each learner, and the number of learners.
    """

    def __init__(self, trunks: list[nn.Module], *, width: int, outputs: int, learners: int) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.heads = nn.ModuleList([nn.Linear(width, outputs) for _ in range(learners)])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the concatenated outputs of all learners, [B, learners x outputs]."""
        found = [trunk(inputs) for trunk in self.trunks]
        if len(found) == 1:
            found *= len(self.heads)
        return torch.cat([head(one) for head, one in zip(self.heads, found, strict=True)], dim=1)


@METHODS.register("dreml")
class DREML(Method):
    """E learners, each a classifier of M meta-classes: random groups of training classes, of equal size.

    A learner's M outputs are compared with fixed proxies, the M unit vectors, by softmax cross-entropy; the
    embedding is the concatenation of the E normalised outputs.

    Parameters
    ----------
    given
        Configuration, backbone and labels.
    learners
        E.
    meta_classes
        M; E M must be the dimensions D.
    trunk
        "own": one network per learner; "shared": one network, and a linear layer per learner.

    Attributes
    ----------
    classes
        int64 [C]: the labels of the training split, ascending.
    meta
        int64 [E, C]: the meta-class of each class for each learner.

    Raises
    ------
    InputError
        Numbers out of range, D that is not E M, fewer classes than M, options of a loss.
    """

    losses: ClassVar[tuple[str, ...]] = ("softmax",)
    trunk: ClassVar[str] = "network.trunks.0"
    classes: torch.Tensor
    meta: torch.Tensor

    def __init__(
        self, given: MethodInputs, *, learners: int = 8, meta_classes: int = 8, trunk: str = "own"
    ) -> None:
        super().__init__()
        config, classes = given.config, np.unique(given.labels)
        check_whole("learners", learners, 1)
        check_whole("meta_classes", meta_classes, 2)
        if trunk not in TRUNKS:
            raise unknown(trunk, "trunk", TRUNKS)
        if config.dim != learners * meta_classes:
            message = (
                f"{learners} learners of {meta_classes} meta-classes make {learners * meta_classes} dims, "
                f"not {config.dim}; leave the number of dims out"
            )
            raise InputError(message)
        if meta_classes > classes.size:
            message = (
                f"method 'dreml' assigns {classes.size} training classes to {meta_classes} meta_classes; "
                f"lower --meta-classes to {classes.size}, or leave the method out"
            )
            raise InputError(message)
        self._m = meta_classes
        trunks = copies(given.backbone, learners if trunk == "own" else 1)
        self.network = Learners(trunks, width=given.backbone.width, outputs=meta_classes, learners=learners)
        self.objective = nn.Module()
        self.slices = [(start, start + meta_classes) for start in range(0, config.dim, meta_classes)]
        self.register_buffer("classes", torch.from_numpy(classes))
        groups = [
            random_groups(classes.size, meta_classes, seed=config.seed, learner=e) for e in range(learners)
        ]
        self.register_buffer("meta", torch.from_numpy(np.stack(groups)))
        self._sampler = config.build_sampler(given.labels)
        self.steps, self.looks = self._sampler.steps, self._sampler.looks

    @classmethod
    def default_dim(cls, options: Mapping[str, Any]) -> int:
        """Return E M."""
        return int(options["learners"]) * int(options["meta_classes"])

    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the sampler's batches; every learner sees each of them."""
        return (Batch(rows) for rows in self._sampler.batches(epoch, embed))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the concatenated normalised outputs of the learners, [B, D]."""
        return unit_slices(self.network(inputs), self._m)

    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the sum of the learners' cross-entropies; their mean, and the accuracy, are logged."""
        wanted = self.meta[:, torch.searchsorted(self.classes, labels)].T  # [B, E]
        logits = outputs.reshape(len(outputs), -1, self._m)
        each = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
        means = each.reshape(wanted.shape).mean(dim=0)
        right = (logits.argmax(dim=2) == wanted).double().mean().item()
        return means.sum(), {"loss": means.mean().item(), "batch_accuracy": right}

    def run_extras(self) -> dict[str, NDArray[Any]]:
        """Return the meta-class of each class (in the order of labels) for each learner, [E, C]."""
        return {"meta_classes": self.meta.cpu().numpy()}


def random_groups(classes: int, meta_classes: int, *, seed: int, learner: int) -> NDArray[np.int64]:
    """Return a random meta-class for each class [C]; sizes of meta-classes differ by at most one."""
    numbers = np.arange(classes, dtype=np.int64) % meta_classes
    return stream(seed, Purpose.META_CLASSES, step=learner).permutation(numbers)


def copies(backbone: Backbone, count: int) -> list[nn.Module]:
    """Return a backbone's network and copies of it; copies of an untrained one get new random weights."""
    found = [backbone.module, *(copy.deepcopy(backbone.module) for _ in range(count - 1))]
    for module in found[1:] if backbone.replaced or not backbone.pretrained else ():
        for part in module.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
        if backbone.replaced:
            module.load_state_dict(backbone.module.state_dict())
    return found
