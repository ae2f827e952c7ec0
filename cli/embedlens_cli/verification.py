"""The command that verifies pairs and identifies items."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, unknown
from embedlens_cli import options, verified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.identification import ClosedSet
    from embedlens.artifacts import Artifacts, Table
    from embedlens.pairs import Pairs
    from embedlens.searches import Search
    from embedlens.store import Run
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Reader


_PAIRS_BY = ("name", "order")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is measured, as the options say."""

    file: Path | None
    folds: int | None
    per_fold: int
    seed: int
    negatives: list[int]
    fars: list[float]
    draws: int
    device: str
    reader: Reader
    by_order: bool = False
    skip_missing: bool = False


def verify(
    runs: options.Runs = None,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: options.Epoch = "last",
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Pairs in LFW's format (pairs.txt): a first line '10 300' (folds, pairs) or '300' (one set, "
            "cut into --folds), lines 'name i j' and 'name1 i name2 j'. Or a list without that first line, "
            "also of 'path path 1' (one class) and 'path path 0'. name is the class as in items.csv's "
            "column class, else in run.json's class_names, else the label. i is the number in the file "
            "name in items.csv's column path: name_NUMBER or NUMBER, and a suffix; see --pairs-by.",
            show_default="drawn by --seed",
        ),
    ] = None,
    pairs_by: Annotated[
        str,
        typer.Option(
            help="What i in --pairs stands for: name, the number in the file name; order, the place among "
            "the rows of the class, from 1."
        ),
    ] = "name",
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out pairs of items that are not there; count them.")
    ] = False,
    folds: Annotated[
        int | None, typer.Option(help="Number of folds.", min=2, show_default="10, or those of --pairs")
    ] = None,
    per_fold: Annotated[
        int, typer.Option(help="Pairs of one class drawn for a fold, and as many of two.", min=1)
    ] = 300,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.", min=0)] = 0,
    negatives: Annotated[
        str, typer.Option(help="Numbers of negative classes for VRF, comma-separated.")
    ] = "1,10,100",
    far: Annotated[str, typer.Option(help="False accept rates for DIR, comma-separated.")] = "0.01",
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    draws: Annotated[
        int, typer.Option(help="Draws of negatives (VRF) and of galleries (rank-1, DIR).", min=1)
    ] = 10,
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
    """Verify pairs (accuracy, ROC, EER, TAR at FAR, many negatives) and identify items (rank-1, DIR at FAR).

    Draws the ROC, and DIR against FAR; several runs are compared in one figure.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.devices import check_device
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    counts, rates = _numbers(negatives, "negatives", int), _numbers(far, "far", float)
    if pairs_by not in _PAIRS_BY:
        raise unknown(pairs_by, "--pairs-by", _PAIRS_BY)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    asked = _Asked(
        pairs,
        folds,
        per_fold,
        seed,
        counts,
        rates,
        draws,
        check_device(device),
        reader,
        pairs_by == "order",
        skip_missing,
    )
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    jobs = [
        (label, run, name, number)
        for label, run in zip(selection.run_labels(chosen), chosen, strict=True)
        for number in selection.choose_epochs(run, epoch)
        for name in splits
    ]
    found = [_measure(*job, asked) for job in output.track(jobs, "verifying")]
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, splits, asked),
        summary=verified.summary(found, asked.fars),
    )
    with paper(venue):
        for group in _figures(found, one_an_epoch=selection.many_epochs(epoch)):
            _save(artifacts, group, asked, look)
    for line in verified.remarks(found, asked.negatives):
        output.remark(line)
    if as_json:
        output.print_json(artifacts.answer())
        return
    output.name_implied(runs, chosen)
    verified.print_tables(found, asked.fars)
    output.print_files(artifacts)


def _numbers(text: str, name: str, kind: type) -> list[Any]:
    """Return the numbers of an option, ascending, each once."""
    words = options.words(text)
    try:
        values = sorted({kind(word) for word in words})
    except ValueError:
        values = []
    if not values or not all(0 < value and math.isfinite(value) for value in values):
        example = "1,10" if kind is int else "0.01,0.1"
        message = f"--{name} {text!r}; positive numbers are needed, comma-separated, e.g. {example}"
        raise InputError(message)
    return values


def _measure(label: str, run: Run, split: str, epoch: int, asked: _Asked) -> verified.Answers:
    """Answer every question of one snapshot; what cannot be answered is told with its place."""
    from embedlens.analysis.identification import open_set
    from embedlens.analysis.verification import many_negatives, roc, verify_pairs

    search = asked.reader.search(run, split, epoch, label=label)
    z, y = search.z, search.y
    keyed: dict[str, Any] = {"draws": asked.draws, "seed": asked.seed, "device": asked.device}
    try:
        pairs = _pairs(run, search, asked)
        accuracy = verify_pairs(z, pairs, device=asked.device)
        curve = roc(accuracy.similarity, accuracy.same)
        n_classes = len(set(y.tolist()))
        possible = [m for m in asked.negatives if m < n_classes]
        many = many_negatives(z, y, possible or asked.negatives, **keyed)
        closed = _closed(search, asked, keyed)
        identified = open_set(z, y, asked.fars, **keyed)
    except InputError as error:
        known = str(asked.file) if asked.file else search.place
        raise (error if known in str(error) else error.within(search.place)) from error
    return verified.Answers(label, split, epoch, pairs, accuracy, curve, many, closed, identified)


def _pairs(run: Run, search: Search, asked: _Asked) -> Pairs:
    """Return the pairs of a split: those of the file, or drawn by seed."""
    from embedlens.pairs import ItemNames, draw_pairs, read_pairs

    if asked.file is None:
        count: dict[str, int] = {} if asked.folds is None else {"folds": asked.folds}
        return draw_pairs(search.y, per_fold=asked.per_fold, seed=asked.seed, **count)
    rows = search.query.rows.tolist()
    items = {name: [cells[row] for row in rows] for name, cells in run.items(search.query.split).items()}
    names = items.get("class") or [
        run.info.class_names.get(str(label), str(label)) for label in search.y.tolist()
    ]
    known = ItemNames(search.y, names, items.get("path"), by_order=asked.by_order)
    return read_pairs(asked.file, known, folds=asked.folds, skip_missing=asked.skip_missing)


def _closed(search: Search, asked: _Asked, keyed: dict[str, Any]) -> ClosedSet:
    """Return closed-set rank-1: over the gallery split where the run names one, else over drawn galleries."""
    from embedlens.analysis.identification import closed_set, closed_set_between

    if search.gallery_split is not None and search.gallery is not None:
        return closed_set_between((search.z, search.y), search.gallery, device=keyed["device"])
    if asked.reader.leave_out.distractors:
        message = (
            f"split {search.query.split!r} searches no gallery, and galleries that are drawn hold one item "
            "of each class; --distractor-label needs a query split, --ignore-label leaves the items out"
        )
        raise InputError(message)
    return closed_set(search.z, search.y, **keyed)


def _facts(runs: Sequence[Run], splits: Sequence[str], asked: _Asked) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.analysis.identification import KNOWN_SHARE
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(runs),
        "splits": list(splits),
        "pairs": str(asked.file) if asked.file else f"drawn by seed {asked.seed}",
        "threshold": "most accurate on the other folds; of equal ones the middle, the lower of two",
        "seed": asked.seed,
        "draws": asked.draws,
        "known_share": KNOWN_SHARE,
        "engine": engine_facts(asked.device),
        **asked.reader.facts,
    }


def _figures(found: Sequence[verified.Answers], *, one_an_epoch: bool) -> list[list[verified.Answers]]:
    """Return what stands in each figure: the runs of a split, or of a split at an epoch."""
    groups: dict[tuple[str, int], list[verified.Answers]] = {}
    for one in found:
        groups.setdefault((one.split, one.epoch if one_an_epoch else 0), []).append(one)
    return list(groups.values())


def _save(artifacts: Artifacts, group: Sequence[verified.Answers], asked: _Asked, look: Look) -> None:
    """Write the ROC and DIR against FAR of one split."""
    from embedlens.figures import identification, verification

    epochs = sorted({one.epoch for one in group})
    names = [one.run + (f", epoch {one.epoch}" if len(epochs) > 1 else "") for one in group]
    shared = [group[0].run] if len(group) == 1 else []
    title = ", ".join([*shared, group[0].split, *(f"epoch {epoch}" for epoch in epochs if len(epochs) == 1)])
    rocs = verification.compare(
        dict(zip(names, (one.roc for one in group), strict=True)), title=title, **look.size()
    )
    dirs = identification.compare(
        dict(zip(names, (one.open for one in group), strict=True)),
        far=asked.fars[0], title=title, **look.size(),
    )  # fmt: skip
    for kind, figure in (("roc", rocs), ("dir", dirs)):
        parts = [
            f"verify-{kind}", *artifacts.named([one.run for one in group]), group[0].split,
            "epoch-" + "+".join(f"{epoch:04d}" for epoch in epochs), *_unusual(asked, kind),
        ]  # fmt: skip
        table: Table = [{**one.place, **(one.roc if kind == "roc" else one.open).columns()} for one in group]
        facts = {
            "epochs": epochs,
            "panels": [one.counts() for one in group],
            "scores": verified.summary(group, asked.fars),
        }
        look.save(artifacts, parts, figure, table, facts)


def _unusual(asked: _Asked, kind: str) -> list[str]:
    """Return, for the name of a figure, what is not the default among the options that change it."""
    drawn = [f"per-fold-{asked.per_fold}" if asked.per_fold != 300 else ""]
    parts = [f"pairs-{asked.file.stem}"] if asked.file else drawn
    parts += ["by-order"] if asked.file and asked.by_order else []
    if asked.folds:
        parts.append(f"folds-{asked.folds}")
    if kind == "dir":
        parts = [
            f"draws-{asked.draws}" if asked.draws != 10 else "",
            f"far-{asked.fars[0]:g}" if asked.fars[0] != 0.01 else "",
        ]
    return [*parts, f"seed-{asked.seed}" if asked.seed else "", *asked.reader.leave_out.words]
