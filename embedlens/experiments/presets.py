"""Presets of the comparison: how each method is trained, and what network it starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EPOCHS = ("finish", "first_phase")
"""Options of methods that count epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How a method is trained in a preset.

    Attributes
    ----------
    method
        Name of the method.
    losses
        The losses that this is for; None: all that have no regime of their own.
    epochs
        Epochs of each run.
    options
        Options of the method; the others are its defaults. Those that count epochs (`EPOCHS`) are of a run of
        `epochs`; where the user chooses other epochs, they are scaled with them.
    training
        Fields of the configuration, as of `TrainConfig`; the others are those of the command.
    rate_factor
        Learning rate in units of the default of the loss.
    """

    method: str
    losses: Sequence[str] | None = None
    epochs: int
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    rate_factor: float = 1.0

    def options_for(self, epochs: int) -> dict[str, Any]:
        """Return the options of the method for a run of some epochs."""
        scaled = {
            name: round(self.options[name] * epochs / self.epochs) for name in EPOCHS if name in self.options
        }
        return {**self.options, **scaled}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How the runs of a comparison are trained.

    Attributes
    ----------
    name
        Its name.
    regimes
        How each method is trained; the first that fits counts.
    pretraining_loss, pretraining_epochs
        Loss and epochs of the plain run, of seed 0, whose backbone all rows start from; no epochs: rows
        start from the weights of the backbone, random ones of `small`.
    adds_baselines
        Whether the loss alone of each method with a loss of its own is a row, too.
    leaves_out
        Whether a row that cannot be trained on the data is left out; else nothing is trained.
    """

    name: str
    regimes: Sequence[Regime]
    pretraining_loss: str = "softmax"
    pretraining_epochs: int = 0
    adds_baselines: bool = False
    leaves_out: bool = False

    def regime(self, method: str, loss: str) -> Regime:
        """Return how a method is trained with a loss; a method without a regime as plain, at its defaults."""
        for own in (method, "plain"):
            fitting = [one for one in self.regimes if one.method == own and loss in (one.losses or (loss,))]
            if fitting:
                return min(fitting, key=lambda one: one.losses is None)
        message = f"preset {self.name!r} has no regime of the method 'plain'"
        raise KeyError(message)


QUICK = Preset(name="quick", regimes=[Regime(method="plain", epochs=4)])
"""Four epochs from random weights: enough to see that a method runs, too few for what papers report."""

_SCALED = {"normalize_features": True, "relative_reconstruction": True}
"""Noise of variance 1 fits the scale of the published features, GoogLeNet's, not that of any network's."""

PUBLISHED = Preset(
    name="published",
    pretraining_epochs=4,
    adds_baselines=True,
    leaves_out=True,
    regimes=[
        Regime(method="plain", epochs=8),
        Regime(method="divide-conquer", epochs=8, options={"clusters": 4, "finish": 2}),
        Regime(method="dvml", epochs=8, options=_SCALED),
        Regime(method="dreml", epochs=8),
        Regime(method="hdc", epochs=8, options={"heads": 2, "negative_weight": 1.0}),
    ],
)
"""Each method in the regime of its paper, from a network that is trained on the data before."""

PRESETS: Registry[Preset] = Registry("preset")
"""Presets by name."""
for _preset in (QUICK, PUBLISHED):
    PRESETS.register(_preset.name)(_preset)
