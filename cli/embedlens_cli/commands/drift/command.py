"""The command `drift`: how similar the spaces of epochs and runs are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens_cli.commands.drift.outputs import enter, print_tables, save
from embedlens_cli.common import completion, console, options
from embedlens_cli.common.option_groups import (
    EveryEpochOptions,
    FigureOptions,
    FileWords,
    IgnoreOptions,
    InName,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selection
from embedlens_cli.common.without_effect import refuse_without_effect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlens.measurements.drift import DriftOptions

_NEIGHBOURS = "other items of the same split by cosine similarity; ties to the lower row number"
_K = "1,10,100"
_ALIGNED = "rows are centred and scaled to Frobenius norm 1, then rotated or reflected"


def _parsed(text: str) -> tuple[int, ...]:
    """Return numbers of neighbours, ascending."""
    allowed = "numbers of neighbours from 1, separated by commas"
    return tuple(sorted(options.numbers(text, "k", least=1, allowed=allowed)))


@grouped
def drift(
    *,
    where: EveryEpochOptions,
    k: Annotated[
        str,
        typer.Option("--k", metavar="K[,K]", help="Numbers of nearest neighbours whose overlap is computed."),
        InName(lambda text: "k-" + "+".join(map(str, _parsed(text)))),
    ] = _K,
    metrics: Annotated[
        str,
        typer.Option(
            help=f"Scores, comma-separated: {completion.text_of(completion.DRIFT, 'and')}.",
            autocompletion=completion.some_of(*completion.DRIFT),
            show_default="all",
        ),
        InName(lambda text: "+".join(options.words(text))),
    ] = "overlap,cka,procrustes,angle",
    sample: Annotated[
        int | None,
        typer.Option(
            help="Number of items to compare, drawn by class; neighbours are searched among them.",
            show_default="all items",
            min=2,
        ),
        InName("sample-{}"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample.", min=0), InName("seed-{}")] = 0,
    normalize: Annotated[
        bool,
        typer.Option(
            "--normalize/--no-normalize",
            help="Normalise embeddings before they are centred, or take them as stored.",
        ),
        InName("as-given"),
    ] = True,
    leave_out: IgnoreOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Compare the spaces of all pairs of epochs of a run, and of several runs at their last epochs.

    Overlap of the k nearest neighbours, linear CKA, Procrustes residual (centred, Frobenius norm 1; 0 to 2),
    and the mean angle of each item to itself after the rotation that aligns both spaces. Heat maps of all
    pairs, and a line of each epoch against the last one. Runs hold the same items; their dims may differ.
    """
    from embedlens.analysis.drift.pair_scores import check_scores
    from embedlens.devices import check_device
    from embedlens.measurements.drift import DriftOptions, check_comparable, split_drift

    style, scores = drawn.style(), tuple(dict.fromkeys(options.words(metrics)))
    check_scores(scores)
    check_device(device)
    _check_used(scores, k, seed=seed, sample=sample, normalize=normalize)
    compared = DriftOptions(_parsed(k), scores, sample=sample, seed=seed, normalize=normalize, device=device)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    places = {split: selection.of_split(split) for split in selection.splits}
    for own in places.values():
        check_comparable(own)
    found = {
        split: split_drift(own, compared, executor=selection.workers, track=_track)
        for split, own in places.items()
    }
    selection.print_warnings()
    report = Report.of("drift", selection, style, options=drawn, words=words, facts=_facts(compared))
    with style.paper():
        for split, one in found.items():
            if one.skipped:
                numbers = ", ".join(map(str, one.skipped))
                text = f"split {split!r} has {one.n:,} items to compare; skipped overlap at k = {numbers}"
                console.print_message(text)
            enter(report, one)
            save(report, split, one)
    report.end(lambda: print_tables(found))


def _check_used(scores: tuple[str, ...], k: str, *, seed: int, sample: int | None, normalize: bool) -> None:
    """Refuse options of scores that are not computed, and a seed of no sample."""
    others = " or ".join(name for name in completion.DRIFT if name != "overlap")
    only_overlap = set(scores) == {"overlap"}
    refuse_without_effect(
        (
            ("--k", _parsed(k) != _parsed(_K) and "overlap" not in scores, "overlap in --metrics"),
            ("--no-normalize", only_overlap and not normalize, f"{others} in --metrics"),
            ("--seed", seed != 0 and sample is None, "--sample"),
        )
    )


def _track(steps: Iterable[Any], doing: str, total: int) -> Iterable[Any]:
    return console.track(steps, doing, total=total)


def _facts(compared: DriftOptions) -> dict[str, Any]:
    """Return what sidecars say of the comparison."""
    from embedlens.similarity import engine_facts

    facts: dict[str, Any] = {
        "scores": list(compared.scores),
        "normalized": compared.normalize,
        "aligned": _ALIGNED,
        "seed": None if compared.sample is None else compared.seed,
    }
    if "overlap" in compared.scores:
        facts |= {"neighbours": _NEIGHBOURS, "engine": engine_facts(compared.device)}
    return facts
