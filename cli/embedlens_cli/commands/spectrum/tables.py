"""Spectra of snapshots as numbers by name, as tables, and as the data of figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens_cli.common import console
from embedlens_cli.common.report import finite, headings
from embedlens_cli.common.snapshots import Selected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.spectrum.slices import SliceRecalls
    from embedlens.analysis.spectrum.values import Spectrum
    from embedlens.artifacts import Table

    Results = Mapping[Selected, "SnapshotSpectrum"]


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotSpectrum:
    """The spectrum of one snapshot, its numbers, and those of its slices where --slices takes them apart."""

    whole: Spectrum
    numbers: dict[str, float]
    slices: list[tuple[Spectrum, dict[str, float]]] = field(default_factory=list)
    recalls: SliceRecalls | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers by name; those of slices as lists."""
        numbers: dict[str, Any] = finite(self.numbers)
        if self.recalls is not None:
            numbers["slices"] = {
                "number": len(self.slices),
                "dim": self.recalls.dim,
                "recall_at_1": self.recalls.alone.tolist(),
                "recall_at_1_joined": self.recalls.joined.tolist(),
                "spectra": [finite(values) for _, values in self.slices],
            }
        return numbers


def headings_with_sizes(results: Results) -> tuple[str, list[str]]:
    """Return the title of a figure and the name of each snapshot; one of them says the number of items."""
    title, names = headings(results)
    sizes = [f", n = {result.whole.n:,}" for result in results.values()]
    if len(set(sizes)) == 1:
        return title + sizes[0], names
    return title, [name + size for name, size in zip(names, sizes, strict=True)]


def warnings(results: Results) -> list[str]:
    """Return where dimensions are dead, one line for each snapshot or slice."""
    from embedlens.figures.spectrum.values import dead_text

    lines = []
    for one, result in results.items():
        place = one.labelled_place
        parts = {place: result.whole} | {
            f"{place}, slice {number}": part for number, (part, _) in enumerate(result.slices, 1)
        }
        lines += [f"{name}: {dead_text(part)}" for name, part in parts.items() if part.n_dead]
    return lines


def table_of(results: Results) -> Table:
    """Return the data behind the figure: one block per snapshot, or per slice."""
    table: Table = []
    for one, result in results.items():
        if result.recalls is None:
            table.append({**one.facts, **result.whole.columns()})
            continue
        for number, (part, _) in enumerate(result.slices):
            recalls = {name: column[number].item() for name, column in result.recalls.columns().items()}
            table.append({**one.facts, **recalls, **part.columns()})
    return table


def print_tables(results: Results, kind: str) -> None:
    """Print the numbers of every snapshot, and of every slice."""
    total = "variance" if kind == "pca" else "sigma^2"
    heading: tuple[str, ...] = ("run, split", "epoch", "n", "dims", "dead", "eff. rank", "part. ratio", "rho")
    heading += ("dims for 90 %", "95 %", "99 %")
    rows, of_slices = [], []
    for one, result in results.items():
        name = f"{one.label}, {one.split}"
        rows.append((name, str(one.epoch), *_cells(result.numbers)))
        if result.recalls is not None:
            for number, (_, numbers) in enumerate(result.slices):
                recalls = f"{result.recalls.alone[number]:.4f}", f"{result.recalls.joined[number]:.4f}"
                place = f"{name} [{number + 1}/{len(result.slices)}]"
                of_slices.append((place, *recalls, *_cells(numbers)[1:]))
    console.print_table(heading, rows)
    if of_slices:
        console.print_line("")
        console.print_table((heading[0], "R@1", "R@1 with the slices before", *heading[3:]), of_slices)
    console.print_line(
        f"effective rank and rho uncentred, participation ratio centred; dims for a fraction of the {total}"
    )


def _cells(numbers: dict[str, float]) -> list[str]:
    """Return the cells of numbers in a row; one that is not defined is a dash."""
    counts = [f"{numbers[name]:,.0f}" for name in ("n", "dim", "n_dead")]
    values = [f"{numbers[name]:.2f}" for name in ("effective_rank", "participation_ratio")]
    dims = [f"{numbers[f'dims_{share}']:.0f}" for share in (90, 95, 99)]
    return ["-" if cell == "nan" else cell for cell in (*counts, *values, f"{numbers['rho']:.4f}", *dims)]
