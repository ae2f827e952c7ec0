"""Points drawn from the intra-class distribution that deep variational metric learning has learnt.

Lin, Duan, Dong, Lu & Zhou, "Deep variational metric learning", ECCV 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.projection.maps import Projection, tsne
from embedlens.arguments import check_indices, check_integers
from embedlens.arrays import check_embeddings, check_labels, shape_text, to_numpy
from embedlens.errors import InputError, unknown
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_ITEM, _SYNTHESISED, _CENTRE = "item", "synthesised", "class mean"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Synthesised(Result):
    """M points synthesised around the means of C classes.

    Attributes
    ----------
    points
        float64 [M, D], in the space of the embeddings as recorded (not normalised).
    label
        int64 [M]: class of each, class by class.
    item
        int64 [M]: the item whose mu and sigma each was drawn from.
    classes
        int64 [C]: the classes, ascending.
    centres
        float64 [C, D]: mean embedding of each class.
    """

    points: NDArray[np.float64]
    label: NDArray[np.int64]
    item: NDArray[np.int64]
    classes: NDArray[np.int64]
    centres: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SynthesisedMap(Result):
    """Items, synthesised points and class means in one map.

    Attributes
    ----------
    items
        Map of the n items.
    drawn
        The synthesised points.
    drawn_at
        float64 [M, 2]: coordinates of the synthesised points.
    centres_at
        float64 [C, 2]: coordinates of the class means.
    """

    items: Projection
    drawn: Synthesised
    drawn_at: NDArray[np.float64]
    centres_at: NDArray[np.float64]

    @property
    def coordinates(self) -> NDArray[np.float64]:
        """Coordinates of items, synthesised points and class means, float64 [n + M + C, 2]."""
        return np.concatenate([self.items.coordinates, self.drawn_at, self.centres_at])

    def labels(self, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the labels of items, synthesised points and class means, in the order of `coordinates`.

        Parameters
        ----------
        y
            Labels of all items of the split, int64 [N].
        """
        return np.concatenate([y[self.items.item], self.drawn.label, self.drawn.classes])

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the data that a figure of the map shows, by column.

        `kind` distinguishes items, synthesised points and class means; `item` of a synthesised point is the
        item whose mu and sigma it was drawn from, and -1 for a class mean.
        """
        sizes = (self.items.item.size, self.drawn.item.size, self.drawn.classes.size)
        x, up = self.coordinates.T
        return {
            "kind": np.repeat([_ITEM, _SYNTHESISED, _CENTRE], sizes),
            "item": np.concatenate([self.items.item, self.drawn.item, np.full(sizes[2], -1)]),
            "x": x,
            "y": up,
        }


def synthesised(
    z: ArrayLike,
    y: ArrayLike,
    *,
    mu: ArrayLike,
    sigma: ArrayLike,
    per_class: int,
    classes: Sequence[int] | None = None,
    seed: int = 0,
) -> Synthesised:
    """Draw points around the means of classes: z_c + z_V, z_V ~ N(mu_i, diag sigma_i^2).

    z_c is the mean embedding of the class, i an item of the class drawn at random, with replacement. So the
    points of a class have the mean z_c + mean of mu_i, and as covariance that of mu_i plus diag(mean of
    sigma_i^2).

    Parameters
    ----------
    z
        Embeddings z_I [N, D], as recorded.
    y
        Integer labels [N].
    mu, sigma
        [N, D]: mean and standard deviation that the method has learnt for each item.
    per_class
        Number of points of each class, 1 or more.
    classes
        Labels of the classes; all by default.
    seed
        Seed of the draw. The points of a class depend only on it and on the rank of the label among all
        labels: not on the other classes drawn, and the first points do not depend on their number.

    Raises
    ------
    InputError
        Shapes that do not agree, values that are not finite, a sigma below 0, a number below 1, an unknown
        class.

    Notes
    -----
    Lin et al., ECCV 2018, section 3.2; with the mean of the class instead of z_I of one item.
    """
    labels = check_labels(y)
    array = check_embeddings(to_numpy(z), rows=labels.size, dim=None)
    means, deviations = (_checked(*named, array.shape) for named in (("mu", mu), ("sigma", sigma)))
    if per_class < 1:
        message = f"{per_class} synthesised points per class; give a number from 1"
        raise InputError(message)
    known = np.unique(labels)
    wanted = known if classes is None else np.unique(check_integers(classes, "classes"))
    for label in wanted[~np.isin(wanted, known)]:
        raise unknown(int(label), "class", [f"{known[0]} to {known[-1]}, of the items"])
    if wanted.size == 0:
        message = "no class is given; choose one or more, or leave them out for all"
        raise InputError(message)
    points, items, centres = [], [], []
    for label in wanted.tolist():
        rows = np.flatnonzero(labels == label)
        place = int(np.searchsorted(known, label))
        chosen = rows[np.random.default_rng((seed, place, 0)).integers(rows.size, size=per_class)]
        noise = np.random.default_rng((seed, place, 1)).standard_normal((per_class, array.shape[1]))
        centre = array[rows].mean(axis=0, dtype=np.float64)
        sigmas = deviations[chosen].astype(np.float64)
        if (sigmas < 0).any():
            message = f"sigma of item {int(chosen[(sigmas < 0).any(axis=1)][0])} is below 0"
            raise InputError(message)
        points.append(centre + means[chosen] + sigmas * noise)
        items.append(chosen)
        centres.append(centre)
    label = np.repeat(wanted, per_class)
    return Synthesised(np.concatenate(points), label, np.concatenate(items), wanted, np.array(centres))


def synthesised_map(
    z: ArrayLike,
    drawn: Synthesised,
    *,
    rows: NDArray[np.int64] | None = None,
    device: str = "cpu",
    **parameters: Any,
) -> SynthesisedMap:
    """Return one t-SNE map of items, synthesised points and class means, by cosine distance.

    Parameters
    ----------
    z
        Embeddings [N, D], as recorded.
    drawn
        What was synthesised around their class means.
    rows
        Rows to map [n], ascending; all by default.
    device, **parameters
        As for `embedlens.analysis.projection.tsne`.

    Raises
    ------
    InputError
        As for `embedlens.analysis.projection.tsne`.
    """
    array = to_numpy(z)
    array = check_embeddings(array, rows=len(array) if array.ndim else 0, dim=drawn.points.shape[1])
    item = np.arange(len(array)) if rows is None else check_indices(rows, "rows to map", rows=len(array))
    whole = tsne(
        np.concatenate([array[item], drawn.points, drawn.centres]).astype(np.float64),
        device=device,
        **parameters,
    )
    at, drawn_at, centres_at = np.split(whole.coordinates, np.cumsum([item.size, drawn.label.size]).tolist())
    items = Projection(item, at, whole.kl_divergence, 0, whole.iterations, whole.gradient, whole.perplexity)
    return SynthesisedMap(items, drawn, drawn_at, centres_at)


def _checked(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return mu or sigma, of the shape of the embeddings and finite."""
    array = to_numpy(values)
    if array.dtype.kind not in "iuf":
        message = f"{name} holds {array.dtype}; numbers are needed"
        raise InputError(message)
    if array.shape != shape:
        message = (
            f"{name} has shape {shape_text(array)}, the embeddings {shape}; a row of both per item is needed"
        )
        raise InputError(message)
    if not np.isfinite(array).all():
        message = f"{name} holds NaN or infinity"
        raise InputError(message)
    return array
