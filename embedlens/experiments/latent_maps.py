"""t-SNE maps of snapshots with points synthesised from the mu and sigma that a run of dvml has recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.analysis.projection.synthesis import SynthesisedMap, synthesised, synthesised_map
from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.store import Run, Snapshot


def check_latent(run: Run, split: str, epoch: int) -> None:
    """Refuse a snapshot of which the run has not recorded mu and sigma.

    Raises
    ------
    InputError
        The message says what to train, or which epochs there are.
    """
    recorded = run.extra_epochs(split)
    both = set(recorded.get("mu", ())) & set(recorded.get("sigma", ()))
    if not both:
        message = (
            f"run {run.name!r} has no mu and sigma of split {split!r} to draw --synthesised from; train with "
            "--method dvml --record-latent"
        )
        raise InputError(message)
    if epoch not in both:
        have = ", ".join(map(str, sorted(both)))
        message = f"run {run.name!r} has no mu and sigma of epoch {epoch}, only of: {have}"
        raise InputError(message)


def latent_map(
    snapshot: Snapshot,
    run: Run,
    *,
    per_class: int,
    classes: Sequence[int] | None = None,
    rows: NDArray[np.int64] | None = None,
    seed: int = 0,
    **parameters: Any,
) -> SynthesisedMap:
    """Return one t-SNE map of the items of a snapshot and of points synthesised around the class means.

    Parameters
    ----------
    snapshot, run
        The snapshot, and the run that it is of.
    per_class
        Points of each class.
    classes
        Labels of the classes to synthesise; all by default.
    rows
        Rows of the items to map [n], ascending; all by default.
    seed
        Of the points and of the map.
    **parameters
        As for `embedlens.analysis.projection.tsne`.

    Raises
    ------
    InputError
        As for `embedlens.analysis.projection.synthesised` and `tsne`.
    """
    mu, sigma = (run.extra(snapshot.split, name, snapshot.epoch) for name in ("mu", "sigma"))
    points = synthesised(
        snapshot.embeddings, snapshot.labels, mu=mu, sigma=sigma, per_class=per_class, classes=classes,
        seed=seed,
    )  # fmt: skip
    return synthesised_map(snapshot.embeddings, points, rows=rows, seed=seed, **parameters)
