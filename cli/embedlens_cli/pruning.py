"""The command that prunes dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, unknown
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.pruning import PruningCurve
    from embedlens.artifacts import Artifacts, Table
    from embedlens.store import Run
    from embedlens_cli.drawing import Look


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of every snapshot; dims of None are all."""

    dims: tuple[int, ...] | None
    basis: str
    fit: str | None
    similarity: str
    center: bool
    device: str

    @property
    def words(self) -> list[str]:
        """What is not the default, for file names."""
        return [
            "" if self.dims is None else "dims-" + "+".join(map(str, sorted(self.dims))),
            "" if self.basis == "pca" else self.basis,
            f"fit-{self.fit}" if self.fit else "",
            "" if self.similarity == "cosine" else self.similarity,
            "centred" if self.center else "",
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Pruned:
    """The curve of one snapshot, and which that is."""

    run: str
    split: str
    epoch: int
    fit: str
    curve: PruningCurve

    @property
    def place(self) -> dict[str, Any]:
        """Which snapshot the curve is of, and what its basis was fitted on."""
        return {"run": self.run, "split": self.split, "epoch": self.epoch, "fit": self.fit}


def pca_prune(
    runs: options.Runs = None,
    dims: Annotated[
        str, typer.Option(help="Numbers of leading components to keep, e.g. 64,32,16; or all.")
    ] = "all",
    svd: Annotated[
        bool, typer.Option("--svd", help="Directions of the uncentred embeddings instead of their PCA.")
    ] = False,
    fit: Annotated[
        str | None,
        typer.Option(help="Split that the directions are taken from.", show_default="train, else the split"),
    ] = None,
    similarity: Annotated[
        str, typer.Option(help="cosine of the coordinates that are left, or their inner product: inner.")
    ] = "cosine",
    center: Annotated[
        bool,
        typer.Option("--center", help="Take off the mean of the fit before the rotation, not rotate only."),
    ] = False,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: options.Epoch = "last",
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Draw Recall@1 against the number of leading principal components that are kept.

    The embeddings are normalised and rotated onto the components; with all of them kept, Recall@1 is that of
    the embeddings as they are.
    """
    from embedlens import selection
    from embedlens.analysis.pruning import SIMILARITIES
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output

    if similarity not in SIMILARITIES:
        raise unknown(similarity, "similarity", SIMILARITIES)
    look = drawing.Look.of(formats, venue, width)
    asked = _Asked(_parse(dims), "svd" if svd else "pca", fit, similarity, center, device)
    chosen = selection.choose_runs(runs or [])
    splits = selection.evaluated_splits(chosen, options.words(split))
    work = [
        (label, run, name, number)
        for label, run in zip(selection.run_labels(chosen), chosen, strict=True)
        for name in splits
        for number in selection.choose_epochs(run, epoch)
    ]
    kept = {run.path: _kept(asked.dims, chosen, run) for run in chosen}
    found = [
        _prune(*place, asked, kept[place[1].path])
        for place in output.track(work, "pruning")
        if kept[place[1].path] != ()
    ]
    artifacts = Artifacts(
        figures_folder(chosen, out), output.command(), _facts(chosen, asked), summary=_summary(found)
    )
    with paper(venue):
        for group in _figures(found, one_an_epoch=epoch == "all"):
            _save(artifacts, group, asked, look)
    drawing.answer(artifacts, chosen, lambda: _print(found), given=runs, as_json=as_json)


def _parse(text: str) -> tuple[int, ...] | None:
    """Return the numbers asked for; None for all."""
    if text == "all":
        return None
    words = options.words(text)
    if not words or not all(word.isdecimal() and int(word) > 0 for word in words):
        message = f"--dims {text!r}; give numbers from 1, separated by commas, or all"
        raise InputError(message)
    return tuple(dict.fromkeys(int(word) for word in words))


def _kept(asked: tuple[int, ...] | None, runs: Sequence[Run], run: Run) -> tuple[int, ...] | None:
    """Return the numbers that a run has; the others are named, and refused where no run has any."""
    from embedlens_cli import output

    dim = run.info.dim
    if asked is None or dim is None:
        return asked
    if all(other.info.dim is not None and min(asked) > other.info.dim for other in runs):
        sizes = ", ".join(f"{other.name!r} has {other.info.dim}" for other in runs)
        message = f"no number of --dims {','.join(map(str, asked))} is within the dims of a run: {sizes}"
        raise InputError(message)
    skipped = [number for number in asked if number > dim]
    if skipped:
        output.remark(f"run {run.name!r} has {dim} dims; skipped: {', '.join(map(str, skipped))}")
    return tuple(number for number in asked if number <= dim)


def _prune(
    label: str, run: Run, split: str, epoch: int, asked: _Asked, kept: tuple[int, ...] | None
) -> _Pruned:
    """Prune one snapshot; what cannot be pruned is told with its place."""
    from embedlens.analysis.pruning import pruned_recall
    from embedlens.selection import gallery_of

    snapshot = run.snapshot(split, epoch)
    fit = asked.fit or ("train" if "train" in run.splits else split)
    if fit not in run.splits:
        place = f"run {run.name!r}"
        raise unknown(fit, "split to fit", run.splits).within(place)
    searched = gallery_of(run, split)
    other = None if searched in (None, split) else run.snapshot(str(searched), epoch)
    try:
        curve = pruned_recall(
            snapshot.embeddings,
            snapshot.labels,
            None if kept is None else list(kept),
            fit=None if fit == split else run.snapshot(fit, epoch).embeddings,
            gallery=None if other is None else (other.embeddings, other.labels),
            basis=asked.basis,
            similarity=asked.similarity,
            center=asked.center,
            device=asked.device,
        )
    except InputError as error:
        raise error.within(snapshot.place) from error
    return _Pruned(label, split, epoch, fit, curve)


def _facts(runs: Sequence[Run], asked: _Asked) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(runs),
        "basis": asked.basis,
        "similarity": asked.similarity,
        "centered": asked.center,
        "engine": engine_facts(asked.device)
        | {"screen": "float32, one pass for all dims", "settle": "float64, fixed order"},
    }


def _figures(found: Sequence[_Pruned], *, one_an_epoch: bool) -> list[list[_Pruned]]:
    """Return what stands in each figure: the runs of a split, or of a split at an epoch."""
    groups: dict[tuple[str, int], list[_Pruned]] = {}
    for one in found:
        groups.setdefault((one.split, one.epoch if one_an_epoch else 0), []).append(one)
    return list(groups.values())


def _save(artifacts: Artifacts, group: Sequence[_Pruned], asked: _Asked, look: Look) -> None:
    """Write the curves of one split."""
    from embedlens.figures.pruning import compare
    from embedlens_cli.drawing import epochs_text

    epochs = sorted({one.epoch for one in group})
    names = [one.run + (f", epoch {one.epoch}" if len(epochs) > 1 else "") for one in group]
    fits = list(dict.fromkeys(one.fit for one in group))
    shared = [group[0].run] if len(group) == 1 else []
    title = ", ".join([*shared, group[0].split, *(f"epoch {epoch}" for epoch in epochs if len(epochs) == 1)])
    curves = dict(zip(names, (one.curve for one in group), strict=True))
    figure = compare(curves, **look.size(), title=title, fit=" and ".join(fits))
    table: Table = [{**one.place, **one.curve.columns()} for one in group]
    facts = {
        "epochs": epochs,
        "panels": [
            {
                **one.place,
                "dim": one.curve.dim,
                "shown": one.curve.n,
                "of": one.curve.n + one.curve.n_singletons,
            }
            for one in group
        ],
    }
    several = [one.run for one in group] if len(group) > 1 else []
    stem = ["pca-prune", *several, group[0].split, epochs_text(epochs), *asked.words]
    look.save(artifacts, stem, figure, table, facts)


def _summary(found: Sequence[_Pruned]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> dim, fit, n and Recall@1 by number of components."""
    summary: dict[str, Any] = {}
    for one in found:
        recalls = dict(zip(map(str, one.curve.dims.tolist()), one.curve.recall.tolist(), strict=True))
        summary.setdefault(one.run, {}).setdefault(one.split, {})[str(one.epoch)] = {
            "dim": one.curve.dim,
            "fit": one.fit,
            "n": one.curve.n,
            "n_singletons": one.curve.n_singletons,
            "recall_at_1": recalls,
        }
    return summary


_COLUMNS = 12


def _print(found: Sequence[_Pruned]) -> None:
    """Print Recall@1 by components; of many numbers the powers of two and the last."""
    from embedlens_cli import output

    known = sorted({int(number) for one in found for number in one.curve.dims})
    if len(known) > _COLUMNS:
        ends = {one.curve.dims[-1] for one in found}
        known = [number for number in known if number & (number - 1) == 0 or number in ends]
    rows = []
    for one in found:
        recall = dict(zip(one.curve.dims.tolist(), one.curve.recall.tolist(), strict=True))
        cells = [f"{recall[number]:.4f}" if number in recall else "-" for number in known]
        rows.append((f"{one.run}, {one.split}", str(one.epoch), one.fit, f"{one.curve.n:,}", *cells))
    columns = ("run, split", "epoch", "fit", "n", *(f"R@1 of {number}" for number in known))
    output.print_table(columns, rows)
