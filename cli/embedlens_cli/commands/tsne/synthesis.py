"""Points synthesised from what a run of dvml has recorded, in one map with its items."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.projection.synthesis import SynthesisedMap
    from embedlens_cli.commands.tsne.maps import Settings
    from embedlens_cli.common.snapshots import Selected, Selection


def check_latent(selection: Selection) -> None:
    """Refuse a run that has not recorded mu and sigma of what is to be mapped."""
    for one in selection:
        known = one.run.extra_epochs(one.split)
        both = set(known.get("mu", ())) & set(known.get("sigma", ()))
        if not both:
            message = (
                f"run {one.run.name!r} has no mu and sigma of split {one.split!r} to draw --synthesised "
                "from; train with --method dvml --record-latent"
            )
            raise InputError(message)
        if one.epoch not in both:
            have = ", ".join(map(str, sorted(both)))
            message = f"run {one.run.name!r} has no mu and sigma of epoch {one.epoch}, only of: {have}"
            raise InputError(message)


def synthesised_map(
    place: Selected, settings: Settings, *, rows: NDArray[np.int64] | None, highlight: Sequence[int]
) -> SynthesisedMap:
    """Map the items of a snapshot with points synthesised of the classes that are coloured."""
    from embedlens.analysis.projection import synthesis
    from embedlens.figures.style import class_colors

    snapshot, parameters = place.snapshot, settings.parameters
    labels = snapshot.labels
    mu, sigma = (place.run.extra(place.split, name, place.epoch) for name in ("mu", "sigma"))
    drawn = synthesis.synthesised(
        snapshot.embeddings, labels, mu=mu, sigma=sigma, per_class=settings.options.synthesised or 0,
        classes=[*class_colors(labels if rows is None else labels[rows], highlight)], seed=parameters.seed,
    )  # fmt: skip
    return synthesis.synthesised_map(
        snapshot.embeddings, drawn, rows=rows, device=settings.options.device, **asdict(parameters)
    )


def facts_of(maps: Mapping[str, SynthesisedMap]) -> dict[str, object]:
    """Return what a sidecar says of synthesised points: run -> classes, and how they were drawn."""
    return {
        "points": {run: one.drawn.label.size for run, one in maps.items()},
        "drawn": "class mean of z_I + z_V, z_V ~ N(mu_i, diag sigma_i^2), i an item of the class at random",
        "classes": {run: one.drawn.classes.tolist() for run, one in maps.items()},
    }
