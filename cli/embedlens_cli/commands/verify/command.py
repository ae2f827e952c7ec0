"""The command `verify`: verification of pairs, closed-set and open-set identification."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.devices import check_device
from embedlens.errors import InputError, unknown
from embedlens_cli.commands.verify import tables
from embedlens_cli.commands.verify.verify_options import PAIRS_BY, VerifyOptions
from embedlens_cli.common import console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    LeaveOutOptions,
    SnapshotOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report, by_split, headings
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.measurements.verification import Verification
    from embedlens.pairs import Pairs
    from embedlens.searches import Search
    from embedlens.store import Run


@grouped
def verify(
    *,
    where: SnapshotOptions,
    how: VerifyOptions,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
) -> None:
    """Verify pairs (accuracy, ROC, EER, TAR at FAR, many negatives) and identify items (rank-1, DIR at FAR).

    Draws the ROC, DIR against FAR, and how well one threshold suits all classes (OPIS); several runs are
    compared in one figure.

    A file of --pairs has lines 'name i j' (genuine) and 'name1 i name2 j' (impostor), or 'path path 1' and
    'path path 0'. In LFW's format a line '10 300' (folds, pairs of each kind per fold) or '300' (one set,
    cut into --folds) comes first. name is the class in items.csv, else in run.json's class_names, else the
    label; i is the number in the file name that items.csv has in its column path; see --pairs-by.
    """
    style = drawn.style()
    measured = {
        "negatives": how.numbers_of_negatives, "fars": how.fars, "draws": how.draws, "seed": how.seed,
        "device": device,
    }  # fmt: skip
    if how.pairs_by not in PAIRS_BY:
        raise unknown(how.pairs_by, "--pairs-by", PAIRS_BY)
    check_device(device)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    results = selection.measure(
        partial(_measure, how=how, measured=measured), "verifying", files=[how.pairs] if how.pairs else []
    )
    report = Report.of("verify", selection, style, options=drawn, facts=_facts(selection, how, device))
    for one, result in results.items():
        report.enter(one, result.summary())
    with style.paper():
        for group in by_split(results, apart=selection.several_epochs):
            _save(report, group, how)
    for line in tables.warnings(results):
        console.print_message(line)
    report.end(lambda: tables.print_tables(results))


def _measure(one: Selected, how: VerifyOptions, measured: dict[str, Any]) -> Verification:
    """Verify the pairs of a snapshot, and identify its items."""
    from embedlens.measurements.verification import verify as verify_search

    search = one.search()
    out = one.reader.leave_out
    if search.gallery_split is None and (out.distractors or out.junk or out.not_same):
        message = (
            f"split {one.split!r} searches no gallery, and galleries that are drawn hold one item of each "
            "class; --distractor-label, --junk and --not-same need a query split with a gallery, "
            "--ignore-label does not"
        )
        raise InputError(message)
    return verify_search(search, _pairs(one.run, search, how), **measured)


def _pairs(run: Run, search: Search, how: VerifyOptions) -> Pairs:
    """Return the pairs of a split: those of the file, or drawn by seed."""
    from embedlens.measurements.verification import read_pairs_of
    from embedlens.pairs import draw_pairs

    if how.pairs is None:
        folds = {} if how.folds is None else {"folds": how.folds}
        return draw_pairs(search.y, per_fold=how.per_fold, seed=how.seed, **folds)
    by_order = how.pairs_by == "order"
    return read_pairs_of(
        run, search, how.pairs, by_order=by_order, folds=how.folds, skip_missing=how.skip_missing
    )


def _facts(selection: Selection, how: VerifyOptions, device: str) -> dict[str, Any]:
    """Return the entries of every figure's sidecar."""
    from embedlens.analysis.verification.detection import KNOWN_FRACTION
    from embedlens.similarity import engine_facts

    return {
        "splits": list(selection.splits),
        "pairs": str(how.pairs) if how.pairs else f"drawn by seed {how.seed}",
        "threshold": "most accurate on the other folds; of equal ones the middle, the lower of two",
        "seed": how.seed,
        "draws": how.draws,
        "known_share": KNOWN_FRACTION,
        "engine": engine_facts(device),
    }


def _save(report: Report, group: Mapping[Selected, Verification], how: VerifyOptions) -> None:
    """Write the ROC, DIR against FAR and the threshold consistency of one split."""
    from embedlens.figures.verification import consistency
    from embedlens.figures.verification import pairs as verification
    from embedlens.figures.verification import rank_1 as identification

    (title, names), size, results = headings(group), report.style.size(), group.values()
    rocs = dict(zip(names, (result.roc for result in results), strict=True))
    dirs = dict(zip(names, (result.open for result in results), strict=True))
    points = dict(zip(names, (result.consistency for result in results), strict=True))
    drawn = {
        "roc": (verification.figure(rocs, title=title, **size), [[one.columns()] for one in rocs.values()]),
        "dir": (
            identification.figure(dirs, far=how.fars[0], title=title, **size),
            [[one.columns()] for one in dirs.values()],
        ),
        "thresholds": (
            consistency.figure(points, place=0, title=title, **size),
            [[one.utilities(), one.columns()] for one in points.values()],
        ),
    }
    scores: dict[str, Any] = {}
    for one, result in group.items():
        epochs = scores.setdefault(one.label, {}).setdefault(one.split, {})
        epochs[str(one.epoch)] = result.summary()
    facts = {
        "panels": [{**one.facts, **result.facts()} for one, result in group.items()],
        "scores": scores,
    }
    for kind, (figure, columns) in drawn.items():
        table = [
            {**one.facts, **block} for one, several in zip(group, columns, strict=True) for block in several
        ]
        named = replace(report, name=f"verify-{kind}", words=[*how.words(kind), *report.words])
        named.add(figure, table, list(group), facts=facts, **_caption(kind, group, how))


def _caption(kind: str, group: Mapping[Selected, Verification], how: VerifyOptions) -> dict[str, Any]:
    """Return what a figure shows, in sentences, and how many pairs or probes."""
    from embedlens.captions import scores as captions

    results = list(group.values())
    if kind == "roc":
        sizes = [one.roc.n_genuine + one.roc.n_impostor for one in results]
        text = captions.roc([one.pairs.source for one in results], [one.pairs.n_folds for one in results])
        return {"caption": text, "counts": [(size, size) for size in sizes], "unit": "pairs"}
    if kind == "thresholds":
        classes = [one.consistency.classes.size for one in results]
        return {"caption": captions.thresholds(how.fars[0], classes)}
    probes = [int((one.open.n_genuine + one.open.n_impostor).max()) for one in results]
    text = captions.dir_at_far(how.fars[0], how.draws, [one.open.n_gallery for one in results])
    return {"caption": text, "counts": [(count, count) for count in probes], "unit": "probes"}
