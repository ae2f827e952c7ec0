"""The answers of `embedlens spectrum` for snapshots: as numbers by name, as tables, and for figures' data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.slices import SliceRecalls
    from embedlens.analysis.spectrum import Spectrum
    from embedlens.artifacts import Table


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The spectrum of one snapshot, its numbers, and those of its chunks where they are asked for."""

    run: str
    split: str
    epoch: int
    spectrum: Spectrum
    numbers: dict[str, float]
    chunks: list[tuple[Spectrum, dict[str, float]]]
    recalls: SliceRecalls | None

    @property
    def place(self) -> dict[str, Any]:
        """Which snapshot it is."""
        return {"run": self.run, "split": self.split, "epoch": self.epoch}


def summary(found: Sequence[Found]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> name -> number; those of chunks as lists."""
    places: dict[str, Any] = {}
    for one in found:
        numbers: dict[str, Any] = _finite(one.numbers)
        if one.recalls is not None:
            numbers["slices"] = {
                "number": len(one.chunks),
                "dim": one.recalls.dim,
                "recall_at_1": one.recalls.alone.tolist(),
                "recall_at_1_joined": one.recalls.joined.tolist(),
                "spectra": [_finite(values) for _, values in one.chunks],
            }
        places.setdefault(one.run, {}).setdefault(one.split, {})[str(one.epoch)] = numbers
    return places


def _finite(numbers: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def remarks(found: Sequence[Found]) -> list[str]:
    """Say where dimensions are dead."""
    from embedlens.figures.spectrum import dead_text

    lines = []
    for one in found:
        place = f"run {one.run!r}, split {one.split!r}, epoch {one.epoch}"
        parts = {place: one.spectrum} | {
            f"{place}, chunk {number}": part for number, (part, _) in enumerate(one.chunks, 1)
        }
        lines += [f"{name}: {dead_text(part)}" for name, part in parts.items() if part.n_dead]
    return lines


def table_of(group: Sequence[Found]) -> Table:
    """Return the data behind the figure: a block a snapshot, or a block a chunk."""
    table: Table = []
    for one in group:
        if one.recalls is None:
            table.append({**one.place, **one.spectrum.columns()})
            continue
        for number, (part, _) in enumerate(one.chunks):
            recalls = {name: column[number].item() for name, column in one.recalls.columns().items()}
            table.append({**one.place, **recalls, **part.columns()})
    return table


def print_tables(found: Sequence[Found], kind: str) -> None:
    """Print the numbers of every snapshot, and of every chunk."""
    from embedlens_cli import output

    share = "variance" if kind == "pca" else "sigma^2"
    heading: tuple[str, ...] = ("run, split", "epoch", "n", "dims", "dead", "eff. rank", "part. ratio", "rho")
    heading += ("dims for 90 %", "95 %", "99 %")
    rows, chunks = [], []
    for one in found:
        name = f"{one.run}, {one.split}"
        rows.append((name, *_cells(one.epoch, one.numbers)))
        if one.recalls is not None:
            for number, (_, numbers) in enumerate(one.chunks):
                recalls = f"{one.recalls.alone[number]:.4f}", f"{one.recalls.joined[number]:.4f}"
                cells = (
                    f"{name} [{number + 1}/{len(one.chunks)}]",
                    *recalls,
                    *_cells(one.epoch, numbers)[2:],
                )
                chunks.append(cells)
    output.print_table(heading, rows)
    if chunks:
        output.say("")
        output.print_table((heading[0], "R@1", "R@1 with those before", *heading[3:]), chunks)
    output.say(
        f"effective rank and rho uncentred, participation ratio centred; dims for a share of the {share}"
    )


def _cells(epoch: int, numbers: dict[str, float]) -> tuple[str, ...]:
    """Return the cells of a row; a number that is not defined is a dash."""
    counts = [f"{numbers[name]:,.0f}" for name in ("n", "dim", "n_dead")]
    values = [f"{numbers[name]:.2f}" for name in ("effective_rank", "participation_ratio")]
    dims = [f"{numbers[f'dims_{share}']:.0f}" for share in (90, 95, 99)]
    cells = [str(epoch), *counts, *values, f"{numbers['rho']:.4f}", *dims]
    return tuple("-" if cell == "nan" else cell for cell in cells)
