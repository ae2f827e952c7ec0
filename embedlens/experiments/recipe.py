"""Shared configuration of the runs of a grid or a comparison, and that of each run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from embedlens.objectives.building import PREFIX
from embedlens.objectives.losses import default_rate, loss_class, loss_options
from embedlens.processes import available_processors
from embedlens.training import methods
from embedlens.training.config import TrainConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_PRETRAINED = 0.1  # large networks, pretrained as a rule, are trained at a tenth of the default rate
_DEFAULTS = {entry.name: entry.default for entry in fields(TrainConfig)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What runs that are trained together have in common: all but loss, dims, learning rate and seed.

    Attributes
    ----------
    shared
        Fields of the configuration by name; those that are missing have the defaults of `TrainConfig`.
    loss_options
        Options of losses, whichever loss has them.
    mining_options
        Options of the mining.
    threads
        Threads of torch; None: every core.
    """

    shared: Mapping[str, Any] = field(default_factory=dict)
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    mining_options: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None

    def config(
        self,
        loss: str,
        options: Mapping[str, Any] | None = None,
        *,
        dim: int,
        lr: float | None = None,
        seed: int = 0,
    ) -> TrainConfig:
        """Return the configuration of one run.

        Parameters
        ----------
        loss
            Name of the loss.
        options
            Options of the loss; None: of `loss_options` those that it has.
        dim, seed
            Dimensions of the embedding, and the seed.
        lr
            Learning rate; None: the default of the loss, for timm networks a tenth of it.

        Raises
        ------
        InputError
            An unknown loss, or a value that the configuration refuses.
        """
        own = {**self.shared, "sampler": self.value("sampler") or loss_class(loss).samplers[0]}
        config = TrainConfig(
            loss=loss,
            loss_options=self.options_of(loss) if options is None else dict(options),
            mining_options=dict(self.mining_options),
            dim=dim,
            lr=lr if lr is not None else self._rate(loss),
            seed=seed,
            threads=self.threads if self.threads is not None else available_processors(),
            **own,
        )
        _ = config.batches  # refuses a sampler that the loss cannot learn from
        return config

    def _rate(self, loss: str) -> float:
        rate = default_rate(loss, self.value("optimizer"))
        return rate * _OF_PRETRAINED if self.value("backbone").startswith("timm:") else rate

    def value(self, name: str) -> Any:
        """Return a field of the configuration that the runs share."""
        return self.shared.get(name, _DEFAULTS[name])

    def options_of(self, loss: str) -> dict[str, Any]:
        """Return the options of `loss_options` that a loss has.

        What a loss of pytorch-metric-learning takes is known when it is made: it gets all of them.
        """
        if loss.startswith(PREFIX):
            return dict(self.loss_options)
        known = loss_options(loss)
        return {name: value for name, value in self.loss_options.items() if name in known}

    def under(self, method: str) -> Recipe:
        """Return the recipe for another method, with the options of methods that it has."""
        known = methods.method_options(method)
        given = self.shared.get("method_options", {})
        own = {name: value for name, value in given.items() if name in known}
        return replace(self, shared={**self.shared, "method": method, "method_options": own})

    @property
    def default_loss(self) -> str:
        """The loss that the method trains with where none is chosen."""
        return methods.default_loss(self.value("method"))

    @property
    def default_dim(self) -> int:
        """The dimensions that the method makes where none are chosen."""
        return methods.default_dim(self.value("method"), self.shared.get("method_options", {}))
