"""The command that compares distances to the ideal point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import compared, options, reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.figures.distances import Shown
    from embedlens.store import Run

_BINS, _RESAMPLES = 50, 2_000
_WHY = "a paired comparison follows the same items in both"


def distances(
    runs: options.Runs = None,
    epoch: Annotated[str, typer.Option(help="last, or a number.")] = "last",
    ecdf: Annotated[
        bool, typer.Option("--ecdf", help="Draw cumulative distributions instead of histograms.")
    ] = False,
    bins: Annotated[int, typer.Option(help="Bins of the histograms.", min=1, max=1000)] = _BINS,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    reference_run: reference.RunOption = None,
    reference_epoch: reference.EpochOption = "last",
    resamples: Annotated[
        int, typer.Option(help="Of the bootstrap of the median difference.", min=1, max=1_000_000)
    ] = _RESAMPLES,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    names: options.Names = None,
    title: options.Title = True,
    text: options.Text = True,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Draw how far the dots are from the ideal point (1, 0), and compare two runs on the same triplets.

    The distributions are those of each state's own nearest triplets; blue is the initial state. The
    comparison follows the triplets of the reference epoch: each run against the first, or a single run
    against its initial state. It is also made with triplets chosen in either state: a choice favours the
    other one. Items of a query split have their positives and negatives in its gallery.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.devices import check_device
    from embedlens.figures.distances import plot_together
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader
    from embedlens_cli.triplet_states import check_same_triplets

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    if selection.many_epochs(epoch):
        message = f"--epoch: {epoch!r} may be several epochs; give one: first, last, or a number"
        raise InputError(message)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    asked = compared.Asked(epoch, ecdf, bins, resamples, seed, check_device(device), reader)
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    chooser = reference.choose_reference(chosen, reference_run, reference_epoch)
    for name in splits:
        check_same_triplets(chosen, name, _WHY)
    found = {name: compared.measure(chosen, name, chooser, asked) for name in splits}
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, chooser, asked, splits=splits),
        summary=compared.summary(found),
    )
    with paper(venue):
        for name, answers in found.items():
            drawn = compared.shown(answers.states, asked)
            pairs = next(iter(answers.paired.values())) if len(answers.paired) == 1 else []
            figure = plot_together(drawn, pairs, n_text=answers.n_text, title=name, **look.size())
            parts = [
                "distances",
                *artifacts.named([run.name for run in chosen]),
                *_stem(name, answers, asked),
                chooser.stem,
            ]
            table = compared.table(answers, drawn, name)
            look.save(artifacts, parts, figure, table, _figure_facts(name, answers, drawn))
    for line in compared.remarks(found):
        output.remark(line)
    drawing.answer(artifacts, chosen, lambda: compared.print_tables(found), given=runs, as_json=as_json)


def _stem(split: str, found: compared.Found, asked: compared.Asked) -> list[str]:
    """Return what a file name says of split, epochs and options; none of what is the default."""
    from embedlens_cli import drawing

    epochs = drawing.epochs_text(int(state.key) for state in found.states if not state.initial)
    drawn = "ecdf" if asked.ecdf else ("" if asked.bins == _BINS else f"{asked.bins}-bins")
    resamples = "" if asked.resamples == _RESAMPLES else f"{asked.resamples}-resamples"
    seed = f"seed-{asked.seed}" if asked.seed else ""
    return [split, epochs, drawn, resamples, seed, *asked.reader.leave_out.words]


def _facts(
    runs: Sequence[Run], chooser: reference.Reference, asked: compared.Asked, *, splits: Sequence[str]
) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.analysis.paired import BOOTSTRAP, CONFIDENCE, WILCOXON
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts
    from embedlens_cli.triplet_states import galleries

    return {
        "runs": run_facts(runs),
        "galleries": galleries(runs, splits),
        "distributions": "of each state's own nearest triplets",
        "comparisons": "of triplets chosen in the reference, followed in both states",
        "reference": chooser.facts,
        "bootstrap": BOOTSTRAP,
        "resamples": asked.resamples,
        "confidence": CONFIDENCE,
        "seed": asked.seed,
        "wilcoxon": WILCOXON,
        "engine": engine_facts(asked.device),
        **asked.reader.facts,
    }


def _figure_facts(split: str, found: compared.Found, drawn: Sequence[Shown]) -> dict[str, Any]:
    """Return what the sidecar of one figure says: its states, and how many items it shows of how many."""
    states = [
        {
            "runs": list(state.labels),
            "state": state.state,
            "initial": state.initial,
            "mean": one.result.mean,
            "shown": state.triplets.anchor.size,
            "of": state.triplets.anchor.size + state.triplets.n_singletons,
        }
        for state, one in zip(found.states, drawn, strict=True)
    ]
    paired = [one.columns() for several in found.paired.values() for one in several]
    return {"split": split, "states": states, "paired": paired}
