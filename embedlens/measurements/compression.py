"""Scores of a snapshot by the codes in which it may be stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.analysis.compression import Compression, compress
from embedlens.errors import InputError, unknown
from embedlens.results import Result
from embedlens.searches import items_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.compression import CodeOptions
    from embedlens.analysis.scores import ScoreSettings
    from embedlens.measurements.selected import Selected

TRAIN = "train"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SnapshotCompression(Result):
    """Scores by code of one snapshot, and the split that components, ranges and centroids are fitted on."""

    fit: str
    scores: Compression

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar."""
        scores = self.scores
        return {
            "fit": self.fit,
            "dim": scores.dim,
            "bits": scores.bits,
            "candidates": scores.candidates,
            "mean_candidates": scores.n_candidates,
            "missing": scores.missing,
            "shown": scores.n,
            "of": scores.n + scores.n_singletons,
        }

    def answer(self) -> dict[str, Any]:
        """Return what ``--json`` prints: the numbers of the snapshot, and its points by code."""
        scores = self.scores
        codes: dict[str, list[dict[str, Any]]] = {}
        for row in zip(*scores.columns().values(), strict=True):
            point = dict(zip(scores.columns(), (value.item() for value in row), strict=True))
            codes.setdefault(point.pop("code"), []).append(point)
        rescored = {"candidates": scores.candidates, "mean_candidates": scores.n_candidates}
        return {
            "dim": scores.dim,
            "fit": self.fit,
            "n": scores.n,
            "n_singletons": scores.n_singletons,
            "bits": scores.bits,
            **(rescored if "rescored" in codes else {}),
            "codes": codes,
            **({"missing": scores.missing} if scores.missing else {}),
        }


def fit_split(one: Selected, fit: str | None) -> str:
    """Return the split that codes are fitted on: the one named, else train, else the snapshot's own.

    Raises
    ------
    InputError
        A split that the run does not have.
    """
    base = fit or (TRAIN if TRAIN in one.run.splits else one.split)
    if base not in one.run.splits:
        place = f"run {one.run.name!r}"
        raise unknown(base, "split to fit", one.run.splits).within(place)
    return base


def compress_snapshot(
    one: Selected,
    *,
    options: CodeOptions,
    metrics: Sequence[str],
    settings: ScoreSettings,
    fit: str | None = None,
    device: str = "cpu",
) -> SnapshotCompression:
    """Score a snapshot by its codes.

    Parameters
    ----------
    one
        The snapshot.
    options
        The codes, and their parameters.
    metrics, settings
        Names of scores, and their parameters.
    fit
        Split to fit on; None: train, where the run has it.
    device
        "cpu" or "cuda".
    """
    base = fit_split(one, fit)
    search = one.search()
    other = None
    if base != one.split:
        other = items_of(one.run, base, one.epoch, leave_out=one.reader.leave_out).z
    try:
        scores = compress(
            search.z, search.targets, options, metrics=metrics, settings=settings, fit=other,
            gallery=search.gallery, device=device,
        )  # fmt: skip
    except InputError as error:
        raise error.within(search.place) from error
    return SnapshotCompression(base, scores)
