"""Commands that look at triplets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, unknown
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.triplets import Triplets
    from embedlens.artifacts import Artifacts, Table
    from embedlens.figures.panels import Panel
    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class _Look:
    """How scatters are drawn and named, as the options say."""

    prefix: str
    fixed: _Fixed | None
    formats: Sequence[str]
    venue: str
    width: str | None
    fps: float

    @property
    def note(self) -> str:
        """What the heading says of followed triplets."""
        return f"triplets of {self.fixed.run}, epoch {self.fixed.epoch}" if self.fixed else ""

    def width_for(self, panels: Sequence[Panel]) -> str:
        """Return the width asked for; else a column for a single panel, where the venue has columns."""
        from embedlens.figures.style import VENUES

        alone = len({(panel.run, panel.split) for panel in panels}) == 1
        return self.width or ("column" if alone and VENUES[self.venue].column else "full")

    def stem_for(self, panels: Sequence[Panel], what: str) -> str:
        """Return the file name, without ending, of one figure; it carries whatever is not the default."""
        from embedlens.artifacts import stem_of

        splits = "+".join(dict.fromkeys(panel.split for panel in panels))
        size = ["" if self.venue == "cvpr" else self.venue, self.width or ""]
        return stem_of([self.prefix, splits, what, self.fixed.stem if self.fixed else "", *size])


def scatter(
    runs: options.Runs = None,
    animate: Annotated[
        bool, typer.Option("--animate", help="Also write a GIF, an MP4 and a strip of key epochs.")
    ] = False,
    split: options.Split = "",
    epoch: options.Epoch = "last",
    triplets: Annotated[
        str,
        typer.Option(
            help="nearest: each epoch's own nearest positive and negative; "
            "fixed: the items chosen at the reference epoch of the reference run, followed everywhere."
        ),
    ] = "nearest",
    reference_run: Annotated[
        str | None, typer.Option(help="With fixed: a name among the runs.", show_default="the first")
    ] = None,
    reference_epoch: Annotated[
        str | None, typer.Option(help="With fixed: last, or a number.", show_default="last")
    ] = None,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    fps: Annotated[float, typer.Option(help="With --animate: epochs a second.", min=0.1, max=60)] = 2.0,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Draw each triplet as a dot: similarity to the nearest positive, similarity to the nearest negative.

    Below the diagonal the nearest neighbour is right (their share is R@1); the ideal point is (1, 0).
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, check_formats, figures_folder, stem_of
    from embedlens.figures.style import paper, width_of
    from embedlens_cli import output

    known_formats = check_formats(options.words(formats))
    width_of(venue, width or "full")
    chosen = selection.choose_runs(runs or [])
    splits = selection.choose_splits(chosen, options.words(split))
    asked = {run.path: selection.choose_epochs(run, epoch) for run in chosen}
    fixed = _choose_fixed(triplets, chosen, splits, reference=(reference_run, reference_epoch), device=device)
    panels, statics = [], []
    for label, run in zip(selection.run_labels(chosen), chosen, strict=True):
        for number in run.epochs() if animate else asked[run.path]:
            measured = _measure(label, run, number, splits, fixed, device)
            panels += measured
            statics += measured if number in asked[run.path] else []
    names = [run.name for run in chosen] if len(chosen) > 1 else []
    prefix, facts = stem_of(["scatter", *names]), _facts(chosen, splits, fixed, device)
    look = _Look(prefix=prefix, fixed=fixed, formats=known_formats, venue=venue, width=width, fps=fps)
    artifacts = Artifacts(figures_folder(chosen, out), output.command(), facts, summary=_summary(panels))
    with paper(venue):
        for still in _stills(statics, one_an_epoch=epoch == "all"):
            _save_static(artifacts, still, look)
        if animate:
            _save_animation(artifacts, panels, look)
    if as_json:
        output.print_json(artifacts.answer())
        return
    output.name_implied(runs, chosen)
    _print_summary(panels)
    output.print_files(artifacts)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The triplets that are followed: where they were chosen, and by split which they are."""

    run: str
    epoch: int
    triplets: dict[str, Triplets]

    @property
    def stem(self) -> str:
        """What tells their figures from others."""
        return f"fixed-{self.run}-{self.epoch:04d}"


def _choose_fixed(
    kind: str,
    runs: Sequence[Run],
    splits: Sequence[str],
    *,
    reference: tuple[str | None, str | None],
    device: str,
) -> _Fixed | None:
    """Choose the triplets that are followed in every epoch and run; None where each has its own nearest."""
    from embedlens import selection

    run_name, epoch = reference
    if kind not in ("nearest", "fixed"):
        raise unknown(kind, "kind of triplets", ("nearest", "fixed"))
    if kind == "nearest":
        if run_name or epoch:
            message = "--reference-run and --reference-epoch are for fixed triplets; add --triplets fixed"
            raise InputError(message)
        return None
    labels = selection.run_labels(runs)
    if run_name is not None and run_name not in labels:
        raise unknown(run_name, "reference run", labels)
    run = runs[0 if run_name is None else labels.index(run_name)]
    if epoch == "all":
        raise unknown(epoch, "reference epoch", ("last", "a number"))
    (number,) = selection.choose_epochs(run, epoch or "last")
    for split in splits:
        selection.check_same_items(runs, split)
    panels = _measure(run.name, run, number, splits, None, device)
    return _Fixed(run.name, number, {panel.split: panel.triplets for panel in panels})


def _measure(
    label: str, run: Run, epoch: int, splits: Sequence[str], fixed: _Fixed | None, device: str
) -> list[Panel]:
    """Return the triplets of one epoch, by split; what cannot be measured is told with its place."""
    from embedlens.analysis.triplets import follow_triplets, nearest_triplets
    from embedlens.figures.panels import Panel

    panels = []
    for split in splits:
        snapshot = run.snapshot(split, epoch)
        try:
            if fixed is not None:
                found = follow_triplets(snapshot.embeddings, fixed.triplets[split], device=device)
            else:
                found = nearest_triplets(snapshot.embeddings, snapshot.labels, device=device)
        except InputError as error:
            raise error.within(snapshot.place) from error
        panels.append(Panel(label, split, epoch, found))
    return panels


def _facts(runs: Sequence[Run], splits: Sequence[str], fixed: _Fixed | None, device: str) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.analysis.triplets import RIGHT_BOUNDARY, TOP_RIGHT
    from embedlens.artifacts import run_facts
    from embedlens.figures.triplets import DRAW_SEED, ENCLOSED
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(runs),
        "splits": list(splits),
        "triplets": "nearest" if fixed is None else "fixed",
        "reference": None if fixed is None else {"run": fixed.run, "epoch": fixed.epoch},
        "regions": {
            "top_right": f"S_ap > {TOP_RIGHT} and S_an > {TOP_RIGHT}",
            "right_boundary": f"S_ap > {RIGHT_BOUNDARY}",
        },
        "contours_enclose": list(ENCLOSED),
        "draw_order_seed": DRAW_SEED,
        "engine": engine_facts(device),
    }


def _panel_facts(panels: Sequence[Panel]) -> dict[str, Any]:
    """Return what the sidecar of one figure says: its epochs, and how many items it shows of how many."""
    return {
        "epochs": sorted({panel.epoch for panel in panels}),
        "panels": [
            {
                "run": panel.run,
                "split": panel.split,
                "epoch": panel.epoch,
                "shown": panel.triplets.s_ap.size,
                "of": panel.triplets.s_ap.size + panel.triplets.n_singletons,
            }
            for panel in panels
        ],
    }


def _table(panels: Sequence[Panel]) -> Table:
    """Return the dots of all panels, one block each."""
    return [
        {"run": panel.run, "split": panel.split, "epoch": panel.epoch, **panel.triplets.columns()}
        for panel in panels
    ]


def _stills(panels: Sequence[Panel], *, one_an_epoch: bool) -> list[list[Panel]]:
    """Return the panels of each figure: one figure for all of them, or one for each epoch."""
    if not one_an_epoch:
        return [list(panels)]
    epochs = sorted({panel.epoch for panel in panels})
    return [[panel for panel in panels if panel.epoch == epoch] for epoch in epochs]


def _save_static(artifacts: Artifacts, panels: Sequence[Panel], look: _Look) -> None:
    """Write the scatter of one epoch."""
    from embedlens.artifacts import figure_writers
    from embedlens.figures.panels import plot_grid

    figure = plot_grid(panels, venue=look.venue, width=look.width_for(panels), note=look.note)
    epochs = "+".join(f"{epoch:04d}" for epoch in sorted({panel.epoch for panel in panels}))
    stem = look.stem_for(panels, f"epoch-{epochs}")
    artifacts.save(stem, figure_writers(figure, look.formats), _table(panels), facts=_panel_facts(panels))


def _save_animation(artifacts: Artifacts, panels: Sequence[Panel], look: _Look) -> None:
    """Write all epochs as GIF and MP4, and the key epochs as a strip."""
    from embedlens.artifacts import figure_writers
    from embedlens.figures.animation import key_epochs, render, write_gif, write_mp4
    from embedlens.figures.panels import frames_of, plot_grid, plot_strip
    from embedlens.figures.triplets import scale_of
    from embedlens_cli import output

    scale = scale_of(panel.triplets for panel in panels)
    frames = frames_of(panels)
    pictures = [
        render(plot_grid(frame, venue=look.venue, width=look.width_for(panels), scale=scale, note=look.note))
        for frame in output.track(list(frames.values()), "drawing")
    ]
    writers = {
        "gif": lambda path: write_gif(path, pictures, look.fps),
        "mp4": lambda path: write_mp4(path, pictures, look.fps),
    }
    facts = {**_panel_facts(panels), "frames": len(frames), "fps": look.fps}
    artifacts.save(look.stem_for(panels, "animation"), writers, _table(panels), facts=facts)
    keys = key_epochs({panel.epoch for panel in panels})
    columns = {frame: panels_ for frame, panels_ in frames.items() if frame in keys}
    strip = plot_strip(columns, venue=look.venue, width=look.width or "full", note=look.note)
    shown = list(dict.fromkeys(panel for column in columns.values() for panel in column))
    stem = look.stem_for(panels, "strip")
    artifacts.save(stem, figure_writers(strip, look.formats), _table(shown), facts=_panel_facts(shown))


def _summary(panels: Sequence[Panel]) -> dict[str, Any]:
    """Return the numbers of each panel: run -> split -> epoch -> name -> number."""
    from embedlens.analysis.triplets import summarise

    summary: dict[str, Any] = {}
    for panel in panels:
        epochs = summary.setdefault(panel.run, {}).setdefault(panel.split, {})
        epochs[str(panel.epoch)] = summarise(panel.triplets).columns()
    return summary


def _print_summary(panels: Sequence[Panel]) -> None:
    from embedlens.analysis.triplets import summarise
    from embedlens_cli import output

    rows = []
    for panel in sorted(panels, key=lambda panel: (panel.run, panel.split)):
        numbers = summarise(panel.triplets)
        shares = (
            numbers.below_diagonal,
            numbers.above_diagonal,
            numbers.top_right,
            numbers.right_boundary,
            numbers.mean_ideal_distance,
        )
        counts = (str(panel.epoch), f"{numbers.n:,}", f"{numbers.n_singletons:,}")
        rows.append((f"{panel.run}, {panel.split}", *counts, *(f"{share:.4f}" for share in shares)))
    below = "R@1" if panels[0].triplets.choice == "nearest" else "below diagonal"
    regions = ("above diagonal", "top right", "right boundary", "mean distance to (1, 0)")
    output.print_table(("run, split", "epoch", "n", "singletons", below, *regions), rows)
