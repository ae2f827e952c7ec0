"""Scores of one snapshot by each of its codes: a search for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.compression.codes import Int8Codec, ProductCodec, asymmetric, signs, unit_rows
from embedlens.analysis.compression.kinds import CODES, FULL
from embedlens.analysis.compression.leading import leading_scores
from embedlens.analysis.retrieval.options import is_retrieval
from embedlens.analysis.scores import score
from embedlens.arrays import to_numpy
from embedlens.errors import InputError
from embedlens.similarity import Gallery, hamming_search, search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.compression.kinds import CodeOptions
    from embedlens.analysis.scores import ScoreSettings
    from embedlens.label_sets import Labels
    from embedlens.similarity import GalleryLike, Searcher
    from embedlens.similarity.hamming import HammingResult

FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Point:
    """One code of one size, and its scores."""

    code: str
    size: int
    bytes: int
    values: dict[str, float]


class Sides:
    """Queries, gallery and rows of the fit, as they are and of unit length."""

    def __init__(self, z: NDArray[Any], y: Labels, *, gallery: Gallery | None, fit: ArrayLike | None) -> None:
        self.z, self.y, self.gallery, self.fit = z, y, gallery, fit
        self.dim = int(z.shape[1])
        if fit is not None and (width := to_numpy(fit).shape[-1]) != self.dim:
            message = f"the fit has {width} dims, the embeddings {self.dim}; they must agree"
            raise InputError(message)
        self._units: dict[str, NDArray[np.float32]] = {}

    @property
    def data(self) -> tuple[NDArray[Any], Labels, Gallery | None]:
        """Embeddings, labels, gallery."""
        return self.z, self.y, self.gallery

    def unit(self, side: str) -> NDArray[np.float32]:
        """Return the rows of "z", "gallery" or "fit", of unit length; where there are none, those of "z"."""
        rows = {"z": self.z, "gallery": self.gallery and self.gallery.embeddings, "fit": self.fit}
        name = side if rows[side] is not None else "z"
        if name not in self._units:
            self._units[name] = unit_rows(rows[name])  # type: ignore[arg-type]
        return self._units[name]

    def coded(self, rows: NDArray[np.float32]) -> Gallery:
        """Return other rows of the gallery, [M, any], as a gallery in which each query has its own item."""
        if self.gallery is not None:
            return self.gallery._replace(embeddings=rows)
        return Gallery.itself(rows, self.y)


class Work:
    """Computes the points, one code after the other."""

    def __init__(
        self,
        sides: Sides,
        options: CodeOptions,
        *,
        metrics: Sequence[str],
        settings: ScoreSettings,
        device: str,
    ) -> None:
        self.sides, self.options = sides, options
        self.metrics, self.settings, self.device = metrics, settings, device
        self.n_candidates = np.nan

    def points(self) -> tuple[list[Point], dict[str, str]]:
        """Return all points, and the codes that cannot be computed with the reason."""
        options, dim = self.options, self.sides.dim
        names = [name for name in CODES if options.names is None or name in options.names]
        dims = options.dims_of(dim) if {"dims", "pca"} & set(names) else []
        groups = options.groups_of(dim) if "pq" in names else []
        codecs, missing = [], {}
        if "pq" in names:  # fitted first: what is refused is refused before anything is searched
            try:
                codecs = [ProductCodec.fit(self.sides.unit("fit"), number, options.bits) for number in groups]
            except InputError as error:
                if options.names is not None:
                    raise
                missing["pq"] = str(error)
        every = score(
            self.sides.z, self.sides.y, self.metrics, settings=self.settings, gallery=self.sides.gallery,
            device=self.device,
        )  # fmt: skip
        points = [Point(FULL, dim, FLOAT_BYTES * dim, every)]
        for name in names:
            if name in ("dims", "pca"):
                points += self._leading(name, dims)
            elif name == "int8":
                codec = Int8Codec.fit(self.sides.unit("fit"))
                points.append(Point(name, dim, dim, self._of_codes(codec)))
            elif name != "pq":
                points.append(Point(name, dim, -(-dim // 8), self._of_signs(rescored=name == "rescored")))
        points += [Point("pq", codec.subquantizers, codec.bytes, self._of_codes(codec)) for codec in codecs]
        return points, missing

    def _leading(self, name: str, dims: Sequence[int]) -> list[Point]:
        found = leading_scores(
            name, self.sides.data, dims, metrics=self.metrics, settings=self.settings, fit=self.sides.fit,
            device=self.device,
        )  # fmt: skip
        return [Point(name, d, FLOAT_BYTES * d, values) for d, values in zip(dims, found, strict=True)]

    def _of_codes(self, codec: Int8Codec | ProductCodec) -> dict[str, float]:
        """Return the scores of queries as they are against what the codes of the gallery stand for."""
        rebuilt = codec.rebuild(self.sides.unit("gallery"))
        queries, gallery = asymmetric(self.sides.unit("z"), rebuilt)
        found = self._searched(queries, self.sides.coded(gallery), search)
        own = self.sides.gallery is None
        return found | self._unsearched(rebuilt if own else codec.rebuild(self.sides.unit("z")))

    def _of_signs(self, *, rescored: bool) -> dict[str, float]:
        """Return the scores of binary codes, by Hamming distance."""
        by = _Counting(partial(hamming_search, candidates=self.options.candidates if rescored else 0))
        found = self._searched(self.sides.z, self.sides.gallery, by)
        if rescored:
            self.n_candidates = by.n_candidates
        return found | self._unsearched(signs(self.sides.z))

    def _searched(self, queries: NDArray[Any], gallery: GalleryLike | None, by: Searcher) -> dict[str, float]:
        names = [name for name in self.metrics if is_retrieval(name)]
        if not names:
            return {}
        return score(
            queries, self.sides.y, names, settings=self.settings, gallery=gallery, device=self.device, by=by
        )

    def _unsearched(self, rows: NDArray[np.float32]) -> dict[str, float]:
        names = [name for name in self.metrics if not is_retrieval(name)]
        if not names:
            return {}
        return score(rows, self.sides.y, names, settings=self.settings, device=self.device)


class _Counting:
    """Searches binary codes, and keeps the mean number of candidates."""

    def __init__(self, by: Any) -> None:
        self._by, self.n_candidates = by, np.nan

    def __call__(self, z: ArrayLike, y: ArrayLike, **how: Any) -> HammingResult:
        found: HammingResult = self._by(z, y, **how)
        self.n_candidates = float(found.n_candidates.mean())
        return found
