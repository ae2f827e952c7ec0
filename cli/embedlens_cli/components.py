"""The command that scatters classes over single components."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.components import ClassScatter
    from embedlens.artifacts import Artifacts
    from embedlens.store import Run, Snapshot
    from embedlens_cli.drawing import Look
    from embedlens_cli.reading import Kept

_ENDS = {"first": 1, "last": -1}
_SIGNS = (
    "arbitrary at the first epoch of a run; at every later one the scores correlate positively with those of "
    "the same component at the epoch before"
)


def components(
    runs: options.Runs = None,
    component: Annotated[
        str,
        typer.Option(
            help="Numbers from 1 (the largest), comma-separated; first, last, or -1 (the last), -2, ..."
        ),
    ] = "first,last",
    svd: Annotated[
        bool,
        typer.Option("--svd", help="Of the uncentred embeddings (SVD) instead of the centred ones (PCA)."),
    ] = False,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: options.Epoch = "last",
    normalize: Annotated[
        bool, typer.Option("--normalize/--no-normalize", help="Normalise embeddings, or take them as stored.")
    ] = True,
    ignore_label: options.IgnoredItems = None,
    exclude_duplicates: options.ExcludeCopies = False,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    names: options.Names = None,
    title: options.Title = True,
    text: options.Text = True,
    as_json: options.Json = False,
) -> None:
    """Draw each item's value, (z - mean) V, in the largest and the smallest component, by class.

    Classes stand in the order of their labels. Panels have the same y limits, one row per run; the smallest
    component has its own, the same for all runs. Of several epochs each component keeps its sign from one to
    the next.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    numbers = _numbers(component)
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    places = dict(zip(selection.run_labels(chosen), chosen, strict=True))
    jobs = [
        (name, number, label, run)
        for name in splits
        for label, run in places.items()
        for number in selection.choose_epochs(run, epoch)
    ]
    _check(chosen, numbers)
    reader = Reader.of(ignore_label, exclude_duplicates=exclude_duplicates)
    kept = {
        (name, label): reader.kept(run, name, selection.choose_epochs(run, epoch)[0])
        for name, _, label, run in jobs
    }
    found = _aligned(
        {
            (name, number, label): _measure(
                run.snapshot(name, number), kept[name, label], numbers, svd=svd, normalize=normalize
            )
            for name, number, label, run in output.track(jobs, "decomposing")
        }
    )
    facts = _facts(chosen, svd=svd, normalize=normalize) | reader.facts
    artifacts = Artifacts(figures_folder(chosen, out), output.command(), facts, summary=_summary(found))
    asked = _words(component, numbers, svd=svd, normalize=normalize) + list(reader.leave_out.words)
    class_names = {label: run.class_names for label, run in places.items()}
    shown, several = artifacts.named([run.name for run in chosen]), selection.many_epochs(epoch)
    with paper(venue):
        for name in splits:
            _save_split(
                artifacts, {place[1:]: result for place, result in found.items() if place[0] == name},
                name, class_names=class_names, names=shown, asked=asked, look=look, one_an_epoch=several,
                items={label: run.info.splits[name].items for label, run in places.items()},
            )  # fmt: skip
    for line in _remarks(found):
        output.remark(line)
    drawing.answer(artifacts, chosen, lambda: _print(found), given=runs, as_json=as_json)


def _words(component: str, numbers: Sequence[int], *, svd: bool, normalize: bool) -> list[str]:
    """Return what file names say of the options that are not the default."""
    return [
        f"component-{component.replace(' ', '').replace(',', '+')}" if numbers != [1, -1] else "",
        "svd" if svd else "",
        "" if normalize else "as-given",
    ]


def _facts(runs: Sequence[Run], *, svd: bool, normalize: bool) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.artifacts import run_facts

    return {
        "runs": run_facts(runs),
        "decomposition": "SVD of uncentred embeddings" if svd else "PCA of centred embeddings",
        "normalized": normalize,
        "drawn": "(z - mean) V",
        "signs": _SIGNS,
        "seed": None,
    }


def _numbers(text: str) -> list[int]:
    """Return the components asked for; from the end they are negative."""
    try:
        numbers = [_ENDS.get(word) or int(word) for word in options.words(text)]
    except ValueError:
        numbers = []
    if not numbers:
        message = f"--component {text!r}; give numbers from 1, first or last, separated by commas"
        raise InputError(message)
    return numbers


def _check(runs: Sequence[Run], numbers: Sequence[int]) -> None:
    """Refuse components that a run does not have, before anything is computed."""
    from embedlens.analysis.components import component_numbers

    for run in runs:
        try:
            component_numbers(numbers, run.info.dim or 0)
        except InputError as error:
            place = f"run {run.name!r}"
            raise error.within(place) from error


def _measure(
    snapshot: Snapshot, kept: Kept, numbers: Sequence[int], *, svd: bool, normalize: bool
) -> ClassScatter:
    """Take the values of one snapshot; what cannot be decomposed is told with its place."""
    from embedlens.analysis.components import class_scatter

    z, y = kept.of(snapshot.embeddings), kept.of(snapshot.labels)
    try:
        return class_scatter(z, y, numbers, center=not svd, normalize=normalize)
    except InputError as error:
        raise error.within(snapshot.place) from error


def _aligned(found: Mapping[tuple[str, int, str], ClassScatter]) -> dict[tuple[str, int, str], ClassScatter]:
    """Return the values with the signs of components kept from epoch to epoch of a run and split."""
    from embedlens.analysis.components import align_signs

    aligned = dict(found)
    for split, label in dict.fromkeys((split, label) for split, _, label in found):
        places = sorted(place for place in found if (place[0], place[2]) == (split, label))
        aligned.update(zip(places, align_signs([found[place] for place in places]), strict=True))
    return aligned


def _correlations(
    found: Mapping[tuple[int, str], ClassScatter], epoch: int, label: str
) -> dict[str, dict[str, float | None]]:
    """Return what a sidecar says of the sign of each component, where there is an epoch before."""
    from embedlens.analysis.components import score_correlations

    before = [number for number, name in found if name == label and number < epoch]
    if not before:
        return {}
    result = found[epoch, label]
    values = score_correlations(found[max(before), label], result).tolist()
    said = {
        str(number): value if math.isfinite(value) else None
        for number, value in zip(result.components.tolist(), values, strict=True)
    }
    return {"correlation_with_epoch_before": said}


def _save_split(
    artifacts: Artifacts,
    found: Mapping[tuple[int, str], ClassScatter],
    split: str,
    *,
    names: Sequence[str],
    asked: Sequence[str],
    class_names: Mapping[str, Mapping[int, str]],
    look: Look,
    items: Mapping[str, int],
    one_an_epoch: bool,
) -> None:
    """Write the figure of a split, or one of each epoch; all have the same limits."""
    from embedlens.figures.components import compare, limits_of, limits_of_smallest
    from embedlens_cli.drawing import epochs_text

    limits, own = limits_of(found.values()), limits_of_smallest(found.values())
    every = sorted({epoch for epoch, _ in found})
    for epochs in [[epoch] for epoch in every] if one_an_epoch else [every]:
        group = {place: result for place, result in found.items() if place[0] in epochs}
        labels = {label for _, label in group}
        shared = [*(labels if len(labels) == 1 else ()), split]
        shared += [f"epoch {epochs[0]}"] if len(epochs) == 1 else []
        rows = {
            label + (f", epoch {epoch}" if len(epochs) > 1 else ""): result
            for (epoch, label), result in group.items()
        }
        most = max(result.components.size for result in group.values())
        of_rows = {row: class_names[label] for row, (_, label) in zip(rows, group, strict=True)}
        size = look.size(most * len(rows))
        figure = compare(
            rows, limits=limits, limits_smallest=own, title=", ".join(shared), class_names=of_rows, **size
        )
        named = any(class_names.values())
        table = [
            {"run": label, "split": split, "epoch": epoch, **result.columns()}
            | (_named(result, class_names[label]) if named else {})
            for (epoch, label), result in group.items()
        ]
        panels = [
            {"run": label, "epoch": epoch, "shown": result.rank.size, "of": items[label]}
            | _correlations(found, epoch, label)
            for (epoch, label), result in group.items()
        ]
        facts = {
            "split": split, "epochs": epochs, "panels": panels, "limits": list(limits),
            "limits_smallest": None if own is None else list(own),
        }  # fmt: skip
        parts = ["components", *names, split, epochs_text(epochs), *asked]
        look.save(artifacts, parts, figure, table, facts)


def _named(result: ClassScatter, names: Mapping[int, str]) -> dict[str, NDArray[np.str_]]:
    """Return a column with the name of every item's class, by default its label."""
    from embedlens_cli.class_names import columns

    return columns(result.classes[result.rank], names)


def _summary(found: Mapping[tuple[str, int, str], ClassScatter]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> number of the component -> numbers."""
    summary: dict[str, Any] = {}
    for (split, epoch, label), result in found.items():
        summary.setdefault(label, {}).setdefault(split, {})[str(epoch)] = {
            "n": result.rank.size,
            "n_classes": result.classes.size,
            "dim": result.dim,
            "components": {
                str(number): {
                    "deviation": float(result.deviations[place]),
                    "least": float(result.values[:, place].min()),
                    "greatest": float(result.values[:, place].max()),
                    "dead": bool(result.dead[place]),
                }
                for place, number in enumerate(result.components.tolist())
            },
        }
    return summary


def _remarks(found: Mapping[tuple[str, int, str], ClassScatter]) -> list[str]:
    """Say which of the components drawn are dead."""
    return [
        f"run {label!r}, split {split!r}, epoch {epoch}: component {number} is dead"
        for (split, epoch, label), result in found.items()
        for number in result.components[result.dead].tolist()
    ]


def _print(found: Mapping[tuple[str, int, str], ClassScatter]) -> None:
    """Print how far each component reaches."""
    from embedlens_cli import output

    rows = [
        (
            f"{label}, {split}",
            str(epoch),
            f"{result.rank.size:,}",
            f"{result.classes.size:,}",
            f"{number} of {result.dim}",
            f"{result.deviations[place]:.3g}",
            f"{result.values[:, place].min():.3g}",
            f"{result.values[:, place].max():.3g}",
        )
        for (split, epoch, label), result in found.items()
        for place, number in enumerate(result.components.tolist())
    ]
    heading = ("run, split", "epoch", "n", "classes", "component", "sigma/sqrt(N-1)", "least", "greatest")
    output.print_table(heading, rows)
