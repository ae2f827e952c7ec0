"""Measurements of `sampling`, and what its figures show."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.measurements.sampling import MeasuredSampling, SplitSampling, sample
from embedlens.measurements.selected import Selected
from embedlens.moments import name_of
from embedlens_cli.commands.sampling.sampling_options import SamplingOptions
from embedlens_cli.common.snapshots import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.experiments.monitoring import FixedBatches
    from embedlens.figures.sampling.distances import Contents
    from embedlens.measurements.reader import Kept

_POINTS = 401  # of a curve over the distances from 0 to 2


Group = Sequence[tuple[SplitSampling, int]]
"""What stands in one figure: runs of a split, each with the epoch at which it is drawn."""


def measure(selection: Selection, what: SamplingOptions) -> list[SplitSampling]:
    """Measure every split of every run: distances at the epochs drawn; mining at these, or at every epoch."""
    panels, kept = what.panels, selection.kept()
    batches = _batches(selection, what, kept) if {"picked", "nonzero"} & set(panels) else {}
    drawn = {label: selection.epochs(run) for label, run in selection.labelled}
    measured = MeasuredSampling(
        pairs=what.pairs if "distances" in panels else None, seed=what.seed, batches=batches,
        strategies=tuple(what.strategies), margin=what.margin, drawn=drawn,
    )  # fmt: skip
    places = [
        Selected(label, run, split, epoch, selection.reader)
        for label, run in selection.labelled
        for split in selection.splits
        for epoch in (run.epochs() if "nonzero" in panels else drawn[label])
        if batches or "distances" in panels
    ]
    found = selection.measure(partial(sample, what=measured), "measuring", places=places)
    results = []
    for label, run in selection.labelled:
        for split in selection.splits:
            own = {one.epoch: found[one] for one in places if (one.label, one.split) == (label, split)}
            mined = batches.get((label, split))
            y = kept[label, split].of(run.labels(split))
            results.append(
                SplitSampling(
                    label, split, run.snapshot(split, drawn[label][0]).embeddings.shape[1], drawn[label],
                    pairs={epoch: pairs for epoch, (pairs, _) in own.items() if pairs is not None},
                    negatives={epoch: selected for epoch, (_, selected) in own.items() if selected},
                    batches=mined, items=(0, 0) if mined is None else mined.class_sizes(y),
                )
            )  # fmt: skip
    return results


def _batches(
    selection: Selection, what: SamplingOptions, kept: Mapping[tuple[str, str], Kept]
) -> dict[tuple[str, str], FixedBatches]:
    """Return the batches that are mined of each split of each run."""
    from embedlens.analysis.experiments.monitoring import fixed_batches

    batches = {}
    for label, run in selection.labelled:
        for split in selection.splits:
            place = f"run {run.name!r}, split {split!r}"
            try:
                batches[label, split] = fixed_batches(
                    kept[label, split].of(run.labels(split)), count=what.batches,
                    classes=what.classes_per_batch, items=what.items_per_class, seed=what.seed,
                )  # fmt: skip
            except InputError as error:
                raise error.within(place) from error
    return batches


def groups(results: Sequence[SplitSampling], *, one_per_epoch: bool) -> list[Group]:
    """Return what stands in each figure: the runs of a split at their epoch, or at one epoch of several."""
    figures: list[Group] = []
    for split in dict.fromkeys(one.split for one in results):
        there = [one for one in results if one.split == split]
        if one_per_epoch:
            epochs = sorted({epoch for one in there for epoch in one.epochs})
            figures += [[(one, epoch) for one in there if epoch in one.epochs] for epoch in epochs]
        else:
            figures.append([(one, one.epochs[0]) for one in there])
    return figures


def heading(group: Group) -> str:
    """Return what stands above a figure: the run where there is one, split and epoch."""
    first, epoch = group[0]
    epochs = {name_of(epoch) for _, epoch in group}
    sizes = {_size(one) for one, _ in group} if len(group) > 1 else set()
    parts = [
        first.run if len(group) == 1 else "",
        first.split,
        "last epoch of each" if len(epochs) > 1 else name_of(epoch),
        *(sizes if len(sizes) == 1 else ()),
    ]
    return ", ".join(part for part in parts if part)


def contents(group: Group, what: SamplingOptions) -> Contents:
    """Return what a figure shows."""
    import numpy as np

    from embedlens.analysis.sampling import theory
    from embedlens.analysis.sampling.mining import NonzeroFraction
    from embedlens.figures.sampling.distances import Contents

    d, results = np.linspace(0, theory.FARTHEST, _POINTS), [one for one, _ in group]
    dims, sizes = sorted({one.dim for one in results}), {_size(one) for one in results}
    pairs = {one.run: one.pairs[epoch] for one, epoch in group if one.pairs}
    beside = [float(dim) for dim in dims if dim > 1]
    if len(pairs) == 1:
        effective = next(iter(pairs.values())).effective_dim
        # Below three dimensions the density has no peak to compare with.
        beside += [effective] if 3 <= effective <= 2 * dims[0] else []
    titles: dict[str, Any] = {
        "losses": f", α = {what.margin:g}, β = {what.beta:g}",
        "nonzero": f", α = {what.margin:g}",
        "noise": f", D = {dims[0]}" if len(dims) == 1 else "",
    }
    return Contents(
        losses=theory.loss_curves(d, margin=what.margin, beta=what.beta),
        spheres=[theory.sphere_density(d, dim) for dim in theory.DIMS],
        noise=[theory.gradient_noise(d, dim, scale) for dim in dims for scale in theory.SCALES],
        pairs=pairs,
        beside=[theory.sphere_density(d, dim) for dim in beside],
        negatives={one.run: one.negatives[epoch] for one, epoch in group if one.negatives},
        nonzero={
            one.run: [
                NonzeroFraction.of({epoch: selected[number] for epoch, selected in one.negatives.items()})
                for number in range(len(what.strategies))
            ]
            for one in results
            if "nonzero" in what.panels
        },
        loss_notes={
            "contrastive": f"m = {theory.CONTRASTIVE_MARGIN:g}",
            "triplet": f"partner at {theory.PARTNER:g}",
        },
        note=_size(results[0]).replace(" of ", "\nof ") if len(results) == 1 else "",
        run_labels={one.run: f"{one.run}, {_size(one)}" for one in results} if len(sizes) > 1 else {},
        titles=titles,
    )


def caption(group: Group, what: SamplingOptions) -> str:
    """Return what a figure shows, in sentences."""
    from embedlens.captions.scores import sampling

    first, epoch = group[0]
    sizes = list(dict.fromkeys(_size(one) for one, _ in group))
    batches = sizes[0].replace(" \u00d7 ", " classes x ") if len(sizes) == 1 else "batches of different sizes"
    pairs = ""
    if first.pairs:
        drawn = first.pairs[epoch]
        pairs = (
            f"{drawn.positive.n:,} of {drawn.n_positive:,} positive and {drawn.negative.n:,} of "
            f"{drawn.n_negative:,} negative ones" + (f" in {first.run}" if len(group) > 1 else "")
        )
    return sampling(what.panels, strategies=what.strategies, pairs=pairs, batches=batches)


def _size(one: SplitSampling) -> str:
    """Return what was mined of a run; nothing where no panel shows it."""
    if one.batches is None:
        return ""
    least, most = one.items
    items = f"{most}" if least == most else f"{least} to {most}"
    return f"{len(one.batches.rows)} batches of {one.batches.classes} × {items} items"
