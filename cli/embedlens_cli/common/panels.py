"""Panels of the help texts: which options and commands stand together, under which title."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from embedlens_cli.common.repeated import refuse_repeated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

READ, LEFT_OUT, ANALYSIS, OUTPUT = "What is read", "Items left out", "Analysis", "Output"
"""Options of every command: what it takes, how it works, and what it writes."""

TSNE = "Parameters of t-SNE"
COMPUTATION = "Computation"
_TRAINING = {
    "Loss": {
        "loss", "loss_options", "order", "temperature", "margin", "beta", "learn_beta", "tau", "l2",
        "normalize",
    },
    "Data": {"data", "root", "split_by", "boxes", "image_size", "augment"},
    "Network": {"backbone", "pretrained", "weights", "init", "hidden", "freeze_bn", "dim"},
    "Optimisation": {
        "epochs", "lr", "optimizer", "weight_decay", "schedule", "lr_step", "lr_gamma", "warmup", "clip",
        "embedding_l2", "precision", "stop_metric", "patience", "log_metrics", "seed",
    },
    "Mining and batches": {"mining", "mining_options", "sampler", "classes_per_batch", "items_per_class"},
    "Method": {
        "method", "clusters", "recluster", "finish", "cluster_on", "first_phase", "record_latent",
        "kl_weight", "reconstruction_weight", "synthesised_weight", "invariant_weight", "samples",
        "metric_reduction", "relative_reconstruction", "normalize_features", "learners", "meta_classes",
        "trunk", "heads", "hard_shares", "cascade", "negative_weight",
    },
    "Comparison": {"preset", "pretraining_epochs", "metric", "metrics", "split", "dry_run"},
    LEFT_OUT: {"ignore_label", "distractor_label", "exclude_duplicates"},
    COMPUTATION: {"device", "threads", "workers", "readers"},
    OUTPUT: {"out", "resume", "figures", "formats", "venue", "width", "title", "text", "as_json", "latex"},
}  # fmt: skip
_OTHERS = {
    READ: {"runs", "split", "epoch", "gallery", "labels", "key", "labels_key", "missing_label"},
    COMPUTATION: {"device"},
    OUTPUT: {"out", "figures", "names", "as_json", "as_csv", "latex", "limits", "fps"},
}
ORDER = ("Arguments", READ, "Options", ANALYSIS, TSNE, *_TRAINING)
"""Titles in the order of a help text."""

START = "Start here"
LOOK, SCORE, TRAIN = "Look at a run", "Score a run", "Train and compare"
BRING_IN = "Import, export and inspect"
"""Panels of commands."""

_WIDEST = 30  # columns for the names of options; longer ones have a line of their own
_HYPHEN = "\N{NON-BREAKING HYPHEN}"  # stands for hyphens while lines are broken: names stay whole


def panel_of(parameter: Any, names: Iterable[str]) -> str:
    """Return the title that a parameter stands under in a command whose parameters have these names."""
    if parameter.param_type_name == "argument":
        return "Arguments"
    if parameter.rich_help_panel:
        return str(parameter.rich_help_panel)
    if parameter.name == "help":
        return OUTPUT
    table = _TRAINING if {"loss_options", "image_size"} & set(names) else _OTHERS
    rest = ANALYSIS if {"venue", "ignore_label"} & set(names) else "Options"
    return next((title for title, members in table.items() if parameter.name in members), rest)


def _panels(command: Any, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Return what a help text says of each parameter, by the title that it stands under."""
    names = [parameter.name for parameter in command.params]
    found: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            declared = record[0].replace(" range>", ">").replace(" <list[str]>", "")
            text = re.sub(r"\[default: \((.+)\)(; [^\]]+)?\]$", r"[default: \1\2]", record[1])
            found.setdefault(panel_of(parameter, names), []).append((declared, text))
    found = {title: found[title] for title in (*ORDER, *found) if title in found}
    if list(found) == ["Options", OUTPUT] and len(found[OUTPUT]) == 1:  # --help
        found["Options"] += found.pop(OUTPUT)
    return found


def _write(formatter: Any, panels: Mapping[str, list[tuple[str, str]]], *, widest: int = _WIDEST) -> None:
    """Write panels one below the other, in the same columns."""
    width = min(widest, max(len(first) for rows in panels.values() for first, _ in rows))
    for title, rows in panels.items():
        with formatter.section(title):
            formatter.write_dl(
                [(first.ljust(width), text.replace("-", _HYPHEN)) for first, text in rows], col_max=width
            )
    formatter.buffer[:] = [text.replace(_HYPHEN, "-") for text in formatter.buffer]


class PanelCommand(TyperCommand):
    """A command whose options stand in panels, and are given once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the command."""
        typed = list(args)
        rest = super().parse_args(ctx, args)  # first, so that --help is always answered
        refuse_repeated(self, ctx, typed)
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, each panel under its title."""
        _write(formatter, _panels(self, ctx))


class PanelProgram(TyperGroup):
    """A program whose commands stand in panels, before the options."""

    def list_commands(self, _context: Any) -> list[str]:
        """Return the names of the commands in order, without loading any."""
        return list(self.commands)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, each panel under its title, then the options of the program."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if not command.hidden:
                panels.setdefault(command.rich_help_panel, []).append((name, command.get_short_help_str(99)))
        _write(formatter, panels)
        rows = [record for one in self.get_params(ctx) if (record := one.get_help_record(ctx)) is not None]
        _write(formatter, {"Options": rows})
