"""Spectra and pruned Recall@1 of a snapshot, and of the slices of its embeddings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.analysis.spectrum.slices import slice_recalls
from embedlens.analysis.spectrum.values import spectrum
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlens.analysis.pruning import PruningCurve
    from embedlens.analysis.spectrum.slices import Slice, SliceRecalls
    from embedlens.analysis.spectrum.values import Spectrum
    from embedlens.searches import Search


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SnapshotSpectrum(Result):
    """The spectrum of one snapshot, and those of its slices where it is taken apart.

    Attributes
    ----------
    whole, numbers
        The spectrum that is drawn, and the numbers of PCA and SVD by name.
    slices
        The same of each slice.
    recalls
        Recall@1 of the slices.
    """

    whole: Spectrum
    numbers: dict[str, float]
    slices: list[tuple[Spectrum, dict[str, float]]] = field(default_factory=list)
    recalls: SliceRecalls | None = None

    def answer(self) -> dict[str, Any]:
        """Return what ``--json`` prints: the numbers by name, those of slices as lists."""
        numbers: dict[str, Any] = dict(self.numbers)
        if self.recalls is not None:
            numbers["slices"] = {
                "number": len(self.slices),
                "dim": self.recalls.dim,
                "recall_at_1": self.recalls.alone.tolist(),
                "recall_at_1_joined": self.recalls.joined.tolist(),
                "spectra": [values for _, values in self.slices],
            }
        return numbers

    def tables(self) -> list[dict[str, Any]]:
        """Return the data behind the curves: a block for the snapshot, or for each slice."""
        if self.recalls is None:
            return [self.whole.columns()]
        recalls = {name: column.tolist() for name, column in self.recalls.columns().items()}
        return [
            {**{name: values[number] for name, values in recalls.items()}, **part.columns()}
            for number, (part, _) in enumerate(self.slices)
        ]


def decompose(
    search: Search,
    slices: Sequence[Slice] = (),
    *,
    center: bool = True,
    normalize: bool = True,
    device: str = "cpu",
) -> SnapshotSpectrum:
    """Return the spectrum of the queries, and those of slices with their Recall@1 in the gallery.

    Parameters
    ----------
    search
        Queries and gallery.
    slices
        All slices of the embeddings, each by itself; none: the embeddings are taken whole.
    center, normalize
        Whether embeddings are centred (PCA, else SVD), and normalised before.
    device
        "cpu" or "cuda", where Recall@1 is computed.
    """

    def of(part: Search) -> tuple[Spectrum, dict[str, float]]:
        centred = spectrum(part.z, normalize=normalize)
        return centred if center else centred.uncentred(), centred.summary("pca" if center else "svd")

    if not slices:
        return SnapshotSpectrum(*of(search))
    recalls = slice_recalls(search.z, search.y, len(slices), gallery=search.gallery, device=device)
    return SnapshotSpectrum(*of(search), [of(search.part(slice_)) for slice_ in slices], recalls)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PrunedSlice(Result):
    """The pruning curve of a snapshot, or of a slice of it.

    Attributes
    ----------
    fit
        The split that the basis was fitted on.
    curve
        Recall@1 by number of components.
    slice_, spectrum
        The slice, and its spectrum on the items that are searched for; None: the whole embedding.
    """

    fit: str
    curve: PruningCurve
    slice_: Slice | None = None
    spectrum: Spectrum | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What the basis was fitted on, and which slice it is of."""
        return {"fit": self.fit, **({} if self.slice_ is None else {"chunk": self.slice_.name})}

    @property
    def recalls(self) -> dict[int, float]:
        """Recall@1 by number of components."""
        return dict(zip(self.curve.dims.tolist(), self.curve.recall.tolist(), strict=True))

    def answer(self) -> dict[str, Any]:
        """Return what ``--json`` prints: dim, fit, numbers of items, and Recall@1 by number of components."""
        return {
            "dim": self.curve.dim,
            "fit": self.fit,
            "n": self.curve.n,
            "n_singletons": self.curve.n_singletons,
            "recall_at_1": {str(number): recall for number, recall in self.recalls.items()},
        }


def prune(
    whole: Search,
    prune_one: Callable[..., PruningCurve],
    *,
    slices: Sequence[Slice] = (),
    dims: Sequence[int] | None = None,
    fit: Search | None = None,
) -> list[PrunedSlice]:
    """Return the pruning curve of a snapshot, and of each of its slices.

    Parameters
    ----------
    whole
        Queries and gallery.
    prune_one
        `embedlens.analysis.pruning.pruned_recall` with its options.
    slices
        Slices of the embeddings.
    dims
        Numbers of components that are kept; those beyond the dims of a slice are left out. None: all.
    fit
        The items that the components are fitted on; None: the queries.
    """
    pruned = []
    for slice_ in [None, *slices]:
        search = whole.part(slice_)
        numbers = None if dims is None else [number for number in dims if number <= search.z.shape[1]]
        basis = None if fit is None else fit.part(slice_).z
        curve = prune_one(search.z, search.y, numbers, fit=basis, gallery=search.gallery)
        own = None if slice_ is None else spectrum(search.z, center=curve.basis == "pca")
        base = whole.query.split if fit is None else fit.query.split
        pruned.append(PrunedSlice(base, curve, slice_, own))
    return pruned
