"""t-SNE parameters and their checks; imports nothing heavy, so that options can have its defaults."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, InputWarning, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS = ("cosine", "euclidean")
INITIALIZATIONS = ("pca", "random", "spectral")
GRADIENTS = ("auto", "exact", "bh", "fft")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of t-SNE; names and defaults are those of openTSNE, but for the metric and the gradient.

    Attributes
    ----------
    perplexity
        Effective number of neighbours, above 1; three times as many are searched. By default 30, and
        (n - 1) / 3 for 90 items or fewer.
    metric
        "cosine" (1 - S) or "euclidean" (of normalised rows: sqrt(2 - 2 S)). openTSNE's "cosine" is the first
        with its exact search, the second with its approximate one.
    initialization
        "pca" of the normalised embeddings, "random" or "spectral".
    early_exaggeration
        Factor of the affinities in the first phase; None: 12, or `exaggeration` if that is larger.
    early_exaggeration_iter, n_iter
        Iterations of the first and of the second phase.
    exaggeration
        Factor of the affinities in the second phase; 1: none.
    learning_rate
        None: the number of items over the exaggeration (Belkina et al., 2019).
    initial_momentum, final_momentum
        Momentum of the first and of the second phase; later maps of a series have their own.
    dof
        Degrees of freedom of the t-distribution; below 1: heavier tails and finer clusters.
    gradient
        "exact": all pairs; "bh": Barnes-Hut; "fft": interpolation; "auto": exact to 30,000 items, then bh.
    theta
        With bh: trade-off between speed (greater) and accuracy, 0 to 1.
    n_jobs
        Threads; None: as many as torch uses.
    seed
        Seed of the initial map.
    settle_iter
        Largest number of iterations after `n_iter` until the first map of a series is at rest
        (`tsne_series`).
    warm_iter
        Largest number of iterations of each later map of a series; a map that is contracted takes 60 before
        and up to half as many after them.
    """

    perplexity: float = 30.0
    metric: str = "cosine"
    initialization: str = "pca"
    early_exaggeration: float | None = None
    early_exaggeration_iter: int = 250
    n_iter: int = 500
    exaggeration: float = 1.0
    learning_rate: float | None = None
    initial_momentum: float = 0.8
    final_momentum: float = 0.8
    dof: float = 1.0
    gradient: str = "auto"
    theta: float = 0.5
    n_jobs: int | None = None
    seed: int = 0
    settle_iter: int = 2000
    warm_iter: int = 200

    def __post_init__(self) -> None:
        """Check the parameters; `InputError` names the wrong one."""
        for name, choices in (
            ("metric", METRICS),
            ("initialization", INITIALIZATIONS),
            ("gradient", GRADIENTS),
        ):
            if getattr(self, name) not in choices:
                raise unknown(getattr(self, name), name, choices)
        for name, low, high, text in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                message = f"{name.replace('_', ' ')} is {value:g}; {text} is needed"
                raise InputError(message)
        if self.gradient == "exact" and self.dof != 1.0:
            message = f"the exact gradient is that of dof 1, not {self.dof:g}; choose gradient bh or fft"
            raise InputError(message)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Parameters:
        """Return the parameters by name, others at their defaults; unknown names raise `InputError`."""
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise unknown(name, "parameter of t-SNE", names)
        return cls(**given)

    def for_items(self, n: int, *, adapt: bool) -> Parameters:
        """Return the parameters of a map of `n` items.

        Parameters
        ----------
        n
            Number of items.
        adapt
            Whether a perplexity that is too large is reduced to the largest allowed, with an `InputWarning`.

        Raises
        ------
        InputError
            A perplexity of more than a third of the other items.
        """
        if n > 3 * self.perplexity:
            return self
        most = math.floor((n - 1) / 3 * 10) / 10
        if adapt and most > 1:
            text = f"perplexity {most:g} for {n} items, (n - 1) / 3: too few for {self.perplexity:g}"
            warnings.warn(text, InputWarning, stacklevel=4)
            return replace(self, perplexity=most)
        allowed = f"at most {most:g}" if most > 1 else "no perplexity"
        message = (
            f"perplexity {self.perplexity:g} is too large for {n} items: {allowed} is allowed, (n - 1) / 3"
        )
        raise InputError(message)

    def changed(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            field.name: values[field.name] for field in fields(self) if values[field.name] != field.default
        }


_ANY = float("inf")
_LEAST = math.nextafter(1.0, 2.0)
_RANGES: tuple[tuple[str, float, float, str], ...] = (
    ("perplexity", _LEAST, 1e9, "a number above 1"),
    ("early_exaggeration", 1, 1e6, "a number from 1"),
    ("exaggeration", 1, 1e6, "a number from 1"),
    ("early_exaggeration_iter", 0, _ANY, "a number from 0"),
    ("n_iter", 0, _ANY, "a number from 0"),
    ("settle_iter", 0, _ANY, "a number from 0"),
    ("warm_iter", 1, _ANY, "a number from 1"),
    ("learning_rate", 1e-9, 1e12, "a positive number"),
    ("initial_momentum", 0, 0.999, "a number from 0 to 0.999"),
    ("final_momentum", 0, 0.999, "a number from 0 to 0.999"),
    ("dof", 1e-3, 1e6, "a positive number"),
    ("theta", 0, 1, "a number from 0 to 1"),
    ("n_jobs", 1, 1024, "a number from 1"),
    ("seed", 0, 2**32 - 1, "a number from 0"),
)
