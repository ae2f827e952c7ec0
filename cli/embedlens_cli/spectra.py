"""The command that draws singular values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import decomposed, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.spectrum import Spectrum
    from embedlens.artifacts import Artifacts
    from embedlens.store import Run
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is drawn, as the options say."""

    svd: bool
    log: bool
    cumulative: bool
    heatmap: bool
    normalize: bool
    every_epoch: bool
    slices: str | None
    device: str
    reader: Reader

    @property
    def kind(self) -> str:
        return "svd" if self.svd else "pca"

    @property
    def stem(self) -> list[str]:
        """What tells the figure from others: whatever is not the default."""
        sliced = [] if self.slices is None else [f"slices-{self.slices}"]
        flags = {
            "svd": self.svd, "log": self.log, "cumulative": self.cumulative, "heatmap": self.heatmap,
            "as-given": not self.normalize,
        }  # fmt: skip
        return [*sliced, *(name for name, given in flags.items() if given), *self.reader.leave_out.words]


def spectrum(
    runs: options.Runs = None,
    svd: Annotated[
        bool,
        typer.Option("--svd", help="Of the uncentred embeddings (SVD) instead of the centred ones (PCA)."),
    ] = False,
    log: Annotated[
        bool | None,
        typer.Option("--log/--linear", help="Logarithmic values.", show_default="log for --heatmap only"),
    ] = None,
    cumulative: Annotated[
        bool, typer.Option("--cumulative", help="Share of the leading components in the variance.")
    ] = False,
    slices: options.Slices = None,
    intra_class: Annotated[
        bool,
        typer.Option(
            "--intra-class",
            help="The variance within each class, and whether it is the same for all classes.",
        ),
    ] = False,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: Annotated[
        str, typer.Option(help="last, a number, or all: a curve an epoch, coloured by epoch, a panel a run.")
    ] = "last",
    heatmap: Annotated[
        bool, typer.Option("--heatmap", help="With --epoch all: epochs x components as a heat map.")
    ] = False,
    normalize: Annotated[
        bool, typer.Option("--normalize/--no-normalize", help="Normalise embeddings, or take them as stored.")
    ] = True,
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
    """Draw singular values, sigma / sqrt(N - 1), of one or several runs on one axes; count dead dimensions.

    Prints effective rank and rho (uncentred), participation ratio (centred), and the dims that hold 90, 95
    and 99 % of the variance.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.devices import check_device
    from embedlens.figures.style import paper
    from embedlens_cli import class_spectra, drawing, output
    from embedlens_cli.reading import Reader
    from embedlens_cli.sliced import tell_idle

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    asked = _Asked(
        svd=svd, log=_is_log(log, heatmap=heatmap, cumulative=cumulative),
        cumulative=cumulative, heatmap=heatmap, normalize=normalize, slices=slices,
        every_epoch=selection.many_epochs(epoch), device=check_device(device), reader=reader,
    )  # fmt: skip
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    if intra_class:
        class_spectra.check(
            {"--svd": svd, "--log": bool(log), "--cumulative": cumulative, "--heatmap": heatmap,
             "--slices": slices is not None, "--epoch all": asked.every_epoch}
        )  # fmt: skip
    _check(asked, chosen)
    jobs = [
        (label, run, name, number)
        for label, run in zip(selection.run_labels(chosen), chosen, strict=True)
        for name in splits
        for number in selection.choose_epochs(run, epoch)
    ]
    if intra_class:
        class_spectra.answer(
            jobs, chosen, look, reader=reader, normalize=normalize, out=out, given=runs, as_json=as_json
        )
        return
    tell_idle(((run, number) for _, run, _, number in jobs), slices)
    found = [_measure(*job, asked) for job in output.track(jobs, "decomposing")]
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, asked),
        summary=decomposed.summary(found),
    )
    with paper(venue):
        for name in splits:
            group = [one for one in found if one.split == name]
            _save(artifacts, group, asked, look, artifacts.named([run.name for run in chosen]))
    for line in decomposed.remarks(found):
        output.remark(line)
    drawing.answer(
        artifacts, chosen, lambda: decomposed.print_tables(found, asked.kind), given=runs, as_json=as_json
    )


def _is_log(given: bool | None, *, heatmap: bool, cumulative: bool) -> bool:
    """Return whether values are logarithmic: a heat map's are, whose first components outshine the others."""
    return heatmap and not cumulative if given is None else given


def _check(asked: _Asked, runs: Sequence[Run]) -> None:
    """Refuse options that do not go together, before anything is computed."""
    from embedlens.figures.spectrum import check_scale
    from embedlens_cli.sliced import check_slices

    check_scale(log=asked.log, cumulative=asked.cumulative)
    if asked.heatmap and not asked.every_epoch:
        message = "--heatmap draws epochs x components; add --epoch all"
        raise InputError(message)
    if asked.slices is not None and asked.every_epoch:
        message = "--slices draws one epoch; choose --epoch last or a number"
        raise InputError(message)
    check_slices(runs, asked.slices)
    for run in runs:
        if asked.every_epoch and len(run.epochs()) == 1:
            message = (
                f"run {run.name!r} has one epoch ({run.epochs()[0]}), and spectra over epochs need two; "
                "leave out --epoch all"
            )
            raise InputError(message)


def _measure(label: str, run: Run, split: str, epoch: int, asked: _Asked) -> decomposed.Found:
    """Decompose one snapshot, and its chunks; what cannot be decomposed is told with its place."""
    from embedlens.analysis.slices import slice_recalls, take
    from embedlens_cli.sliced import chunks_alone

    alone = split if asked.slices is None else None  # only Recall@1 needs the gallery
    search = asked.reader.search(run, split, epoch, gallery=alone, label=label)
    z, chunks, recalls = search.z, [], None
    try:
        if asked.slices is not None:
            parts = chunks_alone(run, asked.slices)
            recalls = slice_recalls(z, search.y, len(parts), gallery=search.gallery, device=asked.device)
            chunks = [_decompose(take(z, chunk), asked) for chunk in parts]
        whole, numbers = _decompose(z, asked)
    except InputError as error:
        raise error.within(search.place) from error
    return decomposed.Found(label, split, epoch, whole, numbers, chunks, recalls)


def _decompose(z: Any, asked: _Asked) -> tuple[Spectrum, dict[str, float]]:
    """Return the spectrum asked for, and the numbers of both kinds."""
    from embedlens.analysis.spectrum import measures
    from embedlens.analysis.spectrum import spectrum as decompose

    centred = decompose(z, normalize=asked.normalize)
    return centred.uncentred() if asked.svd else centred, measures(centred, asked.kind)


def _facts(runs: Sequence[Run], asked: _Asked) -> dict[str, Any]:
    """Return what every sidecar says."""
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    facts: dict[str, Any] = {
        "runs": run_facts(runs),
        "decomposition": "SVD of uncentred embeddings" if asked.svd else "PCA of centred embeddings",
        "normalized": asked.normalize,
        "drawn": "cumulative share of sigma^2" if asked.cumulative else "sigma / sqrt(N - 1)",
        "seed": None,
        **asked.reader.facts,
    }
    if asked.slices is not None:
        facts |= {
            "slices": asked.slices,
            "compared_by": "cosine of chunks as stored",
            "engine": engine_facts(asked.device),
        }
    return facts


def _save(
    artifacts: Artifacts, group: Sequence[decomposed.Found], asked: _Asked, look: Look, names: Sequence[str]
) -> None:
    """Write the figure of one split."""
    from embedlens_cli.drawing import epochs_text

    epochs = sorted({one.epoch for one in group})
    words = "epoch-all" if asked.every_epoch else epochs_text(epochs)
    facts = {
        "split": group[0].split,
        "epochs": epochs,
        "panels": [
            {**one.place, "shown": one.spectrum.n, "of": one.spectrum.n, "n_dead": one.spectrum.n_dead}
            for one in group
        ],
    }
    parts = ["spectrum", *names, group[0].split, words, *asked.stem]
    look.save(artifacts, parts, _draw(group, asked, look), decomposed.table_of(group), facts)


def _draw(group: Sequence[decomposed.Found], asked: _Asked, look: Look) -> Any:
    """Draw the runs of one split: spectra on one axes, or a panel a run over epochs, or chunks."""
    from embedlens.analysis.spectrum_epochs import over_epochs
    from embedlens.figures import slices, spectrum_epochs
    from embedlens.figures import spectrum as curves

    runs = list(dict.fromkeys(one.run for one in group))
    title, names = _title(group)
    panels = len(runs) if asked.every_epoch else 1 if asked.slices is None else 2
    drawn: dict[str, Any] = {
        "log": asked.log, "cumulative": asked.cumulative, "title": title, **look.size(panels),
    }  # fmt: skip
    if asked.every_epoch:
        series = {
            run: over_epochs({one.epoch: one.spectrum for one in group if one.run == run}) for run in runs
        }
        return spectrum_epochs.compare(series, heatmap=asked.heatmap, **drawn)
    if asked.slices is not None:
        parts = {
            name: ([part for part, _ in one.chunks], one.recalls)
            for name, one in zip(names, group, strict=True)
            if one.recalls is not None
        }
        return slices.compare(parts, **drawn)
    return curves.compare(dict(zip(names, (one.spectrum for one in group), strict=True)), **drawn)


def _title(group: Sequence[decomposed.Found]) -> tuple[str, list[str]]:
    """Return what all curves share, and what tells them from each other."""
    runs, epochs = {one.run for one in group}, {one.epoch for one in group}
    sizes = {one.spectrum.n for one in group}
    shared = [*(runs if len(runs) == 1 else ()), group[0].split]
    shared += [f"epoch {epoch}" for epoch in epochs if len(epochs) == 1]
    shared += [f"n = {n:,}" for n in sizes if len(sizes) == 1]
    names = [
        one.run
        + (f", epoch {one.epoch}" if len(epochs) > 1 else "")
        + (f", n = {one.spectrum.n:,}" if len(sizes) > 1 else "")
        for one in group
    ]
    return ", ".join(shared), names
