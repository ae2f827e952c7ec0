"""The command `info`: what a run holds."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, InputWarning
from embedlens_cli.common import options

if TYPE_CHECKING:
    from embedlens.measurements.reader import Reader
    from embedlens.store import Run


def info(
    runs: options.Runs = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare every file with its checksum; exit 2 if one is damaged."),
    ] = False,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Report what a run holds: method, epochs, dims, disk, splits, class sizes, R@1 of the last epoch."""
    from embedlens.measurements.reader import Reader
    from embedlens.selection import choose_runs, run_labels
    from embedlens_cli.commands.info import verification as run_verification
    from embedlens_cli.common import console

    chosen = choose_runs(runs or [], empty=True)
    labels = run_labels(chosen)
    verified = run_verification.verify_runs(dict(zip(labels, chosen, strict=True))) if verify else {}
    reader = Reader()
    summary = {label: _describe(run, reader, device) for label, run in zip(labels, chosen, strict=True)}
    console.print_warnings(reader.warnings)
    for label, files in verified.items():
        summary[label]["files"] = files
    if as_json:
        console.print_summary(summary)
        return
    console.name_implied(runs, chosen)
    for facts in summary.values():
        _print(facts)
        if verify:
            run_verification.report(facts["files"])


def _describe(run: Run, reader: Reader, device: str) -> dict[str, Any]:
    """Gather what `info` reports of a run."""
    try:
        features = run.pretrained(run.splits[0])
    except InputError as error:
        warnings.warn(str(error), InputWarning, stacklevel=2)
        features = None
    return {
        "name": run.name,
        "path": run.path.as_posix(),
        "created": run.info.created,
        "method": run.method,
        "dim": run.info.dim,
        "dtype": run.info.dtype,
        "pretrained_dim": None if features is None else features.shape[1],
        "epochs": run.epochs(),
        "splits": {split: _describe_split(run, split, reader, device) for split in run.splits},
        "disk_bytes": run.disk_bytes(),
        "clusters": _clusters(run),
        "slices": run.info.slices,
        "recorded_once": {name: list(run.run_extra(name).shape) for name in run.run_extra_names()},
    }


def _clusters(run: Run) -> dict[str, Any]:
    """Gather what became of the clusters of each split over the epochs, where the method has some."""
    import numpy as np

    from embedlens.analysis.retrieval.learners import describe_clusters

    facts_by_split: dict[str, Any] = {}
    for split in run.splits:
        epochs = run.extra_epochs(split).get("cluster", [])
        parts = {}
        for epoch in epochs:
            try:
                parts[epoch] = np.asarray(run.extra(split, "cluster", epoch))
            except InputError as error:
                warnings.warn(f"split {split!r}: {error}", InputWarning, stacklevel=2)
        n_clusters = len(run.info.slices) or 1 + max((int(part.max()) for part in parts.values()), default=0)
        before = None
        for epoch, part in parts.items():
            try:
                result = describe_clusters(part, run.labels(split), n_clusters=n_clusters, before=before)
            except InputError as error:
                message = f"split {split!r}, epoch {epoch}: what is recorded as cluster is left out: {error}"
                warnings.warn(message, InputWarning, stacklevel=2)
                continue
            before = part
            facts_by_split.setdefault(split, {})[str(epoch)] = {
                "sizes": result.sizes.tolist(), "purity": result.mean_purity, "alone": result.alone,
                "changed": result.changed,
            }  # fmt: skip
    return facts_by_split


def _describe_split(run: Run, split: str, reader: Reader, device: str) -> dict[str, Any]:
    """Gather what `info` reports of a split; R@1 is None, with the reason, where it is not defined."""
    from embedlens_cli.commands.info.class_sizes import class_facts

    facts = class_facts(run.labels(split), run.class_names)
    if not run.epochs():
        return {**facts, "recall_at_1": None, "why": "no snapshot yet"}
    try:
        result = reader.search(run, split).score(["R@1"], device=device)
    except InputError as error:
        return {**facts, "recall_at_1": None, "why": str(error)}
    return {**facts, "n_singletons": int(result["n_singletons"]), "recall_at_1": result["recall_at_1"]}


def _print(facts: dict[str, Any]) -> None:
    """Print what a run holds."""
    from embedlens_cli.commands.info.class_sizes import print_sizes
    from embedlens_cli.common import console

    console.print_line(f"run {facts['name']}  ({facts['path']}, created {facts['created'][:19]} UTC)")
    method = ", ".join(f"{key}={value}" for key, value in _telling(facts["method"]).items())
    epochs = facts["epochs"]
    span = f"{len(epochs)} ({epochs[0]} to {epochs[-1]})" if epochs else "none yet"
    console.print_line(f"  method  {method or '(not recorded)'}")
    console.print_line(f"  epochs  {span}")
    console.print_line(f"  dims    {facts['dim'] or 'not known yet'} ({facts['dtype']})")
    if facts["slices"]:
        widths = [stop - start for start, stop in facts["slices"]]
        each = f"{widths[0]} dims each" if len(set(widths)) == 1 else f"{', '.join(map(str, widths))} dims"
        console.print_line(f"  slices  {len(widths)} of {each} (--slices recorded)")
    for name, shape in facts["recorded_once"].items():
        console.print_line(f"  once    {name}, {' x '.join(f'{size:,}' for size in shape)}")
    if facts["pretrained_dim"]:
        console.print_line(f"  before  pretrained features of {facts['pretrained_dim']:,} dims")
    console.print_line(f"  disk    {console.bytes_text(facts['disk_bytes'])}")
    console.print_table(
        ("split", "items", "classes", "singletons", "R@1, last epoch"),
        [
            (
                split,
                f"{part['items']:,}",
                f"{part['classes']:,}",
                f"{part['n_singletons']:,}",
                f"{part['recall_at_1']:.4f}" if part["recall_at_1"] is not None else f"- ({part['why']})",
            )
            for split, part in facts["splits"].items()
        ],
    )
    for split, part in facts["splits"].items():
        print_sizes(split, part)
    for split, epochs in facts["clusters"].items():
        _print_clusters(split, epochs)


def _print_clusters(split: str, epochs: dict[str, Any]) -> None:
    """Print one row per epoch."""
    from embedlens_cli.common import console

    console.print_line(
        f"  clusters, {split}: items of each; purity: fraction in the largest class of its cluster; "
        "alone: items without another of their class in it"
    )
    console.print_table(
        ("epoch", "sizes", "purity", "alone", "changed"),
        [
            (
                epoch,
                " ".join(f"{size:,}" for size in one["sizes"]),
                f"{one['purity']:.4f}",
                f"{one['alone']:,}",
                "-" if one["changed"] is None else f"{one['changed']:.4f}",
            )
            for epoch, one in epochs.items()
        ],
    )


def _telling(method: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing of a run: options that were not set, or without which others do nothing."""
    idle = {"lr_gamma": "lr_step", "patience": "stop_metric"}
    quiet = {name for name, other in idle.items() if other in method and not method[other]}
    if method.get("processes") == 1:
        quiet.add("processes")
    if not str(method.get("backbone", "timm:")).startswith("timm:"):
        quiet.add("pretrained")
    return {
        name: value for name, value in method.items()
        if name not in quiet and value is not None and value is not False and value != {}
    }  # fmt: skip
