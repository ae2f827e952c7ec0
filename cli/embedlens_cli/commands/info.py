"""The command `info`: what a run holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import listed, shortened
from embedlens.moments import counts_steps, name_of
from embedlens_cli.common import column_options, console, options

_LONGEST = 32  # letters of the longest bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def info(
    runs: options.Runs = None,
    labels: column_options.LabelColumn = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare every file with its checksum; exit 2 if one is damaged."),
    ] = False,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Report what a run holds: method, epochs, dims, disk, splits, class sizes, R@1 of the last epoch."""
    from embedlens.measurements.description import describe_run
    from embedlens.measurements.reader import Reader
    from embedlens.selection import choose_runs, run_labels
    from embedlens.store.integrity import verify_runs

    reader = Reader.of(labels=labels)
    chosen = reader.leave_out.relabelled(choose_runs(runs or [], empty=True))
    named = dict(zip(run_labels(chosen), chosen, strict=True))
    verified = verify_runs(named) if verify else {}
    summary = {label: describe_run(run, reader, device) for label, run in named.items()}
    console.print_warnings(reader.warnings)
    for label, files in verified.items():
        summary[label]["files"] = {"verified": files.n_verified, "without_checksum": files.unlisted}
    if as_json:
        console.print_summary(summary)
        return
    console.name_implied(runs, chosen)
    for facts in summary.values():
        _print(facts)
        if verify:
            _print_verified(facts["files"])


def _print_verified(facts: Mapping[str, Any]) -> None:
    """Print what was verified of one run."""
    text = f"{console.count_text(facts['verified'], 'file')} as written"
    if facts["without_checksum"]:
        text += f"; {len(facts['without_checksum']):,} without a checksum (an earlier version's), readable"
    console.print_line(f"  files   {text}")


def _print(facts: dict[str, Any]) -> None:
    """Print what a run holds."""
    from embedlens.experiments.checkpoints.recorded import shown_method

    console.print_line(f"run {facts['name']}  ({facts['path']}, created {facts['created'][:19]} UTC)")
    method = ", ".join(f"{key}={value}" for key, value in _informative(shown_method(facts["method"])).items())
    epochs = facts["epochs"]
    span = f"{len(epochs)} ({epochs[0]} to {epochs[-1]})" if epochs else "none yet"
    if counts_steps(epochs):
        ends = [name_of(epoch) for epoch in (epochs[0], epochs[-1])]
        span = f"{console.count_text(len(epochs), 'snapshot')}, {' to '.join(dict.fromkeys(ends))}"
    console.print_line(f"  method  {method or '(not recorded)'}")
    console.print_line(f"  epochs  {span}")
    console.print_line(f"  dims    {facts['dim'] or 'not known yet'} ({facts['dtype']})")
    if facts["slices"]:
        widths = [stop - start for start, stop in facts["slices"]]
        each = f"{widths[0]} dims each" if len(set(widths)) == 1 else f"{', '.join(map(str, widths))} dims"
        console.print_line(f"  slices  {len(widths)} of {each} (--slices recorded)")
    for names, splits in _recorded(facts["recorded_of_items"]).items():
        console.print_line(f"  items   {names} of {splits}")
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
                console.cell(part["recall_at_1"], ".4f"),
            )
            for split, part in facts["splits"].items()
        ],
    )
    for split, part in facts["splits"].items():
        if part["recall_at_1"] is None:
            console.print_line(f"  no R@1 of {split}: {part['why']}")
    for split, part in facts["splits"].items():
        _print_sizes(split, part)
        if "label_sets" in part:
            console.print_line(f"  labels, {split}: {_sets_text(part['label_sets'])}")
    for split, epochs in facts["clusters"].items():
        _print_clusters(split, epochs)


def _recorded(of_items: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, str]:
    """Return the splits by the names of what is recorded of their items, in words."""
    splits: dict[str, list[str]] = {}
    for split, found in of_items.items():
        if found:
            splits.setdefault(listed(list(found)), []).append(split)
    return {names: listed(of) for names, of in splits.items()}


def _sets_text(facts: Mapping[str, Any]) -> str:
    """Return how many labels the items of a split have."""
    text = f"a set for each item, mean {facts['mean_labels']:.3g} labels, {facts['most_labels']:,} at most"
    none = facts["without_label"]
    return text + (f"; {console.count_text(none, 'item')} without a label" if none else "")


def _print_clusters(split: str, epochs: dict[str, Any]) -> None:
    """Print one row per epoch."""
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


def _informative(method: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing of a run: options that were not set, or without which others do nothing."""
    idle = {"lr_gamma": "lr_step", "patience": "stop_metric"}
    quiet = {name for name, other in idle.items() if other in method and not method[other]}
    if method.get("processes") == 1:
        quiet.add("processes")
    if not str(method.get("backbone", "timm:")).startswith("timm:") or method.get("init"):
        quiet.add("pretrained")
    return {
        name: value for name, value in method.items()
        if name not in quiet and value is not None and value is not False and value != {}
    }  # fmt: skip


def _print_sizes(split: str, part: dict[str, Any]) -> None:
    """Print a bar for the classes of each size."""
    sizes = part["class_sizes"]
    span = (
        f"{sizes['least']:,}"
        if sizes["least"] == sizes["largest"]
        else f"{sizes['least']:,} to {sizes['largest']:,}"
    )
    console.print_line(
        f"  class sizes, {split}: {span} items, median {sizes['median']:g}, mean {sizes['mean']:.4g}"
    )
    bars = sizes["histogram"]
    most = max(bar["classes"] for bar in bars)
    names = [f"{bar['from']:,}" + (f" to {bar['to']:,}" if bar["to"] > bar["from"] else "") for bar in bars]
    names = ["1 (singletons)" if bar["to"] == 1 else name for bar, name in zip(bars, names, strict=True)]
    wide, counted = max(map(len, names)), len(f"{most:,}")
    for name, bar in zip(names, bars, strict=True):
        length = max(bar["classes"] > 0, round(_LONGEST * bar["classes"] / most))
        console.print_line(
            f"    {name:>{wide}}  {bar['classes']:>{counted},}  {console.bar(length)}".rstrip()
        )
    if part["named"]:
        ends = [
            f"{which} {shortened(part[f'{which}_class']['name'])} ({part[f'{which}_class']['items']:,})"
            for which in ("smallest", "largest")
        ]
        console.print_line(f"  classes, {split}: {part['named']}; {', '.join(ends)}")
