"""Spectra of the epochs of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.moments import Moment
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedlens.analysis.spectrum.values import Spectrum


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SpectrumEpochs(Result):
    """Spectra of one embedding space over epochs.

    Attributes
    ----------
    epochs
        int64 [T], ascending; of a run that counts steps the steps.
    spectra
        T spectra of one kind and one number of dimensions D.
    unit
        What `epochs` counts: "epoch" or "step".
    """

    epochs: NDArray[np.int64]
    spectra: tuple[Spectrum, ...]
    unit: str = "epoch"

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Values sigma / sqrt(N - 1), float64 [T, D]."""
        return np.stack([spectrum.deviations for spectrum in self.spectra])

    @property
    def cumulative(self) -> NDArray[np.float64]:
        """Cumulative fraction of the sum of all sigma^2 in the leading components, float64 [T, D]."""
        return np.stack([spectrum.cumulative for spectrum in self.spectra])

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Which directions are dead, bool [T, D]."""
        return np.stack([spectrum.dead for spectrum in self.spectra])

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the table behind a figure, one row per epoch and component."""
        tables = [spectrum.columns() for spectrum in self.spectra]
        return {
            self.unit: np.repeat(self.epochs, self.spectra[0].dim),
            **{name: np.concatenate([table[name] for table in tables]) for name in tables[0]},
        }


def over_epochs(spectra: Mapping[int, Spectrum]) -> SpectrumEpochs:
    """Return the spectra of embeddings [N, D] as one series, in the order of epochs.

    Parameters
    ----------
    spectra
        Epoch -> spectrum.

    Raises
    ------
    InputError
        Fewer than two epochs, or spectra of different kinds or sizes.
    """
    if len(spectra) < 2:
        one = ", ".join(str(epoch) for epoch in spectra) or "none"
        message = f"spectra over epochs need at least two epochs, and there is one: {one}"
        raise InputError(message if spectra else message.replace("is one: none", "is none"))
    epochs = sorted(spectra)
    found = tuple(spectra[epoch] for epoch in epochs)
    if len({(spectrum.kind, spectrum.normalized, spectrum.dim) for spectrum in found}) > 1:
        message = "spectra of different kinds or numbers of dimensions are not one series"
        raise InputError(message)
    steps = [epoch.step for epoch in epochs if isinstance(epoch, Moment)]
    if len(steps) == len(epochs):
        return SpectrumEpochs(np.array(steps, np.int64), found, "step")
    return SpectrumEpochs(np.array(epochs, np.int64), found)
