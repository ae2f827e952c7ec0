"""Points synthesised from what a run of dvml has recorded, in one map with its items."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.projection import Parameters
    from embedlens.analysis.synthesis import SynthesisedMap
    from embedlens.store import Run


def check_latent(runs: Sequence[Run], splits: Sequence[str], epochs: Sequence[Sequence[int]]) -> None:
    """Refuse a run that has not recorded mu and sigma of what is to be mapped."""
    for run, numbers in zip(runs, epochs, strict=True):
        for split in splits:
            known = run.extra_epochs(split)
            both = set(known.get("mu", ())) & set(known.get("sigma", ()))
            if not both:
                message = (
                    f"run {run.name!r} has no mu and sigma of split {split!r} to draw --synthesised from; "
                    "train with --method dvml --record-latent"
                )
                raise InputError(message)
            for number in numbers:
                if number not in both:
                    have = ", ".join(map(str, sorted(both)))
                    message = f"run {run.name!r} has no mu and sigma of epoch {number}, only of: {have}"
                    raise InputError(message)


def synthesised_map(
    run: Run,
    split: str,
    epoch: int,
    *,
    per_class: int,
    rows: NDArray[np.int64] | None,
    highlight: Sequence[int],
    told: Parameters,
    device: str,
) -> SynthesisedMap:
    """Map the items of a snapshot with points synthesised of the classes that are coloured."""
    from embedlens.analysis import synthesis
    from embedlens.figures.style import class_colors

    snapshot = run.snapshot(split, epoch)
    labels = snapshot.labels
    drawn = synthesis.synthesised(
        snapshot.embeddings, labels, mu=run.extra(split, "mu", epoch), sigma=run.extra(split, "sigma", epoch),
        per_class=per_class, classes=[*class_colors(labels if rows is None else labels[rows], highlight)],
        seed=told.seed,
    )  # fmt: skip
    return synthesis.synthesised_map(snapshot.embeddings, drawn, rows=rows, device=device, **asdict(told))


def facts_of(maps: Mapping[str, SynthesisedMap]) -> dict[str, object]:
    """Return what a sidecar says of synthesised points: run -> classes, and how they were drawn."""
    return {
        "points": {run: one.drawn.label.size for run, one in maps.items()},
        "drawn": "class mean of z_I + z_V, z_V ~ N(mu_i, diag sigma_i^2), i an item of the class at random",
        "classes": {run: one.drawn.classes.tolist() for run, one in maps.items()},
    }
