"""The command that names items, or says that they are nobody known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, shortened
from embedlens_cli import options
from embedlens_cli.identified import HALVES, JOINED, Asked, Found, Source, find, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.artifacts import Artifacts, Table
    from embedlens.store import Run
    from embedlens_cli.drawing import Look


def identify(
    runs: options.Runs = None,
    new_label: options.NewLabel = None,
    classifier: Annotated[
        bool,
        typer.Option(
            "--classifier",
            help="Rank the classes by a softmax classifier, fitted on the gallery's embeddings, not by "
            "neighbours.",
        ),
    ] = False,
    joined: Annotated[
        bool | None,
        typer.Option(
            "--joined/--no-joined",
            help="Of several runs also their ensemble: unit embeddings side by side.",
            show_default="where the runs hold the same items",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    gallery: Annotated[
        str | None,
        typer.Option(
            help="Split to search; none: the split itself. With --classifier the split to fit on.",
            show_default="what the run names, else none; with --classifier else train",
        ),
    ] = None,
    choose_on: Annotated[
        str | None,
        typer.Option(
            help="Choose the threshold on another split, or on each half of the items for the other: halves.",
            show_default="the same items, which flatters",
        ),
    ] = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Draw MAP@5 of the known and of the new items, too.")
    ] = False,
    c: Annotated[
        float, typer.Option("--c", help="How closely --classifier fits: C of logistic regression.", min=1e-9)
    ] = 10.0,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    seed: Annotated[int, typer.Option(help="Of the halves.", min=0)] = 0,
    epoch: Annotated[str, typer.Option(help="last or a number.")] = "last",
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
    """Draw MAP@5 over the threshold below which an item is `new`: nobody of the gallery.

    Classes are ranked by first appearance among the neighbours, or by a classifier's probabilities.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.devices import check_device
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    asked = Asked(new_label, gallery, classifier, c, choose_on, seed, check_device(device), reader)
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    sources = _sources(chosen, splits, epoch, joined)
    jobs = [(source, name) for name in splits for source in sources]
    found = [find(*job, asked) for job in output.track(jobs, "identifying")]
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out), output.command(), _facts(chosen, asked), summary=_summary(found)
    )
    with paper(venue):
        for name in splits:
            _save(artifacts, [one for one in found if one.split == name], asked, look, parts=parts)
    _remark(found, asked)
    drawing.answer(artifacts, chosen, lambda: print_table(found), given=runs, as_json=as_json)


def _sources(runs: Sequence[Run], splits: Sequence[str], epoch: str, joined: bool | None) -> list[Source]:
    """Return each run at its epoch; of several on the same items also all joined."""
    from embedlens import selection
    from embedlens_cli import output

    epochs = [selection.choose_epoch(run, epoch) for run in runs]
    labels = selection.run_labels(runs)
    alone = [Source(*one) for one in zip(labels, ((run,) for run in runs), zip(epochs), strict=True)]
    if joined is False or len(runs) == 1:
        if joined:
            message = "--joined needs two runs or more; got one"
            raise InputError(message)
        return alone
    shared = [name for name in runs[0].splits if all(name in run.splits for run in runs)]
    try:
        for name in shared:
            selection.check_same_items(runs, name, "only runs on the same items can be joined")
    except InputError as error:
        if joined:
            raise
        output.remark(f"not joined: {error}")
        return alone
    return [*alone, Source(JOINED if JOINED not in labels else "all joined", tuple(runs), tuple(epochs))]


def _facts(runs: Sequence[Run], asked: Asked) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    ranked = {"classifier": "softmax, scikit-learn, L-BFGS, unit embeddings", "c": asked.c}
    return {
        "runs": run_facts(runs),
        "new_label": asked.new_label,
        **asked.reader.facts,
        "chosen_on": asked.choose_on or "the same items",
        "seed": asked.seed if asked.choose_on == HALVES else None,
        "threshold": "middle of the best step; of equal ones the middle, the lower of two",
        **(ranked if asked.classifier else {"engine": engine_facts(asked.device)}),
    }


def _save(artifacts: Artifacts, group: Sequence[Found], asked: Asked, look: Look, *, parts: bool) -> None:
    """Write the curves of one split."""
    from embedlens.figures.new_class import compare
    from embedlens_cli.drawing import epochs_text

    first = group[0]
    epochs = sorted({epoch for one in group for epoch in one.source.epochs})
    searched = (
        "" if first.gallery is None else f"{'fitted on' if asked.classifier else 'gallery'} {first.gallery}"
    )
    alone = [first.source.label] if len(group) == 1 else []
    new = "" if asked.new_label is None else f"{shortened(first.new_class or asked.new_label)} is new"
    at = [f"epoch {epoch}" for epoch in epochs if len(epochs) == 1]
    names = [one.source.label for one in group]
    figure = compare(
        dict(zip(names, (one.sweep for one in group), strict=True)),
        choices=dict(zip(names, (one.choice for one in group), strict=True)),
        parts=parts,
        scores="probability" if asked.classifier else "similarity",
        title=", ".join(part for part in (*alone, first.split, searched, *at, new) if part),
        **look.size(),
    )
    table: Table = [{**one.place, **one.sweep.columns()} for one in group]
    facts = {
        "epochs": epochs,
        "panels": [one.place | one.summary() for one in group],
    }
    stem = [
        "identify",
        *artifacts.named(names),
        first.split,
        epochs_text(epochs),
        *asked.words,
        "parts" if parts else "",
    ]
    look.save(artifacts, stem, figure, table, facts)


def _summary(found: Sequence[Found]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch."""
    summary: dict[str, Any] = {}
    for one in found:
        splits = summary.setdefault(one.source.label, {})
        splits.setdefault(one.split, {})[one.source.epoch] = one.summary()
    return summary


def _remark(found: Sequence[Found], asked: Asked) -> None:
    """Say what the numbers must be taken with."""
    from embedlens_cli import output

    if asked.choose_on is None:
        output.remark(
            "each threshold is the best for the items that it is judged on, which flatters; "
            "--choose-on halves, or a split, tells what it is worth on others"
        )
    for one in found:
        if one.classifier is not None and not one.classifier.converged:
            output.remark(
                f"the classifier of {one.source.label} stopped after {one.classifier.iterations} steps "
                "before it arrived; a smaller --c arrives sooner"
            )
