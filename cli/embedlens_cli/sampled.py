"""What `sampling` measures of runs, and what its figures show; `sampled_table` has the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.curves import FixedBatches
    from embedlens.analysis.sampling import PairDistances
    from embedlens.analysis.sampling_picks import Picks
    from embedlens.figures.sampling import Contents
    from embedlens.store import Run
    from embedlens_cli.reading import Reader

_POINTS = 401  # of a curve over the distances from 0 to 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured and drawn, as the options say; `batches` are their number, P and K."""

    panels: Sequence[str]
    mining: list[str]
    margin: float
    beta: float
    pairs: int
    batches: tuple[int, int, int]
    seed: int
    reader: Reader

    def check(self) -> None:
        """Refuse numbers that cannot be, before a run is opened."""
        from embedlens.analysis.sampling_theory import check_margin

        check_margin(self.margin)
        check_margin(self.beta, name="beta")

    @property
    def mines(self) -> bool:
        """Whether a panel shows what mining picks."""
        return bool({"picked", "nonzero"} & set(self.panels))


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was measured of one split of one run, by epoch; empty where no panel shows it.

    `items` are the least and the greatest number of items of a class in a batch.
    """

    run: str
    split: str
    dim: int
    epochs: list[int]
    pairs: dict[int, PairDistances]
    picks: dict[int, list[Picks]]
    batches: FixedBatches | None
    items: tuple[int, int]


def check_mining(words: Sequence[str]) -> list[str]:
    """Return the strategies asked for, each once; unknown ones are refused."""
    from embedlens.analysis.sampling_picks import STRATEGIES
    from embedlens.objectives.miners import build_miner

    names = list(dict.fromkeys(words or STRATEGIES))
    for name in names:
        build_miner(name)
    return names


def measure(label: str, run: Run, split: str, epochs: list[int], asked: Asked) -> Found:
    """Measure a split: distances at the epochs drawn; mining at these, or at every epoch."""
    from embedlens.analysis.sampling import pair_distances
    from embedlens.analysis.sampling_picks import picks
    from embedlens_cli import output

    pairs: dict[int, PairDistances] = {}
    picked: dict[int, list[Picks]] = {}
    kept = asked.reader.kept(run, split, epochs[0])
    y = kept.of(run.labels(split))
    try:
        batches = _batches(y, asked) if asked.mines else None
        for number in epochs if "distances" in asked.panels else ():
            z = kept.of(run.snapshot(split, number).embeddings)
            pairs[number] = pair_distances(z, y, pairs=asked.pairs, seed=asked.seed)
        if batches is not None:
            mined = run.epochs() if "nonzero" in asked.panels else epochs
            for number in output.track(mined, f"mining {label}"):
                z = kept.of(run.snapshot(split, number).embeddings)
                picked[number] = [
                    picks(z, y, name, batches=batches, margin=asked.margin) for name in asked.mining
                ]
        for number in epochs if batches is not None or pairs else ():
            asked.reader.look(run, split, number, kept, label=label)
    except InputError as error:
        place = f"run {run.name!r}, split {split!r}"
        raise error.within(place) from error
    dim, items = run.snapshot(split, epochs[0]).embeddings.shape[1], _items(y, batches)
    return Found(label, split, dim, epochs, pairs, picked, batches, items)


def _batches(labels: Any, asked: Asked) -> FixedBatches:
    from embedlens.analysis.curves import fixed_batches

    count, classes, items = asked.batches
    return fixed_batches(labels, count=count, classes=classes, items=items, seed=asked.seed)


def _items(labels: Any, batches: FixedBatches | None) -> tuple[int, int]:
    """Return the least and the greatest number of items of a class in a batch; some may have fewer than K."""
    import numpy as np

    if batches is None:
        return 0, 0
    counts = np.concatenate([np.unique(labels[rows], return_counts=True)[1] for rows in batches.rows])
    return int(counts.min()), int(counts.max())


def groups(found: Sequence[Found], *, one_an_epoch: bool) -> list[tuple[list[Found], list[int]]]:
    """Return what stands in each figure: runs of a split, and the epoch at which each is drawn."""
    figures = []
    for split in dict.fromkeys(one.split for one in found):
        there = [one for one in found if one.split == split]
        if not one_an_epoch:
            figures.append((there, [one.epochs[0] for one in there]))
            continue
        for epoch in sorted({epoch for one in there for epoch in one.epochs}):
            having = [one for one in there if epoch in one.epochs]
            figures.append((having, [epoch] * len(having)))
    return figures


def heading(group: Sequence[Found], epochs: Sequence[int]) -> str:
    """Return what stands above a figure: the run where there is one, split and epoch."""
    names = [group[0].run] if len(group) == 1 else []
    told = "last epoch of each" if len(set(epochs)) > 1 else f"epoch {epochs[0]}"
    sizes = set(map(_size, group)) if len(group) > 1 else set()
    size = sizes.pop() if len(sizes) == 1 else ""
    return ", ".join([*names, group[0].split, told, *([size] if size else [])])


def contents(group: Sequence[Found], epochs: Sequence[int], asked: Asked) -> Contents:
    """Return what a figure shows."""
    import numpy as np

    from embedlens.analysis import sampling_theory as theory
    from embedlens.analysis.sampling_picks import NonzeroShare
    from embedlens.figures.sampling import Contents

    d = np.linspace(0, theory.FURTHEST, _POINTS)
    dims = sorted({one.dim for one in group})
    pairs = {one.run: one.pairs[at] for one, at in zip(group, epochs, strict=True) if one.pairs}
    picked = {one.run: one.picks[at] for one, at in zip(group, epochs, strict=True) if one.picks}
    beside = [float(dim) for dim in dims if dim > 1]
    if len(pairs) == 1:
        effective = next(iter(pairs.values())).effective_dim
        # Below three dimensions the density has no peak to compare with.
        beside += [effective] if 3 <= effective <= 2 * dims[0] else []
    nonzero = {}
    if "nonzero" in asked.panels:
        nonzero = {
            one.run: [
                NonzeroShare.of({epoch: of[number] for epoch, of in one.picks.items()})
                for number in range(len(asked.mining))
            ]
            for one in group
        }
    sizes = set(map(_size, group))
    return Contents(
        losses=theory.loss_curves(d, margin=asked.margin, beta=asked.beta),
        spheres=[theory.sphere_density(d, dim) for dim in theory.DIMS],
        noise=[theory.gradient_noise(d, dim, scale) for dim in dims for scale in theory.SCALES],
        pairs=pairs,
        beside=[theory.sphere_density(d, dim) for dim in beside],
        picks=picked,
        nonzero=nonzero,
        loss_notes={
            "contrastive": f"m = {theory.CONTRASTIVE_MARGIN:g}",
            "triplet": f"partner at {theory.PARTNER:g}",
        },
        note=_size(group[0]).replace(" of ", "\nof ") if len(group) == 1 else "",
        run_labels={one.run: f"{one.run}, {_size(one)}" for one in group} if len(sizes) > 1 else {},
        titles={
            "losses": f", α = {asked.margin:g}, β = {asked.beta:g}",
            "nonzero": f", α = {asked.margin:g}",
            "noise": f", D = {dims[0]}" if len(dims) == 1 else "",
        },
    )


def _size(one: Found) -> str:
    """Return what was mined of a run; nothing where no panel shows it."""
    if one.batches is None:
        return ""
    least, most = one.items
    items = f"{most}" if least == most else f"{least} to {most}"
    return f"{len(one.batches.rows)} batches of {one.batches.classes} × {items} items"
