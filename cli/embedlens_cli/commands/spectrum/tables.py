"""Headings of spectra, their messages, and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens_cli.common import console
from embedlens_cli.common.report import headings
from embedlens_cli.common.snapshots import Selected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.measurements.spectra import SnapshotSpectrum

    Results = Mapping[Selected, SnapshotSpectrum]


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
