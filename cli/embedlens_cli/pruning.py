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
    from embedlens.analysis.slices import Chunk
    from embedlens.analysis.spectrum import Spectrum
    from embedlens.artifacts import Artifacts, Table
    from embedlens.store import Run
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of every snapshot; dims of None are all."""

    dims: tuple[int, ...] | None
    basis: str
    fit: str | None
    similarity: str
    center: bool
    slices: str | None
    device: str
    reader: Reader

    @property
    def words(self) -> list[str]:
        """What is not the default, for file names."""
        return [
            "" if self.dims is None else "dims-" + "+".join(map(str, sorted(self.dims))),
            "" if self.basis == "pca" else self.basis,
            f"fit-{self.fit}" if self.fit else "",
            "" if self.similarity == "cosine" else self.similarity,
            "centred" if self.center else "",
            "" if self.slices is None else f"slices-{self.slices}",
            *self.reader.leave_out.words,
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Pruned:
    """The curve of one snapshot, or of a chunk of it, and which that is.

    `spectrum` is that of the chunk, on the items that are searched for.
    """

    run: str
    split: str
    epoch: int
    fit: str
    curve: PruningCurve
    chunk: Chunk | None = None
    spectrum: Spectrum | None = None

    @property
    def place(self) -> dict[str, Any]:
        """Which snapshot the curve is of, and what its basis was fitted on."""
        chunk = {} if self.chunk is None else {"chunk": self.chunk.name}
        return {"run": self.run, "split": self.split, "epoch": self.epoch, "fit": self.fit, **chunk}


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
    slices: options.Slices = None,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: options.Epoch = "last",
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
    """Draw Recall@1 against the number of leading principal components that are kept.

    The embeddings are normalised and rotated onto the components; with all of them kept, Recall@1 is that of
    the embeddings as they are. With --slices, the same of each chunk of the embedding, beside its spectrum.
    """
    from embedlens import selection
    from embedlens.analysis.pruning import SIMILARITIES
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader
    from embedlens_cli.sliced import check_slices, chunks_alone, tell_idle

    if similarity not in SIMILARITIES:
        raise unknown(similarity, "similarity", SIMILARITIES)
    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    asked = _Asked(_parse(dims), "svd" if svd else "pca", fit, similarity, center, slices, device, reader)
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    work = [
        (label, run, name, number)
        for label, run in zip(selection.run_labels(chosen), chosen, strict=True)
        for name in splits
        for number in selection.choose_epochs(run, epoch)
    ]
    check_slices(chosen, slices)
    tell_idle(((run, number) for _, run, _, number in work), slices)
    kept = {run.path: _kept(asked, chosen, run) for run in chosen}
    found = [
        _prune(*place, asked, kept[place[1].path], part)
        for place in output.track(work, "pruning")
        if kept[place[1].path] != ()
        for part in [None, *chunks_alone(place[1], slices)]
    ]
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out), output.command(), _facts(chosen, asked), summary=_summary(found)
    )
    with paper(venue):
        for group in _figures(found, one_an_epoch=selection.many_epochs(epoch)):
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


def _kept(asked: _Asked, runs: Sequence[Run], run: Run) -> tuple[int, ...] | None:
    """Return the numbers that a run has; the others are named, and refused where no run has any.

    Of what is sliced, one number at least must be within the dims of a chunk.
    """
    from embedlens_cli import output
    from embedlens_cli.sliced import chunks_alone

    dim = run.info.dim
    if asked.dims is None or dim is None:
        return asked.dims
    if all(other.info.dim is not None and min(asked.dims) > other.info.dim for other in runs):
        sizes = ", ".join(f"{other.name!r} has {other.info.dim}" for other in runs)
        message = f"no number of --dims {','.join(map(str, asked.dims))} is within the dims of a run: {sizes}"
        raise InputError(message)
    for chunk in chunks_alone(run, asked.slices)[:1]:
        if min(asked.dims) > (width := chunk.columns.stop):
            message = f"no number of --dims is within the {width} dims of a chunk of run {run.name!r}"
            raise InputError(message)
    skipped = [number for number in asked.dims if number > dim]
    if skipped:
        output.remark(f"run {run.name!r} has {dim} dims; skipped: {', '.join(map(str, skipped))}")
    return tuple(number for number in asked.dims if number <= dim)


def _prune(
    label: str,
    run: Run,
    split: str,
    epoch: int,
    asked: _Asked,
    kept: tuple[int, ...] | None,
    chunk: Chunk | None,
) -> _Pruned:
    """Prune one snapshot, or a chunk of it; what cannot be pruned is told with its place."""
    from embedlens.analysis.pruning import pruned_recall
    from embedlens.analysis.spectrum import spectrum
    from embedlens.searches import items_of

    search = asked.reader.search(run, split, epoch, label=label).part(chunk)
    fit = asked.fit or ("train" if "train" in run.splits else split)
    if fit not in run.splits:
        place = f"run {run.name!r}"
        raise unknown(fit, "split to fit", run.splits).within(place)
    basis = (
        None if fit == split else items_of(run, fit, epoch, leave_out=asked.reader.leave_out).part(chunk).z
    )
    z = search.z
    dims = None if kept is None else [number for number in kept if number <= z.shape[1]]
    try:
        curve = pruned_recall(
            z,
            search.y,
            dims,
            fit=basis,
            gallery=search.gallery,
            basis=asked.basis,
            similarity=asked.similarity,
            center=asked.center,
            device=asked.device,
        )
    except InputError as error:
        raise error.within(search.place) from error
    part = None if chunk is None else spectrum(z, center=asked.basis == "pca")
    return _Pruned(label, split, epoch, fit, curve, chunk, part)


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
        **asked.reader.facts,
    }


def _figures(found: Sequence[_Pruned], *, one_an_epoch: bool) -> list[list[_Pruned]]:
    """Return what stands in each figure: the runs of a split, or of a split at an epoch."""
    groups: dict[tuple[str, int], list[_Pruned]] = {}
    for one in found:
        groups.setdefault((one.split, one.epoch if one_an_epoch else 0), []).append(one)
    return list(groups.values())


def _save(artifacts: Artifacts, group: Sequence[_Pruned], asked: _Asked, look: Look) -> None:
    """Write the curves of one split."""
    from embedlens.figures.pruning import compare, compare_chunks
    from embedlens_cli.drawing import epochs_text

    epochs = sorted({one.epoch for one in group})
    wholes = [one for one in group if one.chunk is None]
    names = [one.run + (f", epoch {one.epoch}" if len(epochs) > 1 else "") for one in wholes]
    fits = " and ".join(dict.fromkeys(one.fit for one in group))
    shared = [group[0].run] if len(wholes) == 1 else []
    title = ", ".join([*shared, group[0].split, *(f"epoch {epoch}" for epoch in epochs if len(epochs) == 1)])
    if asked.slices is None:
        curves = dict(zip(names, (one.curve for one in wholes), strict=True))
        figure = compare(curves, **look.size(), title=title, fit=fits)
    else:
        rows = {name: (one.curve, _chunks_of(one, group)) for name, one in zip(names, wholes, strict=True)}
        figure = compare_chunks(rows, **look.size(2), title=title, fit=fits)
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
    runs = artifacts.named([one.run for one in wholes])
    stem = ["pca-prune", *runs, group[0].split, epochs_text(epochs), *asked.words]
    look.save(artifacts, stem, figure, table, facts)


def _chunks_of(whole: _Pruned, group: Sequence[_Pruned]) -> list[tuple[Spectrum, PruningCurve]]:
    """Return spectrum and curve of each chunk of a snapshot."""
    place = whole.run, whole.epoch
    return [
        (one.spectrum, one.curve)
        for one in group
        if (one.run, one.epoch) == place and one.spectrum is not None
    ]


def _summary(found: Sequence[_Pruned]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> dim, fit, n and Recall@1 by number of components.

    Those of chunks stand under "slices", by chunk.
    """
    summary: dict[str, Any] = {}
    for one in found:
        recalls = dict(zip(map(str, one.curve.dims.tolist()), one.curve.recall.tolist(), strict=True))
        numbers = {
            "dim": one.curve.dim,
            "fit": one.fit,
            "n": one.curve.n,
            "n_singletons": one.curve.n_singletons,
            "recall_at_1": recalls,
        }
        places = summary.setdefault(one.run, {}).setdefault(one.split, {})
        if one.chunk is None:
            places[str(one.epoch)] = numbers
        else:
            places[str(one.epoch)].setdefault("slices", {})[one.chunk.name] = numbers
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
        part = "" if one.chunk is None else f" [{one.chunk.name}]"
        rows.append((f"{one.run}, {one.split}{part}", str(one.epoch), one.fit, f"{one.curve.n:,}", *cells))
    columns = ("run, split", "epoch", "fit", "n", *(f"R@1 of {number}" for number in known))
    output.print_table(columns, rows)
