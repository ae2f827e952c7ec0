"""Deep variational metric learning: models the variance within classes apart from the embedding.

Lin, Duan, Dong, Lu & Zhou, "Deep variational metric learning", ECCV 2018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from embedlens.errors import InputError, shortened, unknown
from embedlens.objectives import LOSSES
from embedlens.training.methods.base import METHODS, Batch, EmbedSplits, Method, MethodInputs, make_loss
from embedlens.training.methods.slices import check_whole
from embedlens.training.methods.variational import Encoder, Losses, divergence, gradient_fractions, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedlens.objectives import Loss
    from embedlens.training.samplers import Embed

Weight = float | str | Sequence[float] | None
"""Weight of a loss: one number, or two for the phases, also as comma-separated text; None: as published."""

WEIGHTS = {
    "kl": (1.0, 0.8),
    "reconstruction": (1.0, 1.0),
    "synthesised": (0.1, 0.2),
    "invariant": (1.0, 0.8),
}
"""Published weights of the four losses in the first and in the second phase."""
SAMPLES = 20
"""Published number T of samples of z_V of an item."""
_MEASURED_EVERY = 10  # steps; the gradients of four terms at each step would cost more than the samples do


@METHODS.register("dvml")
class DVML(Method):
    """Three heads, a sampled variance, a decoder and four losses in two phases.

    z_V = mu + sigma e, e ~ N(0, I); z = z_I + z_V. The losses (Lin et al. 2018, section 3):
    ``KL(N(mu, sigma^2) || N(0, I))``, summed over the dimensions; ``|x - x'|^2`` of the features x and their
    reconstruction x' from z, with the mean over T samples of z; the metric loss of z (`synthesised`), of the
    first sample of each item; and of z_I (`invariant`). In the first phase the decoder's gradient stays with
    the decoder.

    Parameters
    ----------
    given
        Configuration, backbone and labels.
    first_phase
        Epochs of the first phase; None: half of all.
    record_latent
        Whether mu, sigma and the central latent space [N, D] of every split are recorded.
    kl_weight, reconstruction_weight, synthesised_weight, invariant_weight
        Weight of each loss, one number or two for the phases, comma-separated as text; None: as published,
        `WEIGHTS`.
    samples
        T, samples of z_V of an item; 20 as published.
    metric_reduction
        "sum": the metric losses are sums over the triplets of the batch (equations 2 and 4), for losses that
        can be; "mean": as the loss is alone. None: the sum where the loss can be one.
    relative_reconstruction
        Whether the reconstruction is divided by the mean of ``|x|^2`` over the batch. The published features
        are pretrained; those of random weights have no scale of their own, and the network could shrink them
        against the loss. None: where the backbone is not pretrained.
    normalize_features
        Whether x is the batch-normalised features, which is not as published.

    Raises
    ------
    InputError
        A number of epochs or samples or a weight out of range, a sum of a loss that has none.
    """

    def __init__(
        self,
        given: MethodInputs,
        *,
        first_phase: int | None = None,
        record_latent: bool = False,
        kl_weight: Weight = None,
        reconstruction_weight: Weight = None,
        synthesised_weight: Weight = None,
        invariant_weight: Weight = None,
        samples: int = SAMPLES,
        metric_reduction: str | None = None,
        relative_reconstruction: bool | None = None,
        normalize_features: bool = False,
    ) -> None:
        super().__init__()
        config, backbone = given.config, given.backbone
        check_whole("first_phase", 0 if first_phase is None else first_phase, 0)
        check_whole("samples", samples, 1)
        chosen = (kl_weight, reconstruction_weight, synthesised_weight, invariant_weight)
        pairs = {name: phase_weights(name, one) for name, one in zip(WEIGHTS, chosen, strict=True)}
        self._weights = [{name: pair[phase] for name, pair in pairs.items()} for phase in (0, 1)]
        check_some(self._weights)
        self._dim, self._latent, self._samples = config.dim, record_latent, samples
        self._first = config.epochs // 2 if first_phase is None else first_phase
        self._relative = (
            not backbone.pretrained if relative_reconstruction is None else relative_reconstruction
        )
        self._epoch, self._step = 0, 0
        self._fractions: dict[str, float] = {}
        self.network = Encoder(
            backbone.module, width=backbone.width, dim=config.dim, normalize=normalize_features
        )
        metric = make_loss(given, config.dim)
        metric.summed = is_summed(config.loss, metric, metric_reduction)
        self.objective: Losses = Losses(metric, dim=config.dim, width=backbone.width)
        self._sampler = config.build_sampler(given.labels)
        self.steps, self.looks = self._sampler.steps, self._sampler.looks
        self.register_load_state_dict_pre_hook(_refuse_former_layout)  # type: ignore[no-untyped-call]

    def begin(self, epoch: int, embed_all: object) -> None:
        """Set the phase by the epoch."""
        self._epoch, self._step = epoch, 0

    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield the sampler's batches."""
        return (Batch(rows) for rows in self._sampler.batches(epoch, embed))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return z_I, the embeddings that are recorded, [B, D]."""
        return self.embeddings(self.network(inputs))

    def embeddings(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return z_I [B, D]."""
        return outputs[:, : self._dim]

    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the weighted sum of the four losses of a batch, and each of them."""
        heads, x = outputs[:, : 3 * self._dim], outputs[:, 3 * self._dim :].detach()
        invariant, mu, log_variance = torch.split(heads, self._dim, dim=1)
        synthesised = invariant + sampled(mu, log_variance, self._samples)
        first = self._epoch <= self._first
        metric, logs = self.objective.metric(invariant, labels)
        parts = {
            "kl": divergence(mu, log_variance),
            "reconstruction": self._reconstruction(synthesised.detach() if first else synthesised, x),
            "synthesised": self.objective.metric(synthesised[0], labels)[0],
            "invariant": metric,
        }
        weights = self._weights[0 if first else 1]
        terms = {name: weights[name] * part for name, part in parts.items()}
        if self._step % _MEASURED_EVERY == 0:
            fractions = gradient_fractions(terms, heads)
            self._fractions = {f"{name}_gradient_fraction": value for name, value in fractions.items()}
        self._step += 1
        total = torch.stack(list(terms.values())).sum()
        numbers = {name: part.item() for name, part in parts.items()}
        return total, {**logs, **numbers, **self._fractions, "loss": total.item()}

    def _reconstruction(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction loss of z [T, B, D] and the features x [B, width]."""
        loss = self.objective.decoder.reconstruction(z, x)
        if not self._relative:
            return loss
        return loss / x.square().sum(dim=1).mean().clamp(min=torch.finfo(x.dtype).tiny)

    def extras(
        self, embed_splits: EmbedSplits, labels: Mapping[str, NDArray[Any]]
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return mu, sigma and the central latent space of every split, if `record_latent`."""
        if not self._latent:
            return {}
        d = self._dim
        found = embed_splits(self.network)
        return {
            split: {
                "mu": array[:, d : 2 * d],
                "sigma": _sigma(array[:, 2 * d : 3 * d]),
                "central": central(array[:, :d], labels[split]),
            }
            for split, array in found.items()
        }


def phase_weights(name: str, given: Weight) -> tuple[float, float]:
    """Return the weights of a loss in the two phases.

    Parameters
    ----------
    name
        Name of the loss, a key of `WEIGHTS`.
    given
        A number, two numbers, or either as comma-separated text; None: the published weights.

    Raises
    ------
    InputError
        Other text, another count of numbers, or a number below 0 or not finite.
    """
    if given is None:
        return WEIGHTS[name]
    found = [given] if isinstance(given, (int, float)) else given
    try:
        numbers = [float(one) for one in (found.split(",") if isinstance(found, str) else found)]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) not in (1, 2) or not all(0 <= number < math.inf for number in numbers):
        option = f"{name}_weight"
        message = (
            f"{option} is {shortened(given)!r}; a number from 0 is needed, or two for the two phases, "
            "comma-separated"
        )
        raise InputError(message)
    return numbers[0], numbers[-1]


def check_some(weights: Sequence[Mapping[str, float]]) -> None:
    """Refuse weights of a phase that are all 0; nothing would be trained."""
    for phase, of_phase in enumerate(weights, start=1):
        if not any(of_phase.values()):
            message = f"all four weights are 0 in phase {phase}; one of the losses needs a weight above 0"
            raise InputError(message)


def is_summed(name: str, loss: Loss, reduction: str | None) -> bool:
    """Return whether the metric loss is a sum over triplets.

    Parameters
    ----------
    name, loss
        The loss, and its name.
    reduction
        "sum", "mean", or None: the sum if the loss can be one.

    Raises
    ------
    InputError
        Another reduction, or the sum of a loss that has none.
    """
    if reduction not in (None, "sum", "mean"):
        raise unknown(reduction, "metric reduction", ("sum", "mean"))
    if reduction == "sum" and not loss.sums:
        fitting = ", ".join(sorted(one for one in LOSSES.names() if LOSSES.get(one).sums))
        message = (
            f"loss {name!r} is no sum over triplets; leave --metric-reduction out, or train with one of the "
            f"losses {fitting}"
        )
        raise InputError(message)
    return loss.sums and reduction != "mean"


def _refuse_former_layout(module: nn.Module, state: Mapping[str, Any], *_: object) -> None:
    """Refuse the weights of earlier versions, which had batch norm on x and in the decoder."""
    if "network.norm.weight" in state:
        message = (
            "the weights are of an earlier form of method 'dvml' (batch normalisation of the features), and "
            "training cannot continue from them; train again under another name; the recorded epochs stay "
            "readable"
        )
        raise InputError(message)


def central(z: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Return every item minus the mean of its class, float32 [N, D], from z_I [N, D] and labels [N]."""
    _, group, count = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((count.size, z.shape[1]))
    np.add.at(sums, group, z)
    return np.asarray(z - (sums / count[:, None])[group], np.float32)


def _sigma(log_variance: NDArray[Any]) -> NDArray[Any]:
    """Return sigma from log sigma^2."""
    return np.asarray(np.exp(0.5 * log_variance))
