"""`embedlens spectrum --intra-class`: the variance within each class, and whether it is the same for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli import class_names, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.analysis.spectrum_classes import ClassSpectra
    from embedlens.artifacts import Artifacts
    from embedlens.store import Run
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The spectra of the classes of one snapshot."""

    run: str
    split: str
    epoch: int
    spectra: ClassSpectra
    names: Mapping[int, str]

    @property
    def place(self) -> dict[str, Any]:
        """Which snapshot it is."""
        return {"run": self.run, "split": self.split, "epoch": self.epoch}

    @property
    def numbers(self) -> dict[str, float | None]:
        """What is said of the spectra; None for what is not defined."""
        told = self.spectra.numbers()
        return {name: value if math.isfinite(value) else None for name, value in told.items()}


def check(given: Mapping[str, bool]) -> None:
    """Refuse options that are not of spectra within classes: flag -> whether it is given."""
    beside = next((flag for flag, on in given.items() if on), None)
    if beside:
        message = (
            "--intra-class draws the variances of each class, centred, of one epoch on a logarithmic axis; "
            f"leave out {beside}"
        )
        raise InputError(message)


def answer(
    jobs: Sequence[tuple[str, Run, str, int]],
    chosen: Sequence[Run],
    look: drawing.Look,
    *,
    normalize: bool,
    reader: Reader,
    out: Path | None,
    given: Sequence[str] | None,
    as_json: bool,
) -> None:
    """Measure every snapshot (run's label, run, split, epoch), write the figures, give the answer."""
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.style import paper
    from embedlens_cli import output

    found = [_measure(*job, reader, normalize=normalize) for job in output.track(jobs, "decomposing")]
    reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, normalize=normalize) | reader.facts,
        summary=_summary(found),
    )
    with paper(look.venue):
        for split in dict.fromkeys(one.split for one in found):
            group, words = [one for one in found if one.split == split], reader.leave_out.words
            _save(artifacts, group, look, artifacts.named([run.name for run in chosen]), words)
    for line in _remarks(found):
        output.remark(line)
    drawing.answer(artifacts, chosen, lambda: _print_table(found), given=given, as_json=as_json)


def _measure(label: str, run: Run, split: str, epoch: int, reader: Reader, *, normalize: bool) -> Found:
    """Decompose the classes of one snapshot; what cannot be decomposed is told with its place."""
    from embedlens.analysis.spectrum_classes import class_spectra

    search = reader.search(run, split, epoch, gallery=split, label=label)
    try:
        spectra = class_spectra(search.z, search.y, normalize=normalize)
    except InputError as error:
        raise error.within(search.place) from error
    return Found(label, split, epoch, spectra, run.class_names)


def _summary(found: Sequence[Found]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> name -> number."""
    answer: dict[str, Any] = {}
    for one in found:
        answer.setdefault(one.run, {}).setdefault(one.split, {})[str(one.epoch)] = one.numbers
    return answer


def _save(
    artifacts: Artifacts,
    group: Sequence[Found],
    look: drawing.Look,
    names: Sequence[str],
    words: Sequence[str],
) -> None:
    """Write the figure of one split."""
    from embedlens.figures.spectrum_classes import compare

    runs, epochs = list(dict.fromkeys(one.run for one in group)), sorted({one.epoch for one in group})
    shared = [*(runs if len(runs) == 1 else ()), group[0].split]
    shared += [f"epoch {epoch}" for epoch in epochs if len(epochs) == 1]
    panels = {one.run + (f", epoch {one.epoch}" if len(epochs) > 1 else ""): one.spectra for one in group}
    known = class_names.joint(one.names for one in group)
    figure = compare(panels, names=known, title=", ".join(shared), **look.size(len(group)))
    given = [] if group[0].spectra.normalized else ["as-given"]
    stem = ["spectrum", *names, group[0].split, drawing.epochs_text(epochs), "intra-class", *given]
    stem += words
    facts = {
        "split": group[0].split,
        "epochs": epochs,
        "panels": [{**one.place, "shown": one.spectra.labels.size, **one.numbers} for one in group],
    }
    look.save(artifacts, stem, figure, [{**one.place, **_columns(one)} for one in group], facts)


def _columns(one: Found) -> dict[str, Any]:
    """Return the data behind one panel, with the names of the classes."""
    found = one.spectra.columns()
    return found | class_names.columns(found["class"], one.names)


def _facts(runs: Sequence[Run], *, normalize: bool) -> dict[str, Any]:
    """Return what every sidecar says."""
    from embedlens.artifacts import run_facts

    return {
        "runs": run_facts(runs),
        "decomposition": "covariance of each class of two items and more",
        "normalized": normalize,
        "drawn": "eigenvalues, falling",
        "variation": "coefficient of variation over the classes of the total variance",
        "similarity": "mean over pairs of classes of tr(A B) / (|A| |B|), 1 - correlation matrix distance",
        "if_alike": "means of 20 deals of the deviations from class means among the classes",
        "seed": 0,
    }


def _remarks(found: Sequence[Found]) -> list[str]:
    """Say which classes were left out, and of which the items do not span the space."""
    lines = []
    for one in found:
        place = f"run {one.run!r}, split {one.split!r}, epoch {one.epoch}"
        spectra = one.spectra
        if spectra.n_alone:
            lines.append(f"{place}: {spectra.n_alone:,} classes of one item are left out")
        few = int((spectra.counts <= spectra.dim).sum())
        if few:
            many = f"{few:,} of {spectra.labels.size:,} classes have at most D = {spectra.dim} items"
            lines.append(f"{place}: {many}; compare with *if alike*, not with 0 and 1")
    return lines


def _print_table(found: Sequence[Found]) -> None:
    """Print the numbers of every snapshot."""
    from embedlens_cli import output

    columns: tuple[str, ...] = ("run, split", "epoch", "classes", "items", "mean variance")
    columns += ("variation", "if alike", "similarity", "if alike")
    rows = []
    for one in found:
        numbers = one.numbers
        rows.append(
            (
                f"{one.run}, {one.split}", str(one.epoch), f"{numbers['n_classes']:,}", f"{numbers['n']:,}",
                *(_cell(numbers[name]) for name in ("mean_variance", "variation", "variation_if_alike")),
                *(_cell(numbers[name]) for name in ("similarity", "similarity_if_alike")),
            )
        )  # fmt: skip
    output.print_table(columns, rows)
    output.say(
        "variation of the total variance over the classes; similarity: cosine between covariances, mean over "
        "pairs of classes; if alike: the same if all classes had one covariance"
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
